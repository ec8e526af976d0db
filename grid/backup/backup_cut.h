/* Whether saved states of all partitions belong together (R4): for each pair of partitions, the source has removed no message that the destination has not
 * applied, and the destination has applied none that the source has not written. Then every message under way is in exactly one place. */
#ifndef GRID_BACKUP_BACKUP_CUT_H
#define GRID_BACKUP_BACKUP_CUT_H

#include "grid/backup/backup_state.h"

/* `states` in order of their partitions, complete. CORRUPT with a note (memory_free) that names the pair, or the partition that does not belong to the others. */
enum grid_err backup_cut_check(const struct backup_state *states, size_t count, char **ret_note);

#endif
