#include "tools/manual/roff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/version.h"

/* A hyphen is one that is typed, a backslash is itself, and a line that begins with '.' or '\'' is text. */
static void put_text(struct buffer *out, struct bytes text, bool line_begins)
{
    for (size_t i = 0; i < text.size; i++) {
        char byte = (char)text.data[i];
        if (line_begins && i == 0 && (byte == '.' || byte == '\''))
            buffer_append_text(out, "\\&");
        if (byte == '\\')
            buffer_append_text(out, "\\e");
        else if (byte == '-')
            buffer_append_text(out, "\\-");
        else if (byte == '\'')
            buffer_append_text(out, "\\(aq");
        else if (byte == '"')
            buffer_append_text(out, "\\(dq");
        else if (byte == '`')
            buffer_append_text(out, "\\(ga");
        else if (byte == '~')
            buffer_append_text(out, "\\(ti");
        else if (byte == '^')
            buffer_append_text(out, "\\(ha");
        else
            buffer_append_u8(out, (uint8_t)byte);
    }
}

static void put_line(struct buffer *out, const char *text)
{
    put_text(out, bytes_of_text(text), true);
    buffer_append_u8(out, '\n');
}

static void put_heading(struct buffer *out, const char *macro, const char *title)
{
    buffer_append_format(out, "%s \"", macro);
    put_text(out, bytes_of_text(title), false);
    buffer_append_text(out, "\"\n");
}

void roff_begin(struct buffer *out, const char *title, const char *section, const char *name, const char *summary)
{
    buffer_append_format(out, ".TH %s %s \"\" \"Gridiron " GRIDIRON_VERSION "\" \"Gridiron\"\n.SH NAME\n%s \\- %s\n", title, section, name, summary);
}

void roff_section(struct buffer *out, const char *title)
{
    put_heading(out, ".SH", title);
}

void roff_subsection(struct buffer *out, const char *title)
{
    put_heading(out, ".SS", title);
}

void roff_paragraph(struct buffer *out, const char *text)
{
    buffer_append_text(out, ".PP\n");
    put_line(out, text);
}

void roff_term(struct buffer *out, const char *term, const char *value, const char *text)
{
    buffer_append_text(out, ".TP\n\\fB");
    put_text(out, bytes_of_text(term), false);
    buffer_append_text(out, "\\fR");
    if (value != NULL) {
        buffer_append_text(out, " \\fI");
        put_text(out, bytes_of_text(value), false);
        buffer_append_text(out, "\\fR");
    }
    buffer_append_u8(out, '\n');
    put_line(out, text);
}

void roff_example(struct buffer *out, const char *before, const char *lines)
{
    buffer_append_text(out, ".PP\n.nf\n.RS\n");
    while (*lines != 0) {
        size_t size = strcspn(lines, "\n");
        put_text(out, bytes_of_text(before), true);
        put_text(out, bytes_of(lines, size), before[0] == 0);
        buffer_append_u8(out, '\n');
        lines += size + (lines[size] == '\n');
    }
    buffer_append_text(out, ".RE\n.fi\n");
}

int roff_end(struct buffer *out)
{
    bool written = fwrite(out->data, 1, out->size, stdout) == out->size && fflush(stdout) == 0;
    buffer_close(out);
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
