#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "grid/base/memory.h"
#include "service/payment/v1/payment.pb-c.h"
#include "services/commands.h"
#include "services/host/ledger.h"
#include "services/service_list.h"
#include "tests/unit/uv/uv_fixture.h"

/* One node's provider, on a loop of its own. */
struct desk { struct uv_fixture fixture; struct sink *sink; };

struct scene {
    char folder[64], path[96];
    struct desk desk;
};

/* A request and what was answered. */
struct asked {
    struct sink_request request;
    uint8_t form[64];
    bool done;
    size_t answers;
    enum grid_err err;
    enum activity_outcome outcome;
    char transaction[96], reason[96];
};

static void on_done(void *context, enum grid_err err, enum activity_outcome outcome, struct bytes body, struct bytes note)
{
    struct asked *asked = context;
    asked->done = true;
    asked->answers++;
    asked->err = err;
    asked->outcome = outcome;
    snprintf(asked->transaction, sizeof asked->transaction, "%.*s", (int)body.size, (const char *)body.data);
    snprintf(asked->reason, sizeof asked->reason, "%.*s", (int)note.size, (const char *)note.data);
}

static void ask_bytes(struct desk *desk, struct asked *asked, enum payment_activity kind, struct bytes key, int64_t amount_minor)
{
    Payment__V1__ProviderRequest form;
    payment__v1__provider_request__init(&form);
    form.order_id = (char *)(uintptr_t)"o-1";
    form.amount_minor = amount_minor;
    form.currency = (char *)(uintptr_t)"EUR";
    *asked = (struct asked){.request = {.service = SERVICE_NUMBER_payment, .kind = kind, .key = key, .done = on_done}};
    asked->request.request = bytes_of(asked->form, payment__v1__provider_request__pack(&form, asked->form));
    asked->request.context = asked;
    desk->sink->run(desk->sink, &asked->request);
}

static void ask(struct desk *desk, struct asked *asked, const char *key, int64_t amount_minor)
{
    ask_bytes(desk, asked, PAYMENT_ACTIVITY_CHARGE, bytes_of_text(key), amount_minor);
}

static struct asked charge(struct desk *desk, const char *key, int64_t amount_minor)
{
    struct asked asked;
    ask(desk, &asked, key, amount_minor);
    uv_fixture_wait(&desk->fixture, &asked.done);
    asked.request.context = NULL;
    asked.request.request = BYTES_NONE;
    return asked;
}

static void desk_open(struct desk *desk, const char *path)
{
    char *note = NULL;
    uv_fixture_open(&desk->fixture, NULL);
    cr_assert_eq(ledger_open(&desk->fixture.loop, path, &desk->sink, &note), GRID_ERR_OK, "%s", note);
}

static void desk_close(struct desk *desk)
{
    uv_fixture_close(&desk->fixture);
    ledger_close(desk->sink);
}

static void scene_open(struct scene *scene)
{
    uv_folder_make(scene->folder);
    snprintf(scene->path, sizeof scene->path, "%s/ledger", scene->folder);
    desk_open(&scene->desk, scene->path);
}

static void scene_reopen(struct scene *scene)
{
    desk_close(&scene->desk);
    desk_open(&scene->desk, scene->path);
}

static void scene_close(struct scene *scene)
{
    desk_close(&scene->desk);
    uv_folder_remove(scene->folder);
}

/* Every line is JSON; returns how many there are and how many have this key. */
static size_t count_lines(const struct scene *scene, const char *key, size_t *ret_with_key)
{
    char line[4096];
    size_t lines = 0;
    FILE *file = fopen(scene->path, "r");
    cr_assert_not_null(file);
    *ret_with_key = 0;
    while (fgets(line, sizeof line, file)) {
        json_t *json = json_loads(line, JSON_ALLOW_NUL, NULL);
        cr_assert_not_null(json, "not JSON: %s", line);
        const char *found = json_string_value(json_object_get(json, "key"));
        cr_assert_not_null(found);
        *ret_with_key += key && strcmp(found, key) == 0;
        json_decref(json);
        lines++;
    }
    fclose(file);
    return lines;
}

