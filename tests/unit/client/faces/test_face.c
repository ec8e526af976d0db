#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "client/grid_client.h"

/* No program listens on the port of the discard service. */
static const char *const NOBODY = "127.0.0.1:9";

struct scene {
    uv_loop_t loop;
    struct grid_client *client;
    size_t answers;
    enum grid_outcome outcome;
    bool close_inside, closed;
};

static void on_closed(void *context)
{
    struct scene *scene = context;
    scene->closed = true;
}

static void on_answer(void *context, const struct grid_reply *reply)
{
    struct scene *scene = context;
    scene->answers++;
    scene->outcome = reply->outcome;
    if (scene->close_inside && scene->answers == 1)
        grid_client_close(scene->client, on_closed, scene);
}

/* The loop's prepare handles run in the reverse order of their start. */
static void scene_open_after(struct scene *scene, uv_prepare_t *prepare, uv_prepare_cb each, const char *endpoint)
{
    *scene = (struct scene){0};
    uv_loop_init(&scene->loop);
    if (prepare != NULL) {
        uv_prepare_init(&scene->loop, prepare);
        uv_prepare_start(prepare, each);
    }
    struct grid_options options = {.endpoints = &endpoint, .endpoints_count = 1, .timeout_ms = 50};
    scene->client = grid_client_open(&scene->loop, &options);
}

static void scene_open(struct scene *scene)
{
    scene_open_after(scene, NULL, NULL, NOBODY);
}

static void scene_end(struct scene *scene)
{
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    cr_assert(scene->closed);
    cr_assert_eq(uv_loop_close(&scene->loop), 0, "the client left something on the loop");
}

/* Refused before it is sent: its answer comes at the end of the iteration, from the midst of the core. */
static void set_too_large(struct scene *scene)
{
    static const char large[5000];
    struct grid_key key = {.key = {large, sizeof large}};
    grid_client_set(scene->client, "map", &key, grid_text("value"), &(struct grid_call){.done = on_answer, .context = scene});
}

static void set(struct scene *scene)
{
    struct grid_key key = grid_key_text("key");
    grid_client_set(scene->client, "map", &key, grid_text("value"), &(struct grid_call){.done = on_answer, .context = scene});
}

Test(client_face, says_that_nobody_answers)
{
    struct scene scene;
    scene_open(&scene);
    set(&scene);
    cr_assert_eq(scene.answers, 0, "never inside the call");
    while (scene.answers == 0)
        uv_run(&scene.loop, UV_RUN_ONCE);
    cr_assert_eq(scene.outcome, GRID_OUTCOME_UNAVAILABLE);
    grid_client_close(scene.client, on_closed, &scene);
    scene_end(&scene);
}

/* A server that takes connections and says nothing. */
static int listen_silently(char *address, size_t size)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t at_size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&at, at_size) == 0 && listen(fd, 8) == 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &at_size), 0);
    snprintf(address, size, "127.0.0.1:%u", ntohs(at.sin_port));
    return fd;
}

/* What the loop's poll is about to wait once the answer is there. */
struct sleeper { uv_prepare_t prepare; const struct scene *scene; int sleep_ms; };

static void before_sleep(uv_prepare_t *prepare)
{
    struct sleeper *sleeper = prepare->data;
    if (sleeper->scene->answers == 1)
        sleeper->sleep_ms = uv_backend_timeout(prepare->loop);
}

Test(client_face, lets_the_loop_not_sleep_over_an_answer_of_its_own)
{
    struct scene scene;
    struct sleeper sleeper = {.scene = &scene, .sleep_ms = -1};
    char address[32];
    int silent = listen_silently(address, sizeof address);
    scene_open_after(&scene, &sleeper.prepare, before_sleep, address);
    sleeper.prepare.data = &sleeper;
    while (uv_backend_timeout(&scene.loop) == 0)
        uv_run(&scene.loop, UV_RUN_NOWAIT);
    set_too_large(&scene);
    while (scene.answers == 0)
        uv_run(&scene.loop, UV_RUN_ONCE);
    cr_assert_eq(sleeper.sleep_ms, 0, "%d ms", sleeper.sleep_ms);
    uv_close((uv_handle_t *)&sleeper.prepare, NULL);
    grid_client_close(scene.client, on_closed, &scene);
    scene_end(&scene);
    close(silent);
}

