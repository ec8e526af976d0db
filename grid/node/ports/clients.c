#include "grid/node/ports/clients.h"

#include <stdio.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/base/version.h"
#include "grid/node/replica/admission.h"
#include "grid/wire/frame.h"
#include "grid/wire/messages/message_check.h"
#include "services/registry.h"

enum {
    CLIENT_PENDING_BYTES_MAX = 8 * 1024 * 1024,     /* a client that does not read is not read from either */
    /* What it asked for before that is still answered. Past these, large answers to reads become BUSY, and then the
     * connection ends: a few bytes of question can ask for megabytes. */
    CLIENT_READS_BYTES_MAX = 32 * 1024 * 1024,
    CLIENT_UNREAD_BYTES_MAX = 128 * 1024 * 1024,
    LARGE_ANSWER_BYTES = 1024,
    CLIENTS_UNREAD_BYTES_MAX = 512 * 1024 * 1024,   /* of all clients; past it those with most unread end */
    /* Of all incomplete frames; past it the connections with large ones end. */
    CLIENTS_PARTIAL_BYTES_MAX = 128 * 1024 * 1024,
    LARGE_PARTIAL_BYTES = 32 * 1024,
    REFUSAL_LINES_PER_SWEEP = 1,
    MALFORMED_BODY = 7, MALFORMED_STALL,            /* indexes after the frame results */
};

enum client_refusal { CLIENT_REFUSED_LIMIT, CLIENT_REFUSED_ADDRESS, CLIENT_REFUSED_IDLE, CLIENT_REFUSED_GREETING, CLIENT_REFUSED_SLOW,
                      CLIENT_REFUSED_MEMORY, CLIENT_REFUSED_VERSION, CLIENT_REFUSALS };
/* Why a connection ended that sent nothing wrong. */
static const char *const refusal_names[CLIENT_REFUSALS] = {"limit", "address", "idle", "greeting", "slow", "memory", "version"};

struct client;

/* One open connection of the client port. Slots are reused; the generation tells an old waiter from a new client. */
struct client_slot { struct client *client; uint64_t generation, host; };   /* host: 0: not limited by its address */

struct clients {
    struct clients_options options;
    struct listener *listener;
    struct client_slot *slots;
    uint32_t count, capacity, open;
    struct buffer scratch, plain;      /* answers being built; bodies unpacked */
    struct arena arena;
    uint32_t lines;                    /* logged since the last sweep */
    uint32_t open_max, patience;       /* connections; sweeps */
    uint32_t per_address_max;
    bool limits_local;                 /* by address: this machine's own too */
    uint32_t leaving;                  /* of the open ones: closed by this node, the transport has not said so yet */
    bool none_idle;                    /* since the last sweep, as far as was looked */
    struct packer_counts packed;       /* answers */
    uint64_t partial_bytes;            /* of incomplete frames */
    uint64_t unread_bytes;             /* at the last sweep */
    struct metric_counter *accepted, *closed, *requests, *responses, *malformed[9], *refused;
    struct metric_counter *connections_refused[CLIENT_REFUSALS], *reads_refused;
    struct metric_gauge *connected;
};

/* What was seen at the last sweep, and for how many sweeps nothing has moved: of what it sends, of what it is sent. Sweeps
 * and no clock, so that a node which was frozen does not blame its clients. */
struct client {
    struct clients *clients;
    struct conn *conn;
    uint32_t slot;
    uint64_t generation;
    bool greeted, closing;
    bool unread, crowded;              /* not read from: until it has read its answers; until requests are answered */
    uint64_t in_flight_bytes;          /* of its requests */
    uint64_t features;                 /* that both ends have */
    struct packer packer;
    struct frame_stream stream;
    uint64_t frames, frames_seen;
    uint64_t asked, answered;          /* requests that are answered later, and their answers */
    uint32_t idle;                     /* sweeps without a frame and without a request under way */
    size_t unread_seen;
    uint32_t silent, unreading;
};

static void client_leave(struct client *client)
{
    client->clients->leaving += !client->closing;
    client->closing = true;
    conn_close(client->clients->options.io->transport, client->conn);
}

static void client_malformed(struct client *client, size_t reason)
{
    client->clients->malformed[reason]->value++;
    client_leave(client);
}

