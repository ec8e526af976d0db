#include "grid/base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum { LINE_BYTES_COMMON = 512 };

/* By number of level. */
static const char *const NAMES[] = {"debug", "info", "warn", "error"};

void log_line(struct logger *logger, enum log_level level, const char *component, const char *format, ...)
{
    REQUIRE(logger != NULL && logger->write != NULL);
    if (level < logger->level)
        return;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    char common[LINE_BYTES_COMMON];
    int length = vsnprintf(common, sizeof common, format, arguments);
    va_end(arguments);
    REQUIRE(length >= 0);
    if ((size_t)length < sizeof common) {
        logger->write(logger, level, component, common);
    } else {
        char *text = memory_alloc((size_t)length + 1);
        vsnprintf(text, (size_t)length + 1, format, again);
        logger->write(logger, level, component, text);
        memory_free(text);
    }
    va_end(again);
}

const char *log_level_name(enum log_level level)
{
    REQUIRE((size_t)level < sizeof NAMES / sizeof NAMES[0]);
    return NAMES[level];
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    REQUIRE(text != NULL);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(text, NAMES[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}
