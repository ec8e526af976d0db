/* Every bound of the system: its meaning, its reason and what the user sees past it. */
#ifndef GRID_BASE_LIMITS_H
#define GRID_BASE_LIMITS_H

enum {
    /* Bytes of a key (and of an affinity). Keys are compared and hashed on every operation. Past it: TOO_LARGE. */
    KEY_BYTES_MAX = 4 * 1024,
    /* Bytes of a value. One value must fit one log entry and one frame with room. Past it: TOO_LARGE. */
    VALUE_BYTES_MAX = 1024 * 1024,
    /* Bytes of a map's name. Past it: TOO_LARGE. */
    MAP_NAME_BYTES_MAX = 128,
    /* Maps that one partition numbers. Names come from clients and stay until the map is dropped. Past it: TOO_LARGE. */
    MAPS_PER_PARTITION_MAX = 4096,
    /* Maps with series of their own in /metrics, the largest ones; the others are counted together. A monitoring system keeps
     * every series for long. */
    MAPS_SHOWN_MAX = 100,
    /* Client connections of a node at once, and how long one may keep the node waiting: for its greeting, for the rest of a
     * frame, for taking what it asked for. Usual values; settings say others. Past them: the connection is closed. */
    CLIENT_CONNECTIONS_USUAL = 4096,
    /* For so many seconds a client must have been without a request before it may lose its place to another one. */
    CLIENT_IDLE_SECONDS_MIN = 5,
    CLIENT_PATIENCE_MS_USUAL = 10 * 1000,
    /* Bytes of one frame's body. Past it: the connection is closed. */
    FRAME_BODY_BYTES_MAX = 8 * 1024 * 1024,
    /* Bytes of one command on the wire, whatever its fields. Past it: TOO_LARGE. */
    COMMAND_BYTES_MAX = 5 * 512 * 1024,
    /* Bodies of frames below it are not packed: few packets carry them, and packing costs more than it saves. */
    PACKED_BODY_BYTES_MIN = 4 * 1024,
    /* Bytes of one packed log entry; more operations go into the next entry. */
    ENTRY_BYTES_MAX = 3 * 1024 * 1024,
    /* Bytes of one file of the shared log, a multiple of the page. The smallest holds the largest entry; the largest is
     * read and zero-filled within a second or two at a start. Past them: a configuration is refused. */
    LOG_SEGMENT_BYTES_LEAST = 4 * 1024 * 1024,
    LOG_SEGMENT_BYTES_USUAL = 64 * 1024 * 1024,
    LOG_SEGMENT_BYTES_MOST = 256 * 1024 * 1024,
    LOG_SEGMENT_BYTES_STEP = 4096,
    SNAPSHOT_SLICE_BYTES = 64 * 1024,   /* of a snapshot, in one iteration of the loop */
    /* The smallest bounds of the log on disk and in memory: room for the largest value and the largest batch. A partition
     * needs some of it before it serves anybody: its first entry and a few elections. */
    LOG_DISK_BYTES_LEAST = 4 * 1024 * 1024,
    LOG_MEMORY_BYTES_LEAST = 4 * 1024 * 1024,
    LOG_DISK_BYTES_PER_PARTITION = 8 * 1024,
    LOG_MEMORY_BYTES_PER_PARTITION = 4 * 1024,
    /* The smallest bound of a node's memory: what an empty node takes, and room for the largest values under way. */
    MEMORY_MAX_LEAST = 64 * 1024 * 1024,
    /* A packed entry is closed when it passes this many bytes, so that one entry never delays others for long. */
    ENTRY_BYTES_AIM = 256 * 1024,
    /* Commands in one packed entry. */
    ENTRY_COMMANDS_MAX = 4096,
    /* Bytes of entries in one AppendEntries (shim S21); the rest follows in the next. */
    APPEND_BYTES_MAX = 2 * 1024 * 1024,
    /* Entries in one AppendEntries (shim S21). */
    APPEND_ENTRIES_MAX = 1024,
    /* Bytes of state in one chunk of a snapshot file: what a reader must hold before it may trust it, and what a transfer puts between the
     * frames of other groups. */
    SNAPSHOT_CHUNK_BYTES = 64 * 1024,
    /* Bytes of state in one answer to a backup, and in one entry that restores it: an entry of the usual size. */
    BACKUP_PIECE_BYTES = 256 * 1024,
    RESTORE_PIECE_BYTES_MAX = 256 * 1024,
    /* For so long a leader holds back messages between partitions for a backup, and keeps a frozen state that nobody reads. */
    BACKUP_HOLD_MS = 5 * 1000,
    BACKUP_IDLE_MS = 30 * 1000,
    /* Bytes of a snapshot that wait for the disk on their way to a file; more state is not frozen into bytes meanwhile. */
    SNAPSHOT_WRITER_BYTES = 1024 * 1024,
    /* Bytes of a group's encoded configuration in a snapshot. A head that states more is damaged. */
    SNAPSHOT_CONFIGURATION_BYTES_MAX = 64 * 1024,
    /* Nodes of a cluster for now; ids are 1..NODES_MAX. */
    NODES_MAX = 64,
    /* Features that one end of a connection may name in its hello. Past it: the connection is closed. */
    FEATURES_SAID_MAX = 64,
    /* Replicas of a partition. */
    REPLICAS_MAX = 7,
    /* Partitions of a cluster. */
    PARTITIONS_MAX = 4096,
    /* Results that one session keeps in one partition, and their bytes; past it RESULT_NOT_KEPT. */
    SESSION_RESULTS_MAX = 1024,
    SESSION_RESULT_BYTES_MAX = 256 * 1024,
    /* Entries in one scan page. */
    SCAN_PAGE_MAX = 1000,
    /* Operations of one atomic batch, and the bytes of their keys and values together. Past it: TOO_LARGE. */
    BATCH_OPERATIONS_MAX = 128,
    BATCH_BYTES_MAX = 2 * 1024 * 1024,
    /* How long a read of a journal may be kept waiting for the next record. More is lowered to it. */
    JOURNAL_WAIT_MS_MAX = 60 * 1000,
    /* What a journal of one map keeps in one partition: what a configuration of 0 means, unless gridctl retention set says otherwise. */
    JOURNAL_ENTRIES_DEFAULT = 10 * 1000,
    JOURNAL_BYTES_DEFAULT = 8 * 1024 * 1024,
    /* And the most that can be configured. Past it: INVALID. */
    JOURNAL_ENTRIES_MOST = 100 * 1000 * 1000,
    /* Expired entries, old journal records and emptied tables' entries that one tick entry removes. */
    TICK_EXPIRATIONS_MAX = 4096,
    /* What one partition keeps of each kind of retention (grid/partition/settings.h) unless gridctl retention set says otherwise; the
     * oldest go first past it. Idempotency keys with their answers: */
    IDEMPOTENCY_KEYS_USUAL = 65536,
    IDEMPOTENCY_BYTES_USUAL = 16 * 1024 * 1024,
    IDEMPOTENCY_KEEP_MS_USUAL = 24 * 3600 * 1000,      /* log time, as all of these */
    /* Sessions with the answers that they keep; the longest idle one is ended past it. A session says itself how long it may be idle. */
    SESSIONS_USUAL = 65536,
    SESSIONS_BYTES_USUAL = 256 * 1024 * 1024,
    /* Completions, over all services: enough to look up recent commands. */
    COMPLETIONS_USUAL = 1024,
    COMPLETIONS_BYTES_USUAL = 4 * 1024 * 1024,
    COMPLETIONS_KEEP_MS_USUAL = 10 * 60 * 1000,
    /* Ended flows with their events. */
    FLOWS_USUAL = 1000 * 1000,
    FLOWS_BYTES_USUAL = 1024 * 1024 * 1024,
    FLOWS_KEEP_MS_USUAL = 7 * 24 * 3600 * 1000,
    /* Retention may be set to no less and no more than this. Past it: INVALID. A client that waits for the end of a flow must see it: */
    RETENTION_FLOWS_MS_LEAST = 60 * 1000,
    RETENTION_FLOWS_LEAST = 16,
    /* A client whose session ended repeats its write in another one, under the same key: as long as a usual session may be idle. As many
     * keys as a client has writes under way. */
    RETENTION_KEYS_MS_LEAST = 5 * 60 * 1000,
    RETENTION_KEYS_LEAST = 256,
    /* A session outlives the usual time of a request, with the repetitions of it. */
    RETENTION_SESSIONS_MS_LEAST = 60 * 1000,
    RETENTION_SESSIONS_LEAST = 64,
    RETENTION_BYTES_LEAST = 1024 * 1024,
    RETENTION_COUNT_MOST = 100 * 1000 * 1000,
    /* Map entries that retention removes while one log entry is applied, besides completions, of which it removes up to two for each new one.
     * A hundred thousand removals take some ten milliseconds, and an entry must not delay others for long. */
    RETENTION_REMOVALS_MAX = 4096,
    /* Events of an ended flow that retention removes, all in one log entry. A flow with more events is kept. */
    FLOW_EVENTS_MAX = 1024,
    /* Bytes of a tenant, a route, an idempotency key; and of the hash of the request. Past it: TOO_LARGE. */
    IDEMPOTENCY_TEXT_BYTES_MAX = 256,
    IDEMPOTENCY_HASH_BYTES_MAX = 32,
    /* An answer above it is not kept; a repeat gets RESULT_NOT_KEPT. */
    IDEMPOTENCY_ANSWER_BYTES_MAX = 64 * 1024,
    /* Objects and arrays of JSON within each other, as people and programs hand it to an edge. Past it: not JSON. */
    JSON_NESTING_MAX = 256,
    /* Bytes of a destination's answer to an activity. Past it: taken for no answer, and it is asked again. */
    ACTIVITY_ANSWER_BYTES_MAX = 1024 * 1024,
    /* Services of a program, whose numbers the log names, and bytes of a service's name, with which those of its maps begin.
     * Past them: the program does not start. */
    SERVICES_MAX = 256,
    SERVICE_NAME_BYTES_MAX = 64,
    /* Bytes of one record of a snapshot: the largest is a journal's, with two values. Past it: CORRUPT. */
    SNAPSHOT_RECORD_BYTES_MAX = 3 * 1024 * 1024,
    /* Timers that one tick entry fires (R14). */
    TICK_TIMERS_MAX = 256,
    /* Bytes that wait to be sent to one peer; entries stop well below it. Past it the link ends and begins anew. */
    PEER_UNSENT_BYTES_MAX = 64 * 1024 * 1024,
    /* Letters between partitions that wait in a node for the end of its loop's iteration. Past it they are lost, and said again. */
    MAILBOX_BYTES_MAX = 64 * 1024 * 1024,
    /* Bytes of requests of one connection that are under way; a session's are among those of its client's connection. Past it the
     * connection is not read from until half of them are answered. */
    CLIENT_IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024,
    /* Bytes of commands of one partition that are packed or proposed and not yet applied: what waits for a slow disk or majority. Past
     * it clients' commands get BUSY and a time to wait. */
    PARTITION_IN_FLIGHT_BYTES_MAX = 32 * 1024 * 1024,
    /* Effects on the same affinity applied in one entry (R4's worklist). */
    WORKLIST_MAX = 512,
};

