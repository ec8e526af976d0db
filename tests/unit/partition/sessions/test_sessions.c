#include "grid/partition/sessions/sessions.h"

#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/memory.h"
#include "grid/base/prng.h"

static const struct retention_limits NO_LIMITS = {0};

static enum session_verdict admit(struct sessions *sessions, uint64_t id, uint64_t sequence, uint64_t below)
{
    struct bytes result;
    return sessions_admit(sessions, &(struct session_request){{id}, sequence, below}, 0, &result);
}

static enum session_verdict admit_at(struct sessions *sessions, uint64_t id, uint64_t sequence, uint64_t now_ms)
{
    struct bytes result;
    return sessions_admit(sessions, &(struct session_request){{id}, sequence, 0}, now_ms, &result);
}

static void apply(struct sessions *sessions, uint64_t id, uint64_t sequence, const char *result)
{
    cr_assert_eq(admit(sessions, id, sequence, 0), SESSION_NEW);
    sessions_keep(sessions, (struct session_id){id}, sequence, bytes_of_text(result));
}

Test(sessions, keeps_answers_of_the_whole_window_in_any_order)
{
    struct sessions *sessions = sessions_open();
    struct bytes result;
    sessions_begin(sessions, (struct session_id){5}, 0, 0);
    apply(sessions, 5, 3, "three");
    apply(sessions, 5, 1, "one");
    apply(sessions, 5, 2, "two");
    cr_assert_eq(sessions_admit(sessions, &(struct session_request){{5}, 1, 0}, 0, &result), SESSION_REPEATED);
    cr_assert(bytes_equal(result, bytes_of_text("one")));
    cr_assert_eq(sessions_admit(sessions, &(struct session_request){{5}, 3, 3}, 0, &result), SESSION_REPEATED);
    cr_assert(bytes_equal(result, bytes_of_text("three")));
    cr_assert_eq(admit(sessions, 5, 2, 0), SESSION_FORGOTTEN);
    cr_assert_eq(admit(sessions, 5, 4, 4), SESSION_NEW);
    cr_assert_eq(admit(sessions, 5, 3, 0), SESSION_FORGOTTEN);
    sessions_holds(sessions);
    sessions_close(sessions);
}

Test(sessions, keeps_an_empty_answer_too)
{
    struct sessions *sessions = sessions_open();
    sessions_begin(sessions, (struct session_id){1}, 0, 0);
    apply(sessions, 1, 1, "");
    cr_assert_eq(admit(sessions, 1, 1, 0), SESSION_REPEATED);
    sessions_close(sessions);
}

Test(sessions, remembers_what_was_applied_when_the_answer_does_not_fit)
{
    struct sessions *sessions = sessions_open();
    uint8_t *large = memory_zero(1, SESSION_RESULT_BYTES_MAX + 1);
    sessions_begin(sessions, (struct session_id){1}, 0, 0);
    cr_assert_eq(admit(sessions, 1, 1, 0), SESSION_NEW);
    sessions_keep(sessions, (struct session_id){1}, 1, bytes_of(large, SESSION_RESULT_BYTES_MAX + 1));
    cr_assert_eq(admit(sessions, 1, 1, 0), SESSION_NOT_KEPT);
    cr_assert_eq(admit(sessions, 1, 2, 0), SESSION_NEW);
    sessions_keep(sessions, (struct session_id){1}, 2, bytes_of(large, SESSION_RESULT_BYTES_MAX));
    cr_assert_eq(admit(sessions, 1, 2, 0), SESSION_REPEATED);
    apply(sessions, 1, 3, "x");
    cr_assert_eq(admit(sessions, 1, 3, 0), SESSION_NOT_KEPT);
    cr_assert_eq(admit(sessions, 1, 3, 3), SESSION_NOT_KEPT);
    apply(sessions, 1, 4, "there is room again");
    cr_assert_eq(admit(sessions, 1, 4, 0), SESSION_REPEATED);
    sessions_holds(sessions);
    memory_free(large);
    sessions_close(sessions);
}

Test(sessions, keeps_the_first_answers_when_there_are_too_many)
{
    struct sessions *sessions = sessions_open();
    sessions_begin(sessions, (struct session_id){1}, 0, 0);
    for (uint64_t i = 1; i <= SESSION_WINDOW_MAX; i++)
        apply(sessions, 1, i, "x");
    cr_assert_eq(admit(sessions, 1, SESSION_WINDOW_MAX + 1, 0), SESSION_TOO_FAR);
    for (uint64_t i = 1; i <= SESSION_WINDOW_MAX; i++)
        cr_assert_eq(admit(sessions, 1, i, 0), i <= SESSION_RESULTS_MAX ? SESSION_REPEATED : SESSION_NOT_KEPT);
    cr_assert_eq(admit(sessions, 1, SESSION_WINDOW_MAX + 1, 2), SESSION_NEW);
    sessions_holds(sessions);
    sessions_close(sessions);
}

