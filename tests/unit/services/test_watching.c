/* What partitions tell those who watch, and what they keep room for (R6). */
#include <criterion/criterion.h>

#include <string.h>

#include "tests/unit/services/shop.h"

enum { NOTICES_MAX = 64, STAGES_MAX = 256 };

struct told { const struct service *service; struct service_notice notice; };

struct watcher {
    struct partition_observer observer;
    struct told notices[NOTICES_MAX];
    size_t count;
    enum partition_stage stages[STAGES_MAX];
    size_t stages_count;
};

static void on_notice(void *context, const struct service *service, const struct service_notice *notice)
{
    struct watcher *watcher = context;
    cr_assert_lt(watcher->count, NOTICES_MAX);
    watcher->notices[watcher->count++] = (struct told){service, *notice};
}

static void on_stage(void *context, enum partition_stage ended)
{
    struct watcher *watcher = context;
    if (watcher->stages_count < STAGES_MAX)
        watcher->stages[watcher->stages_count++] = ended;
}

static const struct shop_line lines[] = {{"p1", 2, 500}, {"p2", 1, 250}, {"p3", 3, 100}};
enum { LINES = 3, WORST_CASE = 2 * LINES + 4, PARTITIONS = 15 };

static struct harness *shop(struct watcher *watcher, bool timed)
{
    struct harness *harness = harness_open(&(struct harness_options){.seed = 7, .partitions = PARTITIONS, .second_replica = true});
    shop_customer(harness, "c1");
    for (size_t i = 0; i < LINES; i++)
        shop_product(harness, lines[i].product, lines[i].price_minor, i == 2 ? 5 : 1000);
    watcher->observer = (struct partition_observer){.context = watcher, .notice = on_notice, .stage = timed ? on_stage : NULL};
    for (uint32_t i = 0; i < PARTITIONS; i++)
        partition_observe(harness_partition(harness, i), &watcher->observer);
    return harness;
}

static struct partition *home(struct harness *harness, const char *order)
{
    return harness_partition(harness, harness_partition_of(harness, order));
}

/* Sum of what was told of a metric; `ret_last` may be NULL, else it gets the last sample. */
static int64_t told(const struct watcher *watcher, const char *name, struct service_sample *ret_last)
{
    int64_t sum = 0;
    for (size_t i = 0; i < watcher->count; i++)
        for (size_t k = 0; k < watcher->notices[i].notice.samples_count; k++) {
            const struct service_sample *sample = &watcher->notices[i].notice.samples[k];
            if (strcmp(watcher->notices[i].service->metrics[sample->metric].name, name) != 0)
                continue;
            sum += sample->value;
            if (ret_last != NULL)
                *ret_last = *sample;
        }
    return sum;
}

Test(watching, tells_of_a_saga_that_completes_and_of_what_was_sold)
{
    struct watcher watcher = {0};
    struct service_sample end = {0}, sold = {0};
    struct harness *harness = shop(&watcher, false);
    shop_order(harness, "o1", "c1", lines, LINES);
    cr_assert(harness_settle(harness, 10000));
    const struct partition *at = home(harness, "o1");
    const Saga__V1__Saga *saga = shop_read_saga(harness, "o1");
    int64_t duration_ms = (int64_t)(saga->ended_log_ms - saga->started_log_ms);
    cr_assert_eq(told(&watcher, "saga_duration_seconds", &end), duration_ms);
    cr_assert_gt(duration_ms, 0);
    cr_assert_str_eq(end.labels.values[0], "OrderFulfillment");
    cr_assert_str_eq(end.labels.values[1], "choreographed");
    cr_assert_str_eq(end.labels.values[2], "completed");
    cr_assert_eq(told(&watcher, "order_revenue_total", &sold), saga->total_minor);
    cr_assert(sold.decimals == 2 && strcmp(sold.labels.values[0], saga->currency) == 0);
    cr_assert_eq(told(&watcher, "saga_step_duration_seconds", NULL), duration_ms, "one step follows the other");
    cr_assert(told(&watcher, "saga_steps_completed_total", NULL) == 4 && told(&watcher, "saga_steps_failed_total", NULL) == 0);
    cr_assert(told(&watcher, "saga_started_total", NULL) == 1 && told(&watcher, "saga_completed_total", NULL) == 1);
    cr_assert(shop_metric(at, "saga_started_total") == 1 && shop_metric(at, "saga_completed_total") == 1);
    cr_assert(shop_metric(at, "saga_step_duration_seconds") == 4 && shop_metric(at, "saga_steps_completed_total") == 4);
    cr_assert(shop_metric(at, "sagas_active") == 0 && shop_metric(at, "sagas_compensating") == 0);
    cr_assert(partition_counts(at)->flows_started == 1 && partition_counts(at)->flows_ended == 1);
    harness_close(harness);
}

