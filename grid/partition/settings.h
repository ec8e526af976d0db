/* Settings that stand in the log of every partition of a cluster: what a partition keeps, and for how long (RetentionKind in
 * proto/grid/v1/grid.proto). One value for the whole cluster: partition 0 decides in which order they change, the client copies them to the
 * others with their version, and a partition takes those that are newer than its own.
 *
 * Until somebody sets a kind it has its defaults, version 0. At levels below LEVEL_OF_RETENTION these are the bounds of earlier versions.
 * Embedded in struct partition. Single threaded; no time. */
#ifndef GRID_PARTITION_SETTINGS_H
#define GRID_PARTITION_SETTINGS_H

#include "grid/partition/component.h"
#include "grid/wire/messages/message.h"

struct settings {
    struct { struct retention_limits limits; uint64_t version; } retention[RETENTION_LAST + 1];    /* by kind */
    struct buffer frozen;              /* the record of the frozen state; empty: it is written */
};

void settings_init(struct settings *settings);
void settings_close(struct settings *settings);
/* The partition is of this level now: kinds with version 0 get its defaults. */
void settings_raise(struct settings *settings, uint32_t level);
const struct retention_limits *settings_retention(const struct settings *settings, enum retention_kind kind);
/* The command was checked (message_check). VERSION_CONFLICT: the settings have another version, which the answer names; MISMATCH: they
 * have this one with other limits. True: they changed. */
bool settings_retain(struct settings *settings, const struct retain_command *retain, struct response *response);
uint64_t settings_digest(const struct settings *settings);

/* Frozen as a copy, in constant time. */
extern const struct component settings_component;

#endif
