/* Groups alone: every node hosts the same groups, each replicates a counter; clients propose additions to the leader.
 *
 * Oracles, for each group: the same entry at the same index on every replica and none left out; one leader in a term;
 * what was acknowledged stays; equal digests at equal indexes (I15); a read never shows less than what was acknowledged
 * or read before it began (I24); every proposal and read ends exactly once (I40); once healed, everything works and all
 * replicas meet. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "raft/group.h"
#include "grid/wire/negotiate.h"
#include "tests/sim/cluster/install_watch.h"
#include "tests/sim/workloads/counter_internal.h"
#include "tests/sim/workloads/counter_snapshots.h"
#include "tests/sim/workloads/workloads.h"

enum { COMMAND_HEADER_BYTES = 16, PEER_PORT = 7401 };
/* Past it commands are small: the run shall not measure memory. */
enum { FILLING_SMALL = 3000, FILLING_LARGE = 600000, SLOW_BYTES_PER_SECOND = 250000, SLOW_REST_US = 3000, LARGE_PARTITIONS_MAX = 16 };
enum { LARGE_BYTES_BUDGET = 24 * 1024 * 1024 };
enum { MIB = 1024 * 1024, FILL_BYTES = 16 * 1024, FILL_BYTES_SMALL = 200, ROOM_BYTES = 1 };

static uint64_t draw(struct counter *counter, uint64_t low, uint64_t high)
{
    return prng_range(world_prng(counter->world), low, high);
}

static void note_seen(struct counter *counter, uint32_t group, uint64_t index)
{
    struct group_truth *truth = &counter->truths[group];
    if (index > truth->seen) {
        truth->seen = index;
    }
}

/* ---- proposals and reads in flight ---- */

static void proposal_end(struct proposal *proposal)
{
    if (proposal->before) {
        proposal->before->next = proposal->next;
    } else {
        proposal->node->proposals = proposal->next;
    }
    if (proposal->next) {
        proposal->next->before = proposal->before;
    }
    memory_free(proposal);
}

static void acknowledge(struct replica *replica, uint64_t index, struct bytes command, struct proposal *proposal)
{
    struct counter *counter = replica->node->counter;
    if (proposal->group != replica->group || get_u64(command.data) != proposal->id) {
        world_fail(counter->world, "group %u: %s was told of its proposal %" PRIu64 " at index %" PRIu64 ", which holds %" PRIu64,
                   replica->group, host_name(replica->node->host), proposal->id, index, get_u64(command.data));
    }
    note_seen(counter, replica->group, index);
    run_count(counter->run, "commits", 1);
    trap_spring(replica->node->host);
    counter->truths[replica->group].closing_done |= proposal->closing;
    proposal_end(proposal);
}

static void query_end(struct query *query)
{
    if (query->before) {
        query->before->next = query->next;
    } else {
        query->node->queries = query->next;
    }
    if (query->next) {
        query->next->before = query->before;
    }
    memory_free(query);
}

static void on_read(void *context, enum grid_err err, uint64_t index)
{
    struct query *query = context;
    struct counter *counter = query->node->counter;
    const struct replica *replica = &query->node->replicas[query->group];
    if (err == GRID_ERR_OK) {
        run_count(counter->run, "reads", 1);
        if (replica->applied < query->floor) {
            world_fail(counter->world, "group %u: stale read at %s: shows index %" PRIu64 " (read point %" PRIu64
                       "), but %" PRIu64 " was seen before it began", query->group, host_name(query->node->host),
                       replica->applied, index, query->floor);
        }
        note_seen(counter, query->group, replica->applied);
        counter->truths[query->group].read = true;
    } else {
        run_count(counter->run, "reads refused", 1);
    }
    query_end(query);
}

static void query(struct counter_node *node, uint32_t group)
{
    struct query *query = memory_zero(1, sizeof *query);
    *query = (struct query){.read = {.done = on_read, .context = query}, .node = node, .group = group,
                            .floor = node->counter->truths[group].seen, .next = node->queries};
    if (node->queries) {
        node->queries->before = query;
    }
    node->queries = query;
    run_count(node->counter->run, "reads asked", 1);
    group_read(group_set_get(node->set, (struct partition_id){group}), &query->read);
}

/* A new leader knows least of what is committed: the moment at which a hasty read would be stale. */
static void run_first_read(struct world *world, void *context)
{
    const struct replica *replica = context;
    (void)world;
    if (!replica->node->counter->draining) {
        query(replica->node, replica->group);
    }
}

