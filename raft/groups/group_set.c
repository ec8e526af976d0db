#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "raft/groups/groups_internal.h"
#include "raft/guard/raft_message.h"

enum {
    ELECTION_TIMEOUT_MS = 1000,
    HEARTBEAT_MS = 100,
    /* A beat of a link is as long as a heartbeat, but not longer than this, even with long election timeouts. */
    BEAT_MS_MAX = 1000,
    SILENT_MS_MAX = 5000,
    SILENT_BEATS_MIN = 4,
    /* Unsent bytes of one peer past which entries are held back: the peer is slow or gone, and they would only pile up. */
    PEER_PENDING_BYTES_MAX = 32 * 1024 * 1024,
};

/* ---- failure */

static void run_fatal(void *context)
{
    struct group_set *set = context;
    /* Nothing after this call: the owner may close the set inside it. */
    set->fatal(set->context, set->failed_err, set->failed_what);
}

/* ---- frames that wait for the disk */

/* What was said meanwhile must not turn up on another connection: see link_ended. */
static void send_held(void *context, size_t member, struct bytes frame)
{
    struct group_set *set = context;
    struct buffer *out = peers_output(set->peers, set->members[member]);
    if (out != NULL)
        buffer_append(out, frame);
}

/* Members that this node can talk to, itself included. */
static size_t linked(const struct group_set *set)
{
    size_t count = 0;
    for (size_t i = 0; i < set->members_count; i++)
        count += node_id_equal(set->members[i], set->self) || peers_up(set->peers, set->members[i]);
    return count;
}

static void link_came(struct group_set *set, struct node_id peer)
{
    size_t count = linked(set);
    for (uint32_t i = 0; i < set->groups_count; i++)
        guard_link_began(&set->groups[i].guard, peer);
    if (count <= set->members_count / 2)
        return;
    for (uint32_t i = 0; i < set->groups_count; i++)
        if (count == set->members_count)
            guard_links_complete(&set->groups[i].guard);
        else
            guard_links_suffice(&set->groups[i].guard);
}

static void link_ended(struct group_set *set, struct node_id peer)
{
    /* What was meant for the lost connection must not turn up in the next one. */
    held_drop(&set->held, group_set_position(set, peer));
    uint32_t followed = 0;
    for (uint32_t i = 0; i < set->groups_count; i++)
        followed += guard_link_ended(&set->groups[i].guard, peer);
    if (followed != 0)
        LOG_DEBUG(set->logger, "raft", "the link to node %u ended, which led %u partitions", peer.value, followed);
}

static void on_link(void *context, struct node_id peer, bool up)
{
    struct group_set *set = context;
    room_link(set, peer, up);
    rejoin_link(set, peer, up);
    if (up)
        link_came(set, peer);
    else
        link_ended(set, peer);
}

/* ---- what the library's disk and wire need */

static uint64_t host_now_ms(void *context)
{
    struct group_set *set = context;
    return clock_now_ms(set->io->clock);
}

/* Whose turn it is to stand first, second, ... for a group: leaders come out evenly spread, and so do those of a member
 * that died, because every other round of groups goes the other way about. */
static uint64_t standing_order(const struct group_set *set, uint32_t group)
{
    size_t count = set->members_count;
    size_t turn = (group_set_position(set, set->self) + count - group % count) % count;
    return turn != 0 && group / count % 2 == 1 ? count - turn : turn;
}

/* Patience before an election: each turn has its own slice of the range, so that votes hardly ever split. */
static int host_random(void *context, uint32_t group, int low, int high)
{
    struct group_set *set = context;
    uint64_t turn = standing_order(set, group), span = (uint64_t)high - (uint64_t)low;
    uint64_t first = (uint64_t)low + span * turn / set->members_count;
    return (int)prng_range(&set->prng, first, first + span / set->members_count);
}

static enum group_io_link host_link(void *context, struct node_id node)
{
    struct group_set *set = context;
    if (group_set_position(set, node) == set->members_count || node_id_equal(node, set->self))
        return GROUP_IO_UNKNOWN;
    if (set->failed || !peers_up(set->peers, node) || peers_pending(set->peers, node) > PEER_PENDING_BYTES_MAX)
        return GROUP_IO_DOWN;
    return GROUP_IO_UP;
}

static enum held_kind kind_of(const struct raft_message *message)
{
    if (message->type == RAFT_IO_APPEND_ENTRIES_RESULT)
        return HELD_RESULT;
    return message->type == RAFT_IO_REQUEST_VOTE_RESULT ? HELD_VOTE : HELD_REQUEST;
}

