/* Sessions in the order of their ids, and writing them while they change: the record of a session is made before its first change. */
#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/partition/sessions/sessions_internal.h"

static void save_session(const struct session *session, struct buffer *out)
{
    size_t start = record_begin(out, SECTION_SESSIONS, RECORD_SESSION);
    buffer_append_u64(out, session->id);
    buffer_append_u64(out, session->idle_ms);
    buffer_append_u64(out, session->used_ms);
    buffer_append_u64(out, session->used_number);
    session_results_save(&session->results, out);
    record_end(out, start);
}

static void session_free(struct session *session)
{
    session_results_close(&session->results);
    memory_free(session->frozen);
    memory_free(session);
}

/* ---- the list */

void session_list_add(struct sessions *sessions, struct session *session)
{
    REQUIRE(sessions->newest == NULL || sessions->newest->id < session->id);
    session->older = sessions->newest;
    session->newer = NULL;
    if (sessions->newest != NULL)
        sessions->newest->newer = session;
    else
        sessions->oldest = session;
    sessions->newest = session;
}

static void unlink_and_free(struct sessions *sessions, struct session *session)
{
    if (session->older != NULL)
        session->older->newer = session->newer;
    else
        sessions->oldest = session->newer;
    if (session->newer != NULL)
        session->newer->older = session->older;
    else
        sessions->newest = session->older;
    session_free(session);
}

void session_list_remove(struct sessions *sessions, struct session *session)
{
    REQUIRE(session != sessions->unsaved || session->frozen != NULL);
    if (session->frozen != NULL)
        session->ended = true;
    else
        unlink_and_free(sessions, session);
}

void session_list_close(struct sessions *sessions)
{
    for (struct session *session = sessions->oldest, *newer; session != NULL; session = newer) {
        newer = session->newer;
        session_free(session);
    }
    sessions->oldest = sessions->newest = sessions->unsaved = NULL;
    buffer_close(&sessions->frozen_head);
}

/* ---- freezing and writing */

void session_keep_record(struct sessions *sessions, struct session *session)
{
    struct buffer record = {0};
    if (session->id < sessions->unsaved->id || session->id > sessions->frozen_last || session->frozen != NULL)
        return;
    save_session(session, &record);
    session->frozen = record.data;
    session->frozen_size = (uint32_t)record.size;
}

void sessions_freeze(void *component)
{
    struct sessions *sessions = component;
    REQUIRE(sessions->unsaved == NULL);
    size_t start = record_begin(&sessions->frozen_head, SECTION_SESSIONS, RECORD_FIRST);
    buffer_append_u64(&sessions->frozen_head, sessions->uses);
    buffer_append_u64(&sessions->frozen_head, sessions->count);
    record_end(&sessions->frozen_head, start);
    sessions->unsaved = sessions->oldest;
    sessions->frozen_last = sessions->newest != NULL ? sessions->newest->id : 0;
}

/* The session after the one that was written or given up, which keeps no record any more. */
static void pass(struct sessions *sessions)
{
    struct session *session = sessions->unsaved, *newer = session->newer;
    memory_free(session->frozen);
    session->frozen = NULL;
    sessions->unsaved = newer != NULL && newer->id <= sessions->frozen_last ? newer : NULL;
    if (session->ended)
        unlink_and_free(sessions, session);
}

bool sessions_save(void *component, size_t size_max, struct buffer *out)
{
    struct sessions *sessions = component;
    buffer_append(out, buffer_bytes(&sessions->frozen_head));
    buffer_clear(&sessions->frozen_head);
    while (sessions->unsaved != NULL) {
        const struct session *session = sessions->unsaved;
        if (out->size >= size_max)
            return false;
        if (session->frozen != NULL)
            buffer_append(out, bytes_of(session->frozen, session->frozen_size));
        else
            save_session(session, out);
        pass(sessions);
    }
    return true;
}

void sessions_thaw(void *component)
{
    struct sessions *sessions = component;
    while (sessions->unsaved != NULL)
        pass(sessions);
    buffer_close(&sessions->frozen_head);
}
