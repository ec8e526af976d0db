#include "tests/nemesis/findings.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 4096 };

/* How many of this line's kind there are, itself included. */
static size_t count_kind(struct findings *findings, const char *line)
{
    size_t size = 0, kind = 0;
    while (size + 1 < FINDINGS_KIND_BYTES && line[size] != 0 && line[size] != ':')
        size++;
    while (kind + 1 < FINDINGS_KINDS && findings->kinds[kind].count > 0 &&
           (strlen(findings->kinds[kind].name) != size || memcmp(findings->kinds[kind].name, line, size) != 0))
        kind++;
    if (findings->kinds[kind].count == 0)
        memcpy(findings->kinds[kind].name, line, size);
    return ++findings->kinds[kind].count;
}

void findings_add(struct findings *findings, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    findings->count++;
    if (count_kind(findings, line) > FINDINGS_SHOWN)
        return;
    findings->shown++;
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
    *findings = (struct findings){0};
}
