/* The order fulfilment saga from end to end over several partitions: every way in which it may end. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/base/limits.h"
#include "grid/wire/messages/message.h"
#include "services/order/order.h"
#include "tests/unit/services/shop.h"

static struct harness *open_shop(const struct harness_options *options)
{
    struct harness *harness = harness_open(options);
    cr_assert_eq(shop_customer(harness, "ada").err, GRID_ERR_OK);
    cr_assert_eq(shop_product(harness, "lamp", 1000, 10).err, GRID_ERR_OK);
    cr_assert_eq(shop_product(harness, "desk", 25000, 3).err, GRID_ERR_OK);
    cr_assert_eq(shop_product(harness, "yacht", 2000000, 3).err, GRID_ERR_OK);
    return harness;
}

static void check_and_close(struct harness *harness, bool at_rest)
{
    struct business_report report;
    harness_check(harness, at_rest, &report);
    cr_assert_str_empty(report.violation, "%s", report.violation);
    harness_close(harness);
}

static const struct harness_options two_replicas = {.seed = 1, .second_replica = true};

Test(order_saga, completes_an_order_of_two_lines)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 2, 1000}, {"desk", 1, 25000}};
    struct response response = shop_order(harness, "o1", "ada", lines, 2);
    cr_assert_eq(response.err, GRID_ERR_OK);
    cr_assert_not(response.found);
    cr_assert_eq(response.sequence, 1);
    cr_assert(harness_settle(harness, 10000));
    const Order__V1__Order *order = shop_read_order(harness, "o1");
    cr_assert_eq(order->status, ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED);
    cr_assert_eq(order->subtotal_minor, 27000);
    cr_assert_eq(order->tax_minor, 2700);
    cr_assert_eq(order->total_minor, 29700);
    const Saga__V1__Saga *saga = shop_read_saga(harness, "o1");
    cr_assert_eq(saga->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPLETED);
    cr_assert_eq(saga->current_step, 4);
    for (size_t i = 0; i < saga->n_steps; i++)
        cr_assert_eq(saga->steps[i]->status, SAGA__V1__STEP_STATUS__STEP_STATUS_COMPLETED);
    const Payment__V1__Payment *payment = shop_read_payment(harness, "o1");
    cr_assert_eq(payment->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_CAPTURED);
    cr_assert_eq(payment->amount_minor, 29700);
    const Inventory__V1__Product *lamp = shop_read_product(harness, "lamp");
    cr_assert_eq(lamp->quantity_on_hand, 8);
    cr_assert_eq(lamp->quantity_sold, 2);
    check_and_close(harness, true);
}

Test(order_saga, tells_its_story_in_events)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}};
    struct response response = shop_order(harness, "o1", "ada", lines, 1);
    cr_assert(harness_settle(harness, 10000));
    static const char *const orders[] = {"OrderCreated", "OrderConfirmed"};
    static const char *const sagas[] = {"SagaStarted", "SagaStepRecorded", "SagaStepRecorded", "SagaStepRecorded",
                                        "SagaCompleted"};
    static const char *const payments[] = {"PaymentRequested", "PaymentProcessed"};
    static const char *const stock[] = {"ProductCreated", "StockReserved", "StockCommitted"};
    const struct {
        const char *domain, *key, *affinity;
        const char *const *names;
        size_t count;
    } stories[] = {{"order", "o1", NULL, orders, 2},
                   {"saga", "o1.s1", "o1", sagas, 5},
                   {"payment", "o1.p1", "o1", payments, 2},
                   {"inventory", "lamp", NULL, stock, 3}};
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        struct event_record event;
        for (size_t k = 0; k < stories[i].count; k++) {
            cr_assert(harness_event(harness, stories[i].domain, stories[i].key, stories[i].affinity, k + 1, &event));
            cr_assert(bytes_equal(event.event_type, bytes_of_text(stories[i].names[k])), "%s event %zu is %.*s",
                      stories[i].key, k + 1, (int)event.event_type.size, (const char *)event.event_type.data);
            cr_assert_eq(event.sequence, k + 1);
            if (i == 3 && k == 0)
                continue;
            cr_assert(bytes_equal(event.trace.flow_id, bytes_of_text("o1.s1")));
            cr_assert(bytes_equal(event.trace.correlation_id, response.event_id));
        }
        cr_assert_not(harness_event(harness, stories[i].domain, stories[i].key, stories[i].affinity,
                                    stories[i].count + 1, &event));
    }
    check_and_close(harness, true);
}

/* Runs one order to its end and expects it undone. */
static const Saga__V1__Saga *expect_undone(struct harness *harness, const char *id, Saga__V1__SagaStatus status)
{
    cr_assert(harness_settle(harness, 200000));
    cr_assert_eq(shop_read_order(harness, id)->status, ORDER__V1__ORDER_STATUS__ORDER_STATUS_CANCELLED);
    const Saga__V1__Saga *saga = shop_read_saga(harness, id);
    cr_assert_eq(saga->status, status);
    return saga;
}

