/* What gridctl reads, line by line, for the test that compares it with a strict parser of another language:
 * `read_lines json|load|batch|customer|product|order < FILE`.
 *
 * A line for each that is not blank: its number, and "refused" or "ok" with what was read; texts in hexadecimal. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "services/edge/input.h"
#include "services/edge/json_read.h"
#include "services/message.h"
#include "tools/gridctl/input/lines.h"
#include "tools/gridctl/input/map_line.h"

static void put(const char *name, struct bytes text)
{
    printf(" %s=", name);
    for (size_t i = 0; i < text.size; i++)
        printf("%02x", text.data[i]);
}

static void put_text(const char *name, const char *text)
{
    if (text != NULL)
        put(name, bytes_of_text(text));
}

static bool read_json(struct bytes text, struct arena *arena, const char **ret_reason)
{
    const struct json_value *root = json_read(text, arena, ret_reason);
    if (root == NULL)
        return false;
    printf(" ok");
    put("raw", root->raw);
    if (root->kind == JSON_KIND_STRING)
        put("text", root->text);
    for (const struct json_value *child = root->first; child != NULL; child = child->next) {
        put("name", child->name);
        put("raw", child->raw);
        if (child->kind == JSON_KIND_STRING)
            put("text", child->text);
    }
    return true;
}

static bool read_operation(bool batch, struct bytes text, struct arena *arena, const char **ret_reason)
{
    struct map_line line;
    const struct grid_operation *operation = &line.operation;
    if (!(batch ? map_line_batch : map_line_load)(text, arena, &line, ret_reason))
        return false;
    printf(" ok kind=%d version=%" PRIu64 " ttl=%" PRIu64, operation->kind, operation->expected_version, operation->ttl_ms);
    put("key", bytes_of(operation->key.key.data, operation->key.key.size));
    if (line.has_affinity)
        put("affinity", bytes_of(operation->key.affinity.data, operation->key.affinity.size));
    put("value", bytes_of(operation->value.data, operation->value.size));
    put("expected", bytes_of(operation->expected_value.data, operation->expected_value.size));
    put_text("map", operation->map);
    return true;
}

static bool read_customer(struct bytes text, struct arena *arena, const char **ret_reason)
{
    struct input_command command;
    if (!input_customer(text, arena, &command, ret_reason))
        return false;
    const Account__V1__CreateCustomer *customer = message_unpack(&account__v1__create_customer__descriptor, command.body, arena);
    printf(" ok");
    put_text("id", command.id);
    put_text("email", customer->email);
    put_text("name", customer->name);
    put_text("address", customer->address);
    put_text("phone", customer->phone);
    return true;
}

static bool read_product(struct bytes text, struct arena *arena, const char **ret_reason)
{
    struct input_command command;
    if (!input_product(text, arena, &command, ret_reason))
        return false;
    const Inventory__V1__CreateProduct *product = message_unpack(&inventory__v1__create_product__descriptor, command.body, arena);
    printf(" ok price=%" PRId64 " quantity=%" PRId64, product->price_minor, product->initial_quantity);
    put_text("id", command.id);
    put_text("sku", product->sku);
    put_text("name", product->name);
    put_text("description", product->description);
    put_text("currency", product->currency);
    put_text("category", product->category);
    return true;
}

static bool read_order(struct bytes text, struct arena *arena, const char **ret_reason)
{
    struct input_order order;
    if (!input_order(text, arena, &order, ret_reason))
        return false;
    printf(" ok method=%d mode=%d", order.payment_method, order.mode);
    put_text("id", order.order_id);
    put_text("customer", order.customer_id);
    put_text("address", order.shipping_address);
    for (size_t i = 0; i < order.lines_count; i++) {
        put_text("product", order.lines[i].product_id);
        printf(" quantity=%" PRId64, order.lines[i].quantity);
    }
    return true;
}

static bool read_one(char what, struct bytes text, struct arena *arena, const char **ret_reason)
{
    switch (what) {
    case 'j': return read_json(text, arena, ret_reason);
    case 'l': return read_operation(false, text, arena, ret_reason);
    case 'b': return read_operation(true, text, arena, ret_reason);
    case 'c': return read_customer(text, arena, ret_reason);
    case 'p': return read_product(text, arena, ret_reason);
    default: return read_order(text, arena, ret_reason);
    }
}

int main(int count, char **arguments)
{
    struct lines lines = {.number = 0};
    struct line line;
    struct arena arena;
    ssize_t size = 1;
    if (count != 2)
        return 2;
    arena_init(&arena, 64 * 1024);
    while (size > 0) {
        size = read(STDIN_FILENO, lines_room(&lines, 1000), 1000);
        lines_add(&lines, 1000, size > 0 ? (size_t)size : 0);
        while (lines_next(&lines, size == 0, &line)) {
            const char *reason = NULL;
            arena_reset(&arena);
            printf("%" PRIu64, line.number);
            if (!read_one(arguments[1][0], line.text, &arena, &reason)) {
                printf(" refused");
                put_text("reason", reason);
            }
            printf("\n");
        }
    }
    arena_close(&arena);
    lines_close(&lines);
    return size < 0;
}