/* Logged at most once a sweep: a client that opens many connections must not fill the disk with log lines. */
static void client_end(struct client *client, enum client_refusal why)
{
    struct clients *clients = client->clients;
    clients->connections_refused[why]->value++;
    if (clients->lines++ < REFUSAL_LINES_PER_SWEEP)
        LOG_WARN(client->clients->options.logger, "clients", "connection closed: %s (%u open; gridiron_client_connections_refused_total counts them)",
                 refusal_names[why], clients->open);
    client_leave(client);
}

static bool paused(const struct client *client)
{
    return client->unread || client->crowded;
}

static void client_pause(struct client *client, bool unread, bool crowded)
{
    bool before = paused(client);
    client->unread = unread;
    client->crowded = crowded;
    if (paused(client) != before && !client->closing)
        conn_pause(client->clients->options.io->transport, client->conn, !before);
}

static void client_send(struct client *client, enum frame_type type, uint32_t partition, uint64_t request, struct bytes body)
{
    struct frame frame = {.type = type, .partition = partition, .request = request, .body = body};
    struct transport *transport = client->clients->options.io->transport;
    if (client->closing)
        return;
    packer_append(&client->packer, conn_output(transport, client->conn), &frame);
    size_t unread = conn_pending(transport, client->conn);
    if (unread > CLIENT_PENDING_BYTES_MAX)
        client_pause(client, true, client->crowded);
    if (unread > CLIENT_UNREAD_BYTES_MAX)
        client_end(client, CLIENT_REFUSED_SLOW);
}

static void client_refuse(struct client *client, const struct frame *frame, enum grid_err err, const char *note)
{
    struct response response = {.err = err, .note = bytes_of_text(note)};
    struct buffer *scratch = &client->clients->scratch;
    client->clients->refused->value++;
    buffer_clear(scratch);
    response_encode(&response, scratch);
    client_send(client, FRAME_RESPONSE, frame->partition, frame->request, buffer_bytes(scratch));
}

/* ---- frames */

static void send_table(struct client *client)
{
    struct clients *clients = client->clients;
    struct buffer *scratch = &clients->scratch;
    struct message_table table;
    arena_reset(&clients->arena);
    clients->options.table(clients->options.context, &clients->arena, &table);
    buffer_clear(scratch);
    table_encode(&table, scratch);
    client_send(client, FRAME_TABLE, FRAME_PARTITION_NONE, 0, buffer_bytes(scratch));
}

/* `is_early`: the client is from before there were ranges and would take what it does not know for damage. */
static void send_welcome(struct client *client, uint32_t protocol, bool is_early, uint64_t request)
{
    struct clients *clients = client->clients;
    struct buffer *scratch = &clients->scratch;
    struct message_welcome welcome = {.protocol = protocol, .node = clients->options.settings->self, .cluster = bytes_of_text(clients->options.settings->cluster)};
    arena_reset(&clients->arena);
    clients->options.table(clients->options.context, &clients->arena, &welcome.table);
    if (!is_early) {
        welcome.cluster_uuid = uuid_bytes(&clients->options.cluster_uuid);
        welcome.protocols = CLIENT_PROTOCOLS;
        welcome.features.count = features_names(clients->options.features, welcome.features.names);
    }
    buffer_clear(scratch);
    welcome_encode(&welcome, scratch);
    client_send(client, FRAME_WELCOME, FRAME_PARTITION_NONE, request, buffer_bytes(scratch));
}

static void refuse_version(struct client *client, const struct frame *frame, struct version_range theirs)
{
    char note[128];
    snprintf(note, sizeof note, "the client speaks protocol %s, this node (version %s) %s: upgrade the %s", version_text_of(theirs).text,
             GRIDIRON_VERSION, version_text_of(CLIENT_PROTOCOLS).text, theirs.min > CLIENT_PROTOCOLS.max ? "cluster" : "client");
    client_refuse(client, frame, GRID_ERR_NOT_SUPPORTED, note);
    client_end(client, CLIENT_REFUSED_VERSION);
}

