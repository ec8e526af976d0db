#include "tools/gridctl/bench/bench.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum {
    CONNECTIONS_MAX = 10000,
    OUTSTANDING_MAX = 10000,
    SECONDS_MAX = 24 * 3600,
    RATE_MAX = 100 * 1000 * 1000,
    PENDING_SPARE = 1024,                  /* the clients' own requests, in addition to those of the bench */
    SECOND_US = 1000 * 1000,
};

uint64_t bench_now_us(void)
{
    return uv_hrtime() / 1000;
}

/* ---- options */

int bench_options(struct ctl *ctl, struct bench_plan *plan)
{
    uint64_t connections, outstanding;
    bool good = ctl_number(ctl, "connections", 50, CONNECTIONS_MAX, &connections) &&
                ctl_number(ctl, "outstanding", 16, OUTSTANDING_MAX, &outstanding) &&
                ctl_number(ctl, "rate", 0, RATE_MAX, &plan->rate) &&
                ctl_seconds(ctl, "seconds", 10, SECONDS_MAX, &plan->seconds) &&
                ctl_seconds(ctl, "warmup", 1, SECONDS_MAX, &plan->warmup_seconds);
    if (!good)
        return EXIT_USAGE;
    if (connections == 0 || outstanding == 0 || plan->seconds == 0)
        return ctl_complain(ctl, EXIT_USAGE, "--connections, --outstanding and --seconds are at least 1");
    plan->connections = (uint32_t)connections;
    plan->outstanding = (uint32_t)outstanding;
    return EXIT_DONE;
}

/* ---- places */

static void give_back(struct bench *bench, struct bench_place *place)
{
    place->next = NULL;
    if (bench->free_last == NULL)
        bench->free_first = place;
    else
        bench->free_last->next = place;
    bench->free_last = place;
}

/* The one that is free for longest, so that the clients take turns. */
static struct bench_place *take_place(struct bench *bench)
{
    struct bench_place *place = bench->free_first;
    bench->free_first = place->next;
    if (bench->free_first == NULL)
        bench->free_last = NULL;
    return place;
}

static void issue(struct bench *bench, struct bench_place *place, uint64_t since_us)
{
    place->since_us = since_us;
    place->counted = since_us >= bench->measured_us;
    bench->under_way++;
    bench->plan->start(place, bench->issued++);
}

/* ---- the open loop */

/* When operation `number` is meant to start. */
static uint64_t meant_us(const struct bench *bench, uint64_t number)
{
    return bench->started_us + number / bench->plan->rate * SECOND_US +
           number % bench->plan->rate * SECOND_US / bench->plan->rate;
}

static bool issue_due(struct bench *bench)
{
    uint64_t meant;
    while ((meant = meant_us(bench, bench->issued)) < bench->end_us) {
        if (meant > bench->now_us || bench->free_first == NULL)
            return true;
        issue(bench, take_place(bench), meant);
    }
    return false;
}

static void pace(uv_timer_t *timer)
{
    struct bench *bench = timer->data;
    bench->now_us = bench_now_us();
    bool more = bench->plan->rate != 0 ? issue_due(bench) : bench->now_us < bench->end_us;
    uint64_t patience = bench->plan->patience_seconds != 0 ? bench->plan->patience_seconds : bench->plan->seconds;
    bool patient = bench->now_us < bench->end_us + patience * SECOND_US;
    if ((more || bench->under_way > 0) && patient)
        return;
    bench->done = true;
}

/* ---- the end of an operation */

static bool plan_done(const struct bench *bench)
{
    return bench->plan->operations != 0 ? bench->issued == bench->plan->operations : bench->now_us >= bench->end_us;
}

bool bench_counts(const struct bench *bench, const struct bench_place *place)
{
    if (bench->plan->rate != 0)
        return place->counted;
    return bench->now_us >= bench->measured_us && bench->now_us < bench->end_us;
}

static void count(struct bench *bench, const struct bench_place *place, bool good)
{
    if (!bench_counts(bench, place))
        return;
    if (!good) {
        bench->result.errors++;
        return;
    }
    bench->result.operations++;
    bench->result.elapsed_us = bench->now_us - bench->measured_us;
    latency_add(&bench->result.latency, bench->now_us > place->since_us ? bench->now_us - place->since_us : 0);
}

void bench_end(struct bench_place *place, const struct grid_reply *reply, bool good)
{
    struct bench *bench = place->bench;
    bench->now_us = bench_now_us();
    bench->under_way--;
    if (bench->done)
        return;
    count(bench, place, good);
    if (!good && !bench->said) {
        bench->said = true;
        ctl_failed(bench->ctl, "an operation failed", reply);
    }
    if (bench->plan->rate != 0) {
        give_back(bench, place);
        issue_due(bench);
    } else if (!plan_done(bench)) {
        issue(bench, place, bench->now_us);
    } else if (bench->under_way == 0) {
        bench->done = true;
    }
}

/* ---- life */

void bench_open(struct bench *bench, struct ctl *ctl)
{
    *bench = (struct bench){.ctl = ctl};
    prng_init(&bench->prng, uv_hrtime());
    HOLDS(uv_timer_init(&ctl->loop, &bench->pace) == 0);
    bench->pace.data = bench;
}

static uint32_t places_of(const struct bench_plan *plan)
{
    return plan->places != 0 ? plan->places : plan->connections * plan->outstanding;
}

