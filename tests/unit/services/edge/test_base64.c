#include <criterion/criterion.h>

#include "grid/base/prng.h"
#include "services/edge/base64.h"

Test(base64, gives_back_what_was_encoded)
{
    struct prng prng;
    prng_init(&prng, 7);
    struct buffer bytes = {0}, text = {0}, back = {0};
    for (size_t size = 0; size < 200; size++) {
        buffer_clear(&text);
        buffer_clear(&back);
        base64_encode(buffer_bytes(&bytes), &text);
        cr_assert(base64_decode(buffer_bytes(&text), &back), "%zu bytes", size);
        cr_assert(bytes_equal(buffer_bytes(&bytes), buffer_bytes(&back)), "%zu bytes", size);
        buffer_append_u8(&bytes, (uint8_t)prng_range(&prng, 0, 255));
    }
    buffer_close(&bytes);
    buffer_close(&text);
    buffer_close(&back);
}

Test(base64, takes_one_text_for_one_value)
{
    static const char *const bad[] = {"A", "AA", "AAA", "AAAAA", "A===", "====", "AB==", "AAB=", "AA=A", "AA==AAAA", "A A=", "AA-_", "\xff\xff\xff\xff", NULL};
    for (size_t i = 0; bad[i] != NULL; i++) {
        struct buffer out = {0};
        cr_expect_not(base64_decode(bytes_of_text(bad[i]), &out), "%s", bad[i]);
        buffer_close(&out);
    }
    struct buffer out = {0};
    cr_expect_not(base64_decode(bytes_of("AA\0A", 4), &out), "NUL is no digit");
    buffer_close(&out);
}
