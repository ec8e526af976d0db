/* What a replica gives its group to save and to load (raft/group.h). */
#include <string.h>

#include "grid/base/memory.h"
#include "grid/wire/level.h"
#include "tests/unit/node/replica/replica_bench.h"

static void begin(void)
{
    bench_open_leading();
    bench.shared.takes_snapshots = true;
    bench.shared.level_most = LEVEL_LAST;
    bench_set(1, "k", "v");
    bench_commit();
}

static void raise_level(void)
{
    bench_command(9, (struct command){.kind = COMMAND_RAISE_LEVEL, .raise_level = {.level = LEVEL_OF_SNAPSHOTS}});
    bench_commit();
    cr_assert_eq(partition_level(replica_partition(bench.replica)), (uint32_t)LEVEL_OF_SNAPSHOTS);
}

TestSuite(replica_snapshots, .init = begin, .fini = bench_close);

static const struct group_machine *machine(void) { return bench.set.group.machine; }

static bool saves(void)
{
    void *save = machine()->save_begin(machine()->context);
    if (save != NULL)
        machine()->save_end(machine()->context, save);
    return save != NULL;
}

static struct buffer saved(void)
{
    struct buffer out = {0};
    raise_level();
    void *save = machine()->save_begin(machine()->context);
    cr_assert_not_null(save);
    while (!machine()->save_next(machine()->context, save, 16, &out)) { }
    machine()->save_end(machine()->context, save);
    return out;
}

static enum grid_err load(struct bytes state, char **ret_note)
{
    void *loading = machine()->load_begin(machine()->context);
    enum grid_err err = machine()->load_next(machine()->context, loading, state);
    enum grid_err ended = machine()->load_end(machine()->context, loading, err == GRID_ERR_OK, ret_note);
    cr_assert(err == GRID_ERR_OK || ended == err, "the end says the same");
    return ended;
}

/* ADR 0017: an older program cannot read a log that they have shortened. */
Test(replica_snapshots, are_not_taken_below_their_level)
{
    cr_assert_eq(partition_level(replica_partition(bench.replica)), LEVEL_OF_SNAPSHOTS - 1u);
    cr_assert_not(saves());
    raise_level();
    cr_assert(saves());
}

Test(replica_snapshots, are_taken_only_with_the_setting)
{
    raise_level();
    bench.shared.takes_snapshots = false;
    cr_assert_not(saves());
}

Test(replica_snapshots, are_taken_without_the_setting_if_somebody_asks)
{
    bench.shared.takes_snapshots = false;
    cr_assert_not(replica_ask_snapshot(bench.replica), "the level has none");
    cr_assert_eq(bench.set.group.snapshots_asked, 0);
    raise_level();
    cr_assert(replica_ask_snapshot(bench.replica));
    cr_assert_eq(bench.set.group.snapshots_asked, 1);
    cr_assert(saves());
    cr_assert_not(saves(), "once");
}

Test(replica_snapshots, replace_the_state_of_a_replica_that_follows)
{
    char *note = NULL;
    struct buffer state = saved();
    uint64_t digest = partition_state_digest(replica_partition(bench.replica));
    bench_set(2, "k", "w");
    bench_commit();
    cr_assert_neq(partition_state_digest(replica_partition(bench.replica)), digest);
    fake_group_follow(&bench.set, 2, 2);
    cr_assert_eq(load(buffer_bytes(&state), &note), GRID_ERR_OK, "%s", note != NULL ? note : "");
    cr_assert_eq(partition_state_digest(replica_partition(bench.replica)), digest);
    buffer_close(&state);
}

Test(replica_snapshots, of_a_newer_level_are_refused_and_say_what_to_do)
{
    char *note = NULL;
    struct buffer state = saved();
    uint64_t digest = partition_state_digest(replica_partition(bench.replica));
    fake_group_follow(&bench.set, 2, 2);
    bench.shared.level_most = LEVEL_LAST - 1;
    cr_assert_eq(load(buffer_bytes(&state), &note), GRID_ERR_NOT_SUPPORTED);
    cr_assert_not_null(strstr(note, "this snapshot needs level 2, this version supports up to 1: upgrade this node"), "%s", note);
    memory_free(note);
    note = NULL;
    cr_assert_eq(partition_state_digest(replica_partition(bench.replica)), digest, "the present state stays");
    bench.shared.level_most = LEVEL_LAST;
    cr_assert_eq(load(buffer_bytes(&state), &note), GRID_ERR_OK, "it loads once the program is newer");
    buffer_close(&state);
}

Test(replica_snapshots, that_are_damaged_leave_the_state)
{
    char *note = NULL;
    struct buffer state = saved();
    uint64_t digest = partition_state_digest(replica_partition(bench.replica));
    fake_group_follow(&bench.set, 2, 2);
    state.data[state.size / 2] ^= 1;
    cr_assert_eq(load(buffer_bytes(&state), &note), GRID_ERR_CORRUPT);
    cr_assert_not_null(note);
    memory_free(note);
    cr_assert_eq(partition_state_digest(replica_partition(bench.replica)), digest);
    buffer_close(&state);
}
