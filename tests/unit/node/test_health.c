/* What a node says of its state, from tables of what it sees and when. */
#include <criterion/criterion.h>

#include "grid/node/health.h"

enum { PARTITIONS = 3, ELECTION_MS = 1000, PATIENCE_MS = HEALTH_ELECTIONS * ELECTION_MS };

static struct health health;

static void set_up(void)
{
    health_init(&health, PARTITIONS, ELECTION_MS, 0);
}

static void tear_down(void)
{
    health_close(&health);
}

TestSuite(health, .init = set_up, .fini = tear_down);

enum { FULL = 1, DRAINS = 2, REJOINS = 4, MEMORY = 64, LATE = 8, VERY_LATE = 16, NEARLY_LATE = 32, LATE_MS = ELECTION_MS + 1, VERY_LATE_MS = 7000 };

/* At `at_ms` the node knows leaders of the partitions in `led` (a bit each) and sees `signs`: it says `state`. */
struct step { uint64_t at_ms; unsigned led, signs; enum health_state state; };

static void walk(const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct step *step = &steps[i];
        enum health_state before = health.state;
        for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
            bool led = (step->led >> partition & 1) != 0;
            health_leader(&health, partition, led, step->at_ms);
            health_applied(&health, partition, 1, led, step->at_ms);
        }
        struct health_signs signs = {.disk_full = (step->signs & FULL) != 0, .draining = (step->signs & DRAINS) != 0,
                                     .rejoining = (step->signs & REJOINS) != 0, .memory_full = (step->signs & MEMORY) != 0,
                                     .loop_late_ms = (step->signs & VERY_LATE) != 0    ? VERY_LATE_MS
                                                     : (step->signs & LATE) != 0        ? LATE_MS
                                                     : (step->signs & NEARLY_LATE) != 0 ? ELECTION_MS : 7};
        bool changed = health_look(&health, signs, step->at_ms);
        cr_expect_eq(health.state, step->state, "at %llu ms: %s, not %s", (unsigned long long)step->at_ms, health_name(health.state),
                     health_name(step->state));
        cr_expect_eq(changed, before != health.state);
    }
}

#define WALK(...) walk((const struct step[]){__VA_ARGS__}, sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

Test(health, is_starting_until_every_partition_has_had_a_leader)
{
    WALK({0, 0, 0, HEALTH_STARTING}, {500, 3, 0, HEALTH_STARTING}, {60000, 6, 0, HEALTH_STARTING}, {60050, 7, 0, HEALTH_READY});
}

Test(health, an_election_is_no_change_of_state)
{
    WALK({0, 7, 0, HEALTH_READY}, {100, 5, 0, HEALTH_READY}, {100 + PATIENCE_MS - 1, 5, 0, HEALTH_READY},
         {100 + PATIENCE_MS, 7, 0, HEALTH_READY}, {20000, 0, 0, HEALTH_READY}, {22000, 7, 0, HEALTH_READY});
}

Test(health, elections_of_different_partitions_do_not_add_up)
{
    WALK({0, 7, 0, HEALTH_READY});
    for (uint64_t i = 0; i < 20; i++)
        WALK({1000 + i * 4000, 7u & ~(1u << i % PARTITIONS), 0, HEALTH_READY}, {4900 + i * 4000, 7u & ~(1u << i % PARTITIONS), 0, HEALTH_READY});
}

Test(health, a_partition_without_a_leader_for_long_is_no_quorum_until_all_have_one)
{
    WALK({0, 7, 0, HEALTH_READY}, {100, 5, 0, HEALTH_READY}, {100 + PATIENCE_MS, 5, 0, HEALTH_NO_QUORUM},
         /* Another one still elects: as lost as before. */
         {6000, 3, 0, HEALTH_NO_QUORUM}, {6050, 7, 0, HEALTH_READY}, {6100, 5, 0, HEALTH_READY});
}

Test(health, without_a_quorum_it_is_never_called_starting_again)
{
    WALK({0, 7, 0, HEALTH_READY}, {50, 0, 0, HEALTH_READY}, {50 + PATIENCE_MS, 0, 0, HEALTH_NO_QUORUM}, {3600000, 0, 0, HEALTH_NO_QUORUM});
}

