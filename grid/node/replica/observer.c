#include "grid/node/replica/observer.h"

#include <string.h>

#include "grid/base/check.h"

static const char *const stage_names[PARTITION_STAGES] = {
    [PARTITION_STAGE_SOURCE] = "stage=\"source\"",     [PARTITION_STAGE_DECIDE] = "stage=\"decide\"",
    [PARTITION_STAGE_ENRICH] = "stage=\"enrich\"",     [PARTITION_STAGE_PERSIST] = "stage=\"persist\"",
    [PARTITION_STAGE_VIEW] = "stage=\"update_view\"",  [PARTITION_STAGE_PUBLISH] = "stage=\"publish\"",
    [PARTITION_STAGE_COMPLETE] = "stage=\"complete\"",
};

/* ---- what partitions tell */

static void on_stage(void *context, enum partition_stage ended)
{
    struct observer *observer = context;
    uint64_t now_us = clock_now_us(observer->clock);
    if (ended != PARTITION_STAGE_BEGIN)
        observer->spent_us[ended] += now_us - observer->mark_us;
    observer->mark_us = now_us;
}

static void on_notice(void *context, const struct service *service, const struct service_notice *notice)
{
    service_metrics_observe(((struct observer *)context)->services, service, notice);
}

/* ---- life */

static struct metric_histogram *stage(struct metric_registry *metrics, const char *labels)
{
    return metric_histogram_add(metrics, "eventsourcing_pipeline_stage_duration_seconds",
                                "Time that one read of a client (check) or one log entry (all others) spent in a stage.", labels);
}

void observer_init(struct observer *observer, struct clock *clock, struct metric_registry *metrics,
                   const struct service_registry *services)
{
    REQUIRE(clock != NULL && metrics != NULL);
    *observer = (struct observer){.clock = clock, .metrics = metrics, .services = service_metrics_open(services, metrics)};
    observer->watching = (struct partition_observer){.context = observer, .notice = on_notice};
    observer->timing = (struct partition_observer){.context = observer, .notice = on_notice, .stage = on_stage};
    observer->check_us = stage(metrics, "stage=\"check\"");
    observer->queue_us = stage(metrics, "stage=\"queue\"");
    observer->replicate_us = stage(metrics, "stage=\"replicate\"");
    observer->apply_us = stage(metrics, "stage=\"apply\"");
    observer->answer_us = stage(metrics, "stage=\"answer\"");
    for (int i = PARTITION_STAGE_SOURCE; i < PARTITION_STAGES; i++)
        observer->stages_us[i] = stage(metrics, stage_names[i]);
    observer->end_to_end_us = metric_histogram_add(metrics, "eventsourcing_pipeline_latency_end_to_end_seconds",
                                                   "From the arrival of a client's service command to its answer.", NULL);
    observer_refresh(observer);
}

void observer_close(struct observer *observer)
{
    service_metrics_close(observer->services);
}

/* ---- what the node tells */

uint64_t observer_read_begin(struct observer *observer)
{
    return observer->reads++ % OBSERVER_SAMPLE == 0 ? clock_now_us(observer->clock) : 0;
}

void observer_read_end(struct observer *observer, uint64_t begun_us)
{
    if (begun_us != 0)
        metric_observe_us(observer->check_us, clock_now_us(observer->clock) - begun_us);
}

uint64_t observer_proposed(struct observer *observer, uint64_t since_us)
{
    if (observer->entries++ % OBSERVER_SAMPLE != 0)
        return 0;
    uint64_t now_us = clock_now_us(observer->clock);
    metric_observe_us(observer->queue_us, now_us - since_us);
    return now_us;
}

void observer_apply_begin(struct observer *observer, struct partition *partition, uint64_t proposed_us)
{
    observer->before = *partition_counts(partition);
    observer->timed = proposed_us != 0;
    partition_observe(partition, observer->timed ? &observer->timing : &observer->watching);
    if (!observer->timed)
        return;
    observer->begun_us = clock_now_us(observer->clock);
    metric_observe_us(observer->replicate_us, observer->begun_us - proposed_us);
    observer->answers_us = 0;
    memset(observer->spent_us, 0, sizeof observer->spent_us);
}

