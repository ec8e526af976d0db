#include "services/edge/json_read.h"

#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/wire/protobuf_wire.h"

enum {
    FEW_MEMBERS = 8,                       /* up to so many names are compared pair by pair */
    SHOWN_BYTES_MAX = 60,
};

struct open_value { struct json_value *value, **end; size_t count; };     /* where its next child goes; how many it has */

struct json_reader {
    const uint8_t *begin, *at, *end;
    struct arena *arena;
    const char *reason;                    /* NULL: good so far */
    uint32_t depth;
    struct open_value open[JSON_NESTING_MAX];
};

/* ---- failures */

/* Columns count characters, from 1. */
static size_t column_of(const struct json_reader *reader, const uint8_t *at)
{
    size_t column = 1;
    for (const uint8_t *byte = reader->begin; byte < at; byte++)
        column += (*byte & 0xc0) != 0x80;
    return column;
}

static bool fail_at(struct json_reader *reader, const uint8_t *at, const char *what)
{
    if (reader->reason == NULL)
        reader->reason = arena_format(reader->arena, "not JSON: %s (column %zu)", what, column_of(reader, at));
    return false;
}

static bool fail(struct json_reader *reader, const char *what)
{
    return fail_at(reader, reader->at, reader->at == reader->end ? "it ends too early" : what);
}

/* ---- text */

static void skip_space(struct json_reader *reader)
{
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r'))
        reader->at++;
}

static bool next_is(const struct json_reader *reader, char character)
{
    return reader->at < reader->end && *reader->at == (uint8_t)character;
}

static bool take_char(struct json_reader *reader, char character)
{
    bool there = next_is(reader, character);
    reader->at += there;
    return there;
}

/* Four hexadecimal digits; -1: something else. */
static int32_t unit_at(const uint8_t *at, const uint8_t *end)
{
    int32_t unit = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int32_t digit = at[i] >= '0' && at[i] <= '9' ? at[i] - '0'
                        : at[i] >= 'a' && at[i] <= 'f' ? at[i] - 'a' + 10
                        : at[i] >= 'A' && at[i] <= 'F' ? at[i] - 'A' + 10 : -1;
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static uint8_t *put_utf8(uint8_t *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (uint8_t)point;
    } else if (point < 0x800) {
        *to++ = (uint8_t)(0xc0 | point >> 6);
        *to++ = (uint8_t)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *to++ = (uint8_t)(0xe0 | point >> 12);
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (point & 0x3f));
    } else {
        *to++ = (uint8_t)(0xf0 | point >> 18);
        *to++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (point & 0x3f));
    }
    return to;
}

/* What follows "\u"; *at moves past it. */
static uint8_t *unescape_unit(struct json_reader *reader, const uint8_t **at, const uint8_t *end, uint8_t *to)
{
    int32_t unit = unit_at(*at, end), low;
    const uint8_t *escape = *at - 2;
    if (unit < 0) {
        fail_at(reader, escape, "\\u needs four hexadecimal digits");
        return to;
    }
    *at += 4;
    if (unit < 0xd800 || unit > 0xdfff)
        return put_utf8(to, (uint32_t)unit);
    bool paired = unit < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u';
    low = paired ? unit_at(*at + 2, end) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        fail_at(reader, escape, "an escaped surrogate without its other half");
        return to;
    }
    *at += 6;
    return put_utf8(to, 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00));
}

static struct bytes unescape(struct json_reader *reader, const uint8_t *at, const uint8_t *end)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    uint8_t *text = arena_alloc(reader->arena, (size_t)(end - at)), *to = text;
    while (at < end && reader->reason == NULL) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        const char *simple = at[1] != 0 ? strchr(from, at[1]) : NULL;
        at += 2;
        if (simple != NULL)
            *to++ = (uint8_t)into[simple - from];
        else if (at[-1] == 'u')
            to = unescape_unit(reader, &at, end, to);
        else
            fail_at(reader, at - 2, "no such escape");
    }
    return bytes_of(text, (size_t)(to - text));
}

