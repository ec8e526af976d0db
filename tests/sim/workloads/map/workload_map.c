/* Maps through whole nodes: clients read and write a few keys while everything fails; the history must be linearizable.
 *
 * Oracles: histories of every key are linearizable (I23), which includes that nothing acknowledged is lost (I10), nothing
 * is applied twice (I11), no read is stale (I24) and one of two racing compare-and-sets wins (I14); scans give every
 * entry that was there all the time exactly once, across resizes and changes of leader; replicas are equal (I15). What
 * maps can do beside that runs along: map_features.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/core/core.h"
#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sim/workloads/map/map_dropper.h"
#include "tests/sim/workloads/map/map_features.h"
#include "tests/sim/workloads/map/newcomer.h"
#include "tests/sim/workloads/workloads.h"
#include "tests/support/wgl.h"
#include "tests/support/witness.h"

enum { CLIENTS_MAX = 4, WORKERS_MAX = 6, KEYS_MAX = 24, STABLE_MAX = 120, KEY_BYTES = 16, ENDPOINTS_MAX = 7 };
enum { DROPPER_NUMBER = 900 };             /* likewise, of what drops the map */
enum { WITNESS_NUMBER = 1000 };            /* clients of histories from here on are witnesses */
enum { DIRECT_WRITES_PERCENT = 30 };       /* of what a witness asks, where it writes at all */

static const char map_name[] = "registers", stable_name[] = "stable";

struct workload_map;

/* Does one operation after the other. */
struct worker {
    struct map_client *client;
    uint32_t number;
    struct wgl_operation operation;        /* under way */
    bool busy;
    uint64_t seen_version[KEYS_MAX];       /* what this worker last saw: compare-and-set builds on it */
    uint64_t seen_value[KEYS_MAX];
    enum map_operation sent;               /* which of several that mean the same to the checker */
};

/* Walks through the stable entries of one partition, page by page. */
struct scanner {
    struct map_client *client;
    uint32_t partition;
    bool busy;
    uint64_t cursor_hash;
    struct buffer cursor_key;
    uint8_t counts[STABLE_MAX];
};

struct map_client {
    struct workload_map *workload;
    struct host *host;
    struct client *client;
    bool closing;
    struct worker workers[WORKERS_MAX];
    struct scanner scanner;
    struct map_dropper dropper;
    uint64_t repeated;             /* by the client, when last looked at */
    bool impatient;
    uint32_t witnessed;            /* position of the witness's node */
    struct witness *witness;       /* of one node: clients turn away from a leader that is cut off, this does not (I24) */
};

struct workload_map {
    struct run *run;
    struct world *world;
    struct cluster *cluster;
    struct map_features *features;
    struct newcomer *newcomer;
    struct map_client clients[CLIENTS_MAX];
    uint32_t clients_count, workers_count, keys_count, stable_count, stable_written;
    uint64_t gap_us, values;
    struct wgl_operation *history;
    size_t history_count, history_capacity;
    bool draining, stable_done;
    bool key_read[KEYS_MAX];       /* after the last drain began */
    const char *endpoints[ENDPOINTS_MAX];
    char key_texts[KEYS_MAX][KEY_BYTES];
    const char *keys[KEYS_MAX];
};

static uint64_t draw(struct workload_map *workload, uint64_t low, uint64_t high)
{
    return prng_range(world_prng(workload->world), low, high);
}

static struct bytes key_name(char text[KEY_BYTES], const char *prefix, uint32_t number)
{
    snprintf(text, KEY_BYTES, "%s-%u", prefix, number);
    return bytes_of_text(text);
}

static uint64_t value_of(struct bytes bytes)
{
    return bytes.size == 8 ? get_u64(bytes.data) : 0;
}

/* ---- operations on registers */

static void worker_again(struct worker *worker);

static void record(struct workload_map *workload, const struct wgl_operation *operation)
{
    if (workload->history_count == workload->history_capacity) {
        workload->history_capacity = workload->history_capacity ? workload->history_capacity * 2 : 1024;
        workload->history = memory_resize(workload->history, workload->history_capacity * sizeof *workload->history);
    }
    workload->history[workload->history_count++] = *operation;
}

