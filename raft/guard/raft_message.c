#include "raft/guard/raft_message.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"

enum {
    CONFIGURATION_FORMAT = 1,
    CONFIGURATION_SERVERS_MAX = NODES_MAX,
    /* The library pads an encoded configuration to a multiple of this. */
    CONFIGURATION_ALIGNMENT = 8,
    ENTRY_HEADER_BYTES = 14,
    /* Bytes of an entry in the log in addition to its data. */
    WAL_ENTRY_BYTES = 16,
    FLAG_DISRUPT = 1,
    FLAG_PRE_VOTE = 2,
    FLAG_GRANTED = 1,
};

/* ---- writing */

static void encode_append(struct buffer *out, const struct raft_append_entries *append)
{
    REQUIRE(append->n_entries == 0 || append->entries != NULL);
    buffer_append_u64(out, append->term);
    buffer_append_u64(out, append->prev_log_index);
    buffer_append_u64(out, append->prev_log_term);
    buffer_append_u64(out, append->leader_commit);
    buffer_append_u32(out, append->n_entries);
    for (unsigned i = 0; i < append->n_entries; i++) {
        const struct raft_entry *entry = &append->entries[i];
        REQUIRE(entry->buf.len <= UINT32_MAX);
        buffer_append_u64(out, entry->term);
        buffer_append_u16(out, entry->type);
        buffer_append_u32(out, (uint32_t)entry->buf.len);
    }
    for (unsigned i = 0; i < append->n_entries; i++)
        buffer_append(out, bytes_of(append->entries[i].buf.base, append->entries[i].buf.len));
}

static void encode_request_vote(struct buffer *out, const struct raft_request_vote *vote)
{
    buffer_append_u64(out, vote->term);
    buffer_append_u64(out, vote->last_log_index);
    buffer_append_u64(out, vote->last_log_term);
    buffer_append_u8(out, (uint8_t)((vote->disrupt_leader ? FLAG_DISRUPT : 0) | (vote->pre_vote ? FLAG_PRE_VOTE : 0)));
}

static void encode_request_vote_result(struct buffer *out, const struct raft_request_vote_result *result)
{
    bool pre_vote = result->pre_vote == raft_tribool_true;
    buffer_append_u64(out, result->term);
    buffer_append_u8(out, (uint8_t)((result->vote_granted ? FLAG_GRANTED : 0) | (pre_vote ? FLAG_PRE_VOTE : 0)));
}

void raft_message_encode(struct buffer *out, const struct raft_message *message)
{
    buffer_append_u8(out, (uint8_t)message->type);
    switch (message->type) {
    case RAFT_IO_APPEND_ENTRIES:
        encode_append(out, &message->append_entries);
        return;
    case RAFT_IO_APPEND_ENTRIES_RESULT:
        buffer_append_u64(out, message->append_entries_result.term);
        buffer_append_u64(out, message->append_entries_result.rejected);
        buffer_append_u64(out, message->append_entries_result.last_log_index);
        return;
    case RAFT_IO_REQUEST_VOTE:
        encode_request_vote(out, &message->request_vote);
        return;
    case RAFT_IO_REQUEST_VOTE_RESULT:
        encode_request_vote_result(out, &message->request_vote_result);
        return;
    case RAFT_IO_TIMEOUT_NOW:
        buffer_append_u64(out, message->timeout_now.term);
        buffer_append_u64(out, message->timeout_now.last_log_index);
        buffer_append_u64(out, message->timeout_now.last_log_term);
        return;
    default:
        UNREACHABLE("a message of another kind is never sent");
    }
}

/* ---- reading */

/* A term or an index; out of range counts as failed. */
static uint64_t read_number(struct reader *reader)
{
    uint64_t value = reader_u64(reader);
    if (value > RAFT_MESSAGE_INDEX_MAX)
        reader->failed = true;
    return value;
}

static uint64_t read_term(struct reader *reader)
{
    uint64_t term = read_number(reader);
    if (term == 0)
        reader->failed = true;
    return term;
}

static uint8_t read_flags(struct reader *reader, uint8_t known)
{
    uint8_t flags = reader_u8(reader);
    if ((flags & ~known) != 0)
        reader->failed = true;
    return flags;
}

