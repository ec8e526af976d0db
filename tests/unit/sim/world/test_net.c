#include <criterion/criterion.h>

#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/wire/frame.h"
#include "tests/sim/world/quorum.h"

/* Two hosts: n1 connects and talks, n2 listens and keeps what it hears. */
struct side {
    struct host *host;
    struct conn *conn;
    struct listener *listener;
    struct buffer heard;
    unsigned opened, closed, deliveries, drained;
    enum grid_err reason;
};

struct pair { struct world *world; struct side a, b; };

static void on_open(void *context, struct conn *conn)
{
    struct side *side = context;
    cr_assert_eq(side->conn, conn);
    side->opened++;
}

static void on_data(void *context, struct conn *conn, struct bytes data)
{
    (void)conn;
    struct side *side = context;
    side->deliveries++;
    buffer_append(&side->heard, data);
}

static void on_drain(void *context, struct conn *conn)
{
    (void)conn;
    ((struct side *)context)->drained++;
}

static void on_close(void *context, struct conn *conn, enum grid_err reason)
{
    struct side *side = context;
    cr_assert_eq(side->conn, conn);
    side->closed++;
    side->reason = reason;
    side->conn = NULL;
}

static const struct conn_events events = {on_open, on_data, on_drain, on_close};

static void accept_conn(void *context, struct conn *conn)
{
    struct side *side = context;
    side->conn = conn;
    side->opened++;
    conn_attach(host_io(side->host)->transport, conn, &events, side);
}

static void open_talker(void *context, struct host *host)
{
    struct side *side = context;
    side->conn = transport_connect(host_io(host)->transport, "n2:7401", &events, side);
}

static void open_listener(void *context, struct host *host)
{
    struct side *side = context;
    cr_assert_eq(transport_listen(host_io(host)->transport, "n2:7401", accept_conn, side, &side->listener), GRID_ERR_OK);
}

static void crash_side(void *context, struct host *host)
{
    struct side *side = context;
    if (side->conn) {
        conn_close(host_io(host)->transport, side->conn); /* what a node's close does on its way down */
        cr_assert_not_null(conn_output(host_io(host)->transport, side->conn));
    }
    side->conn = NULL;
}

static struct pair *pair_open(uint64_t seed, uint64_t faults)
{
    struct pair *pair = memory_zero(1, sizeof *pair);
    struct world_options options = {.seed = seed, .faults_allowed = faults, .faults_forced = true};
    pair->world = world_open(&options);
    struct host_owner talker = {open_talker, NULL, crash_side, &pair->a, NULL};
    struct host_owner listener = {open_listener, NULL, crash_side, &pair->b, NULL};
    pair->a.host = world_add_host(pair->world, "n1", HOST_NODE, &talker);
    pair->b.host = world_add_host(pair->world, "n2", HOST_NODE, &listener);
    host_start(pair->b.host);
    host_start(pair->a.host);
    return pair;
}

static void pair_close(struct pair *pair)
{
    world_close(pair->world);
    buffer_close(&pair->a.heard);
    buffer_close(&pair->b.heard);
    memory_free(pair);
}

static void run_for(struct pair *pair, uint64_t us) { cr_assert(world_run(pair->world, world_now_us(pair->world) + us)); }

struct speech { struct side *side; struct buffer bytes; };

static void speak(struct world *world, void *context)
{
    (void)world;
    struct speech *speech = context;
    buffer_append(conn_output(host_io(speech->side->host)->transport, speech->side->conn), buffer_bytes(&speech->bytes));
}

/* Writes in an iteration of its own, at once. */
static void say(struct side *side, struct bytes bytes)
{
    struct speech speech = {.side = side};
    struct world *world = host_world(side->host);
    buffer_append(&speech.bytes, bytes);
    host_at(side->host, 0, speak, &speech);
    cr_assert(world_run(world, world_now_us(world)));
    buffer_close(&speech.bytes);
}

