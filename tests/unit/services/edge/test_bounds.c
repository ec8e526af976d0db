/* The edge refuses a value exactly when the services refuse it: each field at both ends of its range, and one past them. The edge
 * reads a line or options; the services get the same value in a message, past the edge. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "services/edge/change.h"
#include "services/edge/input.h"
#include "services/message.h"
#include "tests/unit/services/shop.h"

static struct arena arena;
static struct harness *harness;

static void begin(void)
{
    static const struct harness_options options = {.seed = 5, .partitions = 2};
    arena_init(&arena, 64 * 1024);
    harness = harness_open(&options);
}

static void end(void)
{
    harness_close(harness);
    arena_close(&arena);
}

/* ---- texts and amounts */

static char *letters(int64_t count)
{
    char *text = arena_alloc(&arena, 2 * (size_t)count + 1);
    for (int64_t i = 0; i < count; i++)
        memcpy(text + 2 * i, "\xc3\xa9", 2);               /* characters, not bytes */
    text[2 * count] = 0;
    return text;
}

static char *bytes(int64_t count)
{
    char *text = arena_alloc(&arena, (size_t)count + 1);
    memset(text, 'x', (size_t)count);
    text[count] = 0;
    return text;
}

/* "xx...@example.com" of so many bytes. */
static char *email(int64_t size)
{
    char *text = bytes(size);
    memcpy(text + size - 12, "@example.com", 12);
    return text;
}

/* ---- one value in both */

enum field {
    CUSTOMER_ID, CUSTOMER_EMAIL, CUSTOMER_NAME, CUSTOMER_ADDRESS, CUSTOMER_PHONE,
    PRODUCT_ID, PRODUCT_SKU, PRODUCT_NAME, PRODUCT_DESCRIPTION, PRODUCT_PRICE, PRODUCT_STOCK, PRODUCT_CATEGORY,
    ORDER_ID, ORDER_CUSTOMER, ORDER_ADDRESS, ORDER_LINES, LINE_PRODUCT, LINE_QUANTITY,
    REPLENISH_QUANTITY, REPLENISH_REASON, CANCEL_REASON, CANCEL_BY, REFUND_AMOUNT, REFUND_REASON,
    UPDATE_NAME, UPDATE_ADDRESS, UPDATE_PHONE, STATUS_REASON,
    FIELDS,
};

static const struct bounded { enum field field; const char *name; int64_t least, most; } table[] = {
    {CUSTOMER_ID, "customerId", 1, 240},           {CUSTOMER_EMAIL, "email", 14, 254},         {CUSTOMER_NAME, "name", 2, 100},
    {CUSTOMER_ADDRESS, "address", 0, 500},         {CUSTOMER_PHONE, "phone", 0, 40},
    {PRODUCT_ID, "productId", 1, 240},             {PRODUCT_SKU, "sku", 1, 50},                {PRODUCT_NAME, "name", 2, 200},
    {PRODUCT_DESCRIPTION, "description", 0, 1000}, {PRODUCT_PRICE, "price", 1, INT64_MAX},     {PRODUCT_STOCK, "initialQuantity", 0, 1000000000},
    {PRODUCT_CATEGORY, "category", 0, 100},
    {ORDER_ID, "orderId", 1, 240},                 {ORDER_CUSTOMER, "customerId", 1, 240},     {ORDER_ADDRESS, "shippingAddress", 0, 500},
    {ORDER_LINES, "lines", 1, 100},                {LINE_PRODUCT, "lines[0].productId", 1, 240}, {LINE_QUANTITY, "lines[0].quantity", 1, 1000000000},
    {REPLENISH_QUANTITY, "quantity", 1, 1000000000}, {REPLENISH_REASON, "reason", 0, 500},     {CANCEL_REASON, "reason", 0, 500},
    {CANCEL_BY, "by", 0, 100},                     {REFUND_AMOUNT, "amount", 1, INT64_MAX},    {REFUND_REASON, "reason", 0, 1000},
    {UPDATE_NAME, "name", 2, 100},                 {UPDATE_ADDRESS, "address", 0, 500},        {UPDATE_PHONE, "phone", 0, 40},
    {STATUS_REASON, "reason", 0, 500},
};

static const char *text_value(enum field field, int64_t value)
{
    bool id = field == CUSTOMER_ID || field == PRODUCT_ID || field == ORDER_ID || field == ORDER_CUSTOMER || field == LINE_PRODUCT;
    return field == CUSTOMER_EMAIL ? email(value) : id ? bytes(value) : letters(value);
}

