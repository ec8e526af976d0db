/* Which services the partitions have: their logs name them (ADR 0022). A leader registers a service of its program once every
 * member is linked and says that its program has it, too. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/arena.h"
#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/node/node_internal.h"
#include "grid/partition/entry.h"
#include "services/registry.h"

static bool is_among(const uint32_t *numbers, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

/* A member that says nothing of services is of a version that had these. */
static bool member_has(const struct node *node, struct node_id member, uint32_t number)
{
    const uint32_t *numbers;
    size_t count;
    if (!peers_services(node->peers, member, &numbers, &count))
        return number <= SERVICES_IMPLIED;
    return is_among(numbers, count, number);
}

/* ---- a new partition */

static bool linked_have(const struct node *node, uint32_t number)
{
    for (size_t i = 0; i < node->settings->members_count; i++) {
        struct node_id member = node->settings->members[i].id;
        if (!node_id_equal(member, node->settings->self) && peers_up(node->peers, member) && !member_has(node, member, number))
            return false;
    }
    return true;
}

size_t services_genesis(const struct node *node, uint32_t level, uint32_t ret_numbers[SERVICES_MAX])
{
    size_t count = 0;
    if (level < LEVEL_OF_SERVICES)
        return 0;
    for (size_t i = 0; node->services != NULL && i < node->services->count; i++)
        if (linked_have(node, node->services->services[i]->number))
            ret_numbers[count++] = node->services->services[i]->number;
    if (count == 0)
        ret_numbers[count++] = SERVICE_NONE; /* an empty list would be that of level 1 */
    return count;
}

/* ---- registering one later */

static void say(char *ret_why, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(char *ret_why, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_why, SERVICES_WHY_BYTES, format, arguments);
    va_end(arguments);
}

static bool members_have(const struct node *node, const struct service *service, char *ret_why)
{
    for (size_t i = 0; i < node->settings->members_count; i++) {
        struct node_id member = node->settings->members[i].id;
        if (node_id_equal(member, node->settings->self))
            continue;
        if (!peers_up(node->peers, member)) {
            say(ret_why, "node %" PRIu32 " is not linked, so the services of its program are unknown: start it first", member.value);
            return false;
        }
        if (!member_has(node, member, service->number)) {
            say(ret_why, "the program of node %" PRIu32 " does not have service %" PRIu32 " (%s): upgrade it first", member.value, service->number,
                service->name);
            return false;
        }
    }
    return true;
}

bool services_may_register(const struct node *node, uint32_t number, const struct service *service, char *ret_why)
{
    const struct partition *partition = replica_partition(node->replicas[number]);
    uint32_t level = partition_level(partition);
    enum grid_err err = GRID_ERR_OK;
    if (level < LEVEL_OF_SERVICES) {
        say(ret_why, "partition %" PRIu32 " is at level %" PRIu32 ", services are registered at level %d: raise it with gridctl level raise", number,
            level, LEVEL_OF_SERVICES);
        return false;
    }
    if (!members_have(node, service, ret_why))
        return false;
    err = partition_service_fits(partition, service);
    if (err == GRID_ERR_TOO_LARGE)
        say(ret_why, "partition %" PRIu32 " has no room for the maps of service %" PRIu32 " (%s): drop maps with gridctl map drop", number,
            service->number, service->name);
    else if (err != GRID_ERR_OK)
        say(ret_why, "partition %" PRIu32 " cannot have service %" PRIu32 " (%s): a map has the name of one of its maps", number, service->number,
            service->name);
    return err == GRID_ERR_OK;
}

/* What may be registered; the others wait for the tick at which it may. The first of all that waits is what is said. */
static void register_in(struct node *node, uint32_t number, char waits[static SERVICES_SAID_BYTES])
{
    const struct partition *partition = replica_partition(node->replicas[number]);
    uint32_t numbers[SERVICES_MAX];
    char why[SERVICES_WHY_BYTES];
    struct genesis_command genesis;
    size_t count = 0;
    if (!partition_genesis(partition, &genesis))
        return;
    for (size_t i = 0; i < node->services->count; i++) {
        const struct service *service = node->services->services[i];
        if (partition_has_service(partition, service))
            continue;
        if (services_may_register(node, number, service, why))
            numbers[count++] = service->number;
        else if (waits[0] == 0)
            snprintf(waits, SERVICES_SAID_BYTES, "service %" PRIu32 " (%s) waits to be registered: %s", service->number, service->name, why);
    }
    if (count > 0)
        replica_register(node->replicas[number], numbers, count);
}

