#include <criterion/criterion.h>

#include "grid/node/memory_use.h"

enum { MAX = 1600 };

static struct memory_use use;

static void begin(void)
{
    memory_use_init(&use, MAX);
}

static void see(uint64_t resident, uint64_t data)
{
    memory_use_sample(&use, resident, data);
}

TestSuite(memory_use, .init = begin);

Test(memory_use, is_full_from_the_bound_on)
{
    see(MAX - 1, 1000);
    cr_expect_not(use.full);
    see(MAX, 1001);
    cr_expect(use.full);
}

Test(memory_use, without_a_bound_is_never_full)
{
    memory_use_init(&use, 0);
    see(UINT64_C(1) << 60, 1);
    cr_expect_not(use.full);
}

/* The heap keeps what was removed; the resident size stays. */
Test(memory_use, counts_what_was_removed_as_reusable)
{
    see(MAX, 1200);
    see(MAX, 700);
    cr_expect_eq(memory_use_used(&use), MAX - 500);
    cr_expect_not(use.full);
    see(MAX, 1000);
    cr_expect_eq(memory_use_used(&use), MAX - 200, "and takes it again");
}

Test(memory_use, ends_a_sixteenth_below_the_bound)
{
    see(MAX, 1200);
    see(MAX, 1101);
    cr_expect(use.full, "%lu", (unsigned long)memory_use_used(&use));
    see(MAX, 1100);
    cr_expect(use.full, "a sixteenth is the border itself");
    see(MAX, 1099);
    cr_expect_not(use.full);
    see(MAX, 1199);
    cr_expect_not(use.full, "and begins at the bound only");
    see(MAX, 1200);
    cr_expect(use.full);
}

Test(memory_use, believes_the_resident_size_when_the_heap_gives_pages_back)
{
    see(MAX, 1200);
    see(MAX - 500, 700);
    cr_expect_eq(memory_use_used(&use), MAX - 500);
    cr_expect_eq(use.reusable, 0);
    see(MAX - 500, 600);
    see(MAX - 700, 600);
    cr_expect_eq(use.reusable, 0, "what was reusable is gone, and no more than that");
    cr_expect_eq(memory_use_used(&use), MAX - 700);
}

/* Memory that no component counts: connections, sessions, the library's own. */
Test(memory_use, counts_what_nobody_counts)
{
    see(1000, 600);
    see(MAX, 600);
    cr_expect(use.full);
}

/* Holes that are too small for what is written now: the system gives more although much counts as free. */
Test(memory_use, a_new_height_takes_back_what_counted_as_reusable)
{
    see(1500, 1200);
    see(1500, 600);
    cr_expect_eq(use.reusable, 600);
    see(1700, 800);
    cr_expect_eq(use.reusable, 400);
    cr_expect_eq(memory_use_used(&use), 1300, "1100 would be what the estimate alone says");
    for (uint64_t more = 100; !use.full; more += 100) {
        cr_assert_leq(more, 400u);
        see(1700 + more, 800 + more);
    }
    cr_expect_lt(use.resident, MAX + MAX / 8 + 200);
}

Test(memory_use, a_resident_size_an_eighth_above_the_bound_is_full_whatever_is_free)
{
    see(1500, 1400);
    see(1500, 100);
    see(MAX + MAX / 8 - 1, 100);
    cr_expect_not(use.full);
    see(MAX + MAX / 8, 100);
    cr_expect(use.full && memory_use_has_holes(&use), "%lu", (unsigned long)memory_use_used(&use));
    see(MAX + MAX / 16, 100);
    cr_expect(use.full && memory_use_has_holes(&use));
    see(MAX + MAX / 16 - 1, 100);
    cr_expect(!use.full && !memory_use_has_holes(&use));
}

Test(memory_use, full_of_data_it_has_no_holes)
{
    see(2000, 1990);
    cr_expect(use.full && !memory_use_has_holes(&use));
}

Test(memory_use, between_samples_the_resident_size_counts)
{
    see(1000, 600);
    memory_use_resident(&use, 1400);
    cr_expect_eq(memory_use_used(&use), 1400);
    memory_use_resident(&use, MAX);
    cr_expect(use.full);
    see(MAX, 1200);
    cr_expect_eq(memory_use_used(&use), MAX, "growth that was seen before its data are is no loss");
    see(MAX, 600);
    cr_expect_eq(use.reusable, 600);
    memory_use_resident(&use, 300);
    cr_expect_leq(use.reusable, use.resident);
}

Test(memory_use, reusable_memory_is_never_more_than_there_is)
{
    see(1000, 900);
    see(1000, 0);
    cr_expect_eq(use.reusable, 900);
    see(100, 0);
    cr_expect_leq(use.reusable, 100u);
    see(100, 100);
    cr_expect_eq(use.reusable, 0);
}
