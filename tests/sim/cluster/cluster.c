#include "tests/sim/cluster/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "raft/group.h"
#include "grid/partition/maps/maps.h"
#include "services/bounds.h"
#include "services/saga/meaning.h"
#include "services/saga/saga.h"
#include "tests/sim/cluster/install_watch.h"
#include "tests/sim/cluster/programs.h"
#include "tests/sim/cluster/time_oracle.h"
#include "tests/sim/cluster/versions.h"

enum { NODES_HERE_MAX = 7, WATCH_US = 20000, LARGEST_ORDER = 2 * ORDER_LINES_MAX + 4, ANSWERS_HELD_MAX = 4 };

struct member {
    struct cluster *cluster;
    struct host *host;
    struct node *node;
    struct metric_registry *metrics;
    struct node_settings settings;
};

/* Digest of a partition after each commit counter that some replica was seen at. */
struct truth { uint64_t *digests; size_t count; };

struct cluster {
    struct run *run;
    struct world *world;
    struct member members[NODES_HERE_MAX];
    struct truth *truths;
    uint64_t *log_times;               /* per member and partition: last seen in this life */
    struct time_oracle *time;
    uint64_t load_max;                 /* of admission; 0: the default */
    struct versions *versions;
    struct programs *programs;
    struct install_watch *installs;
};

/* ---- oracles that look at every replica again and again */

static void watch_digest(struct cluster *cluster, const struct member *member, uint32_t number, const struct partition *partition)
{
    struct truth *truth = &cluster->truths[number];
    uint64_t commits = partition_commits(partition), digest = partition_digest(partition);
    if (commits >= truth->count) {
        size_t count = truth->count ? truth->count * 2 : 1024;
        while (count <= commits) {
            count *= 2;
        }
        truth->digests = memory_resize(truth->digests, count * sizeof *truth->digests);
        for (size_t i = truth->count; i < count; i++) {
            truth->digests[i] = 0;
        }
        truth->count = count;
    }
    if (truth->digests[commits] == 0) {
        truth->digests[commits] = digest;
    } else if (truth->digests[commits] != digest) {
        world_fail(cluster->world, "I15: partition %u: %s has another digest after %" PRIu64 " commits than a replica before it",
                   number, host_name(member->host), commits);
    }
}

/* The work that a partition owes never exceeds what was admitted, even while other nodes are away (R6, I19); answers to the
 * messages of other partitions come on top, and those were admitted there. */
static void watch_load(struct cluster *cluster, const struct member *member, uint32_t number, const struct partition *partition)
{
    uint64_t most = cluster->load_max > LARGEST_ORDER ? cluster->load_max : LARGEST_ORDER;
    uint64_t reserved = partition_stats(partition).reserved, load = partition_load(partition);
    if (reserved > most || load > most * cluster->run->partitions) {
        world_fail(cluster->world, "I19: partition %u: %s has reserved %" PRIu64 " and owes %" PRIu64 " with a bound of %" PRIu64,
                   number, host_name(member->host), reserved, load, cluster->load_max);
    }
}

static void watch_metrics(struct cluster *cluster, const struct member *member)
{
    if (metric_counter_add(member->metrics, "gridiron_admission_refused_total", "", NULL)->value > 0) {
        SOMETIMES(cluster->world, "an order finds no room");
    }
    if (metric_counter_add(member->metrics, "gridiron_activities_postponed_total", "", NULL)->value > 0) {
        SOMETIMES(cluster->world, "a charge waits for its provider");
    }
    int64_t held = metric_gauge_add(member->metrics, "gridiron_log_frames_held", "", NULL)->value;
    if (held > (int64_t)(cluster->run->partitions * cluster->run->nodes) * ANSWERS_HELD_MAX) {
        world_fail(cluster->world, "%s holds %" PRId64 " answers back until its disk has taken them", host_name(member->host), held);
    }
}

