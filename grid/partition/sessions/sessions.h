/* Sessions of clients in one partition: they make every write repeatable (R3, I11).
 *
 * A session is opened by an entry of its own, its id is the commit counter there. It remembers which sequences from its
 * acknowledged_below on were applied and keeps their encoded answers, SESSION_RESULTS_MAX of them in
 * SESSION_RESULT_BYTES_MAX bytes; beyond that only the fact is kept that the sequence was applied. The first answers stay and later
 * ones are dropped, because a client waits for its lowest sequence. A sequence too far above acknowledged_below is
 * refused and not applied (BUSY), which also bounds the number of facts.
 *
 * A session ends when it is closed, when it was idle for its time (log time, by Tick), or, beyond the limits of RETENTION_SESSIONS
 * (grid/partition/settings.h), when it is the longest idle one. All of it follows from the log alone.
 *
 * Copies what it keeps; answers are borrowed until the next change. Single threaded. */
#ifndef GRID_PARTITION_SESSIONS_SESSIONS_H
#define GRID_PARTITION_SESSIONS_SESSIONS_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/base/ids.h"
#include "grid/base/limits.h"
#include "grid/partition/component.h"
#include "grid/wire/messages/message.h"

struct sessions;

enum {
    SESSION_IDLE_MS_DEFAULT = 300 * 1000,          /* 0 means this */
    SESSION_IDLE_MS_MIN = 1000,                    /* smaller values are raised to it, larger ones lowered to the maximum */
    SESSION_IDLE_MS_MAX = 24 * 3600 * 1000,
    /* Applied sequences that may lie above acknowledged_below: pipelining is narrower, so it is only met by a client
     * that never acknowledges. Past it: BUSY. */
    SESSION_WINDOW_MAX = 4 * SESSION_RESULTS_MAX,
};

enum session_verdict {
    SESSION_NEW,                       /* apply it, then sessions_keep */
    SESSION_REPEATED,                  /* *ret_result is the kept answer */
    SESSION_NOT_KEPT,                  /* applied before, the answer was not kept */
    SESSION_UNKNOWN,                   /* no such session */
    SESSION_FORGOTTEN,                 /* below acknowledged_below: the client said that it needs no answer */
    SESSION_TOO_FAR,                   /* beyond the window */
};

struct session_request { struct session_id session; uint64_t sequence, acknowledged_below; };

struct sessions *sessions_open(void);
void sessions_close(struct sessions *sessions);

/* Opens a session; ids grow. sessions_make_room comes before it. */
void sessions_begin(struct sessions *sessions, struct session_id id, uint64_t idle_ms, uint64_t now_ms);
/* Ends the longest idle sessions until one more fits the limits, at most `count_max`; returns how many. */
size_t sessions_make_room(struct sessions *sessions, const struct retention_limits *limits, size_t count_max);
bool sessions_end(struct sessions *sessions, struct session_id id);         /* false: unknown */
/* Looks a request up and removes the results that it acknowledges. */
enum session_verdict sessions_admit(struct sessions *sessions, const struct session_request *request, uint64_t now_ms,
                                    struct bytes *ret_result);
/* Keeps the answer of the request that was admitted last, as SESSION_NEW, and whose session has not ended since. */
void sessions_keep(struct sessions *sessions, struct session_id id, uint64_t sequence, struct bytes result);
/* Ends at most `count_max` sessions: those whose idle time is over, in (due, id) order; then the longest idle ones, as long as they are idle
 * for longer than the limit, or too many in count or bytes. Returns how many. */
size_t sessions_trim(struct sessions *sessions, const struct retention_limits *limits, uint64_t now_ms, size_t count_max);

/* Prefetch the memory of a session that will be used: first its row, then the session. */
void sessions_fetch_row(const struct sessions *sessions, struct session_id id);
void sessions_fetch(const struct sessions *sessions, struct session_id id);

uint64_t sessions_count(const struct sessions *sessions);
/* Earliest end, 0: there are too many; false: no sessions. Sorts the queues first, which changes no replicated state. */
bool sessions_next_due_ms(struct sessions *sessions, const struct retention_limits *limits, uint64_t *ret_due_ms);
/* `ret_bytes`: of answers, and about what the sessions take themselves. `ret_oldest_ms`: log time of the longest unused one's last use. */
void sessions_kept(struct sessions *sessions, uint64_t *ret_count, uint64_t *ret_bytes, uint64_t *ret_oldest_ms);
uint64_t sessions_digest(const struct sessions *sessions);
void sessions_holds(const struct sessions *sessions);

/* Frozen in constant time: a session that changes or ends before it is written keeps the record of what it was. Thawing takes time by
 * the sessions that are not written. */
extern const struct component sessions_component;

#endif
