/* Private to the sessions: shared by sessions.c and session_save.c. */
#ifndef GRID_PARTITION_SESSIONS_SESSIONS_INTERNAL_H
#define GRID_PARTITION_SESSIONS_SESSIONS_INTERNAL_H

#include "grid/partition/sessions/session_results.h"
#include "grid/partition/sessions/sessions.h"

/* Two queues of the same sessions: by their end, and by their last use. */
enum queue { BY_END, BY_USE, QUEUES };

struct session {
    /* What every write touches comes first. */
    uint64_t used_ms, used_number;                 /* last use: when, and which of all uses it was */
    struct session_results results;
    uint64_t id, idle_ms;
    uint64_t queued[QUEUES];                       /* place in each heap: not behind the true one */
    size_t heap_at[QUEUES];
    struct session *older, *newer;                 /* in the order of ids, which is that of opening */
    uint8_t *frozen;                               /* its record, from before a change; NULL: the session is as it was */
    uint32_t frozen_size;
    bool ended;                                    /* only its frozen record is still needed */
};

/* Open addressing, at most half full. */
struct session_row { uint64_t id; struct session *session; };

struct sessions {
    struct session_row *rows;
    unsigned rows_bits;                            /* 2^rows_bits rows; 0: none */
    struct session **heaps[QUEUES];                /* by (queued, id); as many as sessions */
    size_t count, heaps_capacity;
    uint64_t bytes;                                /* sum of session_results_bytes and SESSION_BYTES */
    uint64_t uses;
    struct session *admitted;                      /* by the last request; NULL: none, or ended since */
    struct session *oldest, *newest;
    struct session *unsaved;                       /* frozen and not written yet, from here to frozen_last; NULL: none */
    uint64_t frozen_last;                          /* id */
    struct buffer frozen_head;                     /* the first record of the frozen state; empty: it is written */
    uint64_t awaited;                              /* records that are still to be loaded */
};

/* What a session takes besides its answers, about: a number of the state, so it does not follow from the program. */
enum { RECORD_SESSION = 2, SESSION_BYTES = 256 };

/* Before the first change of a session: keeps its record if it is not written yet. */
void session_keep_record(struct sessions *sessions, struct session *session);
static inline void session_changes(struct sessions *sessions, struct session *session)
{
    if (sessions->unsaved != NULL)
        session_keep_record(sessions, session);
}

void session_list_add(struct sessions *sessions, struct session *session);     /* the newest */
/* Of a session that ended, after session_changes: frees it, or leaves its frozen record. */
void session_list_remove(struct sessions *sessions, struct session *session);
void session_list_close(struct sessions *sessions);                            /* frees all */

void sessions_freeze(void *sessions);
bool sessions_save(void *sessions, size_t size_max, struct buffer *out);
void sessions_thaw(void *sessions);

#endif
