#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/crc32c.h"
#include "grid/base/memory.h"
#include "tests/unit/raft/snapshot/snapshot_fixture.h"

enum { STATE_BYTES = 3 * SNAPSHOT_CHUNK_BYTES + 100 };

/* A whole file in memory. */
static struct buffer file_of(size_t state_bytes)
{
    struct fake_storage *disk = fake_storage_open(1);
    struct buffer state = state_of(5, state_bytes), file = {0};
    char name[SNAPSHOT_NAME_BYTES];
    cr_assert_eq(save(disk, 5, buffer_bytes(&state)).err, GRID_ERR_OK);
    snapshot_name(name, FIXTURE_GROUP, 5, SNAPSHOT_WHOLE);
    buffer_append(&file, fake_storage_content(disk, name));
    fake_storage_close(disk);
    buffer_close(&state);
    return file;
}

static enum grid_err keep_piece(void *context, struct bytes payload)
{
    buffer_append(context, payload);
    return GRID_ERR_OK;
}

static enum grid_err check_in_steps(struct bytes file, size_t step, struct buffer *ret_state, struct snapshot_sum *ret_sum, char **ret_what)
{
    struct snapshot_checker checker;
    enum grid_err err = GRID_ERR_OK;
    snapshot_checker_init(&checker, keep_piece, ret_state);
    for (size_t at = 0; at < file.size && err == GRID_ERR_OK; at += step)
        err = snapshot_checker_add(&checker, bytes_of(file.data + at, file.size - at < step ? file.size - at : step), ret_what);
    if (err == GRID_ERR_OK && !checker.complete)
        err = GRID_ERR_UNAVAILABLE;
    *ret_sum = checker.sum;
    snapshot_checker_close(&checker);
    return err;
}

Test(snapshot_format, is_read_alike_however_it_is_cut)
{
    static const size_t STEPS[] = {1, 15, 16, 17, 63, 64, 65, 4096, SNAPSHOT_CHUNK_BYTES, SNAPSHOT_CHUNK_BYTES + 16, SNAPSHOT_CHUNK_BYTES + 17, 1 << 20};
    struct buffer file = file_of(STATE_BYTES), state = state_of(5, STATE_BYTES), got = {0};
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        struct snapshot_sum sum;
        char *what = NULL;
        buffer_clear(&got);
        cr_assert_eq(check_in_steps(buffer_bytes(&file), STEPS[i], &got, &sum, &what), GRID_ERR_OK, "%s", what);
        cr_assert(bytes_equal(buffer_bytes(&got), buffer_bytes(&state)), "step %zu", STEPS[i]);
        cr_assert_eq(sum.chunks, 4);
        cr_assert_eq(sum.payload_bytes, STATE_BYTES);
        cr_assert_eq(sum.file_bytes, file.size);
    }
    buffer_close(&file);
    buffer_close(&state);
    buffer_close(&got);
}

/* Every byte of head, chunk heads and end record, and some of each payload. */
Test(snapshot_format, refuses_every_flipped_byte_and_gives_nothing_of_its_chunk)
{
    struct buffer file = file_of(STATE_BYTES), state = state_of(5, STATE_BYTES), got = {0};
    size_t head = 64 + strlen("one, two, three"), chunk = SNAPSHOT_CHUNK_HEAD_BYTES + SNAPSHOT_CHUNK_BYTES;
    for (size_t at = 0; at < file.size;) {
        struct snapshot_sum sum;
        char *what = NULL;
        size_t whole = at < head ? 0 : (at - head) / chunk, within = at < head ? at : (at - head) % chunk;
        buffer_clear(&got);
        file.data[at] ^= (uint8_t)(1u << at % 8);
        enum grid_err err = check_in_steps(buffer_bytes(&file), 50000, &got, &sum, &what);
        file.data[at] ^= (uint8_t)(1u << at % 8);
        /* A size may say that there is more to come. */
        cr_assert(err == GRID_ERR_CORRUPT || err == GRID_ERR_UNAVAILABLE, "byte %zu: %s", at, grid_err_text(err));
        cr_assert_eq(what != NULL, err == GRID_ERR_CORRUPT);
        size_t good = at < head ? 0 : whole * SNAPSHOT_CHUNK_BYTES < STATE_BYTES ? whole * SNAPSHOT_CHUNK_BYTES : STATE_BYTES;
        cr_assert_leq(got.size, at < file.size - SNAPSHOT_END_BYTES ? good : STATE_BYTES, "byte %zu", at);
        cr_assert(bytes_equal(buffer_bytes(&got), bytes_of(state.data, got.size)), "byte %zu", at);
        if (what != NULL)
            cr_assert_not_null(strstr(what, "offset "));
        memory_free(what);
        at += at < head || within < SNAPSHOT_CHUNK_HEAD_BYTES || at >= file.size - SNAPSHOT_END_BYTES - 1 ? 1 : 9973 < file.size - SNAPSHOT_END_BYTES - at ? 9973 : 1;
    }
    buffer_close(&file);
    buffer_close(&state);
    buffer_close(&got);
}

