/* What the files of the orders workload share: the shop that is simulated, and the audit of its books. */
#ifndef TESTS_SIM_WORKLOADS_ORDERS_ORDERS_H
#define TESTS_SIM_WORKLOADS_ORDERS_ORDERS_H

#include "tests/sim/cluster/cluster.h"

enum { CUSTOMERS_MAX = 12, PRODUCTS_MAX = 16, ORDERS_MAX = 4096, ORDER_LINES_HERE_MAX = 4, ID_BYTES = 24 };

enum order_kind {
    ORDER_GOOD,                    /* may still find too little stock */
    ORDER_EXPENSIVE,               /* above what the provider captures */
    ORDER_UNKNOWN_CUSTOMER,
    ORDER_UNKNOWN_PRODUCT,
    ORDER_WRONG_PRICE,
    ORDER_GREEDY,                  /* asks one line for more than there ever is */
    ORDER_KINDS
};

enum told { TOLD_NOTHING, TOLD_ACCEPTED, TOLD_REFUSED, TOLD_UNKNOWN };

struct order_line { uint32_t product; int64_t quantity; };

struct shop_order {
    enum order_kind kind;
    uint32_t customer, lines_count;
    struct order_line lines[ORDER_LINES_HERE_MAX];
    enum told told;
    bool cancel_asked;
    uint32_t seen_status;          /* newest status that any reader saw; terminal ones must stay (I05) */
};

struct shop {
    struct run *run;
    struct world *world;
    uint32_t customers_count, products_count;
    int64_t stock[PRODUCTS_MAX], price_minor[PRODUCTS_MAX];
    struct shop_order orders[ORDERS_MAX];
    uint32_t orders_count;
    bool retains;                  /* small limits of retention are set while it runs */
};

/* Ids are derived from numbers. */
struct bytes shop_customer_id(char text[ID_BYTES], uint32_t number);
struct bytes shop_product_id(char text[ID_BYTES], uint32_t number);
struct bytes shop_order_id(char text[ID_BYTES], uint32_t number);

/* At rest: I01-I07, I09 and I13 over every view, event and the provider's ledger. Fails the world at the first lie. */
void shop_audit(struct shop *shop, const struct cluster *cluster);
/* Partitions that keep more ended sagas than they may. */
uint32_t shop_beyond_limits(const struct shop *shop, const struct cluster *cluster);
/* Sagas that have not ended, over the farthest replicas. */
uint64_t shop_sagas_open(const struct shop *shop, const struct cluster *cluster);

#endif