static void say_frame(struct pair *pair, enum frame_type type, uint64_t number)
{
    struct buffer bytes = {0};
    frame_append(&bytes, &(struct frame){.type = type, .request = number, .body = bytes_of_text("twelve bytes")});
    say(&pair->a, buffer_bytes(&bytes));
    buffer_close(&bytes);
}

/* Numbers of the frames that arrived whole, in order. */
struct arrivals { uint64_t numbers[4000]; size_t count; };

static bool collect(void *context, const struct frame *frame)
{
    struct arrivals *arrivals = context;
    arrivals->numbers[arrivals->count++] = frame->request;
    return true;
}

static void arrivals_of(struct side *side, struct arrivals *ret_arrivals)
{
    struct frame_stream stream = {0};
    ret_arrivals->count = 0;
    cr_assert_eq(frame_stream_feed(&stream, buffer_bytes(&side->heard), 1 << 20, collect, ret_arrivals), FRAME_OK);
    frame_stream_close(&stream);
}

Test(net, carries_bytes_both_ways_in_order)
{
    struct pair *pair = pair_open(1, 0);
    run_for(pair, 1000000);
    cr_assert_eq(pair->a.opened, 1);
    cr_assert_eq(pair->b.opened, 1);
    say(&pair->a, bytes_of_text("hello "));
    say(&pair->a, bytes_of_text("world"));
    say(&pair->b, bytes_of_text("yes"));
    run_for(pair, 1000000);
    cr_assert(bytes_equal(buffer_bytes(&pair->b.heard), bytes_of_text("hello world")));
    cr_assert(bytes_equal(buffer_bytes(&pair->a.heard), bytes_of_text("yes")));
    cr_assert_gt(pair->a.drained, 0);
    pair_close(pair);
}

Test(net, keeps_the_order_of_a_connection_under_jitter_and_cuts_frames_in_the_middle)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct pair *pair = pair_open(seed, FAULT_BIT(DELAY) | FAULT_BIT(CHUNKS));
        run_for(pair, 1000000);
        faults_begin(pair->world);
        for (uint64_t i = 1; i <= 300; i++) {
            say_frame(pair, FRAME_RAFT, i);
            run_for(pair, 2000);
        }
        run_for(pair, 10000000);
        struct arrivals arrivals;
        arrivals_of(&pair->b, &arrivals);
        cr_assert_eq(arrivals.count, 300);
        for (uint64_t i = 1; i <= 300; i++) {
            cr_assert_eq(arrivals.numbers[i - 1], i);
        }
        cr_assert_gt(pair->b.deliveries, 300 - 1);
        pair_close(pair);
    }
}

Test(net, loses_and_repeats_whole_frames_of_peers_and_nothing_of_clients)
{
    size_t lost = 0, repeated = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct pair *pair = pair_open(seed, FAULT_BIT(DROP) | FAULT_BIT(DUPLICATE) | FAULT_BIT(CHUNKS));
        run_for(pair, 1000000);
        faults_begin(pair->world);
        say_frame(pair, FRAME_PEER_HELLO, 0);
        for (uint64_t i = 1; i <= 500; i++) {
            say_frame(pair, i % 2 ? FRAME_RAFT : FRAME_COMMAND, i);
            run_for(pair, 1000);
        }
        run_for(pair, 5000000);
        struct arrivals arrivals;
        arrivals_of(&pair->b, &arrivals);
        unsigned seen[501] = {0};
        for (size_t i = 0; i < arrivals.count; i++) {
            seen[arrivals.numbers[i]]++;
        }
        cr_assert_eq(seen[0], 1);
        for (size_t i = 1; i <= 500; i++) {
            cr_assert(i % 2 || seen[i] == 1, "a client's frame came %u times", seen[i]);
            lost += seen[i] == 0;
            repeated += seen[i] > 1;
        }
        pair_close(pair);
    }
    cr_assert_gt(lost, 0);
    cr_assert_gt(repeated, 0);
}

