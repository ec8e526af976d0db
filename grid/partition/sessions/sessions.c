#include "grid/partition/sessions/sessions_internal.h"

#include <stdlib.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

static uint64_t due_ms(const struct session *session)
{
    return session->used_ms + session->idle_ms;
}

static uint64_t key_of(const struct session *session, enum queue queue)
{
    return queue == BY_END ? due_ms(session) : session->used_number;
}

static void use(struct sessions *sessions, struct session *session, uint64_t now_ms)
{
    session->used_ms = now_ms;
    session->used_number = ++sessions->uses;
}

/* ---- heaps */

static bool stands_before(const struct session *a, const struct session *b, enum queue queue)
{
    return a->queued[queue] != b->queued[queue] ? a->queued[queue] < b->queued[queue] : a->id < b->id;
}

static void heap_put(struct sessions *sessions, enum queue queue, size_t at, struct session *session)
{
    sessions->heaps[queue][at] = session;
    session->heap_at[queue] = at;
}

static void heap_up(struct sessions *sessions, enum queue queue, struct session *session)
{
    struct session **heap = sessions->heaps[queue];
    size_t at = session->heap_at[queue];
    for (; at > 0 && stands_before(session, heap[(at - 1) / 2], queue); at = (at - 1) / 2)
        heap_put(sessions, queue, at, heap[(at - 1) / 2]);
    heap_put(sessions, queue, at, session);
}

static void heap_down(struct sessions *sessions, enum queue queue, struct session *session)
{
    struct session **heap = sessions->heaps[queue];
    size_t at = session->heap_at[queue];
    for (size_t child; (child = 2 * at + 1) < sessions->count; at = child) {
        if (child + 1 < sessions->count && stands_before(heap[child + 1], heap[child], queue))
            child++;
        if (!stands_before(heap[child], session, queue))
            break;
        heap_put(sessions, queue, at, heap[child]);
    }
    heap_put(sessions, queue, at, session);
}

static void heaps_add(struct sessions *sessions, struct session *session)
{
    if (sessions->count == sessions->heaps_capacity) {
        sessions->heaps_capacity = sessions->heaps_capacity * 2 + 8;
        for (unsigned i = 0; i < QUEUES; i++)
            sessions->heaps[i] = memory_resize(sessions->heaps[i], sessions->heaps_capacity * sizeof(struct session *));
    }
    size_t at = sessions->count++;
    for (unsigned i = 0; i < QUEUES; i++) {
        session->queued[i] = key_of(session, (enum queue)i);
        heap_put(sessions, (enum queue)i, at, session);
        heap_up(sessions, (enum queue)i, session);
    }
}

static void heaps_remove(struct sessions *sessions, struct session *session)
{
    sessions->count--;
    for (unsigned i = 0; i < QUEUES; i++) {
        struct session *last = sessions->heaps[i][sessions->count];
        if (last == session)
            continue;
        heap_put(sessions, (enum queue)i, session->heap_at[i], last);
        heap_up(sessions, (enum queue)i, last);
        heap_down(sessions, (enum queue)i, last);
    }
}

/* The first of all. A use only moves a session back, so its place is corrected when it comes to the front: that costs
 * no more than doing it with each use, and mostly nothing. */
static struct session *heap_front(struct sessions *sessions, enum queue queue)
{
    REQUIRE(sessions->count > 0);
    struct session *front = sessions->heaps[queue][0];
    while (front->queued[queue] != key_of(front, queue)) {
        front->queued[queue] = key_of(front, queue);
        heap_down(sessions, queue, front);
        front = sessions->heaps[queue][0];
    }
    return front;
}

/* ---- rows */

static size_t row_home(const struct sessions *sessions, uint64_t id)
{
    /* Fibonacci hashing (Knuth, volume 3, 6.4): ids of one partition are multiples of nothing in particular. */
    return (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - sessions->rows_bits));
}

static size_t row_after(const struct sessions *sessions, size_t at)
{
    return (at + 1) & (((size_t)1 << sessions->rows_bits) - 1);
}

