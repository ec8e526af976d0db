/* Manual pages in the macros of man(7), from plain text: what has a meaning to troff in it is escaped. */
#ifndef TOOLS_MANUAL_ROFF_H
#define TOOLS_MANUAL_ROFF_H

#include "grid/base/bytes.h"

/* "GRIDCTL", "1", "gridctl", "command line of a cluster". */
void roff_begin(struct buffer *out, const char *title, const char *section, const char *name, const char *summary);
void roff_section(struct buffer *out, const char *title);
void roff_subsection(struct buffer *out, const char *title);
void roff_paragraph(struct buffer *out, const char *text);
/* A term with its description, indented. `value` stands behind the term in italics; NULL: nothing. */
void roff_term(struct buffer *out, const char *term, const char *value, const char *text);
/* Lines as they are to be typed, each behind `before`. */
void roff_example(struct buffer *out, const char *before, const char *lines);
/* Writes everything to standard output and frees it; an exit status. */
int roff_end(struct buffer *out);

#endif
