/* Reads entries of a map from one node and from no other, over a connection of its own and without the client library, which
 * would turn to another node as soon as this one does not lead. So it sees what a paused, cut-off or deposed leader answers
 * (I24). Reads do not wait for each other: the next is sent even when none was answered for seconds.
 *
 * Values are numbers of eight bytes. Every read that was answered with a value or with "not found" is handed over as an
 * operation of a history (wgl.h); what the node refused, or what a lost connection swallowed, had no effect and is not.
 *
 * Ownership: borrows everything of its options. Threads: the loop of `io`; callbacks from there. */
#ifndef TESTS_SUPPORT_WITNESS_H
#define TESTS_SUPPORT_WITNESS_H

#include "grid/base/prng.h"
#include "grid/io/io.h"
#include "tests/support/wgl.h"

struct witness;

struct witness_options {
    struct io *io;
    struct prng *prng;
    const char *endpoint;                  /* "host:port" of the node */
    uint32_t node;                         /* its id: whoever says another is not listened to */
    const char *map;
    const char *const *keys;               /* an operation's key is the position in here */
    uint32_t keys_count;
    uint64_t gap_us;                       /* between two reads, on average */
    uint32_t number;                       /* client of its operations */
    uint64_t (*now_us)(void *context);     /* of the history; NULL: io's clock, which in a simulation may be wrong */
    void (*read)(void *context, const struct wgl_operation *operation);
    void *context;
};

struct witness_totals { uint64_t asked, answered, paused_asked, paused_answered; };

/* Begins at once, and again whenever its connection ends. */
struct witness *witness_open(const struct witness_options *options);
void witness_close(struct witness *witness);
void witness_stop(struct witness *witness);        /* asks no more; answers still count */
/* For the totals: reads asked from now on are asked of a paused node, or no more. */
void witness_paused(struct witness *witness, bool paused);
struct witness_totals witness_totals(const struct witness *witness);

#endif
