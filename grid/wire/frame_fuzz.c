/* Fuzz target of the frame parser and stream. The stream must see the same frames, and end for the same reason, however
 * the input is cut; what it accepts must be written back byte by byte; unpacking must stay within its limit.
 *
 * Input: u8 seed of the cuts, then the stream. */
#include "grid/base/crc32c.h"
#include "grid/base/prng.h"
#include "grid/wire/compress.h"
#include "grid/wire/frame.h"

enum { BODY_BYTES_MAX = 4096, PLAIN_BYTES_MAX = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_unpacked(const struct frame *frame)
{
    struct frame opened = *frame;
    struct buffer plain = {0};
    if (compress_frame_open(&opened, PLAIN_BYTES_MAX, &plain) == GRID_ERR_OK) {
        ENSURE(opened.flags == 0);
        ENSURE(opened.body.size <= PLAIN_BYTES_MAX);
    }
    buffer_close(&plain);
}

static bool write_back(void *context, const struct frame *frame)
{
    check_unpacked(frame);
    frame_append(context, frame);
    return true;
}

/* Makes the first frame's checksum right, or nothing would ever come past it. */
static void repair(struct buffer *input)
{
    if (input->size < FRAME_HEADER_BYTES)
        return;
    size_t size = (size_t)get_u32(input->data) + 4;
    if (size < FRAME_HEADER_BYTES || size > input->size)
        return;
    put_u32(input->data + 4, crc32c(bytes_of(input->data + 8, size - 8)));
}

static enum frame_result feed_in_pieces(struct bytes input, uint64_t seed, struct buffer *out)
{
    struct frame_stream stream = {0};
    struct prng prng;
    prng_init(&prng, seed);
    enum frame_result result = FRAME_OK;
    for (size_t at = 0; at < input.size && result == FRAME_OK;) {
        size_t left = input.size - at;
        size_t size = (size_t)prng_range(&prng, 1, left < 40 ? left : 40);
        result = frame_stream_feed(&stream, bytes_of(input.data + at, size), BODY_BYTES_MAX, write_back, out);
        at += size;
    }
    frame_stream_close(&stream);
    return result;
}

static void check(struct bytes input, uint64_t seed)
{
    struct buffer whole = {0}, pieces = {0};
    struct frame_stream stream = {0};
    enum frame_result at_once = frame_stream_feed(&stream, input, BODY_BYTES_MAX, write_back, &whole);
    size_t waiting = stream.pending.size;
    frame_stream_close(&stream);
    ENSURE(at_once == feed_in_pieces(input, seed, &pieces));
    ENSURE(bytes_equal(buffer_bytes(&whole), buffer_bytes(&pieces)));
    ENSURE(whole.size + waiting <= input.size && (at_once != FRAME_OK || whole.size + waiting == input.size));
    ENSURE(bytes_equal(buffer_bytes(&whole), bytes_of(input.data, whole.size)));
    buffer_close(&whole);
    buffer_close(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct buffer input = {0};
    buffer_append(&input, bytes_of(data + 1, size - 1));
    check(buffer_bytes(&input), data[0]);
    repair(&input);
    check(buffer_bytes(&input), data[0]);
    buffer_close(&input);
    return 0;
}
