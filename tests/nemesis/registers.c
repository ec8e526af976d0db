#include "tests/nemesis/registers.h"

#include <inttypes.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "tests/support/witness.h"

enum {
    CROWDS = 4,                            /* clients, each with its patience */
    WORKERS = 4,                           /* of a client; each does one operation after the other */
    MORTAL = 3,                            /* the client that is closed and opened again and again */
    GAP_US = 25000,                        /* between two operations of a worker, on average */
    LIFE_LOW_US = 3000000, LIFE_HIGH_US = 10000000,
    WITNESS_GAP_US = 8000, WITNESS_NUMBER = 1000,
    READY_SECONDS = 60,
    LAST_READ_MS = 60000,
};

static const char map_name[] = "registers";
static const struct { uint64_t deadline_ms, attempt_ms; } patience[CROWDS] = {{10000, 1500}, {1500, 400}, {30000, 12000}, {8000, 1500}};

struct worker {
    struct crowd *crowd;
    uint32_t number;
    struct wgl_operation operation;        /* under way */
    bool busy;
    struct timer next;
};

struct crowd {
    struct registers *registers;
    uint32_t number;
    struct client *client;
    struct worker workers[WORKERS];
    struct timer death;
};

struct registers {
    struct stage *stage;
    struct history *history;
    struct register_key keys[REGISTERS_MAX];
    const char *names[REGISTERS_MAX];
    uint32_t count, partitions;
    uint64_t seen_version[REGISTERS_MAX];  /* newest that anybody was told: compare-and-set builds on it */
    uint64_t values;
    bool stopped;
    struct crowd crowds[CROWDS];
    struct witness *witnesses[STAGE_NODES_MAX];
    struct client *reader;                 /* of the last reads */
    uint32_t reads_open, reads_good;
    uint64_t marked_us, recovered_us, last_write_us;
    bool *partition_wrote;                 /* since the mark */
    uint32_t partitions_wrote;
    struct registers_totals totals;
};

/* ---- one operation */

static void worker_again(struct worker *worker);

static void note_write(struct registers *registers, const struct wgl_operation *operation)
{
    uint32_t partition = registers->keys[operation->key].partition;
    if (registers->last_write_us != 0 && operation->returned - registers->last_write_us > registers->totals.longest_gap_us)
        registers->totals.longest_gap_us = operation->returned - registers->last_write_us;
    registers->last_write_us = operation->returned;
    if (registers->marked_us == 0 || operation->called < registers->marked_us || registers->partition_wrote[partition])
        return;
    registers->partition_wrote[partition] = true;
    if (++registers->partitions_wrote == registers->partitions)
        registers->recovered_us = operation->returned - registers->marked_us;
}

static void take_answer(struct registers *registers, const struct client_result *result, struct wgl_operation *operation)
{
    struct registers_totals *totals = &registers->totals;
    operation->returned = stage_now_us(registers->stage);
    enum answer answer = history_answer(result, operation);
    if (answer != ANSWER_NOTHING)
        history_add(registers->history, operation);
    totals->done += answer == ANSWER_DONE;
    totals->unknown += answer == ANSWER_UNKNOWN;
    totals->failed += answer == ANSWER_NOTHING;
    totals->conflicts += answer == ANSWER_DONE && operation->conflict;
    if (answer != ANSWER_DONE)
        return;
    if (operation->kind != WGL_REMOVE && operation->version > registers->seen_version[operation->key])
        registers->seen_version[operation->key] = operation->version;
    if (operation->kind != WGL_GET)
        note_write(registers, operation);
}

static bool is_expected(const struct stage *stage, enum grid_err err)
{
    return (err == GRID_ERR_LOG_FULL && stage->disks_filled) || err == GRID_ERR_OK || err == GRID_ERR_UNKNOWN || err == GRID_ERR_VERSION_CONFLICT || err == GRID_ERR_UNAVAILABLE ||
           err == GRID_ERR_BUSY || err == GRID_ERR_CLOSED || err == GRID_ERR_RESULT_NOT_KEPT || err == GRID_ERR_TIMEOUT;
}

static void on_done(void *context, const struct client_result *result)
{
    struct worker *worker = context;
    struct registers *registers = worker->crowd->registers;
    worker->busy = false;
    if (!is_expected(registers->stage, result->err))
        findings_add(&registers->stage->findings, "register %" PRIu64 ": unexpected answer %s: %s", worker->operation.key,
                     grid_err_name(result->err), result->note);
    take_answer(registers, result, &worker->operation);
    if (worker->crowd->client == NULL || !client_closing(worker->crowd->client))
        worker_again(worker);
}

