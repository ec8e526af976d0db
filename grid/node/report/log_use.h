/* How full the log is, against log.disk_bytes or log.memory_bytes: when operators are told. Each step is said once: it ends by a
 * restart with a higher bound only, because the log is not compacted. Pure. */
#ifndef GRID_NODE_REPORT_LOG_USE_H
#define GRID_NODE_REPORT_LOG_USE_H

#include <stdint.h>

enum { LOG_USE_WARN_PERCENT = 80, LOG_USE_LATE_PERCENT = 95, LOG_USE_FULL_PERCENT = 100 };

struct log_use { unsigned said_percent; };

/* The step that was reached and not said yet: LOG_USE_…; 0: none. */
unsigned log_use_look(struct log_use *use, uint64_t used, uint64_t bound);

#endif
