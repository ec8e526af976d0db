#include "grid/node/replica/observer.h"

#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "services/money.h"
#include "services/service.h"

static const char *const stage_names[PARTITION_STAGES] = {
    [PARTITION_STAGE_SOURCE] = "stage=\"source\"",     [PARTITION_STAGE_DECIDE] = "stage=\"decide\"",
    [PARTITION_STAGE_ENRICH] = "stage=\"enrich\"",     [PARTITION_STAGE_PERSIST] = "stage=\"persist\"",
    [PARTITION_STAGE_VIEW] = "stage=\"update_view\"",  [PARTITION_STAGE_PUBLISH] = "stage=\"publish\"",
    [PARTITION_STAGE_COMPLETE] = "stage=\"complete\"",
};

/* ---- label sets that are known only when they are seen */

/* The metric of a label set; NULL: not seen before. */
static void *label_find(const struct observer_labels *labels, const char *text)
{
    for (size_t i = 0; i < labels->count; i++)
        if (strcmp(labels->list[i].text, text) == 0)
            return labels->list[i].metric;
    return NULL;
}

static void *label_add(struct observer_labels *labels, const char *text, void *metric)
{
    REQUIRE(labels->count < OBSERVER_LABELS_MAX && strlen(text) < sizeof labels->list[0].text);
    struct observer_label *label = &labels->list[labels->count++];
    memcpy(label->text, text, strlen(text) + 1);
    label->metric = metric;
    return metric;
}

static struct metric_histogram *histogram_of(struct observer *observer, struct observer_labels *labels, const char *name,
                                             const char *help, const char *text)
{
    struct metric_histogram *found = label_find(labels, text);
    if (found != NULL)
        return found;
    if (labels->count == OBSERVER_LABELS_MAX)
        return metric_histogram_add(observer->metrics, name, help, "type=\"other\"");
    return label_add(labels, text, metric_histogram_add(observer->metrics, name, help, text));
}

/* ---- what partitions tell */

static void on_stage(void *context, enum partition_stage ended)
{
    struct observer *observer = context;
    uint64_t now_us = clock_now_us(observer->clock);
    if (ended != PARTITION_STAGE_BEGIN)
        observer->spent_us[ended] += now_us - observer->mark_us;
    observer->mark_us = now_us;
}

static struct metric_histogram *saga_end_us(struct observer *observer, const struct service_notice *notice)
{
    static const char *const outcomes[] = {
        [SAGA_ENDED_COMPLETED] = "completed", [SAGA_ENDED_COMPENSATED] = "compensated",
        [SAGA_ENDED_TIMED_OUT] = "timed_out", [SAGA_ENDED_FAILED] = "failed"};
    char text[96];
    snprintf(text, sizeof text, "type=\"%.24s\",mode=\"%.24s\",outcome=\"%s\"", notice->saga_type, notice->saga_mode,
             outcomes[notice->saga_end]);
    return histogram_of(observer, &observer->saga_ends, "saga_duration_seconds", "Log time from the start of a saga to its end.", text);
}

static struct metric_histogram *undoing_us(struct observer *observer, const struct service_notice *notice)
{
    char text[96];
    snprintf(text, sizeof text, "type=\"%.24s\",mode=\"%.24s\"", notice->saga_type, notice->saga_mode);
    return histogram_of(observer, &observer->undoings, "saga_compensation_duration_seconds",
                        "Log time from the beginning of a saga's undoing to its end.", text);
}

static void observe_saga_end(struct observer *observer, const struct service_notice *notice)
{
    metric_observe_us(saga_end_us(observer, notice), notice->saga_ms * 1000);
    if (notice->saga_end != SAGA_ENDED_COMPLETED)
        metric_observe_us(undoing_us(observer, notice), notice->undoing_ms * 1000);
}

/* There from the beginning, with zeros: a rate of what does not exist yet is nothing, not 0. */
static void expect_sagas(struct observer *observer)
{
    struct service_notice expected = {.saga_type = SERVICE_SAGA_TYPE, .saga_mode = "choreographed"};
    (void)undoing_us(observer, &expected);
    for (int end = SAGA_ENDED_COMPLETED; end <= SAGA_ENDED_FAILED; end++) {
        expected.saga_end = (enum service_saga_end)end;
        (void)saga_end_us(observer, &expected);
    }
}

