#include "tests/support/wgl.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/support/register_world.h"

/* ---- small histories: client, call, return, then what was answered */

enum { HISTORY_MAX = 16 };
struct history { struct wgl_operation operations[HISTORY_MAX]; size_t count; uint32_t client; };

static struct wgl_operation *add(struct history *history, enum wgl_kind kind, uint64_t called, uint64_t returned)
{
    cr_assert_lt(history->count, HISTORY_MAX);
    struct wgl_operation *operation = &history->operations[history->count++];
    *operation = (struct wgl_operation){.kind = kind, .client = history->client++, .called = called, .returned = returned};
    return operation;
}

static void get(struct history *history, uint64_t called, uint64_t returned, uint64_t value, uint64_t version)
{
    struct wgl_operation *operation = add(history, WGL_GET, called, returned);
    operation->found = value != 0;
    operation->value = value;
    operation->version = version;
}

static void set(struct history *history, uint64_t called, uint64_t returned, uint64_t value, bool found, uint64_t version)
{
    struct wgl_operation *operation = add(history, WGL_SET, called, returned);
    operation->found = found;
    operation->value = value;
    operation->version = version;
}

static void unknown_set(struct history *history, uint64_t called, uint64_t value)
{
    set(history, called, WGL_NEVER, value, false, 0);
}

static void removal(struct history *history, uint64_t called, uint64_t returned, bool found)
{
    add(history, WGL_REMOVE, called, returned)->found = found;
}

static struct wgl_operation *compare(struct history *history, uint64_t called, uint64_t returned, uint64_t expected, uint64_t value)
{
    struct wgl_operation *operation = add(history, WGL_COMPARE_AND_SET, called, returned);
    operation->expected = expected;
    operation->value = value;
    operation->found = expected != 0;
    return operation;
}

static enum wgl_verdict check(const struct history *history)
{
    struct wgl_report report = {0};
    enum wgl_verdict verdict = wgl_check(history->operations, history->count, &report);
    cr_assert_eq(report.text.size != 0, verdict == WGL_VIOLATION);
    wgl_report_close(&report);
    return verdict;
}

#define GOOD(history) cr_assert_eq(check(&(history)), WGL_LINEARIZABLE)
#define BAD(history) cr_assert_eq(check(&(history)), WGL_VIOLATION)

Test(wgl, accepts_nothing_and_one_after_the_other)
{
    struct history history = {0};
    GOOD(history);
    set(&history, 1, 2, 10, false, 5);
    get(&history, 3, 4, 10, 5);
    removal(&history, 5, 6, true);
    get(&history, 7, 8, 0, 0);
    GOOD(history);
}

Test(wgl, refuses_a_stale_read)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    set(&history, 3, 4, 11, true, 6);
    get(&history, 5, 6, 10, 5);
    BAD(history);
}

Test(wgl, accepts_either_value_while_a_write_is_under_way_but_no_turning_back)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    set(&history, 3, 10, 11, true, 6);
    get(&history, 4, 5, 10, 5);
    get(&history, 6, 7, 11, 6);
    GOOD(history);
    get(&history, 8, 9, 10, 5);
    BAD(history);
}

Test(wgl, refuses_a_lost_update)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    compare(&history, 3, 8, 5, 11)->version = 6;
    compare(&history, 4, 9, 5, 12)->version = 7;
    BAD(history);
}

Test(wgl, accepts_one_winner_of_two_racers_I14)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    compare(&history, 3, 8, 5, 11)->version = 6;
    struct wgl_operation *loser = compare(&history, 4, 9, 5, 12);
    loser->conflict = true;
    loser->version = 6;
    GOOD(history);
    loser->version = 5;
    BAD(history);
}

Test(wgl, refuses_a_write_that_took_effect_twice)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    set(&history, 3, 4, 11, true, 6);
    get(&history, 5, 6, 11, 6);
    get(&history, 7, 8, 10, 7);
    BAD(history);
}

Test(wgl, refuses_an_unknown_write_that_took_effect_twice)
{
    struct history history = {0};
    unknown_set(&history, 1, 10);
    get(&history, 2, 3, 10, 5);
    set(&history, 4, 5, 11, true, 6);
    get(&history, 6, 7, 10, 7);
    BAD(history);
}

Test(wgl, refuses_a_value_that_nobody_wrote)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    get(&history, 3, 4, 99, 6);
    BAD(history);
}

Test(wgl, refuses_a_read_before_its_write)
{
    struct history history = {0};
    get(&history, 1, 2, 10, 5);
    set(&history, 3, 4, 10, false, 5);
    BAD(history);
    struct history unknown = {0};
    get(&unknown, 1, 2, 10, 5);
    unknown_set(&unknown, 3, 10);
    BAD(unknown);
}

Test(wgl, accepts_an_unknown_write_that_took_effect_late_or_never)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    unknown_set(&history, 3, 11);
    get(&history, 4, 5, 10, 5);
    get(&history, 6, 7, 10, 5);
    GOOD(history);
    get(&history, 8, 9, 11, 8);
    GOOD(history);
    get(&history, 10, 11, 10, 5);
    BAD(history);
}

