#include <criterion/criterion.h>

#include "client/core/retry.h"

static enum retry_verdict judge(bool is_write, bool open_fate, enum grid_err err, enum grid_err *ret_outcome)
{
    struct retry retry = {.is_write = is_write, .may_have_happened = open_fate};
    *ret_outcome = GRID_ERR_CORRUPT;
    return retry_judge(&retry, err, ret_outcome);
}

Test(retry, answers_are_final_whatever_happened_before)
{
    static const enum grid_err answers[] = {GRID_ERR_OK, GRID_ERR_VERSION_CONFLICT, GRID_ERR_REFUSED, GRID_ERR_NOT_FOUND,
                                            GRID_ERR_RESULT_NOT_KEPT, GRID_ERR_INVALID, GRID_ERR_DENIED,
                                            GRID_ERR_TOO_LARGE, GRID_ERR_NOT_SUPPORTED};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        for (int open_fate = 0; open_fate < 2; open_fate++) {
            enum grid_err outcome;
            cr_expect_eq(judge(true, open_fate, answers[i], &outcome), RETRY_DONE);
            cr_expect_eq(outcome, answers[i]);
        }
}

Test(retry, errors_before_the_log_leave_the_fate_as_it_was)
{
    for (int open_fate = 0; open_fate < 2; open_fate++) {
        struct retry retry = {.is_write = true, .may_have_happened = open_fate};
        enum grid_err outcome;
        cr_expect_eq(retry_judge(&retry, GRID_ERR_NOT_LEADER, &outcome), RETRY_AGAIN);
        cr_expect_eq(retry.may_have_happened, open_fate);
        cr_expect_eq(retry_judge(&retry, GRID_ERR_BUSY, &outcome), RETRY_AGAIN);
        cr_expect_eq(retry.may_have_happened, open_fate);
    }
}

Test(retry, an_attempt_without_a_definite_answer_opens_the_fate_for_good)
{
    static const enum grid_err vague[] = {GRID_ERR_UNKNOWN, GRID_ERR_UNAVAILABLE, GRID_ERR_TIMEOUT, GRID_ERR_CLOSED,
                                          GRID_ERR_IO};
    for (size_t i = 0; i < sizeof vague / sizeof *vague; i++) {
        struct retry retry = {.is_write = true};
        enum grid_err outcome;
        cr_expect_eq(retry_judge(&retry, vague[i], &outcome), RETRY_AGAIN);
        cr_expect_eq(retry_judge(&retry, GRID_ERR_NOT_LEADER, &outcome), RETRY_AGAIN);
        cr_expect_eq(retry_give_up(&retry), GRID_ERR_UNKNOWN);
    }
}

Test(retry, a_full_log_is_told_unless_the_fate_is_open)
{
    enum grid_err outcome;
    cr_expect_eq(judge(true, false, GRID_ERR_LOG_FULL, &outcome), RETRY_DONE);
    cr_expect_eq(outcome, GRID_ERR_LOG_FULL);
    cr_expect_eq(judge(true, true, GRID_ERR_LOG_FULL, &outcome), RETRY_AGAIN);
    cr_expect_eq(judge(true, false, GRID_ERR_NO_SPACE, &outcome), RETRY_DONE);
    cr_expect_eq(judge(true, true, GRID_ERR_NO_SPACE, &outcome), RETRY_AGAIN);
    cr_expect_eq(judge(true, false, GRID_ERR_MEMORY_FULL, &outcome), RETRY_DONE);
    cr_expect_eq(outcome, GRID_ERR_MEMORY_FULL);
    cr_expect_eq(judge(true, true, GRID_ERR_MEMORY_FULL, &outcome), RETRY_AGAIN);
}

Test(retry, a_lost_session_is_renewed_only_when_surely_nothing_happened)
{
    enum grid_err outcome;
    cr_expect_eq(judge(true, false, GRID_ERR_NO_SESSION, &outcome), RETRY_RENEW);
    cr_expect_eq(judge(true, true, GRID_ERR_NO_SESSION, &outcome), RETRY_DONE);
    cr_expect_eq(outcome, GRID_ERR_UNKNOWN);
}

Test(retry, reads_never_have_an_open_fate)
{
    struct retry retry = {.is_write = false};
    enum grid_err outcome;
    cr_expect_eq(retry_judge(&retry, GRID_ERR_UNKNOWN, &outcome), RETRY_AGAIN);
    retry_lost(&retry);
    cr_expect_eq(retry_give_up(&retry), GRID_ERR_UNAVAILABLE);
}

Test(retry, giving_up_tells_the_last_certain_refusal)
{
    struct retry retry = {.is_write = true};
    enum grid_err outcome;
    cr_expect_eq(retry_give_up(&retry), GRID_ERR_UNAVAILABLE);
    retry_judge(&retry, GRID_ERR_BUSY, &outcome);
    cr_expect_eq(retry_give_up(&retry), GRID_ERR_BUSY);
    retry_lost(&retry);
    cr_expect_eq(retry_give_up(&retry), GRID_ERR_UNKNOWN);
}

Test(retry, pauses_double_to_a_bound_and_are_jittered)
{
    struct prng prng;
    prng_init(&prng, 1);
    for (int round = 0; round < 200; round++) {
        uint64_t first = retry_backoff_us(0, &prng), late = retry_backoff_us(30, &prng);
        cr_expect(first >= 10000 && first <= 20000);
        cr_expect(late >= 250000 && late <= 500000);
        uint64_t dial = retry_reconnect_us(1, &prng), dial_late = retry_reconnect_us(40, &prng);
        cr_expect(dial >= 25000 && dial <= 50000);
        cr_expect(dial_late >= 500000 && dial_late <= 1000000);
    }
    bool differ = false;
    for (int round = 0; round < 20; round++)
        differ |= retry_backoff_us(4, &prng) != retry_backoff_us(4, &prng);
    cr_expect(differ);
}