#define COMPENSATED SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATED
#define TIMED_OUT SAGA__V1__SAGA_STATUS__SAGA_STATUS_TIMED_OUT

Test(order_saga, releases_everything_when_the_payment_is_declined)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}, {"yacht", 1, 2000000}};
    shop_order(harness, "o1", "ada", lines, 2);
    const Saga__V1__Saga *saga = expect_undone(harness, "o1", COMPENSATED);
    cr_assert_str_eq(saga->failure_reason, "payment: amount above the limit");
    cr_assert_eq(saga->steps[2]->status, SAGA__V1__STEP_STATUS__STEP_STATUS_FAILED);
    cr_assert_eq(saga->steps[1]->status, SAGA__V1__STEP_STATUS__STEP_STATUS_COMPENSATED);
    cr_assert_eq(saga->steps[0]->status, SAGA__V1__STEP_STATUS__STEP_STATUS_COMPENSATED);
    cr_assert_eq(shop_read_product(harness, "lamp")->quantity_on_hand, 10);
    check_and_close(harness, true);
}

Test(order_saga, releases_the_other_lines_when_one_is_short)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}, {"desk", 4, 25000}, {"lamp", 2, 1000}};
    shop_order(harness, "o1", "ada", lines, 3);
    const Saga__V1__Saga *saga = expect_undone(harness, "o1", COMPENSATED);
    cr_assert_str_eq(saga->failure_reason, "line 2: INSUFFICIENT_STOCK");
    cr_assert_null(shop_read_payment(harness, "o1"));
    cr_assert_eq(shop_read_product(harness, "lamp")->quantity_on_hand, 10);
    check_and_close(harness, true);
}

Test(order_saga, ends_when_the_price_changed)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 999}};
    shop_order(harness, "o1", "ada", lines, 1);
    cr_assert_str_eq(expect_undone(harness, "o1", COMPENSATED)->failure_reason, "line 1: PRICE_CHANGED");
    check_and_close(harness, true);
}

Test(order_saga, ends_when_a_product_is_unknown)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}, {"ghost", 1, 1000}};
    shop_order(harness, "o1", "ada", lines, 2);
    cr_assert_str_eq(expect_undone(harness, "o1", COMPENSATED)->failure_reason, "line 2: UNKNOWN_PRODUCT");
    check_and_close(harness, true);
}

Test(order_saga, ends_when_the_customer_is_unknown)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}};
    shop_order(harness, "o1", "nobody", lines, 1);
    cr_assert_str_eq(expect_undone(harness, "o1", COMPENSATED)->failure_reason, "customer: CUSTOMER_NOT_FOUND");
    check_and_close(harness, true);
}

Test(order_saga, ends_when_the_customer_is_suspended)
{
    struct harness *harness = open_shop(&two_replicas);
    Account__V1__ChangeCustomerStatus change;
    account__v1__change_customer_status__init(&change);
    change.status = ACCOUNT__V1__CUSTOMER_STATUS__CUSTOMER_STATUS_SUSPENDED;
    cr_assert_eq(
        harness_command(harness, SERVICE_NUMBER_account, ACCOUNT_CHANGE_CUSTOMER_STATUS, "ada", NULL, &change).err,
        GRID_ERR_OK);
    const struct shop_line lines[] = {{"lamp", 1, 1000}};
    shop_order(harness, "o1", "ada", lines, 1);
    cr_assert_str_eq(expect_undone(harness, "o1", COMPENSATED)->failure_reason, "customer: CUSTOMER_NOT_ACTIVE");
    check_and_close(harness, true);
}

