#include <criterion/criterion.h>

#include <signal.h>
#include <string.h>

#include "grid/base/crc32c.h"
#include "grid/base/limits.h"
#include "grid/base/prng.h"
#include "grid/wire/frame.h"

enum { BODY_BYTES_MAX = 1000 };

static struct frame frame_of(enum frame_type type, const char *body)
{
    return (struct frame){.type = type, .partition = 0x01020304, .request = 0x1112131415161718, .body = bytes_of_text(body)};
}

static void reseal(struct buffer *buffer)
{
    put_u32(buffer->data + 4, crc32c(bytes_of(buffer->data + 8, buffer->size - 8)));
}

static enum frame_result parse(const struct buffer *buffer)
{
    struct frame frame;
    size_t size;
    return frame_parse(buffer_bytes(buffer), BODY_BYTES_MAX, &frame, &size);
}

static bool same(const struct frame *a, const struct frame *b)
{
    return a->type == b->type && a->flags == b->flags && a->partition == b->partition && a->request == b->request &&
           bytes_equal(a->body, b->body);
}

Test(frame, stands_on_the_wire_as_documented)
{
    static const uint8_t expected[] = {
        0x16, 0, 0, 0, 0, 0, 0, 0, 1, 3, 1, 0, 4, 3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 'h', 'i',
    };
    struct buffer buffer = {0};
    struct frame frame = frame_of(FRAME_COMMAND, "hi");
    frame.flags = FRAME_FLAG_LZ4;
    frame_append(&buffer, &frame);
    cr_assert_eq(buffer.size, sizeof expected);
    cr_assert_eq(get_u32(buffer.data + 4), crc32c(bytes_of(expected + 8, sizeof expected - 8)));
    put_u32(buffer.data + 4, 0);
    cr_assert_arr_eq(buffer.data, expected, sizeof expected);
    buffer_close(&buffer);
}

/* The example of docs/formats/frame.md. */
Test(frame, agrees_with_the_example_of_the_document)
{
    static const uint8_t expected[] = {
        0x16, 0, 0, 0, 0x9f, 0x6a, 0x18, 0x53, 1, 3, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 'h', 'i',
    };
    struct buffer buffer = {0};
    struct frame frame = {.type = FRAME_COMMAND, .partition = 3, .request = 9, .body = bytes_of_text("hi")};
    frame_append(&buffer, &frame);
    cr_assert(bytes_equal(buffer_bytes(&buffer), bytes_of(expected, sizeof expected)));
    buffer_close(&buffer);
}

Test(frame, reads_back_every_type)
{
    static const enum frame_type types[] = {
        FRAME_HELLO, FRAME_WELCOME, FRAME_COMMAND, FRAME_QUERY, FRAME_RESPONSE, FRAME_TABLE, FRAME_ADMIN,
        FRAME_ADMIN_RESPONSE, FRAME_PEER_HELLO, FRAME_RAFT, FRAME_CONFIRM, FRAME_CONFIRM_ANSWER, FRAME_MESSAGES,
        FRAME_MESSAGES_ANSWER, FRAME_LEADERS, FRAME_BEAT, FRAME_LOG_TIMES, FRAME_POSITION, FRAME_ROOM, FRAME_MEMORY, FRAME_SNAPSHOT_BYTES, FRAME_SNAPSHOT_WANT,
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct buffer buffer = {0};
        struct frame written = frame_of(types[i], "body"), read;
        size_t size = 0;
        frame_append(&buffer, &written);
        buffer_append_text(&buffer, "next");
        cr_assert_eq(frame_parse(buffer_bytes(&buffer), BODY_BYTES_MAX, &read, &size), FRAME_OK);
        cr_assert_eq(size, FRAME_HEADER_BYTES + 4);
        cr_assert(same(&written, &read));
        cr_assert_eq(read.body.data, buffer.data + FRAME_HEADER_BYTES, "the body borrows");
        buffer_close(&buffer);
    }
}

Test(frame, may_have_no_body)
{
    struct buffer buffer = {0};
    struct frame written = frame_of(FRAME_HELLO, ""), read;
    size_t size = 0;
    frame_append(&buffer, &written);
    cr_assert_eq(frame_parse(buffer_bytes(&buffer), 0, &read, &size), FRAME_OK);
    cr_assert_eq(size, FRAME_HEADER_BYTES);
    cr_assert_eq(read.body.size, 0);
    buffer_close(&buffer);
}

