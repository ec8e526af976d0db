/* A JSON writer: appends to a buffer, in the order of the calls. Compact, or indented by two spaces.
 *
 * Text must be UTF-8; bytes that are not become U+FFFD. A name is given inside objects and NULL elsewhere. Numbers are
 * integers: the project has no others. Nesting up to JSON_DEPTH_MAX. Threads: none. */
#ifndef SERVICES_EDGE_JSON_H
#define SERVICES_EDGE_JSON_H

#include "grid/base/bytes.h"

enum { JSON_DEPTH_MAX = 16 };

struct json {
    struct buffer *out;
    bool indented;
    uint32_t depth;
    bool filled[JSON_DEPTH_MAX];           /* a value has been written at this depth */
};

struct json json_to(struct buffer *out, bool indented);
void json_put_object_begin(struct json *json, const char *name);
void json_put_object_end(struct json *json);
void json_put_array_begin(struct json *json, const char *name);
void json_put_array_end(struct json *json);
void json_put_text(struct json *json, const char *name, struct bytes value);
void json_put_string(struct json *json, const char *name, const char *value);
void json_put_number(struct json *json, const char *name, int64_t value);
void json_put_unsigned(struct json *json, const char *name, uint64_t value);
void json_put_bool(struct json *json, const char *name, bool value);
void json_put_null(struct json *json, const char *name);
void json_put_base64(struct json *json, const char *name, struct bytes value);
/* UTC since 1970 as RFC 3339 with milliseconds; null for 0. */
void json_put_time(struct json *json, const char *name, uint64_t time_ms);

enum { TIME_TEXT_BYTES = 32 };
void time_format(uint64_t time_ms, char ret_text[TIME_TEXT_BYTES]);

#endif
