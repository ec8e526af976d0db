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
                                        "\"Stra\xc3\x9f" "e 1\",\"paymentMethod\":\"debit_card\",\"mode\":\"CHOREOGRAPHED\"}"),
                          &arena, &order, &reason), "%s", reason);
    cr_expect_str_eq(order.order_id, "o-1");
    cr_expect_str_eq(order.customer_id, "c-1");
    cr_expect_eq(order.lines_count, 2);
    cr_expect_str_eq(order.lines[1].product_id, "p-2");
    cr_expect_eq(order.lines[0].quantity, 2);
    cr_expect_eq(order.payment_method, 2);
    cr_expect_eq(order.mode, 1);
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
    cr_expect_eq(order.mode, 0, "the default");
    cr_expect_str_eq(order.shipping_address, "");
    arena_close(&arena);
}

Test(input, says_what_is_wrong_with_an_order)
{
    refuses_order("", "not JSON: it ends too early");
    refuses_order("nonsense", "not JSON");
    refuses_order("{\"customerId\":\"c\"", "not JSON");
    refuses_order("{\"customerId\":\"c\",\"customerId\":\"d\"}", "customerId: is given twice");
    refuses_order("{\"customerId\":\"\xff\"}", "not JSON");
    refuses_order("[]", "must be a JSON object");
    refuses_order("{}", "customerId: is missing");
    refuses_order("{\"customerId\":7}", "customerId: must be text");
    refuses_order("{\"customerId\":\"\"}", "customerId: must have 1 to 240 bytes");
    refuses_order("{\"orderId\":\"\",\"customerId\":\"c\"}", "orderId: must not be empty");
    refuses_order("{\"customerId\":\"a\\u0000b\"}", "customerId: must not contain a NUL");
    refuses_order("{\"customerId\":\"c\"}", "paymentMethod: is missing");
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"SHELLS\"}",
                  "'SHELLS' is not known; it is one of CREDIT_CARD, DEBIT_CARD, BANK_TRANSFER, DIGITAL_WALLET");
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\",\"mode\":\"ORCHESTRATED\"}",
                  "mode: 'ORCHESTRATED' is not known; it is one of CHOREOGRAPHED");
}

/* An order but for its lines. */
#define WITH_LINES(lines) "{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\",\"lines\":" lines "}"

Test(input, says_what_is_wrong_with_the_lines_of_an_order)
{
    refuses_order("{\"customerId\":\"c\",\"paymentMethod\":\"CREDIT_CARD\"}", "lines: is missing");
    refuses_order(WITH_LINES("[]"), "lines: must be a list");
    refuses_order(WITH_LINES("{\"productId\":\"p\",\"quantity\":1}"), "lines: must be a list");
    refuses_order(WITH_LINES("[5]"), "lines[0]: must be a JSON object");
    refuses_order(WITH_LINES("[{\"quantity\":1}]"), "lines[0].productId: is missing");
    refuses_order(WITH_LINES("[{\"productId\":\"p\",\"quantity\":1},{\"productId\":\"p\"}]"), "lines[1].quantity: is missing");
    refuses_order(WITH_LINES("[{\"productId\":\"p\",\"quantity\":1.5}]"), "lines[0].quantity: must be a whole number");
    refuses_order(WITH_LINES("[{\"productId\":\"p\",\"quantity\":1e3}]"), "lines[0].quantity: must be a whole number");
    refuses_order(WITH_LINES("[{\"productId\":\"p\",\"quantity\":\"2\"}]"), "lines[0].quantity: must be a whole number");
    refuses_order(WITH_LINES("[{\"productId\":\"p\",\"quantity\":-1}]"), "lines[0].quantity: must be a whole number from 1");
    refuses_order(WITH_LINES("[{\"productId\":\"p\",\"quantity\":99999999999999999999}]"), "lines[0].quantity: must be");
    refuses_order(WITH_LINES("[{\"productId\":\"p\",\"quantity\":1,\"price\":\"9.99\"}]"),
                  "lines[0].price: there is no such field; the fields are productId, quantity");
    refuses_order(WITH_LINES("[{\"productId\":\"p\",\"quantity\":1,\"quantity\":2}]"), "quantity: is given twice");
}