/* F12: what no sender of ours says stands between frames, and makes a reader stop there. */
Test(net, puts_garbage_between_frames)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct pair *pair = pair_open(seed, FAULT_BIT(GARBAGE));
        run_for(pair, 1000000);
        faults_begin(pair->world);
        size_t said = 0;
        for (uint64_t i = 1; i <= 300000 && world_totals(pair->world)->garbage == 0; i++) {
            size_t before = pair->b.heard.size;
            say_frame(pair, FRAME_COMMAND, i);
            run_for(pair, 50000);
            said = pair->b.heard.size - before;
        }
        cr_assert_eq(world_totals(pair->world)->garbage, 1);
        cr_assert_eq(faults_happened(pair->world)[FAULT_GARBAGE], 1);
        struct bytes last = bytes_of(pair->b.heard.data + pair->b.heard.size - said, said);
        struct frame frame;
        size_t size;
        enum frame_result result = frame_parse(last, FRAME_BODY_BYTES_MAX, &frame, &size);
        cr_assert(result != FRAME_OK || size != said, "there is nothing but the frame");
        pair_close(pair);
    }
}

/* F13: as long as the connection lives, an old frame may arrive again. */
Test(net, repeats_frames_of_peers_minutes_later)
{
    size_t late = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct pair *pair = pair_open(seed, FAULT_BIT(OLD_FRAME));
        run_for(pair, 1000000);
        faults_begin(pair->world);
        for (uint64_t i = 1; i <= 3000; i++) {
            say_frame(pair, FRAME_RAFT, i % 200);
            run_for(pair, 1000);
        }
        run_for(pair, 60000000);
        uint64_t before = faults_happened(pair->world)[FAULT_OLD_FRAME];
        run_for(pair, 300000000);
        late += (size_t)(faults_happened(pair->world)[FAULT_OLD_FRAME] - before);
        pair_close(pair);
    }
    cr_assert_gt(late, 0);
}

/* A cut of eight seconds: what was written at its beginning is said again 12.6 s after that, when the doubled timer runs out, and
 * arrives as if nothing had happened. */
Test(net, delivers_what_a_cut_held_up_only_when_the_doubled_timer_of_the_sender_runs_out)
{
    struct pair *pair = pair_open(2, 0);
    run_for(pair, 1000000);
    net_cut(pair->world, pair->a.host, pair->b.host, 8000000, false);
    net_cut(pair->world, pair->b.host, pair->a.host, 8000000, false);
    say_frame(pair, FRAME_RAFT, 1);
    say(&pair->b, bytes_of_text("back"));
    run_for(pair, 8000000);
    say_frame(pair, FRAME_RAFT, 2);
    run_for(pair, 4400000);
    cr_assert_eq(pair->b.heard.size + pair->a.heard.size, 0, "it waits about as long again");
    run_for(pair, 600000);
    struct arrivals arrivals;
    arrivals_of(&pair->b, &arrivals);
    cr_assert_eq(arrivals.count, 2, "all of it, in order");
    cr_assert_eq(pair->a.heard.size, 4);
    cr_assert_eq(pair->a.closed + pair->b.closed, 0, "nobody was told");
    say_frame(pair, FRAME_RAFT, 3);
    run_for(pair, 100000);
    arrivals_of(&pair->b, &arrivals);
    cr_assert_eq(arrivals.count, 3, "and from then on it is quick again");
    pair_close(pair);
}

