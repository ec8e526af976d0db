/* Retention through whole partitions: settings in the log, ended flows with their events, what is never removed. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/base/limits.h"
#include "grid/wire/level.h"
#include "tests/unit/services/shop.h"

static const struct harness_options one_partition = {.seed = 1, .partitions = 1, .second_replica = true};

struct bench { struct harness *harness; uint64_t session, sequence; };

static struct response propose(struct bench *bench, struct command command)
{
    command.session = bench->session;
    command.sequence = command.acknowledged_below = ++bench->sequence;
    return harness_propose(bench->harness, 0, &command);
}

static struct bench bench_open(bool raised)
{
    struct bench bench = {.harness = harness_open(&one_partition)};
    struct command open = {.kind = COMMAND_OPEN_SESSION, .open_session = {.idle_ms = 24 * 3600 * 1000}};
    bench.session = harness_propose(bench.harness, 0, &open).session;
    if (raised)
        cr_assert_eq(propose(&bench, (struct command){.kind = COMMAND_RAISE_LEVEL, .raise_level = {LEVEL_LAST}}).err, GRID_ERR_OK);
    shop_customer(bench.harness, "ada");
    shop_product(bench.harness, "lamp", 1000, 100000);
    shop_product(bench.harness, "yacht", 2000000, 100000);
    return bench;
}

static struct response retain(struct bench *bench, enum retention_kind kind, struct retention_limits limits)
{
    struct retention_status status[RETENTION_LAST];
    partition_kept(harness_partition(bench->harness, 0), status);
    struct retain_command retain = {.kind = kind, .limits = limits, .expected_version = status[kind - 1].version};
    return propose(bench, (struct command){.kind = COMMAND_RETAIN, .retain = retain});
}

static struct retention_status kept(const struct bench *bench, enum retention_kind kind)
{
    struct retention_status status[RETENTION_LAST];
    partition_kept(harness_partition(bench->harness, 0), status);
    return status[kind - 1];
}

static void order(struct bench *bench, unsigned number, const char *product)
{
    char id[16];
    const struct shop_line line = {product, 1, product[0] == 'y' ? 2000000 : 1000};
    snprintf(id, sizeof id, "o%u", number);
    cr_assert_eq(shop_order(bench->harness, id, "ada", &line, 1).err, GRID_ERR_OK);
    cr_assert(harness_settle(bench->harness, 10000));
}

static bool has_history(struct bench *bench, unsigned number)
{
    char order_id[16], id[20];
    struct event_record event;
    snprintf(order_id, sizeof order_id, "o%u", number);
    snprintf(id, sizeof id, "o%u.s1", number);
    bool view = shop_read_saga(bench->harness, order_id) != NULL;
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        cr_assert_eq(harness_event(bench->harness, "saga", id, order_id, sequence, &event), view, "a view and its events go together");
    return view;
}

static void close_same(struct bench *bench)
{
    struct partition *partition = harness_partition(bench->harness, 0), *replica = harness_replica(bench->harness, 0);
    partition_holds(partition);
    cr_assert_eq(partition_digest(partition), partition_digest(replica), "I15");
    cr_assert_eq(partition_state_digest(partition), partition_state_digest(replica));
    harness_close(bench->harness);
}

Test(retention_of_flows, removes_the_oldest_past_the_count_with_their_events)
{
    struct bench bench = bench_open(true);
    for (unsigned i = 0; i < 18; i++)
        order(&bench, i, i == 1 ? "yacht" : "lamp"); /* the payment of the yacht is declined */
    cr_assert_eq(shop_read_saga(bench.harness, "o1")->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATED);
    cr_assert(kept(&bench, RETENTION_FLOWS).count == 18 && kept(&bench, RETENTION_FLOWS).bytes > 18 * 500);
    cr_assert_eq(retain(&bench, RETENTION_FLOWS, (struct retention_limits){.count = 18}).err, GRID_ERR_OK);
    harness_run(bench.harness, 1000);
    cr_assert(has_history(&bench, 0), "as many as there may be");
    cr_assert_eq(retain(&bench, RETENTION_FLOWS, (struct retention_limits){.count = 16}).err, GRID_ERR_OK);
    harness_run(bench.harness, 1000);
    cr_assert_eq(kept(&bench, RETENTION_FLOWS).count, 16);
    cr_assert(!has_history(&bench, 0) && !has_history(&bench, 1) && has_history(&bench, 2) && has_history(&bench, 17));
    cr_assert(shop_read_order(bench.harness, "o0") != NULL && shop_read_payment(bench.harness, "o0") != NULL, "they are data of the shop");
    cr_assert_eq(partition_trimmed(harness_partition(bench.harness, 0), RETENTION_FLOWS), 2);
    order(&bench, 18, "lamp");
    cr_assert(!has_history(&bench, 2) && has_history(&bench, 3) && has_history(&bench, 18));
    close_same(&bench);
}

