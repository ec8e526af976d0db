/* What all readers of a map's journals saw, put together: one ledger per partition, and the map that follows from it. */
#ifndef TESTS_SIM_WORKLOADS_MAP_MAP_JOURNAL_ORACLE_H
#define TESTS_SIM_WORKLOADS_MAP_MAP_JOURNAL_ORACLE_H

#include "grid/partition/partition.h"
#include "tests/sim/world/world.h"

struct journal_oracle;

struct journal_oracle *journal_oracle_open(struct world *world, uint32_t partitions);
void journal_oracle_close(struct journal_oracle *oracle);
/* A reader got this page when it asked for `position`; 0: it had no position yet. */
void journal_oracle_page(struct journal_oracle *oracle, uint32_t partition, uint64_t position, const struct journal_page *page);
/* A write was acknowledged with this version. */
void journal_oracle_acknowledged(struct journal_oracle *oracle, uint32_t partition, struct bytes key, uint64_t version);
/* At rest: everything of this replica was read, and adds up to what it holds of the map. */
bool journal_oracle_is_behind(const struct journal_oracle *oracle, uint32_t partition, const struct map_info *info);
/* False: somebody missed records, so nothing can be said. */
bool journal_oracle_check(struct journal_oracle *oracle, uint32_t partition, const struct partition *replica,
                          const struct map_info *info, struct bytes map);

#endif
