#include <criterion/criterion.h>

#include "service/payment/v1/payment.pb-c.h"
#include "services/service_list.h"
#include "tests/sim/world/world.h"

struct caller {
    struct world *world;
    struct host *host;
    struct sink_request request;
    uint8_t asked[64];
    unsigned answered, captured, declined, failed;
    char transaction[32];
};

static void on_open(void *context, struct host *host)
{
    (void)context;
    (void)host;
}

static void on_done(void *context, enum grid_err err, enum activity_outcome outcome, struct bytes body, struct bytes note)
{
    struct caller *caller = context;
    caller->answered++;
    caller->failed += err != GRID_ERR_OK;
    if (err == GRID_ERR_OK) {
        caller->captured += outcome == ACTIVITY_DONE;
        caller->declined += outcome == ACTIVITY_REFUSED;
        cr_assert((outcome == ACTIVITY_DONE) == (body.size > 0));
        cr_assert((outcome == ACTIVITY_REFUSED) == (note.size > 0));
    }
}

static void run_pay(struct world *world, void *context)
{
    (void)world;
    struct caller *caller = context;
    struct sink *sink = host_io(caller->host)->sinks[0];
    sink->run(sink, &caller->request);
}

static void caller_open(struct caller *caller, uint64_t seed, uint64_t faults)
{
    *caller = (struct caller){0};
    struct world_options options = {.seed = seed, .faults_allowed = faults, .faults_forced = true};
    caller->world = world_open(&options);
    struct host_owner owner = {on_open, NULL, on_open, caller, NULL};
    caller->host = world_add_host(caller->world, "n1", HOST_NODE, &owner);
    host_start(caller->host);
    if (faults) {
        faults_begin(caller->world);
    }
}

static void charge_of(struct caller *caller, const char *key, int64_t amount)
{
    Payment__V1__ProviderRequest asked;
    payment__v1__provider_request__init(&asked);
    asked.order_id = (char *)(uintptr_t)"order-1";
    asked.amount_minor = amount;
    asked.currency = (char *)(uintptr_t)"EUR";
    size_t size = payment__v1__provider_request__pack(&asked, caller->asked);
    caller->request = (struct sink_request){.service = SERVICE_NUMBER_payment, .kind = PAYMENT_ACTIVITY_CHARGE,
                                            .key = bytes_of_text(key), .request = bytes_of(caller->asked, size),
                                            .done = on_done, .context = caller};
}

static void pay(struct caller *caller, const char *key, int64_t amount)
{
    charge_of(caller, key, amount);
    host_at(caller->host, 0, run_pay, caller);
    world_run(caller->world, world_now_us(caller->world) + 20000000);
}

Test(provider, captures_up_to_its_limit_and_declines_above)
{
    struct caller caller;
    caller_open(&caller, 1, 0);
    pay(&caller, "k1", PAYMENT_AMOUNT_MAX);
    cr_assert_eq(caller.captured, 1);
    pay(&caller, "k2", PAYMENT_AMOUNT_MAX + 1);
    cr_assert_eq(caller.declined, 1);
    cr_assert_eq(provider_count(caller.world), 2);
    cr_assert_eq(provider_get(caller.world, 0)->amount_minor, PAYMENT_AMOUNT_MAX);
    cr_assert(bytes_equal(provider_get(caller.world, 1)->key, bytes_of_text("k2")));
    world_close(caller.world);
}

Test(provider, answers_a_repeated_key_with_the_first_outcome_and_one_row)
{
    struct caller caller;
    caller_open(&caller, 2, 0);
    pay(&caller, "k1", 100);
    pay(&caller, "k1", PAYMENT_AMOUNT_MAX + 1);
    cr_assert_eq(caller.captured, 2);
    cr_assert_eq(provider_count(caller.world), 1);
    cr_assert_eq(provider_get(caller.world, 0)->asked, 2);
    world_close(caller.world);
}

Test(provider, keeps_an_effect_whose_caller_died_or_turned_away)
{
    struct caller caller;
    caller_open(&caller, 3, 0);
    charge_of(&caller, "k", 5);
    host_at(caller.host, 0, run_pay, &caller);
    world_run(caller.world, 1);
    host_crash(caller.host, CRASH_POWER);
    host_start(caller.host);
    world_run(caller.world, 20000000);
    cr_assert_eq(caller.answered, 0);
    cr_assert_eq(provider_count(caller.world), 1);
    host_at(caller.host, 0, run_pay, &caller);
    world_run(caller.world, world_now_us(caller.world));
    struct sink *sink = host_io(caller.host)->sinks[0];
    sink->cancel(sink, &caller.request);
    world_run(caller.world, 40000000);
    cr_assert_eq(caller.answered, 0);
    cr_assert_eq(provider_get(caller.world, 0)->asked, 2);
    world_close(caller.world);
}

Test(provider, fails_without_a_definite_answer_before_or_after_the_effect)
{
    size_t with_effect = 0, without_effect = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct caller caller;
        caller_open(&caller, seed, FAULT_BIT(PROVIDER_TIMEOUT) | FAULT_BIT(PROVIDER_SLOW));
        pay(&caller, "k1", 100);
        cr_assert_eq(caller.answered, 1);
        with_effect += caller.failed && provider_count(caller.world) == 1;
        without_effect += caller.failed && provider_count(caller.world) == 0;
        world_close(caller.world);
    }
    cr_assert(with_effect > 0 && without_effect > 0);
}