/* Where the id stands, or the empty row where it would. */
static struct session_row *row_seek(const struct sessions *sessions, uint64_t id)
{
    size_t at = row_home(sessions, id);
    while (sessions->rows[at].session != NULL && sessions->rows[at].id != id)
        at = row_after(sessions, at);
    return &sessions->rows[at];
}

static struct session *find(const struct sessions *sessions, uint64_t id)
{
    return sessions->count == 0 ? NULL : row_seek(sessions, id)->session;
}

static void rows_grow(struct sessions *sessions)
{
    struct session_row *before = sessions->rows;
    size_t rows = sessions->rows_bits == 0 ? 0 : (size_t)1 << sessions->rows_bits;
    if (2 * (sessions->count + 1) <= rows)
        return;
    sessions->rows_bits = rows == 0 ? 3 : sessions->rows_bits + 1;
    sessions->rows = memory_zero((size_t)1 << sessions->rows_bits, sizeof *sessions->rows);
    for (size_t i = 0; i < rows; i++)
        if (before[i].session != NULL)
            *row_seek(sessions, before[i].id) = before[i];
    memory_free(before);
}

/* Rows behind it that would not be found across the gap move up. */
static void row_remove(struct sessions *sessions, uint64_t id)
{
    size_t mask = ((size_t)1 << sessions->rows_bits) - 1;
    size_t gap = (size_t)(row_seek(sessions, id) - sessions->rows);
    for (size_t at = row_after(sessions, gap); sessions->rows[at].session != NULL; at = row_after(sessions, at)) {
        size_t home = row_home(sessions, sessions->rows[at].id);
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        sessions->rows[gap] = sessions->rows[at];
        gap = at;
    }
    sessions->rows[gap] = (struct session_row){0};
}

/* ---- life cycle */

struct sessions *sessions_open(void)
{
    return memory_zero(1, sizeof(struct sessions));
}

void sessions_close(struct sessions *sessions)
{
    if (sessions == NULL)
        return;
    session_list_close(sessions);
    for (unsigned i = 0; i < QUEUES; i++)
        memory_free(sessions->heaps[i]);
    memory_free(sessions->rows);
    memory_free(sessions);
}

static void session_end(struct sessions *sessions, struct session *session)
{
    session_changes(sessions, session);
    sessions->bytes -= SESSION_BYTES + session_results_bytes(&session->results);
    row_remove(sessions, session->id);
    sessions->admitted = NULL;
    heaps_remove(sessions, session);
    session_list_remove(sessions, session);
}

/* A new session stands in rows, heaps and list once its use is known. */
static void enroll(struct sessions *sessions, struct session *session)
{
    rows_grow(sessions);
    *row_seek(sessions, session->id) = (struct session_row){session->id, session};
    heaps_add(sessions, session);
    session_list_add(sessions, session);
}

void sessions_begin(struct sessions *sessions, struct session_id id, uint64_t idle_ms, uint64_t now_ms)
{
    REQUIRE(id.value != 0 && find(sessions, id.value) == NULL);
    struct session *session = memory_zero(1, sizeof *session);
    session->id = id.value;
    session->idle_ms = idle_ms == 0 ? SESSION_IDLE_MS_DEFAULT
                     : idle_ms < SESSION_IDLE_MS_MIN ? SESSION_IDLE_MS_MIN
                     : idle_ms > SESSION_IDLE_MS_MAX ? SESSION_IDLE_MS_MAX : idle_ms;
    session_results_init(&session->results);
    use(sessions, session, now_ms);
    enroll(sessions, session);
    sessions->bytes += SESSION_BYTES;
}

static bool too_many(const struct sessions *sessions, const struct retention_limits *limits, uint64_t more)
{
    return (limits->count != 0 && sessions->count + more > limits->count) ||
           (limits->bytes != 0 && sessions->bytes + more * SESSION_BYTES > limits->bytes);
}