Test(health, a_full_disk_shows_at_once_and_ends_when_there_was_room_for_a_while)
{
    WALK({0, 7, 0, HEALTH_READY}, {100, 7, FULL, HEALTH_DISK_FULL}, {200, 7, 0, HEALTH_DISK_FULL}, {900, 7, FULL, HEALTH_DISK_FULL},
         {1000, 7, 0, HEALTH_DISK_FULL}, {900 + HEALTH_ROOM_MS - 1, 7, 0, HEALTH_DISK_FULL}, {900 + HEALTH_ROOM_MS, 7, 0, HEALTH_READY});
}

Test(health, what_includes_the_rest_is_said)
{
    WALK({0, 0, FULL, HEALTH_STARTING}, {10, 7, FULL, HEALTH_DISK_FULL}, {20, 0, FULL, HEALTH_DISK_FULL},
         {20 + PATIENCE_MS, 0, FULL, HEALTH_NO_QUORUM}, {6000, 0, FULL | DRAINS, HEALTH_DRAINING},
         {6050, 7, FULL | DRAINS | REJOINS, HEALTH_DRAINING});
}

Test(health, a_node_that_rejoins_becomes_ready_only_after_it)
{
    WALK({0, 0, REJOINS, HEALTH_REJOINING}, {100, 7, REJOINS, HEALTH_REJOINING}, {200, 5, 0, HEALTH_STARTING}, {300, 7, 0, HEALTH_READY},
         {400, 7, REJOINS, HEALTH_REJOINING}, {500, 7, 0, HEALTH_READY});
}

Test(health, a_loop_that_was_late_by_an_election_timeout_shows_for_a_while)
{
    WALK({0, 7, 0, HEALTH_READY}, {1000, 7, NEARLY_LATE, HEALTH_READY}, {2000, 7, LATE, HEALTH_LATE}, {2050, 7, 0, HEALTH_LATE},
         {4000, 7, LATE, HEALTH_LATE}, {4000 + HEALTH_LATE_MS - 1, 7, 0, HEALTH_LATE}, {4000 + HEALTH_LATE_MS, 7, 0, HEALTH_READY});
}

Test(health, a_node_that_starts_may_be_late)
{
    WALK({0, 0, VERY_LATE, HEALTH_STARTING}, {100, 7, VERY_LATE, HEALTH_READY}, {200, 7, 0, HEALTH_READY}, {300, 7, LATE, HEALTH_LATE});
}

Test(health, what_is_worse_than_late_is_said_first)
{
    WALK({0, 7, 0, HEALTH_READY}, {100, 7, LATE | FULL, HEALTH_DISK_FULL}, {1200, 7, 0, HEALTH_LATE}, {1300, 7, DRAINS, HEALTH_DRAINING},
         {1400, 7, REJOINS, HEALTH_REJOINING}, {1500, 0, 0, HEALTH_LATE}, {1500 + PATIENCE_MS, 0, LATE, HEALTH_NO_QUORUM},
         {7000, 7, 0, HEALTH_LATE});
}

