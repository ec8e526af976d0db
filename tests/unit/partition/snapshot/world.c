#include "tests/unit/partition/snapshot/world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/partition/component.h"
#include "tests/unit/services/shop.h"

enum { PRODUCTS = 3, ORDERS_MAX = 400 };

static uint64_t draw(struct world *world, uint64_t low, uint64_t high)
{
    return prng_range(&world->prng, low, high);
}

static bool chance(struct world *world, uint32_t percent)
{
    return prng_chance(&world->prng, percent * 10000);
}

/* ---- sessions */

static void open_session(struct world *world, uint32_t partition, uint32_t place)
{
    struct command open = {.kind = COMMAND_OPEN_SESSION, .open_session = {.idle_ms = draw(world, 1000, 600000)}};
    world->sessions[partition][place] = (struct world_session){harness_propose(world->harness, partition, &open).session, 0, 0};
}

static void change_session(struct world *world, uint32_t partition)
{
    uint32_t place = (uint32_t)draw(world, 0, WORLD_SESSIONS - 1);
    struct command close = {.kind = COMMAND_CLOSE_SESSION, .session = world->sessions[partition][place].id};
    if (chance(world, 50))
        (void)harness_propose(world->harness, partition, &close);
    if (chance(world, 80))
        open_session(world, partition, place);
}

/* A write in a random session: mostly a new one, sometimes the last or an old one again (I11, F51). */
static struct response write_command(struct world *world, uint32_t partition, struct command *command)
{
    struct world_session *session = &world->sessions[partition][draw(world, 0, WORLD_SESSIONS - 1)];
    uint64_t sequence = chance(world, 90) || session->sequence == 0 ? ++session->sequence : draw(world, 1, session->sequence);
    if (chance(world, 10))
        session->acknowledged_below = session->sequence;
    command->session = session->id;
    command->sequence = sequence;
    command->acknowledged_below = session->acknowledged_below < sequence ? session->acknowledged_below : sequence;
    struct response response = harness_propose(world->harness, partition, command);
    if (response.err == GRID_ERR_NO_SESSION && chance(world, 50))
        open_session(world, partition, (uint32_t)(session - world->sessions[partition]));
    return response;
}

/* ---- maps */

struct texts { char map[8], key[16], value[400], idempotency[16]; };

static void name_something(struct world *world, struct texts *texts)
{
    snprintf(texts->map, sizeof texts->map, "m%u", (unsigned)draw(world, 0, WORLD_MAPS - 1));
    snprintf(texts->key, sizeof texts->key, "key-%u", (unsigned)draw(world, 0, WORLD_KEYS - 1));
    memset(texts->value, 'v', sizeof texts->value);
    int size = snprintf(texts->value, sizeof texts->value, "%llu", (unsigned long long)prng_u64(&world->prng));
    texts->value[size] = 'x';
    texts->value[draw(world, (uint64_t)size, sizeof texts->value - 1)] = 0;
}

static struct map_command map_command_of(struct world *world, const struct texts *texts)
{
    static const enum map_operation OPERATIONS[] = {MAP_SET, MAP_SET, MAP_SET, MAP_PUT, MAP_PUT_IF_ABSENT, MAP_REPLACE, MAP_SET_TTL,
                                                    MAP_REMOVE, MAP_TAKE, MAP_COMPARE_AND_SET};
    struct map_command command = {.operation = OPERATIONS[draw(world, 0, sizeof OPERATIONS / sizeof OPERATIONS[0] - 1)],
                                  .map = bytes_of_text(texts->map), .key = bytes_of_text(texts->key)};
    bool values = command.operation != MAP_SET_TTL && command.operation != MAP_REMOVE && command.operation != MAP_TAKE;
    if (values)
        command.value = bytes_of_text(texts->value);
    if ((values || command.operation == MAP_SET_TTL) && chance(world, 30))
        command.ttl_ms = draw(world, 1, 60000);
    if (chance(world, 20))
        command.affinity = bytes_of_text("home");
    return command;
}