size_t sessions_make_room(struct sessions *sessions, const struct retention_limits *limits, size_t count_max)
{
    size_t ended = 0;
    for (; ended < count_max && sessions->count > 0 && too_many(sessions, limits, 1); ended++)
        session_end(sessions, heap_front(sessions, BY_USE));
    return ended;
}

bool sessions_end(struct sessions *sessions, struct session_id id)
{
    struct session *session = find(sessions, id.value);
    if (session == NULL)
        return false;
    session_end(sessions, session);
    return true;
}

/* ---- requests */

enum session_verdict sessions_admit(struct sessions *sessions, const struct session_request *request, uint64_t now_ms,
                                    struct bytes *ret_result)
{
    REQUIRE(request->sequence != 0 && request->acknowledged_below <= request->sequence);
    struct session *session = find(sessions, request->session.value);
    if (session == NULL)
        return SESSION_UNKNOWN;
    struct session_results *results = &session->results;
    session_changes(sessions, session);
    sessions->admitted = session;
    use(sessions, session, now_ms);
    sessions->bytes -= session_results_bytes(results);
    session_results_acknowledge(results, request->acknowledged_below);
    sessions->bytes += session_results_bytes(results);
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
    sessions->bytes -= session_results_bytes(&session->results);
    session_results_add(&session->results, sequence, result);
    sessions->bytes += session_results_bytes(&session->results);
}

size_t sessions_trim(struct sessions *sessions, const struct retention_limits *limits, uint64_t now_ms, size_t count_max)
{
    size_t ended = 0;
    for (; ended < count_max && sessions->count > 0; ended++) {
        struct session *front = heap_front(sessions, BY_END);
        if (due_ms(front) > now_ms) {
            front = heap_front(sessions, BY_USE);
            bool idle = limits->age_ms != 0 && front->used_ms + limits->age_ms <= now_ms;
            /* Alone it is within all limits: a session is smaller than the least of them. */
            if (!idle && !too_many(sessions, limits, 0))
                break;
        }
        session_end(sessions, front);
    }
    return ended;
}

void sessions_fetch_row(const struct sessions *sessions, struct session_id id)
{
    if (sessions->count != 0)
        __builtin_prefetch(&sessions->rows[row_home(sessions, id.value)]);
}

void sessions_fetch(const struct sessions *sessions, struct session_id id)
{
    const struct session *session = find(sessions, id.value);
    if (session == NULL)
        return;
    __builtin_prefetch(session, 1);
    __builtin_prefetch((const uint8_t *)session + 64, 1);
}

/* ---- whole */

uint64_t sessions_count(const struct sessions *sessions)
{
    return sessions->count;
}

bool sessions_next_due_ms(struct sessions *sessions, const struct retention_limits *limits, uint64_t *ret_due_ms)
{
    if (sessions->count == 0)
        return false;
    *ret_due_ms = too_many(sessions, limits, 0) ? 0 : due_ms(heap_front(sessions, BY_END));
    if (limits->age_ms != 0) {
        uint64_t idle_ms = heap_front(sessions, BY_USE)->used_ms + limits->age_ms;
        *ret_due_ms = idle_ms < *ret_due_ms ? idle_ms : *ret_due_ms;
    }
    return true;
}

void sessions_kept(struct sessions *sessions, uint64_t *ret_count, uint64_t *ret_bytes, uint64_t *ret_oldest_ms)
{
    *ret_count = sessions->count;
    *ret_bytes = sessions->bytes;
    *ret_oldest_ms = sessions->count > 0 ? heap_front(sessions, BY_USE)->used_ms : 0;
}

static int compare_uses(const void *a, const void *b)
{
    const struct session *left = *(struct session *const *)a, *right = *(struct session *const *)b;
    return left->used_number < right->used_number ? -1 : left->used_number > right->used_number;
}

