#include "tests/nemesis/shop.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "service/order/v1/order.pb-c.h"
#include "services/message.h"
#include "tests/nemesis/shop_requests.h"

enum {
    COUNTERS = 2,                          /* clients */
    BUYERS = 5,                            /* of a client; each does one thing after the other */
    GAP_US = 200000,                       /* between two of them, on average */
    CUSTOMERS = 8, PRODUCTS = 12, SCARCE = 3,  /* the first products are soon sold out */
    GREEDY = 1000000,
    REPENT_US = 15000,                     /* about as long as a saga takes */
    REQUEST_MS = 10000, STOCK_SECONDS = 120,
};

enum task { TASK_NONE, TASK_SUBMIT, TASK_REPEAT, TASK_FORGE, TASK_CANCEL, TASK_LOOK, TASK_REPLENISH };

struct buyer {
    struct counter *counter;
    enum task task;
    uint64_t order;
    bool accepted;                         /* when the present request began */
    enum books_status seen;                /* likewise */
    bool repents;                          /* cancels its order at once, while the payment is under way */
    uint32_t product;                      /* TASK_REPLENISH */
    int64_t quantity;
    struct timer next;
};

struct counter { struct shop *shop; struct client *client; struct buyer buyers[BUYERS]; };

/* What an order was made of, beside its books: a repeated request must be the same. */
struct made { uint64_t customer; enum order_fault fault; };

struct shop {
    struct stage *stage;
    struct books *books;
    struct counter counters[COUNTERS];
    struct made *made;                     /* by order */
    size_t made_capacity;
    uint32_t stocked;                      /* customers, then products, that are there */
    bool stocking, open, stopped;
    struct shop_totals totals;
};

static void buyer_again(struct buyer *buyer)
{
    struct stage *stage = buyer->counter->shop->stage;
    uint64_t wait_us = buyer->repents ? stage_draw(stage, 1, REPENT_US) : stage_draw(stage, 1, 2 * GAP_US);
    if (!client_closing(buyer->counter->client))
        clock_timer_start(stage->io->clock, &buyer->next, wait_us);
}

/* False: nobody can say whether it happened; the totals count it. */
static bool count_answer(struct shop *shop, const struct client_result *result)
{
    bool done = result->err == GRID_ERR_OK || result->err == GRID_ERR_REFUSED || result->err == GRID_ERR_ALREADY_EXISTS;
    bool unknown = result->err == GRID_ERR_UNKNOWN || result->err == GRID_ERR_RESULT_NOT_KEPT;
    bool failed = result->err == GRID_ERR_UNAVAILABLE || result->err == GRID_ERR_BUSY || result->err == GRID_ERR_CLOSED ||
                  result->err == GRID_ERR_TIMEOUT || (result->err == GRID_ERR_LOG_FULL && shop->stage->disks_filled);
    shop->totals.done += done;
    shop->totals.unknown += unknown;
    shop->totals.failed += failed;
    if (!done && !unknown && !failed)
        findings_add(&shop->stage->findings, "shop: unexpected answer %s: %s", grid_err_name(result->err), result->note);
    return !unknown;
}

/* ---- stock */

static void on_stocked(void *context, const struct client_result *result)
{
    struct shop *shop = context;
    shop->stocking = false;
    if (result->err == GRID_ERR_OK)
        shop->stocked++;
    else if (result->err == GRID_ERR_REFUSED || result->err == GRID_ERR_ALREADY_EXISTS)
        findings_add(&shop->stage->findings, "I12: stock was refused: %s", result->note);
}

static bool stock_next(void *context)
{
    struct shop *shop = context;
    struct client_call call = {.done = on_stocked, .context = shop, .deadline_ms = REQUEST_MS};
    if (shop->stocked == CUSTOMERS + PRODUCTS || shop->stage->findings.count > 0)
        return true;
    if (shop->stocking)
        return false;
    shop->stocking = true;
    if (shop->stocked < CUSTOMERS)
        shop_create_customer(shop->counters[0].client, shop->stocked, &call);
    else
        shop_create_product(shop->counters[0].client, shop->books, shop->stocked - CUSTOMERS, &call);
    return false;
}

/* ---- orders */

