/* Points in time as people write them: UTC by RFC 3339, "2026-01-31T12:00:00Z", with up to three digits behind the seconds. */
#ifndef SERVICES_EDGE_TIMESTAMP_H
#define SERVICES_EDGE_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since 1970. False: it is no such text, or there is no such day or time of day. */
bool timestamp_parse(const char *text, uint64_t *ret_ms);

#endif
