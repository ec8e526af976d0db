#include "grid/partition/deferred/activities.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

enum { TEXTS = 9 };

/* One allocation, with the texts behind it in the order of `texts_of`. */
struct started {
    uint64_t id;
    uint32_t service, kind;
    size_t sizes[TEXTS], total;
    uint8_t texts[];
};

struct activities {
    struct started **list; /* ordered by id; finished ones are taken out */
    size_t count, capacity;
    uint64_t ids;
    struct frozen_activities {
        uint64_t from, last;   /* ids that are not written yet; from > last: nothing is frozen */
        struct started **list; /* finished before they were written, ordered by id */
        size_t count, capacity;
        struct buffer head;    /* the first record of the frozen state; empty: it is written */
    } frozen;
    uint64_t awaited;          /* records that are still to be loaded */
};

struct activities *activities_open(void)
{
    struct activities *activities = memory_zero(1, sizeof *activities);
    activities->frozen.from = 1;
    return activities;
}

static void thaw(void *component)
{
    struct frozen_activities *frozen = &((struct activities *)component)->frozen;
    for (size_t i = 0; i < frozen->count; i++)
        memory_free(frozen->list[i]);
    memory_free(frozen->list);
    buffer_close(&frozen->head);
    *frozen = (struct frozen_activities){.from = 1};
}

void activities_close(struct activities *activities)
{
    if (activities == NULL)
        return;
    thaw(activities);
    for (size_t i = 0; i < activities->count; i++)
        memory_free(activities->list[i]);
    memory_free(activities->list);
    memory_free(activities);
}

static void texts_of(struct activity_record *record, struct bytes **ret_texts)
{
    struct bytes *texts[TEXTS] = {&record->key,
                                  &record->affinity,
                                  &record->token,
                                  &record->request,
                                  &record->trace.correlation_id,
                                  &record->trace.causation_id,
                                  &record->trace.flow_id,
                                  &record->trace.traceparent,
                                  &record->principal};
    memcpy(ret_texts, texts, sizeof texts);
}

/* Views into the activity. */
static struct activity_record record_of(const struct started *activity)
{
    struct activity_record record = {.service = activity->service,
                                     .kind = activity->kind};
    struct bytes *texts[TEXTS];
    texts_of(&record, texts);
    size_t at = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        *texts[i] = bytes_of(activity->texts + at, activity->sizes[i]);
        at += activity->sizes[i];
    }
    return record;
}

/* Position of the first activity with an id above `after`. */
static size_t first_above(struct started *const *list, size_t count, uint64_t after)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle]->id <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void list_insert(struct started ***list, size_t *count, size_t *capacity, struct started *activity)
{
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? 16 : 2 * *capacity;
        *list = memory_resize(*list, *capacity * sizeof(struct started *));
    }
    size_t place = *count == 0 || (*list)[*count - 1]->id < activity->id ? *count : first_above(*list, *count, activity->id);
    memmove(&(*list)[place + 1], &(*list)[place], (*count - place) * sizeof(struct started *));
    (*list)[place] = activity;
    ++*count;
}

static uint64_t add(struct activities *activities, uint64_t id, const struct activity_record *record)
{
    struct activity_record copy = *record;
    struct bytes *texts[TEXTS];
    size_t total = 0;
    texts_of(&copy, texts);
    for (size_t i = 0; i < TEXTS; i++)
        total += texts[i]->size;
    struct started *activity = memory_alloc(sizeof *activity + total);
    *activity = (struct started){.id = id,
                                 .service = record->service,
                                 .kind = record->kind,
                                 .total = total};
    size_t at = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        activity->sizes[i] = texts[i]->size;
        if (texts[i]->size != 0)
            memcpy(activity->texts + at, texts[i]->data, texts[i]->size);
        at += texts[i]->size;
    }
    list_insert(&activities->list, &activities->count, &activities->capacity, activity);
    return id;
}

uint64_t activities_start(struct activities *activities, const struct activity_record *record)
{
    REQUIRE(record->token.size != 0 && record->key.size != 0);
    return add(activities, ++activities->ids, record);
}

bool activities_find(const struct activities *activities, uint64_t id, struct arena *arena,
                     struct activity_record *ret_record)
{
    REQUIRE(activities != NULL && ret_record != NULL);
    size_t place = id == 0 ? activities->count : first_above(activities->list, activities->count, id - 1);
    if (place == activities->count || activities->list[place]->id != id)
        return false;
    struct bytes *texts[TEXTS];
    *ret_record = record_of(activities->list[place]);
    texts_of(ret_record, texts);
    for (size_t i = 0; i < TEXTS; i++)
        *texts[i] = arena_copy(arena, *texts[i]);
    return true;
}

bool activities_finish(struct activities *activities, uint64_t id, struct arena *arena,
                       struct activity_record *ret_record)
{
    if (!activities_find(activities, id, arena, ret_record))
        return false;
    size_t place = first_above(activities->list, activities->count, id - 1);
    struct started *activity = activities->list[place];
    activities->count--;
    memmove(&activities->list[place], &activities->list[place + 1],
            (activities->count - place) * sizeof(struct started *));
    struct frozen_activities *frozen = &activities->frozen;
    if (id >= frozen->from && id <= frozen->last)
        list_insert(&frozen->list, &frozen->count, &frozen->capacity, activity);
    else
        memory_free(activity);
    return true;
}

