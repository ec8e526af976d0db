#include "tools/gridctl/terminal/table.h"

#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

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
        HOLDS(column != NULL);
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

void table_view_cell(struct table_view *view, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    HOLDS(scols_line_set_data(view->line, view->column++, text[0] != 0 ? text : "-") == 0);
}

void table_view_close(struct table_view *view, struct ctl *ctl)
{
    char *text = NULL;
    /* A table without rows prints nothing; the headers say that there is nothing rather than that something failed. */
    if (scols_table_get_nlines(view->table) == 0)
        buffer_append_text(&ctl->out, "none\n");
    else if (scols_print_table_to_string(view->table, &text) == 0 && text != NULL)
        buffer_append_format(&ctl->out, "%s\n", text);
    memory_free(text);
    scols_unref_table(view->table);
    memory_free(view);
}