static bool on_hello(struct client *client, const struct frame *frame)
{
    struct message_hello hello;
    uint32_t protocol;
    if (hello_decode(frame->body, &hello) != GRID_ERR_OK)
        return false;
    struct version_range theirs = version_said(hello.protocols, hello.protocol);
    if (!version_negotiate(CLIENT_PROTOCOLS, theirs, &protocol)) {
        refuse_version(client, frame, theirs);
        return true;
    }
    client->greeted = true;
    client->features = features_of_names(hello.features.names, hello.features.count) & client->clients->options.features;
    if (packer_wanted(client->clients->options.compression, feature_in(client->features, FEATURE_LZ4), conn_origin(client->clients->options.io->transport, client->conn).local))
        client->packer = packer_of(&client->clients->packed);
    send_welcome(client, protocol, hello.protocols.max == 0, frame->request);
    return true;
}

static struct waiter waiter_of(struct client *client, const struct frame *frame)
{
    client->asked++;
    client->in_flight_bytes += frame->body.size;
    if (client->in_flight_bytes > CLIENT_IN_FLIGHT_BYTES_MAX)
        client_pause(client, client->unread, true);
    return (struct waiter){.kind = WAITER_CLIENT, .is_read = frame->type == FRAME_QUERY,
                           .knows_memory_full = feature_in(client->features, FEATURE_MEMORY), .slot = client->slot, .bytes = (uint32_t)frame->body.size,
                           .generation = client->generation, .request = frame->request};
}

/* The partition that a client names must be the one that its key hashes to: otherwise two partitions would hold it. */
static bool misrouted(const struct clients *clients, const struct frame *frame, struct bytes key, struct bytes affinity)
{
    return hash_partition(message_affinity(key, affinity), clients->options.settings->partitions).value != frame->partition;
}

static bool command_misrouted(const struct clients *clients, const struct frame *frame, const struct command *command)
{
    if (command->kind == COMMAND_MAP)
        return misrouted(clients, frame, command->map.key, command->map.affinity);
    if (command->kind == COMMAND_SERVICE)
        return misrouted(clients, frame, command->service.key, command->service.affinity);
    /* One partition decides over a map's settings: were there two, a version could have two contents. */
    if (command->kind == COMMAND_CONFIGURE && command->configure.version == 0)
        return misrouted(clients, frame, command->configure.map, BYTES_NONE);
    /* All operations of a batch have one affinity. */
    return command->kind == COMMAND_BATCH && misrouted(clients, frame, command->batch.operations[0].key,
                                                       command->batch.operations[0].affinity);
}

static bool on_command(struct client *client, const struct frame *frame)
{
    struct clients *clients = client->clients;
    struct command command;
    const char *note = "";
    if (frame->body.size > COMMAND_BYTES_MAX) {
        client_refuse(client, frame, GRID_ERR_TOO_LARGE, "command: longer than 2621440 bytes");
        return true;
    }
    arena_reset(&clients->arena);
    if (command_decode(frame->body, &clients->arena, &command) != GRID_ERR_OK) {
        const char *unknown = clients->options.unknown(clients->options.context, frame->body);
        if (unknown)
            client_refuse(client, frame, GRID_ERR_NOT_SUPPORTED, unknown);
        return unknown != NULL;
    }
    if (frame->partition >= clients->options.settings->partitions) {
        client_refuse(client, frame, GRID_ERR_INVALID, "partition: outside the cluster's partitions");
        return true;
    }
    enum grid_err err = clients->options.check(clients->options.context, frame->partition, &command, frame->body, &note);
    if (err == GRID_ERR_OK)
        err = message_check_command(&command, &note);
    if (err == GRID_ERR_OK && command.kind == COMMAND_SERVICE)
        err = clients->options.service(clients->options.context, frame->partition, command.service.service, &note);
    if (err == GRID_ERR_OK && command_misrouted(clients, frame, &command)) {
        err = GRID_ERR_INVALID;
        note = "partition: it does not own the key's affinity";
    }
    if (err != GRID_ERR_OK) {
        client_refuse(client, frame, err, note);
        return true;
    }
    struct waiter waiter = waiter_of(client, frame);
    struct admission_needs needs = admission_needs_of(clients->options.services, &command, &clients->arena);
    clients->options.command(clients->options.context, frame->partition, frame->body, needs, &waiter);
    return true;
}

