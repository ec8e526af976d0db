#include "tests/sim/run/together.h"

#include <string.h>

/* How soon after the faults all nodes are linked, and how old the last byte may be then. */
enum { TOGETHER_US = 2000000, HEARD_US = 400000 };

/* Without faults every node that is up hears from every other in each heartbeat, soon after the last fault:
 * a link that is up and silent, or down for long, is a liveness bug that hides behind the patience of `settle`. */
static void check_together(struct world *world, const struct host *a, const struct host *b, const char *when)
{
    uint64_t heard_us = world_heard_us(world, a, b);
    bool was_cut = world_cut_end_us(world, a, b) + TOGETHER_US > world_now_us(world) ||
                   world_cut_end_us(world, b, a) + TOGETHER_US > world_now_us(world);
    if (!world_failed(world) && !was_cut && world_now_us(world) - heard_us > HEARD_US) {
        world_fail(world, "%s has heard nothing of %s for %.1f s, %.1f s after %s", host_name(b), host_name(a),
                   (double)(world_now_us(world) - heard_us) / 1e6, TOGETHER_US / 1e6, when);
    }
}

void come_together(struct world *world, const char *when)
{
    uint64_t lives[HOSTS_MAX];
    for (size_t i = 0; i < world_hosts(world); i++) {
        lives[i] = host_incarnation(world_host(world, i));
    }
    world_run(world, world_now_us(world) + TOGETHER_US);
    for (size_t i = 0; i < world_hosts(world); i++) {
        for (size_t j = 0; j < world_hosts(world); j++) {
            struct host *a = world_host(world, i), *b = world_host(world, j);
            bool nodes = host_kind(a) == HOST_NODE && host_kind(b) == HOST_NODE && i != j;
            if (nodes && host_up(a) && host_up(b) && host_incarnation(a) == lives[i] && host_incarnation(b) == lives[j]) {
                check_together(world, a, b, when);
            }
        }
    }
}