/* The value when `field` is the one under test, else another one that is good. */
static char *text_in(enum field tested, enum field field, int64_t value, const char *good)
{
    return arena_text(&arena, bytes_of_text(tested == field ? text_value(field, value) : good));
}

/* ---- the edge */

static const char *money_text(int64_t minor)
{
    if (minor < 0)
        return "-0.01";
    return arena_format(&arena, "%" PRIu64 ".%02" PRIu64, (uint64_t)minor / 100, (uint64_t)minor % 100);
}

/* One past the end of 64 bits has no other form than digits. */
static const char *number_text(int64_t value, bool past_all)
{
    return past_all ? "92233720368547758.08" : money_text(value);
}

static bool edge_creates(enum field field, int64_t value, bool past_all, const char **ret_reason)
{
    struct input_command command;
    if (field <= CUSTOMER_PHONE)
        return input_customer(bytes_of_text(arena_format(&arena, "{\"customerId\":\"%s\",\"email\":\"%s\",\"name\":\"%s\",\"address\":\"%s\",\"phone\":\"%s\"}",
            text_in(field, CUSTOMER_ID, value, "c"), text_in(field, CUSTOMER_EMAIL, value, "a@b.example"), text_in(field, CUSTOMER_NAME, value, "Ada"),
            text_in(field, CUSTOMER_ADDRESS, value, ""), text_in(field, CUSTOMER_PHONE, value, ""))), &arena, &command, ret_reason);
    return input_product(bytes_of_text(arena_format(&arena, "{\"productId\":\"%s\",\"sku\":\"%s\",\"name\":\"%s\",\"description\":\"%s\",\"category\":\"%s\","
        "\"price\":\"%s\",\"currency\":\"EUR\",\"initialQuantity\":%" PRId64 "}",
        text_in(field, PRODUCT_ID, value, "p"), text_in(field, PRODUCT_SKU, value, "s"), text_in(field, PRODUCT_NAME, value, "Lamp"),
        text_in(field, PRODUCT_DESCRIPTION, value, ""), text_in(field, PRODUCT_CATEGORY, value, ""),
        field == PRODUCT_PRICE ? number_text(value, past_all) : "1.00", field == PRODUCT_STOCK ? value : 1)), &arena, &command, ret_reason);
}

static bool edge_orders(enum field field, int64_t value, const char **ret_reason)
{
    struct input_order order;
    const char *lines = arena_format(&arena, "{\"productId\":\"%s\",\"quantity\":%" PRId64 "}", text_in(field, LINE_PRODUCT, value, "p"),
                                     field == LINE_QUANTITY ? value : 1);
    for (int64_t i = 1; field == ORDER_LINES && i < value; i++)
        lines = arena_format(&arena, "%s,{\"productId\":\"p\",\"quantity\":1}", lines);
    if (field == ORDER_LINES && value == 0)
        lines = "";
    return input_order(bytes_of_text(arena_format(&arena, "{\"orderId\":\"%s\",\"customerId\":\"%s\",\"shippingAddress\":\"%s\",\"paymentMethod\":\"CREDIT_CARD\",\"lines\":[%s]}",
        text_in(field, ORDER_ID, value, "o"), text_in(field, ORDER_CUSTOMER, value, "c"), text_in(field, ORDER_ADDRESS, value, ""), lines)),
        &arena, &order, ret_reason);
}

static bool edge_changes(enum field field, int64_t value, bool past_all, const char **ret_reason)
{
    struct change_command command;
    struct change_customer update = {0};
    Payment__V1__Payment payment;
    payment__v1__payment__init(&payment);
    payment.currency = arena_text(&arena, bytes_of_text("EUR"));
    struct change_refund refund = {.amount = field == REFUND_AMOUNT ? number_text(value, past_all) : NULL,
                                   .reason = text_in(field, REFUND_REASON, value, "")};
    if (field == REPLENISH_QUANTITY || field == REPLENISH_REASON)
        return change_replenish(field == REPLENISH_QUANTITY ? arena_format(&arena, "%" PRId64, value) : "1",
                                text_in(field, REPLENISH_REASON, value, ""), &arena, &command, ret_reason);
    if (field == CANCEL_REASON || field == CANCEL_BY)
        return change_cancel(text_in(field, CANCEL_REASON, value, ""), text_in(field, CANCEL_BY, value, ""), &arena, &command, ret_reason);
    if (field == STATUS_REASON)
        return change_customer_status("active", text_in(field, STATUS_REASON, value, ""), &arena, &command, ret_reason);
    if (field == REFUND_AMOUNT || field == REFUND_REASON)
        return change_refund(&refund, message_pack_arena(&payment, &arena), &arena, &command, ret_reason);
    *(field == UPDATE_NAME ? &update.name : field == UPDATE_ADDRESS ? &update.address : &update.phone) = text_value(field, value);
    return change_customer_allowed(&update, &arena, ret_reason);
}