/* In order of use, which decides which session ends when there is no room. */
uint64_t sessions_digest(const struct sessions *sessions)
{
    uint64_t digest = sessions->count;
    struct session **all = memory_alloc((sessions->count + 1) * sizeof(struct session *));
    for (size_t i = 0; i < sessions->count; i++)
        all[i] = sessions->heaps[BY_USE][i];
    qsort(all, sessions->count, sizeof(struct session *), compare_uses);
    for (size_t i = 0; i < sessions->count; i++) {
        uint8_t content[24];
        put_u64(content, all[i]->id);
        put_u64(content + 8, all[i]->idle_ms);
        put_u64(content + 16, all[i]->used_ms);
        digest = session_results_digest(&all[i]->results, hash_xxh3(bytes_of(content, sizeof content), digest));
    }
    memory_free(all);
    return digest;
}

void sessions_holds(const struct sessions *sessions)
{
    size_t rows = sessions->rows_bits == 0 ? 0 : (size_t)1 << sessions->rows_bits, filled = 0;
    uint64_t bytes = 0;
    HOLDS(2 * sessions->count <= rows);
    for (size_t i = 0; i < rows; i++)
        filled += sessions->rows[i].session != NULL;
    HOLDS(filled == sessions->count);
    for (unsigned queue = 0; queue < QUEUES; queue++)
        for (size_t i = 0; i < sessions->count; i++) {
            struct session *const *heap = sessions->heaps[queue];
            HOLDS(heap[i]->heap_at[queue] == i && heap[i]->queued[queue] <= key_of(heap[i], (enum queue)queue));
            HOLDS(i == 0 || !stands_before(heap[i], heap[(i - 1) / 2], (enum queue)queue));
        }
    for (size_t i = 0; i < sessions->count; i++) {
        const struct session *session = sessions->heaps[BY_END][i];
        HOLDS(find(sessions, session->id) == session && session->used_number <= sessions->uses);
        session_results_holds(&session->results);
        bytes += SESSION_BYTES + session_results_bytes(&session->results);
    }
    HOLDS(bytes == sessions->bytes);
}

/* ---- snapshots: session_save.c writes, this loads */

static enum grid_err load_session(struct sessions *sessions, const struct load_context *context, struct reader *body, const char **ret_note)
{
    uint64_t id = reader_u64(body), idle_ms = reader_u64(body), used_ms = reader_u64(body), used_number = reader_u64(body);
    if (id == 0 || id > context->commits || (sessions->newest != NULL && sessions->newest->id >= id))
        return record_corrupt("the ids of sessions do not ascend up to the commit counter", ret_note);
    if (idle_ms < SESSION_IDLE_MS_MIN || idle_ms > SESSION_IDLE_MS_MAX || used_ms > context->log_time_ms ||
        used_number == 0 || used_number > sessions->uses)
        return record_corrupt("not the last use of a session", ret_note);
    struct session *session = memory_zero(1, sizeof *session);
    session->id = id;
    session->idle_ms = idle_ms;
    session->used_ms = used_ms;
    session->used_number = used_number;
    session_results_init(&session->results);
    enroll(sessions, session);
    sessions->awaited--;
    enum grid_err err = session_results_load(&session->results, body, ret_note);
    sessions->bytes += SESSION_BYTES + session_results_bytes(&session->results);
    return err;
}

static enum grid_err load(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct sessions *sessions = component;
    if (kind == RECORD_SESSION && sessions->awaited > 0)
        return load_session(sessions, context, body, ret_note);
    if (kind != RECORD_FIRST)
        return record_corrupt("not a record of sessions, or one too many", ret_note);
    sessions->uses = reader_u64(body);
    sessions->awaited = reader_u64(body);
    return sessions->awaited <= RETENTION_COUNT_MOST ? GRID_ERR_OK : record_corrupt("more sessions than the limit", ret_note);
}

static enum grid_err loaded(void *component, const struct load_context *context, const char **ret_note)
{
    const struct sessions *sessions = component;
    (void)context;
    return sessions->awaited == 0 ? GRID_ERR_OK : record_corrupt("sessions are missing", ret_note);
}

const struct component sessions_component = {"sessions", sessions_freeze, sessions_save, sessions_thaw, load, loaded};
