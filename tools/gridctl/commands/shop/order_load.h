/* A load of orders: creates customers and products, places orders, and reads the end of each saga.
 *
 * An order is CreateOrder with its quote, which is known because the load created the products; so the benchmark measures
 * the saga without reads. An operation ends when its saga ends: the entry with the saga's last step writes OrderConfirmed or
 * OrderCancelled. The load reads these from the journal of `order.events`, with a long poll on each partition: one
 * answer contains all orders that ended in the partition meanwhile. If the journal was off, the load switches it on, and off again at its end.
 * If a journal drops records, the load reads all orders under way once.
 *
 * Each load has its own ids, so that loads do not disturb each other. Shape: one struct order_place beside each struct bench_place.
 * Threads: the loop of the command. Ownership: borrows ctl. */
#ifndef TOOLS_GRIDCTL_COMMANDS_SHOP_ORDER_LOAD_H
#define TOOLS_GRIDCTL_COMMANDS_SHOP_ORDER_LOAD_H

#include "grid/base/arena.h"
#include "tools/gridctl/bench/bench.h"
#include "tools/gridctl/terminal/draw.h"

enum { ORDER_LOAD_RUN_BYTES = 32, ORDER_LOAD_PRODUCTS_MAX = 100 * 1000 };

struct order_load_options {
    struct draw_range lines;
    uint64_t decline_percent, products;
    double exponent;                       /* of the choice of products */
};

struct order_place {
    uint64_t number, units;                /* of the order that it carries; units on all its lines */
    bool busy, accepted, ended, good, declines;
};

/* Of the whole run, warm-up included. */
struct order_load_counts { uint64_t accepted, refused, unknown, completed, compensated, unexpected, units_sold; };

struct order_load {
    struct bench bench;
    struct ctl *ctl;
    struct order_load_options options;
    char run[ORDER_LOAD_RUN_BYTES];        /* every id begins with it */
    struct draw_zipf *zipf;
    struct order_place *places; uint64_t places_count;
    struct arena arena;                    /* of the command being built, the view being read */
    struct grid_journal *journal;
    bool journal_was_off, stopped;
    struct grid_map_info journal_info;     /* settings of the map before the load */
    struct order_load_counts counts;
    struct latency accepted;               /* from the same beginning up to the answer to CreateOrder */
};

/* An id of this load: kind "c" for customers, "p" for products. */
enum { ORDER_LOAD_ID_BYTES = ORDER_LOAD_RUN_BYTES + 48 };
const char *order_load_id(const struct order_load *load, const char *kind, uint64_t number, char text[ORDER_LOAD_ID_BYTES]);

/* Opens clients, creates customers and products, follows the journal; an exit code. Close it in any case. */
int order_load_open(struct order_load *load, struct ctl *ctl, const struct order_load_options *options,
                    const struct bench_plan *plan);
/* Runs the load (plan->start and plan->context are set here). */
void order_load_run(struct order_load *load, struct bench_plan *plan);
/* Whether nothing was lost: every accepted order has ended as it should, and the stock agrees with the orders. An exit
 * code; differences are printed on standard error. */
int order_load_verify(struct order_load *load);
void order_load_close(struct order_load *load);

#endif
