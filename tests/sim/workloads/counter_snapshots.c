#include "tests/sim/workloads/counter_snapshots.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/crc32c.h"
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "raft/groups/install.h"
#include "tests/sim/workloads/counter_internal.h"

enum { SLICES = 10, NAME_BYTES = 64 };

/* ---- the state ---- */

struct counter_state { uint64_t applied, value, digest; };

struct save { struct counter_state state; size_t at, size, slice; };

/* Some bytes that follow from the state, so that files have all kinds of sizes. */
static size_t filling_of(const struct counter_state *state, size_t most)
{
    return (size_t)(state->digest % most);
}

static void *state_save_begin(const struct counter_state *state, size_t filling_max)
{
    struct save *save = memory_zero(1, sizeof *save);
    *save = (struct save){*state, 0, sizeof *state + filling_of(state, filling_max), filling_max / SLICES};
    return save;
}

static bool state_save_next(void *context, struct buffer *out)
{
    struct save *save = context;
    if (save->at == 0) {
        buffer_append_u64(out, save->state.applied);
        buffer_append_u64(out, save->state.value);
        buffer_append_u64(out, save->state.digest);
        save->at = sizeof save->state;
        return save->at == save->size;
    }
    size_t size = save->size - save->at < save->slice ? save->size - save->at : save->slice;
    memset(buffer_extend(out, size), (int)(save->state.digest & 0xff), size);
    save->at += size;
    return save->at == save->size;
}

static void state_save_end(void *save) { memory_free(save); }

static void *state_load_begin(void) { return memory_zero(1, sizeof(struct buffer)); }

static enum grid_err state_load_next(void *load, struct bytes piece)
{
    buffer_append(load, piece);
    return GRID_ERR_OK;
}

static enum grid_err state_load_end(void *load, size_t filling_max, struct counter_state *ret_state, char **ret_note)
{
    struct buffer *bytes = load;
    struct reader reader = reader_of(buffer_bytes(bytes));
    *ret_state = (struct counter_state){.applied = reader_u64(&reader)};
    ret_state->value = reader_u64(&reader);
    ret_state->digest = reader_u64(&reader);
    bool whole = !reader.failed && reader_left(&reader) == filling_of(ret_state, filling_max);
    buffer_close(bytes);
    memory_free(bytes);
    if (!whole) {
        *ret_note = err_note("the state has a wrong size");
    }
    return whole ? GRID_ERR_OK : GRID_ERR_CORRUPT;
}

/* ---- the hooks of a replica ---- */

static void *on_save_begin(void *context)
{
    const struct replica *replica = context;
    SOMETIMES(replica->node->counter->world, "a snapshot is taken");
    return state_save_begin(&(struct counter_state){replica->applied, replica->value, replica->digest}, replica->node->counter->filling_max);
}

static bool on_save_next(void *context, void *save, size_t budget, struct buffer *out)
{
    (void)context;
    (void)budget;
    return state_save_next(save, out);
}

static void on_save_end(void *context, void *save)
{
    (void)context;
    state_save_end(save);
}

static void *on_load_begin(void *context)
{
    (void)context;
    return state_load_begin();
}

static enum grid_err on_load_next(void *context, void *load, struct bytes piece)
{
    (void)context;
    return state_load_next(load, piece);
}

/* What is restored once was the state of a replica, and it brings news. A snapshot may cover barriers alone: then nothing was added yet. */
static enum grid_err on_load_end(void *context, void *load, bool take, char **ret_note)
{
    struct replica *replica = context;
    struct world *world = replica->node->counter->world;
    struct counter_state state;
    enum grid_err err = state_load_end(load, replica->node->counter->filling_max, &state, ret_note);
    if (!take || err != GRID_ERR_OK) {
        return err;
    }
    SOMETIMES(world, replica->node->running ? "a snapshot is installed" : "a node starts from a snapshot");
    const struct entry_truth *truth = counter_truth_at(&replica->node->counter->truths[replica->group], state.applied);
    if (state.applied < replica->applied || replica->role >= GROUP_CANDIDATE) {
        world_fail(world, "group %u: %s goes back from index %" PRIu64 " to a snapshot of %" PRIu64 ", or is no follower", replica->group,
                   host_name(replica->node->host), replica->applied, state.applied);
    } else if (state.applied == 0 ? state.digest != 0 || state.value != 0 : !truth->known || truth->digest != state.digest) {
        world_fail(world, "group %u: %s takes a snapshot of a state that never was, at index %" PRIu64, replica->group,
                   host_name(replica->node->host), state.applied);
    }
    replica->applied = state.applied;
    replica->value = state.value;
    replica->digest = state.digest;
    return GRID_ERR_OK;
}

void counter_add_snapshots(struct group_machine *machine)
{
    machine->save_begin = on_save_begin;
    machine->save_next = on_save_next;
    machine->save_end = on_save_end;
    machine->load_begin = on_load_begin;
    machine->load_next = on_load_next;
    machine->load_end = on_load_end;
}

