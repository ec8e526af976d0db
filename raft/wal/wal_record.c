#include "raft/wal/wal_record.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/crc32c.h"

/* "GWAL", little endian. */
static const uint32_t FLUSH_MAGIC = 0x4c415747;
/* Far beyond any log, and low enough that adding a flush to it cannot overflow. */
static const uint64_t POSITION_MAX = UINT64_MAX / 2;

enum {
    FLUSH_MAGIC_AT = 4, FLUSH_VERSION_AT = 8, FLUSH_SIZE_AT = 12, FLUSH_EPOCH_AT = 16, FLUSH_POSITION_AT = 24,
    FLUSH_PREVIOUS_AT = 32, FLUSH_DURABLE_AT = 40, FLUSH_RECORDS_AT = 48, FLUSH_OWNER_AT = 52,
    RECORD_SIZE_AT = 4, RECORD_TYPE_AT = 8, RECORD_GROUP_AT = 12, RECORD_POSITION_AT = 16, RECORD_EPOCH_AT = 24,
    CRC_BYTES = 4,
};

void wal_flush_header_put(uint8_t *at, const struct wal_flush_header *header)
{
    REQUIRE(header->position % WAL_PAGE_BYTES == 0 && wal_version_known(header->version));
    REQUIRE(header->durable <= header->previous && header->previous <= header->position);
    memset(at, 0, WAL_FLUSH_HEADER_BYTES);
    put_u32(at + FLUSH_MAGIC_AT, FLUSH_MAGIC);
    put_u16(at + FLUSH_VERSION_AT, header->version);
    put_u32(at + FLUSH_SIZE_AT, header->size);
    put_u64(at + FLUSH_EPOCH_AT, header->epoch);
    put_u64(at + FLUSH_POSITION_AT, header->position);
    put_u64(at + FLUSH_PREVIOUS_AT, header->previous);
    put_u64(at + FLUSH_DURABLE_AT, header->durable);
    put_u32(at + FLUSH_RECORDS_AT, header->records);
    put_u64(at + FLUSH_OWNER_AT, header->owner);
    put_u32(at, crc32c(bytes_of(at + CRC_BYTES, WAL_FLUSH_HEADER_BYTES - CRC_BYTES)));
}

const char *wal_flush_header_get(struct bytes bytes, uint64_t position, struct wal_flush_header *ret_header)
{
    if (bytes.size < WAL_FLUSH_HEADER_BYTES)
        return "the file ends inside a flush header";
    const uint8_t *at = bytes.data;
    if (get_u32(at + FLUSH_MAGIC_AT) != FLUSH_MAGIC)
        return "no flush header";
    if (get_u32(at) != crc32c(bytes_of(at + CRC_BYTES, WAL_FLUSH_HEADER_BYTES - CRC_BYTES)))
        return "the checksum of the flush header differs";
    struct wal_flush_header header = {
        .version = get_u16(at + FLUSH_VERSION_AT),
        .size = get_u32(at + FLUSH_SIZE_AT),
        .epoch = get_u64(at + FLUSH_EPOCH_AT),
        .position = get_u64(at + FLUSH_POSITION_AT),
        .previous = get_u64(at + FLUSH_PREVIOUS_AT),
        .durable = get_u64(at + FLUSH_DURABLE_AT),
        .records = get_u32(at + FLUSH_RECORDS_AT),
        .owner = get_u64(at + FLUSH_OWNER_AT),
    };
    if (header.position != position)
        return "the flush header belongs to another position";
    if (wal_version_known(header.version)) {
        if (header.durable > header.previous || header.previous > header.position || position > POSITION_MAX)
            return "the positions in the flush header contradict each other";
        if (header.size < WAL_FLUSH_HEADER_BYTES)
            return "the flush is smaller than its header";
    }
    *ret_header = header;
    return NULL;
}

size_t wal_record_begin(struct buffer *buffer, const struct wal_record *record)
{
    size_t start = buffer->size;
    uint8_t *at = buffer_extend(buffer, WAL_RECORD_HEADER_BYTES);
    memset(at, 0, WAL_RECORD_HEADER_BYTES);
    put_u16(at + RECORD_TYPE_AT, (uint16_t)record->type);
    put_u32(at + RECORD_GROUP_AT, record->group);
    put_u64(at + RECORD_POSITION_AT, record->position);
    put_u64(at + RECORD_EPOCH_AT, record->epoch);
    return start;
}