static void operate(struct worker *worker)
{
    struct registers *registers = worker->crowd->registers;
    struct client *client = worker->crowd->client;
    uint32_t number = (uint32_t)stage_draw(registers->stage, 0, registers->count - 1);
    uint64_t dice = stage_draw(registers->stage, 0, 99);
    struct client_key key = {.key = bytes_of_text(registers->keys[number].name)};
    struct client_call call = {.done = on_done, .context = worker};
    struct wgl_operation *operation = &worker->operation;
    struct bytes map = bytes_of_text(map_name);
    uint8_t value[8];
    put_u64(value, ++registers->values);
    worker->busy = true;
    registers->totals.called++;
    *operation = (struct wgl_operation){.client = worker->number, .key = number, .called = stage_now_us(registers->stage),
                                        .value = registers->values};
    if (dice < 35) {
        operation->kind = WGL_GET;
        client_map_get(client, map, &key, &call);
    } else if (dice < 65) {
        operation->kind = WGL_SET;
        client_map_set(client, map, &key, bytes_of(value, sizeof value), &call);
    } else if (dice < 72) {
        operation->kind = WGL_REMOVE;
        client_map_remove(client, map, &key, &call);
    } else {
        operation->kind = WGL_COMPARE_AND_SET;
        operation->expected = dice < 76 ? 0 : registers->seen_version[number];
        struct map_command command = {.operation = MAP_COMPARE_AND_SET, .map = map, .key = key.key,
                                      .value = bytes_of(value, sizeof value), .expected_version = operation->expected};
        client_map_command(client, &command, &call);
    }
}

static void worker_step(void *context)
{
    struct worker *worker = context;
    if (!worker->busy && !worker->crowd->registers->stopped)
        operate(worker);
}

static void worker_again(struct worker *worker)
{
    struct stage *stage = worker->crowd->registers->stage;
    clock_timer_start(stage->io->clock, &worker->next, stage_draw(stage, 1, 2 * GAP_US));
}

/* ---- clients */

static void crowd_open(struct crowd *crowd)
{
    crowd->client = stage_client(crowd->registers->stage, "registers", patience[crowd->number].deadline_ms,
                                 patience[crowd->number].attempt_ms);
    for (uint32_t i = 0; i < WORKERS; i++)
        worker_again(&crowd->workers[i]);
}

static void crowd_close(struct crowd *crowd)
{
    client_holds(crowd->client);
    client_close(crowd->client);
    crowd->client = NULL;
}

/* A client dies with requests outstanding (F72); its successor knows nothing of them. */
static void crowd_die(void *context)
{
    struct crowd *crowd = context;
    struct stage *stage = crowd->registers->stage;
    if (crowd->registers->stopped)
        return;
    crowd_close(crowd);
    crowd_open(crowd);
    clock_timer_start(stage->io->clock, &crowd->death, stage_draw(stage, LIFE_LOW_US, LIFE_HIGH_US));
}

/* ---- the last reads */

struct last_read { struct registers *registers; struct wgl_operation operation; };

static void on_last_read(void *context, const struct client_result *result)
{
    struct last_read *read = context;
    struct registers *registers = read->registers;
    registers->reads_good += result->err == GRID_ERR_OK;
    registers->reads_open--;
    take_answer(registers, result, &read->operation);
    memory_free(read);
}

void registers_read_all(struct registers *registers)
{
    struct stage *stage = registers->stage;
    for (uint32_t i = 0; i < registers->count; i++) {
        struct last_read *read = memory_zero(1, sizeof *read);
        struct client_key key = {.key = bytes_of_text(registers->keys[i].name)};
        read->registers = registers;
        read->operation = (struct wgl_operation){.kind = WGL_GET, .client = CROWDS * WORKERS, .key = i,
                                                 .called = stage_now_us(stage)};
        registers->reads_open++;
        client_map_get(registers->reader, bytes_of_text(map_name), &key,
                       &(struct client_call){.done = on_last_read, .context = read, .deadline_ms = LAST_READ_MS});
    }
}

void registers_judge_reads(struct registers *registers)
{
    if (registers->reads_good < registers->count)
        findings_add(&registers->stage->findings, "liveness: %" PRIu32 " of %" PRIu32 " registers could be read after everything was healed",
                     registers->reads_good, registers->count);
}

/* ---- life */

static bool knows_partitions(void *context)
{
    const struct registers *registers = context;
    return client_partitions(registers->reader) > 0;
}