/* A step of a restore is asked for like a read, so that it can be repeated without a session, and is written to the log. */
static void restore(struct client *client, const struct frame *frame, const struct restore_command *step)
{
    struct clients *clients = client->clients;
    struct command command = {.kind = COMMAND_RESTORE, .restore = *step};
    struct buffer encoded = {0};
    const char *note = "";
    command_encode(&command, &encoded);
    enum grid_err err = clients->options.check(clients->options.context, frame->partition, &command, buffer_bytes(&encoded), &note);
    if (err == GRID_ERR_OK) {
        struct waiter waiter = waiter_of(client, frame);
        clients->options.command(clients->options.context, frame->partition, buffer_bytes(&encoded),
                                 (struct admission_needs){.grows = true, .restores = true}, &waiter);
    } else {
        client_refuse(client, frame, err, note);
    }
    buffer_close(&encoded);
}

static bool on_query(struct client *client, const struct frame *frame)
{
    struct clients *clients = client->clients;
    struct query query;
    const char *note = "";
    if (query_decode(frame->body, &query) != GRID_ERR_OK)
        return false;
    enum grid_err err = message_check_query(&query, &note);
    if (err == GRID_ERR_OK && frame->partition >= clients->options.settings->partitions) {
        err = GRID_ERR_INVALID;
        note = "partition: outside the cluster's partitions";
    } else if (err == GRID_ERR_OK && (query.kind == QUERY_GET || query.kind == QUERY_CONTAINS) &&
               misrouted(clients, frame, query.key, query.affinity)) {
        err = GRID_ERR_INVALID;
        note = "partition: it does not own the key's affinity";
    }
    if (err != GRID_ERR_OK) {
        client_refuse(client, frame, err, note);
        return true;
    }
    if (query.kind == QUERY_RESTORE && query.restore.step != RESTORE_CHECK) {
        restore(client, frame, &query.restore);
        return true;
    }
    struct waiter waiter = waiter_of(client, frame);
    clients->options.query(clients->options.context, frame->partition, frame->body, &waiter);
    return true;
}

static bool on_admin(struct client *client, const struct frame *frame)
{
    enum admin_kind kind;
    struct buffer body = {0};
    if (admin_request_decode(frame->body, &kind) != GRID_ERR_OK)
        return false;
    client->clients->options.admin(client->clients->options.context, kind, frame->partition, client->features, &body);
    client_send(client, FRAME_ADMIN_RESPONSE, FRAME_PARTITION_NONE, frame->request, buffer_bytes(&body));
    buffer_close(&body);
    return true;
}

static bool on_frame(void *context, const struct frame *received)
{
    struct client *client = context;
    struct frame opened = *received, *frame = &opened;
    bool good = false;
    client->frames++;
    client->clients->requests->value++;
    if (compress_frame_open(frame, FRAME_BODY_BYTES_MAX, &client->clients->plain) != GRID_ERR_OK) {
        client_malformed(client, MALFORMED_BODY);
        return false;
    }
    if (!client->greeted)
        good = frame->type == FRAME_HELLO && on_hello(client, frame);
    else if (frame->type == FRAME_COMMAND)
        good = on_command(client, frame);
    else if (frame->type == FRAME_QUERY)
        good = on_query(client, frame);
    else if (frame->type == FRAME_ADMIN)
        good = on_admin(client, frame);
    if (!good)
        client_malformed(client, MALFORMED_BODY);
    return !client->closing;
}

/* ---- connections */

static void on_data(void *context, struct conn *conn, struct bytes data)
{
    struct client *client = context;
    (void)conn;
    if (client->closing)
        return;
    struct clients *clients = client->clients;
    struct observer *observer = client->clients->options.observer;
    uint64_t begun_us = observer_read_begin(observer);
    clients->partial_bytes -= client->stream.pending.size;
    enum frame_result result = frame_stream_feed(&client->stream, data, FRAME_BODY_BYTES_MAX, on_frame, client);
    clients->partial_bytes += client->stream.pending.size;
    observer_read_end(observer, begun_us);
    if (result != FRAME_OK && !client->closing)
        client_malformed(client, (size_t)result);
    else if (clients->partial_bytes > CLIENTS_PARTIAL_BYTES_MAX && client->stream.pending.size > LARGE_PARTIAL_BYTES && !client->closing)
        client_end(client, CLIENT_REFUSED_MEMORY);
}

static void on_drain(void *context, struct conn *conn)
{
    struct client *client = context;
    (void)conn;
    client_pause(client, false, client->crowded);
}

