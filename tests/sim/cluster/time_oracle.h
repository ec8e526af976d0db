/* Compares log time with the true time of the world (R14, I30), many times in a run.
 *
 * The leader of the latest term of each partition says what log time it has. From one look to the next log time grows by
 * nine to eleven tenths of the true time (it may slew by a tenth, and clocks drift). A change of leader may add or lose a
 * second. Nothing else may: neither the time since the last entry, nor a pause, nor a wall clock that jumps or is an hour
 * wrong. After an outage of all replicas, or of all that had a note, the same holds when clocks can be trusted:
 * when they are right, or when most are and all members have answered. In a healed world nothing stays due. */
#ifndef TESTS_SIM_CLUSTER_TIME_ORACLE_H
#define TESTS_SIM_CLUSTER_TIME_ORACLE_H

#include "tests/sim/cluster/cluster.h"

struct time_oracle;

struct time_oracle *time_oracle_open(struct run *run, struct cluster *cluster);
void time_oracle_close(struct time_oracle *oracle);
void time_oracle_look(struct time_oracle *oracle);
/* What the log time of a partition gained on true time in all: after outages, when most clocks are wrong. */
uint64_t time_oracle_jumped_ms(const struct time_oracle *oracle, uint32_t partition);

#endif