static void host_send(void *context, uint32_t group, const struct raft_message *message, uint64_t hold_lsn)
{
    struct group_set *set = context;
    struct node_id to = {(uint32_t)message->server_id};
    bool now = hold_lsn <= wal_durable(set->wal);
    struct buffer *out = now ? peers_output(set->peers, to) : group_set_hold(set, group, to, kind_of(message), hold_lsn);
    HOLDS(out != NULL);
    size_t mark = frame_begin(out, FRAME_RAFT, group, 0);
    raft_message_encode(out, message);
    if (now)
        peers_frame_end(set->peers, to, out, mark);
    else
        frame_end(out, mark);
}

/* ---- events of the log, the links and the clock */

static void on_durable(void *context, uint64_t lsn)
{
    struct group_set *set = context;
    if (set->failed || set->closing)
        return;
    held_release(&set->held, lsn, send_held, set);
    group_io_durable(&set->host, lsn);
    snapshots_durable(set, lsn);
    installs_durable(set, lsn);
}

static void on_segment_begun(void *context, uint64_t segment_end)
{
    struct group_set *set = context;
    if (!set->failed && !set->closing)
        rejoin_segment_begun(set, segment_end);
}

static void on_wal_failed(void *context, enum grid_err err, const char *what)
{
    struct group_set *set = context;
    /* S10: what the disk holds is not known any more; nothing may be promised from here on. */
    if ((set->shims.disabled & UINT64_C(1) << GUARD_S10) == 0)
        group_set_fail(set, err, what);
    else if (!set->closing)
        group_io_fail(&set->host);
}

static bool on_raft_frame(void *context, struct node_id from, const struct frame *frame)
{
    struct group_set *set = context;
    struct raft_message message;
    if (frame->partition >= set->groups_count || frame->flags != 0)
        return false;
    if (!raft_message_decode(frame->body, from, &message))
        return false;
    if (!set->running || set->failed) {
        raft_message_free(&message);
        return true;
    }
    /* On a full disk entries are turned away before the library has them; the leader is still heard (I38). */
    if (message.type == RAFT_IO_APPEND_ENTRIES && !room_takes(set, &message))
        raft_message_strip(&message);
    guard_receive(&set->groups[frame->partition].guard, &message);
    return true;
}

static void arm_tick(struct group_set *set)
{
    uint64_t half_us = (uint64_t)set->heartbeat_ms * 1000 / 2;
    clock_timer_start(set->io->clock, &set->tick_timer, half_us);
}

static void on_tick(void *context)
{
    struct group_set *set = context;
    arm_tick(set);
    for (uint32_t i = 0; i < set->groups_count && !set->failed; i++)
        guard_tick(&set->groups[i].guard);
    if (!set->failed)
        group_reads_tick(set);
    if (!set->failed)
        rejoin_tick(set);
    if (!set->failed)
        room_tick(set);
    if (!set->failed)
        replay_tick(set);
    if (!set->failed)
        snapshots_tick(set);
    if (!set->failed)
        catch_up_tick(set);
    if (set->held_gauge != NULL)
        set->held_gauge->value = (int64_t)held_frames(&set->held);
}

/* ---- opening */

static uint64_t or_default(uint64_t value, uint64_t value_default)
{
    return value != 0 ? value : value_default;
}

static enum grid_err check_options(const struct group_set_options *options, char **ret_note)
{
    if (options->members_count == 0 || options->members_count > REPLICAS_MAX) {
        *ret_note = err_note("a group has 1 to %d members", REPLICAS_MAX);
        return GRID_ERR_INVALID;
    }
    uint64_t election_ms = or_default(options->election_timeout_ms, ELECTION_TIMEOUT_MS);
    if (or_default(options->heartbeat_ms, HEARTBEAT_MS) * 2 > election_ms) {
        *ret_note = err_note("the election timeout of %u ms is less than two heartbeats", (uint32_t)election_ms);
        return GRID_ERR_INVALID;
    }
    return GRID_ERR_OK;
}

