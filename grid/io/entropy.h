/* Unpredictable numbers for seeds, ids and jitter; never used inside apply. */
#ifndef GRID_IO_ENTROPY_H
#define GRID_IO_ENTROPY_H

#include <stdint.h>

struct entropy { uint64_t (*u64)(struct entropy *entropy); };

static inline uint64_t entropy_u64(struct entropy *entropy) { return entropy->u64(entropy); }

#endif
