#include "tests/unit/raft/wal/wal_fixture.h"

#include <string.h>

#include "grid/base/memory.h"

static void on_durable(void *context, uint64_t lsn)
{
    struct wal_fixture *fixture = context;
    fixture->durable_fell = fixture->durable_fell || lsn <= fixture->durable;
    fixture->durable = lsn;
    fixture->durable_calls++;
}

static void on_failed(void *context, enum grid_err err, const char *what)
{
    struct wal_fixture *fixture = context;
    (void)what;
    fixture->failure = err;
    fixture->failed_calls++;
}

void fixture_init(struct wal_fixture *fixture, uint64_t seed)
{
    *fixture = (struct wal_fixture){.disk = fake_storage_open(seed)};
    fake_clock_init(&fixture->clock);
    fixture->options = (struct wal_options){
        .clock = &fixture->clock.clock,
        .storage = fake_storage_io(fixture->disk),
        .groups = FIXTURE_GROUPS,
        .segment_bytes = FIXTURE_SEGMENT_BYTES,
        .sync = true,
        .durable = on_durable,
        .failed = on_failed,
        .context = fixture,
    };
}

static void close_log(struct wal_fixture *fixture)
{
    if (fixture->wal != NULL)
        wal_close(fixture->wal);
    fixture->wal = NULL;
    memory_free(fixture->note);
    fixture->note = NULL;
}

void fixture_free(struct wal_fixture *fixture)
{
    close_log(fixture);
    fake_storage_crash(fixture->disk, FAKE_CRASH_PROCESS);
    fake_storage_close(fixture->disk);
    fake_clock_close(&fixture->clock);
}

enum grid_err fixture_open(struct wal_fixture *fixture)
{
    close_log(fixture);
    fixture->durable = 0;
    enum grid_err err = wal_open(&fixture->options, &fixture->wal, &fixture->note);
    if (err == GRID_ERR_OK)
        fixture->durable = wal_durable(fixture->wal);
    return err;
}

enum grid_err fixture_reopen(struct wal_fixture *fixture)
{
    close_log(fixture);
    while (fake_storage_complete(fixture->disk))
        continue;
    return fixture_open(fixture);
}

void fixture_crash(struct wal_fixture *fixture, enum fake_crash crash)
{
    close_log(fixture);
    fake_storage_crash(fixture->disk, crash);
}

void fixture_settle(struct wal_fixture *fixture)
{
    do
        fake_clock_run(&fixture->clock);
    while (fake_storage_complete(fixture->disk));
}

bool fixture_note_has(const struct wal_fixture *fixture, const char *text)
{
    return fixture->note != NULL && strstr(fixture->note, text) != NULL;
}

struct wal_entry entry_of(uint64_t term, const char *text)
{
    return (struct wal_entry){.term = term, .type = 1, .data = bytes_of_text(text)};
}

uint64_t fixture_append(struct wal_fixture *fixture, uint32_t group, uint64_t index, const char *text)
{
    struct wal_entry entry = entry_of(1, text);
    return wal_append_entries(fixture->wal, group, index, &entry, 1);
}

uint64_t fixture_append_sized(struct wal_fixture *fixture, uint32_t group, uint64_t index, size_t size)
{
    uint8_t *data = memory_zero(size, 1);
    struct wal_entry entry = {.term = 1, .type = 1, .data = bytes_of(data, size)};
    uint64_t lsn = wal_append_entries(fixture->wal, group, index, &entry, 1);
    memory_free(data);
    return lsn;
}

struct wal_group_state fixture_take(struct wal_fixture *fixture, uint32_t group)
{
    struct wal_group_state state;
    wal_take(fixture->wal, group, &state);
    return state;
}

void state_release(struct wal_group_state *state)
{
    for (size_t i = 0; i < state->entries_count; i++)
        memory_free((void *)(uintptr_t)state->entries[i].data.data);
    memory_free(state->entries);
    memory_free((void *)(uintptr_t)state->snapshot.configuration.data);
    *state = (struct wal_group_state){0};
}

bool state_entry_is(const struct wal_group_state *state, size_t at, const char *text)
{
    return at < state->entries_count && bytes_equal(state->entries[at].data, bytes_of_text(text));
}
