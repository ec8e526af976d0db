/* The client port: connections, greeting, commands, queries, administration, pushed tables.
 *
 * Frames are cut, decoded and checked here; what is well formed and asks the right partition goes to `command` or `query`, and comes
 * back in clients_answer, now or later. Everything else is refused at once: a frame that cannot be read ends its connection, a request
 * that this node cannot take gets an answer with a reason. Nobody can hold what others need: connections, places of one address, unread
 * answers, half frames and time to greet are bounded (limits and reasons: docs/guides/hostile-input.md).
 *
 * Ownership: borrows all that its options point to, until clients_close. Single threaded: the loop of the transport. */
#ifndef GRID_NODE_PORTS_CLIENTS_H
#define GRID_NODE_PORTS_CLIENTS_H

#include "grid/base/log.h"
#include "grid/base/metric.h"
#include "grid/base/uuid.h"
#include "grid/io/io.h"
#include "grid/node/process/settings.h"
#include "grid/node/replica/observer.h"
#include "grid/node/replica/replica.h"
#include "grid/wire/compress.h"
#include "grid/wire/messages/message.h"

enum { CLIENTS_SWEEP_MS = 1000 };          /* between calls of clients_sweep */

struct clients_options {
    struct io *io;
    struct logger *logger;
    struct metric_registry *metrics;
    const struct node_settings *settings;
    const struct service_registry *services;   /* NULL: none */
    struct observer *observer;
    struct uuid cluster_uuid;
    uint64_t features;                     /* that this node has */
    enum compress_mode compression;
    void *context;
    /* Whether the partition's level allows a command, else NOT_SUPPORTED with a note; and what is too new in one that cannot be
     * decoded, NULL: it is damaged. Notes are good until the next call. */
    enum grid_err (*check)(void *context, uint32_t partition, const struct command *command, struct bytes encoded, const char **ret_note);
    const char *(*unknown)(void *context, struct bytes encoded);
    /* Whether the partition has a service that a command names, else an error with a note, likewise. */
    enum grid_err (*service)(void *context, uint32_t partition, uint32_t number, const char **ret_note);
    /* A checked command that asks room for `needs`, a checked query; borrowed for the call. */
    void (*command)(void *context, uint32_t partition, struct bytes encoded, struct admission_needs needs, const struct waiter *waiter);
    void (*query)(void *context, uint32_t partition, struct bytes encoded, const struct waiter *waiter);
    void (*admin)(void *context, enum admin_kind kind, uint32_t partition, uint64_t features, struct buffer *out);  /* features: of the client */
    void (*table)(void *context, struct arena *arena, struct message_table *ret_table);
};

struct clients;

/* Listens. Errors as transport_listen. */
enum grid_err clients_open(const struct clients_options *options, struct clients **ret_clients);
void clients_close(struct clients *clients);           /* ends all connections; nothing is said */
/* The answer to what `command` or `query` was given; a client that has left hears nothing. */
void clients_answer(struct clients *clients, const struct waiter *waiter, uint32_t partition, struct bytes response);
void clients_push_table(struct clients *clients);      /* to everybody who said hello */
/* Ends those that keep us waiting: counted in calls, not in time, so that a node which was frozen blames nobody. */
void clients_sweep(struct clients *clients);
void clients_refresh(struct clients *clients);         /* gauges */
struct packer_counts clients_packed(const struct clients *clients);
uint64_t clients_memory_bytes(const struct clients *clients);   /* unread answers, as of the last sweep, and frames without their rest */
uint64_t clients_requests(const struct clients *clients);  /* frames so far */

#endif