/* A condition that was not met says what is there: the operation was a read. */
static bool read_of(const struct response *response, struct wgl_operation *operation)
{
    operation->kind = WGL_GET;
    operation->found = response->found;
    operation->version = response->found ? response->version : 0;
    operation->value = response->found ? value_of(response->value) : 0;
    return true;
}

/* Fills in what was answered. False: the operation certainly did nothing. */
static bool answer_of(enum map_operation sent, const struct client_result *result, struct wgl_operation *operation)
{
    const struct response *response = result->response;
    if (result->err == GRID_ERR_UNKNOWN || result->err == GRID_ERR_RESULT_NOT_KEPT) {
        operation->returned = WGL_NEVER;
        return operation->kind != WGL_GET;
    }
    if ((sent == MAP_PUT_IF_ABSENT && result->err == GRID_ERR_ALREADY_EXISTS) ||
        (sent == MAP_REPLACE && result->err == GRID_ERR_NOT_FOUND)) {
        return read_of(response, operation);
    }
    operation->conflict = result->err == GRID_ERR_VERSION_CONFLICT ||
                          (sent == MAP_REPLACE_IF_SAME && result->err == GRID_ERR_NOT_FOUND);
    if (result->err != GRID_ERR_OK && !operation->conflict) {
        return false;
    }
    operation->found = response->found;
    operation->version = operation->kind == WGL_REMOVE ? 0 : response->version;
    if (operation->kind == WGL_GET) {
        operation->value = response->found ? value_of(response->value) : 0;
    }
    if (sent == MAP_PUT || sent == MAP_REPLACE || sent == MAP_TAKE) {
        operation->tells_old = response->found;
        operation->old_value = response->found ? value_of(response->value) : 0;
    }
    return true;
}

/* F69: an attempt that was not answered in time was made again, and the first may still be under way. */
static void note_repeats(struct map_client *client)
{
    uint64_t repeated = client_totals(client->client).repeated;
    if (client->impatient && repeated > client->repeated) {
        fault_happened(client->workload->world, FAULT_IMPATIENT_CLIENT);
        SOMETIMES(client->workload->world, "F69 a request is repeated while the first is under way");
    }
    client->repeated = repeated;
}

static void on_done(void *context, const struct client_result *result)
{
    struct worker *worker = context;
    struct workload_map *workload = worker->client->workload;
    struct wgl_operation *operation = &worker->operation;
    worker->busy = false;
    note_repeats(worker->client);
    operation->returned = world_now_us(workload->world);
    bool happened = answer_of(worker->sent, result, operation), answered = happened && operation->returned != WGL_NEVER;
    run_count(workload->run, answered ? "operations done" : happened ? "operations unknown" : "operations failed", 1);
    if (!answered && operation->kind != WGL_GET) {
        world_say(workload->world, "client %u: key %u: %s of %" PRIu64 " called at %" PRIu64 ": %s: %s", operation->client, (unsigned)operation->key, operation->kind == WGL_REMOVE ? "remove" : "write", operation->value, operation->called, grid_err_name(result->err), result->note);
    }
    if (result->err == GRID_ERR_LOG_FULL && workload->run->options->log_memory_bytes == 0) {
        SOMETIMES(workload->world, "a disk is full and a write is refused");
    }
    if (result->err == GRID_ERR_RESULT_NOT_KEPT) {
        world_fail(workload->world, "a result of a few bytes was not kept for a repeat");
    }
    if (happened) {
        record(workload, operation);
    }
    if (answered && operation->kind != WGL_REMOVE) {
        worker->seen_version[operation->key] = operation->conflict && !operation->found ? 0 : operation->version;
        worker->seen_value[operation->key] = operation->conflict ? 0 : operation->value;
        workload->key_read[operation->key] |= workload->draining;
    }
    if (answered && operation->conflict) {
        SOMETIMES(workload->world, "a compare-and-set loses");
    } else if (happened && !answered) {
        SOMETIMES(workload->world, "a write stays unknown");
    }
    if (!worker->client->closing) {
        worker_again(worker);
    }
}

/* How the checker sees it: a put is a set that tells what was there, a put-if-absent a compare-and-set with absence, a
 * replacement by value one by the version of that value, for no value is written twice. */
