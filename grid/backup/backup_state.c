#include "grid/backup/backup_state.h"

#include <inttypes.h>

#include "grid/base/arena.h"
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/base/sorted_row.h"
#include "grid/partition/component.h"
#include "grid/partition/partition.h"
#include "grid/wire/messages/message.h"

enum { FORMAT_RESTORED = 2, NUMBERS_BYTES = 5 * 8 + sizeof(struct partition_counts) };
/* Kinds of the records that are read here, by section. */
enum { MAPS_ENTRY = 3, MAPS_ENDING_ENTRY = 4, OUTBOX_LINK = 2, INBOX_SOURCE = 2 };

void backup_state_init(struct backup_state *state)
{
    *state = (struct backup_state){.epoch = 1};
}

void backup_state_close(struct backup_state *state)
{
    memory_free(state->sent.rows);
    memory_free(state->received.rows);
    buffer_close(&state->part);
    *state = (struct backup_state){0};
}

struct backup_link backup_links_find(const struct backup_links *links, uint32_t partition)
{
    const struct backup_link *link = sorted_row_find(links->rows, links->count, sizeof *links->rows, partition);
    return link != NULL ? *link : (struct backup_link){.partition = partition};
}

/* ---- records */

static const char *take_genesis(struct backup_state *state, struct bytes genesis)
{
    struct arena arena;
    struct command command;
    if (genesis.size == 0)
        return NULL;
    arena_init(&arena, 1024);
    bool good = command_decode(genesis, &arena, &command) == GRID_ERR_OK && command.kind == COMMAND_GENESIS;
    state->partitions = good ? command.genesis.partitions : 0;
    arena_close(&arena);
    return good && state->partitions <= PARTITIONS_MAX && state->partition < state->partitions ? NULL : "not the first entry of a cluster with this partition";
}

static const char *take_partition(struct backup_state *state, struct reader *body, enum grid_err *err)
{
    uint32_t format = reader_u32(body);
    if (format > FORMAT_RESTORED) {
        *err = GRID_ERR_NOT_SUPPORTED;
        return "the state was written by a newer version";
    }
    state->partition = reader_u32(body);
    state->level = reader_u32(body);
    (void)reader_take(body, NUMBERS_BYTES);
    struct bytes genesis = reader_sized(body);
    if (format == FORMAT_RESTORED) {
        (void)reader_u8(body);
        state->epoch = reader_u32(body);
    }
    if (body->failed || format == 0 || state->epoch == 0)
        return "not the numbers of a partition";
    return take_genesis(state, genesis);
}

static const char *add_link(struct backup_links *links, struct backup_link link)
{
    if (links->count > 0 && links->rows[links->count - 1].partition >= link.partition)
        return "the partitions do not ascend";
    if (links->count == PARTITIONS_MAX)
        return "more partitions than there can be";
    links->rows = sorted_row_widen(links->rows, &links->count, &links->capacity, sizeof *links->rows, links->count);
    links->rows[links->count - 1] = link;
    return NULL;
}

static const char *take_sent(struct backup_state *state, struct reader *body)
{
    uint32_t destination = reader_u32(body);
    uint64_t first = reader_u64(body), count = reader_u64(body);
    if (body->failed || first == 0 || count > UINT64_MAX - first)
        return "not a row of messages";
    return add_link(&state->sent, (struct backup_link){destination, first - 1, first - 1 + count});
}

static const char *take_received(struct backup_state *state, struct reader *body)
{
    uint32_t source = reader_u32(body);
    (void)reader_u32(body);
    uint64_t last = reader_u64(body);
    return body->failed ? "not the last message of a partition" : add_link(&state->received, (struct backup_link){source, last, last});
}

static const char *take_end(struct backup_state *state, uint8_t kind, struct reader *body)
{
    uint64_t records = reader_u64(body), digest = reader_u64(body);
    if (body->failed || reader_left(body) != 0 || kind != RECORD_FIRST || records != state->records || digest != state->digest)
        return "the records are not those that were written";
    state->complete = true;
    return NULL;
}

/* NULL: good. */
static const char *take(struct backup_state *state, struct bytes record, enum grid_err *err)
{
    uint8_t section = record.data[4], kind = record.data[5];
    struct reader body = reader_of(bytes_of(record.data + RECORD_HEAD_BYTES, record.size - RECORD_HEAD_BYTES));
    const char *wrong = section < state->section || (state->section == 0 && section != SECTION_PARTITION) ? "the section stands at the wrong place" : NULL;
    state->section = section;
    if (wrong == NULL && section == SECTION_PARTITION)
        wrong = take_partition(state, &body, err);
    else if (wrong == NULL && section == SECTION_OUTBOX && kind == OUTBOX_LINK)
        wrong = take_sent(state, &body);
    else if (wrong == NULL && section == SECTION_INBOX && kind == INBOX_SOURCE)
        wrong = take_received(state, &body);
    else if (wrong == NULL && section == SECTION_END)
        wrong = take_end(state, kind, &body);
    state->entries += section == SECTION_MAPS && (kind == MAPS_ENTRY || kind == MAPS_ENDING_ENTRY);
    state->digest = hash_xxh3(record, state->digest);
    state->records++;
    return wrong;
}

/* ---- pieces */

static size_t record_size(const struct buffer *part)
{
    return part->size < RECORD_HEAD_BYTES ? RECORD_HEAD_BYTES : RECORD_HEAD_BYTES + (size_t)get_u32(part->data);
}

enum grid_err backup_state_add(struct backup_state *state, struct bytes piece, char **ret_note)
{
    enum grid_err err = GRID_ERR_CORRUPT;
    const char *wrong = NULL;
    while (wrong == NULL && piece.size > 0) {
        size_t size = record_size(&state->part);
        if (state->complete)
            wrong = "bytes follow the last record";
        else if (size > SNAPSHOT_RECORD_BYTES_MAX)
            wrong = "the record is larger than any";
        if (wrong != NULL)
            break;
        size_t lacks = size - state->part.size, taken = lacks < piece.size ? lacks : piece.size;
        buffer_append(&state->part, bytes_of(piece.data, taken));
        piece = bytes_of(piece.data + taken, piece.size - taken);
        /* With its head the size of the record is known. */
        if (state->part.size < size || record_size(&state->part) > size)
            continue;
        wrong = take(state, buffer_bytes(&state->part), &err);
        state->bytes += wrong == NULL ? size : 0;
        buffer_clear(&state->part);
    }
    if (wrong == NULL)
        return GRID_ERR_OK;
    *ret_note = err_note("byte %" PRIu64 " of the state: %s", state->bytes, wrong);
    return err;
}
