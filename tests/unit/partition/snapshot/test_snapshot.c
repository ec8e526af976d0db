/* A snapshot with the log after it equals a full replay (I16, I18, I42, F51). */
#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/base/memory.h"
#include "grid/partition/component.h"
#include "tests/unit/partition/snapshot/world.h"

enum { SEEDS = 16, STEPS = 500, SLICE_MAX = 3000, WHOLE = 1 << 30 };

/* How often each kind of record was written. */
struct seen { unsigned kinds[SECTION_SETTINGS + 1][8], removing, switched_off, dropped_links, answers, idle_keys; uint64_t trimmed[RETENTION_LAST + 1]; };

static void see(void *context, struct bytes record)
{
    struct seen *seen = context;
    uint8_t section = record.data[4], kind = record.data[5];
    struct reader body = reader_of(bytes_of(record.data + RECORD_HEAD_BYTES, record.size - RECORD_HEAD_BYTES));
    if (section == SECTION_END)
        return;
    seen->kinds[section][kind]++;
    if (section == SECTION_MAPS && kind == 2) {
        reader_u32(&body);
        uint8_t state = reader_u8(&body);
        seen->removing += state == 1;
        if (state == 2) {
            uint64_t numbers[17];
            reader_sized(&body);
            for (size_t i = 0; i < 17; i++)
                numbers[i] = reader_u64(&body);
            seen->switched_off += numbers[4] == 0 && numbers[13] != 0;
        }
    }
    if (section == SECTION_OUTBOX && kind == 2) {
        reader_u32(&body);
        seen->dropped_links += reader_u64(&body) > 1;
    }
}

static void expect_everything(const struct seen *seen)
{
    static const uint8_t KINDS[][2] = {
        {SECTION_PARTITION, 1}, {SECTION_SERVICES, 2}, {SECTION_MAPS, 2}, {SECTION_MAPS, 3}, {SECTION_MAPS, 4}, {SECTION_MAPS, 5},
        {SECTION_MAPS, 6}, {SECTION_RETENTION, 2}, {SECTION_RETENTION, 3}, {SECTION_SESSIONS, 2}, {SECTION_IDEMPOTENCY, 2},
        {SECTION_OUTBOX, 2}, {SECTION_OUTBOX, 3}, {SECTION_INBOX, 2}, {SECTION_TIMERS, 2}, {SECTION_ACTIVITIES, 2},
        {SECTION_RETENTION, 4}, {SECTION_SETTINGS, 1}};
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        cr_assert_gt(seen->kinds[KINDS[i][0]][KINDS[i][1]], 0u, "no record of section %u and kind %u was ever written", KINDS[i][0], KINDS[i][1]);
    for (int kind = RETENTION_COMPLETIONS; kind <= RETENTION_LAST; kind++)
        cr_assert_gt(seen->trimmed[kind], 0u, "retention never removed anything of kind %d", kind);
    cr_assert(seen->removing > 0 && seen->switched_off > 0 && seen->dropped_links > 0, "a rare state was never reached: %u %u %u",
              seen->removing, seen->switched_off, seen->dropped_links);
}

/* The replica becomes what the other one's snapshot says, and from then on applies what comes after. */
static void reload(struct world *world, uint32_t number, struct seen *seen)
{
    struct partition *partition = harness_partition(world->harness, number), *replica = harness_replica(world->harness, number);
    char *note;
    struct buffer slices = snapshot_of(partition, &world->prng, SLICE_MAX), whole = snapshot_of(partition, &world->prng, WHOLE);
    cr_assert(bytes_equal(buffer_bytes(&slices), buffer_bytes(&whole)), "slices change the bytes");
    struct buffer other = snapshot_of(replica, &world->prng, SLICE_MAX);
    cr_assert(bytes_equal(buffer_bytes(&other), buffer_bytes(&whole)), "history changes the bytes");
    snapshot_records(buffer_bytes(&whole), see, seen);
    enum grid_err err = snapshot_load(replica, buffer_bytes(&whole), &world->prng, 2 * SLICE_MAX, true, &note);
    cr_assert_eq(err, GRID_ERR_OK, "%s", note);
    struct buffer again = snapshot_of(replica, &world->prng, SLICE_MAX);
    cr_assert(bytes_equal(buffer_bytes(&again), buffer_bytes(&whole)), "what is loaded is saved as other bytes");
    replicas_compare(partition, replica);
    struct buffer *all[] = {&slices, &whole, &other, &again};
    for (size_t i = 0; i < 4; i++)
        buffer_close(all[i]);
}

