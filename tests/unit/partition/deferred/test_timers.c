#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/base/prng.h"
#include "grid/partition/deferred/timers.h"

enum { OWNERS = 50, SEED = 5 };

static struct timer_owner owner_of(struct arena *arena, uint32_t number)
{
    return (struct timer_owner){.service = 1 + number % 3,
                                .number = number % 2,
                                .key = bytes_of_text(arena_format(arena, "key-%u", number)),
                                .affinity = bytes_of_text(arena_format(arena, "home-%u", number % 5))};
}

static uint32_t number_of(const struct timer_owner *owner)
{
    uint32_t number = 0;
    for (size_t i = 4; i < owner->key.size; i++)
        number = number * 10 + (uint32_t)(owner->key.data[i] - '0');
    return number;
}

Test(timers, fire_in_order_of_due_time_and_then_of_arming)
{
    struct arena arena;
    struct timers *timers = timers_open();
    struct timer_owner fired;
    uint64_t due_ms;
    arena_init(&arena, 1024);
    const uint64_t due[] = {30, 10, 20, 10, 30};
    const uint32_t expected[] = {1, 3, 2, 0, 4};
    cr_assert_not(timers_next_due_ms(timers, &due_ms));
    for (uint32_t i = 0; i < 5; i++) {
        struct timer_owner owner = owner_of(&arena, i);
        timers_arm(timers, &owner, due[i], SEED);
    }
    cr_assert(timers_next_due_ms(timers, &due_ms));
    cr_assert_eq(due_ms, 10);
    cr_assert_not(timers_pop(timers, 9, &arena, &fired));
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert(timers_pop(timers, 30, &arena, &fired));
        struct timer_owner owner = owner_of(&arena, expected[i]);
        cr_assert_eq(number_of(&fired), expected[i]);
        cr_assert_eq(fired.service, owner.service);
        cr_assert_eq(fired.number, owner.number);
        cr_assert(bytes_equal(fired.affinity, owner.affinity));
    }
    cr_assert_eq(timers_count(timers), 0);
    timers_close(timers);
    arena_close(&arena);
}

/* Random arming, moving, disarming and firing against an array. */
Test(timers, agree_with_a_model)
{
    struct arena arena;
    struct prng prng;
    struct timers *timers = timers_open();
    uint64_t due[OWNERS] = {0}, armed_at[OWNERS] = {0}, arming = 0, now_ms = 0;
    arena_init(&arena, 4096);
    prng_init(&prng, 11);
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t number = (uint32_t)prng_range(&prng, 0, OWNERS - 1);
        struct timer_owner owner = owner_of(&arena, number), fired;
        switch (prng_range(&prng, 0, 3)) {
        case 0:
        case 1:
            due[number] = now_ms + prng_range(&prng, 1, 100);
            armed_at[number] = ++arming;
            timers_arm(timers, &owner, due[number], SEED);
            break;
        case 2:
            cr_assert_eq(timers_disarm(timers, &owner), due[number] != 0);
            due[number] = 0;
            break;
        default:
            now_ms += prng_range(&prng, 0, 20);
            while (timers_pop(timers, now_ms, &arena, &fired)) {
                uint32_t first = number_of(&fired);
                cr_assert(due[first] != 0 && due[first] <= now_ms);
                for (uint32_t i = 0; i < OWNERS; i++)
                    cr_assert(due[i] == 0 || due[i] > due[first] ||
                              (due[i] == due[first] && armed_at[i] >= armed_at[first]));
                due[first] = 0;
            }
            for (uint32_t i = 0; i < OWNERS; i++)
                cr_assert(due[i] == 0 || due[i] > now_ms);
            break;
        }
        if (round % 100 == 0) {
            timers_holds(timers);
            arena_reset(&arena);
        }
    }
    timers_close(timers);
    arena_close(&arena);
}