Test(sessions, a_refused_one_leaves_no_trace)
{
    struct sessions *sessions = sessions_open();
    sessions_begin(sessions, (struct session_id){1}, 0, 0);
    uint64_t digest = sessions_digest(sessions);
    cr_assert_eq(admit(sessions, 2, 1, 0), SESSION_UNKNOWN);
    cr_assert_eq(admit(sessions, 0, 1, 0), SESSION_UNKNOWN);
    cr_assert_eq(admit(sessions, 1, 1 + SESSION_WINDOW_MAX, 0), SESSION_TOO_FAR);
    cr_assert_eq(sessions_digest(sessions), digest);
    cr_assert_eq(sessions_count(sessions), 1);
    sessions_close(sessions);
}

Test(sessions, idle_time_is_bounded_on_both_sides)
{
    struct sessions *sessions = sessions_open();
    uint64_t due_ms;
    sessions_begin(sessions, (struct session_id){1}, UINT64_MAX, 1000);
    cr_assert(sessions_next_due_ms(sessions, &NO_LIMITS, &due_ms));
    cr_assert_eq(due_ms, 1000 + SESSION_IDLE_MS_MAX);
    sessions_begin(sessions, (struct session_id){2}, 0, 1000);
    sessions_next_due_ms(sessions, &NO_LIMITS, &due_ms);
    cr_assert_eq(due_ms, 1000 + SESSION_IDLE_MS_DEFAULT);
    sessions_begin(sessions, (struct session_id){3}, 1, 1000);
    sessions_next_due_ms(sessions, &NO_LIMITS, &due_ms);
    cr_assert_eq(due_ms, 1000 + SESSION_IDLE_MS_MIN);
    sessions_close(sessions);
}

Test(sessions, expire_in_order_of_their_end_and_a_few_at_a_time)
{
    struct sessions *sessions = sessions_open();
    for (uint64_t id = 1; id <= 10; id++)
        sessions_begin(sessions, (struct session_id){id}, 20000 - id * 1000, 0);
    cr_assert_eq(sessions_trim(sessions, &NO_LIMITS, 12000, 2), 2);
    cr_assert_eq(admit(sessions, 10, 1, 0), SESSION_UNKNOWN);
    cr_assert_eq(admit(sessions, 9, 1, 0), SESSION_UNKNOWN);
    cr_assert_eq(admit(sessions, 8, 1, 0), SESSION_NEW);
    cr_assert_eq(sessions_trim(sessions, &NO_LIMITS, 11999, 100), 0);
    cr_assert_eq(sessions_trim(sessions, &NO_LIMITS, 100000, 100), 8);
    cr_assert_eq(sessions_count(sessions), 0);
    sessions_holds(sessions);
    sessions_close(sessions);
}

static void begin(struct sessions *sessions, const struct retention_limits *limits, uint64_t id, uint64_t now_ms)
{
    (void)sessions_make_room(sessions, limits, 64);
    sessions_begin(sessions, (struct session_id){id}, 0, now_ms);
}

Test(sessions, end_the_longest_idle_one_when_there_is_no_room)
{
    static const struct retention_limits LIMITS = {.count = 1000};
    struct sessions *sessions = sessions_open();
    for (uint64_t id = 1; id <= LIMITS.count; id++)
        begin(sessions, &LIMITS, id, 0);
    cr_assert_eq(sessions_count(sessions), LIMITS.count, "as many as there may be");
    cr_assert_eq(admit(sessions, 1, 1, 0), SESSION_NEW);
    begin(sessions, &LIMITS, 100000, 0);
    cr_assert_eq(sessions_count(sessions), LIMITS.count);
    cr_assert_eq(admit(sessions, 1, 1, 0), SESSION_NEW, "it was used and stays");
    cr_assert_eq(admit(sessions, 2, 1, 0), SESSION_UNKNOWN);
    cr_assert_eq(admit(sessions, 100000, 1, 0), SESSION_NEW);
    sessions_holds(sessions);
    sessions_close(sessions);
}

Test(sessions, end_when_their_answers_take_too_many_bytes_the_longest_idle_first)
{
    static uint8_t answer[1000];
    struct sessions *sessions = sessions_open();
    uint64_t count, bytes, oldest_ms, due_ms;
    for (uint64_t id = 1; id <= 10; id++) {
        sessions_begin(sessions, (struct session_id){id}, 0, id);
        cr_assert_eq(admit_at(sessions, id, 1, id), SESSION_NEW);
        sessions_keep(sessions, (struct session_id){id}, 1, bytes_of(answer, sizeof answer));
    }
    sessions_kept(sessions, &count, &bytes, &oldest_ms);
    cr_assert(count == 10 && bytes > 10 * sizeof answer && oldest_ms == 1);
    struct retention_limits limits = {.bytes = bytes};
    cr_assert_eq(sessions_trim(sessions, &limits, 10, 100), 0, "at the limit");
    limits.bytes--;
    cr_assert(sessions_next_due_ms(sessions, &limits, &due_ms) && due_ms == 0, "a Tick has work now");
    cr_assert_eq(sessions_trim(sessions, &limits, 10, 100), 1);
    cr_assert_eq(admit_at(sessions, 1, 2, 10), SESSION_UNKNOWN);
    limits.bytes = bytes / 2;
    cr_assert_eq(sessions_trim(sessions, &limits, 10, 3), 3, "in slices");
    cr_assert_eq(sessions_trim(sessions, &limits, 10, 100), 1);
    sessions_kept(sessions, &count, &bytes, &oldest_ms);
    cr_assert(count == 5 && bytes <= limits.bytes && oldest_ms == 6);
    sessions_holds(sessions);
    sessions_close(sessions);
}