static enum map_operation choose(struct worker *worker, uint32_t number)
{
    struct wgl_operation *operation = &worker->operation;
    uint64_t dice = draw(worker->client->workload, 0, 59);
    bool knows_value = worker->seen_version[number] != 0 && worker->seen_value[number] != 0;
    operation->kind = WGL_SET;
    if (dice < 16) {
        return MAP_SET;
    }
    if (dice < 26) {
        return MAP_PUT;
    }
    if (dice < 32) {
        return MAP_REPLACE;
    }
    if (dice < 40) {
        operation->kind = WGL_REMOVE;
        return dice < 36 ? MAP_REMOVE : MAP_TAKE;
    }
    operation->kind = WGL_COMPARE_AND_SET;
    if (dice < 46) {
        return MAP_PUT_IF_ABSENT;
    }
    operation->expected = worker->seen_version[number];
    return dice < 52 && knows_value ? MAP_REPLACE_IF_SAME : MAP_COMPARE_AND_SET;
}

static void operate(struct worker *worker, uint32_t number)
{
    struct workload_map *workload = worker->client->workload;
    struct client *client = worker->client->client;
    struct client_call call = {.done = on_done, .context = worker};
    char text[KEY_BYTES];
    struct client_key key = {.key = key_name(text, "r", number)};
    struct bytes map = bytes_of_text(map_name);
    uint8_t value[8], expected[8];
    put_u64(value, ++workload->values);
    put_u64(expected, worker->seen_value[number]);
    worker->busy = true;
    worker->operation = (struct wgl_operation){.kind = WGL_GET, .client = worker->number, .key = number,
                                               .called = world_now_us(workload->world), .value = workload->values};
    worker->sent = 0;
    run_count(workload->run, "operations", 1);
    if (workload->draining || draw(workload, 0, 99) < 40) {
        client_map_get(client, map, &key, &call);
        return;
    }
    worker->sent = choose(worker, number);
    struct map_command command = {.operation = worker->sent, .map = map, .key = key.key,
                                  .value = bytes_of(value, sizeof value), .expected_version = worker->operation.expected,
                                  .expected_value = bytes_of(expected, sizeof expected)};
    client_map_command(client, &command, &call);
}

/* After the faults: every key is read again. */
static uint32_t next_key(struct workload_map *workload)
{
    uint32_t key = (uint32_t)draw(workload, 0, workload->keys_count - 1);
    for (uint32_t i = 0; workload->draining && workload->key_read[key] && i < workload->keys_count; i++) {
        key = (key + 1) % workload->keys_count;
    }
    return key;
}

static void worker_step(struct world *world, void *context)
{
    struct worker *worker = context;
    (void)world;
    if (!worker->busy) {
        operate(worker, next_key(worker->client->workload));
    }
}

static void worker_again(struct worker *worker)
{
    struct workload_map *workload = worker->client->workload;
    uint64_t wait_us = workload->draining ? 0 : run_quiet_us(workload->run);
    host_at(worker->client->host, wait_us + draw(workload, 1, 2 * workload->gap_us), worker_step, worker);
}

/* ---- stable entries: written once at the beginning, scanned all the time */

static void stable_next(struct map_client *client);

static void on_stable_written(void *context, const struct client_result *result)
{
    struct map_client *client = context;
    struct workload_map *workload = client->workload;
    if (result->err == GRID_ERR_OK) {
        workload->stable_written++;
    }
    workload->stable_done = workload->stable_written == workload->stable_count;
    if (!client->closing) {
        stable_next(client);
    }
}

/* One client writes them one after the other; a write of unknown fate is simply written again. */
static void stable_next(struct map_client *client)
{
    struct workload_map *workload = client->workload;
    char text[KEY_BYTES];
    if (workload->stable_done || client != &workload->clients[0]) {
        return;
    }
    struct client_key key = {.key = key_name(text, "s", workload->stable_written)};
    client_map_set(client->client, bytes_of_text(stable_name), &key, key.key,
                   &(struct client_call){.done = on_stable_written, .context = client});
}

static void scan_page(struct world *world, void *context);

static void judge_scan(struct scanner *scanner)
{
    struct workload_map *workload = scanner->client->workload;
    for (uint32_t i = 0; i < workload->stable_count; i++) {
        char text[KEY_BYTES];
        bool here = client_partition_of(scanner->client->client, key_name(text, "s", i)).value == scanner->partition;
        if (scanner->counts[i] != (here ? 1 : 0)) {
            world_fail(workload->world, "a scan of partition %u gave entry s-%u %u times", scanner->partition, i, scanner->counts[i]);
        }
    }
    run_count(workload->run, "scans", 1);
}

