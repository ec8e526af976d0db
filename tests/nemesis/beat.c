#include "tests/nemesis/beat.h"

#include <inttypes.h>
#include <stdio.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

enum { KEYS = 8, KEY_BYTES = 24, OUTSTANDING_MAX = 4000 };

struct beat {
    struct stage *stage;
    struct client *client;
    uint64_t gap_us, value;
    char keys[KEYS][KEY_BYTES];
    struct timer next;
};

struct write { struct beat *beat; uint64_t called_us; };

static void on_written(void *context, const struct client_result *result)
{
    struct write *write = context;
    if (result->err == GRID_ERR_OK)
        stage_say("wrote %" PRIu64 " %" PRIu64, write->called_us, stage_now_us(write->beat->stage));
    else if (result->err != GRID_ERR_CLOSED && !client_closing(write->beat->client))
        stage_say("failed %" PRIu64 " %s", write->called_us, grid_err_name(result->err));
    memory_free(write);
}

static void step(void *context)
{
    struct beat *beat = context;
    if (client_pending(beat->client) < OUTSTANDING_MAX) {
        struct write *write = memory_zero(1, sizeof *write);
        *write = (struct write){beat, stage_now_us(beat->stage)};
        uint8_t value[8];
        put_u64(value, ++beat->value);
        struct client_key key = {.key = bytes_of_text(beat->keys[beat->value % KEYS])};
        client_map_set(beat->client, bytes_of_text("beat"), &key, bytes_of(value, sizeof value),
                       &(struct client_call){.done = on_written, .context = write});
    }
    clock_timer_start(beat->stage->io->clock, &beat->next, beat->gap_us);
}

struct beat *beat_open(struct stage *stage, struct client *client, uint32_t partition, uint64_t gap_us)
{
    REQUIRE(gap_us > 0 && client_partitions(client) > partition);
    struct beat *beat = memory_zero(1, sizeof *beat);
    beat->stage = stage;
    beat->client = client;
    beat->gap_us = gap_us;
    beat->next = (struct timer){.fire = step, .context = beat};
    uint32_t number = 0;
    for (uint32_t i = 0; i < KEYS; i++)
        do
            snprintf(beat->keys[i], KEY_BYTES, "beat-%" PRIu32, number++);
        while (hash_partition(bytes_of_text(beat->keys[i]), client_partitions(client)).value != partition);
    step(beat);
    return beat;
}

void beat_close(struct beat *beat)
{
    clock_timer_stop(beat->stage->io->clock, &beat->next);
    memory_free(beat);
}
