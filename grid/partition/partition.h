/* The replicated state of one partition and its only way to change: partition_apply (D4).
 *
 * Deterministic: everything follows from the entries alone. No clock, I/O, randomness, local configuration, pointer
 * order. Refusals and errors are values in the answers; no input can stop it (R8).
 *
 * Owns its maps, sessions, outbox, inbox, timers and activities; borrows the service registry. Single threaded. Views
 * returned by queries are borrowed until the next apply. */
#ifndef GRID_PARTITION_PARTITION_H
#define GRID_PARTITION_PARTITION_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/base/ids.h"
#include "grid/wire/messages/message.h"

struct partition;
struct service_registry;

/* Counts of reads on this node; not replicated. */
struct partition_reads { uint64_t gets, hits; };

struct partition_save;
struct partition_load;

struct partition_options {
    struct partition_id id;
    const struct service_registry *services;   /* NULL: service commands answer NOT_SUPPORTED */
    struct partition_reads *reads;             /* counted here by queries; borrowed; NULL: not counted */
    struct partition_scratch *scratch;         /* borrowed; NULL: one of its own */
};

/* Memory for applying. Partitions of one thread share it, because it is still in the processor's caches after the previous command;
 * separate memory for each partition would not be. */
struct partition_scratch;
struct partition_scratch *partition_scratch_open(void);
void partition_scratch_close(struct partition_scratch *scratch);

struct partition *partition_open(const struct partition_options *options);
void partition_close(struct partition *partition);

/* Answer of command `ordinal` (from 0) of the entry being applied: an encoded Response, borrowed for the call. */
typedef void (*partition_answer_fn)(void *context, uint32_t ordinal, struct bytes response);
/* Applies one committed entry. A malformed entry changes nothing but the digest and counts in partition_stats; so does
 * one of a higher level than the partition's, which no leader writes. The caller must not pass entries of a newer version
 * (entry_newness). */
void partition_apply(struct partition *partition, struct bytes entry, partition_answer_fn answer, void *context);

/* Prefetches the memory of these reads; several at once cost little more than one. */
enum { PARTITION_AHEAD_MAX = 8 };
void partition_query_ahead(const struct partition *partition, const struct query *queries, size_t count);
/* Serves a read from the present state; appends an encoded Response. The log alone decides which entries exist; the
 * remaining ttl is counted from `time_ms`, the leader's log time now (0: from the last entry), and is at least 1 ms. */
void partition_query(const struct partition *partition, const struct query *query, uint64_t time_ms, struct buffer *out);

/* True: this read of a journal has no records yet; the query then contains the sequence that it waits for, and
 * can be repeated when partition_journal_version has grown. */
bool partition_journal_waits(const struct partition *partition, struct query *query);
uint64_t partition_journal_version(const struct partition *partition);

/* ---- queries of the node */

bool partition_genesis(const struct partition *partition, struct genesis_command *ret_genesis); /* false before the first entry */
/* Feature level in the log: entries proposed now have this level (grid/wire/level.h). */
uint32_t partition_level(const struct partition *partition);
uint64_t partition_log_time_ms(const struct partition *partition);   /* of the last entry; 0: no entry is applied */
uint64_t partition_wall_time_ms(const struct partition *partition);  /* likewise */
uint64_t partition_commits(const struct partition *partition);       /* commit counter (D4) */
uint64_t partition_digest(const struct partition *partition);        /* rolling: equal at equal applied index (I15) */
uint64_t partition_state_digest(const struct partition *partition);  /* from the whole state, O(n); for tests */
/* Earliest log time at which a Tick has work (timer, session end, expiry, old records); false: none. */
bool partition_next_due_ms(const struct partition *partition, uint64_t *ret_due_ms);

/* ---- snapshots (D12): the whole state as bytes, docs/formats/snapshot.md. They follow from the state alone: not from the slices in which
 * they were written, and not from how the state came about (I16). */

/* Freezes the state as of the last entry (I42). Entries and queries go on as ever; one save at a time, none while an entry is applied.
 * Takes time by the number of maps and of partitions with which messages were exchanged, about a microsecond each. */
