#include "raft/groups/rejoin.h"

#include <inttypes.h>
#include <stdio.h>

#include "grid/base/check.h"
#include "raft/groups/groups_internal.h"

enum {
    SAVE_EVERY_MS = 1000,
    SAY_EVERY_MS = 10 * 1000,
    POSITION_BYTES = 17,
    CONFIRM_SEQUENCE = 1,
    LIFE_UNKNOWN = 1,                      /* no life of a system: see storage.system_life */
};

static size_t majority(const struct group_set *set)
{
    return set->members_count / 2 + 1;
}

static bool is_self(const struct group_set *set, size_t member)
{
    return node_id_equal(set->members[member], set->self);
}

static bool linked(const struct group_set *set, size_t member)
{
    return peers_up(set->peers, set->members[member]);
}

/* ---- what the others remember, and what is remembered of them */

static bool begun(const struct rejoin *rejoin)
{
    return rejoin->manifest != NULL && manifest_content(rejoin->manifest)->begun;
}

static uint32_t introduce(void *context, struct buffer *out)
{
    struct group_set *set = context;
    const struct rejoin *rejoin = &set->rejoin;
    for (size_t i = 0; i < set->members_count && rejoin->manifest != NULL; i++) {
        const struct peer_memory *memory = manifest_peer(rejoin->manifest, set->members[i]);
        if (is_self(set, i) || memory == NULL || memory->incarnation == 0)
            continue;
        buffer_append_u32(out, set->members[i].value);
        buffer_append_u64(out, memory->incarnation);
        buffer_append_u64(out, memory->epoch);
        buffer_append_u64(out, memory->position);
    }
    return rejoin->lost == LOST_ALL && !begun(rejoin) ? PEER_LOST_FRESH : (uint32_t)rejoin->lost;
}

/* Whether the peer heard of more log than there is: then what is there is an older copy, or a damaged one. */
static bool knows_more(const struct group_set *set, const struct rejoin_peer *peer, const struct peer_memory *memory)
{
    /* An epoch that is not in this log was another continuation of the copy that it began from. */
    if (memory->epoch != wal_epoch(set->wal))
        return memory->epoch != 0 && memory->position > wal_epoch_end(set->wal, memory->epoch);
    return !peer->told || memory->position > wal_synced(set->wal);
}

static bool refuse_self(struct group_set *set, size_t member, const struct peer_memory *memory)
{
    char what[sizeof set->failed_what];
    const struct rejoin *rejoin = &set->rejoin;
    uint64_t own = manifest_content(rejoin->manifest)->incarnation;
    if (memory->incarnation == 0)
        return false;
    if (memory->incarnation != own) {
        if (rejoin->lost == LOST_ALL && !begun(rejoin))
            return false;
        snprintf(what, sizeof what, "node %u knows node %u as incarnation %016" PRIx64 ", this data directory is %016" PRIx64
                 ": it was emptied or exchanged, and what it had acknowledged is not there. Bring the right directory back, or start this node "
                 "once with --rejoin", set->members[member].value, set->self.value, memory->incarnation, own);
    } else if (knows_more(set, &rejoin->peers[member], memory)) {
        snprintf(what, sizeof what, "node %u has heard of more log of this node (epoch %" PRIu64 ", position %" PRIu64 ") than there is (epoch %" PRIu64
                 ", position %" PRIu64 "): the data directory is an older copy. Bring the right one back, or start this node once with --rejoin",
                 set->members[member].value, memory->epoch, memory->position, wal_epoch(set->wal), rejoin->recovered);
    } else {
        return false;
    }
    group_set_fail(set, GRID_ERR_CORRUPT, what);
    return true;
}

static enum peer_meeting meet(void *context, struct node_id peer, uint64_t incarnation, const struct peer_introduction *said)
{
    struct group_set *set = context;
    struct rejoin *rejoin = &set->rejoin;
    size_t member = group_set_position(set, peer);
    HOLDS(member < set->members_count);
    if (rejoin->manifest == NULL)
        return PEER_COMES_IN;
    struct peer_memory *memory = manifest_peer(rejoin->manifest, peer);
    if (memory == NULL || (memory->incarnation != 0 && memory->incarnation != incarnation && !said->fresh))
        return PEER_IS_STRANGE;
    /* Only now: what a stranger remembers says nothing about this node. */
    if (set->failed || refuse_self(set, member, &said->remembers))
        return PEER_IS_STRANGE;
    rejoin->peers[member].lost = said->lost;
    if (memory->incarnation == incarnation && rejoin->peers[member].welcome == 0)
        return PEER_COMES_IN;
    if (memory->incarnation != incarnation) {
        if (memory->incarnation != 0)
            LOG_WARN(set->logger, "raft", "node %u rejoins as incarnation %016" PRIx64 "; %016" PRIx64 " is refused from now on", peer.value,
                     incarnation, memory->incarnation);
        *memory = (struct peer_memory){.incarnation = incarnation};
        rejoin->peers[member].welcome = manifest_save(rejoin->manifest);
    }
    return PEER_WAITS;
}