static bool edge_takes(enum field field, int64_t value, bool past_all, const char **ret_reason)
{
    if (field <= PRODUCT_CATEGORY)
        return edge_creates(field, value, past_all, ret_reason);
    return field <= LINE_QUANTITY ? edge_orders(field, value, ret_reason) : edge_changes(field, value, past_all, ret_reason);
}

/* ---- the services */

static struct response create_customer(enum field field, int64_t value, const char *id)
{
    Account__V1__CreateCustomer command;
    account__v1__create_customer__init(&command);
    command.email = text_in(field, CUSTOMER_EMAIL, value, "a@b.example");
    command.name = text_in(field, CUSTOMER_NAME, value, "Ada");
    command.address = text_in(field, CUSTOMER_ADDRESS, value, "");
    command.phone = text_in(field, CUSTOMER_PHONE, value, "");
    return harness_command(harness, SERVICE_NUMBER_account, ACCOUNT_CREATE_CUSTOMER, text_in(field, CUSTOMER_ID, value, id), NULL, &command);
}

static struct response create_product(enum field field, int64_t value, const char *id)
{
    Inventory__V1__CreateProduct command;
    inventory__v1__create_product__init(&command);
    command.sku = text_in(field, PRODUCT_SKU, value, "s");
    command.name = text_in(field, PRODUCT_NAME, value, "Lamp");
    command.description = text_in(field, PRODUCT_DESCRIPTION, value, "");
    command.category = text_in(field, PRODUCT_CATEGORY, value, "");
    command.currency = arena_text(&arena, bytes_of_text("EUR"));
    command.price_minor = field == PRODUCT_PRICE ? value : 100;
    command.initial_quantity = field == PRODUCT_STOCK ? value : 1;
    return harness_command(harness, SERVICE_NUMBER_inventory, INVENTORY_CREATE_PRODUCT, text_in(field, PRODUCT_ID, value, id), NULL, &command);
}

static struct response create_order(enum field field, int64_t value, const char *id)
{
    Order__V1__CreateOrder command;
    order__v1__create_order__init(&command);
    command.customer_id = text_in(field, ORDER_CUSTOMER, value, "c");
    command.shipping_address = text_in(field, ORDER_ADDRESS, value, "");
    command.payment_method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD;
    command.currency = arena_text(&arena, bytes_of_text("EUR"));
    command.n_lines = field == ORDER_LINES ? (size_t)value : 1;
    command.lines = arena_zero(&arena, (command.n_lines + 1) * sizeof *command.lines);
    for (size_t i = 0; i < command.n_lines; i++) {
        Order__V1__QuotedLine *line = command.lines[i] = arena_alloc(&arena, sizeof *line);
        order__v1__quoted_line__init(line);
        line->product_id = text_in(field, LINE_PRODUCT, value, "p");
        line->quantity = field == LINE_QUANTITY ? value : 1;
        line->unit_price_minor = 1;
    }
    return harness_command(harness, SERVICE_NUMBER_order, ORDER_CREATE_ORDER, text_in(field, ORDER_ID, value, id), NULL, &command);
}

static struct response change_stock_or_order(enum field field, int64_t value, const char *id)
{
    Inventory__V1__ReplenishStock replenish;
    Order__V1__CancelOrder cancel;
    inventory__v1__replenish_stock__init(&replenish);
    order__v1__cancel_order__init(&cancel);
    if (field == REPLENISH_QUANTITY || field == REPLENISH_REASON) {
        (void)create_product(FIELDS, 0, id);
        replenish.quantity = field == REPLENISH_QUANTITY ? value : 1;
        replenish.reason = text_in(field, REPLENISH_REASON, value, "");
        return harness_command(harness, SERVICE_NUMBER_inventory, INVENTORY_REPLENISH_STOCK, id, NULL, &replenish);
    }
    (void)create_order(FIELDS, 0, id);
    cancel.reason = text_in(field, CANCEL_REASON, value, "");
    cancel.cancelled_by = text_in(field, CANCEL_BY, value, "");
    return harness_command(harness, SERVICE_NUMBER_order, ORDER_CANCEL_ORDER, id, NULL, &cancel);
}