static void watch_member(struct cluster *cluster, size_t i)
{
    struct member *member = &cluster->members[i];
    if (member->node && disk_ignored(member->host)) {
        world_fail(cluster->world, "I37: %s goes on although its disk failed", host_name(member->host));
    }
    for (uint32_t number = 0; number < cluster->run->partitions && member->node; number++) {
        const struct partition *partition = node_partition(member->node, (struct partition_id){number});
        uint64_t *seen = &cluster->log_times[i * cluster->run->partitions + number];
        uint64_t log_time_ms = partition_log_time_ms(partition);
        watch_digest(cluster, member, number, partition);
        versions_watch(cluster->versions, i, partition);
        programs_watch(cluster->programs, i, partition);
        if (cluster->load_max > 0) {
            watch_load(cluster, member, number, partition);
        }
        if (log_time_ms < *seen) {
            world_fail(cluster->world, "R14: partition %u: log time turned back at %s", number, host_name(member->host));
        }
        *seen = log_time_ms;
        world_trace_fold(cluster->world, partition_digest(partition));
    }
    if (member->node) {
        host_set_whole(member->host, node_rejoined(member->node));
        watch_metrics(cluster, member);
    }
}

static void watch(struct world *world, void *context)
{
    struct cluster *cluster = context;
    for (size_t i = 0; i < cluster->run->nodes; i++) {
        watch_member(cluster, i);
    }
    time_oracle_look(cluster->time);
    world_at(world, WATCH_US, watch, cluster);
}

/* ---- life of a node */

static uint64_t down_us(struct member *member)
{
    return prng_range(world_prng(member->cluster->world), 1000, 2000000);
}

static size_t number_of(const struct member *member)
{
    return (size_t)(member - member->cluster->members);
}

static void on_fatal(void *context, enum grid_err err, const char *what)
{
    struct member *member = context;
    uint64_t upgraded_us = 0;
    if (programs_stopped(member->cluster->programs, number_of(member), err, what, &upgraded_us)) {
        host_crash_soon(member->host, upgraded_us);
        return;
    }
    if (versions_stopped(member->cluster->versions, number_of(member), err, what, &upgraded_us)) {
        SOMETIMES(member->cluster->world, "F54 a node stops before an entry it is too old for");
        host_crash_soon(member->host, upgraded_us);
        return;
    }
    if (disk_failed(member->host)) {
        SOMETIMES(member->cluster->world, "a node gives up because of its disk");
        host_crash_soon(member->host, down_us(member));
        return;
    }
    world_fail(member->cluster->world, "%s gives up: %s (%s)", host_name(member->host), what, grid_err_name(err));
}

/* Somebody starts it again, and again, until its disk is replaced or has room. */
static void on_refused(struct member *member, enum grid_err err, const char *note)
{
    struct world *world = member->cluster->world;
    struct storage *storage = host_io(member->host)->storage;
    bool damaged = disk_damaged(member->host), full = err == GRID_ERR_NO_SPACE && storage->free_bytes(storage) == 0;
    uint64_t upgraded_us = 0;
    member->node = NULL;
    if (programs_stopped(member->cluster->programs, number_of(member), err, note ? note : "", &upgraded_us)) {
        host_crash_soon(member->host, upgraded_us);
        return;
    }
    if (versions_stopped(member->cluster->versions, number_of(member), err, note ? note : "", &upgraded_us)) {
        SOMETIMES(world, "F54 a node does not start with a log it is too old for");
        host_crash_soon(member->host, upgraded_us);
        return;
    }
    if (!damaged && !full && !disk_failed(member->host)) {
        world_fail(world, "%s refuses to start: %s (%s)", host_name(member->host), note ? note : "", grid_err_name(err));
        return;
    }
    world_say(world, "%s refuses to start: %s (%s)", host_name(member->host), note ? note : "", grid_err_name(err));
    if (damaged && err == GRID_ERR_CORRUPT) {
        SOMETIMES(world, "a node refuses a damaged log");
    } else if (!full) {
        SOMETIMES(world, "a node does not start on a failing disk");
    }
    host_crash_soon(member->host, down_us(member));
}

static void see_identity(void *context, const char *name)
{
    bool *seen = context;
    *seen = *seen || strcmp(name, "identity") == 0;
}