#define LOG_DISK_BYTES_DEFAULT (4ull << 30)   /* past it new client commands get LOG_FULL */
#define JOURNAL_BYTES_MOST (16ull << 30)      /* that a journal may be configured to; past it INVALID */
#define RETENTION_BYTES_MOST (16ull << 30)    /* that retention may be set to, in one partition; past it INVALID */
#define TTL_MS_MAX (100ull * 366 * 24 * 3600 * 1000) /* a hundred years; past it INVALID */
/* Messages, activities and timers that a partition's flows have waiting or may still cause. A message takes some hundred
 * bytes, so this bounds what a destination that is away for long can cost. Past it commands that begin a flow get BUSY and a
 * time to wait. */
#define ADMISSION_LOAD_DEFAULT 65536ull
#define LOG_MEMORY_BYTES_DEFAULT (1ull << 30) /* bytes of entries in memory a node, likewise */
#define SNAPSHOT_BYTES_DEFAULT (2ull << 20)    /* a partition takes a snapshot when its log has grown by so much, or by the size of its last one, */
#define SNAPSHOT_ENTRIES_DEFAULT (1ull << 20)  /* or by so many entries */
#define SNAPSHOT_TRANSFER_RATE_DEFAULT (64ull << 20) /* bytes a second to one member: 1 GiB in 16 s, and half of a fast disk and link is left */
#define SNAPSHOT_TRAILING_BYTES_DEFAULT (256ull << 10) /* of entries that a partition keeps in memory behind a snapshot */