Test(sessions, end_when_they_are_idle_for_longer_than_the_limit_whatever_they_say_themselves)
{
    struct retention_limits limits = {.age_ms = 60000};
    struct sessions *sessions = sessions_open();
    uint64_t due_ms;
    sessions_begin(sessions, (struct session_id){1}, 3600000, 1000);
    sessions_begin(sessions, (struct session_id){2}, 3600000, 1000);
    cr_assert_eq(admit_at(sessions, 1, 1, 2000), SESSION_NEW);
    cr_assert(sessions_next_due_ms(sessions, &limits, &due_ms) && due_ms == 61000);
    cr_assert_eq(sessions_trim(sessions, &limits, 60999, 100), 0);
    cr_assert_eq(sessions_trim(sessions, &limits, 61000, 100), 1);
    cr_assert(sessions_next_due_ms(sessions, &limits, &due_ms) && due_ms == 62000);
    cr_assert_eq(sessions_trim(sessions, &limits, 61999, 100), 0);
    cr_assert_eq(sessions_trim(sessions, &limits, 62000, 100), 1);
    sessions_close(sessions);
}

/* ---- against a model that keeps everything */

enum { MODEL_IDS = 40, MODEL_SEQUENCES = 60 };
struct model_session { bool open, applied[MODEL_SEQUENCES + 1]; uint64_t below, used_ms, idle_ms; };

static enum session_verdict model_admit(struct model_session *session, uint64_t sequence, uint64_t below, uint64_t now_ms)
{
    if (!session->open)
        return SESSION_UNKNOWN;
    session->used_ms = now_ms;
    session->below = below > session->below ? below : session->below;
    if (sequence < session->below)
        return SESSION_FORGOTTEN;
    return session->applied[sequence] ? SESSION_REPEATED : SESSION_NEW;
}

static void model_step(struct sessions *sessions, struct model_session *model, struct prng *prng, uint64_t now_ms)
{
    uint64_t id = prng_range(prng, 1, MODEL_IDS - 1), sequence = prng_range(prng, 1, MODEL_SEQUENCES);
    uint64_t below = prng_range(prng, sequence / 2, sequence);
    struct bytes result;
    enum session_verdict expected = model_admit(&model[id], sequence, below, now_ms);
    cr_assert_eq(sessions_admit(sessions, &(struct session_request){{id}, sequence, below}, now_ms, &result), expected);
    if (expected == SESSION_REPEATED)
        cr_assert(result.size == 16 && get_u64(result.data) == id && get_u64(result.data + 8) == sequence);
    if (expected != SESSION_NEW)
        return;
    uint8_t answer[16];
    put_u64(answer, id);
    put_u64(answer + 8, sequence);
    sessions_keep(sessions, (struct session_id){id}, sequence, bytes_of(answer, sizeof answer));
    model[id].applied[sequence] = true;
}

static uint64_t model_expire(struct model_session *model, uint64_t now_ms, uint64_t *ret_next_ms)
{
    uint64_t open = 0;
    *ret_next_ms = UINT64_MAX;
    for (uint64_t id = 1; id < MODEL_IDS; id++) {
        uint64_t due_ms = model[id].used_ms + model[id].idle_ms;
        model[id].open = model[id].open && due_ms > now_ms;
        open += model[id].open;
        if (model[id].open && due_ms < *ret_next_ms)
            *ret_next_ms = due_ms;
    }
    return open;
}

Test(sessions, agree_with_a_model_that_keeps_everything)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sessions *sessions = sessions_open();
        struct model_session model[MODEL_IDS] = {0};
        struct prng prng;
        prng_init(&prng, seed);
        uint64_t now_ms = 0, next_id = 1;
        for (unsigned i = 0; i < 2000; i++) {
            uint64_t due_ms = UINT64_MAX, model_due_ms;
            now_ms += prng_range(&prng, 0, 40);
            if (next_id < MODEL_IDS && prng_chance(&prng, 50000)) {
                model[next_id] = (struct model_session){.open = true, .below = 1, .used_ms = now_ms,
                                                        .idle_ms = prng_range(&prng, 1000, 9000)};
                sessions_begin(sessions, (struct session_id){next_id}, model[next_id].idle_ms, now_ms);
                next_id++;
            }
            model_step(sessions, model, &prng, now_ms);
            sessions_trim(sessions, &NO_LIMITS, now_ms, 100);
            cr_assert_eq(sessions_count(sessions), model_expire(model, now_ms, &model_due_ms));
            sessions_next_due_ms(sessions, &NO_LIMITS, &due_ms);
            cr_assert_eq(due_ms, model_due_ms);
        }
        sessions_holds(sessions);
        sessions_close(sessions);
    }
}