/* ---- the replicated machine ---- */

static void on_apply(void *context, uint64_t index, uint64_t term, struct bytes command, void *token)
{
    struct replica *replica = context;
    struct counter *counter = replica->node->counter;
    if (index <= replica->applied || command.size < COMMAND_HEADER_BYTES) {
        world_fail(counter->world, "group %u: %s applies index %" PRIu64 " after %" PRIu64 " (%zu bytes)", replica->group,
                   host_name(replica->node->host), index, replica->applied, command.size);
        return;
    }
    uint64_t hash = hash_xxh3(command, 1);
    uint64_t row[3] = {replica->digest, index, hash};
    replica->digest = hash_xxh3(bytes_of(row, sizeof row), 2);
    replica->value += get_u64(command.data + 8);
    struct entry_truth here = {term, hash, replica->digest, replica->applied, true};
    counter_judge_entry(replica, index, &here);
    replica->applied = index;
    world_trace_fold(counter->world, replica->digest);
    if (token) {
        acknowledge(replica, index, command, token);
    }
}

static void on_dropped(void *context, void *token)
{
    struct replica *replica = context;
    run_count(replica->node->counter->run, "proposals of unknown fate", 1);
    SOMETIMES(replica->node->counter->world, "a proposal is cut off by a change of leader");
    proposal_end(token);
}

static void on_role(void *context, enum group_role role, uint64_t term)
{
    struct replica *replica = context;
    struct counter *counter = replica->node->counter;
    if ((role == GROUP_LEADER || role == GROUP_READY) && replica->role < GROUP_LEADER) {
        run_count(counter->run, "elections", 1);
        counter_judge_leader(replica, term);
        host_at(replica->node->host, draw(counter, 0, 3000), run_first_read, replica);
    }
    if (role < GROUP_LEADER && replica->role >= GROUP_LEADER) {
        SOMETIMES(counter->world, "a leader steps down");
    }
    replica->role = role;
    replica->term = term;
}

/* ---- load ---- */

/* Small where the last of a full disk must do for what followers are behind. */
static size_t fill_bytes(const struct counter *counter)
{
    return counter->run->options->seed % 4 == 3 ? FILL_BYTES_SMALL : FILL_BYTES;
}

static void propose(struct counter_node *node, uint32_t group, bool closing)
{
    struct counter *counter = node->counter;
    struct proposal *proposal = memory_zero(1, sizeof *proposal);
    *proposal = (struct proposal){.node = node, .group = group, .id = ++counter->ids, .closing = closing, .next = node->proposals};
    struct buffer command = {0};
    buffer_append_u64(&command, proposal->id);
    buffer_append_u64(&command, draw(counter, 1, 1000));
    bool large = draw(counter, 0, 99) == 0 && counter->bytes < LARGE_BYTES_BUDGET;
    size_t size = counter->disks == DISKS_FILL ? fill_bytes(counter) : (size_t)draw(counter, 0, large ? counter->command_bytes_max : 100);
    counter->bytes += size;
    memset(buffer_extend(&command, size), (int)(proposal->id & 0xff), size);
    if (node->proposals) {
        node->proposals->before = proposal;
    }
    node->proposals = proposal;
    run_count(counter->run, "proposals", 1);
    enum grid_err err = !closing && group_set_log_full(node->set) ? GRID_ERR_LOG_FULL :
        group_propose(group_set_get(node->set, (struct partition_id){group}), buffer_bytes(&command), proposal);
    buffer_close(&command);
    if (err != GRID_ERR_OK) {
        run_count(counter->run, "proposals refused", 1);
        node->refusal = err;
        if (err == GRID_ERR_LOG_FULL || err == GRID_ERR_NO_SPACE) {
            SOMETIMES(counter->world, err == GRID_ERR_LOG_FULL && counter->log_memory_bytes ? "a log is full" : "a disk is full");
        }
        /* Right after a disk was really full its log may not yet have found out that there is room again. */
        bool full_disks = counter->run->options->faults_allowed & FAULT_BIT(DISK_FULL);
        if (closing && err == GRID_ERR_LOG_FULL && !full_disks) {
            world_fail(counter->world, "group %u: %s refuses an internal proposal for room", group, host_name(node->host));
        }
        proposal_end(proposal);
    }
}

