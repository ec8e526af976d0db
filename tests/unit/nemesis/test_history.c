#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/nemesis/history.h"

/* Five writers in turn: each sets, compares-and-sets what it saw, and reads; another compare-and-set loses. */
static struct history good_history(void)
{
    struct history history = {0};
    uint64_t now = 1, version = 0;
    for (uint64_t i = 0; i < 20; i++) {
        struct wgl_operation set = {.kind = WGL_SET, .client = 1, .key = 3, .called = now, .returned = now + 5, .value = 3 * i + 1,
                                    .found = version > 0, .version = version + 1};
        struct wgl_operation swap = {.kind = WGL_COMPARE_AND_SET, .client = 2, .key = 3, .called = now + 6, .returned = now + 9,
                                     .value = 3 * i + 2, .expected = version + 1, .found = true, .version = version + 2};
        struct wgl_operation late = {.kind = WGL_COMPARE_AND_SET, .client = 3, .key = 3, .called = now + 10, .returned = now + 11,
                                     .value = 3 * i + 3, .expected = version + 1, .found = true, .conflict = true,
                                     .version = version + 2};
        struct wgl_operation get = {.kind = WGL_GET, .client = 4, .key = 3, .called = now + 12, .returned = now + 13,
                                    .value = 3 * i + 2, .found = true, .version = version + 2};
        history_add(&history, &set);
        history_add(&history, &swap);
        history_add(&history, &late);
        history_add(&history, &get);
        version += 2;
        now += 20;
    }
    return history;
}

Test(history, a_right_one_is_right)
{
    struct history history = good_history();
    struct findings findings = {0};
    cr_assert_eq(history_check(&history, &findings), WGL_LINEARIZABLE);
    cr_assert_eq(findings.count, 0);
    history_close(&history);
}

Test(history, every_spoilt_one_is_found_and_the_original_left_alone)
{
    struct history history = good_history();
    for (int i = 0; i < HISTORY_SPOILS; i++) {
        struct history wrong;
        struct findings findings = {0};
        cr_assert(history_spoil(&history, (enum history_spoil)i, &wrong), "no place for %s", history_spoil_name((enum history_spoil)i));
        cr_assert_eq(history_check(&wrong, &findings), WGL_VIOLATION, "%s", history_spoil_name((enum history_spoil)i));
        cr_assert_eq(findings.count, 1);
        cr_assert_not_null(strstr(findings_text(&findings), "I23: register 3"));
        findings_close(&findings);
        history_close(&wrong);
    }
    struct findings none = {0};
    cr_assert_eq(history_check(&history, &none), WGL_LINEARIZABLE);
    history_close(&history);
}

Test(history, an_empty_one_has_no_place_for_a_fault)
{
    struct history history = {0}, wrong;
    for (int i = 0; i < HISTORY_SPOILS; i++)
        cr_assert_not(history_spoil(&history, (enum history_spoil)i, &wrong));
}

Test(history, a_read_of_a_paused_leader_that_wakes_up_must_not_be_old)
{
    struct history history = {0};
    struct wgl_operation operations[] = {
        {.kind = WGL_SET, .called = 1, .returned = 2, .value = 1, .version = 1},
        {.kind = WGL_SET, .called = 10, .returned = 12, .value = 2, .found = true, .version = 2},
        /* Asked of the old leader after the second write had ended, answered long after. */
        {.kind = WGL_GET, .client = 1001, .called = 13, .returned = 90, .value = 1, .found = true, .version = 1},
    };
    for (size_t i = 0; i < 3; i++)
        history_add(&history, &operations[i]);
    struct findings findings = {0};
    cr_assert_eq(history_check(&history, &findings), WGL_VIOLATION);
    findings_close(&findings);
    /* Asked before that write ended it may see either. */
    history.operations[2].called = 11;
    cr_assert_eq(history_check(&history, &findings), WGL_LINEARIZABLE);
    history_close(&history);
}

