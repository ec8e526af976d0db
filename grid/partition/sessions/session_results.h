/* The window of one session: which sequences were applied, and their answers as far as they are kept.
 * Private to grid/partition: only sessions.c uses it. Copies. All zero is not valid: see session_results_init. */
#ifndef GRID_PARTITION_SESSIONS_SESSION_RESULTS_H
#define GRID_PARTITION_SESSIONS_SESSION_RESULTS_H

#include "grid/partition/component.h"

/* Most answers contain only a version: they are stored in the row itself. */
enum { ANSWER_INSIDE_BYTES = 16 };
enum answer_place { ANSWER_DROPPED, ANSWER_INSIDE, ANSWER_OUTSIDE };

struct session_result {
    uint64_t sequence;
    uint32_t size;
    uint32_t place;                    /* enum answer_place */
    union { uint8_t inside[ANSWER_INSIDE_BYTES]; uint8_t *outside; } answer;
};

/* Must not move after its initialisation: a single row, enough for most sessions, is stored in it. */
struct session_results {
    uint64_t acknowledged_below;       /* from 1 */
    struct session_result *rows;       /* by sequence, from `first` on */
    uint32_t first, end, capacity;
    uint32_t kept, kept_bytes;
    struct session_result single;
};

void session_results_init(struct session_results *results);
void session_results_close(struct session_results *results);
void session_results_acknowledge(struct session_results *results, uint64_t below);
/* True when the sequence was applied; *ret_kept tells whether *ret_result is its answer. */
bool session_results_find(const struct session_results *results, uint64_t sequence, bool *ret_kept, struct bytes *ret_result);
void session_results_add(struct session_results *results, uint64_t sequence, struct bytes result);
/* Of rows and answers; follows from the content alone. */
static inline uint64_t session_results_bytes(const struct session_results *results)
{
    enum { ROW_BYTES = 32 };
    return (uint64_t)ROW_BYTES * (results->end - results->first) + results->kept_bytes;
}
uint64_t session_results_digest(const struct session_results *results, uint64_t seed);
void session_results_holds(const struct session_results *results);
/* u64 acknowledged_below, u32 rows; each row: u64 sequence, u8 kept, u32 size, answer. */
void session_results_save(const struct session_results *results, struct buffer *out);
/* Into new results. CORRUPT: a window that no session can have. */
enum grid_err session_results_load(struct session_results *results, struct reader *body, const char **ret_note);

#endif
