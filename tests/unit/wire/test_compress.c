#include <criterion/criterion.h>

#include <string.h>

#include "grid/base/limits.h"
#include "grid/base/prng.h"
#include "grid/wire/compress.h"

static void append_words(struct buffer *out, size_t size)
{
    for (unsigned i = 0; out->size < size; i++)
        buffer_append_format(out, "{\"orderId\":\"order-%u\",\"quantity\":%u},", i, i % 7);
    buffer_truncate(out, size);
}

static void append_noise(struct buffer *out, size_t size)
{
    struct prng prng;
    prng_init(&prng, 1);
    for (size_t i = 0; i < size; i++)
        buffer_append_u8(out, (uint8_t)prng_u64(&prng));
}

Test(compress, unpacks_what_it_packed)
{
    for (size_t size = 100; size < 300000; size = size * 3 / 2) {
        struct buffer plain = {0}, packed = {0}, again = {0};
        append_words(&plain, size);
        buffer_append_text(&packed, "head");
        buffer_append_text(&again, "head");
        cr_assert(compress_pack(buffer_bytes(&plain), 100, &packed));
        cr_assert_lt(packed.size, size);
        struct bytes body = bytes_of(packed.data + 4, packed.size - 4);
        cr_assert_eq(get_u32(body.data), size);
        cr_assert_eq(compress_unpack(body, size, &again), GRID_ERR_OK);
        cr_assert(bytes_equal(bytes_of(again.data + 4, again.size - 4), buffer_bytes(&plain)));
        buffer_close(&plain);
        buffer_close(&packed);
        buffer_close(&again);
    }
}

Test(compress, leaves_small_and_noisy_bodies_alone)
{
    struct buffer words = {0}, noise = {0}, out = {0};
    append_words(&words, 1000);
    append_noise(&noise, 10000);
    cr_assert_not(compress_pack(buffer_bytes(&words), 1001, &out));
    cr_assert_not(compress_pack(buffer_bytes(&noise), 0, &out));
    cr_assert_not(compress_pack(BYTES_NONE, 0, &out));
    cr_assert_eq(out.size, 0);
    cr_assert(compress_pack(buffer_bytes(&words), 1000, &out));
    buffer_close(&words);
    buffer_close(&noise);
    buffer_close(&out);
}

Test(compress, refuses_a_stated_size_above_the_limit_before_it_asks_for_memory)
{
    struct buffer plain = {0}, packed = {0}, out = {0};
    append_words(&plain, 10000);
    cr_assert(compress_pack(buffer_bytes(&plain), 0, &packed));
    cr_assert_eq(compress_unpack(buffer_bytes(&packed), 9999, &out), GRID_ERR_TOO_LARGE);
    put_u32(packed.data, UINT32_MAX);
    cr_assert_eq(compress_unpack(buffer_bytes(&packed), FRAME_BODY_BYTES_MAX, &out), GRID_ERR_TOO_LARGE);
    cr_assert_eq(compress_unpack(buffer_bytes(&packed), SIZE_MAX, &out), GRID_ERR_TOO_LARGE);
    cr_assert_null(out.data);
    buffer_close(&plain);
    buffer_close(&packed);
}

Test(compress, refuses_a_stated_size_that_no_block_can_reach_before_it_asks_for_memory)
{
    struct buffer packed = {0}, out = {0};
    buffer_append_u32(&packed, 1 << 20);
    buffer_append_text(&packed, "tiny");
    cr_assert_eq(compress_unpack(buffer_bytes(&packed), 1 << 20, &out), GRID_ERR_MALFORMED);
    cr_assert_null(out.data);
    buffer_close(&packed);
}

Test(compress, refuses_a_wrong_stated_size)
{
    struct buffer plain = {0}, packed = {0}, out = {0};
    append_words(&plain, 10000);
    cr_assert(compress_pack(buffer_bytes(&plain), 0, &packed));
    put_u32(packed.data, 9999);
    cr_assert_eq(compress_unpack(buffer_bytes(&packed), 1 << 20, &out), GRID_ERR_MALFORMED);
    put_u32(packed.data, 10001);
    cr_assert_eq(compress_unpack(buffer_bytes(&packed), 1 << 20, &out), GRID_ERR_MALFORMED);
    cr_assert_eq(out.size, 0);
    buffer_close(&plain);
    buffer_close(&packed);
    buffer_close(&out);
}

