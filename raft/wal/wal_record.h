/* Bytes of the shared log: flush headers and records (docs/formats/wal.md).
 *
 * Encoding appends to a buffer that the caller keeps; nothing is allocated once the buffer is large enough. Decoding
 * borrows from the bytes given and trusts none of them: every getter returns NULL, or a constant
 * text that says what is wrong. Pure functions, no state, any thread. */
#ifndef RAFT_WAL_WAL_RECORD_H
#define RAFT_WAL_WAL_RECORD_H

#include "grid/base/bytes.h"
#include "raft/wal/wal.h"

enum {
    WAL_FORMAT_FIRST = 1,                     /* without snapshots; what a log is written in until it has its first one */
    WAL_FORMAT_VERSION = 2,                   /* newest that is read and written */
    /* Flushes start at multiples of this, so that no page that became durable is ever written again. */
    WAL_PAGE_BYTES = 4096,
    WAL_FLUSH_HEADER_BYTES = 64,
    WAL_RECORD_HEADER_BYTES = 32,
    WAL_META_BYTES = 16,
    WAL_ENTRIES_HEADER_BYTES = 16,
    WAL_ENTRY_HEADER_BYTES = 16,
    WAL_TRUNCATE_BYTES = 8,
    WAL_SNAPSHOT_HEADER_BYTES = 32,
    WAL_STATE_HEADER_BYTES = 24,
    WAL_EPOCHS_HEADER_BYTES = 16,
    WAL_EPOCH_BYTES = 16,
    /* Ends of earlier openings that a segment begins with. */
    WAL_EPOCHS_KEPT = 256,
};

enum wal_record_type {
    WAL_RECORD_META = 1,                      /* term and vote */
    WAL_RECORD_ENTRIES = 2,                   /* entries from an index on */
    WAL_RECORD_TRUNCATE = 3,                  /* entries from an index on are gone */
    /* Since format version 2: */
    WAL_RECORD_STATE = 4,                     /* of a group, where a segment begins: everything but its entries */
    WAL_RECORD_SNAPSHOT = 5,                  /* entries up to an index are in a durable snapshot and may go */
    WAL_RECORD_INSTALL = 6,                   /* a durable snapshot replaces all entries */
    WAL_RECORD_EPOCHS = 7,                    /* where a segment begins: the ends of earlier openings */
};

/* Everything of a flush but its records. Positions are multiples of WAL_PAGE_BYTES. */
struct wal_flush_header {
    uint16_t version;
    uint32_t size;                            /* header and records, without the padding */
    uint64_t epoch, position;
    uint64_t previous;                        /* end of the previous flush, with padding */
    uint64_t durable;                         /* everything below this position was synced before this flush was written */
    uint32_t records;
    uint64_t owner;                           /* the owner of the log; 0: not given */
};

struct wal_record {
    enum wal_record_type type;
    uint32_t group;
    uint64_t position, epoch;
    struct bytes payload;                     /* borrowed */
};

/* One entry inside an entries record. */
struct wal_entry_view { uint64_t term; uint16_t type; struct bytes data; };

static inline uint64_t wal_page_align(uint64_t position)
{
    return (position + WAL_PAGE_BYTES - 1) / WAL_PAGE_BYTES * WAL_PAGE_BYTES;
}

/* Writes WAL_FLUSH_HEADER_BYTES at `at`. */
void wal_flush_header_put(uint8_t *at, const struct wal_flush_header *header);
/* The header at stream position `position`. A header of a newer format version is returned as good: check
 * wal_version_known first. */
const char *wal_flush_header_get(struct bytes bytes, uint64_t position, struct wal_flush_header *ret_header);
static inline bool wal_version_known(uint16_t version)
{
    return version >= WAL_FORMAT_FIRST && version <= WAL_FORMAT_VERSION;
}

/* `begin` starts a record, the caller appends the payload, `seal` writes size and checksum. `begin` returns
 * the record's place in the buffer, which the caller passes to `seal`. */
size_t wal_record_begin(struct buffer *buffer, const struct wal_record *record);
void wal_record_seal(struct buffer *buffer, size_t start);
/* After a change of the payload in place; other records may follow. */
void wal_record_reseal(struct buffer *buffer, size_t start);
/* The record at the front of `bytes`, which must lie at `position` and belong to `epoch`; *ret_size is its length. */
const char *wal_record_get(struct bytes bytes, uint64_t position, uint64_t epoch, struct wal_record *ret_record,
                           size_t *ret_size);

/* Payloads. `count` entries follow the header of an entries record; read them with wal_entry_next until it fails. */
void wal_meta_put(struct buffer *buffer, uint64_t term, uint64_t vote);
const char *wal_meta_get(struct bytes payload, uint64_t *ret_term, uint64_t *ret_vote);
void wal_truncate_put(struct buffer *buffer, uint64_t index);
const char *wal_truncate_get(struct bytes payload, uint64_t *ret_index);
void wal_snapshot_put(struct buffer *buffer, const struct wal_snapshot *snapshot);
/* The configuration is borrowed from the payload. */
const char *wal_snapshot_get(struct bytes payload, struct wal_snapshot *ret_snapshot);
/* `next_index` is the index that the next entry has. Snapshot index 0: there is no snapshot. */
struct wal_state_view { uint64_t term, vote, next_index; struct wal_snapshot snapshot; };
void wal_state_put(struct buffer *buffer, const struct wal_state_view *state);
const char *wal_state_get(struct bytes payload, struct wal_state_view *ret_state);
/* Epochs up to `forgotten` are not listed any more; `count` rows follow, read them with wal_epoch_next. */
void wal_epochs_put(struct buffer *buffer, uint64_t forgotten, uint32_t count);
void wal_epoch_put(struct buffer *buffer, struct wal_epoch_end end);
/* Checks the whole payload: epochs and their ends ascend. */
const char *wal_epochs_get(struct bytes payload, uint64_t *ret_forgotten, uint32_t *ret_count, struct reader *ret_reader);
bool wal_epoch_next(struct reader *reader, struct wal_epoch_end *ret_end);
void wal_entries_put(struct buffer *buffer, uint64_t first_index, uint32_t count);
void wal_entry_put(struct buffer *buffer, const struct wal_entry_view *entry);
/* Checks the whole payload; afterwards wal_entry_next cannot fail for the `count` entries of *ret_reader. */
const char *wal_entries_get(struct bytes payload, uint64_t *ret_first_index, uint32_t *ret_count,
                            struct reader *ret_reader);
bool wal_entry_next(struct reader *reader, struct wal_entry_view *ret_entry);

#endif
