#include "tools/gridctl/terminal/table.h"

#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "tools/gridctl/terminal/text.h"

enum { CELL_CHARACTERS_MAX = 100 };

struct table_view { struct libscols_table *table; struct libscols_line *line; size_t column; };

struct table_view *table_view_open(const struct ctl *ctl, const char *const *headers)
{
    struct table_view *view = memory_zero(1, sizeof *view);
    view->table = scols_new_table();
    HOLDS(view->table != NULL);
    for (; *headers != NULL; headers++) {
        bool right = (*headers)[0] == '>';
        struct libscols_column *column = scols_table_new_column(view->table, *headers + (right ? 1 : 0), 0,
                                                                right ? SCOLS_FL_RIGHT : 0);
        /* Escaped already: a backslash of an escape must not be escaped once more. */
        HOLDS(column != NULL && scols_column_set_safechars(column, "\\") == 0);
        if (ctl->color)
            scols_cell_set_color(scols_column_get_header(column), "bold");
    }
    scols_table_enable_colors(view->table, ctl->color);
    /* The text goes to a buffer: it is never cut to the width of a terminal. */
    scols_table_set_termforce(view->table, SCOLS_TERMFORCE_NEVER);
    return view;
}

void table_view_row(struct table_view *view)
{
    view->line = scols_table_new_line(view->table, NULL);
    HOLDS(view->line != NULL);
    view->column = 0;
}

static void put_cell(struct table_view *view, struct bytes bytes, size_t characters_max)
{
    struct buffer shown = {0};
    if (bytes.size == 0)
        buffer_append_u8(&shown, '-');
    text_show(&shown, bytes, characters_max);
    buffer_append_u8(&shown, 0);
    HOLDS(scols_line_set_data(view->line, view->column++, (const char *)shown.data) == 0);
    buffer_close(&shown);
}

void table_view_cell(struct table_view *view, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put_cell(view, bytes_of_text(text), sizeof text);
}

void table_view_bytes(struct table_view *view, struct bytes bytes)
{
    put_cell(view, bytes, CELL_CHARACTERS_MAX);
}

/* Text is UTF-8 whatever the environment says: the widths of its characters are those of this locale, for this call. */
static int print_utf8(struct libscols_table *table, char **ret_text)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 != (locale_t)0 ? uselocale(utf8) : (locale_t)0;
    int result = scols_print_table_to_string(table, ret_text);
    if (utf8 != (locale_t)0) {
        uselocale(before);
        freelocale(utf8);
    }
    return result;
}

void table_view_close(struct table_view *view, struct ctl *ctl)
{
    char *text = NULL;
    /* A table without rows prints nothing; the headers say that there is nothing rather than that something failed. */
    if (scols_table_get_nlines(view->table) == 0)
        buffer_append_text(&ctl->out, "none\n");
    else if (print_utf8(view->table, &text) == 0 && text != NULL)
        buffer_append_format(&ctl->out, "%s\n", text);
    memory_free(text);
    scols_unref_table(view->table);
    memory_free(view);
}
