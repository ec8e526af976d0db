#include "services/edge/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "grid/base/check.h"
#include "grid/wire/protobuf_wire.h"
#include "services/edge/base64.h"

struct json json_to(struct buffer *out, bool indented)
{
    return (struct json){.out = out, .indented = indented};
}

/* ---- structure */

static void line_begin(struct json *json)
{
    if (!json->indented)
        return;
    buffer_append_u8(json->out, '\n');
    for (uint32_t i = 0; i < json->depth; i++)
        buffer_append_text(json->out, "  ");
}

static void quoted(struct buffer *out, struct bytes text)
{
    static const char short_escapes[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
                                            {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
    buffer_append_u8(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        size_t escape = 0;
        while (escape < sizeof short_escapes / sizeof *short_escapes && (uint8_t)short_escapes[escape][0] != byte)
            escape++;
        if (escape < sizeof short_escapes / sizeof *short_escapes)
            buffer_append_format(out, "\\%c", short_escapes[escape][1]);
        else if (byte < 0x20 || byte == 0x7f)
            buffer_append_format(out, "\\u%04x", byte);
        else
            buffer_append_u8(out, byte);
    }
    buffer_append_u8(out, '"');
}

/* The text before every value: comma, line, name. */
static void value_begin(struct json *json, const char *name)
{
    if (json->depth > 0) {
        if (json->filled[json->depth])
            buffer_append_u8(json->out, ',');
        json->filled[json->depth] = true;
        line_begin(json);
    }
    if (name != NULL) {
        quoted(json->out, bytes_of_text(name));
        buffer_append_text(json->out, json->indented ? ": " : ":");
    }
}

static void open(struct json *json, const char *name, uint8_t bracket)
{
    REQUIRE(json->depth + 1 < JSON_DEPTH_MAX);
    value_begin(json, name);
    buffer_append_u8(json->out, bracket);
    json->filled[++json->depth] = false;
}

static void close_bracket(struct json *json, uint8_t bracket)
{
    REQUIRE(json->depth > 0);
    bool filled = json->filled[json->depth--];
    if (filled)
        line_begin(json);
    buffer_append_u8(json->out, bracket);
}

void json_put_object_begin(struct json *json, const char *name)
{
    open(json, name, '{');
}

void json_put_object_end(struct json *json)
{
    close_bracket(json, '}');
}

void json_put_array_begin(struct json *json, const char *name)
{
    open(json, name, '[');
}

void json_put_array_end(struct json *json)
{
    close_bracket(json, ']');
}

/* ---- values */

static void replaced(struct json *json, struct bytes value)
{
    struct buffer clean = {0};
    for (size_t i = 0; i < value.size;) {
        size_t size = 1;
        while (size <= 4 && i + size <= value.size && !wire_utf8_valid(bytes_of(value.data + i, size)))
            size++;
        if (size <= 4 && i + size <= value.size) {
            buffer_append(&clean, bytes_of(value.data + i, size));
            i += size;
        } else {
            buffer_append_text(&clean, "\xef\xbf\xbd");
            i++;
        }
    }
    quoted(json->out, buffer_bytes(&clean));
    buffer_close(&clean);
}

void json_put_text(struct json *json, const char *name, struct bytes value)
{
    value_begin(json, name);
    if (wire_utf8_valid(value))
        quoted(json->out, value);
    else
        replaced(json, value);
}

void json_put_string(struct json *json, const char *name, const char *value)
{
    json_put_text(json, name, bytes_of_text(value));
}

void json_put_number(struct json *json, const char *name, int64_t value)
{
    value_begin(json, name);
    buffer_append_format(json->out, "%" PRId64, value);
}

void json_put_unsigned(struct json *json, const char *name, uint64_t value)
{
    value_begin(json, name);
    buffer_append_format(json->out, "%" PRIu64, value);
}

void json_put_bool(struct json *json, const char *name, bool value)
{
    value_begin(json, name);
    buffer_append_text(json->out, value ? "true" : "false");
}

void json_put_null(struct json *json, const char *name)
{
    value_begin(json, name);
    buffer_append_text(json->out, "null");
}

void json_put_base64(struct json *json, const char *name, struct bytes value)
{
    value_begin(json, name);
    buffer_append_u8(json->out, '"');
    base64_encode(value, json->out);
    buffer_append_u8(json->out, '"');
}

void time_format(uint64_t time_ms, char ret_text[TIME_TEXT_BYTES])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    ret_text[0] = 0;
    if (gmtime_r(&seconds, &utc) == NULL || utc.tm_year > 9999 - 1900)
        return;
    snprintf(ret_text, TIME_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)(utc.tm_year + 1900) % 10000,
             (unsigned)(utc.tm_mon + 1) % 100, (unsigned)utc.tm_mday % 100, (unsigned)utc.tm_hour % 100,
             (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100, (unsigned)(time_ms % 1000));
}

void json_put_time(struct json *json, const char *name, uint64_t time_ms)
{
    char text[TIME_TEXT_BYTES];
    time_format(time_ms, text);
    if (time_ms == 0 || text[0] == 0)
        json_put_null(json, name);
    else
        json_put_string(json, name, text);
}
