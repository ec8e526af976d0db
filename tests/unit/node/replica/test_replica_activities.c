/* What replica.h promises of activities: only a leader runs them, what the destination answers comes back as a command, and nothing is
 * lost with a leadership or an entry. The activities are charges, their destination is this file. */
#include <stdio.h>
#include <string.h>

#include "grid/delivery/activity_runner.h"
#include "service/order/v1/order.pb-c.h"
#include "service/payment/v1/payment.pb-c.h"
#include "services/commands.h"
#include "services/message.h"
#include "services/service_list.h"
#include "tests/unit/node/replica/replica_bench.h"

enum { CALLS_MAX = ACTIVITIES_RUNNING_MAX + 64, SECOND_MS = 1000 };

/* It writes down what it is asked, and answers when the test says so. */
static struct provider {
    struct sink sink;
    struct destination destination;
    struct sink_request *waiting[CALLS_MAX];       /* oldest first */
    size_t waiting_count, asked, cancelled;
    char keys[CALLS_MAX][64];                      /* of all that was asked */
} provider;

static void run(struct sink *sink, struct sink_request *request)
{
    cr_assert(sink == &provider.sink && request->service == SERVICE_NUMBER_payment && request->kind == PAYMENT_ACTIVITY_CHARGE);
    cr_assert_lt(provider.asked, (size_t)CALLS_MAX);
    snprintf(provider.keys[provider.asked++], sizeof provider.keys[0], "%.*s", (int)request->key.size, (const char *)request->key.data);
    provider.waiting[provider.waiting_count++] = request;
}

static void cancel(struct sink *sink, struct sink_request *request)
{
    size_t at = 0;
    (void)sink;
    while (at < provider.waiting_count && provider.waiting[at] != request)
        at++;
    cr_assert_lt(at, provider.waiting_count, "cancelled twice, or after its answer");
    provider.waiting_count--;
    memmove(provider.waiting + at, provider.waiting + at + 1, (provider.waiting_count - at) * sizeof provider.waiting[0]);
    provider.cancelled++;
}

/* The oldest call ends. */
static void answer(enum grid_err err)
{
    cr_assert_gt(provider.waiting_count, 0u);
    struct sink_request *request = provider.waiting[0];
    provider.waiting_count--;
    memmove(provider.waiting, provider.waiting + 1, provider.waiting_count * sizeof provider.waiting[0]);
    request->done(request->context, err, ACTIVITY_REFUSED, BYTES_NONE, bytes_of_text("declined"));
}

/* ---- work that needs the provider */

static void service_command(uint64_t request, uint32_t service, uint32_t type, const char *key, const void *message)
{
    struct buffer body = {0};
    message_pack(message, &body);
    bench_command(request, (struct command){.kind = COMMAND_SERVICE, .service = {.service = service, .type = type, .key = bytes_of_text(key),
                                                                                 .affinity = bytes_of_text("o"), .body = buffer_bytes(&body)}});
    buffer_close(&body);
}

static void place_order(void)
{
    char id[] = "c", product[] = "p", currency[] = "EUR";
    Order__V1__QuotedLine line, *lines[] = {&line};
    Order__V1__CreateOrder order;
    order__v1__quoted_line__init(&line);
    order__v1__create_order__init(&order);
    line.product_id = product;
    line.quantity = line.unit_price_minor = 1;
    order.customer_id = id;
    order.currency = currency;
    order.payment_method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD;
    order.lines = lines;
    order.n_lines = 1;
    service_command(1, SERVICE_NUMBER_order, ORDER_CREATE_ORDER, "o", &order);
    bench_commit();
    cr_assert_eq(bench_err(1), GRID_ERR_OK);
}

/* Payment number `number` of the order, from 2: one activity. */
static void charge(uint64_t number)
{
    char id[] = "o", customer[] = "c", currency[] = "EUR", key[32];
    Payment__V1__ChargePayment command;
    payment__v1__charge_payment__init(&command);
    command.order_id = id;
    command.customer_id = customer;
    command.currency = currency;
    command.amount_minor = 100;
    command.method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD;
    snprintf(key, sizeof key, "o.p%llu", (unsigned long long)number);
    service_command(number, SERVICE_NUMBER_payment, PAYMENT_CHARGE_PAYMENT, key, &command);
}

static void begin(void)
{
    memset(&provider, 0, sizeof provider);
    provider.sink = (struct sink){.name = "provider", .service = SERVICE_NUMBER_payment, .run = run, .cancel = cancel};
    provider.destination.sink = &provider.sink;
    bench_open_leading_to(&provider.destination);
    place_order();
}

static void open_without_destination(void)
{
    memset(&provider, 0, sizeof provider);
    bench_open_leading();
    place_order();
}

/* The order's own messages to the other partition are repeated for ever, because nobody answers them. */
static void tick_after(uint64_t ms)
{
    bench.letters_count = 0;
    bench_tick_after(ms);
}

/* Results that wait in the log. */
static size_t results(void)
{
    size_t count = 0;
    for (size_t i = 0; i < bench.set.group.proposals_count; i++)
        count += bench_commands(i, COMMAND_ACTIVITY_RESULT);
    return count;
}

static void quiet_for_a_minute(void)
{
    size_t asked = provider.asked;
    for (int i = 0; i < 60; i++)
        tick_after(SECOND_MS);
    cr_expect_eq(provider.asked, asked);
}

TestSuite(replica_activities, .init = begin, .fini = bench_close);
TestSuite(replica_without_destination, .init = open_without_destination, .fini = bench_close);

