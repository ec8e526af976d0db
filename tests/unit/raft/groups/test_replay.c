/* Groups without a library: what the replay counts and says, as entries are applied. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "raft/groups/groups_internal.h"
#include "tests/support/fake_clock.h"

enum { GROUPS = 2, SECOND_US = 1000000 };

struct scene {
    struct fake_clock clock;
    struct io io;
    struct logger logger;
    struct group_set set;
    struct group groups[GROUPS];
    char line[200];
    unsigned lines;
};

static void on_line(struct logger *logger, enum log_level level, const char *component, const char *text)
{
    struct scene *scene = logger->context;
    (void)component;
    cr_expect_eq(level, LOG_LEVEL_INFO);
    scene->lines++;
    snprintf(scene->line, sizeof scene->line, "%s", text);
}

/* As replay_begin leaves it, with a thousand entries a group. */
static void scene_open(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    fake_clock_init(&scene->clock);
    scene->io.clock = &scene->clock.clock;
    scene->logger = (struct logger){.write = on_line, .context = scene};
    scene->set = (struct group_set){.io = &scene->io, .logger = &scene->logger, .groups = scene->groups, .groups_count = GROUPS,
                                    .replay = {.entries = GROUPS * 1000, .going_on = true, .since_ms = scene->clock.now_us / 1000,
                                               .said_ms = scene->clock.now_us / 1000}};
    for (uint32_t i = 0; i < GROUPS; i++)
        scene->groups[i] = (struct group){.set = &scene->set, .number = i, .replay = {.last = 1000}};
}

static void apply(struct scene *scene, uint32_t group, uint64_t first, uint64_t last)
{
    for (uint64_t index = first; index <= last; index++)
        if (scene->groups[group].replay.at != scene->groups[group].replay.last)
            replay_applied(&scene->groups[group], index);
}

Test(replay, says_nothing_of_a_short_one)
{
    struct scene scene;
    scene_open(&scene);
    apply(&scene, 0, 1, 1000);
    fake_clock_advance(&scene.clock, 4 * SECOND_US);
    apply(&scene, 1, 1, 900);
    cr_expect_eq(scene.lines, 0);
    cr_expect_eq(scene.set.replay.applied, 1900);
}

Test(replay, says_inside_one_long_callback_how_far_it_is)
{
    struct scene scene;
    scene_open(&scene);
    apply(&scene, 0, 1, 100);
    fake_clock_advance(&scene.clock, 6 * SECOND_US);
    apply(&scene, 0, 101, 600);
    cr_expect_eq(scene.lines, 1, "%u lines", scene.lines);
    cr_expect_str_eq(scene.line, "replay: 256 of 2000 entries (12 %) applied after 6 s");
    fake_clock_advance(&scene.clock, 5 * SECOND_US);
    apply(&scene, 0, 601, 1000);
    cr_expect_eq(scene.lines, 2);
    cr_expect_str_eq(scene.line, "replay: 768 of 2000 entries (38 %) applied after 11 s");
}

Test(replay, counts_entries_that_it_was_not_shown)
{
    struct scene scene;
    scene_open(&scene);
    apply(&scene, 0, 1, 1);
    replay_applied(&scene.groups[0], 900); /* barriers are not shown */
    cr_expect_eq(scene.set.replay.applied, 900);
    replay_applied(&scene.groups[0], 1200); /* of a new term */
    cr_expect_eq(scene.set.replay.applied, 1000);
    cr_expect_eq(scene.groups[0].replay.at, scene.groups[0].replay.last);
}
