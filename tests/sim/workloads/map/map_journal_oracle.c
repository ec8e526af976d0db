#include "tests/sim/workloads/map/map_journal_oracle.h"

#include <inttypes.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

enum { KEYS_MAX = 64, KEY_BYTES = 16, VALUE_BYTES = 8 };

struct item {
    char key[KEY_BYTES];
    bool known, present;                   /* not known: written before the journal was on, perhaps */
    uint64_t due_ms, version;              /* due 0: it does not end */
    uint64_t value;
};

struct acknowledged { char key[KEY_BYTES]; uint64_t version; };

/* One partition. */
struct ledger {
    uint64_t *digests, *versions;          /* of record 1, 2, ...; 0: not seen */
    uint64_t capacity, seen;               /* seen: the highest number */
    uint64_t next;                         /* replayed up to here */
    bool whole;                            /* nothing was lost so far: items are what the map is */
    uint64_t log_time_ms;
    struct item items[KEYS_MAX];
    uint32_t items_count;
    struct acknowledged *writes;
    size_t writes_count, writes_capacity;
};

struct journal_oracle {
    struct world *world;
    uint32_t partitions;
    struct ledger *ledgers;
};

struct journal_oracle *journal_oracle_open(struct world *world, uint32_t partitions)
{
    struct journal_oracle *oracle = memory_zero(1, sizeof *oracle);
    oracle->world = world;
    oracle->partitions = partitions;
    oracle->ledgers = memory_zero(partitions, sizeof *oracle->ledgers);
    for (uint32_t i = 0; i < partitions; i++) {
        oracle->ledgers[i].next = 1;
        oracle->ledgers[i].whole = true;
    }
    return oracle;
}

void journal_oracle_close(struct journal_oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->partitions; i++) {
        memory_free(oracle->ledgers[i].digests);
        memory_free(oracle->ledgers[i].versions);
        memory_free(oracle->ledgers[i].writes);
    }
    memory_free(oracle->ledgers);
    memory_free(oracle);
}

/* ---- the map that follows */

static struct item *item_of(struct ledger *ledger, struct bytes key)
{
    REQUIRE(key.size > 0 && key.size < KEY_BYTES);
    for (uint32_t i = 0; i < ledger->items_count; i++) {
        if (bytes_equal(bytes_of_text(ledger->items[i].key), key)) {
            return &ledger->items[i];
        }
    }
    REQUIRE(ledger->items_count < KEYS_MAX);
    struct item *item = &ledger->items[ledger->items_count++];
    *item = (struct item){0};
    memcpy(item->key, key.data, key.size);
    return item;
}

static const char *senseless(struct ledger *ledger, const struct journal_record *record)
{
    if (record->log_time_ms < ledger->log_time_ms) {
        return "log time turned back";
    }
    if (record->kind == JOURNAL_CLEARED) {
        return NULL;
    }
    const struct item *item = item_of(ledger, record->key);
    if (!item->known) {
        return NULL;
    }
    bool due = item->present && item->due_ms != 0 && item->due_ms <= record->log_time_ms;
    if (item->present != (record->kind != JOURNAL_ADDED)) {
        return item->present ? "added, and was there" : "changed, and was not there";
    }
    if (record->kind == JOURNAL_EXPIRED) {
        return due ? NULL : "expired before its time";
    }
    return due ? "touched after its time" : NULL;
}

static void take(struct ledger *ledger, const struct journal_record *record)
{
    bool lasts = record->kind == JOURNAL_ADDED || record->kind == JOURNAL_UPDATED;
    ledger->log_time_ms = record->log_time_ms;
    for (uint32_t i = 0; record->kind == JOURNAL_CLEARED && i < ledger->items_count; i++) {
        ledger->items[i].known = true;
        ledger->items[i].present = false;
    }
    if (record->kind == JOURNAL_CLEARED) {
        return;
    }
    struct item *item = item_of(ledger, record->key);
    item->known = true;
    item->present = lasts;
    item->version = record->version;
    item->value = lasts && record->value.size == VALUE_BYTES ? get_u64(record->value.data) : 0;
    item->due_ms = lasts && record->ttl_ms != 0 ? record->log_time_ms + record->ttl_ms : 0;
}

/* ---- pages */

static uint64_t digest_of(const struct journal_record *record)
{
    uint64_t numbers[] = {record->kind, record->version, record->log_time_ms, record->ttl_ms, record->has_old_value};
    uint64_t digest = hash_xxh3(record->key, record->sequence);
    digest = hash_xxh3(record->value, hash_xxh3(record->old_value, digest));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint8_t content[8];
        put_u64(content, numbers[i]);
        digest = hash_xxh3(bytes_of(content, sizeof content), digest);
    }
    return digest | 1;
}

static void make_room(struct ledger *ledger, uint64_t sequence)
{
    uint64_t capacity = ledger->capacity;
    while (capacity <= sequence) {
        capacity = capacity == 0 ? 64 : capacity * 2;
    }
    if (capacity == ledger->capacity) {
        return;
    }
    ledger->digests = memory_resize(ledger->digests, capacity * sizeof *ledger->digests);
    ledger->versions = memory_resize(ledger->versions, capacity * sizeof *ledger->versions);
    memset(ledger->digests + ledger->capacity, 0, (capacity - ledger->capacity) * sizeof *ledger->digests);
    memset(ledger->versions + ledger->capacity, 0, (capacity - ledger->capacity) * sizeof *ledger->versions);
    ledger->capacity = capacity;
}

