#include "grid/partition/links/outbox.h"

#include "grid/base/check.h"
#include "grid/base/frozen_queue.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/base/sorted_row.h"
#include "grid/wire/messages/message.h"

struct message {
    uint8_t *data;
    size_t size;
};

struct link {
    uint32_t destination;
    uint64_t first;               /* sequence of the oldest kept message */
    size_t head, count, capacity; /* ring of messages; capacity is a power of two */
    struct message *ring;
    /* Of struct message. A link that is newer than the frozen state has none, and its frozen_first is 0. */
    struct frozen_queue frozen;
    uint64_t frozen_first;
};

struct outbox {
    struct link *links; /* ordered by destination */
    size_t count, capacity;
    uint64_t pending, version;
    struct buffer frozen_head;         /* the first record of the frozen state; empty: it is written */
    uint64_t frozen_links;             /* links up to here, by destination, are written */
    bool link_open;                    /* the record of the first of the others is written */
    /* While it is loaded: links that are still to come, messages of the last one, the version. */
    uint64_t awaited, awaited_messages, loading_version;
};

enum { RING_FIRST = 8 };

struct outbox *outbox_open(void)
{
    return memory_zero(1, sizeof(struct outbox));
}

static struct message *message_at(const struct link *link, size_t index)
{
    return &link->ring[(link->head + index) & (link->capacity - 1)];
}

static struct message *frozen_message(const struct link *link, bool *ret_early)
{
    void *early;
    size_t place;
    if (!frozen_queue_next(&link->frozen, &early, &place))
        return NULL;
    *ret_early = early != NULL;
    return early != NULL ? early : message_at(link, place);
}

static void thaw_link(struct link *link)
{
    bool early = false;
    for (struct message *message; (message = frozen_message(link, &early)) != NULL && early;) {
        memory_free(message->data);
        frozen_queue_pass(&link->frozen, sizeof(struct message));
    }
    frozen_queue_end(&link->frozen);
    link->frozen_first = 0;
}

static void thaw(void *component)
{
    struct outbox *outbox = component;
    for (size_t i = 0; i < outbox->count; i++)
        thaw_link(&outbox->links[i]);
    buffer_close(&outbox->frozen_head);
}

void outbox_close(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    thaw(outbox);
    for (size_t i = 0; i < outbox->count; i++) {
        struct link *link = &outbox->links[i];
        for (size_t k = 0; k < link->count; k++)
            memory_free(message_at(link, k)->data);
        memory_free(link->ring);
    }
    memory_free(outbox->links);
    memory_free(outbox);
}

static struct link *find_link(const struct outbox *outbox, uint32_t destination)
{
    return sorted_row_find(outbox->links, outbox->count, sizeof *outbox->links, destination);
}

static struct link *ensure_link(struct outbox *outbox, uint32_t destination)
{
    struct link *known = find_link(outbox, destination);
    if (known != NULL)
        return known;
    size_t place = sorted_row_place(outbox->links, outbox->count, sizeof *outbox->links, destination);
    outbox->links = sorted_row_widen(outbox->links, &outbox->count, &outbox->capacity, sizeof *outbox->links, place);
    outbox->links[place] = (struct link){.destination = destination, .first = 1};
    return &outbox->links[place];
}

static void grow(struct link *link)
{
    size_t capacity = link->capacity == 0 ? RING_FIRST : 2 * link->capacity;
    struct message *ring = memory_alloc(capacity * sizeof *ring);
    for (size_t i = 0; i < link->count; i++)
        ring[i] = *message_at(link, i);
    memory_free(link->ring);
    link->ring = ring;
    link->capacity = capacity;
    link->head = 0;
}

uint64_t outbox_next_sequence(const struct outbox *outbox, uint32_t destination)
{
    REQUIRE(outbox != NULL);
    const struct link *link = find_link(outbox, destination);
    return link == NULL ? 1 : link->first + link->count;
}