/* Adds what the entry made of the partition's totals. */
static void count(struct partition_counts *sum, const struct partition_counts *before, const struct partition_counts *after)
{
    enum { NUMBERS = sizeof(struct partition_counts) / sizeof(uint64_t) };
    _Static_assert(sizeof(struct partition_counts) == NUMBERS * sizeof(uint64_t), "numbers only");
    uint64_t *sums = (uint64_t *)sum;
    const uint64_t *was = (const uint64_t *)before, *is = (const uint64_t *)after;
    for (size_t i = 0; i < NUMBERS; i++)
        sums[i] += is[i] - was[i];
}

static void observe_stages(struct observer *observer, const struct partition_counts *after)
{
    uint64_t whole_us = clock_now_us(observer->clock) - observer->begun_us;
    metric_observe_us(observer->apply_us, whole_us - observer->answers_us);
    metric_observe_us(observer->answer_us, observer->answers_us);
    bool services = after->received != observer->before.received;
    for (int i = PARTITION_STAGE_SOURCE; services && i < PARTITION_STAGES; i++)
        metric_observe_us(observer->stages_us[i], observer->spent_us[i]);
}

uint64_t observer_apply_end(struct observer *observer, struct partition *partition, bool counts)
{
    const struct partition_counts *after = partition_counts(partition);
    partition_observe(partition, NULL);
    if (counts)
        count(&observer->counts, &observer->before, after);
    if (observer->timed)
        observe_stages(observer, after);
    observer->timed = false;
    return counts ? after->submitted - observer->before.submitted : 0;
}

void observer_answered(struct observer *observer, uint64_t submitted, uint64_t us)
{
    metric_observe_many_us(observer->end_to_end_us, us, submitted);
}

/* ---- counters */

static void total(struct observer *observer, const char *name, const char *labels, const char *help, uint64_t value)
{
    metric_counter_add(observer->metrics, name, help, labels)->value = value;
}

static void refresh_events(struct observer *observer)
{
    const struct partition_counts *counts = &observer->counts;
    total(observer, "eventsourcing_events_submitted_total", NULL, "Service commands of clients that were applied.", counts->submitted);
    total(observer, "eventsourcing_events_failed_total", NULL, "Submitted commands that the service refused or this node could not handle.",
          counts->submitted_failed);
    total(observer, "eventsourcing_pipeline_events_received_total", NULL,
          "What came into the event pipeline: commands, answers, timers, results of activities.", counts->received);
    total(observer, "eventsourcing_pipeline_events_processed_total", NULL, "Accepted input.",
          counts->received - counts->refused - counts->unprocessable);
    static const char failed[] = "Input that a service refused or this node could not handle.";
    total(observer, "eventsourcing_pipeline_events_failed_total", "reason=\"refused\"", failed, counts->refused);
    total(observer, "eventsourcing_pipeline_events_failed_total", "reason=\"unprocessable\"", failed, counts->unprocessable);
    total(observer, "eventsourcing_pipeline_events_published_total", NULL,
          "Events stored, with their messages to other aggregates.", counts->published);
    total(observer, "eventsourcing_pipeline_views_updated_total", NULL, "Views written.", counts->views_updated);
}

static void refresh_links(struct observer *observer)
{
    const struct partition_counts *counts = &observer->counts;
    total(observer, "outbox_entries_written_total", NULL, "Messages to other partitions written.", counts->outbox_written);
    total(observer, "outbox_entries_delivered_total", NULL, "Messages that their destination acknowledged.", counts->outbox_delivered);
    total(observer, "outbox_entries_failed_total", NULL, "Messages of other partitions that could not be handled here.",
          counts->outbox_failed);
    static const char checks[] = "Commands with an idempotency key.";
    total(observer, "idempotency_checks_total", "result=\"new\"", checks, counts->keys_new);
    total(observer, "idempotency_checks_total", "result=\"repeated\"", checks, counts->keys_repeated);
    total(observer, "idempotency_checks_total", "result=\"not_kept\"", checks, counts->keys_not_kept);
    total(observer, "idempotency_checks_total", "result=\"mismatch\"", checks, counts->keys_mismatched);
    total(observer, "gridiron_idempotency_duplicates_total", NULL, "Writes that came again and were answered from what was kept.",
          counts->duplicates);
}

void observer_refresh(struct observer *observer)
{
    refresh_events(observer);
    refresh_links(observer);
}
