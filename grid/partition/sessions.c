#include "grid/partition/sessions.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/partition/session_results.h"

struct session {
    uint64_t id, idle_ms, used_ms;
    struct session *used_before, *used_after;      /* neighbours in order of last use */
    uint64_t queued_ms;                            /* place in the heap: not later than the true end */
    size_t heap_at;
    struct session_results results;
};

/* Ids grow, so rows are appended; the row of an ended session stays, empty, until half of them are. */
struct session_row { uint64_t id; struct session *session; };

struct sessions {
    struct session_row *rows;
    size_t rows_count, rows_capacity;
    struct session **heap;                         /* by (queued_ms, id); its size is the number of sessions */
    size_t count, heap_capacity;
    struct session *longest_idle, *latest;
    struct session *admitted;                      /* by the last request; NULL: none, or ended since */
};

static uint64_t due_ms(const struct session *session)
{
    return session->used_ms + session->idle_ms;
}

/* ---- the heap of ends */

static bool ends_before(const struct session *a, const struct session *b)
{
    return a->queued_ms != b->queued_ms ? a->queued_ms < b->queued_ms : a->id < b->id;
}

static void heap_put(struct sessions *sessions, size_t at, struct session *session)
{
    sessions->heap[at] = session;
    session->heap_at = at;
}

