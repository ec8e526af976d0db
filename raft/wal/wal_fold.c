#include "raft/wal/wal_fold.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum { ENTRIES_FIRST = 64 };

const char *wal_cursor_meta(struct wal_cursor *cursor, uint64_t term, uint64_t vote)
{
    if (term < cursor->term)
        return "the term goes backwards";
    cursor->term = term;
    cursor->vote = vote;
    return NULL;
}

const char *wal_cursor_entries(struct wal_cursor *cursor, uint64_t first_index, size_t count)
{
    if (first_index > cursor->next_index)
        return "entries are missing before this one";
    if (first_index < cursor->next_index)
        return "the entry exists already and was not truncated";
    if (count > UINT64_MAX - first_index)
        return "the index overflows";
    cursor->next_index += count;
    return NULL;
}

const char *wal_cursor_truncate(struct wal_cursor *cursor, uint64_t index)
{
    if (index < cursor->first_index)
        return "a truncation before the first entry";
    if (index > cursor->next_index)
        return "a truncation beyond the last entry";
    cursor->next_index = index;
    return NULL;
}

const char *wal_cursor_snapshot(struct wal_cursor *cursor, uint64_t index)
{
    if (index + 1 < cursor->first_index)
        return "a snapshot older than the last one";
    if (index >= cursor->next_index)
        return "a snapshot beyond the last entry";
    cursor->first_index = index + 1;
    return NULL;
}

const char *wal_cursor_install(struct wal_cursor *cursor, uint64_t index)
{
    if (index < cursor->first_index)
        return "an installed snapshot that is not newer than the last one";
    cursor->first_index = cursor->next_index = index + 1;
    return NULL;
}

void wal_fold_init(struct wal_fold *fold, uint32_t groups)
{
    REQUIRE(groups > 0);
    *fold = (struct wal_fold){.groups = memory_zero(groups, sizeof *fold->groups), .groups_count = groups, .begun = true};
    wal_live_init(&fold->live, groups);
    for (uint32_t i = 0; i < groups; i++)
        fold->groups[i].cursor.first_index = fold->groups[i].cursor.next_index = fold->groups[i].held = 1;
}

void wal_fold_segment(struct wal_fold *fold, uint64_t base)
{
    if (fold->live.count == 0)
        fold->begun = base == 0;
    wal_live_begin(&fold->live, base, false);
}

bool wal_fold_begin(struct wal_fold *fold)
{
    for (uint32_t i = 0; i < fold->groups_count && !fold->begun; i++)
        if (!fold->groups[i].stated)
            return false;
    return fold->begun = true;
}

static void free_entry(struct wal_entry *entry)
{
    memory_free((void *)(uintptr_t)entry->data.data);
}

static void drop_entries(struct wal_fold_group *group, size_t keep)
{
    while (group->count > keep)
        free_entry(&group->entries[--group->count]);
}

static void drop_front(struct wal_fold_group *group, uint64_t first_index)
{
    if (group->held >= first_index)
        return;
    size_t gone = first_index - group->held < group->count ? (size_t)(first_index - group->held) : group->count;
    for (size_t i = 0; i < gone; i++)
        free_entry(&group->entries[i]);
    group->count -= gone;
    if (gone != 0)
        memmove(group->entries, group->entries + gone, group->count * sizeof *group->entries);
    group->held = first_index;
}

void wal_fold_close(struct wal_fold *fold)
{
    for (uint32_t i = 0; i < fold->groups_count; i++) {
        drop_entries(&fold->groups[i], 0);
        memory_free(fold->groups[i].entries);
        memory_free((void *)(uintptr_t)fold->groups[i].snapshot.configuration.data);
    }
    memory_free(fold->groups);
    wal_live_close(&fold->live);
    *fold = (struct wal_fold){0};
}

static void add_entry(struct wal_fold_group *group, const struct wal_entry_view *view)
{
    if (group->count == group->capacity) {
        group->capacity = group->capacity == 0 ? ENTRIES_FIRST : group->capacity * 2;
        group->entries = memory_resize(group->entries, group->capacity * sizeof *group->entries);
    }
    uint8_t *copy = memory_copy(view->data.data, view->data.size);
    group->entries[group->count++] = (struct wal_entry){
        .term = view->term, .type = view->type, .data = bytes_of(copy, view->data.size)};
}

