#include "grid/node/report/log_use.h"

#include <stddef.h>

#include "grid/base/check.h"

static uint64_t share(uint64_t bound, unsigned percent)
{
    return bound / 100 * percent + bound % 100 * percent / 100;
}

unsigned log_use_look(struct log_use *use, uint64_t used, uint64_t bound)
{
    static const unsigned steps[] = {LOG_USE_FULL_PERCENT, LOG_USE_LATE_PERCENT, LOG_USE_WARN_PERCENT};
    REQUIRE(bound > 0);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (used < share(bound, steps[i]))
            continue;
        if (steps[i] <= use->said_percent)
            return 0;
        use->said_percent = steps[i];
        return steps[i];
    }
    return 0;
}
