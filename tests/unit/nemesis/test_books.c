#include <criterion/criterion.h>
#include <string.h>

#include "tests/nemesis/books.h"

static struct books_events events(uint64_t count)
{
    return (struct books_events){.sequence = count, .count = count, .highest = count};
}

static void add_confirmed(struct books *books)
{
    struct books_order *order = books_add_order(books);
    *order = (struct books_order){.asked = true, .accepted = true, .confirmable = true, .seen = BOOKS_CONFIRMED, .lines_count = 1,
                                  .lines = {{.product = 0, .quantity = 2, .reserved = 1, .committed = 1}}, .status = BOOKS_CONFIRMED,
                                  .total_minor = 220, .saga = BOOKS_COMPLETED, .paid = true, .has_payment = true, .processed = 1,
                                  .order_events = events(2), .saga_events = events(6), .payment_events = events(2), .captures = 1,
                                  .captured_minor = 220};
}

static void add_cancelled(struct books *books, bool refunded)
{
    struct books_order *order = books_add_order(books);
    *order = (struct books_order){.asked = true, .accepted = true, .lines_count = 1,
                                  .lines = {{.product = 1, .quantity = 1, .reserved = 1, .released = 1}}, .status = BOOKS_CANCELLED,
                                  .total_minor = 110, .saga = BOOKS_UNDONE, .order_events = events(2), .saga_events = events(4)};
    if (refunded) {
        order->captures = order->processed = order->refunds = 1;
        order->captured_minor = order->refunded_minor = 110;
        order->has_payment = true;
        order->payment_events = events(4);
    }
}

/* Two products, two customers, a confirmed order, a cancelled one, a refunded one, and one that was never heard of again. */
static struct books good_books(void)
{
    struct books books = {.products_count = 2, .customers_count = 2, .customer_found = {true, true}, .ledger_lines = 3};
    books.products[0] = (struct books_product){.initial = 10, .replenished_low = 5, .replenished_high = 8, .found = true, .on_hand = 13,
                                               .sold = 2, .received = 15, .events = events(4)};
    books.products[1] = (struct books_product){.initial = 7, .found = true, .on_hand = 7, .received = 7, .events = events(5)};
    add_confirmed(&books);
    add_cancelled(&books, false);
    add_cancelled(&books, true);
    *books_add_order(&books) = (struct books_order){.asked = true, .confirmable = true, .lines_count = 1};
    return books;
}

static size_t findings_of(const struct books *books, const char *expected)
{
    struct findings findings = {0};
    books_check(books, &findings);
    cr_assert(expected == NULL || strstr(findings_text(&findings), expected) != NULL, "%s is not in: %s", expected, findings_text(&findings));
    size_t count = findings.count;
    findings_close(&findings);
    return count;
}

Test(books, right_ones_are_right)
{
    struct books books = good_books();
    cr_assert_eq(findings_of(&books, NULL), 0);
    books_close(&books);
}

Test(books, every_spoilt_one_is_found_and_the_original_left_alone)
{
    struct books books = good_books();
    for (int i = 0; i < BOOKS_SPOILS; i++) {
        struct books wrong;
        cr_assert(books_spoil(&books, (enum books_spoil)i, &wrong), "no place for %s", books_spoil_name((enum books_spoil)i));
        cr_assert_gt(findings_of(&wrong, NULL), 0, "%s", books_spoil_name((enum books_spoil)i));
        books_close(&wrong);
    }
    cr_assert_eq(findings_of(&books, NULL), 0);
    books_close(&books);
}

Test(books, names_the_invariant_that_is_broken)
{
    static const struct { enum books_spoil spoil; const char *says; } cases[] = {
        {SPOIL_CHARGED_TWICE, "I01: order 0 was charged 2 times"}, {SPOIL_NOT_REFUNDED, "I01: order 1"},
        {SPOIL_OVERSOLD, "I02: product 0"}, {SPOIL_STILL_RESERVED, "I04: product 0"}, {SPOIL_CHANGED_ITS_MIND, "I05: order 0"},
        {SPOIL_RESERVED_TWICE, "I06: order 0"}, {SPOIL_SAGA_OPEN, "I07: the saga of order 0"}, {SPOIL_ORDER_LOST, "I10: order 0"},
        {SPOIL_REPLENISHED_TWICE, "I11: product 0"}, {SPOIL_OTHER_CONTENT, "I12: order 0"}, {SPOIL_EVENT_MISSING, "I13: the saga of order 0"},
        {SPOIL_STRANGER, "o-999999"}, {SPOIL_CUSTOMER_LOST, "I10: customer 0"}};
    struct books books = good_books();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct books wrong;
        cr_assert(books_spoil(&books, cases[i].spoil, &wrong));
        findings_of(&wrong, cases[i].says);
        books_close(&wrong);
    }
    books_close(&books);
}

