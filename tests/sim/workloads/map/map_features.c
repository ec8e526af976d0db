#include "tests/sim/workloads/map/map_features.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "tests/sim/workloads/map/map_journal_oracle.h"

enum { CLIENTS_MAX = 4, FLEETING_KEYS = 12, PAIRS = 6, ONCE_MAX = 4096, KEY_BYTES = 16, TTL_MS_LEAST = 50, TTL_MS_MOST = 3000,
       KEYED_MAX = 64 };

static const char fleeting_name[] = "fleeting", pairs_name[] = "pairs", once_name[] = "once";

struct feature_client;

/* One thing after the other. */
struct actor {
    struct feature_client *client;
    void (*act)(struct actor *actor);
    bool busy;
    uint32_t number;                       /* of pair or idempotency key under way; settings: these are the last */
    uint32_t variant;                      /* of the request under an idempotency key */
    char key[KEY_BYTES];
    bool unknown;                          /* the fate of the last keyed write is */
};

enum { ACTOR_FLEETING, ACTOR_PAIR, ACTOR_ONCE, ACTOR_SETTINGS, ACTORS };

struct feature_client {
    struct map_features *features;
    uint32_t number;
    struct host *host;
    struct client *client;                 /* NULL: down */
    struct actor actors[ACTORS];
    struct client_journal *tail;
    uint64_t *positions;                   /* per partition; what a reader would write down: it outlives the host */
    uint64_t asked_ms;
};

/* The first answer under an idempotency key, and its requests that are under way. */
struct once { uint64_t version; uint32_t variant; bool answered; uint32_t out, out_variants[2]; };

/* A request that does not wait for the ones before it. */
struct keyed { struct feature_client *client; uint32_t number, variant; bool taken, sent; };

struct map_features {
    struct run *run;
    struct world *world;
    struct cluster *cluster;
    struct journal_oracle *oracle;
    struct feature_client clients[CLIENTS_MAX];
    struct once once[ONCE_MAX];
    uint32_t once_count;
    struct keyed keyed[KEYED_MAX];
    uint64_t gap_us, values, settings_version;
    bool draining, configured;             /* configured: since the drain began */
    struct map_settings last;              /* asked for in the drain */
};

static uint64_t draw(struct map_features *features, uint64_t low, uint64_t high)
{
    return prng_range(world_prng(features->world), low, high);
}

static void again(struct actor *actor);

static struct client_call call_of(struct actor *actor, client_done_fn done)
{
    actor->busy = true;
    return (struct client_call){.done = done, .context = actor};
}

/* ---- ttl */

static uint32_t partition_of(const struct actor *actor)
{
    return client_partition_of(actor->client->client, bytes_of_text(actor->key)).value;
}

static void fleeting_done(void *context, const struct client_result *result)
{
    struct actor *actor = context;
    struct map_features *features = actor->client->features;
    if (result->err == GRID_ERR_OK && result->response->version != 0) {
        journal_oracle_acknowledged(features->oracle, partition_of(actor), bytes_of_text(actor->key), result->response->version);
        run_count(features->run, "writes with a ttl", 1);
    }
    again(actor);
}

static void cleared(void *context, const struct client_result *result)
{
    struct actor *actor = context;
    if (result->err == GRID_ERR_OK && result->response->count > 0) {
        SOMETIMES(actor->client->features->world, "a map is cleared while it is written");
    }
    again(actor);
}

static void fleeting_act(struct actor *actor)
{
    static const enum map_operation operations[] = {MAP_SET, MAP_SET, MAP_PUT, MAP_PUT_IF_ABSENT, MAP_REPLACE, MAP_SET_TTL,
                                                    MAP_REMOVE, MAP_TAKE};
    struct map_features *features = actor->client->features;
    uint8_t value[8];
    put_u64(value, ++features->values);
    snprintf(actor->key, sizeof actor->key, "f-%" PRIu64, draw(features, 0, FLEETING_KEYS - 1));
    struct map_command command = {.operation = operations[draw(features, 0, sizeof operations / sizeof *operations - 1)],
                                  .map = bytes_of_text(fleeting_name), .key = bytes_of_text(actor->key),
                                  .value = bytes_of(value, sizeof value), .ttl_ms = draw(features, TTL_MS_LEAST, TTL_MS_MOST)};
    struct client_call call = call_of(actor, fleeting_done);
    if (!features->draining && draw(features, 0, 49) == 0) {
        call.done = cleared;
        client_map_clear(actor->client->client, bytes_of_text(fleeting_name), &call);
        return;
    }
    if (features->draining || client_partitions(actor->client->client) == 0) {
        actor->busy = false;
        again(actor);
        return;
    }
    client_map_command(actor->client->client, &command, &call);
}

