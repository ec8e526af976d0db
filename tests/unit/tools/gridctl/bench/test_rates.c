#include <criterion/criterion.h>
#include <string.h>

#include "tools/gridctl/bench/rates.h"

enum { NODES = 2, PARTITIONS = 2, SECOND_US = 1000 * 1000 };

/* A survey of two nodes with two partitions, by hand. */
struct made {
    struct survey survey;
    struct node_view nodes[NODES];
    struct grid_partition_status rows[NODES][PARTITIONS];
    uint32_t leaders[PARTITIONS];
};

/* Node 1 leads partition 0, node 2 partition 1; every counter of every replica is `count`. */
static void make(struct made *made, uint64_t count, uint64_t uptime_ms)
{
    memset(made, 0, sizeof *made);
    made->survey = (struct survey){.nodes = made->nodes, .count = NODES, .done = true, .partitions = PARTITIONS,
                                   .leaders = made->leaders};
    for (uint32_t n = 0; n < NODES; n++) {
        made->nodes[n] = (struct node_view){.survey = &made->survey, .node = n + 1, .address = "", .answered = true,
                                            .state = "ready", .uptime_ms = uptime_ms, .log_disk_bytes = 10, .reads = count,
                                            .partitions = made->rows[n], .partitions_count = PARTITIONS};
        for (uint32_t i = 0; i < PARTITIONS; i++)
            made->rows[n][i] = (struct grid_partition_status){.partition = i, .role = "follower", .outbox_pending = 3,
                                                              .commands = count, .flows_started = count + 5,
                                                              .flows_ended = count};
    }
    made->leaders[0] = 1;
    made->leaders[1] = 2;
}

Test(rates, are_what_happened_in_between_per_second)
{
    struct made before, now;
    make(&before, 100, 1000);
    make(&now, 300, 3000);
    struct rates rates = rates_of(&now.survey, &before.survey, 2 * SECOND_US);
    cr_expect_eq(rates.commands, 200, "two partitions, 200 each, two seconds");
    cr_expect_eq(rates.sagas_ended, 200);
    cr_expect_eq(rates.reads, 200, "two nodes, 200 each, two seconds");
    cr_expect_eq(rates_node_reads(&now.nodes[0], &before.survey, 2 * SECOND_US), 100);
}

Test(rates, what_stands_is_counted_once_for_each_partition_and_node)
{
    struct made now;
    make(&now, 100, 1000);
    now.nodes[1].state[0] = 'x';           /* whatever is not "ready" */
    struct rates rates = rates_of(&now.survey, NULL, 0);
    cr_expect(rates.nodes == 2 && rates.ready == 1);
    cr_expect_eq(rates.sagas_active, 10);
    cr_expect_eq(rates.outbox_pending, 6);
    cr_expect_eq(rates.log_bytes, 20);
    cr_expect(rates.elapsed_us == 0 && rates.commands == 0 && rates.reads == 0 && rates.sagas_ended == 0);
}

Test(rates, a_node_that_began_anew_does_not_count_its_past)
{
    struct made before, now;
    make(&before, 100, 9000);
    make(&now, 300, 10000);
    now.nodes[1].uptime_ms = 500;
    struct rates rates = rates_of(&now.survey, &before.survey, SECOND_US);
    cr_expect_eq(rates.commands, 200, "of the partition of node 1 alone");
    cr_expect_eq(rates.reads, 200);
}

Test(rates, a_change_of_leaders_compares_the_new_leader_with_itself)
{
    struct made before, now;
    make(&before, 100, 1000);
    make(&now, 300, 2000);
    before.rows[1][0].commands = 40;       /* a replica that lagged behind */
    now.leaders[0] = 2;
    struct rates rates = rates_of(&now.survey, &before.survey, SECOND_US);
    cr_expect_eq(rates.commands, 260 + 200);
}

Test(rates, nobody_who_answers_is_no_rate)
{
    struct made before, now;
    make(&before, 100, 1000);
    make(&now, 300, 2000);
    now.nodes[0].answered = false;
    now.nodes[0].partitions_count = 0;
    now.leaders[0] = 0;
    struct rates rates = rates_of(&now.survey, &before.survey, SECOND_US);
    cr_expect_eq(rates.commands, 200, "of the partition that has a leader");
    cr_expect_eq(rates.reads, 200);
    cr_expect_eq(rates.outbox_pending, 6, "a follower knows it too");
}