static const char *apply_meta(struct wal_fold_group *group, struct bytes payload, uint64_t *ret_index)
{
    uint64_t term = 0, vote = 0;
    const char *what = wal_meta_get(payload, &term, &vote);
    if (what != NULL)
        return what;
    *ret_index = 0;
    return wal_cursor_meta(&group->cursor, term, vote);
}

static const char *apply_entries(struct wal_fold_group *group, struct bytes payload, uint64_t *ret_index)
{
    uint64_t first_index = 0;
    uint32_t count = 0;
    struct reader reader;
    const char *what = wal_entries_get(payload, &first_index, &count, &reader);
    if (what != NULL)
        return what;
    *ret_index = first_index;
    what = wal_cursor_entries(&group->cursor, first_index, count);
    if (what != NULL)
        return what;
    struct wal_entry_view view;
    for (uint32_t i = 0; i < count && wal_entry_next(&reader, &view); i++)
        add_entry(group, &view);
    return NULL;
}

static const char *apply_truncate(struct wal_fold_group *group, struct bytes payload, uint64_t *ret_index)
{
    uint64_t index = 0;
    const char *what = wal_truncate_get(payload, &index);
    if (what != NULL)
        return what;
    *ret_index = index;
    what = wal_cursor_truncate(&group->cursor, index);
    if (what != NULL)
        return what;
    drop_entries(group, index > group->held ? (size_t)(index - group->held) : 0);
    if (group->held > index)
        group->held = index;
    return NULL;
}

static void keep_snapshot(struct wal_fold_group *group, const struct wal_snapshot *snapshot)
{
    struct bytes old = group->snapshot.configuration, configuration = snapshot->configuration;
    group->snapshot = *snapshot;
    group->snapshot.configuration = bytes_of(memory_copy(configuration.data, configuration.size), configuration.size);
    memory_free((void *)(uintptr_t)old.data);
}

void wal_fold_note(struct wal_fold *fold, uint32_t group, const struct wal_snapshot *snapshot)
{
    keep_snapshot(&fold->groups[group], snapshot);
}

static const char *apply_snapshot(struct wal_fold_group *group, struct bytes payload, bool install, uint64_t *ret_index)
{
    struct wal_snapshot snapshot = {0};
    const char *what = wal_snapshot_get(payload, &snapshot);
    if (what != NULL)
        return what;
    *ret_index = snapshot.index;
    what = install ? wal_cursor_install(&group->cursor, snapshot.index) : wal_cursor_snapshot(&group->cursor, snapshot.index);
    if (what != NULL)
        return what;
    if (install) {
        drop_entries(group, 0);
        group->held = snapshot.index + 1;
    }
    drop_front(group, snapshot.index + 1);
    keep_snapshot(group, &snapshot);
    return NULL;
}

/* At the beginning of the log all that is known; later it repeats what the records before it say. */
static const char *apply_state(struct wal_fold *fold, struct wal_fold_group *group, struct bytes payload, uint64_t *ret_index)
{
    struct wal_state_view state;
    const char *what = wal_state_get(payload, &state);
    if (what != NULL)
        return what;
    *ret_index = state.next_index;
    struct wal_cursor cursor = {state.term, state.vote, state.snapshot.index + 1, state.next_index};
    if (!fold->begun && !group->stated) {
        group->cursor = cursor;
        group->held = cursor.next_index;
        group->stated = true;
        if (state.snapshot.index != 0)
            keep_snapshot(group, &state.snapshot);
        return NULL;
    }
    const struct wal_cursor *known = &group->cursor;
    bool same = known->term == cursor.term && known->vote == cursor.vote && known->first_index == cursor.first_index &&
                known->next_index == cursor.next_index;
    return same ? NULL : "the state at the beginning of a file differs from the files before it";
}

