#include "grid/node/settings.h"

#include "grid/base/hash.h"

uint64_t node_settings_digest(const struct node_settings *settings)
{
    struct buffer text = {0};
    buffer_append_format(&text, "%s\n%u\n%d\n", settings->cluster, settings->partitions, settings->sync);
    for (size_t i = 0; i < settings->members_count; i++)
        buffer_append_format(&text, "%u %s %s\n", settings->members[i].id.value, settings->members[i].client_address,
                             settings->members[i].peer_address);
    uint64_t digest = hash_xxh3(buffer_bytes(&text), 0);
    buffer_close(&text);
    return digest ? digest : 1;
}

const struct node_member *node_settings_member(const struct node_settings *settings, struct node_id id)
{
    for (size_t i = 0; i < settings->members_count; i++)
        if (node_id_equal(settings->members[i].id, id))
            return &settings->members[i];
    return NULL;
}
