#include "grid/backup/backup_cut.h"

#include <inttypes.h>

#include "grid/base/check.h"

static enum grid_err check_pair(const struct backup_state *source, const struct backup_state *destination, char **ret_note)
{
    struct backup_link sent = backup_links_find(&source->sent, destination->partition);
    uint64_t applied = backup_links_find(&destination->received, source->partition).high;
    if (sent.low <= applied && applied <= sent.high)
        return GRID_ERR_OK;
    *ret_note = err_note("partition %" PRIu32 " has applied messages of partition %" PRIu32 " up to %" PRIu64 ", which has those from %" PRIu64 " to %" PRIu64
                         ": they are of different moments", destination->partition, source->partition, applied, sent.low + 1, sent.high);
    return GRID_ERR_CORRUPT;
}

/* Only pairs that have exchanged messages can be wrong. */
static enum grid_err check_links(const struct backup_state *states, size_t count, size_t i, char **ret_note)
{
    const struct backup_state *state = &states[i];
    enum grid_err err = GRID_ERR_OK;
    for (size_t n = 0; n < state->sent.count && err == GRID_ERR_OK; n++)
        err = state->sent.rows[n].partition < count ? check_pair(state, &states[state->sent.rows[n].partition], ret_note) : GRID_ERR_CORRUPT;
    for (size_t n = 0; n < state->received.count && err == GRID_ERR_OK; n++)
        err = state->received.rows[n].partition < count ? check_pair(&states[state->received.rows[n].partition], state, ret_note) : GRID_ERR_CORRUPT;
    if (err != GRID_ERR_OK && *ret_note == NULL)
        *ret_note = err_note("partition %" PRIu32 " has exchanged messages with one that does not exist", state->partition);
    return err;
}

enum grid_err backup_cut_check(const struct backup_state *states, size_t count, char **ret_note)
{
    enum grid_err err = GRID_ERR_OK;
    *ret_note = NULL;
    for (size_t i = 0; i < count && err == GRID_ERR_OK; i++) {
        const struct backup_state *state = &states[i];
        REQUIRE(state->complete);
        if (state->partition != i || state->partitions != count || state->epoch != states[0].epoch) {
            *ret_note = err_note("partition %zu: the state is of partition %" PRIu32 " of %" PRIu32 " under restore epoch %" PRIu32 ", and does not belong to the others",
                                 i, state->partition, state->partitions, state->epoch);
            return GRID_ERR_CORRUPT;
        }
        err = check_links(states, count, i, ret_note);
    }
    return err;
}
