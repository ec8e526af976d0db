/* The shims on messages, in and out. Part of the guard: called from guard.c, which settles afterwards. */
#ifndef RAFT_GUARD_GUARD_MESSAGE_H
#define RAFT_GUARD_GUARD_MESSAGE_H

#include "raft/guard/guard.h"

/* Values of raft_progress.state. */
enum { GUARD_PROGRESS_PROBE = 0, GUARD_PROGRESS_PIPELINE = 1, GUARD_PROGRESS_SNAPSHOT = 2 };

/* Passes a corrected message to the library, or drops it, or keeps it for later. Takes the entries. */
void guard_message_deliver(struct guard *guard, struct raft_message *message);
/* Corrects an outgoing message; false: it must not leave. */
bool guard_message_leave(struct guard *guard, struct raft_message *message);
/* An AppendEntries to `to` was dropped: the link is down, or too many bytes wait on it. */
void guard_message_lost(struct guard *guard, struct node_id to);
/* Whether answers must wait (S2), and the next waiting answer. */
bool guard_message_holding(const struct guard *guard);
void guard_message_release(struct guard *guard);
/* Forgets the acknowledgements of `node`; a leader probes it again, from the end of its own log (S24). */
void guard_message_forget(struct guard *guard, struct node_id node);
/* What the leader of this term has compared with its own log (S1). */
void guard_message_verified(struct guard *guard, uint64_t term, uint64_t index);
/* After every call of the library. */
void guard_settle(struct guard *guard);
/* Applies the commit rule to this node's disk, before the library is told that everything up to `last_index` is stored (S3b). */
void guard_message_stored(struct guard *guard, uint64_t last_index);

#endif