static void write_map(struct world *world, uint32_t partition)
{
    struct texts texts;
    name_something(world, &texts);
    struct command command = {.kind = COMMAND_MAP, .map = map_command_of(world, &texts)};
    if (chance(world, 15)) {
        snprintf(texts.idempotency, sizeof texts.idempotency, "i%u", (unsigned)draw(world, 0, 20));
        command.idempotency = (struct idempotency){.tenant = bytes_of_text("t"), .route = bytes_of_text("route"),
                                                   .key = bytes_of_text(texts.idempotency),
                                                   .request_hash = bytes_of_text(chance(world, 90) ? "hash" : "other")};
    }
    (void)write_command(world, partition, &command);
}

static void write_batch(struct world *world, uint32_t partition)
{
    struct texts texts[3];
    struct map_command operations[3];
    struct command command = {.kind = COMMAND_BATCH, .batch = {.operations = operations, .operations_count = 3}};
    for (size_t i = 0; i < 3; i++) {
        name_something(world, &texts[i]);
        operations[i] = map_command_of(world, &texts[i]);
        operations[i].operation = MAP_SET;
        operations[i].value = bytes_of_text(texts[i].value);
        operations[i].affinity = bytes_of_text("home");
    }
    (void)write_command(world, partition, &command);
}

static void change_map(struct world *world, uint32_t partition)
{
    struct texts texts;
    name_something(world, &texts);
    struct command command = {.kind = COMMAND_CLEAR, .clear = {bytes_of_text(texts.map)}};
    uint64_t what = draw(world, 0, 9);
    if (what < 3) {
        command.kind = COMMAND_DROP;
        command.drop.map = bytes_of_text(texts.map);
    } else if (what < 8) {
        struct map_settings settings = {.ttl_ms = chance(world, 30) ? draw(world, 1000, 200000) : 0,
                                        .entries_max = chance(world, 20) ? draw(world, 10, 60) : 0};
        settings.journal = (struct journal_settings){.enabled = chance(world, 70), .old_values = chance(world, 50),
                                                     .entries_max = chance(world, 70) ? draw(world, 1, 30) : 0,
                                                     .age_max_ms = chance(world, 40) ? draw(world, 1000, 100000) : 0};
        command.kind = COMMAND_CONFIGURE;
        command.configure = (struct map_configure){.map = bytes_of_text(texts.map), .settings = settings, .version = draw(world, 1, 1000)};
    }
    (void)write_command(world, partition, &command);
}

static void change_retention(struct world *world, uint32_t partition)
{
    struct retain_command retain = {.kind = (enum retention_kind)draw(world, 1, RETENTION_LAST), .version = draw(world, 1, 1000)};
    uint64_t age_ms = retain.kind == RETENTION_KEYS ? RETENTION_KEYS_MS_LEAST : RETENTION_SESSIONS_MS_LEAST;
    retain.limits = (struct retention_limits){.age_ms = chance(world, 70) ? draw(world, age_ms, age_ms + 60000) : 0,
                                              .count = draw(world, 1, 40) * 10, .bytes = draw(world, RETENTION_BYTES_LEAST, 1 << 21)};
    if (retain.kind == RETENTION_KEYS || retain.kind == RETENTION_SESSIONS)
        retain.limits.count = RETENTION_KEYS_LEAST;
    struct command command = {.kind = COMMAND_RETAIN, .retain = retain};
    (void)write_command(world, partition, &command);
}

/* ---- the shop */

static void name_for(struct world *world, const char *kind, uint32_t number, uint32_t partition, char *ret_name)
{
    uint32_t salt = 0;
    do
        snprintf(ret_name, 24, "%s-%u-%u", kind, number, salt++);
    while (harness_partition_of(world->harness, ret_name) != partition);
}

