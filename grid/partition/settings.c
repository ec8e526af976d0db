#include "grid/partition/settings.h"

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/wire/level.h"
#include "grid/wire/messages/message_check.h"

/* ---- defaults: docs/guides/retention.md has the table */

static struct retention_limits usual(enum retention_kind kind, uint32_t level)
{
    bool bounded = level >= LEVEL_OF_RETENTION;
    switch (kind) {
    case RETENTION_COMPLETIONS:
        return (struct retention_limits){COMPLETIONS_KEEP_MS_USUAL, COMPLETIONS_USUAL, bounded ? COMPLETIONS_BYTES_USUAL : 0};
    case RETENTION_FLOWS:
        return bounded ? (struct retention_limits){FLOWS_KEEP_MS_USUAL, FLOWS_USUAL, FLOWS_BYTES_USUAL} : (struct retention_limits){0};
    case RETENTION_KEYS: return (struct retention_limits){IDEMPOTENCY_KEEP_MS_USUAL, IDEMPOTENCY_KEYS_USUAL, IDEMPOTENCY_BYTES_USUAL};
    case RETENTION_SESSIONS: return (struct retention_limits){0, SESSIONS_USUAL, bounded ? SESSIONS_BYTES_USUAL : 0};
    case RETENTION_JOURNALS: return (struct retention_limits){0, JOURNAL_ENTRIES_DEFAULT, JOURNAL_BYTES_DEFAULT};
    }
    UNREACHABLE("every kind has its defaults");
}

void settings_init(struct settings *settings)
{
    *settings = (struct settings){0};
    settings_raise(settings, LEVEL_FIRST);
}

void settings_close(struct settings *settings)
{
    buffer_close(&settings->frozen);
}

void settings_raise(struct settings *settings, uint32_t level)
{
    REQUIRE(level >= LEVEL_FIRST && level <= LEVEL_LAST);
    for (int kind = RETENTION_COMPLETIONS; kind <= RETENTION_LAST; kind++)
        if (settings->retention[kind].version == 0)
            settings->retention[kind].limits = usual((enum retention_kind)kind, level);
}

const struct retention_limits *settings_retention(const struct settings *settings, enum retention_kind kind)
{
    REQUIRE(kind >= RETENTION_COMPLETIONS && kind <= RETENTION_LAST);
    return &settings->retention[kind].limits;
}

/* ---- changes */

static bool limits_equal(const struct retention_limits *a, const struct retention_limits *b)
{
    return a->age_ms == b->age_ms && a->count == b->count && a->bytes == b->bytes;
}

bool settings_retain(struct settings *settings, const struct retain_command *retain, struct response *response)
{
    REQUIRE(retain->kind >= RETENTION_COMPLETIONS && retain->kind <= RETENTION_LAST);
    struct retention_limits *limits = &settings->retention[retain->kind].limits;
    uint64_t *version = &settings->retention[retain->kind].version, next = 0;
    bool equal = limits_equal(&retain->limits, limits);
    if (retain->version > *version)
        next = retain->version;
    else if (retain->version != 0 && retain->version == *version && !equal)
        response->err = GRID_ERR_MISMATCH;
    else if (retain->version == 0 && retain->expected_version == *version && (!equal || *version == 0))
        next = *version + 1;
    else if (retain->version == 0 && !equal)
        response->err = GRID_ERR_VERSION_CONFLICT;
    if (next != 0) {
        *limits = retain->limits;
        *version = next;
    }
    response->version = *version;
    return next != 0;
}

/* ---- whole */

static void append(const struct settings *settings, struct buffer *out)
{
    for (int kind = RETENTION_COMPLETIONS; kind <= RETENTION_LAST; kind++) {
        buffer_append_u64(out, settings->retention[kind].version);
        buffer_append_u64(out, settings->retention[kind].limits.age_ms);
        buffer_append_u64(out, settings->retention[kind].limits.count);
        buffer_append_u64(out, settings->retention[kind].limits.bytes);
    }
}

uint64_t settings_digest(const struct settings *settings)
{
    struct buffer content = {0};
    append(settings, &content);
    uint64_t digest = hash_xxh3(buffer_bytes(&content), RETENTION_LAST);
    buffer_close(&content);
    return digest;
}

static void freeze(void *component)
{
    struct settings *settings = component;
    size_t start = record_begin(&settings->frozen, SECTION_SETTINGS, RECORD_FIRST);
    buffer_append_u32(&settings->frozen, RETENTION_LAST);
    append(settings, &settings->frozen);
    record_end(&settings->frozen, start);
}

static bool save(void *component, size_t size_max, struct buffer *out)
{
    struct settings *settings = component;
    (void)size_max;
    buffer_append(out, buffer_bytes(&settings->frozen));
    buffer_clear(&settings->frozen);
    return true;
}

static void thaw(void *component)
{
    struct settings *settings = component;
    buffer_close(&settings->frozen);
}

static enum grid_err load(void *component, const struct load_context *context, uint8_t kind, struct reader *body, const char **ret_note)
{
    struct settings *settings = component;
    const char *text;
    (void)context;
    if (kind != RECORD_FIRST || reader_u32(body) != RETENTION_LAST)
        return record_corrupt("not the settings of a partition", ret_note);
    for (int of = RETENTION_COMPLETIONS; of <= RETENTION_LAST; of++) {
        uint64_t version = reader_u64(body);
        struct retention_limits limits = {.age_ms = reader_u64(body)};
        limits.count = reader_u64(body);
        limits.bytes = reader_u64(body);
        bool sound = version == 0 ? limits_equal(&limits, &settings->retention[of].limits)
                                  : version != UINT64_MAX && message_check_retention((enum retention_kind)of, &limits, &text) == GRID_ERR_OK;
        if (body->failed || !sound)
            return record_corrupt("limits that retention cannot have", ret_note);
        settings->retention[of].limits = limits;
        settings->retention[of].version = version;
    }
    return GRID_ERR_OK;
}

static enum grid_err loaded(void *component, const struct load_context *context, const char **ret_note)
{
    (void)component, (void)context, (void)ret_note;
    return GRID_ERR_OK;
}

const struct component settings_component = {"settings", freeze, save, thaw, load, loaded};
