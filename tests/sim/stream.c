#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/wire/frame.h"
#include "tests/sim/net.h"

/* Bytes that the system takes over before the writer has to wait, and the most in one delivery. */
enum { WINDOW_BYTES = 512 * 1024, DELIVERY_BYTES_MAX = 128 * 1024, SLOW_BYTES_PER_S = 400 * 1024 };
/* How often a stalled stream looks whether the cut has mended. */
enum { STALL_RETRY_US = 40000 };
enum { DUPLICATE_DELAY_MAX_US = 3000000 };

/* ---- faults on whole frames ---- */

struct repeat { struct conn *from; struct buffer frame; };

static void repeat_free(void *context)
{
    struct repeat *repeat = context;
    link_release(repeat->from->link);
    buffer_close(&repeat->frame);
    memory_free(repeat);
}

static void run_repeat(struct world *world, void *context)
{
    struct repeat *repeat = context;
    struct conn *from = repeat->from;
    if (from->state == END_OPEN && !from->stream.end) {
        world->totals.frames_duplicated++;
        SOMETIMES(world, "a frame arrives twice");
        buffer_append(&from->stream.waiting, buffer_bytes(&repeat->frame));
        stream_pump(from);
    }
    repeat_free(repeat);
}

static void repeat_later(struct conn *from, struct bytes frame)
{
    struct world *world = from->link->world;
    struct repeat *repeat = memory_zero(1, sizeof *repeat);
    repeat->from = from;
    buffer_append(&repeat->frame, frame);
    link_hold(from->link);
    uint64_t delay_us = world_draw_percent(world, CONCERN_NET, 50) ? world_draw(world, CONCERN_NET, 0, 20000)
                                                                   : world_draw(world, CONCERN_NET, 0, DUPLICATE_DELAY_MAX_US);
    struct event event = {.run = run_repeat, .discard = repeat_free, .context = repeat};
    world_push(world, &event, delay_us);
}

/* Losing and repeating is for messages of peers, whose layers promise to cope. A greeting opens the link and is no
 * message; client frames travel on a stream that loses nothing but its end. */
static bool may_be_lost(const struct frame *frame) { return frame->type > FRAME_PEER_HELLO; }

static void write_frame(struct conn *from, const struct frame *frame, struct bytes bytes)
{
    struct world *world = from->link->world;
    const struct cut *cut = &world->cuts[from->host->number][conn_other(from)->host->number];
    world->totals.frames++;
    if (may_be_lost(frame)) {
        if (fault_on(world, FAULT_DUPLICATE) && prng_chance(world_concern(world, CONCERN_NET), world->plan.duplicate_ppm)) {
            repeat_later(from, bytes);
        }
        bool lost = cut->lose && cut->until_us > world->now_us;
        lost = lost || (fault_on(world, FAULT_DROP) && prng_chance(world_concern(world, CONCERN_NET), world->plan.drop_ppm));
        if (lost) {
            world->totals.frames_dropped++;
            return;
        }
    }
    buffer_append(&from->stream.waiting, bytes);
}

void stream_write(struct conn *from, struct bytes bytes)
{
    while (bytes.size > 0) {
        struct frame frame;
        size_t size;
        if (frame_parse(bytes, FRAME_BODY_BYTES_MAX, &frame, &size) != FRAME_OK) {
            buffer_append(&from->stream.waiting, bytes);
            break;
        }
        write_frame(from, &frame, bytes_of(bytes.data, size));
        bytes = bytes_of(bytes.data + size, bytes.size - size);
    }
    stream_pump(from);
}

/* ---- bytes on their way ---- */

static void launch(struct conn *from, struct bytes bytes)
{
    struct world *world = from->link->world;
    struct stream *stream = &from->stream;
    struct chunk *chunk = memory_alloc(sizeof *chunk + bytes.size);
    *chunk = (struct chunk){.size = bytes.size};
    memcpy(chunk->data, bytes.data, bytes.size);
    uint64_t due_us = world->now_us + net_latency(world, from->link);
    const struct host *reader = conn_other(from)->host;
    if (due_us < stream->last_due_us) {
        due_us = stream->last_due_us;
    }
    if (world->faults_active && reader->net.slow_until_us > world->now_us) {
        due_us += bytes.size * 1000000u / SLOW_BYTES_PER_S;
    }
    chunk->due_us = stream->last_due_us = due_us;
    stream->flying_bytes += bytes.size;
    if (stream->last) {
        stream->last->next = chunk;
    } else {
        stream->first = chunk;
    }
    stream->last = chunk;
}

static size_t cut_size(struct world *world, size_t size)
{
    if (size > DELIVERY_BYTES_MAX) {
        size = DELIVERY_BYTES_MAX;
    }
    bool cuts = fault_on(world, FAULT_CHUNKS) && size > 1;
    if (cuts && prng_chance(world_concern(world, CONCERN_NET), world->plan.chunk_ppm)) {
        size = (size_t)world_draw(world, CONCERN_NET, 1, size - 1);
    }
    return size;
}

static void run_drain(struct world *world, void *context)
{
    (void)world;
    struct conn *conn = context;
    if (conn->state == END_OPEN && conn->events.on_drain && conn->stream.waiting.size == 0 && conn->output.size == 0) {
        conn->events.on_drain(conn->context, conn);
    }
    link_release(conn->link);
}

