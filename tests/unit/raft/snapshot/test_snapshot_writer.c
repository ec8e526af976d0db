#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/memory.h"
#include "tests/unit/raft/snapshot/snapshot_fixture.h"

#define WHOLE "snap-00000007-0000000000000005"
#define PART WHOLE ".part"
enum { STATE_BYTES = 900 * 1000, BIG_BYTES = 5 * 1000 * 1000 };

static void expect_state(struct fake_storage *disk, uint64_t index, struct bytes state)
{
    struct buffer got = {0};
    char *note = NULL;
    cr_assert_eq(load(disk, index, &got, &note), GRID_ERR_OK, "%s", note);
    cr_assert(bytes_equal(buffer_bytes(&got), state));
    buffer_close(&got);
}

Test(snapshot_writer, writes_a_file_that_is_read_back)
{
    struct fake_storage *disk = fake_storage_open(1);
    struct buffer state = state_of(5, BIG_BYTES);
    struct saved saved = save(disk, 5, buffer_bytes(&state));
    cr_assert_eq(saved.err, GRID_ERR_OK);
    cr_assert_eq(saved.sum.payload_bytes, BIG_BYTES);
    cr_assert_eq(saved.sum.file_bytes, fake_storage_content(disk, WHOLE).size);
    cr_assert_not(fake_storage_has(disk, PART));
    cr_assert_gt(saved.rooms, 3, "it says when there is room again");
    expect_state(disk, 5, buffer_bytes(&state));
    buffer_close(&state);
    fake_storage_close(disk);
}

Test(snapshot_writer, gives_equal_bytes_for_equal_states_however_they_come)
{
    struct buffer state = state_of(5, STATE_BYTES), first = {0};
    static const size_t PIECES[] = {777, 65536, 300000};
    for (size_t i = 0; i < 3; i++) {
        struct fake_storage *disk = fake_storage_open(i);
        struct saved saved;
        struct snapshot_writer *writer = writer_on(disk, 5, &saved);
        size_t at = 0;
        for (bool fed = false; saved.done == 0;) {
            fed = fed || feed(writer, buffer_bytes(&state), &at, PIECES[i]);
            fake_storage_complete(disk);
        }
        if (i == 0)
            buffer_append(&first, fake_storage_content(disk, WHOLE));
        cr_assert(bytes_equal(buffer_bytes(&first), fake_storage_content(disk, WHOLE)), "pieces of %zu", PIECES[i]);
        fake_storage_close(disk);
    }
    buffer_close(&state);
    buffer_close(&first);
}

Test(snapshot_writer, takes_no_more_than_its_memory_while_the_disk_is_slow)
{
    struct fake_storage *disk = fake_storage_open(1);
    struct buffer state = state_of(5, BIG_BYTES);
    struct saved saved;
    size_t at = 0;
    struct snapshot_writer *writer = writer_on(disk, 5, &saved);
    cr_assert_not(feed(writer, buffer_bytes(&state), &at, 10000));
    cr_assert(at >= SNAPSHOT_WRITER_BYTES - 20000 && at <= SNAPSHOT_WRITER_BYTES + 20000, "took %zu", at);
    cr_assert_eq(saved.rooms, 0);
    while (saved.rooms == 0)
        cr_assert(fake_storage_complete(disk));
    cr_assert_gt(snapshot_writer_room(writer), 0);
    cr_assert_eq(saved.done, 0);
    snapshot_writer_abandon(writer);
    while (fake_storage_complete(disk)) { }
    cr_assert_eq(fake_storage_used(disk), 0, "what was given up is removed");
    cr_assert_eq(saved.done, 0, "nobody is told who gave it up");
    buffer_close(&state);
    fake_storage_close(disk);
}