Test(watching, tells_of_a_saga_that_is_undone_while_it_is)
{
    struct watcher watcher = {0};
    struct service_sample end = {0};
    struct harness *harness = shop(&watcher, false);
    struct shop_line greedy[] = {lines[0], {"p3", 6, 100}};
    harness_hold(harness, SERVICE_NUMBER_inventory, INVENTORY_RELEASE_STOCK);
    shop_order(harness, "o1", "c1", greedy, 2);
    harness_run(harness, 500);
    const struct partition *at = home(harness, "o1");
    cr_assert(shop_metric(at, "sagas_compensating") == 1 && shop_metric(at, "sagas_active") == 1);
    cr_assert_eq(shop_metric(at, "saga_compensated_total"), 0);
    harness_hold(harness, 0, 0);
    cr_assert(harness_settle(harness, 10000));
    cr_assert(shop_metric(at, "sagas_compensating") == 0 && shop_metric(at, "sagas_active") == 0);
    cr_assert(shop_metric(at, "saga_compensated_total") == 1 && shop_metric(at, "saga_completed_total") == 0);
    cr_assert(told(&watcher, "saga_duration_seconds", &end) >= told(&watcher, "saga_compensation_duration_seconds", NULL));
    cr_assert_str_eq(end.labels.values[2], "compensated");
    cr_assert_geq(told(&watcher, "saga_compensation_duration_seconds", NULL), 400);
    cr_assert(shop_metric(at, "saga_steps_failed_total") == 1 && shop_metric(at, "saga_steps_completed_total") == 1);
    harness_close(harness);
}

/* The sum of what waits and what is reserved is at no time more than what was asked for at the door. */
static void never_more_than(struct harness *harness, uint64_t worst, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        cr_assert_leq(partition_load(home(harness, "o1")), worst);
        harness_run(harness, 1);
    }
    cr_assert(harness_settle(harness, 100000));
    cr_assert_eq(partition_load(home(harness, "o1")), 0);
    cr_assert_eq(partition_stats(home(harness, "o1")).reserved, 0);
}

/* The products live elsewhere: with one partition their answers would count too. */
static void apart(struct harness *harness)
{
    for (size_t i = 0; i < LINES; i++)
        cr_assert_neq(harness_partition_of(harness, lines[i].product), harness_partition_of(harness, "o1"));
}

Test(watching, room_is_kept_for_all_that_an_order_may_cause)
{
    struct watcher watcher = {0};
    struct harness *harness = shop(&watcher, false);
    apart(harness);
    shop_order(harness, "o1", "c1", lines, LINES);
    cr_assert_eq(partition_load(home(harness, "o1")), WORST_CASE);
    cr_assert_eq(partition_stats(home(harness, "o1")).reserved, LINES + 3, "a commit or release each, deadline, charge, refund");
    never_more_than(harness, WORST_CASE, 100);
    harness_close(harness);
}

