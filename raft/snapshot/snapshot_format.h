/* Bytes of a snapshot file (docs/formats/snapshot.md, "The file"): head, chunks, end record.
 *
 * The checker reads a file that comes in pieces cut anywhere, and trusts none of it: it gives the payload of a chunk only after the
 * chunk's checksum matched, and is complete only once the end record matched everything before it. It keeps at most one chunk.
 *
 * The hash covers group, index, term, configuration and payload, but not the owner: replicas with the same state at the same index have the same
 * hash. Single threaded. */
#ifndef RAFT_SNAPSHOT_SNAPSHOT_FORMAT_H
#define RAFT_SNAPSHOT_SNAPSHOT_FORMAT_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/base/limits.h"

enum {
    SNAPSHOT_FORMAT_VERSION = 1,
    SNAPSHOT_HEAD_BYTES = 64,                 /* before the configuration */
    SNAPSHOT_CHUNK_HEAD_BYTES = 16,
    SNAPSHOT_END_BYTES = 32,
};

/* What a snapshot is of: the state of `group` after entry `index` of `term`. */
struct snapshot_head {
    uint32_t group;
    uint64_t owner;                           /* of the log that the file belongs to; 0: not given */
    uint64_t index, term;
    uint64_t configuration_index;
    struct bytes configuration;               /* encoded; opaque here */
};

/* What is known at the end. */
struct snapshot_sum { uint64_t payload_bytes, chunks, hash, file_bytes; };

/* Encoding. The head is at most SNAPSHOT_HEAD_BYTES + SNAPSHOT_CONFIGURATION_BYTES_MAX. */
void snapshot_head_put(struct buffer *out, const struct snapshot_head *head);
uint64_t snapshot_head_hash(const struct snapshot_head *head);       /* the hash before the first chunk */
/* Writes SNAPSHOT_CHUNK_HEAD_BYTES at `at`, which stand before `payload`, of 1 to SNAPSHOT_CHUNK_BYTES. `before`: bytes of the chunks before it. */
void snapshot_chunk_seal(uint8_t *at, struct bytes payload, uint64_t before);
uint64_t snapshot_chunk_hash(uint64_t hash, struct bytes payload);   /* with the chunk */
void snapshot_end_put(struct buffer *out, const struct snapshot_sum *sum);
size_t snapshot_head_size(const struct snapshot_head *head);

struct snapshot_checker {
    /* Payload of a chunk whose checksum matched; borrowed for the call. An error ends the check and is returned. May be NULL. */
    enum grid_err (*piece)(void *context, struct bytes payload);
    void *context;
    struct buffer kept;                       /* an incomplete head, chunk or end record */
    struct buffer head_bytes;                 /* the head, once complete; `head` borrows from it */
    struct snapshot_head head;
    bool has_head, complete;
    struct snapshot_sum sum;                  /* so far; of the whole file when complete */
};

void snapshot_checker_init(struct snapshot_checker *checker, enum grid_err (*piece)(void *context, struct bytes payload), void *context);
void snapshot_checker_close(struct snapshot_checker *checker);
/* The next bytes of the file. CORRUPT, MISMATCH (a newer format), or the error of `piece`; *ret_what, set with the first two, is a
 * text that names the offset. After an error only rewind may be called. */
enum grid_err snapshot_checker_add(struct snapshot_checker *checker, struct bytes bytes, char **ret_what);
/* Forgets bytes that are not verified: the next bytes are those from snapshot_checker_verified on. Also after CORRUPT, if `piece` is NULL. */
void snapshot_checker_rewind(struct snapshot_checker *checker);
/* How many bytes from the beginning of the file are verified: the next byte begins a chunk or the end record, or the file is complete. */
uint64_t snapshot_checker_verified(const struct snapshot_checker *checker);
/* How many bytes the next step of the check needs; at least 1 unless complete. With pieces of this size nothing is copied. */
size_t snapshot_checker_wants(const struct snapshot_checker *checker);

#endif
