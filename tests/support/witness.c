#include "tests/support/witness.h"

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/wire/compress.h"
#include "grid/wire/messages/message.h"

/* More reads than a pause of some seconds lets pile up; an older one is forgotten, its answer then finds nobody. */
enum { OUTSTANDING_MAX = 4096, RECONNECT_US = 100000, CLIENT_PROTOCOL = 1, WRITE_US_MAX = 3000000 };

struct read { uint64_t number, key, called_us; bool paused; };

/* One at a time, or the opening of the session that it needs. */
struct write { uint64_t number; uint32_t partition; bool opens; struct wgl_operation operation; };

struct witness {
    struct witness_options options;
    struct conn *conn;
    uint32_t partitions;                   /* 0: not greeted yet */
    bool stopped, paused, bad;
    struct frame_stream stream;
    struct arena arena;
    struct timer next, reconnect;
    uint64_t number;                       /* of the newest read */
    struct read reads[OUTSTANDING_MAX];    /* by number */
    struct write write;                    /* number 0: none is out */
    uint64_t *sessions;                    /* per partition; 0: none is open; they outlive connections */
    struct witness_totals totals;
};

static const struct conn_events witness_events;

static struct clock *clock_of(const struct witness *witness)
{
    return witness->options.io->clock;
}

static uint64_t now_us(const struct witness *witness)
{
    return witness->options.now_us != NULL ? witness->options.now_us(witness->options.context) : clock_now_us(clock_of(witness));
}

/* ---- asking */

static void send_command(struct witness *witness, const struct command *command, uint32_t partition)
{
    struct buffer *out = conn_output(witness->options.io->transport, witness->conn);
    size_t mark = frame_begin(out, FRAME_COMMAND, partition, witness->write.number);
    command_encode(command, out);
    frame_end(out, mark);
}

static void write_end(struct witness *witness, enum grid_err err)
{
    struct write write = witness->write;
    const struct witness_options *options = &witness->options;
    witness->write.number = 0;
    if (write.number == 0 || write.opens)
        return;
    options->wrote(options->context, write.partition, true, err);
    write.operation.returned = err == GRID_ERR_UNKNOWN ? WGL_NEVER : now_us(witness);
    if (err == GRID_ERR_OK || err == GRID_ERR_UNKNOWN)
        options->read(options->context, &write.operation);
}

static void write_one(struct witness *witness, uint64_t which)
{
    const struct witness_options *options = &witness->options;
    struct bytes key = bytes_of_text(options->keys[which]);
    uint32_t partition = hash_partition(key, witness->partitions).value;
    uint64_t session = witness->sessions[partition], number = ++witness->number;
    witness->write = (struct write){.number = number, .partition = partition, .opens = session == 0,
                                    .operation.called = now_us(witness)};
    if (session == 0) {
        send_command(witness, &(struct command){.kind = COMMAND_OPEN_SESSION}, partition);
        return;
    }
    uint8_t value[8];
    witness->write.operation = (struct wgl_operation){.kind = WGL_SET, .client = options->number, .key = which, .called = now_us(witness),
                                                      .value = options->next_value(options->context)};
    put_u64(value, witness->write.operation.value);
    /* Nothing is ever repeated, so that nothing below needs to be kept. */
    struct command command = {.kind = COMMAND_MAP, .session = session, .sequence = number, .acknowledged_below = number,
                              .map = {.operation = MAP_SET, .map = bytes_of_text(options->map), .key = key,
                                      .value = bytes_of(value, sizeof value)}};
    options->wrote(options->context, partition, false, GRID_ERR_OK);
    send_command(witness, &command, partition);
}

/* True: it was the answer to the write. */
static bool on_written(struct witness *witness, const struct frame *frame)
{
    struct response response;
    struct write *write = &witness->write;
    if (write->number == 0 || write->number != frame->request)
        return false;
    if (response_decode(frame->body, &witness->arena, &response) != GRID_ERR_OK)
        return true;
    if (write->opens && response.err == GRID_ERR_OK)
        witness->sessions[write->partition] = response.session;
    else if (response.err == GRID_ERR_NO_SESSION)
        witness->sessions[write->partition] = 0;
    if (response.err == GRID_ERR_OK)
        write->operation.version = response.version, write->operation.found = response.found;
    write_end(witness, response.err);
    return true;
}

static void ask(void *context)
{
    struct witness *witness = context;
    const struct witness_options *options = &witness->options;
    uint64_t which = prng_range(options->prng, 0, options->keys_count - 1);
    struct bytes key = bytes_of_text(options->keys[which]);
    struct query query = {.kind = QUERY_GET, .map = bytes_of_text(options->map), .key = key};
    if (witness->stopped || witness->partitions == 0)
        return;
    if (witness->write.number != 0 && now_us(witness) - witness->write.operation.called > WRITE_US_MAX)
        write_end(witness, GRID_ERR_UNKNOWN);
    if (witness->write.number == 0 && options->writes_percent > 0 && prng_range(options->prng, 0, 99) < options->writes_percent) {
        write_one(witness, which);
        clock_timer_start(clock_of(witness), &witness->next, prng_range(options->prng, 1, 2 * options->gap_us));
        return;
    }
    struct read *read = &witness->reads[++witness->number % OUTSTANDING_MAX];
    *read = (struct read){.number = witness->number, .key = which, .called_us = now_us(witness), .paused = witness->paused};
    struct buffer *out = conn_output(options->io->transport, witness->conn);
    size_t mark = frame_begin(out, FRAME_QUERY, hash_partition(key, witness->partitions).value, read->number);
    query_encode(&query, out);
    frame_end(out, mark);
    witness->totals.asked++;
    witness->totals.paused_asked += read->paused;
    clock_timer_start(clock_of(witness), &witness->next, prng_range(options->prng, 1, 2 * options->gap_us));
}

