#include "grid/partition/links/outbox.h"

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/base/sorted_row.h"

struct message {
    uint8_t *data;
    size_t size;
};

struct link {
    uint32_t destination;
    uint64_t first;               /* sequence of the oldest kept message */
    size_t head, count, capacity; /* ring of messages; capacity is a power of two */
    struct message *ring;
};

struct outbox {
    struct link *links; /* ordered by destination */
    size_t count, capacity;
    uint64_t pending, version;
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

void outbox_close(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
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
        memory_free(message_at(link, 0)->data);
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
