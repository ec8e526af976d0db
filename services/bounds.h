/* Bounds of the fields that people give to the built-in services. The services refuse by them, and the edge refuses by them
 * first, with line and field: there is one list, so both always agree.
 *
 * Texts are counted in characters, ids and email addresses in bytes, money in minor units. Decisions of replicas depend on these
 * numbers: a change of one needs a feature level of its own. */
#ifndef SERVICES_BOUNDS_H
#define SERVICES_BOUNDS_H

#include <stdint.h>

struct bound { int64_t least, most; };

#define BOUND(least, most) ((struct bound){(least), (most)})

enum {
    EMAIL_BYTES_MAX = 254,
    TEXT_CHARACTERS_MAX = 500,             /* addresses and reasons that people give */
    /* Reasons between services: a saga passes on what people or the provider said, with words of its own. */
    REASON_CHARACTERS_MAX = 2 * TEXT_CHARACTERS_MAX,
    QUANTITY_MAX = 1000000000,             /* units of one line, one replenishment or a product's beginning */
    ORDER_LINES_MAX = 100,
};

#define BOUND_ADDRESS BOUND(0, TEXT_CHARACTERS_MAX)
#define BOUND_REASON BOUND(0, TEXT_CHARACTERS_MAX)
#define BOUND_PASSED_REASON BOUND(0, REASON_CHARACTERS_MAX)
#define BOUND_QUANTITY BOUND(1, QUANTITY_MAX)
#define BOUND_PRICE BOUND(1, INT64_MAX)

#define BOUND_CUSTOMER_NAME BOUND(2, 100)
#define BOUND_CUSTOMER_PHONE BOUND(0, 40)

#define BOUND_PRODUCT_SKU BOUND(1, 50)
#define BOUND_PRODUCT_NAME BOUND(2, 200)
#define BOUND_PRODUCT_DESCRIPTION BOUND(0, 1000)
#define BOUND_PRODUCT_CATEGORY BOUND(0, 100)
#define BOUND_PRODUCT_STOCK BOUND(0, QUANTITY_MAX)

#define BOUND_ORDER_LINES BOUND(1, ORDER_LINES_MAX)
/* The quote repeats what the views of customer and products say. */
#define BOUND_QUOTED_CUSTOMER BOUND(0, 100)
#define BOUND_QUOTED_EMAIL BOUND(0, EMAIL_BYTES_MAX)
#define BOUND_QUOTED_NAME BOUND(0, 200)
#define BOUND_QUOTED_SKU BOUND(0, 50)
#define BOUND_CANCELLED_BY BOUND(0, 100)

#define BOUND_CHARGE BOUND(1, INT64_MAX)
/* In a command 0 means all that is captured and not refunded; people leave the amount out for that. */
#define BOUND_REFUND BOUND(0, INT64_MAX)
#define BOUND_REFUND_GIVEN BOUND(1, INT64_MAX)

#endif
