/* A partition is restored from a state in steps of its log (ADR 0026, R4). */
#include <criterion/criterion.h>

#include "grid/base/memory.h"
#include "grid/partition/entry.h"
#include "services/registry.h"
#include "tests/unit/partition/feed.h"
#include "tests/unit/partition/snapshot/world.h"

enum { BACKUP = 77, STEPS = 300, PIECE_BYTES = 700, TARGETS = 2 };

/* A world with work under way, its states of one moment, and two replicas of a new cluster's partition 0. */
static struct scene {
    struct world world;
    struct buffer state;
    struct feed targets[TARGETS];
    struct arena arena;
} scene;

static void begin_target(struct feed *feed)
{
    static const uint32_t SERVICES[] = {1, 2, 3, 4, 5};
    static const uint8_t UUID[16] = {9, 9};
    *feed = (struct feed){.time_ms = 5000, .level = LEVEL_LAST};
    feed->partition = partition_open(&(struct partition_options){.id = {0}, .services = registry_builtin()});
    arena_init(&feed->arena, 4096);
    struct command genesis = {.kind = COMMAND_GENESIS};
    genesis.genesis = (struct genesis_command){.cluster = bytes_of_text("new"), .partitions = WORLD_PARTITIONS + 1, .table_seed = 3, .level = LEVEL_LAST,
                                               .cluster_uuid = bytes_of(UUID, sizeof UUID), .services = SERVICES, .services_count = 5};
    feed->level = LEVEL_FIRST;
    cr_assert_eq(feed_one(feed, &genesis).err, GRID_ERR_OK);
    feed->level = LEVEL_LAST;
}

static void open_scene(void)
{
    world_open(&scene.world, 5);
    for (unsigned step = 0; step < STEPS; step++)
        world_step(&scene.world);
    scene.state = snapshot_of(harness_partition(scene.world.harness, 0), &scene.world.prng, 4000);
    for (size_t i = 0; i < TARGETS; i++)
        begin_target(&scene.targets[i]);
}

static void close_scene(void)
{
    for (size_t i = 0; i < TARGETS; i++)
        feed_close(&scene.targets[i]);
    buffer_close(&scene.state);
    world_close(&scene.world);
}

TestSuite(restore, .init = open_scene, .fini = close_scene);

/* Both replicas apply it and agree. */
static struct response apply(const struct command *command)
{
    struct response one = feed_one(&scene.targets[0], command);
    (void)feed_one(&scene.targets[1], command);
    cr_assert_eq(partition_digest(scene.targets[0].partition), partition_digest(scene.targets[1].partition));
    return one;
}

static struct response step(struct restore_command restore)
{
    struct command command = {.kind = COMMAND_RESTORE, .restore = restore};
    command.restore.backup = restore.backup != 0 ? restore.backup : BACKUP;
    return apply(&command);
}

static struct response part(size_t offset, size_t size)
{
    return step((struct restore_command){.step = RESTORE_PART, .offset = offset, .piece = bytes_of(scene.state.data + offset, size)});
}

static void load_all(void)
{
    cr_assert_eq(step((struct restore_command){.step = RESTORE_BEGIN}).err, GRID_ERR_OK);
    for (size_t at = 0; at < scene.state.size; at += PIECE_BYTES) {
        size_t left = scene.state.size - at;
        struct response response = part(at, left < PIECE_BYTES ? left : PIECE_BYTES);
        cr_assert_eq(response.err, GRID_ERR_OK, "%.*s", (int)response.note.size, (const char *)response.note.data);
    }
}

static void load_and_end(void)
{
    load_all();
    struct response response = step((struct restore_command){.step = RESTORE_END, .offset = scene.state.size});
    cr_assert_eq(response.err, GRID_ERR_OK, "%.*s", (int)response.note.size, (const char *)response.note.data);
    cr_assert_eq(response.count, RESTORE_LOADED);
}

static struct partition *target(void) { return scene.targets[0].partition; }