static uint64_t invent_order(struct shop *shop)
{
    struct books_order *order = books_add_order(shop->books);
    uint64_t number = shop->books->orders_count - 1, dice = stage_draw(shop->stage, 0, 99);
    if (number >= shop->made_capacity) {
        shop->made_capacity = shop->made_capacity > 0 ? shop->made_capacity * 2 : 256;
        shop->made = memory_resize(shop->made, shop->made_capacity * sizeof *shop->made);
    }
    struct made *made = &shop->made[number];
    made->fault = dice < 78 ? FAULT_NONE : (enum order_fault)(1 + dice % (ORDER_FAULTS - 1));
    made->customer = made->fault == FAULT_CUSTOMER ? CUSTOMERS + 1 : stage_draw(shop->stage, 0, CUSTOMERS - 1);
    order->asked = true;
    order->confirmable = made->fault == FAULT_NONE;
    order->lines_count = (uint32_t)stage_draw(shop->stage, 1, BOOKS_LINES_MAX);
    for (uint32_t i = 0; i < order->lines_count; i++)
        order->lines[i] = (struct books_line){.product = (uint32_t)stage_draw(shop->stage, 0, PRODUCTS - 2),
                                              .quantity = (int64_t)stage_draw(shop->stage, 1, 3)};
    struct books_line *odd = &order->lines[stage_draw(shop->stage, 0, order->lines_count - 1)];
    if (made->fault == FAULT_PRODUCT)
        odd->product = PRODUCTS + 1;
    else if (made->fault == FAULT_EXPENSIVE)
        odd->product = PRODUCTS - 1;
    else if (made->fault == FAULT_GREEDY)
        odd->quantity = GREEDY;
    return number;
}

static void on_submitted(void *context, const struct client_result *result)
{
    struct buyer *buyer = context;
    struct shop *shop = buyer->counter->shop;
    struct books_order *order = &shop->books->orders[buyer->order];
    bool forged = buyer->task == TASK_FORGE;
    bool refused = result->err == GRID_ERR_REFUSED || result->err == GRID_ERR_ALREADY_EXISTS;
    buyer->task = TASK_NONE;
    count_answer(shop, result);
    if (result->err == GRID_ERR_OK && forged)
        findings_add(&shop->stage->findings, "I12: order %" PRIu64 " was accepted with another content", buyer->order);
    else if (refused && !forged)
        findings_add(&shop->stage->findings, "I12: order %" PRIu64 " was refused: %s", buyer->order, result->note);
    else if (refused)
        shop->totals.forged_refused++;
    else if (result->err == GRID_ERR_OK)
        order->accepted = true;
    buyer->repents = result->err == GRID_ERR_OK && !forged && stage_draw(shop->stage, 0, 9) == 0;
    buyer_again(buyer);
}

static void submit(struct buyer *buyer, const struct client_call *call)
{
    const struct shop *shop = buyer->counter->shop;
    const struct made *made = &shop->made[buyer->order];
    shop_create_order(buyer->counter->client,
                      &(struct order_request){.number = buyer->order, .customer = made->customer, .fault = made->fault,
                                              .order = &shop->books->orders[buyer->order], .books = shop->books,
                                              .forged = buyer->task == TASK_FORGE}, call);
}

static void on_looked(void *context, const struct client_result *result)
{
    struct buyer *buyer = context;
    struct shop *shop = buyer->counter->shop;
    struct books_order *order = &shop->books->orders[buyer->order];
    struct arena arena;
    arena_init(&arena, 4096);
    buyer->task = TASK_NONE;
    count_answer(shop, result);
    bool found = result->err == GRID_ERR_OK && result->response->found;
    if (result->err == GRID_ERR_OK && !found && (buyer->accepted || buyer->seen != BOOKS_ABSENT))
        findings_add(&shop->stage->findings, "I10: order %" PRIu64 " was accepted and cannot be found", buyer->order);
    const Order__V1__Order *view = found ? message_unpack(&order__v1__order__descriptor, result->response->value, &arena) : NULL;
    if (view != NULL) {
        enum books_status status = view->status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED ? BOOKS_CONFIRMED
                                 : view->status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CANCELLED ? BOOKS_CANCELLED : BOOKS_OPEN;
        if ((buyer->seen == BOOKS_CONFIRMED || buyer->seen == BOOKS_CANCELLED) && status != buyer->seen)
            findings_add(&shop->stage->findings, "I05: order %" PRIu64 " went from %d to %d", buyer->order, (int)buyer->seen, (int)status);
        /* Looks may overlap: the one that saw less may be answered last. */
        if (status > order->seen)
            order->seen = status;
    }
    arena_close(&arena);
    buyer_again(buyer);
}

static void look(struct buyer *buyer, const struct client_call *call)
{
    char id[BOOKS_ID_BYTES];
    struct client_key key = {.key = books_id(id, 'o', buyer->order)};
    client_map_get(buyer->counter->client, bytes_of_text("order.view"), &key, call);
}

static void on_done(void *context, const struct client_result *result)
{
    struct buyer *buyer = context;
    struct shop *shop = buyer->counter->shop;
    bool known = count_answer(shop, result);
    if (buyer->task == TASK_REPLENISH) {
        struct books_product *product = &shop->books->products[buyer->product];
        bool done = result->err == GRID_ERR_OK || result->err == GRID_ERR_RESULT_NOT_KEPT;
        product->replenished_low += done ? buyer->quantity : 0;
        product->replenished_high += done || !known ? buyer->quantity : 0;
        shop->totals.replenished += done;
    } else {
        shop->totals.cancels += result->err == GRID_ERR_OK;
    }
    buyer->task = TASK_NONE;
    buyer_again(buyer);
}

