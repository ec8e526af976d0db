/* Random histories against a model: a log is one sequence of changes, and after any crash exactly a prefix of it is
 * there, no shorter than what was acknowledged. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/memory.h"
#include "grid/base/prng.h"
#include "tests/unit/raft/wal/wal_fixture.h"

enum { SEEDS = 2000, LIVES = 6, STEPS_MAX = 40, CHANGES_MAX = 1500, ENTRIES_MAX = 512 };

struct change {
    enum wal_record_type type;
    uint32_t group;
    uint64_t index;                           /* entries: of the one entry; truncate; snapshot */
    uint64_t term, vote;                      /* meta; entries: the term identifies the entry */
    size_t size;                              /* entries */
    uint64_t lsn;
};

/* `count` is the index of the last entry; those up to `snapshot` are gone. */
struct model_group { uint64_t term, vote, count, snapshot, snapshot_term, terms[ENTRIES_MAX]; size_t sizes[ENTRIES_MAX]; };

struct history {
    struct wal_fixture fixture;
    struct prng prng;
    uint64_t seed;
    struct change changes[CHANGES_MAX];
    size_t count;
    uint64_t next_term;                       /* never used twice, so that an entry from the dead is recognized */
    struct model_group groups[FIXTURE_GROUPS];
    uint64_t synced;                          /* lsn up to which even a power cut may lose nothing */
    bool snapshots;
    uint64_t *removed;                        /* segments that went, of all histories */
};

static void model_apply(struct history *history, const struct change *change)
{
    struct model_group *group = &history->groups[change->group];
    switch (change->type) {
    case WAL_RECORD_META:
        group->term = change->term;
        group->vote = change->vote;
        break;
    case WAL_RECORD_ENTRIES:
        group->terms[group->count] = change->term;
        group->sizes[group->count++] = change->size;
        break;
    case WAL_RECORD_TRUNCATE:
        group->count = change->index - 1;
        break;
    case WAL_RECORD_INSTALL:
        group->count = change->index;
        group->snapshot_term = change->term;
        group->snapshot = change->index;
        break;
    case WAL_RECORD_SNAPSHOT:
        group->snapshot_term = change->term;
        group->snapshot = change->index;
        break;
    case WAL_RECORD_STATE:
    case WAL_RECORD_EPOCHS:
        cr_assert_fail("the log writes these by itself");
    }
}

static void record_change(struct history *history, const struct change *change)
{
    cr_assert_lt(history->count, CHANGES_MAX);
    history->changes[history->count++] = *change;
    model_apply(history, change);
}

static void append_entry(struct history *history, uint32_t group)
{
    struct model_group *model = &history->groups[group];
    if (model->count == ENTRIES_MAX)
        return;
    size_t size = (size_t)prng_range(&history->prng, 0, prng_chance(&history->prng, 50000) ? 30000 : 600);
    uint8_t *data = memory_zero(size + 1, 1);
    struct wal_entry entry = {.term = history->next_term++, .type = 1, .data = bytes_of(data, size)};
    memset(data, (int)(entry.term & 0xff), size);
    uint64_t lsn = wal_append_entries(history->fixture.wal, group, model->count + 1, &entry, 1);
    memory_free(data);
    struct change change = {.type = WAL_RECORD_ENTRIES, .group = group, .index = model->count + 1,
                            .term = entry.term, .size = size, .lsn = lsn};
    record_change(history, &change);
}

static void append_truncation(struct history *history, uint32_t group)
{
    struct change change = {.type = WAL_RECORD_TRUNCATE, .group = group,
                            .index = prng_range(&history->prng, history->groups[group].snapshot + 1, history->groups[group].count + 1)};
    change.lsn = wal_append_truncate(history->fixture.wal, group, change.index);
    record_change(history, &change);
}

static void append_meta(struct history *history, uint32_t group)
{
    struct change change = {.type = WAL_RECORD_META, .group = group, .term = history->groups[group].term + 1,
                            .vote = prng_range(&history->prng, 0, 3)};
    change.lsn = wal_append_meta(history->fixture.wal, group, change.term, change.vote);
    record_change(history, &change);
}

static void append_snapshot(struct history *history, uint32_t group)
{
    const struct model_group *model = &history->groups[group];
    uint64_t low = model->snapshot == 0 ? 1 : model->snapshot;
    if (model->count < low)
        return;
    struct change change = {.type = WAL_RECORD_SNAPSHOT, .group = group, .index = prng_range(&history->prng, low, model->count)};
    change.term = change.index == model->snapshot ? model->snapshot_term : model->terms[change.index - 1];
    struct wal_snapshot snapshot = {change.index, change.term, 1, bytes_of_text("members")};
    change.lsn = wal_append_snapshot(history->fixture.wal, group, &snapshot);
    record_change(history, &change);
}

