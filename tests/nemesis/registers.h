/* The load on maps: a few registers that several clients read, set, remove and compare-and-set all the time, every value
 * written once only; and witnesses, which ask one node each and take no answer but its own.
 *
 * Clients differ in patience, so that outcomes of every kind appear: hurried ones give up soon (their writes are often
 * unknown), patient ones stay with a node that does not answer, and one is closed and opened again every few seconds.
 *
 * A witness sends its reads straight to the address of its node, whether that is paused, deposed or just started, and
 * never elsewhere. Only the leader answers; what a paused leader answers when it wakes up must not be stale (I24).
 *
 * Everything that may have had an effect goes into the history, which is borrowed. Registers are spread evenly over the
 * partitions. */
#ifndef TESTS_NEMESIS_REGISTERS_H
#define TESTS_NEMESIS_REGISTERS_H

#include "tests/nemesis/history.h"
#include "tests/nemesis/stage.h"

enum { REGISTERS_MAX = 256, REGISTER_NAME_BYTES = 24 };

struct register_key { char name[REGISTER_NAME_BYTES]; uint32_t partition; };

struct registers_totals {
    uint64_t called, done, unknown, failed, conflicts;
    uint64_t longest_gap_us;               /* without any write done */
    uint64_t witness_asked, witness_answered;
    uint64_t paused_asked, paused_answered; /* of them: called while the node was paused */
};

struct registers;

/* Waits for the first node. NULL: none answered within a minute. */
struct registers *registers_open(struct stage *stage, struct history *history, uint32_t count);
/* Ends what is outstanding (into the history). */
void registers_close(struct registers *registers);
/* No new operations from now on. */
void registers_stop(struct registers *registers);
bool registers_idle(void *registers);      /* for stage_wait: nothing is outstanding */
/* Reads every register once; idle again when all are answered. Those that were not are a finding. */
void registers_read_all(struct registers *registers);
void registers_judge_reads(struct registers *registers);

/* From now on it is watched when each partition does a write that was called after this moment. */
void registers_mark(struct registers *registers);
/* Every partition has done one; `ret_us` is how long that took. */
bool registers_recovered(const struct registers *registers, uint64_t *ret_us);
void registers_node_paused(struct registers *registers, uint32_t node, bool paused);

struct registers_totals registers_totals(const struct registers *registers);
uint32_t registers_partitions(const struct registers *registers);

#endif
