#include "tests/unit/node/replica/replica_bench.h"

#include <string.h>

#include "grid/base/memory.h"
#include "grid/partition/entry.h"

struct replica_bench bench;

/* ---- callbacks */

static void on_answer(void *context, const struct waiter *waiter, uint32_t partition, struct bytes response)
{
    cr_assert(context == &bench && partition == 0 && waiter->kind == WAITER_CLIENT);
    cr_assert_lt(bench.answers_count, (size_t)BENCH_ANSWERS_MAX);
    struct bench_answer *answer = &bench.answers[bench.answers_count++];
    answer->waiter = *waiter;
    cr_assert_eq(response_decode(arena_copy(&bench.arena, response), &bench.arena, &answer->response), GRID_ERR_OK);
}

static void on_genesis(void *context, uint64_t table_seed, struct buffer *out)
{
    (void)context;
    command_encode(&(struct command){.kind = COMMAND_GENESIS, .genesis = {.cluster = bytes_of_text("bench"), .table_seed = table_seed,
                   .partitions = bench.genesis_partitions, .cluster_uuid = uuid_bytes(&bench.genesis_uuid)}}, out);
}

static void on_answer_messages(void *context, struct node_id to, const struct letter *letter)
{
    (void)context;
    bench.letters[bench.letters_count++] = (struct bench_letter){*letter, 0, to.value};
}

static bool on_send(void *context, const struct letter *letter, const struct bytes *messages, size_t count)
{
    struct link_message message;
    (void)context;
    if (bench.send_fails)
        return false;
    cr_assert_lt(bench.letters_count, (size_t)BENCH_LETTERS_MAX);
    cr_assert_eq(letter->last - letter->first + 1, count);
    cr_assert_eq(link_message_decode(messages[0], &message), GRID_ERR_OK);
    cr_assert_eq(message.sequence, letter->first);
    bench.letters[bench.letters_count++] = (struct bench_letter){*letter, count, 0};
    return true;
}

static bool on_allow(void *context, uint32_t partition, struct bytes command)
{
    (void)context;
    (void)partition;
    cr_assert_gt(command.size, 0u);
    return !bench.forbids;
}

static void on_epoch(void *context, const struct letter *letter, uint32_t known)
{
    (void)context;
    (void)letter;
    bench.epochs_refused++;
    bench.epoch_known = known;
}

static void on_stopped(void *context, uint32_t source, const struct outbox_link *link, uint64_t applied)
{
    (void)context;
    (void)source;
    (void)link;
    (void)applied;
}

static void on_role(void *context, uint32_t partition)
{
    (void)context;
    (void)partition;
    bench.roles++;
}

static bool on_admit(void *context, uint32_t partition, uint64_t index, struct bytes entry)
{
    (void)context;
    (void)partition;
    (void)entry;
    return index != 77;
}

static void on_fatal(void *context, enum grid_err err, const char *what)
{
    (void)context;
    cr_assert_gt(strlen(what), 0u);
    bench.fatal = err;
    bench.fatals++;
}

static uint64_t entropy(struct entropy *self)
{
    (void)self;
    return 42;
}

/* ---- life */

static struct metric_counter *counter(const char *name)
{
    return metric_counter_add(bench.metrics, name, "", NULL);
}

static void open_counters(void)
{
    bench.counters = (struct replica_counters){
        .commands = counter("commands"), .entries = counter("entries"), .reads = counter("reads"), .log_full = counter("log_full"),
        .disk_full = counter("disk_full"), .memory_full = counter("memory_full"), .member_memory_full = counter("member_memory_full"), .in_flight_full = counter("in_flight_full"),
        .not_admitted = counter("not_admitted"), .not_leader = counter("not_leader"),
        .dropped = counter("dropped"), .ticks = counter("ticks"), .messages_sent = counter("sent"), .messages_received = counter("received"),
        .messages_duplicate = counter("duplicate"), .messages_gap = counter("gap"), .messages_refused = counter("refused"),
        .links_stopped = counter("stopped"), .letters_lost = counter("lost"), .acks = counter("acks"),
        .activities_answered = counter("answered"), .activities_postponed = counter("postponed"),
        .commit_us = metric_histogram_add(bench.metrics, "commit", "", NULL), .read_us = metric_histogram_add(bench.metrics, "read", "", NULL)};
}

