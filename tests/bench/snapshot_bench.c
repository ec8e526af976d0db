/* Measures a snapshot of one partition while it is written over: `snapshot_bench [ENTRIES [SLICE_BYTES]]`, default a million entries
 * with values of 100 bytes and slices of 64 KiB. Between two slices, entries are applied that change random keys.
 *
 * Prints the processor time that it takes to begin, to write one slice, to apply one set meanwhile and before, and to load the result.
 * Times of the processor, because other work on the machine would be in the largest ones. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/base/prng.h"
#include "grid/partition/entry.h"
#include "grid/partition/partition.h"

enum { VALUE_BYTES = 100, KEY_BYTES = 24, SETS_PER_ENTRY = 50, SLICES_MAX = 1 << 20 };

struct bench {
    struct partition *partition;
    uint64_t entries, sequence, answers;
    struct buffer entry, command;
    struct prng prng;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void count_answer(void *context, uint32_t ordinal, struct bytes response)
{
    (void)ordinal, (void)response;
    ++*(uint64_t *)context;
}

static void add(struct bench *bench, const struct command *command)
{
    buffer_clear(&bench->command);
    command_encode(command, &bench->command);
    entry_add(&bench->entry, buffer_bytes(&bench->command));
}

static uint64_t apply(struct bench *bench)
{
    entry_seal(&bench->entry, 1000, 1000);
    uint64_t start = now_ns();
    partition_apply(bench->partition, buffer_bytes(&bench->entry), count_answer, &bench->answers);
    uint64_t took = now_ns() - start;
    buffer_clear(&bench->entry);
    entry_begin(&bench->entry, LEVEL_FIRST);
    return took;
}

static void add_set(struct bench *bench, uint64_t key)
{
    static const uint8_t VALUE[VALUE_BYTES];
    char text[KEY_BYTES];
    int size = snprintf(text, sizeof text, "key-%010llu", (unsigned long long)key);
    struct command set = {.session = 2, .sequence = ++bench->sequence, .acknowledged_below = bench->sequence, .kind = COMMAND_MAP};
    set.map = (struct map_command){.operation = MAP_SET, .map = bytes_of_text("bench"), .key = bytes_of(text, (size_t)size),
                                   .value = bytes_of(VALUE, VALUE_BYTES)};
    add(bench, &set);
}

/* Nanoseconds of one set. */
static uint64_t overwrite(struct bench *bench)
{
    for (unsigned i = 0; i < SETS_PER_ENTRY; i++)
        add_set(bench, prng_u64(&bench->prng) % bench->entries);
    return apply(bench) / SETS_PER_ENTRY;
}

static void open_bench(struct bench *bench)
{
    struct command genesis = {.kind = COMMAND_GENESIS}, open = {.kind = COMMAND_OPEN_SESSION};
    genesis.genesis = (struct genesis_command){.partitions = 1, .table_seed = 1};
    bench->partition = partition_open(&(struct partition_options){.id = {0}});
    prng_init(&bench->prng, 1);
    entry_begin(&bench->entry, LEVEL_FIRST);
    add(bench, &genesis);
    add(bench, &open);
    apply(bench);
    for (uint64_t i = 0; i < bench->entries; i++) {
        add_set(bench, i);
        if (i % SETS_PER_ENTRY == 0)
            apply(bench);
    }
    apply(bench);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void show(const char *what, uint64_t *times, size_t count)
{
    qsort(times, count, sizeof *times, compare);
    printf("%-28s %10llu ns, 99.9 %% below %llu ns, most %llu ns\n", what, (unsigned long long)times[count / 2],
           (unsigned long long)times[count - 1 - count / 1000], (unsigned long long)times[count - 1]);
}

static void save(struct bench *bench, size_t slice_bytes, struct buffer *ret_snapshot)
{
    static uint64_t before[1000], slices[SLICES_MAX], sets[SLICES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
        before[i] = overwrite(bench);
    buffer_reserve(ret_snapshot, bench->entries * 200 + (1 << 20));
    uint64_t start = now_ns();
    struct partition_save *saving = partition_save_begin(bench->partition);
    uint64_t begun = now_ns();
    for (bool complete = false; !complete && count < SLICES_MAX; count++) {
        sets[count] = overwrite(bench);
        uint64_t slice = now_ns();
        complete = partition_save_next(saving, slice_bytes, ret_snapshot);
        slices[count] = now_ns() - slice;
    }
    partition_save_end(saving);
    printf("%llu entries, %zu bytes, %zu slices\n", (unsigned long long)bench->entries, ret_snapshot->size, count);
    printf("%-28s %10llu ns\n", "begin", (unsigned long long)(begun - start));
    show("a slice", slices, count);
    show("a set before", before, sizeof before / sizeof before[0]);
    show("a set meanwhile", sets, count);
}

int main(int count, char **arguments)
{
    struct bench bench = {.entries = count > 1 ? strtoull(arguments[1], NULL, 10) : 1000000};
    size_t slice_bytes = count > 2 ? strtoull(arguments[2], NULL, 10) : 64 * 1024;
    struct buffer snapshot = {0};
    char *note;
    if (bench.entries == 0 || slice_bytes == 0) {
        fprintf(stderr, "usage: snapshot_bench [ENTRIES [SLICE_BYTES]]\n");
        return 2;
    }
    open_bench(&bench);
    save(&bench, slice_bytes, &snapshot);
    struct partition *other = partition_open(&(struct partition_options){.id = {0}});
    uint64_t start = now_ns();
    struct partition_load *load = partition_load_begin(other);
    ENSURE(partition_load_next(load, buffer_bytes(&snapshot)) == GRID_ERR_OK);
    ENSURE(partition_load_end(load, true, &note) == GRID_ERR_OK);
    printf("%-28s %10llu ns an entry\n", "load", (unsigned long long)((now_ns() - start) / bench.entries));
    partition_close(other);
    partition_close(bench.partition);
    buffer_close(&snapshot);
    buffer_close(&bench.entry);
    buffer_close(&bench.command);
    return 0;
}
