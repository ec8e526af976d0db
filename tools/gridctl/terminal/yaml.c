#include "tools/gridctl/terminal/yaml.h"

#include <string.h>
#include <strings.h>

#include "grid/base/check.h"

enum { DEPTH_MAX = 64 };

/* Text that every reader of YAML, 1.1 too, takes for text without quotes. */
static bool is_plain(struct bytes text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf", NULL};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "0123456789_-./";
    if (text.size == 0 || text.size > 200 || text.data[0] == 0 || strchr(letters, text.data[0]) == NULL)
        return false;
    for (size_t i = 0; words[i] != NULL; i++)
        if (strlen(words[i]) == text.size && strncasecmp(words[i], (const char *)text.data, text.size) == 0)
            return false;
    for (size_t i = 1; i < text.size; i++)
        if (text.data[i] == 0 || (strchr(letters, text.data[i]) == NULL && strchr(others, text.data[i]) == NULL))
            return false;
    return true;
}

/* A text in JSON's quotes is one in YAML's. */
static void scalar(struct buffer *out, const struct json_value *value)
{
    if (value->kind == JSON_KIND_STRING && is_plain(value->text))
        buffer_append(out, value->text);
    else
        buffer_append(out, value->raw);
}

static bool is_block(const struct json_value *value)
{
    return (value->kind == JSON_KIND_OBJECT || value->kind == JSON_KIND_ARRAY) && value->first != NULL;
}

static void indent(struct buffer *out, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        buffer_append_text(out, "  ");
}

/* The text before a member or an element; `first`: its line already begins with "- ". */
static void begin(struct buffer *out, const struct json_value *parent, const struct json_value *value, size_t depth, bool first)
{
    if (!first)
        indent(out, depth);
    if (parent->kind == JSON_KIND_ARRAY) {
        buffer_append_text(out, "- ");
    } else {
        if (is_plain(value->name))
            buffer_append(out, value->name);
        else
            buffer_append_format(out, "\"%.*s\"", (int)value->name.size, (const char *)value->name.data);
        buffer_append_u8(out, ':');
    }
}

void yaml_document(struct buffer *out, const struct json_value *value)
{
    /* The way from the document to `value`: each is a block whose next member comes after the one below is done. */
    struct { const struct json_value *block, *at; } way[DEPTH_MAX];
    size_t depth = 0;
    bool first = false;                    /* the line has been begun */
    if (!is_block(value)) {
        scalar(out, value);
        buffer_append_u8(out, '\n');
        return;
    }
    way[0].block = value;
    way[0].at = value->first;
    while (true) {
        const struct json_value *block = way[depth].block, *at = way[depth].at;
        if (at == NULL) {
            if (depth-- == 0)
                return;
            way[depth].at = way[depth].at->next;
            continue;
        }
        begin(out, block, at, depth, first);
        first = false;
        if (is_block(at)) {
            HOLDS(depth + 1 < DEPTH_MAX);
            first = block->kind == JSON_KIND_ARRAY;
            if (!first)
                buffer_append_u8(out, '\n');
            depth++;
            way[depth].block = at;
            way[depth].at = at->first;
            continue;
        }
        if (block->kind != JSON_KIND_ARRAY)
            buffer_append_u8(out, ' ');
        scalar(out, at);
        buffer_append_u8(out, '\n');
        way[depth].at = at->next;
    }
}
