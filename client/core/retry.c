#include "client/core/retry.h"

#include "grid/base/check.h"

enum { BACKOFF_FIRST_US = 20000, BACKOFF_MAX_US = 500000, RECONNECT_FIRST_US = 50000, RECONNECT_MAX_US = 1000000 };

static enum retry_verdict done(enum grid_err outcome, enum grid_err *ret_outcome)
{
    *ret_outcome = outcome;
    return RETRY_DONE;
}

static enum retry_verdict open_fate(struct retry *retry)
{
    retry_lost(retry);
    return RETRY_AGAIN;
}

/* The node had no room. A write whose fate is open must find out; others may tell the caller. */
static enum retry_verdict no_room(struct retry *retry, enum grid_err err, enum grid_err *ret_outcome)
{
    if (retry->may_have_happened)
        return RETRY_AGAIN;
    return done(err, ret_outcome);
}

enum retry_verdict retry_judge(struct retry *retry, enum grid_err err, enum grid_err *ret_outcome)
{
    switch (err) {
    case GRID_ERR_NOT_LEADER:
        return RETRY_AGAIN;
    case GRID_ERR_BUSY:
        retry->last = err;
        return RETRY_AGAIN;
    case GRID_ERR_LOG_FULL:
    case GRID_ERR_NO_SPACE:
    case GRID_ERR_MEMORY_FULL:
        return no_room(retry, err, ret_outcome);
    case GRID_ERR_UNAVAILABLE:
    case GRID_ERR_UNKNOWN:
    case GRID_ERR_CLOSED:
    case GRID_ERR_TIMEOUT:
    case GRID_ERR_IO:
        return open_fate(retry);
    case GRID_ERR_NO_SESSION:
        /* What an attempt may have done under the old session nobody remembers any more. */
        if (retry->may_have_happened)
            return done(GRID_ERR_UNKNOWN, ret_outcome);
        return retry->is_write ? RETRY_RENEW : done(err, ret_outcome);
    case GRID_ERR_OK:
    case GRID_ERR_INVALID:
    case GRID_ERR_NOT_FOUND:
    case GRID_ERR_ALREADY_EXISTS:
    case GRID_ERR_VERSION_CONFLICT:
    case GRID_ERR_TOO_LARGE:
    case GRID_ERR_RESULT_NOT_KEPT:
    case GRID_ERR_NOT_SUPPORTED:
    case GRID_ERR_CORRUPT:
    case GRID_ERR_MISMATCH:
    case GRID_ERR_MALFORMED:
    case GRID_ERR_REFUSED:
    case GRID_ERR_DENIED:
    case GRID_ERR_GAP:
    case GRID_ERR_IDEMPOTENCY_MISMATCH:
    case GRID_ERR_MAP_FULL:
    case GRID_ERR_FORKED:
    default:
        return done(err, ret_outcome);
    }
}

void retry_lost(struct retry *retry)
{
    if (retry->is_write)
        retry->may_have_happened = true;
}

enum grid_err retry_give_up(const struct retry *retry)
{
    REQUIRE(retry->is_write || !retry->may_have_happened);
    if (retry->may_have_happened)
        return GRID_ERR_UNKNOWN;
    return retry->last != GRID_ERR_OK ? retry->last : GRID_ERR_UNAVAILABLE;
}

static uint64_t pause_us(uint64_t first, uint64_t most, uint32_t doublings, struct prng *prng)
{
    uint64_t whole = first;
    for (uint32_t i = 0; i < doublings && whole < most; i++)
        whole *= 2;
    if (whole > most)
        whole = most;
    return prng_range(prng, whole / 2, whole);
}

uint64_t retry_backoff_us(uint32_t attempt, struct prng *prng)
{
    return pause_us(BACKOFF_FIRST_US, BACKOFF_MAX_US, attempt, prng);
}

uint64_t retry_reconnect_us(uint32_t failures, struct prng *prng)
{
    REQUIRE(failures >= 1);
    return pause_us(RECONNECT_FIRST_US, RECONNECT_MAX_US, failures - 1, prng);
}
