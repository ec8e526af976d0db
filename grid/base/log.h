/* Log lines with levels, for people and machines. Library code logs only at debug; the node's edges log at higher levels.
 *
 * The node passes one logger down. `write` writes a line; the production logger writes JSON or text
 * to standard error, the simulator's keeps lines of the node under test. Borrowed text; no allocation if the level is off. */
#ifndef GRID_BASE_LOG_H
#define GRID_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct logger {
    enum log_level level;                       /* lines below it are dropped */
    void (*write)(struct logger *logger, enum log_level level, const char *component, const char *text);
    void *context;
};

void log_line(struct logger *logger, enum log_level level, const char *component, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *log_level_name(enum log_level level);
bool log_level_parse(const char *text, enum log_level *ret_level);

#define LOG_DEBUG(logger, component, ...) log_line(logger, LOG_LEVEL_DEBUG, component, __VA_ARGS__)
#define LOG_INFO(logger, component, ...) log_line(logger, LOG_LEVEL_INFO, component, __VA_ARGS__)
#define LOG_WARN(logger, component, ...) log_line(logger, LOG_LEVEL_WARN, component, __VA_ARGS__)
#define LOG_ERROR(logger, component, ...) log_line(logger, LOG_LEVEL_ERROR, component, __VA_ARGS__)

#endif
