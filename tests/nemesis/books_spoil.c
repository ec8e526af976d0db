/* Wrong books out of right ones: one thing changed, as a fault of the system would. */
#include <stdio.h>

#include "grid/base/memory.h"
#include "tests/nemesis/books.h"

const char *books_spoil_name(enum books_spoil spoil)
{
    static const char *const names[] = {
        [SPOIL_CHARGED_TWICE] = "an order charged twice", [SPOIL_KEY_TWICE] = "an idempotency key twice in the ledger",
        [SPOIL_NOT_REFUNDED] = "a cancelled order that keeps the money", [SPOIL_NOT_CHARGED] = "a confirmed order that nobody paid",
        [SPOIL_OVERSOLD] = "more sold than was received", [SPOIL_STOCK_LOST] = "a unit that vanished",
        [SPOIL_STILL_RESERVED] = "a reservation left behind", [SPOIL_REPLENISHED_TWICE] = "a delivery booked twice",
        [SPOIL_ORDER_LOST] = "an accepted order that is gone", [SPOIL_CHANGED_ITS_MIND] = "an order seen cancelled and then confirmed",
        [SPOIL_RESERVED_TWICE] = "a line reserved twice", [SPOIL_SAGA_OPEN] = "a saga that does not end",
        [SPOIL_SAGA_LATE] = "a saga that ends long after its deadline", [SPOIL_EVENT_MISSING] = "an event missing in the middle",
        [SPOIL_OTHER_CONTENT] = "an order with another content", [SPOIL_STRANGER] = "a charge that nobody asked for",
        [SPOIL_CUSTOMER_LOST] = "a customer that is gone"};
    return names[spoil];
}

static struct books_order *first_order(struct books *books, enum books_status status)
{
    for (size_t i = 0; i < books->orders_count; i++)
        if (books->orders[i].status == status && books->orders[i].accepted)
            return &books->orders[i];
    return NULL;
}

static bool spoil_money(struct books_order *confirmed, struct books_order *cancelled, enum books_spoil spoil)
{
    struct books_order *order = spoil == SPOIL_NOT_REFUNDED ? cancelled : confirmed;
    if (order == NULL)
        return false;
    int64_t amount = spoil == SPOIL_NOT_CHARGED ? -order->total_minor : order->total_minor;
    order->captures += spoil == SPOIL_CHARGED_TWICE;
    order->captured_minor += amount;
    return true;
}

static bool spoil_order(struct books_order *order, enum books_spoil spoil)
{
    if (order == NULL)
        return false;
    if (spoil == SPOIL_ORDER_LOST)
        *order = (struct books_order){.asked = true, .accepted = true, .confirmable = order->confirmable};
    else if (spoil == SPOIL_CHANGED_ITS_MIND)
        order->seen = BOOKS_CANCELLED;
    else if (spoil == SPOIL_RESERVED_TWICE)
        order->lines[0].reserved++;
    else if (spoil == SPOIL_SAGA_OPEN)
        order->saga = BOOKS_SAGA_OPEN;
    else if (spoil == SPOIL_SAGA_LATE)
        order->late_ms = 3600 * 1000;
    else if (spoil == SPOIL_EVENT_MISSING)
        order->saga_events.count--;
    else
        order->other_content = true;
    return true;
}

static bool spoil_product(struct books *books, enum books_spoil spoil)
{
    struct books_product *product = &books->products[0];
    if (books->products_count == 0 || !product->found)
        return false;
    product->sold += spoil == SPOIL_OVERSOLD ? product->on_hand + 1 : 0;
    product->on_hand -= spoil == SPOIL_OVERSOLD ? product->on_hand + 1 : spoil == SPOIL_STOCK_LOST ? 1 : 0;
    product->reserved += spoil == SPOIL_STILL_RESERVED ? 1 : 0;
    product->received += spoil == SPOIL_STILL_RESERVED ? 1 : 0;
    int64_t again = product->replenished_high - product->replenished_low + 1;
    product->received += spoil == SPOIL_REPLENISHED_TWICE ? again : 0;
    product->on_hand += spoil == SPOIL_REPLENISHED_TWICE ? again : 0;
    return true;
}

static bool spoil_rest(struct books *books, enum books_spoil spoil)
{
    if (spoil == SPOIL_KEY_TWICE) {
        books->keys_twice = 1;
        snprintf(books->key_twice, sizeof books->key_twice, "o-1.s1/charge");
    } else if (spoil == SPOIL_STRANGER) {
        books->strangers = 1;
        snprintf(books->stranger, sizeof books->stranger, "o-999999");
    } else {
        books->customer_found[0] = false;
    }
    return books->customers_count > 0;
}

bool books_spoil(const struct books *books, enum books_spoil spoil, struct books *ret_copy)
{
    struct books copy = *books;
    copy.orders_capacity = books->orders_count;
    copy.orders = memory_copy(books->orders, books->orders_count * sizeof *books->orders);
    struct books_order *confirmed = first_order(&copy, BOOKS_CONFIRMED), *cancelled = first_order(&copy, BOOKS_CANCELLED);
    bool made = false;
    switch (spoil) {
    case SPOIL_CHARGED_TWICE:
    case SPOIL_NOT_REFUNDED:
    case SPOIL_NOT_CHARGED: made = spoil_money(confirmed, cancelled, spoil); break;
    case SPOIL_OVERSOLD:
    case SPOIL_STOCK_LOST:
    case SPOIL_STILL_RESERVED:
    case SPOIL_REPLENISHED_TWICE: made = spoil_product(&copy, spoil); break;
    case SPOIL_ORDER_LOST:
    case SPOIL_CHANGED_ITS_MIND:
    case SPOIL_RESERVED_TWICE:
    case SPOIL_SAGA_OPEN:
    case SPOIL_SAGA_LATE:
    case SPOIL_EVENT_MISSING:
    case SPOIL_OTHER_CONTENT: made = spoil_order(confirmed, spoil); break;
    case SPOIL_KEY_TWICE:
    case SPOIL_STRANGER:
    case SPOIL_CUSTOMER_LOST: made = spoil_rest(&copy, spoil); break;
    case BOOKS_SPOILS: break;
    }
    if (made)
        *ret_copy = copy;
    else
        books_close(&copy);
    return made;
}
