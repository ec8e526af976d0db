#include <criterion/criterion.h>

#include "grid/wire/negotiate.h"

static uint32_t common(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint32_t version = 0;
    bool found = version_negotiate((struct version_range){a, b}, (struct version_range){c, d}, &version);
    cr_assert_eq(found, version != 0);
    return version;
}

Test(negotiate, takes_the_highest_version_that_both_speak)
{
    cr_assert_eq(common(1, 1, 1, 1), 1u);
    cr_assert_eq(common(1, 3, 2, 5), 3u);
    cr_assert_eq(common(2, 5, 1, 3), 3u);
    cr_assert_eq(common(1, 9, 4, 4), 4u);
    cr_assert_eq(common(1, UINT32_MAX, 1, UINT32_MAX), UINT32_MAX);
}

Test(negotiate, finds_none_where_ranges_do_not_meet_or_are_none)
{
    cr_assert_eq(common(1, 2, 3, 4), 0u);
    cr_assert_eq(common(3, 4, 1, 2), 0u);
    cr_assert_eq(common(1, 1, 0, 0), 0u, "not said");
    cr_assert_eq(common(1, 3, 0, 3), 0u);
    cr_assert_eq(common(1, 3, 3, 1), 0u, "the wrong way round");
}

Test(negotiate, knows_its_own_features_and_skips_all_others)
{
    struct bytes names[FEATURES_COUNT];
    cr_assert_eq(features_names(features_all(), names), (size_t)FEATURES_COUNT);
    cr_assert_eq(features_of_names(names, FEATURES_COUNT), features_all());
    struct bytes said[] = {bytes_of_text("zstd"), bytes_of_text("lz4"), BYTES_NONE, bytes_of_text("lz44"), bytes_of_text("LZ4")};
    cr_assert_eq(features_of_names(said, 5), feature_bit(FEATURE_LZ4));
    cr_assert_eq(features_of_names(said, 1), 0u);
    cr_assert_eq(features_names(0, names), 0u);
    cr_assert(feature_in(features_all(), FEATURE_LZ4) && !feature_in(0, FEATURE_LZ4));
}
