#include "tests/support/partition_harness.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/base/prng.h"
#include "grid/partition/entry.h"
#include "grid/store/table.h"
#include "grid/wire/messages/message_check.h"
#include "service/payment/v1/payment.pb-c.h"
#include "services/commands.h"
#include "services/message.h"

enum {
    POLL_MS = 200,
    ASK_AGAIN_MS = 400,
    START_MS = 1000000,
    DECLINED_ABOVE_MINOR = 1000000,
    SEND_BYTES = 2048,
    UNREADABLE_TYPE = 9999
};

enum happening_kind { PROPOSE, POLL };

struct happening {
    uint64_t due_ms, order;
    enum happening_kind kind;
    uint32_t partition;
    struct buffer command;
};

struct parked {
    uint32_t destination;
    struct buffer message;
};

struct member {
    struct partition *partition, *replica;
    uint64_t session, sequence;
    uint64_t sent[HARNESS_PARTITIONS_MAX], last_due_ms[HARNESS_PARTITIONS_MAX];
};

struct harness {
    struct harness_options options;
    uint32_t partitions, genesis_partitions; /* one more when messages are parked: the source of replays */
    struct member members[HARNESS_PARTITIONS_MAX];
    struct prng prng;
    uint64_t now_ms, orders;
    struct happening *heap;
    size_t heap_count, heap_capacity;
    struct table *asked; /* (partition, activity) -> when to ask again */
    struct business_charge *ledger;
    size_t ledger_count, ledger_capacity;
    struct table *ledger_keys;
    struct parked *parked;
    size_t parked_count, parked_capacity;
    struct table *parked_seen;
    uint64_t replays[HARNESS_PARTITIONS_MAX];
    bool healed, provider_down;
    uint32_t held_service, held_type;
    struct arena arena;
    struct buffer answer;
    struct harness_counts counts;
    void (*applied)(void *context, uint32_t partition);
    void *applied_context;
};

/* ---- happenings: a heap by (due, order) */