/* ---- batches: both halves of a pair are written together, or not at all */

static void pair_written(void *context, const struct client_result *result)
{
    struct actor *actor = context;
    struct map_features *features = actor->client->features;
    if (result->err == GRID_ERR_OK) {
        run_count(features->run, "batches", 1);
    } else if (result->err == GRID_ERR_VERSION_CONFLICT) {
        SOMETIMES(features->world, "a batch meets a condition that fails");
    }
    again(actor);
}

static void pair_read(void *context, const struct client_result *result)
{
    struct actor *actor = context;
    struct map_features *features = actor->client->features;
    const struct response *response = result->response;
    if (result->err == GRID_ERR_OK) {
        run_count(features->run, "pairs read", 1);
        if (response->entries_count != 0 && response->entries_count != 2) {
            world_fail(features->world, "pair %u: one half without the other", actor->number);
        } else if (response->entries_count == 2 &&
                   (response->entries[0].version != response->entries[1].version ||
                    !bytes_equal(response->entries[0].value, response->entries[1].value))) {
            world_fail(features->world, "pair %u: halves of different batches", actor->number);
        }
    }
    again(actor);
}

static void pair_act(struct actor *actor)
{
    struct map_features *features = actor->client->features;
    struct bytes map = bytes_of_text(pairs_name), affinity;
    uint64_t dice = draw(features, 0, 9);
    uint8_t value[8];
    put_u64(value, ++features->values);
    actor->number = (uint32_t)draw(features, 0, PAIRS - 1);
    snprintf(actor->key, sizeof actor->key, "p-%u", actor->number);
    affinity = bytes_of_text(actor->key);
    if (client_partitions(actor->client->client) == 0) {
        again(actor);
        return;
    }
    if (features->draining || dice < 5) {
        struct query query = {.kind = QUERY_SCAN, .map = map, .affinity = affinity, .limit = 10};
        struct client_call call = call_of(actor, pair_read);
        client_query(actor->client->client, (struct partition_id){partition_of(actor)}, &query, &call);
        return;
    }
    struct map_command operations[3] = {
        {.operation = dice == 9 ? MAP_REMOVE : MAP_SET, .map = map, .key = bytes_of_text("left"), .affinity = affinity,
         .value = bytes_of(value, sizeof value)},
        {.operation = dice == 9 ? MAP_REMOVE : MAP_SET, .map = map, .key = bytes_of_text("right"), .affinity = affinity,
         .value = bytes_of(value, sizeof value)},
        {.operation = MAP_CHECK_VERSION, .map = map, .key = bytes_of_text("never"), .affinity = affinity,
         .expected_version = dice == 8 ? 1 : 0}};
    struct command command = {.kind = COMMAND_BATCH, .batch = {operations, 3}};
    struct client_call call = call_of(actor, pair_written);
    client_command(actor->client->client, &command, &call);
}

/* ---- idempotency keys: several clients ask for the same, and now and then for something else under the same key */

static void once_answered(struct map_features *features, uint32_t number, uint32_t variant, const struct client_result *result)
{
    struct once *once = &features->once[number];
    once->out--;
    once->out_variants[variant]--;
    if (result->err == GRID_ERR_OK) {
        run_count(features->run, "keyed writes", 1);
        if (!once->answered) {
            once->answered = true;
            once->version = result->response->version;
            once->variant = variant;
        } else if (once->version != result->response->version || once->variant != variant) {
            world_fail(features->world, "I11, I12: key %u was executed twice: version %" PRIu64 " of variant %u, version %" PRIu64
                       " of variant %u", number, once->version, once->variant, result->response->version, variant);
        } else {
            SOMETIMES(features->world, "a keyed write is asked for again");
        }
    } else if (result->err == GRID_ERR_IDEMPOTENCY_MISMATCH) {
        SOMETIMES(features->world, "another request under a key is refused");
        if (once->answered && once->variant == variant) {
            world_fail(features->world, "I12: key %u: the request that was executed is refused as another one", number);
        }
    }
}

