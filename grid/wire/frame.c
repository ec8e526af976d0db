#include "grid/wire/frame.h"

#include "grid/base/crc32c.h"
#include "grid/base/limits.h"

enum {
    AT_CRC = 4,
    AT_VERSION = 8,
    AT_TYPE = 9,
    AT_FLAGS = 10,
    AT_PARTITION = 12,
    AT_REQUEST = 16,
    SIZE_FIELD_BYTES = 4,
    SIZE_MIN = FRAME_HEADER_BYTES - SIZE_FIELD_BYTES,
    FLAGS_KNOWN = FRAME_FLAG_LZ4,
    /* A stream gives larger memory back once the frame that needed it is handed over. */
    STREAM_KEPT_BYTES = 256 * 1024,
};

static bool type_is_known(uint8_t number)
{
    switch ((enum frame_type)number) {
    case FRAME_HELLO:
    case FRAME_WELCOME:
    case FRAME_COMMAND:
    case FRAME_QUERY:
    case FRAME_RESPONSE:
    case FRAME_TABLE:
    case FRAME_ADMIN:
    case FRAME_ADMIN_RESPONSE:
    case FRAME_PEER_HELLO:
    case FRAME_RAFT:
    case FRAME_CONFIRM:
    case FRAME_CONFIRM_ANSWER:
    case FRAME_MESSAGES:
    case FRAME_MESSAGES_ANSWER:
    case FRAME_LEADERS:
    case FRAME_BEAT:
    case FRAME_LOG_TIMES:
    case FRAME_POSITION:
    case FRAME_ROOM:
    case FRAME_MEMORY:
    case FRAME_SNAPSHOT_BYTES:
    case FRAME_SNAPSHOT_WANT:
        return true;
    }
    return false;
}

/* Size of the frame at the front, as its size field says; FRAME_SHORT before that field is whole. */
static enum frame_result frame_size(struct bytes input, size_t body_bytes_max, size_t *ret_size)
{
    if (input.size < SIZE_FIELD_BYTES)
        return FRAME_SHORT;
    uint32_t rest = get_u32(input.data);
    if (rest < SIZE_MIN || rest - SIZE_MIN > body_bytes_max)
        return FRAME_BAD_SIZE;
    *ret_size = (size_t)rest + SIZE_FIELD_BYTES;
    return FRAME_OK;
}

enum frame_result frame_parse(struct bytes input, size_t body_bytes_max, struct frame *ret_frame, size_t *ret_size)
{
    REQUIRE(ret_frame != NULL && ret_size != NULL);
    size_t size;
    enum frame_result result = frame_size(input, body_bytes_max, &size);
    if (result != FRAME_OK)
        return result;
    if (input.size < size)
        return FRAME_SHORT;
    const uint8_t *at = input.data;
    if (get_u32(at + AT_CRC) != crc32c(bytes_of(at + AT_VERSION, size - AT_VERSION)))
        return FRAME_BAD_CRC;
    if (at[AT_VERSION] != FRAME_VERSION)
        return FRAME_BAD_VERSION;
    if (!type_is_known(at[AT_TYPE]))
        return FRAME_BAD_TYPE;
    uint16_t flags = get_u16(at + AT_FLAGS);
    if ((flags & ~FLAGS_KNOWN) != 0)
        return FRAME_BAD_FLAGS;
    *ret_frame = (struct frame){
        .type = (enum frame_type)at[AT_TYPE],
        .flags = flags,
        .partition = get_u32(at + AT_PARTITION),
        .request = get_u64(at + AT_REQUEST),
        .body = bytes_of(at + FRAME_HEADER_BYTES, size - FRAME_HEADER_BYTES),
    };
    *ret_size = size;
    return FRAME_OK;
}

const char *frame_result_name(enum frame_result result)
{
    switch (result) {
    case FRAME_OK:
        return "ok";
    case FRAME_SHORT:
        return "short";
    case FRAME_BAD_SIZE:
        return "size";
    case FRAME_BAD_CRC:
        return "crc";
    case FRAME_BAD_VERSION:
        return "version";
    case FRAME_BAD_TYPE:
        return "type";
    case FRAME_BAD_FLAGS:
        return "flags";
    }
    UNREACHABLE("every result has a name");
}

