/* One guarded instance on a bench: node 2, scripted messages in, recorded messages out, a clock and a disk by hand.
 *
 * A directed test is a scenario that returns whether a bug of the library shows. It must not show with all shims on, and
 * must show with the shim under test switched off. */
#ifndef TESTS_UNIT_RAFT_BENCH_H
#define TESTS_UNIT_RAFT_BENCH_H

#include "raft/guard/guard.h"
#include "tests/unit/raft/fake_disk.h"

enum { BENCH_SELF = 2, BENCH_SENT_MAX = 512, BENCH_APPLIED_MAX = 4096 };

struct bench_sent {
    struct raft_message message;               /* entries are not kept */
    bool held;                                 /* waited for the log when it was sent */
};

struct bench {
    struct fake_disk *disk;
    struct wal *wal;
    struct group_io_host host;
    struct guard guard;
    uint64_t now_ms;
    bool down[4];                              /* by node */
    struct bench_sent sent[BENCH_SENT_MAX];
    size_t sent_count;
    uint64_t applied[BENCH_APPLIED_MAX];       /* indexes */
    size_t applied_count, changes, broken;
    uint64_t last_before_start;                /* guard_last_index, recovered and not yet started */
};

/* The shims in `disabled` are off. Members are 1, 2, 3, or node 2 alone. Time stands at 1000 ms. */
struct bench *bench_open(size_t members_count, uint64_t disabled);
void bench_close(struct bench *bench);
/* The process dies and starts again; what was not durable is gone. */
void bench_restart(struct bench *bench);

void bench_sync(struct bench *bench, size_t records);
void bench_sync_all(struct bench *bench);
void bench_tick(struct bench *bench, uint64_t ms); /* so much later */

/* Messages from others. `terms` are those of the entries, each a command of 8 bytes. */
struct bench_append { uint32_t from; uint64_t term, prev, prev_term, commit; unsigned count; const uint64_t *terms; };
void bench_append(struct bench *bench, const struct bench_append *append);
void bench_stored(struct bench *bench, uint32_t from, uint64_t term, uint64_t last_index);
void bench_rejected(struct bench *bench, uint32_t from, uint64_t term, uint64_t rejected, uint64_t last_index);
void bench_ask_vote(struct bench *bench, uint32_t from, const struct raft_request_vote *vote);
void bench_grant(struct bench *bench, uint32_t from, uint64_t term, bool pre_vote);
void bench_timeout_now(struct bench *bench, uint32_t from, uint64_t term, uint64_t last_index, uint64_t last_term);

/* Lets the timer run out and wins the votes of node 3. Returns the new term. Its barrier is written, not synced. */
uint64_t bench_elect(struct bench *bench);
void bench_propose(struct bench *bench, size_t count);

/* Newest message of a kind to a node since bench_forget, or NULL. */
const struct raft_message *bench_last(const struct bench *bench, unsigned type, uint32_t to);
size_t bench_count(const struct bench *bench, unsigned type, uint32_t to);
void bench_forget(struct bench *bench);

/* Fails the test unless the bug shows exactly when the shims `names` (separated by blanks) are off. */
void bench_protects(const char *names, bool (*scenario)(uint64_t disabled));
/* The same for a bug that kills the process. */
void bench_protects_from_crash(const char *names, bool (*scenario)(uint64_t disabled));

#endif
