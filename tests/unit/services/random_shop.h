/* One random run of a shop from a seed: random orders under random faults, then healing, then rest. */
#ifndef TESTS_UNIT_SERVICES_RANDOM_SHOP_H
#define TESTS_UNIT_SERVICES_RANDOM_SHOP_H

#include "tests/unit/services/shop.h"

struct random_run {
    struct business_report report;         /* at rest */
    struct harness_counts counts;
    bool settled;
};

/* `services` NULL: the built-in ones. */
struct random_run random_shop_run(uint64_t seed, const struct service_registry *services);

#endif
