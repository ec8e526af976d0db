/* A snapshot that is written while entries are applied has the bytes of the moment in which it began (D12, I42). */
#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/partition/component.h"
#include "tests/unit/partition/feed.h"
#include "tests/unit/partition/snapshot/world.h"

enum { SEEDS = 16, STEPS = 700, WHOLE = 1 << 30 };

/* Snapshots of one partition, one after the other; each is compared with an eager one of the replica. */
struct taking {
    struct world *world;
    struct prng prng;
    struct partition_save *save;       /* NULL: none is under way */
    struct buffer expected, written;
    unsigned entries;                  /* applied since it began */
    unsigned completed, abandoned, entries_during;
};

static void end(struct taking *taking)
{
    partition_save_end(taking->save);
    taking->save = NULL;
    buffer_close(&taking->expected);
    buffer_close(&taking->written);
}

static void begin(struct taking *taking)
{
    taking->expected = snapshot_of(harness_replica(taking->world->harness, 0), &taking->prng, WHOLE);
    taking->save = partition_save_begin(harness_partition(taking->world->harness, 0));
    taking->entries = 0;
}

static void go_on(struct taking *taking)
{
    if (prng_chance(&taking->prng, 4000)) {
        end(taking);
        taking->abandoned++;
        return;
    }
    size_t budget = prng_chance(&taking->prng, 100000) ? 8000 : prng_range(&taking->prng, 1, 700);
    if (!partition_save_next(taking->save, budget, &taking->written))
        return;
    cr_assert(bytes_equal(buffer_bytes(&taking->written), buffer_bytes(&taking->expected)),
              "snapshot %u, after %u entries: the bytes are not those of its beginning", taking->completed, taking->entries);
    taking->completed++;
    taking->entries_during += taking->entries;
    end(taking);
}

static void applied(void *context, uint32_t partition)
{
    struct taking *taking = context;
    if (partition != 0)
        return;
    taking->entries++;
    if (taking->save == NULL && prng_chance(&taking->prng, 500000))
        begin(taking);
    else if (taking->save != NULL && prng_chance(&taking->prng, 600000))
        go_on(taking);
}

Test(snapshot_frozen, has_the_bytes_of_its_beginning_whatever_is_applied, .timeout = 240)
{
    unsigned completed = 0, abandoned = 0, entries = 0;
    for (uint64_t seed = 101; seed < 101 + SEEDS; seed++) {
        struct world world;
        struct taking taking = {.world = &world};
        prng_init(&taking.prng, seed);
        world_open(&world, seed);
        harness_watch(world.harness, applied, &taking);
        for (unsigned step = 0; step < STEPS; step++)
            world_step(&world);
        partition_holds(harness_partition(world.harness, 0));
        if (taking.save != NULL)
            end(&taking);
        replicas_compare(harness_partition(world.harness, 0), harness_replica(world.harness, 0));
        world_close(&world);
        completed += taking.completed;
        abandoned += taking.abandoned;
        entries += taking.entries_during;
    }
    cr_assert(completed > 100 && abandoned > 10 && entries > 20 * completed, "%u completed, %u abandoned, %u entries during them", completed,
              abandoned, entries);
}

/* ---- cases by name: two partitions apply the same, one of them while its snapshot is written */

struct scene {
    struct feed with, without;
    uint64_t session, sequence;
    struct prng prng;
    struct buffer expected, written;
    struct partition_save *save;
};

static struct response both(struct scene *scene, const struct command *command)
{
    uint64_t due_with = 0, due_without = 0;
    struct response response = feed_one(&scene->with, command);
    (void)feed_one(&scene->without, command);
    cr_assert_eq(partition_digest(scene->with.partition), partition_digest(scene->without.partition));
    cr_assert_eq(partition_next_due_ms(scene->with.partition, &due_with), partition_next_due_ms(scene->without.partition, &due_without));
    cr_assert_eq(due_with, due_without, "a snapshot changes what is due");
    return response;
}