_Static_assert(2 * VALUE_BYTES_MAX + 4 * KEY_BYTES_MAX < COMMAND_BYTES_MAX, "an operation with an expected value fits a command");
_Static_assert(BATCH_BYTES_MAX + BATCH_OPERATIONS_MAX * (MAP_NAME_BYTES_MAX + 64) + 4 * KEY_BYTES_MAX < COMMAND_BYTES_MAX,
               "a batch fits a command");
_Static_assert(VALUE_BYTES_MAX + 4 * KEY_BYTES_MAX < COMMAND_BYTES_MAX, "a service's command fits a command");
_Static_assert(ACTIVITY_ANSWER_BYTES_MAX + 4 * KEY_BYTES_MAX < COMMAND_BYTES_MAX, "the result of an activity fits a command");
_Static_assert(COMMAND_BYTES_MAX + ENTRY_BYTES_AIM + 1024 < ENTRY_BYTES_MAX, "what is packed before it and one command fit an entry");
_Static_assert(COMMAND_BYTES_MAX < MAILBOX_BYTES_MAX, "a command fits a mailbox");
_Static_assert(2 * COMMAND_BYTES_MAX < CLIENT_IN_FLIGHT_BYTES_MAX && CLIENT_IN_FLIGHT_BYTES_MAX < PARTITION_IN_FLIGHT_BYTES_MAX,
               "a connection keeps a command under way while it sends another, and cannot fill a partition alone");
