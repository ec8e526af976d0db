#include "grid/journal/journal.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/base/prng.h"
#include "grid/journal/cursor.h"

static struct journal_capacity room(uint64_t entries, uint64_t bytes, uint64_t age_ms)
{
    return (struct journal_capacity){entries, bytes, age_ms};
}

static uint64_t add(struct journal *journal, const char *key, uint64_t log_time_ms)
{
    struct journal_record record = {.kind = JOURNAL_ADDED, .key = bytes_of_text(key), .value = bytes_of_text("value"),
                                    .version = log_time_ms * 2, .log_time_ms = log_time_ms};
    return journal_append(journal, &record);
}

static struct journal *filled(unsigned records, const struct journal_capacity *capacity)
{
    struct journal *journal = journal_open(1, capacity);
    for (unsigned i = 1; i <= records; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        add(journal, key, 10 * i);
    }
    return journal;
}

Test(journal, numbers_records_densely_and_gives_them_back_whole)
{
    struct journal_capacity capacity = room(10, 100000, 0);
    struct journal *journal = journal_open(1, &capacity);
    struct journal_record record = {.kind = JOURNAL_UPDATED, .key = bytes_of_text("k"), .affinity = bytes_of_text("a"),
                                    .value = bytes_of_text("new"), .old_value = bytes_of_text("old"),
                                    .has_old_value = true, .version = 7, .log_time_ms = 8, .ttl_ms = 9}, back;
    cr_assert_eq(journal_next(journal), 1);
    cr_assert_eq(add(journal, "x", 1), 1);
    cr_assert_eq(journal_append(journal, &record), 2);
    cr_assert_eq(journal_oldest(journal), 1);
    cr_assert_eq(journal_next(journal), 3);
    cr_assert(journal_find(journal, 2, &back));
    cr_assert(back.sequence == 2 && back.kind == JOURNAL_UPDATED && back.has_old_value);
    cr_assert(back.version == 7 && back.log_time_ms == 8 && back.ttl_ms == 9);
    cr_assert(bytes_equal(back.key, bytes_of_text("k")) && bytes_equal(back.affinity, bytes_of_text("a")));
    cr_assert(bytes_equal(back.value, bytes_of_text("new")) && bytes_equal(back.old_value, bytes_of_text("old")));
    cr_assert_not(journal_find(journal, 3, &back));
    cr_assert_not(journal_find(journal, 0, &back));
    journal_holds(journal);
    journal_close(journal);
}

Test(journal, keeps_the_newest_by_count)
{
    struct journal_capacity capacity = room(5, 100000, 0);
    struct journal *journal = filled(12, &capacity);
    struct journal_record record;
    cr_assert_eq(journal_oldest(journal), 8);
    cr_assert_eq(journal_next(journal), 13);
    cr_assert_not(journal_find(journal, 7, &record));
    cr_assert(journal_find(journal, 8, &record) && bytes_equal(record.key, bytes_of_text("k8")));
    cr_assert_eq(journal_dropped_ms(journal), 70);
    journal_holds(journal);
    journal_close(journal);
}

Test(journal, keeps_the_newest_by_bytes_and_at_least_one)
{
    struct journal_capacity capacity = room(1000, 400, 0);
    struct journal *journal = filled(50, &capacity);
    cr_assert_leq(journal_bytes(journal), 400);
    cr_assert_gt(journal_next(journal) - journal_oldest(journal), 3);
    uint8_t large[1000] = {0};
    struct journal_record record = {.kind = JOURNAL_ADDED, .key = bytes_of_text("k"), .value = bytes_of(large, sizeof large),
                                    .log_time_ms = 9999};
    journal_append(journal, &record);
    cr_assert_eq(journal_oldest(journal), journal_next(journal) - 1, "alone, though it is too large");
    journal_holds(journal);
    journal_close(journal);
}

Test(journal, drops_what_is_too_old_in_bounded_steps)
{
    struct journal_capacity capacity = room(1000, 100000, 100);
    struct journal *journal = filled(20, &capacity);
    uint64_t due_ms;
    cr_assert(journal_due_ms(journal, &due_ms));
    cr_assert_eq(due_ms, 110);
    cr_assert_eq(journal_trim(journal, 109, 50), 0);
    cr_assert_eq(journal_trim(journal, 210, 4), 4);
    cr_assert_eq(journal_trim(journal, 210, 50), 7);
    cr_assert_eq(journal_oldest(journal), 12);
    cr_assert(journal_due_ms(journal, &due_ms) && due_ms == 220);
    journal_close(journal);
}