Test(snapshot_writer, can_be_abandoned_at_every_step)
{
    struct buffer state = state_of(5, STATE_BYTES);
    unsigned steps = 0;
    for (bool ended = false; !ended; steps++) {
        struct fake_storage *disk = fake_storage_open(steps);
        struct saved saved;
        size_t at = 0;
        bool fed = false;
        struct snapshot_writer *writer = writer_on(disk, 5, &saved);
        for (unsigned step = 0; step < steps && saved.done == 0; step++) {
            fed = fed || feed(writer, buffer_bytes(&state), &at, 10000);
            fake_storage_complete(disk);
        }
        ended = saved.done != 0;
        if (!ended)
            snapshot_writer_abandon(writer);
        while (fake_storage_complete(disk)) { }
        cr_assert_eq(saved.done, ended);
        cr_assert_not(fake_storage_has(disk, PART));
        if (fake_storage_has(disk, WHOLE))
            expect_state(disk, 5, buffer_bytes(&state));
        fake_storage_close(disk);
    }
    cr_assert_gt(steps, 5);
    buffer_close(&state);
}

static bool keep_whole(void *context, uint32_t group, uint64_t index, enum snapshot_kind kind)
{
    (void)context;
    return group == FIXTURE_GROUP && index == 5 && kind == SNAPSHOT_WHOLE;
}

/* The process or the power ends after `steps` pieces of work, whichever they are: creation, blocks, rename. */
static bool crash_after(unsigned steps, uint64_t seed, enum fake_crash crash, struct bytes old, struct bytes state)
{
    struct fake_storage *disk = fake_storage_open(seed);
    struct saved saved;
    size_t at = 0, removed = 0;
    bool fed = false;
    cr_assert_eq(save(disk, 5, old).err, GRID_ERR_OK);
    struct snapshot_writer *writer = writer_on(disk, 5, &saved);
    for (unsigned step = 0; step < steps && saved.done == 0; step++) {
        fed = fed || feed(writer, state, &at, 10000);
        fake_storage_complete(disk);
    }
    bool ended = saved.done != 0;
    if (!ended)
        snapshot_writer_abandon(writer);
    fake_storage_crash(disk, crash);
    struct buffer got = {0};
    char *note = NULL;
    cr_assert_eq(load(disk, 5, &got, &note), GRID_ERR_OK, "after %u steps: %s", steps, note);
    cr_assert(bytes_equal(buffer_bytes(&got), ended ? state : old) || (!ended && bytes_equal(buffer_bytes(&got), state)), "after %u steps", steps);
    cr_assert_eq(snapshot_files_clean(fake_storage_io(disk), keep_whole, NULL, &removed), GRID_ERR_OK);
    cr_assert(fake_storage_has(disk, WHOLE) && !fake_storage_has(disk, PART));
    buffer_close(&got);
    fake_storage_close(disk);
    return ended;
}

Test(snapshot_writer, leaves_the_old_file_or_the_new_one_wherever_a_crash_comes)
{
    struct buffer old = state_of(4, 200 * 1000), state = state_of(5, STATE_BYTES);
    for (uint64_t seed = 1; seed <= 12; seed++) {
        unsigned steps = 0;
        while (!crash_after(steps, seed, seed % 3 == 0 ? FAKE_CRASH_PROCESS : FAKE_CRASH_POWER, buffer_bytes(&old), buffer_bytes(&state)))
            steps++;
        cr_assert_gt(steps, 5);
    }
    buffer_close(&old);
    buffer_close(&state);
}

Test(snapshot_writer, gives_up_on_a_full_disk_and_another_one_succeeds_once_there_is_room)
{
    struct buffer state = state_of(5, STATE_BYTES);
    for (uint64_t capacity = 0; capacity < STATE_BYTES; capacity += 100 * 1000) {
        struct fake_storage *disk = fake_storage_open(capacity);
        fake_storage_set_capacity(disk, capacity);
        cr_assert_eq(save(disk, 5, buffer_bytes(&state)).err, GRID_ERR_NO_SPACE);
        cr_assert_eq(fake_storage_used(disk), 0, "its part is removed");
        cr_assert_not(fake_storage_has(disk, PART));
        fake_storage_set_capacity(disk, 10 * STATE_BYTES);
        cr_assert_eq(save(disk, 5, buffer_bytes(&state)).err, GRID_ERR_OK);
        expect_state(disk, 5, buffer_bytes(&state));
        fake_storage_close(disk);
    }
    buffer_close(&state);
}

