/* What clients saw of the registers, and the judgement on it: I23, with I10, I11, I14 and I24 in it.
 *
 * Every operation that may have had an effect is kept, the unknown ones too, and written to a file as it ends (NDJSON), so
 * that a history can be looked at after a violation. history_spoil turns a right history into a wrong one: with it a
 * run proves that its check would have found the error. */
#ifndef TESTS_NEMESIS_HISTORY_H
#define TESTS_NEMESIS_HISTORY_H

#include <stdio.h>

#include "client/core/core.h"
#include "tests/nemesis/findings.h"
#include "tests/support/wgl.h"

struct history {
    struct wgl_operation *operations;
    size_t count, capacity;
    FILE *file;                            /* NULL: none */
};

/* All zero is a valid history without a file. `path` may be NULL. False: the file cannot be written. */
bool history_open(struct history *history, const char *path);
void history_close(struct history *history);
void history_add(struct history *history, const struct wgl_operation *operation);

enum answer { ANSWER_DONE, ANSWER_UNKNOWN, ANSWER_NOTHING };   /* NOTHING: it certainly had no effect */

/* Fills in what was answered; `returned` is set to WGL_NEVER for an unknown outcome. Values are eight bytes. */
enum answer history_answer(const struct client_result *result, struct wgl_operation *operation);

/* Adds a finding for the first key whose history no order explains. Returns the verdict. */
enum wgl_verdict history_check(const struct history *history, struct findings *findings);

enum history_spoil {
    SPOIL_STALE_READ,                      /* a read returns what a write that had ended before its call replaced */
    SPOIL_LOST_WRITE,                      /* the same where nobody was told versions: only the search can find it */
    SPOIL_PHANTOM,                         /* a read returns what nobody wrote */
    SPOIL_TWO_WINNERS,                     /* two compare-and-sets succeed on the same version */
    HISTORY_SPOILS
};

const char *history_spoil_name(enum history_spoil spoil);
/* A wrong copy. False: the history has no place for it. */
bool history_spoil(const struct history *history, enum history_spoil spoil, struct history *ret_copy);

#endif