static void on_close(void *context, struct conn *conn, enum grid_err reason)
{
    struct client *client = context;
    struct clients *clients = client->clients;
    (void)conn;
    (void)reason;
    clients->slots[client->slot] = (struct client_slot){.generation = client->generation};
    clients->open--;
    clients->leaving -= client->closing;
    clients->closed->value++;
    clients->partial_bytes -= client->stream.pending.size;
    frame_stream_close(&client->stream);
    memory_free(client);
}

static const struct conn_events client_events = {.on_data = on_data, .on_drain = on_drain, .on_close = on_close};

static uint32_t slot_take(struct clients *clients)
{
    for (uint32_t i = 0; i < clients->count; i++)
        if (!clients->slots[i].client)
            return i;
    if (clients->count == clients->capacity) {
        clients->capacity = clients->capacity ? clients->capacity * 2 : 64;
        clients->slots = memory_resize(clients->slots, clients->capacity * sizeof *clients->slots);
    }
    clients->slots[clients->count] = (struct client_slot){0};
    return clients->count++;
}

/* ---- room for a client */

/* Sends the reason in an answer to request 0, then closes the connection. */
static void client_send_away(struct client *client, enum client_refusal why, const char *note)
{
    struct response response = {.err = GRID_ERR_BUSY, .note = bytes_of_text(note)};
    struct buffer *scratch = &client->clients->scratch;
    buffer_clear(scratch);
    response_encode(&response, scratch);
    client_send(client, FRAME_RESPONSE, FRAME_PARTITION_NONE, 0, buffer_bytes(scratch));
    client_end(client, why);
}

/* Ends the connection that has been idle for longest; false: none is, for long enough. `host`: of this host's only; 0: of all. */
static bool end_idle(struct clients *clients, uint64_t host)
{
    struct client *longest = NULL;
    if (clients->none_idle)
        return false;
    for (uint32_t i = 0; i < clients->count; i++) {
        struct client *client = clients->slots[i].client;
        if (client && !client->closing && client->idle * CLIENTS_SWEEP_MS >= CLIENT_IDLE_SECONDS_MIN * 1000 &&
            (host == 0 || clients->slots[i].host == host) && (!longest || client->idle > longest->idle))
            longest = client;
    }
    if (!longest && host == 0)
        clients->none_idle = true;
    if (longest)
        client_send_away(longest, CLIENT_REFUSED_IDLE, "closed while it was idle: this node needed the place for another client");
    return longest != NULL;
}

static uint32_t count_from(const struct clients *clients, uint64_t host)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < clients->count; i++)
        count += clients->slots[i].host == host && !clients->slots[i].client->closing;
    return count;
}

/* One address must not take the places of all others, and clients that ask for nothing not those of clients that do. */
static void find_room(struct client *client, uint64_t host)
{
    struct clients *clients = client->clients;
    if (host != 0 && count_from(clients, host) > clients->per_address_max && !end_idle(clients, host))
        client_send_away(client, CLIENT_REFUSED_ADDRESS, "this node has no room for further connections from this address");
    else if (clients->open - clients->leaving > clients->open_max && !end_idle(clients, 0))
        client_send_away(client, CLIENT_REFUSED_LIMIT, "this node has no room for further connections");
}

static void on_accept(void *context, struct conn *conn)
{
    struct clients *clients = context;
    struct client *client = memory_zero(1, sizeof *client);
    client->clients = clients;
    client->conn = conn;
    client->slot = slot_take(clients);
    client->generation = ++clients->slots[client->slot].generation;
    clients->slots[client->slot].client = client;
    clients->open++;
    clients->accepted->value++;
    struct conn_origin origin = conn_origin(clients->options.io->transport, conn);
    clients->slots[client->slot].host = origin.local && !clients->limits_local ? 0 : origin.host;
    conn_attach(clients->options.io->transport, conn, &client_events, client);
    find_room(client, clients->slots[client->slot].host);
}

/* ---- clients that keep us waiting */