/* I37: the disk was full, and then it failed. The owner must not take it for a full one. */
Test(snapshot_writer, reports_a_failed_removal_of_its_part)
{
    struct buffer state = state_of(5, STATE_BYTES);
    struct fake_storage *disk = fake_storage_open(1);
    fake_storage_set_capacity(disk, 100 * 1000);
    fake_storage_fail(disk, FAKE_REMOVE, 0, 1, GRID_ERR_IO);
    cr_assert_eq(save(disk, 5, buffer_bytes(&state)).err, GRID_ERR_IO);
    buffer_close(&state);
    fake_storage_close(disk);
}

Test(snapshot_writer, reports_every_error_once_and_leaves_nothing_under_the_final_name)
{
    static const enum fake_operation OPERATIONS[] = {FAKE_OPEN, FAKE_WRITE, FAKE_SYNC, FAKE_RENAME};
    struct buffer state = state_of(5, STATE_BYTES);
    for (size_t i = 0; i < 4; i++) {
        unsigned failed = 0;
        for (uint64_t skip = 0; failed == skip; skip++) {
            struct fake_storage *disk = fake_storage_open(skip);
            fake_storage_fail(disk, OPERATIONS[i], skip, 1, GRID_ERR_IO);
            struct saved saved = save(disk, 5, buffer_bytes(&state));
            failed += saved.err == GRID_ERR_IO;
            cr_assert(saved.err == GRID_ERR_OK || saved.err == GRID_ERR_IO);
            cr_assert_eq(fake_storage_has(disk, WHOLE), saved.err == GRID_ERR_OK);
            /* After a failure the node stops, and the next start removes the part. */
            cr_assert(saved.err == GRID_ERR_IO || !fake_storage_has(disk, PART));
            fake_storage_close(disk);
        }
        cr_assert_geq(failed, 1);
    }
    buffer_close(&state);
}

Test(snapshot_file, knows_its_names)
{
    static const char *const OTHERS[] = {"wal-0000000000000005", "snap-00000007", "snap-00000007-000000000000000", "snap-0000000G-0000000000000005",
                                         "snap-00000007-0000000000000005.tmp", "snap-00000007_0000000000000005", "snap-00000007-0000000000000005.partx"};
    uint32_t group;
    uint64_t index;
    enum snapshot_kind kind;
    for (int i = SNAPSHOT_WHOLE; i <= SNAPSHOT_RECEIVED; i++) {
        char name[SNAPSHOT_NAME_BYTES];
        snapshot_name(name, 0xabcdef01, 0x123456789abcdef0, (enum snapshot_kind)i);
        cr_assert(snapshot_name_parse(name, &group, &index, &kind), "%s", name);
        cr_assert(group == 0xabcdef01 && index == 0x123456789abcdef0 && (int)kind == i);
    }
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        cr_assert_not(snapshot_name_parse(OTHERS[i], &group, &index, &kind), "%s", OTHERS[i]);
}

Test(snapshot_file, names_file_and_offset_of_damage)
{
    struct fake_storage *disk = fake_storage_open(1);
    struct buffer state = state_of(5, STATE_BYTES), got = {0};
    char *note = NULL;
    cr_assert_eq(save(disk, 5, buffer_bytes(&state)).err, GRID_ERR_OK);
    fake_storage_flip(disk, WHOLE, 64 + 15 + 16 + SNAPSHOT_CHUNK_BYTES + 1000, 4);
    cr_assert_eq(load(disk, 5, &got, &note), GRID_ERR_CORRUPT);
    cr_assert_not_null(strstr(note, WHOLE ": offset 65631: the checksum of the chunk does not match"), "%s", note);
    cr_assert_eq(got.size, SNAPSHOT_CHUNK_BYTES, "only the chunk before it was given");
    memory_free(note);
    buffer_close(&state);
    buffer_close(&got);
    fake_storage_close(disk);
}

