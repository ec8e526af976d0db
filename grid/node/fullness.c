#include "grid/node/fullness.h"

enum { RETRY_BUSY_MS = 50, RETRY_FULL_MS = 1000 };

static const char handing_over[] = "disk full: the disk of this node is full, and a node with room takes its partitions over; ask again";
static const char own_disk[] = "disk full: the disk of the partition's leader is full; reads go on as long as it leads; free space in its data "
                               "directory, and writes go on by themselves";
static const char other_disks[] = "disk full: the disks of too many nodes are full, a majority needs room; reads go on as long as the partition "
                                  "keeps its leader: without room another one may not be electable; free space in their data directories, and "
                                  "writes go on by themselves";
static const char bound[] = "log full: the log of the partition's leader has reached log.disk_bytes or log.memory_bytes; reads go on; restart the "
                            "nodes, one at a time, with a higher bound";

static const char own_memory[] = "memory full: the memory of the partition's leader has reached memory.max; reads and removes go on; remove data, or restart "
                                 "the nodes, one at a time, with a higher memory.max";
static const char member_memory[] = "memory full: the memory of a member has reached its memory.max, and every member holds all data; reads and removes go "
                                    "on; gridctl cluster status names the member; remove data, or restart it with a higher memory.max";

static struct fullness of_disk(const char *note)
{
    return (struct fullness){.err = GRID_ERR_LOG_FULL, .retry_after_ms = RETRY_FULL_MS, .reason = FULLNESS_DISK, .note = bytes_of_text(note)};
}

struct fullness fullness_of_disk(const struct group_set *groups)
{
    if (group_set_handing_over(groups))
        return (struct fullness){.err = GRID_ERR_BUSY, .retry_after_ms = RETRY_BUSY_MS, .reason = FULLNESS_DISK,
                                 .note = bytes_of_text(handing_over)};
    return of_disk(own_disk);
}

bool fullness_look(const struct group_set *groups, struct fullness *ret_fullness)
{
    switch (group_set_room(groups)) {
    case GROUP_ROOM_OWN_FULL:
        *ret_fullness = fullness_of_disk(groups);
        return true;
    case GROUP_ROOM_OTHERS_FULL:
        *ret_fullness = of_disk(other_disks);
        return true;
    case GROUP_ROOM_FREE:
        break;
    }
    if (!group_set_log_full(groups))
        return false;
    *ret_fullness = (struct fullness){.err = GRID_ERR_LOG_FULL, .note = bytes_of_text(bound)};
    return true;
}

bool fullness_of_memory(const struct memory_fullness *memory, struct fullness *ret_fullness)
{
    if (!memory->own && !memory->member)
        return false;
    *ret_fullness = (struct fullness){.err = GRID_ERR_MEMORY_FULL, .retry_after_ms = RETRY_FULL_MS,
                                      .reason = memory->own ? FULLNESS_MEMORY : FULLNESS_MEMBER_MEMORY,
                                      .note = bytes_of_text(memory->own ? own_memory : member_memory)};
    return true;
}
