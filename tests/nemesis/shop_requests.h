/* The commands of the shop, packed. Prices and stock follow from the number of the product. */
#ifndef TESTS_NEMESIS_SHOP_REQUESTS_H
#define TESTS_NEMESIS_SHOP_REQUESTS_H

#include "client/core/core.h"
#include "tests/nemesis/books.h"

enum { EXPENSIVE_MINOR = 950000 };         /* with tax above what the provider captures */

enum order_fault { FAULT_NONE, FAULT_EXPENSIVE, FAULT_CUSTOMER, FAULT_PRODUCT, FAULT_PRICE, FAULT_GREEDY, ORDER_FAULTS };

struct order_request {
    uint64_t number;
    uint64_t customer;                     /* may be one that does not exist */
    enum order_fault fault;
    const struct books_order *order;
    const struct books *books;
    bool forged;                           /* another content under the same id */
};

int64_t shop_price_minor(const struct books *books, uint32_t product);

void shop_create_customer(struct client *client, uint64_t number, const struct client_call *call);
void shop_create_product(struct client *client, const struct books *books, uint64_t number, const struct client_call *call);
void shop_replenish(struct client *client, uint64_t product, int64_t quantity, const struct client_call *call);
void shop_create_order(struct client *client, const struct order_request *request, const struct client_call *call);
void shop_cancel_order(struct client *client, uint64_t number, const struct client_call *call);

#endif
