/* The entries of a map that a list or a scan shows: up to --limit of them, from --cursor on, or --all.
 *
 * Stops after the last requested entry and prints on standard error whether there are more, and the cursor with which a later
 * command continues. The later command may show an entry again that was written meanwhile; it leaves no entry out. The options
 * --limit, --cursor and --all are in the command's row (PAGER_OPTIONS). */
#ifndef TOOLS_GRIDCTL_COMMANDS_PAGER_H
#define TOOLS_GRIDCTL_COMMANDS_PAGER_H

#include "tools/gridctl/command.h"

#define PAGER_OPTIONS                                                             \
    {"limit", 'n', "N", "at most so many; 0: all (default 100)"},                 \
    {"cursor", 0, "CURSOR", "go on where an earlier command stopped; it printed this"}, \
    {"all", 0, NULL, "all of them"}

struct pager_plan {
    const char *map;
    struct grid_bytes affinity, key_prefix;
    bool ttl, all;                         /* all: the command has no options of its own for this */
    void *context;
    /* False: the entry is skipped. NULL: no entry is skipped. */
    bool (*passes)(void *context, const struct grid_entry *entry);
    /* An exit code: anything but EXIT_DONE ends it. */
    int (*show)(void *context, const struct grid_entry *entry);
    /* Once each, when it has connected: before the first entry, and after the last one that could be shown. */
    void (*begin)(struct ctl *ctl, void *context);
    void (*end)(struct ctl *ctl, void *context);
};

/* Connects. An exit code. */
int pager_run(struct ctl *ctl, const struct pager_plan *plan);

#endif
