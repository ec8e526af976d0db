/* A node that lies, stops in the middle, or sends answers without a request: every request still ends, once, and no memory grows. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/crc32c.h"
#include "grid/base/limits.h"
#include "tests/unit/client/core/script.h"

#define SECOND_US (UINT64_C(1000) * 1000)

/* Connected to node 1 alone, which leads partition 0. */
static void open_one(struct script *script)
{
    static const char *const endpoints[] = {"n1:7400"};
    struct client_options options = {.endpoints = endpoints, .endpoints_count = 1};
    script_open_with(script, &options);
    script_welcome(script, 1);
}

static void ask_one(struct script *script, struct outcome *got, struct heard *heard)
{
    script_get(script, 0, got);
    cr_assert(script_hear(script, 1, heard));
    cr_assert_eq(heard->type, FRAME_QUERY);
}

static void append(struct buffer *out, enum frame_type type, uint64_t request, uint16_t flags, struct bytes body)
{
    struct frame frame = {.type = type, .flags = flags, .partition = 0, .request = request, .body = body};
    frame_append(out, &frame);
}

static void answer_of(struct buffer *out, uint64_t request)
{
    struct response response = {.found = true, .value = bytes_of_text("v")};
    struct buffer body = {0};
    response_encode(&response, &body);
    append(out, FRAME_RESPONSE, request, 0, buffer_bytes(&body));
    buffer_close(&body);
}

/* ---- the table: what the node sends instead of an answer; the connection ends, it is counted, and the read goes on */

static void garbage(struct buffer *out, uint64_t request)
{
    (void)request;
    for (int i = 0; i < 100; i++)
        buffer_append_text(out, "\xff\xfe\xfd");
}

static void oversize(struct buffer *out, uint64_t request)
{
    (void)request;
    buffer_append_u32(out, FRAME_BODY_BYTES_MAX + 21);
}

static void wrong_checksum(struct buffer *out, uint64_t request)
{
    answer_of(out, request);
    out->data[out->size - 1] ^= 1;
}

static void other_version(struct buffer *out, uint64_t request)
{
    append(out, FRAME_RESPONSE, request, 0, BYTES_NONE);
    out->data[8] = 9;
    put_u32(out->data + 4, crc32c(bytes_of(out->data + 8, out->size - 8)));
}

static void frame_of_a_client(struct buffer *out, uint64_t request)
{
    append(out, FRAME_COMMAND, request, 0, BYTES_NONE);
}

static void frame_of_a_peer(struct buffer *out, uint64_t request)
{
    append(out, FRAME_RAFT, request, 0, BYTES_NONE);
}

static void second_welcome(struct buffer *out, uint64_t request)
{
    append(out, FRAME_WELCOME, request, 0, BYTES_NONE);
}

static void no_message(struct buffer *out, uint64_t request)
{
    append(out, FRAME_RESPONSE, request, 0, bytes_of_text("\xff\xff\xff\xff\xff"));
}

static void absurd_length(struct buffer *out, uint64_t request)
{
    append(out, FRAME_RESPONSE, request, 0, bytes_of_text("\x22\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));
}

static void packed_lie(struct buffer *out, uint64_t request)
{
    append(out, FRAME_RESPONSE, request, FRAME_FLAG_LZ4, bytes_of_text("\xff\xff\xff\xff" "abcdef"));
}

static void table_of_another_size(struct buffer *out, uint64_t request)
{
    struct message_table table = {.partitions = SCRIPT_PARTITIONS + 1};
    struct buffer body = {0};
    (void)request;
    table_encode(&table, &body);
    append(out, FRAME_TABLE, 0, 0, buffer_bytes(&body));
    buffer_close(&body);
}

static const struct row { const char *name; void (*make)(struct buffer *out, uint64_t request); } rows[] = {
    {"garbage", garbage}, {"a body above the limit", oversize}, {"a wrong checksum", wrong_checksum},
    {"another version", other_version}, {"a frame that only clients send", frame_of_a_client},
    {"a frame of the peer port", frame_of_a_peer}, {"a second welcome", second_welcome}, {"a body that is no message", no_message},
    {"a length of 2^63", absurd_length}, {"a packed body that claims 4 GB", packed_lie},
    {"a table of another cluster's size", table_of_another_size}};

Test(hostile, whatever_is_no_answer_ends_the_connection_and_the_read_is_asked_again)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct script script;
        struct outcome got;
        struct heard heard;
        struct buffer out = {0};
        open_one(&script);
        ask_one(&script, &got, &heard);
        rows[i].make(&out, heard.request);
        script_say(&script, 1, buffer_bytes(&out));
        cr_expect(!script_is_up(&script, 1), "%s: the connection stays", rows[i].name);
        cr_expect_eq(client_totals(script.client).malformed, 1, "%s: not counted", rows[i].name);
        cr_expect_eq(got.calls, 0, "%s: answered", rows[i].name);
        fake_transport_run(&script.transport);
        for (int step = 0; step < 40 && !script_is_dialled(&script, 1); step++)
            script_advance(&script, SECOND_US / 10);
        script_welcome(&script, 1);
        cr_assert(script_hear(&script, 1, &heard), "%s: not asked again", rows[i].name);
        buffer_clear(&out);
        answer_of(&out, heard.request);
        script_say(&script, 1, buffer_bytes(&out));
        cr_expect_eq(got.calls, 1);
        cr_expect_eq(got.err, GRID_ERR_OK, "%s: %s", rows[i].name, grid_err_name(got.err));
        buffer_close(&out);
        script_close(&script);
    }
}

