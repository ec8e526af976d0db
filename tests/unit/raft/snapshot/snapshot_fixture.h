/* A disk with snapshots of a made-up state on it: bytes that follow from a seed. */
#ifndef TESTS_UNIT_RAFT_SNAPSHOT_SNAPSHOT_FIXTURE_H
#define TESTS_UNIT_RAFT_SNAPSHOT_SNAPSHOT_FIXTURE_H

#include "raft/snapshot/snapshot_file.h"
#include "raft/snapshot/snapshot_writer.h"
#include "tests/support/fake_storage.h"

enum { FIXTURE_GROUP = 7, FIXTURE_OWNER = 99 };

struct saved { unsigned done, rooms; enum grid_err err; struct snapshot_sum sum; };

struct snapshot_head head_of(uint64_t index);                 /* of FIXTURE_GROUP and FIXTURE_OWNER, with a configuration */
/* The state of `index`: `size` bytes. The caller closes it. */
struct buffer state_of(uint64_t index, size_t size);
struct snapshot_writer *writer_on(struct fake_storage *disk, uint64_t index, struct saved *saved);
/* Adds `state` from `*at` on, in pieces, while there is room; finishes at its end. True: it is finished. */
bool feed(struct snapshot_writer *writer, struct bytes state, size_t *at, size_t piece);
/* Writes a whole snapshot. */
struct saved save(struct fake_storage *disk, uint64_t index, struct bytes state);
/* Reads one back; the content, if OK, is in *ret_state. */
enum grid_err load(struct fake_storage *disk, uint64_t index, struct buffer *ret_state, char **ret_note);

#endif