static void on_saved(void *context, uint64_t number)
{
    struct group_set *set = context;
    for (size_t i = 0; i < set->members_count; i++) {
        struct rejoin_peer *peer = &set->rejoin.peers[i];
        if (peer->welcome == 0 || peer->welcome > number)
            continue;
        peer->welcome = 0;
        peers_welcome(set->peers, set->members[i]);
    }
    if (set->rejoin.segment_save == 0 || set->rejoin.segment_save > number || set->failed || set->closing)
        return;
    set->rejoin.segment_save = 0;
    wal_segment_known(set->wal, set->rejoin.segment_end);
}

static void on_failed(void *context)
{
    group_set_fail(context, GRID_ERR_IO, "writing the manifest failed");
}

/* ---- positions */

static void tell_position(struct group_set *set, size_t member)
{
    struct rejoin_peer *peer = &set->rejoin.peers[member];
    struct buffer *out = peers_output(set->peers, set->members[member]);
    if (out == NULL)
        return;
    /* Until something of this epoch is on the disk, the next life may have the same one. */
    bool epoch_durable = wal_synced(set->wal) > set->rejoin.recovered;
    size_t mark = frame_begin(out, FRAME_POSITION, FRAME_PARTITION_NONE, 0);
    buffer_append_u64(out, epoch_durable ? wal_epoch(set->wal) : 0);
    buffer_append_u64(out, epoch_durable ? wal_synced(set->wal) : 0);
    buffer_append_u8(out, (uint8_t)set->rejoin.lost);
    frame_end(out, mark);
    peer->position_told = wal_synced(set->wal);
    peer->told = peer->told || epoch_durable;
}

static bool on_position(void *context, struct node_id from, const struct frame *frame)
{
    struct group_set *set = context;
    struct rejoin *rejoin = &set->rejoin;
    if (frame->body.size != POSITION_BYTES)
        return false;
    struct reader reader = reader_of(frame->body);
    uint64_t epoch = reader_u64(&reader), position = reader_u64(&reader);
    uint8_t lost = reader_u8(&reader);
    if (lost > LOST_ALL || epoch > RAFT_MESSAGE_INDEX_MAX || position > RAFT_MESSAGE_INDEX_MAX)
        return false;
    size_t member = group_set_position(set, from);
    HOLDS(member < set->members_count);
    struct peer_memory *memory = rejoin->manifest == NULL ? NULL : manifest_peer(rejoin->manifest, from);
    /* Another incarnation has said hello since: what the link of the one before still brings is not about its log. */
    if (memory != NULL && memory->incarnation != peers_incarnation(set->peers, from))
        return true;
    rejoin->peers[member].lost = (enum lost_state)lost;
    if (memory == NULL || epoch < memory->epoch || (epoch == memory->epoch && position <= memory->position))
        return true;
    memory->epoch = epoch;
    memory->position = position;
    rejoin->dirty = true;
    return true;
}

static void raise_floor(struct group_set *set)
{
    struct rejoin *rejoin = &set->rejoin;
    struct wal_floor *floor = &manifest_content(rejoin->manifest)->floor;
    uint64_t synced = wal_synced(set->wal);
    if (synced <= floor->position || synced <= rejoin->recovered)
        return;
    *floor = (struct wal_floor){.epoch = wal_epoch(set->wal), .position = synced};
    rejoin->dirty = true;
}

/* What is acknowledged out of a segment is missed when its file is lost. */
void rejoin_segment_begun(struct group_set *set, uint64_t segment_end)
{
    struct rejoin *rejoin = &set->rejoin;
    HOLDS(rejoin->manifest != NULL);
    raise_floor(set);
    rejoin->segment_save = manifest_save(rejoin->manifest);
    rejoin->segment_end = segment_end;
}

/* Lazily, but for the first flush of a segment (with durability "os" no write waits for it). */
static void save_positions(struct group_set *set)
{
    struct rejoin *rejoin = &set->rejoin;
    uint64_t now_ms = clock_now_ms(set->io->clock);
    raise_floor(set);
    bool segment = rejoin->segment_saved != wal_segment(set->wal);
    if (!rejoin->dirty || (!segment && now_ms - rejoin->saved_ms < SAVE_EVERY_MS))
        return;
    rejoin->dirty = false;
    rejoin->saved_ms = now_ms;
    rejoin->segment_saved = wal_segment(set->wal);
    uint64_t save = manifest_save(rejoin->manifest);
    if (rejoin->first_save == 0)
        rejoin->first_save = save;
}

