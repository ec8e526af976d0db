#include "raft/peers/peers.h"

#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "raft/peers/peers_internal.h"

enum {
    /* Accepted connections that have not said who they are; more are closed at once. */
    STRANGERS_MAX = 64,
    HELLO_TIMEOUT_US = 2 * 1000 * 1000,
    /* For a connect. The system would say the same packet again after 1, 3, 7 s: a new connect says a new one. */
    CONNECT_TIMEOUT_US = 600 * 1000,
    /* What came while the loop stood still is read before a time limit counts. */
    GRACE_US = 1000,
    /* For the rest of a frame. Long enough for the largest one on a slow link; a bit that flipped in a frame's size would
     * otherwise stop the link until as many bytes have come. */
    STALL_TIMEOUT_US = 10 * 1000 * 1000,
    BACKOFF_MIN_US = 50 * 1000,
    BACKOFF_MAX_US = 250 * 1000,
    BEAT_MS = 100,
    SILENT_BEATS = 8,
};

bool peers_holds(const struct peers *peers)
{
    size_t strangers = 0;
    for (const struct wire *wire = peers->wires; wire != NULL; wire = wire->next) {
        strangers += wire->member == NULL;
        if (wire->peers != peers || (wire->up && (wire->member == NULL || wire->member->up != wire || wire->closing)))
            return false;
    }
    for (size_t i = 0; i < peers->members_count; i++)
        if (peers->members[i].up != NULL && !peers->members[i].up->up)
            return false;
    return strangers == peers->strangers && peers_find(peers, peers->self) != NULL;
}

/* ---- the end of a connection */

static void tell_listeners(struct peers *peers, struct node_id peer, bool up)
{
    for (size_t i = 0; i < peers->listeners_count; i++)
        peers->listeners[i].run(peers->listeners[i].context, peer, up);
}

static void take_down(struct wire *wire)
{
    if (!wire->up)
        return;
    wire->up = false;
    wire->member->up = NULL;
    peers_news_lost(&wire->member->news, wire->why != NULL ? wire->why : "the connection ended", clock_now_ms(wire->peers->io->clock));
    tell_listeners(wire->peers, wire->member->address.id, false);
}

static void end_wire(struct wire *wire)
{
    if (wire->closing)
        return;
    struct clock *clock = wire->peers->io->clock;
    clock_timer_stop(clock, &wire->hello_timer);
    clock_timer_stop(clock, &wire->stall_timer);
    take_down(wire);
    wire->closing = true;
    conn_close(wire->peers->io->transport, wire->conn);
}

static void count_malformed(struct peers *peers, const char *reason)
{
    if (peers->metrics == NULL)
        return;
    char labels[64];
    snprintf(labels, sizeof labels, "port=\"peer\",reason=\"%s\"", reason);
    metric_counter_add(peers->metrics, "gridiron_malformed_frames_total", "Malformed frames; each closed its connection.",
                       labels)->value++;
}

static void refuse(struct wire *wire, const struct hello_verdict *verdict)
{
    peers_hello_refused(wire->peers, wire->dialed ? wire->member : NULL, wire->conn, verdict);
    end_wire(wire);
}

static void refuse_malformed(struct wire *wire, const char *reason)
{
    count_malformed(wire->peers, reason);
    LOG_DEBUG(wire->peers->logger, "peers", "connection closed: malformed frame: %s", reason);
    wire->why = "a malformed frame came; gridiron_malformed_frames_total says which";
    end_wire(wire);
}

static void unlink_wire(struct peers *peers, struct wire *wire)
{
    struct wire **at = &peers->wires;
    while (*at != wire)
        at = &(*at)->next;
    *at = wire->next;
    if (wire->member == NULL)
        peers->strangers--;
}

static void retry_later(struct member *member)
{
    struct peers *peers = member->peers;
    uint64_t delay_us = prng_range(&peers->prng, member->backoff_us / 2, member->backoff_us);
    clock_timer_start(peers->io->clock, &member->retry_timer, delay_us);
    member->backoff_us = member->backoff_us * 2 < BACKOFF_MAX_US ? member->backoff_us * 2 : BACKOFF_MAX_US;
}

