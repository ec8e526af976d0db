/* bench orders: complete sagas, from CreateOrder to their end. */
#include <inttypes.h>

#include "tools/gridctl/commands/shop/order_load.h"

enum {
    CONCURRENCY_MAX = 100 * 1000,
    CONNECTIONS = 8,
    RATE_MAX = 1000 * 1000,
    SECONDS_MAX = 24 * 3600,
    LINES_MAX = 100,
    PATIENCE_SECONDS = 75,                 /* a saga ends within its deadline of 60 s and the undoing after it */
};

static int load_options(struct ctl *ctl, struct order_load_options *options, struct bench_plan *plan)
{
    const char *lines = ctl_option(ctl, "lines", "1-3"), *zipf = ctl_option(ctl, "zipf", "0");
    uint64_t concurrency, connections;
    if (!ctl_number(ctl, "concurrency", 64, CONCURRENCY_MAX, &concurrency) ||
        !ctl_number(ctl, "connections", CONNECTIONS, CONCURRENCY_MAX, &connections) ||
        !ctl_number(ctl, "rate", 0, RATE_MAX, &plan->rate) ||
        !ctl_seconds(ctl, "seconds", 10, SECONDS_MAX, &plan->seconds) ||
        !ctl_seconds(ctl, "warmup", 1, SECONDS_MAX, &plan->warmup_seconds) ||
        !ctl_number(ctl, "decline-percent", 0, 100, &options->decline_percent) ||
        !ctl_number(ctl, "products", 1000, ORDER_LOAD_PRODUCTS_MAX, &options->products))
        return EXIT_USAGE;
    if (concurrency == 0 || connections == 0 || plan->seconds == 0 || options->products == 0)
        return ctl_complain(ctl, EXIT_USAGE, "--concurrency, --connections, --seconds and --products are at least 1");
    if (!draw_range_parse(lines, LINES_MAX, &options->lines))
        return ctl_complain(ctl, EXIT_USAGE, "--lines is a number or a range within 1-%d, like 1-3, not '%s'", LINES_MAX, lines);
    if (!draw_exponent_parse(zipf, &options->exponent))
        return ctl_complain(ctl, EXIT_USAGE, "--zipf is a number from 0 to 10, like 0.99, not '%s'", zipf);
    plan->places = (uint32_t)concurrency;
    plan->connections = (uint32_t)(connections < concurrency ? connections : concurrency);
    plan->outstanding = (uint32_t)((concurrency + plan->connections - 1) / plan->connections);
    plan->patience_seconds = PATIENCE_SECONDS;
    return EXIT_DONE;
}

static void show_json(const struct order_load *load, bool verified)
{
    const struct order_load_counts *counts = &load->counts;
    struct json json = ctl_json(load->ctl);
    json_put_object_begin(&json, NULL);
    bench_put(&json, &load->bench.result);
    bench_put_latency(&json, "acceptanceUs", &load->accepted);
    json_put_object_begin(&json, "orders");
    json_put_unsigned(&json, "accepted", counts->accepted);
    json_put_unsigned(&json, "refused", counts->refused);
    json_put_unsigned(&json, "unknown", counts->unknown);
    json_put_unsigned(&json, "completed", counts->completed);
    json_put_unsigned(&json, "compensated", counts->compensated);
    json_put_unsigned(&json, "unexpected", counts->unexpected);
    json_put_unsigned(&json, "unended", load->bench.under_way);
    json_put_object_end(&json);
    json_put_bool(&json, "verified", verified);
    json_put_object_end(&json);
    ctl_json_end(load->ctl);
}

static void show_table(const struct order_load *load, bool verified)
{
    static const char *const headers[] = {BENCH_HEADERS, ">ACCEPTED P50", ">P99", ">COMPENSATED", "VERIFIED", NULL};
    struct table_view *table = table_view_open(load->ctl, headers);
    table_view_row(table);
    bench_cells(table, &load->bench.result);
    bench_cell_ms(table, latency_at(&load->accepted, 500));
    bench_cell_ms(table, latency_at(&load->accepted, 990));
    table_view_cell(table, "%" PRIu64, load->counts.compensated);
    table_view_cell(table, "%s", verified ? "yes" : "NO");
    table_view_close(table, load->ctl);
}

static int measure(struct order_load *load, struct bench_plan *plan)
{
    order_load_run(load, plan);
    int code = order_load_verify(load);
    if (load->ctl->json)
        show_json(load, code == EXIT_DONE);
    else
        show_table(load, code == EXIT_DONE);
    return code == EXIT_DONE && load->bench.result.operations == 0 ? EXIT_FAILED : code;
}

int bench_orders(struct ctl *ctl)
{
    struct order_load load;
    struct order_load_options options;
    struct bench_plan plan = {0};
    int code = load_options(ctl, &options, &plan);
    if (code == EXIT_DONE)
        code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    code = order_load_open(&load, ctl, &options, &plan);
    if (code == EXIT_DONE)
        code = measure(&load, &plan);
    order_load_close(&load);
    return code;
}
