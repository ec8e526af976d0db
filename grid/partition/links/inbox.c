#include "grid/partition/links/inbox.h"

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/base/sorted_row.h"

struct source {
    uint32_t source, incarnation;
    uint64_t last;
};

struct inbox {
    struct source *sources;
    size_t count, capacity;
    struct buffer frozen;              /* its records */
    uint64_t awaited;                  /* records that are still to be loaded */
    uint32_t epoch;                    /* restore epoch of the partition: of sources that have not sent yet */
}; /* ordered by source */

struct inbox *inbox_open(void)
{
    struct inbox *inbox = memory_zero(1, sizeof *inbox);
    inbox->epoch = 1;
    return inbox;
}

void inbox_close(struct inbox *inbox)
{
    if (inbox == NULL)
        return;
    memory_free(inbox->sources);
    buffer_close(&inbox->frozen);
    memory_free(inbox);
}

static struct source *find_source(const struct inbox *inbox, uint32_t source)
{
    return sorted_row_find(inbox->sources, inbox->count, sizeof *inbox->sources, source);
}

enum inbox_verdict inbox_check(const struct inbox *inbox, uint32_t source, uint32_t incarnation, uint64_t sequence)
{
    REQUIRE(inbox != NULL);
    const struct source *known = find_source(inbox, source);
    uint32_t present = inbox_incarnation(inbox, source);
    if (incarnation < present)
        return INBOX_LOWER_INCARNATION;
    /* A higher incarnation starts again at 1. */
    uint64_t last = known == NULL || incarnation > present ? 0 : known->last;
    if (sequence <= last)
        return INBOX_OLD;
    return sequence == last + 1 ? INBOX_NEXT : INBOX_GAP;
}

void inbox_advance(struct inbox *inbox, uint32_t source, uint32_t incarnation, uint64_t sequence)
{
    REQUIRE(inbox_check(inbox, source, incarnation, sequence) == INBOX_NEXT);
    struct source *known = find_source(inbox, source);
    if (known == NULL) {
        size_t place = sorted_row_place(inbox->sources, inbox->count, sizeof *inbox->sources, source);
        inbox->sources = sorted_row_widen(inbox->sources, &inbox->count, &inbox->capacity, sizeof *inbox->sources, place);
        known = &inbox->sources[place];
    }
    *known = (struct source){.source = source, .incarnation = incarnation, .last = sequence};
}

uint64_t inbox_last(const struct inbox *inbox, uint32_t source)
{
    REQUIRE(inbox != NULL);
    const struct source *known = find_source(inbox, source);
    return known == NULL ? 0 : known->last;
}

uint32_t inbox_incarnation(const struct inbox *inbox, uint32_t source)
{
    const struct source *known = find_source(inbox, source);
    return known == NULL ? inbox->epoch : known->incarnation;
}

void inbox_open_epoch(struct inbox *inbox, uint32_t epoch)
{
    REQUIRE(epoch >= inbox->epoch);
    inbox->epoch = epoch;
    for (size_t i = 0; i < inbox->count; i++)
        inbox->sources[i].incarnation = epoch;
}

size_t inbox_count(const struct inbox *inbox)
{
    return inbox->count;
}

uint64_t inbox_digest(const struct inbox *inbox)
{
    uint64_t digest = inbox->count;
    for (size_t i = 0; i < inbox->count; i++) {
        uint8_t content[16];
        put_u32(content, inbox->sources[i].source);
        put_u32(content + 4, inbox->sources[i].incarnation);
        put_u64(content + 8, inbox->sources[i].last);
        digest = hash_xxh3(bytes_of(content, sizeof content), digest);
    }
    return digest;
}

void inbox_holds(const struct inbox *inbox)
{
    for (size_t i = 0; i < inbox->count; i++) {
        HOLDS(i == 0 || inbox->sources[i - 1].source < inbox->sources[i].source);
        HOLDS(inbox->sources[i].incarnation >= 1 && inbox->sources[i].last >= 1);
    }
}

/* ---- snapshots */

enum { RECORD_SOURCE = 2 };

static void freeze(void *component)
{
    struct inbox *inbox = component;
    struct buffer *out = &inbox->frozen;
    size_t start = record_begin(out, SECTION_INBOX, RECORD_FIRST);
    buffer_append_u64(out, inbox->count);
    record_end(out, start);
    for (size_t i = 0; i < inbox->count; i++) {
        start = record_begin(out, SECTION_INBOX, RECORD_SOURCE);
        buffer_append_u32(out, inbox->sources[i].source);
        buffer_append_u32(out, inbox->sources[i].incarnation);
        buffer_append_u64(out, inbox->sources[i].last);
        record_end(out, start);
    }
}

static bool save(void *component, size_t size_max, struct buffer *out)
{
    struct inbox *inbox = component;
    (void)size_max;
    buffer_append(out, buffer_bytes(&inbox->frozen));
    return true;
}

static void thaw(void *component)
{
    struct inbox *inbox = component;
    buffer_close(&inbox->frozen);
}

static enum grid_err load(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct inbox *inbox = component;
    if (kind == RECORD_FIRST) {
        inbox->awaited = reader_u64(body);
        return GRID_ERR_OK;
    }
    if (kind != RECORD_SOURCE || inbox->awaited == 0)
        return record_corrupt("not a record of the inbox, or one too many", ret_note);
    struct source source = {.source = reader_u32(body), .incarnation = reader_u32(body)};
    source.last = reader_u64(body);
    if (source.source >= context->partitions || source.incarnation == 0 || source.last == 0)
        return record_corrupt("not the last message of a partition", ret_note);
    if (inbox->count > 0 && inbox->sources[inbox->count - 1].source >= source.source)
        return record_corrupt("the sources do not ascend", ret_note);
    inbox->sources = sorted_row_widen(inbox->sources, &inbox->count, &inbox->capacity, sizeof *inbox->sources, inbox->count);
    inbox->sources[inbox->count - 1] = source;
    inbox->awaited--;
    return GRID_ERR_OK;
}

static enum grid_err loaded(void *component, const struct load_context *context, const char **ret_note)
{
    const struct inbox *inbox = component;
    (void)context;
    return inbox->awaited == 0 ? GRID_ERR_OK : record_corrupt("sources are missing", ret_note);
}

const struct component inbox_component = {"inbox", freeze, save, thaw, load, loaded};