void outbox_add(struct outbox *outbox, uint32_t destination, struct bytes message)
{
    REQUIRE(outbox != NULL && message.size != 0);
    struct link *link = ensure_link(outbox, destination);
    if (link->count == link->capacity)
        grow(link);
    *message_at(link, link->count) = (struct message){memory_copy(message.data, message.size), message.size};
    link->count++;
    outbox->pending++;
    outbox->version++;
}

bool outbox_acknowledge(struct outbox *outbox, uint32_t destination, uint64_t sequence)
{
    REQUIRE(outbox != NULL);
    struct link *link = find_link(outbox, destination);
    if (link == NULL || sequence >= link->first + link->count)
        return sequence == 0;
    while (link->first <= sequence) {
        struct message *message = message_at(link, 0);
        if (!frozen_queue_takes(&link->frozen, message, sizeof *message))
            memory_free(message->data);
        link->head = (link->head + 1) & (link->capacity - 1);
        link->first++;
        link->count--;
        outbox->pending--;
        outbox->version++;
    }
    return true;
}

uint64_t outbox_pending(const struct outbox *outbox)
{
    REQUIRE(outbox != NULL);
    return outbox->pending;
}

uint64_t outbox_version(const struct outbox *outbox)
{
    return outbox->version;
}

void outbox_each(const struct outbox *outbox, outbox_range_fn each, void *context)
{
    REQUIRE(outbox != NULL && each != NULL);
    for (size_t i = 0; i < outbox->count; i++) {
        const struct link *link = &outbox->links[i];
        if (link->count != 0)
            each(context, link->destination, link->first, link->first + link->count - 1);
    }
}

size_t outbox_read(const struct outbox *outbox, uint32_t destination, uint64_t sequence, size_t bytes_max,
                   outbox_message_fn each, void *context)
{
    REQUIRE(outbox != NULL && each != NULL);
    const struct link *link = find_link(outbox, destination);
    if (link == NULL || sequence >= link->first + link->count)
        return 0;
    size_t index = sequence <= link->first ? 0 : (size_t)(sequence - link->first), given = 0, bytes = 0;
    for (; index < link->count; index++, given++) {
        const struct message *message = message_at(link, index);
        bytes += message->size;
        if (given != 0 && bytes > bytes_max)
            break;
        each(context, link->first + index, bytes_of(message->data, message->size));
    }
    return given;
}

uint64_t outbox_digest(const struct outbox *outbox)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < outbox->count; i++) {
        const struct link *link = &outbox->links[i];
        uint8_t head[20];
        put_u32(head, link->destination);
        put_u64(head + 4, link->first);
        put_u64(head + 12, link->count);
        digest = hash_xxh3(bytes_of(head, sizeof head), digest);
        for (size_t k = 0; k < link->count; k++)
            digest = hash_xxh3(bytes_of(message_at(link, k)->data, message_at(link, k)->size), digest);
    }
    return digest;
}

void outbox_holds(const struct outbox *outbox)
{
    uint64_t pending = 0;
    for (size_t i = 0; i < outbox->count; i++) {
        const struct link *link = &outbox->links[i];
        HOLDS(i == 0 || outbox->links[i - 1].destination < link->destination);
        HOLDS(link->first >= 1 && link->count <= link->capacity);
        pending += link->count;
    }
    HOLDS(pending == outbox->pending);
}

/* ---- snapshots */

enum { RECORD_LINK = 2, RECORD_MESSAGE = 3 };

static void freeze(void *component)
{
    struct outbox *outbox = component;
    for (size_t i = 0; i < outbox->count; i++) {
        frozen_queue_begin(&outbox->links[i].frozen, outbox->links[i].count);
        outbox->links[i].frozen_first = outbox->links[i].first;
    }
    size_t start = record_begin(&outbox->frozen_head, SECTION_OUTBOX, RECORD_FIRST);
    buffer_append_u64(&outbox->frozen_head, outbox->version);
    buffer_append_u64(&outbox->frozen_head, outbox->count);
    record_end(&outbox->frozen_head, start);
    outbox->frozen_links = 0;
    outbox->link_open = false;
}

