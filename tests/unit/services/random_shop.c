#include "tests/unit/services/random_shop.h"

#include <stdio.h>
#include <string.h>

#include "grid/base/prng.h"

enum { CUSTOMERS = 4, PRODUCTS = 6, ORDERS_MAX = 24, PHASE_MS = 90000 };

struct shop_state {
    struct harness *harness;
    struct prng prng;
    char customers[CUSTOMERS][24], products[PRODUCTS][24], orders[ORDERS_MAX][24];
    int64_t prices[PRODUCTS];
    uint32_t partitions, orders_count;
};

static uint64_t draw(struct shop_state *shop, uint64_t low, uint64_t high)
{
    return prng_range(&shop->prng, low, high);
}

static bool chance(struct shop_state *shop, uint32_t percent)
{
    return prng_chance(&shop->prng, percent * 10000);
}

/* Ids that no message of the replaying link could be mistaken for: none lies in the partition that only replays. */
static void name(struct shop_state *shop, const char *kind, uint32_t number, char *ret_name)
{
    uint32_t salt = 0;
    do
        snprintf(ret_name, 24, "%s-%u-%u", kind, number, salt++);
    while (harness_partition_of(shop->harness, ret_name) >= shop->partitions);
}

/* Each class of faults is switched on or off before its rate is drawn. */
static struct harness_options draw_options(struct prng *prng, uint64_t seed, const struct service_registry *services)
{
    struct harness_options options = {.seed = seed, .services = services, .second_replica = seed % 4 == 0};
    options.partitions = (uint32_t)prng_range(prng, 1, 5);
    uint32_t *rates[] = {&options.lost_ppm, &options.repeated_ppm, &options.command_repeated_ppm,
                         &options.provider_silent_ppm, &options.provider_repeated_ppm};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
        *rates[i] = prng_chance(prng, 500000) ? (uint32_t)prng_range(prng, 10000, 400000) : 0;
    options.parked_ppm = prng_chance(prng, 250000) ? (uint32_t)prng_range(prng, 10000, 200000) : 0;
    options.delay_ms_max = (uint32_t)(prng_chance(prng, 500000) ? prng_range(prng, 5, 2000) : 5);
    options.provider_ms_max = (uint32_t)(prng_chance(prng, 300000) ? prng_range(prng, 100, 90000) : 50);
    return options;
}

static void stock_up(struct shop_state *shop)
{
    for (uint32_t i = 0; i < CUSTOMERS; i++) {
        name(shop, "customer", i, shop->customers[i]);
        shop_customer(shop->harness, shop->customers[i]);
    }
    for (uint32_t i = 0; i < PRODUCTS; i++) {
        name(shop, "product", i, shop->products[i]);
        shop->prices[i] = i == 0 ? 900000 : (int64_t)draw(shop, 1, 5000);
        shop_product(shop->harness, shop->products[i], shop->prices[i], (int64_t)draw(shop, 0, 12));
    }
}

static void order_something(struct shop_state *shop)
{
    struct shop_line lines[4];
    uint32_t count = (uint32_t)draw(shop, 1, 4), number = shop->orders_count;
    char nobody[24], ghost[24];
    name(shop, "nobody", number, nobody);
    name(shop, "ghost", number, ghost);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t product = (uint32_t)draw(shop, 0, PRODUCTS - 1);
        lines[i] = (struct shop_line){shop->products[product], (int64_t)draw(shop, 1, 3), shop->prices[product]};
        if (chance(shop, 3))
            lines[i].price_minor++;
        if (chance(shop, 3))
            lines[i].product = ghost;
    }
    const char *customer = chance(shop, 5) ? nobody : shop->customers[draw(shop, 0, CUSTOMERS - 1)];
    name(shop, "order", number, shop->orders[number]);
    if (shop_order(shop->harness, shop->orders[number], customer, lines, count).err == GRID_ERR_OK)
        shop->orders_count++;
}

static void disturb(struct shop_state *shop)
{
    const char *order = shop->orders_count == 0 ? NULL : shop->orders[draw(shop, 0, shop->orders_count - 1)];
    char payment[40];
    switch (draw(shop, 0, 5)) {
    case 0:
        if (order != NULL)
            shop_cancel(shop->harness, order);
        return;
    case 1:
        if (order != NULL)
            shop_confirm(shop->harness, order);
        return;
    case 2: harness_provider_down(shop->harness, chance(shop, 50)); return;
    case 3:
        if (order == NULL)
            return;
        /* Refused unless the order is confirmed, which the oracle would call money lost: so only for one that is not. */
        snprintf(payment, sizeof payment, "%s.p1", order);
        if (shop_read_order(shop->harness, order)->status != ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED)
            shop_refund(shop->harness, payment, order, 0);
        return;
    case 4: {
        Inventory__V1__ReplenishStock replenish;
        inventory__v1__replenish_stock__init(&replenish);
        replenish.quantity = (int64_t)draw(shop, 1, 5);
        harness_command(shop->harness, SERVICE_NUMBER_inventory, INVENTORY_REPLENISH_STOCK,
                        shop->products[draw(shop, 0, PRODUCTS - 1)], NULL, &replenish);
        return;
    }
    default: return;
    }
}

struct random_run random_shop_run(uint64_t seed, const struct service_registry *services)
{
    struct shop_state shop = {.orders_count = 0};
    struct random_run run = {.settled = false};
    struct business_report midway;
    prng_init(&shop.prng, seed * 2654435761u + 1);
    struct harness_options options = draw_options(&shop.prng, seed, services);
    shop.harness = harness_open(&options);
    shop.partitions = options.partitions;
    stock_up(&shop);
    uint64_t until_ms = harness_now_ms(shop.harness) + PHASE_MS;
    while (harness_now_ms(shop.harness) < until_ms) {
        if (shop.orders_count < ORDERS_MAX - 1 && chance(&shop, 40))
            order_something(&shop);
        if (chance(&shop, 30))
            disturb(&shop);
        harness_run(shop.harness, chance(&shop, 20) ? draw(&shop, 1000, 20000) : draw(&shop, 0, 200));
    }
    harness_check(shop.harness, false, &midway);
    harness_heal(shop.harness);
    run.settled = harness_settle(shop.harness, 240000);
    harness_check(shop.harness, true, &run.report);
    if (midway.violation[0] != '\0')
        memcpy(run.report.violation, midway.violation, sizeof run.report.violation);
    run.counts = harness_counts(shop.harness);
    harness_close(shop.harness);
    return run;
}