static bool read_string(struct json_reader *reader, struct bytes *ret_text)
{
    if (!take_char(reader, '"'))
        return fail(reader, "a string is expected");
    const uint8_t *start = reader->at;
    bool escaped = false;
    for (; reader->at < reader->end && *reader->at != '"'; reader->at++) {
        if (*reader->at < 0x20)
            return fail(reader, *reader->at == 0 ? "a NUL byte" : "a control character inside a string, which must be escaped");
        if (*reader->at != '\\')
            continue;
        escaped = true;
        if (++reader->at == reader->end)
            break;
    }
    if (reader->at == reader->end)
        return fail_at(reader, start - 1, "a string without an end");
    struct bytes text = bytes_of(start, (size_t)(reader->at++ - start));
    if (!wire_utf8_valid(text))
        return fail_at(reader, start - 1, "a string that is not UTF-8");
    *ret_text = escaped ? unescape(reader, start, start + text.size) : text;
    return reader->reason == NULL;
}

/* ---- numbers and words */

static bool skip_digits(struct json_reader *reader)
{
    const uint8_t *start = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return reader->at > start || fail(reader, "a digit is expected");
}

static bool read_number(struct json_reader *reader)
{
    take_char(reader, '-');
    if (!take_char(reader, '0') && !skip_digits(reader))
        return false;
    if (take_char(reader, '.') && !skip_digits(reader))
        return false;
    if (!take_char(reader, 'e') && !take_char(reader, 'E'))
        return true;
    if (!take_char(reader, '+'))
        take_char(reader, '-');
    return skip_digits(reader);
}

static bool read_word(struct json_reader *reader, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, word, size) != 0)
        return fail_at(reader, reader->at, "a value is expected");
    reader->at += size;
    return true;
}

/* ---- objects and arrays */

static int by_name(const void *left, const void *right)
{
    const struct json_value *const *a = left, *const *b = right;
    return bytes_compare((*a)->name, (*b)->name);
}

static bool given_twice(struct json_reader *reader, const struct json_value *a, const struct json_value *b)
{
    const struct json_value *second = a->raw.data > b->raw.data ? a : b;
    reader->reason = arena_format(reader->arena, "%s: is given twice (column %zu)",
                                  json_read_shown(second->name, reader->arena), column_of(reader, second->raw.data));
    return false;
}

static bool names_differ(struct json_reader *reader, const struct open_value *object)
{
    if (object->count <= FEW_MEMBERS) {
        for (const struct json_value *a = object->value->first; a != NULL; a = a->next)
            for (const struct json_value *b = a->next; b != NULL; b = b->next)
                if (bytes_equal(a->name, b->name))
                    return given_twice(reader, a, b);
        return true;
    }
    const struct json_value **sorted = arena_alloc(reader->arena, object->count * sizeof *sorted);
    size_t count = 0;
    for (const struct json_value *member = object->value->first; member != NULL; member = member->next)
        sorted[count++] = member;
    HOLDS(count == object->count);
    qsort(sorted, count, sizeof *sorted, by_name);
    for (size_t i = 1; i < count; i++)
        if (bytes_equal(sorted[i - 1]->name, sorted[i]->name))
            return given_twice(reader, sorted[i - 1], sorted[i]);
    return true;
}

static bool read_name(struct json_reader *reader, struct bytes *ret_name)
{
    skip_space(reader);
    if (!next_is(reader, '"'))
        return fail(reader, "a name in quotes is expected");
    if (!read_string(reader, ret_name))
        return false;
    skip_space(reader);
    return take_char(reader, ':') || fail(reader, "a colon is expected");
}

/* A new value, a child of the innermost one that is open. */
static struct json_value *add_value(struct json_reader *reader, struct bytes name)
{
    struct json_value *value = arena_zero(reader->arena, sizeof *value);
    value->name = name;
    if (reader->depth > 0) {
        struct open_value *parent = &reader->open[reader->depth - 1];
        *parent->end = value;
        parent->end = &value->next;
        parent->count++;
    }
    return value;
}

static bool open_value(struct json_reader *reader, struct json_value *value, enum json_kind kind)
{
    if (reader->depth == JSON_NESTING_MAX)
        return fail_at(reader, reader->at, "nested too deeply");
    reader->at++;
    value->kind = kind;
    reader->open[reader->depth++] = (struct open_value){.value = value, .end = &value->first};
    return true;
}

static bool close_value(struct json_reader *reader)
{
    const struct open_value *open = &reader->open[--reader->depth];
    reader->at++;
    open->value->raw.size = (size_t)(reader->at - open->value->raw.data);
    return open->value->kind == JSON_KIND_ARRAY || names_differ(reader, open);
}

