#include "tests/unit/support/register_world.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"

static void take_effect(struct register_world *world, struct wgl_operation *operation)
{
    bool matches = operation->expected == 0 ? !world->entry.present
                                            : world->entry.present && world->entry.version == operation->expected;
    operation->found = world->entry.present;
    operation->version = 0;
    if (operation->kind == WGL_GET || (operation->kind == WGL_COMPARE_AND_SET && !matches)) {
        operation->conflict = operation->kind == WGL_COMPARE_AND_SET;
        operation->version = world->entry.present ? world->entry.version : 0;
        if (operation->kind == WGL_GET)
            operation->value = world->entry.value;
    } else if (operation->kind == WGL_REMOVE) {
        world->entry.present = false;
        world->entry.value = 0;
    } else {
        world->entry.present = true;
        world->entry.value = operation->value;
        world->entry.version = operation->version = ++world->version;
    }
}

void register_world_run(struct register_world *world, uint64_t seed, size_t clients, size_t count, uint32_t unknown_per_million)
{
    REQUIRE(clients <= REGISTER_CLIENTS_MAX);
    struct { struct wgl_operation *operation; bool done; } open[REGISTER_CLIENTS_MAX] = {0};
    struct wgl_operation *late[REGISTER_CLIENTS_MAX] = {0};
    prng_init(&world->prng, seed);
    world->operations = memory_zero(count, sizeof *world->operations);
    world->next_value = 1;
    while (world->count < count) {
        size_t client = prng_range(&world->prng, 0, clients - 1);
        world->clock++;
        if (open[client].operation == NULL) {
            struct wgl_operation *operation = &world->operations[world->count++];
            uint64_t guess = prng_chance(&world->prng, 800000) ? world->told : world->told_before;
            enum wgl_kind kind = (enum wgl_kind)prng_range(&world->prng, 0, 3);
            if (kind == WGL_REMOVE && world->without_removal)
                kind = WGL_SET;
            *operation = (struct wgl_operation){kind, (uint32_t)client, 0, world->clock,
                                                WGL_NEVER, world->next_value++, guess, false, false, 0, false, false, 0};
            open[client].operation = operation;
            open[client].done = false;
        } else if (!open[client].done) {
            if (open[client].operation->kind != WGL_GET && prng_chance(&world->prng, unknown_per_million)) {
                if (late[client] != NULL && prng_chance(&world->prng, 500000))
                    take_effect(world, late[client]);
                late[client] = open[client].operation;
                open[client].operation = NULL;
                continue;
            }
            take_effect(world, open[client].operation);
            open[client].done = true;
        } else {
            open[client].operation->returned = world->clock;
            if (open[client].operation->version != world->told) {
                world->told_before = world->told;
                world->told = open[client].operation->version;
            }
            open[client].operation = NULL;
        }
    }
    for (size_t client = 0; client < clients; client++) {
        if (open[client].operation == NULL)
            continue;
        if (!open[client].done)
            take_effect(world, open[client].operation);
        open[client].operation->returned = ++world->clock;
    }
}

void register_world_close(struct register_world *world)
{
    memory_free(world->operations);
    *world = (struct register_world){0};
}