/* Notes that a request under a key leaves, and what leaves at the same time. */
static void once_leaves(struct map_features *features, uint32_t number, uint32_t variant)
{
    struct once *once = &features->once[number];
    if (once->out > 0 && fault_on(features->world, FAULT_SAME_KEY)) {
        fault_happened(features->world, FAULT_SAME_KEY);
        SOMETIMES(features->world, "F71 one key is asked for twice at once");
    }
    if (once->out_variants[1 - variant] > 0) {
        SOMETIMES(features->world, "F70 F71 two contents of one key at once");
    }
    once->out++;
    once->out_variants[variant]++;
}

static void once_send(struct client *client, uint32_t number, uint32_t variant, const struct client_call *call)
{
    char text[KEY_BYTES], key[KEY_BYTES];
    uint8_t value[8];
    snprintf(key, sizeof key, "o-%u", number % 16);
    snprintf(text, sizeof text, "key-%u", number);
    put_u64(value, number * 2 + variant);
    struct command command = {.kind = COMMAND_MAP, .idempotency = {.tenant = bytes_of_text("sim"), .key = bytes_of_text(text)}};
    command.map = (struct map_command){.operation = MAP_SET, .map = bytes_of_text(once_name), .key = bytes_of_text(key),
                                       .value = bytes_of(value, sizeof value)};
    client_command(client, &command, call);
}

static void once_done(void *context, const struct client_result *result)
{
    struct actor *actor = context;
    once_answered(actor->client->features, actor->number, actor->variant, result);
    actor->unknown = result->err == GRID_ERR_UNKNOWN;
    again(actor);
}

static void twin_done(void *context, const struct client_result *result)
{
    struct keyed *keyed = context;
    once_answered(keyed->client->features, keyed->number, keyed->variant, result);
    keyed->taken = false;
}

static void twin_leaves(struct world *world, void *context)
{
    struct keyed *keyed = context;
    struct feature_client *client = keyed->client;
    (void)world;
    if (client->features->draining) {
        keyed->taken = false;
        return;
    }
    keyed->sent = true;
    once_leaves(client->features, keyed->number, keyed->variant);
    once_send(client->client, keyed->number, keyed->variant, &(struct client_call){.done = twin_done, .context = keyed});
}

/* F71: others use the same key at the same moment, from this client and from others, some of them for something else. */
static void send_twins(struct actor *actor)
{
    struct map_features *features = actor->client->features;
    for (uint64_t i = draw(features, 1, 3); i > 0; i--) {
        struct feature_client *client = &features->clients[draw(features, 0, CLIENTS_MAX - 1)];
        uint64_t delay_us = draw(features, 0, 2) * draw(features, 0, 2000);
        size_t at = 0;
        while (at < KEYED_MAX && features->keyed[at].taken) {
            at++;
        }
        if (at == KEYED_MAX) {
            return;
        }
        features->keyed[at] = (struct keyed){.client = client->client ? client : actor->client, .number = actor->number, .taken = true,
                                             .variant = draw(features, 0, 2) == 0 ? 1 - actor->variant : actor->variant};
        host_at(features->keyed[at].client->host, delay_us, twin_leaves, &features->keyed[at]);
    }
}

static void once_act(struct actor *actor)
{
    struct map_features *features = actor->client->features;
    if (features->draining) {
        again(actor);
        return;
    }
    bool fresh = features->once_count == 0 || (features->once_count < ONCE_MAX && draw(features, 0, 3) == 0);
    if (actor->unknown && draw(features, 0, 3) != 0) {
        /* F69: what an application does that was told nothing. */
        SOMETIMES(features->world, "F69 a keyed write of unknown fate is asked for again");
    } else {
        actor->number = fresh ? features->once_count++ : (uint32_t)draw(features, features->once_count > 8 ? features->once_count - 8 : 0,
                                                                       features->once_count - 1);
        actor->variant = draw(features, 0, 5) == 0;
    }
    struct client_call call = call_of(actor, once_done);
    once_leaves(features, actor->number, actor->variant);
    once_send(actor->client->client, actor->number, actor->variant, &call);
    if (fault_on(features->world, FAULT_SAME_KEY) && draw(features, 0, 2) == 0) {
        send_twins(actor);
    }
}