static void order_something(struct world *world, uint32_t partition)
{
    char order[24], customer[24], product[2][24];
    struct shop_line lines[2];
    if (world->orders >= ORDERS_MAX)
        return;
    name_for(world, "order", world->orders++, partition, order);
    name_for(world, "customer", 0, (uint32_t)draw(world, 0, WORLD_PARTITIONS - 1), customer);
    size_t count = draw(world, 1, 2);
    for (size_t i = 0; i < count; i++) {
        uint32_t number = (uint32_t)draw(world, 0, PRODUCTS - 1);
        name_for(world, "product", number, number % WORLD_PARTITIONS, product[i]);
        lines[i] = (struct shop_line){product[i], (int64_t)draw(world, 1, 3), 100 + number};
    }
    (void)shop_order(world->harness, order, customer, lines, count);
    if (chance(world, 20))
        (void)shop_cancel(world->harness, order);
    harness_provider_down(world->harness, chance(world, 40));
}

void world_open(struct world *world, uint64_t seed)
{
    char name[24];
    *world = (struct world){.orders = 0};
    prng_init(&world->prng, seed);
    /* A reservation that is parked is released without having happened, which leaves a tombstone for a while. */
    struct harness_options options = {.seed = seed, .partitions = WORLD_PARTITIONS, .second_replica = true, .lost_ppm = 200000,
                                      .repeated_ppm = 100000, .parked_ppm = 200000, .delay_ms_max = 800, .provider_ms_max = 3000};
    world->harness = harness_open(&options);
    for (uint32_t partition = 0; partition < WORLD_PARTITIONS; partition++) {
        name_for(world, "customer", 0, partition, name);
        (void)shop_customer(world->harness, name);
        for (uint32_t i = 0; i < WORLD_SESSIONS; i++)
            open_session(world, partition, i);
    }
    for (uint32_t i = 0; i < PRODUCTS; i++) {
        name_for(world, "product", i, i % WORLD_PARTITIONS, name);
        (void)shop_product(world->harness, name, 100 + i, 40);
    }
}

void world_close(struct world *world)
{
    harness_close(world->harness);
}

void world_step(struct world *world)
{
    uint32_t partition = (uint32_t)draw(world, 0, WORLD_PARTITIONS - 1);
    struct command raise = {.kind = COMMAND_RAISE_LEVEL, .raise_level = {LEVEL_LAST}};
    uint64_t what = draw(world, 0, 99);
    if (what < 62)
        write_map(world, partition);
    else if (what < 70)
        write_batch(world, partition);
    else if (what < 78)
        change_map(world, partition);
    else if (what < 82)
        change_session(world, partition);
    else if (what < 90)
        order_something(world, partition);
    else if (what < 91)
        (void)write_command(world, partition, &raise);
    else if (what < 93)
        change_retention(world, partition);
    else
        harness_run(world->harness, chance(world, 20) ? draw(world, 1000, 90000) : draw(world, 1, 400));
}

/* ---- snapshots */

struct buffer snapshot_of(struct partition *partition, struct prng *prng, size_t slice_max)
{
    struct buffer snapshot = {0};
    struct partition_save *save = partition_save_begin(partition);
    while (!partition_save_next(save, prng_range(prng, 1, slice_max), &snapshot))
        ;
    partition_save_end(save);
    return snapshot;
}

enum grid_err snapshot_load(struct partition *partition, struct bytes snapshot, struct prng *prng, size_t piece_max, bool take, char **ret_note)
{
    struct partition_load *load = partition_load_begin(partition);
    enum grid_err err = GRID_ERR_OK;
    for (size_t at = 0, size; at < snapshot.size && err == GRID_ERR_OK; at += size) {
        size = prng_range(prng, 1, piece_max);
        size = size < snapshot.size - at ? size : snapshot.size - at;
        /* In memory of its own, so that a sanitizer sees a read past the piece. */
        uint8_t *piece = memory_copy(snapshot.data + at, size);
        err = partition_load_next(load, bytes_of(piece, size));
        memory_free(piece);
    }
    enum grid_err ended = partition_load_end(load, take, ret_note);
    cr_assert(err == GRID_ERR_OK || err == ended);
    cr_assert_eq(ended == GRID_ERR_OK, *ret_note == NULL);
    return ended;
}

void snapshot_records(struct bytes snapshot, void (*each)(void *context, struct bytes record), void *context)
{
    for (size_t at = 0, size; at < snapshot.size; at += size) {
        cr_assert_leq(at + RECORD_HEAD_BYTES, snapshot.size);
        size = RECORD_HEAD_BYTES + get_u32(snapshot.data + at);
        cr_assert_leq(at + size, snapshot.size);
        each(context, bytes_of(snapshot.data + at, size));
    }
}

