/* Many lines of a file, many under way at once: reading, counting, reporting.
 *
 * Each line that is not blank is handed to `start`, which parses it, makes its calls, and ends it exactly once, now or
 * from a later callback: accepted, rejected with a reason, or unknown. A rejected line is reported with its number and
 * skipped; with --strict no line is started after it (those that are under way go on). Up to BULK_UNDER_WAY lines are under way, so that slow ones do not
 * hold up the rest. Numbers of lines count from 1. */
#ifndef TOOLS_GRIDCTL_COMMANDS_BULK_H
#define TOOLS_GRIDCTL_COMMANDS_BULK_H

#include "tools/gridctl/command.h"

enum { BULK_UNDER_WAY = 1024 };

struct bulk;
typedef void (*bulk_start_fn)(struct bulk *bulk, void *context, uint64_t line, struct bytes text);

struct bulk_error { uint64_t line; char *reason; };
/* An id that a line did not bring. */
struct bulk_id { uint64_t line; char *id; bool already_there; };

struct bulk {
    struct ctl *ctl;
    bulk_start_fn start;
    void *context;
    const char *noun;                      /* "orders", for people */
    bool creates;                          /* what is there already is counted apart */
    uint64_t submitted, accepted, already_there, rejected, unknown;
    uint64_t under_way;
    struct bulk_error *errors;
    size_t errors_count, errors_capacity;
    struct bulk_id *ids;
    size_t ids_count, ids_capacity;
    bool strict, stopped;
    bool progress;                         /* a bar is drawn on standard error */
    uint64_t lines_total;                  /* 0: not known */
    uint64_t began_ns, drawn_ns;
};

/* What a command does with its lines; the fields are those of struct bulk. */
struct bulk_plan { const char *noun; bool creates; bulk_start_fn start; void *context; };

/* Reads the file of --file ("-": standard input) to its end and prints the summary. The options --file, --strict and
 * --progress stand in the command's row. Connects. Returns the exit code: 1 if any line was rejected, 4 if any is
 * unknown. */
int bulk_run(struct ctl *ctl, const struct bulk_plan *plan);
void bulk_accept(struct bulk *bulk);
/* The same for what was created by an earlier submission; `creates` is set. */
void bulk_find_there(struct bulk *bulk);
/* Keeps an id that was made for a line, to print it; what becomes of the line is said apart from it. */
void bulk_keep_id(struct bulk *bulk, uint64_t line, const char *id, bool already_there);
void bulk_reject(struct bulk *bulk, uint64_t line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void bulk_leave_unknown(struct bulk *bulk, uint64_t line, const char *what_to_do);
/* By the outcome of the call that decides over the line. */
void bulk_finish(struct bulk *bulk, uint64_t line, const struct grid_reply *reply);

#endif
