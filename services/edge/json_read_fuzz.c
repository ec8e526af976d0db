/* Fuzz target of the reader of JSON: whatever the text, it is refused with a reason, or becomes a tree whose values stand
 * in the text where they say. Jansson must come to the same verdict, but for what it cannot hold: numbers beyond 64 bits,
 * NUL in names, other bounds of nesting; and a NUL byte, which it takes for the end of the text. */
#include <jansson.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/wire/protobuf_wire.h"
#include "services/edge/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct bytes part, struct bytes whole)
{
    return part.size > 0 && part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

/* A value read alone is the same again. */
static void check_alone(const struct json_value *value, struct arena *arena)
{
    const char *reason;
    const struct json_value *again = json_read(value->raw, arena, &reason);
    ENSURE(again != NULL && again->kind == value->kind && bytes_equal(again->raw, value->raw));
    ENSURE(bytes_equal(again->text, value->text) && wire_utf8_valid(value->text) && wire_utf8_valid(value->name));
}

static void check_children(const struct json_value *parent, struct arena *arena)
{
    const uint8_t *after = parent->raw.data + 1;
    ENSURE(parent->first == NULL || parent->kind == JSON_KIND_ARRAY || parent->kind == JSON_KIND_OBJECT);
    for (const struct json_value *child = parent->first; child != NULL; child = child->next) {
        ENSURE(within(child->raw, parent->raw) && child->raw.data >= after);
        after = child->raw.data + child->raw.size;
        check_alone(child, arena);
    }
}

static void compare(struct bytes text, bool good, const char *reason)
{
    json_error_t error;
    const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_t *other = json_loadb(text.size > 0 ? (const char *)text.data : "", text.size, flags, &error);
    enum json_error_code code = other == NULL ? json_error_code(&error) : json_error_unknown;
    bool has_nul = text.size > 0 && memchr(text.data, 0, text.size) != NULL;
    bool comparable = !has_nul && code != json_error_numeric_overflow && code != json_error_stack_overflow &&
                      code != json_error_null_byte_in_key && (good || strstr(reason, "nested too deeply") == NULL);
    ENSURE(!comparable || (other != NULL) == good);
    ENSURE(!has_nul || !good);
    json_decref(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct arena arena;
    const char *reason = NULL;
    arena_init(&arena, 4096);
    const struct json_value *root = json_read(text, &arena, &reason);
    ENSURE(root != NULL || (reason != NULL && reason[0] != 0));
    if (root != NULL) {
        ENSURE(within(root->raw, text));
        check_alone(root, &arena);
        check_children(root, &arena);
        for (const struct json_value *child = root->first; child != NULL; child = child->next)
            check_children(child, &arena);
    }
    compare(text, root != NULL, reason);
    arena_close(&arena);
    return 0;
}
