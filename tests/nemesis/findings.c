#include "tests/nemesis/findings.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 4096 };

void findings_add(struct findings *findings, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (findings->count++ >= FINDINGS_SHOWN)
        return;
    buffer_append_text(&findings->text, line);
    buffer_append_text(&findings->text, "\n");
}

const char *findings_text(struct findings *findings)
{
    buffer_reserve(&findings->text, 1);
    findings->text.data[findings->text.size] = 0;
    return (const char *)findings->text.data;
}

void findings_close(struct findings *findings)
{
    buffer_close(&findings->text);
    findings->count = 0;
}