static struct group_set *new_set(const struct group_set_options *options)
{
    struct group_set *set = memory_zero(1, sizeof *set);
    set->io = options->io;
    set->logger = options->logger;
    set->self = options->self;
    set->members_count = options->members_count;
    for (size_t i = 0; i < options->members_count; i++)
        set->members[i] = options->members[i].id;
    set->shims = options->shims;
    set->election_timeout_ms = (uint32_t)or_default(options->election_timeout_ms, ELECTION_TIMEOUT_MS);
    set->heartbeat_ms = (uint32_t)or_default(options->heartbeat_ms, HEARTBEAT_MS);
    set->append_entries_max = options->append_entries_max;
    set->disk_bytes_max = or_default(options->log_disk_bytes_max, LOG_DISK_BYTES_DEFAULT);
    set->memory_bytes_max = or_default(options->log_memory_bytes_max, LOG_MEMORY_BYTES_DEFAULT);
    set->fatal = options->fatal;
    set->context = options->context;
    set->fatal_deferred = (struct deferred){.run = run_fatal, .context = set};
    set->tick_timer = (struct timer){.fire = on_tick, .context = set};
    prng_init(&set->prng, entropy_u64(options->io->entropy));
    held_init(&set->held, options->groups);
    if (options->metrics != NULL)
        set->held_gauge = metric_gauge_add(options->metrics, "gridiron_log_frames_held",
                                           "Answers to other nodes that wait until a term or vote is on disk.", NULL);
    return set;
}

/* A silent link ends a little before its followers would lose patience with a leader: then they hear of it in time, and a node
 * that is merely slow costs no more than it did without. */
static void set_beats(const struct group_set *set, struct peers_options *peers)
{
    uint32_t beat_ms = set->heartbeat_ms < BEAT_MS_MAX ? set->heartbeat_ms : BEAT_MS_MAX;
    uint64_t silent_ms = (uint64_t)set->election_timeout_ms * 4 / 5;
    uint64_t beats = (silent_ms < SILENT_MS_MAX ? silent_ms : SILENT_MS_MAX) / beat_ms;
    peers->beat_ms = beat_ms;
    peers->silent_beats = beats > SILENT_BEATS_MIN ? (uint32_t)beats : SILENT_BEATS_MIN;
}

static enum grid_err open_peers(struct group_set *set, const struct group_set_options *options, char **ret_note)
{
    struct peers_options peers = {
        .io = options->io,
        .logger = options->logger,
        .metrics = options->metrics,
        .self = options->self,
        .listen_address = options->peer_listen_address,
        .members = options->members,
        .members_count = options->members_count,
        .cluster_uuid = options->cluster_uuid,
        .incarnation = options->incarnation,
        .partitions = options->groups,
        .features = options->features,
        .services = options->services,
        .services_count = options->services_count,
        .compression = options->compression,
        .packed_bytes_min = options->packed_bytes_min,
        .version = options->version,
    };
    set_beats(set, &peers);
    enum grid_err err = peers_open(&peers, &set->peers);
    if (err != GRID_ERR_OK) {
        *ret_note = err_note("node %u is not among the members, or an id is repeated", options->self.value);
        return err;
    }
    peers_on_frame(set->peers, FRAME_RAFT, on_raft_frame, set);
    peers_on_link(set->peers, on_link, set);
    group_reads_register(set);
    room_open(set, options);
    snapshots_open(set, options);
    catch_up_open(set, options);
    rejoin_register(set);
    return GRID_ERR_OK;
}

static enum grid_err open_wal(struct group_set *set, const struct group_set_options *options, char **ret_note)
{
    struct wal_options wal = {
        .clock = options->io->clock,
        .storage = options->io->storage,
        .logger = options->logger,
        .metrics = options->metrics,
        .groups = options->groups,
        .owner = options->log_owner,
        .epoch_step = (uint16_t)entropy_u64(options->io->entropy),
        .segment_bytes = options->segment_bytes,
        .floor = options->manifest == NULL ? (struct wal_floor){0, 0} : manifest_content(options->manifest)->floor,
        .sync = options->sync,
        .durable = on_durable,
        .segment_begun = options->manifest == NULL ? NULL : on_segment_begun,
        .failed = on_wal_failed,
        .context = set,
    };
    enum grid_err err = wal_open(&wal, &set->wal, ret_note);
    set->host = (struct group_io_host){.wal = set->wal, .context = set, .now_ms = host_now_ms, .random = host_random,
                                       .link = host_link, .send = host_send};
    return err;
}

static enum grid_err open_group(struct group_set *set, uint32_t number, char **ret_note)
{
    struct wal_group_state state;
    wal_take(set->wal, number, &state);
    struct group *group = &set->groups[number];
    group_init(group, set, number, &state);
    set->groups_count = number + 1;
    if (group_io_fresh(&group->guard.io))
        return GRID_ERR_OK;
    if (group_io_configuration(&group->guard.io).size == 0) {
        *ret_note = err_note("the log has a term but no entries of partition %u", number);
        return GRID_ERR_CORRUPT;
    }
    if (!guard_members_match(&group->guard, set->members, set->members_count)) {
        *ret_note = err_note("partition %u was created with other members", number);
        return GRID_ERR_MISMATCH;
    }
    return GRID_ERR_OK;
}

