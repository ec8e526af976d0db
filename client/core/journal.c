/* A reader of journals over one partition or all of them. */
#include "client/core/core_internal.h"
#include "grid/base/check.h"
#include "grid/base/memory.h"

enum lane_state { LANE_IDLE, LANE_ASKED, LANE_READY };

/* One partition. */
struct lane {
    struct client_journal *journal;
    uint32_t partition;
    enum lane_state state;
    enum journal_from from;                /* SEQUENCE from the first page on */
    uint64_t position;
    struct buffer kept;                    /* READY: the response, encoded */
    enum grid_err err;
    struct buffer note;
};

struct client_journal {
    struct client *client;                 /* NULL: closed */
    struct clock *clock;
    struct buffer map;
    uint32_t limit, lanes_count, turn, asked;
    struct lane *lanes;                    /* NULL before the number of partitions is known */
    struct client_journal_options options;
    struct { uint32_t partition; uint64_t sequence; } *seeks;
    size_t seeks_count, seeks_capacity;
    bool closed, waiting, beginning;       /* waiting: a call is out; beginning: until the cluster is known */
    uint64_t until_us, wait_us_max;
    struct client_call call;
    struct timer patience;
    struct deferred deliver;
    struct arena arena;
};

static void deliver(void *context);
static void ask(struct lane *lane);
static void give(struct client_journal *journal, const struct client_result *result);

/* ---- life */

static void out_of_patience(void *context)
{
    struct client_journal *journal = context;
    clock_defer(journal->clock, &journal->deliver);
}

struct client_journal *client_journal_open(struct client *client, const struct client_journal_options *options)
{
    struct client_journal *journal = memory_zero(1, sizeof *journal);
    journal->client = client;
    journal->clock = client->io->clock;
    journal->options = *options;
    journal->limit = options->limit;
    /* A read that waits longer than an attempt may last would be taken for lost. */
    journal->wait_us_max = client->attempt_us / 2;
    buffer_append(&journal->map, options->map);
    journal->patience = (struct timer){.fire = out_of_patience, .context = journal};
    journal->deliver = (struct deferred){.run = deliver, .context = journal};
    arena_init(&journal->arena, 4096);
    return journal;
}

static void release(struct client_journal *journal)
{
    if (!journal->closed || journal->asked > 0 || journal->beginning)
        return;
    for (uint32_t i = 0; i < journal->lanes_count; i++) {
        buffer_close(&journal->lanes[i].kept);
        buffer_close(&journal->lanes[i].note);
    }
    memory_free(journal->lanes);
    memory_free(journal->seeks);
    buffer_close(&journal->map);
    arena_close(&journal->arena);
    memory_free(journal);
}

void client_journal_close(struct client_journal *journal)
{
    static const struct response nothing;
    REQUIRE(!journal->closed);
    journal->closed = true;
    clock_undefer(journal->clock, &journal->deliver);
    if (journal->waiting)
        give(journal, &(struct client_result){.err = GRID_ERR_CLOSED, .response = &nothing,
                                              .note = "the reader was closed", .partition = PARTITION_ALL});
    release(journal);
}

/* ---- lanes */

static void make_lanes(struct client_journal *journal)
{
    const struct client_journal_options *options = &journal->options;
    bool all = options->partition == PARTITION_ALL;
    journal->lanes_count = all ? client_partitions(journal->client) : 1;
    journal->lanes = memory_zero(journal->lanes_count, sizeof *journal->lanes);
    for (uint32_t i = 0; i < journal->lanes_count; i++)
        journal->lanes[i] = (struct lane){.journal = journal, .partition = all ? i : options->partition,
                                          .from = options->from, .position = options->position};
    for (size_t i = 0; i < journal->seeks_count; i++)
        for (uint32_t at = 0; at < journal->lanes_count; at++)
            if (journal->lanes[at].partition == journal->seeks[i].partition) {
                journal->lanes[at].from = JOURNAL_SEQUENCE;
                journal->lanes[at].position = journal->seeks[i].sequence;
            }
}

void client_journal_seek(struct client_journal *journal, uint32_t partition, uint64_t sequence)
{
    REQUIRE(journal->lanes == NULL);
    if (journal->seeks_count == journal->seeks_capacity) {
        journal->seeks_capacity = journal->seeks_capacity * 2 + 8;
        journal->seeks = memory_resize(journal->seeks, journal->seeks_capacity * sizeof *journal->seeks);
    }
    journal->seeks[journal->seeks_count].partition = partition;
    journal->seeks[journal->seeks_count++].sequence = sequence;
}

uint64_t client_journal_position(const struct client_journal *journal, uint32_t partition)
{
    for (uint32_t i = 0; i < journal->lanes_count; i++)
        if (journal->lanes[i].partition == partition)
            return journal->lanes[i].from == JOURNAL_SEQUENCE ? journal->lanes[i].position : 0;
    return 0;
}

static bool says_something(const struct client_result *result)
{
    const struct journal_page *page = result->response->journal;
    return result->err != GRID_ERR_OK || page == NULL || page->records_count > 0 || page->dropped_to != 0;
}

