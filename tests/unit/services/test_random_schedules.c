/* Random orders under random schedules: the invariants hold at rest after messages were lost, delayed, repeated or set apart.
 * SHOP_SEED=n runs one seed; SHOP_SEEDS=n runs the first n. Services that are broken on purpose must be found out. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/inventory/v1/inventory.pb-c.h"
#include "services/account/account.h"
#include "services/inventory/inventory.h"
#include "services/payment/payment.h"
#include "services/saga/saga.h"
#include "tests/unit/services/random_shop.h"

enum { SEEDS_DEFAULT = 400, MUTANT_SEEDS = 400 };

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

Test(random_schedules, hold_every_invariant_at_rest)
{
    uint64_t only = number_from("SHOP_SEED", 0), seeds = number_from("SHOP_SEEDS", SEEDS_DEFAULT);
    struct business_report total = {0};
    struct harness_counts counts = {0};
    for (uint64_t seed = only == 0 ? 1 : only; seed <= (only == 0 ? seeds : only); seed++) {
        struct random_run run = random_shop_run(seed, NULL);
        cr_assert_str_empty(run.report.violation, "SHOP_SEED=%llu: %s", (unsigned long long)seed, run.report.violation);
        cr_assert(run.settled, "SHOP_SEED=%llu: I07: something was still under way", (unsigned long long)seed);
        for (size_t i = 0; i < 8; i++)
            total.sagas_by_status[i] += run.report.sagas_by_status[i];
        total.orders += run.report.orders;
        total.refunds += run.report.refunds;
        counts.duplicates += run.counts.duplicates;
        counts.gaps += run.counts.gaps;
        counts.replayed += run.counts.replayed;
    }
    if (getenv("SHOP_TOTALS") != NULL)
        fprintf(
            stderr,
            "orders %llu completed %llu compensated %llu timed out %llu failed %llu refunds %llu; duplicates %llu gaps %llu replayed %llu\n",
            (unsigned long long)total.orders, (unsigned long long)total.sagas_by_status[3],
            (unsigned long long)total.sagas_by_status[5], (unsigned long long)total.sagas_by_status[7],
            (unsigned long long)total.sagas_by_status[6], (unsigned long long)total.refunds,
            (unsigned long long)counts.duplicates, (unsigned long long)counts.gaps,
            (unsigned long long)counts.replayed);
    if (only != 0)
        return;
    /* A batch that never met the rare states proves nothing. */
    cr_assert_gt(total.sagas_by_status[SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPLETED], total.orders / 10);
    cr_assert_gt(total.sagas_by_status[SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATED], total.orders / 10);
    cr_assert_gt(total.sagas_by_status[SAGA__V1__SAGA_STATUS__SAGA_STATUS_TIMED_OUT], 0);
    cr_assert_gt(total.refunds, 0);
    cr_assert_gt(counts.duplicates, 0);
    cr_assert_gt(counts.gaps, 0);
    cr_assert_gt(counts.replayed, 0);
}

/* ---- mutants: each must be found within MUTANT_SEEDS seeds */

static bool found_out(const struct service *mutant)
{
    const struct service *services[8];
    struct service_registry registry = *registry_builtin();
    for (size_t i = 0; i < registry.count; i++)
        services[i] = registry.services[i]->number == mutant->number ? mutant : registry.services[i];
    registry.services = services;
    for (uint64_t seed = 1; seed <= MUTANT_SEEDS; seed++) {
        struct random_run run = random_shop_run(seed, &registry);
        if (getenv("SHOP_TOTALS") != NULL && (run.report.violation[0] != '\0' || !run.settled))
            fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, run.report.violation);
        if (run.report.violation[0] != '\0' || !run.settled)
            return true;
    }
    return false;
}

static void evolve_without_tombstone(const struct service_call *call, struct service_state *state, uint32_t type,
                                     const void *event)
{
    inventory_service.evolve(call, state, type, event);
    if (type == INVENTORY_STOCK_RELEASED)
        state->part = NULL;
}

Test(random_schedules, find_a_release_without_tombstone)
{
    struct service mutant = inventory_service;
    mutant.evolve = evolve_without_tombstone;
    cr_assert(found_out(&mutant));
}

static void react_without_refund(const struct service_call *call, const struct service_state *state, uint32_t type,
                                 const void *event, struct service_reaction *reaction)
{
    saga_service.react(call, state, type, event, reaction);
    for (size_t i = 0; i < reaction->messages_count; i++)
        if (reaction->messages[i].service == SERVICE_NUMBER_payment &&
            reaction->messages[i].type == PAYMENT_REFUND_PAYMENT)
            reaction->messages_count = i;
}

Test(random_schedules, find_a_saga_that_forgets_the_refund)
{
    struct service mutant = saga_service;
    mutant.react = react_without_refund;
    cr_assert(found_out(&mutant));
}

static void no_deadline(const struct service_call *call, const struct service_state *state, uint32_t number,
                        struct service_decision *decision)
{
    (void)call, (void)state, (void)number, (void)decision;
}

Test(random_schedules, find_a_saga_without_deadline)
{
    struct service mutant = saga_service;
    mutant.decide_timer = no_deadline;
    cr_assert(found_out(&mutant));
}

static void react_with_one_release_less(const struct service_call *call, const struct service_state *state,
                                        uint32_t type, const void *event, struct service_reaction *reaction)
{
    saga_service.react(call, state, type, event, reaction);
    if (reaction->messages_count > 1 && reaction->messages[0].type == INVENTORY_RELEASE_STOCK)
        reaction->messages_count--;
}

Test(random_schedules, find_a_line_that_is_not_released)
{
    struct service mutant = saga_service;
    mutant.react = react_with_one_release_less;
    cr_assert(found_out(&mutant));
}

static void impatient_timer(const struct service_call *call, const struct service_state *state, uint32_t number,
                            struct service_decision *decision)
{
    /* Takes a charge under way for a declined one when the deadline passes. */
    const Saga__V1__Saga *saga = state->view;
    bool asked = saga != NULL && saga->charge == SAGA__V1__CHARGE_STATE__CHARGE_STATE_ASKED;
    struct service_answer declined = {.reference = saga_reference(SAGA_ASKED_CHARGE, 0), .code = REFUSAL_UNPROCESSABLE};
    if (asked)
        saga_service.decide_answer(call, state, &declined, decision);
    else
        saga_service.decide_timer(call, state, number, decision);
}

Test(random_schedules, find_a_saga_that_takes_silence_for_a_decline)
{
    struct service mutant = saga_service;
    mutant.decide_timer = impatient_timer;
    cr_assert(found_out(&mutant));
}

static void evolve_from_more_than_the_event(const struct service_call *call, struct service_state *state, uint32_t type,
                                            const void *event)
{
    account_service.evolve(call, state, type, event);
    if (call->by_hand)
        ((Account__V1__Customer *)state->view)->phone = (char *)(uintptr_t) "by hand";
}

Test(random_schedules, find_a_view_that_depends_on_more_than_its_events)
{
    struct service mutant = account_service;
    mutant.evolve = evolve_from_more_than_the_event;
    cr_assert(found_out(&mutant));
}
