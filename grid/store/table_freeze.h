/* What a table contained when it was frozen, in canonical order, while the table is changed: copy on first write.
 *
 * Shape: an epoch of the table. An entry that is overwritten or removed before it was given is copied into a second table of
 * the same seed and capacity, so the frozen order is a merge of both. An entry that was not changed is not copied.
 *
 * Embedded; must not move while it is on. All zero: off. Borrows the table, which may be changed in every way but table_close and
 * table_discard. Single threaded. Memory: the copies, and 8 bytes of slots for each place of the table near one. */
#ifndef GRID_STORE_TABLE_FREEZE_H
#define GRID_STORE_TABLE_FREEZE_H

#include "grid/store/table.h"

/* A number that belongs to an entry and is kept elsewhere, for example its expiry; called before the entry's first change. */
typedef uint64_t (*table_extra_fn)(void *context, const struct table_entry *entry);

struct table_freeze {
    struct table *table;               /* NULL: off */
    struct table *early;               /* copies; NULL: no copy was made */
    table_extra_fn extra;              /* NULL: 0 */
    void *context;
    uint64_t from;                     /* entries of the table with a lower hash were given or have changed */
    uint64_t early_from;               /* no copy has a lower hash */
    bool given_early;                  /* the first copy was given and is not removed yet */
    bool ended;
};

struct frozen_entry { struct table_entry entry; uint64_t extra; };

void table_freeze_begin(struct table_freeze *freeze, struct table *table, table_extra_fn extra, void *context);
/* The next frozen entry, borrowed until the next call or change of the table. Looks at *visits entries at most and counts them
 * down; LATER: call again. */
enum table_step table_freeze_next(struct table_freeze *freeze, unsigned *visits, struct frozen_entry *ret_entry);
/* Ends it, at any time; also when it is off. Returns what is left of the copies, for table_discard and table_close; NULL: nothing. */
struct table *table_freeze_end(struct table_freeze *freeze);

/* ---- the other way: fills an empty table with entries in canonical order. All zero: off. */
struct table_fill { struct table *table; uint64_t hash; struct buffer key; };

void table_fill_begin(struct table_fill *fill, struct table *table, uint64_t entries);
/* False: the key does not follow the one before. */
bool table_fill_add(struct table_fill *fill, struct bytes key, struct bytes value, uint64_t version);
void table_fill_end(struct table_fill *fill);                      /* at any time; also when it is off */

#endif
