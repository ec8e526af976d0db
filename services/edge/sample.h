/* Customers, products and orders that are all alike, for loads: an order's quote is known without reading anything.
 *
 * Each body is a command's, packed into the arena, which the caller owns. A product costs SAMPLE_PRICE_MINOR. */
#ifndef SERVICES_EDGE_SAMPLE_H
#define SERVICES_EDGE_SAMPLE_H

#include "services/edge/input.h"

enum {
    SAMPLE_PRICE_MINOR = 1000,
    SAMPLE_STOCK = 1000 * 1000 * 1000,     /* of each product: the largest that one may begin with */
    SAMPLE_UNITS_DECLINED = 2000,          /* of one line: dearer than what the built-in provider charges */
};

struct input_command sample_customer(struct arena *arena);
struct input_command sample_product(struct arena *arena);
struct input_command sample_order(const char *customer_id, const struct input_line *lines, size_t lines_count,
                                  struct arena *arena);

/* What an event of `order.events` says of its order. */
enum sample_end { SAMPLE_GOES_ON, SAMPLE_CONFIRMED, SAMPLE_CANCELLED };
enum sample_end sample_end_of(struct bytes event);

#endif