Test(wgl, accepts_unknown_removals_and_comparisons_when_they_explain_what_was_seen)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    removal(&history, 3, WGL_NEVER, false);
    get(&history, 4, 5, 0, 0);
    set(&history, 6, 7, 12, false, 7);
    compare(&history, 8, WGL_NEVER, 7, 13);
    get(&history, 9, 10, 12, 7);
    get(&history, 11, 12, 13, 9);
    GOOD(history);
    compare(&history, 13, WGL_NEVER, 7, 14);
    get(&history, 14, 15, 14, 10);
    BAD(history);
}

Test(wgl, refuses_a_version_that_goes_back_or_is_given_twice)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    set(&history, 3, 4, 11, true, 5);
    BAD(history);
    struct history other = {0};
    unknown_set(&other, 1, 10);
    get(&other, 2, 3, 10, 5);
    get(&other, 4, 5, 10, 6);
    BAD(other);
}

Test(wgl, refuses_a_wrong_word_about_what_was_there)
{
    struct history history = {0};
    set(&history, 1, 2, 10, true, 5);
    BAD(history);
    struct history other = {0};
    set(&other, 1, 2, 10, false, 5);
    removal(&other, 3, 4, false);
    BAD(other);
}

Test(wgl, holds_a_write_to_the_value_that_it_says_was_there)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 1);
    set(&history, 3, 4, 20, true, 2);
    history.operations[1].tells_old = true;
    history.operations[1].old_value = 10;
    cr_assert_eq(check(&history), WGL_LINEARIZABLE);
    history.operations[1].old_value = 11;
    cr_assert_eq(check(&history), WGL_VIOLATION);
}

Test(wgl, a_value_that_was_replaced_explains_an_unknown_write)
{
    struct history history = {0};
    unknown_set(&history, 1, 10);
    removal(&history, 5, 6, true);
    history.operations[1].tells_old = true;
    history.operations[1].old_value = 10;
    cr_assert_eq(check(&history), WGL_LINEARIZABLE);
    history.operations[0].called = 7;
    cr_assert_eq(check(&history), WGL_VIOLATION);
}

Test(wgl, keys_are_independent)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    get(&history, 3, 4, 0, 0);
    BAD(history);
    history.operations[1].key = 7;
    GOOD(history);
}

Test(wgl, reports_the_shortest_offending_prefix)
{
    struct history history = {0};
    set(&history, 1, 2, 10, false, 5);
    set(&history, 3, 4, 11, true, 6);
    get(&history, 5, 6, 10, 5);
    for (unsigned i = 0; i < 10; i++)
        get(&history, 10 + 2 * i, 11 + 2 * i, 11, 6);
    struct wgl_report report = {0};
    cr_assert_eq(wgl_check(history.operations, history.count, &report), WGL_VIOLATION);
    buffer_append_u8(&report.text, 0);
    const char *text = (const char *)report.text.data;
    cr_assert_not_null(strstr(text, "key 0: no order explains the answer of\n  client 2 [5, 6] get -> 10, version 5\n"), "%s", text);
    cr_assert_not_null(strstr(text, "(3 operations"), "%s", text);
    wgl_report_close(&report);
}

/* ---- long histories from a real register, so that they are right by construction */

static enum wgl_verdict check_world(const struct register_world *world)
{
    struct wgl_report report = {0};
    enum wgl_verdict verdict = wgl_check(world->operations, world->count, &report);
    wgl_report_close(&report);
    return verdict;
}

Test(wgl, accepts_thousands_of_operations_of_a_real_register)
{
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct register_world world = {0};
        register_world_run(&world, seed, 3 + seed, 4000, seed % 3 == 0 ? 0 : 20000);
        cr_assert_eq(check_world(&world), WGL_LINEARIZABLE, "seed %u", (unsigned)seed);
        register_world_close(&world);
    }
}

/* A read answers from a little ago: almost always impossible, and seldom quick to see. */
Test(wgl, finds_a_stale_read_among_thousands)
{
    unsigned found = 0;
    for (uint64_t seed = 0; seed < 12; seed++) {
        struct register_world world = {0};
        register_world_run(&world, seed, 3 + seed, 3000, seed % 3 == 0 ? 0 : 20000);
        for (size_t i = 1500; i < world.count; i++) {
            struct wgl_operation *read = &world.operations[i];
            const struct wgl_operation *old = read - 200;
            if (read->kind != WGL_GET || old->kind != WGL_GET || !old->found)
                continue;
            read->value = old->value;
            read->version = old->version;
            read->found = true;
            break;
        }
        enum wgl_verdict verdict = check_world(&world);
        cr_assert_neq(verdict, WGL_TOO_HARD, "seed %u", (unsigned)seed);
        found += verdict == WGL_VIOLATION;
        register_world_close(&world);
    }
    cr_assert_geq(found, 11);
}

Test(wgl, finds_an_acknowledged_write_that_is_gone)
{
    struct register_world world = {.without_removal = true};
    register_world_run(&world, 99, 8, 3000, 10000);
    cr_assert_eq(check_world(&world), WGL_LINEARIZABLE);
    for (size_t i = 1000; i < world.count; i++) {
        struct wgl_operation *read = &world.operations[i];
        if (read->kind == WGL_GET && read->found) {
            read->found = false;
            read->value = read->version = 0;
            break;
        }
    }
    cr_assert_eq(check_world(&world), WGL_VIOLATION);
    register_world_close(&world);
}
