/* Which services the partitions have: their logs name them (ADR 0022). */
#include "grid/base/arena.h"
#include "grid/base/check.h"
#include "grid/node/node_internal.h"
#include "grid/partition/entry.h"
#include "services/registry.h"

/* ---- a new partition */

size_t services_genesis(const struct node *node, uint32_t level, uint32_t ret_numbers[SERVICES_MAX])
{
    size_t count = 0;
    if (level < LEVEL_OF_SERVICES)
        return 0;
    for (size_t i = 0; node->services != NULL && i < node->services->count; i++)
        ret_numbers[count++] = node->services->services[i]->number;
    if (count == 0)
        ret_numbers[count++] = SERVICE_NONE; /* an empty list would be that of level 1 */
    return count;
}

/* ---- an entry that names services */

static uint32_t missing_of_list(const struct node *node, const uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] != SERVICE_NONE && registry_find(node->services, numbers[i]) == NULL)
            return numbers[i];
    return 0;
}

static uint32_t missing_of_genesis(const struct node *node, const struct genesis_command *genesis)
{
    for (uint32_t number = 1; genesis->services_count == 0 && number <= SERVICES_IMPLIED; number++)
        if (registry_find(node->services, number) == NULL)
            return number;
    return missing_of_list(node, genesis->services, genesis->services_count);
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
        if (command_decode(encoded, &arena, &command) == GRID_ERR_OK && command.kind == COMMAND_GENESIS)
            missing = missing_of_genesis(node, &command.genesis);
    }
    arena_close(&arena);
    return missing;
}