static void scan_restart(struct scanner *scanner)
{
    scanner->cursor_hash = 0;
    buffer_clear(&scanner->cursor_key);
    memset(scanner->counts, 0, sizeof scanner->counts);
    scanner->partition = (uint32_t)draw(scanner->client->workload, 0, scanner->client->workload->run->partitions - 1);
}

static void on_page(void *context, const struct client_result *result)
{
    struct scanner *scanner = context;
    struct workload_map *workload = scanner->client->workload;
    const struct response *response = result->response;
    scanner->busy = false;
    for (size_t i = 0; result->err == GRID_ERR_OK && i < response->entries_count; i++) {
        unsigned number;
        char text[KEY_BYTES] = {0};
        memcpy(text, response->entries[i].key.data, response->entries[i].key.size < KEY_BYTES ? response->entries[i].key.size : KEY_BYTES - 1);
        number = (unsigned)strtoul(text + 2, NULL, 10); /* "s-<number>" */
        if (number < STABLE_MAX) {
            scanner->counts[number]++;
        }
    }
    if (result->err == GRID_ERR_OK) {
        scanner->cursor_hash = response->cursor_hash;
        buffer_clear(&scanner->cursor_key);
        buffer_append(&scanner->cursor_key, response->cursor_key);
    }
    if (result->err == GRID_ERR_OK && !response->more) {
        judge_scan(scanner);
        scan_restart(scanner);
    }
    if (!scanner->client->closing) {
        host_at(scanner->client->host, draw(workload, 1, 4 * workload->gap_us), scan_page, scanner);
    }
}

static void scan_page(struct world *world, void *context)
{
    struct scanner *scanner = context;
    struct map_client *client = scanner->client;
    struct workload_map *workload = client->workload;
    (void)world;
    if (scanner->busy) {
        return;
    }
    if (!workload->stable_done || client_partitions(client->client) == 0) {
        host_at(client->host, 100000, scan_page, scanner);
        return;
    }
    struct query query = {.kind = QUERY_SCAN, .map = bytes_of_text(stable_name), .limit = (uint32_t)draw(workload, 1, 9),
                          .cursor_hash = scanner->cursor_hash, .cursor_key = buffer_bytes(&scanner->cursor_key)};
    scanner->busy = true;
    client_query(client->client, (struct partition_id){scanner->partition}, &query,
                 &(struct client_call){.done = on_page, .context = scanner});
}

/* ---- witnesses */

static void on_witnessed(void *context, const struct wgl_operation *operation)
{
    struct workload_map *workload = ((struct map_client *)context)->workload;
    if (operation->kind == WGL_GET) {
        run_count(workload->run, "reads witnessed", 1);
    }
    record(workload, operation);
}

static uint64_t witness_now_us(void *context)
{
    return world_now_us(((struct map_client *)context)->workload->world);
}

static uint64_t witness_value(void *context)
{
    return ++((struct map_client *)context)->workload->values;
}

/* F74: the witness asks any node; only a leader that a majority confirms may write. */
static void on_witness_wrote(void *context, uint32_t partition, bool ended, enum grid_err err)
{
    struct map_client *client = context;
    struct workload_map *workload = client->workload;
    bool deposed = cluster_deposed(workload->cluster, client->witnessed, partition);
    run_count(workload->run, ended ? err == GRID_ERR_OK ? "direct writes done" : "direct writes not done" : "direct writes", 1);
    if (ended && err == GRID_ERR_NOT_LEADER) {
        fault_happened(workload->world, FAULT_WRONG_NODE);
        SOMETIMES(workload->world, "F74 a follower is asked to write and refuses");
    } else if (!ended && deposed) {
        fault_happened(workload->world, FAULT_WRONG_NODE);
        SOMETIMES(workload->world, "F74 a deposed leader is asked to write");
    } else if (ended && deposed && err == GRID_ERR_OK) {
        SOMETIMES(workload->world, "F74 a leader says done and is deposed already");
    }
}