static void on_close(void *context, struct conn *conn, enum grid_err reason)
{
    (void)conn;
    struct wire *wire = context;
    struct peers *peers = wire->peers;
    if (wire->why == NULL)
        wire->why = reason == GRID_ERR_OK || reason == GRID_ERR_CLOSED ? "it closed the connection" : "the connection broke";
    clock_timer_stop(peers->io->clock, &wire->hello_timer);
    clock_timer_stop(peers->io->clock, &wire->stall_timer);
    take_down(wire);
    unlink_wire(peers, wire);
    if (wire->dialed)
        retry_later(wire->member);
    frame_stream_close(&wire->stream);
    memory_free(wire);
}

/* ---- hello */

static void come_up(struct wire *wire, struct member *member, const struct peer_said *said)
{
    struct peers *peers = wire->peers;
    clock_timer_stop(peers->io->clock, &wire->hello_timer);
    if (wire->member == NULL)
        peers->strangers--;
    wire->member = member;
    wire->waiting = false;
    /* The peer has given up its earlier connection; bytes that are still in it must not be read as new frames. */
    if (member->up != NULL) {
        member->up->why = "it connected anew";
        end_wire(member->up);
    }
    member->up = wire;
    peers_news_found(&member->news, clock_now_ms(peers->io->clock));
    member->said = *said;
    if (packer_wanted(peers->compression, feature_in(said->features, FEATURE_LZ4), conn_origin(peers->io->transport, wire->conn).local))
        wire->packer = packer_of(&peers->packed);
    member->told = 0;
    member->backoff_us = BACKOFF_MIN_US;
    wire->up = true;
    wire->pulse = (struct pulse){0};
    tell_listeners(peers, member->address.id, true);
}

/* Its hello is good, and something must be on the disk before anything it says counts. */
static void keep_waiting(struct wire *wire, struct member *member, const struct peer_said *said)
{
    clock_timer_stop(wire->peers->io->clock, &wire->hello_timer);
    if (wire->member == NULL)
        wire->peers->strangers--;
    wire->member = member;
    wire->waiting = true;
    wire->said = *said;
}

void peers_welcome(struct peers *peers, struct node_id peer)
{
    /* The newest stands first; the others were given up by the peer. */
    for (struct wire *wire = peers->wires; wire != NULL; wire = wire->next) {
        if (!wire->waiting || wire->closing || !node_id_equal(wire->member->address.id, peer))
            continue;
        if (wire->member->up == NULL || wire->member->up->age < wire->age)
            come_up(wire, wire->member, &wire->said);
        else
            end_wire(wire);
    }
}

/* The first frame. */
static bool meet(struct wire *wire, const struct frame *frame)
{
    struct hello_verdict verdict;
    peers_hello_judge(wire, frame, &verdict);
    enum peer_meeting meeting = verdict.good ? peers_meet(wire->peers, &verdict) : PEER_IS_STRANGE;
    if (meeting == PEER_COMES_IN)
        come_up(wire, verdict.member, &verdict.said);
    else if (meeting == PEER_WAITS)
        keep_waiting(wire, verdict.member, &verdict.said);
    else
        refuse(wire, &verdict);
    return verdict.good;
}

/* Makes the body plain. A packed one is taken only where both ends said that they have the feature. */
static bool open_body(struct wire *wire, struct frame *frame)
{
    if (frame->flags == 0)
        return true;
    if (!wire->up || !feature_in(wire->member->said.features, FEATURE_LZ4)) {
        refuse_malformed(wire, "flags");
        return false;
    }
    if (compress_frame_open(frame, FRAME_BODY_BYTES_MAX, &wire->peers->plain) != GRID_ERR_OK) {
        refuse_malformed(wire, "body");
        return false;
    }
    return true;
}

static bool on_frame(void *context, const struct frame *received)
{
    struct wire *wire = context;
    struct peers *peers = wire->peers;
    struct frame opened = *received, *frame = &opened;
    wire->frames++;
    if (!wire->up && wire->waiting)
        return true;
    if (!open_body(wire, frame))
        return false;
    if (!wire->up)
        return meet(wire, frame);
    if (frame->type == FRAME_BEAT) {
        if (frame->body.size != 0)
            refuse_malformed(wire, "body");
        return !wire->closing;
    }
    const struct handler *handler = &peers->handlers[frame->type];
    if (handler->run == NULL)
        refuse_malformed(wire, "type");
    else if (!handler->run(handler->context, wire->member->address.id, frame))
        refuse_malformed(wire, "body");
    return !wire->closing;
}

