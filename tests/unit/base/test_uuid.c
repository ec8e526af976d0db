#include <criterion/criterion.h>

#include "grid/base/uuid.h"

Test(uuid, reads_what_it_writes)
{
    struct uuid uuid;
    cr_assert(uuid_parse("0123abcd-4567-89ef-fedc-ba9876543210", &uuid));
    cr_assert_eq(uuid.bytes[0], 0x01);
    cr_assert_eq(uuid.bytes[4], 0x45);
    cr_assert_eq(uuid.bytes[15], 0x10);
    cr_assert_str_eq(uuid_text_of(uuid).text, "0123abcd-4567-89ef-fedc-ba9876543210");
}

Test(uuid, reads_upper_case_and_writes_lower_case)
{
    struct uuid upper, lower;
    cr_assert(uuid_parse("0123ABCD-4567-89EF-FEDC-BA9876543210", &upper));
    cr_assert(uuid_parse("0123abcd-4567-89ef-fedc-ba9876543210", &lower));
    cr_assert(uuid_equal(upper, lower));
}

Test(uuid, refuses_every_other_form)
{
    static const char *const bad[] = {
        "", "0123abcd", "0123abcd456789effedcba9876543210", "{0123abcd-4567-89ef-fedc-ba9876543210}",
        "0123abcd-4567-89ef-fedc-ba987654321", "0123abcd-4567-89ef-fedc-ba98765432100", "0123abcd-4567-89ef-fedc-ba987654321g",
        "0123abcd-4567-89ef-fedcba-9876543210", "0123abcd 4567-89ef-fedc-ba9876543210", "00000000-0000-0000-0000-000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct uuid uuid = {{7}};
        cr_assert_not(uuid_parse(bad[i], &uuid), "%s", bad[i]);
        cr_assert_eq(uuid.bytes[0], 7, "set on success only");
    }
}

/* Data directories keep it: it must never change. */
Test(uuid, of_a_name_is_the_same_for_good)
{
    struct uuid shop = uuid_of_name(bytes_of_text("shop")), again;
    cr_assert_str_eq(uuid_text_of(shop).text, "f2e1541a-67a3-8812-8b3c-b666b32496dc");
    cr_assert(uuid_parse(uuid_text_of(shop).text, &again) && uuid_equal(shop, again));
    cr_assert_not(uuid_equal(shop, uuid_of_name(bytes_of_text("shoq"))));
    cr_assert_eq(uuid_text_of(shop).text[14], '8');
    cr_assert_not(uuid_is_nil(shop));
}