static void open_clients(struct bench *bench)
{
    const struct bench_plan *plan = bench->plan;
    struct ctl *ctl = bench->ctl;
    struct grid_options options = {.endpoints = ctl->endpoints, .endpoints_count = ctl->endpoints_count,
                                   .name = "gridctl bench", .timeout_ms = ctl->timeout_ms,
                                   .pending_max = plan->outstanding + PENDING_SPARE};
    bench->clients = memory_zero(plan->connections, sizeof(struct grid_client *));
    bench->places = memory_zero(places_of(plan), sizeof *bench->places);
    for (uint32_t i = 0; i < plan->connections; i++)
        bench->clients[i] = grid_client_open(&ctl->loop, &options);
}

static void forget_result(struct bench *bench)
{
    bench->result = (struct bench_result){0};
    bench->free_first = bench->free_last = NULL;
    bench->issued = bench->under_way = 0;
    bench->done = false;
}

void bench_run(struct bench *bench, const struct bench_plan *plan)
{
    REQUIRE(plan->connections > 0 && plan->outstanding > 0 && (plan->operations == 0 || plan->rate == 0));
    bench->plan = plan;
    if (bench->clients == NULL)
        open_clients(bench);
    forget_result(bench);
    bench->now_us = bench->started_us = bench_now_us();
    bench->measured_us = bench->started_us + plan->warmup_seconds * SECOND_US;
    bench->end_us = bench->measured_us + plan->seconds * SECOND_US;
    /* Neighbours in the order of places belong to different clients. */
    for (uint32_t i = 0; i < places_of(plan); i++) {
        struct bench_place *place = &bench->places[i];
        *place = (struct bench_place){.bench = bench, .client = bench->clients[i % plan->connections]};
        if (plan->rate != 0)
            give_back(bench, place);
        else if (!plan_done(bench))
            issue(bench, place, bench->now_us);
    }
    uv_timer_start(&bench->pace, pace, 1, 1);
    ctl_wait(bench->ctl, &bench->done);
    uv_timer_stop(&bench->pace);
    bench->result.errors += plan->rate != 0 ? bench->under_way : 0;
    if (plan->rate == 0 && plan->operations == 0)
        bench->result.elapsed_us = plan->seconds * SECOND_US;
}

static void on_closed(void *context)
{
    ++*(uint32_t *)context;
}

void bench_close(struct bench *bench)
{
    uint32_t closed = 0, wanted = bench->clients != NULL ? bench->plan->connections : 0;
    bench->done = true;
    for (uint32_t i = 0; i < wanted; i++)
        grid_client_close(bench->clients[i], on_closed, &closed);
    uv_close((uv_handle_t *)&bench->pace, NULL);
    while (closed < wanted)
        uv_run(&bench->ctl->loop, UV_RUN_ONCE);
    memory_free(bench->clients);
    memory_free(bench->places);
}

/* ---- what came of it */

static uint64_t per_second(const struct bench_result *result)
{
    return result->elapsed_us == 0 ? 0 : (result->operations * SECOND_US + result->elapsed_us / 2) / result->elapsed_us;
}

void bench_put_latency(struct json *json, const char *name, const struct latency *latency)
{
    json_put_object_begin(json, name);
    json_put_unsigned(json, "p50", latency_at(latency, 500));
    json_put_unsigned(json, "p99", latency_at(latency, 990));
    json_put_unsigned(json, "p999", latency_at(latency, 999));
    json_put_unsigned(json, "max", latency->max_us);
    json_put_object_end(json);
}

void bench_put(struct json *json, const struct bench_result *result)
{
    json_put_unsigned(json, "operations", result->operations);
    json_put_unsigned(json, "seconds", (result->elapsed_us + SECOND_US / 2) / SECOND_US);
    json_put_unsigned(json, "perSecond", per_second(result));
    json_put_unsigned(json, "errors", result->errors);
    bench_put_latency(json, "latencyUs", &result->latency);
}

void bench_cell_ms(struct table_view *table, uint64_t time_us)
{
    table_view_cell(table, "%" PRIu64 ".%03" PRIu64, time_us / 1000, time_us % 1000);
}

void bench_cells(struct table_view *table, const struct bench_result *result)
{
    table_view_cell(table, "%" PRIu64, result->operations);
    table_view_cell(table, "%" PRIu64, per_second(result));
    table_view_cell(table, "%" PRIu64, result->errors);
    const uint64_t latencies[] = {latency_at(&result->latency, 500), latency_at(&result->latency, 990),
                                  latency_at(&result->latency, 999), result->latency.max_us};
    for (size_t i = 0; i < sizeof latencies / sizeof *latencies; i++)
        bench_cell_ms(table, latencies[i]);
}

static void show_table(struct bench *bench)
{
    static const char *const headers[] = {BENCH_HEADERS, NULL};
    struct table_view *table = table_view_open(bench->ctl, headers);
    table_view_row(table);
    bench_cells(table, &bench->result);
    table_view_close(table, bench->ctl);
}

static void show_json(struct bench *bench)
{
    struct json json = ctl_json(bench->ctl);
    json_put_object_begin(&json, NULL);
    bench_put(&json, &bench->result);
    json_put_object_end(&json);
    ctl_json_end(bench->ctl);
}

int bench_show(struct bench *bench)
{
    if (bench->ctl->json)
        show_json(bench);
    else
        show_table(bench);
    return bench->result.operations == 0 ? EXIT_FAILED : EXIT_DONE;
}