static void append_text(const struct scene *scene, const char *text)
{
    int descriptor = open(scene->path, O_WRONLY | O_APPEND);
    cr_assert_eq(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    close(descriptor);
}

Test(ledger, captures_and_writes_a_line_that_others_can_read)
{
    struct scene scene;
    char line[512];
    scene_open(&scene);
    struct asked asked = charge(&scene.desk, "o-1.s1.charge", 4200);
    cr_assert_eq(asked.err, GRID_ERR_OK);
    cr_assert_eq(asked.outcome, ACTIVITY_DONE);
    cr_assert_str_neq(asked.transaction, "");
    FILE *file = fopen(scene.path, "r");
    cr_assert_not_null(fgets(line, sizeof line, file));
    fclose(file);
    json_t *json = json_loads(line, 0, NULL);
    cr_assert_str_eq(json_string_value(json_object_get(json, "operation")), "CHARGE");
    cr_assert_str_eq(json_string_value(json_object_get(json, "key")), "o-1.s1.charge");
    cr_assert_str_eq(json_string_value(json_object_get(json, "order")), "o-1");
    cr_assert_eq(json_integer_value(json_object_get(json, "amountMinor")), 4200);
    cr_assert_str_eq(json_string_value(json_object_get(json, "currency")), "EUR");
    cr_assert_str_eq(json_string_value(json_object_get(json, "outcome")), "CAPTURED");
    cr_assert_str_eq(json_string_value(json_object_get(json, "transaction")), asked.transaction);
    json_decref(json);
    scene_close(&scene);
}

Test(ledger, declines_above_ten_thousand_and_not_at_it)
{
    struct scene scene;
    struct asked refund;
    scene_open(&scene);
    cr_assert_eq(charge(&scene.desk, "a", 1000000).outcome, ACTIVITY_DONE);
    struct asked declined = charge(&scene.desk, "b", 1000001);
    cr_assert_eq(declined.err, GRID_ERR_OK);
    cr_assert_eq(declined.outcome, ACTIVITY_REFUSED);
    cr_assert_str_neq(declined.reason, "");
    cr_assert_str_eq(declined.transaction, "");
    ask_bytes(&scene.desk, &refund, PAYMENT_ACTIVITY_REFUND, bytes_of_text("c"), 1000001);
    uv_fixture_wait(&scene.desk.fixture, &refund.done);
    cr_assert_eq(refund.outcome, ACTIVITY_DONE, "what was captured can be given back");
    scene_close(&scene);
}

Test(ledger, answers_a_repeated_key_with_its_first_outcome_and_writes_nothing)
{
    struct scene scene;
    size_t with_key;
    scene_open(&scene);
    struct asked first = charge(&scene.desk, "a", 500), again = charge(&scene.desk, "a", 2000000);
    cr_assert_eq(again.outcome, ACTIVITY_DONE);
    cr_assert_str_eq(again.transaction, first.transaction);
    charge(&scene.desk, "b", 2000000);
    struct asked declined = charge(&scene.desk, "b", 5);
    cr_assert_eq(declined.outcome, ACTIVITY_REFUSED);
    cr_assert_eq(count_lines(&scene, "a", &with_key), 2);
    cr_assert_eq(with_key, 1);
    scene_reopen(&scene);
    cr_assert_str_eq(charge(&scene.desk, "a", 500).transaction, first.transaction, "also after a restart");
    cr_assert_eq(charge(&scene.desk, "b", 5).outcome, ACTIVITY_REFUSED);
    cr_assert_eq(count_lines(&scene, "a", &with_key), 2);
    scene_close(&scene);
}

Test(ledger, the_same_key_twice_in_one_batch_is_one_charge)
{
    enum { MANY = 50 };
    struct scene scene;
    struct asked asked[MANY];
    size_t with_key;
    scene_open(&scene);
    for (size_t i = 0; i < MANY; i++)
        ask(&scene.desk, &asked[i], i % 2 ? "a" : "b", 100);
    for (size_t i = 0; i < MANY; i++) {
        uv_fixture_wait(&scene.desk.fixture, &asked[i].done);
        cr_assert_eq(asked[i].answers, 1);
        cr_assert_str_eq(asked[i].transaction, asked[i % 2].transaction);
    }
    cr_assert_eq(count_lines(&scene, "a", &with_key), 2);
    cr_assert_eq(with_key, 1);
    scene_close(&scene);
}

Test(ledger, two_on_one_file_charge_each_key_once)
{
    enum { KEYS = 300 };
    struct scene scene;
    struct desk other;
    static struct asked here[KEYS], there[KEYS];
    static char keys[KEYS][16];
    size_t with_key;
    scene_open(&scene);
    desk_open(&other, scene.path);
    for (size_t i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof keys[i], "key-%zu", i);
    for (size_t i = 0; i < KEYS; i++) {
        ask(&scene.desk, &here[i], keys[i], 100);
        ask(&other, &there[i], keys[KEYS - 1 - i], 100);
        uv_fixture_turn(&scene.desk.fixture);
        uv_fixture_turn(&other.fixture);
    }
    for (size_t i = 0; i < KEYS; i++) {
        uv_fixture_wait(&scene.desk.fixture, &here[i].done);
        uv_fixture_wait(&other.fixture, &there[i].done);
        cr_assert_eq(here[i].err, GRID_ERR_OK);
        cr_assert_eq(there[i].err, GRID_ERR_OK);
    }
    cr_assert_eq(count_lines(&scene, "key-7", &with_key), KEYS);
    cr_assert_eq(with_key, 1);
    desk_close(&other);
    scene_close(&scene);
}

Test(ledger, a_cancelled_call_is_not_answered)
{
    struct scene scene;
    struct asked cancelled, behind;
    scene_open(&scene);
    ask(&scene.desk, &cancelled, "a", 100);
    ask(&scene.desk, &behind, "b", 100);
    scene.desk.sink->cancel(scene.desk.sink, &cancelled.request);
    uv_fixture_wait(&scene.desk.fixture, &behind.done);
    struct asked again = charge(&scene.desk, "a", 100);
    cr_assert_eq(cancelled.answers, 0);
    cr_assert_eq(again.outcome, ACTIVITY_DONE);
    size_t with_key;
    count_lines(&scene, "a", &with_key);
    cr_assert_eq(with_key, 1);
    scene_close(&scene);
}

Test(ledger, cuts_off_a_line_that_its_writer_never_ended)
{
    struct scene scene;
    size_t with_key;
    scene_open(&scene);
    charge(&scene.desk, "a", 100);
    append_text(&scene, "not JSON\n{}\n{\"key\":\"\",\"outcome\":\"CAPTURED\",\"transaction\":\"t\",\"reason\":\"\"}\n");
    cr_assert_eq(charge(&scene.desk, "a", 100).err, GRID_ERR_OK, "what is no line of ours is passed over");
    cr_assert_eq(truncate(scene.path, 0), 0);
    scene_reopen(&scene);
    charge(&scene.desk, "a", 100);
    append_text(&scene, "{\"operation\":\"CHARGE\",\"key\":\"b\",\"outc");
    cr_assert_eq(charge(&scene.desk, "c", 100).outcome, ACTIVITY_DONE);
    cr_assert_eq(charge(&scene.desk, "b", 100).outcome, ACTIVITY_DONE);
    cr_assert_eq(count_lines(&scene, "b", &with_key), 3);
    cr_assert_eq(with_key, 1);
    scene_close(&scene);
}

/* A charge that is not on the disk must not be answered, now or later, as if it were. */
Test(ledger, forgets_what_it_could_not_write)
{
    struct scene scene;
    size_t with_key;
    struct rlimit limit;
    scene_open(&scene);
    charge(&scene.desk, "a", 100);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 200; /* room for a part of the second line */
    setrlimit(RLIMIT_FSIZE, &limit);
    struct asked failed = charge(&scene.desk, "b", 100);
    cr_assert_eq(failed.err, GRID_ERR_UNAVAILABLE);
    failed = charge(&scene.desk, "b", 100);
    cr_assert_eq(failed.err, GRID_ERR_UNAVAILABLE);
    cr_assert_eq(charge(&scene.desk, "a", 100).err, GRID_ERR_OK, "known outcomes need no room");
    cr_assert_eq(count_lines(&scene, "b", &with_key), 1);
    limit.rlim_cur = before;
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_assert_eq(charge(&scene.desk, "b", 100).err, GRID_ERR_OK);
    cr_assert_eq(count_lines(&scene, "b", &with_key), 2);
    cr_assert_eq(with_key, 1);
    scene_close(&scene);
}

Test(ledger, keeps_keys_that_json_must_escape)
{
    static const char odd[] = "quote\" back\\ line\n zero\0 \xc3\xa9";
    struct scene scene;
    struct asked first, again;
    size_t with_key;
    scene_open(&scene);
    ask_bytes(&scene.desk, &first, PAYMENT_ACTIVITY_CHARGE, bytes_of(odd, sizeof odd - 1), 100);
    uv_fixture_wait(&scene.desk.fixture, &first.done);
    cr_assert_eq(first.outcome, ACTIVITY_DONE);
    scene_reopen(&scene);
    ask_bytes(&scene.desk, &again, PAYMENT_ACTIVITY_CHARGE, bytes_of(odd, sizeof odd - 1), 100);
    uv_fixture_wait(&scene.desk.fixture, &again.done);
    cr_assert_str_eq(again.transaction, first.transaction);
    cr_assert_eq(count_lines(&scene, NULL, &with_key), 1);
    scene_close(&scene);
}

Test(ledger, takes_the_longest_keys_and_refuses_what_is_no_text)
{
    enum { LONG = 4096 };
    struct scene scene;
    struct asked asked;
    uint8_t key[LONG];
    memset(key, 1, sizeof key); /* each becomes six characters */
    scene_open(&scene);
    ask_bytes(&scene.desk, &asked, PAYMENT_ACTIVITY_CHARGE, bytes_of(key, sizeof key), 100);
    uv_fixture_wait(&scene.desk.fixture, &asked.done);
    cr_assert_eq(asked.outcome, ACTIVITY_DONE);
    memset(key, 0xff, sizeof key);
    ask_bytes(&scene.desk, &asked, PAYMENT_ACTIVITY_CHARGE, bytes_of(key, sizeof key), 100);
    uv_fixture_wait(&scene.desk.fixture, &asked.done);
    cr_assert_eq(asked.outcome, ACTIVITY_REFUSED);
    cr_assert_str_eq(asked.reason, "not UTF-8");
    scene_close(&scene);
}

Test(ledger, says_which_file_it_cannot_open)
{
    uv_loop_t loop;
    struct sink *sink = NULL;
    char *note = NULL;
    uv_loop_init(&loop);
    cr_assert_eq(ledger_open(&loop, "/no/such/folder/ledger", &sink, &note), GRID_ERR_IO);
    cr_assert_str_eq(note, "payment ledger /no/such/folder/ledger: No such file or directory");
    memory_free(note);
    cr_assert_eq(ledger_check("/no/such/folder/ledger", &note), GRID_ERR_IO);
    cr_assert_str_eq(note, "payment ledger /no/such/folder/ledger: No such file or directory");
    memory_free(note);
    uv_loop_close(&loop);
}

Test(ledger, refuses_what_is_no_request_and_writes_nothing)
{
    struct scene scene;
    struct asked asked;
    size_t with_key;
    scene_open(&scene);
    ask(&scene.desk, &asked, "a", 100);
    uv_fixture_wait(&scene.desk.fixture, &asked.done);
    asked.request.key = bytes_of_text("b");
    asked.request.kind = 3;
    asked.done = false;
    scene.desk.sink->run(scene.desk.sink, &asked.request);
    uv_fixture_wait(&scene.desk.fixture, &asked.done);
    cr_assert_eq(asked.outcome, ACTIVITY_REFUSED);
    asked.request.kind = PAYMENT_ACTIVITY_CHARGE;
    asked.request.request = bytes_of_text("\xff");
    asked.done = false;
    scene.desk.sink->run(scene.desk.sink, &asked.request);
    uv_fixture_wait(&scene.desk.fixture, &asked.done);
    cr_assert_eq(asked.outcome, ACTIVITY_REFUSED);
    cr_assert_str_eq(asked.reason, "not a request that this provider understands");
    cr_assert_eq(count_lines(&scene, NULL, &with_key), 1);
    scene_close(&scene);
}
