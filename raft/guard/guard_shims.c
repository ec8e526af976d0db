#include "raft/guard/guard_shims.h"

#include "raft/guard/guard.h"

bool guard_enabled(const struct guard *guard, enum guard_shim shim)
{
    return (guard->options.disabled & UINT64_C(1) << shim) == 0;
}