Test(snapshot_file, refuses_short_and_empty_files)
{
    struct fake_storage *disk = fake_storage_open(1);
    struct buffer state = state_of(5, STATE_BYTES), file = {0};
    cr_assert_eq(save(disk, 5, buffer_bytes(&state)).err, GRID_ERR_OK);
    buffer_append(&file, fake_storage_content(disk, WHOLE));
    for (size_t size = 0; size < file.size; size += size < 200 || size + 40 >= file.size ? 1 : size + 7919 > file.size ? file.size - size - 40 : 7919) {
        struct buffer got = {0};
        char *note = NULL;
        fake_storage_store(disk, WHOLE, bytes_of(file.data, size));
        cr_assert_eq(load(disk, 5, &got, &note), GRID_ERR_CORRUPT, "%zu bytes", size);
        cr_assert_not_null(strstr(note, "the file ends before its end record"), "%s", note);
        memory_free(note);
        buffer_close(&got);
    }
    buffer_close(&state);
    buffer_close(&file);
    fake_storage_close(disk);
}

Test(snapshot_file, refuses_what_belongs_elsewhere)
{
    struct fake_storage *disk = fake_storage_open(1);
    struct storage *storage = fake_storage_io(disk);
    struct buffer state = state_of(5, 1000), file = {0};
    char *note = NULL;
    cr_assert_eq(save(disk, 5, buffer_bytes(&state)).err, GRID_ERR_OK);
    cr_assert_eq(snapshot_file_read(storage, &(struct snapshot_wanted){FIXTURE_GROUP, 5, FIXTURE_OWNER + 1}, NULL, NULL, &note), GRID_ERR_MISMATCH);
    cr_assert_not_null(strstr(note, "mixed"), "%s", note);
    memory_free(note);
    cr_assert_eq(snapshot_file_read(storage, &(struct snapshot_wanted){FIXTURE_GROUP, 5, 0}, NULL, NULL, &note), GRID_ERR_OK);
    buffer_append(&file, fake_storage_content(disk, WHOLE));
    fake_storage_store(disk, "snap-00000007-0000000000000006", buffer_bytes(&file));
    cr_assert_eq(load(disk, 6, &state, &note), GRID_ERR_MISMATCH);
    cr_assert_not_null(strstr(note, "at index 5"), "%s", note);
    memory_free(note);
    cr_assert_eq(load(disk, 8, &state, &note), GRID_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(note, "missing"), "%s", note);
    memory_free(note);
    buffer_close(&state);
    buffer_close(&file);
    fake_storage_close(disk);
}

static enum grid_err refuse_head(void *context, const struct snapshot_head *head)
{
    *(struct snapshot_head *)context = *head;
    return GRID_ERR_REFUSED;
}

Test(snapshot_file, tells_what_it_is_of_and_stops_when_asked)
{
    struct fake_storage *disk = fake_storage_open(1);
    struct buffer state = state_of(5, 1000);
    struct snapshot_head head = {0};
    struct snapshot_info info;
    char *note = NULL;
    struct saved saved = save(disk, 5, buffer_bytes(&state));
    cr_assert_eq(snapshot_file_read(fake_storage_io(disk), &(struct snapshot_wanted){FIXTURE_GROUP, 5, FIXTURE_OWNER}, NULL, &info, &note), GRID_ERR_OK);
    cr_assert(info.head.term == 3 && info.head.configuration_index == 2 && info.head.owner == FIXTURE_OWNER);
    cr_assert(bytes_equal(info.head.configuration, bytes_of_text("one, two, three")));
    cr_assert(info.sum.hash == saved.sum.hash && info.sum.payload_bytes == 1000);
    snapshot_info_close(&info);
    struct snapshot_taker taker = {.head = refuse_head, .context = &head};
    cr_assert_eq(snapshot_file_read(fake_storage_io(disk), &(struct snapshot_wanted){FIXTURE_GROUP, 5, FIXTURE_OWNER}, &taker, NULL, &note), GRID_ERR_REFUSED);
    cr_assert(head.term == 3 && note == NULL);
    buffer_close(&state);
    fake_storage_close(disk);
}