Test(order_saga, times_out_when_a_product_never_hears)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}};
    harness_hold(harness, SERVICE_NUMBER_inventory, INVENTORY_RESERVE_STOCK);
    shop_order(harness, "o1", "ada", lines, 1);
    uint64_t started_ms = harness_now_ms(harness);
    harness_run(harness, 59000);
    cr_assert_leq(shop_read_saga(harness, "o1")->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_IN_PROGRESS);
    harness_run(harness, 2000);
    cr_assert_eq(shop_read_saga(harness, "o1")->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATING);
    harness_heal(harness);
    const Saga__V1__Saga *saga = expect_undone(harness, "o1", TIMED_OUT);
    cr_assert_str_eq(saga->failure_reason, "deadline passed");
    cr_assert_eq(saga->deadline_ms, started_ms + 60000);
    cr_assert_geq(saga->ended_log_ms, saga->deadline_ms);
    check_and_close(harness, true);
}

Test(order_saga, refunds_a_capture_that_the_deadline_overtook)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}};
    harness_provider_down(harness, true);
    shop_order(harness, "o1", "ada", lines, 1);
    harness_run(harness, 61000);
    const Saga__V1__Saga *saga = shop_read_saga(harness, "o1");
    cr_assert_eq(saga->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATING);
    cr_assert_eq(saga->charge, SAGA__V1__CHARGE_STATE__CHARGE_STATE_ASKED);
    cr_assert_eq(shop_read_product(harness, "lamp")->quantity_reserved, 1);
    harness_heal(harness);
    saga = expect_undone(harness, "o1", TIMED_OUT);
    cr_assert_eq(saga->charge, SAGA__V1__CHARGE_STATE__CHARGE_STATE_REFUNDED);
    cr_assert_eq(shop_read_payment(harness, "o1")->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_REFUNDED);
    struct event_record cancelled, timed_out;
    cr_assert(harness_event(harness, "order", "o1", NULL, 2, &cancelled));
    cr_assert(harness_event(harness, "saga", "o1.s1", "o1", shop_read_saga(harness, "o1")->sequence, &timed_out));
    cr_assert_eq(cancelled.log_time_ms, timed_out.log_time_ms);
    check_and_close(harness, true);
}

Test(order_saga, is_cancelled_by_hand_while_the_charge_is_under_way)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}};
    harness_provider_down(harness, true);
    shop_order(harness, "o1", "ada", lines, 1);
    harness_run(harness, 1000);
    struct response response = shop_cancel(harness, "o1");
    cr_assert_eq(response.err, GRID_ERR_OK);
    response = shop_cancel(harness, "o1");
    cr_assert_eq(response.err, GRID_ERR_OK);
    cr_assert(response.found);
    cr_assert_eq(shop_confirm(harness, "o1").refusal_code, REFUSAL_INVALID_ORDER_STATE);
    harness_heal(harness);
    const Saga__V1__Saga *saga = expect_undone(harness, "o1", COMPENSATED);
    cr_assert_str_eq(saga->failure_reason, "cancelled: changed my mind");
    cr_assert_str_eq(shop_read_order(harness, "o1")->cancelled_by, "ada");
    cr_assert_eq(shop_cancel(harness, "o1").refusal_code, REFUSAL_INVALID_ORDER_STATE);
    check_and_close(harness, true);
}

Test(order_saga, cannot_be_cancelled_after_confirmation)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}};
    shop_order(harness, "o1", "ada", lines, 1);
    cr_assert(harness_settle(harness, 10000));
    struct response response = shop_cancel(harness, "o1");
    cr_assert_eq(response.err, GRID_ERR_REFUSED);
    cr_assert_eq(response.refusal_code, REFUSAL_INVALID_ORDER_STATE);
    cr_assert_eq(shop_confirm(harness, "o1").refusal_code, REFUSAL_INVALID_ORDER_STATE);
    check_and_close(harness, true);
}

Test(order_saga, a_deadline_during_compensation_changes_nothing)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}, {"desk", 9, 25000}};
    harness_hold(harness, SERVICE_NUMBER_inventory, INVENTORY_RELEASE_STOCK);
    shop_order(harness, "o1", "ada", lines, 2);
    harness_run(harness, 70000);
    cr_assert_eq(shop_read_saga(harness, "o1")->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATING);
    harness_heal(harness);
    cr_assert_str_eq(expect_undone(harness, "o1", COMPENSATED)->failure_reason, "line 2: INSUFFICIENT_STOCK");
    check_and_close(harness, true);
}