Test(compress, refuses_every_cut)
{
    struct buffer plain = {0}, packed = {0}, out = {0};
    append_words(&plain, 1000);
    cr_assert(compress_pack(buffer_bytes(&plain), 0, &packed));
    for (size_t cut = 0; cut < packed.size; cut++)
        cr_assert_eq(compress_unpack(bytes_of(packed.data, cut), 1000, &out), GRID_ERR_MALFORMED, "cut %zu", cut);
    cr_assert_eq(out.size, 0);
    buffer_close(&plain);
    buffer_close(&packed);
    buffer_close(&out);
}

Test(compress, survives_garbage)
{
    struct prng prng;
    prng_init(&prng, 9);
    int refused = 0;
    for (int i = 0; i < 20000; i++) {
        struct buffer packed = {0}, out = {0};
        buffer_append_u32(&packed, (uint32_t)prng_range(&prng, 0, 2000));
        for (uint64_t left = prng_range(&prng, 0, 60); left != 0; left--)
            buffer_append_u8(&packed, (uint8_t)prng_u64(&prng));
        enum grid_err err = compress_unpack(buffer_bytes(&packed), 1000, &out);
        cr_assert(err == GRID_ERR_OK ? out.size == get_u32(packed.data) && out.size <= 1000 : out.size == 0);
        refused += err != GRID_ERR_OK;
        buffer_close(&packed);
        buffer_close(&out);
    }
    cr_assert_gt(refused, 19000);
}

/* Writes one frame with `plain` as its body and reads it back. */
static void send_frame(const struct buffer *plain, size_t threshold_bytes, bool expect_packed)
{
    struct buffer sent = {0}, unpacked = {0};
    struct frame frame;
    size_t size = 0;
    buffer_append_text(&sent, "earlier frames");
    size_t mark = frame_begin(&sent, FRAME_COMMAND, 1, 2);
    buffer_append(&sent, buffer_bytes(plain));
    compress_frame_end(&sent, mark, threshold_bytes);
    struct bytes written = bytes_of(sent.data + mark, sent.size - mark);
    cr_assert_eq(frame_parse(written, FRAME_BODY_BYTES_MAX, &frame, &size), FRAME_OK);
    cr_assert_eq(size, written.size);
    cr_assert_eq(frame.flags, expect_packed ? FRAME_FLAG_LZ4 : 0);
    cr_assert_eq(frame.body.size < plain->size, expect_packed);
    cr_assert_eq(compress_frame_open(&frame, FRAME_BODY_BYTES_MAX, &unpacked), GRID_ERR_OK);
    cr_assert_eq(frame.flags, 0);
    cr_assert(bytes_equal(frame.body, buffer_bytes(plain)));
    cr_assert_eq(unpacked.size, expect_packed ? plain->size : 0);
    buffer_close(&sent);
    buffer_close(&unpacked);
}

Test(compress, packs_the_body_of_a_frame_in_place_when_it_pays)
{
    struct buffer words = {0}, noise = {0}, none = {0};
    append_words(&words, 100000);
    append_noise(&noise, 100000);
    send_frame(&words, COMPRESS_THRESHOLD_BYTES, true);
    send_frame(&words, 100001, false);
    send_frame(&noise, COMPRESS_THRESHOLD_BYTES, false);
    send_frame(&none, 0, false);
    buffer_close(&words);
    buffer_close(&noise);
}

