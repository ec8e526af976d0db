/* What the parts of the load on real processes share: the loop, the outside world, chance, and what was found wrong.
 *
 * Everything runs on one loop, so times of different parts compare: a call's time is taken before it is sent and a
 * return's after it arrived. Lines for the program that steers (tools/nemesis) go to standard output, one at a time. */
#ifndef TESTS_NEMESIS_STAGE_H
#define TESTS_NEMESIS_STAGE_H

#include <uv.h>

#include "client/core/core.h"
#include "grid/base/prng.h"
#include "grid/uv/uv_io.h"
#include "tests/nemesis/findings.h"

enum { STAGE_NODES_MAX = 7 };

struct stage {
    uv_loop_t loop;
    uv_timer_t beat;                       /* wakes stage_wait */
    struct uv_io *uv_io;
    struct io *io;
    struct prng prng;
    const char *endpoints[STAGE_NODES_MAX];    /* by node id, from node 1 */
    size_t endpoints_count;
    bool disks_filled;                     /* by the nemesis: LOG_FULL is an answer since then */
    struct findings findings;
};

/* `endpoints`: "host:port,host:port,…" in the order of node ids; it is cut into pieces and borrowed. False: too many. */
bool stage_open(struct stage *stage, char *endpoints, uint64_t seed);
void stage_close(struct stage *stage);

uint64_t stage_now_us(const struct stage *stage);
uint64_t stage_draw(struct stage *stage, uint64_t low, uint64_t high);
struct client *stage_client(struct stage *stage, const char *name, uint64_t deadline_ms, uint64_t attempt_ms);
/* Runs the loop until it is so, or until the time is over: false. */
bool stage_wait(struct stage *stage, bool (*until)(void *context), void *context, uint64_t seconds);
/* One line on standard output, flushed. */
void stage_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