/* ---- becoming whole */

/* What a later start must know of this one: see tail_may_be_lost. */
static void note_life(struct group_set *set)
{
    struct rejoin *rejoin = &set->rejoin;
    if (rejoin->manifest == NULL)
        return;
    manifest_content(rejoin->manifest)->unsynced_life = rejoin->sync ? 0 : set->io->storage->system_life;
    rejoin->dirty = true;
}

static void become_whole(struct group *group)
{
    struct group_set *set = group->set;
    group->rejoin.step = REJOIN_WHOLE;
    guard_set_apart(&group->guard, false);
    HOLDS(set->rejoin.left != 0);
    if (--set->rejoin.left != 0)
        return;
    LOG_INFO(set->logger, "raft", "this node holds all partitions again and takes full part");
    set->rejoin.lost = LOST_NOTHING;
    note_life(set);
    for (size_t i = 0; i < set->members_count; i++)
        tell_position(set, i);
}

/* Whether every member that could know better has said that no newer term has begun; NULL, or whom it waits for. */
static const struct node_id *waits_for(const struct group *group)
{
    const struct group_set *set = group->set;
    size_t confirmed = 0;
    const struct node_id *missing = NULL;
    for (size_t i = 0; i < set->members_count; i++) {
        if (is_self(set, i))
            continue;
        bool said = linked(set, i) && group->rejoin.confirmed_term == guard_term(&group->guard) &&
                    (group->rejoin.confirmed >> i & 1) != 0;
        confirmed += said;
        /* Another member that has lost everything has also lost the votes that it received. */
        bool excused = linked(set, i) && set->rejoin.peers[i].lost == LOST_ALL;
        if (!said && (!excused || missing == NULL))
            missing = &set->members[i];
        if (!said && !excused)
            return missing;
    }
    return confirmed >= majority(set) ? NULL : missing;
}

/* That this start may have lost the end of its log is on the disk: a further start knows it, too. */
static bool start_is_noted(const struct group_set *set)
{
    return set->rejoin.first_save != 0 && manifest_saved(set->rejoin.manifest) >= set->rejoin.first_save;
}

static void go_on(struct group *group)
{
    struct group_set *set = group->set;
    struct rejoin_group *rejoin = &group->rejoin;
    if (rejoin->step == REJOIN_BEHIND && guard_caught_up(&group->guard)) {
        if (set->rejoin.lost == LOST_TAIL) {
            if (start_is_noted(set))
                become_whole(group);
            return;
        }
        if (waits_for(group) != NULL)
            return;
        guard_vote_for_leader(&group->guard);
        rejoin->step = REJOIN_VOTED;
    }
    if (rejoin->step == REJOIN_VOTED && group_io_may_leave(&group->guard.io)) {
        manifest_group_whole(manifest_content(set->rejoin.manifest), group->number);
        rejoin->save = manifest_save(set->rejoin.manifest);
        rejoin->step = REJOIN_SAVING;
    }
    if (rejoin->step == REJOIN_SAVING && manifest_saved(set->rejoin.manifest) >= rejoin->save)
        become_whole(group);
}

static void ask_terms(struct group_set *set)
{
    struct buffer rows = {0};
    for (uint32_t i = 0; i < set->groups_count; i++)
        if (set->groups[i].rejoin.step == REJOIN_BEHIND)
            confirm_row_append(&rows, (struct confirm_row){i, guard_term(&set->groups[i].guard), CONFIRM_SEQUENCE});
    for (size_t i = 0; i < set->members_count && rows.size != 0; i++) {
        struct buffer *out = is_self(set, i) ? NULL : peers_output(set->peers, set->members[i]);
        if (out == NULL)
            continue;
        size_t mark = frame_begin(out, FRAME_CONFIRM, FRAME_PARTITION_NONE, 0);
        buffer_append(out, buffer_bytes(&rows));
        frame_end(out, mark);
    }
    buffer_close(&rows);
}

/* With durability "os" a majority that restarts at once has no other member with the lost entries: it continues with the entries that it has. */
static void give_up_waiting(struct group_set *set)
{
    size_t lost = 1;
    for (size_t i = 0; i < set->members_count; i++)
        lost += !is_self(set, i) && linked(set, i) && set->rejoin.peers[i].lost != LOST_NOTHING;
    if (set->rejoin.lost != LOST_TAIL || set->members_count - lost >= majority(set) || !start_is_noted(set))
        return;
    LOG_INFO(set->logger, "raft", "%zu of %zu members were started at once with durability os: they go on with the log that they have",
             lost, set->members_count);
    for (uint32_t i = 0; i < set->groups_count; i++)
        if (set->groups[i].rejoin.step == REJOIN_BEHIND)
            become_whole(&set->groups[i]);
}

