/* Tables for people: columns as wide as their cells, headers in bold on a terminal. */
#ifndef TOOLS_GRIDCTL_TERMINAL_TABLE_H
#define TOOLS_GRIDCTL_TERMINAL_TABLE_H

#include "tools/gridctl/command.h"

struct table_view;

/* `headers` is closed by NULL; a header that begins with '>' is aligned to the right. */
struct table_view *table_view_open(const struct ctl *ctl, const char *const *headers);
void table_view_row(struct table_view *table);                             /* cells of a new row follow */
void table_view_cell(struct table_view *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What users wrote: keys and values of any bytes, shown by text_show; the beginning of what is long. */
void table_view_bytes(struct table_view *table, struct bytes bytes);
/* Appends the table to ctl->out and frees it. */
void table_view_close(struct table_view *table, struct ctl *ctl);

#endif