static void heap_up(struct sessions *sessions, struct session *session)
{
    size_t at = session->heap_at;
    for (; at > 0 && ends_before(session, sessions->heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap_put(sessions, at, sessions->heap[(at - 1) / 2]);
    heap_put(sessions, at, session);
}

static void heap_down(struct sessions *sessions, struct session *session)
{
    size_t at = session->heap_at;
    for (size_t child; (child = 2 * at + 1) < sessions->count; at = child) {
        if (child + 1 < sessions->count && ends_before(sessions->heap[child + 1], sessions->heap[child]))
            child++;
        if (!ends_before(sessions->heap[child], session))
            break;
        heap_put(sessions, at, sessions->heap[child]);
    }
    heap_put(sessions, at, session);
}

static void heap_add(struct sessions *sessions, struct session *session)
{
    if (sessions->count == sessions->heap_capacity) {
        sessions->heap_capacity = sessions->heap_capacity * 2 + 8;
        sessions->heap = memory_resize(sessions->heap, sessions->heap_capacity * sizeof(struct session *));
    }
    session->queued_ms = due_ms(session);
    heap_put(sessions, sessions->count++, session);
    heap_up(sessions, session);
}

static void heap_remove(struct sessions *sessions, struct session *session)
{
    struct session *last = sessions->heap[--sessions->count];
    if (last == session)
        return;
    heap_put(sessions, session->heap_at, last);
    heap_up(sessions, last);
    heap_down(sessions, last);
}

/* A use only makes a session end later, so its place is corrected when somebody asks for the front. Afterwards the
 * front is exact. */
static void heap_settle(struct sessions *sessions)
{
    while (sessions->count > 0 && sessions->heap[0]->queued_ms != due_ms(sessions->heap[0])) {
        sessions->heap[0]->queued_ms = due_ms(sessions->heap[0]);
        heap_down(sessions, sessions->heap[0]);
    }
}

/* ---- order of use */

static void use_remove(struct sessions *sessions, struct session *session)
{
    if (session->used_before != NULL)
        session->used_before->used_after = session->used_after;
    else
        sessions->longest_idle = session->used_after;
    if (session->used_after != NULL)
        session->used_after->used_before = session->used_before;
    else
        sessions->latest = session->used_before;
}

static void use_add(struct sessions *sessions, struct session *session, uint64_t now_ms)
{
    session->used_ms = now_ms;
    session->used_before = sessions->latest;
    session->used_after = NULL;
    if (sessions->latest != NULL)
        sessions->latest->used_after = session;
    else
        sessions->longest_idle = session;
    sessions->latest = session;
}

/* ---- rows */

static struct session_row *row_find(const struct sessions *sessions, uint64_t id)
{
    size_t low = 0, high = sessions->rows_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sessions->rows[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < sessions->rows_count && sessions->rows[low].id == id && sessions->rows[low].session != NULL;
    return found ? &sessions->rows[low] : NULL;
}

static void rows_compact(struct sessions *sessions)
{
    if (sessions->rows_count < 2 * sessions->count + 16)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < sessions->rows_count; i++)
        if (sessions->rows[i].session != NULL)
            sessions->rows[kept++] = sessions->rows[i];
    sessions->rows_count = kept;
}

static void row_add(struct sessions *sessions, struct session *session)
{
    REQUIRE(sessions->rows_count == 0 || sessions->rows[sessions->rows_count - 1].id < session->id);
    if (sessions->rows_count == sessions->rows_capacity) {
        sessions->rows_capacity = sessions->rows_capacity * 2 + 8;
        sessions->rows = memory_resize(sessions->rows, sessions->rows_capacity * sizeof *sessions->rows);
    }
    sessions->rows[sessions->rows_count++] = (struct session_row){session->id, session};
}

/* ---- life cycle */

struct sessions *sessions_open(void)
{
    return memory_zero(1, sizeof(struct sessions));
}

static void session_free(struct session *session)
{
    session_results_close(&session->results);
    memory_free(session);
}

void sessions_close(struct sessions *sessions)
{
    if (sessions == NULL)
        return;
    for (size_t i = 0; i < sessions->count; i++)
        session_free(sessions->heap[i]);
    memory_free(sessions->heap);
    memory_free(sessions->rows);
    memory_free(sessions);
}

static void session_end(struct sessions *sessions, struct session *session)
{
    row_find(sessions, session->id)->session = NULL;
    sessions->admitted = NULL;
    heap_remove(sessions, session);
    use_remove(sessions, session);
    session_free(session);
    rows_compact(sessions);
}

void sessions_begin(struct sessions *sessions, struct session_id id, uint64_t idle_ms, uint64_t now_ms)
{
    REQUIRE(id.value != 0);
    if (sessions->count == SESSIONS_PER_PARTITION_MAX)
        session_end(sessions, sessions->longest_idle);
    struct session *session = memory_zero(1, sizeof *session);
    session->id = id.value;
    session->idle_ms = idle_ms == 0 ? SESSION_IDLE_MS_DEFAULT
                     : idle_ms < SESSION_IDLE_MS_MIN ? SESSION_IDLE_MS_MIN
                     : idle_ms > SESSION_IDLE_MS_MAX ? SESSION_IDLE_MS_MAX : idle_ms;
    session_results_init(&session->results);
    use_add(sessions, session, now_ms);
    row_add(sessions, session);
    heap_add(sessions, session);
}

bool sessions_end(struct sessions *sessions, struct session_id id)
{
    struct session_row *row = row_find(sessions, id.value);
    if (row == NULL)
        return false;
    session_end(sessions, row->session);
    return true;
}

/* ---- requests */

enum session_verdict sessions_admit(struct sessions *sessions, const struct session_request *request, uint64_t now_ms,
                                    struct bytes *ret_result)
{
    REQUIRE(request->sequence != 0 && request->acknowledged_below <= request->sequence);
    struct session_row *row = row_find(sessions, request->session.value);
    if (row == NULL)
        return SESSION_UNKNOWN;
    struct session *session = row->session;
    struct session_results *results = &session->results;
    sessions->admitted = session;
    if (session != sessions->latest) {
        use_remove(sessions, session);
        use_add(sessions, session, now_ms);
    }
    session->used_ms = now_ms;
    session_results_acknowledge(results, request->acknowledged_below);
    if (request->sequence < results->acknowledged_below)
        return SESSION_FORGOTTEN;
    bool kept;
    if (session_results_find(results, request->sequence, &kept, ret_result))
        return kept ? SESSION_REPEATED : SESSION_NOT_KEPT;
    bool far = request->sequence - results->acknowledged_below >= SESSION_WINDOW_MAX;
    return far ? SESSION_TOO_FAR : SESSION_NEW;
}

void sessions_keep(struct sessions *sessions, struct session_id id, uint64_t sequence, struct bytes result)
{
    struct session *session = sessions->admitted;
    REQUIRE(session != NULL && session->id == id.value);
    session_results_add(&session->results, sequence, result);
}

size_t sessions_expire(struct sessions *sessions, uint64_t now_ms, size_t count_max)
{
    size_t ended = 0;
    heap_settle(sessions);
    while (ended < count_max && sessions->count > 0 && sessions->heap[0]->queued_ms <= now_ms) {
        session_end(sessions, sessions->heap[0]);
        heap_settle(sessions);
        ended++;
    }
    return ended;
}

/* ---- whole */

uint64_t sessions_count(const struct sessions *sessions)
{
    return sessions->count;
}

bool sessions_next_due_ms(struct sessions *sessions, uint64_t *ret_due_ms)
{
    if (sessions->count == 0)
        return false;
    heap_settle(sessions);
    *ret_due_ms = sessions->heap[0]->queued_ms;
    return true;
}

/* In order of use, which decides who is ended for want of room. */
uint64_t sessions_digest(const struct sessions *sessions)
{
    uint64_t digest = sessions->count;
    for (const struct session *session = sessions->longest_idle; session != NULL; session = session->used_after) {
        uint8_t content[24];
        put_u64(content, session->id);
        put_u64(content + 8, session->idle_ms);
        put_u64(content + 16, session->used_ms);
        digest = session_results_digest(&session->results, hash_xxh3(bytes_of(content, sizeof content), digest));
    }
    return digest;
}

void sessions_holds(const struct sessions *sessions)
{
    size_t count = 0;
    HOLDS(sessions->count <= SESSIONS_PER_PARTITION_MAX && sessions->count <= sessions->rows_count);
    for (const struct session *session = sessions->longest_idle; session != NULL; session = session->used_after) {
        HOLDS(row_find(sessions, session->id)->session == session);
        HOLDS(sessions->heap[session->heap_at] == session && session->queued_ms <= due_ms(session));
        HOLDS(session->heap_at == 0 || !ends_before(session, sessions->heap[(session->heap_at - 1) / 2]));
        HOLDS(session->used_after == NULL || session->used_ms <= session->used_after->used_ms);
        session_results_holds(&session->results);
        count++;
    }
    HOLDS(count == sessions->count);
}
