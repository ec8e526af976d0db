#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "grid/base/log.h"

struct record { int lines; enum log_level level; char component[32], text[4096]; };

static void keep(struct logger *logger, enum log_level level, const char *component, const char *text)
{
    struct record *record = logger->context;
    record->lines++;
    record->level = level;
    snprintf(record->component, sizeof record->component, "%s", component);
    snprintf(record->text, sizeof record->text, "%s", text);
}

Test(log, hands_over_level_component_and_text)
{
    struct record record = {0};
    struct logger logger = {.level = LOG_LEVEL_DEBUG, .write = keep, .context = &record};
    LOG_WARN(&logger, "wal", "segment %d of %s", 7, "node");
    cr_assert_eq(record.lines, 1);
    cr_assert_eq(record.level, LOG_LEVEL_WARN);
    cr_assert_str_eq(record.component, "wal");
    cr_assert_str_eq(record.text, "segment 7 of node");
}

Test(log, drops_what_is_below_its_level)
{
    struct record record = {0};
    struct logger logger = {.level = LOG_LEVEL_WARN, .write = keep, .context = &record};
    LOG_DEBUG(&logger, "wal", "x");
    LOG_INFO(&logger, "wal", "x");
    cr_assert_eq(record.lines, 0);
    LOG_WARN(&logger, "wal", "x");
    LOG_ERROR(&logger, "wal", "x");
    cr_assert_eq(record.lines, 2);
}

Test(log, passes_long_lines_whole)
{
    struct record record = {0};
    struct logger logger = {.level = LOG_LEVEL_DEBUG, .write = keep, .context = &record};
    for (int length = 500; length < 530; length++) {
        LOG_INFO(&logger, "wal", "%0*d", length, 1);
        cr_assert_eq(strlen(record.text), (size_t)length);
        cr_assert_eq(record.text[length - 1], '1');
        memset(record.text, 0, sizeof record.text);
    }
    LOG_INFO(&logger, "wal", "%04000d", 1);
    cr_assert_eq(strlen(record.text), 4000);
}

Test(log, reads_the_names_that_it_writes)
{
    for (enum log_level level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++) {
        enum log_level parsed = LOG_LEVEL_DEBUG;
        cr_assert(log_level_parse(log_level_name(level), &parsed));
        cr_assert_eq(parsed, level);
    }
}

Test(log, refuses_unknown_names)
{
    enum log_level parsed = LOG_LEVEL_WARN;
    cr_assert_not(log_level_parse("loud", &parsed));
    cr_assert_not(log_level_parse("", &parsed));
    cr_assert_not(log_level_parse("INFO", &parsed));
    cr_assert_eq(parsed, LOG_LEVEL_WARN);
}