Test(frame, written_in_place_is_the_same_as_appended)
{
    struct buffer in_place = {0}, at_once = {0};
    buffer_append_text(&in_place, "earlier frames");
    size_t mark = frame_begin(&in_place, FRAME_RAFT, 7, 9);
    buffer_append_text(&in_place, "one ");
    buffer_append_text(&in_place, "two");
    frame_end(&in_place, mark);
    struct frame frame = {.type = FRAME_RAFT, .partition = 7, .request = 9, .body = bytes_of_text("one two")};
    frame_append(&at_once, &frame);
    buffer_consume(&in_place, mark);
    cr_assert(bytes_equal(buffer_bytes(&in_place), buffer_bytes(&at_once)));
    buffer_close(&in_place);
    buffer_close(&at_once);
}

Test(frame, is_short_at_every_cut)
{
    struct buffer buffer = {0};
    struct frame frame = frame_of(FRAME_QUERY, "some body");
    frame_append(&buffer, &frame);
    for (size_t cut = 0; cut < buffer.size; cut++) {
        size_t size = 77;
        cr_assert_eq(frame_parse(bytes_of(buffer.data, cut), BODY_BYTES_MAX, &frame, &size), FRAME_SHORT);
        cr_assert_eq(size, 77);
    }
    buffer_close(&buffer);
}

Test(frame, refuses_sizes_below_a_header_and_above_the_limit_before_the_rest_arrives)
{
    struct buffer buffer = {0};
    buffer_append_u32(&buffer, 19);
    cr_assert_eq(parse(&buffer), FRAME_BAD_SIZE);
    put_u32(buffer.data, 0);
    cr_assert_eq(parse(&buffer), FRAME_BAD_SIZE);
    put_u32(buffer.data, 20);
    cr_assert_eq(parse(&buffer), FRAME_SHORT);
    put_u32(buffer.data, 20 + BODY_BYTES_MAX);
    cr_assert_eq(parse(&buffer), FRAME_SHORT);
    put_u32(buffer.data, 20 + BODY_BYTES_MAX + 1);
    cr_assert_eq(parse(&buffer), FRAME_BAD_SIZE);
    put_u32(buffer.data, UINT32_MAX);
    cr_assert_eq(parse(&buffer), FRAME_BAD_SIZE);
    buffer_close(&buffer);
}

Test(frame, refuses_any_flipped_bit)
{
    struct buffer buffer = {0};
    struct frame frame = frame_of(FRAME_QUERY, "some body");
    frame_append(&buffer, &frame);
    for (size_t bit = 0; bit < 8 * buffer.size; bit++) {
        buffer.data[bit / 8] = (uint8_t)(buffer.data[bit / 8] ^ 1u << bit % 8);
        enum frame_result result = parse(&buffer);
        cr_assert_neq(result, FRAME_OK, "bit %zu", bit);
        cr_assert(bit < 32 || result == FRAME_BAD_CRC, "bit %zu", bit);
        buffer.data[bit / 8] = (uint8_t)(buffer.data[bit / 8] ^ 1u << bit % 8);
    }
    buffer_close(&buffer);
}

Test(frame, refuses_other_versions)
{
    struct buffer buffer = {0};
    struct frame frame = frame_of(FRAME_QUERY, "some body");
    frame_append(&buffer, &frame);
    for (unsigned version = 0; version < 256; version++) {
        buffer.data[8] = (uint8_t)version;
        reseal(&buffer);
        cr_assert_eq(parse(&buffer), version == FRAME_VERSION ? FRAME_OK : FRAME_BAD_VERSION);
    }
    buffer_close(&buffer);
}

Test(frame, refuses_unknown_types)
{
    struct buffer buffer = {0};
    struct frame frame = frame_of(FRAME_QUERY, "some body");
    frame_append(&buffer, &frame);
    for (unsigned type = 0; type < 256; type++) {
        buffer.data[9] = (uint8_t)type;
        reseal(&buffer);
        bool known = (type >= 1 && type <= 8) || (type >= 32 && type <= 45);
        cr_assert_eq(parse(&buffer), known ? FRAME_OK : FRAME_BAD_TYPE, "type %u", type);
    }
    buffer_close(&buffer);
}