/* What a packer writes at the end of `out`, in either of its two ways, must be the frame again. */
static bool packs(struct packer *packer, const struct buffer *plain, bool in_place)
{
    struct buffer sent = {0}, unpacked = {0};
    struct frame frame;
    size_t size = 0;
    if (in_place) {
        size_t mark = frame_begin(&sent, FRAME_RESPONSE, 1, 2);
        buffer_append(&sent, buffer_bytes(plain));
        packer_end(packer, &sent, mark);
    } else {
        packer_append(packer, &sent, &(struct frame){.type = FRAME_RESPONSE, .partition = 1, .request = 2, .body = buffer_bytes(plain)});
    }
    cr_assert_eq(frame_parse(buffer_bytes(&sent), FRAME_BODY_BYTES_MAX, &frame, &size), FRAME_OK);
    cr_assert(size == sent.size && frame.type == FRAME_RESPONSE && frame.partition == 1 && frame.request == 2);
    bool packed = (frame.flags & FRAME_FLAG_LZ4) != 0;
    cr_assert_eq(compress_frame_open(&frame, FRAME_BODY_BYTES_MAX, &unpacked), GRID_ERR_OK);
    cr_assert(bytes_equal(frame.body, buffer_bytes(plain)));
    buffer_close(&sent);
    buffer_close(&unpacked);
    return packed;
}

Test(compress, a_packer_that_is_off_packs_nothing)
{
    struct packer packer = packer_of(NULL);
    struct buffer words = {0};
    append_words(&words, 100000);
    cr_assert_not(packs(&packer, &words, true));
    cr_assert_not(packs(&packer, &words, false));
    buffer_close(&words);
}

Test(compress, a_packer_packs_large_bodies_that_shrink_and_counts_them)
{
    struct packer_counts counts = {0};
    struct packer packer = packer_of(&counts);
    struct buffer words = {0}, small = {0};
    append_words(&words, 50000);
    append_words(&small, COMPRESS_THRESHOLD_BYTES - 1);
    cr_assert(packs(&packer, &words, true) && packs(&packer, &words, false));
    cr_assert_not(packs(&packer, &small, true));
    cr_assert_not(packs(&packer, &small, false));
    cr_assert(counts.frames == 2 && counts.plain == 100000 && counts.sent > 0 && counts.sent <= 100000 - 100000 / 8);
    buffer_close(&words);
    buffer_close(&small);
}

/* Noise costs a try now and then, not every time; the first body that shrinks ends that. */
Test(compress, a_packer_tries_less_often_what_does_not_shrink)
{
    struct packer_counts counts = {0};
    struct packer packer = packer_of(&counts);
    struct buffer words = {0}, noise = {0};
    size_t waited = 0;
    append_words(&words, 5000);
    append_noise(&noise, 5000);
    cr_assert_not(packs(&packer, &noise, true));
    cr_assert_not(packs(&packer, &words, true), "one is let through");
    cr_assert(packs(&packer, &words, true));
    for (size_t i = 0; i < 1000; i++)
        cr_assert_not(packs(&packer, &noise, i % 2 == 0));
    while (!packs(&packer, &words, true))
        waited++;
    cr_assert(waited > 0 && waited <= COMPRESS_SKIP_MAX, "%zu", waited);
    cr_assert(packs(&packer, &words, true), "at once again");
    buffer_close(&words);
    buffer_close(&noise);
}

Test(compress, is_wanted_where_both_ends_have_it_and_bytes_cost)
{
    cr_assert(packer_wanted(COMPRESS_AUTO, true, false));
    cr_assert_not(packer_wanted(COMPRESS_AUTO, true, true), "within a machine");
    cr_assert(packer_wanted(COMPRESS_ON, true, true));
    cr_assert_not(packer_wanted(COMPRESS_OFF, true, false));
    cr_assert_not(packer_wanted(COMPRESS_AUTO, false, false), "not negotiated");
    cr_assert_not(packer_wanted(COMPRESS_ON, false, false));
}

Test(compress, leaves_a_frame_alone_that_cannot_be_opened)
{
    struct buffer packed = {0}, plain = {0};
    buffer_append_u32(&packed, 10);
    buffer_append_text(&packed, "garbage");
    struct frame frame = {.type = FRAME_COMMAND, .flags = FRAME_FLAG_LZ4, .body = buffer_bytes(&packed)};
    cr_assert_eq(compress_frame_open(&frame, 9, &plain), GRID_ERR_TOO_LARGE);
    cr_assert_eq(compress_frame_open(&frame, 1000, &plain), GRID_ERR_MALFORMED);
    cr_assert_eq(frame.flags, FRAME_FLAG_LZ4);
    cr_assert_eq(frame.body.data, packed.data);
    buffer_close(&packed);
    buffer_close(&plain);
}