static void on_open(void *context, struct host *host)
{
    struct member *member = context;
    struct cluster *cluster = member->cluster;
    char *note = NULL;
    member->metrics = metric_registry_open();
    for (uint32_t i = 0; i < cluster->run->partitions; i++) {
        cluster->log_times[(size_t)(member - cluster->members) * cluster->run->partitions + i] = 0;
    }
    enum grid_err err = node_open(&(struct node_options){.io = host_io(host), .logger = world_logger(cluster->world),
                                                         .metrics = member->metrics, .settings = &member->settings, .services = programs_services(cluster->programs, number_of(member)), .rejoin = host_rejoins(host),
                                                         .fatal = on_fatal, .context = member}, &member->node, &note);
    bool begun = false;
    host_io(host)->storage->list(host_io(host)->storage, see_identity, &begun);
    if (begun) {
        host_rejoined(host); /* from here on it goes on by itself */
    }
    if (err != GRID_ERR_OK) {
        on_refused(member, err, note);
        memory_free(note);
        return;
    }
    if (disk_damaged(host)) {
        world_fail(cluster->world, "%s starts although its log is damaged", host_name(host));
    } else {
        versions_started(cluster->versions, number_of(member));
    }
}

/* The world says when the end comes. */
static void ignore_handed_over(void *context)
{
    (void)context;
}

static void on_leave(void *context, struct host *host)
{
    struct member *member = context;
    (void)host;
    if (member->node) {
        node_hand_over(member->node, ignore_handed_over, NULL);
    }
}

static void on_end(void *context, struct host *host)
{
    struct member *member = context;
    install_watch_end(member->cluster->installs, host);
    if (member->node) {
        node_close(member->node);
    }
    metric_registry_close(member->metrics);
    member->node = NULL;
    member->metrics = NULL;
}

/* ---- snapshots */

static struct group *group_of(void *context, size_t node, uint32_t group)
{
    struct cluster *cluster = context;
    return cluster->members[node].node ? node_group(cluster->members[node].node, (struct partition_id){group}) : NULL;
}

static uint32_t frozen(void *context, size_t node, uint32_t group)
{
    struct cluster *cluster = context;
    const struct partition *partition = node_partition(cluster->members[node].node, (struct partition_id){group});
    struct partition_stats stats = partition_stats(partition);
    struct map_upkeep upkeep = partition_upkeep(partition);
    bool compensates = partition_has_service(partition, &saga_service) && partition_metric(partition, &saga_service, SAGA_METRIC_COMPENSATING) > 0;
    return (uint32_t)(stats.outbox_pending > 0) << FROZEN_OUTBOX | (uint32_t)compensates << FROZEN_COMPENSATES |
           (uint32_t)(stats.activities > 0) << FROZEN_ACTIVITY | (uint32_t)(stats.timers > 0) << FROZEN_TIMER |
           (uint32_t)(upkeep.clearing > 0) << FROZEN_CLEARS | (uint32_t)(upkeep.expiring > 0) << FROZEN_EXPIRES |
           (uint32_t)(upkeep.resizing > 0) << FROZEN_RESIZES;
}

/* A tenth of the seeds takes none; many take them every few entries and keep little behind them. Not drawn: other choices keep their meaning. */
static void choose_snapshots(const struct run *run, struct node_settings *settings)
{
    uint64_t seed = run->options->seed;
    uint64_t random = hash_xxh3(bytes_of((const uint8_t *)&seed, sizeof seed), 0x736e6170);
    uint32_t entries = environment_snapshot_entries(run->environment, seed);
    settings->append_entries_max = run->environment->append_entries_max;
    if (random % 10 == 0 && entries == 0)
        return;
    settings->snapshot_bytes = UINT64_C(1) << 30;
    settings->snapshot_entries = random / 10 % 2 == 0 ? 5 + random / 20 % 60 : 60 + random / 20 % 600;
    settings->snapshot_trailing_bytes = random / 20000 % 3 == 0 ? 0 : 1 + random / 60000 % 2000;
    if (entries > 0)
        settings->snapshot_entries = entries;
    /* In most seeds a state is written in many small slices, and changes in between: else it would go in one. */
    if (seed % 4 != 0) {
        settings->snapshot_slice_bytes = 100 + (uint32_t)(random / 7 % 2000);
        settings->snapshot_rest_us = 100 + (uint32_t)(random / 11 % 10000);
    }
    if (run->environment->trailing_bytes > 0)
        settings->snapshot_trailing_bytes = run->environment->trailing_bytes;
}

