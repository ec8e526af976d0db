/* A witness asks one node: played here by the test. */
#include "tests/support/witness.h"

#include <criterion/criterion.h>

#include "grid/wire/frame.h"
#include "grid/wire/messages/message.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

enum { GAP_US = 1000, PARTITIONS = 4 };

struct play {
    struct fake_clock clock;
    struct fake_transport transport;
    struct io io;
    struct prng prng;
    struct witness *witness;
    struct wgl_operation last;
    unsigned reads;
};

static void on_read(void *context, const struct wgl_operation *operation)
{
    struct play *play = context;
    play->last = *operation;
    play->reads++;
}

static void open_play(struct play *play)
{
    static const char *const keys[] = {"only"};
    *play = (struct play){0};
    fake_clock_init(&play->clock);
    fake_transport_init(&play->transport);
    prng_init(&play->prng, 1);
    play->io = (struct io){.clock = &play->clock.clock, .transport = &play->transport.transport};
    play->witness = witness_open(&(struct witness_options){.io = &play->io, .prng = &play->prng, .endpoint = "n2:1", .node = 2, .map = "m",
                                                           .keys = keys, .keys_count = 1, .gap_us = GAP_US, .number = 77,
                                                           .read = on_read, .context = play});
}

static void close_play(struct play *play)
{
    witness_close(play->witness);
    fake_transport_run(&play->transport);
    fake_transport_close(&play->transport);
    fake_clock_close(&play->clock);
}

static void say(struct play *play, enum frame_type type, uint64_t request, struct buffer *body)
{
    struct buffer out = {0};
    struct frame frame = {.type = type, .partition = FRAME_PARTITION_NONE, .request = request, .body = buffer_bytes(body)};
    frame_append(&out, &frame);
    fake_conn_say(fake_transport_up(&play->transport, "n2:1"), buffer_bytes(&out));
    fake_transport_run(&play->transport);
    buffer_close(&out);
    buffer_close(body);
}

/* The node accepts the connection and says who it is. */
static void welcome(struct play *play, uint32_t node)
{
    static const uint32_t leaders[PARTITIONS] = {1, 1, 1, 1};
    struct buffer body = {0};
    fake_conn_open(fake_transport_dialled(&play->transport, "n2:1"));
    struct message_welcome welcome = {.protocol = 1, .node = {node}, .cluster = bytes_of_text("c"),
                                      .table = {.partitions = PARTITIONS, .leaders = leaders, .leaders_count = PARTITIONS}};
    welcome_encode(&welcome, &body);
    buffer_clear(fake_conn_heard(fake_transport_up(&play->transport, "n2:1")));
    say(play, FRAME_WELCOME, 0, &body);
}

/* Takes the next frame that the node heard; false: none. */
static bool hear(struct play *play, uint64_t *ret_request)
{
    struct frame frame;
    size_t size;
    struct conn *conn = fake_transport_up(&play->transport, "n2:1");
    if (conn == NULL || frame_parse(buffer_bytes(fake_conn_heard(conn)), 1 << 20, &frame, &size) != FRAME_OK)
        return false;
    cr_assert_eq(frame.type, FRAME_QUERY);
    *ret_request = frame.request;
    buffer_consume(fake_conn_heard(conn), size);
    return true;
}

static void answer(struct play *play, uint64_t request, enum grid_err err, uint64_t number)
{
    uint8_t value[8];
    struct buffer body = {0};
    put_u64(value, number);
    struct response response = {.err = err, .found = number != 0, .value = bytes_of(value, number != 0 ? sizeof value : 0), .version = number};
    response_encode(&response, &body);
    say(play, FRAME_RESPONSE, request, &body);
}