Test(retention_of_flows, removes_them_by_age_and_leaves_what_has_not_ended)
{
    struct bench bench = bench_open(true);
    const struct shop_line line = {"lamp", 1, 1000};
    order(&bench, 0, "lamp");
    harness_run(bench.harness, 30000);
    order(&bench, 1, "lamp");
    cr_assert_eq(retain(&bench, RETENTION_FLOWS, (struct retention_limits){.age_ms = 60000}).err, GRID_ERR_OK);
    harness_provider_down(bench.harness, true);
    cr_assert_eq(shop_order(bench.harness, "o2", "ada", &line, 1).err, GRID_ERR_OK);
    harness_run(bench.harness, 59000 - kept(&bench, RETENTION_FLOWS).oldest_ms);
    cr_assert(has_history(&bench, 0), "not old enough");
    harness_run(bench.harness, 2000);
    cr_assert(!has_history(&bench, 0) && has_history(&bench, 1));
    harness_run(bench.harness, 200000);
    cr_assert(!has_history(&bench, 1) && has_history(&bench, 2), "one that waits for the provider is kept, however old");
    cr_assert_eq(kept(&bench, RETENTION_FLOWS).count, 0);
    close_same(&bench);
}

Test(retention_of_flows, bounds_their_bytes)
{
    struct bench bench = bench_open(true);
    unsigned placed = 0;
    for (; kept(&bench, RETENTION_FLOWS).bytes <= RETENTION_BYTES_LEAST; placed++)
        order(&bench, placed, "lamp");
    cr_assert_eq(kept(&bench, RETENTION_FLOWS).count, placed);
    cr_assert_eq(retain(&bench, RETENTION_FLOWS, (struct retention_limits){.bytes = RETENTION_BYTES_LEAST}).err, GRID_ERR_OK);
    harness_run(bench.harness, 1000);
    cr_assert_eq(kept(&bench, RETENTION_FLOWS).count, placed - 1);
    cr_assert_leq(kept(&bench, RETENTION_FLOWS).bytes, (uint64_t)RETENTION_BYTES_LEAST);
    close_same(&bench);
}

/* An order is still known after its saga was removed: what comes late changes nothing, and nothing happens twice (R3, R9). */
Test(retention_of_flows, leaves_orders_that_cannot_be_placed_or_paid_twice)
{
    struct bench bench = bench_open(true);
    const struct shop_line line = {"lamp", 1, 1000};
    order(&bench, 0, "lamp");
    cr_assert_eq(retain(&bench, RETENTION_FLOWS, (struct retention_limits){.age_ms = 60000}).err, GRID_ERR_OK);
    harness_run(bench.harness, 70000);
    cr_assert_not(has_history(&bench, 0));
    int64_t sold = shop_read_product(bench.harness, "lamp")->quantity_sold;
    struct response again = shop_order(bench.harness, "o0", "ada", &line, 1);
    cr_assert(again.err == GRID_ERR_OK && again.found, "the same order is already there");
    cr_assert_eq(shop_confirm(bench.harness, "o0").err, GRID_ERR_REFUSED);
    cr_assert_eq(shop_cancel(bench.harness, "o0").err, GRID_ERR_REFUSED);
    cr_assert_eq(shop_refund(bench.harness, "o0.p1", "o0", 0).err, GRID_ERR_OK);
    cr_assert(harness_settle(bench.harness, 10000));
    cr_assert_eq(shop_read_payment(bench.harness, "o0")->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_REFUNDED);
    cr_assert_eq(shop_read_product(bench.harness, "lamp")->quantity_sold, sold);
    cr_assert_null(shop_read_saga(bench.harness, "o0"));
    close_same(&bench);
}

Test(retention_of_completions, is_bounded_by_settings_and_removed_while_nothing_else_happens)
{
    struct bench bench = bench_open(true);
    for (unsigned i = 0; i < 10; i++)
        order(&bench, i, "lamp");
    cr_assert_gt(kept(&bench, RETENTION_COMPLETIONS).count, 50u);
    cr_assert_eq(retain(&bench, RETENTION_COMPLETIONS, (struct retention_limits){.count = 30, .bytes = 1 << 20}).err, GRID_ERR_OK);
    harness_run(bench.harness, 1000);
    cr_assert_eq(kept(&bench, RETENTION_COMPLETIONS).count, 30u);
    uint64_t bytes = kept(&bench, RETENTION_COMPLETIONS).bytes;
    cr_assert_eq(retain(&bench, RETENTION_COMPLETIONS, (struct retention_limits){.count = 30, .bytes = bytes - 1}).err, GRID_ERR_OK);
    harness_run(bench.harness, 1000);
    cr_assert_eq(kept(&bench, RETENTION_COMPLETIONS).count, 29u);
    cr_assert_eq(retain(&bench, RETENTION_COMPLETIONS, (struct retention_limits){.age_ms = 5000, .count = 30, .bytes = 1 << 20}).err, GRID_ERR_OK);
    harness_run(bench.harness, 6000);
    cr_assert_eq(kept(&bench, RETENTION_COMPLETIONS).count, 0u);
    close_same(&bench);
}

