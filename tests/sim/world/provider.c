#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "service/payment/v1/payment.pb-c.h"
#include "services/message.h"
#include "services/service_list.h"
#include "tests/sim/world/world_internal.h"

/* Latencies of the provider. */
enum { CALL_LOW_US = 1000, CALL_HIGH_US = 60000, CALL_SLOW_US = 4000000,
       OUTAGE_BEGIN_US = 20000000, OUTAGE_END_US = 95000000, TIMEOUT_LOW_US = 1000000, TIMEOUT_HIGH_US = 5000000, ARENA_BYTES = 512 };

struct row {
    struct payment_record record;
    char transaction[32];
    uint8_t *text;                         /* key, order, currency, one after the other */
};

/* One append-only ledger for all hosts, with an index by key (open addressing, row number + 1, 0 is free). */
struct ledger {
    struct row *rows;
    size_t count, capacity;
    uint32_t *slots;
    size_t slots_count;
};

struct ledger *ledger_open(void)
{
    struct ledger *ledger = memory_zero(1, sizeof *ledger);
    ledger->slots_count = 256;
    ledger->slots = memory_zero(ledger->slots_count, sizeof *ledger->slots);
    return ledger;
}

void ledger_close(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++) {
        memory_free(ledger->rows[i].text);
    }
    memory_free(ledger->rows);
    memory_free(ledger->slots);
    memory_free(ledger);
}

static uint32_t *ledger_slot(const struct ledger *ledger, struct bytes key)
{
    size_t at = (size_t)hash_xxh3(key, 0) & (ledger->slots_count - 1);
    while (ledger->slots[at] && !bytes_equal(ledger->rows[ledger->slots[at] - 1].record.key, key)) {
        at = (at + 1) & (ledger->slots_count - 1);
    }
    return &ledger->slots[at];
}

static void ledger_grow(struct ledger *ledger)
{
    if (ledger->count == ledger->capacity) {
        ledger->capacity = ledger->capacity ? ledger->capacity * 2 : 64;
        ledger->rows = memory_resize(ledger->rows, ledger->capacity * sizeof *ledger->rows);
    }
    if (2 * (ledger->count + 1) < ledger->slots_count) {
        return;
    }
    memory_free(ledger->slots);
    ledger->slots_count *= 2;
    ledger->slots = memory_zero(ledger->slots_count, sizeof *ledger->slots);
    for (size_t i = 0; i < ledger->count; i++) {
        *ledger_slot(ledger, ledger->rows[i].record.key) = (uint32_t)(i + 1);
    }
}

/* Copies what the views of a record show and points them at the copy, which the caller owns. */
static uint8_t *record_own(struct payment_record *record)
{
    struct bytes *parts[3] = {&record->key, &record->order, &record->currency};
    uint8_t *text = memory_alloc(record->key.size + record->order.size + record->currency.size);
    uint8_t *at = text;
    for (size_t i = 0; i < 3; i++) {
        if (parts[i]->size > 0) {
            memcpy(at, parts[i]->data, parts[i]->size);
        }
        *parts[i] = bytes_of(at, parts[i]->size);
        at += parts[i]->size;
    }
    return text;
}

/* The effect, or the memory of it: the first outcome stands for a repeated key. */
static const struct row *ledger_perform(struct ledger *ledger, const struct payment_record *asked)
{
    uint32_t *slot = ledger_slot(ledger, asked->key);
    if (*slot) {
        ledger->rows[*slot - 1].record.asked++;
        return &ledger->rows[*slot - 1];
    }
    ledger_grow(ledger);
    slot = ledger_slot(ledger, asked->key);
    struct row *row = &ledger->rows[ledger->count++];
    *row = (struct row){.record = *asked};
    row->text = record_own(&row->record);
    row->record.asked = 1;
    row->record.outcome = asked->amount_minor > PAYMENT_AMOUNT_MAX ? ACTIVITY_REFUSED : ACTIVITY_DONE;
    snprintf(row->transaction, sizeof row->transaction, "tx-%zu", ledger->count);
    *slot = (uint32_t)ledger->count;
    return row;
}

/* ---- calls ---- */

struct call {
    struct world *world;
    struct host *host;
    uint64_t incarnation;
    struct sink_request *request;       /* NULL once cancelled */
    struct payment_record asked;           /* views into `text` */
    uint8_t *text;
    bool effect;
    uint64_t answer_us;                    /* after the effect */
    enum grid_err err;
    enum activity_outcome outcome;
    char transaction[32];
};

static void call_free(void *context)
{
    struct call *call = context;
    memory_free(call->text);
    memory_free(call);
}

static void run_answer(struct world *world, void *context)
{
    struct call *call = context;
    struct sink_request *request = call->request;
    world_trace_event(world, TRACE_PAYMENT, call->host->number, (uint64_t)call->err);
    if (request) {
        request->internal = NULL;
        bool captured = call->err == GRID_ERR_OK && call->outcome == ACTIVITY_DONE;
        bool declined = call->err == GRID_ERR_OK && call->outcome == ACTIVITY_REFUSED;
        request->done(request->context, call->err, call->outcome,
                      captured ? bytes_of_text(call->transaction) : BYTES_NONE,
                      declined ? bytes_of_text("amount above the limit") : BYTES_NONE);
    }
    call_free(call);
}

