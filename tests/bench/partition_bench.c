/* Measures apply and reads of one partition: `partition_bench [KEYS [COMMANDS-PER-ENTRY]]`, default 100000 and 32.
 *
 * Sets of 100 bytes by one session that acknowledges as it goes, then gets by the same keys. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "grid/base/check.h"
#include "grid/base/prng.h"
#include "grid/partition/entry.h"
#include "grid/partition/partition.h"

enum { OPERATIONS = 1000000, VALUE_BYTES = 100, KEY_BYTES = 24 };

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

static void apply(struct partition *partition, struct buffer *entry, uint64_t *answers)
{
    entry_seal(entry, 1000, 1000);
    partition_apply(partition, buffer_bytes(entry), count_answer, answers);
    buffer_clear(entry);
}

static struct bytes key_of(char text[KEY_BYTES], uint64_t number)
{
    return bytes_of(text, (size_t)snprintf(text, KEY_BYTES, "key-%llu", (unsigned long long)number));
}

static struct partition *born(struct buffer *entry, uint64_t *answers)
{
    struct partition *partition = partition_open(&(struct partition_options){.id = {0}});
    struct command genesis = {.kind = COMMAND_GENESIS}, open = {.kind = COMMAND_OPEN_SESSION};
    genesis.genesis = (struct genesis_command){.partitions = 1, .table_seed = 1};
    entry_begin(entry, LEVEL_FIRST);
    add(entry, &genesis);
    add(entry, &open);
    apply(partition, entry, answers);
    return partition;
}

/* Time of applying alone: the entries are built between the measurements. */
static uint64_t time_sets(struct partition *partition, uint64_t keys, uint64_t commands)
{
    static const uint8_t VALUE[VALUE_BYTES];
    struct buffer entry = {0};
    struct prng prng;
    prng_init(&prng, 1);
    uint64_t total_ns = 0, answers = 0, sequence = 1;
    while (sequence <= OPERATIONS) {
        char text[KEY_BYTES];
        uint64_t acknowledged = sequence;
        entry_begin(&entry, LEVEL_FIRST);
        for (uint64_t i = 0; i < commands; i++, sequence++) {
            struct command set = {.session = 2, .sequence = sequence, .acknowledged_below = acknowledged, .kind = COMMAND_MAP};
            set.map = (struct map_command){.operation = MAP_SET, .map = bytes_of_text("bench"),
                                           .key = key_of(text, prng_u64(&prng) % keys), .value = bytes_of(VALUE, VALUE_BYTES)};
            add(&entry, &set);
        }
        uint64_t start = now_ns();
        apply(partition, &entry, &answers);
        total_ns += now_ns() - start;
    }
    ENSURE(answers == sequence - 1);
    buffer_close(&entry);
    return total_ns / answers;
}

static uint64_t time_gets(const struct partition *partition, uint64_t keys)
{
    struct buffer out = {0};
    struct prng prng;
    prng_init(&prng, 2);
    uint64_t start = now_ns();
    for (unsigned i = 0; i < OPERATIONS; i++) {
        char text[KEY_BYTES];
        struct query get = {.kind = QUERY_GET, .map = bytes_of_text("bench"), .key = key_of(text, prng_u64(&prng) % keys)};
        buffer_clear(&out);
        partition_query(partition, &get, 0, &out);
    }
    buffer_close(&out);
    return (now_ns() - start) / OPERATIONS;
}

int main(int count, char **arguments)
{
    uint64_t keys = count > 1 ? strtoull(arguments[1], NULL, 10) : 100000;
    uint64_t commands = count > 2 ? strtoull(arguments[2], NULL, 10) : 32, answers = 0;
    struct buffer entry = {0};
    struct partition *partition = born(&entry, &answers);
    uint64_t set_ns = time_sets(partition, keys, commands), get_ns = time_gets(partition, keys);
    printf("%llu keys, %llu commands an entry: apply a set %llu ns, get %llu ns\n", (unsigned long long)keys,
           (unsigned long long)commands, (unsigned long long)set_ns, (unsigned long long)get_ns);
    partition_close(partition);
    buffer_close(&entry);
    return 0;
}
