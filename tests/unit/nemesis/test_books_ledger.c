#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/nemesis/books_read.h"

#define LINE(operation, key, order, amount, outcome) \
    "{\"operation\":\"" operation "\",\"key\":\"" key "\",\"order\":\"" order "\",\"amountMinor\":" amount \
    ",\"currency\":\"EUR\",\"outcome\":\"" outcome "\",\"transaction\":\"t\",\"reason\":\"\"}"

static bool read_text(struct books *books, const char *text)
{
    char path[] = "/tmp/gridiron-ledger-XXXXXX";
    int descriptor = mkstemp(path);
    FILE *file = fdopen(descriptor, "w");
    cr_assert(descriptor >= 0 && file != NULL && fputs(text, file) >= 0);
    fclose(file);
    for (int i = 0; i < 3; i++)
        books_add_order(books)->asked = true;
    bool good = books_read_ledger(books, path);
    remove(path);
    return good;
}

Test(ledger, charges_and_refunds_go_to_their_orders)
{
    struct books books = {0};
    cr_assert(read_text(&books, LINE("CHARGE", "a", "o-0", "500", "CAPTURED") "\n" LINE("CHARGE", "b", "o-1", "70", "DECLINED") "\n"
                                LINE("REFUND", "c", "o-0", "500", "CAPTURED") "\n"));
    cr_assert_eq(books.ledger_lines, 3);
    cr_assert(books.orders[0].captures == 1 && books.orders[0].captured_minor == 500 && books.orders[0].refunded_minor == 500);
    cr_assert(books.orders[1].captures == 0 && books.orders[1].captured_minor == 0);
    cr_assert(books.keys_twice == 0 && books.strangers == 0);
    books_close(&books);
}

Test(ledger, a_key_that_stands_there_twice_is_seen)
{
    struct books books = {0};
    cr_assert(read_text(&books, LINE("CHARGE", "x", "o-0", "5", "CAPTURED") "\n" LINE("CHARGE", "y", "o-1", "5", "CAPTURED") "\n"
                                LINE("CHARGE", "x", "o-0", "5", "CAPTURED") "\n"));
    cr_assert_eq(books.keys_twice, 1);
    cr_assert_str_eq(books.key_twice, "x");
    cr_assert_eq(books.orders[0].captures, 2);
    books_close(&books);
}

Test(ledger, a_charge_of_an_order_that_nobody_made_is_a_stranger)
{
    struct books books = {0};
    cr_assert(read_text(&books, LINE("CHARGE", "x", "o-3", "5", "CAPTURED") "\n"));
    cr_assert_eq(books.strangers, 1);
    cr_assert_str_eq(books.stranger, "o-3");
    books_close(&books);
}

Test(ledger, a_last_line_without_an_end_was_never_answered)
{
    struct books books = {0};
    cr_assert(read_text(&books, LINE("CHARGE", "x", "o-0", "5", "CAPTURED") "\n" LINE("CHARGE", "y", "o-1", "5", "CAPTURED")));
    cr_assert_eq(books.ledger_lines, 1);
    cr_assert_eq(books.orders[1].captures, 0);
    books_close(&books);
}

Test(ledger, what_cannot_be_read_is_not_taken_for_empty)
{
    struct books books = {0}, none = {0};
    cr_assert_not(read_text(&books, "no json\n"));
    cr_assert_not(books_read_ledger(&none, "/nowhere/payments.ndjson"));
    books_close(&books);
}