Test(client_face, closing_answers_what_is_outstanding)
{
    struct scene scene;
    scene_open(&scene);
    set(&scene);
    set(&scene);
    grid_client_close(scene.client, on_closed, &scene);
    cr_assert_eq(scene.answers, 2);
    cr_assert_eq(scene.outcome, GRID_OUTCOME_CLOSED);
    scene_end(&scene);
    cr_assert_eq(scene.answers, 2);
}

Test(client_face, may_be_closed_from_inside_a_callback)
{
    struct scene scene;
    scene_open(&scene);
    scene.close_inside = true;
    set_too_large(&scene);
    set_too_large(&scene);
    set(&scene);
    scene_end(&scene);
    cr_assert_eq(scene.answers, 3, "each call is answered exactly once");
}

/* Runs in a child; its exit status says what is wrong. */
static int use_after_fork(struct scene *scene)
{
    alarm(30);
    if (uv_loop_fork(&scene->loop) != 0)
        return 2;
    set(scene);
    while (scene->answers == 0)
        uv_run(&scene->loop, UV_RUN_ONCE);
    if (scene->outcome != GRID_OUTCOME_FORKED)
        return 3;
    grid_client_close(scene->client, on_closed, scene);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    return scene->closed && uv_loop_close(&scene->loop) == 0 ? 0 : 4;
}

Test(face, says_in_a_child_that_the_client_is_the_parents)
{
    struct scene scene;
    int status;
    scene_open(&scene);
    pid_t child = fork();
    if (child == 0)
        _exit(use_after_fork(&scene));
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    set(&scene);
    while (scene.answers == 0)
        uv_run(&scene.loop, UV_RUN_ONCE);
    cr_assert_eq(scene.outcome, GRID_OUTCOME_UNAVAILABLE, "the parent goes on as before");
    grid_client_close(scene.client, on_closed, &scene);
    scene_end(&scene);
}

Test(face, has_a_text_for_every_outcome)
{
    for (int i = 0; i <= GRID_OUTCOME_FORKED; i++) {
        const char *text = grid_outcome_text((enum grid_outcome)i);
        cr_assert(strlen(text) > 1 && strstr(text, "--") == NULL && strstr(text, "request id") == NULL, "%d: %s", i, text);
    }
}

Test(face, reaching_says_why_it_cannot_long_before_its_deadline)
{
    struct grid_options options = {.endpoints = &NOBODY, .endpoints_count = 1, .timeout_ms = 3600000};
    struct grid_blocking *client = NULL;
    char note[128], cut[8];
    cr_assert_eq(grid_blocking_reach(&options, &client, note, sizeof note), GRID_OUTCOME_UNAVAILABLE);
    cr_expect(strstr(note, "127.0.0.1:9: connection refused") != NULL, "%s", note);
    cr_expect_eq(grid_blocking_reach(&options, &client, cut, sizeof cut), GRID_OUTCOME_UNAVAILABLE);
    cr_expect_str_eq(cut, "127.0.0");
    cr_expect_null(client);
}

Test(face, opening_says_why_it_cannot_as_well_unless_it_is_to_wait)
{
    char note[128] = "";
    struct grid_options options = {.endpoints = &NOBODY, .endpoints_count = 1, .timeout_ms = 3600000, .note = note, .note_bytes = sizeof note};
    struct grid_blocking *client = NULL;
    cr_assert_eq(grid_blocking_open(&options, &client), GRID_OUTCOME_UNAVAILABLE);
    cr_expect_str_eq(note, "127.0.0.1:9: connection refused: no node runs there, or its port is another");
    options.note = NULL;
    cr_assert_eq(grid_blocking_open(&options, &client), GRID_OUTCOME_UNAVAILABLE);
    options = (struct grid_options){.endpoints = &NOBODY, .endpoints_count = 1, .timeout_ms = 1500, .wait = true, .note = note, .note_bytes = sizeof note};
    cr_assert_eq(grid_blocking_open(&options, &client), GRID_OUTCOME_UNAVAILABLE);
    cr_expect(strstr(note, "the deadline passed; 127.0.0.1:9: connection refused") != NULL, "%s", note);
    cr_expect_null(client);
}
