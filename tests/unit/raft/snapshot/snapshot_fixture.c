#include "tests/unit/raft/snapshot/snapshot_fixture.h"

#include <criterion/criterion.h>

#include "grid/base/memory.h"
#include "grid/base/prng.h"

struct snapshot_head head_of(uint64_t index)
{
    return (struct snapshot_head){.group = FIXTURE_GROUP, .owner = FIXTURE_OWNER, .index = index, .term = 3, .configuration_index = 2,
                                  .configuration = bytes_of_text("one, two, three")};
}

struct buffer state_of(uint64_t index, size_t size)
{
    struct buffer state = {0};
    struct prng prng;
    prng_init(&prng, index);
    uint8_t *data = buffer_extend(&state, size);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)prng_range(&prng, 0, 255);
    return state;
}

static void on_done(void *context, enum grid_err err, const struct snapshot_sum *sum)
{
    struct saved *saved = context;
    saved->done++;
    saved->err = err;
    cr_assert_eq(sum != NULL, err == GRID_ERR_OK);
    if (sum != NULL)
        saved->sum = *sum;
}

static void on_room(void *context)
{
    ((struct saved *)context)->rooms++;
}

struct snapshot_writer *writer_on(struct fake_storage *disk, uint64_t index, struct saved *saved)
{
    struct snapshot_writer_options options = {.storage = fake_storage_io(disk), .head = head_of(index), .room = on_room, .done = on_done,
                                              .context = saved};
    *saved = (struct saved){0};
    return snapshot_writer_open(&options);
}

bool feed(struct snapshot_writer *writer, struct bytes state, size_t *at, size_t piece)
{
    while (*at < state.size && snapshot_writer_room(writer) > 0) {
        size_t part = state.size - *at < piece ? state.size - *at : piece;
        snapshot_writer_add(writer, bytes_of(state.data + *at, part));
        *at += part;
    }
    if (*at < state.size)
        return false;
    snapshot_writer_finish(writer);
    return true;
}

struct saved save(struct fake_storage *disk, uint64_t index, struct bytes state)
{
    struct saved saved;
    struct snapshot_writer *writer = writer_on(disk, index, &saved);
    size_t at = 0;
    for (bool fed = false; saved.done == 0;) {
        fed = fed || feed(writer, state, &at, 10000);
        cr_assert(fake_storage_complete(disk), "nothing is under way and it is not done");
    }
    cr_assert_eq(saved.done, 1);
    return saved;
}

static enum grid_err on_piece(void *context, struct bytes piece)
{
    buffer_append(context, piece);
    return GRID_ERR_OK;
}

enum grid_err load(struct fake_storage *disk, uint64_t index, struct buffer *ret_state, char **ret_note)
{
    struct snapshot_taker taker = {.piece = on_piece, .context = ret_state};
    return snapshot_file_read(fake_storage_io(disk), &(struct snapshot_wanted){FIXTURE_GROUP, index, FIXTURE_OWNER}, &taker, NULL, ret_note);
}
