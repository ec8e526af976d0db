/* What the log of a node says about elections: a few lines for all partitions that change their leader within a moment.
 *
 * A line compares the leaders now with those of the line before, so partitions that changed twice count once. It waits until
 * nothing has changed for ELECTIONS_QUIET_MS and every partition that lost its leader has one again, but not longer than
 * ELECTIONS_PATIENCE_MS. Between lines are ELECTIONS_QUIET_MS at least, whatever happens.
 * Pure: the caller gives the time. Single threaded. */
#ifndef GRID_NODE_REPORT_ELECTIONS_H
#define GRID_NODE_REPORT_ELECTIONS_H

#include "grid/base/bytes.h"
#include "grid/base/ids.h"
#include "grid/base/limits.h"

enum { ELECTIONS_QUIET_MS = 400, ELECTIONS_PATIENCE_MS = 5000 };

/* Of one partition. Leaders are ids of nodes; 0: none is known. */
struct election {
    uint32_t said, now;                /* the leader of the line before; the present one */
    uint32_t before;                   /* the last one that was known */
    uint64_t since_ms;                 /* without a leader, if it had one before */
    bool handed, changed;              /* this node asked another one to lead it; something happened since the line before */
};

struct elections {
    struct election *rows;
    uint32_t partitions, self;
    uint32_t leaderless, changed;      /* rows that have no leader; that changed */
    uint64_t first_ms, last_ms;        /* changes since the line before */
    uint64_t longest_ms;               /* without a leader, of the partitions that have one again */
};

void elections_init(struct elections *elections, uint32_t partitions, struct node_id self);
void elections_close(struct elections *elections);
/* The leader that this node knows of the partition, itself once it can serve; 0: none. */
void elections_leader(struct elections *elections, uint32_t partition, struct node_id leader, uint64_t now_ms);
/* This node asked another one to lead the partition. */
void elections_handed(struct elections *elections, uint32_t partition);
bool elections_due(const struct elections *elections, uint64_t now_ms);
/* Calls `line` for each line, at most three, and begins anew. `linked` says of a node whether it is linked now. */
struct elections_teller {
    void *context;
    bool (*linked)(void *context, uint32_t node);
    void (*line)(void *context, const char *text);
};
void elections_tell(struct elections *elections, const struct elections_teller *teller);

#endif
