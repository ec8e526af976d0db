/* Messages that wait at their senders because a partition led here lacks a level or a service that they need: everything behind them
 * on the link waits, too, so people must see it. A sender says its messages again every OUTBOX_RESEND_US. */
#include <inttypes.h>
#include <stdio.h>

#include "grid/base/memory.h"
#include "grid/node/node_internal.h"
#include "grid/wire/level.h"
#include "services/registry.h"

void waits_open(struct node *node)
{
    node->waits.seen_us = memory_zero(node->partitions, sizeof *node->waits.seen_us);
}

void waits_close(struct node *node)
{
    memory_free(node->waits.seen_us);
}

static void find_why(const struct node *node, const struct deliver_command *deliver, struct bytes encoded, char why[static SERVICES_WHY_BYTES])
{
    uint32_t number = deliver->destination;
    const struct partition *partition = replica_partition(node->replicas[number]);
    uint32_t level = partition_level(partition), needed = encoded.size > 0 ? level_scan(encoded).level : 0;
    if (needed > level) {
        snprintf(why, SERVICES_WHY_BYTES, "they need level %" PRIu32 ", partition %" PRIu32 " is at %" PRIu32 ": raise it with gridctl level raise",
                 needed, number, level);
        return;
    }
    for (size_t i = 0; i < deliver->messages_count; i++) {
        uint32_t wanted = deliver->messages[i].command.service;
        const struct service *service = registry_find(node->services, wanted);
        if (service == NULL) {
            snprintf(why, SERVICES_WHY_BYTES, "the program of node %" PRIu32 " does not have service %" PRIu32 ": upgrade it first",
                     node->settings->self.value, wanted);
        } else if (!partition_has_service(partition, service)) {
            if (services_may_register(node, number, service, why))
                snprintf(why, SERVICES_WHY_BYTES, "partition %" PRIu32 " is about to register service %" PRIu32 " (%s)", number, wanted, service->name);
            return;
        }
    }
}

void waits_note(struct node *node, const struct deliver_command *deliver, struct bytes encoded)
{
    struct waits *waits = &node->waits;
    char why[SERVICES_WHY_BYTES] = "";
    waits->seen_us[deliver->destination] = clock_now_us(node->io->clock);
    if (waits->said || !replica_leads(node->replicas[deliver->destination]))
        return;
    waits->said = true;
    find_why(node, deliver, encoded, why);
    LOG_WARN(node->logger, "node",
             "messages from partition %" PRIu32 " to partition %" PRIu32 " wait at their sender, and with them all that come after them: %s (said "
             "once until none wait; gridiron_inbox_partitions_waiting counts the partitions)",
             deliver->source, deliver->destination, why);
}

uint64_t waits_partitions(const struct node *node)
{
    uint64_t count = 0, now_us = clock_now_us(node->io->clock);
    for (uint32_t i = 0; i < node->partitions; i++)
        count += node->waits.seen_us[i] != 0 && now_us - node->waits.seen_us[i] < WAITS_US && replica_leads(node->replicas[i]);
    return count;
}

void waits_tick(struct node *node)
{
    if (!node->waits.said || waits_partitions(node) > 0)
        return;
    node->waits.said = false;
    LOG_INFO(node->logger, "node", "no messages to partitions of this node wait for a level or a service any more");
}
