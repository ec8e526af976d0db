#include <criterion/criterion.h>

#include "grid/partition/deferred/activities.h"

static struct activity_record record_of(struct arena *arena, unsigned number)
{
    return (struct activity_record){.service = 4,
                                    .kind = 1 + number % 2,
                                    .key = bytes_of_text(arena_format(arena, "o%u.p1", number)),
                                    .affinity = bytes_of_text(arena_format(arena, "o%u", number)),
                                    .token = bytes_of_text(arena_format(arena, "token-%u", number)),
                                    .request = bytes_of_text(arena_format(arena, "do %u", number)),
                                    .trace = {.flow_id = bytes_of_text(arena_format(arena, "o%u.s1", number))}};
}

Test(activities, are_given_in_order_and_finish_once)
{
    struct arena arena;
    struct activities *activities = activities_open();
    struct partition_activity next;
    struct activity_record record;
    arena_init(&arena, 1024);
    for (unsigned i = 1; i <= 40; i++) {
        struct activity_record started = record_of(&arena, i);
        cr_assert_eq(activities_start(activities, &started), i);
    }
    cr_assert(activities_next(activities, 0, &next));
    cr_assert_eq(next.id, 1);
    cr_assert(bytes_equal(next.key, bytes_of_text("token-1")));
    cr_assert(next.service == 4 && next.kind == 2 && bytes_equal(next.request, bytes_of_text("do 1")));
    cr_assert(activities_finish(activities, 2, &arena, &record));
    cr_assert(bytes_equal(record.key, bytes_of_text("o2.p1")));
    cr_assert(bytes_equal(record.affinity, bytes_of_text("o2")));
    cr_assert(bytes_equal(record.trace.flow_id, bytes_of_text("o2.s1")));
    cr_assert(record.kind == 1 && bytes_equal(record.request, bytes_of_text("do 2")));
    cr_assert_not(activities_finish(activities, 2, &arena, &record));
    cr_assert_not(activities_finish(activities, 0, &arena, &record));
    cr_assert_not(activities_finish(activities, 41, &arena, &record));
    cr_assert(activities_next(activities, 1, &next));
    cr_assert_eq(next.id, 3);
    cr_assert_not(activities_next(activities, 40, &next));
    cr_assert_eq(activities_count(activities), 39);
    activities_holds(activities);
    activities_close(activities);
    arena_close(&arena);
}

Test(activities, never_give_an_id_twice)
{
    struct arena arena;
    struct activities *activities = activities_open();
    struct activity_record record, started;
    arena_init(&arena, 1024);
    for (unsigned i = 1; i <= 10; i++) {
        started = record_of(&arena, i);
        cr_assert_eq(activities_start(activities, &started), i);
        cr_assert(activities_finish(activities, i, &arena, &record));
    }
    cr_assert_eq(activities_count(activities), 0);
    activities_close(activities);
    arena_close(&arena);
}

Test(activities, have_a_digest_that_tells_them_apart)
{
    struct arena arena;
    struct activities *first = activities_open(), *second = activities_open();
    arena_init(&arena, 1024);
    struct activity_record one = record_of(&arena, 1), other = one;
    other.request = bytes_of_text("do 2");
    activities_start(first, &one);
    activities_start(second, &other);
    cr_assert_neq(activities_digest(first), activities_digest(second));
    activities_close(first);
    activities_close(second);
    arena_close(&arena);
}