void wal_record_seal(struct buffer *buffer, size_t start)
{
    REQUIRE(buffer->size >= start + WAL_RECORD_HEADER_BYTES);
    REQUIRE(buffer->size - start <= UINT32_MAX);
    uint8_t *at = buffer->data + start;
    size_t size = buffer->size - start;
    put_u32(at + RECORD_SIZE_AT, (uint32_t)size);
    put_u32(at, crc32c(bytes_of(at + CRC_BYTES, size - CRC_BYTES)));
}

void wal_record_reseal(struct buffer *buffer, size_t start)
{
    uint8_t *at = buffer->data + start;
    size_t size = get_u32(at + RECORD_SIZE_AT);
    REQUIRE(size >= WAL_RECORD_HEADER_BYTES && start + size <= buffer->size);
    put_u32(at, crc32c(bytes_of(at + CRC_BYTES, size - CRC_BYTES)));
}

const char *wal_record_get(struct bytes bytes, uint64_t position, uint64_t epoch, struct wal_record *ret_record,
                           size_t *ret_size)
{
    if (bytes.size < WAL_RECORD_HEADER_BYTES)
        return "the flush ends inside a record header";
    const uint8_t *at = bytes.data;
    size_t size = get_u32(at + RECORD_SIZE_AT);
    if (size < WAL_RECORD_HEADER_BYTES || size > bytes.size)
        return "the length of a record does not fit";
    if (get_u32(at) != crc32c(bytes_of(at + CRC_BYTES, size - CRC_BYTES)))
        return "the checksum of a record differs";
    if (get_u64(at + RECORD_POSITION_AT) != position)
        return "a record belongs to another position";
    if (get_u64(at + RECORD_EPOCH_AT) != epoch)
        return "a record belongs to another epoch";
    *ret_record = (struct wal_record){
        .type = (enum wal_record_type)get_u16(at + RECORD_TYPE_AT),
        .group = get_u32(at + RECORD_GROUP_AT),
        .position = position,
        .epoch = epoch,
        .payload = bytes_of(at + WAL_RECORD_HEADER_BYTES, size - WAL_RECORD_HEADER_BYTES),
    };
    *ret_size = size;
    return NULL;
}

void wal_meta_put(struct buffer *buffer, uint64_t term, uint64_t vote)
{
    buffer_append_u64(buffer, term);
    buffer_append_u64(buffer, vote);
}

const char *wal_meta_get(struct bytes payload, uint64_t *ret_term, uint64_t *ret_vote)
{
    if (payload.size != WAL_META_BYTES)
        return "a term and vote record has a wrong size";
    *ret_term = get_u64(payload.data);
    *ret_vote = get_u64(payload.data + 8);
    return NULL;
}

void wal_truncate_put(struct buffer *buffer, uint64_t index)
{
    buffer_append_u64(buffer, index);
}

const char *wal_truncate_get(struct bytes payload, uint64_t *ret_index)
{
    if (payload.size != WAL_TRUNCATE_BYTES)
        return "a truncation record has a wrong size";
    *ret_index = get_u64(payload.data);
    return NULL;
}

void wal_snapshot_put(struct buffer *buffer, const struct wal_snapshot *snapshot)
{
    REQUIRE(snapshot->configuration.size <= UINT32_MAX);
    buffer_append_u64(buffer, snapshot->index);
    buffer_append_u64(buffer, snapshot->term);
    buffer_append_u64(buffer, snapshot->configuration_index);
    buffer_append_u32(buffer, 0);
    buffer_append_u32(buffer, (uint32_t)snapshot->configuration.size);
    buffer_append(buffer, snapshot->configuration);
}

static bool read_snapshot(struct reader *reader, struct wal_snapshot *ret_snapshot)
{
    *ret_snapshot = (struct wal_snapshot){.index = reader_u64(reader)};
    ret_snapshot->term = reader_u64(reader);
    ret_snapshot->configuration_index = reader_u64(reader);
    (void)reader_u32(reader);
    ret_snapshot->configuration = reader_sized(reader);
    return !reader->failed && reader_left(reader) == 0 && ret_snapshot->index < UINT64_MAX &&
           ret_snapshot->configuration_index <= ret_snapshot->index;
}

const char *wal_snapshot_get(struct bytes payload, struct wal_snapshot *ret_snapshot)
{
    struct reader reader = reader_of(payload);
    bool good = read_snapshot(&reader, ret_snapshot) && ret_snapshot->index != 0 && ret_snapshot->term != 0;
    return good ? NULL : "a snapshot record is malformed";
}

