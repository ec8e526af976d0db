/* The shop on whole nodes: customers, products, orders of all kinds, cancellations, while everything fails.
 *
 * Oracles: the audit of orders_audit.c at rest (I01-I07, I09, I13), what is acknowledged stays (I10), a repeated order
 * id with equal content is the same order and with other content is refused (I12), terminal states absorb (I05),
 * replicas are equal (I15). Every order has a saga, and every saga ends (R16). A third of the seeds set small limits of retention: then ended
 * sagas are missing, exactly those beyond the limits. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/core/core.h"
#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "services/commands.h"
#include "services/message.h"
#include "services/service_list.h"
#include "tests/sim/workloads/orders/orders.h"
#include "tests/sim/workloads/workloads.h"

enum { CLIENTS_MAX = 3, BUYERS_MAX = 6, ENDPOINTS_MAX = 7, EXPENSIVE_MINOR = 950000, CHEAP_MINOR = 5000, GREEDY = 1000000,
       TWINS_MAX = 32 };

struct workload_orders;

enum task { TASK_NONE, TASK_SUBMIT, TASK_REPEAT, TASK_FORGE, TASK_CANCEL, TASK_LOOK };

/* Submits orders and looks after them, one request at a time. */
struct buyer {
    struct shop_client *client;
    enum task task;
    uint32_t order;
    bool was_accepted;             /* before the present look began */
    uint32_t seen_status;          /* likewise, of its order */
};

/* The same order, asked for beside what its buyer waits for. */
struct twin { struct shop_client *client; uint32_t order; bool taken, forged; };

/* Creates customers and products before anything is sold. */
struct stocker { struct shop_client *client; uint32_t next; bool busy; };

struct shop_client {
    struct workload_orders *workload;
    struct host *host;
    struct client *client;
    bool closing, impatient;
    uint64_t repeated;             /* by the client, when last looked at */
    struct buyer buyers[BUYERS_MAX];
    struct stocker stocker;
    uint32_t retained;             /* kinds of retention that are set */
    bool retaining;                /* a request is under way */
};

struct workload_orders {
    struct shop shop;
    struct cluster *cluster;
    struct shop_client clients[CLIENTS_MAX];
    uint32_t clients_count, buyers_count, orders_max;
    uint64_t gap_us;
    bool draining, open_for_business, asked_since;
    struct twin twins[TWINS_MAX];
    const char *endpoints[ENDPOINTS_MAX];
};

static uint64_t draw(struct workload_orders *workload, uint64_t low, uint64_t high)
{
    return prng_range(world_prng(workload->shop.world), low, high);
}

static struct bytes id_of(char text[ID_BYTES], const char *prefix, uint32_t number)
{
    snprintf(text, ID_BYTES, "%s-%u", prefix, number);
    return bytes_of_text(text);
}

struct bytes shop_customer_id(char text[ID_BYTES], uint32_t number)
{
    return id_of(text, "customer", number);
}

struct bytes shop_product_id(char text[ID_BYTES], uint32_t number)
{
    return id_of(text, "product", number);
}

struct bytes shop_order_id(char text[ID_BYTES], uint32_t number)
{
    return id_of(text, "order", number);
}

struct request {
    uint32_t service, type;
    struct bytes key;
    const void *body;
};

static void ask(struct shop_client *client, const struct request *request, client_done_fn done, void *context)
{
    struct buffer body = {0};
    message_pack(request->body, &body);
    struct service_command command = {.service = request->service, .type = request->type, .key = request->key,
                                      .body = buffer_bytes(&body)};
    client_service_command(client->client, &command, &(struct client_call){.done = done, .context = context});
    buffer_close(&body);
}

/* ---- the stock */

static void stock_next(struct stocker *stocker);

static void on_stocked(void *context, const struct client_result *result)
{
    struct stocker *stocker = context;
    struct workload_orders *workload = stocker->client->workload;
    stocker->busy = false;
    if (result->err == GRID_ERR_OK) {
        stocker->next++;
    } else if (result->err == GRID_ERR_REFUSED || result->err == GRID_ERR_ALREADY_EXISTS) {
        world_fail(workload->shop.world, "stock was refused: %s", result->note);
    } else {
        world_say(workload->shop.world, "stock %u: %s (%s)", stocker->next, grid_err_name(result->err), result->note);
    }
    workload->open_for_business |= stocker->next == workload->shop.customers_count + workload->shop.products_count;
    if (!stocker->client->closing) {
        stock_next(stocker);
    }
}

