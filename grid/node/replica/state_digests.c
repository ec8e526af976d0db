#include "grid/node/replica/state_digests.h"

void state_digests_add(struct state_digests *digests, uint64_t index, uint64_t digest)
{
    digests->last = index;
    digests->kept[index % STATE_DIGESTS_KEPT].index = index;
    digests->kept[index % STATE_DIGESTS_KEPT].digest = digest;
}

bool state_digests_at(const struct state_digests *digests, uint64_t index, uint64_t *ret_digest)
{
    if (index == 0 || digests->kept[index % STATE_DIGESTS_KEPT].index != index)
        return false;
    *ret_digest = digests->kept[index % STATE_DIGESTS_KEPT].digest;
    return true;
}
