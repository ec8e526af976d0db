#include "services/validate.h"

#include <inttypes.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "services/money.h"

enum { FAILURES_SHOWN = 10 };

struct validation validation_begin(const struct service_call *call)
{
    REQUIRE(call != NULL && call->arena != NULL);
    return (struct validation){.arena = call->arena};
}

void validation_fail(struct validation *validation, const char *field, const char *bound)
{
    validation->count++;
    if (validation->text == NULL)
        validation->text = arena_format(validation->arena, "%s: %s", field, bound);
    else if (validation->count <= FAILURES_SHOWN)
        validation->text = arena_format(validation->arena, "%s; %s: %s", validation->text, field, bound);
}

int64_t text_characters(const char *text)
{
    int64_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0u) != 0x80u;
    return count;
}

void validation_text(struct validation *validation, const char *field, const char *text, struct bound characters)
{
    int64_t count = text_characters(text), least = characters.least, most = characters.most;
    if (count >= least && count <= most)
        return;
    if (least == 0)
        validation_fail(validation, field, arena_format(validation->arena, "at most %" PRId64 " characters", most));
    else
        validation_fail(validation, field, arena_format(validation->arena, "%" PRId64 " to %" PRId64 " characters", least, most));
}

void validation_range(struct validation *validation, const char *field, int64_t value, struct bound bound)
{
    int64_t least = bound.least, most = bound.most;
    if (value >= least && value <= most)
        return;
    if (most == INT64_MAX)
        validation_fail(validation, field, arena_format(validation->arena, "at least %lld", (long long)least));
    else
        validation_fail(validation, field,
                        arena_format(validation->arena, "%lld to %lld", (long long)least, (long long)most));
}

static bool email_character(char character)
{
    return (unsigned char)character > ' ' && character != 0x7F && strchr("@,;:<>()[]\\\"", character) == NULL;
}

/* One @, something before it, a dot inside what follows; whether mail arrives there only mail can tell. */
bool text_is_email(const char *text)
{
    const char *at = strchr(text, '@');
    if (at == NULL || at == text || strlen(text) > EMAIL_BYTES_MAX)
        return false;
    for (const char *each = text; *each != '\0'; each++)
        if (each != at && !email_character(*each))
            return false;
    const char *dot = strrchr(at, '.');
    return dot != NULL && dot != at + 1 && dot[1] != '\0' && at[1] != '.' && dot[-1] != '.';
}

void validation_email(struct validation *validation, const char *field, const char *text)
{
    if (!text_is_email(text))
        validation_fail(validation, field, "a valid address such as name@example.com");
}

void validation_currency(struct validation *validation, const char *field, const char *text)
{
    if (!money_currency_valid(text))
        validation_fail(validation, field, "an ISO 4217 code such as EUR");
}

bool text_is_id(const char *text)
{
    size_t size = strlen(text);
    bool clean = size >= 1 && size <= SERVICE_ID_BYTES_MAX;
    for (size_t i = 0; clean && i < size; i++)
        clean = (unsigned char)text[i] > 0x1F && text[i] != 0x7F;
    return clean;
}

void validation_id(struct validation *validation, const char *field, const char *text)
{
    if (!text_is_id(text))
        validation_fail(validation, field, "an id of 1 to 240 bytes without control characters");
}

bool validation_end(struct validation *validation, struct service_decision *decision)
{
    REQUIRE(decision != NULL);
    if (validation->count == 0)
        return true;
    if (validation->count > FAILURES_SHOWN)
        validation->text = arena_format(validation->arena, "%s; and %u more", validation->text,
                                        (unsigned)(validation->count - FAILURES_SHOWN));
    service_refuse(decision, REFUSAL_VALIDATION_ERROR, validation->text);
    return false;
}

uint64_t digest_text(uint64_t digest, const char *text)
{
    /* The closing zero is part of it: "ab","c" differs from "a","bc". */
    return hash_xxh3(bytes_of(text, strlen(text) + 1), digest);
}

uint64_t digest_number(uint64_t digest, int64_t number)
{
    uint8_t bytes[8];
    put_u64(bytes, (uint64_t)number);
    return hash_xxh3(bytes_of(bytes, sizeof bytes), digest);
}