static void create_customer(struct stocker *stocker, uint32_t number)
{
    char id[ID_BYTES], email[ID_BYTES + 16];
    Account__V1__CreateCustomer body;
    account__v1__create_customer__init(&body);
    struct bytes key = shop_customer_id(id, number);
    snprintf(email, sizeof email, "%s@example.com", id);
    body.email = email;
    body.name = id;
    ask(stocker->client, &(struct request){SERVICE_NUMBER_account, ACCOUNT_CREATE_CUSTOMER, key, &body}, on_stocked, stocker);
}

static void create_product(struct stocker *stocker, uint32_t number)
{
    const struct shop *shop = &stocker->client->workload->shop;
    char id[ID_BYTES], currency[] = "EUR";
    Inventory__V1__CreateProduct body;
    inventory__v1__create_product__init(&body);
    struct bytes key = shop_product_id(id, number);
    body.sku = id;
    body.name = id;
    body.currency = currency;
    body.price_minor = shop->price_minor[number];
    body.initial_quantity = shop->stock[number];
    ask(stocker->client, &(struct request){SERVICE_NUMBER_inventory, INVENTORY_CREATE_PRODUCT, key, &body}, on_stocked, stocker);
}

/* The first client does it; creating again with the same content is accepted, so an unknown fate is no trouble. */
static void stock_next(struct stocker *stocker)
{
    const struct workload_orders *workload = stocker->client->workload;
    if (stocker->busy || workload->open_for_business || stocker->client != &workload->clients[0]) {
        return;
    }
    stocker->busy = true;
    if (stocker->next < workload->shop.customers_count) {
        create_customer(stocker, stocker->next);
    } else {
        create_product(stocker, stocker->next - workload->shop.customers_count);
    }
}

/* ---- buying */

static void buyer_again(struct buyer *buyer);

static uint32_t invent_order(struct workload_orders *workload)
{
    struct shop *shop = &workload->shop;
    struct shop_order *order = &shop->orders[shop->orders_count];
    uint64_t dice = draw(workload, 0, 99);
    order->kind = dice < 76 ? ORDER_GOOD : (enum order_kind)(dice % (ORDER_KINDS - 1) + 1);
    order->customer = order->kind == ORDER_UNKNOWN_CUSTOMER ? shop->customers_count + 1 : (uint32_t)draw(workload, 0, shop->customers_count - 1);
    order->lines_count = (uint32_t)draw(workload, 1, ORDER_LINES_HERE_MAX);
    for (uint32_t i = 0; i < order->lines_count; i++) {
        order->lines[i] = (struct order_line){(uint32_t)draw(workload, 0, shop->products_count - 2), (int64_t)draw(workload, 1, 3)};
    }
    struct order_line *odd = &order->lines[draw(workload, 0, order->lines_count - 1)];
    if (order->kind == ORDER_UNKNOWN_PRODUCT) {
        odd->product = shop->products_count + 1;
    } else if (order->kind == ORDER_EXPENSIVE) {
        odd->product = shop->products_count - 1;
    } else if (order->kind == ORDER_GREEDY) {
        odd->quantity = GREEDY;
    }
    return shop->orders_count++;
}

static int64_t quoted_price(const struct shop *shop, const struct shop_order *order, const struct order_line *line)
{
    int64_t price = line->product < shop->products_count ? shop->price_minor[line->product] : CHEAP_MINOR;
    return order->kind == ORDER_WRONG_PRICE ? price + 1 : price;
}

