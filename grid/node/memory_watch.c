/* Memory of this node: what it takes, by component; when there is no room for more data; and what the members say of theirs
 * (ADR 0023, docs/formats/peer.md, MEMORY).
 *
 * Every member holds every partition, so the data must fit the smallest one: a leader refuses writes that add data also while
 * another member that it is linked to has no room. That member could not refuse: it must take what the others commit. */
#include <inttypes.h>
#include <stdio.h>

#include "grid/base/check.h"
#include "grid/node/node_internal.h"
#include "raft/peers/peers.h"

enum {
    /* Maps that are counted at one tick; a node with more counts on at the next one. */
    MAPS_AT_ONCE = 8192,
    /* What the heap takes for an entry beside what its table counts (grid/store/README.md, "Bytes per entry"). */
    ENTRY_HEAP_BYTES = 16,
    TELL_EVERY_TICKS = 20,
    PENDING_BYTES_MAX = 256 * 1024,    /* a peer that does not read is told nothing new */
};

/* ---- components */

static uint64_t peers_bytes(const struct node *node)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < node->settings->members_count; i++)
        if (!node_id_equal(node->settings->members[i].id, node->settings->self))
            bytes += peers_pending(node->peers, node->settings->members[i].id);
    return bytes;
}

/* True: all partitions are counted. */
static bool count_maps(struct node *node)
{
    struct memory_watch *watch = &node->memory;
    for (uint64_t maps = 0; watch->next < node->partitions && maps < MAPS_AT_ONCE; watch->next++) {
        struct partition_stats stats = partition_stats(replica_partition(node->replicas[watch->next]));
        watch->counting += stats.bytes + stats.entries * ENTRY_HEAP_BYTES;
        maps += stats.maps + 1;
    }
    if (watch->next < node->partitions)
        return false;
    watch->bytes[MEMORY_MAPS] = watch->counting;
    watch->counting = watch->next = 0;
    return true;
}

static uint64_t count_all(struct node *node)
{
    struct memory_watch *watch = &node->memory;
    uint64_t sum = 0;
    watch->bytes[MEMORY_LOG] = group_set_log_memory_bytes(node->groups);
    watch->bytes[MEMORY_PEERS] = peers_bytes(node);
    watch->bytes[MEMORY_CLIENTS] = clients_memory_bytes(node->clients);
    for (size_t i = 0; i < MEMORY_COMPONENTS; i++)
        sum += watch->bytes[i];
    return sum;
}

static uint64_t resident_now(const struct node *node, uint64_t counted)
{
    struct resident *resident = node->io->resident;
    uint64_t bytes = resident != NULL ? resident->bytes(resident) : 0;
    return bytes != 0 ? bytes : counted;
}

static void look(struct node *node)
{
    struct memory_watch *watch = &node->memory;
    bool counted = count_maps(node);
    uint64_t data = count_all(node), resident = resident_now(node, data);
    if (counted)
        memory_use_sample(&watch->use, resident, data);
    else
        memory_use_resident(&watch->use, resident);
}

/* ---- the members */

static void tell(struct node *node)
{
    for (size_t i = 0; i < node->settings->members_count; i++) {
        struct node_id peer = node->settings->members[i].id;
        if (node_id_equal(peer, node->settings->self) || !peers_feature(node->peers, peer, FEATURE_MEMORY) ||
            peers_pending(node->peers, peer) > PENDING_BYTES_MAX)
            continue;
        struct buffer *out = peers_output(node->peers, peer);
        if (out == NULL)
            continue;
        size_t mark = frame_begin(out, FRAME_MEMORY, FRAME_PARTITION_NONE, 0);
        buffer_append_u8(out, node->memory.use.full);
        frame_end(out, mark);
    }
}

static bool on_memory(void *context, struct node_id from, const struct frame *frame)
{
    struct node *node = context;
    if (frame->body.size != 1 || frame->body.data[0] > 1)
        return false;
    for (size_t i = 0; i < node->settings->members_count; i++)
        if (node_id_equal(node->settings->members[i].id, from))
            node->memory.member_full[i] = frame->body.data[0] == 1;
    return true;
}

/* What a member said counts as long as it is linked. */
static bool any_member_full(const struct node *node)
{
    for (size_t i = 0; i < node->settings->members_count; i++)
        if (node->memory.member_full[i] && peers_up(node->peers, node->settings->members[i].id))
            return true;
    return false;
}

/* ---- life */

static void say(const struct node *node)
{
    const struct memory_use *use = &node->memory.use;
    if (memory_use_has_holes(use))
        LOG_WARN(node->logger, "node", "memory full: %" PRIu64 " bytes are resident although only %" PRIu64 " are used and memory.max is %" PRIu64
                 ": the heap has many holes; the cluster refuses writes that add data with MEMORY_FULL; remove more data, or restart this node",
                 use->resident, memory_use_used(use), use->max);
    else if (use->full)
        LOG_WARN(node->logger, "node", "memory full: %" PRIu64 " bytes are used and memory.max is %" PRIu64 ": the cluster refuses writes that add "
                 "data with MEMORY_FULL, removes and reads go on; remove data, or restart the nodes, one at a time, with a higher memory.max",
                 memory_use_used(use), use->max);
    else
        LOG_INFO(node->logger, "node", "memory full: there is room again: %" PRIu64 " of %" PRIu64 " bytes are used", memory_use_used(use), use->max);
}

void memory_watch_open(struct node *node)
{
    memory_use_init(&node->memory.use, node->settings->memory_max);
    peers_on_frame(node->peers, FRAME_MEMORY, on_memory, node);
}

void memory_watch_tick(struct node *node)
{
    struct memory_watch *watch = &node->memory;
    bool before = watch->use.full;
    look(node);
    watch->fullness = (struct memory_fullness){.own = watch->use.full, .member = any_member_full(node)};
    if (watch->use.full != before)
        say(node);
    if (watch->use.full != before || node->ticks % TELL_EVERY_TICKS == 0)
        tell(node);
}

uint64_t memory_watch_resident(const struct node *node)
{
    return resident_now(node, node->memory.use.data);
}

/* ---- metrics */

static void expose(struct node *node, const char *component, uint64_t bytes)
{
    char labels[48];
    snprintf(labels, sizeof labels, "component=\"%s\"", component);
    metric_gauge_add(node->metrics, "gridiron_memory_bytes", "Resident memory of the process, by what takes it.", labels)->value = (int64_t)bytes;
}

/* The sum is the resident size of now; what is known may be a moment older, so the rest gives way. */
void memory_watch_refresh(struct node *node)
{
    static const char *const names[MEMORY_COMPONENTS] = {[MEMORY_MAPS] = "maps", [MEMORY_LOG] = "log", [MEMORY_PEERS] = "peers",
                                                         [MEMORY_CLIENTS] = "clients"};
    const struct memory_watch *watch = &node->memory;
    uint64_t left = memory_watch_resident(node);
    for (size_t i = 0; i < MEMORY_COMPONENTS; i++) {
        uint64_t bytes = watch->bytes[i] < left ? watch->bytes[i] : left;
        expose(node, names[i], bytes);
        left -= bytes;
    }
    uint64_t reusable = watch->use.reusable < left ? watch->use.reusable : left;
    expose(node, "reusable", reusable);
    expose(node, "other", left - reusable);
    metric_gauge_add(node->metrics, "gridiron_memory_used_bytes", "Resident memory without what the heap keeps for the next data.", NULL)->value =
        (int64_t)memory_use_used(&watch->use);
    metric_gauge_add(node->metrics, "gridiron_memory_full", "1 while this node has no room in memory for more data.", NULL)->value = watch->use.full;
}