Test(snapshot, with_the_log_after_it_equals_a_full_replay, .timeout = 240)
{
    struct seen seen = {.removing = 0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world world;
        world_open(&world, seed);
        for (unsigned step = 0; step < STEPS; step++) {
            world_step(&world);
            if (prng_chance(&world.prng, 30000))
                reload(&world, (uint32_t)prng_range(&world.prng, 0, WORLD_PARTITIONS - 1), &seen);
        }
        for (uint32_t i = 0; i < WORLD_PARTITIONS; i++) {
            replicas_compare(harness_partition(world.harness, i), harness_replica(world.harness, i));
            reload(&world, i, &seen);
            for (int kind = RETENTION_COMPLETIONS; kind <= RETENTION_LAST; kind++)
                seen.trimmed[kind] += partition_trimmed(harness_partition(world.harness, i), (enum retention_kind)kind);
        }
        world_close(&world);
    }
    expect_everything(&seen);
}

Test(snapshot, of_a_partition_without_an_entry_is_loaded, .timeout = 60)
{
    struct prng prng;
    struct partition *partition = partition_open(&(struct partition_options){.id = {3}, .services = registry_builtin()});
    struct partition *other = partition_open(&(struct partition_options){.id = {3}, .services = registry_builtin()});
    char *note;
    prng_init(&prng, 1);
    struct buffer snapshot = snapshot_of(partition, &prng, 10), again;
    cr_assert_eq(snapshot_load(other, buffer_bytes(&snapshot), &prng, 10, true, &note), GRID_ERR_OK);
    again = snapshot_of(other, &prng, WHOLE);
    cr_assert(bytes_equal(buffer_bytes(&snapshot), buffer_bytes(&again)));
    cr_assert_eq(partition_state_digest(partition), partition_state_digest(other));
    buffer_close(&snapshot);
    buffer_close(&again);
    partition_close(partition);
    partition_close(other);
}

/* ---- damage */

/* Partition 0 of a small world, and a partition that must not change. */
struct target { struct world world; struct buffer snapshot; struct partition *partition; uint64_t digest, state; };

static void target_open(struct target *target, unsigned steps)
{
    world_open(&target->world, 77);
    for (unsigned i = 0; i < steps; i++)
        world_step(&target->world);
    target->snapshot = snapshot_of(harness_partition(target->world.harness, 0), &target->world.prng, WHOLE);
    target->partition = harness_replica(target->world.harness, 0);
    target->digest = partition_digest(target->partition);
    target->state = partition_state_digest(target->partition);
}

static void target_close(struct target *target)
{
    cr_assert_eq(partition_digest(target->partition), target->digest);
    cr_assert_eq(partition_state_digest(target->partition), target->state);
    buffer_close(&target->snapshot);
    world_close(&target->world);
}

static void refuse(struct target *target, struct bytes snapshot, const char *what, size_t at)
{
    char *note;
    enum grid_err err = snapshot_load(target->partition, snapshot, &target->world.prng, snapshot.size + 1, true, &note);
    cr_assert(err == GRID_ERR_CORRUPT || err == GRID_ERR_NOT_SUPPORTED, "%s %zu is not refused", what, at);
    cr_assert(strstr(note, "section") != NULL && strstr(note, "record") != NULL && strstr(note, "byte") != NULL);
    cr_assert_eq(partition_digest(target->partition), target->digest);
    memory_free(note);
}

Test(snapshot, is_refused_when_it_ends_at_any_byte, .timeout = 240)
{
    struct target target;
    target_open(&target, 12);
    for (size_t size = 0; size < target.snapshot.size; size++)
        refuse(&target, bytes_of(target.snapshot.data, size), "an end after byte", size);
    buffer_append_u8(&target.snapshot, 0);
    refuse(&target, buffer_bytes(&target.snapshot), "a byte after the end", target.snapshot.size);
    target_close(&target);
}

