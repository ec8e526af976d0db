/* Unfinished effects outside the grid (D8), with their token fixed in the log.
 *
 * Owns the records. Single threaded, no time. */
#ifndef GRID_PARTITION_ACTIVITIES_H
#define GRID_PARTITION_ACTIVITIES_H

#include "grid/partition/partition.h"

struct activities;

struct activities *activities_open(void);
void activities_close(struct activities *activities);
uint64_t activities_count(const struct activities *activities);
bool activities_next(const struct activities *activities, uint64_t after, struct partition_activity *ret_activity);
uint64_t activities_digest(const struct activities *activities);
void activities_holds(const struct activities *activities);

#endif
