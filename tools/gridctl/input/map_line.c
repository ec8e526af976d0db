#include "tools/gridctl/input/map_line.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/duration.h"
#include "grid/base/limits.h"
#include "services/edge/base64.h"
#include "services/edge/fields.h"
#include "services/edge/nearest.h"

/* What an operation does with a field. */
enum use { UNUSED, OPTIONAL, REQUIRED };

struct rule {
    const char *name;
    enum grid_operation_kind kind;
    enum use value, expected_value, expected_version, ttl;
    int64_t version_least;                 /* 0: the entry must be absent */
};

static const struct rule RULES[] = {
    {"set", GRID_SET, REQUIRED, UNUSED, UNUSED, OPTIONAL, 0},
    {"put-if-absent", GRID_PUT_IF_ABSENT, REQUIRED, UNUSED, UNUSED, OPTIONAL, 0},
    {"replace", GRID_REPLACE, REQUIRED, UNUSED, UNUSED, OPTIONAL, 0},
    {"replace-if-same", GRID_REPLACE_IF_SAME, REQUIRED, REQUIRED, UNUSED, OPTIONAL, 0},
    {"cas", GRID_COMPARE_AND_SET, REQUIRED, UNUSED, REQUIRED, OPTIONAL, 0},
    {"remove", GRID_REMOVE, UNUSED, UNUSED, UNUSED, UNUSED, 0},
    {"remove-if-same", GRID_REMOVE_IF_SAME, UNUSED, REQUIRED, UNUSED, UNUSED, 0},
    {"remove-if-version", GRID_REMOVE_IF_VERSION, UNUSED, UNUSED, REQUIRED, UNUSED, 1},
    {"set-ttl", GRID_SET_TTL, UNUSED, UNUSED, UNUSED, REQUIRED, 0},
    {"check-version", GRID_CHECK_VERSION, UNUSED, UNUSED, REQUIRED, UNUSED, 0},
};
enum { RULES_COUNT = sizeof RULES / sizeof *RULES };

/* ---- types of fields */

static struct grid_bytes bytes_out(struct bytes bytes)
{
    return (struct grid_bytes){bytes.data, bytes.size};
}

/* Any bytes of text, NUL among them. */
static struct grid_bytes any_text(struct fields *fields, const char *name, const struct json_value *value)
{
    if (value->kind == JSON_KIND_STRING)
        return bytes_out(value->text);
    fields_fail(fields, name, "must be text in quotes");
    return bytes_out(BYTES_NONE);
}

static struct grid_bytes stored(struct fields *fields, const char *name, const struct json_value *value)
{
    (void)fields;
    (void)name;
    return bytes_out(value->kind == JSON_KIND_STRING ? value->text : value->raw);
}

/* The bytes of a field that may stand under its name or, in base64, under the name with "Base64" behind it; false: neither is
 * there. `plain` says what they are under its own name. */
static bool either(struct fields *fields, const char *name, const char *coded_name,
                   struct grid_bytes (*plain)(struct fields *fields, const char *name, const struct json_value *value),
                   struct grid_bytes *ret_bytes)
{
    const struct json_value *value = fields_find(fields, name), *coded = fields_find(fields, coded_name);
    struct buffer decoded = {0};
    if (value != NULL)
        *ret_bytes = plain(fields, name, value);
    if (value != NULL && coded != NULL)
        fields_fail(fields, coded_name, arena_format(fields->arena, "and %s exclude each other", name));
    else if (coded != NULL && (coded->kind != JSON_KIND_STRING || !base64_decode(coded->text, &decoded)))
        fields_fail(fields, coded_name, "must be base64 in quotes");
    else if (coded != NULL)
        *ret_bytes = bytes_out(arena_copy(fields->arena, buffer_bytes(&decoded)));
    buffer_close(&decoded);
    return value != NULL || coded != NULL;
}

static uint64_t ttl(struct fields *fields, const char *name, const struct json_value *value)
{
    int64_t number = 0;
    uint64_t ttl_ms = 0;
    if (value->kind == JSON_KIND_STRING && bytes_equal(value->text, bytes_of_text("none")))
        return GRID_TTL_NONE;
    if (value->kind == JSON_KIND_STRING && duration_has_unit(value->text) && !duration_parse(value->text, &ttl_ms))
        ttl_ms = 0;
    if (value->kind == JSON_KIND_NUMBER && fields_whole(value->raw, &number))
        ttl_ms = number > 0 ? (uint64_t)number : 0;
    if (ttl_ms == 0 || ttl_ms > TTL_MS_MAX)
        fields_fail(fields, name, "must be a number of milliseconds from 1, a duration like \"10s\" or \"2h\", or \"none\"; "
                                  "at most a hundred years");
    return ttl_ms;
}

/* ---- the parts of a line */

static void begin(struct fields *fields, struct bytes line, struct arena *arena, struct map_line *ret_line)
{
    *ret_line = (struct map_line){.has_affinity = false};
    fields_begin(fields, line, arena);
}