/* Acknowledgements travel the other way: without them little more is sent. */
Test(net, a_cut_of_one_direction_soon_stops_the_other_too)
{
    struct pair *pair = pair_open(2, 0);
    run_for(pair, 1000000);
    net_cut(pair->world, pair->a.host, pair->b.host, 4000000, false);
    say_frame(pair, FRAME_RAFT, 1);
    say(&pair->b, bytes_of_text("back"));
    run_for(pair, 1000000);
    cr_assert_eq(pair->b.heard.size, 0);
    cr_assert_eq(pair->a.heard.size, 4, "what is under way arrives");
    say(&pair->b, bytes_of_text("more"));
    run_for(pair, 2000000);
    cr_assert_eq(pair->a.heard.size, 4);
    run_for(pair, 7000000);
    cr_assert_eq(pair->a.heard.size, 8);
    cr_assert_gt(pair->b.heard.size, 0);
    pair_close(pair);
}

/* While the machine is off, the other end learns nothing. Once it is back, the other end learns of it at its next write. */
Test(net, a_power_cut_leaves_the_other_end_silent)
{
    struct pair *pair = pair_open(9, 0);
    run_for(pair, 1000000);
    host_crash(pair->b.host, CRASH_POWER);
    run_for(pair, 20000000);
    say(&pair->a, bytes_of_text("anybody"));
    run_for(pair, 5000000);
    cr_assert_eq(pair->a.closed, 0);
    host_start(pair->b.host);
    run_for(pair, 500000);
    cr_assert_eq(pair->a.closed, 0, "the timer is at 6.4 s by now");
    run_for(pair, 10000000);
    cr_assert_eq(pair->a.closed, 1);
    cr_assert_eq(pair->a.reason, GRID_ERR_IO);
    pair_close(pair);
}

Test(net, loses_the_frames_of_a_losing_cut)
{
    struct pair *pair = pair_open(2, 0);
    run_for(pair, 1000000);
    net_cut(pair->world, pair->a.host, pair->b.host, 1000000, true);
    say_frame(pair, FRAME_RAFT, 1);
    run_for(pair, 1500000);
    say_frame(pair, FRAME_RAFT, 2);
    run_for(pair, 1500000);
    struct arrivals arrivals;
    arrivals_of(&pair->b, &arrivals);
    cr_assert_eq(arrivals.count, 1);
    cr_assert_eq(arrivals.numbers[0], 2);
    pair_close(pair);
}

Test(net, refuses_a_connection_to_a_host_that_is_down)
{
    struct pair *pair = pair_open(3, 0);
    run_for(pair, 1000000);
    host_crash(pair->a.host, CRASH_KILL);
    host_crash(pair->b.host, CRASH_KILL);
    pair->a.opened = pair->a.closed = 0;
    host_start(pair->a.host);
    run_for(pair, 1000000);
    cr_assert_eq(pair->a.opened, 0);
    cr_assert_eq(pair->a.closed, 1);
    cr_assert_eq(pair->a.reason, GRID_ERR_UNAVAILABLE);
    pair_close(pair);
}

Test(net, gives_up_connecting_through_a_cut_after_minutes)
{
    struct pair *pair = pair_open(3, 0);
    host_crash(pair->a.host, CRASH_KILL);
    net_cut(pair->world, pair->b.host, pair->a.host, 300000000, true);
    host_start(pair->a.host);
    run_for(pair, 126000000);
    cr_assert_eq(pair->a.closed, 0);
    run_for(pair, 2000000);
    cr_assert_eq(pair->a.opened, 0);
    cr_assert_eq(pair->a.closed, 1);
    cr_assert_eq(pair->a.reason, GRID_ERR_TIMEOUT);
    pair_close(pair);
}

Test(net, a_connect_gets_through_at_the_next_try_after_a_cut)
{
    struct pair *pair = pair_open(3, 0);
    host_crash(pair->a.host, CRASH_KILL);
    pair->a.opened = 0;
    net_cut(pair->world, pair->b.host, pair->a.host, 4000000, false);
    host_start(pair->a.host);
    run_for(pair, 6500000);
    cr_assert_eq(pair->a.opened, 0, "after 1, 3 and 7 seconds");
    run_for(pair, 1000000);
    cr_assert_eq(pair->a.opened, 1);
    pair_close(pair);
}