static void transfer(struct counter_node *node, uint32_t group)
{
    struct counter *counter = node->counter;
    struct node_id target = {(uint32_t)draw(counter, 1, counter->run->nodes)};
    if (group_transfer(group_set_get(node->set, (struct partition_id){group}), target) == GRID_ERR_OK) {
        const struct host *host = counter->nodes[target.value - 1].host;
        uint64_t silent_us = world_now_us(counter->world) - world_heard_us(counter->world, host, node->host);
        run_count(counter->run, "transfers", 1);
        /* Three heartbeats, on a clock that may run slow. */
        if (silent_us > (uint64_t)counter->election_ms / 10 * 3100) {
            world_fail(counter->world, "group %u is offered to %s, of which %s has heard nothing for %.3f s", group, host_name(host),
                       host_name(node->host), (double)silent_us / 1e6);
        }
    }
}

static bool waits(const struct counter_node *node, uint32_t group)
{
    for (const struct proposal *proposal = node->proposals; proposal; proposal = proposal->next) {
        if (proposal->group == group) {
            return true;
        }
    }
    return false;
}

static void load_group(struct counter_node *node, uint32_t group)
{
    struct counter *counter = node->counter;
    bool leads = node->replicas[group].role >= GROUP_LEADER;
    if (leads && !counter->transfers_files) {
        courier_call(counter->courier, (uint32_t)host_number(node->host), group);
    }
    if (counter->draining) {
        if (leads && (!counter->truths[group].closing_done || (counter->disks == DISKS_FILL && !waits(node, group)))) {
            propose(node, group, true);
        } else if (leads && counter->disks == DISKS_READ && !counter->truths[group].read) {
            query(node, group);
        }
        return;
    }
    if ((leads || draw(counter, 0, 9) == 0) && draw(counter, 0, 99) < counter->read_percent) {
        query(node, group);
    } else if (leads || draw(counter, 0, 99) == 0) {
        for (uint64_t i = draw(counter, 1, counter->burst_max); i > 0; i--) {
            propose(node, group, false);
        }
    }
    if (leads && counter->transfers && draw(counter, 0, 199) == 0) {
        transfer(node, group);
    }
}

static void run_load(struct world *world, void *context)
{
    (void)world;
    struct counter_node *node = context;
    struct counter *counter = node->counter;
    uint32_t partitions = counter->run->partitions;
    if (disk_ignored(node->host)) {
        world_fail(counter->world, "I37: %s goes on although its disk failed", host_name(node->host));
    }
    host_set_whole(node->host, group_set_rejoining(node->set) == 0);
    if (group_set_log_begin(node->set) != 0) {
        SOMETIMES(counter->world, "a segment of the log is removed");
    }
    uint32_t steps = counter->draining ? partitions : (partitions + 7) / 8;
    for (uint32_t i = 0; i < steps; i++) {
        load_group(node, counter->draining ? i : (uint32_t)draw(counter, 0, partitions - 1));
    }
    bool calm = counter->draining && counter->disks != DISKS_FILL;
    host_at(node->host, draw(counter, 1, 2 * counter->gap_us) + (calm ? 100000 : 0), run_load, node);
}

/* ---- life of a node ---- */

static void on_fatal(void *context, enum grid_err err, const char *what)
{
    struct counter_node *node = context;
    if (disk_failed(node->host)) {
        SOMETIMES(node->counter->world, "a node gives up because of its disk");
        host_crash_soon(node->host, draw(node->counter, 1000, 2000000));
        return;
    }
    world_fail(node->counter->world, "%s gives up without a reason to: %s (%s)", host_name(node->host), what,
               grid_err_name(err));
}

/* Small, so that segments are closed in a short run; where all disks fill up (full_disks.h) the reserve must do for elections of all groups. */
static uint64_t segment_bytes(const struct counter *counter)
{
    uint64_t roomy = counter->run->partitions > 32 ? counter->run->partitions * MIB / 8 : 4 * MIB;
    return counter->run->options->seed % 4 == 3 ? roomy : MIB;
}

static uint64_t incarnation_of(const struct counter_node *node)
{
    return 1000 * host_disks(node->host) + host_number(node->host) + 1;
}

