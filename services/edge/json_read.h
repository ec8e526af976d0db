/* A strict reader of JSON (RFC 8259) that keeps every value as it was written.
 *
 * A text is one value with only white space around it, in UTF-8 without a byte order mark. The names of an object differ,
 * after their escapes are resolved; escaped surrogates come in pairs; nesting goes to JSON_NESTING_MAX. Numbers are not
 * converted: their digits stay in `raw`, however many there are, so nothing is rounded on the way.
 *
 * (The C parsers in Debian convert numbers to 64 bits, and lone surrogates to other characters; ADR 0021.)
 *
 * Shape: a tree of values; members and elements hang on `first` and `next`, in their order. Ownership: the tree lives in
 * the arena and borrows from the text. Time grows with the text, n log n with the members of one object. */
#ifndef SERVICES_EDGE_JSON_READ_H
#define SERVICES_EDGE_JSON_READ_H

#include "grid/base/arena.h"
#include "grid/base/bytes.h"

enum json_kind { JSON_KIND_NULL, JSON_KIND_FALSE, JSON_KIND_TRUE, JSON_KIND_NUMBER, JSON_KIND_STRING, JSON_KIND_ARRAY, JSON_KIND_OBJECT };

struct json_value {
    enum json_kind kind;
    struct bytes name;                     /* of a member of an object, without escapes */
    struct bytes raw;                      /* as it was written, without the space around it */
    struct bytes text;                     /* of a string, without quotes and escapes; may hold NUL */
    struct json_value *first, *next;
};

/* The value, or NULL and a reason for people, which names the column; the reason lives in the arena. */
const struct json_value *json_read(struct bytes text, struct arena *arena, const char **ret_reason);
/* NULL: the object has no such member. */
const struct json_value *json_read_find(const struct json_value *object, const char *name);
/* A value for messages: its beginning, without control characters. */
const char *json_read_shown(struct bytes text, struct arena *arena);

#endif
