/* Ids of lines that bring none: derived from the line's bytes and its ordinal among equal lines of the file, so that a
 * file that is submitted again creates nothing twice, while two equal lines are two orders.
 *
 * An id has the form of a UUID of version 8 (RFC 9562: content of one's own): 122 bits of two hashes of the bytes, with
 * the ordinal as their seed. All zero is a valid start of a file. */
#ifndef TOOLS_GRIDCTL_COMMANDS_SHOP_DERIVED_ID_H
#define TOOLS_GRIDCTL_COMMANDS_SHOP_DERIVED_ID_H

#include "grid/base/bytes.h"

enum { DERIVED_ID_BYTES = 37 };            /* with the closing zero */

struct derived_seen;
struct derived_ids { struct derived_seen *seen; size_t count, capacity; };

/* The id of the next line; `line` without its end. */
void derived_id_next(struct derived_ids *ids, struct bytes line, char ret_id[DERIVED_ID_BYTES]);
/* An id like no other: a UUID of version 4, from the system's randomness. */
void derived_id_fresh(char ret_id[DERIVED_ID_BYTES]);
void derived_ids_close(struct derived_ids *ids);

#endif