static struct group_set_options node_options(struct counter_node *node)
{
    struct counter *counter = node->counter;
    return (struct group_set_options){
        .io = host_io(node->host), .logger = world_logger(counter->world), .self = {(uint32_t)host_number(node->host) + 1},
        .peer_listen_address = node->address, .members = counter->members, .members_count = counter->run->nodes,
        .cluster_uuid = uuid_of_name(bytes_of_text("grid-sim counter")), .incarnation = incarnation_of(node), .manifest = node->manifest,
        .log_owner = 0x6772696473696d31 + host_number(node->host), .groups = counter->run->partitions, .sync = counter->sync,
        .election_timeout_ms = counter->election_ms, .heartbeat_ms = counter->election_ms / 10, .segment_bytes = segment_bytes(counter),
        .snapshot_entries = counter->snapshot_entries, .trailing_bytes = counter->trailing_bytes,
        .transfer_bytes_per_second = counter->filling_max == FILLING_LARGE ? SLOW_BYTES_PER_SECOND : 0,
        .snapshot_rest_us = counter->run->options->seed % 4 < 2 ? 0 : SLOW_REST_US,
        .append_entries_max = counter->run->environment->append_entries_max,
        .features = counter->transfers_files ? feature_bit(FEATURE_SNAPSHOTS) : 0,
        .log_memory_bytes_max = counter->log_memory_bytes,
        .room_bytes = counter->run->options->seed % 4 == 3 ? ROOM_BYTES : 0,
        .shims = {counter->run->options->shims_disabled}, .fatal = on_fatal, .context = node};
}

static bool refuses(struct counter_node *node, enum grid_err err, char *note)
{
    struct world *world = node->counter->world;
    struct storage *storage = host_io(node->host)->storage;
    bool damaged = disk_damaged(node->host), full = err == GRID_ERR_NO_SPACE && storage->free_bytes(storage) == 0;
    if (full) {
        world_say(world, "%s refuses to start on a full disk", host_name(node->host));
        host_crash_soon(node->host, draw(node->counter, 1000, 2000000));
    } else if (err != GRID_ERR_OK && (damaged || disk_failed(node->host))) {
        SOMETIMES(world, damaged && err == GRID_ERR_CORRUPT ? "a node refuses a damaged log" : "a node does not start on a failing disk");
        world_say(world, "%s refuses to start: %s (%s)", host_name(node->host), note ? note : "", grid_err_name(err));
        host_crash_soon(node->host, draw(node->counter, 1000, 2000000));
    } else if (err != GRID_ERR_OK) {
        world_fail(world, "%s refuses to start: %s (%s)", host_name(node->host), note ? note : "", grid_err_name(err));
    } else if (damaged) {
        world_fail(world, "%s starts although its log is damaged", host_name(node->host));
    }
    if (err != GRID_ERR_OK) {
        memory_free(note);
    }
    return err != GRID_ERR_OK;
}

static void see_manifest(void *context, const char *name)
{
    bool *seen = context;
    *seen = *seen || strcmp(name, "manifest") == 0;
}

static enum grid_err open_manifest(struct counter_node *node, char **ret_note)
{
    struct storage *storage = host_io(node->host)->storage;
    bool seen = false;
    node->manifest = NULL;
    enum grid_err err = storage->list(storage, see_manifest, &seen);
    if (err == GRID_ERR_OK && !seen) {
        err = manifest_begin(storage, node->counter->run->partitions, host_rejoins(node->host) ? LOST_ALL : LOST_NOTHING, ret_note);
    }
    if (err == GRID_ERR_OK) {
        host_rejoined(node->host);
        err = manifest_open(storage, incarnation_of(node), false, &node->manifest, ret_note);
    }
    return err;
}

static void on_open(void *context, struct host *host)
{
    struct counter_node *node = context;
    struct counter *counter = node->counter;
    char *note = NULL;
    (void)host;
    enum grid_err err = open_manifest(node, &note);
    if (err != GRID_ERR_OK && refuses(node, err, note)) {
        return;
    }
    struct group_set_options options = node_options(node);
    err = group_set_open(&options, &node->set, &note);
    if (refuses(node, err, note)) {
        node->set = NULL;
        return;
    }
    node->replicas = memory_zero(counter->run->partitions, sizeof *node->replicas);
    for (uint32_t group = 0; group < counter->run->partitions; group++) {
        node->replicas[group].node = node;
        node->replicas[group].group = group;
        struct group_machine machine = {.context = &node->replicas[group], .apply = on_apply, .dropped = on_dropped, .role = on_role};
        counter_add_snapshots(&machine);
        group_attach(group_set_get(node->set, (struct partition_id){group}), &machine);
    }
    err = group_set_start(node->set, &note);
    node->running = err == GRID_ERR_OK;
    if (!refuses(node, err, note)) {
        host_at(node->host, draw(counter, 1, 2 * counter->gap_us), run_load, node);
    }
}