/* `forged`: another content under the same id. */
static void submit(struct shop_client *client, uint32_t number, bool forged, const struct client_call *call)
{
    struct shop *shop = &client->workload->shop;
    const struct shop_order *order = &shop->orders[number];
    char id[ID_BYTES], customer[ID_BYTES], products[ORDER_LINES_HERE_MAX][ID_BYTES], currency[] = "EUR", address[] = "1 High Street";
    Order__V1__QuotedLine lines[ORDER_LINES_HERE_MAX], *pointers[ORDER_LINES_HERE_MAX];
    Order__V1__CreateOrder body;
    order__v1__create_order__init(&body);
    for (uint32_t i = 0; i < order->lines_count; i++) {
        order__v1__quoted_line__init(&lines[i]);
        shop_product_id(products[i], order->lines[i].product);
        lines[i].product_id = lines[i].name = lines[i].sku = products[i];
        lines[i].quantity = order->lines[i].quantity + (forged ? 1 : 0);
        lines[i].unit_price_minor = quoted_price(shop, order, &order->lines[i]);
        pointers[i] = &lines[i];
    }
    shop_customer_id(customer, order->customer);
    body.customer_id = body.customer_name = customer;
    body.customer_email = customer;
    body.lines = pointers;
    body.n_lines = order->lines_count;
    body.currency = currency;
    body.shipping_address = address;
    body.payment_method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD;
    ask(client, &(struct request){SERVICE_NUMBER_order, ORDER_CREATE_ORDER, shop_order_id(id, number), &body}, call->done, call->context);
}

/* F69: an attempt that was not answered in time was made again, and the first may still be under way. */
static void note_repeats(struct shop_client *client)
{
    uint64_t repeated = client_totals(client->client).repeated;
    if (client->impatient && repeated > client->repeated) {
        fault_happened(client->workload->shop.world, FAULT_IMPATIENT_CLIENT);
        SOMETIMES(client->workload->shop.world, "F69 a request is repeated while the first is under way");
    }
    client->repeated = repeated;
}

static void on_twin(void *context, const struct client_result *result)
{
    struct twin *twin = context;
    struct workload_orders *workload = twin->client->workload;
    struct shop_order *order = &workload->shop.orders[twin->order];
    bool refused = result->err == GRID_ERR_REFUSED || result->err == GRID_ERR_ALREADY_EXISTS;
    twin->taken = false;
    if (result->err == GRID_ERR_OK ? twin->forged : refused && !twin->forged) {
        world_fail(workload->shop.world, "I12: order %u, asked for twice at once, was %s: %s", twin->order,
                   twin->forged ? "accepted with other content" : "refused", result->note);
    } else if (result->err == GRID_ERR_OK) {
        order->told = TOLD_ACCEPTED;
        run_count(workload->shop.run, "orders accepted again", 1);
    }
}

/* F71: a second request for the order leaves at the same moment; F70: with other content, once the order is known. */
static void submit_twin(struct buyer *buyer)
{
    struct workload_orders *workload = buyer->client->workload;
    size_t at = 0;
    while (at < TWINS_MAX && workload->twins[at].taken) {
        at++;
    }
    if (at == TWINS_MAX) {
        return;
    }
    bool forged = workload->shop.orders[buyer->order].told == TOLD_ACCEPTED && draw(workload, 0, 1) == 0;
    workload->twins[at] = (struct twin){buyer->client, buyer->order, true, forged};
    fault_happened(workload->shop.world, FAULT_SAME_KEY);
    SOMETIMES(workload->shop.world, "F71 one order is asked for twice at once");
    if (forged) {
        SOMETIMES(workload->shop.world, "F70 F71 two contents of one order at once");
    }
    submit(buyer->client, buyer->order, forged, &(struct client_call){.done = on_twin, .context = &workload->twins[at]});
}

