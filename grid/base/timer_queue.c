#include "grid/base/timer_queue.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum { CAPACITY_FIRST = 16 };

static bool before(const struct timer *a, const struct timer *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->turn < b->turn;
}

bool timer_queue_holds(const struct timer_queue *queue)
{
    if (queue->count > queue->capacity)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        if (queue->heap[i]->slot != i + 1 || (i != 0 && before(queue->heap[i], queue->heap[(i - 1) / 2])))
            return false;
    return true;
}

static void place(struct timer_queue *queue, size_t position, struct timer *timer)
{
    queue->heap[position] = timer;
    timer->slot = position + 1;
}

static void sift_up(struct timer_queue *queue, size_t position, struct timer *timer)
{
    while (position != 0 && before(timer, queue->heap[(position - 1) / 2])) {
        place(queue, position, queue->heap[(position - 1) / 2]);
        position = (position - 1) / 2;
    }
    place(queue, position, timer);
}

static void sift_down(struct timer_queue *queue, size_t position, struct timer *timer)
{
    for (;;) {
        size_t child = 2 * position + 1;
        if (child >= queue->count)
            break;
        if (child + 1 < queue->count && before(queue->heap[child + 1], queue->heap[child]))
            child++;
        if (!before(queue->heap[child], timer))
            break;
        place(queue, position, queue->heap[child]);
        position = child;
    }
    place(queue, position, timer);
}

/* Puts a timer whose neighbours may be on either side of it where it belongs. */
static void sift(struct timer_queue *queue, size_t position, struct timer *timer)
{
    if (position != 0 && before(timer, queue->heap[(position - 1) / 2]))
        sift_up(queue, position, timer);
    else
        sift_down(queue, position, timer);
}

void timer_queue_close(struct timer_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        queue->heap[i]->slot = 0;
    memory_free(queue->heap);
    *queue = (struct timer_queue){0};
}

void timer_queue_add(struct timer_queue *queue, struct timer *timer, uint64_t due_us)
{
    timer->due_us = due_us;
    timer->turn = ++queue->turns;
    if (timer_active(timer)) {
        REQUIRE(timer->slot <= queue->count && queue->heap[timer->slot - 1] == timer);
        sift(queue, timer->slot - 1, timer);
        return;
    }
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? CAPACITY_FIRST : 2 * queue->capacity;
        queue->heap = memory_resize(queue->heap, queue->capacity * sizeof(struct timer *));
    }
    sift_up(queue, queue->count++, timer);
    ENSURE(timer_active(timer));
}

void timer_queue_remove(struct timer_queue *queue, struct timer *timer)
{
    if (!timer_active(timer))
        return;
    size_t position = timer->slot - 1;
    REQUIRE(position < queue->count && queue->heap[position] == timer);
    struct timer *last = queue->heap[--queue->count];
    timer->slot = 0;
    if (last != timer)
        sift(queue, position, last);
}

bool timer_queue_next(const struct timer_queue *queue, uint64_t *ret_due_us)
{
    if (queue->count == 0)
        return false;
    *ret_due_us = queue->heap[0]->due_us;
    return true;
}

struct timer *timer_queue_pop(struct timer_queue *queue, uint64_t now_us)
{
    if (queue->count == 0 || queue->heap[0]->due_us > now_us)
        return NULL;
    struct timer *timer = queue->heap[0];
    timer_queue_remove(queue, timer);
    ENSURE(!timer_active(timer));
    return timer;
}
