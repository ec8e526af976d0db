#include <criterion/criterion.h>

#include "tests/sim/world/quorum.h"

enum { NODES = 3, STEP_US = 20000, SECOND_US = 1000000 };

struct scene { struct world *world; struct host *nodes[NODES]; struct quorum quorum; };

static void nothing(void *context, struct host *host)
{
    (void)context;
    (void)host;
}

static const struct host_owner idle = {.open = nothing, .crash = nothing};

static void start(struct host *node)
{
    host_start(node);
    host_set_whole(node, true);
}

static void scene_open(struct scene *scene)
{
    static const char *const names[NODES] = {"a", "b", "c"};
    *scene = (struct scene){.world = world_open(&(struct world_options){.seed = 1})};
    for (size_t i = 0; i < NODES; i++) {
        scene->nodes[i] = world_add_host(scene->world, names[i], HOST_NODE, &idle);
        start(scene->nodes[i]);
    }
    host_start(world_add_host(scene->world, "client", HOST_CLIENT, &idle));
}

/* Milliseconds of the next `seconds` in which the cluster could work. */
static uint64_t works_ms(struct scene *scene, uint64_t seconds)
{
    uint64_t before_us = scene->quorum.working_us;
    for (uint64_t i = 0; i < seconds * SECOND_US / STEP_US; i++) {
        world_run(scene->world, world_now_us(scene->world) + STEP_US);
        quorum_look(&scene->quorum, scene->world, STEP_US);
    }
    return (scene->quorum.working_us - before_us) / 1000;
}

/* What ends between two looks counts from the one or the other. */
static bool is_about(uint64_t found_ms, uint64_t expected_ms)
{
    return found_ms + 2 * STEP_US / 1000 >= expected_ms && found_ms <= expected_ms + 2 * STEP_US / 1000;
}

Test(quorum, counts_from_an_election_after_a_majority_is_there)
{
    struct scene scene;
    scene_open(&scene);
    cr_assert_eq(works_ms(&scene, 3), 2000);
    host_crash(scene.nodes[0], CRASH_KILL);
    cr_assert_eq(works_ms(&scene, 3), 3000, "two of three");
    host_crash(scene.nodes[1], CRASH_KILL);
    cr_assert_eq(works_ms(&scene, 3), 0, "one of three, and a client");
    start(scene.nodes[0]);
    cr_assert_eq(works_ms(&scene, 3), 2000);
    cr_assert_eq(quorum_share(&scene.quorum, 120), 70, "7 of 12 seconds");
    world_close(scene.world);
}

Test(quorum, wants_links_in_both_directions)
{
    struct scene scene;
    scene_open(&scene);
    works_ms(&scene, 2);
    net_cut(scene.world, scene.nodes[0], scene.nodes[1], 100 * SECOND_US, false);
    net_cut(scene.world, scene.nodes[2], scene.nodes[1], 100 * SECOND_US, true);
    cr_assert_eq(works_ms(&scene, 3), 3000, "a and c");
    net_cut(scene.world, scene.nodes[2], scene.nodes[0], 3 * SECOND_US, false);
    cr_assert_eq(works_ms(&scene, 3), 0);
    cr_assert(is_about(works_ms(&scene, 3), 2000), "that cut is over");
    world_close(scene.world);
}

Test(quorum, wants_processes_that_run_and_disks_that_work)
{
    struct scene scene;
    scene_open(&scene);
    works_ms(&scene, 2);
    disk_break(scene.nodes[0], DISK_FULL);
    host_pause(scene.nodes[1], 3 * SECOND_US);
    cr_assert_eq(works_ms(&scene, 3), 0);
    disk_break(scene.nodes[0], DISK_SOUND);
    disk_break(scene.nodes[2], DISK_WRITE_ALWAYS);
    cr_assert(is_about(works_ms(&scene, 3), 2000));
    world_close(scene.world);
}

Test(quorum, wants_nodes_that_have_everything)
{
    struct scene scene;
    scene_open(&scene);
    works_ms(&scene, 2);
    host_crash(scene.nodes[0], CRASH_KILL);
    host_set_whole(scene.nodes[1], false);
    cr_assert_eq(works_ms(&scene, 3), 0, "one that rejoins does not vote");
    host_set_whole(scene.nodes[1], true);
    cr_assert_eq(works_ms(&scene, 3), 2000);
    world_close(scene.world);
}

Test(quorum, without_faults_everything_is_owed)
{
    struct quorum quorum = {0};
    cr_assert_eq(quorum_share(&quorum, 50), 50);
}