Test(order_saga, sells_ten_units_to_exactly_ten_of_a_hundred_buyers)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}};
    for (unsigned i = 0; i < 100; i++) {
        char id[16];
        snprintf(id, sizeof id, "o%u", i);
        cr_assert_eq(shop_order(harness, id, "ada", lines, 1).err, GRID_ERR_OK);
    }
    cr_assert(harness_settle(harness, 60000));
    struct business_report report;
    harness_check(harness, true, &report);
    cr_assert_eq(report.confirmed, 10);
    cr_assert_eq(report.cancelled, 90);
    check_and_close(harness, true);
}

Test(order_saga, takes_an_order_of_a_hundred_lines)
{
    struct harness *harness = open_shop(&two_replicas);
    struct shop_line lines[100];
    cr_assert_eq(shop_product(harness, "nail", 1, 1000).err, GRID_ERR_OK);
    for (size_t i = 0; i < 100; i++)
        lines[i] = (struct shop_line){"nail", 2, 1};
    shop_order(harness, "o1", "ada", lines, 100);
    cr_assert(harness_settle(harness, 60000));
    cr_assert_eq(shop_read_order(harness, "o1")->status, ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED);
    cr_assert_eq(shop_read_product(harness, "nail")->quantity_sold, 200);
    check_and_close(harness, true);
}

Test(order_saga, accepts_the_same_order_again_and_refuses_another_with_its_id)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 1, 1000}}, dearer[] = {{"lamp", 1, 1001}}, more[] = {{"lamp", 2, 1000}};
    struct response first = shop_order(harness, "o1", "ada", lines, 1);
    struct response again = shop_order(harness, "o1", "ada", dearer, 1);
    cr_assert_eq(again.err, GRID_ERR_OK);
    cr_assert(again.found);
    cr_assert(bytes_equal(again.event_id, first.event_id));
    struct response other = shop_order(harness, "o1", "ada", more, 1);
    cr_assert_eq(other.err, GRID_ERR_ALREADY_EXISTS);
    cr_assert(harness_settle(harness, 10000));
    cr_assert_eq(shop_read_product(harness, "lamp")->quantity_sold, 1);
    check_and_close(harness, true);
}

Test(order_saga, works_in_one_partition_as_in_many)
{
    const struct harness_options one = {.seed = 5, .partitions = 1, .second_replica = true};
    struct harness *harness = open_shop(&one);
    const struct shop_line lines[] = {{"lamp", 2, 1000}, {"desk", 1, 25000}}, dear[] = {{"yacht", 1, 2000000}};
    shop_order(harness, "o1", "ada", lines, 2);
    shop_order(harness, "o2", "ada", dear, 1);
    cr_assert(harness_settle(harness, 10000));
    cr_assert_eq(shop_read_order(harness, "o1")->status, ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED);
    cr_assert_eq(shop_read_order(harness, "o2")->status, ORDER__V1__ORDER_STATUS__ORDER_STATUS_CANCELLED);
    check_and_close(harness, true);
}

/* Proposes the result of the only activity of a partition. */
static void settle_activity(struct harness *harness, const char *order_id, enum payment_activity kind,
                            enum activity_outcome outcome)
{
    uint32_t home = harness_partition_of(harness, order_id);
    struct partition_activity activity;
    cr_assert(partition_activity_next(harness_partition(harness, home), 0, &activity));
    cr_assert_eq(activity.kind, kind);
    struct command result = {
        .kind = COMMAND_ACTIVITY_RESULT,
        .activity_result = {.activity = activity.id, .outcome = outcome, .note = bytes_of_text("no such account")}};
    cr_assert(harness_propose(harness, home, &result).found);
}

Test(order_saga, is_parked_for_a_person_when_the_refund_is_refused)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 2, 1000}};
    harness_provider_down(harness, true);
    shop_order(harness, "o1", "ada", lines, 1);
    harness_run(harness, 1000);
    cr_assert_eq(shop_cancel(harness, "o1").err, GRID_ERR_OK);
    settle_activity(harness, "o1", PAYMENT_ACTIVITY_CHARGE, ACTIVITY_DONE);
    settle_activity(harness, "o1", PAYMENT_ACTIVITY_REFUND, ACTIVITY_REFUSED);
    const Saga__V1__Saga *saga = shop_read_saga(harness, "o1");
    cr_assert_eq(saga->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_FAILED);
    cr_assert_str_eq(saga->failure_reason, "cancelled: changed my mind; the refund was refused: no such account");
    cr_assert_eq(shop_read_payment(harness, "o1")->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_CAPTURED);
    cr_assert_eq(shop_metric(harness_partition(harness, harness_partition_of(harness, "o1")), "saga_failed_total"), 1);
    harness_close(harness);
}