/* False: `out` is full. */
static bool save_link(struct outbox *outbox, struct link *link, size_t size_max, struct buffer *out)
{
    bool early;
    if (!outbox->link_open) {
        size_t start = record_begin(out, SECTION_OUTBOX, RECORD_LINK);
        buffer_append_u32(out, link->destination);
        buffer_append_u64(out, link->frozen_first);
        buffer_append_u64(out, frozen_queue_left(&link->frozen, sizeof(struct message)));
        record_end(out, start);
        outbox->link_open = true;
    }
    for (struct message *message; (message = frozen_message(link, &early)) != NULL;) {
        if (out->size >= size_max)
            return false;
        size_t start = record_begin(out, SECTION_OUTBOX, RECORD_MESSAGE);
        buffer_append(out, bytes_of(message->data, message->size));
        record_end(out, start);
        if (early)
            memory_free(message->data);
        frozen_queue_pass(&link->frozen, sizeof(struct message));
    }
    outbox->link_open = false;
    return true;
}

static bool save(void *component, size_t size_max, struct buffer *out)
{
    struct outbox *outbox = component;
    buffer_append(out, buffer_bytes(&outbox->frozen_head));
    buffer_clear(&outbox->frozen_head);
    for (size_t i = 0; i < outbox->count; i++) {
        struct link *link = &outbox->links[i];
        if (link->frozen_first == 0 || link->destination < outbox->frozen_links)
            continue;
        if (out->size >= size_max || !save_link(outbox, link, size_max, out))
            return false;
        outbox->frozen_links = (uint64_t)link->destination + 1;
    }
    return true;
}

static enum grid_err load_link(struct outbox *outbox, uint32_t partitions, struct reader *body, const char **ret_note)
{
    uint32_t destination = reader_u32(body);
    uint64_t first = reader_u64(body);
    outbox->awaited_messages = reader_u64(body);
    if (destination >= partitions || first == 0 || outbox->awaited_messages > UINT64_MAX - first)
        return record_corrupt("not a link to a partition", ret_note);
    if (outbox->count > 0 && outbox->links[outbox->count - 1].destination >= destination)
        return record_corrupt("the destinations do not ascend", ret_note);
    if (first == 1 && outbox->awaited_messages == 0)
        return record_corrupt("a link without a message", ret_note);
    ensure_link(outbox, destination)->first = first;
    outbox->awaited--;
    return GRID_ERR_OK;
}

static enum grid_err load_message(struct outbox *outbox, struct reader *body, const char **ret_note)
{
    const struct link *link = &outbox->links[outbox->count - 1];
    struct bytes bytes = reader_take(body, reader_left(body));
    struct link_message message;
    if (bytes.size == 0 || link_message_decode(bytes, &message) != GRID_ERR_OK || message.sequence != link->first + link->count)
        return record_corrupt("not the link's next message", ret_note);
    outbox_add(outbox, link->destination, bytes);
    outbox->awaited_messages--;
    return GRID_ERR_OK;
}

static enum grid_err load(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct outbox *outbox = component;
    if (kind == RECORD_LINK && outbox->awaited > 0 && outbox->awaited_messages == 0)
        return load_link(outbox, context->partitions, body, ret_note);
    if (kind == RECORD_MESSAGE && outbox->awaited_messages > 0)
        return load_message(outbox, body, ret_note);
    if (kind != RECORD_FIRST)
        return record_corrupt("not a record of the outbox, one too many, or messages are missing before it", ret_note);
    outbox->loading_version = reader_u64(body);
    outbox->awaited = reader_u64(body);
    return GRID_ERR_OK;
}

static enum grid_err loaded(void *component, const struct load_context *context, const char **ret_note)
{
    struct outbox *outbox = component;
    (void)context;
    if (outbox->awaited != 0 || outbox->awaited_messages != 0)
        return record_corrupt("links or messages are missing", ret_note);
    outbox->version = outbox->loading_version;
    return GRID_ERR_OK;
}

const struct component outbox_component = {"outbox", freeze, save, thaw, load, loaded};
