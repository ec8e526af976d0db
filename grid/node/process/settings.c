#include "grid/node/process/settings.h"

#include "grid/base/check.h"

struct uuid node_settings_cluster_uuid(const struct node_settings *settings)
{
    struct uuid uuid;
    if (!settings->cluster_uuid[0])
        return uuid_of_name(bytes_of_text(settings->cluster));
    bool good = uuid_parse(settings->cluster_uuid, &uuid);
    REQUIRE(good);
    return uuid;
}

const struct node_member *node_settings_member(const struct node_settings *settings, struct node_id id)
{
    for (size_t i = 0; i < settings->members_count; i++)
        if (node_id_equal(settings->members[i].id, id))
            return &settings->members[i];
    return NULL;
}

const char *node_settings_client_listen(const struct node_settings *settings)
{
    return settings->client_listen[0] ? settings->client_listen : node_settings_member(settings, settings->self)->client_address;
}

const char *node_settings_peer_listen(const struct node_settings *settings)
{
    return settings->peer_listen[0] ? settings->peer_listen : node_settings_member(settings, settings->self)->peer_address;
}
