#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "services/commands.h"
#include "services/edge/input.h"
#include "services/message.h"
#include "services/service_list.h"

static void refuses_order(const char *text, const char *reason)
{
    struct arena arena;
    struct input_order order;
    const char *given = NULL;
    arena_init(&arena, 1024);
    cr_expect_not(input_order(bytes_of_text(text), &arena, &order, &given), "%s", text);
    cr_expect(given != NULL && strstr(given, reason) != NULL, "%s: '%s' does not say '%s'", text, given, reason);
    arena_close(&arena);
}

/* The price of a product with this price literal; -1: refused. */
static int64_t price(const char *literal, const char *currency)
{
    struct arena arena;
    struct input_command command;
    const char *reason;
    char text[256];
    int64_t minor = -1;
    arena_init(&arena, 1024);
    snprintf(text, sizeof text, "{\"sku\":\"s\",\"name\":\"nn\",\"price\":%s,\"currency\":\"%s\"}", literal, currency);
    if (input_product(bytes_of_text(text), &arena, &command, &reason)) {
        const Inventory__V1__CreateProduct *product =
            message_unpack(&inventory__v1__create_product__descriptor, command.body, &arena);
        cr_assert_not_null(product);
        minor = product->price_minor;
    }
    arena_close(&arena);
    return minor;
}

Test(input, reads_an_order)
{
    struct arena arena;
    struct input_order order;
    const char *reason;
    arena_init(&arena, 1024);
    cr_assert(input_order(bytes_of_text("{\"orderId\":\"o-1\",\"customerId\":\"c-1\",\"lines\":[{\"productId\":\"p-1\","
                                        "\"quantity\":2},{\"productId\":\"p-2\",\"quantity\":1}],\"shippingAddress\":"
                                        "\"Stra\xc3\x9f" "e 1\",\"paymentMethod\":\"debit_card\",\"extra\":{}}"),
                          &arena, &order, &reason), "%s", reason);
    cr_expect_str_eq(order.order_id, "o-1");
    cr_expect_str_eq(order.customer_id, "c-1");
    cr_expect_eq(order.lines_count, 2);
    cr_expect_str_eq(order.lines[1].product_id, "p-2");
    cr_expect_eq(order.lines[0].quantity, 2);
    cr_expect_eq(order.payment_method, 2);
    cr_expect_eq(order.mode, 0);
    arena_close(&arena);
}

Test(input, an_order_need_not_bring_an_id)
{
    struct arena arena;
    struct input_order order;
    const char *reason;
    arena_init(&arena, 1024);
    cr_assert(input_order(bytes_of_text("{\"customerId\":\"c\",\"lines\":[{\"productId\":\"p\",\"quantity\":1}],"
                                        "\"paymentMethod\":\"CREDIT_CARD\",\"orderId\":null}"),
                          &arena, &order, &reason));
    cr_expect_null(order.order_id);
    cr_expect_str_eq(order.shipping_address, "");
    arena_close(&arena);
}

Test(input, says_what_is_wrong_with_an_order)
{
    refuses_order("", "not JSON");
    refuses_order("nonsense", "not JSON");
    refuses_order("{\"customerId\":\"c\"", "not JSON");
    refuses_order("{\"customerId\":\"c\",\"customerId\":\"d\"}", "not JSON");
    refuses_order("{\"customerId\":\"\xff\"}", "not JSON");
    refuses_order("[]", "not a JSON object");
    refuses_order("{}", "customerId: is missing");
    refuses_order("{\"customerId\":7}", "customerId: must be text");
    refuses_order("{\"customerId\":\"c\"}", "paymentMethod: is missing");
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"SHELLS\"}", "'SHELLS' is not known");
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\"}", "lines: must be a list");
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\",\"lines\":[]}", "lines: must be a list");
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\",\"lines\":[5]}", "lines[0]: must be an object");
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\",\"lines\":[{\"quantity\":1}]}", "productId");
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\",\"lines\":[{\"productId\":\"p\"}]}",
                  "quantity must be a whole number");
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\",\"lines\":[{\"productId\":\"p\","
                  "\"quantity\":1.5}]}", "quantity: must be a whole number");
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\",\"lines\":[{\"productId\":\"p\","
                  "\"quantity\":-1}]}", "at least 1");
}

Test(input, an_order_has_at_most_a_hundred_lines)
{
    struct buffer text = {0};
    struct arena arena;
    struct input_order order;
    const char *reason;
    for (int lines = 100; lines <= 101; lines++) {
        buffer_clear(&text);
        buffer_append_text(&text, "{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\",\"lines\":[");
        for (int i = 0; i < lines; i++)
            buffer_append_format(&text, "%s{\"productId\":\"p\",\"quantity\":1}", i > 0 ? "," : "");
        buffer_append_text(&text, "]}");
        arena_init(&arena, 1024);
        cr_expect_eq(input_order(buffer_bytes(&text), &arena, &order, &reason), lines == 100);
        arena_close(&arena);
    }
    buffer_close(&text);
}

Test(input, reads_customers)
{
    struct arena arena;
    struct input_command command;
    const char *reason;
    arena_init(&arena, 1024);
    cr_assert(input_customer(bytes_of_text("{\"customerId\":\"c-1\",\"email\":\"a@b.example\",\"name\":\"Ada\"}"), &arena,
                             &command, &reason));
    cr_expect_str_eq(command.id, "c-1");
    cr_expect_eq(command.service, SERVICE_NUMBER_account);
    cr_expect_eq(command.type, ACCOUNT_CREATE_CUSTOMER);
    const Account__V1__CreateCustomer *customer =
        message_unpack(&account__v1__create_customer__descriptor, command.body, &arena);
    cr_assert_not_null(customer);
    cr_expect_str_eq(customer->email, "a@b.example");
    cr_expect_str_eq(customer->name, "Ada");
    cr_expect_not(input_customer(bytes_of_text("{\"email\":\"a@b.example\"}"), &arena, &command, &reason));
    cr_expect_str_eq(reason, "name: is missing");
    arena_close(&arena);
}

Test(input, prices_are_exact)
{
    cr_expect_eq(price("\"129.90\"", "EUR"), 12990);
    cr_expect_eq(price("129.90", "EUR"), 12990);
    cr_expect_eq(price("0.1", "EUR"), 10);
    cr_expect_eq(price("17", "EUR"), 1700);
    cr_expect_eq(price("1250", "JPY"), 1250);
    cr_expect_eq(price("9007199254740.99", "EUR"), 900719925474099);
    cr_expect_eq(price("0.125", "EUR"), -1, "half a cent");
    cr_expect_eq(price("\"0.125\"", "EUR"), -1);
    cr_expect_eq(price("12.5", "JPY"), -1, "no digits behind the point");
    cr_expect_eq(price("-1", "EUR"), -1);
    cr_expect_eq(price("1e30", "EUR"), -1);
    cr_expect_eq(price("true", "EUR"), -1);
    cr_expect_eq(price("\"1,50\"", "EUR"), -1);
    cr_expect_eq(price("\"1.50\"", "euro"), -1);
}

Test(input, every_cent_survives_a_json_number)
{
    char literal[32];
    for (int64_t minor = 0; minor < 200000; minor += 7) {
        snprintf(literal, sizeof literal, "%lld.%02lld", (long long)(minor / 100), (long long)(minor % 100));
        cr_assert_eq(price(literal, "EUR"), minor, "%s", literal);
    }
}
