#include "tests/nemesis/replicas.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum { POLL_US = 200000, POLL_MS = 1500, FRESH_US = 1500000, TEXT_BYTES = 160 };

/* What a node said last of one partition. */
struct said { uint64_t term, commit, applied, last, digest, waiting; bool leads; };

struct member {
    struct replicas *replicas;
    uint32_t node;
    uint64_t heard_us;                     /* when the newest answer came; 0: none */
    struct said *said;                     /* by partition */
    struct timer next;
};

struct replicas {
    struct stage *stage;
    struct client *client;
    uint32_t partitions;
    struct member members[STAGE_NODES_MAX];
    struct replica_samples *samples;       /* by partition */
    uint32_t *leaders;
    char text[TEXT_BYTES];
};

bool replica_compare(struct replica_samples *samples, const struct replica_sample *sample, struct replica_sample *ret_other)
{
    bool equal = true;
    for (size_t i = 0; i < REPLICA_SAMPLES; i++) {
        const struct replica_sample *each = &samples->samples[i];
        if (each->index != sample->index || each->index == 0 || each->node == sample->node)
            continue;
        samples->compared++;
        if (each->digest != sample->digest) {
            *ret_other = *each;
            equal = false;
        }
    }
    samples->samples[samples->next++ % REPLICA_SAMPLES] = *sample;
    return equal;
}

/* ---- asking */

static void find_leader(struct replicas *replicas, uint32_t partition)
{
    uint64_t term = 0;
    replicas->leaders[partition] = 0;
    for (size_t i = 0; i < replicas->stage->endpoints_count; i++) {
        const struct member *member = &replicas->members[i];
        const struct said *said = &member->said[partition];
        bool fresh = member->heard_us + FRESH_US > stage_now_us(replicas->stage);
        if (said->term > term || (said->term == term && fresh && said->leads)) {
            term = said->term;
            replicas->leaders[partition] = fresh && said->leads ? member->node : 0;
        }
    }
}

static void take(struct member *member, const struct partition_status *status)
{
    struct replicas *replicas = member->replicas;
    uint32_t number = status->partition;
    if (number >= replicas->partitions)
        return;
    member->said[number] = (struct said){.term = status->term, .commit = status->commit_index, .applied = status->applied_index,
                                         .last = status->last_index, .digest = status->digest,
                                         .waiting = status->outbox_pending + status->activities,
                                         .leads = bytes_equal(status->role, bytes_of_text("leader"))};
    struct replica_sample sample = {.node = member->node, .index = status->applied_index, .digest = status->digest}, other;
    if (!replica_compare(&replicas->samples[number], &sample, &other))
        findings_add(&replicas->stage->findings, "I15: partition %" PRIu32 " at index %" PRIu64 ": node %" PRIu32 " has digest %016" PRIx64
                     ", node %" PRIu32 " has %016" PRIx64, number, sample.index, sample.node, sample.digest, other.node, other.digest);
    find_leader(replicas, number);
}

static void on_told(void *context, const struct client_result *result)
{
    struct member *member = context;
    struct replicas *replicas = member->replicas;
    if (client_closing(replicas->client))
        return;
    if (result->err == GRID_ERR_OK) {
        member->heard_us = stage_now_us(replicas->stage);
        for (size_t i = 0; i < result->admin->partitions_count; i++)
            take(member, &result->admin->partitions[i]);
    }
    clock_timer_start(replicas->stage->io->clock, &member->next, POLL_US);
}

static void ask(void *context)
{
    struct member *member = context;
    client_admin(member->replicas->client, (struct node_id){member->node}, ADMIN_PARTITIONS,
                 &(struct client_call){.done = on_told, .context = member, .deadline_ms = POLL_MS});
}

/* ---- life */

struct replicas *replicas_open(struct stage *stage, uint32_t partitions)
{
    struct replicas *replicas = memory_zero(1, sizeof *replicas);
    replicas->stage = stage;
    replicas->partitions = partitions;
    replicas->client = stage_client(stage, "replicas", POLL_MS, POLL_MS);
    replicas->samples = memory_zero(partitions, sizeof *replicas->samples);
    replicas->leaders = memory_zero(partitions, sizeof *replicas->leaders);
    for (uint32_t i = 0; i < stage->endpoints_count; i++) {
        struct member *member = &replicas->members[i];
        *member = (struct member){.replicas = replicas, .node = i + 1, .said = memory_zero(partitions, sizeof *member->said),
                                  .next = {.fire = ask, .context = member}};
        clock_timer_start(stage->io->clock, &member->next, 1);
    }
    return replicas;
}

void replicas_close(struct replicas *replicas)
{
    client_close(replicas->client);
    for (uint32_t i = 0; i < replicas->stage->endpoints_count; i++) {
        clock_timer_stop(replicas->stage->io->clock, &replicas->members[i].next);
        memory_free(replicas->members[i].said);
    }
    memory_free(replicas->samples);
    memory_free(replicas->leaders);
    memory_free(replicas);
}

/* ---- rest */

static bool partition_settled(struct replicas *replicas, uint32_t number)
{
    const struct said *first = &replicas->members[0].said[number];
    for (uint32_t i = 0; i < replicas->stage->endpoints_count; i++) {
        const struct said *said = &replicas->members[i].said[number];
        const char *what = said->waiting > 0 ? "has messages or activities under way"
                         : said->applied != said->commit ? "has not applied all that is committed"
                         : said->applied != first->applied || said->last != first->last ? "is not as far as another"
                         : NULL;
        if (what != NULL) {
            snprintf(replicas->text, sizeof replicas->text, "partition %" PRIu32 ": node %" PRIu32 " %s", number, i + 1, what);
            return false;
        }
    }
    return true;
}

const char *replicas_unsettled(struct replicas *replicas)
{
    uint64_t now = stage_now_us(replicas->stage);
    replicas->text[0] = 0;
    for (uint32_t i = 0; i < replicas->stage->endpoints_count; i++)
        if (replicas->members[i].heard_us + FRESH_US < now) {
            snprintf(replicas->text, sizeof replicas->text, "node %" PRIu32 " does not answer", i + 1);
            return replicas->text;
        }
    for (uint32_t i = 0; i < replicas->partitions; i++)
        if (!partition_settled(replicas, i))
            break;
    return replicas->text;
}

bool replicas_settled(void *context)
{
    return replicas_unsettled(context)[0] == 0;
}

const uint32_t *replicas_leaders(const struct replicas *replicas)
{
    return replicas->leaders;
}

uint64_t replicas_compared(const struct replicas *replicas)
{
    uint64_t compared = 0;
    for (uint32_t i = 0; i < replicas->partitions; i++)
        compared += replicas->samples[i].compared;
    return compared;
}