static void answered(void *context, const struct client_result *result)
{
    struct lane *lane = context;
    struct client_journal *journal = lane->journal;
    REQUIRE(lane->state == LANE_ASKED);
    lane->state = LANE_IDLE;
    journal->asked--;
    if (journal->closed) {
        release(journal);
        return;
    }
    if (client_closing(journal->client) || says_something(result)) {
        lane->state = LANE_READY;
        lane->err = result->err;
        buffer_clear(&lane->kept);
        response_encode(result->response, &lane->kept);
        buffer_clear(&lane->note);
        buffer_append_text(&lane->note, result->note);
        buffer_append_u8(&lane->note, 0);
    } else {
        /* The first read only says where the journal stands now; from here on nothing can be missed. */
        lane->from = JOURNAL_SEQUENCE;
        lane->position = result->response->journal->next_sequence;
    }
    if (client_closing(journal->client)) {
        clock_timer_stop(journal->clock, &journal->patience);
        deliver(journal);
    } else if (lane->state == LANE_READY) {
        clock_defer(journal->clock, &journal->deliver);
    } else if (journal->waiting && clock_now_us(journal->clock) < journal->until_us) {
        ask(lane);
    } else if (journal->asked == 0) {
        clock_defer(journal->clock, &journal->deliver);
    }
}

static void ask(struct lane *lane)
{
    struct client_journal *journal = lane->journal;
    uint64_t now_us = clock_now_us(journal->clock);
    uint64_t wait_us = journal->until_us > now_us ? journal->until_us - now_us : 0;
    if (wait_us > journal->wait_us_max)
        wait_us = journal->wait_us_max;
    struct query query = {.kind = QUERY_JOURNAL, .map = buffer_bytes(&journal->map), .from = lane->from,
                          .position = lane->position, .limit = journal->limit,
                          .wait_ms = lane->from == JOURNAL_SEQUENCE ? wait_us / 1000 : 0};
    struct client_call call = {.done = answered, .context = lane, .deadline_ms = journal->call.deadline_ms};
    lane->state = LANE_ASKED;
    journal->asked++;
    client_query(journal->client, (struct partition_id){lane->partition}, &query, &call);
}

/* ---- giving */

static void give(struct client_journal *journal, const struct client_result *result)
{
    struct client_call call = journal->call;
    journal->waiting = false;
    clock_timer_stop(journal->clock, &journal->patience);
    call.done(call.context, result);
}

static struct lane *take_ready(struct client_journal *journal)
{
    for (uint32_t i = 0; i < journal->lanes_count; i++) {
        struct lane *lane = &journal->lanes[journal->turn++ % journal->lanes_count];
        if (lane->state == LANE_READY)
            return lane;
    }
    return NULL;
}

static void deliver(void *context)
{
    struct client_journal *journal = context;
    struct response response = {0};
    static const struct journal_page nothing;
    if (!journal->waiting)
        return;
    struct lane *lane = take_ready(journal);
    /* The reader gets an empty page only when all partitions have returned one. */
    if (lane == NULL && !client_closing(journal->client) &&
        (journal->asked > 0 || clock_now_us(journal->clock) < journal->until_us))
        return;
    if (lane == NULL) {
        response.journal = &nothing;
        give(journal, &(struct client_result){.response = &response, .note = "", .partition = PARTITION_ALL});
        return;
    }
    arena_reset(&journal->arena);
    lane->state = LANE_IDLE;
    HOLDS(response_decode(buffer_bytes(&lane->kept), &journal->arena, &response) == GRID_ERR_OK);
    if (response.journal != NULL) {
        lane->from = JOURNAL_SEQUENCE;
        lane->position = response.journal->next_sequence;
    }
    give(journal, &(struct client_result){.err = lane->err, .response = &response, .partition = lane->partition,
                                          .note = (const char *)lane->note.data});
}

static void begin(void *context, const struct client_result *result)
{
    struct client_journal *journal = context;
    journal->beginning = false;
    if (journal->closed) {
        release(journal);
        return;
    }
    /* The call may have reached its deadline meanwhile; then it has its outcome already. */
    if (!journal->waiting)
        return;
    if (result->err != GRID_ERR_OK) {
        give(journal, result);
        return;
    }
    if (journal->lanes == NULL)
        make_lanes(journal);
    for (uint32_t i = 0; i < journal->lanes_count; i++)
        if (journal->lanes[i].state == LANE_IDLE)
            ask(&journal->lanes[i]);
    clock_defer(journal->clock, &journal->deliver);
}

void client_journal_next(struct client_journal *journal, uint64_t wait_ms, const struct client_call *call)
{
    struct client_call ready = {.done = begin, .context = journal, .deadline_ms = call->deadline_ms};
    REQUIRE(!journal->closed && !journal->waiting && call->done != NULL);
    journal->waiting = true;
    journal->call = *call;
    journal->until_us = clock_now_us(journal->clock) + wait_ms * 1000;
    clock_timer_start(journal->clock, &journal->patience, wait_ms * 1000);
    /* That of a call before this one may still be out. */
    if (!journal->beginning) {
        journal->beginning = true;
        client_ready(journal->client, &ready);
    }
}