/* An order that can never be confirmed, whatever was paid. */
static void decide_without_confirming(const struct service_call *call, const struct service_state *state, uint32_t type,
                                      const void *command, struct service_decision *decision)
{
    if (type == ORDER_CONFIRM_ORDER)
        service_refuse(decision, REFUSAL_INVALID_ORDER_STATE, "never");
    else
        order_service.decide(call, state, type, command, decision);
}

Test(order_saga, refunds_what_was_captured_when_the_order_cannot_be_confirmed)
{
    struct service stubborn = order_service;
    const struct service *services[8];
    struct service_registry registry = *registry_builtin();
    stubborn.decide = decide_without_confirming;
    for (size_t i = 0; i < registry.count; i++)
        services[i] = registry.services[i] == &order_service ? &stubborn : registry.services[i];
    registry.services = services;
    const struct harness_options options = {.seed = 1, .services = &registry};
    struct harness *harness = open_shop(&options);
    const struct shop_line lines[] = {{"lamp", 2, 1000}};
    shop_order(harness, "o1", "ada", lines, 1);
    const Saga__V1__Saga *saga = expect_undone(harness, "o1", COMPENSATED);
    cr_assert_str_eq(saga->failure_reason, "order: INVALID_ORDER_STATE");
    const Saga__V1__StepStatus expected[] = {
        SAGA__V1__STEP_STATUS__STEP_STATUS_COMPENSATED, SAGA__V1__STEP_STATUS__STEP_STATUS_COMPENSATED,
        SAGA__V1__STEP_STATUS__STEP_STATUS_COMPENSATED, SAGA__V1__STEP_STATUS__STEP_STATUS_FAILED};
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(saga->steps[i]->status, expected[i], "step %zu", i + 1);
    cr_assert_eq(shop_read_payment(harness, "o1")->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_REFUNDED);
    check_and_close(harness, true);
}

Test(order_saga, fires_no_more_deadlines_at_once_than_a_tick_may)
{
    enum { ORDERS = TICK_TIMERS_MAX + 44 };
    const struct harness_options one = {.seed = 2, .partitions = 1, .second_replica = true};
    struct harness *harness = harness_open(&one);
    const struct shop_line lines[] = {{"lamp", 1, 1000}};
    shop_customer(harness, "ada");
    shop_product(harness, "lamp", 1000, 1000);
    harness_provider_down(harness, true);
    for (unsigned i = 0; i < ORDERS; i++) {
        char id[16];
        snprintf(id, sizeof id, "o%u", i);
        cr_assert_eq(shop_order(harness, id, "ada", lines, 1).err, GRID_ERR_OK);
    }
    harness_run(harness, 59700);
    cr_assert_eq(partition_stats(harness_partition(harness, 0)).timers, ORDERS);
    uint64_t due_ms;
    cr_assert(partition_next_due_ms(harness_partition(harness, 0), &due_ms));
    while (partition_stats(harness_partition(harness, 0)).timers == ORDERS)
        harness_run(harness, 1);
    cr_assert_eq(partition_stats(harness_partition(harness, 0)).timers, ORDERS - TICK_TIMERS_MAX);
    cr_assert_geq(partition_log_time_ms(harness_partition(harness, 0)), due_ms);
    harness_heal(harness);
    cr_assert(harness_settle(harness, 60000));
    struct business_report report;
    harness_check(harness, true, &report);
    cr_assert_eq(report.sagas_by_status[SAGA__V1__SAGA_STATUS__SAGA_STATUS_TIMED_OUT], ORDERS);
    check_and_close(harness, true);
}