static void sweep_client(struct client *client, uint32_t patience)
{
    /* Whether a whole frame came, not whether bytes did: one byte now and then would hold a connection for ever. While it is
     * not read from, nothing can come. */
    bool waits = !client->greeted || client->stream.pending.size > 0;
    bool moves = paused(client) || client->frames != client->frames_seen;
    client->silent = waits && !moves ? client->silent + 1 : 0;
    client->idle = client->greeted && !waits && !moves && client->asked == client->answered ? client->idle + 1 : 0;
    if (!moves && client->stream.pending.size == 0)
        frame_stream_close(&client->stream); /* gives its memory back */
    client->frames_seen = client->frames;
    size_t unread = conn_pending(client->clients->options.io->transport, client->conn);
    client->unreading = unread > 0 && unread >= client->unread_seen ? client->unreading + 1 : 0;
    client->unread_seen = unread;
    if (client->silent > patience && client->greeted)
        client_malformed(client, MALFORMED_STALL);
    else if (client->silent > patience)
        client_end(client, CLIENT_REFUSED_GREETING);
    else if (client->unreading > patience)
        client_end(client, CLIENT_REFUSED_SLOW);
}

static void end_most_unread(struct clients *clients, uint64_t unread)
{
    while (unread > CLIENTS_UNREAD_BYTES_MAX) {
        struct client *most = NULL;
        for (uint32_t i = 0; i < clients->count; i++) {
            struct client *client = clients->slots[i].client;
            if (client && !client->closing && (!most || client->unread_seen > most->unread_seen))
                most = client;
        }
        HOLDS(most != NULL && most->unread_seen > 0);
        unread -= most->unread_seen;
        client_end(most, CLIENT_REFUSED_MEMORY);
    }
}

void clients_sweep(struct clients *clients)
{
    uint64_t unread = 0;
    clients->lines = 0;
    clients->none_idle = false;
    for (uint32_t i = 0; i < clients->count; i++) {
        struct client *client = clients->slots[i].client;
        if (client && !client->closing)
            sweep_client(client, clients->patience);
        if (client && !client->closing)
            unread += client->unread_seen;
    }
    end_most_unread(clients, unread);
    clients->unread_bytes = unread;
}

/* A read may be asked again; a command's answer must not be kept back. */
static void refuse_read(struct client *client, const struct waiter *waiter, uint32_t partition)
{
    struct response response = {.err = GRID_ERR_BUSY, .note = bytes_of_text("this connection has too many unread answers: read them, then repeat"),
                                .leader = client->clients->options.settings->self.value};
    struct buffer *scratch = &client->clients->scratch;
    client->clients->reads_refused->value++;
    buffer_clear(scratch);
    response_encode(&response, scratch);
    client_send(client, FRAME_RESPONSE, partition, waiter->request, buffer_bytes(scratch));
}

static void requests_end(struct client *client, uint64_t bytes)
{
    client->in_flight_bytes -= bytes < client->in_flight_bytes ? bytes : client->in_flight_bytes;
    if (client->crowded && client->in_flight_bytes <= CLIENT_IN_FLIGHT_BYTES_MAX / 2)
        client_pause(client, client->unread, false);
}

void clients_answer(struct clients *clients, const struct waiter *waiter, uint32_t partition, struct bytes response)
{
    const struct client_slot *slot = &clients->slots[waiter->slot];
    if (!slot->client || slot->generation != waiter->generation)
        return;
    clients->responses->value++;
    slot->client->answered++;
    requests_end(slot->client, waiter->bytes);
    if (waiter->is_read && response.size > LARGE_ANSWER_BYTES &&
        conn_pending(clients->options.io->transport, slot->client->conn) > CLIENT_READS_BYTES_MAX)
        refuse_read(slot->client, waiter, partition);
    else
        client_send(slot->client, FRAME_RESPONSE, partition, waiter->request, response);
}

void clients_push_table(struct clients *clients)
{
    for (uint32_t i = 0; i < clients->count; i++)
        if (clients->slots[i].client && clients->slots[i].client->greeted)
            send_table(clients->slots[i].client);
}

