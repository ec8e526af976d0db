#include "grid/partition/sessions/session_results.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/partition/sessions/sessions.h"

static struct bytes answer_of(const struct session_result *row)
{
    if (row->place == ANSWER_DROPPED)
        return BYTES_NONE;
    return bytes_of(row->place == ANSWER_INSIDE ? row->answer.inside : row->answer.outside, row->size);
}

static void answer_free(struct session_result *row)
{
    if (row->place == ANSWER_OUTSIDE)
        memory_free(row->answer.outside);
    row->place = ANSWER_DROPPED;
}

void session_results_init(struct session_results *results)
{
    *results = (struct session_results){.acknowledged_below = 1, .capacity = 1};
    results->rows = &results->single;
}

void session_results_close(struct session_results *results)
{
    for (uint32_t i = results->first; i < results->end; i++)
        answer_free(&results->rows[i]);
    if (results->rows != &results->single)
        memory_free(results->rows);
    *results = (struct session_results){0};
}

static void forget(struct session_results *results, struct session_result *row)
{
    if (row->place == ANSWER_DROPPED)
        return;
    HOLDS(results->kept > 0 && results->kept_bytes >= row->size);
    results->kept--;
    results->kept_bytes -= row->size;
    answer_free(row);
}

void session_results_acknowledge(struct session_results *results, uint64_t below)
{
    if (below <= results->acknowledged_below)
        return;
    results->acknowledged_below = below;
    while (results->first < results->end && results->rows[results->first].sequence < below)
        forget(results, &results->rows[results->first++]);
    if (results->first != results->end)
        return;
    /* Mostly the next one comes alone again. */
    if (results->rows != &results->single)
        memory_free(results->rows);
    results->rows = &results->single;
    results->capacity = 1;
    results->first = results->end = 0;
}

/* Position of the first row whose sequence is not below. */
static uint32_t lower_bound(const struct session_results *results, uint64_t sequence)
{
    uint32_t low = results->first, high = results->end;
    /* New sequences mostly come in order. */
    if (low < high && results->rows[high - 1].sequence < sequence)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (results->rows[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool session_results_find(const struct session_results *results, uint64_t sequence, bool *ret_kept, struct bytes *ret_result)
{
    uint32_t at = lower_bound(results, sequence);
    if (at == results->end || results->rows[at].sequence != sequence)
        return false;
    *ret_kept = results->rows[at].place != ANSWER_DROPPED;
    *ret_result = answer_of(&results->rows[at]);
    return true;
}

/* Room for one more row at the end: by moving the rows to the front, or by growing. */
static void make_room(struct session_results *results)
{
    if (results->end < results->capacity)
        return;
    if (results->first > results->capacity / 2) {
        size_t count = results->end - results->first;
        memmove(results->rows, &results->rows[results->first], count * sizeof *results->rows);
        results->first = 0;
        results->end = (uint32_t)count;
        return;
    }
    results->capacity = results->capacity * 2 + 2;
    bool alone = results->rows == &results->single;
    results->rows = memory_resize(alone ? NULL : results->rows, results->capacity * sizeof *results->rows);
    if (alone)
        results->rows[0] = results->single;
}

void session_results_add(struct session_results *results, uint64_t sequence, struct bytes result)
{
    REQUIRE(sequence >= results->acknowledged_below);
    REQUIRE(sequence - results->acknowledged_below < SESSION_WINDOW_MAX);
    make_room(results);
    uint32_t at = lower_bound(results, sequence);
    REQUIRE(at == results->end || results->rows[at].sequence != sequence);
    memmove(&results->rows[at + 1], &results->rows[at], (results->end - at) * sizeof *results->rows);
    results->end++;
    struct session_result *row = &results->rows[at];
    *row = (struct session_result){.sequence = sequence};
    if (results->kept == SESSION_RESULTS_MAX || result.size > SESSION_RESULT_BYTES_MAX - results->kept_bytes)
        return;
    row->size = (uint32_t)result.size;
    if (result.size > ANSWER_INSIDE_BYTES) {
        row->place = ANSWER_OUTSIDE;
        row->answer.outside = memory_copy(result.data, result.size);
    } else {
        row->place = ANSWER_INSIDE;
        if (result.size != 0)
            memcpy(row->answer.inside, result.data, result.size);
    }
    results->kept++;
    results->kept_bytes += row->size;
}

uint64_t session_results_digest(const struct session_results *results, uint64_t seed)
{
    uint64_t digest = seed + results->acknowledged_below;
    for (uint32_t i = results->first; i < results->end; i++) {
        const struct session_result *row = &results->rows[i];
        digest = hash_xxh3(answer_of(row), digest + row->sequence * 2 + (row->place != ANSWER_DROPPED));
    }
    return digest;
}

void session_results_holds(const struct session_results *results)
{
    uint32_t kept = 0, bytes = 0;
    uint64_t least = results->acknowledged_below;
    HOLDS(results->first <= results->end && results->end <= results->capacity && least >= 1);
    HOLDS((results->capacity == 1) == (results->rows == &results->single));
    for (uint32_t i = results->first; i < results->end; i++) {
        HOLDS(results->rows[i].sequence >= least);
        least = results->rows[i].sequence + 1;
        kept += results->rows[i].place != ANSWER_DROPPED;
        bytes += (uint32_t)answer_of(&results->rows[i]).size;
    }
    HOLDS(least - results->acknowledged_below <= SESSION_WINDOW_MAX);
    HOLDS(kept == results->kept && kept <= SESSION_RESULTS_MAX);
    HOLDS(bytes == results->kept_bytes && bytes <= SESSION_RESULT_BYTES_MAX);
}

/* ---- snapshots */

void session_results_save(const struct session_results *results, struct buffer *out)
{
    buffer_append_u64(out, results->acknowledged_below);
    buffer_append_u32(out, results->end - results->first);
    for (uint32_t i = results->first; i < results->end; i++) {
        const struct session_result *row = &results->rows[i];
        buffer_append_u64(out, row->sequence);
        buffer_append_u8(out, row->place != ANSWER_DROPPED);
        buffer_append_sized(out, answer_of(row));
    }
}

/* A row that was dropped is put back as one whose answer is too large: only the fact is kept. */
static void put_dropped(struct session_results *results, uint64_t sequence)
{
    uint32_t kept_bytes = results->kept_bytes;
    results->kept_bytes = SESSION_RESULT_BYTES_MAX;
    session_results_add(results, sequence, bytes_of("", 1));
    results->kept_bytes = kept_bytes;
}

enum grid_err session_results_load(struct session_results *results, struct reader *body, const char **ret_note)
{
    uint64_t below = reader_u64(body), least = below;
    uint32_t rows = reader_u32(body);
    if (below == 0 || rows > SESSION_WINDOW_MAX)
        return record_corrupt("not the window of a session", ret_note);
    results->acknowledged_below = below;
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t sequence = reader_u64(body);
        uint8_t kept = reader_u8(body);
        struct bytes answer = reader_sized(body);
        if (body->failed || sequence < least || sequence - below >= SESSION_WINDOW_MAX || kept > 1 || (kept == 0 && answer.size != 0))
            return record_corrupt("not the next result of a session", ret_note);
        if (kept == 1 && (results->kept == SESSION_RESULTS_MAX || answer.size > SESSION_RESULT_BYTES_MAX - results->kept_bytes))
            return record_corrupt("more results of a session than it keeps", ret_note);
        if (kept == 1)
            session_results_add(results, sequence, answer);
        else
            put_dropped(results, sequence);
        least = sequence + 1;
    }
    return GRID_ERR_OK;
}
