/* Configuration of the gridiron program: one YAML file, then environment variables GRIDIRON_…, then flags.
 *
 * One schema table drives all three: a setting `log.level` is `log: {level: …}` in the file, GRIDIRON_LOG_LEVEL in the
 * environment and --set log.level=… on the command line. Unknown and duplicate keys, wrong types and values out of range
 * are errors that name where they stand (file:line:column, the variable, or the flag) and what is allowed. Variables that
 * stand for no setting are left alone: other programs use the prefix too. Members are kept ordered by id.
 * Example: examples/node.yaml. */
#ifndef GRID_NODE_PROCESS_CONFIG_H
#define GRID_NODE_PROCESS_CONFIG_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/base/log.h"
#include "grid/node/process/settings.h"

struct config {
    struct node_settings node;
    char data[512];                    /* data directory */
    char metrics_address[128];         /* "host:port" of /metrics and /health; empty: off */
    char payment_ledger[512];          /* file of the built-in payment provider; empty: none */
    char log_level[16], log_format[16];
    char scheduling[16];               /* adaptive, normal or batch: grid/node/process/scheduling.h */
    char loopback[8];                  /* unix: Unix sockets stand beside loopback addresses; tcp: not */
};

void config_defaults(struct config *config);
/* Each returns OK, or INVALID/IO with a note (memory_free) for people. */
enum grid_err config_read_file(struct config *config, const char *path, char **ret_note);
enum grid_err config_read_text(struct config *config, const char *name, struct bytes text, char **ret_note);
enum grid_err config_read_environment(struct config *config, const char *const *environment, char **ret_note);
/* `assignment` is "path=value", as given to --set; `origin` names where it came from. */
enum grid_err config_assign(struct config *config, const char *origin, const char *assignment, char **ret_note);
/* Checks what only the whole can tell: nothing is missing, this node is a member, their number is odd, … */
enum grid_err config_check(const struct config *config, char **ret_note);
/* Every setting with its meaning and what is allowed. */
void config_each(void (*each)(void *context, const char *name, const char *meaning), void *context);
void config_list(struct buffer *out);  /* every setting with its meaning, for --help */

#endif