static void on_submitted(void *context, const struct client_result *result)
{
    struct buyer *buyer = context;
    struct workload_orders *workload = buyer->client->workload;
    struct shop_order *order = &workload->shop.orders[buyer->order];
    enum task task = buyer->task;
    buyer->task = TASK_NONE;
    note_repeats(buyer->client);
    if (result->err == GRID_ERR_OK && task != TASK_FORGE) {
        order->told = TOLD_ACCEPTED;
        run_count(workload->shop.run, task == TASK_SUBMIT ? "orders accepted" : "orders accepted again", 1);
    } else if (result->err == GRID_ERR_OK || ((result->err == GRID_ERR_REFUSED || result->err == GRID_ERR_ALREADY_EXISTS) && task != TASK_FORGE)) {
        world_fail(workload->shop.world, "I12: order %u was %s: %s", buyer->order,
                   task == TASK_FORGE ? "accepted with other content" : "refused", result->note);
    } else if (result->err == GRID_ERR_ALREADY_EXISTS || result->err == GRID_ERR_REFUSED) {
        run_count(workload->shop.run, "forged orders refused", 1);
    } else if (result->err == GRID_ERR_UNKNOWN && order->told == TOLD_NOTHING) {
        order->told = TOLD_UNKNOWN;
        run_count(workload->shop.run, "orders unknown", 1);
    }
    workload->asked_since |= workload->draining && result->err == GRID_ERR_OK;
    buyer_again(buyer);
}

/* ---- looking after orders */

static void on_looked(void *context, const struct client_result *result)
{
    struct buyer *buyer = context;
    struct workload_orders *workload = buyer->client->workload;
    struct shop_order *order = &workload->shop.orders[buyer->order];
    struct arena arena;
    buyer->task = TASK_NONE;
    arena_init(&arena, 4096);
    const Order__V1__Order *view = NULL;
    if (result->err == GRID_ERR_OK && result->response->found) {
        view = message_unpack(&order__v1__order__descriptor, result->response->value, &arena);
    } else if (result->err == GRID_ERR_OK && buyer->was_accepted) {
        world_fail(workload->shop.world, "I10: order %u was accepted and cannot be found", buyer->order);
    }
    if (view) {
        uint32_t status = (uint32_t)view->status, before = buyer->seen_status;
        bool terminal = before == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED || before == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CANCELLED;
        if (terminal && status != before) {
            world_fail(workload->shop.world, "I05: order %u went from %u to %u", buyer->order, before, status);
        }
        /* An answer that was long on its way says nothing about what others have seen since. */
        if (order->seen_status == before) {
            order->seen_status = status;
        }
    }
    arena_close(&arena);
    workload->asked_since |= workload->draining && result->err == GRID_ERR_OK;
    buyer_again(buyer);
}

static void look(struct buyer *buyer)
{
    char id[ID_BYTES];
    struct client_key key = {.key = shop_order_id(id, buyer->order)};
    const struct shop_order *order = &buyer->client->workload->shop.orders[buyer->order];
    buyer->was_accepted = order->told == TOLD_ACCEPTED;
    buyer->seen_status = order->seen_status;
    client_map_get(buyer->client->client, bytes_of_text("order.view"), &key,
                   &(struct client_call){.done = on_looked, .context = buyer});
}

static void on_cancelled(void *context, const struct client_result *result)
{
    struct buyer *buyer = context;
    struct workload_orders *workload = buyer->client->workload;
    buyer->task = TASK_NONE;
    if (result->err == GRID_ERR_OK) {
        SOMETIMES(workload->shop.world, "a cancellation by hand is taken on");
        run_count(workload->shop.run, "orders cancelled by hand", 1);
    }
    buyer_again(buyer);
}

static void cancel(struct buyer *buyer)
{
    char id[ID_BYTES], reason[] = "changed my mind", who[] = "buyer";
    Order__V1__CancelOrder body;
    order__v1__cancel_order__init(&body);
    body.reason = reason;
    body.cancelled_by = who;
    buyer->client->workload->shop.orders[buyer->order].cancel_asked = true;
    ask(buyer->client, &(struct request){SERVICE_NUMBER_order, ORDER_CANCEL_ORDER, shop_order_id(id, buyer->order), &body},
        on_cancelled, buyer);
}

static enum task choose(struct workload_orders *workload)
{
    const struct shop *shop = &workload->shop;
    uint64_t dice = draw(workload, 0, 99);
    if (workload->draining || (shop->orders_count > 0 && (dice >= 55 || shop->orders_count >= workload->orders_max))) {
        return dice < 75 || workload->draining ? TASK_LOOK : dice < 85 ? TASK_REPEAT : dice < 92 ? TASK_FORGE : TASK_CANCEL;
    }
    return TASK_SUBMIT;
}