/* ---- settings: changed all the time; the journal stays on */

static struct map_settings some_settings(struct map_features *features)
{
    return (struct map_settings){
        .ttl_ms = draw(features, 0, 1) * draw(features, TTL_MS_LEAST, TTL_MS_MOST),
        .entries_max = draw(features, 0, 4) == 0 ? 3 : 0,
        .journal = {.enabled = true, .old_values = draw(features, 0, 1) == 0,
                    .entries_max = draw(features, 0, 9) == 0 ? 20 : 100000,
                    .age_max_ms = draw(features, 0, 9) == 0 ? 2000 : 0}};
}

static void settings_done(void *context, const struct client_result *result)
{
    struct actor *actor = context;
    struct map_features *features = actor->client->features;
    if (result->response->version > features->settings_version) {
        features->settings_version = result->response->version;
    }
    if (result->err == GRID_ERR_OK) {
        run_count(features->run, "settings changed", 1);
        features->configured |= actor->number != 0;
    } else if (result->err == GRID_ERR_VERSION_CONFLICT) {
        SOMETIMES(features->world, "two change the settings at once");
    } else if (result->err == GRID_ERR_MISMATCH) {
        world_fail(features->world, "two settings have one version");
    }
    again(actor);
}

static void settings_act(struct actor *actor)
{
    struct map_features *features = actor->client->features;
    struct map_settings settings = some_settings(features);
    struct client_call call = call_of(actor, settings_done);
    actor->number = features->draining;
    if (features->draining) {
        /* The same from everybody, until one was told that it is done everywhere. */
        settings = features->last;
    }
    if (features->configured || (features->settings_version != 0 && !features->draining && draw(features, 0, 9) != 0)) {
        actor->busy = false;
        again(actor);
        return;
    }
    client_map_configure(actor->client->client, bytes_of_text(fleeting_name), &settings, features->settings_version, &call);
}

/* ---- readers of the journal */

static void tail_on(struct world *world, void *context);

static void on_page(void *context, const struct client_result *result)
{
    struct feature_client *client = context;
    struct map_features *features = client->features;
    const struct journal_page *page = result->response->journal;
    if (!client->client) {
        return;
    }
    if (result->err == GRID_ERR_OK && result->partition != PARTITION_ALL) {
        journal_oracle_page(features->oracle, result->partition, client->positions[result->partition], page);
        run_count(features->run, "records read", page->records_count);
        client->positions[result->partition] = page->next_sequence;
    }
    host_at(client->host, draw(features, 1, 4 * features->gap_us), tail_on, client);
}

static void tail_on(struct world *world, void *context)
{
    struct feature_client *client = context;
    (void)world;
    client_journal_next(client->tail, draw(client->features, 0, 3000), &(struct client_call){.done = on_page, .context = client});
}

static void tail_begin(struct feature_client *client)
{
    struct map_features *features = client->features;
    struct client_journal_options options = {.map = bytes_of_text(fleeting_name), .from = JOURNAL_OLDEST,
                                             .partition = PARTITION_ALL, .limit = (uint32_t)draw(features, 1, 20)};
    client->tail = client_journal_open(client->client, &options);
    for (uint32_t i = 0; i < features->run->partitions; i++) {
        if (client->positions[i] != 0) {
            client_journal_seek(client->tail, i, client->positions[i]);
        }
    }
    host_at(client->host, draw(features, 1, 200000), tail_on, client);
}

/* ---- lives */

static void actor_step(struct world *world, void *context)
{
    struct actor *actor = context;
    (void)world;
    if (!actor->busy) {
        actor->act(actor);
    }
}

