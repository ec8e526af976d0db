#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "grid/node/replica/observer.h"
#include "grid/partition/entry.h"
#include "services/registry.h"
#include "tests/support/fake_clock.h"

struct scene {
    struct fake_clock clock;
    struct metric_registry *metrics;
    struct observer observer;
    struct partition *partition;
};

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){.metrics = metric_registry_open()};
    fake_clock_init(&scene->clock);
    fake_clock_advance(&scene->clock, 1000);
    observer_init(&scene->observer, &scene->clock.clock, scene->metrics, registry_builtin());
    scene->partition = partition_open(&(struct partition_options){.services = registry_builtin()});
}

static void scene_close(struct scene *scene)
{
    partition_close(scene->partition);
    observer_close(&scene->observer);
    metric_registry_close(scene->metrics);
}

static void nobody(void *context, uint32_t ordinal, struct bytes response)
{
    (void)context;
    (void)ordinal;
    (void)response;
}

static void apply(struct partition *partition, const struct command *command)
{
    struct buffer entry = {0}, encoded = {0};
    command_encode(command, &encoded);
    entry_begin(&entry, LEVEL_FIRST);
    entry_add(&entry, buffer_bytes(&encoded));
    entry_seal(&entry, 1000, 1000);
    partition_apply(partition, buffer_bytes(&entry), nobody, NULL);
    buffer_close(&entry);
    buffer_close(&encoded);
}

/* As a node does: `counted` says whether this node proposed it. */
static void applied(struct scene *scene, const struct command *command, bool counted)
{
    uint64_t since_us = clock_now_us(&scene->clock.clock), proposed_us = 0;
    fake_clock_advance(&scene->clock, 200);
    if (counted)
        proposed_us = observer_proposed(&scene->observer, since_us);
    fake_clock_advance(&scene->clock, 100);
    if (counted)
        observer_apply_begin(&scene->observer, scene->partition, proposed_us);
    apply(scene->partition, command);
    fake_clock_advance(&scene->clock, 30);
    if (counted)
        observer_answered(&scene->observer, observer_apply_end(&scene->observer, scene->partition, true), 330);
}

static const struct command genesis = {.kind = COMMAND_GENESIS, .genesis = {.partitions = 1, .table_seed = 1}};
static const struct command open_session = {.kind = COMMAND_OPEN_SESSION};
/* A service command that cannot be decoded: counted, and failed. */
static const struct command nonsense = {.kind = COMMAND_SERVICE, .session = 2, .sequence = 1,
                                        .service = {.service = SERVICE_NUMBER_order, .type = 1, .key = {(const uint8_t *)"o", 1},
                                                    .body = {(const uint8_t *)"\xff", 1}}};

static uint64_t value(struct scene *scene, const char *name, const char *labels)
{
    observer_refresh(&scene->observer);
    return metric_counter_add(scene->metrics, name, "", labels)->value;
}

Test(observer, counts_what_this_node_proposed_and_no_other_entry)
{
    struct scene scene;
    scene_open(&scene);
    applied(&scene, &genesis, true);
    applied(&scene, &open_session, false);
    struct command command = nonsense;
    applied(&scene, &command, true);
    cr_assert_eq(value(&scene, "eventsourcing_events_submitted_total", NULL), 1);
    command.sequence = 2;
    applied(&scene, &command, false);
    cr_assert_eq(partition_counts(scene.partition)->submitted, 2);
    cr_assert_eq(value(&scene, "eventsourcing_events_submitted_total", NULL), 1);
    cr_assert_eq(value(&scene, "eventsourcing_events_failed_total", NULL), 1);
    cr_assert_eq(value(&scene, "eventsourcing_pipeline_events_failed_total", "reason=\"unprocessable\""), 1);
    command.sequence = 1;
    applied(&scene, &command, true);
    cr_assert_eq(value(&scene, "eventsourcing_events_submitted_total", NULL), 1, "a repetition is not counted");
    cr_assert_eq(value(&scene, "gridiron_idempotency_duplicates_total", NULL), 1);
    scene_close(&scene);
}

Test(observer, times_the_way_of_an_entry)
{
    struct scene scene;
    scene_open(&scene);
    applied(&scene, &genesis, true);
    cr_assert(scene.observer.queue_us->count == 1 && scene.observer.queue_us->sum_us == 200);
    cr_assert(scene.observer.replicate_us->count == 1 && scene.observer.replicate_us->sum_us == 100);
    cr_assert(scene.observer.apply_us->count == 1 && scene.observer.apply_us->sum_us == 30);
    applied(&scene, &open_session, true);
    cr_assert_eq(scene.observer.queue_us->count, 1, "one of %d is timed", OBSERVER_SAMPLE);
    cr_assert_eq(scene.observer.end_to_end_us->count, 0, "no service command");
    applied(&scene, &nonsense, true);
    cr_assert(scene.observer.end_to_end_us->count == 1 && scene.observer.end_to_end_us->sum_us == 330);
    scene_close(&scene);
}

Test(observer, times_one_entry_of_sixteen_by_stages)
{
    struct scene scene;
    scene_open(&scene);
    applied(&scene, &genesis, false);
    applied(&scene, &open_session, false);
    for (uint32_t i = 0; i < 2 * OBSERVER_SAMPLE; i++) {
        struct command command = nonsense;
        command.sequence = i + 1;
        applied(&scene, &command, true);
    }
    cr_assert_eq(scene.observer.apply_us->count, 2);
    cr_assert_eq(scene.observer.stages_us[PARTITION_STAGE_PUBLISH]->count, 2);
    cr_assert_eq(value(&scene, "eventsourcing_events_submitted_total", NULL), 2 * OBSERVER_SAMPLE, "all are counted");
    scene_close(&scene);
}

Test(observer, does_not_take_the_time_of_answers_for_that_of_applying)
{
    struct scene scene;
    scene_open(&scene);
    observer_apply_begin(&scene.observer, scene.partition, clock_now_us(&scene.clock.clock) - 7);
    fake_clock_advance(&scene.clock, 10);
    uint64_t begun_us = observer_answer_begin(&scene.observer);
    fake_clock_advance(&scene.clock, 25);
    observer_answer_end(&scene.observer, begun_us);
    fake_clock_advance(&scene.clock, 5);
    observer_apply_end(&scene.observer, scene.partition, true);
    cr_assert_eq(scene.observer.apply_us->sum_us, 15);
    cr_assert_eq(scene.observer.answer_us->sum_us, 25);
    cr_assert(scene.observer.replicate_us->count == 1 && scene.observer.replicate_us->sum_us == 7);
    observer_apply_begin(&scene.observer, scene.partition, 0);
    observer_apply_end(&scene.observer, scene.partition, true);
    cr_assert_eq(scene.observer.apply_us->count, 1, "who proposed it is gone, or it is not timed");
    scene_close(&scene);
}

Test(observer, times_one_read_of_sixteen)
{
    struct scene scene;
    scene_open(&scene);
    for (uint32_t i = 0; i < OBSERVER_SAMPLE; i++) {
        uint64_t begun_us = observer_read_begin(&scene.observer);
        cr_assert_eq(begun_us != 0, i == 0);
        fake_clock_advance(&scene.clock, 7);
        observer_read_end(&scene.observer, begun_us);
    }
    cr_assert(scene.observer.check_us->count == 1 && scene.observer.check_us->sum_us == 7);
    scene_close(&scene);
}
