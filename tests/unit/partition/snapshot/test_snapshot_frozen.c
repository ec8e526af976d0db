/* A snapshot that is written while entries are applied has the bytes of the moment in which it began (D12, I42). */
#include <criterion/criterion.h>

#include "grid/partition/component.h"
#include "tests/unit/partition/snapshot/world.h"

enum { SEEDS = 24, STEPS = 700, WHOLE = 1 << 30 };

/* Snapshots of one partition, one after the other; each is compared with an eager one of the replica. */
struct taking {
    struct world *world;
    struct prng prng;
    struct partition_save *save;       /* NULL: none is under way */
    struct buffer expected, written;
    unsigned entries;                  /* applied since it began */
    unsigned completed, abandoned, entries_during;
};

static void end(struct taking *taking)
{
    partition_save_end(taking->save);
    taking->save = NULL;
    buffer_close(&taking->expected);
    buffer_close(&taking->written);
}

static void begin(struct taking *taking)
{
    taking->expected = snapshot_of(harness_replica(taking->world->harness, 0), &taking->prng, WHOLE);
    taking->save = partition_save_begin(harness_partition(taking->world->harness, 0));
    taking->entries = 0;
}

static void go_on(struct taking *taking)
{
    if (prng_chance(&taking->prng, 4000)) {
        end(taking);
        taking->abandoned++;
        return;
    }
    size_t budget = prng_chance(&taking->prng, 100000) ? 8000 : prng_range(&taking->prng, 1, 700);
    if (!partition_save_next(taking->save, budget, &taking->written))
        return;
    cr_assert(bytes_equal(buffer_bytes(&taking->written), buffer_bytes(&taking->expected)),
              "snapshot %u, after %u entries: the bytes are not those of its beginning", taking->completed, taking->entries);
    taking->completed++;
    taking->entries_during += taking->entries;
    end(taking);
}

static void applied(void *context, uint32_t partition)
{
    struct taking *taking = context;
    if (partition != 0)
        return;
    taking->entries++;
    if (taking->save == NULL && prng_chance(&taking->prng, 500000))
        begin(taking);
    else if (taking->save != NULL && prng_chance(&taking->prng, 600000))
        go_on(taking);
}

Test(snapshot_frozen, has_the_bytes_of_its_beginning_whatever_is_applied, .timeout = 240)
{
    unsigned completed = 0, abandoned = 0, entries = 0;
    for (uint64_t seed = 101; seed < 101 + SEEDS; seed++) {
        struct world world;
        struct taking taking = {.world = &world};
        prng_init(&taking.prng, seed);
        world_open(&world, seed);
        harness_watch(world.harness, applied, &taking);
        for (unsigned step = 0; step < STEPS; step++)
            world_step(&world);
        partition_holds(harness_partition(world.harness, 0));
        if (taking.save != NULL)
            end(&taking);
        replicas_compare(harness_partition(world.harness, 0), harness_replica(world.harness, 0));
        world_close(&world);
        completed += taking.completed;
        abandoned += taking.abandoned;
        entries += taking.entries_during;
    }
    cr_assert(completed > 100 && abandoned > 10 && entries > 20 * completed, "%u completed, %u abandoned, %u entries during them", completed,
              abandoned, entries);
}
