/* What is known of the members: by id, and for the layers above. */
#include "raft/peers/peers_internal.h"

struct member *peers_find(const struct peers *peers, struct node_id id)
{
    for (size_t i = 0; i < peers->members_count; i++)
        if (node_id_equal(peers->members[i].address.id, id))
            return &peers->members[i];
    return NULL;
}

bool peers_up(const struct peers *peers, struct node_id peer)
{
    const struct member *member = peers_find(peers, peer);
    return member != NULL && member->up != NULL;
}

bool peers_feature(const struct peers *peers, struct node_id peer, enum wire_feature feature)
{
    const struct member *member = peers_find(peers, peer);
    return member != NULL && member->up != NULL && feature_in(member->said.features, feature);
}

bool peers_services(const struct peers *peers, struct node_id peer, const uint32_t **ret_numbers, size_t *ret_count)
{
    if (!peers_feature(peers, peer, FEATURE_SERVICES))
        return false;
    const struct peer_said *said = &peers_find(peers, peer)->said;
    *ret_numbers = said->services;
    *ret_count = said->services_count;
    return true;
}

uint64_t peers_incarnation(const struct peers *peers, struct node_id peer)
{
    const struct member *member = peers_find(peers, peer);
    return member == NULL ? 0 : member->said.incarnation;
}

const char *peers_version(const struct peers *peers, struct node_id peer)
{
    const struct member *member = peers_find(peers, peer);
    return member == NULL ? "" : member->said.version;
}
