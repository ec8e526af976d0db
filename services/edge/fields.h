/* Reads the fields of a JSON object strictly: an unknown field and a field of another type are errors.
 *
 * Shape: fields_begin, a call for each field that the object may have, fields_end. A call that fails sets a reason
 * "field: what is wrong" and returns a value with which the caller can continue. The first reason stays, except that fields_end prefers an
 * unknown field: then the missing field was most likely misspelt. Fields of objects inside
 * the object have a path ("lines[0].quantity"). `null` means a missing text; it is an error for other types and for a text that must exist.
 *
 * Reasons and texts live in the arena. Names are literals: they are borrowed. Threads: none. */
#ifndef SERVICES_EDGE_FIELDS_H
#define SERVICES_EDGE_FIELDS_H

#include "services/bounds.h"
#include "services/edge/json_read.h"

enum { FIELDS_MAX = 16 };

struct fields {
    struct arena *arena;
    const struct json_value *object;       /* NULL: the value is no object; `reason` says so */
    const char *path;                      /* in front of names */
    const char *known[FIELDS_MAX];
    size_t known_count;
    const char *reason;                    /* NULL: good so far */
};

/* Reads a text that is one object. */
void fields_begin(struct fields *fields, struct bytes text, struct arena *arena);
/* An object within another one: `path` is in front of its names, "lines[0].". */
void fields_begin_at(struct fields *fields, const struct json_value *object, const char *path, struct arena *arena);
/* True when every field was read and nothing failed; else the reason. */
bool fields_end(struct fields *fields, const char **ret_reason);

/* The field as it was written, of any type; NULL: it is missing. */
const struct json_value *fields_find(struct fields *fields, const char *name);
/* The same; a missing field is an error. */
const struct json_value *fields_get(struct fields *fields, const char *name);
/* Text without NUL, with a closing zero. Missing or null: `otherwise`. */
char *fields_text(struct fields *fields, const char *name, char *otherwise);
/* Text that must exist and not be empty; "" after a failure. */
char *fields_required_text(struct fields *fields, const char *name);
/* A whole number within the bound, written without a point or an exponent. The least after a failure. */
int64_t fields_number(struct fields *fields, const char *name, struct bound bound);
/* The same; `otherwise` if it is missing. */
int64_t fields_number_or(struct fields *fields, const char *name, struct bound bound, int64_t otherwise);
void fields_fail(struct fields *fields, const char *name, const char *what);
/* Takes over the reason of an object inside this one. */
void fields_fail_as(struct fields *fields, const char *reason);

/* The value of a number's text, which may have a sign; false: it is not whole, or beyond 64 bits. */
bool fields_whole(struct bytes raw, int64_t *ret_number);

#endif