Test(input, refuses_fields_that_an_order_does_not_have)
{
    refuses_order(WITH_LINES("[{\"productId\":\"p\",\"quantity\":1}],\"shippingAdress\":\"x\""),
                  "shippingAdress: there is no such field; did you mean shippingAddress?");
    refuses_order(WITH_LINES("[{\"productId\":\"p\",\"quantity\":1}],\"coupon\":\"x\""), "coupon: there is no such field");
    refuses_order("{\"customrId\":\"c\"}", "did you mean customerId?");
}

static void refuses_product(const char *text, const char *expected)
{
    struct arena arena;
    struct input_command command;
    const char *reason = "";
    arena_init(&arena, 1024);
    cr_expect_not(input_product(bytes_of_text(text), &arena, &command, &reason), "%s", text);
    cr_expect_not_null(strstr(reason, expected), "%s: '%s' does not say '%s'", text, reason, expected);
    arena_close(&arena);
}

Test(input, a_product_says_its_currency_and_what_it_begins_with)
{
    refuses_product("{\"sku\":\"s\",\"name\":\"nn\",\"price\":1}", "currency: is missing");
    refuses_product("{\"sku\":\"s\",\"name\":\"nn\",\"price\":1,\"currency\":null}", "currency: must be text in quotes, not null");
    refuses_product("{\"sku\":\"s\",\"name\":\"nn\",\"price\":1,\"currency\":\"eur\"}", "currency: must be three capital letters");
    refuses_product("{\"sku\":\"s\",\"name\":\"nn\",\"currency\":\"EUR\"}", "price: is missing");
    refuses_product("{\"sku\":\"s\",\"name\":\"nn\",\"price\":1,\"currency\":\"EUR\",\"quantityOnHand\":5}",
                    "quantityOnHand: there is no such field; the fields are productId, sku, name");
    refuses_product("{\"sku\":\"s\",\"name\":\"nn\",\"price\":1,\"currency\":\"EUR\",\"initialQuantity\":\"5\"}",
                    "initialQuantity: must be a whole number");
    refuses_product("{\"sku\":\"s\",\"name\":\"nn\",\"price\":1,\"currency\":\"EUR\",\"initialQuantity\":-5}",
                    "initialQuantity: must be a whole number from 0 to 1000000000");
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
    cr_expect_eq(price("70368744177664.01", "EUR"), 7036874417766401, "more digits than binary floating point has");
    cr_expect_eq(price("92233720368547758.07", "EUR"), INT64_MAX);
    cr_expect_eq(price("92233720368547758.08", "EUR"), -1);
    cr_expect_eq(price("1.005", "KWD"), 1005);
    cr_expect_eq(price("0.125", "EUR"), -1, "half a cent");
    cr_expect_eq(price("\"0.125\"", "EUR"), -1);
    cr_expect_eq(price("12.5", "JPY"), -1, "no digits behind the point");
    cr_expect_eq(price("-1", "EUR"), -1);
    cr_expect_eq(price("1e30", "EUR"), -1);
    cr_expect_eq(price("1e2", "EUR"), -1, "amounts have no exponents");
    cr_expect_eq(price("true", "EUR"), -1);
    cr_expect_eq(price("\"1,50\"", "EUR"), -1);
    cr_expect_eq(price("\"1.50\"", "euro"), -1);
}

Test(input, every_cent_survives_a_json_number)
{
    char literal[32];
    for (int64_t minor = 1; minor < 200000; minor += 7) {
        snprintf(literal, sizeof literal, "%lld.%02lld", (long long)(minor / 100), (long long)(minor % 100));
        cr_assert_eq(price(literal, "EUR"), minor, "%s", literal);
    }
}