static void discard_conn(void *context) { link_release(((struct conn *)context)->link); }

void stream_pump(struct conn *from)
{
    struct world *world = from->link->world;
    struct stream *stream = &from->stream;
    if (from->state != END_OPEN || stream->waiting.size == 0) {
        return;
    }
    if (conn_other(from)->state == END_CLOSED) {
        buffer_clear(&stream->waiting); /* nobody will read it */
        return;
    }
    size_t taken = 0;
    while (taken < stream->waiting.size && stream->flying_bytes < WINDOW_BYTES) {
        size_t size = cut_size(world, stream->waiting.size - taken);
        launch(from, bytes_of(stream->waiting.data + taken, size));
        taken += size;
    }
    buffer_consume(&stream->waiting, taken);
    if (taken > 0 && stream->waiting.size == 0 && from->events.on_drain) {
        link_hold(from->link);
        struct event event = {.host = from->host, .run = run_drain, .discard = discard_conn, .context = from};
        world_push(world, &event, 0);
    }
    stream_schedule(from);
}

void stream_drop(struct stream *stream, size_t keep_bytes)
{
    struct chunk **at = &stream->first;
    struct chunk *last = NULL;
    while (*at && keep_bytes >= (*at)->size) {
        keep_bytes -= (*at)->size;
        last = *at;
        at = &(*at)->next;
    }
    if (*at && keep_bytes > 0) {
        stream->flying_bytes -= (*at)->size - keep_bytes;
        (*at)->size = keep_bytes;
        last = *at;
        at = &(*at)->next;
    }
    struct chunk *rest = *at;
    *at = NULL;
    stream->last = last;
    while (rest) {
        struct chunk *next = rest->next;
        stream->flying_bytes -= rest->size;
        memory_free(rest);
        rest = next;
    }
    buffer_close(&stream->waiting);
}

void stream_end(struct conn *from, uint64_t delay_us, enum grid_err reason)
{
    struct stream *stream = &from->stream;
    if (stream->end) {
        return;
    }
    stream->end = true;
    stream->end_reason = reason;
    stream->end_due_us = from->link->world->now_us + delay_us;
    if (stream->end_due_us < stream->last_due_us) {
        stream->end_due_us = stream->last_due_us;
    }
    stream_schedule(from);
}

/* ---- arrival ---- */

static void flip(struct conn *from, struct chunk *chunk)
{
    struct world *world = from->link->world;
    bool peers = from->host->kind == HOST_NODE && conn_other(from)->host->kind == HOST_NODE;
    if (!peers || !fault_on(world, FAULT_FLIP) || !prng_chance(world_concern(world, CONCERN_NET), world->plan.flip_ppm)) {
        return;
    }
    world->totals.bits_flipped++;
    uint64_t bit = world_draw(world, CONCERN_NET, 0, 8 * chunk->size - 1);
    chunk->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void arrive(struct conn *from)
{
    struct world *world = from->link->world;
    struct stream *stream = &from->stream;
    struct conn *to = conn_other(from);
    if (stream->first && stream->first->due_us <= world->now_us) {
        struct chunk *chunk = stream->first;
        stream->first = chunk->next;
        if (!stream->first) {
            stream->last = NULL;
        }
        stream->flying_bytes -= chunk->size;
        flip(from, chunk);
        world_trace_event(world, TRACE_DATA, from->host->number * HOSTS_MAX + to->host->number, chunk->size);
        world_trace_bytes(world, bytes_of(chunk->data, chunk->size));
        if (to->events.on_data) {
            to->events.on_data(to->context, to, bytes_of(chunk->data, chunk->size));
        }
        memory_free(chunk);
        stream_pump(from);
    } else if (!stream->first && stream->end && stream->end_due_us <= world->now_us) {
        conn_finish(to, stream->end_reason);
    }
}

static void run_arrive(struct world *world, void *context)
{
    struct conn *from = context;
    struct conn *to = conn_other(from);
    from->stream.scheduled = false;
    if (to->state == END_OPEN && !to->paused && !net_is_cut(world, from->host, to->host)) {
        arrive(from);
    }
    stream_schedule(from);
    link_release(from->link);
}

static void discard_arrive(void *context)
{
    struct conn *from = context;
    from->stream.scheduled = false;
    link_release(from->link);
}

void stream_schedule(struct conn *from)
{
    struct world *world = from->link->world;
    struct stream *stream = &from->stream;
    struct conn *to = conn_other(from);
    if (stream->scheduled || to->state != END_OPEN || !to->opened || to->paused || (!stream->first && !stream->end)) {
        return;
    }
    uint64_t due_us = stream->first ? stream->first->due_us : stream->end_due_us;
    uint64_t delay_us = due_us > world->now_us ? due_us - world->now_us : 0;
    if (delay_us == 0 && net_is_cut(world, from->host, to->host)) {
        delay_us = STALL_RETRY_US;
    }
    stream->scheduled = true;
    link_hold(from->link);
    struct event event = {.host = to->host, .run = run_arrive, .discard = discard_arrive, .context = from};
    world_push(world, &event, delay_us);
}
