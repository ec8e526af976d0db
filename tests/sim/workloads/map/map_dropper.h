/* Drops the map of the registers now and then, one partition at a time, while others write to it.
 *
 * To the checker a drop is a removal of every key of its partition at one moment (I23): what was there before is gone, and
 * what is written after it is there. A map that was not there at all was empty. Lives on a client's host; its owner begins
 * it at each start of the host. */
#ifndef TESTS_SIM_WORKLOADS_MAP_MAP_DROPPER_H
#define TESTS_SIM_WORKLOADS_MAP_MAP_DROPPER_H

#include "client/core/core.h"
#include "tests/sim/world/world.h"
#include "tests/support/wgl.h"

struct map_dropper {
    struct host *host;
    struct client *client;
    const char *map;
    const char *const *keys; uint32_t keys_count;
    uint32_t number;                       /* in histories */
    const bool *draining;                  /* no more drops */
    void (*record)(void *context, const struct wgl_operation *operation);
    void *context;
    uint32_t partition;                    /* of the drop under way */
    uint64_t called_us;
};

void map_dropper_begin(struct map_dropper *dropper);

#endif
