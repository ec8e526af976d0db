/* A few partitions with everything that a partition can contain, from one seed: a shop with its messages, timers and activities, maps
 * with settings, ttl and journals, sessions that acknowledge late or never, idempotency keys. Each partition has two replicas, and
 * their digests, which contain all answers, are compared after every entry (tests/support/partition_harness.h). */
#ifndef TESTS_UNIT_PARTITION_SNAPSHOT_WORLD_H
#define TESTS_UNIT_PARTITION_SNAPSHOT_WORLD_H

#include "grid/base/prng.h"
#include "grid/wire/level.h"
#include "tests/support/partition_harness.h"

enum { WORLD_PARTITIONS = 2, WORLD_SESSIONS = 6, WORLD_KEYS = 40, WORLD_MAPS = 5 };

struct world_session { uint64_t id, sequence, acknowledged_below; };

struct world {
    struct harness *harness;
    struct prng prng;
    struct world_session sessions[WORLD_PARTITIONS][WORLD_SESSIONS];
    uint32_t orders, products;
};

void world_open(struct world *world, uint64_t seed);
void world_close(struct world *world);
void world_step(struct world *world);          /* one random thing; sometimes time passes */

/* ---- snapshots */

/* All of a state, in slices of a random size up to `slice_max`. */
struct buffer snapshot_of(struct partition *partition, struct prng *prng, size_t slice_max);
/* Gives the bytes to `partition` in pieces of a random size up to `piece_max`. */
enum grid_err snapshot_load(struct partition *partition, struct bytes snapshot, struct prng *prng, size_t piece_max, bool take, char **ret_note);
/* Calls `each` for every record; the bytes must be whole records. */
void snapshot_records(struct bytes snapshot, void (*each)(void *context, struct bytes record), void *context);
/* After a change of its records: makes the last one say the right number and hash again. */
void snapshot_mend(struct buffer *snapshot);

/* Everything that can be asked of two replicas is equal. */
void replicas_compare(struct partition *one, struct partition *other);

#endif