Test(snapshot_format, refuses_chunks_that_are_missing_or_repeated_or_out_of_place)
{
    struct buffer file = file_of(STATE_BYTES), state = state_of(5, STATE_BYTES), got = {0}, other = {0};
    size_t head = 64 + strlen("one, two, three"), chunk = SNAPSHOT_CHUNK_HEAD_BYTES + SNAPSHOT_CHUNK_BYTES;
    static const size_t ORDERS[][4] = {{1, 0, 2, 3}, {0, 0, 2, 3}, {1, 2, 3, 9}, {0, 1, 3, 9}, {0, 1, 2, 9}};
    for (size_t i = 0; i < sizeof ORDERS / sizeof *ORDERS; i++) {
        struct snapshot_sum sum;
        char *what = NULL;
        buffer_clear(&other);
        buffer_clear(&got);
        buffer_append(&other, bytes_of(file.data, head));
        for (size_t j = 0; j < 4 && ORDERS[i][j] != 9; j++)
            buffer_append(&other, bytes_of(file.data + head + ORDERS[i][j] * chunk, ORDERS[i][j] == 3 ? SNAPSHOT_CHUNK_HEAD_BYTES + 100 : chunk));
        buffer_append(&other, bytes_of(file.data + file.size - SNAPSHOT_END_BYTES, SNAPSHOT_END_BYTES));
        cr_assert_eq(check_in_steps(buffer_bytes(&other), 1 << 20, &got, &sum, &what), GRID_ERR_CORRUPT, "order %zu", i);
        cr_assert(bytes_equal(buffer_bytes(&got), bytes_of(state.data, got.size)), "order %zu: nothing of the wrong place is given", i);
        memory_free(what);
    }
    buffer_close(&state);
    buffer_close(&file);
    buffer_close(&other);
    buffer_close(&got);
}

/* Its checksum and its place are right; the hash tells. */
Test(snapshot_format, refuses_a_good_chunk_of_another_snapshot)
{
    struct buffer file = file_of(STATE_BYTES), got = {0};
    struct snapshot_sum sum;
    char *what = NULL;
    uint8_t *chunk = file.data + 64 + strlen("one, two, three") + SNAPSHOT_CHUNK_HEAD_BYTES + SNAPSHOT_CHUNK_BYTES;
    memset(chunk + SNAPSHOT_CHUNK_HEAD_BYTES, 7, 500);
    snapshot_chunk_seal(chunk, bytes_of(chunk + SNAPSHOT_CHUNK_HEAD_BYTES, SNAPSHOT_CHUNK_BYTES), SNAPSHOT_CHUNK_BYTES);
    cr_assert_eq(check_in_steps(buffer_bytes(&file), 4096, &got, &sum, &what), GRID_ERR_CORRUPT);
    cr_assert_not_null(strstr(what, "the hash"), "%s", what);
    memory_free(what);
    buffer_close(&file);
    buffer_close(&got);
}

Test(snapshot_format, names_the_versions_of_a_newer_file)
{
    struct buffer file = file_of(100), got = {0};
    struct snapshot_sum sum;
    char *what = NULL;
    size_t head = 64 + strlen("one, two, three");
    put_u16(file.data + 8, 2);
    put_u32(file.data, crc32c(bytes_of(file.data + 4, head - 4)));
    cr_assert_eq(check_in_steps(buffer_bytes(&file), 4096, &got, &sum, &what), GRID_ERR_MISMATCH);
    cr_assert_not_null(strstr(what, "version 2"));
    memory_free(what);
    buffer_close(&file);
    buffer_close(&got);
}

Test(snapshot_format, holds_an_empty_state_and_full_chunks_only)
{
    for (size_t size = 0; size <= 2 * SNAPSHOT_CHUNK_BYTES; size += SNAPSHOT_CHUNK_BYTES) {
        struct buffer file = file_of(size), got = {0};
        struct snapshot_sum sum;
        char *what = NULL;
        cr_assert_eq(check_in_steps(buffer_bytes(&file), 1000, &got, &sum, &what), GRID_ERR_OK, "%s", what);
        cr_assert_eq(sum.chunks, size / SNAPSHOT_CHUNK_BYTES);
        cr_assert_eq(got.size, size);
        buffer_append_u8(&file, 0);
        cr_assert_eq(check_in_steps(buffer_bytes(&file), 1000, &got, &sum, &what), GRID_ERR_CORRUPT, "a byte too much");
        memory_free(what);
        buffer_close(&file);
        buffer_close(&got);
    }
}
