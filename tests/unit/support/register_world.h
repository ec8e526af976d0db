/* Histories of one key from a real register, so that they are linearizable by construction. For tests of the checker.
 *
 * Each client has one operation open at a time; it takes effect at some moment between call and return, an unknown one
 * perhaps much later or never. Values are never written twice; expected versions come from answers. */
#ifndef TESTS_UNIT_SUPPORT_REGISTER_WORLD_H
#define TESTS_UNIT_SUPPORT_REGISTER_WORLD_H

#include "grid/base/prng.h"
#include "tests/support/wgl.h"

enum { REGISTER_CLIENTS_MAX = 16 };

struct register_world {
    struct prng prng;
    struct wgl_operation *operations;
    size_t count;
    uint64_t clock, version, next_value;
    bool without_removal;
    uint64_t told, told_before;        /* versions in the latest answers: what a client can know */
    struct { bool present; uint64_t value, version; } entry;
};

/* All zero but for without_removal at first; about `count` operations. */
void register_world_run(struct register_world *world, uint64_t seed, size_t clients, size_t count, uint32_t unknown_per_million);
void register_world_close(struct register_world *world);

#endif
