/* Which segments of the log are still needed: for each one, the last entry of each group in it.
 *
 * A segment at the front may go when each group has a durable snapshot of everything that it has there, and the next segment
 * begins with the state of all groups. Part of the log; single threaded. Memory: 8 bytes for each segment and group. */
#ifndef RAFT_WAL_WAL_LIVE_H
#define RAFT_WAL_WAL_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wal_live_segment {
    uint64_t base;
    bool stated;                              /* it begins with the state of all groups */
    uint64_t *last;                           /* by group: index of its last entry in this segment; 0: none */
};

/* What a group does not need: everything up to `index`. The same for `noted`, as soon as the log is synced up to `lsn`; 0: none. */
struct wal_live_cover { uint64_t index, noted, lsn; };

struct wal_live {
    uint32_t groups;
    struct wal_live_cover *covers;            /* by group */
    struct wal_live_segment *segments;        /* ascending */
    size_t count, capacity;
};

void wal_live_init(struct wal_live *live, uint32_t groups);
void wal_live_close(struct wal_live *live);
void wal_live_begin(struct wal_live *live, uint64_t base, bool stated);
/* The newest segment has the group's entries up to `index`. */
void wal_live_entries(struct wal_live *live, uint32_t group, uint64_t index);
/* A record at `lsn` says that the group needs nothing up to `index`. 0: it is durable. */
void wal_live_cover(struct wal_live *live, uint32_t group, uint64_t index, uint64_t lsn);
bool wal_live_holds_back(const struct wal_live *live, uint32_t group);
/* Whether the first segment is not needed, with everything synced below `synced`. Segments from before the first snapshot begin without states: they go
 * together, from the front, once none of them is needed. */
bool wal_live_front_done(struct wal_live *live, uint64_t synced);
void wal_live_drop_front(struct wal_live *live);

#endif
