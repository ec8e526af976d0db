/* Asks one node and no other for entries of a map, over a connection of its own and without the client library, which
 * would turn to another node as soon as this one does not lead. So it sees what a paused, cut-off or deposed leader answers
 * (I24). Reads do not wait for each other: the next is sent even when none was answered for seconds.
 *
 * With writes_percent it also writes to this node, even if it is not the leader (F74): one write after the other, in sessions that it
 * opens when the node accepts one. The outcome of a write that is not answered for long, or whose connection ends, stays unknown.
 *
 * Values are numbers of eight bytes. Every read that was answered with a value or with "not found" is handed over as an
 * operation of a history (wgl.h), and so is every write that happened or may have happened. Writes that the node refused and reads that
 * were lost with their connection are left out: they had no effect.
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
    uint32_t node;                         /* its id: answers of a node with another id are ignored */
    const char *map;
    const char *const *keys;               /* an operation's key is the position in here */
    uint32_t keys_count;
    uint64_t gap_us;                       /* between two reads, on average */
    uint32_t number;                       /* client of its operations */
    uint64_t (*now_us)(void *context);     /* of the history; NULL: io's clock, which in a simulation may be wrong */
    void (*read)(void *context, const struct wgl_operation *operation); /* writes too */
    uint32_t writes_percent;               /* 0: reads only, and the next two are not needed */
    uint64_t (*next_value)(void *context); /* a value that nobody writes twice */
    /* A write leaves (ended false), and later ends: OK, UNKNOWN, or what it was refused with. */
    void (*wrote)(void *context, uint32_t partition, bool ended, enum grid_err err);
    void *context;
};

struct witness_totals { uint64_t asked, answered, paused_asked, paused_answered; };

/* Begins at once, and again whenever its connection ends. */
struct witness *witness_open(const struct witness_options *options);
void witness_close(struct witness *witness);
void witness_stop(struct witness *witness);        /* asks no more; answers still count */
void witness_reads_only(struct witness *witness);  /* writes no more */
void witness_end_write(struct witness *witness);   /* a write under way is handed over as of unknown fate, at once */
/* For the totals: reads asked from now on are asked of a paused node, or no more. */
void witness_paused(struct witness *witness, bool paused);
struct witness_totals witness_totals(const struct witness *witness);

#endif
