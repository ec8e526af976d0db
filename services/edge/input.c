#include "services/edge/input.h"

#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "services/commands.h"
#include "services/edge/allowed.h"
#include "services/edge/fields.h"
#include "services/edge/proto_json.h"
#include "services/message.h"
#include "services/money.h"
#include "services/service_list.h"

/* ---- fields */

static char *must_be(struct fields *fields, const char *name, char *text, const char *wrong)
{
    if (wrong != NULL)
        fields_fail(fields, name, wrong);
    return text;
}

/* Of a text that must be there; what it may contain, the caller checks. */
static char *present(struct fields *fields, const char *name)
{
    char *text = fields_text(fields, name, NULL);
    return text != NULL ? text : fields_required_text(fields, name);
}

/* A text may be missing when it may be empty. Fields of messages are not const, but they are never written to. */
static char *text_of(struct fields *fields, const char *name, struct bound characters)
{
    char *text = characters.least > 0 ? present(fields, name) : fields_text(fields, name, arena_text(fields->arena, BYTES_NONE));
    return must_be(fields, name, text, allowed_text(text, characters, fields->arena));
}

/* An id that was given must name something; NULL: none was. */
static char *given_id(struct fields *fields, const char *name)
{
    char *id = fields_text(fields, name, NULL);
    if (id != NULL && id[0] == 0)
        fields_fail(fields, name, "must not be empty; leave it out to get one");
    return id != NULL ? must_be(fields, name, id, allowed_id(id, fields->arena)) : NULL;
}

static char *id_of(struct fields *fields, const char *name)
{
    char *id = present(fields, name);
    return must_be(fields, name, id, allowed_id(id, fields->arena));
}

static char *currency(struct fields *fields, const char *name)
{
    char *text = fields_required_text(fields, name);
    if (!money_currency_valid(text))
        fields_fail(fields, name, "must be three capital letters, like EUR");
    return text;
}

/* A decimal, in quotes or not. Its digits are read as they stand there, so that every amount is exact. */
static int64_t money(struct fields *fields, const char *name, const char *of_currency, struct bound bound)
{
    const struct json_value *value = fields_get(fields, name);
    int64_t minor = 0;
    if (value == NULL || !money_currency_valid(of_currency))
        return 0;
    struct bytes text = value->kind == JSON_KIND_STRING ? value->text : value->kind == JSON_KIND_NUMBER ? value->raw : BYTES_NONE;
    const char *wrong = allowed_money(text, of_currency, bound, fields->arena, &minor);
    if (wrong != NULL)
        fields_fail(fields, name, wrong);
    return minor;
}

/* A word of the schema, up to and with number `most`: later ones are not supported. */
static int word(struct fields *fields, const char *name, const char *text, const ProtobufCEnumDescriptor *descriptor, int most)
{
    struct buffer words = {0};
    int value = proto_enum_value(descriptor, text);
    if (value > 0 && value <= most)
        return value;
    for (int i = 1; i <= most; i++)
        buffer_append_format(&words, "%s%s", i > 1 ? ", " : "", proto_enum_name(descriptor, i));
    fields_fail(fields, name, arena_format(fields->arena, "'%s' is not known; it is one of %.*s",
                                           json_read_shown(bytes_of_text(text), fields->arena), (int)words.size,
                                           (const char *)words.data));
    buffer_close(&words);
    return 0;
}

/* ---- objects */

bool input_customer(struct bytes text, struct arena *arena, struct input_command *ret_command, const char **ret_reason)
{
    struct fields fields;
    Account__V1__CreateCustomer customer;
    account__v1__create_customer__init(&customer);
    fields_begin(&fields, text, arena);
    *ret_command = (struct input_command){.id = given_id(&fields, "customerId"),
                                          .service = SERVICE_NUMBER_account,
                                          .type = ACCOUNT_CREATE_CUSTOMER};
    customer.email = present(&fields, "email");
    (void)must_be(&fields, "email", customer.email, allowed_email(customer.email, arena));
    customer.name = text_of(&fields, "name", BOUND_CUSTOMER_NAME);
    customer.address = text_of(&fields, "address", BOUND_ADDRESS);
    customer.phone = text_of(&fields, "phone", BOUND_CUSTOMER_PHONE);
    if (!fields_end(&fields, ret_reason))
        return false;
    ret_command->body = message_pack_arena(&customer, arena);
    return true;
}