/* A position in the log: index 0 has term 0, every other has a term. */
static void read_position(struct reader *reader, raft_index *ret_index, raft_term *ret_term)
{
    *ret_index = read_number(reader);
    *ret_term = read_number(reader);
    if ((*ret_index == 0) != (*ret_term == 0))
        reader->failed = true;
}

bool raft_message_configuration_valid(struct bytes data)
{
    struct reader reader = reader_of(data);
    if (reader_u8(&reader) != CONFIGURATION_FORMAT)
        return false;
    uint64_t servers = reader_u64(&reader);
    if (servers == 0 || servers > CONFIGURATION_SERVERS_MAX)
        return false;
    for (uint64_t i = 0; i < servers && !reader.failed; i++) {
        uint64_t id = reader_u64(&reader);
        const uint8_t *end = reader_left(&reader) == 0 ? NULL : memchr(reader.at, 0, reader_left(&reader));
        if (id == 0 || end == NULL)
            return false;
        reader_take(&reader, (size_t)(end - reader.at) + 1);
        if (reader_u8(&reader) > RAFT_SPARE)
            return false;
    }
    return !reader.failed && reader_left(&reader) < CONFIGURATION_ALIGNMENT;
}

static bool entry_valid(const struct raft_entry *entry, uint64_t term_before, uint64_t term_of_leader)
{
    if (entry->term == 0 || entry->term < term_before || entry->term > term_of_leader || entry->buf.len > ENTRY_BYTES_MAX)
        return false;
    if (entry->type == RAFT_CHANGE)
        return raft_message_configuration_valid(bytes_of(entry->buf.base, entry->buf.len));
    return entry->type == RAFT_COMMAND || entry->type == RAFT_BARRIER;
}

/* Cuts the payloads that follow the entry headers; the batch is the copy that the entries point into. */
static bool read_payloads(struct reader *reader, struct raft_append_entries *append)
{
    struct bytes payloads = reader_take(reader, reader_left(reader));
    uint8_t *batch = raft_malloc(payloads.size + 1);
    REQUIRE(batch != NULL);
    if (payloads.size != 0)
        memcpy(batch, payloads.data, payloads.size);
    size_t at = 0;
    bool valid = true;
    uint64_t term_before = append->prev_log_term;
    for (unsigned i = 0; i < append->n_entries; i++) {
        struct raft_entry *entry = &append->entries[i];
        entry->batch = batch;
        entry->buf.base = batch + at;
        if (!valid || entry->buf.len > payloads.size - at) {
            valid = false;
            continue;
        }
        at += entry->buf.len;
        valid = entry_valid(entry, term_before, append->term);
        term_before = entry->term;
    }
    return valid && at == payloads.size;
}

static bool read_entries(struct reader *reader, struct raft_append_entries *append)
{
    unsigned count = append->n_entries;
    append->entries = NULL;
    if (reader->failed || count > APPEND_ENTRIES_MAX || count > reader_left(reader) / ENTRY_HEADER_BYTES)
        return false;
    if (count == 0)
        return reader_left(reader) == 0;
    append->entries = raft_malloc(count * sizeof *append->entries);
    REQUIRE(append->entries != NULL);
    for (unsigned i = 0; i < count; i++) {
        append->entries[i] = (struct raft_entry){.term = reader_u64(reader)};
        append->entries[i].type = reader_u16(reader);
        append->entries[i].buf.len = reader_u32(reader);
    }
    return read_payloads(reader, append);
}

static bool decode_append(struct reader *reader, struct raft_message *message)
{
    struct raft_append_entries *append = &message->append_entries;
    append->term = read_term(reader);
    read_position(reader, &append->prev_log_index, &append->prev_log_term);
    append->leader_commit = read_number(reader);
    append->n_entries = reader_u32(reader);
    if (append->prev_log_term > append->term)
        reader->failed = true;
    if (read_entries(reader, append))
        return true;
    raft_message_free(message);
    return false;
}

static void decode_request_vote(struct reader *reader, struct node_id from, struct raft_request_vote *vote)
{
    vote->term = read_term(reader);
    vote->candidate_id = from.value;
    raft_term last_term;
    read_position(reader, &vote->last_log_index, &last_term);
    vote->last_log_term = last_term;
    uint8_t flags = read_flags(reader, FLAG_DISRUPT | FLAG_PRE_VOTE);
    vote->disrupt_leader = (flags & FLAG_DISRUPT) != 0;
    vote->pre_vote = (flags & FLAG_PRE_VOTE) != 0;
}