static void on_end(void *context, struct host *host)
{
    struct counter_node *node = context;
    struct counter *counter = node->counter;
    install_watch_end(counter->installs, host);
    if (node->set) {
        group_set_close(node->set);
    }
    node->set = NULL;
    node->running = false;
    if (node->manifest) {
        manifest_close(node->manifest);
    }
    node->manifest = NULL;
    if (node->proposals || node->queries) {
        world_fail(counter->world, "%s: a proposal or a read never ended", host_name(host));
    }
    while (node->proposals) {
        proposal_end(node->proposals);
    }
    while (node->queries) {
        query_end(node->queries);
    }
    memory_free(node->replicas);
    node->replicas = NULL;
}

/* ---- the workload ---- */

static struct courier_stop look_at_node(void *context, uint32_t number)
{
    const struct counter *counter = context;
    const struct counter_node *node = &counter->nodes[number];
    return (struct courier_stop){node->host, node->running ? node->set : NULL};
}

static struct group *group_of(void *context, size_t node, uint32_t group)
{
    const struct counter *counter = context;
    return counter->nodes[node].running ? group_set_get(counter->nodes[node].set, (struct partition_id){group}) : NULL;
}

/* In half of the seeds the nodes send the files themselves, in some of them large ones; in the others a courier carries them and may be
 * late. Not drawn: other choices keep their meaning. */
static void choose_snapshots(struct counter *counter)
{
    const struct run *run = counter->run;
    uint64_t seed = run->options->seed;
    uint32_t entries = environment_snapshot_entries(run->environment, seed);
    counter->transfers_files = seed / 3 % 2 == 0;
    /* With many partitions the large ones would take minutes to transfer, and a member has 20 s to catch up. */
    bool large = counter->transfers_files && seed / 6 % 3 == 0 && counter->run->partitions <= LARGE_PARTITIONS_MAX;
    counter->filling_max = large ? FILLING_LARGE : FILLING_SMALL;
    if (entries > 0)
        counter->snapshot_entries = entries;
    if (run->environment->append_entries_max > 0)
        counter->burst_max = 3; /* what few entries in a message can carry */
    if (run->environment->trailing_bytes > 0)
        counter->trailing_bytes = run->environment->trailing_bytes;
}

static void *counter_open(struct run *run)
{
    struct counter *counter = memory_zero(1, sizeof *counter);
    counter->run = run;
    counter->world = run->world;
    counter->truths = memory_zero(run->partitions, sizeof *counter->truths);
    counter->gap_us = draw(counter, 2000, 30000);
    counter->burst_max = draw(counter, 0, 3) == 0 ? 20 : 3;
    counter->command_bytes_max = draw(counter, 0, 9) == 0 ? 300000 : 5000;
    counter->election_ms = (uint32_t)(draw(counter, 0, 2) == 0 ? 1000 : draw(counter, 150, 500));
    world_set_patience(run->world, counter->election_ms * 1000 * 4 / 5);
    counter->read_percent = (uint32_t)draw(counter, 5, 50);
    counter->transfers = draw(counter, 0, 1) == 0;
    counter->log_memory_bytes = draw(counter, 0, 19) == 0 ? 1000000 : run->options->log_memory_bytes;
    counter->sync = draw(counter, 0, 4) > 0;
    counter->snapshot_entries = draw(counter, 0, 9) == 0 ? 0 : draw(counter, 5, draw(counter, 0, 1) == 0 ? 60 : 600);
    counter->trailing_bytes = draw(counter, 0, 2) == 0 ? 0 : draw(counter, 1, 2000);
    choose_snapshots(counter);
    counter->installs = install_watch_open(run, &(struct install_watch_hooks){group_of, NULL, counter});
    counter->courier = courier_open(run->world, run->nodes, run->partitions, look_at_node, counter);
    if (!counter->sync) {
        world_say(run->world, "durability os: nothing acknowledged is lost while fewer than a majority are down or not caught up");
        faults_forbid_power_cuts(run->world);
    }
    REQUIRE(run->nodes <= NODES_HERE_MAX);
    for (uint32_t i = 0; i < run->nodes; i++) {
        struct counter_node *node = &counter->nodes[i];
        struct host_owner owner = {on_open, on_end, on_end, node, NULL};
        char name[16];
        snprintf(name, sizeof name, "n%u", i + 1);
        node->counter = counter;
        node->host = world_add_host(run->world, name, HOST_NODE, &owner);
        install_watch_add(counter->installs, node->host);
        snprintf(node->address, sizeof node->address, "%s:%d", name, PEER_PORT);
        counter->members[i].id.value = i + 1;
        snprintf(counter->members[i].address, sizeof counter->members[i].address, "%s:%d", name, PEER_PORT);
    }
    return counter;
}