Test(frame, refuses_unknown_flags)
{
    struct buffer buffer = {0};
    struct frame frame = frame_of(FRAME_QUERY, "some body");
    frame_append(&buffer, &frame);
    for (unsigned bit = 0; bit < 16; bit++) {
        put_u16(buffer.data + 10, (uint16_t)(1u << bit));
        reseal(&buffer);
        cr_assert_eq(parse(&buffer), bit == 0 ? FRAME_OK : FRAME_BAD_FLAGS, "bit %u", bit);
    }
    buffer_close(&buffer);
}

Test(frame, names_every_result)
{
    cr_assert_str_eq(frame_result_name(FRAME_OK), "ok");
    cr_assert_str_eq(frame_result_name(FRAME_SHORT), "short");
    cr_assert_str_eq(frame_result_name(FRAME_BAD_SIZE), "size");
    cr_assert_str_eq(frame_result_name(FRAME_BAD_CRC), "crc");
    cr_assert_str_eq(frame_result_name(FRAME_BAD_VERSION), "version");
    cr_assert_str_eq(frame_result_name(FRAME_BAD_TYPE), "type");
    cr_assert_str_eq(frame_result_name(FRAME_BAD_FLAGS), "flags");
}

Test(frame, cannot_be_written_larger_than_the_limit, .signal = SIGABRT)
{
    struct buffer buffer = {0};
    size_t mark = frame_begin(&buffer, FRAME_RAFT, 0, 0);
    memset(buffer_extend(&buffer, FRAME_BODY_BYTES_MAX + 1), 0, FRAME_BODY_BYTES_MAX + 1);
    frame_end(&buffer, mark);
}

/* Copies what it is given and stops after `stop_after` frames. */
struct heard { struct buffer frames; size_t count, stop_after; struct bytes last; };

static bool hear(void *context, const struct frame *frame)
{
    struct heard *heard = context;
    frame_append(&heard->frames, frame);
    heard->last = frame->body;
    return ++heard->count != heard->stop_after;
}

static void append_some(struct buffer *out, size_t count, uint64_t seed)
{
    uint8_t body[BODY_BYTES_MAX];
    struct prng prng;
    prng_init(&prng, seed);
    memset(body, (int)seed, sizeof body);
    for (size_t i = 0; i < count; i++) {
        struct frame frame = {.type = FRAME_COMMAND, .partition = (uint32_t)i, .request = i,
                              .body = bytes_of(body, prng_range(&prng, 0, prng_chance(&prng, 100000) ? BODY_BYTES_MAX : 30))};
        frame_append(out, &frame);
    }
}

Test(frame_stream, finds_the_same_frames_however_the_stream_is_cut)
{
    struct buffer sent = {0};
    append_some(&sent, 50, 1);
    for (size_t piece = 1; piece < 200; piece++) {
        struct frame_stream stream = {0};
        struct heard heard = {0};
        for (size_t at = 0; at < sent.size; at += piece) {
            size_t size = sent.size - at < piece ? sent.size - at : piece;
            struct bytes data = bytes_of(sent.data + at, size);
            cr_assert_eq(frame_stream_feed(&stream, data, BODY_BYTES_MAX, hear, &heard), FRAME_OK);
        }
        cr_assert_eq(heard.count, 50, "pieces of %zu", piece);
        cr_assert(bytes_equal(buffer_bytes(&heard.frames), buffer_bytes(&sent)), "pieces of %zu", piece);
        cr_assert_eq(stream.pending.size, 0);
        frame_stream_close(&stream);
        buffer_close(&heard.frames);
    }
    buffer_close(&sent);
}

Test(frame_stream, hands_over_a_frame_with_its_last_byte)
{
    struct buffer sent = {0};
    struct frame_stream stream = {0};
    struct heard heard = {0};
    struct frame frame = frame_of(FRAME_QUERY, "some body");
    frame_append(&sent, &frame);
    for (size_t i = 0; i < sent.size; i++) {
        cr_assert_eq(heard.count, 0);
        frame_stream_feed(&stream, bytes_of(sent.data + i, 1), BODY_BYTES_MAX, hear, &heard);
    }
    cr_assert_eq(heard.count, 1);
    frame_stream_close(&stream);
    buffer_close(&heard.frames);
    buffer_close(&sent);
}