static void open_witness(struct map_client *client)
{
    struct workload_map *workload = client->workload;
    uint32_t node = (uint32_t)draw(workload, 1, workload->run->nodes);
    client->witnessed = node - 1;
    client->witness = witness_open(&(struct witness_options){
        .io = host_io(client->host), .prng = world_prng(workload->world), .map = map_name, .keys = workload->keys,
        .endpoint = workload->endpoints[node - 1], .node = node, .keys_count = workload->keys_count,
        .gap_us = workload->gap_us, .number = WITNESS_NUMBER + (uint32_t)host_number(client->host), .read = on_witnessed,
        .now_us = witness_now_us, .context = client,
        .writes_percent = !workload->draining && fault_chosen(workload->world, FAULT_WRONG_NODE) ? DIRECT_WRITES_PERCENT : 0,
        .next_value = witness_value, .wrote = on_witness_wrote});
}

/* ---- drops */

static void on_drop_ended(void *context, const struct wgl_operation *operation)
{
    struct workload_map *workload = context;
    run_count(workload->run, operation->returned == WGL_NEVER ? "drops unknown" : "drops done", 1);
    record(workload, operation);
}

static void begin_dropper(struct map_client *client)
{
    struct workload_map *workload = client->workload;
    client->dropper = (struct map_dropper){
        .host = client->host, .client = client->client, .map = map_name, .keys = workload->keys,
        .keys_count = workload->keys_count, .number = DROPPER_NUMBER + (uint32_t)host_number(client->host),
        .draining = &workload->draining, .record = on_drop_ended, .context = workload};
    map_dropper_begin(&client->dropper);
}

/* ---- life of a client */

static void on_open(void *context, struct host *host)
{
    struct map_client *client = context;
    struct workload_map *workload = client->workload;
    struct client_options options = {.endpoints = workload->endpoints, .endpoints_count = workload->run->nodes,
                                     .deadline_ms = 8000, .attempt_ms = 1500};
    client->closing = false;
    client->repeated = 0;
    /* One of them always has the patience that work takes. */
    client->impatient = client != &workload->clients[0] && !workload->draining && fault_chosen(workload->world, FAULT_IMPATIENT_CLIENT) && draw(workload, 0, 1) == 0;
    if (client->impatient) {
        options.attempt_ms = draw(workload, 3, 60);
        options.deadline_ms = draw(workload, 0, 1) == 0 ? draw(workload, 100, 1000) : 8000;
    }
    client->client = client_open(host_io(host), &options);
    for (uint32_t i = 0; i < workload->workers_count; i++) {
        client->workers[i] = (struct worker){.client = client, .number = (uint32_t)host_number(host) * WORKERS_MAX + i};
        worker_again(&client->workers[i]);
    }
    client->scanner.busy = false;
    scan_restart(&client->scanner);
    host_at(host, draw(workload, 1, 200000), scan_page, &client->scanner);
    stable_next(client);
    map_features_start(workload->features, (uint32_t)(client - workload->clients), host, client->client);
    begin_dropper(client);
    open_witness(client);
}

static void note_death(struct map_client *client)
{
    for (uint32_t i = 0; i < client->workload->workers_count; i++) {
        if (client->workers[i].busy && client->workers[i].sent != 0) {
            SOMETIMES(client->workload->world, "F72 a client dies with a write under way");
            return;
        }
    }
}

static void on_end(void *context, struct host *host)
{
    struct map_client *client = context;
    (void)host;
    client->closing = true;
    client_holds(client->client);
    note_death(client);
    map_features_stop(client->workload->features, (uint32_t)(client - client->workload->clients));
    if (client == &client->workload->clients[0]) {
        newcomer_stop(client->workload->newcomer);
    }
    client_close(client->client);
    client->client = NULL;
    witness_close(client->witness);
    client->witness = NULL;
}

/* ---- the workload */

