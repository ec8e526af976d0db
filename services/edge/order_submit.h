/* Placing an order from an edge: reads the quote and sends CreateOrder. All edges share it.
 *
 * decide sees only its own partition, so the command contains the data of other partitions: names, skus and unit prices of
 * the products, name and email of the customer, each read linearizably. If a product or customer cannot be read, the
 * order is not sent. The quoted data may change meanwhile, so its owners check it again. */
#ifndef SERVICES_EDGE_ORDER_SUBMIT_H
#define SERVICES_EDGE_ORDER_SUBMIT_H

#include "client/grid_client.h"
#include "services/edge/input.h"

/* `reason` is not NULL: there is no quote, nothing was sent, and the reply is that of the failed read, or NULL
 * if the read found nothing. Otherwise the reply is that of CreateOrder. */
typedef void (*order_submitted_fn)(void *context, const char *reason, const struct grid_reply *reply);

struct order_submit { struct grid_client *client; const char *order_id; order_submitted_fn done; void *context; };

/* Takes the arena, in which the order lives, and closes it at the end. `done` runs exactly once, from the loop. */
void order_submit(const struct order_submit *submit, const struct input_order *order, struct arena *arena);

#endif
