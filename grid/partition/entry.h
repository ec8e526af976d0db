/* The packed log entry: several commands of one partition that one majority round commits (D4).
 *
 *   0  u8   format version (1)
 *   1  u8   feature level: what the partition's own state names, never what this version could do
 *   2  u16  0
 *   4  u32  number of commands
 *   8  u64  log time, ms (R14)
 *  16  u64  wall time, ms, for people only
 *  24       commands: u32 size, then a Command (grid/wire/messages/message.h)
 *
 * Described in docs/formats/entry.md. Built by the leader, read by apply. What a newer version wrote is told from what is
 * damaged: the first stops a replica before it takes anything of the entry, the second is counted and answered. */
#ifndef GRID_PARTITION_ENTRY_H
#define GRID_PARTITION_ENTRY_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/wire/level.h"

enum { ENTRY_HEADER_BYTES = 24, ENTRY_FORMAT_VERSION = 1 };

/* A log time above it is malformed: durations can be added to any log time without overflow. */
#define ENTRY_TIME_MS_MAX (UINT64_C(1) << 62)

struct entry_header { uint8_t format, feature; uint32_t commands; uint64_t log_time_ms, wall_time_ms; };

/* Starts an entry in an empty buffer; times and count are filled in by entry_seal just before it is proposed. */
void entry_begin(struct buffer *out, uint32_t level);
void entry_add(struct buffer *out, struct bytes command);            /* encoded Command */
uint32_t entry_commands(const struct buffer *out);
void entry_seal(struct buffer *out, uint64_t log_time_ms, uint64_t wall_time_ms);

/* What an entry needs of the version that applies it. */
enum entry_newness {
    ENTRY_KNOWN,                       /* nothing that this version lacks; it may be damaged */
    ENTRY_NEWER_FORMAT,                /* need.level: the format version */
    ENTRY_NEWER_LEVEL,                 /* need.level: the level */
    ENTRY_NEWER_FIELD,                 /* need.message, need.field: an unknown kind of command, field or number of a list */
};
/* To be asked before an entry is applied, by a version that supports levels up to `level_max`. */
enum entry_newness entry_newness(struct bytes entry, uint32_t level_max, struct level_need *ret_need);
/* The same in words, for people: "this entry needs level 3, this version supports up to 2". */
void entry_newness_text(enum entry_newness newness, const struct level_need *need, uint32_t level_max, struct buffer *out);

/* Reads the header and leaves *ret_commands at the first command; entry_next gives one command after the other. */
enum grid_err entry_open(struct bytes entry, struct entry_header *ret_header, struct reader *ret_commands);
bool entry_next(struct reader *commands, struct bytes *ret_command);

#endif
