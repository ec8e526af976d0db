/* The codec against the generated code of the same schema, over random messages. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/memory.h"
#include "grid/v1/grid.pb-c.h"
#include "tests/support/random_message.h"

enum { ROUNDS = 400 };

struct peer_codec { const char *name; const ProtobufCMessageDescriptor *descriptor; };

static const ProtobufCMessageDescriptor *generated(const char *name)
{
    static const struct peer_codec peers[] = {
        {"Hello", &grid__v1__hello__descriptor}, {"PartitionTable", &grid__v1__partition_table__descriptor},
        {"Welcome", &grid__v1__welcome__descriptor}, {"Command", &grid__v1__command__descriptor},
        {"LinkMessage", &grid__v1__link_message__descriptor}, {"Event", &grid__v1__event__descriptor},
        {"Completion", &grid__v1__completion__descriptor}, {"Query", &grid__v1__query__descriptor},
        {"Response", &grid__v1__response__descriptor}, {"AdminRequest", &grid__v1__admin_request__descriptor},
        {"AdminResponse", &grid__v1__admin_response__descriptor}, {"PeerHello", &grid__v1__peer_hello__descriptor},
    };
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++)
        if (strcmp(peers[i].name, name) == 0)
            return peers[i].descriptor;
    cr_assert(false, "no generated code for %s", name);
    return NULL;
}

/* Decodes and encodes with the generated code; false when it refuses. */
static bool generated_recode(const char *name, struct bytes in, struct buffer *out)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(generated(name), NULL, in.size, in.data);
    if (message == NULL)
        return false;
    size_t size = protobuf_c_message_get_packed_size(message);
    protobuf_c_message_pack(message, buffer_extend(out, size));
    protobuf_c_message_free_unpacked(message, NULL);
    return true;
}

/* Decodes from memory of exactly the input's size, so that the address sanitizer sees a read past its end. */
static enum grid_err recode_exact(const struct message_codec *codec, struct bytes in, struct arena *arena,
                                  struct buffer *out)
{
    uint8_t *exact = memory_alloc(in.size);
    if (in.size > 0)
        memcpy(exact, in.data, in.size);
    enum grid_err err = codec->recode(bytes_of(exact, in.size), arena, out);
    memory_free(exact);
    return err;
}

Test(message_codec, writes_the_same_bytes_as_the_generated_code)
{
    struct prng prng;
    struct arena arena;
    prng_init(&prng, 1);
    arena_init(&arena, 4096);
    for (size_t c = 0; c < MESSAGE_CODECS_COUNT; c++) {
        for (int round = 0; round < ROUNDS; round++) {
            struct buffer ours = {0}, theirs = {0};
            MESSAGE_CODECS[c].random(&prng, &arena, &ours);
            cr_assert(generated_recode(MESSAGE_CODECS[c].name, buffer_bytes(&ours), &theirs), "%s round %d",
                      MESSAGE_CODECS[c].name, round);
            cr_assert(bytes_equal(buffer_bytes(&ours), buffer_bytes(&theirs)), "%s round %d", MESSAGE_CODECS[c].name,
                      round);
            buffer_close(&ours);
            buffer_close(&theirs);
            arena_reset(&arena);
        }
    }
    arena_close(&arena);
}

Test(message_codec, brings_every_message_back_unchanged)
{
    struct prng prng;
    struct arena arena;
    prng_init(&prng, 2);
    arena_init(&arena, 4096);
    for (size_t c = 0; c < MESSAGE_CODECS_COUNT; c++) {
        for (int round = 0; round < ROUNDS; round++) {
            struct buffer first = {0}, second = {0};
            MESSAGE_CODECS[c].random(&prng, &arena, &first);
            enum grid_err err = recode_exact(&MESSAGE_CODECS[c], buffer_bytes(&first), &arena, &second);
            cr_assert_eq(err, GRID_ERR_OK, "%s round %d", MESSAGE_CODECS[c].name, round);
            cr_assert(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)), "%s round %d",
                      MESSAGE_CODECS[c].name, round);
            buffer_close(&first);
            buffer_close(&second);
            arena_reset(&arena);
        }
    }
    arena_close(&arena);
}

/* The generated code accepts everything that this codec accepts, and both decode it to the same content. */
static void agrees_with_generated(const struct message_codec *codec, struct bytes in, struct arena *arena,
                                  size_t *accepted)
{
    struct buffer ours = {0}, theirs = {0}, again = {0};
    if (recode_exact(codec, in, arena, &ours) == GRID_ERR_OK) {
        (*accepted)++;
        cr_assert(generated_recode(codec->name, in, &theirs), "%s: accepted here only", codec->name);
        cr_assert_eq(recode_exact(codec, buffer_bytes(&theirs), arena, &again), GRID_ERR_OK, "%s", codec->name);
        cr_assert(bytes_equal(buffer_bytes(&ours), buffer_bytes(&again)), "%s: understood differently", codec->name);
    }
    buffer_close(&ours);
    buffer_close(&theirs);
    buffer_close(&again);
}

Test(message_codec, survives_truncation_and_corruption_at_every_byte)
{
    struct prng prng;
    struct arena arena, scratch;
    size_t accepted = 0, tried = 0;
    prng_init(&prng, 3);
    arena_init(&arena, 4096);
    arena_init(&scratch, 4096);
    for (size_t c = 0; c < MESSAGE_CODECS_COUNT; c++) {
        for (int round = 0; round < 12; round++) {
            struct buffer message = {0};
            MESSAGE_CODECS[c].random(&prng, &arena, &message);
            size_t step = 1 + message.size / 1500;
            for (size_t i = 0; i < message.size; i += step) {
                agrees_with_generated(&MESSAGE_CODECS[c], bytes_of(message.data, i), &scratch, &accepted);
                uint8_t kept = message.data[i];
                static const uint8_t flips[] = {0x01, 0x02, 0x08, 0x80, 0xff};
                for (size_t f = 0; f < sizeof flips; f++) {
                    message.data[i] = kept ^ flips[f];
                    agrees_with_generated(&MESSAGE_CODECS[c], buffer_bytes(&message), &scratch, &accepted);
                }
                message.data[i] = kept;
                tried += 6;
                arena_reset(&scratch);
            }
            buffer_close(&message);
            arena_reset(&arena);
        }
    }
    cr_assert_gt(accepted, tried / 20, "damage in values must still be read: %zu of %zu", accepted, tried);
    cr_assert_lt(accepted, tried * 19 / 20);
    arena_close(&arena);
    arena_close(&scratch);
}

Test(message_codec, survives_random_bytes)
{
    struct prng prng;
    struct arena arena;
    size_t accepted = 0;
    prng_init(&prng, 4);
    arena_init(&arena, 4096);
    for (int round = 0; round < 20000; round++) {
        uint8_t noise[24];
        size_t size = (size_t)prng_range(&prng, 0, sizeof noise);
        /* Small numbers make tags and sizes that fit more often than noise does. */
        for (size_t i = 0; i < size; i++)
            noise[i] = (uint8_t)(prng_chance(&prng, 500000) ? prng_range(&prng, 0, 40) : prng_u64(&prng));
        agrees_with_generated(&MESSAGE_CODECS[(size_t)round % MESSAGE_CODECS_COUNT], bytes_of(noise, size), &arena,
                              &accepted);
        arena_reset(&arena);
    }
    cr_assert_gt(accepted, 100);
    arena_close(&arena);
}