static void late_charge(struct harness *harness)
{
    harness_provider_down(harness, true);
    shop_order(harness, "o1", "c1", lines, LINES);
    harness_run(harness, 70000);
    cr_assert_eq(shop_metric(home(harness, "o1"), "sagas_compensating"), 1);
    cr_assert_eq(partition_stats(home(harness, "o1")).reserved, LINES + 1, "the releases and the refund");
    harness_provider_down(harness, false);
}

Test(watching, reserves_the_releases_and_the_refund_until_they_are_sent)
{
    struct watcher watcher = {0};
    struct harness *harness = shop(&watcher, false);
    late_charge(harness);
    never_more_than(harness, WORST_CASE, 100);
    cr_assert_eq(told(&watcher, "saga_timedout_total", NULL), 1);
    cr_assert_geq(told(&watcher, "saga_duration_seconds", NULL), 70000);
    harness_close(harness);
}

Test(watching, a_refused_order_reserves_nothing)
{
    struct watcher watcher = {0};
    struct harness *harness = shop(&watcher, false);
    struct response response = shop_order(harness, "o1", "c1", lines, 0);
    cr_assert_eq(response.err, GRID_ERR_REFUSED);
    cr_assert_eq(partition_load(home(harness, "o1")), 0);
    const struct partition_counts *counts = partition_counts(home(harness, "o1"));
    cr_assert(counts->submitted_failed == 1 && counts->refused == 1 && counts->flows_started == 0);
    harness_close(harness);
}

static uint32_t worst_case(const struct service *service, uint32_t type, const void *command)
{
    const struct service_command_kind *kind = registry_command(service, type);
    return kind->worst_case == NULL ? 0 : kind->worst_case(command);
}

Test(watching, the_worst_case_of_an_order_grows_with_its_lines)
{
    const struct service *order = registry_find(registry_builtin(), SERVICE_NUMBER_order);
    Order__V1__CreateOrder create;
    order__v1__create_order__init(&create);
    create.n_lines = LINES;
    cr_assert_eq(worst_case(order, ORDER_CREATE_ORDER, &create), WORST_CASE);
    create.n_lines = 1000000;
    cr_assert_eq(worst_case(order, ORDER_CREATE_ORDER, &create), 204, "more lines are refused");
    cr_assert_eq(worst_case(order, ORDER_CANCEL_ORDER, NULL), 0, "an undoing asks for no room");
}

Test(watching, times_the_stages_in_their_order)
{
    static const enum partition_stage expected[] = {
        PARTITION_STAGE_BEGIN, PARTITION_STAGE_SOURCE, PARTITION_STAGE_DECIDE, PARTITION_STAGE_ENRICH, PARTITION_STAGE_VIEW,
        PARTITION_STAGE_PUBLISH, PARTITION_STAGE_VIEW, PARTITION_STAGE_PERSIST, PARTITION_STAGE_PUBLISH, PARTITION_STAGE_VIEW,
        PARTITION_STAGE_COMPLETE, PARTITION_STAGE_PUBLISH};
    struct watcher watcher = {0};
    struct harness *harness = shop(&watcher, true);
    shop_customer(harness, "c2");
    cr_assert_eq(watcher.stages_count, sizeof expected / sizeof expected[0]);
    cr_assert_arr_eq(watcher.stages, expected, sizeof expected);
    harness_close(harness);
}

/* Nothing replicated may depend on whether somebody watches. */
Test(watching, changes_nothing)
{
    uint64_t digests[2];
    for (int watched = 0; watched < 2; watched++) {
        struct watcher watcher = {0};
        struct harness *harness = shop(&watcher, true);
        for (uint32_t i = 0; i < PARTITIONS && !watched; i++)
            partition_observe(harness_partition(harness, i), NULL);
        shop_order(harness, "o1", "c1", lines, LINES);
        cr_assert(harness_settle(harness, 10000));
        digests[watched] = partition_digest(home(harness, "o1"));
        cr_assert_eq(watcher.count > 0, watched);
        harness_close(harness);
    }
    cr_assert_eq(digests[0], digests[1]);
}
