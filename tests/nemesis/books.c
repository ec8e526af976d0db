#include "tests/nemesis/books.h"

#include <inttypes.h>
#include <stdio.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

/* After its deadline a saga may still wait for the provider and for a leader. */
enum { SAGA_SLACK_MS = 120 * 1000 };

/* ---- the arrays */

void books_close(struct books *books)
{
    memory_free(books->orders);
    *books = (struct books){0};
}

struct books_order *books_add_order(struct books *books)
{
    if (books->orders_count == books->orders_capacity) {
        books->orders_capacity = books->orders_capacity > 0 ? books->orders_capacity * 2 : 256;
        books->orders = memory_resize(books->orders, books->orders_capacity * sizeof *books->orders);
    }
    struct books_order *order = &books->orders[books->orders_count++];
    *order = (struct books_order){0};
    return order;
}

struct bytes books_id(char text[BOOKS_ID_BYTES], char kind, uint64_t number)
{
    snprintf(text, BOOKS_ID_BYTES, "%c-%" PRIu64, kind, number);
    return bytes_of_text(text);
}

bool books_number(struct bytes text, char kind, uint64_t *ret_number, struct bytes *ret_rest)
{
    uint64_t number = 0;
    size_t at = 2;
    if (text.size < 3 || text.data[0] != (uint8_t)kind || text.data[1] != '-')
        return false;
    for (; at < text.size && at < BOOKS_ID_BYTES && text.data[at] >= '0' && text.data[at] <= '9'; at++)
        number = number * 10 + (uint64_t)(text.data[at] - '0');
    *ret_number = number;
    *ret_rest = bytes_of(text.data + at, text.size - at);
    return at > 2;
}

void books_forget(struct books *books)
{
    for (size_t i = 0; i < books->orders_count; i++) {
        struct books_order *order = &books->orders[i], kept = *order;
        *order = (struct books_order){.asked = kept.asked, .accepted = kept.accepted, .confirmable = kept.confirmable,
                                      .seen = kept.seen, .lines_count = kept.lines_count};
        for (uint32_t j = 0; j < kept.lines_count; j++)
            order->lines[j] = (struct books_line){.product = kept.lines[j].product, .quantity = kept.lines[j].quantity};
    }
    for (uint32_t i = 0; i < books->products_count; i++) {
        struct books_product *product = &books->products[i];
        *product = (struct books_product){.initial = product->initial, .replenished_low = product->replenished_low,
                                          .replenished_high = product->replenished_high};
    }
    for (uint32_t i = 0; i < books->customers_count; i++)
        books->customer_found[i] = false;
    books->strangers = books->ledger_lines = books->keys_twice = 0;
}

uint64_t books_sagas_open(const struct books *books)
{
    uint64_t open = 0;
    for (size_t i = 0; i < books->orders_count; i++)
        open += books->orders[i].status == BOOKS_OPEN || books->orders[i].saga == BOOKS_SAGA_OPEN;
    return open;
}

/* ---- the check */

static void check_events(const struct books_events *events, const char *what, uint64_t number, struct findings *findings)
{
    if (events->count != events->sequence || events->highest != events->sequence || events->misnumbered > 0)
        findings_add(findings, "I13: %s %" PRIu64 ": the view says %" PRIu64 " events; there are %" PRIu64 ", the last is number %" PRIu64
                     ", %" PRIu64 " say another number than their key", what, number, events->sequence, events->count, events->highest,
                     events->misnumbered);
}

static void check_line(const struct books_line *line, bool confirmed, uint64_t number, struct findings *findings)
{
    bool good = confirmed ? line->reserved == 1 && line->committed == 1 && line->released == 0
                          : line->reserved <= 1 && line->committed == 0 && line->released == line->reserved;
    if (!good || line->other_quantity)
        findings_add(findings, "I06: order %" PRIu64 " (%s), product %" PRIu32 ": reserved %" PRIu32 " times, released %" PRIu32
                     ", committed %" PRIu32 "%s", number, confirmed ? "confirmed" : "cancelled", line->product, line->reserved,
                     line->released, line->committed, line->other_quantity ? ", and of another quantity" : "");
}

