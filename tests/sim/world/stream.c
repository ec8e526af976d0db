#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/wire/frame.h"
#include "tests/sim/world/net.h"

/* Bytes that the system takes over before the writer has to wait, and the most in one delivery. */
enum { WINDOW_BYTES = 512 * 1024, DELIVERY_BYTES_MAX = 128 * 1024, SLOW_BYTES_PER_S = 400 * 1024 };
enum { DUPLICATE_DELAY_MAX_US = 3000000, OLD_FRAME_DELAY_MAX_US = 300000000, MINUTE_US = 60000000 };
enum { GARBAGE_BYTES_MAX = 100 };

/* ---- faults on whole frames ---- */

struct repeat { struct conn *from; enum fault fault; uint64_t since_us; struct buffer frame; };

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
        fault_happened(world, repeat->fault);
        SOMETIMES(world, "a frame arrives twice");
        if (world->now_us - repeat->since_us > MINUTE_US) {
            SOMETIMES(world, "F13 a frame arrives again after more than a minute");
        }
        buffer_append(&from->stream.waiting, buffer_bytes(&repeat->frame));
        stream_pump(from);
    }
    repeat_free(repeat);
}

static void repeat_later(struct conn *from, struct bytes frame, enum fault fault, uint64_t delay_us)
{
    struct world *world = from->link->world;
    struct repeat *repeat = memory_zero(1, sizeof *repeat);
    repeat->from = from;
    repeat->fault = fault;
    repeat->since_us = world->now_us;
    buffer_append(&repeat->frame, frame);
    link_hold(from->link);
    struct event event = {.host = from->host, .run = run_repeat, .discard = repeat_free, .context = repeat};
    world_push(world, &event, delay_us);
}

static uint64_t repeat_delay(struct world *world)
{
    return world_draw_percent(world, CONCERN_NET, 50) ? world_draw(world, CONCERN_NET, 0, 20000)
                                                      : world_draw(world, CONCERN_NET, 0, DUPLICATE_DELAY_MAX_US);
}

/* From seconds to minutes, each magnitude as likely as the next. */
static uint64_t old_frame_delay(struct world *world)
{
    uint64_t most_us = DUPLICATE_DELAY_MAX_US;
    while (most_us < OLD_FRAME_DELAY_MAX_US && world_draw_percent(world, CONCERN_NET, 60)) {
        most_us *= 2;
    }
    return world_draw(world, CONCERN_NET, most_us / 2, most_us);
}

/* What no sender of ours says: bytes without sense, the beginning of a frame, a size without measure. */
static void add_garbage(struct conn *from, struct bytes frame)
{
    struct world *world = from->link->world;
    struct buffer *out = &from->stream.waiting;
    uint64_t kind = world_draw(world, CONCERN_NET, 0, 2);
    size_t size = (size_t)world_draw(world, CONCERN_NET, 1, GARBAGE_BYTES_MAX);
    world->totals.garbage++;
    fault_happened(world, FAULT_GARBAGE);
    if (kind == 0) {
        buffer_append(out, bytes_of(frame.data, size < frame.size ? size : frame.size - 1));
        return;
    }
    if (kind == 1) {
        buffer_append_u32(out, UINT32_MAX - (uint32_t)size);
    }
    for (size_t i = 0; i < size; i++) {
        buffer_append_u8(out, (uint8_t)world_draw(world, CONCERN_NET, 0, 255));
    }
}

/* Losing and repeating is for messages of peers, whose layers promise to cope. A greeting opens the link and is no
 * message; client frames travel on a stream that loses nothing but its end. */
static bool may_be_lost(const struct frame *frame) { return frame->type > FRAME_PEER_HELLO; }

static void write_frame(struct conn *from, const struct frame *frame, struct bytes bytes)
{
    struct world *world = from->link->world;
    const struct cut *cut = &world->cuts[from->host->number][conn_other(from)->host->number];
    world->totals.frames++;
    if (fault_on(world, FAULT_GARBAGE) && prng_chance(world_concern(world, CONCERN_NET), world->plan.garbage_ppm)) {
        add_garbage(from, bytes);
    }
    if (may_be_lost(frame)) {
        if (fault_on(world, FAULT_DUPLICATE) && prng_chance(world_concern(world, CONCERN_NET), world->plan.duplicate_ppm)) {
            repeat_later(from, bytes, FAULT_DUPLICATE, repeat_delay(world));
        }
        if (fault_on(world, FAULT_OLD_FRAME) && prng_chance(world_concern(world, CONCERN_NET), world->plan.old_ppm)) {
            repeat_later(from, bytes, FAULT_OLD_FRAME, old_frame_delay(world));
        }
        bool lost = cut->kind == CUT_LOSE && cut->until_us > world->now_us;
        if (fault_on(world, FAULT_DROP) && prng_chance(world_concern(world, CONCERN_NET), world->plan.drop_ppm)) {
            fault_happened(world, FAULT_DROP);
            lost = true;
        }
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
    if (world->patience_us != 0 && due_us - world->now_us > world->patience_us) {
        world->late_until_us[from->host->number][reader->number] = due_us;
    }
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
        fault_happened(world, FAULT_CHUNKS);
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
        buffer_clear(&stream->waiting); /* it is never read */
        if (conn_other(from)->vanished) {
            conn_knock(from, net_latency(world, from->link));
        }
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
    if (!fault_on(world, FAULT_FLIP) || !prng_chance(world_concern(world, CONCERN_NET), world->plan.flip_ppm)) {
        return;
    }
    world->totals.bits_flipped++;
    fault_happened(world, FAULT_FLIP);
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
        world->heard_us[from->host->number][to->host->number] = world->now_us;
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
    (void)world;
    struct conn *from = context;
    struct conn *to = conn_other(from);
    from->stream.scheduled = false;
    if (to->state == END_OPEN && !to->paused && stream_passes(from)) {
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
    if (due_us < stream->retry_us) {
        due_us = stream->retry_us;
    }
    uint64_t delay_us = due_us > world->now_us ? due_us - world->now_us : 0;
    stream->scheduled = true;
    link_hold(from->link);
    struct event event = {.host = to->host, .run = run_arrive, .discard = discard_arrive, .context = from};
    world_push(world, &event, delay_us);
}
