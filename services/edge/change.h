/* Commands that change what is there: a customer's data and status, stock, the cancellation of an order, a refund.
 *
 * Each fills a command ready to send. What the schema cannot say (an amount in a currency, a word, fields that stay as they are)
 * needs the view that was read before; bounds are the services' to check. Messages live in the caller's arena. Threads: none. */
#ifndef SERVICES_EDGE_CHANGE_H
#define SERVICES_EDGE_CHANGE_H

#include "grid/base/arena.h"
#include "grid/base/bytes.h"

struct change_command {
    uint32_t service, type;
    struct bytes body;
    uint64_t made_from;                    /* the last event of the view whose fields the body repeats; 0: it repeats none */
};

void change_replenish(int64_t quantity, const char *reason, struct arena *arena, struct change_command *ret_command);
void change_cancel(const char *reason, const char *cancelled_by, struct arena *arena, struct change_command *ret_command);

/* `view`: the payment's. `amount` is a decimal in its currency; NULL: all that is captured and not refunded. False, with a reason
 * for people, when `amount` is not a decimal above 0 or the view cannot be read. */
struct change_refund { const char *amount, *reason; };
bool change_refund(const struct change_refund *refund, struct bytes view, struct arena *arena, struct change_command *ret_command,
                   const char **ret_reason);

/* `view`: the customer's. NULL: stays as it is. */
struct change_customer { const char *name, *address, *phone; };
bool change_customer(const struct change_customer *changes, struct bytes view, struct arena *arena, struct change_command *ret_command,
                     const char **ret_reason);
/* `status` in any case of letters; false: no such status, and ret_reason lists them. */
bool change_customer_status(const char *status, const char *reason, struct arena *arena, struct change_command *ret_command,
                            const char **ret_reason);

#endif
