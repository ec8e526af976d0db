/* How far the wall clock of another member is from the own one, and when operators are told: once when it begins to differ by
 * more than CLOCK_SKEW_MS, once when it agrees again.
 *
 * What is heard is as exact as half a round trip. So a difference counts only when two looks in a row find it, and it ends at
 * CLOCK_SKEW_END_MS. Pure. */
#ifndef GRID_NODE_REPORT_CLOCK_SKEW_H
#define GRID_NODE_REPORT_CLOCK_SKEW_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_SKEW_MS = 1000, CLOCK_SKEW_END_MS = 800 };

enum clock_skew_news { CLOCK_SKEW_SAME, CLOCK_SKEW_BEGINS, CLOCK_SKEW_ENDS };

struct clock_skew {
    int64_t ahead_ms;                  /* of the last look: the other clock minus the own one */
    bool known;                        /* ahead_ms is of now */
    bool skewed, doubtful;             /* as it was told; the last look found the opposite */
};

enum clock_skew_news clock_skew_look(struct clock_skew *skew, int64_t ahead_ms);
/* Nothing was heard lately. What was told stays. */
void clock_skew_unknown(struct clock_skew *skew);

#endif