bool wal_fold_missing(const struct wal_fold *fold, uint32_t *ret_group, uint64_t *ret_first, uint64_t *ret_last)
{
    for (uint32_t i = 0; i < fold->groups_count; i++) {
        const struct wal_fold_group *group = &fold->groups[i];
        if (group->held <= group->cursor.first_index)
            continue;
        *ret_group = i;
        *ret_first = group->cursor.first_index;
        *ret_last = group->held - 1;
        return true;
    }
    return false;
}

void wal_fold_state(const struct wal_fold *fold, uint32_t group, struct wal_state_view *ret_state)
{
    const struct wal_fold_group *known = &fold->groups[group];
    *ret_state = (struct wal_state_view){known->cursor.term, known->cursor.vote, known->cursor.next_index, known->snapshot};
}

/* What the segments need to know: which entries they have, and which are not needed any more. */
static void note_live(struct wal_fold *fold, const struct wal_record *record)
{
    struct wal_fold_group *group = &fold->groups[record->group];
    struct wal_live *live = &fold->live;
    if (record->type == WAL_RECORD_ENTRIES)
        wal_live_entries(live, record->group, group->cursor.next_index - 1);
    else if (record->type == WAL_RECORD_STATE && live->count != 0)
        live->segments[live->count - 1].stated = true;
    if (record->type != WAL_RECORD_ENTRIES && group->snapshot.index != 0)
        wal_live_cover(live, record->group, group->snapshot.index, 0);
}

bool wal_fold_apply(struct wal_fold *fold, const struct wal_record *record, char ret_fault[WAL_FAULT_BYTES])
{
    if (record->group >= fold->groups_count) {
        snprintf(ret_fault, WAL_FAULT_BYTES, "group %" PRIu32 " does not exist, there are %" PRIu32, record->group,
                 fold->groups_count);
        return false;
    }
    struct wal_fold_group *group = &fold->groups[record->group];
    uint64_t index = 0;
    const char *what = NULL;
    switch (record->type) {
    case WAL_RECORD_META:
        what = apply_meta(group, record->payload, &index);
        break;
    case WAL_RECORD_ENTRIES:
        what = apply_entries(group, record->payload, &index);
        break;
    case WAL_RECORD_TRUNCATE:
        what = apply_truncate(group, record->payload, &index);
        break;
    case WAL_RECORD_STATE:
        what = apply_state(fold, group, record->payload, &index);
        break;
    case WAL_RECORD_SNAPSHOT:
    case WAL_RECORD_INSTALL:
        what = apply_snapshot(group, record->payload, record->type == WAL_RECORD_INSTALL, &index);
        break;
    case WAL_RECORD_EPOCHS:
        /* Of the log as a whole: recovery reads it. */
        break;
    default:
        what = "a record of unknown type";
    }
    if (what != NULL) {
        snprintf(ret_fault, WAL_FAULT_BYTES, "%s (group %" PRIu32 ", index %" PRIu64 ", next index %" PRIu64 ")", what,
                 record->group, index, group->cursor.next_index);
        return false;
    }
    note_live(fold, record);
    fold->records++;
    return true;
}

void wal_fold_take(struct wal_fold *fold, uint32_t group_number, struct wal_group_state *ret_state)
{
    REQUIRE(group_number < fold->groups_count);
    struct wal_fold_group *group = &fold->groups[group_number];
    /* Once, and before anything is appended. */
    REQUIRE(group->count == group->cursor.next_index - group->cursor.first_index);
    struct bytes configuration = group->snapshot.configuration;
    *ret_state = (struct wal_group_state){
        .term = group->cursor.term,
        .vote = group->cursor.vote,
        .snapshot = group->snapshot,
        .first_index = group->cursor.first_index,
        .entries = group->entries,
        .entries_count = group->count,
    };
    ret_state->snapshot.configuration = bytes_of(memory_copy(configuration.data, configuration.size), configuration.size);
    group->entries = NULL;
    group->count = group->capacity = 0;
}

bool wal_fold_holds(const struct wal_fold *fold)
{
    for (uint32_t i = 0; i < fold->groups_count; i++) {
        const struct wal_fold_group *group = &fold->groups[i];
        if (group->count > group->capacity || (group->capacity != 0 && group->entries == NULL))
            return false;
        if (group->cursor.first_index == 0 || group->cursor.next_index < group->cursor.first_index)
            return false;
    }
    return true;
}