Test(net, tells_the_peer_of_a_killed_process_after_its_last_bytes)
{
    struct pair *pair = pair_open(4, 0);
    run_for(pair, 1000000);
    say_frame(pair, FRAME_RAFT, 1);
    run_for(pair, 1);
    host_crash(pair->a.host, CRASH_KILL);
    run_for(pair, 1000000);
    struct arrivals arrivals;
    arrivals_of(&pair->b, &arrivals);
    cr_assert_eq(arrivals.count, 1);
    cr_assert_eq(pair->b.closed, 1);
    cr_assert_eq(pair->b.reason, GRID_ERR_IO);
    pair_close(pair);
}

Test(net, closes_both_ends_once)
{
    struct pair *pair = pair_open(5, 0);
    run_for(pair, 1000000);
    net_reset_all(pair->world, pair->a.host);
    run_for(pair, 1000000);
    cr_assert_eq(pair->a.closed, 1);
    cr_assert_eq(pair->b.closed, 1);
    pair_close(pair);
}

static void close_own(struct world *world, void *context)
{
    (void)world;
    struct side *side = context;
    conn_close(host_io(side->host)->transport, side->conn);
    conn_close(host_io(side->host)->transport, side->conn);
    cr_assert_eq(side->closed, 0, "never from inside the call");
}

Test(net, reports_an_asked_for_end_later_and_only_once)
{
    struct pair *pair = pair_open(6, 0);
    run_for(pair, 1000000);
    host_at(pair->a.host, 0, close_own, &pair->a);
    run_for(pair, 1000000);
    cr_assert_eq(pair->a.closed, 1);
    cr_assert_eq(pair->a.reason, GRID_ERR_CLOSED);
    cr_assert_eq(pair->b.closed, 1);
    pair_close(pair);
}

static void set_pause(struct world *world, void *context)
{
    struct side *side = context;
    conn_pause(host_io(side->host)->transport, side->conn, world_now_us(world) < 1500000);
}

Test(net, holds_bytes_for_a_paused_reader_and_shows_what_piles_up)
{
    struct pair *pair = pair_open(7, 0);
    run_for(pair, 1000000);
    host_at(pair->b.host, 0, set_pause, &pair->b);
    run_for(pair, 1);
    static uint8_t plenty[900 * 1024];
    say(&pair->a, bytes_of(plenty, sizeof plenty));
    run_for(pair, 400000);
    cr_assert_eq(pair->b.heard.size, 0);
    cr_assert_gt(conn_pending(host_io(pair->a.host)->transport, pair->a.conn), 0);
    run_for(pair, 400000);
    host_at(pair->b.host, 0, set_pause, &pair->b);
    run_for(pair, 3000000);
    cr_assert_eq(pair->b.heard.size, sizeof plenty);
    cr_assert_eq(conn_pending(host_io(pair->a.host)->transport, pair->a.conn), 0);
    pair_close(pair);
}

/* Milliseconds that count as time with a quorum while these bytes are under way. */
static uint64_t works_while_speaking_ms(uint64_t patience_us)
{
    struct pair *pair = pair_open(1, 0);
    struct quorum quorum = {0};
    run_for(pair, 1000000);
    host_set_whole(pair->a.host, true);
    host_set_whole(pair->b.host, true);
    world_set_patience(pair->world, patience_us);
    say(&pair->a, bytes_of_text("late"));
    for (unsigned i = 0; i < 100; i++)
        quorum_look(&quorum, pair->world, 20000);
    pair_close(pair);
    return quorum.working_us / 1000;
}

Test(net, bytes_that_are_late_on_their_way_make_no_quorum)
{
    cr_assert_eq(works_while_speaking_ms(1), 0);
    cr_assert_eq(works_while_speaking_ms(10 * 1000000), 1000, "they come in time");
}