/* ---- answers that nobody waits for */

Test(hostile, answers_to_unknown_requests_are_dropped_and_change_nothing)
{
    static const uint64_t unknown[] = {0, 1, UINT32_MAX, (uint64_t)7 << 32, UINT64_MAX};
    struct script script;
    struct outcome got;
    struct heard heard;
    struct buffer out = {0};
    open_one(&script);
    ask_one(&script, &got, &heard);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        answer_of(&out, unknown[i]);
    answer_of(&out, heard.request + 1);
    answer_of(&out, heard.request + (UINT64_C(1) << 32));
    script_say(&script, 1, buffer_bytes(&out));
    cr_assert_eq(got.calls, 0);
    cr_assert(script_is_up(&script, 1));
    buffer_clear(&out);
    answer_of(&out, heard.request);
    answer_of(&out, heard.request); /* and the same once more */
    script_say(&script, 1, buffer_bytes(&out));
    cr_assert_eq(got.calls, 1);
    cr_assert_str_eq(got.value, "v");
    buffer_close(&out);
    script_close(&script);
}

/* ---- nodes that keep the client waiting */

Test(hostile, half_an_answer_and_then_silence_ends_the_connection)
{
    struct script script;
    struct outcome got;
    struct heard heard;
    struct buffer out = {0};
    open_one(&script);
    ask_one(&script, &got, &heard);
    answer_of(&out, heard.request);
    script_say(&script, 1, bytes_of(out.data, out.size - 1));
    for (int step = 0; step < 50 && script_is_up(&script, 1); step++)
        script_advance(&script, SECOND_US / 10);
    cr_assert(!script_is_up(&script, 1));
    script_advance(&script, 10 * SECOND_US);
    cr_assert_eq(got.calls, 1);
    cr_assert_eq(got.err, GRID_ERR_UNAVAILABLE, "%s", grid_err_name(got.err));
    cr_assert_eq(client_pending(script.client), 0);
    buffer_close(&out);
    script_close(&script);
}

Test(hostile, an_answer_byte_by_byte_ends_the_connection_after_ten_seconds)
{
    struct script script;
    struct outcome got[20];
    struct heard heard;
    struct buffer out = {0};
    size_t sent = 0;
    open_one(&script);
    append(&out, FRAME_RESPONSE, 0, 0, bytes_of_text("a body that never ends, as far as the client can tell: it is sent "
                                                    "so slowly that nobody has the time to wait for its last byte"));
    for (int i = 0; i < 20 && script_is_up(&script, 1); i++) {
        script_get(&script, 0, &got[i]);
        while (script_is_up(&script, 1) && script_hear(&script, 1, &heard))
            continue;
        for (int step = 0; step < 4 && script_is_up(&script, 1); step++) {
            script_say(&script, 1, bytes_of(out.data + sent++, 1));
            script_advance(&script, SECOND_US / 4);
        }
    }
    cr_assert(!script_is_up(&script, 1), "after %zu bytes", sent);
    cr_assert_lt(sent, 60, "after %zu bytes", sent);
    cr_assert_eq(client_totals(script.client).malformed, 1);
    script_advance(&script, 15 * SECOND_US);
    cr_assert_eq(client_pending(script.client), 0);
    buffer_close(&out);
    script_close(&script);
}