Test(order_saga, leaves_a_parked_order_to_be_confirmed_by_hand)
{
    struct harness *harness = open_shop(&two_replicas);
    const struct shop_line lines[] = {{"lamp", 2, 1000}};
    harness_provider_down(harness, true);
    shop_order(harness, "o1", "ada", lines, 1);
    harness_run(harness, 61000);
    settle_activity(harness, "o1", PAYMENT_ACTIVITY_CHARGE, ACTIVITY_DONE);
    cr_assert_eq(shop_confirm(harness, "o1").refusal_code, REFUSAL_PAYMENT_NOT_CAPTURED);
    settle_activity(harness, "o1", PAYMENT_ACTIVITY_REFUND, ACTIVITY_REFUSED);
    cr_assert_eq(shop_read_saga(harness, "o1")->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_FAILED);
    cr_assert_eq(shop_cancel(harness, "o1").refusal_code, REFUSAL_INVALID_ORDER_STATE);
    cr_assert_eq(shop_confirm(harness, "o1").err, GRID_ERR_OK);
    cr_assert(harness_settle(harness, 10000));
    cr_assert_eq(shop_read_order(harness, "o1")->status, ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED);
    const Inventory__V1__Product *lamp = shop_read_product(harness, "lamp");
    cr_assert_eq(lamp->quantity_sold, 2);
    cr_assert_eq(lamp->quantity_reserved, 0);
    check_and_close(harness, false);
}

/* ---- a provider that is away */

/* What a leader proposes when its breaker holds the call of the saga's payment back. */
static struct response postpone(struct harness *harness, const char *order)
{
    uint32_t number = harness_partition_of(harness, order);
    struct partition_activity activity;
    struct command command = {.kind = COMMAND_ACTIVITY_RESULT, .activity_result = {.outcome = ACTIVITY_POSTPONED}};
    cr_assert(partition_activity_next(harness_partition(harness, number), 0, &activity));
    command.activity_result.activity = activity.id;
    return harness_propose(harness, number, &command);
}

Test(order_saga, a_charge_that_waits_for_its_provider_is_to_be_retried)
{
    struct harness *harness = harness_open(&(struct harness_options){.seed = 3, .second_replica = true});
    shop_customer(harness, "c1");
    shop_product(harness, "p1", 500, 10);
    harness_provider_down(harness, true);
    shop_order(harness, "o1", "c1", &(struct shop_line){"p1", 1, 500}, 1);
    harness_run(harness, 200);
    cr_assert_eq(shop_read_saga(harness, "o1")->steps[2]->status, SAGA__V1__STEP_STATUS__STEP_STATUS_PENDING);
    cr_assert(postpone(harness, "o1").found);
    const Saga__V1__Saga *saga = shop_read_saga(harness, "o1");
    cr_assert_eq(saga->steps[2]->status, SAGA__V1__STEP_STATUS__STEP_STATUS_PENDING_RETRY);
    cr_assert_eq(saga->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_IN_PROGRESS);
    uint64_t saga_events = saga->sequence, payment_events = shop_read_payment(harness, "o1")->sequence;
    cr_assert(postpone(harness, "o1").found, "another leader finds the same");
    cr_assert_eq(shop_read_saga(harness, "o1")->sequence, saga_events, "and says nothing new");
    cr_assert_eq(shop_read_payment(harness, "o1")->sequence, payment_events);
    harness_provider_down(harness, false);
    cr_assert(harness_settle(harness, 20000));
    saga = shop_read_saga(harness, "o1");
    cr_assert_eq(saga->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPLETED);
    cr_assert_eq(saga->steps[2]->status, SAGA__V1__STEP_STATUS__STEP_STATUS_COMPLETED);
    check_and_close(harness, true);
}

Test(order_saga, a_postponed_charge_is_undone_like_any_other)
{
    struct harness *harness = harness_open(&(struct harness_options){.seed = 4, .second_replica = true});
    shop_customer(harness, "c1");
    shop_product(harness, "p1", 500, 10);
    harness_provider_down(harness, true);
    shop_order(harness, "o1", "c1", &(struct shop_line){"p1", 1, 500}, 1);
    harness_run(harness, 200);
    postpone(harness, "o1");
    harness_run(harness, 70000);
    cr_assert_eq(shop_read_saga(harness, "o1")->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATING);
    postpone(harness, "o1");
    harness_provider_down(harness, false);
    cr_assert(harness_settle(harness, 20000));
    cr_assert_eq(shop_read_saga(harness, "o1")->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_TIMED_OUT);
    cr_assert_eq(shop_read_payment(harness, "o1")->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_REFUNDED);
    check_and_close(harness, true);
}