static void buyer_step(struct world *world, void *context)
{
    struct buyer *buyer = context;
    struct workload_orders *workload = buyer->client->workload;
    (void)world;
    if (buyer->task != TASK_NONE) {
        return;
    }
    if (!workload->open_for_business) {
        buyer_again(buyer);
        return;
    }
    buyer->task = choose(workload);
    if (buyer->task == TASK_SUBMIT) {
        buyer->order = invent_order(workload);
    } else if (workload->shop.orders_count == 0) {
        buyer->task = TASK_NONE;
        buyer_again(buyer);
        return;
    } else {
        buyer->order = (uint32_t)draw(workload, 0, workload->shop.orders_count - 1);
    }
    if (buyer->task == TASK_FORGE && workload->shop.orders[buyer->order].told != TOLD_ACCEPTED) {
        buyer->task = TASK_LOOK; /* the forgery might be the first to arrive */
    }
    if (buyer->task == TASK_LOOK) {
        look(buyer);
    } else if (buyer->task == TASK_CANCEL) {
        cancel(buyer);
    } else {
        submit(buyer->client, buyer->order, buyer->task == TASK_FORGE, &(struct client_call){.done = on_submitted, .context = buyer});
        if (buyer->task != TASK_FORGE && fault_on(workload->shop.world, FAULT_SAME_KEY) && draw(workload, 0, 2) == 0) {
            submit_twin(buyer);
        }
    }
}

static void buyer_again(struct buyer *buyer)
{
    struct workload_orders *workload = buyer->client->workload;
    if (!buyer->client->closing) {
        host_at(buyer->client->host, draw(workload, 1, 2 * workload->gap_us), buyer_step, buyer);
    }
}

/* ---- retention */

enum { RETAIN_EVERY_US = 3000000 };

static const struct { enum retention_kind kind; struct retention_limits limits; } small_limits[] = {
    {RETENTION_COMPLETIONS, {.age_ms = 20000, .count = 8, .bytes = 4096}},
    {RETENTION_SESSIONS, {.age_ms = RETENTION_SESSIONS_MS_LEAST, .count = RETENTION_SESSIONS_LEAST, .bytes = RETENTION_BYTES_LEAST}},
    {RETENTION_FLOWS, {.count = RETENTION_FLOWS_LEAST}},
};

static void on_retained(void *context, const struct client_result *result)
{
    struct shop_client *client = context;
    client->retaining = false;
    client->retained += result->err == GRID_ERR_OK;
    world_say(client->workload->shop.world, "retention: %s (%s)", grid_err_name(result->err), result->note);
}

/* One kind after the other. What failed half way is asked for again; below the level of retention it goes on failing. */
static void retain_step(struct world *world, void *context)
{
    struct shop_client *client = context;
    (void)world;
    if (client->closing || client->retained == sizeof small_limits / sizeof *small_limits) {
        return;
    }
    if (!client->retaining && client->workload->open_for_business) {
        client->retaining = true;
        client_retain(client->client, small_limits[client->retained].kind, &small_limits[client->retained].limits, 0,
                      &(struct client_call){.done = on_retained, .context = client});
    }
    host_at(client->host, RETAIN_EVERY_US, retain_step, client);
}

/* ---- life of a client */

static void on_open(void *context, struct host *host)
{
    struct shop_client *client = context;
    struct workload_orders *workload = client->workload;
    struct client_options options = {.endpoints = workload->endpoints, .endpoints_count = workload->shop.run->nodes,
                                     .deadline_ms = 10000, .attempt_ms = 1500};
    client->closing = false;
    client->repeated = 0;
    /* The first stocks the shop, which takes patience. */
    client->impatient = client != &workload->clients[0] && !workload->draining && fault_chosen(workload->shop.world, FAULT_IMPATIENT_CLIENT) && draw(workload, 0, 1) == 0;
    if (client->impatient) {
        options.attempt_ms = draw(workload, 3, 60);
    }
    client->client = client_open(host_io(host), &options);
    client->stocker = (struct stocker){.client = client};
    for (uint32_t i = 0; i < workload->buyers_count; i++) {
        client->buyers[i] = (struct buyer){.client = client};
        buyer_again(&client->buyers[i]);
    }
    stock_next(&client->stocker);
    client->retaining = false;
    if (workload->shop.retains && client == &workload->clients[0]) {
        host_at(client->host, RETAIN_EVERY_US, retain_step, client);
    }
}

