/* The one shape of what a partition replicates: every component freezes itself, writes its frozen state as records, and is
 * loaded from such records. docs/formats/snapshot.md has the records of each.
 *
 * Freezing takes constant or bounded time (each component states it). Then the component is changed as ever while it is
 * written in slices; the records are those of the moment of freezing. They are canonical: they follow from the state
 * alone (I16). What can be derived (heaps, indexes, counts) is not written; loading rebuilds it.
 *
 * Loading fills a new, empty component and trusts nothing: each number and length is checked, and what is accepted is saved
 * again as the same bytes. Single threaded; no time. */
#ifndef GRID_PARTITION_COMPONENT_H
#define GRID_PARTITION_COMPONENT_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"

/* Numbers are in files and never reused; sections come in this order. */
enum section {
    SECTION_PARTITION = 1,
    SECTION_SERVICES = 2,
    SECTION_MAPS = 3,                  /* left out before the first entry */
    SECTION_RETENTION = 4,
    SECTION_SESSIONS = 5,
    SECTION_IDEMPOTENCY = 6,
    SECTION_OUTBOX = 7,
    SECTION_INBOX = 8,
    SECTION_TIMERS = 9,
    SECTION_ACTIVITIES = 10,
    SECTION_SETTINGS = 11,
    SECTION_END = 255,
};

enum { RECORD_HEAD_BYTES = 6, RECORD_FIRST = 1 /* kind of the first record of each section, of no other record */ };

struct maps;

/* What components check records against; known once the first section is loaded. */
struct load_context {
    uint64_t commits, log_time_ms, table_seed;
    uint32_t partitions;
    /* Called with each entry of a map; false: a service could not read it. */
    bool (*entry)(void *entries, uint32_t map, struct bytes value);
    void *entries;
    const struct maps *maps;           /* NULL: before the first entry */
};

struct component {
    const char *name;
    void (*freeze)(void *component);
    /* Appends records until `out` has `size_max` bytes or more. True: all are written. */
    bool (*save)(void *component, size_t size_max, struct buffer *out);
    void (*thaw)(void *component);     /* at any time; also when it is not frozen */
    /* One record. CORRUPT or NOT_SUPPORTED with a note that says why; then the component is only closed. The caller refuses a record
     * that is longer or shorter than what is read of it. */
    enum grid_err (*load)(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note);
    /* After the last record of the section. */
    enum grid_err (*loaded)(void *component, const struct load_context *context, const char **ret_note);
};

/* u32 size of the body, u8 section, u8 kind, body. Returns the place for record_end. */
static inline size_t record_begin(struct buffer *out, enum section section, uint8_t kind)
{
    size_t start = out->size;
    uint8_t *head = buffer_extend(out, RECORD_HEAD_BYTES);
    head[4] = (uint8_t)section;
    head[5] = kind;
    return start;
}

static inline void record_end(struct buffer *out, size_t start)
{
    put_u32(out->data + start, (uint32_t)(out->size - start - RECORD_HEAD_BYTES));
}

static inline enum grid_err record_corrupt(const char *note, const char **ret_note)
{
    *ret_note = note;
    return GRID_ERR_CORRUPT;
}

#endif
