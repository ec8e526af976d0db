#include "raft/guard/guard_configuration.h"

#include <string.h>

#include "grid/base/check.h"
#include "raft/guard/raft_message.h"

size_t guard_configuration_ids(struct bytes encoded, uint64_t ids[REPLICAS_MAX])
{
    if (!raft_message_configuration_valid(encoded))
        return 0;
    struct reader reader = reader_of(encoded);
    reader_u8(&reader);
    uint64_t count = reader_u64(&reader);
    if (count > REPLICAS_MAX)
        return 0;
    for (uint64_t i = 0; i < count; i++) {
        ids[i] = reader_u64(&reader);
        reader_take(&reader, strlen((const char *)reader.at) + 1);
        reader_u8(&reader);
    }
    return (size_t)count;
}

bool guard_configuration_decode(struct bytes encoded, struct raft_configuration *ret_configuration)
{
    if (!raft_message_configuration_valid(encoded))
        return false;
    raft_configuration_init(ret_configuration);
    struct reader reader = reader_of(encoded);
    reader_u8(&reader);
    uint64_t count = reader_u64(&reader);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t id = reader_u64(&reader);
        const char *address = (const char *)reader.at;
        reader_take(&reader, strlen(address) + 1);
        int failed = raft_configuration_add(ret_configuration, id, address, reader_u8(&reader));
        REQUIRE(failed == 0);
    }
    return true;
}