static void on_stall(void *context)
{
    refuse_malformed(context, "stall");
}

/* Part of a frame waits for its rest; `news`: since the last call a whole one came. */
static void watch_rest(struct wire *wire, bool news)
{
    struct clock *clock = wire->peers->io->clock;
    if (wire->stream.pending.size == 0)
        clock_timer_stop(clock, &wire->stall_timer);
    else if (news || !timer_active(&wire->stall_timer))
        clock_timer_start(clock, &wire->stall_timer, STALL_TIMEOUT_US);
}

static void on_data(void *context, struct conn *conn, struct bytes data)
{
    (void)conn;
    struct wire *wire = context;
    if (wire->closing)
        return;
    uint64_t frames = wire->frames;
    pulse_heard(&wire->pulse);
    enum frame_result result = frame_stream_feed(&wire->stream, data, FRAME_BODY_BYTES_MAX, on_frame, wire);
    if (result != FRAME_OK && !wire->closing)
        refuse_malformed(wire, frame_result_name(result));
    if (!wire->closing)
        watch_rest(wire, wire->frames != frames);
}

static void on_open(void *context, struct conn *conn)
{
    (void)conn;
    struct wire *wire = context;
    if (wire->closing)
        return;
    wire->late = false;
    clock_timer_start(wire->peers->io->clock, &wire->hello_timer, HELLO_TIMEOUT_US);
    peers_hello_send(wire);
}

static void on_hello_timeout(void *context)
{
    struct wire *wire = context;
    if (wire->late) {
        refuse(wire, &(struct hello_verdict){.refusal = REFUSED_TIMEOUT,
                                              .note = "no hello came in time: it does not answer, or another program is there"});
        return;
    }
    wire->late = true;
    clock_timer_start(wire->peers->io->clock, &wire->hello_timer, GRACE_US);
}

static void ignore_event(void *context, struct conn *conn)
{
    (void)context;
    (void)conn;
}

static void ignore_data(void *context, struct conn *conn, struct bytes data)
{
    (void)context;
    (void)conn;
    (void)data;
}

static void ignore_close(void *context, struct conn *conn, enum grid_err reason)
{
    (void)context;
    (void)conn;
    (void)reason;
}

/* For a connection that outlives peers until the transport has closed it. */
static const struct conn_events NO_EVENTS = {.on_open = ignore_event, .on_data = ignore_data, .on_close = ignore_close};
static const struct conn_events EVENTS = {.on_open = on_open, .on_data = on_data, .on_close = on_close};

/* ---- the beginning of a connection */

static struct wire *new_wire(struct peers *peers, struct member *member)
{
    struct wire *wire = memory_zero(1, sizeof *wire);
    wire->peers = peers;
    wire->member = member;
    wire->dialed = member != NULL;
    wire->hello_timer = (struct timer){.fire = on_hello_timeout, .context = wire};
    wire->stall_timer = (struct timer){.fire = on_stall, .context = wire};
    wire->next = peers->wires;
    peers->wires = wire;
    wire->age = ++peers->wires_made;
    peers->strangers += member == NULL;
    clock_timer_start(peers->io->clock, &wire->hello_timer, wire->dialed ? CONNECT_TIMEOUT_US : HELLO_TIMEOUT_US);
    return wire;
}

static void on_accept(void *context, struct conn *conn)
{
    struct peers *peers = context;
    /* Not attaching closes it. */
    if (peers->strangers >= STRANGERS_MAX) {
        peers_hello_refused(peers, NULL, conn, &(struct hello_verdict){.refusal = REFUSED_STRANGERS,
                                                                       .note = "too many connections have not said hello yet"});
        return;
    }
    struct wire *wire = new_wire(peers, NULL);
    wire->conn = conn;
    conn_attach(peers->io->transport, conn, &EVENTS, wire);
    peers_hello_send(wire);
}

