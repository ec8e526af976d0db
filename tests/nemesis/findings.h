/* What a check found wrong: lines for people, each beginning with the invariant that is broken and a colon. */
#ifndef TESTS_NEMESIS_FINDINGS_H
#define TESTS_NEMESIS_FINDINGS_H

#include "grid/base/bytes.h"

/* Lines kept of each invariant, and invariants told apart; what is past that is only counted. */
enum { FINDINGS_SHOWN = 4, FINDINGS_KINDS = 24, FINDINGS_KIND_BYTES = 16 };

/* All zero is a valid empty list. */
struct findings {
    struct buffer text;
    size_t count, shown;
    struct { char name[FINDINGS_KIND_BYTES]; size_t count; } kinds[FINDINGS_KINDS];
};

void findings_add(struct findings *findings, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The lines, each with its line end; "" when nothing was found. Borrowed until the next change. */
const char *findings_text(struct findings *findings);
void findings_close(struct findings *findings);

#endif