void wal_state_put(struct buffer *buffer, const struct wal_state_view *state)
{
    buffer_append_u64(buffer, state->term);
    buffer_append_u64(buffer, state->vote);
    buffer_append_u64(buffer, state->next_index);
    wal_snapshot_put(buffer, &state->snapshot);
}

const char *wal_state_get(struct bytes payload, struct wal_state_view *ret_state)
{
    struct reader reader = reader_of(payload);
    *ret_state = (struct wal_state_view){.term = reader_u64(&reader)};
    ret_state->vote = reader_u64(&reader);
    ret_state->next_index = reader_u64(&reader);
    bool good = read_snapshot(&reader, &ret_state->snapshot) && ret_state->next_index > ret_state->snapshot.index &&
                (ret_state->snapshot.index == 0) == (ret_state->snapshot.term == 0);
    return good ? NULL : "a state record is malformed";
}

void wal_epochs_put(struct buffer *buffer, uint64_t forgotten, uint32_t count)
{
    buffer_append_u64(buffer, forgotten);
    buffer_append_u32(buffer, count);
    buffer_append_u32(buffer, 0);
}

void wal_epoch_put(struct buffer *buffer, struct wal_epoch_end end)
{
    buffer_append_u64(buffer, end.epoch);
    buffer_append_u64(buffer, end.end);
}

const char *wal_epochs_get(struct bytes payload, uint64_t *ret_forgotten, uint32_t *ret_count, struct reader *ret_reader)
{
    struct reader reader = reader_of(payload);
    *ret_forgotten = reader_u64(&reader);
    *ret_count = reader_u32(&reader);
    (void)reader_u32(&reader);
    *ret_reader = reader;
    struct wal_epoch_end last = {*ret_forgotten, 0}, end;
    if (reader.failed || reader_left(&reader) != (size_t)*ret_count * WAL_EPOCH_BYTES)
        return "an epochs record has a wrong size";
    while (wal_epoch_next(&reader, &end)) {
        if (end.epoch <= last.epoch || end.end <= last.end)
            return "the epochs of an epochs record do not ascend";
        last = end;
    }
    return NULL;
}

bool wal_epoch_next(struct reader *reader, struct wal_epoch_end *ret_end)
{
    if (reader_left(reader) < WAL_EPOCH_BYTES)
        return false;
    ret_end->epoch = reader_u64(reader);
    ret_end->end = reader_u64(reader);
    return true;
}

void wal_entries_put(struct buffer *buffer, uint64_t first_index, uint32_t count)
{
    REQUIRE(first_index > 0 && count > 0);
    buffer_append_u64(buffer, first_index);
    buffer_append_u32(buffer, count);
    buffer_append_u32(buffer, 0);
}

void wal_entry_put(struct buffer *buffer, const struct wal_entry_view *entry)
{
    REQUIRE(entry->data.size <= UINT32_MAX);
    buffer_append_u64(buffer, entry->term);
    buffer_append_u16(buffer, entry->type);
    buffer_append_u16(buffer, 0);
    buffer_append_u32(buffer, (uint32_t)entry->data.size);
    buffer_append(buffer, entry->data);
}

const char *wal_entries_get(struct bytes payload, uint64_t *ret_first_index, uint32_t *ret_count,
                            struct reader *ret_reader)
{
    struct reader reader = reader_of(payload);
    uint64_t first_index = reader_u64(&reader);
    uint32_t count = reader_u32(&reader);
    (void)reader_u32(&reader);
    if (reader.failed || count == 0 || first_index == 0)
        return "an entries record has a malformed header";
    struct reader walk = reader;
    struct wal_entry_view ignored;
    for (uint32_t i = 0; i < count; i++)
        if (!wal_entry_next(&walk, &ignored))
            return "an entries record ends inside an entry";
    if (reader_left(&walk) != 0)
        return "an entries record is longer than its entries";
    *ret_first_index = first_index;
    *ret_count = count;
    *ret_reader = reader;
    return NULL;
}

bool wal_entry_next(struct reader *reader, struct wal_entry_view *ret_entry)
{
    uint64_t term = reader_u64(reader);
    uint16_t type = reader_u16(reader);
    (void)reader_u16(reader);
    struct bytes data = reader_sized(reader);
    if (reader->failed)
        return false;
    *ret_entry = (struct wal_entry_view){.term = term, .type = type, .data = data};
    return true;
}
