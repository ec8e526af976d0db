/* The shims of the guard by number; raft/README.md describes each. */
#ifndef RAFT_GUARD_GUARD_SHIMS_H
#define RAFT_GUARD_GUARD_SHIMS_H

#include <stdbool.h>

struct guard;

/* Bits of group_shims.disabled: shim n is bit n, the variants S1b and S3b are bits 33 and 35. */
enum guard_shim {
    GUARD_S1 = 1,
    GUARD_S2 = 2,
    GUARD_S3 = 3,
    GUARD_S4 = 4,
    GUARD_S5 = 5,
    GUARD_S6 = 6,
    GUARD_S7 = 7,
    GUARD_S9 = 9,
    GUARD_S10 = 10,
    GUARD_S12 = 12,
    GUARD_S13 = 13,
    GUARD_S14 = 14,
    GUARD_S17 = 17,
    GUARD_S21 = 21,
    GUARD_S22 = 22,
    GUARD_S23 = 23,
    GUARD_S24 = 24,
    GUARD_S1B = 33,
    GUARD_S3B = 35,
};

bool guard_enabled(const struct guard *guard, enum guard_shim shim);

#endif