Test(history, an_unknown_write_may_have_happened_or_not)
{
    struct history history = {0};
    struct wgl_operation operations[] = {
        {.kind = WGL_SET, .called = 1, .returned = 2, .value = 1, .version = 1},
        {.kind = WGL_SET, .called = 3, .returned = WGL_NEVER, .value = 2},
        {.kind = WGL_GET, .called = 10, .returned = 11, .value = 1, .found = true, .version = 1},
        {.kind = WGL_GET, .called = 12, .returned = 13, .value = 2, .found = true, .version = 2},
        {.kind = WGL_GET, .called = 14, .returned = 15, .value = 1, .found = true, .version = 1},
    };
    struct findings findings = {0};
    for (size_t i = 0; i < 4; i++)
        history_add(&history, &operations[i]);
    cr_assert_eq(history_check(&history, &findings), WGL_LINEARIZABLE);
    /* But it does not come and go. */
    history_add(&history, &operations[4]);
    cr_assert_eq(history_check(&history, &findings), WGL_VIOLATION);
    findings_close(&findings);
    history_close(&history);
}

static enum answer answer_to(enum wgl_kind kind, enum grid_err err, struct wgl_operation *ret_operation)
{
    uint8_t value[8];
    put_u64(value, 77);
    struct response response = {.err = err, .found = true, .value = bytes_of(value, sizeof value), .version = 5};
    struct client_result result = {.err = err, .response = &response};
    *ret_operation = (struct wgl_operation){.kind = kind, .called = 1, .returned = 2, .value = 9};
    return history_answer(&result, ret_operation);
}

Test(history, keeps_unknown_outcomes_of_writes_and_drops_those_of_reads)
{
    struct wgl_operation operation;
    cr_assert_eq(answer_to(WGL_SET, GRID_ERR_UNKNOWN, &operation), ANSWER_UNKNOWN);
    cr_assert_eq(operation.returned, WGL_NEVER);
    cr_assert_eq(answer_to(WGL_SET, GRID_ERR_RESULT_NOT_KEPT, &operation), ANSWER_UNKNOWN);
    cr_assert_eq(answer_to(WGL_GET, GRID_ERR_UNKNOWN, &operation), ANSWER_NOTHING);
    cr_assert_eq(answer_to(WGL_SET, GRID_ERR_UNAVAILABLE, &operation), ANSWER_NOTHING);
}

Test(history, takes_over_what_was_answered)
{
    struct wgl_operation operation;
    cr_assert_eq(answer_to(WGL_GET, GRID_ERR_OK, &operation), ANSWER_DONE);
    cr_assert(operation.found && operation.value == 77 && operation.version == 5 && operation.returned == 2);
    cr_assert_eq(answer_to(WGL_COMPARE_AND_SET, GRID_ERR_VERSION_CONFLICT, &operation), ANSWER_DONE);
    cr_assert(operation.conflict && operation.value == 9 && operation.version == 5);
    cr_assert_eq(answer_to(WGL_REMOVE, GRID_ERR_OK, &operation), ANSWER_DONE);
    cr_assert_eq(operation.version, 0);
}

Test(history, is_written_a_line_an_operation)
{
    struct history history;
    char path[] = "/tmp/gridiron-history-XXXXXX", line[256];
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0 && history_open(&history, path));
    history_add(&history, &(struct wgl_operation){.kind = WGL_SET, .client = 1, .key = 2, .called = 3, .returned = WGL_NEVER, .value = 4});
    history_add(&history, &(struct wgl_operation){.kind = WGL_GET, .client = 1, .key = 2, .called = 5, .returned = 6, .found = true, .value = 4, .version = 1});
    history_close(&history);
    FILE *file = fdopen(descriptor, "r");
    cr_assert_not_null(fgets(line, sizeof line, file));
    cr_assert_str_eq(line, "{\"client\":1,\"operation\":\"set\",\"key\":2,\"calledUs\":3,\"value\":4,\"outcome\":\"unknown\"}\n");
    cr_assert_not_null(fgets(line, sizeof line, file));
    cr_assert_str_eq(line, "{\"client\":1,\"operation\":\"get\",\"key\":2,\"calledUs\":5,\"returnedUs\":6,\"outcome\":\"done\",\"found\":true,"
                           "\"version\":1,\"read\":4}\n");
    fclose(file);
    remove(path);
}