Test(health, says_why_in_a_sentence_unless_it_is_ready)
{
    static const struct { struct step step; const char *part; } rows[] = {
        {{0, 1, 0, HEALTH_STARTING}, "2 of 3 partitions have no leader yet"},
        {{10, 7, 0, HEALTH_READY}, NULL},
        {{20, 7, FULL, HEALTH_DISK_FULL}, "free space"},
        {{2000, 3, 0, HEALTH_READY}, NULL},
        {{2000 + PATIENCE_MS, 3, 0, HEALTH_NO_QUORUM}, "1 of 3 partitions have had no leader for 5000 ms"},
        {{8000, 7, DRAINS, HEALTH_DRAINING}, "hands over"},
        {{9000, 7, REJOINS, HEALTH_REJOINING}, "lost its log"},
        {{10000, 7, LATE, HEALTH_LATE}, "the loop of this node was late by 1001 ms"},
        {{11000, 7, VERY_LATE, HEALTH_LATE}, "late by 7000 ms"},
        {{12000, 7, LATE, HEALTH_LATE}, "late by 7000 ms"},
        {{18000, 7, LATE, HEALTH_LATE}, "late by 1001 ms"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer text = {0};
        walk(&rows[i].step, 1);
        health_reason(&health, &text);
        buffer_append_u8(&text, 0);
        if (rows[i].part)
            cr_expect_not_null(strstr((char *)text.data, rows[i].part), "%s", (char *)text.data);
        else
            cr_expect_eq(text.size, 1u, "%s", (char *)text.data);
        buffer_close(&text);
    }
}

Test(health, full_memory_is_said_after_everything_else_and_ends_at_once)
{
    WALK({0, 7, 0, HEALTH_READY}, {50, 7, MEMORY, HEALTH_MEMORY_FULL}, {100, 7, MEMORY | FULL, HEALTH_DISK_FULL},
         {150, 7, MEMORY | DRAINS, HEALTH_DRAINING}, {150 + HEALTH_ROOM_MS, 7, MEMORY, HEALTH_MEMORY_FULL},
         {200 + HEALTH_ROOM_MS, 7, 0, HEALTH_READY});
    struct buffer reason = {0};
    WALK({300 + HEALTH_ROOM_MS, 7, MEMORY, HEALTH_MEMORY_FULL});
    health_reason(&health, &reason);
    cr_expect_gt(reason.size, 0u);
    buffer_close(&reason);
}

/* ---- progress: `applied` of partition 0 against what its leader says; the others have everything */

struct point { uint64_t at_ms, applied, committed; enum health_state state; };

static void run(const struct point *points, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct point *point = &points[i];
        for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
            health_leader(&health, partition, true, point->at_ms);
            health_applied(&health, partition, partition == 0 ? point->applied : 1, partition == 0 ? point->committed : 1, point->at_ms);
        }
        health_look(&health, (struct health_signs){0}, point->at_ms);
        cr_expect_eq(health.state, point->state, "at %llu ms: %s, not %s", (unsigned long long)point->at_ms, health_name(health.state),
                     health_name(point->state));
    }
}

#define RUN(...) run((const struct point[]){__VA_ARGS__}, sizeof((const struct point[]){__VA_ARGS__}) / sizeof(struct point))

Test(health, is_not_ready_before_it_has_applied_what_its_leaders_had_committed_at_the_start)
{
    RUN({0, 0, 0, HEALTH_STARTING}, {9000, 0, 0, HEALTH_STARTING}, {9100, 0, 500, HEALTH_STARTING}, {9200, 400, 500, HEALTH_STARTING},
        {9300, 499, 700, HEALTH_STARTING}, {9400, 500, 900, HEALTH_READY});
}

Test(health, is_catching_up_when_that_takes_long)
{
    RUN({100, 0, 500, HEALTH_STARTING}, {99 + HEALTH_BEHIND_MS, 10, 800, HEALTH_STARTING}, {100 + HEALTH_BEHIND_MS, 10, 800, HEALTH_CATCHING_UP},
        {20000, 499, 900, HEALTH_CATCHING_UP});
    struct buffer reason = {0};
    health_reason(&health, &reason);
    buffer_append_u8(&reason, 0);
    cr_expect_str_eq((const char *)reason.data, "1 of 3 partitions are 401 entries behind their leaders, which send what this node lacks");
    buffer_close(&reason);
    RUN({20001, 500, 900, HEALTH_READY});
}

Test(health, is_catching_up_when_it_has_not_applied_what_was_committed_a_while_ago)
{
    RUN({0, 500, 500, HEALTH_READY}, {1000, 500, 90000, HEALTH_READY}, {999 + HEALTH_BEHIND_MS, 89999, 190000, HEALTH_READY},
        {1000 + HEALTH_BEHIND_MS, 89999, 190000, HEALTH_CATCHING_UP}, {9000, 90000, 190000, HEALTH_READY});
}

Test(health, a_replica_that_is_always_a_little_behind_is_ready)
{
    for (uint64_t at_ms = 0; at_ms < 20 * HEALTH_BEHIND_MS; at_ms += 50)
        RUN({at_ms, 1000 + at_ms * 100, 6000 + at_ms * 100, at_ms < 50 ? HEALTH_STARTING : HEALTH_READY});
}

Test(health, a_leader_that_says_nothing_makes_nobody_late)
{
    RUN({0, 7, 7, HEALTH_READY}, {50000, 7, 0, HEALTH_READY}, {90000, 7, 0, HEALTH_READY});
}