static size_t count_calls;
static void count_each(void *context, uint32_t group, uint64_t index, enum snapshot_kind kind)
{
    (void)context;
    cr_assert_eq(group, FIXTURE_GROUP);
    cr_assert(index <= 6 && kind <= SNAPSHOT_RECEIVED);
    count_calls++;
}

Test(snapshot_file, cleans_up_after_a_crash)
{
    struct fake_storage *disk = fake_storage_open(1);
    struct storage *storage = fake_storage_io(disk);
    size_t removed = 0;
    fake_storage_store(disk, WHOLE, bytes_of_text("whole"));
    fake_storage_store(disk, PART, bytes_of_text("part"));
    fake_storage_store(disk, "snap-00000007-0000000000000006", bytes_of_text("no log names it"));
    fake_storage_store(disk, "snap-00000007-0000000000000005.recv", bytes_of_text("a transfer"));
    fake_storage_store(disk, "wal-0000000000000000", bytes_of_text("log"));
    cr_assert_eq(snapshot_files_list(storage, count_each, NULL), GRID_ERR_OK);
    cr_assert_eq(count_calls, 4);
    fake_storage_fail(disk, FAKE_REMOVE, 1, 1, GRID_ERR_IO);
    cr_assert_eq(snapshot_files_clean(storage, keep_whole, NULL, &removed), GRID_ERR_IO);
    cr_assert_eq(snapshot_files_clean(storage, keep_whole, NULL, &removed), GRID_ERR_OK);
    cr_assert_eq(removed, 2);
    cr_assert(fake_storage_has(disk, WHOLE) && fake_storage_has(disk, "wal-0000000000000000") && !fake_storage_has(disk, PART));
    fake_storage_close(disk);
}

static void on_failed(void *context, enum grid_err err)
{
    *(enum grid_err *)context = err;
}

Test(snapshot_files, remove_a_file_once_no_transfer_reads_it)
{
    struct fake_storage *disk = fake_storage_open(1);
    enum grid_err failed = GRID_ERR_OK;
    struct snapshot_files *files = snapshot_files_open(fake_storage_io(disk), on_failed, &failed);
    fake_storage_store(disk, WHOLE, bytes_of_text("whole"));
    snapshot_files_pin(files, FIXTURE_GROUP, 5);
    snapshot_files_pin(files, FIXTURE_GROUP, 5);
    snapshot_files_remove(files, FIXTURE_GROUP, 5);
    snapshot_files_unpin(files, FIXTURE_GROUP, 5);
    cr_assert_eq(fake_storage_pending(disk), 0);
    cr_assert_eq(snapshot_files_leaving(files), 1);
    snapshot_files_unpin(files, FIXTURE_GROUP, 5);
    cr_assert(fake_storage_complete(disk));
    cr_assert_not(fake_storage_has(disk, WHOLE));
    cr_assert_eq(snapshot_files_leaving(files), 0);
    snapshot_files_remove(files, FIXTURE_GROUP, 5);
    cr_assert(fake_storage_complete(disk) && failed == GRID_ERR_OK, "it was gone already");
    fake_storage_fail(disk, FAKE_REMOVE, 0, 1, GRID_ERR_IO);
    snapshot_files_remove(files, FIXTURE_GROUP, 6);
    cr_assert(fake_storage_complete(disk) && failed == GRID_ERR_IO);
    snapshot_files_pin(files, FIXTURE_GROUP, 5);
    snapshot_files_remove(files, FIXTURE_GROUP, 6);
    snapshot_files_close(files);
    cr_assert(fake_storage_complete(disk), "a removal under way ends after the close");
    fake_storage_close(disk);
}