/* Names are tried one after the other until every partition has its share. */
static void name_keys(struct registers *registers)
{
    uint32_t number = 0;
    registers->partitions = client_partitions(registers->reader);
    if (registers->count < registers->partitions)
        registers->count = registers->partitions < REGISTERS_MAX ? registers->partitions : REGISTERS_MAX;
    for (uint32_t i = 0; i < registers->count; i++) {
        struct register_key *key = &registers->keys[i];
        do {
            snprintf(key->name, sizeof key->name, "register-%" PRIu32, number++);
            key->partition = hash_partition(bytes_of_text(key->name), registers->partitions).value;
        } while (key->partition != i % registers->partitions);
        registers->names[i] = key->name;
    }
    /* With more partitions than registers only the first are written, and only they can recover. */
    if (registers->partitions > registers->count)
        registers->partitions = registers->count;
    registers->partition_wrote = memory_zero(registers->partitions, sizeof *registers->partition_wrote);
}

static void on_witnessed(void *context, const struct wgl_operation *operation)
{
    history_add(((struct registers *)context)->history, operation);
}

struct registers *registers_open(struct stage *stage, struct history *history, uint32_t count)
{
    REQUIRE(count > 0 && count <= REGISTERS_MAX);
    struct registers *registers = memory_zero(1, sizeof *registers);
    registers->stage = stage;
    registers->history = history;
    registers->count = count;
    registers->reader = stage_client(stage, "last reads", 0, 0);
    if (!stage_wait(stage, knows_partitions, registers, READY_SECONDS)) {
        client_close(registers->reader);
        memory_free(registers);
        return NULL;
    }
    name_keys(registers);
    for (uint32_t i = 0; i < CROWDS; i++) {
        struct crowd *crowd = &registers->crowds[i];
        crowd->registers = registers;
        crowd->number = i;
        crowd->death = (struct timer){.fire = crowd_die, .context = crowd};
        for (uint32_t j = 0; j < WORKERS; j++)
            crowd->workers[j] = (struct worker){.crowd = crowd, .number = i * WORKERS + j,
                                                .next = {.fire = worker_step, .context = &crowd->workers[j]}};
        crowd_open(crowd);
    }
    clock_timer_start(stage->io->clock, &registers->crowds[MORTAL].death, LIFE_LOW_US);
    for (uint32_t node = 1; node <= stage->endpoints_count; node++)
        registers->witnesses[node - 1] = witness_open(&(struct witness_options){
            .io = stage->io, .prng = &stage->prng, .endpoint = stage->endpoints[node - 1], .node = node, .map = map_name, .keys = registers->names,
            .keys_count = registers->count, .gap_us = WITNESS_GAP_US, .number = WITNESS_NUMBER + node, .read = on_witnessed,
            .context = registers});
    return registers;
}

void registers_stop(struct registers *registers)
{
    registers->stopped = true;
    for (uint32_t i = 0; i < registers->stage->endpoints_count; i++)
        witness_stop(registers->witnesses[i]);
}

bool registers_idle(void *context)
{
    const struct registers *registers = context;
    size_t busy = registers->reads_open;
    for (uint32_t i = 0; i < CROWDS * WORKERS; i++)
        busy += registers->crowds[i / WORKERS].workers[i % WORKERS].busy;
    return busy == 0;
}

void registers_close(struct registers *registers)
{
    struct clock *clock = registers->stage->io->clock;
    registers->stopped = true;
    for (uint32_t i = 0; i < CROWDS; i++) {
        crowd_close(&registers->crowds[i]);
        clock_timer_stop(clock, &registers->crowds[i].death);
        for (uint32_t j = 0; j < WORKERS; j++)
            clock_timer_stop(clock, &registers->crowds[i].workers[j].next);
    }
    for (uint32_t i = 0; i < registers->stage->endpoints_count; i++)
        witness_close(registers->witnesses[i]);
    client_close(registers->reader);
    memory_free(registers->partition_wrote);
    memory_free(registers);
}

/* ---- what is known */

void registers_mark(struct registers *registers)
{
    registers->marked_us = stage_now_us(registers->stage);
    registers->recovered_us = 0;
    registers->partitions_wrote = 0;
    memset(registers->partition_wrote, 0, registers->partitions * sizeof *registers->partition_wrote);
}

bool registers_recovered(const struct registers *registers, uint64_t *ret_us)
{
    *ret_us = registers->recovered_us;
    return registers->recovered_us != 0;
}

void registers_node_paused(struct registers *registers, uint32_t node, bool paused)
{
    REQUIRE(node > 0 && node <= registers->stage->endpoints_count);
    witness_paused(registers->witnesses[node - 1], paused);
}

struct registers_totals registers_totals(const struct registers *registers)
{
    struct registers_totals totals = registers->totals;
    for (uint32_t i = 0; i < registers->stage->endpoints_count; i++) {
        struct witness_totals each = witness_totals(registers->witnesses[i]);
        totals.witness_asked += each.asked;
        totals.witness_answered += each.answered;
        totals.paused_asked += each.paused_asked;
        totals.paused_answered += each.paused_answered;
    }
    return totals;
}

uint32_t registers_partitions(const struct registers *registers)
{
    return registers->partitions;
}
