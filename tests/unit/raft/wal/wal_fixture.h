/* A shared log on a fake disk and a fake clock, with small segments. */
#ifndef TESTS_UNIT_RAFT_WAL_WAL_FIXTURE_H
#define TESTS_UNIT_RAFT_WAL_WAL_FIXTURE_H

#include "raft/wal/wal.h"
#include "raft/wal/wal_record.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_storage.h"

enum { FIXTURE_GROUPS = 4, FIXTURE_SEGMENT_BYTES = 16 * WAL_PAGE_BYTES };

#define FIRST_SEGMENT "wal-0000000000000000"
#define SECOND_SEGMENT "wal-0000000000010000"
#define SECOND_SEGMENT_BASE 0x10000u
#define THIRD_SEGMENT "wal-0000000000020000"

struct wal_fixture {
    struct fake_clock clock;
    struct fake_storage *disk;
    struct wal_options options;               /* change before fixture_open */
    struct wal *wal;
    uint64_t durable;                         /* as last reported */
    uint32_t durable_calls, failed_calls;
    bool durable_fell;
    enum grid_err failure;
    char *note;                               /* of the last failed open */
};

void fixture_init(struct wal_fixture *fixture, uint64_t seed);
void fixture_free(struct wal_fixture *fixture);
enum grid_err fixture_open(struct wal_fixture *fixture);
/* Closes the log, ends its write and opens it again. */
enum grid_err fixture_reopen(struct wal_fixture *fixture);
/* Closes the log and lets the disk crash. */
void fixture_crash(struct wal_fixture *fixture, enum fake_crash crash);
/* Runs iterations and writes until nothing is left to do. */
void fixture_settle(struct wal_fixture *fixture);
bool fixture_note_has(const struct wal_fixture *fixture, const char *text);

struct wal_entry entry_of(uint64_t term, const char *text);
/* Appends one entry and returns its lsn. */
uint64_t fixture_append(struct wal_fixture *fixture, uint32_t group, uint64_t index, const char *text);
/* Appends one entry of `size` bytes. */
uint64_t fixture_append_sized(struct wal_fixture *fixture, uint32_t group, uint64_t index, size_t size);
/* Takes the state of a group; release frees it. */
struct wal_group_state fixture_take(struct wal_fixture *fixture, uint32_t group);
void state_release(struct wal_group_state *state);
bool state_entry_is(const struct wal_group_state *state, size_t at, const char *text);

#endif