static void on_end(void *context, struct host *host)
{
    struct shop_client *client = context;
    (void)host;
    client->closing = true;
    for (uint32_t i = 0; i < client->workload->buyers_count; i++) {
        if (client->buyers[i].task == TASK_SUBMIT) {
            SOMETIMES(client->workload->shop.world, "F72 a client dies with an order under way");
            break;
        }
    }
    client_close(client->client);
    client->client = NULL;
}

/* ---- the workload */

static void invent_shop(struct workload_orders *workload)
{
    struct shop *shop = &workload->shop;
    shop->customers_count = (uint32_t)draw(workload, 2, CUSTOMERS_MAX);
    shop->products_count = (uint32_t)draw(workload, 8, PRODUCTS_MAX);
    for (uint32_t i = 0; i < shop->products_count; i++) {
        shop->price_minor[i] = (int64_t)draw(workload, 1, CHEAP_MINOR);
        shop->stock[i] = (int64_t)(i > 0 && i <= 2 && draw(workload, 0, 2) == 0 ? draw(workload, 0, 10) : draw(workload, 300, 5000));
    }
    /* The last product is what expensive orders buy. */
    shop->price_minor[shop->products_count - 1] = EXPENSIVE_MINOR;
}

static void *orders_open(struct run *run)
{
    struct workload_orders *workload = memory_zero(1, sizeof *workload);
    workload->shop.run = run;
    workload->shop.world = run->world;
    workload->cluster = cluster_open(run);
    workload->clients_count = (uint32_t)draw(workload, 1, CLIENTS_MAX);
    workload->buyers_count = (uint32_t)draw(workload, 1, BUYERS_MAX);
    workload->gap_us = draw(workload, 50000, 600000);
    workload->orders_max = (uint32_t)draw(workload, 50, 600);
    workload->shop.retains = run->options->seed % 3 == 1;
    invent_shop(workload);
    for (uint32_t i = 0; i < run->nodes; i++) {
        workload->endpoints[i] = cluster_endpoint(workload->cluster, i);
    }
    for (uint32_t i = 0; i < workload->clients_count; i++) {
        struct shop_client *client = &workload->clients[i];
        char name[16];
        snprintf(name, sizeof name, "c%u", i + 1);
        client->workload = workload;
        client->host = world_add_host(run->world, name, HOST_CLIENT, &(struct host_owner){on_open, on_end, on_end, client, NULL});
    }
    return workload;
}

static void orders_drain(void *state)
{
    struct workload_orders *workload = state;
    workload->draining = true;
    workload->asked_since = false;
    for (uint32_t i = 0; i < workload->clients_count; i++) {
        if (workload->clients[i].impatient) {
            host_crash(workload->clients[i].host, CRASH_KILL); /* who comes back waits for answers */
            host_start(workload->clients[i].host);
        }
    }
}

static const char *orders_unsettled(struct workload_orders *workload)
{
    if (!workload->open_for_business) {
        return "the stock is not complete";
    }
    if (workload->shop.orders_count > 0 && !workload->asked_since) {
        return "no request was answered since the faults ended";
    }
    const char *what = cluster_unsettled(workload->cluster);
    if (!what && shop_sagas_open(&workload->shop, workload->cluster) > 0) {
        return "a saga does not end";
    }
    if (!what && shop_beyond_limits(&workload->shop, workload->cluster) > 0) {
        return "ended sagas are kept beyond the limit";
    }
    return what;
}

static bool orders_settled(void *state)
{
    return !orders_unsettled(state);
}

static void orders_describe(void *state, struct buffer *out)
{
    struct workload_orders *workload = state;
    buffer_append_format(out, "%s (%" PRIu64 " sagas open); ", orders_unsettled(workload),
                         shop_sagas_open(&workload->shop, workload->cluster));
    cluster_describe(workload->cluster, out);
}