static void dial(void *context)
{
    struct member *member = context;
    struct peers *peers = member->peers;
    struct wire *wire = new_wire(peers, member);
    wire->conn = transport_connect(peers->io->transport, member->address.address, &EVENTS, wire);
    ENSURE(wire->conn != NULL);
}

/* ---- signs of life */

static void end_silent(struct wire *wire, const char *why)
{
    struct peers *peers = wire->peers;
    char labels[64];
    snprintf(labels, sizeof labels, "reason=\"%s\"", why);
    if (peers->metrics != NULL)
        metric_counter_add(peers->metrics, "gridiron_peer_dead_links_total", "Links that were ended because the peer did not answer.",
                           labels)->value++;
    wire->why = strcmp(why, "silent") == 0 ? "it does not answer" : "it takes less than it is sent";
    end_wire(wire);
}

static void beat(struct wire *wire)
{
    struct transport *transport = wire->peers->io->transport;
    switch (pulse_beat(&wire->pulse, wire->peers->silent_beats)) {
    case PULSE_NONE:
        break;
    case PULSE_SPEAK:
        frame_append(conn_output(transport, wire->conn), &(struct frame){.type = FRAME_BEAT, .partition = FRAME_PARTITION_NONE});
        break;
    case PULSE_DEAD:
        end_silent(wire, "silent");
        return;
    }
    if (conn_pending(transport, wire->conn) > PEER_UNSENT_BYTES_MAX)
        end_silent(wire, "backlog");
}

/* ---- log lines for operators */

static void tell_news(struct peers *peers)
{
    char text[PEERS_NEWS_BYTES];
    uint64_t now_ms = clock_now_ms(peers->io->clock);
    for (size_t i = 0; i < peers->members_count; i++) {
        struct member *member = &peers->members[i];
        if (!node_id_equal(member->address.id, peers->self) &&
            peers_news_take(&member->news, member->address.id.value, member->said.version, now_ms, text))
            log_line(peers->logger, member->news.up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "peers", "%s", text);
    }
}

/* Ended links leave the list later, when the transport says so. */
static void on_beat(void *context)
{
    struct peers *peers = context;
    clock_timer_start(peers->io->clock, &peers->beat_timer, peers->beat_us);
    for (struct wire *wire = peers->wires; wire != NULL; wire = wire->next)
        if (wire->up)
            beat(wire);
    tell_news(peers);
}

/* ---- life */

static bool members_valid(const struct peers *peers)
{
    for (size_t i = 0; i < peers->members_count; i++)
        if (peers->members[i].address.id.value == 0 ||
            peers_find(peers, peers->members[i].address.id) != &peers->members[i])
            return false;
    return peers_find(peers, peers->self) != NULL;
}

enum grid_err peers_open(const struct peers_options *options, struct peers **ret_peers)
{
    REQUIRE(options->members_count != 0 && options->io != NULL && options->listen_address != NULL);
    struct peers *peers = memory_zero(1, sizeof *peers);
    peers->io = options->io;
    peers->logger = options->logger;
    peers->metrics = options->metrics;
    peers->self = options->self;
    peers->cluster_uuid = options->cluster_uuid;
    peers->incarnation = options->incarnation;
    peers->partitions = options->partitions;
    peers->features = options->features;
    REQUIRE(options->services_count <= SERVICES_MAX);
    peers->services = memory_copy(options->services, options->services_count * sizeof *options->services);
    peers->services_count = options->services_count;
    peers->compression = options->compression;
    peers->packed.bytes_min = options->packed_bytes_min;
    snprintf(peers->version, sizeof peers->version, "%s", options->version != NULL ? options->version : "");
    prng_init(&peers->prng, entropy_u64(options->io->entropy));
    peers->listen_address = memory_copy(options->listen_address, strlen(options->listen_address) + 1);
    peers->members = memory_zero(options->members_count, sizeof *peers->members);
    peers->members_count = options->members_count;
    peers->beat_us = UINT64_C(1000) * (options->beat_ms != 0 ? options->beat_ms : BEAT_MS);
    peers->silent_beats = options->silent_beats != 0 ? options->silent_beats : SILENT_BEATS;
    peers->beat_timer = (struct timer){.fire = on_beat, .context = peers};
    for (size_t i = 0; i < options->members_count; i++) {
        struct member *member = &peers->members[i];
        member->peers = peers;
        member->address = options->members[i];
        member->backoff_us = BACKOFF_MIN_US;
        member->retry_timer = (struct timer){.fire = dial, .context = member};
        peers_news_init(&member->news, clock_now_ms(options->io->clock));
    }
    if (!members_valid(peers)) {
        peers_close(peers);
        return GRID_ERR_INVALID;
    }
    *ret_peers = peers;
    return GRID_ERR_OK;
}

