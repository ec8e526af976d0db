#include "tests/unit/services/shop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct response shop_customer(struct harness *harness, const char *id)
{
    Account__V1__CreateCustomer create;
    account__v1__create_customer__init(&create);
    create.email = (char[]){"ada@example.com"};
    create.name = (char[]){"Ada Byron"};
    create.address = (char[]){"12 Analytical Street"};
    return harness_command(harness, SERVICE_NUMBER_account, ACCOUNT_CREATE_CUSTOMER, id, NULL, &create);
}

struct response shop_product(struct harness *harness, const char *id, int64_t price_minor, int64_t quantity)
{
    Inventory__V1__CreateProduct create;
    inventory__v1__create_product__init(&create);
    create.sku = (char[]){"SKU-1"};
    create.name = (char[]){"Thing"};
    create.currency = (char[]){"EUR"};
    create.price_minor = price_minor;
    create.initial_quantity = quantity;
    return harness_command(harness, SERVICE_NUMBER_inventory, INVENTORY_CREATE_PRODUCT, id, NULL, &create);
}

struct response shop_order(struct harness *harness, const char *id, const char *customer, const struct shop_line *lines,
                           size_t lines_count)
{
    char products[SHOP_LINES_MAX][64], customer_text[64], name[] = "Thing", sku[] = "SKU-1";
    Order__V1__QuotedLine quoted[SHOP_LINES_MAX], *pointers[SHOP_LINES_MAX];
    Order__V1__CreateOrder create;
    order__v1__create_order__init(&create);
    snprintf(customer_text, sizeof customer_text, "%s", customer);
    for (size_t i = 0; i < lines_count; i++) {
        order__v1__quoted_line__init(&quoted[i]);
        snprintf(products[i], sizeof products[i], "%s", lines[i].product);
        quoted[i].product_id = products[i];
        quoted[i].quantity = lines[i].quantity;
        quoted[i].unit_price_minor = lines[i].price_minor;
        quoted[i].name = name;
        quoted[i].sku = sku;
        pointers[i] = &quoted[i];
    }
    create.customer_id = customer_text;
    create.n_lines = lines_count;
    create.lines = pointers;
    create.shipping_address = (char[]){"12 Analytical Street"};
    create.payment_method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD;
    create.currency = (char[]){"EUR"};
    return harness_command(harness, SERVICE_NUMBER_order, ORDER_CREATE_ORDER, id, NULL, &create);
}

struct response shop_cancel(struct harness *harness, const char *order_id)
{
    Order__V1__CancelOrder cancel;
    order__v1__cancel_order__init(&cancel);
    cancel.reason = (char[]){"changed my mind"};
    cancel.cancelled_by = (char[]){"ada"};
    return harness_command(harness, SERVICE_NUMBER_order, ORDER_CANCEL_ORDER, order_id, NULL, &cancel);
}

struct response shop_confirm(struct harness *harness, const char *order_id)
{
    Order__V1__ConfirmOrder confirm;
    order__v1__confirm_order__init(&confirm);
    return harness_command(harness, SERVICE_NUMBER_order, ORDER_CONFIRM_ORDER, order_id, NULL, &confirm);
}

struct response shop_refund(struct harness *harness, const char *payment_id, const char *order_id, int64_t amount_minor)
{
    Payment__V1__RefundPayment refund;
    payment__v1__refund_payment__init(&refund);
    refund.amount_minor = amount_minor;
    return harness_command(harness, SERVICE_NUMBER_payment, PAYMENT_REFUND_PAYMENT, payment_id, order_id, &refund);
}

const Inventory__V1__Product *shop_read_product(struct harness *harness, const char *id)
{
    return harness_read(harness, "inventory.view", id, NULL, &inventory__v1__product__descriptor);
}

const Order__V1__Order *shop_read_order(struct harness *harness, const char *id)
{
    return harness_read(harness, "order.view", id, NULL, &order__v1__order__descriptor);
}

const Saga__V1__Saga *shop_read_saga(struct harness *harness, const char *order_id)
{
    char id[80];
    snprintf(id, sizeof id, "%s.s1", order_id);
    return harness_read(harness, "saga.view", id, order_id, &saga__v1__saga__descriptor);
}

const Payment__V1__Payment *shop_read_payment(struct harness *harness, const char *order_id)
{
    char id[80];
    snprintf(id, sizeof id, "%s.p1", order_id);
    return harness_read(harness, "payment.view", id, order_id, &payment__v1__payment__descriptor);
}

int64_t shop_metric(const struct partition *partition, const char *name)
{
    const struct service_registry *services = registry_builtin();
    for (size_t i = 0; i < services->count; i++)
        for (size_t k = 0; k < services->services[i]->metrics_count; k++)
            if (strcmp(services->services[i]->metrics[k].name, name) == 0)
                return partition_metric(partition, services->services[i], k);
    cr_assert_fail("no service has the metric %s", name);
    return 0;
}
