/* Timers of services, fired by Tick entries in (due, id) order (R14).
 *
 * Shape: a binary heap by (due, id) and an index by owner. Ids follow the order of arming. Copies the owner's bytes.
 * Single threaded; time is log time, given by the caller. */
#ifndef GRID_PARTITION_DEFERRED_TIMERS_H
#define GRID_PARTITION_DEFERRED_TIMERS_H

#include "grid/base/arena.h"
#include "grid/partition/component.h"

struct timers;

/* Owner of a timer: one number of one aggregate. */
struct timer_owner { uint32_t service, number; struct bytes key, affinity; };

struct timers *timers_open(void);
void timers_close(struct timers *timers);
/* Arms, or moves a timer that is armed. The seed (the partition's) is the index's, used with the first timer. */
void timers_arm(struct timers *timers, const struct timer_owner *owner, uint64_t due_ms, uint64_t seed);
bool timers_disarm(struct timers *timers, const struct timer_owner *owner);          /* false: was not armed */
/* Removes the first timer that is due; its owner is copied into the arena. */
bool timers_pop(struct timers *timers, uint64_t now_ms, struct arena *arena, struct timer_owner *ret_owner);
uint64_t timers_count(const struct timers *timers);
bool timers_next_due_ms(const struct timers *timers, uint64_t *ret_due_ms);
uint64_t timers_digest(const struct timers *timers);
void timers_holds(const struct timers *timers);

/* Frozen in constant time, in the order of the index (grid/store/table_freeze.h). */
extern const struct component timers_component;

#endif
