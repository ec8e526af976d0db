/* The two messages of a transfer on the wire (docs/formats/peer.md, SNAPSHOT_BYTES and SNAPSHOT_WANT). Pure functions. */
#ifndef RAFT_SNAPSHOT_TRANSFER_MESSAGE_H
#define RAFT_SNAPSHOT_TRANSFER_MESSAGE_H

#include "raft/snapshot/transfer.h"

/* Bodies; the group stands in the frame's head. Decoding borrows the data; false: malformed. */
void transfer_bytes_encode(const struct transfer_bytes *bytes, struct buffer *out);
bool transfer_bytes_decode(struct bytes body, uint32_t group, struct transfer_bytes *ret_bytes);
void transfer_want_encode(const struct transfer_want *want, struct buffer *out);
bool transfer_want_decode(struct bytes body, uint32_t group, struct transfer_want *ret_want);

#endif
