/* Reads of journals that wait for the next record, so that clients need not poll.
 *
 * Copies what it keeps. Owned by a replica; costs nothing while it is empty. A read stays valid as long as this node
 * leads, because everything that is applied later was committed later. */
#ifndef GRID_NODE_REPLICA_PARKED_H
#define GRID_NODE_REPLICA_PARKED_H

#include "grid/node/replica/replica.h"

enum { PARKED_MAX = 4096 };            /* of one partition; more are answered at once, with nothing */

struct parked_read;
struct parked { struct parked_read *reads; size_t count, capacity; };  /* all zero is empty */

void parked_close(struct parked *parked);
/* False: no room. */
bool parked_add(struct parked *parked, const struct query *query, const struct waiter *waiter, uint64_t until_us);
/* Removes each read that is ready or late, or all of them, and passes it to `serve`. */
struct parked_serve {
    void *context;
    bool (*ready)(void *context, struct query *query);
    void (*serve)(void *context, const struct query *query, const struct waiter *waiter);
};
void parked_run(struct parked *parked, uint64_t now_us, const struct parked_serve *serve);

#endif