static void scene_open(struct scene *scene, uint64_t seed)
{
    struct command open = {.kind = COMMAND_OPEN_SESSION, .open_session = {24u * 3600 * 1000}};
    *scene = (struct scene){.sequence = 0};
    prng_init(&scene->prng, seed);
    feed_begin(&scene->with);
    feed_begin(&scene->without);
    scene->session = both(scene, &open).session;
}

static void write_as(struct scene *scene, struct command *command)
{
    command->session = scene->session;
    command->sequence = command->acknowledged_below = ++scene->sequence;
    cr_assert_eq(both(scene, command).err, GRID_ERR_OK);
}

static void set(struct scene *scene, const char *map, unsigned number, uint64_t ttl_ms)
{
    char key[24];
    snprintf(key, sizeof key, "key-%u", number);
    struct command command = {.kind = COMMAND_MAP};
    command.map = (struct map_command){.operation = MAP_SET, .map = bytes_of_text(map), .key = bytes_of_text(key),
                                       .value = bytes_of_text("a value of some bytes"), .ttl_ms = ttl_ms};
    write_as(scene, &command);
}

static void take_out(struct scene *scene, const char *map, unsigned number)
{
    char key[24];
    snprintf(key, sizeof key, "key-%u", number);
    struct command command = {.kind = COMMAND_MAP, .map = {.operation = MAP_REMOVE, .map = bytes_of_text(map), .key = bytes_of_text(key)}};
    write_as(scene, &command);
}

static void keep_journal(struct scene *scene, const char *map, uint64_t records)
{
    struct command command = {.kind = COMMAND_CONFIGURE, .configure = {.map = bytes_of_text(map), .version = scene->sequence + 1}};
    command.configure.settings.journal = (struct journal_settings){.enabled = records != 0, .old_values = true, .entries_max = records};
    write_as(scene, &command);
}

static void empty(struct scene *scene, const char *map, bool drop)
{
    struct command clear = {.kind = COMMAND_CLEAR, .clear = {bytes_of_text(map)}}, dropping = {.kind = COMMAND_DROP, .drop = {bytes_of_text(map)}};
    write_as(scene, drop ? &dropping : &clear);
}

static void tick(struct scene *scene, uint64_t passed_ms)
{
    struct command tick = {.kind = COMMAND_TICK};
    scene->with.time_ms = scene->without.time_ms = scene->with.time_ms + passed_ms;
    (void)both(scene, &tick);
}

static void freeze(struct scene *scene)
{
    scene->expected = snapshot_of(scene->with.partition, &scene->prng, WHOLE);
    scene->save = partition_save_begin(scene->with.partition);
}

static bool slice(struct scene *scene, size_t budget)
{
    return partition_save_next(scene->save, budget, &scene->written);
}

static void finish(struct scene *scene)
{
    while (!slice(scene, 500))
        ;
    cr_assert(bytes_equal(buffer_bytes(&scene->written), buffer_bytes(&scene->expected)));
    partition_save_end(scene->save);
    buffer_close(&scene->expected);
    buffer_close(&scene->written);
}

static void scene_close(struct scene *scene)
{
    /* Until nothing is left to free, what is due and when numbers come back is the same. */
    for (unsigned i = 0; i < 8; i++)
        tick(scene, 1);
    replicas_compare(scene->with.partition, scene->without.partition);
    feed_close(&scene->with);
    feed_close(&scene->without);
}

static void fill(struct scene *scene)
{
    keep_journal(scene, "full", 700);
    for (unsigned i = 0; i < 1500; i++)
        set(scene, "full", i, i % 3 == 0 ? 1000 + i : 0);
}

static void empty_while_written(bool drop)
{
    struct scene scene;
    scene_open(&scene, drop ? 3 : 4);
    fill(&scene);
    set(&scene, "other", 1, 0);
    for (unsigned round = 0; round < 6; round++) {
        freeze(&scene);
        (void)slice(&scene, round * 9000 + 1);
        empty(&scene, "full", drop);
        (void)slice(&scene, 300);
        set(&scene, "full", 7, 500);
        set(&scene, "new", 1, 0);
        tick(&scene, 1);
        (void)slice(&scene, 5000);
        empty(&scene, "full", drop);
        tick(&scene, 1);
        finish(&scene);
        fill(&scene);
    }
    scene_close(&scene);
}

