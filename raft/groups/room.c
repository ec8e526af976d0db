#include "raft/groups/room.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "raft/groups/groups_internal.h"
#include "raft/guard/raft_message.h"

enum {
    TELL_EVERY_MS = 1000,
    /* From a full disk to the first attempt to hand over. */
    HAND_OVER_HEARTBEATS = 2,
    /* Between one attempt to hand over and the next, in election timeouts: a transfer is given up after one. */
    HAND_OVER_ELECTIONS = 2,
    /* How long a handing over that gets nowhere still counts as one, in election timeouts. */
    HANDING_OVER_ELECTIONS = 5,
};

/* ---- who has room */

static bool is_self(const struct group_set *set, size_t member)
{
    return node_id_equal(set->members[member], set->self);
}

static bool has_room(const struct group_set *set, size_t member)
{
    if (is_self(set, member))
        return !set->room.full;
    return peers_up(set->peers, set->members[member]) && !set->room.member_full[member];
}

static bool any_full(const struct group_set *set)
{
    bool full = set->room.full;
    for (size_t i = 0; i < set->members_count; i++)
        full = full || set->room.member_full[i];
    return full;
}

static bool majority_has_room(const struct group_set *set)
{
    size_t count = 0;
    for (size_t i = 0; i < set->members_count; i++)
        count += has_room(set, i);
    return count > set->members_count / 2;
}

bool group_set_has_room(const struct group_set *set, struct node_id member)
{
    size_t position = group_set_position(set, member);
    return position < set->members_count && has_room(set, position);
}

/* With members that are merely not linked nothing is refused: that is what proposals wait for. */
enum group_room group_set_room(const struct group_set *set)
{
    if (!any_full(set))
        return GROUP_ROOM_FREE;
    if (set->room.full)
        return GROUP_ROOM_OWN_FULL;
    return majority_has_room(set) ? GROUP_ROOM_FREE : GROUP_ROOM_OTHERS_FULL;
}

bool group_set_handing_over(const struct group_set *set)
{
    return set->room.full && majority_has_room(set) &&
           clock_now_ms(set->io->clock) - set->room.full_since_ms < HANDING_OVER_ELECTIONS * set->election_timeout_ms;
}

/* ---- telling: u8, 1: full */

static void tell(struct group_set *set, struct node_id member)
{
    struct buffer *out = peers_output(set->peers, member);
    if (out == NULL)
        return;
    size_t mark = frame_begin(out, FRAME_ROOM, FRAME_PARTITION_NONE, 0);
    buffer_append_u8(out, set->room.full);
    frame_end(out, mark);
}

static void tell_all(struct group_set *set)
{
    set->room.told_ms = clock_now_ms(set->io->clock);
    for (size_t i = 0; i < set->members_count; i++)
        if (!is_self(set, i))
            tell(set, set->members[i]);
}

static bool on_room(void *context, struct node_id from, const struct frame *frame)
{
    struct group_set *set = context;
    size_t position = group_set_position(set, from);
    HOLDS(position < set->members_count);
    if (frame->body.size != 1 || frame->body.data[0] > 1)
        return false;
    set->room.member_full[position] = frame->body.data[0] == 1;
    return true;
}

void room_link(struct group_set *set, struct node_id member, bool up)
{
    set->room.member_full[group_set_position(set, member)] = false;
    if (up)
        tell(set, member);
}

void room_open(struct group_set *set, const struct group_set_options *options)
{
    /* Left for what is under way when leaders take no more: with it the disks of followers that fill up at the same time still take
     * everything that is committed, so that any majority of them can go on. */
    set->room.least_bytes = options->room_bytes != 0 ? options->room_bytes : ENTRY_BYTES_MAX;
    if (options->metrics != NULL)
        set->room.gauge = metric_gauge_add(options->metrics, "gridiron_log_disk_full", "1 while the disk has no room for the log.", NULL);
    peers_on_frame(set->peers, FRAME_ROOM, on_room, set);
}

/* ---- the own disk */

/* A full disk must give more before writes go on than it had when they ended: otherwise they would end again at once. */
static size_t wanted(const struct room *room)
{
    return (size_t)(room->full ? 2 * room->least_bytes : room->least_bytes);
}

static void say(const struct group_set *set)
{
    struct storage *storage = set->io->storage;
    const char *place = storage->place != NULL ? storage->place : "the data directory";
    if (set->room.full)
        LOG_ERROR(set->logger, "raft", "disk full: %s: the log needs %" PRIu64 " bytes more and %" PRIu64 " are free; this node takes no writes; "
                  "free space there, and it takes writes again by itself", place, wal_room_missing(set->wal, wanted(&set->room)),
                  storage->free_bytes(storage));
    else
        LOG_INFO(set->logger, "raft", "disk full: %s: there is room again; this node takes writes", place);
}

static void look(struct group_set *set)
{
    struct room *room = &set->room;
    bool full = !wal_has_room(set->wal, wanted(room));
    if (full == room->full)
        return;
    room->full = set->host.gives_way = full;
    if (room->gauge != NULL)
        room->gauge->value = full;
    room->full_since_ms = clock_now_ms(set->io->clock);
    /* Disks of one size fill up together: first it is heard what others say. */
    room->hand_ms = room->full_since_ms + (uint64_t)HAND_OVER_HEARTBEATS * set->heartbeat_ms;
    say(set);
    tell_all(set);
}

/* ---- handing over */

/* The members with room in turn. */
static struct node_id next_member(struct group_set *set)
{
    struct room *room = &set->room;
    for (size_t i = 0; i < set->members_count; i++) {
        room->turn = (room->turn + 1) % set->members_count;
        if (has_room(set, room->turn))
            return set->members[room->turn];
    }
    return (struct node_id){0};
}

static void hand_over(struct group_set *set)
{
    struct room *room = &set->room;
    uint64_t now_ms = clock_now_ms(set->io->clock);
    if (!room->full || !majority_has_room(set))
        return;
    if (now_ms < room->hand_ms)
        return;
    room->hand_ms = now_ms + HAND_OVER_ELECTIONS * set->election_timeout_ms;
    for (uint32_t i = 0; i < set->groups_count && !set->failed; i++) {
        struct guard *guard = &set->groups[i].guard;
        if (!guard_ready(guard) || guard_transferring(guard))
            continue;
        struct node_id to = next_member(set);
        if (to.value != 0 && guard_peer_recent(guard, to))
            guard_transfer(guard, to);
    }
}

void room_tick(struct group_set *set)
{
    look(set);
    if (clock_now_ms(set->io->clock) - set->room.told_ms >= TELL_EVERY_MS)
        tell_all(set);
    hand_over(set);
}

/* ---- entries of a leader */

bool room_takes(struct group_set *set, const struct raft_message *message)
{
    size_t size = raft_message_log_bytes(message);
    if (size == 0 || wal_has_room(set->wal, size))
        return true;
    enum raft_message_load load = raft_message_load(message);
    bool needed = load == RAFT_MESSAGE_BARRIERS || (load == RAFT_MESSAGE_EARLIER && !majority_has_room(set));
    return needed && wal_has_reserve(set->wal, size);
}