struct partition_save *partition_save_begin(struct partition *partition);
/* Appends about `budget` bytes of the frozen state; more to end a record, or a section that was copied when it was frozen (services, inbox).
 * True: complete. */
bool partition_save_next(struct partition_save *save, size_t budget, struct buffer *out);
bool partition_frozen(const struct partition *partition);   /* a save is under way */
void partition_save_end(struct partition_save *save);       /* complete or given up; before partition_close */

/* Loads a state beside the present one, from pieces of what partition_save_next gave, cut anywhere, in order. Trusts nothing. */
struct partition_load *partition_load_begin(struct partition *partition);
/* CORRUPT, or NOT_SUPPORTED: of a newer version, or with a service that this program does not have. Then only partition_load_end. */
enum grid_err partition_load_next(struct partition_load *load, struct bytes piece);
/* Feature level of the state being loaded; 0: not known yet. It comes with the first record. */
uint32_t partition_load_level(const struct partition_load *load);
/* `take`: the loaded state replaces the present one, which must not be frozen; CORRUPT if pieces are missing. Otherwise, and on failure,
 * the present one stays. On failure, of partition_load_next too, *ret_note names section, record and byte (memory_free); else NULL. */
enum grid_err partition_load_end(struct partition_load *load, bool take, char **ret_note);

/* ---- restoring from a backup (ADR 0026). The state comes as commands of the log, is loaded beside the present one, which must be empty, and takes its
 * place; the cluster stays closed until every partition is loaded and gets its new restore epoch. */

/* Between the first step and the last: takes no other commands, sends no messages, runs no activities. */
bool partition_closed(const struct partition *partition);
/* Changes when the state was replaced, and when the partition opens: what was known of it is out of date. */
uint64_t partition_restored(const struct partition *partition);
enum restore_phase partition_restore_phase(const struct partition *partition);
/* How far a restore is, and whether `backup` could be restored here: what a step of the kind RESTORE_CHECK answers; *ret_response borrows static notes. */
void partition_restore_check(const struct partition *partition, uint64_t backup, struct response *ret_response);

/* ---- outbox (R4): read by the leader's sender */

/* Calls `each` for every destination with unacknowledged messages, in order of destination. */
void partition_outbox_each(const struct partition *partition, void (*each)(void *context, uint32_t destination, uint64_t first, uint64_t last), void *context);
/* Encoded LinkMessages from `sequence` on, up to bytes_max (at least one); returns how many were given. Borrowed. */
size_t partition_outbox_read(const struct partition *partition, uint32_t destination, uint64_t sequence, size_t bytes_max,
                             void (*each)(void *context, uint64_t sequence, struct bytes message), void *context);
uint32_t partition_inbox_incarnation(const struct partition *partition, uint32_t source);
uint64_t partition_inbox_last(const struct partition *partition, uint32_t source);   /* last applied; 0: none */
/* Messages and activities under way, and those that admitted flows may still cause; admission bounds it (R6). */
uint64_t partition_load(const struct partition *partition);
uint32_t partition_incarnation(const struct partition *partition);
/* Grows with every change of the outbox, so that the sender need not check an unchanged one. */
uint64_t partition_outbox_version(const struct partition *partition);

/* ---- activities (D8): unfinished ones, run by the leader */

struct partition_activity {
    uint64_t id;
    uint32_t service, kind;            /* the service, and its number for the kind */
    struct bytes key, request;         /* idempotency key; what to do, in the service's form */
};
/* First unfinished activity with id > after; false: none. Borrowed until the next apply. */
bool partition_activity_next(const struct partition *partition, uint64_t after, struct partition_activity *ret_activity);