Test(snapshot_frozen, has_a_map_that_is_cleared_while_it_is_written) { empty_while_written(false); }
Test(snapshot_frozen, has_a_map_that_is_dropped_while_it_is_written) { empty_while_written(true); }

Test(snapshot_frozen, has_a_table_that_is_resized_while_it_is_written)
{
    struct scene scene;
    scene_open(&scene, 5);
    for (unsigned i = 0; i < 1500; i++)
        set(&scene, "m", i, 0);
    for (unsigned round = 0; round < 3; round++) {
        freeze(&scene);
        for (unsigned i = 1000; i < 6000; i++) {
            set(&scene, "m", i, 0);
            if (i % 64 == 0)
                (void)slice(&scene, 200);
        }
        finish(&scene);
        freeze(&scene);
        for (unsigned i = 20; i < 6000; i++) {
            take_out(&scene, "m", i);
            if (i % 16 == 0)
                (void)slice(&scene, 300);
        }
        finish(&scene);
        for (unsigned i = 0; i < 1500; i++)
            set(&scene, "m", i, 0);
    }
    scene_close(&scene);
}

Test(snapshot_frozen, has_entries_that_expire_while_it_is_written)
{
    struct scene scene;
    scene_open(&scene, 6);
    fill(&scene);
    freeze(&scene);
    for (unsigned i = 0; i < 30; i++) {
        tick(&scene, 100);
        (void)slice(&scene, 1500);
        set(&scene, "full", i * 3, i % 2 == 0 ? 50 : 0);
    }
    finish(&scene);
    scene_close(&scene);
}

Test(snapshot_frozen, has_a_journal_that_rolls_and_is_switched_off_while_it_is_written)
{
    struct scene scene;
    scene_open(&scene, 7);
    fill(&scene);
    for (unsigned round = 0; round < 2; round++) {
        freeze(&scene);
        while (scene.written.size < scene.expected.size * 3 / 4)
            (void)slice(&scene, 1000);
        for (unsigned i = 0; i < 500; i++)
            set(&scene, "full", i, 0);
        (void)slice(&scene, 1000);
        keep_journal(&scene, "full", round == 0 ? 0 : 20);
        tick(&scene, 1);
        keep_journal(&scene, "full", 900);
        for (unsigned i = 0; i < 100; i++)
            set(&scene, "full", i, 0);
        finish(&scene);
    }
    scene_close(&scene);
}

Test(snapshot_frozen, that_is_abandoned_leaves_nothing_that_the_next_one_sees)
{
    struct scene scene;
    scene_open(&scene, 8);
    for (unsigned round = 0; round < 5; round++) {
        fill(&scene);
        freeze(&scene);
        (void)slice(&scene, round * 20000 + 1);
        empty(&scene, "full", round % 2 == 0);
        set(&scene, "full", 1, 0);
        partition_save_end(scene.save);
        buffer_close(&scene.expected);
        buffer_close(&scene.written);
        freeze(&scene);
        tick(&scene, 1);
        finish(&scene);
    }
    scene_close(&scene);
}

/* The number of a table's epoch has 16 bits. */
Test(snapshot_frozen, has_all_entries_after_65536_that_were_abandoned, .timeout = 120)
{
    for (unsigned abandoned = 65533; abandoned < 65538; abandoned++) {
        struct scene scene;
        scene_open(&scene, 9);
        for (unsigned i = 0; i < 12; i++)
            set(&scene, "m", i, 0);
        for (unsigned i = 0; i < abandoned; i++)
            partition_save_end(partition_save_begin(scene.with.partition));
        for (unsigned i = 0; i < 3; i++) {
            freeze(&scene);
            (void)slice(&scene, 300);
            set(&scene, "m", i, 0);
            finish(&scene);
        }
        scene_close(&scene);
    }
}
