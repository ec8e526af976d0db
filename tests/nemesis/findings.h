/* What a check found wrong: lines for people, each beginning with the invariant that is broken. */
#ifndef TESTS_NEMESIS_FINDINGS_H
#define TESTS_NEMESIS_FINDINGS_H

#include "grid/base/bytes.h"

/* All zero is a valid empty list. Past FINDINGS_SHOWN they are only counted. */
enum { FINDINGS_SHOWN = 20 };

struct findings { struct buffer text; size_t count; };

void findings_add(struct findings *findings, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The lines, each with its line end; "" when nothing was found. Borrowed until the next change. */
const char *findings_text(struct findings *findings);
void findings_close(struct findings *findings);

#endif