uint64_t activities_count(const struct activities *activities)
{
    return activities->count;
}

bool activities_next(const struct activities *activities, uint64_t after, struct partition_activity *ret_activity)
{
    REQUIRE(activities != NULL && ret_activity != NULL);
    size_t place = first_above(activities->list, activities->count, after);
    if (place == activities->count)
        return false;
    const struct started *activity = activities->list[place];
    struct activity_record record = record_of(activity);
    *ret_activity = (struct partition_activity){.id = activity->id,
                                                .service = record.service,
                                                .kind = record.kind,
                                                .key = record.token,
                                                .request = record.request};
    return true;
}

uint64_t activities_digest(const struct activities *activities)
{
    uint64_t digest = activities->ids;
    for (size_t i = 0; i < activities->count; i++) {
        const struct started *activity = activities->list[i];
        uint8_t head[16];
        put_u64(head, activity->id);
        put_u32(head + 8, activity->service);
        put_u32(head + 12, activity->kind);
        digest = hash_xxh3(bytes_of(activity->texts, activity->total), hash_xxh3(bytes_of(head, sizeof head), digest));
    }
    return digest;
}

void activities_holds(const struct activities *activities)
{
    HOLDS(activities != NULL && activities->count <= activities->ids);
    for (size_t i = 0; i < activities->count; i++) {
        HOLDS(activities->list[i]->id >= 1 && activities->list[i]->id <= activities->ids);
        HOLDS(i == 0 || activities->list[i - 1]->id < activities->list[i]->id);
    }
}

/* ---- snapshots */

enum { RECORD_ACTIVITY = 2 };

static void freeze(void *component)
{
    struct activities *activities = component;
    struct frozen_activities *frozen = &activities->frozen;
    size_t start = record_begin(&frozen->head, SECTION_ACTIVITIES, RECORD_FIRST);
    buffer_append_u64(&frozen->head, activities->ids);
    buffer_append_u64(&frozen->head, activities->count);
    record_end(&frozen->head, start);
    frozen->from = 1;
    frozen->last = activities->ids;
}

static void save_activity(const struct started *activity, struct buffer *out)
{
    size_t start = record_begin(out, SECTION_ACTIVITIES, RECORD_ACTIVITY), at = 0;
    buffer_append_u64(out, activity->id);
    buffer_append_u32(out, activity->service);
    buffer_append_u32(out, activity->kind);
    for (size_t i = 0; i < TEXTS; at += activity->sizes[i++])
        buffer_append_sized(out, bytes_of(activity->texts + at, activity->sizes[i]));
    record_end(out, start);
}

/* A merge by id of those that are unfinished and those that were finished since. */
static bool save(void *component, size_t size_max, struct buffer *out)
{
    struct activities *activities = component;
    struct frozen_activities *frozen = &activities->frozen;
    buffer_append(out, buffer_bytes(&frozen->head));
    buffer_clear(&frozen->head);
    size_t present = first_above(activities->list, activities->count, frozen->from - 1);
    size_t finished = first_above(frozen->list, frozen->count, frozen->from - 1);
    for (;;) {
        const struct started *a = present < activities->count ? activities->list[present] : NULL;
        const struct started *b = finished < frozen->count ? frozen->list[finished] : NULL;
        const struct started *next = a == NULL || (b != NULL && b->id < a->id) ? b : a;
        if (next == NULL || next->id > frozen->last) {
            frozen->from = frozen->last + 1;
            return true;
        }
        if (out->size >= size_max)
            return false;
        save_activity(next, out);
        frozen->from = next->id + 1;
        present += next == a;
        finished += next == b;
    }
}

static enum grid_err load_activity(struct activities *activities, struct reader *body, const char **ret_note)
{
    struct activity_record record;
    struct bytes *texts[TEXTS];
    uint64_t id = reader_u64(body);
    record.service = reader_u32(body);
    record.kind = reader_u32(body);
    texts_of(&record, texts);
    for (size_t i = 0; i < TEXTS; i++)
        *texts[i] = reader_sized(body);
    if (body->failed || record.key.size == 0 || record.token.size == 0)
        return record_corrupt("not an activity with its key and its token", ret_note);
    if (id == 0 || id > activities->ids || (activities->count > 0 && activities->list[activities->count - 1]->id >= id))
        return record_corrupt("the ids of activities do not ascend up to their counter", ret_note);
    (void)add(activities, id, &record);
    activities->awaited--;
    return GRID_ERR_OK;
}

static enum grid_err load(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct activities *activities = component;
    (void)context;
    if (kind == RECORD_ACTIVITY && activities->awaited > 0)
        return load_activity(activities, body, ret_note);
    if (kind != RECORD_FIRST)
        return record_corrupt("not a record of activities, or one too many", ret_note);
    activities->ids = reader_u64(body);
    activities->awaited = reader_u64(body);
    return GRID_ERR_OK;
}

static enum grid_err loaded(void *component, const struct load_context *context, const char **ret_note)
{
    const struct activities *activities = component;
    (void)context;
    return activities->awaited == 0 ? GRID_ERR_OK : record_corrupt("activities are missing", ret_note);
}

const struct component activities_component = {"activities", freeze, save, thaw, load, loaded};
