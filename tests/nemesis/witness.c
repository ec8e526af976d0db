#include "tests/nemesis/witness.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/wire/compress.h"

/* More reads than a pause of six seconds lets pile up; an older one is forgotten, its answer then finds nobody. */
enum { OUTSTANDING_MAX = 4096, RECONNECT_US = 100000, CLIENT_PROTOCOL = 1, WITNESS_NUMBER = 1000 };

struct read { uint64_t number, key, called_us; bool paused; };

struct witness {
    struct witness_options options;
    struct conn *conn;
    bool greeted, stopped, paused, bad;
    struct frame_stream stream;
    struct arena arena;
    struct timer next, reconnect;
    uint64_t number;                       /* of the newest read */
    struct read reads[OUTSTANDING_MAX];    /* by number */
    struct witness_totals totals;
};

static const struct conn_events witness_events;

static struct clock *clock_of(const struct witness *witness)
{
    return witness->options.stage->io->clock;
}

/* ---- asking */

static void ask(void *context)
{
    struct witness *witness = context;
    struct stage *stage = witness->options.stage;
    uint32_t which = (uint32_t)stage_draw(stage, 0, witness->options.keys_count - 1);
    const struct register_key *key = &witness->options.keys[which];
    struct query query = {.kind = QUERY_GET, .map = bytes_of_text(witness->options.map), .key = bytes_of_text(key->name)};
    if (witness->stopped || !witness->greeted)
        return;
    struct read *read = &witness->reads[++witness->number % OUTSTANDING_MAX];
    *read = (struct read){.number = witness->number, .key = which, .called_us = stage_now_us(stage), .paused = witness->paused};
    struct buffer *out = conn_output(stage->io->transport, witness->conn);
    size_t mark = frame_begin(out, FRAME_QUERY, key->partition, read->number);
    query_encode(&query, out);
    frame_end(out, mark);
    witness->totals.asked++;
    witness->totals.paused_asked += read->paused;
    clock_timer_start(clock_of(witness), &witness->next, stage_draw(stage, 1, 2 * witness->options.gap_us));
}

static void on_response(struct witness *witness, const struct frame *frame)
{
    struct response response;
    struct read *read = &witness->reads[frame->request % OUTSTANDING_MAX];
    if (read->number != frame->request || response_decode(frame->body, &witness->arena, &response) != GRID_ERR_OK ||
        response.err != GRID_ERR_OK)
        return;
    struct wgl_operation operation = {.kind = WGL_GET, .client = WITNESS_NUMBER + witness->options.node, .key = read->key,
                                      .called = read->called_us, .returned = stage_now_us(witness->options.stage)};
    struct client_result result = {.err = response.err, .response = &response};
    if (history_answer(&result, &operation) != ANSWER_DONE)
        return;
    history_add(witness->options.history, &operation);
    witness->totals.answered++;
    witness->totals.paused_answered += read->paused;
    read->number = 0;
}

/* ---- the connection */

static bool on_frame(void *context, const struct frame *whole)
{
    struct witness *witness = context;
    struct frame frame = *whole;
    struct buffer plain = {0};
    arena_reset(&witness->arena);
    witness->bad = compress_frame_open(&frame, FRAME_BODY_BYTES_MAX, &plain) != GRID_ERR_OK;
    if (!witness->bad && frame.type == FRAME_WELCOME && !witness->greeted) {
        witness->greeted = true;
        clock_timer_start(clock_of(witness), &witness->next, 1);
    } else if (!witness->bad && frame.type == FRAME_RESPONSE) {
        on_response(witness, &frame);
    }
    buffer_close(&plain);
    return !witness->bad;
}

static void on_open(void *context, struct conn *conn)
{
    struct witness *witness = context;
    struct message_hello hello = {.protocol = CLIENT_PROTOCOL, .client_name = bytes_of_text("witness")};
    struct buffer *out = conn_output(witness->options.stage->io->transport, conn);
    size_t mark = frame_begin(out, FRAME_HELLO, FRAME_PARTITION_NONE, 0);
    hello_encode(&hello, out);
    frame_end(out, mark);
}

static void on_data(void *context, struct conn *conn, struct bytes data)
{
    struct witness *witness = context;
    if (frame_stream_feed(&witness->stream, data, FRAME_BODY_BYTES_MAX, on_frame, witness) != FRAME_OK || witness->bad)
        conn_close(witness->options.stage->io->transport, conn);
}

static void on_close(void *context, struct conn *conn, enum grid_err reason)
{
    struct witness *witness = context;
    (void)conn;
    (void)reason;
    witness->conn = NULL;
    witness->greeted = false;
    frame_stream_close(&witness->stream);
    clock_timer_stop(clock_of(witness), &witness->next);
    clock_timer_start(clock_of(witness), &witness->reconnect, RECONNECT_US);
}

static const struct conn_events witness_events = {.on_open = on_open, .on_data = on_data, .on_close = on_close};

static void connect_again(void *context)
{
    struct witness *witness = context;
    struct stage *stage = witness->options.stage;
    if (!witness->stopped)
        witness->conn = transport_connect(stage->io->transport, stage->endpoints[witness->options.node - 1], &witness_events,
                                          witness);
}

/* ---- life */

struct witness *witness_open(const struct witness_options *options)
{
    REQUIRE(options->node > 0 && options->node <= options->stage->endpoints_count && options->keys_count > 0);
    struct witness *witness = memory_zero(1, sizeof *witness);
    witness->options = *options;
    witness->next = (struct timer){.fire = ask, .context = witness};
    witness->reconnect = (struct timer){.fire = connect_again, .context = witness};
    arena_init(&witness->arena, 4096);
    connect_again(witness);
    return witness;
}

void witness_stop(struct witness *witness)
{
    witness->stopped = true;
}

void witness_close(struct witness *witness)
{
    static const struct conn_events nobody = {0};
    struct transport *transport = witness->options.stage->io->transport;
    clock_timer_stop(clock_of(witness), &witness->next);
    clock_timer_stop(clock_of(witness), &witness->reconnect);
    if (witness->conn != NULL) {
        conn_attach(transport, witness->conn, &nobody, NULL);
        conn_close(transport, witness->conn);
    }
    frame_stream_close(&witness->stream);
    arena_close(&witness->arena);
    memory_free(witness);
}

void witness_paused(struct witness *witness, bool paused)
{
    witness->paused = paused;
}

struct witness_totals witness_totals(const struct witness *witness)
{
    return witness->totals;
}
