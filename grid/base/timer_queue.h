/* Binary heap of timers, ordered by (due, arming order). Both implementations of grid/io/clock.h are built on it.
 * Timers are embedded by their owner and never allocated here. Single threaded. */
#ifndef GRID_BASE_TIMER_QUEUE_H
#define GRID_BASE_TIMER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One-shot timer. Set `fire` and `context` once; the rest belongs to the queue. All zero is a stopped timer. */
struct timer {
    void (*fire)(void *context);
    void *context;
    uint64_t due_us, turn;
    size_t slot;                       /* 1 + position in the heap; 0 while stopped */
};

struct timer_queue { struct timer **heap; size_t count, capacity; uint64_t turns; };

void timer_queue_close(struct timer_queue *queue);                                     /* frees; timers become stopped */
void timer_queue_add(struct timer_queue *queue, struct timer *timer, uint64_t due_us); /* re-arms if it is running */
void timer_queue_remove(struct timer_queue *queue, struct timer *timer);               /* no-op when stopped */
bool timer_queue_next(const struct timer_queue *queue, uint64_t *ret_due_us);
struct timer *timer_queue_pop(struct timer_queue *queue, uint64_t now_us);             /* earliest due <= now, or NULL */
bool timer_queue_holds(const struct timer_queue *queue);
static inline bool timer_active(const struct timer *timer) { return timer->slot != 0; }

#endif
