/* What a bulk command leaves for another one: the file of --failed-to. */
#ifndef TOOLS_GRIDCTL_COMMANDS_BULK_LEFT_H
#define TOOLS_GRIDCTL_COMMANDS_BULK_LEFT_H

#include "tools/gridctl/commands/bulk.h"
#include "tools/gridctl/input/lines.h"

/* Writes the lines that were kept, in their order, then, if it stopped, what `lines` and `file` still have; counts those. The file
 * says what this run left: it appears whole, in the place of an older one, and when nothing is left an older one is removed.
 * `file` may be the same file. An exit code. */
int bulk_write_left(struct bulk *bulk, struct lines *lines, int file);

#endif
