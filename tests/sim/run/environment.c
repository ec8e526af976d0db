#include "tests/sim/run/environment.h"

#include <string.h>

#include "grid/base/hash.h"

enum { SALT = 0x656e7669, SHARE = 5 };

static const struct environment environments[] = {
    {.name = "plain", .what = "as the seed chooses"},
    {.name = "churn", .what = "a snapshot every 3 to 15 entries", .snapshot_entries_low = 3, .snapshot_entries_high = 15},
    {.name = "small-trailing", .what = "snapshots often, and no entry kept behind them", .snapshot_entries_low = 10, .snapshot_entries_high = 60,
     .trailing_bytes = 1},
    {.name = "loss", .what = "a tenth of the frames between nodes is lost, another seventh comes twice", .snapshot_entries_low = 10,
     .snapshot_entries_high = 60, .trailing_bytes = 2000, .drop_ppm = 100000, .duplicate_ppm = 150000},
    {.name = "trimmed", .what = "at most four entries in a message, frames lost as in \"loss\"", .snapshot_entries_low = 10, .snapshot_entries_high = 60,
     .trailing_bytes = 500, .append_entries_max = 4, .drop_ppm = 100000, .duplicate_ppm = 150000},
};
enum { COUNT = sizeof environments / sizeof environments[0] };

const struct environment *environment_get(size_t number) { return number < COUNT ? &environments[number] : NULL; }

const struct environment *environment_find(const char *name)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(environments[i].name, name) == 0)
            return &environments[i];
    return NULL;
}

static uint64_t random_of(uint64_t seed) { return hash_xxh3(bytes_of((const uint8_t *)&seed, sizeof seed), SALT); }

/* Not drawn: other choices keep their meaning. */
const struct environment *environment_of_seed(uint64_t seed)
{
    uint64_t random = random_of(seed);
    return random % SHARE == 0 ? &environments[1 + random / SHARE % (COUNT - 1)] : &environments[0];
}

uint32_t environment_snapshot_entries(const struct environment *environment, uint64_t seed)
{
    uint32_t steps = environment->snapshot_entries_high - environment->snapshot_entries_low + 1;
    return environment->snapshot_entries_low == 0 ? 0 : environment->snapshot_entries_low + (uint32_t)(random_of(seed) >> 32) % steps;
}