static void on_response(struct witness *witness, const struct frame *frame)
{
    struct response response;
    if (on_written(witness, frame))
        return;
    struct read *read = &witness->reads[frame->request % OUTSTANDING_MAX];
    if (read->number != frame->request || response_decode(frame->body, &witness->arena, &response) != GRID_ERR_OK ||
        response.err != GRID_ERR_OK)
        return;
    struct wgl_operation operation = {
        .kind = WGL_GET, .client = witness->options.number, .key = read->key, .called = read->called_us,
        .returned = now_us(witness), .found = response.found, .version = response.version,
        .value = response.found && response.value.size == 8 ? get_u64(response.value.data) : 0};
    witness->totals.answered++;
    witness->totals.paused_answered += read->paused;
    read->number = 0;
    witness->options.read(witness->options.context, &operation);
}

/* ---- the connection */

static bool on_welcome(struct witness *witness, struct bytes body)
{
    struct message_welcome welcome;
    if (welcome_decode(body, &witness->arena, &welcome) != GRID_ERR_OK || welcome.table.partitions == 0 ||
        welcome.node.value != witness->options.node)
        return false;
    witness->partitions = welcome.table.partitions;
    if (witness->sessions == NULL)
        witness->sessions = memory_zero(witness->partitions, sizeof *witness->sessions);
    clock_timer_start(clock_of(witness), &witness->next, 1);
    return true;
}

static bool on_frame(void *context, const struct frame *whole)
{
    struct witness *witness = context;
    struct frame frame = *whole;
    struct buffer plain = {0};
    arena_reset(&witness->arena);
    bool good = compress_frame_open(&frame, FRAME_BODY_BYTES_MAX, &plain) == GRID_ERR_OK;
    if (good && frame.type == FRAME_WELCOME)
        good = on_welcome(witness, frame.body);
    else if (good && frame.type == FRAME_RESPONSE)
        on_response(witness, &frame);
    buffer_close(&plain);
    witness->bad = !good;
    return good;
}

static void on_open(void *context, struct conn *conn)
{
    struct witness *witness = context;
    struct message_hello hello = {.protocol = CLIENT_PROTOCOL, .client_name = bytes_of_text("witness")};
    struct buffer *out = conn_output(witness->options.io->transport, conn);
    size_t mark = frame_begin(out, FRAME_HELLO, FRAME_PARTITION_NONE, 0);
    hello_encode(&hello, out);
    frame_end(out, mark);
}

static void on_data(void *context, struct conn *conn, struct bytes data)
{
    struct witness *witness = context;
    if (frame_stream_feed(&witness->stream, data, FRAME_BODY_BYTES_MAX, on_frame, witness) != FRAME_OK || witness->bad)
        conn_close(witness->options.io->transport, conn);
}

static void on_close(void *context, struct conn *conn, enum grid_err reason)
{
    struct witness *witness = context;
    (void)conn;
    (void)reason;
    witness->conn = NULL;
    write_end(witness, GRID_ERR_UNKNOWN);
    witness->partitions = 0;
    witness->bad = false;
    frame_stream_close(&witness->stream);
    clock_timer_stop(clock_of(witness), &witness->next);
    clock_timer_start(clock_of(witness), &witness->reconnect, RECONNECT_US);
}

static const struct conn_events witness_events = {.on_open = on_open, .on_data = on_data, .on_close = on_close};

static void connect_again(void *context)
{
    struct witness *witness = context;
    if (!witness->stopped)
        witness->conn = transport_connect(witness->options.io->transport, witness->options.endpoint, &witness_events, witness);
}

/* ---- life */

struct witness *witness_open(const struct witness_options *options)
{
    REQUIRE(options->keys_count > 0 && options->gap_us > 0 && options->read != NULL);
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

void witness_reads_only(struct witness *witness)
{
    witness->options.writes_percent = 0;
}

void witness_end_write(struct witness *witness)
{
    write_end(witness, GRID_ERR_UNKNOWN);
}

void witness_close(struct witness *witness)
{
    static const struct conn_events nobody = {0};
    struct transport *transport = witness->options.io->transport;
    write_end(witness, GRID_ERR_UNKNOWN);
    clock_timer_stop(clock_of(witness), &witness->next);
    clock_timer_stop(clock_of(witness), &witness->reconnect);
    if (witness->conn != NULL) {
        conn_attach(transport, witness->conn, &nobody, NULL);
        conn_close(transport, witness->conn);
    }
    frame_stream_close(&witness->stream);
    arena_close(&witness->arena);
    memory_free(witness->sessions);
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