/* Totals of what was applied, since the first entry: equal on all replicas. Numbers of 64 bits only. */
struct partition_counts {
    uint64_t commands, events, refusals, duplicates;
    /* Commands with an idempotency key: executed, answered with the kept answer, answer not kept, refused. */
    uint64_t keys_new, keys_repeated, keys_not_kept, keys_mismatched;
    /* Service commands of clients, and those of them that were refused or could not be handled. */
    uint64_t submitted, submitted_failed;
    /* Items of the event pipeline (commands, answers, timers, results): all, refused, not handled; events
     * with messages; written views. */
    uint64_t received, refused, unprocessable, published, views_updated;
    /* Messages to other partitions: written, acknowledged; and messages of others that this partition could not handle. */
    uint64_t outbox_written, outbox_delivered, outbox_failed;
    uint64_t flows_started, flows_ended;
};
const struct partition_counts *partition_counts(const struct partition *partition);

struct service;
struct service_notice;
/* Services that the partition's log has registered (ADR 0022): whether one of the program's is among them; how many are. */
bool partition_has_service(const struct partition *partition, const struct service *service);
size_t partition_services(const struct partition *partition);
/* Whether it could be registered: OK, TOO_LARGE: no room for its maps, ALREADY_EXISTS: a map has the name of one, UNAVAILABLE:
 * before the first entry. Not while an entry is applied. */
enum grid_err partition_service_fits(const struct partition *partition, const struct service *service);

/* Sum of what a service has counted in its metric number `metric` (services/service.h), over all labels: of a gauge its
 * level, of a histogram the count. Since the first entry, likewise equal on all replicas. */
int64_t partition_metric(const struct partition *partition, const struct service *service, size_t metric);

/* Stages of what services do with one command or message (spec/services.md section 4). */
enum partition_stage {
    PARTITION_STAGE_BEGIN,             /* nothing ended: time is taken from here */
    PARTITION_STAGE_SOURCE,            /* decoded, view and part loaded */
    PARTITION_STAGE_DECIDE,
    PARTITION_STAGE_ENRICH,            /* ids, sequence, time stamps; the event encoded */
    PARTITION_STAGE_PERSIST,           /* stored in <domain>.events */
    PARTITION_STAGE_VIEW,              /* folded into the view, the view stored */
    PARTITION_STAGE_PUBLISH,           /* messages, timers, activities, the answer to the sender */
    PARTITION_STAGE_COMPLETE,          /* the completion stored */
    PARTITION_STAGES,
};

/* An observer of applied entries. The partition calls it and reads nothing from it, so replicated state cannot depend on
 * the observer. */
struct partition_observer {
    void *context;
    void (*stage)(void *context, enum partition_stage ended);              /* NULL: time is not taken */
    /* Called for events with a notice (services/service.h); not NULL. */
    void (*notice)(void *context, const struct service *service, const struct service_notice *notice);
};
/* Borrowed until the next call; NULL: no observer. */
void partition_observe(struct partition *partition, const struct partition_observer *observer);

struct partition_stats {
    uint64_t entries, bytes, sessions, outbox_pending, timers, activities, malformed_entries;
    uint64_t expirations, journal_bytes, idempotency_keys, maps;
    uint64_t sessions_max, idempotency_keys_max;   /* by the settings of retention */
    uint64_t reserved;                 /* sum of still_needs (services/service.h) over all views */
    /* Of partition_counts. */
    uint64_t commands, events, refusals, duplicates;
    uint64_t keys_new, keys_repeated, keys_not_kept, keys_mismatched;
    uint64_t flows_started, flows_ended;
};
struct partition_stats partition_stats(const struct partition *partition);
/* What it keeps for a limited time, with the limits, by kind. */
void partition_kept(const struct partition *partition, struct retention_status ret_status[RETENTION_LAST]);
/* How many of a kind were removed for being too old, or too many in count or bytes. Of this replica since it was opened; not replicated. */
uint64_t partition_trimmed(const struct partition *partition, enum retention_kind kind);
/* Every map of the partition; see grid/partition/maps/maps.h. */
struct map_count;
struct map_upkeep;
void partition_maps_each(const struct partition *partition, void (*each)(void *context, const struct map_count *count), void *context);
struct map_upkeep partition_upkeep(const struct partition *partition);
void partition_holds(const struct partition *partition);

#endif
