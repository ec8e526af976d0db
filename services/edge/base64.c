#include "services/edge/base64.h"

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct bytes bytes, struct buffer *out)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)bytes.data[i + 2] : 0;
        for (uint32_t digit = 0; digit < 4; digit++) {
            char c = DIGITS[group >> (18 - 6 * digit) & 0x3f];
            buffer_append_u8(out, (uint8_t)(digit > left ? '=' : c));
        }
    }
}

static int digit_of(uint8_t c)
{
    const char *at = c != 0 ? strchr(DIGITS, c) : NULL;
    return at != NULL ? (int)(at - DIGITS) : -1;
}

/* Four digits; `padded` of them are '='. */
static bool decode_group(const uint8_t *text, size_t padded, struct buffer *out)
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < 4 - padded ? digit_of(text[i]) : 0;
        if (digit < 0)
            return false;
        group = group << 6 | (uint32_t)digit;
    }
    for (size_t i = 0; i < 3 - padded; i++)
        buffer_append_u8(out, (uint8_t)(group >> (16 - 8 * i)));
    /* Bits that no byte takes are 0, or two texts would mean the same. */
    return padded == 0 || (group & (padded == 1 ? 0xffu : 0xffffu)) == 0;
}

bool base64_decode(struct bytes text, struct buffer *out)
{
    if (text.size % 4 != 0)
        return false;
    for (size_t i = 0; i < text.size; i += 4) {
        size_t padded = 0;
        if (i + 4 == text.size && text.data[i + 3] == '=')
            padded = text.data[i + 2] == '=' ? 2 : 1;
        if (!decode_group(text.data + i, padded, out))
            return false;
    }
    return true;
}