struct cluster *cluster_open(struct run *run)
{
    struct cluster *cluster = memory_zero(1, sizeof *cluster);
    struct prng *prng = world_prng(run->world);
    uint32_t election_ms = prng_range(prng, 0, 2) == 0 ? 1000 : (uint32_t)prng_range(prng, 150, 500);
    REQUIRE(run->nodes <= NODES_HERE_MAX);
    cluster->run = run;
    cluster->world = run->world;
    world_set_patience(run->world, election_ms * 1000 * 4 / 5);
    cluster->truths = memory_zero(run->partitions, sizeof *cluster->truths);
    /* A third of the seeds has room for very few sagas. Not drawn: other seeds keep their meaning. */
    cluster->load_max = run->options->seed % 3 == 0 ? 10 + run->options->seed / 3 % 40 : 0;
    cluster->versions = versions_open(run, cluster);
    cluster->programs = programs_open(run, cluster);
    cluster->log_times = memory_zero((size_t)run->nodes * run->partitions, sizeof *cluster->log_times);
    cluster->installs = install_watch_open(run, &(struct install_watch_hooks){group_of, frozen, cluster});
    for (uint32_t i = 0; i < run->nodes; i++) {
        struct member *member = &cluster->members[i];
        struct node_settings *settings = &member->settings;
        char name[16];
        snprintf(name, sizeof name, "n%u", i + 1);
        member->cluster = cluster;
        member->host = world_add_host(run->world, name, HOST_NODE, &(struct host_owner){on_open, on_end, on_end, member, on_leave});
        install_watch_add(cluster->installs, member->host);
        *settings = (struct node_settings){.cluster = "sim", .self = {i + 1}, .members_count = run->nodes, .sync = true,
                                           .partitions = run->partitions, .election_timeout_ms = election_ms,
                                           .heartbeat_ms = election_ms / 10, .segment_bytes = 4 * 1024 * 1024,
                                           .admission_load_max = cluster->load_max,
                                           .log_memory_bytes_max = run->options->log_memory_bytes,
                                           .memory_max = i == 0 ? run->options->memory_max : 0,
                                           .shims_disabled = run->options->shims_disabled};
        choose_snapshots(run, settings);
        /* Frames are packed from a few bytes on; in a quarter of the seeds one node neither packs nor takes packed ones. Not drawn. */
        settings->packed_bytes_min = 64;
        if (run->options->seed % (4 * run->nodes) == i)
            memcpy(settings->compression, "off", sizeof "off");
        for (uint32_t j = 0; j < run->nodes; j++) {
            settings->members[j].id.value = j + 1;
            snprintf(settings->members[j].client_address, sizeof settings->members[j].client_address, "n%u:7400", j + 1);
            snprintf(settings->members[j].peer_address, sizeof settings->members[j].peer_address, "n%u:7401", j + 1);
        }
        versions_add(cluster->versions, member->host, settings);
        programs_add(cluster->programs, member->host);
    }
    cluster->time = time_oracle_open(run, cluster);
    world_at(run->world, WATCH_US, watch, cluster);
    return cluster;
}

void cluster_close(struct cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->run->partitions; i++) {
        memory_free(cluster->truths[i].digests);
    }
    memory_free(cluster->truths);
    versions_close(cluster->versions);
    programs_close(cluster->programs);
    memory_free(cluster->log_times);
    time_oracle_close(cluster->time);
    install_watch_close(cluster->installs);
    memory_free(cluster);
}

/* ---- questions */

size_t cluster_nodes(const struct cluster *cluster)
{
    return cluster->run->nodes;
}

struct node *cluster_node(const struct cluster *cluster, size_t number)
{
    REQUIRE(number < cluster->run->nodes);
    return cluster->members[number].node;
}

bool cluster_paused(const struct cluster *cluster, size_t number)
{
    REQUIRE(number < cluster->run->nodes);
    return host_paused(cluster->members[number].host);
}

uint64_t cluster_incarnation(const struct cluster *cluster, size_t number)
{
    REQUIRE(number < cluster->run->nodes);
    return host_incarnation(cluster->members[number].host) + 1;
}

uint64_t cluster_time_jumped_ms(const struct cluster *cluster, uint32_t partition)
{
    return time_oracle_jumped_ms(cluster->time, partition);
}

const char *cluster_endpoint(const struct cluster *cluster, size_t number)
{
    REQUIRE(number < cluster->run->nodes);
    return cluster->members[0].settings.members[number].client_address;
}