_Static_assert(COMMAND_BYTES_MAX < FRAME_BODY_BYTES_MAX, "a command fits a frame");
_Static_assert(ENTRY_BYTES_MAX + 2 * LOG_SEGMENT_BYTES_STEP < LOG_SEGMENT_BYTES_LEAST, "one entry and its headers fit a file of the log");
_Static_assert(LOG_SEGMENT_BYTES_LEAST % LOG_SEGMENT_BYTES_STEP == 0 && LOG_SEGMENT_BYTES_MOST % LOG_SEGMENT_BYTES_STEP == 0,
               "files of the log are made of pages");
_Static_assert(LOG_SEGMENT_BYTES_LEAST <= LOG_DISK_BYTES_LEAST, "the smallest log holds its one file");
_Static_assert(VALUE_BYTES_MAX + BATCH_BYTES_MAX < LOG_MEMORY_BYTES_LEAST, "the smallest log holds a value and a batch");
_Static_assert((unsigned long long)LOG_DISK_BYTES_PER_PARTITION * PARTITIONS_MAX < LOG_DISK_BYTES_DEFAULT &&
                   (unsigned long long)LOG_MEMORY_BYTES_PER_PARTITION * PARTITIONS_MAX < LOG_MEMORY_BYTES_DEFAULT &&
                   LOG_SEGMENT_BYTES_MOST <= LOG_DISK_BYTES_DEFAULT, "what is set alone goes with the defaults");
_Static_assert(IDEMPOTENCY_ANSWER_BYTES_MAX + 4 * IDEMPOTENCY_TEXT_BYTES_MAX < RETENTION_BYTES_LEAST, "one key with its answer is kept");
_Static_assert(2 * SESSION_RESULT_BYTES_MAX < RETENTION_BYTES_LEAST, "a full session is kept");
_Static_assert(JOURNAL_BYTES_DEFAULT <= JOURNAL_BYTES_MOST && JOURNAL_ENTRIES_DEFAULT <= JOURNAL_ENTRIES_MOST, "defaults can be configured");
_Static_assert(2 * VALUE_BYTES_MAX + 2 * KEY_BYTES_MAX + 1024 < SNAPSHOT_RECORD_BYTES_MAX && COMMAND_BYTES_MAX + 1024 < SNAPSHOT_RECORD_BYTES_MAX,
               "a record of a journal and a genesis fit a record of a snapshot");
_Static_assert(ENTRY_BYTES_MAX < FRAME_BODY_BYTES_MAX, "one entry fits a frame");
_Static_assert(APPEND_BYTES_MAX + ENTRY_BYTES_MAX < FRAME_BODY_BYTES_MAX, "an append with one oversize entry fits a frame");

#endif
