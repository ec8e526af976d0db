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
};

struct activities *activities_open(void)
{
    return memory_zero(1, sizeof(struct activities));
}

void activities_close(struct activities *activities)
{
    if (activities == NULL)
        return;
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

uint64_t activities_start(struct activities *activities, const struct activity_record *record)
{
    REQUIRE(record->token.size != 0 && record->key.size != 0);
    struct activity_record copy = *record;
    struct bytes *texts[TEXTS];
    size_t total = 0;
    texts_of(&copy, texts);
    for (size_t i = 0; i < TEXTS; i++)
        total += texts[i]->size;
    struct started *activity = memory_alloc(sizeof *activity + total);
    *activity = (struct started){.id = ++activities->ids,
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
    if (activities->count == activities->capacity) {
        activities->capacity = activities->capacity == 0 ? 16 : 2 * activities->capacity;
        activities->list = memory_resize(activities->list, activities->capacity * sizeof(struct started *));
    }
    activities->list[activities->count++] = activity;
    return activity->id;
}

/* Position of the first activity with an id above `after`. */
static size_t first_above(const struct activities *activities, uint64_t after)
{
    size_t low = 0, high = activities->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (activities->list[middle]->id <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool activities_find(const struct activities *activities, uint64_t id, struct arena *arena,
                     struct activity_record *ret_record)
{
    REQUIRE(activities != NULL && ret_record != NULL);
    size_t place = id == 0 ? activities->count : first_above(activities, id - 1);
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
    size_t place = first_above(activities, id - 1);
    struct started *activity = activities->list[place];
    activities->count--;
    memmove(&activities->list[place], &activities->list[place + 1],
            (activities->count - place) * sizeof(struct started *));
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
    size_t place = first_above(activities, after);
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
