/* Configuration of the gridiron program: one YAML file, then environment variables GRIDIRON_…, then flags.
 *
 * One schema table drives all three: a setting `log.level` is `log: {level: …}` in the file, GRIDIRON_LOG_LEVEL in the
 * environment and --set log.level=… on the command line. Unknown and duplicate keys, wrong types and values out of range
 * are errors that name their place (file:line:column, the variable, or the flag) and the allowed values. Variables that
 * match no setting are ignored, because other programs use the prefix, too. Members are kept ordered by id.
 * Example: examples/node.yaml. */
#ifndef GRID_NODE_PROCESS_CONFIG_H
#define GRID_NODE_PROCESS_CONFIG_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/base/log.h"
#include "grid/node/process/settings.h"

/* A setting that a program adds to those of the grid: a text. */
struct config_more { const char *path, *meaning; };
enum { CONFIG_MORE_MAX = 8, CONFIG_MORE_BYTES_MAX = 511 };

struct config {
    struct node_settings node;
    char data[512];                    /* data directory */
    char metrics_address[128];         /* "host:port" of /metrics and /health; empty: off */
    char log_level[16], log_format[16];
    char scheduling[16];               /* adaptive, normal or batch: grid/node/process/scheduling.h */
    char loopback[8];                  /* unix: Unix sockets stand beside loopback addresses; tcp: not */
    const struct config_more *more;    /* settings of others, and their values by place */
    size_t more_count;
    char more_values[CONFIG_MORE_MAX][CONFIG_MORE_BYTES_MAX + 1];
};

void config_defaults(struct config *config);
/* Adds a program's settings to those of the grid; all are empty. Borrows. */
void config_add(struct config *config, const struct config_more *more, size_t count);
/* Each returns OK, or INVALID/IO with a note (memory_free) for people. */
enum grid_err config_read_file(struct config *config, const char *path, char **ret_note);
enum grid_err config_read_text(struct config *config, const char *name, struct bytes text, char **ret_note);
enum grid_err config_read_environment(struct config *config, const char *const *environment, char **ret_note);
/* `assignment` is "path=value", as given to --set; `origin` names where it came from. */
enum grid_err config_assign(struct config *config, const char *origin, const char *assignment, char **ret_note);
/* Checks the whole configuration: nothing is missing, this node is a member, the number of members is odd, … */
enum grid_err config_check(const struct config *config, char **ret_note);
/* Every setting with its meaning and what is allowed. */
void config_each(const struct config *config, void (*each)(void *context, const char *name, const char *meaning), void *context);
void config_list(const struct config *config, struct buffer *out);     /* every setting with its meaning, for --help */

#endif
