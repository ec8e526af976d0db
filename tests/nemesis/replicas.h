/* Asks every node about its partitions, several times a second: replicas that have applied the same index must have the
 * same digest (I15), at every moment that it can be compared; and when everything rests, all of them at the end of the log.
 *
 * Samples are kept per partition, by applied index, so that a node that is started again is compared with what the others said
 * of the same index a while ago. */
#ifndef TESTS_NEMESIS_REPLICAS_H
#define TESTS_NEMESIS_REPLICAS_H

#include "tests/nemesis/stage.h"

enum { REPLICA_SAMPLES = 256 };            /* newest ones of a partition that are compared with */

struct replica_sample { uint32_t node; uint64_t index, digest; };

/* Samples of one partition. All zero is a valid empty list. */
struct replica_samples { struct replica_sample samples[REPLICA_SAMPLES]; size_t next; uint64_t compared; };

/* Keeps a sample. False: another replica had another digest at this index; *ret_other says which. */
bool replica_compare(struct replica_samples *samples, const struct replica_sample *sample, struct replica_sample *ret_other);

struct replicas;

struct replicas *replicas_open(struct stage *stage, uint32_t partitions);
void replicas_close(struct replicas *replicas);
/* For stage_wait: all nodes answered lately, and in every partition all have applied the same, which is the end of the log,
 * with nothing left in outboxes and activities. */
bool replicas_settled(void *replicas);
/* What they still wait for; for people, "" when settled. Borrowed until the next call. */
const char *replicas_unsettled(struct replicas *replicas);
/* Leader of each partition as the newest term says (0: none is known), until the next answer. */
const uint32_t *replicas_leaders(const struct replicas *replicas);
uint64_t replicas_compared(const struct replicas *replicas);

#endif
