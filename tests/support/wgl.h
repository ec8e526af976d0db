/* Checks that what clients saw of a map can be explained by operations that happened one at a time (I14, I23).
 *
 * Algorithm: Wing and Gong 1993 with the memoisation of Lowe 2017: a depth-first search for an order in which every operation
 * lies between its call and its return and sees what the ones before it left; pairs of (operations placed, state) that
 * were seen before are not searched again. Keys are independent of each other and checked one by one.
 *
 * A write whose outcome is unknown may take effect at any time after its call, or never. It is placed only directly
 * before an operation that would see something else without it; elsewhere it makes no difference, given that clients
 * take expected versions from answers and do not guess them. An operation that certainly was not applied does not
 * belong into the history; a read without an answer neither.
 *
 * Values are numbers; a test that never writes the same one twice finds more. Threads: none. */
#ifndef TESTS_SUPPORT_WGL_H
#define TESTS_SUPPORT_WGL_H

#include "grid/base/bytes.h"

enum wgl_kind { WGL_GET, WGL_SET, WGL_REMOVE, WGL_COMPARE_AND_SET };

#define WGL_NEVER UINT64_MAX           /* returned: the outcome is unknown */

struct wgl_operation {
    enum wgl_kind kind;
    uint32_t client;                   /* for the report */
    uint64_t key;
    uint64_t called, returned;         /* any clock; equal times count as overlapping */
    uint64_t value;                    /* written, or read */
    uint64_t expected;                 /* compare-and-set: version; 0: absent */
    /* What was answered: */
    bool found;                        /* there was an entry (before the operation) */
    bool conflict;                     /* compare-and-set: did not write */
    uint64_t version;                  /* of the entry afterwards; 0: not known or none */
    bool blind;                        /* set or remove: done, but what was found was not told */
    bool tells_old;                    /* set or remove: what was found had old_value */
    uint64_t old_value;
};

enum wgl_verdict {
    WGL_LINEARIZABLE,
    WGL_VIOLATION,
    WGL_TOO_HARD,                      /* gave up after WGL_STEPS_MAX steps */
};

enum { WGL_STEPS_MAX = 200 * 1000 * 1000 };

struct wgl_report {
    enum wgl_verdict verdict;
    uint64_t key;                      /* of the first violation */
    struct buffer text;                /* for people: the shortest offending prefix of that key's history */
};

/* Checks operations of any number of keys, in any order. All zero is a valid report to start with; wgl_report_close frees it. */
enum wgl_verdict wgl_check(const struct wgl_operation *operations, size_t count, struct wgl_report *report);
void wgl_report_close(struct wgl_report *report);

#endif