/* Some are told at first neither yes nor no, as by a provider that is still at work. */
static bool says_neither(struct world *world, const struct row *row)
{
    if (!fault_on(world, FAULT_PROVIDER_TIMEOUT) || row->record.asked > 1 || hash_xxh3(row->record.key, 1) % 16 != 0)
        return false;
    SOMETIMES(world, "a payment provider says neither yes nor no");
    return true;
}

static void run_effect(struct world *world, void *context)
{
    struct call *call = context;
    if (call->effect) {
        const struct row *row = ledger_perform(world->ledger, &call->asked);
        call->outcome = says_neither(world, row) ? (enum activity_outcome)0 : row->record.outcome;
        memcpy(call->transaction, row->transaction, sizeof call->transaction);
        if (row->record.asked > 1) {
            SOMETIMES(world, "a payment is asked for again");
        }
    }
    if (call->incarnation != call->host->incarnation) {
        SOMETIMES(world, "a payment outlives the node that asked for it");
        call_free(call);
        return;
    }
    struct event event = {.host = call->host, .run = run_answer, .discard = call_free, .context = call};
    world_push(world, &event, call->answer_us);
}

/* In every other world whose provider goes down it also gives no answer for more than a minute. */
static bool outage(const struct world *world)
{
    return fault_on(world, FAULT_PROVIDER_DOWN) && world_seed(world) % 2 == 0 && world->now_us >= OUTAGE_BEGIN_US &&
           world->now_us < OUTAGE_END_US;
}

static uint64_t call_fate(struct world *world, struct call *call)
{
    uint64_t high_us = CALL_HIGH_US;
    call->err = GRID_ERR_OK;
    call->effect = true;
    if (fault_on(world, FAULT_PROVIDER_SLOW) && world_draw_percent(world, CONCERN_PROVIDER, 10)) {
        high_us = CALL_SLOW_US;
        fault_happened(world, FAULT_PROVIDER_SLOW);
    }
    call->answer_us = world_draw(world, CONCERN_PROVIDER, CALL_LOW_US, high_us);
    if (outage(world)) {
        /* Longer than any deadline: what it does meanwhile is learned when the saga has long given up. */
        call->err = GRID_ERR_TIMEOUT;
        call->effect = world_draw_percent(world, CONCERN_PROVIDER, 50);
    } else if (fault_on(world, FAULT_PROVIDER_DOWN) && (world->now_us / 4000000) % 4 == 3) {
        fault_happened(world, FAULT_PROVIDER_DOWN);
        call->err = GRID_ERR_UNAVAILABLE;
        call->effect = false;
    } else if (fault_on(world, FAULT_PROVIDER_TIMEOUT) && world_draw_percent(world, CONCERN_PROVIDER, 8)) {
        call->err = GRID_ERR_TIMEOUT;
        call->effect = world_draw_percent(world, CONCERN_PROVIDER, 60);
        fault_happened(world, FAULT_PROVIDER_TIMEOUT);
        call->answer_us = world_draw(world, CONCERN_PROVIDER, TIMEOUT_LOW_US, TIMEOUT_HIGH_US);
    }
    return world_draw(world, CONCERN_PROVIDER, CALL_LOW_US, high_us);
}

/* What the payment service asks, in its own form. */
static struct payment_record record_of(const struct sink_request *request, struct arena *arena)
{
    const Payment__V1__ProviderRequest *asked = message_unpack(&payment__v1__provider_request__descriptor, request->request, arena);
    REQUIRE(request->service == SERVICE_NUMBER_payment && asked != NULL);
    return (struct payment_record){.kind = (enum payment_activity)request->kind, .key = request->key,
                                   .order = bytes_of_text(asked->order_id), .currency = bytes_of_text(asked->currency),
                                   .amount_minor = asked->amount_minor};
}

static void run(struct sink *sink, struct sink_request *request)
{
    struct host *host = ((struct sim_sink *)sink)->host;
    struct world *world = host->world;
    if (host->closing) {
        return;
    }
    REQUIRE(host->up && request->key.size > 0);
    struct call *call = memory_zero(1, sizeof *call);
    call->world = world;
    call->host = host;
    call->incarnation = host->incarnation;
    call->request = request;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    call->asked = record_of(request, &arena);
    call->text = record_own(&call->asked);
    arena_close(&arena);
    request->internal = call;
    world->totals.payments++;
    struct event event = {.run = run_effect, .discard = call_free, .context = call};
    world_push(world, &event, call_fate(world, call));
}

static void cancel(struct sink *sink, struct sink_request *request)
{
    struct host *host = ((struct sim_sink *)sink)->host;
    struct call *call = request->internal;
    if (call && !host->closing) {
        call->request = NULL;
        request->internal = NULL;
    }
}

void sim_sink_init(struct sim_sink *sink, struct host *host)
{
    sink->sink = (struct sink){.name = "payment", .service = SERVICE_NUMBER_payment, .run = run, .cancel = cancel};
    sink->list = &sink->sink;
    sink->host = host;
}

size_t provider_count(const struct world *world) { return world->ledger->count; }

const struct payment_record *provider_get(const struct world *world, size_t number)
{
    REQUIRE(number < world->ledger->count);
    return &world->ledger->rows[number].record;
}
