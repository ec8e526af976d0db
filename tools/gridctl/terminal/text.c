#include "tools/gridctl/terminal/text.h"

#include "grid/wire/protobuf_wire.h"

enum { CHARACTER_BYTES_MAX = 4 };

/* Bytes of the character at the beginning, 0 when it is not UTF-8; *ret_code is its number. */
static size_t character(struct bytes text, uint32_t *ret_code)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    for (size_t size = 1; size <= CHARACTER_BYTES_MAX && size <= text.size; size++) {
        if (!wire_utf8_valid(bytes_of(text.data, size)))
            continue;
        *ret_code = text.data[0] & masks[size];
        for (size_t i = 1; i < size; i++)
            *ret_code = *ret_code << 6 | (text.data[i] & 0x3f);
        return size;
    }
    return 0;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static void escape(struct buffer *out, uint32_t code)
{
    static const char names[] = "\n" "n\t" "t\r" "r";
    for (size_t i = 0; names[i] != 0; i += 2)
        if ((uint32_t)names[i] == code) {
            buffer_append_format(out, "\\%c", names[i + 1]);
            return;
        }
    buffer_append_format(out, code < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)code);
}

void text_show(struct buffer *out, struct bytes text, size_t characters_max)
{
    size_t at = 0, shown = 0;
    for (; at < text.size && shown < characters_max; shown++) {
        uint32_t code;
        size_t size = character(bytes_of(text.data + at, text.size - at), &code);
        if (size == 0)
            buffer_append_format(out, "\\x%02x", text.data[at]);
        else if (is_control(code))
            escape(out, code);
        else
            buffer_append(out, bytes_of(text.data + at, size));
        at += size > 0 ? size : 1;
    }
    if (at < text.size)
        buffer_append_format(out, "... (%zu bytes)", text.size);
}
