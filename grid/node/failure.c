/* The end of a node that cannot go on: said once. */
#include "grid/node/node_internal.h"

void node_fail(struct node *node, enum grid_err err, const char *what)
{
    if (node->failed)
        return;
    node->failed = true;
    node->fatal(node->context, err, what);
}