/* A service that the partition has and the program lacks would have stopped the node. */
static bool has_all(const struct node *node, const struct partition *partition)
{
    return node->services == NULL || partition_services(partition) == node->services->count;
}

void services_tick(struct node *node)
{
    char waits[SERVICES_SAID_BYTES] = "", *said = node->known.said;
    uint32_t whole = 0;
    for (uint32_t i = 0; node->services != NULL && i < node->partitions; i++) {
        if (has_all(node, replica_partition(node->replicas[i])))
            whole++;
        else if (replica_leads(node->replicas[i]))
            register_in(node, i, waits);
    }
    if (waits[0] != 0 && strcmp(waits, said) != 0) {
        LOG_INFO(node->logger, "node", "%s", waits);
        memcpy(said, waits, SERVICES_SAID_BYTES);
    }
    if (said[0] != 0 && whole == node->partitions) {
        LOG_INFO(node->logger, "node", "all services of this program are registered in all partitions");
        said[0] = 0;
    }
}

/* ---- at the door */

void services_open(struct node *node)
{
    node->known.had = memory_zero(node->partitions, sizeof *node->known.had);
    for (uint32_t i = 0; i < node->partitions; i++)
        node->known.had[i] = group_status(replica_group(node->replicas[i])).last_index;
}

void services_close(struct node *node)
{
    memory_free(node->known.had);
}

/* As far as the replicas here have applied their logs. Nobody takes a service back, so each partition is looked at until it has it. */
static bool is_everywhere(struct node *node, const struct service *service)
{
    uint32_t *below = &node->known.below[registry_place(node->services, service)];
    while (*below < node->partitions && partition_has_service(replica_partition(node->replicas[*below]), service))
        (*below)++;
    return *below == node->partitions;
}

/* Whether the replica here may know less of the partition than it did before a restart. */
static bool is_behind(const struct node *node, uint32_t number)
{
    struct group_status group = group_status(replica_group(node->replicas[number]));
    uint64_t had = node->known.had[number] < group.last_index ? node->known.had[number] : group.last_index;
    struct genesis_command genesis;
    return !partition_genesis(replica_partition(node->replicas[number]), &genesis) || group.applied_index < had ||
           group_set_rejoining(node->groups) != 0;
}

/* `number` is the first partition that lacks it. */
static enum grid_err refuse(struct node *node, uint32_t number, const struct service *service)
{
    char *note = node->known.note, why[SERVICES_WHY_BYTES];
    if (is_behind(node, number)) {
        snprintf(note, sizeof node->known.note, "service: node %" PRIu32 " has not read the log of partition %" PRIu32
                 " yet: try again in a moment", node->settings->self.value, number);
        return GRID_ERR_BUSY;
    }
    if (services_may_register(node, number, service, why)) {
        snprintf(note, sizeof node->known.note, "service: partition %" PRIu32 " is about to register service %" PRIu32
                 " (%s): try again in a moment", number, service->number, service->name);
        return GRID_ERR_BUSY;
    }
    snprintf(note, sizeof node->known.note, "service: partition %" PRIu32 " does not have service %" PRIu32
             " (%s) yet, and its messages may go to all partitions: %s", number, service->number, service->name, why);
    return GRID_ERR_NOT_SUPPORTED;
}

