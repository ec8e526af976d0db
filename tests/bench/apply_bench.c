/* Measures what one set costs a replica under a load like that of many clients: `apply_bench [PARTITIONS [SESSIONS
 * [COMMANDS]]]`, default 128 partitions, 50 sessions in each, 3 commands an entry.
 *
 * Entries of random partitions, sessions and keys (100000 in all, values of 100 bytes), so that little of what an entry
 * touches is in a cache when it comes. partition_bench is the opposite: everything warm. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/base/prng.h"
#include "grid/partition/entry.h"
#include "grid/partition/partition.h"

enum { ROUNDS = 40, ENTRIES = 5000, KEYS = 100000, VALUE_BYTES = 100, KEY_BYTES = 24 };

struct load {
    uint64_t partitions, sessions, commands;
    struct partition **all;
    uint64_t *sequences;               /* last of each session, by partition */
    struct buffer *entries;            /* of one round */
    uint64_t *targets;                 /* their partitions */
    struct prng prng;
    uint64_t answers;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void count_answer(void *context, uint32_t ordinal, struct bytes response)
{
    (void)ordinal;
    ENSURE(response.size < 64);
    ++*(uint64_t *)context;
}

static void add(struct buffer *entry, const struct command *command)
{
    struct buffer encoded = {0};
    command_encode(command, &encoded);
    entry_add(entry, buffer_bytes(&encoded));
    buffer_close(&encoded);
}

static void open_partitions(struct load *load)
{
    struct buffer entry = {0};
    for (uint64_t i = 0; i < load->partitions; i++) {
        load->all[i] = partition_open(&(struct partition_options){.id = {(uint32_t)i}});
        struct command genesis = {.kind = COMMAND_GENESIS}, open = {.kind = COMMAND_OPEN_SESSION};
        genesis.genesis = (struct genesis_command){.partitions = (uint32_t)load->partitions, .table_seed = i + 1};
        buffer_clear(&entry);
        entry_begin(&entry, LEVEL_FIRST);
        add(&entry, &genesis);
        for (uint64_t j = 0; j < load->sessions; j++)
            add(&entry, &open);
        entry_seal(&entry, 1000, 1000);
        partition_apply(load->all[i], buffer_bytes(&entry), count_answer, &load->answers);
    }
    buffer_close(&entry);
}

/* A client's next write acknowledges all before it. Sessions have the ids 2, 3, ... */
static void add_set(struct load *load, struct buffer *entry, uint64_t partition)
{
    static const uint8_t VALUE[VALUE_BYTES];
    uint64_t session = prng_u64(&load->prng) % load->sessions;
    uint64_t sequence = ++load->sequences[partition * load->sessions + session];
    uint64_t key = prng_u64(&load->prng) % (KEYS / load->partitions) * load->partitions + partition;
    char text[KEY_BYTES];
    int size = snprintf(text, sizeof text, "key-%010llu", (unsigned long long)key);
    struct command set = {.session = session + 2, .sequence = sequence, .acknowledged_below = sequence, .kind = COMMAND_MAP};
    set.map = (struct map_command){.operation = MAP_SET, .map = bytes_of_text("bench"),
                                   .key = bytes_of(text, (size_t)size), .value = bytes_of(VALUE, VALUE_BYTES)};
    add(entry, &set);
}

static void build_round(struct load *load)
{
    for (uint64_t i = 0; i < ENTRIES; i++) {
        struct buffer *entry = &load->entries[i];
        load->targets[i] = prng_u64(&load->prng) % load->partitions;
        buffer_clear(entry);
        entry_begin(entry, LEVEL_FIRST);
        for (uint64_t j = 0; j < load->commands; j++)
            add_set(load, entry, load->targets[i]);
        entry_seal(entry, 1000, 1000);
    }
}

static uint64_t apply_round(struct load *load)
{
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < ENTRIES; i++)
        partition_apply(load->all[load->targets[i]], buffer_bytes(&load->entries[i]), count_answer, &load->answers);
    return (now_ns() - start) / (ENTRIES * load->commands);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

int main(int count, char **arguments)
{
    struct load load = {.partitions = count > 1 ? strtoull(arguments[1], NULL, 10) : 128,
                        .sessions = count > 2 ? strtoull(arguments[2], NULL, 10) : 50,
                        .commands = count > 3 ? strtoull(arguments[3], NULL, 10) : 3};
    if (load.partitions == 0 || load.partitions > KEYS || load.sessions == 0 || load.commands == 0) {
        fprintf(stderr, "usage: apply_bench [PARTITIONS [SESSIONS [COMMANDS]]]\n");
        return 2;
    }
    load.all = memory_zero(load.partitions, sizeof(struct partition *));
    load.sequences = memory_zero(load.partitions * load.sessions, sizeof(uint64_t));
    load.entries = memory_zero(ENTRIES, sizeof(struct buffer));
    load.targets = memory_zero(ENTRIES, sizeof(uint64_t));
    prng_init(&load.prng, 1);
    open_partitions(&load);
    uint64_t times[ROUNDS];
    for (unsigned i = 0; i < 2 * ROUNDS; i++) {
        build_round(&load);
        times[i % ROUNDS] = apply_round(&load); /* the first half only fills the tables */
    }
    qsort(times, ROUNDS, sizeof times[0], compare);
    printf("apply a set: %llu ns (least %llu)\n", (unsigned long long)times[ROUNDS / 2], (unsigned long long)times[0]);
    for (uint64_t i = 0; i < load.partitions; i++)
        partition_close(load.all[i]);
    for (unsigned i = 0; i < ENTRIES; i++)
        buffer_close(&load.entries[i]);
    memory_free(load.all);
    memory_free(load.sequences);
    memory_free(load.entries);
    memory_free(load.targets);
    return 0;
}