Test(replica_activities, run_once_they_are_applied_and_their_answer_is_a_command)
{
    charge(2);
    bench_run();
    cr_expect_eq(provider.asked, 0u, "its command may still be lost");
    bench_commit();
    cr_expect_eq(bench_err(2), GRID_ERR_OK);
    cr_assert_eq(provider.asked, 1u);
    cr_expect_str_eq(provider.keys[0], "o.p2.charge");
    cr_expect_eq(results(), 0u);
    answer(GRID_ERR_OK);
    bench_run();
    cr_expect_eq(results(), 1u);
    cr_expect_eq(bench.counters.activities_answered->value, 1u);
    bench_commit();
    quiet_for_a_minute();
}

Test(replica_activities, are_cancelled_with_the_leadership_and_run_by_the_next_leader_with_the_same_key)
{
    charge(2);
    bench_commit();
    cr_assert_eq(provider.asked, 1u);
    fake_group_follow(&bench.set, 2, 2);
    bench_run();
    cr_expect_eq(provider.cancelled, 1u);
    quiet_for_a_minute();
    cr_expect_eq(results(), 0u);
    bench_lead(3);
    cr_assert_eq(provider.asked, 2u);
    cr_expect_str_eq(provider.keys[1], provider.keys[0]);
    answer(GRID_ERR_OK);
    bench_commit();
    fake_group_follow(&bench.set, 4, 2);
    bench_lead(5);
    quiet_for_a_minute();
}

Test(replica_activities, whose_answer_finds_no_room_in_the_log_are_asked_again)
{
    charge(2);
    bench_commit();
    bench.set.group.refuses = GRID_ERR_LOG_FULL;
    answer(GRID_ERR_OK);
    bench_run();
    cr_expect_eq(results(), 0u);
    bench.set.group.refuses = GRID_ERR_OK;
    tick_after(50);
    cr_assert_eq(provider.asked, 2u);
    cr_expect_str_eq(provider.keys[1], provider.keys[0]);
    answer(GRID_ERR_OK);
    bench_run();
    cr_expect_eq(results(), 1u);
    bench_commit();
    quiet_for_a_minute();
}

Test(replica_activities, without_a_definite_answer_are_asked_until_there_is_one)
{
    charge(2);
    bench_commit();
    for (size_t attempt = 1; attempt <= 3; attempt++) {
        answer(attempt % 2 != 0 ? GRID_ERR_UNAVAILABLE : GRID_ERR_TIMEOUT);
        tick_after(10 * SECOND_MS);
        cr_assert_eq(provider.asked, attempt + 1);
        cr_expect_str_eq(provider.keys[attempt], provider.keys[0]);
        cr_expect_eq(results(), 0u);
    }
    cr_expect_eq(bench.counters.activities_answered->value, 0u);
    answer(GRID_ERR_OK);
    bench_run();
    cr_expect_eq(results(), 1u);
}

Test(replica_activities, that_an_open_breaker_holds_back_say_so_once)
{
    for (uint64_t number = 2; number < 2 + BREAKER_CALLS_MIN; number++)
        charge(number);
    bench_commit();
    cr_assert_eq(provider.asked, (size_t)BREAKER_CALLS_MIN);
    for (int i = 0; i < BREAKER_CALLS_MIN; i++)
        answer(GRID_ERR_UNAVAILABLE);
    for (int i = 0; i < 10; i++)
        tick_after(SECOND_MS / 2);
    cr_expect_eq(provider.asked, (size_t)BREAKER_CALLS_MIN, "the breaker is open");
    cr_expect_eq(bench.counters.activities_postponed->value, (uint64_t)BREAKER_CALLS_MIN);
    cr_expect_eq(results(), (size_t)BREAKER_CALLS_MIN);
    bench_commit();
    for (int i = 0; i < 60 && bench.counters.activities_answered->value < BREAKER_CALLS_MIN; i++) {
        tick_after(SECOND_MS);
        while (provider.waiting_count > 0)
            answer(GRID_ERR_OK);
        bench_commit();
    }
    cr_expect_eq(bench.counters.activities_answered->value, (uint64_t)BREAKER_CALLS_MIN);
    cr_expect_eq(bench.counters.activities_postponed->value, (uint64_t)BREAKER_CALLS_MIN);
}

Test(replica_activities, past_the_bound_wait_until_others_have_ended)
{
    enum { MORE = 9 };
    for (uint64_t number = 2; number < 2 + ACTIVITIES_RUNNING_MAX + MORE; number++)
        charge(number);
    bench_commit();
    cr_assert_eq(provider.asked, (size_t)ACTIVITIES_RUNNING_MAX);
    for (size_t ended = 0; ended < ACTIVITIES_RUNNING_MAX + MORE; ended++) {
        answer(GRID_ERR_OK);
        bench_commit();
        tick_after(50);
    }
    cr_expect_eq(provider.asked, (size_t)ACTIVITIES_RUNNING_MAX + MORE);
    cr_expect_eq(bench.counters.activities_answered->value, (uint64_t)(ACTIVITIES_RUNNING_MAX + MORE));
    quiet_for_a_minute();
}

Test(replica_without_destination, without_a_destination_wait_for_a_leader_that_has_one)
{
    charge(2);
    bench_commit();
    cr_expect_eq(bench_err(2), GRID_ERR_OK);
    quiet_for_a_minute();
    cr_expect_eq(results(), 0u);
}
