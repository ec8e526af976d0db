#include "services/edge/allowed.h"

#include <inttypes.h>
#include <stdio.h>

#include "grid/base/check.h"
#include "services/edge/fields.h"
#include "services/money.h"
#include "services/validate.h"

const char *allowed_text(const char *text, struct bound characters, struct arena *arena)
{
    int64_t count = text_characters(text);
    if (count >= characters.least && count <= characters.most)
        return NULL;
    if (characters.least == 0)
        return arena_format(arena, "must have at most %" PRId64 " characters, not %" PRId64, characters.most, count);
    return arena_format(arena, "must have %" PRId64 " to %" PRId64 " characters, not %" PRId64, characters.least, characters.most, count);
}

const char *allowed_email(const char *text, struct arena *arena)
{
    return text_is_email(text) ? NULL : arena_format(arena, "must be an address such as name@example.com, of at most %d bytes", EMAIL_BYTES_MAX);
}

const char *allowed_id(const char *text, struct arena *arena)
{
    return text_is_id(text) ? NULL : arena_format(arena, "must have 1 to %d bytes without control characters", SERVICE_ID_BYTES_MAX);
}

const char *allowed_number(const char *text, struct bound bound, struct arena *arena, int64_t *ret_number)
{
    int64_t number;
    if (!fields_whole(bytes_of_text(text), &number) || number < bound.least || number > bound.most)
        return arena_format(arena, "must be a whole number from %" PRId64 " to %" PRId64, bound.least, bound.most);
    *ret_number = number;
    return NULL;
}

const char *allowed_money(struct bytes text, const char *currency, struct bound minor, struct arena *arena, int64_t *ret_minor)
{
    char least[MONEY_TEXT_BYTES], most[MONEY_TEXT_BYTES], digits[64] = "without a point";
    int64_t given;
    if (money_parse(text, currency, &given) && given >= minor.least && given <= minor.most) {
        *ret_minor = given;
        return NULL;
    }
    money_format(minor.least, currency, least);
    money_format(minor.most, currency, most);
    if (money_digits(currency) > 0)
        snprintf(digits, sizeof digits, "with at most %u digits behind the point", (unsigned)money_digits(currency));
    return arena_format(arena, "must be an amount from %s to %s %s, %s", least, most, currency, digits);
}