static void check_money(const struct books_order *order, bool confirmed, uint64_t number, struct findings *findings)
{
    int64_t net = order->captured_minor - order->refunded_minor;
    if (order->captures > 1 || order->processed > 1)
        findings_add(findings, "I01: order %" PRIu64 " was charged %" PRIu32 " times (%" PRIu32 " payments in its history)", number,
                     order->captures, order->processed);
    if (net != (confirmed ? order->total_minor : 0) || order->refunded_minor > order->captured_minor)
        findings_add(findings, "I01: order %" PRIu64 " (%s, total %" PRId64 "): captured %" PRId64 ", refunded %" PRId64, number,
                     confirmed ? "confirmed" : "cancelled", order->total_minor, order->captured_minor, order->refunded_minor);
    if (order->paid != confirmed || (confirmed && (order->processed != 1 || order->refunds != 0)))
        findings_add(findings, "I06: order %" PRIu64 " is %s, its payment %s (%" PRIu32 " captures, %" PRIu32 " refunds)", number,
                     confirmed ? "confirmed" : "cancelled", order->paid ? "is kept" : "is not", order->processed, order->refunds);
}

static void check_end(const struct books_order *order, uint64_t number, struct findings *findings)
{
    bool confirmed = order->status == BOOKS_CONFIRMED;
    if (order->status == BOOKS_OPEN)
        findings_add(findings, "I07: order %" PRIu64 " has not ended", number);
    else if ((order->seen == BOOKS_CONFIRMED || order->seen == BOOKS_CANCELLED) && order->seen != order->status)
        findings_add(findings, "I05: order %" PRIu64 " was seen %s and rests %s", number,
                     order->seen == BOOKS_CONFIRMED ? "confirmed" : "cancelled", confirmed ? "confirmed" : "cancelled");
    if (confirmed && !order->confirmable)
        findings_add(findings, "I06: order %" PRIu64 " was confirmed and could not be", number);
    if (order->saga == BOOKS_NO_SAGA || order->saga == BOOKS_SAGA_OPEN)
        findings_add(findings, "I07: the saga of order %" PRIu64 " %s", number,
                     order->saga == BOOKS_NO_SAGA ? "is missing" : "has not ended");
    else if (order->saga == BOOKS_FAILED || (order->saga == BOOKS_COMPLETED) != confirmed)
        findings_add(findings, "I06: the saga of order %" PRIu64 " (%s) %s", number, confirmed ? "confirmed" : "not confirmed",
                     order->saga == BOOKS_FAILED ? "failed" : order->saga == BOOKS_COMPLETED ? "is completed" : "is undone");
    if (order->late_ms > SAGA_SLACK_MS)
        findings_add(findings, "I07: the saga of order %" PRIu64 " ended %" PRIu64 " ms after its deadline", number, order->late_ms);
}

static void check_order(const struct books_order *order, uint64_t number, struct findings *findings)
{
    if (order->status == BOOKS_ABSENT) {
        if (order->accepted || order->seen != BOOKS_ABSENT)
            findings_add(findings, "I10: order %" PRIu64 " was %s and is gone", number, order->accepted ? "accepted" : "seen");
        if (order->captures > 0 || order->has_payment || order->saga != BOOKS_NO_SAGA)
            findings_add(findings, "I01: order %" PRIu64 " does not exist, but its %s does", number,
                         order->captures > 0 ? "charge" : order->has_payment ? "payment" : "saga");
        return;
    }
    check_end(order, number, findings);
    if (order->other_content)
        findings_add(findings, "I12: order %" PRIu64 " has another content than its first request", number);
    check_money(order, order->status == BOOKS_CONFIRMED, number, findings);
    for (uint32_t i = 0; i < order->lines_count; i++)
        check_line(&order->lines[i], order->status == BOOKS_CONFIRMED, number, findings);
    check_events(&order->order_events, "order", number, findings);
    check_events(&order->saga_events, "the saga of order", number, findings);
    check_events(&order->payment_events, "the payment of order", number, findings);
}