static void orders_check(void *state)
{
    struct workload_orders *workload = state;
    cluster_check(workload->cluster);
    shop_audit(&workload->shop, workload->cluster);
}

static void orders_enough(void *state)
{
    struct workload_orders *workload = state;
    struct run *run = workload->shop.run;
    uint64_t completed = run_counted(run, "sagas completed"), undone = run_counted(run, "sagas undone");
    uint64_t by_hand = run_counted(run, "orders cancelled by hand");
    /* Seeds with few goods, many bad cards, many cancellations or a long outage of the provider undo most orders by design: what ends is work,
     * as long as some orders complete, and more than a few of those that nobody cancelled. */
    uint64_t least = quorum_share(&run->quorum, 10);
    bool lopsided = least > 0 && (completed == 0 || undone == 0 || (completed + by_hand) * 20 < completed + undone);
    if (workload->shop.orders_count < least || completed + undone < least || lopsided) {
        world_fail(workload->shop.world, "too little work done: %u orders, %" PRIu64 " sagas completed, %" PRIu64 " undone, with a quorum for %" PRIu64
                   " of %" PRIu64 " ms", workload->shop.orders_count, completed, undone, run->quorum.working_us / 1000, run->quorum.all_us / 1000);
    }
}

static void orders_close(void *state)
{
    struct workload_orders *workload = state;
    cluster_close(workload->cluster);
    memory_free(workload);
}

static const struct sometimes_point sometimes[] = {
    {"a saga ends as timed out", 50}, {"a saga ends as compensated", 50}, {"a captured payment is refunded", 50},
    {"a product is sold out", 50}, {"a cancellation by hand is taken on", 50}, {"an order finds no room", 200},
    {"a charge waits for its provider", 100}, {"a payment provider says neither yes nor no", 50}, {"a node gives up because of its disk", 50},
    {"a snapshot is taken while a saga compensates", 50}, {"a snapshot is taken with an activity open", 50},
    {"a snapshot is taken with a timer set", 50}, {"a snapshot is taken with messages in the outbox", 50},
    {"a snapshot is taken while a table grows", 50}, {"a snapshot with a saga that compensates is installed", 60},
    {"a snapshot with an open activity is installed", 60}, {"a snapshot with a timer is installed", 60},
    {"a snapshot with messages in its outbox is installed", 60}, {"a snapshot of a leader is in use", 50},
    {"a node that rejoins gets a snapshot", 60}, {"F40 two snapshots are written at once", 65},
    {"F18 a node is killed while it writes a snapshot", 200}, {"F18 a node dies between rename and note", 300},
    {"F18 power is cut while a snapshot is written", 300}, {"F18 a node dies while it receives a snapshot", 300},
    {"the leader changes during a transfer", 600},
    {"retention removes an ended saga", 50}, {"retention removes a completion", 50}, {"retention ends a session", 50},
    {"a node refuses a damaged log", 100}, {"F20 a leader dies between commit and reply", 50},
    {"F75 the quorum is lost after commit, and the reply", 50},
    {"F69 a request is repeated while the first is under way", 50},
    {"F71 one order is asked for twice at once", 50}, {"F70 F71 two contents of one order at once", 50},
    {"F72 a client dies with an order under way", 50},
    {"F54 a raise is refused", 50}, {"F54 the level is raised under load", 50}, {"F54 a node goes back before the raise", 50},
    {"F54 a node stops before an entry it is too old for", 200}, {"F54 a node does not start with a log it is too old for", 50},
    {"F54 a node that was too old is upgraded", 50}, {"F54 a raise that one node was to miss fails", 600}, {0}};

const struct workload workload_orders = {
    .name = "orders", .summary = "a shop: customers, products, orders of all kinds and their sagas through whole nodes",
    .seconds = 120, .settle_seconds = 150, .sometimes = sometimes, .faults_absent = FAULT_BIT(WRONG_NODE),
    .open = orders_open, .drain = orders_drain, .settled = orders_settled, .describe = orders_describe,
    .check = orders_check, .enough = orders_enough, .close = orders_close};
