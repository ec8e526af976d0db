/* A small shop in a harness: customers, products, orders in one line each. For the tests of the services. */
#ifndef TESTS_UNIT_SERVICES_SHOP_H
#define TESTS_UNIT_SERVICES_SHOP_H

#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "service/payment/v1/payment.pb-c.h"
#include "service/saga/v1/saga.pb-c.h"
#include "services/commands.h"
#include "tests/support/partition_harness.h"

enum { SHOP_LINES_MAX = 100 };

struct shop_line { const char *product; int64_t quantity, price_minor; };

struct response shop_customer(struct harness *harness, const char *id);
struct response shop_product(struct harness *harness, const char *id, int64_t price_minor, int64_t quantity);
struct response shop_order(struct harness *harness, const char *id, const char *customer, const struct shop_line *lines,
                           size_t lines_count);
struct response shop_cancel(struct harness *harness, const char *order_id);
struct response shop_confirm(struct harness *harness, const char *order_id);
struct response shop_refund(struct harness *harness, const char *payment_id, const char *order_id,
                            int64_t amount_minor);

const Inventory__V1__Product *shop_read_product(struct harness *harness, const char *id);
const Order__V1__Order *shop_read_order(struct harness *harness, const char *id);
const Saga__V1__Saga *shop_read_saga(struct harness *harness, const char *order_id);
const Payment__V1__Payment *shop_read_payment(struct harness *harness, const char *order_id);
/* Of any service, by its name: what partition_metric says. */
int64_t shop_metric(const struct partition *partition, const char *name);

#endif