Test(books, an_order_whose_fate_was_unknown_may_be_there_or_not_but_not_its_money_alone)
{
    struct books books = good_books();
    books.orders[3].captures = 1;
    books.orders[3].captured_minor = 100;
    findings_of(&books, "I01: order 3 does not exist, but its charge does");
    books_close(&books);
}

Test(books, an_order_that_somebody_saw_is_not_gone)
{
    struct books books = good_books();
    books.orders[3].seen = BOOKS_OPEN;
    findings_of(&books, "I10: order 3 was seen and is gone");
    books_close(&books);
}

Test(books, what_could_not_be_confirmed_is_not)
{
    struct books books = good_books();
    books.orders[0].confirmable = false;
    findings_of(&books, "I06: order 0 was confirmed and could not be");
    books_close(&books);
}

Test(books, a_failed_saga_is_a_finding)
{
    struct books books = good_books();
    books.orders[1].saga = BOOKS_FAILED;
    findings_of(&books, "I06: the saga of order 1");
    books_close(&books);
}

Test(books, a_release_beside_a_commit_is_a_finding)
{
    struct books books = good_books();
    books.orders[0].lines[0].released = 1;
    findings_of(&books, "I06: order 0 (confirmed), product 0: reserved 1 times, released 1, committed 1");
    books_close(&books);
}

Test(books, an_event_under_a_wrong_number_is_a_finding)
{
    struct books books = good_books();
    books.products[1].events.misnumbered = 1;
    findings_of(&books, "I13: product 1");
    books_close(&books);
}

Test(books, a_delivery_that_was_acknowledged_is_there)
{
    struct books books = good_books();
    books.products[0].received = books.products[0].initial + books.products[0].replenished_low - 1;
    books.products[0].on_hand--;
    findings_of(&books, "I11: product 0 received 14");
    books_close(&books);
}

Test(books, forget_keeps_what_was_asked_and_drops_what_was_read)
{
    struct books books = good_books();
    books_forget(&books);
    cr_assert(books.orders[0].accepted && books.orders[0].seen == BOOKS_CONFIRMED && books.orders[0].lines[0].quantity == 2);
    cr_assert(books.orders[0].status == BOOKS_ABSENT && books.orders[0].captures == 0 && books.orders[0].lines[0].reserved == 0);
    cr_assert(!books.products[0].found && books.products[0].replenished_high == 8 && !books.customer_found[0]);
    cr_assert_eq(books.ledger_lines, 0);
    books_close(&books);
}

Test(books, counts_what_is_still_under_way)
{
    struct books books = good_books();
    cr_assert_eq(books_sagas_open(&books), 0);
    books.orders[0].status = BOOKS_OPEN;
    books.orders[1].saga = BOOKS_SAGA_OPEN;
    cr_assert_eq(books_sagas_open(&books), 2);
    books_close(&books);
}

Test(books, ids_are_read_back)
{
    char text[BOOKS_ID_BYTES];
    uint64_t number;
    struct bytes rest;
    cr_assert(books_number(books_id(text, 'o', 4711), 'o', &number, &rest) && number == 4711 && rest.size == 0);
    cr_assert(books_number(bytes_of_text("o-17.s1/3"), 'o', &number, &rest) && number == 17 && bytes_equal(rest, bytes_of_text(".s1/3")));
    cr_assert_not(books_number(bytes_of_text("p-17"), 'o', &number, &rest));
    cr_assert_not(books_number(bytes_of_text("o-"), 'o', &number, &rest));
    cr_assert_not(books_number(bytes_of_text("o"), 'o', &number, &rest));
    cr_assert_not(books_number(bytes_of_text("o-x"), 'o', &number, &rest));
}
