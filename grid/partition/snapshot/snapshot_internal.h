/* Private to grid/partition/snapshot: the list of components, in the order of their sections.
 *
 *     sections.c   the list, and the section of the partition's own numbers
 *     save.c       freezes all of them and writes one after the other
 *     load.c       cuts pieces into records and gives each to its component
 *     restore.c    the same in steps of the log, for a whole cluster */
#ifndef GRID_PARTITION_SNAPSHOT_SNAPSHOT_INTERNAL_H
#define GRID_PARTITION_SNAPSHOT_SNAPSHOT_INTERNAL_H

#include "grid/partition/component.h"
#include "grid/partition/partition_internal.h"

enum { SECTIONS = 11, END_BODY_BYTES = 16 };

struct partition_save {
    struct partition *partition;
    struct buffer numbers;             /* the record of the partition's own numbers */
    unsigned section;                  /* place of the one being written */
    uint64_t records, digest;          /* of what is written */
    bool complete;
    bool orphaned;                     /* the partition was replaced meanwhile and is only kept for this */
};

struct partition_load {
    struct partition *partition, *fresh;
    struct load_context context;
    struct buffer part;                /* the beginning of a record */
    unsigned section;                  /* place of the one being loaded */
    bool section_begun, complete;
    uint64_t records, bytes, digest;   /* loaded */
    uint64_t section_records;
    enum grid_err err;
    char *note;
};

/* A whole state takes the place of the present one, also while an entry is applied, and also while that one is frozen: then its save goes on. Closes `load`. */
void partition_load_take(struct partition_load *load);

struct section_of { enum section number; const struct component *component; };
const struct section_of *section_at(unsigned place);
void *section_state(struct partition *partition, unsigned place);  /* what the component's functions get; NULL: the section is left out */

/* Running hash of records: each with its head. */
uint64_t section_digest(uint64_t digest, struct bytes record);

#endif