Test(journal, gives_up_room_little_by_little)
{
    struct journal_capacity capacity = room(1000, 1000000, 0), less = room(10, 1000000, 0);
    struct journal *journal = filled(500, &capacity);
    uint64_t due_ms = 1;
    cr_assert_not(journal_due_ms(journal, &due_ms));
    journal_resize(journal, &less);
    cr_assert(journal_due_ms(journal, &due_ms) && due_ms == 0, "there is something to do, now");
    add(journal, "next", 99999);
    cr_assert_gt(journal_next(journal) - journal_oldest(journal), 400);
    cr_assert_eq(journal_trim(journal, 0, 100), 100);
    while (journal_trim(journal, 0, 100) > 0)
        journal_holds(journal);
    cr_assert_eq(journal_next(journal) - journal_oldest(journal), 10);
    cr_assert_not(journal_due_ms(journal, &due_ms));
    journal_close(journal);
}

Test(journal, finds_the_first_record_of_a_time)
{
    struct journal_capacity capacity = room(100, 100000, 0);
    struct journal *journal = filled(20, &capacity);
    cr_assert_eq(journal_since(journal, 0), 1);
    cr_assert_eq(journal_since(journal, 10), 1);
    cr_assert_eq(journal_since(journal, 11), 2);
    cr_assert_eq(journal_since(journal, 200), 20);
    cr_assert_eq(journal_since(journal, 201), 21);
    journal_close(journal);
}

Test(journal, trails_tell_histories_apart)
{
    struct journal_capacity capacity = room(2, 100000, 0);
    struct journal *one = journal_open(1, &capacity), *same = journal_open(1, &capacity), *other = journal_open(1, &capacity);
    for (unsigned i = 0; i < 5; i++) {
        add(one, "k", i);
        add(same, "k", i);
        add(other, i == 0 ? "x" : "k", i);
    }
    cr_assert_eq(journal_digest(one), journal_digest(same));
    /* What differs was dropped long ago. */
    cr_assert_neq(journal_digest(one), journal_digest(other));
    journal_close(one);
    journal_close(same);
    journal_close(other);
}

Test(journal, is_discarded_in_parts)
{
    struct journal_capacity capacity = room(100, 100000, 0);
    struct journal *journal = filled(50, &capacity);
    cr_assert_not(journal_discard(journal, 49));
    cr_assert(journal_discard(journal, 1));
    journal_close(journal);
}

/* ---- cursors */

Test(cursor, begins_at_either_end)
{
    struct journal_capacity capacity = room(5, 100000, 0);
    struct journal *journal = filled(12, &capacity);
    struct cursor oldest = cursor_at_oldest(journal), newest = cursor_at_newest(journal);
    cr_assert(oldest.next == 8 && oldest.dropped_to == 0);
    cr_assert(newest.next == 13 && newest.dropped_to == 0);
    journal_close(journal);
}

Test(cursor, tells_what_was_dropped)
{
    struct journal_capacity capacity = room(5, 100000, 0);
    struct journal *journal = filled(12, &capacity);
    struct cursor cursor = cursor_at_sequence(journal, 3);
    cr_assert(cursor.next == 8 && cursor.dropped_from == 3 && cursor.dropped_to == 7);
    cursor = cursor_at_sequence(journal, 8);
    cr_assert(cursor.next == 8 && cursor.dropped_to == 0);
    cursor = cursor_at_sequence(journal, 0);
    cr_assert(cursor.dropped_from == 1 && cursor.dropped_to == 7);
    cursor = cursor_at_sequence(journal, 99);
    cr_assert(cursor.next == 99 && cursor.dropped_to == 0, "it waits for what is to come");
    journal_close(journal);
}

Test(cursor, by_time_tells_of_the_last_that_was_dropped)
{
    struct journal_capacity capacity = room(5, 100000, 0);
    struct journal *journal = filled(12, &capacity);
    struct cursor cursor = cursor_at_time(journal, 95);
    cr_assert(cursor.next == 10 && cursor.dropped_to == 0);
    cursor = cursor_at_time(journal, 75);
    cr_assert(cursor.next == 8 && cursor.dropped_to == 0);
    cursor = cursor_at_time(journal, 70);
    cr_assert(cursor.next == 8 && cursor.dropped_from == 7 && cursor.dropped_to == 7);
    journal_close(journal);
}