bool input_product(struct bytes text, struct arena *arena, struct input_command *ret_command, const char **ret_reason)
{
    struct fields fields;
    Inventory__V1__CreateProduct product;
    inventory__v1__create_product__init(&product);
    fields_begin(&fields, text, arena);
    *ret_command = (struct input_command){.id = given_id(&fields, "productId"),
                                          .service = SERVICE_NUMBER_inventory,
                                          .type = INVENTORY_CREATE_PRODUCT};
    product.sku = text_of(&fields, "sku", BOUND_PRODUCT_SKU);
    product.name = text_of(&fields, "name", BOUND_PRODUCT_NAME);
    product.description = text_of(&fields, "description", BOUND_PRODUCT_DESCRIPTION);
    product.currency = currency(&fields, "currency");
    product.price_minor = money(&fields, "price", product.currency, BOUND_PRICE);
    product.initial_quantity = fields_number_or(&fields, "initialQuantity", BOUND_PRODUCT_STOCK, 0);
    product.category = text_of(&fields, "category", BOUND_PRODUCT_CATEGORY);
    if (!fields_end(&fields, ret_reason))
        return false;
    ret_command->body = message_pack_arena(&product, arena);
    return true;
}

static void read_line(struct fields *order, const struct json_value *object, const char *path, struct input_line *ret_line)
{
    struct fields line;
    const char *reason;
    fields_begin_at(&line, object, path, order->arena);
    ret_line->product_id = id_of(&line, "productId");
    ret_line->quantity = fields_number(&line, "quantity", BOUND_QUANTITY);
    if (!fields_end(&line, &reason))
        fields_fail_as(order, reason);
}

static void read_lines(struct fields *fields, struct input_order *order)
{
    const struct json_value *lines = fields_get(fields, "lines");
    size_t count = 0;
    for (const struct json_value *line = lines != NULL ? lines->first : NULL; line != NULL; line = line->next)
        count++;
    if (lines == NULL)
        return;
    if (lines->kind != JSON_KIND_ARRAY || count < 1 || count > ORDER_LINES_MAX) {
        fields_fail(fields, "lines", arena_format(fields->arena, "must be a list of 1 to %d lines", ORDER_LINES_MAX));
        return;
    }
    order->lines = arena_zero(fields->arena, count * sizeof *order->lines);
    for (const struct json_value *line = lines->first; line != NULL; line = line->next) {
        char *path = arena_format(fields->arena, "lines[%zu].", order->lines_count);
        read_line(fields, line, path, &order->lines[order->lines_count++]);
    }
}

bool input_order(struct bytes text, struct arena *arena, struct input_order *ret_order, const char **ret_reason)
{
    struct fields fields;
    fields_begin(&fields, text, arena);
    *ret_order = (struct input_order){.order_id = given_id(&fields, "orderId"),
                                      .customer_id = id_of(&fields, "customerId"),
                                      .shipping_address = text_of(&fields, "shippingAddress", BOUND_ADDRESS)};
    const char *method = fields_required_text(&fields, "paymentMethod"), *mode = fields_text(&fields, "mode", NULL);
    ret_order->payment_method = word(&fields, "paymentMethod", method, &payment__v1__payment_method__descriptor,
                                     PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_DIGITAL_WALLET);
    if (mode != NULL)
        ret_order->mode = word(&fields, "mode", mode, &order__v1__saga_mode__descriptor,
                               ORDER__V1__SAGA_MODE__SAGA_MODE_CHOREOGRAPHED);
    read_lines(&fields, ret_order);
    return fields_end(&fields, ret_reason);
}
