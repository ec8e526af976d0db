/* What the outcomes are called and what they mean, in words of grid_client.h. */
#include "client/grid_client.h"
#include "grid/base/err.h"
#include "grid/base/version.h"

/* The public numbers are those of the wire. */
#define SAME(name) _Static_assert((int)GRID_OUTCOME_##name == (int)GRID_ERR_##name, #name)
SAME(OK);
SAME(INVALID);
SAME(NOT_FOUND);
SAME(ALREADY_EXISTS);
SAME(VERSION_CONFLICT);
SAME(UNAVAILABLE);
SAME(UNKNOWN);
SAME(LOG_FULL);
SAME(TOO_LARGE);
SAME(RESULT_NOT_KEPT);
SAME(NOT_SUPPORTED);
SAME(BUSY);
SAME(MALFORMED);
SAME(CLOSED);
SAME(REFUSED);
SAME(DENIED);
SAME(IDEMPOTENCY_MISMATCH);
SAME(MAP_FULL);
SAME(FORKED);
SAME(MEMORY_FULL);
#undef SAME

const char *grid_version(void)
{
    return GRIDIRON_VERSION;
}

const char *grid_outcome_name(enum grid_outcome outcome)
{
    return grid_err_name((enum grid_err)outcome);
}

const char *grid_outcome_text(enum grid_outcome outcome)
{
    switch (outcome) {
    case GRID_OUTCOME_UNKNOWN: return "the write may have been applied or not; read what is there before you repeat it";
    case GRID_OUTCOME_BUSY: return "too many requests in flight, here or at the partition; repeat it later";
    case GRID_OUTCOME_UNAVAILABLE: return "no node answers, or no majority of them; nothing was written";
    case GRID_OUTCOME_LOG_FULL: return "the log of the nodes is full; nothing was written";
    case GRID_OUTCOME_MEMORY_FULL: return "a node has no memory for more data; nothing was written";
    case GRID_OUTCOME_RESULT_NOT_KEPT: return "the write was applied; its answer is lost";
    case GRID_OUTCOME_CLOSED: return "the client was closed before the call was sent";
    case GRID_OUTCOME_MALFORMED: return "the node says something that this version does not understand";
    case GRID_OUTCOME_DENIED: return "only services write this map";
    case GRID_OUTCOME_REFUSED: return "the service refuses it";
    case GRID_OUTCOME_FORKED: return "the process was forked after it opened this client; the child must open one of its own";
    case GRID_OUTCOME_OK:
    case GRID_OUTCOME_INVALID:
    case GRID_OUTCOME_NOT_FOUND:
    case GRID_OUTCOME_ALREADY_EXISTS:
    case GRID_OUTCOME_VERSION_CONFLICT:
    case GRID_OUTCOME_TOO_LARGE:
    case GRID_OUTCOME_NOT_SUPPORTED:
    case GRID_OUTCOME_IDEMPOTENCY_MISMATCH:
    case GRID_OUTCOME_MAP_FULL:
    default: return grid_err_text((enum grid_err)outcome);
    }
}
