/* Feature levels of a node (grid/wire/level.h): what it lets into the log, whether a level may be raised, and the end of a
 * node that meets an entry of a newer version. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "grid/base/check.h"
#include "grid/node/node_internal.h"
#include "grid/partition/entry.h"

void levels_open(struct node *node)
{
    uint32_t most = node->settings->level_max;
    node->levels.most = most > 0 && most < LEVEL_LAST ? most : LEVEL_LAST;
    if (node->levels.most < LEVEL_OF_SERVICES)
        node->features &= ~feature_bit(FEATURE_SERVICES); /* as the versions before it */
}

static void say(struct levels *levels, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct levels *levels, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(levels->note, sizeof levels->note, format, arguments);
    va_end(arguments);
}

/* ---- what the members support: they name a feature per level above the first */

static const enum wire_feature features[LEVEL_LAST + 1] = {[2] = FEATURE_LEVEL_2};

uint64_t levels_features(const struct node *node)
{
    uint64_t set = 0;
    for (uint32_t level = LEVEL_FIRST + 1; level <= node->levels.most; level++)
        set |= feature_bit(features[level]);
    return set;
}

/* Of a linked member, as far as this node supports it too. */
static uint32_t level_of(const struct node *node, struct node_id member)
{
    uint32_t level = LEVEL_FIRST;
    while (level < node->levels.most && peers_feature(node->peers, member, features[level + 1]))
        level++;
    return level;
}

/* ---- at the door */

static enum grid_err check_raise(struct node *node, uint32_t level, const char **ret_note)
{
    struct levels *levels = &node->levels;
    *ret_note = levels->note;
    if (level > levels->most) {
        say(levels, "node %" PRIu32 " supports levels up to %" PRIu32 ": upgrade it first", node->settings->self.value, levels->most);
        return GRID_ERR_NOT_SUPPORTED;
    }
    for (size_t i = 0; i < node->settings->members_count; i++) {
        struct node_id member = node->settings->members[i].id;
        if (node_id_equal(member, node->settings->self))
            continue;
        if (!peers_up(node->peers, member)) {
            say(levels, "node %" PRIu32 " is not linked, so the level that it supports is unknown: start it first", member.value);
            return GRID_ERR_NOT_SUPPORTED;
        }
        if (level_of(node, member) < level) {
            say(levels, "node %" PRIu32 " supports levels up to %" PRIu32 ": upgrade it first", member.value, level_of(node, member));
            return GRID_ERR_NOT_SUPPORTED;
        }
    }
    return GRID_ERR_OK;
}

enum grid_err levels_check(struct node *node, uint32_t partition, const struct command *command, struct bytes encoded,
                           const char **ret_note)
{
    const struct replica *replica = node->replicas[partition];
    bool raises = command->kind == COMMAND_RAISE_LEVEL;
    if (!raises && node->levels.at_last[partition])
        return GRID_ERR_OK;
    if (!replica_leads(replica))
        return GRID_ERR_OK; /* refers to the leader, which knows its level */
    if (raises)
        return check_raise(node, command->raise_level.level, ret_note);
    uint32_t level = partition_level(replica_partition(replica));
    if (level == LEVEL_LAST) {
        node->levels.at_last[partition] = true; /* it never goes back */
        return GRID_ERR_OK;
    }
    struct level_need need = level_scan(encoded);
    if (need.level <= level)
        return GRID_ERR_OK;
    say(&node->levels, "this needs level %" PRIu32 ", partition %" PRIu32 " is at %" PRIu32 ": raise it with gridctl level raise", need.level,
        partition, level);
    *ret_note = node->levels.note;
    return GRID_ERR_NOT_SUPPORTED;
}

bool levels_allow(const struct node *node, uint32_t partition, struct bytes command)
{
    uint32_t level = partition_level(replica_partition(node->replicas[partition]));
    return level == LEVEL_LAST || level_scan(command).level <= level;
}

const char *levels_unknown(struct node *node, struct bytes encoded)
{
    struct level_need need = level_scan(encoded);
    if (need.level != LEVEL_BEYOND)
        return NULL;
    say(&node->levels, "node %" PRIu32 " does not know field %" PRIu32 " of %s, or its value: the client is newer; upgrade the nodes",
        node->settings->self.value, need.field, need.message);
    return node->levels.note;
}

uint32_t levels_lowest(const struct node *node)
{
    uint32_t lowest = LEVEL_LAST;
    for (uint32_t i = 0; i < node->partitions; i++) {
        uint32_t level = partition_level(replica_partition(node->replicas[i]));
        lowest = level < lowest ? level : lowest;
    }
    return lowest;
}

/* ---- a new cluster */

uint32_t levels_genesis(const struct node *node)
{
    uint32_t level = node->levels.most;
    for (size_t i = 0; i < node->settings->members_count; i++) {
        struct node_id member = node->settings->members[i].id;
        if (!node_id_equal(member, node->settings->self) && peers_up(node->peers, member) && level_of(node, member) < level)
            level = level_of(node, member);
    }
    return level;
}

/* ---- an entry of a newer version */

static void left(void *context)
{
    struct node *node = context;
    node_fail(node, GRID_ERR_NOT_SUPPORTED, node->levels.newer);
}

/* What this node leads goes to others first: the partition stands still here, the others need not wait for an election. */
static void leave(void *context)
{
    struct node *node = context;
    LOG_ERROR(node->logger, "node", "%s", node->levels.newer);
    node_hand_over(node, left, node);
}

/* `why` is what the entry needs and what to do. */
static void stop_before(struct node *node, uint32_t partition, uint64_t index, struct bytes why)
{
    struct levels *levels = &node->levels;
    if (levels->newer[0] != 0)
        return; /* said of another partition, or again */
    snprintf(levels->newer, sizeof levels->newer, "partition %" PRIu32 ", index %" PRIu64 ": %.*s", partition, index, (int)why.size,
             (const char *)why.data);
    if (!node->started)
        return; /* node_open says it */
    levels->leave = (struct deferred){.run = leave, .context = node};
    clock_defer(node->io->clock, &levels->leave);
}

bool levels_admit(void *context, uint32_t partition, uint64_t index, struct bytes entry)
{
    struct node *node = context;
    struct level_need need;
    struct buffer why = {0};
    enum entry_newness newness = entry_newness(entry, node->levels.most, &need);
    uint32_t missing = newness == ENTRY_KNOWN && need.services ? services_missing(node, entry) : 0;
    if (newness == ENTRY_KNOWN && missing == 0)
        return true;
    if (newness != ENTRY_KNOWN)
        entry_newness_text(newness, &need, node->levels.most, &why);
    else
        buffer_append_format(&why, "this entry needs service %" PRIu32 ", which this program does not have", missing);
    buffer_append_text(&why, ": upgrade this node");
    stop_before(node, partition, index, buffer_bytes(&why));
    buffer_close(&why);
    return newness == ENTRY_KNOWN && missing == 0;
}

void levels_close(struct node *node)
{
    clock_undefer(node->io->clock, &node->levels.leave);
}