/* ---- buyers */

static enum task choose(struct shop *shop)
{
    uint64_t dice = stage_draw(shop->stage, 0, 99);
    if (dice < 55 || shop->books->orders_count == 0)
        return TASK_SUBMIT;
    return dice < 75 ? TASK_LOOK : dice < 83 ? TASK_REPEAT : dice < 89 ? TASK_FORGE : dice < 95 ? TASK_CANCEL : TASK_REPLENISH;
}

/* Mostly a recent one: its saga may be under way. */
static uint64_t choose_order(struct shop *shop)
{
    uint64_t count = shop->books->orders_count, recent = count < 30 ? count : 30;
    return stage_draw(shop->stage, 0, 3) == 0 ? stage_draw(shop->stage, 0, count - 1) : count - 1 - stage_draw(shop->stage, 0, recent - 1);
}

static void buyer_step(void *context)
{
    struct buyer *buyer = context;
    struct shop *shop = buyer->counter->shop;
    struct client_call call = {.done = on_done, .context = buyer, .deadline_ms = REQUEST_MS};
    if (shop->stopped || buyer->task != TASK_NONE)
        return;
    buyer->task = buyer->repents ? TASK_CANCEL : choose(shop);
    if (!buyer->repents)
        buyer->order = buyer->task == TASK_SUBMIT ? invent_order(shop) : choose_order(shop);
    buyer->repents = false;
    const struct books_order *order = &shop->books->orders[buyer->order];
    buyer->accepted = order->accepted;
    buyer->seen = order->seen;
    /* The forgery of an order that is not there might be the first to arrive. */
    if (buyer->task == TASK_FORGE && !order->accepted)
        buyer->task = TASK_LOOK;
    shop->totals.asked++;
    if (buyer->task == TASK_REPLENISH) {
        buyer->product = (uint32_t)stage_draw(shop->stage, 0, SCARCE - 1);
        buyer->quantity = (int64_t)stage_draw(shop->stage, 1, 9);
        shop_replenish(buyer->counter->client, buyer->product, buyer->quantity, &call);
    } else if (buyer->task == TASK_CANCEL) {
        shop_cancel_order(buyer->counter->client, buyer->order, &call);
    } else if (buyer->task == TASK_LOOK) {
        call.done = on_looked;
        look(buyer, &call);
    } else {
        call.done = on_submitted;
        submit(buyer, &call);
    }
}

/* ---- life */

static void invent_stock(struct shop *shop)
{
    struct books *books = shop->books;
    books->customers_count = CUSTOMERS;
    books->products_count = PRODUCTS;
    for (uint32_t i = 0; i < PRODUCTS; i++)
        books->products[i].initial = i < SCARCE ? (int64_t)stage_draw(shop->stage, 10, 60) : 500000;
}

struct shop *shop_open(struct stage *stage, struct books *books)
{
    REQUIRE(books->orders_count == 0);
    struct shop *shop = memory_zero(1, sizeof *shop);
    shop->stage = stage;
    shop->books = books;
    invent_stock(shop);
    for (uint32_t i = 0; i < COUNTERS; i++) {
        struct counter *counter = &shop->counters[i];
        counter->shop = shop;
        counter->client = stage_client(stage, "shop", REQUEST_MS, 1500);
        for (uint32_t j = 0; j < BUYERS; j++)
            counter->buyers[j] = (struct buyer){.counter = counter, .next = {.fire = buyer_step, .context = &counter->buyers[j]}};
    }
    if (!stage_wait(stage, stock_next, shop, STOCK_SECONDS) || stage->findings.count > 0) {
        shop_close(shop);
        return NULL;
    }
    for (uint32_t i = 0; i < COUNTERS * BUYERS; i++)
        buyer_again(&shop->counters[i / BUYERS].buyers[i % BUYERS]);
    return shop;
}

void shop_stop(struct shop *shop)
{
    shop->stopped = true;
}

bool shop_idle(void *context)
{
    const struct shop *shop = context;
    for (uint32_t i = 0; i < COUNTERS * BUYERS; i++)
        if (shop->counters[i / BUYERS].buyers[i % BUYERS].task != TASK_NONE)
            return false;
    return true;
}

void shop_close(struct shop *shop)
{
    shop->stopped = true;
    for (uint32_t i = 0; i < COUNTERS; i++) {
        client_close(shop->counters[i].client);
        for (uint32_t j = 0; j < BUYERS; j++)
            clock_timer_stop(shop->stage->io->clock, &shop->counters[i].buyers[j].next);
    }
    memory_free(shop->made);
    memory_free(shop);
}

struct shop_totals shop_totals(const struct shop *shop)
{
    return shop->totals;
}
