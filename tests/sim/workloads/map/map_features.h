/* What maps can do beside registers, under faults: ttl, batches, idempotency keys, settings that change, journals.
 *
 * Each client runs one actor of each kind, and one reader of the journals of all partitions that goes on where the life
 * before ended. Oracles, at the moment they see it:
 *
 *   journals   every reader sees the same record under a number, in order, without a gap that it was not told of (I25);
 *              the records make sense one after the other: what is added was absent, what expires was due and never
 *              early, nothing is touched once it is due
 *   batches    two entries that are only written together are always seen together
 *   keys       all that is answered under one idempotency key is one write (I11, I12)
 *
 * and at rest: what the journal adds up to is what the map holds, acknowledged writes stand in it (I10), what had a
 * ttl is gone, settings are the same in every partition. Owned by the workload of maps. */
#ifndef TESTS_SIM_WORKLOADS_MAP_MAP_FEATURES_H
#define TESTS_SIM_WORKLOADS_MAP_MAP_FEATURES_H

#include "client/core/core.h"
#include "tests/sim/cluster/cluster.h"

struct map_features;

struct map_features *map_features_open(struct run *run, struct cluster *cluster, uint64_t gap_us);
void map_features_close(struct map_features *features);
/* Client `number` begins a life on its host; and ends it, before the client is closed. */
void map_features_start(struct map_features *features, uint32_t number, struct host *host, struct client *client);
void map_features_stop(struct map_features *features, uint32_t number);
void map_features_drain(struct map_features *features);
const char *map_features_unsettled(struct map_features *features);     /* NULL: settled */
void map_features_check(struct map_features *features);                /* at rest */

#endif
