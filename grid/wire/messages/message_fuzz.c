/* Fuzz target of the message decoders. What is accepted must be stable: encoded, decoded and encoded again it gives the
 * same bytes, at most twice as many as were read (a nested message that was left out is written as an empty one); and the checks of what clients
 * send must cope with it.
 *
 * Input: u8 which message, then its encoding. */
#include "grid/base/check.h"
#include "grid/wire/messages/message_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KINDS = 12 };

/* Decodes and encodes again; false when the input is refused. */
#define RECODE(type, prefix, ...)                                                                                  \
    do {                                                                                                           \
        type message;                                                                                              \
        bool accepted = prefix##_decode(in, __VA_ARGS__ &message) == GRID_ERR_OK;                                  \
        if (accepted)                                                                                              \
            prefix##_encode(&message, out);                                                                        \
        return accepted;                                                                                           \
    } while (false)
#define WITH_ARENA arena,

static bool recode_command(struct bytes in, struct arena *arena, struct buffer *out)
{
    struct command command;
    const char *text;
    if (command_decode(in, arena, &command) != GRID_ERR_OK)
        return false;
    ENSURE(message_check_command(&command, &text) == GRID_ERR_OK || text[0] != 0);
    command_encode(&command, out);
    return true;
}

static bool recode_query(struct bytes in, struct buffer *out)
{
    struct query query;
    const char *text;
    if (query_decode(in, &query) != GRID_ERR_OK)
        return false;
    ENSURE(message_check_query(&query, &text) == GRID_ERR_OK || text[0] != 0);
    query_encode(&query, out);
    return true;
}

static bool recode_admin_request(struct bytes in, struct buffer *out)
{
    enum admin_kind kind;
    if (admin_request_decode(in, &kind) != GRID_ERR_OK)
        return false;
    admin_request_encode(kind, out);
    return true;
}

static bool recode(unsigned kind, struct bytes in, struct arena *arena, struct buffer *out)
{
    switch (kind) {
    case 0: RECODE(struct message_hello, hello, );
    case 1: RECODE(struct message_welcome, welcome, WITH_ARENA);
    case 2: RECODE(struct message_table, table, WITH_ARENA);
    case 3: return recode_command(in, arena, out);
    case 4: RECODE(struct link_message, link_message, );
    case 5: RECODE(struct event_record, event_record, );
    case 6: RECODE(struct completion_record, completion_record, );
    case 7: return recode_query(in, out);
    case 8: RECODE(struct response, response, WITH_ARENA);
    case 9: return recode_admin_request(in, out);
    case 10: RECODE(struct admin_response, admin_response, WITH_ARENA);
    default: RECODE(struct message_peer_hello, peer_hello, WITH_ARENA);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena arena;
    struct buffer first = {0}, second = {0};
    arena_init(&arena, 4096);
    unsigned kind = data[0] % KINDS;
    if (recode(kind, bytes_of(data + 1, size - 1), &arena, &first)) {
        ENSURE(recode(kind, buffer_bytes(&first), &arena, &second));
        ENSURE(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
        ENSURE(first.size <= 2 * size + 2);
    }
    buffer_close(&first);
    buffer_close(&second);
    arena_close(&arena);
    return 0;
}
