/* Whether a node has room in memory for more data, decided from two numbers (ADR 0023).
 *
 *     resident   what the system counts for the process
 *     data       what the node's components count for themselves: maps, log entries, bytes that wait on connections
 *
 * The resident size alone cannot decide: it hardly falls when data are removed, because the heap keeps what was freed for the
 * next data. So
 *
 *     used = resident - reusable
 *
 * where `reusable` estimates what the heap keeps: bytes that components gave back, less what they took again without the
 * resident size growing. When the resident size reaches a new height all the same, that memory could not be used for what was
 * written, and so much less counts as reusable.
 *
 * full      from   used >= max, or resident >= max + an eighth (the estimate is wrong, or the heap has many holes)
 *           until  used < max - a sixteenth, and resident < max + a sixteenth
 *
 * Pure; single threaded. */
#ifndef GRID_NODE_MEMORY_USE_H
#define GRID_NODE_MEMORY_USE_H

#include <stdbool.h>
#include <stdint.h>

struct memory_use {
    uint64_t max;                      /* 0: no bound */
    uint64_t resident;                 /* the latest */
    uint64_t sampled, data;            /* both of the last sample */
    uint64_t highest;                  /* of all resident sizes */
    uint64_t reusable;
    bool full;
};

void memory_use_init(struct memory_use *use, uint64_t max);
/* Takes both numbers, of about the same moment. */
void memory_use_sample(struct memory_use *use, uint64_t resident, uint64_t data);
/* Between samples: the resident size alone. */
void memory_use_resident(struct memory_use *use, uint64_t resident);
uint64_t memory_use_used(const struct memory_use *use);
/* Whether it is full although less is used: only the resident size is too high. */
bool memory_use_has_holes(const struct memory_use *use);

#endif
