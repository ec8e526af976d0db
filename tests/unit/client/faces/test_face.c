#include <criterion/criterion.h>
#include <signal.h>
#include <uv.h>

#include "client/grid_client.h"

/* Nobody listens on the port of the discard service. */
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

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){0};
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&scene->loop);
    struct grid_options options = {.endpoints = &NOBODY, .endpoints_count = 1, .timeout_ms = 50};
    scene->client = grid_client_open(&scene->loop, &options);
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