void snapshot_mend(struct buffer *snapshot)
{
    uint64_t records = 0, digest = 0;
    size_t at = 0;
    while (at + RECORD_HEAD_BYTES + 16 <= snapshot->size && snapshot->data[at + 4] != SECTION_END) {
        size_t size = RECORD_HEAD_BYTES + (size_t)get_u32(snapshot->data + at);
        if (size > snapshot->size - at)
            return;
        digest = hash_xxh3(bytes_of(snapshot->data + at, size), digest);
        records++;
        at += size;
    }
    if (at + RECORD_HEAD_BYTES + 16 > snapshot->size)
        return;
    put_u64(snapshot->data + at + RECORD_HEAD_BYTES, records);
    put_u64(snapshot->data + at + RECORD_HEAD_BYTES + 8, digest);
}

/* ---- comparing */

static void note_message(void *context, uint64_t sequence, struct bytes message)
{
    buffer_append_u64(context, sequence);
    buffer_append_sized(context, message);
}

struct outbox_seen { struct partition *partition; struct buffer content; };

static void note_link(void *context, uint32_t destination, uint64_t first, uint64_t last)
{
    struct outbox_seen *seen = context;
    buffer_append_u32(&seen->content, destination);
    buffer_append_u64(&seen->content, first);
    buffer_append_u64(&seen->content, last);
    partition_outbox_read(seen->partition, destination, first, SIZE_MAX, note_message, &seen->content);
}

static struct buffer outbox_of(struct partition *partition)
{
    struct outbox_seen seen = {.partition = partition};
    partition_outbox_each(partition, note_link, &seen);
    return seen.content;
}

static void compare_activities(struct partition *one, struct partition *other)
{
    struct partition_activity a, b;
    for (uint64_t after = 0; partition_activity_next(one, after, &a); after = a.id) {
        cr_assert(partition_activity_next(other, after, &b));
        cr_assert(a.id == b.id && a.service == b.service && a.kind == b.kind && bytes_equal(a.key, b.key) && bytes_equal(a.request, b.request));
    }
}

static void compare_metrics(struct partition *one, struct partition *other)
{
    if (partition_services(one) == 0)
        return;
    for (size_t i = 0; i < registry_builtin()->count; i++)
        for (size_t k = 0; k < registry_builtin()->services[i]->metrics_count; k++)
            cr_assert_eq(partition_metric(one, registry_builtin()->services[i], k), partition_metric(other, registry_builtin()->services[i], k));
}

void replicas_compare(struct partition *one, struct partition *other)
{
    uint64_t due_one = 0, due_other = 0;
    partition_holds(one);
    partition_holds(other);
    cr_assert_eq(partition_digest(one), partition_digest(other));
    cr_assert_eq(partition_state_digest(one), partition_state_digest(other));
    struct partition_stats stats_one = partition_stats(one), stats_other = partition_stats(other);
    stats_one.bytes = stats_other.bytes = 0;   /* memory, which depends on how the tables grew */
    cr_assert_eq(memcmp(&stats_one, &stats_other, sizeof stats_one), 0);
    cr_assert_eq(memcmp(partition_counts(one), partition_counts(other), sizeof(struct partition_counts)), 0);
    cr_assert_eq(partition_next_due_ms(one, &due_one), partition_next_due_ms(other, &due_other));
    cr_assert_eq(due_one, due_other);
    cr_assert_eq(partition_load(one), partition_load(other));
    cr_assert_eq(partition_outbox_version(one), partition_outbox_version(other));
    cr_assert_eq(partition_journal_version(one), partition_journal_version(other));
    compare_metrics(one, other);
    struct buffer outbox_one = outbox_of(one), outbox_other = outbox_of(other);
    cr_assert(bytes_equal(buffer_bytes(&outbox_one), buffer_bytes(&outbox_other)));
    buffer_close(&outbox_one);
    buffer_close(&outbox_other);
    compare_activities(one, other);
}
