/* How much memory this process may have: the least of
 *
 *     the memory of the machine                  MemTotal in /proc/meminfo
 *     memory.max and memory.high of its cgroup   /sys/fs/cgroup/PATH, PATH from the line "0::PATH" of /proc/self/cgroup
 *     and of every cgroup above that one
 *
 * Only cgroups of version 2 count. A file that is missing, unreadable or says "max" grants any amount: in a container the path
 * is often not the one that is mounted, and then only the files of the top are there.
 *
 * Reads files, at a start only. `root` stands before their names, "" outside of tests. */
#ifndef GRID_NODE_PROCESS_MEMORY_GRANT_H
#define GRID_NODE_PROCESS_MEMORY_GRANT_H

#include <stdint.h>

enum { MEMORY_GRANT_PERCENT = 80, MEMORY_GRANT_PLACE_BYTES = 160 };

struct memory_grant {
    uint64_t bytes;                                   /* 0: unknown */
    char place[MEMORY_GRANT_PLACE_BYTES];             /* what grants them, for people: "this machine", "the cgroup /a (memory.max)" */
};

void memory_grant_look(const char *root, struct memory_grant *ret_grant);
/* What a node may use of it when it has no setting; 0: unknown. */
uint64_t memory_grant_share(const struct memory_grant *grant);

#endif