static void open_to(struct destination *destination)
{
    memset(&bench, 0, sizeof bench);
    bench.genesis_partitions = BENCH_PARTITIONS;
    fake_clock_init(&bench.clock);
    bench.clock.now_us = 1000 * 1000;
    bench.entropy.u64 = entropy;
    bench.io = (struct io){.clock = &bench.clock.clock, .entropy = &bench.entropy};
    prng_init(&bench.prng, 1);
    bench.metrics = metric_registry_open();
    open_counters();
    observer_init(&bench.observer, bench.io.clock, bench.metrics, registry_builtin());
    member_clocks_init(&bench.clocks, 1, 0);
    fake_group_init(&bench.set);
    arena_init(&bench.arena, 64 * 1024);
    bench.shared = (struct replica_shared){
        .io = &bench.io, .prng = &bench.prng, .counters = &bench.counters, .observer = &bench.observer, .groups = &bench.set,
        .clocks = &bench.clocks, .memory = &bench.memory, .partition_reads = &bench.reads, .partition_scratch = bench.scratch = partition_scratch_open(), .self = {BENCH_SELF}, .partitions = BENCH_PARTITIONS, .load_max = destination != NULL ? 4096 : 10,
        .destinations = destination, .destinations_count = destination != NULL,
        .context = &bench, .answer = on_answer, .genesis_encode = on_genesis, .answer_messages = on_answer_messages, .send_messages = on_send,
        .allow = on_allow, .epoch_refused = on_epoch, .link_stopped = on_stopped, .role_changed = on_role, .admit = on_admit, .fatal = on_fatal};
    bench.replica = replica_open(&bench.shared, (struct partition_id){0}, registry_builtin());
}

void bench_open(void)
{
    open_to(NULL);
}

void bench_close(void)
{
    fake_group_close(&bench.set);
    replica_close(bench.replica);
    partition_scratch_close(bench.scratch);
    observer_close(&bench.observer);
    metric_registry_close(bench.metrics);
    arena_close(&bench.arena);
    fake_clock_close(&bench.clock);
}

void bench_run(void)
{
    fake_clock_run(&bench.clock);
}

void bench_lead(uint64_t term)
{
    fake_group_lead(&bench.set, term);
    bench_run();
}

void bench_commit(void)
{
    bench_run();
    fake_group_commit_all(&bench.set);
    bench_run();
}

static void lead_with_session(void)
{
    bench_lead(1);
    bench_commit();
    cr_assert(replica_leads(bench.replica));
    bench_command(0, (struct command){.kind = COMMAND_OPEN_SESSION, .open_session = {.idle_ms = 3600 * 1000}});
    bench_commit();
    cr_assert_eq(bench_err(0), GRID_ERR_OK);
    bench.session = bench.answers[0].response.session;
    bench.answers_count = 0;
    bench.set.group.proposed = 0;
    bench.counters.commands->value = 0;
}

void bench_open_leading(void)
{
    bench_open();
    lead_with_session();
}

void bench_open_leading_to(struct destination *destination)
{
    open_to(destination);
    lead_with_session();
}

void bench_tick_after(uint64_t ms)
{
    fake_clock_advance(&bench.clock, ms * 1000);
    replica_tick(bench.replica);
    bench_run();
}

/* ---- what comes in */

static struct waiter client(uint64_t request)
{
    return (struct waiter){.kind = WAITER_CLIENT, .slot = 3, .generation = 4, .request = request, .knows_memory_full = true};
}

