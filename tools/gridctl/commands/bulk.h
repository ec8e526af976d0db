/* Processes many lines of a file, many of them at once: reads, counts, reports.
 *
 * Each line that is not blank is passed to `start`, which parses it, makes its calls, and ends it exactly once, now or
 * in a later callback: accepted, rejected with a reason, unavailable (no node took it: it was not applied) or unknown. A
 * rejected line is reported with its number and skipped; no line is started after BULK_LOST_MAX in a row that were unavailable
 * or unknown, nor after Ctrl-C. With --failed-to what is left then goes to a file: lines that were unavailable or unknown, and
 * those that were not started (all when no node can be reached), each so that a repeat has one effect; see bulk_left.h. With --strict no line is started after it (those that are under way go on). Up to BULK_UNDER_WAY lines are under way, so that slow ones do not
 * hold up the rest. Numbers of lines count from 1. */
#ifndef TOOLS_GRIDCTL_COMMANDS_BULK_H
#define TOOLS_GRIDCTL_COMMANDS_BULK_H

#include "tools/gridctl/command.h"

enum { BULK_UNDER_WAY = 1024, BULK_LOST_MAX = 16 };

struct bulk;
typedef void (*bulk_start_fn)(struct bulk *bulk, void *context, uint64_t line, struct bytes text);

/* Writes a line that was not started as it should be repeated, with a line end. */
typedef void (*bulk_left_fn)(void *context, struct bytes text, struct buffer *out);

struct bulk_error { uint64_t line; char *reason; };
struct bulk_left { uint64_t line; struct buffer text; };
/* An id for a line that has none. */
struct bulk_id { uint64_t line; char *id; bool already_there; };

struct bulk {
    struct ctl *ctl;
    bulk_start_fn start;
    void *context;
    const char *noun;                      /* "orders", for people */
    bool creates;                          /* existing ones are counted separately */
    const char *repeat;                    /* what a repeat of the whole does */
    uint64_t submitted, accepted, already_there, rejected, unavailable, unknown;
    uint64_t under_way, lost_in_a_row;
    struct bulk_error *errors;
    size_t errors_count, errors_capacity;
    struct bulk_id *ids;
    size_t ids_count, ids_capacity;
    bool strict, stopped, interrupted;
    bulk_left_fn write_left;
    const char *failed_to;                 /* NULL: the option is not given */
    struct bulk_left *left;
    size_t left_count, left_capacity;
    uint64_t not_started;                  /* lines of the rest */
    bool progress;                         /* a bar is drawn on standard error */
    uint64_t lines_total;                  /* 0: not known */
    uint64_t began_ns, drawn_ns;
};

/* What a command does with its lines; the fields are those of struct bulk. */
struct bulk_plan { const char *noun, *repeat; bool creates; bulk_start_fn start; bulk_left_fn write_left; void *context; };

/* Reads the file of --file ("-": standard input) to its end and prints the summary. The options --file, --strict and
 * --progress are in the command's row. Connects. Returns the exit code: 4 if any line is unknown, else 3 if any was
 * unavailable or none was started for that, else 1 if any was rejected or Ctrl-C ended it. */
int bulk_run(struct ctl *ctl, const struct bulk_plan *plan);
void bulk_accept(struct bulk *bulk);
/* The same for what was created by an earlier submission; `creates` is set. */
void bulk_find_there(struct bulk *bulk);
/* Keeps an id that was made for a line, to print it; what becomes of the line is said apart from it. */
void bulk_keep_id(struct bulk *bulk, uint64_t line, const char *id, bool already_there);
void bulk_reject(struct bulk *bulk, uint64_t line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void bulk_leave_unknown(struct bulk *bulk, uint64_t line, const char *what_to_do);
/* Keeps a line for --failed-to, as it should be repeated. */
void bulk_keep_left(struct bulk *bulk, uint64_t line, struct bytes text);
bool bulk_is_left(enum grid_outcome outcome);                  /* unavailable or unknown */
/* By the outcome of the call that decides over the line. */
void bulk_finish(struct bulk *bulk, uint64_t line, const struct grid_reply *reply);

#endif
