/* Feature levels (R17): what may stand in the log of a partition. One table in level.c says of every kind of command, of
 * every field and of every number of a list from which level on it may be written.
 *
 * A partition has a level, which a logged command raises; its leader writes nothing that needs more. A replica asks
 * level_scan before it applies: a command with a kind, field or value that no level of this version knows was written by
 * a newer version. What is added to a command of the log gets a line in the table, and a new level if the newest one was
 * in a release.
 *
 *     level 1   version 0.1.0
 *     level 2   services of Genesis, RegisterService; MapDrop; act_as of commands, principal of messages between partitions and of events;
 *               snapshots of the partition; Restore; Retain, and bounds on what is kept that had none
 *
 * Threads: none. Time: none. Reads only, without allocation. */
#ifndef GRID_WIRE_LEVEL_H
#define GRID_WIRE_LEVEL_H

#include "grid/wire/messages/message.h"

enum {
    LEVEL_FIRST = 1,
    LEVEL_LAST = 2,                    /* newest that this version supports */
    LEVEL_OF_SERVICES = 2,             /* from which on the log names services */
    LEVEL_OF_RESTORE = 2,              /* from which on the log may restore a partition */
    LEVEL_OF_RETENTION = 2,            /* from which on ended flows are removed, and sessions and completions bounded in bytes */
    LEVEL_OF_SNAPSHOTS = 2,            /* from which on snapshots shorten the log of a node */
    SERVICES_IMPLIED = 5,              /* a Genesis that names no services has those with the numbers 1 to 5 */
    LEVEL_MOST = 255,                  /* an entry has one byte for it */
    LEVEL_BEYOND = LEVEL_MOST + 1,     /* something that no level of this version has */
};

/* With level LEVEL_BEYOND: `field` of `message`, of the schema, is what this version does not know. `services`: the command
 * says which services the partition has. */
struct level_need { uint32_t level; const char *message; uint32_t field; bool services; };

/* What an encoded Command needs. A damaged one, which no version could decode, needs LEVEL_FIRST: the partition that decodes it
 * refuses it. What follows the first unknown field is not looked at. */
struct level_need level_scan(struct bytes command);

#endif