static void record_seen(struct journal_oracle *oracle, uint32_t partition, const struct journal_record *record)
{
    struct ledger *ledger = &oracle->ledgers[partition];
    uint64_t digest = digest_of(record);
    make_room(ledger, record->sequence);
    if (ledger->digests[record->sequence] != 0 && ledger->digests[record->sequence] != digest) {
        world_fail(oracle->world, "I25: partition %u: record %" PRIu64 " is not the same for two readers", partition, record->sequence);
    }
    ledger->digests[record->sequence] = digest;
    ledger->versions[record->sequence] = record->version;
    ledger->seen = record->sequence > ledger->seen ? record->sequence : ledger->seen;
    if (record->sequence > ledger->next) {
        ledger->whole = false; /* the journal was switched on late, or somebody began late */
        ledger->next = record->sequence;
    }
    if (record->sequence != ledger->next) {
        return;
    }
    const char *what = ledger->whole ? senseless(ledger, record) : NULL;
    if (what) {
        world_fail(oracle->world, "partition %u: record %" PRIu64 " of %.*s: %s", partition, record->sequence,
                   (int)record->key.size, (const char *)record->key.data, what);
    }
    take(ledger, record);
    ledger->next++;
}

void journal_oracle_page(struct journal_oracle *oracle, uint32_t partition, uint64_t position, const struct journal_page *page)
{
    uint64_t expected = position;
    if (page->dropped_to != 0) {
        SOMETIMES(oracle->world, "records were dropped before they were read");
        if (position != 0 && page->dropped_from != position) {
            world_fail(oracle->world, "I25: partition %u: asked for %" PRIu64 ", told of a loss from %" PRIu64, partition,
                       position, page->dropped_from);
        }
        expected = page->dropped_to + 1;
        struct ledger *ledger = &oracle->ledgers[partition];
        if (ledger->next < expected) {
            ledger->next = expected;
            ledger->whole = false; /* no reader saw what was dropped: from here on the content of the map is not known */
        }
    }
    for (size_t i = 0; i < page->records_count && !world_failed(oracle->world); i++) {
        const struct journal_record *record = &page->records[i];
        if (expected != 0 && record->sequence != expected) {
            world_fail(oracle->world, "I25: partition %u: record %" PRIu64 " came where %" PRIu64 " was due", partition,
                       record->sequence, expected);
        }
        record_seen(oracle, partition, record);
        expected = record->sequence + 1;
    }
    if (expected != 0 && page->next_sequence != expected) {
        world_fail(oracle->world, "I25: partition %u: to be read on at %" PRIu64 ", not %" PRIu64, partition,
                   page->next_sequence, expected);
    }
}

void journal_oracle_acknowledged(struct journal_oracle *oracle, uint32_t partition, struct bytes key, uint64_t version)
{
    struct ledger *ledger = &oracle->ledgers[partition];
    REQUIRE(key.size < KEY_BYTES);
    if (ledger->writes_count == ledger->writes_capacity) {
        ledger->writes_capacity = ledger->writes_capacity ? ledger->writes_capacity * 2 : 64;
        ledger->writes = memory_resize(ledger->writes, ledger->writes_capacity * sizeof *ledger->writes);
    }
    struct acknowledged *write = &ledger->writes[ledger->writes_count++];
    *write = (struct acknowledged){.version = version};
    memcpy(write->key, key.data, key.size);
}

/* ---- at rest */

bool journal_oracle_is_behind(const struct journal_oracle *oracle, uint32_t partition, const struct map_info *info)
{
    /* All that an empty journal held may have become too old before anybody began to read. */
    return info->journal_oldest < info->journal_next && oracle->ledgers[partition].next < info->journal_next;
}

static bool has_version(const struct ledger *ledger, uint64_t version)
{
    for (uint64_t i = 1; i <= ledger->seen; i++) {
        if (ledger->versions[i] == version) {
            return true;
        }
    }
    return false;
}

static void check_item(struct journal_oracle *oracle, uint32_t partition, const struct item *item,
                       const struct partition *replica, struct bytes map)
{
    struct buffer encoded = {0};
    struct arena arena;
    struct response response;
    struct query query = {.kind = QUERY_GET, .map = map, .key = bytes_of_text(item->key)};
    arena_init(&arena, 1024);
    partition_query(replica, &query, 0, &encoded);
    HOLDS(response_decode(buffer_bytes(&encoded), &arena, &response) == GRID_ERR_OK);
    if (response.found != item->present || (item->present && (response.version != item->version ||
                                                              get_u64(response.value.data) != item->value))) {
        world_fail(oracle->world, "partition %u: %s is not what its journal says: %s, version %" PRIu64 " and not %" PRIu64,
                   partition, item->key, response.found ? "there" : "absent", response.version, item->version);
    }
    buffer_close(&encoded);
    arena_close(&arena);
}

bool journal_oracle_check(struct journal_oracle *oracle, uint32_t partition, const struct partition *replica,
                          const struct map_info *info, struct bytes map)
{
    const struct ledger *ledger = &oracle->ledgers[partition];
    if (!ledger->whole || ledger->next != info->journal_next) {
        return false;
    }
    for (uint32_t i = 0; i < ledger->items_count; i++) {
        check_item(oracle, partition, &ledger->items[i], replica, map);
    }
    for (size_t i = 0; i < ledger->writes_count && ledger->seen > 0; i++) {
        /* Earlier ones may be from before the journal was on. */
        if (ledger->writes[i].version > ledger->versions[1] && !has_version(ledger, ledger->writes[i].version)) {
            world_fail(oracle->world, "I10: partition %u: the acknowledged write of %s, version %" PRIu64 ", is not in the journal",
                       partition, ledger->writes[i].key, ledger->writes[i].version);
        }
    }
    return true;
}