static void observe_revenue(struct observer *observer, const struct service_notice *notice)
{
    static const char name[] = "order_revenue_total", help[] = "Totals of confirmed orders, in units of their currency.";
    char text[96];
    snprintf(text, sizeof text, "currency=\"%.3s\"", notice->currency);
    struct metric_counter *counter = label_find(&observer->revenue, text);
    if (counter == NULL && observer->revenue.count == OBSERVER_LABELS_MAX)
        return; /* sums of different currencies would mean nothing */
    if (counter == NULL)
        counter = label_add(&observer->revenue, text, metric_counter_add(observer->metrics, name, help, text));
    counter->decimals = money_digits(notice->currency);
    counter->value += (uint64_t)notice->revenue_minor;
}

static void on_notice(void *context, const struct service_notice *notice)
{
    struct observer *observer = context;
    char text[96];
    for (size_t i = 0; i < notice->steps_count; i++) {
        snprintf(text, sizeof text, "type=\"%.24s\",step=\"%.24s\"", notice->saga_type, notice->steps[i].name);
        metric_observe_us(histogram_of(observer, &observer->steps, "saga_step_duration_seconds",
                                       "Log time from the beginning of a saga's step to its end.", text),
                          notice->steps[i].ms * 1000);
    }
    if (notice->saga_end != SAGA_GOES_ON)
        observe_saga_end(observer, notice);
    if (notice->currency != NULL && notice->revenue_minor > 0)
        observe_revenue(observer, notice);
}

/* ---- life */

static struct metric_histogram *stage(struct metric_registry *metrics, const char *labels)
{
    return metric_histogram_add(metrics, "eventsourcing_pipeline_stage_duration_seconds",
                                "Time that one read of a client (check) or one log entry (all others) spent in a stage.", labels);
}

void observer_init(struct observer *observer, struct clock *clock, struct metric_registry *metrics)
{
    REQUIRE(clock != NULL && metrics != NULL);
    *observer = (struct observer){.clock = clock, .metrics = metrics};
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
    expect_sagas(observer);
    observer_refresh(observer);
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

uint64_t observer_apply_end(struct observer *observer, struct partition *partition)
{
    const struct partition_counts *after = partition_counts(partition);
    partition_observe(partition, NULL);
    count(&observer->counts, &observer->before, after);
    if (observer->timed)
        observe_stages(observer, after);
    observer->timed = false;
    return after->submitted - observer->before.submitted;
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
    total(observer, "eventsourcing_events_failed_total", NULL, "Those of them that were refused or could not be handled.",
          counts->submitted_failed);
    total(observer, "eventsourcing_pipeline_events_received_total", NULL,
          "What came into the event pipeline: commands, answers, timers, results of activities.", counts->received);
    total(observer, "eventsourcing_pipeline_events_processed_total", NULL, "What of it was accepted.",
          counts->received - counts->refused - counts->unprocessable);
    static const char failed[] = "What of it was not: refused by a service, or could not be handled.";
    total(observer, "eventsourcing_pipeline_events_failed_total", "reason=\"refused\"", failed, counts->refused);
    total(observer, "eventsourcing_pipeline_events_failed_total", "reason=\"unprocessable\"", failed, counts->unprocessable);
    total(observer, "eventsourcing_pipeline_events_published_total", NULL,
          "Events stored, with their messages to whoever must hear of them.", counts->published);
    total(observer, "eventsourcing_pipeline_views_updated_total", NULL, "Views written.", counts->views_updated);
}

static void refresh_sagas(struct observer *observer)
{
    const struct partition_counts *counts = &observer->counts;
    total(observer, "saga_started_total", NULL, "Sagas started.", counts->sagas_started);
    total(observer, "saga_completed_total", NULL, "Sagas completed.", counts->sagas_completed);
    total(observer, "saga_compensated_total", NULL, "Sagas undone.", counts->sagas_compensated);
    total(observer, "saga_timedout_total", NULL, "Sagas undone because their deadline passed.", counts->sagas_timed_out);
    total(observer, "saga_failed_total", NULL, "Sagas whose undoing was refused: each waits for a person.", counts->sagas_failed);
    total(observer, "saga_steps_completed_total", NULL, "Steps of sagas that were done.", counts->steps_completed);
    total(observer, "saga_steps_failed_total", NULL, "Steps of sagas that failed.", counts->steps_failed);
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
    total(observer, "idempotency_duplicates_total", NULL, "Writes that came again and were answered from what was kept.",
          counts->duplicates);
}

void observer_refresh(struct observer *observer)
{
    refresh_events(observer);
    refresh_sagas(observer);
    refresh_links(observer);
}
