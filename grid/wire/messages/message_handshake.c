#include "grid/base/limits.h"
#include "grid/wire/messages/messages_internal.h"

void hello_encode(const struct message_hello *hello, struct buffer *out)
{
    wire_put_u64(out, 1, hello->protocol);
    wire_put_bytes(out, 2, hello->client_name);
    wire_put_u64(out, 3, hello->protocols.min);
    wire_put_u64(out, 4, hello->protocols.max);
    names_put(out, 5, hello->features.names, hello->features.count);
}

enum grid_err hello_decode(struct bytes in, struct message_hello *ret_hello)
{
    struct message_hello hello = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: hello.protocol = wire_u32(&reader); break;
        case 2: hello.client_name = wire_text(&reader); break;
        case 3: hello.protocols.min = wire_u32(&reader); break;
        case 4: hello.protocols.max = wire_u32(&reader); break;
        case 5: names_take(&reader, hello.features.names, &hello.features.count); break;
        default: wire_skip(&reader);
        }
    }
    *ret_hello = hello;
    return wire_end(&reader);
}

/* ---- names of features */

void names_put(struct buffer *out, uint32_t field, const struct bytes *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wire_put_element(out, field, names[i]);
}

struct bytes *names_array(struct wire_reader *reader, uint32_t field, struct arena *arena)
{
    size_t count = wire_count(reader, field, FEATURES_SAID_MAX);
    return count > 0 ? arena_alloc(arena, count * sizeof(struct bytes)) : NULL;
}

void names_take(struct wire_reader *reader, struct bytes *names, size_t *count)
{
    struct bytes name = wire_repeated(reader);
    if (!wire_text_valid(name) || *count == FEATURES_SAID_MAX)
        wire_check(reader, GRID_ERR_MALFORMED);
    if (!reader->failed)
        names[(*count)++] = name;
}

/* ---- members */

void member_put(struct buffer *out, uint32_t field, const struct message_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct message_member *member = &members[i];
        struct wire_nested nested = wire_nested_begin(out, field, 0);
        wire_put_u64(out, 1, member->node.value);
        wire_put_bytes(out, 2, member->client_address);
        wire_put_bytes(out, 3, member->peer_address);
        wire_nested_end(out, nested);
    }
}

static enum grid_err member_decode(struct bytes in, struct message_member *ret_member)
{
    struct message_member member = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: member.node.value = wire_u32(&reader); break;
        case 2: member.client_address = wire_text(&reader); break;
        case 3: member.peer_address = wire_text(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    *ret_member = member;
    return wire_end(&reader);
}

void member_take(struct wire_reader *reader, struct message_member *members, size_t *count)
{
    struct bytes in = wire_repeated(reader);
    if (!reader->failed)
        wire_check(reader, member_decode(in, &members[(*count)++]));
}

struct message_member *member_array(struct wire_reader *reader, uint32_t field, struct arena *arena)
{
    size_t count = wire_count(reader, field, NODES_MAX);
    return count > 0 ? arena_alloc(arena, count * sizeof(struct message_member)) : NULL;
}

/* ---- partition table */

void table_encode(const struct message_table *table, struct buffer *out)
{
    wire_put_u64(out, 1, table->version);
    wire_put_u64(out, 2, table->partitions);
    member_put(out, 3, table->members, table->members_count);
    wire_put_packed_u32(out, 4, table->leaders, table->leaders_count);
}

enum grid_err table_decode(struct bytes in, struct arena *arena, struct message_table *ret_table)
{
    struct message_table table = {0};
    struct wire_reader reader = wire_reader_of(in);
    struct message_member *members = member_array(&reader, 3, arena);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: table.version = wire_u64(&reader); break;
        case 2: table.partitions = wire_u32(&reader); break;
        case 3: member_take(&reader, members, &table.members_count); break;
        case 4: table.leaders = wire_packed_u32(&reader, arena, PARTITIONS_MAX, &table.leaders_count); break;
        default: wire_unknown(&reader);
        }
    }
    table.members = members;
    *ret_table = table;
    return wire_end(&reader);
}

/* ---- welcome */

void welcome_encode(const struct message_welcome *welcome, struct buffer *out)
{
    wire_put_u64(out, 1, welcome->protocol);
    wire_put_bytes(out, 2, welcome->cluster);
    wire_put_u64(out, 3, welcome->node.value);
    struct wire_nested nested = wire_nested_begin(out, 4, 128);
    table_encode(&welcome->table, out);
    wire_nested_end(out, nested);
    wire_put_bytes(out, 5, welcome->cluster_uuid);
    wire_put_u64(out, 6, welcome->protocols.min);
    wire_put_u64(out, 7, welcome->protocols.max);
    names_put(out, 8, welcome->features.names, welcome->features.count);
}

enum grid_err welcome_decode(struct bytes in, struct arena *arena, struct message_welcome *ret_welcome)
{
    struct message_welcome welcome = {0};
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: welcome.protocol = wire_u32(&reader); break;
        case 2: welcome.cluster = wire_text(&reader); break;
        case 3: welcome.node.value = wire_u32(&reader); break;
        case 4: wire_check(&reader, table_decode(wire_bytes(&reader), arena, &welcome.table)); break;
        case 5: welcome.cluster_uuid = wire_bytes(&reader); break;
        case 6: welcome.protocols.min = wire_u32(&reader); break;
        case 7: welcome.protocols.max = wire_u32(&reader); break;
        case 8: names_take(&reader, welcome.features.names, &welcome.features.count); break;
        default: wire_skip(&reader);
        }
    }
    *ret_welcome = welcome;
    return wire_end(&reader);
}
