/* Timers of services, fired by Tick entries in (due, id) order (R14).
 *
 * Single threaded; time is log time, given by the caller. */
#ifndef GRID_PARTITION_TIMERS_H
#define GRID_PARTITION_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct timers;

struct timers *timers_open(void);
void timers_close(struct timers *timers);
uint64_t timers_count(const struct timers *timers);
bool timers_next_due_ms(const struct timers *timers, uint64_t *ret_due_ms);
uint64_t timers_digest(const struct timers *timers);
void timers_holds(const struct timers *timers);

#endif