Test(snapshot, is_refused_when_a_bit_of_any_byte_changed, .timeout = 240)
{
    struct target target;
    target_open(&target, 12);
    for (size_t at = 0; at < target.snapshot.size; at++) {
        uint8_t bit = (uint8_t)(1u << prng_range(&target.world.prng, 0, 7));
        target.snapshot.data[at] ^= bit;
        refuse(&target, buffer_bytes(&target.snapshot), "a changed byte", at);
        target.snapshot.data[at] ^= bit;
    }
    target_close(&target);
}

/* Somebody who can compute the hash, too: what is accepted is sound, and is saved as the same bytes. */
Test(snapshot, that_was_forged_is_refused_or_sound, .timeout = 240)
{
    static const uint8_t EXTREMES[] = {0, 1, 0x7f, 0x80, 0xff};
    struct target target;
    unsigned accepted = 0, refused = 0;
    target_open(&target, 40);
    struct partition *fresh = partition_open(&(struct partition_options){.id = {0}, .services = registry_builtin()});
    for (size_t at = 0; at < target.snapshot.size; at += prng_range(&target.world.prng, 1, 3)) {
        struct buffer forged = {0};
        char *note;
        buffer_append(&forged, buffer_bytes(&target.snapshot));
        forged.data[at] = EXTREMES[prng_range(&target.world.prng, 0, 4)];
        snapshot_mend(&forged);
        if (snapshot_load(fresh, buffer_bytes(&forged), &target.world.prng, WHOLE, true, &note) == GRID_ERR_OK) {
            partition_holds(fresh);
            struct buffer again = snapshot_of(fresh, &target.world.prng, WHOLE);
            cr_assert(bytes_equal(buffer_bytes(&again), buffer_bytes(&forged)), "byte %zu: loaded and saved otherwise", at);
            buffer_close(&again);
            accepted++;
        } else {
            refused++;
        }
        memory_free(note);
        buffer_close(&forged);
    }
    cr_assert(accepted > 100 && refused > 100, "%u accepted, %u refused", accepted, refused);
    partition_close(fresh);
    target_close(&target);
}

/* ---- versions */

static enum grid_err load_changed(struct target *target, const struct service_registry *services, size_t at, uint32_t value, char **ret_note)
{
    struct buffer changed = {0};
    struct partition *other = partition_open(&(struct partition_options){.id = {0}, .services = services});
    buffer_append(&changed, buffer_bytes(&target->snapshot));
    put_u32(changed.data + at, value);
    snapshot_mend(&changed);
    enum grid_err err = snapshot_load(other, buffer_bytes(&changed), &target->world.prng, WHOLE, true, ret_note);
    cr_assert_eq(partition_commits(other) == 0, err != GRID_ERR_OK);
    buffer_close(&changed);
    partition_close(other);
    return err;
}

Test(snapshot, of_a_newer_version_or_with_an_unknown_service_is_not_supported, .timeout = 60)
{
    enum { AT_FORMAT = RECORD_HEAD_BYTES, AT_PARTITION = AT_FORMAT + 4, AT_LEVEL = AT_PARTITION + 4 };
    struct target target;
    char *note;
    target_open(&target, 30);
    cr_assert_eq(load_changed(&target, registry_builtin(), AT_FORMAT, 1, &note), GRID_ERR_OK);
    cr_assert_eq(load_changed(&target, registry_builtin(), AT_FORMAT, 3, &note), GRID_ERR_NOT_SUPPORTED);
    cr_assert_str_eq(note, "snapshot of partition 0: section partition, record 0 of it, byte 18: the snapshot was written by a newer version");
    memory_free(note);
    cr_assert_eq(load_changed(&target, registry_builtin(), AT_LEVEL, LEVEL_LAST + 1, &note), GRID_ERR_NOT_SUPPORTED);
    memory_free(note);
    cr_assert_eq(load_changed(&target, registry_builtin(), AT_PARTITION, 1, &note), GRID_ERR_CORRUPT);
    memory_free(note);
    cr_assert_eq(load_changed(&target, NULL, AT_FORMAT, 1, &note), GRID_ERR_NOT_SUPPORTED);
    cr_assert_not_null(strstr(note, "section services, record 1 of it"));
    memory_free(note);
    target_close(&target);
}