static void append_install(struct history *history, uint32_t group)
{
    const struct model_group *model = &history->groups[group];
    struct change change = {.type = WAL_RECORD_INSTALL, .group = group, .term = history->next_term++,
                            .index = model->snapshot + prng_range(&history->prng, 1, 30)};
    if (change.index > ENTRIES_MAX)
        return;
    struct wal_snapshot snapshot = {change.index, change.term, 1, bytes_of_text("members, sent")};
    change.lsn = wal_append_install(history->fixture.wal, group, &snapshot);
    record_change(history, &change);
}

static void compact(struct history *history, uint32_t group, uint64_t choice)
{
    if (choice < 40)
        append_snapshot(history, group);
    else if (choice < 50)
        append_install(history, group);
    uint64_t begin = wal_begin(history->fixture.wal);
    while (choice >= 50 && wal_collect(history->fixture.wal))
        continue;
    *history->removed += wal_begin(history->fixture.wal) != begin;
}

/* Terms, votes and snapshots are synced in every mode, and everything before them with them. */
static void note_synced(struct history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct change *change = &history->changes[i];
        bool counts = history->fixture.options.sync || (change->type != WAL_RECORD_ENTRIES && change->type != WAL_RECORD_TRUNCATE);
        if (counts && change->lsn <= history->fixture.durable && change->lsn > history->synced)
            history->synced = change->lsn;
    }
}

static void step(struct history *history)
{
    uint32_t group = (uint32_t)prng_range(&history->prng, 0, FIXTURE_GROUPS - 1);
    uint64_t choice = prng_range(&history->prng, 0, 99);
    if (history->snapshots && prng_chance(&history->prng, 200000))
        compact(history, group, choice);
    else if (choice < 45)
        append_entry(history, group);
    else if (choice < 53)
        append_truncation(history, group);
    else if (choice < 60)
        append_meta(history, group);
    else if (choice < 80)
        fake_clock_run(&history->fixture.clock);
    else
        fake_storage_complete(history->fixture.disk);
    cr_assert(wal_holds(history->fixture.wal), "seed %lu", history->seed);
    note_synced(history);
}

static void check_group(const struct history *history, uint32_t number)
{
    const struct model_group *model = &history->groups[number];
    struct wal_group_state state;
    wal_take(history->fixture.wal, number, &state);
    cr_assert_eq(state.term, model->term, "seed %lu group %u", history->seed, number);
    cr_assert_eq(state.vote, model->vote, "seed %lu group %u", history->seed, number);
    cr_assert_eq(state.snapshot.index, model->snapshot, "seed %lu group %u", history->seed, number);
    cr_assert_eq(state.snapshot.term, model->snapshot_term, "seed %lu group %u", history->seed, number);
    cr_assert_eq(state.first_index, model->snapshot + 1, "seed %lu group %u", history->seed, number);
    cr_assert_eq(state.entries_count, model->count - model->snapshot, "seed %lu group %u", history->seed, number);
    const uint64_t *terms = model->terms + model->snapshot;
    const size_t *sizes = model->sizes + model->snapshot;
    for (size_t i = 0; i < state.entries_count; i++) {
        const struct wal_entry *entry = &state.entries[i];
        cr_assert_eq(entry->term, terms[i], "seed %lu group %u entry %zu", history->seed, number, i);
        cr_assert_eq(entry->data.size, sizes[i]);
        for (size_t at = 0; at < entry->data.size; at++)
            if (entry->data.data[at] != (entry->term & 0xff))
                cr_assert_fail("seed %lu group %u entry %zu: other bytes", history->seed, number, i);
    }
    state_release(&state);
}

/* Opens after a crash that must not have lost anything up to `kept`, and compares with the model. */
static void check_recovered(struct history *history, uint64_t kept)
{
    cr_assert_eq(fixture_open(&history->fixture), GRID_ERR_OK, "seed %lu: %s", history->seed, history->fixture.note);
    uint64_t end = wal_end(history->fixture.wal);
    cr_assert_geq(end, kept, "seed %lu: acknowledged up to %lu, found %lu", history->seed, kept, end);
    size_t found = 0;
    while (found < history->count && history->changes[found].lsn <= end)
        found++;
    history->count = found;
    memset(history->groups, 0, sizeof history->groups);
    for (size_t i = 0; i < found; i++)
        model_apply(history, &history->changes[i]);
    for (uint32_t group = 0; group < FIXTURE_GROUPS; group++)
        check_group(history, group);
    /* What an open found is durable from then on, however it was written. */
    history->synced = end;
}

static void crash_and_check(struct history *history)
{
    bool power = prng_chance(&history->prng, 600000);
    uint64_t kept = power ? history->synced : history->fixture.durable;
    if (kept < history->synced)
        kept = history->synced;
    fixture_crash(&history->fixture, power ? FAKE_CRASH_POWER : FAKE_CRASH_PROCESS);
    check_recovered(history, kept);
}

static uint64_t removed;