void bench_command(uint64_t request, struct command command)
{
    struct buffer encoded = {0};
    struct waiter waiter = client(request);
    command.session = bench.session;
    command.sequence = bench.session != 0 ? ++bench.sequence : 0;
    command_encode(&command, &encoded);
    replica_command(bench.replica, buffer_bytes(&encoded), admission_needs_of(registry_builtin(), &command, &bench.arena), &waiter);
    buffer_close(&encoded);
}

void bench_set(uint64_t request, const char *key, const char *value)
{
    bench_command(request, (struct command){.kind = COMMAND_MAP, .map = {.operation = MAP_SET, .map = bytes_of_text("m"), .key = bytes_of_text(key),
                                                                         .value = bytes_of_text(value)}});
}

void bench_get(uint64_t request, const char *key)
{
    struct buffer encoded = {0};
    struct waiter waiter = client(request);
    query_encode(&(struct query){.kind = QUERY_GET, .map = bytes_of_text("m"), .key = bytes_of_text(key)}, &encoded);
    replica_query(bench.replica, buffer_bytes(&encoded), &waiter);
    buffer_close(&encoded);
}

void bench_deliver(uint64_t first, uint64_t last, uint32_t incarnation)
{
    struct buffer texts[8] = {0}, encoded = {0};
    struct bytes messages[8] = {0};
    size_t count = 0;
    for (uint64_t sequence = first; sequence <= last; sequence++, count++) {
        link_message_encode(&(struct link_message){.sequence = sequence,
                                                   .command = {.service = 999, .type = 1, .key = bytes_of_text("nobody")},
                                                   .reply_to = {.service = 999, .key = bytes_of_text("b"), .reference = sequence}}, &texts[count]);
        messages[count] = buffer_bytes(&texts[count]);
    }
    command_encode_deliver(BENCH_OTHER, incarnation, 0, messages, count, &encoded);
    replica_letter(bench.replica, &(struct letter){.kind = LETTER_MESSAGES, .to = 0, .from = BENCH_OTHER, .node = {3}, .incarnation = incarnation,
                                                   .first = first, .last = last, .command = buffer_bytes(&encoded)});
    for (size_t i = 0; i < count; i++)
        buffer_close(&texts[i]);
    buffer_close(&encoded);
}

void bench_answer_outbox(uint64_t applied, bool gap)
{
    replica_letter(bench.replica, &(struct letter){.kind = LETTER_ANSWER, .to = 0, .from = BENCH_OTHER, .applied = applied, .gap = gap});
}

/* ---- what came out */

size_t bench_commands(size_t proposal, enum command_kind kind)
{
    struct entry_header header;
    struct reader commands;
    struct bytes encoded;
    struct arena arena;
    size_t count = 0;
    cr_assert_lt(proposal, bench.set.group.proposals_count, "no such entry");
    arena_init(&arena, 4096);
    cr_assert_eq(entry_open(buffer_bytes(&bench.set.group.proposals[proposal].entry), &header, &commands), GRID_ERR_OK);
    while (entry_next(&commands, &encoded)) {
        struct command command;
        cr_assert_eq(command_decode(encoded, &arena, &command), GRID_ERR_OK);
        count += command.kind == kind;
    }
    arena_close(&arena);
    return count;
}

const struct bench_answer *bench_answered(uint64_t request)
{
    for (size_t i = 0; i < bench.answers_count; i++)
        if (bench.answers[i].waiter.request == request)
            return &bench.answers[i];
    return NULL;
}

enum grid_err bench_err(uint64_t request)
{
    size_t count = 0;
    for (size_t i = 0; i < bench.answers_count; i++)
        count += bench.answers[i].waiter.request == request;
    cr_assert_eq(count, 1u, "request %llu has %zu answers", (unsigned long long)request, count);
    return bench_answered(request)->response.err;
}
