#include "services/edge/input.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "services/commands.h"
#include "services/edge/proto_json.h"
#include "services/message.h"
#include "services/money.h"
#include "services/service_list.h"

/* One object that is being read. The first failure stays. */
struct input {
    json_t *root;
    const json_t *at;
    struct arena *arena;
    const char *reason;
};

/* ---- fields */

static void fail(struct input *input, const char *name, const char *what)
{
    if (input->reason == NULL)
        input->reason = arena_format(input->arena, "%s: %s", name, what);
}

/* NULL when the field is absent or null. */
static char *optional_text(struct input *input, const char *name)
{
    const json_t *value = json_object_get(input->at, name);
    if (value == NULL || json_is_null(value))
        return NULL;
    if (!json_is_string(value)) {
        fail(input, name, "must be text");
        return NULL;
    }
    return arena_text(input->arena, bytes_of(json_string_value(value), json_string_length(value)));
}

/* Fields of messages are not const; nobody writes to them. */
static char *text_or_empty(struct input *input, const char *name)
{
    char *text = optional_text(input, name);
    return text != NULL ? text : arena_text(input->arena, BYTES_NONE);
}

static char *required_text(struct input *input, const char *name)
{
    char *text = text_or_empty(input, name);
    if (text[0] == 0)
        fail(input, name, "is missing");
    return text;
}

static int64_t whole_number(struct input *input, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(input->at, name);
    if (value == NULL || json_is_null(value))
        return otherwise;
    if (!json_is_integer(value))
        fail(input, name, "must be a whole number");
    return json_integer_value(value);
}

/* A JSON number that is no integer came through binary floating point: it is accepted when the amount that it is nearest
 * to is nearest to it in turn. */
static bool money_of_real(double value, const char *currency, int64_t *ret_minor)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%.*f", (int)money_digits(currency), value);
    return size > 0 && (size_t)size < sizeof text && strtod(text, NULL) == value &&
           money_parse(bytes_of_text(text), currency, ret_minor);
}

static int64_t money(struct input *input, const char *name, const char *currency)
{
    const json_t *value = json_object_get(input->at, name);
    char text[32];
    int64_t minor = 0;
    bool good = false;
    if (!money_currency_valid(currency)) {
        fail(input, "currency", "must be three capital letters");
        return 0;
    }
    if (json_is_string(value)) {
        good = money_parse(bytes_of(json_string_value(value), json_string_length(value)), currency, &minor);
    } else if (json_is_integer(value)) {
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        good = money_parse(bytes_of_text(text), currency, &minor);
    } else if (json_is_real(value)) {
        good = money_of_real(json_real_value(value), currency, &minor);
    }
    if (!good)
        fail(input, name, value == NULL ? "is missing" : "must be an amount like \"129.90\"");
    return minor;
}

static int word(struct input *input, const char *name, const ProtobufCEnumDescriptor *descriptor, int otherwise)
{
    const char *text = optional_text(input, name);
    if (text == NULL) {
        if (otherwise < 0)
            fail(input, name, "is missing");
        return otherwise;
    }
    int value = proto_enum_value(descriptor, text);
    if (value == 0)
        fail(input, name, arena_format(input->arena, "'%s' is not known", text));
    return value;
}

/* ---- objects */

static bool begin(struct input *input, struct bytes text, struct arena *arena)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    *input = (struct input){.root = root, .at = root, .arena = arena};
    if (root == NULL)
        input->reason = arena_format(arena, "not JSON: %s (column %d)", error.text, error.column);
    else if (!json_is_object(root))
        input->reason = "not a JSON object";
    return input->reason == NULL;
}

static bool end(struct input *input, const char **ret_reason)
{
    json_decref(input->root);
    *ret_reason = input->reason;
    return input->reason == NULL;
}

bool input_customer(struct bytes text, struct arena *arena, struct input_command *ret_command, const char **ret_reason)
{
    struct input input;
    Account__V1__CreateCustomer customer;
    account__v1__create_customer__init(&customer);
    if (begin(&input, text, arena)) {
        *ret_command = (struct input_command){.id = optional_text(&input, "customerId"),
                                              .service = SERVICE_NUMBER_account,
                                              .type = ACCOUNT_CREATE_CUSTOMER};
        customer.email = required_text(&input, "email");
        customer.name = required_text(&input, "name");
        customer.address = text_or_empty(&input, "address");
        customer.phone = text_or_empty(&input, "phone");
        ret_command->body = message_pack_arena(&customer, arena);
    }
    return end(&input, ret_reason);
}

bool input_product(struct bytes text, struct arena *arena, struct input_command *ret_command, const char **ret_reason)
{
    struct input input;
    Inventory__V1__CreateProduct product;
    inventory__v1__create_product__init(&product);
    if (begin(&input, text, arena)) {
        *ret_command = (struct input_command){.id = optional_text(&input, "productId"),
                                              .service = SERVICE_NUMBER_inventory,
                                              .type = INVENTORY_CREATE_PRODUCT};
        product.sku = required_text(&input, "sku");
        product.name = required_text(&input, "name");
        product.description = text_or_empty(&input, "description");
        product.currency = text_or_empty(&input, "currency");
        if (product.currency[0] == 0)
            product.currency = arena_text(arena, bytes_of_text("USD"));
        product.price_minor = money(&input, "price", product.currency);
        product.initial_quantity = whole_number(&input, "initialQuantity", 0);
        product.category = text_or_empty(&input, "category");
        ret_command->body = message_pack_arena(&product, arena);
    }
    return end(&input, ret_reason);
}

static void read_lines(struct input *input, struct input_order *order)
{
    const json_t *lines = json_object_get(input->root, "lines");
    size_t count = json_array_size(lines);
    if (!json_is_array(lines) || count < 1 || count > ORDER_LINES_MAX) {
        fail(input, "lines", "must be a list of 1 to 100 lines");
        return;
    }
    order->lines_count = count;
    order->lines = arena_zero(input->arena, count * sizeof *order->lines);
    for (size_t i = 0; i < count; i++) {
        char *name = arena_format(input->arena, "lines[%zu]", i);
        input->at = json_array_get(lines, i);
        if (!json_is_object(input->at))
            fail(input, name, "must be an object");
        order->lines[i].product_id = required_text(input, "productId");
        order->lines[i].quantity = whole_number(input, "quantity", 0);
        if (order->lines[i].quantity < 1)
            fail(input, name, "quantity must be a whole number of at least 1");
    }
    input->at = input->root;
}

bool input_order(struct bytes text, struct arena *arena, struct input_order *ret_order, const char **ret_reason)
{
    struct input input;
    if (begin(&input, text, arena)) {
        *ret_order = (struct input_order){.order_id = optional_text(&input, "orderId"),
                                          .customer_id = required_text(&input, "customerId"),
                                          .shipping_address = text_or_empty(&input, "shippingAddress")};
        ret_order->payment_method = word(&input, "paymentMethod", &payment__v1__payment_method__descriptor, -1);
        ret_order->mode = word(&input, "mode", &order__v1__saga_mode__descriptor, 0);
        read_lines(&input, ret_order);
    }
    return end(&input, ret_reason);
}