Test(hostile, a_node_that_never_greets_is_left)
{
    static const char *const endpoints[] = {"n1:7400"};
    struct client_options options = {.endpoints = endpoints, .endpoints_count = 1};
    struct script script;
    struct outcome got;
    script_open_with(&script, &options);
    script_get(&script, 0, &got);
    fake_conn_open(fake_transport_dialled(&script.transport, "n1:7400"));
    script_run(&script);
    script_say(&script, 1, bytes_of_text("\x40"));
    script_advance(&script, SECOND_US + SECOND_US / 10);
    cr_assert(!script_is_up(&script, 1));
    script_advance(&script, 12 * SECOND_US);
    cr_assert_eq(got.err, GRID_ERR_UNAVAILABLE, "%s", grid_err_name(got.err));
    script_close(&script);
}

/* ---- refusals and redirects */

Test(hostile, a_node_without_room_is_left_and_the_request_ends_as_busy)
{
    static const char *const endpoints[] = {"n1:7400"};
    struct client_options options = {.endpoints = endpoints, .endpoints_count = 1};
    struct response busy = {.err = GRID_ERR_BUSY, .note = bytes_of_text("no room")};
    struct script script;
    struct outcome got;
    struct buffer out = {0}, body = {0};
    script_open_with(&script, &options);
    script_get(&script, 0, &got);
    fake_conn_open(fake_transport_dialled(&script.transport, "n1:7400"));
    script_run(&script);
    response_encode(&busy, &body);
    append(&out, FRAME_RESPONSE, 0, 0, buffer_bytes(&body));
    script_say(&script, 1, buffer_bytes(&out));
    cr_assert(!script_is_up(&script, 1));
    script_advance(&script, 12 * SECOND_US);
    cr_assert_eq(got.calls, 1);
    cr_assert_eq(got.err, GRID_ERR_BUSY, "%s", grid_err_name(got.err));
    buffer_close(&out);
    buffer_close(&body);
    script_close(&script);
}

Test(hostile, a_node_that_speaks_no_common_version_is_left_and_says_why)
{
    static const char *const endpoints[] = {"n1:7400"};
    struct client_options options = {.endpoints = endpoints, .endpoints_count = 1};
    struct response refusal = {.err = GRID_ERR_NOT_SUPPORTED, .note = bytes_of_text("the client speaks protocol 1, this node 4 to 5: upgrade the client")};
    struct script script;
    struct outcome got;
    struct buffer out = {0}, body = {0};
    script_open_with(&script, &options);
    script_get(&script, 0, &got);
    fake_conn_open(fake_transport_dialled(&script.transport, "n1:7400"));
    script_run(&script);
    response_encode(&refusal, &body);
    append(&out, FRAME_RESPONSE, 0, 0, buffer_bytes(&body));
    script_say(&script, 1, buffer_bytes(&out));
    cr_assert(!script_is_up(&script, 1));
    script_advance(&script, 12 * SECOND_US);
    cr_assert_eq(got.calls, 1);
    cr_assert_eq(got.err, GRID_ERR_NOT_SUPPORTED, "%s", grid_err_name(got.err));
    cr_assert(strstr(got.note, "n1:7400: the client speaks protocol 1, this node 4 to 5: upgrade the client") != NULL, "%s", got.note);
    buffer_close(&out);
    buffer_close(&body);
    script_close(&script);
}

Test(hostile, endless_redirects_slow_down_and_end_at_the_deadline)
{
    struct script script;
    struct outcome got;
    struct heard heard;
    uint32_t asked = 0;
    script_open(&script);
    script_get(&script, 0, &got);
    for (int step = 0; step < 3000 && got.calls == 0; step++) {
        for (uint32_t node = 1; node <= SCRIPT_NODES; node++) {
            if (script_is_dialled(&script, node))
                script_welcome(&script, node);
            while (script_is_up(&script, node) && script_hear(&script, node, &heard)) {
                asked++;
                script_answer_err(&script, node, &heard, GRID_ERR_NOT_LEADER, node % SCRIPT_NODES + 1);
            }
        }
        script_advance(&script, SECOND_US / 200);
    }
    cr_assert_eq(got.calls, 1);
    cr_assert_eq(got.err, GRID_ERR_UNAVAILABLE, "%s", grid_err_name(got.err));
    cr_assert_lt(asked, 400, "asked %u times in ten seconds", asked);
    cr_assert_gt(asked, 5);
    script_close(&script);
}
