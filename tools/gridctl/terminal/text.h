/* Bytes as people may see them on a terminal: UTF-8 stays as it is; control characters, characters that turn the direction
 * of text around, and bytes that are not UTF-8 are escaped (\n, \t, \x1b, \u202e). */
#ifndef TOOLS_GRIDCTL_TERMINAL_TEXT_H
#define TOOLS_GRIDCTL_TERMINAL_TEXT_H

#include "grid/base/bytes.h"

/* Appends up to `characters_max` characters; of longer text the beginning, "..." and how many bytes it has. */
void text_show(struct buffer *out, struct bytes text, size_t characters_max);

#endif
