/* Commands that change what is there: a customer's data and status, stock, the cancellation of an order, a refund.
 *
 * Each fills a command ready to send. What the schema cannot say (an amount in a currency, a word, fields that stay as they are)
 * needs the view that was read before. What a service would refuse by services/bounds.h is refused here: then a function returns
 * false with a reason for people. Messages and reasons live in the caller's arena. Threads: none. */
#ifndef SERVICES_EDGE_CHANGE_H
#define SERVICES_EDGE_CHANGE_H

#include "grid/base/arena.h"
#include "grid/base/bytes.h"

struct change_command {
    uint32_t service, type;
    struct bytes body;
    uint64_t made_from;                    /* the last event of the view whose fields the body repeats; 0: it repeats none */
};

/* `quantity` as it was written. */
bool change_replenish(const char *quantity, const char *reason, struct arena *arena, struct change_command *ret_command,
                      const char **ret_reason);
bool change_cancel(const char *reason, const char *cancelled_by, struct arena *arena, struct change_command *ret_command,
                   const char **ret_reason);

/* `view`: the payment's. `amount` is a decimal in its currency; NULL: all that is captured and not refunded. */
struct change_refund { const char *amount, *reason; };
bool change_refund(const struct change_refund *refund, struct bytes view, struct arena *arena, struct change_command *ret_command,
                   const char **ret_reason);

/* `view`: the customer's. NULL: stays as it is. What is given can be checked before the view is read. */
struct change_customer { const char *name, *address, *phone; };
bool change_customer_allowed(const struct change_customer *changes, struct arena *arena, const char **ret_reason);
bool change_customer(const struct change_customer *changes, struct bytes view, struct arena *arena, struct change_command *ret_command,
                     const char **ret_reason);
/* `status` in any case of letters; the reason for a wrong one lists them. */
bool change_customer_status(const char *status, const char *reason, struct arena *arena, struct change_command *ret_command,
                            const char **ret_reason);

/* What a refusal says, for people; the note itself or a better text in the arena. A note of the services stays as it is, because
 * answers are part of the replicated state: nodes of two versions must give the same bytes. */
const char *change_refusal(const char *refusal, const char *note, struct arena *arena);

#endif
