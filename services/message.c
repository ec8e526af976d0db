#include "services/message.h"

#include <protobuf-c/protobuf-c.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/wire/protobuf_wire.h"

static void *allocate(void *context, size_t size)
{
    return arena_alloc(context, size);
}

static void keep(void *context, void *memory)
{
    (void)context;
    (void)memory;
}

void *message_unpack(const struct ProtobufCMessageDescriptor *descriptor, struct bytes in, struct arena *arena)
{
    REQUIRE(descriptor != NULL && arena != NULL);
    ProtobufCAllocator allocator = {.alloc = allocate, .free = keep, .allocator_data = arena};
    static const uint8_t nothing[1] = {0};
    return protobuf_c_message_unpack(descriptor, &allocator, in.size, in.size == 0 ? nothing : in.data);
}

/* Messages still to be looked at. Types are not recursive, so a message holds few levels and the list stays short. */
struct pending {
    const ProtobufCMessage **messages;
    size_t count, capacity;
    struct arena *arena;
};

static void push(struct pending *pending, const ProtobufCMessage *message)
{
    if (pending->count == pending->capacity) {
        size_t capacity = pending->capacity == 0 ? 16 : 2 * pending->capacity;
        const ProtobufCMessage **grown = arena_alloc(pending->arena, capacity * sizeof *grown);
        if (pending->count != 0)
            memcpy(grown, pending->messages, pending->count * sizeof *grown);
        pending->messages = grown;
        pending->capacity = capacity;
    }
    pending->messages[pending->count++] = message;
}

static bool value_valid(const void *value, const ProtobufCFieldDescriptor *field, struct pending *pending)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)value;
        return text == NULL || wire_utf8_valid(bytes_of_text(text));
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE && *(const ProtobufCMessage *const *)value != NULL)
        push(pending, *(const ProtobufCMessage *const *)value);
    return true;
}

static bool field_valid(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, struct pending *pending)
{
    const uint8_t *at = (const uint8_t *)message + field->offset;
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return value_valid(at, field, pending);
    if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
        return true;
    size_t count = *(const size_t *)(const void *)((const uint8_t *)message + field->quantifier_offset);
    const void *const *values = *(const void *const *const *)(const void *)at;
    for (size_t i = 0; i < count; i++)
        if (!value_valid(&values[i], field, pending))
            return false;
    return true;
}

void *message_unpack_strict(const struct ProtobufCMessageDescriptor *descriptor, struct bytes in, struct arena *arena)
{
    void *message = message_unpack(descriptor, in, arena);
    if (message == NULL)
        return NULL;
    struct pending pending = {.arena = arena};
    push(&pending, message);
    while (pending.count != 0) {
        const ProtobufCMessage *each = pending.messages[--pending.count];
        if (each->n_unknown_fields != 0)
            return NULL;
        for (unsigned i = 0; i < each->descriptor->n_fields; i++)
            if (!field_valid(each, &each->descriptor->fields[i], &pending))
                return NULL;
    }
    return message;
}

void message_pack(const void *message, struct buffer *out)
{
    REQUIRE(message != NULL && out != NULL);
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *at = buffer_extend(out, size);
    size_t packed = size == 0 ? 0 : protobuf_c_message_pack(message, at);
    ENSURE(packed == size);
}

struct bytes message_pack_arena(const void *message, struct arena *arena)
{
    REQUIRE(message != NULL && arena != NULL);
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *at = arena_alloc(arena, size);
    size_t packed = size == 0 ? 0 : protobuf_c_message_pack(message, at);
    ENSURE(packed == size);
    return bytes_of(at, size);
}
