#include "raft/wal/wal_fold.h"

#include <inttypes.h>
#include <stdio.h>

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

void wal_fold_init(struct wal_fold *fold, uint32_t groups)
{
    REQUIRE(groups > 0);
    *fold = (struct wal_fold){.groups = memory_zero(groups, sizeof *fold->groups), .groups_count = groups};
    for (uint32_t i = 0; i < groups; i++)
        fold->groups[i].cursor.first_index = fold->groups[i].cursor.next_index = 1;
}

static void drop_entries(struct wal_fold_group *group, size_t keep)
{
    while (group->count > keep) {
        struct wal_entry *entry = &group->entries[--group->count];
        memory_free((void *)(uintptr_t)entry->data.data);
    }
}

void wal_fold_close(struct wal_fold *fold)
{
    for (uint32_t i = 0; i < fold->groups_count; i++) {
        drop_entries(&fold->groups[i], 0);
        memory_free(fold->groups[i].entries);
    }
    memory_free(fold->groups);
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
    if (what == NULL)
        drop_entries(group, (size_t)(index - group->cursor.first_index));
    return what;
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
    default:
        what = "a record of unknown type";
    }
    if (what != NULL) {
        snprintf(ret_fault, WAL_FAULT_BYTES, "%s (group %" PRIu32 ", index %" PRIu64 ", next index %" PRIu64 ")", what,
                 record->group, index, group->cursor.next_index);
        return false;
    }
    fold->records++;
    return true;
}

void wal_fold_take(struct wal_fold *fold, uint32_t group_number, struct wal_group_state *ret_state)
{
    REQUIRE(group_number < fold->groups_count);
    struct wal_fold_group *group = &fold->groups[group_number];
    /* Once, and before anything is appended. */
    REQUIRE(group->count == group->cursor.next_index - group->cursor.first_index);
    *ret_state = (struct wal_group_state){
        .term = group->cursor.term,
        .vote = group->cursor.vote,
        .first_index = group->cursor.first_index,
        .entries = group->entries,
        .entries_count = group->count,
    };
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