static void say(struct group_set *set)
{
    uint64_t now_ms = clock_now_ms(set->io->clock);
    if (now_ms - set->rejoin.said_ms < SAY_EVERY_MS)
        return;
    set->rejoin.said_ms = now_ms;
    for (uint32_t i = 0; i < set->groups_count; i++) {
        const struct group *group = &set->groups[i];
        if (group->rejoin.step != REJOIN_BEHIND)
            continue;
        const struct node_id *missing = set->rejoin.lost == LOST_ALL ? waits_for(group) : NULL;
        if (missing == NULL)
            LOG_INFO(set->logger, "raft", "rejoining: %u partitions left; partition %u waits for its leader", set->rejoin.left, i);
        else
            LOG_INFO(set->logger, "raft", "rejoining: %u partitions left; partition %u waits for node %u (%s), since the others must confirm what "
                     "is committed", set->rejoin.left, i, missing->value, peers_up(set->peers, *missing) ? "linked" : "not linked");
        return;
    }
}

void rejoin_tick(struct group_set *set)
{
    struct rejoin *rejoin = &set->rejoin;
    if (rejoin->gauge != NULL)
        rejoin->gauge->value = rejoin->left;
    for (size_t i = 0; i < set->members_count && rejoin->manifest != NULL; i++)
        if (!is_self(set, i) && rejoin->peers[i].position_told != wal_synced(set->wal))
            tell_position(set, i);
    if (rejoin->manifest != NULL)
        save_positions(set);
    if (rejoin->left == 0)
        return;
    if (rejoin->lost == LOST_ALL)
        ask_terms(set);
    give_up_waiting(set);
    for (uint32_t i = 0; i < set->groups_count && rejoin->left != 0; i++)
        go_on(&set->groups[i]);
    if (rejoin->left != 0)
        say(set);
}

void rejoin_link(struct group_set *set, struct node_id peer, bool up)
{
    size_t member = group_set_position(set, peer);
    HOLDS(member < set->members_count);
    struct rejoin_peer *known = &set->rejoin.peers[member];
    if (up && set->rejoin.manifest != NULL)
        tell_position(set, member);
    if (!up)
        known->position_told = 0;
}

/* ---- life */

void rejoin_group_init(struct group *group)
{
    struct group_set *set = group->set;
    struct rejoin *rejoin = &set->rejoin;
    bool left = rejoin->lost == LOST_TAIL ||
                (rejoin->lost == LOST_ALL && manifest_group_left(manifest_content(rejoin->manifest), group->number));
    if (!left)
        return;
    group->rejoin.step = REJOIN_BEHIND;
    guard_set_apart(&group->guard, true);
    rejoin->left++;
}

/* With durability "os" the end of the log is safe as long as the system lives: a process that was killed has lost nothing. Nobody has
 * relied on a log that holds nothing. */
static bool tail_may_be_lost(const struct group_set *set)
{
    uint64_t life = set->io->storage->system_life, noted = manifest_content(set->rejoin.manifest)->unsynced_life;
    if (set->members_count == 1 || wal_empty(set->wal) || (life != 0 && noted == life))
        return false;
    return !set->rejoin.sync || noted != 0;
}

void rejoin_open(struct group_set *set, const struct group_set_options *options)
{
    struct rejoin *rejoin = &set->rejoin;
    rejoin->manifest = options->manifest;
    rejoin->recovered = wal_durable(set->wal);
    if (options->metrics != NULL)
        rejoin->gauge = metric_gauge_add(options->metrics, "gridiron_rejoining_partitions",
                                         "Partitions in which this node has lost state and takes no part in votes yet.", NULL);
    if (rejoin->manifest == NULL)
        return;
    manifest_listen(rejoin->manifest, on_saved, on_failed, set);
    struct manifest_content *content = manifest_content(rejoin->manifest);
    rejoin->lost = content->lost;
    rejoin->sync = options->sync;
    if (rejoin->lost == LOST_NOTHING && tail_may_be_lost(set)) {
        rejoin->lost = LOST_TAIL;
        content->unsynced_life = LIFE_UNKNOWN;
    } else if (rejoin->lost == LOST_NOTHING) {
        note_life(set);
    }
    rejoin->dirty = true;
    if (rejoin->lost == LOST_ALL)
        LOG_WARN(set->logger, "raft", "this node rejoins as incarnation %016" PRIx64 ": %u partitions are taken from the others first",
                 content->incarnation, manifest_groups_left(content));
}

void rejoin_register(struct group_set *set)
{
    peers_on_frame(set->peers, FRAME_POSITION, on_position, set);
    peers_on_meeting(set->peers, &(struct peers_meetings){.context = set, .introduce = introduce, .meet = meet});
}
