#include "tests/nemesis/shop_requests.h"

#include <stdio.h>

#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "services/commands.h"
#include "services/message.h"
#include "services/service_list.h"

struct request {
    uint32_t service, type;
    struct bytes key;
    const void *body;
};

static void ask(struct client *client, const struct request *request, const struct client_call *call)
{
    struct buffer body = {0};
    message_pack(request->body, &body);
    struct service_command command = {.service = request->service, .type = request->type, .key = request->key,
                                      .body = buffer_bytes(&body)};
    client_service_command(client, &command, call);
    buffer_close(&body);
}

/* The last product is what expensive orders buy. */
int64_t shop_price_minor(const struct books *books, uint32_t product)
{
    return product + 1 == books->products_count ? EXPENSIVE_MINOR : 100 + 37 * (int64_t)product;
}

void shop_create_customer(struct client *client, uint64_t number, const struct client_call *call)
{
    char id[BOOKS_ID_BYTES], email[BOOKS_ID_BYTES + 16];
    Account__V1__CreateCustomer body;
    account__v1__create_customer__init(&body);
    struct bytes key = books_id(id, 'c', number);
    snprintf(email, sizeof email, "%s@example.com", id);
    body.email = email;
    body.name = id;
    ask(client, &(struct request){SERVICE_NUMBER_account, ACCOUNT_CREATE_CUSTOMER, key, &body}, call);
}

void shop_create_product(struct client *client, const struct books *books, uint64_t number, const struct client_call *call)
{
    char id[BOOKS_ID_BYTES], currency[] = "EUR";
    Inventory__V1__CreateProduct body;
    inventory__v1__create_product__init(&body);
    struct bytes key = books_id(id, 'p', number);
    body.sku = body.name = id;
    body.currency = currency;
    body.price_minor = shop_price_minor(books, (uint32_t)number);
    body.initial_quantity = books->products[number].initial;
    ask(client, &(struct request){SERVICE_NUMBER_inventory, INVENTORY_CREATE_PRODUCT, key, &body}, call);
}

void shop_replenish(struct client *client, uint64_t product, int64_t quantity, const struct client_call *call)
{
    char id[BOOKS_ID_BYTES], reason[] = "delivery";
    Inventory__V1__ReplenishStock body;
    inventory__v1__replenish_stock__init(&body);
    body.quantity = quantity;
    body.reason = reason;
    ask(client, &(struct request){SERVICE_NUMBER_inventory, INVENTORY_REPLENISH_STOCK, books_id(id, 'p', product), &body}, call);
}

static int64_t quoted_price(const struct order_request *request, uint32_t product)
{
    int64_t price = product < request->books->products_count ? shop_price_minor(request->books, product) : 100;
    return request->fault == FAULT_PRICE ? price + 1 : price;
}

void shop_create_order(struct client *client, const struct order_request *request, const struct client_call *call)
{
    const struct books_order *order = request->order;
    char id[BOOKS_ID_BYTES], customer[BOOKS_ID_BYTES], products[BOOKS_LINES_MAX][BOOKS_ID_BYTES];
    char currency[] = "EUR", address[] = "1 High Street";
    Order__V1__QuotedLine lines[BOOKS_LINES_MAX], *pointers[BOOKS_LINES_MAX];
    Order__V1__CreateOrder body;
    order__v1__create_order__init(&body);
    for (uint32_t i = 0; i < order->lines_count; i++) {
        order__v1__quoted_line__init(&lines[i]);
        books_id(products[i], 'p', order->lines[i].product);
        lines[i].product_id = lines[i].name = lines[i].sku = products[i];
        lines[i].quantity = order->lines[i].quantity + (request->forged ? 1 : 0);
        lines[i].unit_price_minor = quoted_price(request, order->lines[i].product);
        pointers[i] = &lines[i];
    }
    books_id(customer, 'c', request->customer);
    body.customer_id = body.customer_name = body.customer_email = customer;
    body.lines = pointers;
    body.n_lines = order->lines_count;
    body.currency = currency;
    body.shipping_address = address;
    body.payment_method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD;
    ask(client, &(struct request){SERVICE_NUMBER_order, ORDER_CREATE_ORDER, books_id(id, 'o', request->number), &body}, call);
}

void shop_cancel_order(struct client *client, uint64_t number, const struct client_call *call)
{
    char id[BOOKS_ID_BYTES], reason[] = "changed my mind", who[] = "buyer";
    Order__V1__CancelOrder body;
    order__v1__cancel_order__init(&body);
    body.reason = reason;
    body.cancelled_by = who;
    ask(client, &(struct request){SERVICE_NUMBER_order, ORDER_CANCEL_ORDER, books_id(id, 'o', number), &body}, call);
}