static void read_key(struct fields *fields, struct map_line *line)
{
    struct grid_key *key = &line->operation.key;
    if (!either(fields, "key", "keyBase64", any_text, &key->key))
        (void)fields_get(fields, "key");
    else if (key->key.size == 0)
        fields_fail(fields, "key", "must not be empty");
    line->has_affinity = either(fields, "affinity", "affinityBase64", any_text, &key->affinity);
}

bool map_line_load(struct bytes text, struct arena *arena, struct map_line *ret_line, const char **ret_reason)
{
    struct fields fields;
    begin(&fields, text, arena, ret_line);
    ret_line->operation.kind = GRID_SET;
    read_key(&fields, ret_line);
    const struct json_value *lasts = fields_find(&fields, "ttlMs");
    if (!either(&fields, "value", "valueBase64", stored, &ret_line->operation.value))
        (void)fields_get(&fields, "value");
    if (lasts != NULL)
        ret_line->operation.ttl_ms = ttl(&fields, "ttlMs", lasts);
    return fields_end(&fields, ret_reason);
}

/* ---- batches */

static const char *rule_names(struct arena *arena)
{
    struct buffer names = {0};
    for (size_t i = 0; i < RULES_COUNT; i++)
        buffer_append_format(&names, "%s%s", i > 0 ? ", " : "", RULES[i].name);
    const char *text = arena_text(arena, buffer_bytes(&names));
    buffer_close(&names);
    return text;
}

static const struct rule *read_rule(struct fields *fields)
{
    const char *names[RULES_COUNT];
    const struct json_value *op = fields_get(fields, "op");
    struct bytes name = op != NULL && op->kind == JSON_KIND_STRING ? op->text : BYTES_NONE;
    if (op == NULL)
        return NULL;
    for (size_t i = 0; i < RULES_COUNT; i++) {
        names[i] = RULES[i].name;
        if (bytes_equal(bytes_of_text(names[i]), name))
            return &RULES[i];
    }
    const char *near = nearest_name(name, names, RULES_COUNT), *shown = json_read_shown(op->raw, fields->arena);
    fields_fail(fields, "op", near != NULL ? arena_format(fields->arena, "%s is no operation; did you mean %s?", shown, near)
                                           : arena_format(fields->arena, "%s is no operation; it is one of %s", shown,
                                                          rule_names(fields->arena)));
    return NULL;
}

/* The field, where the operation takes it. Without a rule nothing more is said of it. */
static const struct json_value *take(struct fields *fields, const struct rule *rule, const char *name, enum use use)
{
    const struct json_value *value = fields_find(fields, name);
    if (rule == NULL || (value == NULL && use != REQUIRED))
        return NULL;
    if (value == NULL)
        fields_fail(fields, name, arena_format(fields->arena, "is missing, which %s needs", rule->name));
    else if (use == UNUSED)
        fields_fail(fields, name, arena_format(fields->arena, "does not belong to %s", rule->name));
    return use == UNUSED ? NULL : value;
}

/* The same for bytes in either form. */
static void take_bytes(struct fields *fields, const struct rule *rule, const char *name, const char *coded_name, enum use use,
                       struct grid_bytes *ret_bytes)
{
    if (!either(fields, name, coded_name, stored, ret_bytes))
        (void)take(fields, rule, name, use);
    else if (rule != NULL && use == UNUSED)
        fields_fail(fields, name, arena_format(fields->arena, "does not belong to %s", rule->name));
}

bool map_line_batch(struct bytes text, struct arena *arena, struct map_line *ret_line, const char **ret_reason)
{
    struct fields fields;
    struct grid_operation *operation = &ret_line->operation;
    begin(&fields, text, arena, ret_line);
    const struct rule *rule = read_rule(&fields);
    read_key(&fields, ret_line);
    take_bytes(&fields, rule, "value", "valueBase64", rule != NULL ? rule->value : OPTIONAL, &operation->value);
    take_bytes(&fields, rule, "expectedValue", "expectedValueBase64", rule != NULL ? rule->expected_value : OPTIONAL,
               &operation->expected_value);
    const struct json_value *version = take(&fields, rule, "expectedVersion", rule != NULL ? rule->expected_version : OPTIONAL);
    const struct json_value *lasts = take(&fields, rule, "ttlMs", rule != NULL ? rule->ttl : OPTIONAL);
    if (rule != NULL)
        operation->kind = rule->kind;
    if (version != NULL)
        operation->expected_version = (uint64_t)fields_number(&fields, "expectedVersion", BOUND(rule->version_least, INT64_MAX));
    if (lasts != NULL)
        operation->ttl_ms = ttl(&fields, "ttlMs", lasts);
    operation->map = fields_find(&fields, "map") != NULL ? fields_required_text(&fields, "map") : NULL;
    return fields_end(&fields, ret_reason);
}
