#include "grid/node/replica/replica_internal.h"

#include "grid/partition/deferred/activities.h"

static void activity_answered(void *context, uint64_t id, enum activity_outcome outcome, struct bytes body, struct bytes note)
{
    struct replica *replica = context;
    if (!replica->leads)
        return;
    replica->shared->counters->activities_answered->value++;
    struct activity_result_command result = {id, (uint32_t)outcome, body, note};
    replica_pack_own(replica, &(struct command){.kind = COMMAND_ACTIVITY_RESULT, .activity_result = result}, WAITER_ACTIVITY, id);
}

/* Tells people why it takes so long; the activity itself continues. */
static void activity_postponed(void *context, uint64_t id)
{
    struct replica *replica = context;
    if (!replica->leads)
        return;
    replica->shared->counters->activities_postponed->value++;
    struct activity_result_command result = {.activity = id, .outcome = ACTIVITY_POSTPONED};
    replica_pack_own(replica, &(struct command){.kind = COMMAND_ACTIVITY_RESULT, .activity_result = result}, WAITER_NONE, 0);
}

void replica_run_activities(struct replica *replica)
{
    struct partition_activity next;
    replica->activities_left = false;
    if (replica->shared->destinations_count == 0)
        return;
    while (partition_activity_next(replica->partition, replica->activity_seen, &next)) {
        if (!replica->runner)
            replica->runner = activity_runner_open(&(struct activity_runner_options){
                .clock = replica->shared->io->clock, .jitter = replica->shared->prng,
                .destinations = replica->shared->destinations, .destinations_count = replica->shared->destinations_count,
                .answered = activity_answered, .postponed = activity_postponed, .context = replica});
        struct activity activity = {.id = next.id, .service = next.service, .kind = next.kind, .key = next.key, .request = next.request};
        if (!activity_runner_start(replica->runner, &activity)) {
            replica->activities_left = true;
            return;
        }
        replica->activity_seen = next.id;
    }
}

void replica_activities_resign(struct replica *replica)
{
    if (replica->runner)
        activity_runner_close(replica->runner);
    replica->runner = NULL;
}

void replica_activities_again(struct replica *replica)
{
    replica_activities_resign(replica);
    replica->activity_seen = 0;
    replica->activities_left = true;
}
