#include "services/edge/fields.h"

#include <inttypes.h>
#include <string.h>

#include "grid/base/check.h"
#include "services/edge/nearest.h"

/* ---- reasons */

void fields_fail_as(struct fields *fields, const char *reason)
{
    if (fields->reason == NULL)
        fields->reason = reason;
}

void fields_fail(struct fields *fields, const char *name, const char *what)
{
    if (fields->reason == NULL)
        fields->reason = arena_format(fields->arena, "%s%s: %s", fields->path, name, what);
}

/* ---- the object */

void fields_begin_at(struct fields *fields, const struct json_value *object, const char *path, struct arena *arena)
{
    *fields = (struct fields){.arena = arena, .object = object, .path = path};
    if (object->kind == JSON_KIND_OBJECT)
        return;
    fields->object = NULL;
    size_t size = strlen(path);
    fields->reason = size == 0 ? "must be a JSON object"
                               : arena_format(arena, "%.*s: must be a JSON object", (int)size - 1, path);
}

void fields_begin(struct fields *fields, struct bytes text, struct arena *arena)
{
    const char *reason = NULL;
    const struct json_value *root = json_read(text, arena, &reason);
    if (root != NULL)
        fields_begin_at(fields, root, "", arena);
    else
        *fields = (struct fields){.arena = arena, .path = "", .reason = reason};
}

static bool is_known(const struct fields *fields, struct bytes name)
{
    for (size_t i = 0; i < fields->known_count; i++)
        if (bytes_equal(bytes_of_text(fields->known[i]), name))
            return true;
    return false;
}

static const char *unknown(struct fields *fields, struct bytes name)
{
    struct arena *arena = fields->arena;
    const char *near = nearest_name(name, fields->known, fields->known_count), *shown = json_read_shown(name, arena);
    if (near != NULL)
        return arena_format(arena, "%s%s: there is no such field; did you mean %s?", fields->path, shown, near);
    struct buffer names = {0};
    for (size_t i = 0; i < fields->known_count; i++)
        buffer_append_format(&names, "%s%s", i > 0 ? ", " : "", fields->known[i]);
    const char *reason = arena_format(arena, "%s%s: there is no such field; the fields are %.*s", fields->path, shown,
                                      (int)names.size, (const char *)names.data);
    buffer_close(&names);
    return reason;
}

bool fields_end(struct fields *fields, const char **ret_reason)
{
    const struct json_value *member = fields->object != NULL ? fields->object->first : NULL;
    while (member != NULL && is_known(fields, member->name))
        member = member->next;
    if (member != NULL)
        fields->reason = unknown(fields, member->name);
    if (fields->reason != NULL)
        *ret_reason = fields->reason;
    return fields->reason == NULL;
}

/* ---- fields */

const struct json_value *fields_find(struct fields *fields, const char *name)
{
    if (!is_known(fields, bytes_of_text(name))) {
        REQUIRE(fields->known_count < FIELDS_MAX);
        fields->known[fields->known_count++] = name;
    }
    return fields->object != NULL ? json_read_find(fields->object, name) : NULL;
}

const struct json_value *fields_get(struct fields *fields, const char *name)
{
    const struct json_value *value = fields_find(fields, name);
    if (value == NULL)
        fields_fail(fields, name, "is missing");
    return value;
}

char *fields_text(struct fields *fields, const char *name, char *otherwise)
{
    const struct json_value *value = fields_find(fields, name);
    if (value == NULL || value->kind == JSON_KIND_NULL)
        return otherwise;
    if (value->kind != JSON_KIND_STRING)
        fields_fail(fields, name, "must be text in quotes");
    else if (value->text.size > 0 && memchr(value->text.data, 0, value->text.size) != NULL)
        fields_fail(fields, name, "must not contain a NUL");
    else
        return arena_text(fields->arena, value->text);
    return arena_text(fields->arena, BYTES_NONE);
}

char *fields_required_text(struct fields *fields, const char *name)
{
    const struct json_value *value = fields_find(fields, name);
    char *text = fields_text(fields, name, NULL);
    if (text != NULL && text[0] != 0)
        return text;
    fields_fail(fields, name, value == NULL ? "is missing" : text == NULL ? "must be text in quotes, not null" : "must not be empty");
    return arena_text(fields->arena, BYTES_NONE);
}

bool fields_whole(struct bytes raw, int64_t *ret_number)
{
    bool negative = raw.size > 0 && raw.data[0] == '-';
    uint64_t value = 0, most = (uint64_t)INT64_MAX + negative;
    for (size_t i = negative; i < raw.size; i++) {
        if (raw.data[i] < '0' || raw.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(raw.data[i] - '0');
        if (value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (raw.size == negative)
        return false;
    *ret_number = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static int64_t number_of(struct fields *fields, const char *name, const struct json_value *value, struct bound bound)
{
    int64_t number = bound.least;
    if (value->kind == JSON_KIND_NUMBER && fields_whole(value->raw, &number) && number >= bound.least && number <= bound.most)
        return number;
    fields_fail(fields, name, arena_format(fields->arena, "must be a whole number from %" PRId64 " to %" PRId64, bound.least, bound.most));
    return bound.least;
}

int64_t fields_number(struct fields *fields, const char *name, struct bound bound)
{
    const struct json_value *value = fields_get(fields, name);
    return value != NULL ? number_of(fields, name, value, bound) : bound.least;
}

int64_t fields_number_or(struct fields *fields, const char *name, struct bound bound, int64_t otherwise)
{
    const struct json_value *value = fields_find(fields, name);
    return value != NULL ? number_of(fields, name, value, bound) : otherwise;
}
