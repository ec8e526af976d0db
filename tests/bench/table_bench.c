/* Measures the core table: bytes of overhead per entry and time per operation, over sizes.
 *
 *     table_bench [ENTRIES…]          default: 1000 10000 100000 1000000
 *
 * Overhead is the memory of the heap, the allocator's own included, without the bytes of keys and values: at the end, and
 * the minimum and maximum over the last half of the growth, which contains a whole resize. Keys have 12 to 28 bytes and values
 * 16 to 176, in equal parts, so that the allocator's rounding is met in every phase. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "grid/base/check.h"
#include "grid/base/prng.h"
#include "grid/store/table.h"

enum { KEY_BYTES_MAX_HERE = 28, VALUE_BYTES_MIN = 16, VALUE_BYTES_MAX_HERE = 176, LOOKUPS = 2000000 };

struct spread { double least, most, last; };

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return (uint64_t)info.uordblks + (uint64_t)info.hblkhd;
}

static struct bytes key_of(uint8_t buffer[KEY_BYTES_MAX_HERE], uint64_t number)
{
    size_t size = 12 + (size_t)(number % 17);
    memset(buffer, 'k', size);
    put_u64(buffer + size - 8, number);
    return bytes_of(buffer, size);
}

static struct bytes value_of(uint64_t number)
{
    static const uint8_t VALUE[VALUE_BYTES_MAX_HERE];
    return bytes_of(VALUE, VALUE_BYTES_MIN + (size_t)(number % 161));
}

static struct spread grow(struct table *table, uint64_t entries)
{
    struct spread spread = {.least = 1e9};
    uint8_t buffer[KEY_BYTES_MAX_HERE];
    uint64_t before = heap_bytes(), content = 0, every = entries / 512 + 1;
    for (uint64_t i = 0; i < entries; i++) {
        struct bytes key = key_of(buffer, i), value = value_of(i);
        content += key.size + value.size;
        table_set(table, key, value, i + 1);
        if (i + 1 < entries / 2 || (i % every != 0 && i + 1 != entries))
            continue;
        spread.last = (double)(heap_bytes() - before - content) / (double)(i + 1);
        spread.least = spread.last < spread.least ? spread.last : spread.least;
        spread.most = spread.last > spread.most ? spread.last : spread.most;
    }
    return spread;
}

static double time_inserts(uint64_t entries, uint64_t *ret_longest_ns)
{
    struct table *table = table_open(1);
    uint8_t buffer[KEY_BYTES_MAX_HERE];
    *ret_longest_ns = 0;
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < entries; i++)
        table_set(table, key_of(buffer, i), value_of(i), i + 1);
    uint64_t total = now_ns() - start;
    /* Once more for single operations: reading the clock each time would spoil the mean. */
    table_close(table);
    table = table_open(1);
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t at = now_ns();
        table_set(table, key_of(buffer, i), value_of(i), i + 1);
        uint64_t took = now_ns() - at;
        *ret_longest_ns = took > *ret_longest_ns ? took : *ret_longest_ns;
    }
    table_close(table);
    return (double)total / (double)entries;
}

enum access { FIND, MISS, OVERWRITE };

static double time_access(struct table *table, uint64_t entries, enum access access)
{
    struct prng prng;
    prng_init(&prng, 5);
    uint8_t buffer[KEY_BYTES_MAX_HERE];
    uint64_t found = 0, start = now_ns();
    for (uint64_t i = 0; i < LOOKUPS; i++) {
        uint64_t number = prng_u64(&prng) % entries;
        struct table_entry entry;
        if (access == OVERWRITE)
            found += !table_set(table, key_of(buffer, number), value_of(number), i);
        else
            found += table_find(table, key_of(buffer, access == FIND ? number : number + entries), &entry);
    }
    ENSURE(found == (access == MISS ? 0 : LOOKUPS));
    return (double)(now_ns() - start) / LOOKUPS;
}

static double time_scan(const struct table *table)
{
    struct table_entry entry = {0};
    uint64_t entries = 0, start = now_ns();
    while (table_next(table, entry.hash, entry.key, &entry))
        entries++;
    ENSURE(entries == table_count(table));
    return (double)(now_ns() - start) / (double)entries;
}

static void measure(uint64_t entries)
{
    struct table *table = table_open(1);
    struct spread overhead = grow(table, entries);
    double find = time_access(table, entries, FIND), miss = time_access(table, entries, MISS);
    double overwrite = time_access(table, entries, OVERWRITE), scan = time_scan(table);
    table_close(table);
    uint64_t longest_ns;
    double insert = time_inserts(entries, &longest_ns);
    printf("%10" PRIu64 " %8.1f %8.1f %8.1f %8.0f %8.0f %8.0f %8.0f %8.0f %10.1f\n", entries, overhead.last, overhead.least,
           overhead.most, insert, find, miss, overwrite, scan, (double)longest_ns / 1000);
}

int main(int count, char **arguments)
{
    static const uint64_t SIZES[] = {1000, 10000, 100000, 1000000};
    printf("%10s %8s %8s %8s %8s %8s %8s %8s %8s %10s\n", "entries", "bytes", "least", "most", "insert", "find", "miss",
           "write", "scan", "longest");
    printf("%10s %8s %8s %8s %8s %8s %8s %8s %8s %10s\n", "", "overhead per entry", "", "", "ns", "ns", "ns", "ns", "ns",
           "insert us");
    if (count > 1)
        for (int i = 1; i < count; i++)
            measure(strtoull(arguments[i], NULL, 10));
    else
        for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++)
            measure(SIZES[i]);
    return 0;
}
