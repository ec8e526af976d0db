/* What every command of gridctl is made of: one table drives parsing, checks, help and completion.
 *
 * A command is a row of command_list.c. Its run function finds arguments and options parsed in struct ctl, writes its
 * result to ctl->out (flushed to standard output by main) and returns an exit code. */
#ifndef TOOLS_GRIDCTL_COMMAND_H
#define TOOLS_GRIDCTL_COMMAND_H

#include <stdio.h>
#include <uv.h>

#include "client/grid_client.h"
#include "grid/base/bytes.h"
#include "services/edge/json.h"

/* Results are written as JSON for all but TABLE; NDJSON: the elements of an array as lines. */
enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_NDJSON, OUTPUT_YAML };
enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNAVAILABLE = 3, EXIT_UNKNOWN = 4 };

#define ENDPOINTS_DEFAULT "127.0.0.1:7400,127.0.0.1:7410,127.0.0.1:7420"
enum { ENDPOINTS_MAX = 64, ARGUMENTS_MAX = 4, OPTIONS_MAX = 16 };

struct option_row {
    const char *name;                      /* without the dashes */
    char letter;                           /* 0: none */
    const char *value;                     /* what stands for its value in help; NULL: a flag; of words alone ("on|off"): one of them */
    const char *help;
};

struct ctl;
struct command_row {
    const char *group, *name;              /* name "": the group is the command */
    const char *arguments;                 /* for help: "KEY VALUE" */
    int arguments_min, arguments_max;
    const char *summary;
    const struct option_row *options;      /* closed by a row without a name; NULL: none of its own */
    const char *examples;                  /* lines, without "gridctl" */
    int (*run)(struct ctl *ctl);
};

/* All commands, those of a group one after another, and the options that each of them has besides its own. */
struct command_table {
    const struct command_row *rows;
    size_t count;
    const struct option_row *common;       /* closed by a row without a name */
};

struct ctl {
    const struct command_table *table;     /* set by the program before it parses */
    const struct command_row *command;
    const char *arguments[ARGUMENTS_MAX];
    int arguments_count;
    const char *values[OPTIONS_MAX];       /* of the command's options, by row; flags: "" */
    const char *endpoints[ENDPOINTS_MAX];
    size_t endpoints_count;                /* 0: neither flag nor environment named any; ctl_find_endpoints looks further */
    const char *context;                   /* --context; NULL: not given */
    char *endpoints_text;
    char cluster[40];                      /* UUID that a context names; "": none */
    uint64_t timeout_ms;
    bool json, color;                      /* json: for programs, as `output` says */
    bool json_errors;                      /* -o asked for it: errors are JSON, and there are no notes */
    enum output output;
    uint64_t documents;                    /* that were written as YAML */
    FILE *file;                            /* where results go; NULL: standard output */
    const char *file_name;
    bool unwritten;                        /* a write to standard output failed, which was said */
    uv_loop_t loop;
    struct grid_client *client;            /* NULL until ctl_connect */
    struct buffer out;
};

/* ---- the table of gridctl (command_list.c), for its program, its manual page and tests; a command finds it in struct ctl */
extern const struct command_table COMMANDS;

/* ---- parsing (parse.c) */
enum parse_result { PARSE_RUN, PARSE_HELP, PARSE_USAGE };
/* Reads `arguments` by ctl->table. PARSE_HELP: the help that was asked for stands in `text`. PARSE_USAGE: what is wrong does.
 * `text` is one that the caller closes. `endpoints`: from the environment, or NULL. */
enum parse_result parse(struct ctl *ctl, int count, char *const *arguments, const char *endpoints, struct buffer *text);
void parse_close(struct ctl *ctl);
/* Cuts "host:port,host:port"; false: it is something else. parse_close frees the copy. */
bool ctl_take_endpoints(struct ctl *ctl, const char *text);
const char *ctl_option(const struct ctl *ctl, const char *name, const char *otherwise);
bool ctl_flag(const struct ctl *ctl, const char *name);
/* Digits alone, up to `most`. */
bool parse_number(const char *text, uint64_t most, uint64_t *ret_number);
/* An option's number; false, with a message, if it is not a number or is above `most`. */
bool ctl_number(const struct ctl *ctl, const char *name, uint64_t otherwise, uint64_t most, uint64_t *ret_number);
/* The same in milliseconds, and in whole seconds; both may be durations like "10s". */
bool ctl_duration(const struct ctl *ctl, const char *name, uint64_t otherwise, uint64_t most, uint64_t *ret_ms);
bool ctl_seconds(const struct ctl *ctl, const char *name, uint64_t otherwise, uint64_t most, uint64_t *ret_seconds);

