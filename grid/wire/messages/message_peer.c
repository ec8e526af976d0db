/* The hello between nodes. */
#include "grid/base/limits.h"
#include "grid/base/uuid.h"
#include "grid/wire/messages/messages_internal.h"

void peer_hello_encode(const struct message_peer_hello *hello, struct buffer *out)
{
    wire_put_u64(out, 1, hello->protocols.min);
    wire_put_u64(out, 2, hello->protocols.max);
    wire_put_u64(out, 3, hello->node.value);
    wire_put_bytes(out, 4, hello->cluster_uuid);
    wire_put_u64(out, 5, hello->incarnation);
    names_put(out, 6, hello->features, hello->features_count);
    wire_put_u64(out, 7, hello->partitions);
    wire_put_bytes(out, 8, hello->version);
    wire_put_bytes(out, 9, hello->known);
    wire_put_u64(out, 10, hello->lost);
    wire_put_packed_u32(out, 12, hello->members, hello->members_count);
    wire_put_packed_u32(out, 13, hello->services, hello->services_count);
}

enum grid_err peer_hello_decode(struct bytes in, struct arena *arena, struct message_peer_hello *ret_hello)
{
    struct message_peer_hello hello = {0};
    struct wire_reader reader = wire_reader_of(in);
    struct bytes *features = names_array(&reader, 6, arena);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: hello.protocols.min = wire_u32(&reader); break;
        case 2: hello.protocols.max = wire_u32(&reader); break;
        case 3: hello.node.value = wire_u32(&reader); break;
        case 4: hello.cluster_uuid = wire_bytes(&reader); break;
        case 5: hello.incarnation = wire_u64(&reader); break;
        case 6: names_take(&reader, features, &hello.features_count); break;
        case 7: hello.partitions = wire_u32(&reader); break;
        case 8: hello.version = wire_text(&reader); break;
        case 9: hello.known = wire_bytes(&reader); break;
        case 10: hello.lost = wire_u32(&reader); break;
        case 12: hello.members = wire_packed_u32(&reader, arena, NODES_MAX, &hello.members_count); break;
        case 13: hello.services = wire_packed_u32(&reader, arena, SERVICES_MAX, &hello.services_count); break;
        default: wire_skip(&reader);
        }
    }
    hello.features = features;
    if (hello.cluster_uuid.size != UUID_BYTES)
        wire_check(&reader, GRID_ERR_MALFORMED);
    *ret_hello = hello;
    return wire_end(&reader);
}
