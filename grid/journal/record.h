/* One record of a journal: a change of one entry of a map. A plain value; its bytes are borrowed. */
#ifndef GRID_JOURNAL_RECORD_H
#define GRID_JOURNAL_RECORD_H

#include "grid/base/bytes.h"

/* Numbers are on the wire and never reused. */
enum journal_kind {
    JOURNAL_ADDED = 1,
    JOURNAL_UPDATED = 2,
    JOURNAL_REMOVED = 3,
    JOURNAL_EXPIRED = 4,
    JOURNAL_CLEARED = 5,               /* every entry of the map in this partition; no key */
};

struct journal_record {
    uint64_t sequence;                 /* dense from 1 per map and partition */
    enum journal_kind kind;
    struct bytes key, affinity;
    struct bytes value;                /* added, updated */
    struct bytes old_value;
    bool has_old_value;
    uint64_t version;                  /* commit counter of the command that did it */
    uint64_t log_time_ms;
    uint64_t ttl_ms;                   /* added, updated; 0: none */
};

#endif