size_t frame_begin(struct buffer *out, enum frame_type type, uint32_t partition, uint64_t request)
{
    REQUIRE(type_is_known((uint8_t)type));
    size_t mark = out->size;
    uint8_t *at = buffer_extend(out, FRAME_HEADER_BYTES);
    /* Zero means "not ended": no frame is that short. */
    put_u64(at, 0);
    at[AT_VERSION] = FRAME_VERSION;
    at[AT_TYPE] = (uint8_t)type;
    put_u16(at + AT_FLAGS, 0);
    put_u32(at + AT_PARTITION, partition);
    put_u64(at + AT_REQUEST, request);
    return mark;
}

void frame_flag(struct buffer *out, size_t mark, enum frame_flag flag)
{
    REQUIRE(out->size >= FRAME_HEADER_BYTES && mark <= out->size - FRAME_HEADER_BYTES);
    uint8_t *at = out->data + mark + AT_FLAGS;
    put_u16(at, (uint16_t)(get_u16(at) | (unsigned)flag));
}

void frame_end(struct buffer *out, size_t mark)
{
    REQUIRE(out->size >= FRAME_HEADER_BYTES && mark <= out->size - FRAME_HEADER_BYTES);
    size_t size = out->size - mark;
    REQUIRE(size - FRAME_HEADER_BYTES <= FRAME_BODY_BYTES_MAX);
    uint8_t *at = out->data + mark;
    put_u32(at, (uint32_t)(size - SIZE_FIELD_BYTES));
    put_u32(at + AT_CRC, crc32c(bytes_of(at + AT_VERSION, size - AT_VERSION)));
}

void frame_append(struct buffer *out, const struct frame *frame)
{
    REQUIRE((frame->flags & ~FLAGS_KNOWN) == 0);
    buffer_reserve(out, FRAME_HEADER_BYTES + frame->body.size);
    size_t mark = frame_begin(out, frame->type, frame->partition, frame->request);
    put_u16(out->data + mark + AT_FLAGS, frame->flags);
    buffer_append(out, frame->body);
    frame_end(out, mark);
}

/* Moves what is missing of `wanted` bytes from the front of `data` to the pending ones; false when data ends first. */
static bool stream_fill(struct buffer *pending, size_t wanted, struct bytes *data)
{
    if (pending->size >= wanted)
        return true;
    size_t missing = wanted - pending->size;
    size_t taken = missing < data->size ? missing : data->size;
    buffer_append(pending, bytes_of(data->data, taken));
    if (taken != 0)
        *data = bytes_of(data->data + taken, data->size - taken);
    return taken == missing;
}

static void stream_clear(struct frame_stream *stream)
{
    if (stream->pending.capacity > STREAM_KEPT_BYTES)
        buffer_close(&stream->pending);
    else
        buffer_clear(&stream->pending);
}

/* Completes the frame that an earlier feed left unfinished, copying no byte beyond its end. FRAME_SHORT: data is used up. */
static enum frame_result stream_resume(struct frame_stream *stream, struct bytes *data, size_t body_bytes_max,
                                       struct frame *ret_frame)
{
    struct buffer *pending = &stream->pending;
    size_t size;
    if (!stream_fill(pending, SIZE_FIELD_BYTES, data))
        return FRAME_SHORT;
    enum frame_result result = frame_size(buffer_bytes(pending), body_bytes_max, &size);
    if (result != FRAME_OK)
        return result;
    if (!stream_fill(pending, size, data))
        return FRAME_SHORT;
    result = frame_parse(buffer_bytes(pending), body_bytes_max, ret_frame, &size);
    ENSURE(result != FRAME_SHORT);
    return result;
}

enum frame_result frame_stream_feed(struct frame_stream *stream, struct bytes data, size_t body_bytes_max, frame_fn each,
                                    void *context)
{
    REQUIRE(each != NULL);
    struct frame frame;
    enum frame_result result = FRAME_OK;
    if (stream->pending.size != 0) {
        result = stream_resume(stream, &data, body_bytes_max, &frame);
        if (result != FRAME_OK)
            return result == FRAME_SHORT ? FRAME_OK : result;
        bool go_on = each(context, &frame);
        stream_clear(stream);
        if (!go_on)
            return FRAME_OK;
    }
    while (data.size != 0) {
        size_t size;
        result = frame_parse(data, body_bytes_max, &frame, &size);
        if (result != FRAME_OK)
            break;
        if (!each(context, &frame))
            return FRAME_OK;
        data = bytes_of(data.data + size, data.size - size);
    }
    if (result == FRAME_SHORT)
        buffer_append(&stream->pending, data);
    return result == FRAME_SHORT ? FRAME_OK : result;
}

void frame_stream_close(struct frame_stream *stream)
{
    buffer_close(&stream->pending);
}