static void again(struct actor *actor)
{
    struct feature_client *client = actor->client;
    actor->busy = false;
    if (client->client) {
        uint64_t wait_us = client->features->draining ? 0 : run_quiet_us(client->features->run);
        host_at(client->host, wait_us + draw(client->features, 1, 4 * client->features->gap_us), actor_step, actor);
    }
}

void map_features_start(struct map_features *features, uint32_t number, struct host *host, struct client *inner)
{
    static void (*const acts[ACTORS])(struct actor *actor) = {
        [ACTOR_FLEETING] = fleeting_act, [ACTOR_PAIR] = pair_act, [ACTOR_ONCE] = once_act, [ACTOR_SETTINGS] = settings_act};
    struct feature_client *client = &features->clients[number];
    client->host = host;
    client->client = inner;
    for (size_t i = 0; i < ACTORS; i++) {
        client->actors[i] = (struct actor){.client = client, .act = acts[i]};
        again(&client->actors[i]);
    }
    tail_begin(client);
}

void map_features_stop(struct map_features *features, uint32_t number)
{
    struct feature_client *client = &features->clients[number];
    client->client = NULL;
    for (size_t i = 0; i < KEYED_MAX; i++) {
        struct keyed *keyed = &features->keyed[i];
        keyed->taken = keyed->taken && (keyed->client != client || keyed->sent); /* what was sent will be answered */
    }
    client_journal_close(client->tail);
    client->tail = NULL;
}

struct map_features *map_features_open(struct run *run, struct cluster *cluster, uint64_t gap_us)
{
    struct map_features *features = memory_zero(1, sizeof *features);
    features->run = run;
    features->world = run->world;
    features->cluster = cluster;
    features->gap_us = gap_us;
    features->oracle = journal_oracle_open(run->world, run->partitions);
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        features->clients[i].features = features;
        features->clients[i].number = i;
        features->clients[i].positions = memory_zero(run->partitions, sizeof(uint64_t));
    }
    return features;
}

void map_features_close(struct map_features *features)
{
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        memory_free(features->clients[i].positions);
    }
    journal_oracle_close(features->oracle);
    memory_free(features);
}

/* ---- the end */

void map_features_drain(struct map_features *features)
{
    if (!features->draining) {
        features->last = (struct map_settings){.ttl_ms = 1234, .journal = {.enabled = true, .entries_max = 100000}};
    }
    features->draining = true;
}

static struct map_info info_of(const struct partition *replica)
{
    struct buffer encoded = {0};
    struct arena arena;
    struct response response;
    struct query query = {.kind = QUERY_DESCRIBE, .map = bytes_of_text(fleeting_name)};
    arena_init(&arena, 1024);
    partition_query(replica, &query, 0, &encoded);
    HOLDS(response_decode(buffer_bytes(&encoded), &arena, &response) == GRID_ERR_OK);
    struct map_info info = response.info ? *response.info : (struct map_info){0};
    buffer_close(&encoded);
    arena_close(&arena);
    return info;
}

const char *map_features_unsettled(struct map_features *features)
{
    if (!features->configured) {
        return "the last settings are not everywhere";
    }
    for (uint32_t i = 0; i < features->run->partitions; i++) {
        const struct partition *replica = cluster_partition(features->cluster, i);
        if (!replica) {
            return "no node is up";
        }
        struct map_info info = info_of(replica);
        if (info.entries != 0 || info.expiring != 0) {
            return "an entry with a ttl is still there";
        }
        if (journal_oracle_is_behind(features->oracle, i, &info)) {
            return "a journal was not read to its end";
        }
    }
    return NULL;
}

void map_features_check(struct map_features *features)
{
    for (uint32_t i = 0; i < features->run->partitions; i++) {
        const struct partition *replica = cluster_partition(features->cluster, i);
        struct map_info info = info_of(replica);
        bool adds_up = journal_oracle_check(features->oracle, i, replica, &info, bytes_of_text(fleeting_name));
        run_count(features->run, adds_up ? "journals that add up" : "journals with losses", 1);
        if (info.settings.ttl_ms != features->last.ttl_ms || info.settings_version != info_of(cluster_partition(features->cluster, 0)).settings_version) {
            world_fail(features->world, "partition %u has other settings: version %" PRIu64, i, info.settings_version);
        }
    }
}
