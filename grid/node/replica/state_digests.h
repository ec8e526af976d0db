/* Digests of a replica's state after its latest entries, for comparison with the leader's (R17, I15). All zero is empty. */
#ifndef GRID_NODE_REPLICA_STATE_DIGESTS_H
#define GRID_NODE_REPLICA_STATE_DIGESTS_H

#include <stdbool.h>
#include <stdint.h>

enum { STATE_DIGESTS_KEPT = 128 };

struct state_digests {
    struct { uint64_t index, digest; } kept[STATE_DIGESTS_KEPT];
    uint64_t last;                     /* index of the newest; 0: none */
};

void state_digests_add(struct state_digests *digests, uint64_t index, uint64_t digest);
/* False: it is not remembered. */
bool state_digests_at(const struct state_digests *digests, uint64_t index, uint64_t *ret_digest);

#endif
