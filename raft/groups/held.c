#include "raft/groups/held.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum {
    /* Rows that are kept for the next use: as many as one flush of the log usually releases. */
    ROWS_IDLE_MAX = 64,
    /* A buffer that one frame made larger than this is given back. */
    FRAME_BYTES_KEPT = 1024,
};

struct held_slot { uint64_t term; struct buffer frame; };    /* no bytes: nothing is held */

struct held_row {
    struct held_row *previous, *next;         /* `next` also in the list of idle ones */
    uint32_t group;
    uint64_t lsn;
    struct held_slot slots[REPLICAS_MAX][HELD_KINDS];
};

void held_init(struct held *held, uint32_t groups)
{
    *held = (struct held){.by_group = memory_zero(groups, sizeof *held->by_group), .groups = groups};
}

static void free_row(struct held_row *row)
{
    for (size_t member = 0; member < REPLICAS_MAX; member++)
        for (size_t kind = 0; kind < HELD_KINDS; kind++)
            buffer_close(&row->slots[member][kind].frame);
    memory_free(row);
}

static void free_rows(struct held_row *row)
{
    while (row != NULL) {
        struct held_row *next = row->next;
        free_row(row);
        row = next;
    }
}

void held_close(struct held *held)
{
    free_rows(held->first);
    free_rows(held->idle);
    memory_free(held->by_group);
    *held = (struct held){0};
}

static void unlink_row(struct held *held, struct held_row *row)
{
    if (row->previous != NULL)
        row->previous->next = row->next;
    else
        held->first = row->next;
    if (row->next != NULL)
        row->next->previous = row->previous;
    else
        held->last = row->previous;
    row->previous = row->next = NULL;
}

/* From the end: terms and votes are written in the order in which groups come to hold something, as good as always. */
static void link_row(struct held *held, struct held_row *row)
{
    struct held_row *before = held->last;
    while (before != NULL && before->lsn > row->lsn)
        before = before->previous;
    row->previous = before;
    row->next = before != NULL ? before->next : held->first;
    if (row->next != NULL)
        row->next->previous = row;
    else
        held->last = row;
    if (before != NULL)
        before->next = row;
    else
        held->first = row;
}

static void clear_slot(struct held *held, struct held_slot *slot)
{
    if (slot->frame.size == 0)
        return;
    HOLDS(held->frames != 0);
    held->frames--;
    if (slot->frame.capacity > FRAME_BYTES_KEPT)
        buffer_close(&slot->frame);
    else
        buffer_clear(&slot->frame);
}

/* The row holds nothing any more. */
static void give_row(struct held *held, struct held_row *row)
{
    unlink_row(held, row);
    held->by_group[row->group] = NULL;
    if (held->idle_count == ROWS_IDLE_MAX) {
        free_row(row);
        return;
    }
    row->next = held->idle;
    held->idle = row;
    held->idle_count++;
}

static struct held_row *take_row(struct held *held, uint32_t group, uint64_t lsn)
{
    struct held_row *row = held->idle;
    if (row != NULL) {
        held->idle = row->next;
        held->idle_count--;
    } else {
        row = memory_zero(1, sizeof *row);
    }
    row->group = group;
    row->lsn = lsn;
    held->by_group[group] = row;
    link_row(held, row);
    return row;
}

struct buffer *held_put(struct held *held, struct held_key key, uint64_t term, uint64_t lsn)
{
    REQUIRE(key.group < held->groups && key.member < REPLICAS_MAX && key.kind < HELD_KINDS);
    struct held_row *row = held->by_group[key.group];
    if (row == NULL)
        row = take_row(held, key.group, lsn);
    REQUIRE(row->lsn <= lsn);
    if (row->lsn != lsn) {
        unlink_row(held, row);
        row->lsn = lsn;
        link_row(held, row);
    }
    struct held_slot *slots = row->slots[key.member];
    for (size_t kind = 0; kind < HELD_KINDS; kind++)
        if (slots[kind].term < term || kind == key.kind)
            clear_slot(held, &slots[kind]);
    slots[key.kind].term = term;
    held->frames++;
    return &slots[key.kind].frame;
}

static void send_row(struct held *held, struct held_row *row, held_send_fn send, void *context)
{
    for (size_t member = 0; member < REPLICAS_MAX; member++)
        for (size_t kind = 0; kind < HELD_KINDS; kind++) {
            struct held_slot *slot = &row->slots[member][kind];
            if (slot->frame.size != 0)
                send(context, member, buffer_bytes(&slot->frame));
            clear_slot(held, slot);
        }
}

void held_release(struct held *held, uint64_t durable, held_send_fn send, void *context)
{
    while (held->first != NULL && held->first->lsn <= durable) {
        struct held_row *row = held->first;
        send_row(held, row, send, context);
        give_row(held, row);
    }
}

static bool row_empty(const struct held_row *row)
{
    for (size_t member = 0; member < REPLICAS_MAX; member++)
        for (size_t kind = 0; kind < HELD_KINDS; kind++)
            if (row->slots[member][kind].frame.size != 0)
                return false;
    return true;
}

void held_drop(struct held *held, size_t member)
{
    REQUIRE(member < REPLICAS_MAX);
    for (struct held_row *row = held->first, *next; row != NULL; row = next) {
        next = row->next;
        for (size_t kind = 0; kind < HELD_KINDS; kind++)
            clear_slot(held, &row->slots[member][kind]);
        if (row_empty(row))
            give_row(held, row);
    }
}

size_t held_frames(const struct held *held)
{
    return held->frames;
}

bool held_holds(const struct held *held)
{
    size_t frames = 0;
    for (const struct held_row *row = held->first; row != NULL; row = row->next) {
        if (held->by_group[row->group] != row || (row->next != NULL && row->next->lsn < row->lsn))
            return false;
        for (size_t member = 0; member < REPLICAS_MAX; member++)
            for (size_t kind = 0; kind < HELD_KINDS; kind++)
                frames += row->slots[member][kind].frame.size != 0;
    }
    return frames == held->frames && (held->first == NULL) == (frames == 0);
}
