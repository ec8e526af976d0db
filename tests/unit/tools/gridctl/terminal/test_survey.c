/* When gridctl calls a cluster healthy: from what three nodes say of one partition. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tools/gridctl/terminal/survey.h"

enum { NODES = 3 };

/* What each node says: its state, and whom it follows in which term (0: nobody). */
struct said { const char *state; uint32_t leader; uint64_t term; };
struct row { struct said nodes[NODES]; bool healthy; };

static const struct row ROWS[] = {
    {{{"ready", 1, 5}, {"ready", 1, 5}, {"ready", 1, 5}}, true},
    /* In the middle of a change of leader, which their states outlast. */
    {{{"ready", 0, 6}, {"ready", 0, 6}, {"ready", 0, 6}}, true},
    {{{"ready", 1, 5}, {"ready", 2, 6}, {"ready", 2, 6}}, true},
    {{{"ready", 1, 5}, {"ready", 0, 6}, {"ready", 2, 6}}, true},
    {{{"ready", 2, 6}, {"ready", 1, 5}, {"ready", 1, 5}}, true},
    {{{"ready", 1, 5}, {"ready", 1, 5}, {"noQuorum", 0, 5}}, false},
    {{{"ready", 1, 5}, {"ready", 1, 5}, {"diskFull", 1, 5}}, false},
    {{{"ready", 1, 5}, {"starting", 1, 5}, {"ready", 1, 5}}, false},
    {{{"ready", 1, 5}, {"ready", 1, 5}, {"draining", 1, 5}}, false},
    {{{"down", 0, 0}, {"ready", 2, 5}, {"ready", 2, 5}}, false},
    /* Three leaders in one term: nobody has a majority. */
    {{{"ready", 1, 5}, {"ready", 2, 5}, {"ready", 3, 5}}, false},
};

Test(survey, is_healthy_when_all_are_ready_and_a_majority_follows_a_leader)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct node_view nodes[NODES] = {0};
        struct grid_partition_status rows[NODES] = {0};
        uint32_t leaders[1] = {0};
        struct survey survey = {.nodes = nodes, .count = NODES, .done = true, .partitions = 1, .leaders = leaders};
        for (size_t n = 0; n < NODES; n++) {
            const struct said *said = &ROWS[i].nodes[n];
            bool down = strcmp(said->state, "down") == 0;
            rows[n] = (struct grid_partition_status){.role = "follower", .leader = said->leader, .term = said->term};
            nodes[n] = (struct node_view){.survey = &survey, .node = (uint32_t)n + 1, .address = "", .answered = !down,
                                          .partitions = down ? NULL : &rows[n], .partitions_count = down ? 0 : 1};
            snprintf(nodes[n].state, sizeof nodes[n].state, "%s", said->state);
        }
        cr_expect_eq(survey_is_healthy(&survey), ROWS[i].healthy, "row %zu", i);
    }
}

Test(survey, without_nodes_or_without_rows_nothing_is_healthy)
{
    struct survey none = {0};
    cr_expect(!survey_is_healthy(&none));
    struct node_view nodes[1] = {{.state = "ready", .answered = true}};
    struct survey silent = {.nodes = nodes, .count = 1, .partitions = 1};
    cr_expect(!survey_is_healthy(&silent));
}
