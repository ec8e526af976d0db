/* Encoded configurations: what RAFT_CHANGE entries and snapshots hold. Part of the guard. */
#ifndef RAFT_GUARD_GUARD_CONFIGURATION_H
#define RAFT_GUARD_GUARD_CONFIGURATION_H

#include <raft.h>

#include "grid/base/bytes.h"
#include "grid/base/limits.h"

/* Server ids; returns their number, or 0 when it has more than fit or is malformed. */
size_t guard_configuration_ids(struct bytes encoded, uint64_t ids[REPLICAS_MAX]);
/* Fills *ret_configuration (raft_configuration_close); false, with nothing to close, if it is malformed. */
bool guard_configuration_decode(struct bytes encoded, struct raft_configuration *ret_configuration);

#endif