static void counter_drain(void *state)
{
    struct counter *counter = state;
    counter->draining = true;
    for (uint32_t group = 0; group < counter->run->partitions; group++) {
        counter->truths[group].closing_done = false;
    }
}

/* What keeps the run from being settled; NULL when nothing does. */
static const char *unsettled(struct counter *counter, uint32_t *ret_group, const char **ret_host)
{
    for (uint32_t group = 0; group < counter->run->partitions; group++) {
        const struct group_truth *truth = &counter->truths[group];
        *ret_group = group;
        *ret_host = "";
        if (!truth->closing_done) {
            return "no addition is acknowledged";
        }
        unsigned leaders = 0;
        for (uint32_t i = 0; i < counter->run->nodes; i++) {
            struct counter_node *node = &counter->nodes[i];
            *ret_host = host_name(node->host);
            leaders += node->replicas[group].role == GROUP_READY;
            if (node->proposals || node->queries) {
                return "a proposal or a read does not end";
            }
            if (node->replicas[group].applied < truth->newest) {
                return "a replica does not catch up";
            }
        }
        if (leaders != 1) {
            return "not exactly one leader is ready";
        }
    }
    return NULL;
}

static bool counter_settled(void *state)
{
    uint32_t group;
    const char *host;
    return !unsettled(state, &group, &host);
}

static void counter_describe(void *state, struct buffer *out)
{
    struct counter *counter = state;
    uint32_t group = 0;
    const char *host = "";
    const char *what = unsettled(counter, &group, &host);
    buffer_append_format(out, "group %u: %s %s;", group, what ? what : "settled", host);
    for (uint32_t i = 0; i < counter->run->nodes; i++) {
        const struct counter_node *node = &counter->nodes[i];
        struct group_status status = group_status(group_set_get(node->set, (struct partition_id){group}));
        buffer_append_format(out, " %s role %d term %" PRIu64 " last %" PRIu64 " commit %" PRIu64 " applied %" PRIu64 " leader %u refused %s;",
                             host_name(node->host), (int)status.role, status.term, status.last_index, status.commit_index,
                             status.applied_index, status.leader.value, grid_err_name(node->refusal));
    }
}

static void counter_check(void *state)
{
    struct counter *counter = state;
    for (uint32_t group = 0; group < counter->run->partitions; group++) {
        const struct group_truth *truth = &counter->truths[group];
        for (uint32_t i = 0; i < counter->run->nodes; i++) {
            const struct replica *replica = &counter->nodes[i].replicas[group];
            const struct replica *first = &counter->nodes[0].replicas[group];
            if (replica->applied < truth->seen) {
                world_fail(counter->world, "group %u: %s lost what was acknowledged: applied %" PRIu64 ", acknowledged %" PRIu64,
                           group, host_name(counter->nodes[i].host), replica->applied, truth->seen);
            }
            if (replica->digest != first->digest || replica->value != first->value) {
                world_fail(counter->world, "group %u: replicas differ at rest", group);
            }
        }
    }
}

static void counter_enough(void *state)
{
    struct counter *counter = state;
    uint64_t refused = run_counted(counter->run, "proposals refused"), commits = run_counted(counter->run, "commits");
    uint64_t proposals = run_counted(counter->run, "proposals") - refused;
    uint64_t wanted = counter->log_memory_bytes ? 0 : 10ull * counter->run->partitions;
    if (commits * 10 < quorum_share(&counter->run->quorum, proposals * 3) || commits < quorum_share(&counter->run->quorum, wanted)) {
        world_fail(counter->world, "too little work done: %" PRIu64 " of %" PRIu64 " proposals committed, with a quorum for %" PRIu64 " of %" PRIu64 " ms",
                   commits, proposals, counter->run->quorum.working_us / 1000, counter->run->quorum.all_us / 1000);
    }
}

