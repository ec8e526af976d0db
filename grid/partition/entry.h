/* The packed log entry: several commands of one partition that one majority round commits (D4).
 *
 *   0  u8   format version (1)
 *   1  u8   feature level (1)
 *   2  u16  0
 *   4  u32  number of commands
 *   8  u64  log time, ms (R14)
 *  16  u64  wall time, ms, for people only
 *  24       commands: u32 size, then a Command (grid/wire/message.h)
 *
 * Described in docs/formats/entry.md. Built by the leader, read by apply. */
#ifndef GRID_PARTITION_ENTRY_H
#define GRID_PARTITION_ENTRY_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"

enum { ENTRY_HEADER_BYTES = 24, ENTRY_FORMAT_VERSION = 1, ENTRY_FEATURE_LEVEL = 1 };

/* A log time above it is malformed: durations can be added to any log time without overflow. */
#define ENTRY_TIME_MS_MAX (UINT64_C(1) << 62)

struct entry_header { uint8_t format, feature; uint32_t commands; uint64_t log_time_ms, wall_time_ms; };

/* Starts an entry in an empty buffer; times and count are filled in by entry_seal just before it is proposed. */
void entry_begin(struct buffer *out);
void entry_add(struct buffer *out, struct bytes command);            /* encoded Command */
uint32_t entry_commands(const struct buffer *out);
void entry_seal(struct buffer *out, uint64_t log_time_ms, uint64_t wall_time_ms);

/* Reads the header and leaves *ret_commands at the first command; entry_next gives one command after the other. */
enum grid_err entry_open(struct bytes entry, struct entry_header *ret_header, struct reader *ret_commands);
bool entry_next(struct reader *commands, struct bytes *ret_command);

#endif
