/* Splits input, in parts of any size, into lines.
 *
 * A line ends with "\n" or "\r\n"; the last line may have no end. Blank lines are
 * skipped, but counted. Numbers count from 1. A line of more than LINE_BYTES_MAX is reported once, without its text.
 *
 * Ownership: a line borrows from the cutter until the next call. All zero is a valid start. */
#ifndef TOOLS_GRIDCTL_INPUT_LINES_H
#define TOOLS_GRIDCTL_INPUT_LINES_H

#include "grid/base/bytes.h"

enum { LINE_BYTES_MAX = 4 * 1024 * 1024 };

struct lines { struct buffer pending; size_t start; uint64_t number; bool skipping; };
struct line { uint64_t number; struct bytes text; bool too_long; };

/* Room for the next part; lines_add says how much of it was filled. */
uint8_t *lines_room(struct lines *lines, size_t size);
void lines_add(struct lines *lines, size_t room, size_t filled);
/* The next line. False: more bytes must be added first; with `at_end` no line is left. */
bool lines_next(struct lines *lines, bool at_end, struct line *ret_line);
void lines_close(struct lines *lines);

#endif