static struct response change_customer_of(enum field field, int64_t value, const char *id)
{
    Account__V1__ChangeCustomerStatus status;
    Account__V1__UpdateCustomer update;
    account__v1__change_customer_status__init(&status);
    account__v1__update_customer__init(&update);
    (void)create_customer(FIELDS, 0, id);
    status.status = ACCOUNT__V1__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE;
    status.reason = text_in(field, STATUS_REASON, value, "");
    update.name = text_in(field, UPDATE_NAME, value, "Ada");
    update.address = text_in(field, UPDATE_ADDRESS, value, "");
    update.phone = text_in(field, UPDATE_PHONE, value, "");
    if (field == STATUS_REASON)
        return harness_command(harness, SERVICE_NUMBER_account, ACCOUNT_CHANGE_CUSTOMER_STATUS, id, NULL, &status);
    return harness_command(harness, SERVICE_NUMBER_account, ACCOUNT_UPDATE_CUSTOMER, id, NULL, &update);
}

/* Of a payment over as much as there is, so that only its bounds can refuse a refund; one captured payment a value. */
static struct response refund(enum field field, int64_t value, const char *id)
{
    Payment__V1__ChargePayment charge;
    Payment__V1__RefundPayment command;
    char *payment = arena_format(&arena, "%s.p2", id);
    payment__v1__charge_payment__init(&charge);
    payment__v1__refund_payment__init(&command);
    (void)create_order(FIELDS, 0, id);
    charge.order_id = arena_text(&arena, bytes_of_text(id));
    charge.customer_id = arena_text(&arena, bytes_of_text("c"));
    charge.currency = arena_text(&arena, bytes_of_text("EUR"));
    charge.amount_minor = 100;
    charge.method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD;
    (void)harness_command(harness, SERVICE_NUMBER_payment, PAYMENT_CHARGE_PAYMENT, payment, id, &charge);
    cr_assert(harness_settle(harness, 300000));
    command.amount_minor = field == REFUND_AMOUNT ? value : 1;
    command.reason = text_in(field, REFUND_REASON, value, "");
    return harness_command(harness, SERVICE_NUMBER_payment, PAYMENT_REFUND_PAYMENT, payment, id, &command);
}

/* True unless the service refuses the value: a key that it does not take, or VALIDATION_ERROR with a range. */
static bool service_takes(enum field field, int64_t value)
{
    static int number;
    const char *id = arena_format(&arena, "x-%d", number++);
    struct response response;
    if (field <= CUSTOMER_PHONE)
        response = create_customer(field, value, id);
    else if (field <= PRODUCT_CATEGORY)
        response = create_product(field, value, id);
    else if (field <= LINE_QUANTITY)
        response = create_order(field, value, id);
    else if (field <= CANCEL_BY)
        response = change_stock_or_order(field, value, id);
    else if (field == REFUND_AMOUNT || field == REFUND_REASON)
        response = refund(field, value, id);
    else
        response = change_customer_of(field, value, id);
    return response.err == GRID_ERR_OK || (response.err == GRID_ERR_REFUSED && response.refusal_code != REFUSAL_VALIDATION_ERROR);
}

/* ---- the test */

static void agrees(const struct bounded *row, int64_t value, bool allowed)
{
    const char *reason = "";
    /* A refund of 0 is all that is left; people leave the amount out for that. */
    bool taken = service_takes(row->field, value), all = row->field == REFUND_AMOUNT && value == 0;
    cr_expect_eq(taken, allowed || all, "%s: the service %s %" PRId64, row->name, taken ? "takes" : "refuses", value);
    cr_expect_eq(edge_takes(row->field, value, false, &reason), allowed, "%s %" PRId64 ": %s", row->name, value, reason);
    cr_expect(allowed || strncmp(reason, row->name, strlen(row->name)) == 0, "'%s' does not begin with %s", reason, row->name);
}

/* Ids that are empty mean "none given" to people, who are told so. */
static bool states_its_range(const struct bounded *row, const char *reason)
{
    char least[64], most[64];
    bool money = row->field == PRODUCT_PRICE || row->field == REFUND_AMOUNT;
    snprintf(least, sizeof least, money ? "0.01" : "%" PRId64, row->least);
    snprintf(most, sizeof most, "%" PRId64, row->most);
    return (row->least == 0 || row->field == CUSTOMER_EMAIL || strstr(reason, least) != NULL) &&
           strstr(reason, money ? "92233720368547758.07" : most) != NULL;
}

