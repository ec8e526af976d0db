/* The books of the shop: what was asked of the grid, what it answered, what rests in it, and what the payment provider's
 * ledger says. Plain data, so that the check can be given right and wrong ones.
 *
 * Filled by shop.c (what was asked and told) and books_read.c (what rests). books_check judges I01, I02, I04-I07, I10, I12
 * and I13 at rest. Orders, products and customers are numbered from 0; their ids are "o-0", "p-0", "c-0".
 *
 * Money in minor units. Owns its arrays; all zero is valid and empty. */
#ifndef TESTS_NEMESIS_BOOKS_H
#define TESTS_NEMESIS_BOOKS_H

#include "grid/base/ids.h"
#include "tests/nemesis/findings.h"

enum { BOOKS_LINES_MAX = 4, BOOKS_PRODUCTS_MAX = 32, BOOKS_CUSTOMERS_MAX = 32, BOOKS_ID_BYTES = 16 };

enum books_status { BOOKS_ABSENT, BOOKS_OPEN, BOOKS_CONFIRMED, BOOKS_CANCELLED };     /* of an order */
enum books_saga { BOOKS_NO_SAGA, BOOKS_SAGA_OPEN, BOOKS_COMPLETED, BOOKS_UNDONE, BOOKS_FAILED };

/* An aggregate's history: the sequence that its view says, and the events that are there. */
struct books_events { uint64_t sequence, count, highest, misnumbered; };

struct books_line {
    uint32_t product;
    int64_t quantity;
    uint32_t reserved, released, committed; /* events of the product for this line; a release of nothing does not count */
    bool other_quantity;                   /* one of them was about another quantity */
};

struct books_order {
    bool asked, accepted, confirmable;     /* accepted: the client was told so; confirmable: nothing is wrong with it */
    enum books_status seen;                /* what a reader saw: CONFIRMED and CANCELLED must stay */
    uint32_t lines_count;
    struct books_line lines[BOOKS_LINES_MAX];
    enum books_status status;
    int64_t total_minor;
    bool other_content;                    /* than asked for first */
    enum books_saga saga;
    uint64_t late_ms;                      /* the saga's end after its deadline */
    bool paid, has_payment;                /* the payment's view: captured and not given back */
    uint32_t processed, refunds;           /* events of the payment */
    struct books_events order_events, saga_events, payment_events;
    uint32_t captures;                     /* in the ledger */
    int64_t captured_minor, refunded_minor;
};

struct books_product {
    int64_t initial, replenished_low, replenished_high;   /* acknowledged; and with those of unknown outcome */
    bool found;
    int64_t on_hand, reserved, sold, received;
    struct books_events events;
};

struct books {
    struct books_order *orders;
    size_t orders_count, orders_capacity;
    struct books_product products[BOOKS_PRODUCTS_MAX];
    uint32_t products_count, customers_count;
    bool customer_found[BOOKS_CUSTOMERS_MAX];
    uint64_t strangers;                    /* orders, payments, sagas or charges that nobody asked for */
    char stranger[64];                     /* the first of them */
    uint64_t ledger_lines, keys_twice;
    char key_twice[96];
};

struct books_sums {
    uint64_t accepted, confirmed, cancelled, undone, refunded, sold_out;
    int64_t captured_minor, refunded_minor, confirmed_minor;
};

void books_close(struct books *books);
struct books_order *books_add_order(struct books *books);              /* valid until the next one is added */
struct bytes books_id(char text[BOOKS_ID_BYTES], char kind, uint64_t number);      /* "o-17" */
/* Reads such an id at the beginning of a text; what follows it is left. False: it does not begin with an id. */
bool books_number(struct bytes text, char kind, uint64_t *ret_number, struct bytes *ret_rest);
/* Forgets what was read of the grid and the ledger, so that it can be read again. */
void books_forget(struct books *books);
uint64_t books_sagas_open(const struct books *books);
void books_check(const struct books *books, struct findings *findings);
struct books_sums books_sums(const struct books *books);

/* Wrong copies of right books, to show that the check finds them. */
enum books_spoil {
    SPOIL_CHARGED_TWICE, SPOIL_KEY_TWICE, SPOIL_NOT_REFUNDED, SPOIL_NOT_CHARGED, SPOIL_OVERSOLD, SPOIL_STOCK_LOST,
    SPOIL_STILL_RESERVED, SPOIL_REPLENISHED_TWICE, SPOIL_ORDER_LOST, SPOIL_CHANGED_ITS_MIND, SPOIL_RESERVED_TWICE, SPOIL_SAGA_OPEN,
    SPOIL_SAGA_LATE, SPOIL_EVENT_MISSING, SPOIL_OTHER_CONTENT, SPOIL_STRANGER, SPOIL_CUSTOMER_LOST,
    BOOKS_SPOILS
};
const char *books_spoil_name(enum books_spoil spoil);
bool books_spoil(const struct books *books, enum books_spoil spoil, struct books *ret_copy); /* false: no place for it */

#endif