enum grid_err services_check(struct node *node, uint32_t partition, uint32_t number, const char **ret_note)
{
    const struct replica *replica = node->replicas[partition];
    const struct service *service = registry_find(node->services, number);
    struct genesis_command genesis;
    if (service != NULL && is_everywhere(node, service))
        return GRID_ERR_OK;
    if (!replica_leads(replica) || !partition_genesis(replica_partition(replica), &genesis))
        return GRID_ERR_OK; /* refers to the leader, which knows more, or waits for the first entry */
    *ret_note = node->known.note;
    if (service != NULL)
        return refuse(node, node->known.below[registry_place(node->services, service)], service);
    snprintf(node->known.note, sizeof node->known.note, "service: the program of node %" PRIu32 " does not have service %" PRIu32
             ": upgrade it, or correct the number", node->settings->self.value, number);
    return GRID_ERR_NOT_SUPPORTED;
}

/* ---- messages of other partitions */

bool services_take(const struct node *node, struct node_id from, const struct deliver_command *deliver)
{
    for (size_t i = 0; i < deliver->messages_count; i++) {
        uint32_t number = deliver->messages[i].command.service;
        if (registry_find(node->services, number) == NULL && member_has(node, from, number))
            return false;
    }
    return true;
}

bool services_allow(const struct node *node, uint32_t number, struct bytes encoded)
{
    const struct partition *partition = replica_partition(node->replicas[number]);
    struct arena arena;
    struct command command;
    if (has_all(node, partition))
        return true;
    arena_init(&arena, 64 * 1024);
    HOLDS(command_decode(encoded, &arena, &command) == GRID_ERR_OK && command.kind == COMMAND_DELIVER);
    bool allowed = true;
    for (size_t i = 0; i < command.deliver.messages_count; i++) {
        const struct service *service = registry_find(node->services, command.deliver.messages[i].command.service);
        allowed = allowed && (service == NULL || partition_has_service(partition, service));
    }
    arena_close(&arena);
    return allowed;
}

/* ---- for people */

/* Empty where every partition that this node leads has it. */
static const char *why_waits(const struct node *node, const struct service *service, struct arena *arena)
{
    char *why = arena_zero(arena, SERVICES_WHY_BYTES);
    for (uint32_t i = 0; i < node->partitions; i++) {
        const struct partition *partition = replica_partition(node->replicas[i]);
        if (replica_leads(node->replicas[i]) && !partition_has_service(partition, service)) {
            (void)services_may_register(node, i, service, why);
            return why;
        }
    }
    return why;
}

const struct service_status *services_status(const struct node *node, struct arena *arena, size_t *ret_count)
{
    size_t count = node->services != NULL ? node->services->count : 0;
    struct service_status *rows = arena_zero(arena, (count + 1) * sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        const struct service *service = node->services->services[i];
        rows[i] = (struct service_status){.number = service->number, .name = bytes_of_text(service->name),
                                          .waits = bytes_of_text(why_waits(node, service, arena))};
        for (uint32_t k = 0; k < node->partitions; k++)
            rows[i].partitions += partition_has_service(replica_partition(node->replicas[k]), service);
    }
    *ret_count = count;
    return rows;
}

/* ---- an entry that names services */

static uint32_t missing_of(const struct node *node, const uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] != SERVICE_NONE && registry_find(node->services, numbers[i]) == NULL)
            return numbers[i];
    return 0;
}

static uint32_t missing_of_command(const struct node *node, const struct command *command)
{
    if (command->kind == COMMAND_REGISTER)
        return missing_of(node, command->registers.services, command->registers.count);
    if (command->kind != COMMAND_GENESIS)
        return 0;
    for (uint32_t number = 1; command->genesis.services_count == 0 && number <= SERVICES_IMPLIED; number++)
        if (registry_find(node->services, number) == NULL)
            return number;
    return missing_of(node, command->genesis.services, command->genesis.services_count);
}

uint32_t services_missing(const struct node *node, struct bytes entry)
{
    struct entry_header header;
    struct reader commands;
    struct bytes encoded;
    struct command command;
    struct arena arena;
    uint32_t missing = 0;
    if (entry_open(entry, &header, &commands) != GRID_ERR_OK)
        return 0;
    arena_init(&arena, 1024);
    while (missing == 0 && entry_next(&commands, &encoded)) {
        arena_reset(&arena);
        if (command_decode(encoded, &arena, &command) == GRID_ERR_OK)
            missing = missing_of_command(node, &command);
    }
    arena_close(&arena);
    return missing;
}
