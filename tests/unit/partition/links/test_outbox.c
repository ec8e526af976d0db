#include <criterion/criterion.h>

#include "grid/partition/links/outbox.h"

static void add(struct outbox *outbox, uint32_t destination, uint8_t content, size_t size)
{
    uint8_t message[64];
    for (size_t i = 0; i < size; i++)
        message[i] = content;
    outbox_add(outbox, destination, bytes_of(message, size));
}

struct seen {
    uint64_t sequences[256];
    uint8_t contents[256];
    size_t count;
};

static void see(void *context, uint64_t sequence, struct bytes message)
{
    struct seen *seen = context;
    seen->sequences[seen->count] = sequence;
    seen->contents[seen->count++] = message.data[0];
}

static size_t read(struct outbox *outbox, uint32_t destination, uint64_t sequence, size_t bytes_max,
                   struct seen *ret_seen)
{
    *ret_seen = (struct seen){.count = 0};
    size_t count = outbox_read(outbox, destination, sequence, bytes_max, see, ret_seen);
    cr_assert_eq(count, ret_seen->count);
    return count;
}

Test(outbox, numbers_each_destination_densely_from_one)
{
    struct outbox *outbox = outbox_open();
    struct seen seen;
    for (uint8_t i = 1; i <= 20; i++) {
        cr_assert_eq(outbox_next_sequence(outbox, 7), i);
        add(outbox, 7, i, 1);
    }
    cr_assert_eq(outbox_next_sequence(outbox, 3), 1);
    cr_assert_eq(read(outbox, 7, 1, 1000, &seen), 20);
    for (size_t i = 0; i < 20; i++) {
        cr_assert_eq(seen.sequences[i], i + 1);
        cr_assert_eq(seen.contents[i], i + 1);
    }
    cr_assert_eq(read(outbox, 3, 1, 1000, &seen), 0);
    cr_assert_eq(outbox_pending(outbox), 20);
    outbox_holds(outbox);
    outbox_close(outbox);
}

Test(outbox, gives_at_least_one_message_and_then_what_fits)
{
    struct outbox *outbox = outbox_open();
    struct seen seen;
    for (uint8_t i = 0; i < 5; i++)
        add(outbox, 1, i, 10);
    cr_assert_eq(read(outbox, 1, 1, 1, &seen), 1);
    cr_assert_eq(read(outbox, 1, 1, 29, &seen), 2);
    cr_assert_eq(read(outbox, 1, 1, 30, &seen), 3);
    cr_assert_eq(read(outbox, 1, 4, 1000, &seen), 2);
    cr_assert_eq(seen.sequences[0], 4);
    cr_assert_eq(read(outbox, 1, 6, 1000, &seen), 0);
    outbox_close(outbox);
}

Test(outbox, forgets_what_is_acknowledged_and_never_reuses_a_number)
{
    struct outbox *outbox = outbox_open();
    struct seen seen;
    for (uint8_t i = 1; i <= 40; i++) {
        add(outbox, 1, i, 3);
        if (i % 3 == 0)
            cr_assert(outbox_acknowledge(outbox, 1, i - 1u));
    }
    cr_assert_eq(outbox_pending(outbox), 2);
    cr_assert_eq(read(outbox, 1, 1, 1000, &seen), 2);
    cr_assert_eq(seen.sequences[0], 39);
    cr_assert(outbox_acknowledge(outbox, 1, 5));
    cr_assert_not(outbox_acknowledge(outbox, 1, 41));
    cr_assert_not(outbox_acknowledge(outbox, 9, 1));
    cr_assert_eq(outbox_pending(outbox), 2);
    cr_assert(outbox_acknowledge(outbox, 1, 40));
    cr_assert_eq(outbox_pending(outbox), 0);
    cr_assert_eq(outbox_next_sequence(outbox, 1), 41);
    outbox_holds(outbox);
    outbox_close(outbox);
}

struct order {
    uint32_t destinations[8];
    size_t count;
};

static void note(void *context, uint32_t destination, uint64_t first, uint64_t last)
{
    struct order *order = context;
    cr_assert_leq(first, last);
    order->destinations[order->count++] = destination;
}

Test(outbox, names_destinations_in_order_and_only_with_something_pending)
{
    struct outbox *outbox = outbox_open();
    struct order order = {.count = 0};
    const uint32_t destinations[] = {9, 2, 5, 0};
    for (size_t i = 0; i < 4; i++)
        add(outbox, destinations[i], 1, 1);
    outbox_acknowledge(outbox, 5, 1);
    outbox_each(outbox, note, &order);
    cr_assert_eq(order.count, 3);
    cr_assert_eq(order.destinations[0], 0);
    cr_assert_eq(order.destinations[1], 2);
    cr_assert_eq(order.destinations[2], 9);
    outbox_close(outbox);
}

Test(outbox, has_a_version_and_a_digest_that_change_with_it)
{
    struct outbox *first = outbox_open(), *second = outbox_open();
    uint64_t version = outbox_version(first), digest = outbox_digest(first);
    add(first, 1, 7, 4);
    add(second, 1, 7, 4);
    cr_assert_gt(outbox_version(first), version);
    cr_assert_neq(outbox_digest(first), digest);
    cr_assert_eq(outbox_digest(first), outbox_digest(second));
    version = outbox_version(first);
    outbox_acknowledge(first, 1, 1);
    cr_assert_gt(outbox_version(first), version);
    cr_assert_neq(outbox_digest(first), outbox_digest(second));
    outbox_close(first);
    outbox_close(second);
}