Test(bounds, edge_and_services_agree_at_both_ends_of_every_range, .init = begin, .fini = end)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct bounded *row = &table[i];
        const char *reason = "";
        bool countable = row->least > 0 || row->field == PRODUCT_STOCK;
        cr_assert_eq(row->field, (enum field)i);
        agrees(row, row->least, true);
        if (row->field != CUSTOMER_EMAIL && countable)
            agrees(row, row->least - 1, false);
        agrees(row, row->most, true);
        if (row->most < INT64_MAX)
            agrees(row, row->most + 1, false);
        cr_expect_not(edge_takes(row->field, row->most == INT64_MAX ? 0 : row->most + 1, row->most == INT64_MAX, &reason), "%s", row->name);
        cr_expect(states_its_range(row, reason), "%s: '%s' does not state the range", row->name, reason);
    }
    cr_assert_eq(sizeof table / sizeof *table, FIELDS);
}

Test(bounds, numbers_far_outside_are_refused_by_both, .init = begin, .fini = end)
{
    static const enum field numbers[] = {PRODUCT_PRICE, PRODUCT_STOCK, LINE_QUANTITY, REPLENISH_QUANTITY, REFUND_AMOUNT};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        agrees(&table[numbers[i]], -1, false);
        agrees(&table[numbers[i]], INT64_MIN, false);
    }
}

static void refuses_line(bool (*read)(struct bytes text, struct arena *arena, struct input_command *ret_command, const char **ret_reason),
                         const char *line, const char *expected)
{
    struct input_command command;
    const char *reason = "";
    cr_expect_not(read(bytes_of_text(line), &arena, &command, &reason), "%s", line);
    cr_expect_str_eq(reason, expected);
}

Test(bounds, null_is_refused_where_a_service_needs_something, .init = begin, .fini = end)
{
    struct input_command command;
    const char *reason;
    refuses_line(input_customer, "{\"email\":\"a@b.example\",\"name\":null}", "name: must be text in quotes, not null");
    refuses_line(input_customer, "{\"email\":null,\"name\":\"Ada\"}", "email: must be text in quotes, not null");
    refuses_line(input_product, "{\"sku\":\"s\",\"name\":null,\"price\":1,\"currency\":\"EUR\"}", "name: must be text in quotes, not null");
    refuses_line(input_product, "{\"sku\":\"s\",\"name\":\"nn\",\"price\":null,\"currency\":\"EUR\"}",
                 "price: must be an amount from 0.01 to 92233720368547758.07 EUR, with at most 2 digits behind the point");
    refuses_line(input_product, "{\"sku\":\"s\",\"name\":\"nn\",\"price\":0,\"currency\":\"JPY\"}",
                 "price: must be an amount from 1 to 9223372036854775807 JPY, without a point");
    refuses_line(input_product, "{\"sku\":\"s\",\"name\":\"nn\",\"price\":1,\"currency\":\"EUR\",\"initialQuantity\":null}",
                 "initialQuantity: must be a whole number from 0 to 1000000000");
    /* Of what may be missing, null means that it is. */
    cr_expect(input_customer(bytes_of_text("{\"customerId\":null,\"email\":\"a@b.example\",\"name\":\"Ada\",\"address\":null,\"phone\":null}"),
                             &arena, &command, &reason), "%s", reason);
}

Test(bounds, a_cancelled_order_is_not_to_be_cancelled, .init = begin, .fini = end)
{
    cr_expect_str_eq(change_refusal("INVALID_ORDER_STATE", "the order is CANCELLED and to be cancelled", &arena), "the order is CANCELLED already");
    cr_expect_str_eq(change_refusal("INVALID_ORDER_STATE", "the order is PENDING and to be cancelled", &arena),
                     "the order is PENDING, although its cancellation was requested");
    cr_expect_str_eq(change_refusal("INVALID_ORDER_STATE", "the order is CONFIRMED", &arena), "the order is CONFIRMED");
    cr_expect_str_eq(change_refusal("ANOTHER", "this and to be cancelled", &arena), "this and to be cancelled");
    (void)shop_customer(harness, "c");
    (void)shop_product(harness, "p", 100, 5);
    (void)shop_order(harness, "o", "c", &(struct shop_line){"p", 1, 100}, 1);
    (void)shop_cancel(harness, "o");
    cr_assert(harness_settle(harness, 300000));
    struct response again = shop_cancel(harness, "o");
    cr_expect_eq(again.refusal_code, REFUSAL_INVALID_ORDER_STATE);
    cr_expect(bytes_equal(again.note, bytes_of_text("the order is CANCELLED and to be cancelled")), "replicated: it stays until a feature level changes it");
}