const struct partition *cluster_partition(const struct cluster *cluster, uint32_t partition)
{
    const struct partition *farthest = NULL;
    for (size_t i = 0; i < cluster->run->nodes; i++) {
        const struct node *node = cluster->members[i].node;
        const struct partition *here = node ? node_partition(node, (struct partition_id){partition}) : NULL;
        if (here && (!farthest || partition_commits(here) > partition_commits(farthest))) {
            farthest = here;
        }
    }
    return farthest;
}

bool cluster_deposed(const struct cluster *cluster, size_t number, uint32_t partition)
{
    struct group_status here = {0};
    if (cluster->members[number].node) {
        here = group_status(node_group(cluster->members[number].node, (struct partition_id){partition}));
    }
    for (size_t i = 0; i < cluster->run->nodes && here.role >= GROUP_LEADER; i++) {
        struct node *node = cluster->members[i].node;
        if (node && i != number) {
            struct group_status other = group_status(node_group(node, (struct partition_id){partition}));
            if (other.role >= GROUP_LEADER && other.term > here.term) {
                return true;
            }
        }
    }
    return false;
}

static const char *replica_unsettled(const struct node *node, uint32_t number, const struct partition *farthest)
{
    const struct partition *partition = node_partition(node, (struct partition_id){number});
    struct partition_stats stats = partition_stats(partition);
    if (partition_commits(partition) != partition_commits(farthest)) {
        return "a replica is behind";
    }
    if (stats.outbox_pending > 0) {
        return "a message is under way";
    }
    if (stats.activities > 0) {
        return "an activity is unfinished";
    }
    return NULL;
}

const char *cluster_unsettled(const struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->run->nodes; i++) {
        const struct node *node = cluster->members[i].node;
        if (!node || !node_ready(node)) {
            return node ? "a node knows no leader of a partition" : "a node is down";
        }
        for (uint32_t number = 0; number < cluster->run->partitions; number++) {
            const char *what = replica_unsettled(node, number, cluster_partition(cluster, number));
            if (what) {
                return what;
            }
        }
    }
    return programs_unsettled(cluster->programs);
}

static void describe_partition(const struct cluster *cluster, uint32_t number, struct buffer *out)
{
    buffer_append_format(out, "\n  partition %u:", number);
    for (size_t i = 0; i < cluster->run->nodes; i++) {
        struct node *node = cluster->members[i].node;
        if (!node) {
            buffer_append_format(out, " n%zu down;", i + 1);
            continue;
        }
        const struct partition *partition = node_partition(node, (struct partition_id){number});
        struct group_status status = group_status(node_group(node, (struct partition_id){number}));
        struct partition_stats stats = partition_stats(partition);
        buffer_append_format(out, " n%zu role %d term %" PRIu64 " leader %u last %" PRIu64 " commit %" PRIu64 " commits %" PRIu64
                             " outbox %" PRIu64 " activities %" PRIu64 " timers %" PRIu64 " level %u services %zu;", i + 1, (int)status.role, status.term,
                             status.leader.value, status.last_index, status.commit_index, partition_commits(partition),
                             stats.outbox_pending, stats.activities, stats.timers, partition_level(partition), partition_services(partition));
    }
}

void cluster_describe(const struct cluster *cluster, struct buffer *out)
{
    const char *what = cluster_unsettled(cluster);
    buffer_append_text(out, what ? what : "the cluster is settled");
    for (uint32_t number = 0; number < cluster->run->partitions; number++) {
        describe_partition(cluster, number, out);
    }
}

void cluster_check(const struct cluster *cluster)
{
    programs_check(cluster->programs);
    for (uint32_t number = 0; number < cluster->run->partitions; number++) {
        uint64_t first = partition_state_digest(node_partition(cluster->members[0].node, (struct partition_id){number}));
        for (size_t i = 0; i < cluster->run->nodes; i++) {
            const struct partition *partition = node_partition(cluster->members[i].node, (struct partition_id){number});
            partition_holds(partition);
            if (partition_state_digest(partition) != first) {
                world_fail(cluster->world, "I15: partition %u: the state of %s differs at rest", number,
                           host_name(cluster->members[i].host));
            }
        }
    }
}