enum grid_err peers_start(struct peers *peers)
{
    REQUIRE(peers->listener == NULL);
    enum grid_err err = transport_listen(peers->io->transport, peers->listen_address, on_accept, peers, &peers->listener);
    if (err != GRID_ERR_OK)
        return err;
    for (size_t i = 0; i < peers->members_count; i++)
        if (peers->members[i].address.id.value > peers->self.value)
            dial(&peers->members[i]);
    clock_timer_start(peers->io->clock, &peers->beat_timer, peers->beat_us);
    ENSURE(peers_holds(peers));
    return GRID_ERR_OK;
}

void peers_close(struct peers *peers)
{
    if (peers == NULL)
        return;
    struct clock *clock = peers->io->clock;
    clock_timer_stop(clock, &peers->beat_timer);
    if (peers->listener != NULL)
        transport_listener_close(peers->io->transport, peers->listener);
    while (peers->wires != NULL) {
        struct wire *wire = peers->wires;
        peers->wires = wire->next;
        clock_timer_stop(clock, &wire->hello_timer);
        clock_timer_stop(clock, &wire->stall_timer);
        conn_attach(peers->io->transport, wire->conn, &NO_EVENTS, NULL);
        if (!wire->closing)
            conn_close(peers->io->transport, wire->conn);
        frame_stream_close(&wire->stream);
        memory_free(wire);
    }
    for (size_t i = 0; i < peers->members_count; i++)
        clock_timer_stop(clock, &peers->members[i].retry_timer);
    buffer_close(&peers->plain);
    memory_free(peers->members);
    memory_free(peers->services);
    memory_free(peers->listen_address);
    memory_free(peers);
}

/* ---- for the layers above */

void peers_on_frame(struct peers *peers, enum frame_type type, peers_frame_fn handler, void *context)
{
    REQUIRE((size_t)type < HANDLERS_MAX && type != FRAME_PEER_HELLO && handler != NULL);
    REQUIRE(peers->handlers[type].run == NULL);
    peers->handlers[type] = (struct handler){handler, context};
}

void peers_on_link(struct peers *peers, peers_link_fn handler, void *context)
{
    REQUIRE(peers->listeners_count < LISTENERS_MAX && handler != NULL);
    peers->listeners[peers->listeners_count++] = (struct link_listener){handler, context};
}

void peers_on_meeting(struct peers *peers, const struct peers_meetings *meetings)
{
    REQUIRE(peers->meetings.meet == NULL && meetings->meet != NULL && meetings->introduce != NULL);
    peers->meetings = *meetings;
}

struct buffer *peers_output(struct peers *peers, struct node_id peer)
{
    const struct member *member = peers_find(peers, peer);
    if (member == NULL || member->up == NULL)
        return NULL;
    pulse_spoke(&member->up->pulse);
    return conn_output(peers->io->transport, member->up->conn);
}

size_t peers_pending(const struct peers *peers, struct node_id peer)
{
    const struct member *member = peers_find(peers, peer);
    return member == NULL || member->up == NULL ? 0 : conn_pending(peers->io->transport, member->up->conn);
}

void peers_frame_end(struct peers *peers, struct node_id peer, struct buffer *out, size_t mark)
{
    const struct member *member = peers_find(peers, peer);
    if (member != NULL && member->up != NULL)
        packer_end(&member->up->packer, out, mark);
    else
        frame_end(out, mark);
}

struct packer_counts peers_packed(const struct peers *peers)
{
    return peers->packed;
}