static void *map_open(struct run *run)
{
    struct workload_map *workload = memory_zero(1, sizeof *workload);
    workload->run = run;
    workload->world = run->world;
    workload->cluster = cluster_open(run);
    workload->clients_count = (uint32_t)draw(workload, 2, CLIENTS_MAX);
    workload->workers_count = (uint32_t)draw(workload, 2, WORKERS_MAX);
    workload->keys_count = (uint32_t)draw(workload, 4, KEYS_MAX);
    workload->stable_count = (uint32_t)draw(workload, 20, STABLE_MAX);
    workload->gap_us = draw(workload, 3000, 60000);
    workload->features = map_features_open(run, workload->cluster, workload->gap_us);
    workload->newcomer = newcomer_open(run, workload->cluster);
    for (uint32_t i = 0; i < workload->keys_count; i++) {
        workload->keys[i] = workload->key_texts[i];
        key_name(workload->key_texts[i], "r", i);
    }
    for (uint32_t i = 0; i < run->nodes; i++) {
        workload->endpoints[i] = cluster_endpoint(workload->cluster, i);
    }
    for (uint32_t i = 0; i < workload->clients_count; i++) {
        struct map_client *client = &workload->clients[i];
        char name[16];
        snprintf(name, sizeof name, "c%u", i + 1);
        client->workload = workload;
        client->scanner.client = client;
        client->host = world_add_host(run->world, name, HOST_CLIENT, &(struct host_owner){on_open, on_end, on_end, client, NULL});
    }
    return workload;
}

static void map_drain(void *state)
{
    struct workload_map *workload = state;
    workload->draining = true;
    memset(workload->key_read, 0, sizeof workload->key_read);
    map_features_drain(workload->features);
    newcomer_begin(workload->newcomer, workload->clients[0].host);
    for (uint32_t i = 0; i < workload->clients_count; i++) {
        if (workload->clients[i].impatient) {
            host_crash(workload->clients[i].host, CRASH_KILL); /* who comes back waits for answers */
            host_start(workload->clients[i].host);
        }
        if (workload->clients[i].witness) {
            witness_reads_only(workload->clients[i].witness);
        }
    }
}

static const char *map_unsettled(struct workload_map *workload)
{
    for (uint32_t i = 0; i < workload->keys_count; i++) {
        if (!workload->key_read[i]) {
            return "a key was not read since the faults ended";
        }
    }
    if (!workload->stable_done) {
        return "the stable entries are not written";
    }
    const char *what = map_features_unsettled(workload->features);
    if (!what) {
        what = newcomer_unsettled(workload->newcomer);
    }
    return what ? what : cluster_unsettled(workload->cluster);
}

static bool map_settled(void *state)
{
    return !map_unsettled(state);
}

static void map_describe(void *state, struct buffer *out)
{
    struct workload_map *workload = state;
    buffer_append_format(out, "%s; ", map_unsettled(workload));
    cluster_describe(workload->cluster, out);
}

/* A write that still waits for its answer may have happened. */
static void record_unanswered(struct workload_map *workload)
{
    for (uint32_t i = 0; i < workload->clients_count * WORKERS_MAX; i++) {
        struct worker *worker = &workload->clients[i / WORKERS_MAX].workers[i % WORKERS_MAX];
        if (worker->busy && worker->operation.kind != WGL_GET) {
            worker->operation.returned = WGL_NEVER;
            record(workload, &worker->operation);
        }
    }
    for (uint32_t i = 0; i < workload->clients_count; i++) {
        if (workload->clients[i].witness) {
            witness_end_write(workload->clients[i].witness);
        }
    }
}

static void map_check(void *state)
{
    struct workload_map *workload = state;
    cluster_check(workload->cluster);
    map_features_check(workload->features);
    record_unanswered(workload);
    struct wgl_report report = {0};
    enum wgl_verdict verdict = wgl_check(workload->history, workload->history_count, &report);
    run_count(workload->run, verdict == WGL_TOO_HARD ? "histories too hard" : "histories checked", 1);
    if (verdict == WGL_VIOLATION) {
        buffer_append_u8(&report.text, 0);
        world_fail(workload->world, "I23: key r-%" PRIu64 " is not linearizable: %s", report.key, (const char *)report.text.data);
    }
    wgl_report_close(&report);
}

static void map_enough(void *state)
{
    struct workload_map *workload = state;
    uint64_t all = run_counted(workload->run, "operations"), done = run_counted(workload->run, "operations done");
    const struct quorum *quorum = &workload->run->quorum;
    if (done * 10 < quorum_share(quorum, all * 3) || done < quorum_share(quorum, 50)) {
        world_fail(workload->world, "too little work done: %" PRIu64 " of %" PRIu64 " operations, with a quorum for %" PRIu64 " of %" PRIu64 " ms", done,
                   all, quorum->working_us / 1000, quorum->all_us / 1000);
    }
}