Test(frame_stream, neither_copies_nor_allocates_for_whole_frames)
{
    struct buffer sent = {0};
    struct frame_stream stream = {0};
    struct heard heard = {0};
    append_some(&sent, 20, 2);
    cr_assert_eq(frame_stream_feed(&stream, buffer_bytes(&sent), BODY_BYTES_MAX, hear, &heard), FRAME_OK);
    cr_assert_eq(heard.count, 20);
    cr_assert_null(stream.pending.data);
    cr_assert_eq(heard.last.data + heard.last.size, sent.data + sent.size);
    frame_stream_close(&stream);
    buffer_close(&heard.frames);
    buffer_close(&sent);
}

Test(frame_stream, accepts_nothing)
{
    struct frame_stream stream = {0};
    struct heard heard = {0};
    cr_assert_eq(frame_stream_feed(&stream, BYTES_NONE, BODY_BYTES_MAX, hear, &heard), FRAME_OK);
    cr_assert_eq(heard.count, 0);
    frame_stream_close(&stream);
}

Test(frame_stream, names_the_reason_behind_good_frames)
{
    for (size_t piece = 1; piece < 100; piece++) {
        struct buffer sent = {0};
        struct frame_stream stream = {0};
        struct heard heard = {0};
        append_some(&sent, 3, 3);
        size_t bad = sent.size;
        struct frame frame = frame_of(FRAME_QUERY, "some body");
        frame_append(&sent, &frame);
        sent.data[bad + 4] ^= 1;
        enum frame_result result = FRAME_OK;
        for (size_t at = 0; at < sent.size && result == FRAME_OK; at += piece) {
            size_t size = sent.size - at < piece ? sent.size - at : piece;
            result = frame_stream_feed(&stream, bytes_of(sent.data + at, size), BODY_BYTES_MAX, hear, &heard);
        }
        cr_assert_eq(result, FRAME_BAD_CRC, "pieces of %zu", piece);
        cr_assert_eq(heard.count, 3);
        frame_stream_close(&stream);
        buffer_close(&heard.frames);
        buffer_close(&sent);
    }
}

Test(frame_stream, refuses_a_size_above_the_limit_with_its_fourth_byte)
{
    struct frame_stream stream = {0};
    struct heard heard = {0};
    uint8_t size[4];
    put_u32(size, 20 + BODY_BYTES_MAX + 1);
    cr_assert_eq(frame_stream_feed(&stream, bytes_of(size, 3), BODY_BYTES_MAX, hear, &heard), FRAME_OK);
    cr_assert_eq(frame_stream_feed(&stream, bytes_of(size + 3, 1), BODY_BYTES_MAX, hear, &heard), FRAME_BAD_SIZE);
    frame_stream_close(&stream);
}

Test(frame_stream, stops_when_the_listener_has_enough)
{
    for (size_t first = 1; first < 60; first++) {
        struct buffer sent = {0};
        struct frame_stream stream = {0};
        struct heard heard = {.stop_after = 2};
        append_some(&sent, 10, 4);
        frame_stream_feed(&stream, bytes_of(sent.data, first), BODY_BYTES_MAX, hear, &heard);
        if (heard.count < 2) {
            struct bytes rest = bytes_of(sent.data + first, sent.size - first);
            cr_assert_eq(frame_stream_feed(&stream, rest, BODY_BYTES_MAX, hear, &heard), FRAME_OK);
        }
        cr_assert_eq(heard.count, 2);
        frame_stream_close(&stream);
        buffer_close(&heard.frames);
        buffer_close(&sent);
    }
}

Test(frame_stream, gives_the_memory_of_large_frames_back)
{
    struct buffer sent = {0};
    struct frame_stream stream = {0};
    struct heard heard = {0};
    size_t mark = frame_begin(&sent, FRAME_RAFT, 0, 0);
    memset(buffer_extend(&sent, 1 << 20), 1, 1 << 20);
    frame_end(&sent, mark);
    frame_stream_feed(&stream, bytes_of(sent.data, 1 << 20), FRAME_BODY_BYTES_MAX, hear, &heard);
    cr_assert_geq(stream.pending.capacity, 1 << 20);
    struct bytes rest = bytes_of(sent.data + (1 << 20), sent.size - (1 << 20));
    cr_assert_eq(frame_stream_feed(&stream, rest, FRAME_BODY_BYTES_MAX, hear, &heard), FRAME_OK);
    cr_assert_eq(heard.count, 1);
    cr_assert_eq(stream.pending.capacity, 0);
    frame_stream_close(&stream);
    buffer_close(&heard.frames);
    buffer_close(&sent);
}
