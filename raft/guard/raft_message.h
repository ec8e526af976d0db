/* Raft messages in the bodies of FRAME_RAFT, and the rows of FRAME_CONFIRM: docs/formats/peer.md.
 *
 * Decoding refuses every message that the consensus library could not handle: the library runs without its own assertions, so terms,
 * indexes, entry types and configurations are checked here, once, before the library gets them. The sender is not in the
 * message, because the link knows it.
 *
 * Only for the files that implement raft/group.h. */
#ifndef RAFT_GUARD_RAFT_MESSAGE_H
#define RAFT_GUARD_RAFT_MESSAGE_H

#include <raft.h>

#include "grid/base/bytes.h"
#include "grid/base/ids.h"

/* Larger terms and indexes cannot be reached; refusing them keeps every sum below in range. */
#define RAFT_MESSAGE_INDEX_MAX (UINT64_C(1) << 56)
/* How much larger than this node's term a message's term may be: 136 years with one election a second. 16 million
 * such steps fit below RAFT_MESSAGE_INDEX_MAX. */
#define RAFT_TERM_STEP_MAX (UINT64_C(1) << 32)

/* Appends the body for `message`. Snapshots do not travel in messages of the library: INSTALL_SNAPSHOT is a bug. */
void raft_message_encode(struct buffer *out, const struct raft_message *message);

/* Fills *ret_message with the sender `from` as server id and an empty address. Entries are an array and one batch, both from
 * raft_malloc, as the library requires. Returns false, with nothing to free, for any other body. */
bool raft_message_decode(struct bytes body, struct node_id from, struct raft_message *ret_message);

/* Frees what raft_message_decode allocated, for a message that is not passed to the library. */
void raft_message_free(struct raft_message *message);

/* Bytes that the entries of the message need in the shared log (wal_has_room); 0: it has no entries. */
size_t raft_message_log_bytes(const struct raft_message *message);
/* The kind of entries in an AppendEntries: only barriers, which a new leader needs; entries of earlier terms, with or without
 * barriers, which precede such a barrier; or new work. */
enum raft_message_load { RAFT_MESSAGE_BARRIERS, RAFT_MESSAGE_EARLIER, RAFT_MESSAGE_WORK };
enum raft_message_load raft_message_load(const struct raft_message *message);
/* Turns an AppendEntries into a heartbeat: frees its entries and limits its commit index to the entry before them. */
void raft_message_strip(struct raft_message *message);

/* Whether `data` is a configuration entry as the library encodes it, complete and with known roles. */
bool raft_message_configuration_valid(struct bytes data);

/* One row of FRAME_CONFIRM and FRAME_CONFIRM_ANSWER: "your term of `group` is `term`", asked and answered as `sequence`. */
struct confirm_row { uint32_t group; uint64_t term, sequence; };
enum { CONFIRM_ROW_BYTES = 20 };

void confirm_row_append(struct buffer *out, struct confirm_row row);
/* Reads the next row; false: no row is left. A body whose size is not a multiple of a row is malformed (check first). */
bool confirm_row_next(struct reader *reader, struct confirm_row *ret_row);

#endif
