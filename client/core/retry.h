/* What an answer means for a request (R2): done, send again, or send again in another session. Pure.
 *
 * Errors before the log are certain: NOT_LEADER, BUSY, LOG_FULL, NO_SPACE, MEMORY_FULL and refused content say that this attempt was
 * not appended. Every other failure leaves the outcome of a write unknown, and this is never forgotten. */
#ifndef CLIENT_CORE_RETRY_H
#define CLIENT_CORE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "grid/base/err.h"
#include "grid/base/prng.h"

enum retry_verdict {
    RETRY_DONE,                            /* final; the outcome is set */
    RETRY_AGAIN,                           /* the same request once more, perhaps elsewhere */
    RETRY_RENEW,                           /* not executed for certain, its session has expired: send again in a new one */
};

struct retry {
    bool is_write;
    bool may_have_happened;                /* the outcome of some attempt is unknown */
    enum grid_err last;                    /* the last certain refusal for the caller; OK: none */
};

/* Judges an answer; *ret_outcome is set with RETRY_DONE. */
enum retry_verdict retry_judge(struct retry *retry, enum grid_err err, enum grid_err *ret_outcome);
/* An attempt got no answer: the connection was lost or it took too long. */
void retry_lost(struct retry *retry);
/* The outcome if there is no further attempt. */
enum grid_err retry_give_up(const struct retry *retry);

/* Pause before attempt `attempt` (from 0): 20 ms doubling to 500 ms, of which a random half to the whole. */
uint64_t retry_backoff_us(uint32_t attempt, struct prng *prng);
/* Pause before connecting again after `failures` (from 1): 50 ms doubling to 1 s, likewise. */
uint64_t retry_reconnect_us(uint32_t failures, struct prng *prng);

#endif