/* What is served after a restore is what the source had, its entries and work under way included. */
Test(restore, brings_everything_back, .timeout = 120)
{
    load_and_end();
    cr_assert(partition_closed(target()));
    cr_assert_eq(step((struct restore_command){.step = RESTORE_OPEN, .epoch = 2}).count, RESTORE_OPENED);
    cr_assert_not(partition_closed(target()));
    cr_assert_eq(partition_incarnation(target()), 2u);
    struct partition_stats was = partition_stats(harness_partition(scene.world.harness, 0)), is = partition_stats(target());
    cr_assert(is.entries == was.entries && is.timers == was.timers && is.activities == was.activities && is.outbox_pending == was.outbox_pending &&
              is.sessions == was.sessions && is.idempotency_keys == was.idempotency_keys && is.reserved == was.reserved && is.events == was.events);
    cr_assert(was.entries > 0 && was.timers > 0 && was.sessions > 0, "the source had nothing");
    for (uint32_t source = 0; source < WORLD_PARTITIONS; source++)
        cr_assert_eq(partition_inbox_last(target(), source), partition_inbox_last(harness_partition(scene.world.harness, 0), source));
    struct genesis_command genesis;
    cr_assert(partition_genesis(target(), &genesis));
    cr_assert(bytes_equal(genesis.cluster, bytes_of_text("new")) && genesis.cluster_uuid.data[0] == 9, "it belongs to the new cluster");
    cr_assert_eq(genesis.table_seed, 5u, "tables keep their order");
}

/* R4: what the cluster of before still sends is refused; what comes next in the new one is taken. */
Test(restore, raises_the_restore_epoch, .timeout = 120)
{
    load_and_end();
    step((struct restore_command){.step = RESTORE_OPEN, .epoch = 2});
    for (uint32_t source = 0; source < WORLD_PARTITIONS; source++)
        cr_assert_eq(partition_inbox_incarnation(target(), source), 2u);
    struct link_message message = {.sequence = partition_inbox_last(target(), 1) + 1, .command = {.service = 1, .type = 1, .key = bytes_of_text("k")}};
    struct command deliver = {.kind = COMMAND_DELIVER, .deliver = {.source = 1, .incarnation = 1, .messages = &message, .messages_count = 1}};
    uint64_t before = partition_inbox_last(target(), 1);
    apply(&deliver);
    cr_assert_eq(partition_inbox_last(target(), 1), before, "a message of the old epoch was applied");
    deliver.deliver.incarnation = 2;
    apply(&deliver);
    cr_assert_eq(partition_inbox_last(target(), 1), before + 1);
}

Test(restore, closes_the_partition_to_everything_else, .timeout = 120)
{
    struct command open_session = {.kind = COMMAND_OPEN_SESSION}, tick = {.kind = COMMAND_TICK};
    struct link_message message = {.sequence = 1, .command = {.service = 1, .type = 1, .key = bytes_of_text("k")}};
    struct command deliver = {.kind = COMMAND_DELIVER, .deliver = {.source = 1, .incarnation = 9, .messages = &message, .messages_count = 1}};
    cr_assert_eq(step((struct restore_command){.step = RESTORE_BEGIN}).count, RESTORE_LOADING);
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(apply(&open_session).err, GRID_ERR_BUSY);
        cr_assert_eq(apply(&deliver).err, GRID_ERR_BUSY);
        cr_assert_eq(apply(&tick).err, GRID_ERR_BUSY);
        if (round == 0)
            load_and_end();
    }
    step((struct restore_command){.step = RESTORE_OPEN, .epoch = 2});
    cr_assert_eq(apply(&open_session).err, GRID_ERR_OK);
}

Test(restore, goes_on_after_a_break_and_takes_a_part_once, .timeout = 120)
{
    step((struct restore_command){.step = RESTORE_BEGIN});
    part(0, 500);
    cr_assert_eq(part(0, 500).sequence, 500u, "the same part again changes nothing");
    cr_assert_eq(part(501, 500).err, GRID_ERR_GAP);
    cr_assert_eq(step((struct restore_command){.step = RESTORE_BEGIN}).sequence, 500u);
    cr_assert_eq(step((struct restore_command){.step = RESTORE_END, .offset = 500}).err, GRID_ERR_INVALID, "a part is not the whole");
    cr_assert_eq(partition_restore_phase(target()), RESTORE_NONE);
    load_and_end();
}

Test(restore, refuses_a_cluster_that_holds_data)
{
    struct command open_session = {.kind = COMMAND_OPEN_SESSION};
    uint64_t session = apply(&open_session).session;
    cr_assert_eq(step((struct restore_command){.step = RESTORE_BEGIN}).err, GRID_ERR_ALREADY_EXISTS, "a session could meet one of the backup");
    struct command set = map_set_command(session, 1, "k", "v"), close_session = {.kind = COMMAND_CLOSE_SESSION, .session = session};
    cr_assert_eq(apply(&set).err, GRID_ERR_OK);
    cr_assert_eq(apply(&close_session).err, GRID_ERR_OK);
    struct response response = step((struct restore_command){.step = RESTORE_BEGIN});
    cr_assert_eq(response.err, GRID_ERR_ALREADY_EXISTS);
    cr_assert_eq(response.count, RESTORE_NONE);
}

