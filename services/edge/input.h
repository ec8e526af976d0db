/* Turns customers, products and orders in JSON into commands; reads strictly (fields.h).
 *
 * Fields (money is a decimal, in quotes or not, and exact; any other field is an error):
 *   customer  customerId?, email, name, address?, phone?
 *   product   productId?, sku, name, description?, price, currency, initialQuantity? (0), category?
 *   order     orderId?, customerId, lines: [{productId, quantity}], shippingAddress?, paymentMethod, mode?
 *
 * A line is refused here, with its field and what is allowed, exactly when a service would refuse a value in it: both check by
 * services/bounds.h. What needs the state of the grid (an id that exists, stock, a sum that is too large) is for the services alone.
 * Text and messages live in the caller's arena. */
#ifndef SERVICES_EDGE_INPUT_H
#define SERVICES_EDGE_INPUT_H

#include "grid/base/arena.h"
#include "grid/base/bytes.h"

/* A command without a quote, ready to send. */
struct input_command { const char *id; uint32_t service, type; struct bytes body; };   /* id NULL: none was given */

struct input_line { const char *product_id; int64_t quantity; };
struct input_order {
    const char *order_id;                  /* NULL: none was given */
    const char *customer_id, *shipping_address;
    int payment_method, mode;              /* numbers of the schema; mode 0: the default */
    struct input_line *lines; size_t lines_count;
};

/* Each returns false with a reason for people, in the arena. */
bool input_customer(struct bytes text, struct arena *arena, struct input_command *ret_command, const char **ret_reason);
bool input_product(struct bytes text, struct arena *arena, struct input_command *ret_command, const char **ret_reason);
bool input_order(struct bytes text, struct arena *arena, struct input_order *ret_order, const char **ret_reason);

#endif