Test(retention_settings, are_changed_by_version)
{
    struct bench bench = bench_open(true);
    struct command command = {.kind = COMMAND_RETAIN, .retain = {.kind = RETENTION_KEYS, .limits = {400000, 300, 1 << 20}, .expected_version = 1}};
    cr_assert_eq(propose(&bench, command).err, GRID_ERR_VERSION_CONFLICT, "they have version 0");
    command.retain.expected_version = 0;
    struct response response = propose(&bench, command);
    cr_assert(response.err == GRID_ERR_OK && response.version == 1);
    response = propose(&bench, command);
    cr_assert(response.err == GRID_ERR_OK && response.version == 1, "the same again changes nothing");
    command.retain.limits.count = 301;
    cr_assert_eq(propose(&bench, command).err, GRID_ERR_VERSION_CONFLICT);
    command.retain.version = 1;
    cr_assert_eq(propose(&bench, command).err, GRID_ERR_MISMATCH, "a version has one content");
    command.retain.version = 7;
    response = propose(&bench, command);
    cr_assert(response.err == GRID_ERR_OK && response.version == 7, "from the partition that decides");
    command.retain.version = 6;
    command.retain.limits.count = 302;
    response = propose(&bench, command);
    cr_assert(response.err == GRID_ERR_OK && response.version == 7 && kept(&bench, RETENTION_KEYS).limits.count == 301, "late, and ignored");
    close_same(&bench);
}

/* What makes writes happen once, and what clients can make at will, keeps its bounds (R3, R6). */
Test(retention_settings, have_bounds_themselves)
{
    static const struct { enum retention_kind kind; struct retention_limits least, less[3]; } ROWS[] = {
        {RETENTION_KEYS, {300000, 256, 1 << 20}, {{299999, 256, 1 << 20}, {300000, 255, 1 << 20}, {300000, 256, (1 << 20) - 1}}},
        {RETENTION_SESSIONS, {60000, 64, 1 << 20}, {{59999, 64, 1 << 20}, {60000, 63, 1 << 20}, {60000, 64, (1 << 20) - 1}}},
        {RETENTION_FLOWS, {60000, 16, 1 << 20}, {{59999, 16, 1 << 20}, {60000, 15, 1 << 20}, {60000, 16, (1 << 20) - 1}}},
        {RETENTION_COMPLETIONS, {1, 1, 1}, {{0, 0, 1}, {0, 1, 0}, {TTL_MS_MAX + 1, 1, 1}}},
        {RETENTION_JOURNALS, {1, 1, 1}, {{0, 0, 1}, {0, 1, 0}, {0, RETENTION_COUNT_MOST + 1, 1}}},
        {RETENTION_FLOWS, {0, 0, 0}, {{0, RETENTION_COUNT_MOST + 1, 0}, {0, 0, RETENTION_BYTES_MOST + 1}, {1, 0, 0}}},
    };
    struct bench bench = bench_open(true);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        cr_assert_eq(retain(&bench, ROWS[i].kind, ROWS[i].least).err, GRID_ERR_OK, "row %zu", i);
        for (size_t k = 0; k < 3; k++) {
            struct response response = retain(&bench, ROWS[i].kind, ROWS[i].less[k]);
            cr_assert(response.err == GRID_ERR_INVALID && response.note.size > 10, "row %zu, %zu", i, k);
        }
        cr_assert_eq(kept(&bench, ROWS[i].kind).limits.count, ROWS[i].least.count);
    }
    close_same(&bench);
}

Test(retention_settings, are_those_of_earlier_versions_below_their_level)
{
    struct bench bench = bench_open(false);
    order(&bench, 0, "lamp");
    struct retention_status flows = kept(&bench, RETENTION_FLOWS), sessions = kept(&bench, RETENTION_SESSIONS);
    cr_assert(flows.limits.age_ms == 0 && flows.limits.count == 0 && flows.limits.bytes == 0 && sessions.limits.bytes == 0);
    cr_assert_eq(retain(&bench, RETENTION_FLOWS, (struct retention_limits){.count = 16}).err, GRID_ERR_INVALID);
    harness_run(bench.harness, FLOWS_KEEP_MS_USUAL + 1000u);
    cr_assert(has_history(&bench, 0));
    bench.session = harness_propose(bench.harness, 0, &(struct command){.kind = COMMAND_OPEN_SESSION}).session;
    bench.sequence = 0;
    cr_assert_eq(propose(&bench, (struct command){.kind = COMMAND_RAISE_LEVEL, .raise_level = {LEVEL_OF_RETENTION}}).err, GRID_ERR_OK);
    cr_assert_eq(kept(&bench, RETENTION_FLOWS).limits.age_ms, (uint64_t)FLOWS_KEEP_MS_USUAL);
    harness_run(bench.harness, 1000);
    cr_assert_not(has_history(&bench, 0), "the first Tick of the level removes what is too old");
    close_same(&bench);
}