/* ---- one value after the other */

static bool read_scalar(struct json_reader *reader, struct json_value *value)
{
    switch (*reader->at) {
    case '"':
        value->kind = JSON_KIND_STRING;
        return read_string(reader, &value->text);
    case 'n': return read_word(reader, "null");
    case 'f':
        value->kind = JSON_KIND_FALSE;
        return read_word(reader, "false");
    case 't':
        value->kind = JSON_KIND_TRUE;
        return read_word(reader, "true");
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        value->kind = JSON_KIND_NUMBER;
        return read_number(reader);
    case 0: return fail(reader, "a NUL byte");
    default: return fail(reader, "a value is expected");
    }
}

/* Reads a scalar whole, of an object or array the bracket. */
static bool read_value(struct json_reader *reader, struct json_value *value)
{
    skip_space(reader);
    value->raw.data = reader->at;
    if (reader->at == reader->end)
        return fail(reader, "");
    if (*reader->at == '{' || *reader->at == '[')
        return open_value(reader, value, *reader->at == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY);
    if (!read_scalar(reader, value))
        return false;
    value->raw.size = (size_t)(reader->at - value->raw.data);
    return true;
}

static bool closes(const struct json_reader *reader)
{
    return next_is(reader, reader->open[reader->depth - 1].value->kind == JSON_KIND_OBJECT ? '}' : ']');
}

/* Closes what ends here, up to the place where another child is expected, or to the end of the outermost value. */
static bool close_values(struct json_reader *reader)
{
    while (reader->depth > 0) {
        struct open_value *open = &reader->open[reader->depth - 1];
        skip_space(reader);
        if (closes(reader)) {
            if (!close_value(reader))
                return false;
            continue;
        }
        if (open->count == 0 || take_char(reader, ','))
            return true;
        return fail(reader, open->value->kind == JSON_KIND_OBJECT ? "a comma or } is expected" : "a comma or ] is expected");
    }
    return true;
}

static const struct json_value *read_tree(struct json_reader *reader)
{
    struct json_value *root = add_value(reader, BYTES_NONE);
    bool good = read_value(reader, root) && close_values(reader);
    while (good && reader->depth > 0) {
        struct bytes name = BYTES_NONE;
        if (reader->open[reader->depth - 1].value->kind == JSON_KIND_OBJECT && !read_name(reader, &name))
            return NULL;
        good = read_value(reader, add_value(reader, name)) && close_values(reader);
    }
    return good ? root : NULL;
}

const struct json_value *json_read(struct bytes text, struct arena *arena, const char **ret_reason)
{
    struct json_reader reader = {.arena = arena};
    if (text.size == 0)
        text.data = (const uint8_t *)"";
    reader.begin = reader.at = text.data;
    reader.end = text.data + text.size;
    if (text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        fail(&reader, "it begins with a byte order mark");
    const struct json_value *root = reader.reason == NULL ? read_tree(&reader) : NULL;
    skip_space(&reader);
    if (root != NULL && reader.at < reader.end) {
        fail(&reader, *reader.at == 0 ? "a NUL byte" : "something follows the value");
        root = NULL;
    }
    ENSURE((root == NULL) == (reader.reason != NULL));
    if (root == NULL)
        *ret_reason = reader.reason;
    return root;
}

const struct json_value *json_read_find(const struct json_value *object, const char *name)
{
    const struct json_value *member = object->kind == JSON_KIND_OBJECT ? object->first : NULL;
    while (member != NULL && !bytes_equal(member->name, bytes_of_text(name)))
        member = member->next;
    return member;
}

const char *json_read_shown(struct bytes text, struct arena *arena)
{
    size_t size = text.size < SHOWN_BYTES_MAX ? text.size : SHOWN_BYTES_MAX;
    /* Never half a character. */
    while (size < text.size && size > 0 && (text.data[size] & 0xc0) == 0x80)
        size--;
    char *shown = arena_format(arena, "%*s%s", (int)size, "", size < text.size ? "..." : "");
    for (size_t i = 0; i < size; i++)
        shown[i] = text.data[i] < 0x20 || text.data[i] == 0x7f ? '?' : (char)text.data[i];
    return shown;
}