Test(restore, is_refused_twice_and_beside_another_one, .timeout = 120)
{
    step((struct restore_command){.step = RESTORE_BEGIN});
    cr_assert_eq(step((struct restore_command){.step = RESTORE_BEGIN, .backup = 5}).err, GRID_ERR_INVALID);
    load_and_end();
    cr_assert_eq(step((struct restore_command){.step = RESTORE_OPEN, .epoch = 1}).err, GRID_ERR_INVALID, "the epoch must rise");
    cr_assert_eq(step((struct restore_command){.step = RESTORE_CANCEL}).err, GRID_ERR_INVALID, "a loaded state is not dropped");
    step((struct restore_command){.step = RESTORE_OPEN, .epoch = 2});
    cr_assert_eq(step((struct restore_command){.step = RESTORE_OPEN, .epoch = 2}).err, GRID_ERR_OK, "a repeated step");
    cr_assert_eq(step((struct restore_command){.step = RESTORE_BEGIN}).err, GRID_ERR_ALREADY_EXISTS);
    cr_assert_eq(step((struct restore_command){.step = RESTORE_CHECK}).err, GRID_ERR_ALREADY_EXISTS);
}

Test(restore, of_a_damaged_state_leaves_an_empty_open_partition, .timeout = 120)
{
    scene.state.data[scene.state.size / 2] ^= 4;
    step((struct restore_command){.step = RESTORE_BEGIN});
    struct response response = {0};
    for (size_t at = 0; at < scene.state.size && response.err == GRID_ERR_OK; at += PIECE_BYTES)
        response = part(at, scene.state.size - at < PIECE_BYTES ? scene.state.size - at : PIECE_BYTES);
    if (response.err == GRID_ERR_OK)
        response = step((struct restore_command){.step = RESTORE_END, .offset = scene.state.size});
    cr_assert_eq(response.err, GRID_ERR_INVALID);
    cr_assert(response.note.size > 0);
    cr_assert_eq(partition_restore_phase(target()), RESTORE_NONE);
    cr_assert_eq(partition_stats(target()).entries, 0u);
    struct command open_session = {.kind = COMMAND_OPEN_SESSION};
    cr_assert_eq(apply(&open_session).err, GRID_ERR_OK);
}

/* I16, I18: the phase and the epoch are part of the state. */
Test(restore, is_in_snapshots_of_the_partition, .timeout = 120)
{
    char *note = NULL;
    for (int round = 0; round < 2; round++) {
        if (round == 0)
            load_and_end();
        else
            step((struct restore_command){.step = RESTORE_OPEN, .epoch = 7});
        struct buffer saved = snapshot_of(target(), &scene.world.prng, 3000);
        cr_assert_eq(snapshot_load(scene.targets[1].partition, buffer_bytes(&saved), &scene.world.prng, 3000, true, &note), GRID_ERR_OK, "%s", note);
        struct buffer again = snapshot_of(scene.targets[1].partition, &scene.world.prng, 3000);
        cr_assert(bytes_equal(buffer_bytes(&saved), buffer_bytes(&again)));
        replicas_compare(target(), scene.targets[1].partition);
        buffer_close(&saved);
        buffer_close(&again);
        cr_assert_eq(partition_incarnation(scene.targets[1].partition), round == 0 ? 1u : 7u);
        cr_assert_eq(partition_restored(target()), partition_restored(scene.targets[1].partition));
    }
}

/* A replica may still write a snapshot of the empty state when the state is replaced: it writes that of before. */
Test(restore, lets_a_snapshot_of_before_end, .timeout = 120)
{
    struct buffer before = snapshot_of(target(), &scene.world.prng, 3000), meanwhile = {0};
    struct partition_save *save = partition_save_begin(target());
    load_and_end();
    cr_assert_not(partition_frozen(target()), "the new state is not frozen");
    struct buffer after = snapshot_of(target(), &scene.world.prng, 3000);
    while (!partition_save_next(save, 100, &meanwhile)) { }
    partition_save_end(save);
    cr_assert(bytes_equal(buffer_bytes(&before), buffer_bytes(&meanwhile)));
    cr_assert_not(bytes_equal(buffer_bytes(&before), buffer_bytes(&after)));
    buffer_close(&before);
    buffer_close(&meanwhile);
    buffer_close(&after);
}
