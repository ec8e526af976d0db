/* How a set stops: it makes no further promises. Reads end; the owner is told from the loop. */
#include <stdio.h>

#include "raft/groups/groups_internal.h"

void group_set_fail(struct group_set *set, enum grid_err err, const char *what)
{
    if (set->failed || set->closing)
        return;
    set->failed = true;
    set->failed_err = err;
    snprintf(set->failed_what, sizeof set->failed_what, "%s", what);
    clock_timer_stop(set->io->clock, &set->tick_timer);
    for (uint32_t i = 0; i < set->groups_count; i++)
        group_reads_fail(&set->groups[i], GRID_ERR_UNAVAILABLE);
    clock_defer(set->io->clock, &set->fatal_deferred);
}