static void decode_request_vote_result(struct reader *reader, struct raft_request_vote_result *result)
{
    result->term = read_term(reader);
    uint8_t flags = read_flags(reader, FLAG_GRANTED | FLAG_PRE_VOTE);
    result->vote_granted = (flags & FLAG_GRANTED) != 0;
    result->pre_vote = (flags & FLAG_PRE_VOTE) != 0 ? raft_tribool_true : raft_tribool_false;
}

bool raft_message_decode(struct bytes body, struct node_id from, struct raft_message *ret_message)
{
    REQUIRE(from.value != 0);
    struct reader reader = reader_of(body);
    memset(ret_message, 0, sizeof *ret_message);
    ret_message->type = reader_u8(&reader);
    ret_message->server_id = from.value;
    ret_message->server_address = "";
    switch (ret_message->type) {
    case RAFT_IO_APPEND_ENTRIES:
        return decode_append(&reader, ret_message);
    case RAFT_IO_APPEND_ENTRIES_RESULT:
        ret_message->append_entries_result.term = read_term(&reader);
        ret_message->append_entries_result.rejected = read_number(&reader);
        ret_message->append_entries_result.last_log_index = read_number(&reader);
        break;
    case RAFT_IO_REQUEST_VOTE:
        decode_request_vote(&reader, from, &ret_message->request_vote);
        break;
    case RAFT_IO_REQUEST_VOTE_RESULT:
        decode_request_vote_result(&reader, &ret_message->request_vote_result);
        break;
    case RAFT_IO_TIMEOUT_NOW:
        ret_message->timeout_now.term = read_term(&reader);
        ret_message->timeout_now.last_log_index = read_number(&reader);
        ret_message->timeout_now.last_log_term = read_number(&reader);
        break;
    default:
        return false;
    }
    return !reader.failed && reader_left(&reader) == 0;
}

void raft_message_free(struct raft_message *message)
{
    if (message->type != RAFT_IO_APPEND_ENTRIES || message->append_entries.entries == NULL)
        return;
    REQUIRE(message->append_entries.n_entries != 0);
    raft_free(message->append_entries.entries[0].batch);
    raft_free(message->append_entries.entries);
    message->append_entries.entries = NULL;
    message->append_entries.n_entries = 0;
}

size_t raft_message_log_bytes(const struct raft_message *message)
{
    size_t size = 0;
    if (message->type == RAFT_IO_APPEND_ENTRIES)
        for (unsigned i = 0; i < message->append_entries.n_entries; i++)
            size += message->append_entries.entries[i].buf.len + WAL_ENTRY_BYTES;
    return size;
}

enum raft_message_load raft_message_load(const struct raft_message *message)
{
    REQUIRE(message->type == RAFT_IO_APPEND_ENTRIES);
    const struct raft_append_entries *append = &message->append_entries;
    enum raft_message_load load = RAFT_MESSAGE_BARRIERS;
    for (unsigned i = 0; i < append->n_entries; i++) {
        const struct raft_entry *entry = &append->entries[i];
        if (entry->type != RAFT_BARRIER && entry->term >= append->term)
            return RAFT_MESSAGE_WORK;
        if (entry->type != RAFT_BARRIER)
            load = RAFT_MESSAGE_EARLIER;
    }
    return load;
}

void raft_message_strip(struct raft_message *message)
{
    REQUIRE(message->type == RAFT_IO_APPEND_ENTRIES);
    raft_message_free(message);
    struct raft_append_entries *append = &message->append_entries;
    if (append->leader_commit > append->prev_log_index)
        append->leader_commit = append->prev_log_index;
}

/* ---- confirmations */

void confirm_row_append(struct buffer *out, struct confirm_row row)
{
    buffer_append_u32(out, row.group);
    buffer_append_u64(out, row.term);
    buffer_append_u64(out, row.sequence);
}

bool confirm_row_next(struct reader *reader, struct confirm_row *ret_row)
{
    if (reader_left(reader) == 0)
        return false;
    ret_row->group = reader_u32(reader);
    ret_row->term = reader_u64(reader);
    ret_row->sequence = reader_u64(reader);
    return !reader->failed;
}