static bool earlier(const struct happening *a, const struct happening *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void add_happening(struct harness *harness, struct happening happening)
{
    if (harness->heap_count == harness->heap_capacity) {
        harness->heap_capacity = harness->heap_capacity * 2 + 64;
        harness->heap = memory_resize(harness->heap, harness->heap_capacity * sizeof *harness->heap);
    }
    happening.order = harness->orders++;
    size_t slot = harness->heap_count++;
    for (; slot != 0 && earlier(&happening, &harness->heap[(slot - 1) / 2]); slot = (slot - 1) / 2)
        harness->heap[slot] = harness->heap[(slot - 1) / 2];
    harness->heap[slot] = happening;
}

static struct happening take_happening(struct harness *harness)
{
    struct happening first = harness->heap[0], last = harness->heap[--harness->heap_count];
    size_t slot = 0;
    for (;;) {
        size_t child = 2 * slot + 1;
        if (child >= harness->heap_count)
            break;
        if (child + 1 < harness->heap_count && earlier(&harness->heap[child + 1], &harness->heap[child]))
            child++;
        if (!earlier(&harness->heap[child], &last))
            break;
        harness->heap[slot] = harness->heap[child];
        slot = child;
    }
    harness->heap[slot] = last;
    return first;
}

static bool chance(struct harness *harness, uint32_t ppm)
{
    return !harness->healed && ppm != 0 && prng_chance(&harness->prng, ppm);
}

static uint64_t delay(struct harness *harness, uint32_t most_ms)
{
    return prng_range(&harness->prng, 1, harness->healed ? 5 : most_ms);
}

static void propose_later(struct harness *harness, uint32_t partition, const struct command *command, uint64_t due_ms)
{
    struct happening happening = {.due_ms = due_ms, .kind = PROPOSE, .partition = partition};
    command_encode(command, &happening.command);
    add_happening(harness, happening);
}

/* ---- the log of one partition */

static void keep_answer(void *context, uint32_t ordinal, struct bytes response)
{
    struct harness *harness = context;
    REQUIRE(ordinal == 0);
    buffer_clear(&harness->answer);
    buffer_append(&harness->answer, response);
}

static void ignore_answer(void *context, uint32_t ordinal, struct bytes response)
{
    (void)context, (void)ordinal, (void)response;
}

static void apply(struct harness *harness, uint32_t number, struct bytes command)
{
    struct member *member = &harness->members[number];
    struct buffer entry = {0};
    entry_begin(&entry, LEVEL_FIRST);
    entry_add(&entry, command);
    entry_seal(&entry, harness->now_ms, harness->now_ms + 7);
    partition_apply(member->partition, buffer_bytes(&entry), keep_answer, harness);
    harness->counts.commands++;
    if (member->replica != NULL) {
        partition_apply(member->replica, buffer_bytes(&entry), ignore_answer, NULL);
        HOLDS(partition_digest(member->replica) == partition_digest(member->partition));
    }
    if (harness->applied != NULL)
        harness->applied(harness->applied_context, number);
    buffer_close(&entry);
}

/* ---- links */

struct sending {
    struct harness *harness;
    uint32_t source, destination;
    struct link_message messages[64];
    size_t count;
    bool stopped;
};

static bool parks(struct harness *harness, const struct sending *sending, uint64_t sequence,
                  const struct link_message *message)
{
    uint8_t name[16];
    if (harness->options.parked_ppm == 0 || message->is_answer ||
        message->command.service != SERVICE_NUMBER_inventory || message->command.type != INVENTORY_RESERVE_STOCK)
        return false;
    put_u32(name, sending->source);
    put_u32(name + 4, sending->destination);
    put_u64(name + 8, sequence);
    struct table_entry entry;
    struct bytes identity = bytes_of(name, sizeof name);
    if (table_find(harness->parked_seen, identity, &entry))
        return true;
    if (harness->healed || hash_xxh3(identity, harness->options.seed) % 1000000 >= harness->options.parked_ppm)
        return false;
    table_set(harness->parked_seen, identity, bytes_of_text("x"), 0);
    if (harness->parked_count == harness->parked_capacity) {
        harness->parked_capacity = harness->parked_capacity * 2 + 8;
        harness->parked = memory_resize(harness->parked, harness->parked_capacity * sizeof *harness->parked);
    }
    struct parked *parked = &harness->parked[harness->parked_count++];
    *parked = (struct parked){.destination = sending->destination};
    link_message_encode(message, &parked->message);
    harness->counts.parked++;
    return true;
}

static void collect(void *context, uint64_t sequence, struct bytes encoded)
{
    struct sending *sending = context;
    struct harness *harness = sending->harness;
    struct link_message message;
    if (sending->stopped || sending->count == sizeof sending->messages / sizeof sending->messages[0]) {
        sending->stopped = true;
        return;
    }
    enum grid_err err = link_message_decode(encoded, &message);
    HOLDS(err == GRID_ERR_OK && message.sequence == sequence);
    if (!message.is_answer && harness->held_service != 0 && message.command.service == harness->held_service &&
        (harness->held_type == 0 || message.command.type == harness->held_type)) {
        sending->stopped = true;
        return;
    }
    if (parks(harness, sending, sequence, &message)) {
        /* Set apart: its number is used up, and there is no answer. */
        message.command.type = UNREADABLE_TYPE;
        message.reply_to = (struct reply_to){0};
    }
    sending->messages[sending->count++] = message;
}

/* One delivery of what is pending from a sequence on; it may be lost, late or doubled. */
static void send(struct harness *harness, uint32_t source, uint32_t destination, uint64_t from)
{
    struct member *member = &harness->members[source];
    struct sending sending = {.harness = harness, .source = source, .destination = destination};
    partition_outbox_read(member->partition, destination, from, SEND_BYTES, collect, &sending);
    if (sending.count == 0)
        return;
    uint64_t last = sending.messages[sending.count - 1].sequence;
    if (last > member->sent[destination])
        member->sent[destination] = last;
    struct command command = {.kind = COMMAND_DELIVER,
                              .deliver = {.source = source,
                                          .incarnation = 1,
                                          .destination = destination,
                                          .messages = sending.messages,
                                          .messages_count = sending.count}};
    for (uint32_t copies = chance(harness, harness->options.repeated_ppm) ? 2 : 1; copies != 0; copies--) {
        if (chance(harness, harness->options.lost_ppm))
            continue;
        uint64_t due_ms = harness->now_ms + delay(harness, harness->options.delay_ms_max);
        bool ordered = harness->healed || harness->options.lost_ppm == 0 || prng_chance(&harness->prng, 800000);
        if (ordered && due_ms < member->last_due_ms[destination])
            due_ms = member->last_due_ms[destination];
        member->last_due_ms[destination] = due_ms;
        propose_later(harness, destination, &command, due_ms);
    }
}

struct ranges {
    uint32_t destinations[HARNESS_PARTITIONS_MAX];
    uint64_t first[HARNESS_PARTITIONS_MAX], last[HARNESS_PARTITIONS_MAX];
    size_t count;
};

static void note_range(void *context, uint32_t destination, uint64_t first, uint64_t last)
{
    struct ranges *ranges = context;
    ranges->destinations[ranges->count] = destination;
    ranges->first[ranges->count] = first;
    ranges->last[ranges->count++] = last;
}

static void send_new(struct harness *harness, uint32_t source)
{
    struct ranges ranges = {.count = 0};
    partition_outbox_each(harness->members[source].partition, note_range, &ranges);
    for (size_t i = 0; i < ranges.count; i++) {
        uint64_t sent = harness->members[source].sent[ranges.destinations[i]];
        if (sent < ranges.last[i])
            send(harness, source, ranges.destinations[i], sent + 1);
    }
}

static void send_again(struct harness *harness, uint32_t source)
{
    struct ranges ranges = {.count = 0};
    partition_outbox_each(harness->members[source].partition, note_range, &ranges);
    for (size_t i = 0; i < ranges.count; i++)
        send(harness, source, ranges.destinations[i], ranges.first[i]);
}

/* What a sender does with the answer to a delivery. */
static void delivered(struct harness *harness, const struct deliver_command *deliver, const struct response *response)
{
    harness->counts.delivered++;
    harness->counts.gaps += response->err == GRID_ERR_GAP;
    if (deliver->source >= harness->partitions || chance(harness, harness->options.lost_ppm))
        return;
    if (response->sequence != 0) {
        struct command command = {
            .kind = COMMAND_ACKNOWLEDGE,
            .acknowledge = {.destination = deliver->destination, .incarnation = 1, .sequence = response->sequence}};
        propose_later(harness, deliver->source, &command,
                      harness->now_ms + delay(harness, harness->options.delay_ms_max));
    }
    if (response->err == GRID_ERR_GAP)
        send(harness, deliver->source, deliver->destination, response->sequence + 1);
}

/* ---- the provider */

static const struct business_charge *perform(struct harness *harness, const struct partition_activity *activity)
{
    struct table_entry entry;
    if (table_find(harness->ledger_keys, activity->key, &entry))
        return &harness->ledger[get_u32(entry.value.data)];
    if (harness->ledger_count == harness->ledger_capacity) {
        harness->ledger_capacity = harness->ledger_capacity * 2 + 64;
        harness->ledger = memory_resize(harness->ledger, harness->ledger_capacity * sizeof *harness->ledger);
    }
    uint8_t number[4];
    put_u32(number, (uint32_t)harness->ledger_count);
    table_set(harness->ledger_keys, activity->key, bytes_of(number, sizeof number), 0);
    const Payment__V1__ProviderRequest *asked = message_unpack(&payment__v1__provider_request__descriptor, activity->request,
                                                               &harness->arena);
    REQUIRE(activity->service == SERVICE_NUMBER_payment && asked != NULL);
    bool refund = activity->kind == PAYMENT_ACTIVITY_REFUND;
    struct business_charge *charge = &harness->ledger[harness->ledger_count++];
    *charge = (struct business_charge){.key = arena_copy(&harness->arena, activity->key),
                                       .order = bytes_of_text(asked->order_id),
                                       .amount_minor = asked->amount_minor,
                                       .refund = refund,
                                       .accepted = refund || asked->amount_minor <= DECLINED_ABOVE_MINOR};
    return charge;
}

static void ask_provider(struct harness *harness, uint32_t partition, const struct partition_activity *activity)
{
    if (activity->service != SERVICE_NUMBER_payment)
        return; /* its test answers */
    harness->counts.provider_calls++;
    bool silent = harness->provider_down || chance(harness, harness->options.provider_silent_ppm);
    if (silent && prng_chance(&harness->prng, 500000))
        return;
    const struct business_charge *charge = perform(harness, activity);
    if (silent)
        return;
    struct command command = {
        .kind = COMMAND_ACTIVITY_RESULT,
        .activity_result = {.activity = activity->id,
                            .outcome = charge->accepted ? ACTIVITY_DONE : ACTIVITY_REFUSED,
                            .body = charge->accepted ? bytes_of_text("tx") : BYTES_NONE,
                            .note = charge->accepted ? BYTES_NONE : bytes_of_text("amount above the limit")}};
    for (uint32_t copies = chance(harness, harness->options.provider_repeated_ppm) ? 2 : 1; copies != 0; copies--)
        propose_later(harness, partition, &command, harness->now_ms + delay(harness, harness->options.provider_ms_max));
}

static void run_activities(struct harness *harness, uint32_t number)
{
    struct partition_activity activity;
    uint64_t after = 0;
    while (partition_activity_next(harness->members[number].partition, after, &activity)) {
        uint8_t name[12], again[8];
        struct table_entry entry;
        after = activity.id;
        put_u32(name, number);
        put_u64(name + 4, activity.id);
        if (table_find(harness->asked, bytes_of(name, sizeof name), &entry) &&
            get_u64(entry.value.data) > harness->now_ms)
            continue;
        put_u64(again, harness->now_ms + ASK_AGAIN_MS);
        table_set(harness->asked, bytes_of(name, sizeof name), bytes_of(again, sizeof again), 0);
        ask_provider(harness, number, &activity);
    }
}

/* ---- the loop */

static void after_apply(struct harness *harness, uint32_t number)
{
    send_new(harness, number);
    run_activities(harness, number);
}

static void run_proposal(struct harness *harness, uint32_t number, struct bytes encoded)
{
    struct arena arena;
    struct command command;
    struct response response = {0};
    arena_init(&arena, 4096);
    apply(harness, number, encoded);
    enum grid_err err = command_decode(encoded, &arena, &command);
    HOLDS(err == GRID_ERR_OK);
    err = response_decode(buffer_bytes(&harness->answer), &arena, &response);
    HOLDS(err == GRID_ERR_OK);
    if (command.kind == COMMAND_DELIVER)
        delivered(harness, &command.deliver, &response);
    after_apply(harness, number);
    arena_close(&arena);
}

static void poll(struct harness *harness, uint32_t number)
{
    struct partition *partition = harness->members[number].partition;
    uint64_t due_ms;
    if (partition_next_due_ms(partition, &due_ms) && due_ms <= harness->now_ms) {
        struct command tick = {.kind = COMMAND_TICK};
        (void)harness_propose(harness, number, &tick);
    }
    send_again(harness, number);
    run_activities(harness, number);
    add_happening(harness, (struct happening){.due_ms = harness->now_ms + POLL_MS, .kind = POLL, .partition = number});
}

static void step(struct harness *harness)
{
    struct happening happening = take_happening(harness);
    harness->now_ms = happening.due_ms;
    if (happening.kind == POLL)
        poll(harness, happening.partition);
    else
        run_proposal(harness, happening.partition, buffer_bytes(&happening.command));
    buffer_close(&happening.command);
}

void harness_run(struct harness *harness, uint64_t ms)
{
    uint64_t until_ms = harness->now_ms + ms;
    while (harness->heap_count != 0 && harness->heap[0].due_ms <= until_ms)
        step(harness);
    harness->now_ms = until_ms;
}

static bool quiet(const struct harness *harness)
{
    for (size_t i = 0; i < harness->heap_count; i++)
        if (harness->heap[i].kind == PROPOSE)
            return false;
    for (uint32_t i = 0; i < harness->partitions; i++) {
        struct partition_stats stats = partition_stats(harness->members[i].partition);
        if (stats.outbox_pending != 0 || stats.activities != 0 || stats.timers != 0)
            return false;
    }
    return true;
}

bool harness_settle(struct harness *harness, uint64_t ms_max)
{
    uint64_t until_ms = harness->now_ms + ms_max;
    while (!quiet(harness) && harness->now_ms < until_ms)
        harness_run(harness, POLL_MS);
    for (uint32_t i = 0; i < harness->partitions; i++) {
        struct member *member = &harness->members[i];
        partition_holds(member->partition);
        if (member->replica != NULL)
            HOLDS(partition_state_digest(member->partition) == partition_state_digest(member->replica));
    }
    return quiet(harness);
}

/* Messages that were set apart come again over a link of their own. */
static void replay(struct harness *harness)
{
    for (size_t i = 0; i < harness->parked_count; i++) {
        struct parked *parked = &harness->parked[i];
        struct link_message message;
        enum grid_err err = link_message_decode(buffer_bytes(&parked->message), &message);
        HOLDS(err == GRID_ERR_OK);
        message.sequence = ++harness->replays[parked->destination];
        struct command command = {.kind = COMMAND_DELIVER,
                                  .deliver = {.source = harness->partitions,
                                              .incarnation = 1,
                                              .destination = parked->destination,
                                              .messages = &message,
                                              .messages_count = 1}};
        struct buffer encoded = {0};
        command_encode(&command, &encoded);
        run_proposal(harness, parked->destination, buffer_bytes(&encoded));
        buffer_close(&encoded);
        buffer_close(&parked->message);
        harness->counts.replayed++;
    }
    harness->parked_count = 0;
}

void harness_heal(struct harness *harness)
{
    harness->healed = true;
    harness->provider_down = false;
    harness->held_service = 0;
    replay(harness);
}

void harness_provider_down(struct harness *harness, bool down)
{
    harness->provider_down = down;
}

void harness_hold(struct harness *harness, uint32_t service, uint32_t type)
{
    harness->held_service = service;
    harness->held_type = type;
}

/* ---- life cycle */

static void open_member(struct harness *harness, uint32_t number)
{
    struct member *member = &harness->members[number];
    struct partition_options options = {.id = {number}, .services = harness->options.services};
    uint32_t services[16];
    size_t services_count = harness->options.services->count;
    REQUIRE(services_count <= sizeof services / sizeof services[0]);
    for (size_t i = 0; i < services_count; i++)
        services[i] = harness->options.services->services[i]->number;
    struct command genesis = {.kind = COMMAND_GENESIS,
                              .genesis = {.services = services, .services_count = services_count, .cluster = bytes_of_text("harness"),
                                          .partitions = harness->genesis_partitions,
                                          .table_seed = harness->options.seed}};
    struct command open_session = {.kind = COMMAND_OPEN_SESSION, .open_session = {.idle_ms = 24u * 3600 * 1000}};
    member->partition = partition_open(&options);
    if (harness->options.second_replica)
        member->replica = partition_open(&options);
    (void)harness_propose(harness, number, &genesis);
    member->session = harness_propose(harness, number, &open_session).session;
    REQUIRE(member->session != 0);
    add_happening(harness,
                  (struct happening){.due_ms = harness->now_ms + 1 + number, .kind = POLL, .partition = number});
}

struct harness *harness_open(const struct harness_options *options)
{
    struct harness *harness = memory_zero(1, sizeof *harness);
    harness->options = *options;
    harness->partitions = options->partitions == 0 ? 4 : options->partitions;
    harness->genesis_partitions = harness->partitions + (options->parked_ppm != 0);
    REQUIRE(harness->partitions < HARNESS_PARTITIONS_MAX);
    if (harness->options.services == NULL)
        harness->options.services = registry_builtin();
    harness->options.delay_ms_max = options->delay_ms_max == 0 ? 5 : options->delay_ms_max;
    harness->options.provider_ms_max = options->provider_ms_max == 0 ? 20 : options->provider_ms_max;
    harness->now_ms = START_MS;
    prng_init(&harness->prng, options->seed);
    arena_init(&harness->arena, 64 * 1024);
    harness->asked = table_open(3);
    harness->ledger_keys = table_open(4);
    harness->parked_seen = table_open(5);
    for (uint32_t i = 0; i < harness->partitions; i++)
        open_member(harness, i);
    return harness;
}

void harness_watch(struct harness *harness, void (*applied)(void *context, uint32_t partition), void *context)
{
    harness->applied = applied;
    harness->applied_context = context;
}

void harness_close(struct harness *harness)
{
    for (uint32_t i = 0; i < harness->partitions; i++) {
        partition_close(harness->members[i].partition);
        partition_close(harness->members[i].replica);
    }
    for (size_t i = 0; i < harness->heap_count; i++)
        buffer_close(&harness->heap[i].command);
    for (size_t i = 0; i < harness->parked_count; i++)
        buffer_close(&harness->parked[i].message);
    memory_free(harness->heap);
    memory_free(harness->parked);
    memory_free(harness->ledger);
    table_close(harness->asked);
    table_close(harness->ledger_keys);
    table_close(harness->parked_seen);
    buffer_close(&harness->answer);
    arena_close(&harness->arena);
    memory_free(harness);
}

/* ---- commands and queries */

uint64_t harness_now_ms(const struct harness *harness)
{
    return harness->now_ms;
}

struct response harness_propose(struct harness *harness, uint32_t partition, const struct command *command)
{
    struct buffer encoded = {0};
    struct response response = {0};
    command_encode(command, &encoded);
    apply(harness, partition, buffer_bytes(&encoded));
    buffer_close(&encoded);
    struct bytes kept = arena_copy(&harness->arena, buffer_bytes(&harness->answer));
    enum grid_err err = response_decode(kept, &harness->arena, &response);
    HOLDS(err == GRID_ERR_OK);
    after_apply(harness, partition);
    return response;
}

uint32_t harness_partition_of(const struct harness *harness, const char *affinity)
{
    return hash_partition(bytes_of_text(affinity), harness->genesis_partitions).value;
}

struct response harness_command(struct harness *harness, uint32_t service, uint32_t type, const char *key,
                                const char *affinity, const void *body)
{
    uint32_t number = harness_partition_of(harness, affinity == NULL ? key : affinity);
    REQUIRE(number < harness->partitions);
    struct member *member = &harness->members[number];
    struct command command = {.session = member->session, .sequence = ++member->sequence, .kind = COMMAND_SERVICE};
    command.acknowledged_below = command.sequence;
    command.service = (struct service_command){.service = service,
                                               .type = type,
                                               .key = bytes_of_text(key),
                                               .affinity = bytes_of_text(affinity == NULL ? "" : affinity),
                                               .body = message_pack_arena(body, &harness->arena)};
    struct response response = harness_propose(harness, number, &command);
    if (chance(harness, harness->options.command_repeated_ppm)) {
        struct bytes first = arena_copy(&harness->arena, buffer_bytes(&harness->answer));
        struct partition_stats before = partition_stats(member->partition);
        (void)harness_propose(harness, number, &command);
        /* I11: the same answer, and nothing happened again. */
        HOLDS(bytes_equal(first, buffer_bytes(&harness->answer)));
        HOLDS(partition_stats(member->partition).events == before.events);
        harness->counts.duplicates++;
    }
    return response;
}

static bool read_entry(struct harness *harness, const char *map, const char *key, const char *affinity,
                       struct bytes *ret_value)
{
    uint32_t number = harness_partition_of(harness, affinity == NULL ? key : affinity);
    struct query query = {.kind = QUERY_GET,
                          .map = bytes_of_text(map),
                          .key = bytes_of_text(key),
                          .affinity = bytes_of_text(affinity == NULL ? "" : affinity)};
    struct buffer out = {0};
    struct response response = {0};
    partition_query(harness->members[number].partition, &query, 0, &out);
    struct bytes kept = arena_copy(&harness->arena, buffer_bytes(&out));
    buffer_close(&out);
    enum grid_err err = response_decode(kept, &harness->arena, &response);
    HOLDS(err == GRID_ERR_OK && response.err == GRID_ERR_OK);
    *ret_value = response.value;
    return response.found;
}

void *harness_read(struct harness *harness, const char *map, const char *key, const char *affinity,
                   const struct ProtobufCMessageDescriptor *descriptor)
{
    struct bytes value;
    return read_entry(harness, map, key, affinity, &value) ? message_unpack(descriptor, value, &harness->arena) : NULL;
}

bool harness_event(struct harness *harness, const char *domain, const char *key, const char *affinity,
                   uint64_t sequence, struct event_record *ret_event)
{
    struct bytes value;
    const char *map = arena_format(&harness->arena, "%s.events", domain);
    const char *name = arena_format(&harness->arena, "%s/%llu", key, (unsigned long long)sequence);
    return read_entry(harness, map, name, affinity == NULL ? key : affinity, &value) &&
           event_record_decode(value, ret_event) == GRID_ERR_OK;
}

struct partition *harness_replica(struct harness *harness, uint32_t number)
{
    REQUIRE(number < harness->partitions && harness->options.second_replica);
    return harness->members[number].replica;
}

struct partition *harness_partition(struct harness *harness, uint32_t number)
{
    REQUIRE(number < harness->partitions);
    return harness->members[number].partition;
}

void harness_check(struct harness *harness, bool at_rest, struct business_report *ret_report)
{
    struct partition *partitions[HARNESS_PARTITIONS_MAX];
    for (uint32_t i = 0; i < harness->partitions; i++)
        partitions[i] = harness->members[i].partition;
    struct business_facts facts = {.partitions = partitions,
                                   .partitions_count = harness->partitions,
                                   .charges = harness->ledger,
                                   .charges_count = harness->ledger_count,
                                   .at_rest = at_rest,
                                   .tick_ms_max = 2 * POLL_MS};
    business_check(&facts, ret_report);
}

struct harness_counts harness_counts(const struct harness *harness)
{
    return harness->counts;
}
