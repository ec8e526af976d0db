/* Measures the services: `order_bench [ORDERS [LINES]]`, default 20000 orders of 1 line, over 8 partitions of one process
 * without network, disk or consensus. One thread does the work of all partitions, of the senders and of the provider. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "grid/base/check.h"
#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "services/commands.h"
#include "tests/support/partition_harness.h"

enum { PARTITIONS = 8, CUSTOMERS = 100, PRODUCTS = 300, LINES_MAX = 100, ID_BYTES = 32 };

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *id(char text[ID_BYTES], const char *kind, unsigned number)
{
    snprintf(text, ID_BYTES, "%s-%u", kind, number);
    return text;
}

static void stock_up(struct harness *harness)
{
    char text[ID_BYTES];
    Account__V1__CreateCustomer customer;
    Inventory__V1__CreateProduct product;
    account__v1__create_customer__init(&customer);
    customer.email = (char[]){"ada@example.com"};
    customer.name = (char[]){"Ada Byron"};
    inventory__v1__create_product__init(&product);
    product.sku = (char[]){"SKU-1"};
    product.name = (char[]){"Desk lamp"};
    product.currency = (char[]){"EUR"};
    product.price_minor = 1000;
    product.initial_quantity = 100000000;
    for (unsigned i = 0; i < CUSTOMERS; i++)
        harness_command(harness, SERVICE_NUMBER_account, ACCOUNT_CREATE_CUSTOMER, id(text, "customer", i), NULL,
                        &customer);
    for (unsigned i = 0; i < PRODUCTS; i++)
        harness_command(harness, SERVICE_NUMBER_inventory, INVENTORY_CREATE_PRODUCT, id(text, "product", i), NULL,
                        &product);
}

static void order(struct harness *harness, unsigned number, unsigned lines_count)
{
    char text[ID_BYTES], customer[ID_BYTES], products[LINES_MAX][ID_BYTES], name[] = "Desk lamp", sku[] = "SKU-1";
    Order__V1__QuotedLine lines[LINES_MAX], *pointers[LINES_MAX];
    Order__V1__CreateOrder create;
    order__v1__create_order__init(&create);
    for (unsigned i = 0; i < lines_count; i++) {
        order__v1__quoted_line__init(&lines[i]);
        lines[i].product_id = id(products[i], "product", (number * 7 + i * 31) % PRODUCTS);
        lines[i].quantity = 1;
        lines[i].unit_price_minor = 1000;
        lines[i].name = name;
        lines[i].sku = sku;
        pointers[i] = &lines[i];
    }
    create.customer_id = id(customer, "customer", number % CUSTOMERS);
    create.n_lines = lines_count;
    create.lines = pointers;
    create.shipping_address = (char[]){"12 Analytical Street, London"};
    create.payment_method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD;
    create.currency = (char[]){"EUR"};
    struct response response =
        harness_command(harness, SERVICE_NUMBER_order, ORDER_CREATE_ORDER, id(text, "order", number), NULL, &create);
    ENSURE(response.err == GRID_ERR_OK);
}

static unsigned number_of(const char *text, unsigned most)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end != '\0' || number < 1 || number > most) {
        fprintf(stderr, "order_bench: %s is not a number from 1 to %u\n", text, most);
        exit(2);
    }
    return (unsigned)number;
}

int main(int argc, char **argv)
{
    unsigned orders = argc > 1 ? number_of(argv[1], 100000000) : 20000,
             lines = argc > 2 ? number_of(argv[2], LINES_MAX) : 1;
    const struct harness_options options = {.seed = 1, .partitions = PARTITIONS};
    struct harness *harness = harness_open(&options);
    struct business_report report;
    stock_up(harness);
    double began_s = now_s();
    for (unsigned i = 0; i < orders; i++) {
        order(harness, i, lines);
        if (i % 20 == 19)
            harness_run(harness, 1);
    }
    bool settled = harness_settle(harness, 60000);
    double took_s = now_s() - began_s;
    harness_check(harness, true, &report);
    ENSURE(settled && report.violation[0] == '\0' && report.confirmed == orders);
    printf("%u orders of %u lines: %.0f a second of processor time, %llu events, %llu commands\n", orders, lines,
           orders / took_s, (unsigned long long)report.events, (unsigned long long)harness_counts(harness).commands);
    harness_close(harness);
    return 0;
}