static void register_metrics(struct clients *clients)
{
    struct metric_registry *metrics = clients->options.metrics;
    clients->accepted = metric_counter_add(metrics, "gridiron_client_connections_total", "Client connections accepted.", NULL);
    clients->closed = metric_counter_add(metrics, "gridiron_client_connections_closed_total", "Client connections ended.", NULL);
    clients->requests = metric_counter_add(metrics, "gridiron_client_frames_total", "Frames received from clients.", NULL);
    clients->responses = metric_counter_add(metrics, "gridiron_client_responses_total", "Responses sent to clients.", NULL);
    clients->refused = metric_counter_add(metrics, "gridiron_client_refused_total",
                                          "Requests refused by validation before they reached the log.", NULL);
    clients->connected = metric_gauge_add(metrics, "gridiron_client_connected", "Client connections open now.", NULL);
    for (size_t i = 0; i < sizeof clients->malformed / sizeof clients->malformed[0]; i++) {
        char labels[64];
        const char *reason = i == MALFORMED_BODY ? "body" : i == MALFORMED_STALL ? "stall" : frame_result_name((enum frame_result)i);
        snprintf(labels, sizeof labels, "port=\"client\",reason=\"%s\"", reason);
        clients->malformed[i] = metric_counter_add(metrics, "gridiron_malformed_frames_total",
                                                   "Malformed frames; each closed its connection.", labels);
    }
}

static void register_refusals(struct clients *clients)
{
    for (size_t i = 0; i < CLIENT_REFUSALS; i++) {
        char labels[64];
        snprintf(labels, sizeof labels, "reason=\"%s\"", refusal_names[i]);
        clients->connections_refused[i] = metric_counter_add(clients->options.metrics, "gridiron_client_connections_refused_total",
                                                             "Client connections that this node ended for want of room, patience or a common version.", labels);
    }
    clients->reads_refused = metric_counter_add(clients->options.metrics, "gridiron_client_reads_refused_total",
                                                "Reads answered BUSY because the client had not read earlier answers.", NULL);
    metric_gauge_add(clients->options.metrics, "gridiron_client_connections_max", "Client connections that this node takes at once.",
                     NULL)->value = clients->open_max;
    metric_gauge_add(clients->options.metrics, "gridiron_client_connections_per_address_max",
                     "Of these, from one address; from this machine's own addresses too if clients.per_address_max is set.",
                     NULL)->value = clients->per_address_max;
}

/* ---- life */

static void set_bounds(struct clients *clients)
{
    const struct node_settings *settings = clients->options.settings;
    uint32_t patience_ms = settings->client_patience_ms ? settings->client_patience_ms : CLIENT_PATIENCE_MS_USUAL;
    clients->open_max = settings->client_connections_max ? settings->client_connections_max : CLIENT_CONNECTIONS_USUAL;
    clients->patience = patience_ms / CLIENTS_SWEEP_MS;
    clients->limits_local = settings->client_per_address_max != 0;
    clients->per_address_max = clients->limits_local ? settings->client_per_address_max : clients->open_max / 2 + 1;
    clients->packed.bytes_min = settings->packed_bytes_min;
}

enum grid_err clients_open(const struct clients_options *options, struct clients **ret_clients)
{
    REQUIRE(options->io && options->metrics && options->settings && options->observer);
    struct clients *clients = memory_zero(1, sizeof *clients);
    clients->options = *options;
    set_bounds(clients);
    register_refusals(clients);
    register_metrics(clients);
    arena_init(&clients->arena, 16 * 1024);
    enum grid_err err = transport_listen(options->io->transport, node_settings_client_listen(options->settings), on_accept, clients, &clients->listener);
    if (err == GRID_ERR_OK)
        *ret_clients = clients;
    else
        clients_close(clients);
    return err;
}

void clients_close(struct clients *clients)
{
    static const struct conn_events nobody = {0};
    if (clients->listener)
        transport_listener_close(clients->options.io->transport, clients->listener);
    for (uint32_t i = 0; i < clients->count; i++) {
        struct client *client = clients->slots[i].client;
        if (!client)
            continue;
        conn_attach(clients->options.io->transport, client->conn, &nobody, NULL);
        conn_close(clients->options.io->transport, client->conn);
        frame_stream_close(&client->stream);
        memory_free(client);
    }
    memory_free(clients->slots);
    buffer_close(&clients->scratch);
    buffer_close(&clients->plain);
    arena_close(&clients->arena);
    memory_free(clients);
}

void clients_refresh(struct clients *clients)
{
    clients->connected->value = (int64_t)clients->open;
}

struct packer_counts clients_packed(const struct clients *clients)
{
    return clients->packed;
}

uint64_t clients_memory_bytes(const struct clients *clients)
{
    return clients->unread_bytes + clients->partial_bytes;
}

uint64_t clients_requests(const struct clients *clients)
{
    return clients->requests->value;
}
