/* Random messages of every kind, and one table of their codecs, for tests that must hold for all of them.
 *
 * Sizes are small by default; now and then a field is long enough for a size of two or three bytes. */
#ifndef TESTS_SUPPORT_RANDOM_MESSAGE_H
#define TESTS_SUPPORT_RANDOM_MESSAGE_H

#include "grid/base/prng.h"
#include "grid/wire/messages/message.h"

struct message_codec {
    const char *name;                  /* as in the schema: "Hello" */
    /* Appends the encoding of a random message. */
    void (*random)(struct prng *prng, struct arena *arena, struct buffer *out);
    /* Decodes, and appends the encoding of what was decoded. */
    enum grid_err (*recode)(struct bytes in, struct arena *arena, struct buffer *out);
};

extern const struct message_codec MESSAGE_CODECS[];
extern const size_t MESSAGE_CODECS_COUNT;

struct bytes random_bytes(struct prng *prng, struct arena *arena);
struct bytes random_text(struct prng *prng, struct arena *arena);    /* UTF-8 of one to four bytes a character, no zero */
uint64_t random_u64(struct prng *prng);                              /* of any magnitude, often 0 or an extreme */
uint32_t random_u32(struct prng *prng);

#endif
