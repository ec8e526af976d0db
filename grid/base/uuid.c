#include "grid/base/uuid.h"

#include <string.h>

#include "grid/base/hash.h"

/* Seeds of the two halves of a name's UUID: they never change, because data directories contain the result. */
static const uint64_t SEED_FIRST = 0x6772696469726f6e, SEED_SECOND = 0x636c75737465720a;

static bool is_dash_place(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

bool uuid_parse(const char *text, struct uuid *ret_uuid)
{
    struct uuid uuid = {{0}};
    size_t digits = 0;
    if (strlen(text) != UUID_TEXT_BYTES)
        return false;
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
        int value = digit_value(text[i]);
        if (is_dash_place(i) ? text[i] != '-' : value < 0)
            return false;
        if (is_dash_place(i))
            continue;
        uuid.bytes[digits / 2] = (uint8_t)(uuid.bytes[digits / 2] << 4 | value);
        digits++;
    }
    if (uuid_is_nil(uuid))
        return false;
    *ret_uuid = uuid;
    return true;
}

struct uuid_text uuid_text_of(struct uuid uuid)
{
    static const char hex[] = "0123456789abcdef";
    struct uuid_text out;
    size_t digits = 0;
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
        if (is_dash_place(i)) {
            out.text[i] = '-';
            continue;
        }
        uint8_t byte = uuid.bytes[digits / 2];
        out.text[i] = hex[digits % 2 == 0 ? byte >> 4 : byte & 15];
        digits++;
    }
    out.text[UUID_TEXT_BYTES] = 0;
    return out;
}

bool uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, UUID_BYTES) == 0;
}

bool uuid_is_nil(struct uuid uuid)
{
    return uuid_equal(uuid, (struct uuid){{0}});
}

struct uuid uuid_of_name(struct bytes name)
{
    struct uuid uuid;
    put_u64(uuid.bytes, hash_xxh3(name, SEED_FIRST));
    put_u64(uuid.bytes + 8, hash_xxh3(name, SEED_SECOND));
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x80);  /* version 8: ours to define */
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);  /* variant of the RFC */
    return uuid;
}
