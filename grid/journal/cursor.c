#include "grid/journal/cursor.h"

#include "grid/base/check.h"

struct cursor cursor_at_oldest(const struct journal *journal)
{
    return (struct cursor){.next = journal_oldest(journal)};
}

struct cursor cursor_at_newest(const struct journal *journal)
{
    return (struct cursor){.next = journal_next(journal)};
}

struct cursor cursor_at_sequence(const struct journal *journal, uint64_t sequence)
{
    uint64_t oldest = journal_oldest(journal);
    struct cursor cursor = {.next = sequence == 0 ? 1 : sequence};
    if (cursor.next < oldest)
        cursor = (struct cursor){.next = oldest, .dropped_from = cursor.next, .dropped_to = oldest - 1};
    ENSURE(cursor.next >= 1);
    return cursor;
}

struct cursor cursor_at_time(const struct journal *journal, uint64_t log_time_ms)
{
    struct cursor cursor = {.next = journal_since(journal, log_time_ms)};
    if (journal_dropped_ms(journal) >= log_time_ms && journal_oldest(journal) > 1)
        cursor.dropped_from = cursor.dropped_to = journal_oldest(journal) - 1;
    return cursor;
}