static void map_close(void *state)
{
    struct workload_map *workload = state;
    memory_free(workload->history);
    for (uint32_t i = 0; i < workload->clients_count; i++) {
        buffer_close(&workload->clients[i].scanner.cursor_key);
    }
    map_features_close(workload->features);
    newcomer_close(workload->newcomer);
    cluster_close(workload->cluster);
    memory_free(workload);
}

static const struct sometimes_point sometimes[] = {
    {"a compare-and-set loses", 50}, {"a write stays unknown", 50}, {"a batch meets a condition that fails", 50},
    {"a keyed write is asked for again", 50}, {"another request under a key is refused", 50},
    {"two change the settings at once", 50}, {"records were dropped before they were read", 100},
    {"a map is cleared while it is written", 50}, {"a map is dropped while it is written", 50},
    {"a snapshot is taken while a map is being cleared", 50}, {"a snapshot is taken while entries end", 100},
    {"a snapshot is taken while a table grows", 50}, {"a snapshot is taken with messages in the outbox", 50},
    {"a snapshot with a clear under way is installed", 150}, {"a snapshot with ended entries is installed", 500},
    {"a snapshot with a growing table is installed", 100}, {"a snapshot with messages in its outbox is installed", 400},
    {"a snapshot of a leader is in use", 50}, {"F40 two snapshots are written at once", 50},
    {"a snapshot is written while one is received", 50}, {"a node that rejoins gets a snapshot", 200},
    {"F18 a node dies between rename and note", 150}, {"F18 a node is killed while it writes a snapshot", 150},
    {"F18 power is cut while a snapshot is written", 400}, {"F18 a node dies while it receives a snapshot", 150},
    {"F18 a node is killed during an install", 1500}, {"F18 power is cut during an install", 1500},
    {"the leader changes during a transfer", 500}, {"an install is overtaken by entries", 200},
    {"an install is overtaken by an election", 2000}, {"a transfer goes on where it broke off", 1000},
    {"a segment is removed while a snapshot is received", 1000}, {"a segment is removed while a snapshot is written", 2000},
    {"log time outlives its leader", 20}, {"log time outlives an outage of all", 50},
    {"a node gives up because of its disk", 100}, {"a node refuses a damaged log", 200},
    {"a node does not start on a failing disk", 200}, {"a disk is full and a write is refused", 200},
    {"F20 a leader dies between commit and reply", 100}, {"F75 the quorum is lost after commit, and the reply", 100},
    {"F75 the quorum is lost after commit, not the reply", 100},
    {"F69 a request is repeated while the first is under way", 50},
    {"F69 a keyed write of unknown fate is asked for again", 100},
    {"F71 one key is asked for twice at once", 50}, {"F70 F71 two contents of one key at once", 50},
    {"F72 a client dies with a write under way", 50},
    {"F74 a follower is asked to write and refuses", 50}, {"F74 a deposed leader is asked to write", 6000},
    {"F54 a raise is refused", 50}, {"F54 the level is raised under load", 50}, {"F54 a node goes back before the raise", 50},
    {"F54 a node stops before an entry it is too old for", 200}, {"F54 a node does not start with a log it is too old for", 50},
    {"F54 a node that was too old is upgraded", 50}, {"F54 a raise that one node was to miss fails", 600},
    {"F54 a service that was registered later works", 20}, {"F54 a service is refused while a member lacks it", 50},
    {"F54 a program goes back before its service comes", 200}, {"F54 a node does not start for want of a service", 50},
    {"F54 a node stops before an entry with a service", 2000}, {0}};

const struct workload workload_map = {
    .name = "map", .summary = "clients read, write and compare-and-set registers and scan through whole nodes",
    .seconds = 20, .settle_seconds = 60, .sometimes = sometimes,
    .faults_absent = FAULT_BIT(PROVIDER_SLOW) | FAULT_BIT(PROVIDER_TIMEOUT) | FAULT_BIT(PROVIDER_DOWN),
    .open = map_open, .drain = map_drain, .settled = map_settled, .describe = map_describe,
    .check = map_check, .enough = map_enough, .close = map_close};