static void check_product(const struct books_product *product, int64_t sold, uint64_t number, struct findings *findings)
{
    int64_t sum = product->on_hand + product->reserved + product->sold;
    if (!product->found) {
        findings_add(findings, "I10: product %" PRIu64 " was created and is gone", number);
        return;
    }
    if (product->on_hand < 0 || product->reserved < 0 || product->sold < 0 || sum != product->received)
        findings_add(findings, "I02: product %" PRIu64 ": %" PRId64 " on hand, %" PRId64 " reserved, %" PRId64 " sold of %" PRId64
                     " received", number, product->on_hand, product->reserved, product->sold, product->received);
    if (product->received < product->initial + product->replenished_low ||
        product->received > product->initial + product->replenished_high)
        findings_add(findings, "I11: product %" PRIu64 " received %" PRId64 "; acknowledged are %" PRId64 ", with what is unknown %" PRId64,
                     number, product->received, product->initial + product->replenished_low,
                     product->initial + product->replenished_high);
    if (product->reserved != 0 || product->sold != sold)
        findings_add(findings, "I04: product %" PRIu64 " rests with %" PRId64 " reserved and %" PRId64 " sold; confirmed orders hold %" PRId64,
                     number, product->reserved, product->sold, sold);
    check_events(&product->events, "product", number, findings);
}

void books_check(const struct books *books, struct findings *findings)
{
    int64_t sold[BOOKS_PRODUCTS_MAX] = {0};
    for (size_t i = 0; i < books->orders_count; i++) {
        const struct books_order *order = &books->orders[i];
        check_order(order, i, findings);
        for (uint32_t j = 0; j < order->lines_count && order->status == BOOKS_CONFIRMED; j++)
            if (order->lines[j].product < books->products_count)
                sold[order->lines[j].product] += order->lines[j].quantity;
    }
    for (uint32_t i = 0; i < books->products_count; i++)
        check_product(&books->products[i], sold[i], i, findings);
    for (uint32_t i = 0; i < books->customers_count; i++)
        if (!books->customer_found[i])
            findings_add(findings, "I10: customer %" PRIu32 " was created and is gone", i);
    if (books->keys_twice > 0)
        findings_add(findings, "I01: the ledger holds %" PRIu64 " idempotency keys twice, first %s", books->keys_twice, books->key_twice);
    if (books->strangers > 0)
        findings_add(findings, "I11: %" PRIu64 " things are there that nobody asked for, first %s", books->strangers, books->stranger);
    struct books_sums sums = books_sums(books);
    if (sums.captured_minor - sums.refunded_minor != sums.confirmed_minor)
        findings_add(findings, "I01: %" PRId64 " captured less %" PRId64 " refunded is not the %" PRId64 " of confirmed orders",
                     sums.captured_minor, sums.refunded_minor, sums.confirmed_minor);
}

struct books_sums books_sums(const struct books *books)
{
    struct books_sums sums = {0};
    for (size_t i = 0; i < books->orders_count; i++) {
        const struct books_order *order = &books->orders[i];
        bool confirmed = order->status == BOOKS_CONFIRMED;
        sums.accepted += order->accepted;
        sums.confirmed += confirmed;
        sums.cancelled += order->status == BOOKS_CANCELLED;
        sums.undone += order->saga == BOOKS_UNDONE;
        sums.refunded += order->refunded_minor > 0;
        sums.captured_minor += order->captured_minor;
        sums.refunded_minor += order->refunded_minor;
        sums.confirmed_minor += confirmed ? order->total_minor : 0;
    }
    for (uint32_t i = 0; i < books->products_count; i++)
        sums.sold_out += books->products[i].found && books->products[i].on_hand == 0;
    return sums;
}