/* ---- full disks */

static struct host *counter_host(void *state, size_t node)
{
    return ((struct counter *)state)->nodes[node].host;
}

static bool counter_leads(void *state, size_t number)
{
    const struct counter *counter = state;
    const struct counter_node *node = &counter->nodes[number];
    for (uint32_t group = 0; group < counter->run->partitions && node->set; group++) {
        if (node->replicas[group].role >= GROUP_LEADER) {
            return true;
        }
    }
    return false;
}

static void counter_fill(void *state)
{
    ((struct counter *)state)->disks = DISKS_FILL;
}

static bool counter_full(void *state, size_t number)
{
    const struct counter_node *node = &((struct counter *)state)->nodes[number];
    return node->set && !group_set_has_room(node->set, (struct node_id){(uint32_t)number + 1});
}

static void counter_read(void *state)
{
    struct counter *counter = state;
    counter->disks = DISKS_READ;
    for (uint32_t group = 0; group < counter->run->partitions; group++) {
        counter->truths[group].read = false;
    }
}

static bool counter_served(void *state)
{
    const struct counter *counter = state;
    for (uint32_t group = 0; group < counter->run->partitions; group++) {
        if (!counter->truths[group].read) {
            return false;
        }
    }
    return true;
}

static void counter_rest(void *state)
{
    ((struct counter *)state)->disks = DISKS_REST;
}

static const struct full_disks_hooks full_disks = {counter_host, counter_leads, counter_fill, counter_full, counter_read, counter_served,
                                                   counter_rest};

static void counter_close(void *state)
{
    struct counter *counter = state;
    for (uint32_t group = 0; group < counter->run->partitions; group++) {
        memory_free(counter->truths[group].entries);
        memory_free(counter->truths[group].terms);
    }
    memory_free(counter->truths);
    courier_close(counter->courier);
    install_watch_close(counter->installs);
    memory_free(counter);
}

static const struct sometimes_point sometimes[] = {
    {"F29 a leader with a full disk hands over", 80}, {"F29 a leader dies while all disks are full", 80}, {"a frame arrives twice", 50}, {"a proposal is cut off by a change of leader", 50}, {"a leader steps down", 50},
    {"a log is full", 400}, {"a disk is full", 200}, {"a node gives up because of its disk", 100},
    {"a snapshot is taken", 20}, {"a snapshot is installed", 50}, {"a node starts from a snapshot", 20}, {"a segment of the log is removed", 100},
    {"F40 two snapshots are written at once", 50}, {"a snapshot is written while one is received", 50},
    {"a node that rejoins gets a snapshot", 50}, {"F18 a node dies between rename and note", 150},
    {"F18 a node is killed while it writes a snapshot", 150}, {"F18 power is cut while a snapshot is written", 200},
    {"F18 a node dies while it receives a snapshot", 150}, {"F18 a node is killed during an install", 1000},
    {"F18 power is cut during an install", 800}, {"the leader changes during a transfer", 300},
    {"an install is overtaken by entries", 50}, {"an install is overtaken by an election", 1000},
    {"a transfer goes on where it broke off", 1500}, {"a segment is removed while a snapshot is received", 150},
    {"a segment is removed while a snapshot is written", 200},
    {"a node refuses a damaged log", 200}, {"a node does not start on a failing disk", 200},
    {"F20 a leader dies between commit and reply", 100}, {"F75 the quorum is lost after commit, not the reply", 100}, {0}};

const struct workload workload_counter = {
    .name = "counter", .summary = "groups of a counter each; proposals and reads at the leader",
    .seconds = 20, .settle_seconds = 20, .sometimes = sometimes,
    .faults_absent = FAULT_BIT(PROVIDER_SLOW) | FAULT_BIT(PROVIDER_TIMEOUT) | FAULT_BIT(PROVIDER_DOWN) | FAULT_BIT(IMPATIENT_CLIENT) |
                     FAULT_BIT(SAME_KEY) | FAULT_BIT(CLIENT_CRASH) | FAULT_BIT(WRONG_NODE) |
                     FAULT_BIT(MIXED_LEVELS) | FAULT_BIT(TOO_OLD) | FAULT_BIT(MIXED_SERVICES),
    .open = counter_open, .drain = counter_drain, .settled = counter_settled, .describe = counter_describe,
    .check = counter_check, .enough = counter_enough, .close = counter_close, .full_disks = &full_disks};
