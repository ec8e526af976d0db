#include "services/edge/sample.h"

#include "grid/base/check.h"
#include "grid/wire/messages/message.h"
#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "services/commands.h"
#include "services/message.h"
#include "services/service_list.h"

struct input_command sample_customer(struct arena *arena)
{
    Account__V1__CreateCustomer customer;
    account__v1__create_customer__init(&customer);
    customer.email = (char[]){"ada@example.com"};
    customer.name = (char[]){"Ada Byron"};
    return (struct input_command){.service = SERVICE_NUMBER_account, .type = ACCOUNT_CREATE_CUSTOMER,
                                  .body = message_pack_arena(&customer, arena)};
}

struct input_command sample_product(struct arena *arena)
{
    Inventory__V1__CreateProduct product;
    inventory__v1__create_product__init(&product);
    product.sku = (char[]){"SKU-1"};
    product.name = (char[]){"Desk lamp"};
    product.currency = (char[]){"EUR"};
    product.price_minor = SAMPLE_PRICE_MINOR;
    product.initial_quantity = SAMPLE_STOCK;
    return (struct input_command){.service = SERVICE_NUMBER_inventory, .type = INVENTORY_CREATE_PRODUCT,
                                  .body = message_pack_arena(&product, arena)};
}

static Order__V1__QuotedLine *quoted(const struct input_line *line, struct arena *arena)
{
    Order__V1__QuotedLine *quote = arena_alloc(arena, sizeof *quote);
    order__v1__quoted_line__init(quote);
    quote->product_id = arena_text(arena, bytes_of_text(line->product_id));
    quote->quantity = line->quantity;
    quote->name = arena_text(arena, bytes_of_text("Desk lamp"));
    quote->sku = arena_text(arena, bytes_of_text("SKU-1"));
    quote->unit_price_minor = SAMPLE_PRICE_MINOR;
    return quote;
}

struct input_command sample_order(const char *customer_id, const struct input_line *lines, size_t lines_count,
                                  struct arena *arena)
{
    Order__V1__CreateOrder create;
    REQUIRE(customer_id != NULL && lines_count > 0);
    order__v1__create_order__init(&create);
    create.customer_id = arena_text(arena, bytes_of_text(customer_id));
    create.customer_name = (char[]){"Ada Byron"};
    create.customer_email = (char[]){"ada@example.com"};
    create.shipping_address = (char[]){"12 Analytical Street, London"};
    create.payment_method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD;
    create.currency = (char[]){"EUR"};
    create.n_lines = lines_count;
    create.lines = arena_zero(arena, lines_count * sizeof *create.lines);
    for (size_t i = 0; i < lines_count; i++)
        create.lines[i] = quoted(&lines[i], arena);
    return (struct input_command){.service = SERVICE_NUMBER_order, .type = ORDER_CREATE_ORDER,
                                  .body = message_pack_arena(&create, arena)};
}

enum sample_end sample_end_of(struct bytes event)
{
    struct event_record record;
    if (event_record_decode(event, &record) != GRID_ERR_OK || record.service != SERVICE_NUMBER_order)
        return SAMPLE_GOES_ON;
    if (record.type == ORDER_ORDER_CONFIRMED)
        return SAMPLE_CONFIRMED;
    return record.type == ORDER_ORDER_CANCELLED ? SAMPLE_CANCELLED : SAMPLE_GOES_ON;
}
