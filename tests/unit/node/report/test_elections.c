#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "grid/node/report/elections.h"

enum { PARTITIONS = 9, SELF = 1 };

struct scene { struct elections elections; struct buffer lines; uint32_t lost; uint64_t now_ms; };

static void on_line(void *context, const char *text)
{
    struct scene *scene = context;
    buffer_append_format(&scene->lines, "%s\n", text);
}

static bool is_linked(void *context, uint32_t node)
{
    const struct scene *scene = context;
    return node != scene->lost;
}

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){.now_ms = 1000};
    elections_init(&scene->elections, PARTITIONS, (struct node_id){SELF});
}

static void scene_close(struct scene *scene)
{
    elections_close(&scene->elections);
    buffer_close(&scene->lines);
}

/* The leader of partition i is the i-th digit. */
static void leaders(struct scene *scene, const char *digits)
{
    for (uint32_t i = 0; i < PARTITIONS; i++)
        elections_leader(&scene->elections, i, (struct node_id){(uint32_t)(digits[i] - '0')}, scene->now_ms);
}

static void expect(struct scene *scene, uint64_t later_ms, const char *lines)
{
    scene->now_ms += later_ms;
    cr_assert(elections_due(&scene->elections, scene->now_ms), "instead of %s", lines);
    const struct elections_teller teller = {.context = scene, .linked = is_linked, .line = on_line};
    buffer_clear(&scene->lines);
    elections_tell(&scene->elections, &teller);
    buffer_append_u8(&scene->lines, 0);
    cr_assert_str_eq((const char *)scene->lines.data, lines);
    cr_assert_not(elections_due(&scene->elections, scene->now_ms + 100000), "said once");
}

static void begin(struct scene *scene)
{
    scene_open(scene);
    leaders(scene, "111222333");
    expect(scene, ELECTIONS_QUIET_MS, "won 3 elections: 3 that had no leader; this node leads 3 of 9 partitions\n"
                                      "leaders of 6 other partitions: node 2 leads 3, node 3 leads 3\n");
}

Test(elections, says_the_first_leaders_in_one_moment)
{
    struct scene scene;
    begin(&scene);
    scene_close(&scene);
}

Test(elections, waits_until_every_partition_has_a_leader_again)
{
    struct scene scene;
    begin(&scene);
    scene.lost = 2;
    leaders(&scene, "111000333");
    scene.now_ms += 300;
    leaders(&scene, "111103333");
    scene.now_ms += ELECTIONS_QUIET_MS;
    cr_assert_not(elections_due(&scene.elections, scene.now_ms), "one has none yet");
    leaders(&scene, "111113333");
    cr_assert_not(elections_due(&scene.elections, scene.now_ms));
    expect(&scene, ELECTIONS_QUIET_MS,
           "won 2 elections: 2 of node 2's partitions (it is lost); without a leader for up to 0.700 s; this node leads 5 of 9 partitions\n"
           "leaders of 1 other partition: node 3 leads 1; without a leader for up to 0.700 s\n");
    scene_close(&scene);
}

Test(elections, says_what_was_handed_over_and_what_was_lost)
{
    struct scene scene;
    begin(&scene);
    elections_handed(&scene.elections, 0);
    leaders(&scene, "221222333");
    expect(&scene, ELECTIONS_QUIET_MS, "lost 2 partitions (1 handed over): node 2 leads 2; this node leads 1 of 9 partitions\n");
    leaders(&scene, "121222333");
    expect(&scene, ELECTIONS_QUIET_MS, "won 1 election: 1 of node 2's partitions (it handed them over or did not answer in time); "
                                       "this node leads 2 of 9 partitions\n");
    leaders(&scene, "221222333");
    expect(&scene, ELECTIONS_QUIET_MS, "lost 1 partition: node 2 leads 1; this node leads 1 of 9 partitions\n");
    scene_close(&scene);
}

Test(elections, says_after_a_while_that_there_is_no_leader)
{
    struct scene scene;
    begin(&scene);
    leaders(&scene, "000000000");
    cr_assert_not(elections_due(&scene.elections, scene.now_ms + ELECTIONS_PATIENCE_MS - 1));
    expect(&scene, ELECTIONS_PATIENCE_MS,
           "lost 3 partitions: 3 have no leader: a majority of the nodes must run and reach each other; this node leads 0 of 9 partitions\n"
           "leaders of 6 other partitions: 6 have no leader: a majority of the nodes must run and reach each other\n");
    leaders(&scene, "111111111");
    expect(&scene, ELECTIONS_QUIET_MS,
           "won 9 elections: 3 of node 2's partitions (it handed them over or did not answer in time), "
           "3 of node 3's partitions (it handed them over or did not answer in time), 3 that this node led before; "
           "without a leader for up to 5.000 s; this node leads 9 of 9 partitions\n");
    scene_close(&scene);
}

Test(elections, counts_a_partition_once_however_often_it_changes)
{
    struct scene scene;
    begin(&scene);
    for (int i = 0; i < 10; i++, scene.now_ms += 10) {
        leaders(&scene, "011222333");
        leaders(&scene, "111222333");
    }
    expect(&scene, ELECTIONS_QUIET_MS, "won 1 election: 1 that this node led before; this node leads 3 of 9 partitions\n");
    scene_close(&scene);
}