/* ---- the courier ---- */

struct parcel {
    struct courier *courier;
    uint32_t group, from, to;
    uint64_t term;
    struct wal_snapshot head;                 /* owns its configuration */
    char name[NAME_BYTES];
    struct buffer bytes;
};

struct courier {
    struct world *world;
    uint32_t nodes, groups;
    struct courier_stop (*look)(void *context, uint32_t number);
    void *context;
    struct parcel *parcels;                   /* one for each group and receiver; name[0] == 0: not under way */
};

struct courier *courier_open(struct world *world, uint32_t nodes, uint32_t groups, struct courier_stop (*look)(void *context, uint32_t number), void *context)
{
    struct courier *courier = memory_zero(1, sizeof *courier);
    *courier = (struct courier){world, nodes, groups, look, context, memory_zero((size_t)nodes * groups, sizeof *courier->parcels)};
    return courier;
}

static void unpack(struct parcel *parcel)
{
    union { const uint8_t *view; void *memory; } data = {.view = parcel->head.configuration.data};
    memory_free(data.memory);
    buffer_close(&parcel->bytes);
    *parcel = (struct parcel){0};
}

void courier_close(struct courier *courier)
{
    for (size_t i = 0; i < (size_t)courier->nodes * courier->groups; i++) {
        unpack(&courier->parcels[i]);
    }
    memory_free(courier->parcels);
    memory_free(courier);
}

/* As an iteration of the receiver. */
static void hand_over(struct world *world, void *context)
{
    struct parcel *parcel = context;
    (void)world;
    if (!parcel->name[0]) {
        return; /* the receiver was paused, and the parcel went back */
    }
    struct courier_stop stop = parcel->courier->look(parcel->courier->context, parcel->to);
    if (!stop.set) {
        return;
    }
    struct storage *storage = host_io(stop.host)->storage;
    struct group *group = group_set_get(stop.set, (struct partition_id){parcel->group});
    struct node_id from = {parcel->from + 1};
    if (group_installs(group) || group_install_needless(group, from, parcel->term, parcel->head.index, parcel->head.term)) {
        return;
    }
    enum grid_err err = storage->put(storage, parcel->name, buffer_bytes(&parcel->bytes));
    if (err == GRID_ERR_OK) {
        group_install(group, from, parcel->term, &parcel->head);
    } else if (err != GRID_ERR_NO_SPACE) {
        host_crash_soon(stop.host, 100000);
    }
}

static void arrive(struct world *world, void *context)
{
    struct parcel *parcel = context;
    struct courier_stop stop = parcel->courier->look(parcel->courier->context, parcel->to);
    if (stop.set) {
        host_at(stop.host, 0, hand_over, parcel);
    }
    (void)world;
}

static void arrive_and_end(struct world *world, void *context)
{
    (void)world;
    unpack(context);
}

/* The owner of the file is that of the log that it will belong to. */
static void readdress(struct parcel *parcel)
{
    enum { SIZE_AT = 12, OWNER_AT = 16 };
    uint8_t *head = parcel->bytes.data;
    put_u64(head + OWNER_AT, 0x6772696473696d31 + parcel->to);
    put_u32(head, crc32c(bytes_of(head + 4, get_u32(head + SIZE_AT) - 4)));
}

static void send(struct courier *courier, const struct courier_stop *stop, const struct parcel *filled)
{
    struct parcel *parcel = &courier->parcels[filled->to * courier->groups + filled->group];
    struct storage *storage = host_io(stop->host)->storage;
    if (parcel->name[0]) {
        return;
    }
    *parcel = *filled;
    parcel->head.configuration = bytes_of(memory_copy(filled->head.configuration.data, filled->head.configuration.size), filled->head.configuration.size);
    snprintf(parcel->name, sizeof parcel->name, "snap-%08" PRIx32 "-%016" PRIx64, parcel->group, parcel->head.index);
    if (storage->get(storage, parcel->name, &parcel->bytes) != GRID_ERR_OK) {
        unpack(parcel);
        return;
    }
    readdress(parcel);
    uint64_t delay_us = prng_range(world_prng(courier->world), 5000, 1200000);
    world_at(courier->world, delay_us, arrive, parcel);
    world_at(courier->world, delay_us + 1, arrive_and_end, parcel);
}

void courier_call(struct courier *courier, uint32_t number, uint32_t group)
{
    struct courier_stop stop = courier->look(courier->context, number);
    for (uint32_t to = 0; to < courier->nodes; to++) {
        struct parcel parcel = {.courier = courier, .group = group, .from = number, .to = to};
        if (to != number && group_peer_lacks(group_set_get(stop.set, (struct partition_id){group}), (struct node_id){to + 1}, &parcel.term, &parcel.head)) {
            send(courier, &stop, &parcel);
        }
    }
}