Test(witness, hands_over_what_its_node_answers)
{
    struct play play;
    uint64_t request;
    open_play(&play);
    welcome(&play, 2);
    fake_clock_advance(&play.clock, 1);
    cr_assert(hear(&play, &request));
    uint64_t called = play.clock.now_us;
    fake_clock_advance(&play.clock, 10);
    answer(&play, request, GRID_ERR_OK, 42);
    cr_assert_eq(play.reads, 1);
    cr_assert(play.last.kind == WGL_GET && play.last.client == 77 && play.last.key == 0 && play.last.found);
    cr_assert(play.last.value == 42 && play.last.version == 42 && play.last.called == called && play.last.returned == called + 10);
    close_play(&play);
}

Test(witness, goes_on_asking_while_nobody_answers_and_takes_late_answers)
{
    struct play play;
    uint64_t first, request;
    unsigned asked = 1;
    open_play(&play);
    welcome(&play, 2);
    fake_clock_advance(&play.clock, 1);
    cr_assert(hear(&play, &first));
    uint64_t called = play.clock.now_us;
    witness_paused(play.witness, true);
    fake_clock_advance(&play.clock, 100 * GAP_US);
    while (hear(&play, &request))
        asked++;
    cr_assert_gt(asked, 50);
    answer(&play, first, GRID_ERR_OK, 7);
    cr_assert_eq(play.last.called, called);
    answer(&play, request, GRID_ERR_OK, 8);
    cr_assert_eq(play.reads, 2);
    struct witness_totals totals = witness_totals(play.witness);
    cr_assert(totals.asked == asked && totals.answered == 2 && totals.paused_asked == asked - 1 && totals.paused_answered == 1);
    close_play(&play);
}

Test(witness, does_not_count_a_refusal_or_an_answer_that_comes_twice)
{
    struct play play;
    uint64_t request;
    open_play(&play);
    welcome(&play, 2);
    fake_clock_advance(&play.clock, 1);
    cr_assert(hear(&play, &request));
    answer(&play, request, GRID_ERR_NOT_LEADER, 0);
    cr_assert_eq(play.reads, 0);
    answer(&play, request, GRID_ERR_OK, 5);
    answer(&play, request, GRID_ERR_OK, 6);
    cr_assert(play.reads == 1 && play.last.value == 5);
    close_play(&play);
}

Test(witness, does_not_listen_to_another_node_at_that_address)
{
    struct play play;
    uint64_t request;
    open_play(&play);
    welcome(&play, 3);
    fake_clock_advance(&play.clock, 10 * GAP_US);
    cr_assert_null(fake_transport_up(&play.transport, "n2:1"));
    cr_assert_not(hear(&play, &request));
    /* It tries again, and finds the right one. */
    fake_clock_advance(&play.clock, 1000 * GAP_US);
    welcome(&play, 2);
    fake_clock_advance(&play.clock, 1);
    cr_assert(hear(&play, &request));
    close_play(&play);
}

Test(witness, drops_what_a_lost_connection_swallowed_and_connects_again)
{
    struct play play;
    uint64_t before, after;
    open_play(&play);
    welcome(&play, 2);
    fake_clock_advance(&play.clock, 1);
    cr_assert(hear(&play, &before));
    fake_conn_end(fake_transport_up(&play.transport, "n2:1"), GRID_ERR_IO);
    fake_clock_advance(&play.clock, 1000 * GAP_US);
    welcome(&play, 2);
    fake_clock_advance(&play.clock, 1);
    cr_assert(hear(&play, &after));
    cr_assert_neq(before, after);
    answer(&play, after, GRID_ERR_OK, 3);
    cr_assert(play.reads == 1 && play.last.value == 3);
    close_play(&play);
}

Test(witness, asks_no_more_once_stopped)
{
    struct play play;
    uint64_t request;
    open_play(&play);
    welcome(&play, 2);
    fake_clock_advance(&play.clock, 1);
    cr_assert(hear(&play, &request));
    witness_stop(play.witness);
    fake_clock_advance(&play.clock, 100 * GAP_US);
    uint64_t next;
    cr_assert_not(hear(&play, &next));
    answer(&play, request, GRID_ERR_OK, 9);
    cr_assert_eq(play.reads, 1);
    close_play(&play);
}
