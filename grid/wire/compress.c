#include "grid/wire/compress.h"

#include <limits.h>
#include <lz4.h>

#include "grid/base/limits.h"

enum {
    SIZE_FIELD_BYTES = 4,
    /* A byte of an LZ4 block decompresses to at most so many bytes. */
    EXPANSION_MAX = 255,
};

/* Packs to `at`, which has room for what pays. Returns the packed size, 0 when it would not pay. */
static size_t pack(struct bytes plain, uint8_t *at, size_t room)
{
    REQUIRE(plain.size <= LZ4_MAX_INPUT_SIZE && room <= INT_MAX);
    if (room <= SIZE_FIELD_BYTES)
        return 0;
    put_u32(at, (uint32_t)plain.size);
    int size = LZ4_compress_default((const char *)plain.data, (char *)at + SIZE_FIELD_BYTES, (int)plain.size,
                                    (int)(room - SIZE_FIELD_BYTES));
    ENSURE(size >= 0 && (size_t)size <= room);
    return size == 0 ? 0 : SIZE_FIELD_BYTES + (size_t)size;
}

/* LZ4 gives up as soon as the block outgrows the room it has, so the room is what still pays. */
static size_t room_that_pays(size_t plain_bytes)
{
    return plain_bytes - plain_bytes / 8;
}

bool compress_pack(struct bytes plain, size_t threshold_bytes, struct buffer *out)
{
    if (plain.size == 0 || plain.size < threshold_bytes)
        return false;
    size_t before = out->size, room = room_that_pays(plain.size);
    size_t packed = pack(plain, buffer_extend(out, room), room);
    buffer_truncate(out, before + packed);
    return packed != 0;
}

enum grid_err compress_unpack(struct bytes packed, size_t plain_bytes_max, struct buffer *out)
{
    struct reader reader = reader_of(packed);
    uint32_t size = reader_u32(&reader);
    struct bytes block = reader_take(&reader, reader_left(&reader));
    if (reader.failed || block.size == 0 || block.size > INT_MAX)
        return GRID_ERR_MALFORMED;
    if (size > plain_bytes_max || size > LZ4_MAX_INPUT_SIZE)
        return GRID_ERR_TOO_LARGE;
    if (size > (uint64_t)block.size * EXPANSION_MAX)
        return GRID_ERR_MALFORMED;
    size_t before = out->size;
    char *plain = (char *)buffer_extend(out, size);
    int unpacked = LZ4_decompress_safe((const char *)block.data, plain, (int)block.size, (int)size);
    if (unpacked < 0 || (uint32_t)unpacked != size) {
        buffer_truncate(out, before);
        return GRID_ERR_MALFORMED;
    }
    return GRID_ERR_OK;
}

bool compress_frame_end(struct buffer *out, size_t mark, size_t threshold_bytes)
{
    REQUIRE(out->size >= FRAME_HEADER_BYTES && mark <= out->size - FRAME_HEADER_BYTES);
    size_t start = mark + FRAME_HEADER_BYTES, plain_bytes = out->size - start, packed = 0;
    if (plain_bytes != 0 && plain_bytes >= threshold_bytes && plain_bytes <= FRAME_BODY_BYTES_MAX) {
        size_t room = room_that_pays(plain_bytes);
        uint8_t *at = buffer_extend(out, room);
        packed = pack(bytes_of(out->data + start, plain_bytes), at, room);
        if (packed != 0) {
            memmove(out->data + start, at, packed);
            frame_flag(out, mark, FRAME_FLAG_LZ4);
        }
        buffer_truncate(out, start + (packed != 0 ? packed : plain_bytes));
    }
    frame_end(out, mark);
    return packed != 0;
}

/* ---- what one end of a connection sends */

static size_t threshold_of(const struct packer *packer)
{
    return packer->counts->bytes_min != 0 ? packer->counts->bytes_min : COMPRESS_THRESHOLD_BYTES;
}

static bool tries(struct packer *packer, size_t plain_bytes)
{
    if (packer->counts == NULL || plain_bytes < threshold_of(packer) || plain_bytes > FRAME_BODY_BYTES_MAX)
        return false;
    if (packer->skip == 0)
        return true;
    packer->skip--;
    return false;
}

static void learn(struct packer *packer, bool packed, size_t plain_bytes, size_t sent_bytes)
{
    if (packed) {
        packer->failures = 0;
        packer->counts->frames++;
        packer->counts->plain += plain_bytes;
        packer->counts->sent += sent_bytes;
        return;
    }
    packer->skip = packer->failures < 6 ? 1u << packer->failures : COMPRESS_SKIP_MAX;
    packer->failures++;
}

void packer_append(struct packer *packer, struct buffer *out, const struct frame *frame)
{
    if (!tries(packer, frame->body.size)) {
        frame_append(out, frame);
        return;
    }
    size_t mark = frame_begin(out, frame->type, frame->partition, frame->request);
    bool packed = compress_pack(frame->body, threshold_of(packer), out);
    if (packed)
        frame_flag(out, mark, FRAME_FLAG_LZ4);
    else
        buffer_append(out, frame->body);
    learn(packer, packed, frame->body.size, out->size - mark - FRAME_HEADER_BYTES);
    frame_end(out, mark);
}

void packer_end(struct packer *packer, struct buffer *out, size_t mark)
{
    size_t plain_bytes = out->size - mark - FRAME_HEADER_BYTES;
    if (tries(packer, plain_bytes)) {
        bool packed = compress_frame_end(out, mark, threshold_of(packer));
        learn(packer, packed, plain_bytes, out->size - mark - FRAME_HEADER_BYTES);
    } else {
        frame_end(out, mark);
    }
}

enum grid_err compress_frame_open(struct frame *frame, size_t plain_bytes_max, struct buffer *plain)
{
    if ((frame->flags & FRAME_FLAG_LZ4) == 0)
        return GRID_ERR_OK;
    buffer_clear(plain);
    enum grid_err err = compress_unpack(frame->body, plain_bytes_max, plain);
    if (err != GRID_ERR_OK)
        return err;
    frame->body = buffer_bytes(plain);
    frame->flags = (uint16_t)(frame->flags & ~(unsigned)FRAME_FLAG_LZ4);
    return GRID_ERR_OK;
}