/* ---- help (help.c) */
void help_command(struct buffer *text, const struct command_table *table, const struct command_row *row);
/* Of all commands, or of those of one group. */
void help_all(struct buffer *text, const struct command_table *table, const char *group);

/* ---- connection (session.c) */
/* Endpoints that follow from contexts, or the default ones (commands/cluster/context.c); an exit code. */
int ctl_find_endpoints(struct ctl *ctl);
/* Connects and waits for the first node; an exit code. */
int ctl_connect(struct ctl *ctl);
void ctl_close(struct ctl *ctl);
/* Runs the loop until *done. */
void ctl_wait(struct ctl *ctl, const bool *done);

/* ---- results, notes and errors (output.c) */
int ctl_exit_code(enum grid_outcome outcome);
/* Says on standard error what failed; returns the exit code. `what` may be NULL. For programs an error is a line of JSON,
 * {"error": {"command", "outcome", "message", "exitStatus"}}. */
int ctl_failed(const struct ctl *ctl, const char *what, const struct grid_reply *reply);
/* Its outcome for programs follows from the exit code: USAGE, UNAVAILABLE, UNKNOWN, else FAILED. */
int ctl_complain(const struct ctl *ctl, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with EXIT_FAILED and the outcome NOT_FOUND. */
int ctl_find_nothing(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Says something beside the result, on standard error; nothing with -o json, which has it in the result. */
void ctl_note(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct json ctl_json(struct ctl *ctl);     /* writes to ctl->out */
void ctl_json_end(struct ctl *ctl);        /* closing newline */
void ctl_error_json(struct buffer *out, const char *command, int code, const char *outcome, struct bytes message);
/* Writes what stands in ctl->out to standard output, in the format that was asked for. False: it cannot be written, which was
 * said on standard error. main does so at the end; commands that go on for long do it themselves. */
bool ctl_flush(struct ctl *ctl);

/* ---- commands */
int cluster_status(struct ctl *ctl);
int cluster_watch(struct ctl *ctl);
int context_add(struct ctl *ctl);
int context_use(struct ctl *ctl);
int context_list(struct ctl *ctl);
int context_remove(struct ctl *ctl);
int completion_bash(struct ctl *ctl);
int completion_zsh(struct ctl *ctl);
int level_show(struct ctl *ctl);
int level_raise(struct ctl *ctl);
int member_list(struct ctl *ctl);
int retention_list(struct ctl *ctl);
int retention_set(struct ctl *ctl);
int partition_list(struct ctl *ctl);
int snapshot_take(struct ctl *ctl);
int map_set(struct ctl *ctl);
int map_get(struct ctl *ctl);
int map_remove(struct ctl *ctl);
int map_cas(struct ctl *ctl);
int map_put(struct ctl *ctl);
int map_put_if_absent(struct ctl *ctl);
int map_replace(struct ctl *ctl);
int map_take(struct ctl *ctl);
int map_contains(struct ctl *ctl);
int map_set_ttl(struct ctl *ctl);
int map_batch(struct ctl *ctl);
int map_clear(struct ctl *ctl);
int map_list(struct ctl *ctl);
int map_drop(struct ctl *ctl);
int map_config(struct ctl *ctl);
int map_stats(struct ctl *ctl);
int journal_tail(struct ctl *ctl);
int map_size(struct ctl *ctl);
int map_scan(struct ctl *ctl);
int map_export(struct ctl *ctl);
int map_load(struct ctl *ctl);
int customer_create(struct ctl *ctl);
int customer_update(struct ctl *ctl);
int customer_status(struct ctl *ctl);
int customer_get(struct ctl *ctl);
int customer_list(struct ctl *ctl);
int product_create(struct ctl *ctl);
int product_replenish(struct ctl *ctl);
int product_get(struct ctl *ctl);
int product_list(struct ctl *ctl);
int order_submit_file(struct ctl *ctl);
int order_cancel(struct ctl *ctl);
int payment_get(struct ctl *ctl);
int payment_refund(struct ctl *ctl);
int order_get(struct ctl *ctl);
int order_list(struct ctl *ctl);
int saga_list(struct ctl *ctl);
int saga_show(struct ctl *ctl);
int event_history(struct ctl *ctl);
int backup_create(struct ctl *ctl);
int backup_list(struct ctl *ctl);
int backup_verify(struct ctl *ctl);
int restore_run(struct ctl *ctl);
int bench_map(struct ctl *ctl);
int bench_orders(struct ctl *ctl);

#endif
