#include "raft/snapshot/transfer_message.h"

enum { FILE_BYTES_LEAST = SNAPSHOT_HEAD_BYTES + SNAPSHOT_END_BYTES };

void transfer_bytes_encode(const struct transfer_bytes *bytes, struct buffer *out)
{
    buffer_append_u64(out, bytes->what.leader_term);
    buffer_append_u64(out, bytes->what.index);
    buffer_append_u64(out, bytes->what.term);
    buffer_append_u64(out, bytes->what.file_bytes);
    buffer_append_u64(out, bytes->what.hash);
    buffer_append_u64(out, bytes->offset);
    buffer_append(out, bytes->data);
}

bool transfer_bytes_decode(struct bytes body, uint32_t group, struct transfer_bytes *ret_bytes)
{
    struct reader reader = reader_of(body);
    struct transfer_bytes bytes = {.what.group = group};
    bytes.what.leader_term = reader_u64(&reader);
    bytes.what.index = reader_u64(&reader);
    bytes.what.term = reader_u64(&reader);
    bytes.what.file_bytes = reader_u64(&reader);
    bytes.what.hash = reader_u64(&reader);
    bytes.offset = reader_u64(&reader);
    bytes.data = reader_take(&reader, reader_left(&reader));
    if (reader.failed || bytes.what.index == 0 || bytes.what.file_bytes < FILE_BYTES_LEAST || bytes.data.size > TRANSFER_CHUNK_BYTES ||
        bytes.offset > bytes.what.file_bytes || bytes.data.size > bytes.what.file_bytes - bytes.offset)
        return false;
    *ret_bytes = bytes;
    return true;
}

void transfer_want_encode(const struct transfer_want *want, struct buffer *out)
{
    buffer_append_u64(out, want->index);
    buffer_append_u64(out, want->hash);
    buffer_append_u64(out, want->offset);
    buffer_append_u8(out, (uint8_t)want->answer);
}

bool transfer_want_decode(struct bytes body, uint32_t group, struct transfer_want *ret_want)
{
    struct reader reader = reader_of(body);
    struct transfer_want want = {.group = group};
    want.index = reader_u64(&reader);
    want.hash = reader_u64(&reader);
    want.offset = reader_u64(&reader);
    uint8_t answer = reader_u8(&reader);
    if (reader.failed || reader_left(&reader) > 0 || answer < TRANSFER_START || answer >= TRANSFER_ANSWERS)
        return false;
    want.answer = (enum transfer_answer)answer;
    *ret_want = want;
    return true;
}