static void start_groups(void *context);

enum grid_err group_set_open(const struct group_set_options *options, struct group_set **ret_set, char **ret_note)
{
    REQUIRE(options->io != NULL && options->fatal != NULL && options->groups != 0);
    *ret_note = NULL;
    enum grid_err err = check_options(options, ret_note);
    if (err != GRID_ERR_OK)
        return err;
    struct group_set *set = new_set(options);
    set->start_deferred = (struct deferred){.run = start_groups, .context = set};
    err = open_peers(set, options, ret_note);
    if (err == GRID_ERR_OK)
        err = open_wal(set, options, ret_note);
    if (err == GRID_ERR_OK)
        rejoin_open(set, options);
    if (err == GRID_ERR_OK)
        set->groups = memory_zero(options->groups, sizeof *set->groups);
    for (uint32_t i = 0; i < options->groups && err == GRID_ERR_OK; i++)
        err = open_group(set, i, ret_note);
    if (err != GRID_ERR_OK) {
        group_set_close(set);
        return err;
    }
    *ret_set = set;
    return GRID_ERR_OK;
}

/* ---- running */

/* From the loop, because a single member leads and applies at once. */
static void start_groups(void *context)
{
    struct group_set *set = context;
    set->running = true;
    replay_begin(set);
    for (uint32_t i = 0; i < set->groups_count && !set->failed; i++) {
        struct guard *guard = &set->groups[i].guard;
        if (group_io_fresh(&guard->io))
            guard_bootstrap(guard, set->members, set->members_count);
        guard_start(guard);
    }
    if (!set->failed)
        arm_tick(set);
}

enum grid_err group_set_start(struct group_set *set, char **ret_note)
{
    REQUIRE(!set->running && !set->start_deferred.queued);
    *ret_note = NULL;
    for (uint32_t i = 0; i < set->groups_count; i++)
        REQUIRE(set->groups[i].attached);
    enum grid_err err = snapshots_load(set, ret_note);
    if (err != GRID_ERR_OK)
        return err;
    set->loaded = true;
    for (uint32_t i = 0; i < set->groups_count; i++)
        if (!group_admits_log(&set->groups[i])) {
            *ret_note = err_note("partition %u: an entry of the log cannot be applied here", i);
            return GRID_ERR_NOT_SUPPORTED;
        }
    err = peers_start(set->peers);
    if (err != GRID_ERR_OK) {
        *ret_note = err_note("node %u cannot listen on its peer address", set->self.value);
        return err;
    }
    clock_defer(set->io->clock, &set->start_deferred);
    return GRID_ERR_OK;
}

bool group_set_loaded(const struct group_set *set)
{
    return set->loaded;
}

static void close_groups(struct group_set *set)
{
    for (uint32_t i = 0; i < set->groups_count; i++) {
        guard_close(&set->groups[i].guard);
        group_drop_proposals(&set->groups[i]);
    }
    memory_free(set->groups);
}

void group_set_close(struct group_set *set)
{
    if (set == NULL)
        return;
    REQUIRE(!set->closing && !set->inside);
    set->closing = true;
    struct clock *clock = set->io->clock;
    clock_timer_stop(clock, &set->tick_timer);
    clock_undefer(clock, &set->start_deferred);
    clock_undefer(clock, &set->fatal_deferred);
    group_reads_close(set);
    catch_up_close(set);
    installs_close(set);
    snapshots_close(set);
    close_groups(set);
    group_io_host_close(&set->host);
    held_close(&set->held);
    peers_close(set->peers);
    if (set->wal != NULL)
        wal_close(set->wal);
    memory_free(set);
}

struct group *group_set_get(struct group_set *set, struct partition_id partition)
{
    REQUIRE(partition.value < set->groups_count);
    return &set->groups[partition.value];
}

uint32_t group_set_rejoining(const struct group_set *set)
{
    return set->rejoin.left;
}

struct peers *group_set_peers(struct group_set *set)
{
    return set->peers;
}

uint64_t group_set_log_disk_bytes(const struct group_set *set)
{
    return wal_disk_bytes(set->wal);
}

uint64_t group_set_log_begin(const struct group_set *set)
{
    return wal_begin(set->wal);
}

uint64_t group_set_log_memory_bytes(const struct group_set *set)
{
    return set->host.entries_bytes;
}

bool group_set_log_full(const struct group_set *set)
{
    return wal_disk_bytes(set->wal) >= set->disk_bytes_max || set->host.entries_bytes >= set->memory_bytes_max;
}
