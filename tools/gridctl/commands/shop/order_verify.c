/* What must hold after a load of orders: nothing was lost, and the stock agrees with how the orders ended (I02, I04). */
#include <inttypes.h>

#include "grid/base/memory.h"
#include "services/edge/sample.h"
#include "services/edge/views.h"
#include "tools/gridctl/commands/shop/order_load.h"

enum { PRODUCTS_A_READ = 1000, SETTLE_MS = 30 * 1000 };

struct stock {
    struct order_load *load;
    uint64_t products, sold, reserved, wrong;  /* wrong: products whose units do not sum to what they began with */
    bool done;
    int code;
};

static void on_products(void *context, const struct grid_reply *reply)
{
    struct stock *stock = context;
    stock->done = true;
    if (reply->outcome != GRID_OUTCOME_OK) {
        stock->code = ctl_failed(stock->load->ctl, "the products cannot be read", reply);
        return;
    }
    for (size_t i = 0; i < reply->entries_count; i++) {
        struct view_product view;
        struct grid_bytes value = reply->entries[i].value;
        arena_reset(&stock->load->arena);
        if (!view_product(bytes_of(value.data, value.size), &stock->load->arena, &view))
            continue;
        stock->products++;
        stock->sold += (uint64_t)view.sold;
        stock->reserved += (uint64_t)view.reserved;
        stock->wrong += view.on_hand + view.reserved + view.sold != SAMPLE_STOCK;
    }
}

static void read_some(struct stock *stock, uint64_t from, uint64_t to)
{
    struct order_load *load = stock->load;
    struct grid_call call = {.done = on_products, .context = stock};
    size_t count = (size_t)(to - from);
    char(*ids)[ORDER_LOAD_ID_BYTES] = memory_zero(count, sizeof *ids);
    struct grid_key *keys = memory_zero(count, sizeof *keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = grid_key_text(order_load_id(load, "p", from + i, ids[i]));
    stock->done = false;
    grid_client_get_all(load->ctl->client, "inventory.view", keys, count, &call);
    ctl_wait(load->ctl, &stock->done);
    memory_free(keys);
    memory_free(ids);
}

static void read_stock(struct stock *stock, struct order_load *load)
{
    *stock = (struct stock){.load = load};
    for (uint64_t from = 0; from < load->options.products && stock->code == EXIT_DONE; from += PRODUCTS_A_READ) {
        uint64_t to = from + PRODUCTS_A_READ;
        read_some(stock, from, to < load->options.products ? to : load->options.products);
    }
}

static int verify_stock(struct order_load *load)
{
    const struct order_load_counts *counts = &load->counts;
    struct stock stock;
    uint64_t until_us = bench_now_us() + SETTLE_MS * 1000;
    /* A saga ends before its reservations have become sales. */
    do
        read_stock(&stock, load);
    while (stock.code == EXIT_DONE && stock.reserved > 0 && bench_now_us() < until_us);
    if (stock.code != EXIT_DONE)
        return stock.code;
    if (stock.products != load->options.products || stock.wrong > 0 || stock.reserved > 0)
        return ctl_complain(load->ctl, EXIT_FAILED, "%" PRIu64 " of %" PRIu64 " products exist, %" PRIu64
                            " have units too many or too few, %" PRIu64 " units are still reserved",
                            stock.products, load->options.products, stock.wrong, stock.reserved);
    /* An order whose acceptance is not known may have sold something too. */
    if (counts->unknown > 0 ? stock.sold < counts->units_sold : stock.sold != counts->units_sold)
        return ctl_complain(load->ctl, EXIT_FAILED, "%" PRIu64 " units are sold, confirmed orders have %" PRIu64,
                            stock.sold, counts->units_sold);
    return EXIT_DONE;
}

int order_load_verify(struct order_load *load)
{
    const struct order_load_counts *counts = &load->counts;
    uint64_t ended = counts->completed + counts->compensated;
    if (load->bench.under_way > 0)
        return ctl_complain(load->ctl, EXIT_FAILED, "%" PRIu64 " orders did not end: lost, parked or too slow",
                            load->bench.under_way);
    if (counts->unexpected > 0)
        return ctl_complain(load->ctl, EXIT_FAILED, "%" PRIu64 " orders had another outcome than they should have",
                            counts->unexpected);
    /* One that ended may have been answered as unknown. */
    if (counts->unknown > 0 ? ended < counts->accepted : ended != counts->accepted)
        return ctl_complain(load->ctl, EXIT_FAILED, "%" PRIu64 " orders were accepted and %" PRIu64 " sagas ended",
                            counts->accepted, ended);
    return verify_stock(load);
}