static void run_history(uint64_t seed, bool sync, bool errors, bool snapshots)
{
    struct history *history = memory_zero(1, sizeof *history);
    history->seed = seed;
    history->next_term = 1;
    history->snapshots = snapshots;
    history->removed = &removed;
    prng_init(&history->prng, seed);
    fixture_init(&history->fixture, seed);
    history->fixture.options.sync = sync;
    if (snapshots)
        history->fixture.options.segment_bytes = FIXTURE_SEGMENT_BYTES / 2;
    check_recovered(history, 0);
    for (int life = 0; life < LIVES; life++) {
        /* One life in eight ends at once: a crash during or right after recovery. */
        uint64_t steps = prng_range(&history->prng, 0, 7) == 0 ? 0 : prng_range(&history->prng, 0, snapshots ? 5 * STEPS_MAX : STEPS_MAX);
        if (errors && prng_chance(&history->prng, 500000))
            fake_storage_fail(history->fixture.disk, prng_chance(&history->prng, 500000) ? FAKE_WRITE : FAKE_SYNC,
                              prng_range(&history->prng, 0, 5), 1, GRID_ERR_IO);
        for (uint64_t i = 0; i < steps; i++)
            step(history);
        crash_and_check(history);
    }
    cr_assert(!history->fixture.durable_fell, "seed %lu", seed);
    fixture_free(&history->fixture);
    memory_free(history);
}

Test(wal_crash, recovers_a_prefix_with_everything_acknowledged)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        run_history(seed, true, false, false);
}

Test(wal_crash, recovers_terms_votes_and_what_came_before_them_when_durability_is_os)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        run_history(seed, false, false, false);
}

Test(wal_crash, loses_nothing_acknowledged_when_writes_and_syncs_fail)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        run_history(seed, true, true, false);
}

static void run_compacted(bool sync, bool errors)
{
    removed = 0;
    for (uint64_t seed = 0; seed < SEEDS / 2; seed++)
        run_history(seed, sync, errors, true);
    cr_assert_gt(removed, SEEDS / 4, "%lu segments were removed", removed);
}

Test(wal_crash, recovers_a_log_whose_segments_are_removed)
{
    run_compacted(true, false);
}

Test(wal_crash, recovers_a_log_whose_segments_are_removed_when_durability_is_os)
{
    run_compacted(false, false);
}

Test(wal_crash, recovers_a_log_whose_segments_are_removed_when_writes_and_syncs_fail)
{
    run_compacted(true, true);
}

/* ---- bit rot ---- */

static void fill(struct wal_fixture *fixture, struct prng *prng)
{
    uint64_t next[FIXTURE_GROUPS] = {1, 1, 1, 1};
    for (int i = 0; i < 60; i++) {
        uint32_t group = (uint32_t)prng_range(prng, 0, FIXTURE_GROUPS - 1);
        if (prng_chance(prng, 100000))
            wal_append_meta(fixture->wal, group, (uint64_t)i + 1, 1);
        else
            fixture_append_sized(fixture, group, next[group]++, (size_t)prng_range(prng, 0, 5000));
        if (prng_chance(prng, 500000))
            fixture_settle(fixture);
    }
    fixture_settle(fixture);
}

static uint64_t digest(struct wal_fixture *fixture)
{
    uint64_t sum = 0;
    for (uint32_t group = 0; group < FIXTURE_GROUPS; group++) {
        struct wal_group_state state = fixture_take(fixture, group);
        sum = sum * 31 + state.term;
        for (size_t i = 0; i < state.entries_count; i++)
            sum = (sum * 31 + state.entries[i].data.size) * 31 + state.entries[i].term;
        state_release(&state);
    }
    return sum;
}

Test(wal_crash, never_hides_a_flipped_bit_in_what_was_vouched_for)
{
    struct wal_fixture fixture;
    struct prng prng;
    prng_init(&prng, 4711);
    fixture_init(&fixture, 1);
    cr_assert_eq(fixture_open(&fixture), GRID_ERR_OK);
    fill(&fixture, &prng);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    uint64_t whole = digest(&fixture);
    fixture_settle(&fixture);
    cr_assert_eq(fixture_reopen(&fixture), GRID_ERR_OK);
    uint32_t refused = 0;
    for (int round = 0; round < 3000; round++) {
        const char *name = prng_chance(&prng, 500000) ? FIRST_SEGMENT : SECOND_SEGMENT;
        uint64_t offset = prng_range(&prng, 0, fake_storage_content(fixture.disk, name).size - 1);
        uint8_t mask = (uint8_t)(1u << prng_range(&prng, 0, 7));
        fake_storage_flip(fixture.disk, name, offset, mask);
        enum grid_err err = fixture_open(&fixture);
        cr_assert(err == GRID_ERR_OK || err == GRID_ERR_CORRUPT);
        if (err == GRID_ERR_OK)
            cr_assert_eq(digest(&fixture), whole, "%s offset %lu", name, offset);
        else
            refused++;
        fake_storage_flip(fixture.disk, name, offset, mask);
    }
    cr_assert_gt(refused, 1000);
    fixture_free(&fixture);
}
