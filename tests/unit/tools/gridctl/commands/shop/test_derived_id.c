#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tools/gridctl/commands/shop/derived_id.h"

static void next(struct derived_ids *ids, const char *line, char *ret_id)
{
    derived_id_next(ids, bytes_of_text(line), ret_id);
}

Test(derived_id, has_the_form_of_a_uuid_and_never_changes)
{
    struct derived_ids ids = {0};
    char id[DERIVED_ID_BYTES];
    next(&ids, "{\"customerId\":\"c-1\"}", id);
    cr_expect_eq(strlen(id), 36);
    cr_expect(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-');
    cr_expect_eq(id[14], '8');
    cr_expect(strchr("89ab", id[19]) != NULL);
    /* Ids of files that were submitted before: these lines may not change. */
    cr_expect_str_eq(id, "a510e757-55b6-8cb1-aaa6-8e9dc78f2b2e");
    next(&ids, "{\"customerId\":\"c-1\"}", id);
    cr_expect_str_eq(id, "4f6d095a-fa14-8680-99a3-69bfcfd41573");
    derived_ids_close(&ids);
}

Test(derived_id, equal_lines_differ_by_their_ordinal_and_repeat_with_the_file)
{
    static const char *const file[] = {"a", "b", "a", "a", "b", "c"};
    enum { LINES = sizeof file / sizeof *file };
    char first[LINES][DERIVED_ID_BYTES], second[LINES][DERIVED_ID_BYTES];
    struct derived_ids once = {0}, again = {0};
    for (size_t i = 0; i < LINES; i++)
        next(&once, file[i], first[i]);
    for (size_t i = 0; i < LINES; i++)
        next(&again, file[i], second[i]);
    for (size_t i = 0; i < LINES; i++) {
        cr_expect_str_eq(first[i], second[i]);
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq(first[i], first[k]);
    }
    derived_ids_close(&once);
    derived_ids_close(&again);
}

Test(derived_id, other_lines_in_between_change_nothing)
{
    char alone[DERIVED_ID_BYTES], among[DERIVED_ID_BYTES], line[16];
    struct derived_ids once = {0}, again = {0};
    next(&once, "mine", alone);
    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof line, "line %d", i);
        next(&again, line, among);
    }
    next(&again, "mine", among);
    cr_expect_str_eq(alone, among);
    cr_expect_eq(again.count, 5001);
    derived_ids_close(&once);
    derived_ids_close(&again);
}

Test(derived_id, fresh_ones_are_random_uuids)
{
    char a[DERIVED_ID_BYTES], b[DERIVED_ID_BYTES];
    derived_id_fresh(a);
    derived_id_fresh(b);
    cr_expect_str_neq(a, b);
    cr_expect_eq(strlen(a), 36);
    cr_expect(a[14] == '4' && strchr("89ab", a[19]) != NULL, "version 4: %s", a);
}
