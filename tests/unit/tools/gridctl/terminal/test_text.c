#include <criterion/criterion.h>
#include <string.h>

#include "tools/gridctl/terminal/text.h"

static void shows(struct bytes text, size_t most, const char *wanted)
{
    struct buffer out = {0};
    text_show(&out, text, most);
    cr_expect(bytes_equal(buffer_bytes(&out), bytes_of_text(wanted)), "'%.*s' is not '%s'", (int)out.size, (const char *)out.data, wanted);
    buffer_close(&out);
}

Test(text, leaves_utf8_as_it_is)
{
    shows(bytes_of_text("gr\xc3\xbcn \xe2\x98\x83 \xf0\x9f\x90\xa2 a\\n"), 100, "gr\xc3\xbcn \xe2\x98\x83 \xf0\x9f\x90\xa2 a\\n");
}

Test(text, escapes_what_a_terminal_would_obey)
{
    shows(bytes_of("a\n\t\r\x1b[31m\0z\x7f", 12), 100, "a\\n\\t\\r\\x1b[31m\\x00z\\x7f");
    shows(bytes_of_text("\xc2\x9b""31m"), 100, "\\x9b31m");
    shows(bytes_of_text("\xe2\x80\xae""evil\xe2\x81\xa6"), 100, "\\u202eevil\\u2066");
    shows(bytes_of_text("\xef\xbb\xbf"), 100, "\\ufeff");
}

Test(text, escapes_bytes_that_are_no_utf8)
{
    shows(bytes_of_text("\xff\xc2"), 100, "\\xff\\xc2");
    shows(bytes_of_text("a\xe2\x98z"), 100, "a\\xe2\\x98z");
    shows(bytes_of_text("\xed\xa0\x80"), 100, "\\xed\\xa0\\x80");
}

Test(text, cuts_between_characters_and_says_the_size)
{
    shows(bytes_of_text("\xc3\xbc\xc3\xbc\xc3\xbc"), 3, "\xc3\xbc\xc3\xbc\xc3\xbc");
    shows(bytes_of_text("\xc3\xbc\xc3\xbc\xc3\xbc"), 2, "\xc3\xbc\xc3\xbc... (6 bytes)");
}
