/* What the nodes of a cluster tell each other about time: wall clocks, and the log time of what they lead (R14).
 * Format: docs/formats/peer.md, LOG_TIMES.
 *
 * Every frame carries the sender's monotonic time and echoes the last one it heard, so that the receiver knows how old
 * the frame can be at most. What is older than TIMELY_US says what a wall clock or a log time was, not what it is. */
#include "grid/base/check.h"
#include "grid/node/node_internal.h"
#include "raft/peers/peers.h"

enum {
    LOG_TIMES_EVERY_TICKS = 10,
    TIMELY_US = 1000 * 1000,
    RECENT_US = 3 * 1000 * 1000,
    HEAD_BYTES = 36, ROW_BYTES = 22, ROWS_MAX = PARTITIONS_MAX,
    PENDING_BYTES_MAX = 256 * 1024,    /* a peer that does not read gets no new frames */
};

/* Past it a time is no time: with room to count microseconds in 64 bits. */
#define TIME_MS_MAX (UINT64_C(1) << 50)

enum row_kind { ROW_TELLS = 1, ROW_ASKS = 2, ROW_ANSWERS = 3 };

struct row { uint32_t group; uint64_t term, time_ms; enum row_kind kind; enum log_time_grade grade; };

struct log_time_now time_exchange_now(const struct node *node)
{
    struct clock *clock = node->io->clock;
    return (struct log_time_now){&node->times.clocks, clock_now_us(clock), clock_wall_ms(clock)};
}

static uint32_t position_of(const struct node *node, struct node_id id)
{
    for (uint32_t i = 0; i < node->settings->members_count; i++)
        if (node_id_equal(node->settings->members[i].id, id))
            return i;
    UNREACHABLE("peers hand over frames of members only");
}

/* ---- out */

static void append_row(struct buffer *out, const struct row *row)
{
    buffer_append_u32(out, row->group);
    buffer_append_u64(out, row->term);
    buffer_append_u64(out, row->time_ms);
    buffer_append_u8(out, (uint8_t)row->kind);
    buffer_append_u8(out, (uint8_t)row->grade);
}

/* Rows are u32 count, then the rows, built by the caller; borrowed. */
static void send_rows(struct node *node, uint32_t position, struct bytes rows)
{
    struct node_id id = node->settings->members[position].id;
    struct time_peer *peer = &node->times.peers[position];
    struct buffer *out = peers_pending(node->peers, id) > PENDING_BYTES_MAX ? NULL : peers_output(node->peers, id);
    if (!out)
        return;
    struct log_time_now now = time_exchange_now(node);
    size_t mark = frame_begin(out, FRAME_LOG_TIMES, FRAME_PARTITION_NONE, 0);
    buffer_append_u64(out, now.now_us);
    buffer_append_u64(out, now.wall_ms);
    buffer_append_u64(out, peer->sent_us);
    buffer_append_u64(out, peer->sent_us != 0 ? now.now_us - peer->heard_us : 0);
    buffer_append(out, rows);
    frame_end(out, mark);
    peer->soon = false;
}

static void own_rows(struct node *node, struct buffer *out)
{
    struct log_time_now now = time_exchange_now(node);
    uint32_t rows = 0;
    buffer_clear(out);
    buffer_append_u32(out, 0);
    for (uint32_t i = 0; i < node->partitions; i++) {
        struct log_time *time = replica_log_time(node->replicas[i]);
        bool asks = log_time_asking(time, &node->times.clocks);
        if (!asks && !replica_leads(node->replicas[i]))
            continue;
        struct row row = {.group = i, .term = group_status(replica_group(node->replicas[i])).term,
                          .kind = asks ? ROW_ASKS : ROW_TELLS, .grade = log_time_grade(time)};
        row.time_ms = row.grade == LOG_TIME_NONE ? 0 : log_time_read(time, &now);
        append_row(out, &row);
        rows++;
    }
    put_u32(out->data, rows);
}

static bool any_soon(const struct node *node)
{
    for (size_t i = 0; i < node->settings->members_count; i++)
        if (node->times.peers[i].soon)
            return true;
    return false;
}

void time_exchange_tick(struct node *node)
{
    struct time_exchange *times = &node->times;
    bool all = times->soon || node->ticks % LOG_TIMES_EVERY_TICKS == 0;
    if (!all && !any_soon(node))
        return;
    times->soon = false;
    own_rows(node, &node->scratch);
    for (uint32_t i = 0; i < node->settings->members_count; i++)
        if (i != times->clocks.self && (all || times->peers[i].soon))
            send_rows(node, i, buffer_bytes(&node->scratch));
}

void time_exchange_soon(struct node *node)
{
    node->times.soon = true;
}

bool time_exchange_ahead(const struct node *node, uint32_t position, int64_t *ret_ahead_ms)
{
    const struct time_exchange *times = &node->times;
    struct log_time_now now = time_exchange_now(node);
    bool known = position != times->clocks.self && (times->clocks.known >> position & 1) != 0;
    if (!known || times->peers[position].sent_us == 0 || now.now_us - times->peers[position].heard_us > RECENT_US)
        return false;
    *ret_ahead_ms = (times->clocks.ahead_us[position] + (int64_t)now.now_us) / 1000 - (int64_t)now.wall_ms;
    return true;
}

/* ---- in */

static bool read_row(struct reader *reader, uint32_t partitions, struct row *ret_row)
{
    ret_row->group = reader_u32(reader);
    ret_row->term = reader_u64(reader);
    ret_row->time_ms = reader_u64(reader);
    uint8_t kind = reader_u8(reader), grade = reader_u8(reader);
    ret_row->kind = (enum row_kind)kind;
    ret_row->grade = (enum log_time_grade)grade;
    return !reader->failed && ret_row->group < partitions && ret_row->time_ms <= TIME_MS_MAX && kind >= ROW_TELLS &&
           kind <= ROW_ANSWERS && grade <= LOG_TIME_NOTED;
}

static void answer_row(struct node *node, const struct row *asked, struct buffer *answers)
{
    struct log_time *time = replica_log_time(node->replicas[asked->group]);
    struct log_time_now now = time_exchange_now(node);
    struct row row = {.group = asked->group, .term = asked->term, .kind = ROW_ANSWERS, .grade = log_time_grade(time)};
    row.time_ms = row.grade == LOG_TIME_NONE ? 0 : log_time_read(time, &now);
    append_row(answers, &row);
}

/* Rows of another term, or not from its leader, say nothing. */
static void take_row(struct node *node, uint32_t position, const struct row *row, bool timely, struct buffer *answers)
{
    struct replica *replica = node->replicas[row->group];
    struct log_time *time = replica_log_time(replica);
    struct group_status status = group_status(replica_group(replica));
    struct log_time_now now = time_exchange_now(node);
    if (status.term != row->term)
        return;
    if (row->kind == ROW_ANSWERS) {
        if (!time->elected)
            return;
        log_time_answer(time, position, row->time_ms, row->grade, &now);
        replica_log_time_known(replica);
    } else if (!time->elected && node_id_equal(status.leader, node->settings->members[position].id)) {
        if (row->kind == ROW_ASKS)
            answer_row(node, row, answers);
        log_time_hear(time, row->time_ms, row->grade, timely, now.now_us);
    }
}

/* How old the frame is at most, if it echoes something; and what it says of the sender's clocks. */
static bool take_head(struct node *node, uint32_t position, struct reader *reader)
{
    struct time_peer *peer = &node->times.peers[position];
    uint64_t sent_us = reader_u64(reader), wall_ms = reader_u64(reader);
    uint64_t echo_us = reader_u64(reader), held_us = reader_u64(reader);
    uint64_t now_us = clock_now_us(node->io->clock);
    bool echoes = echo_us != 0 && echo_us <= now_us && held_us <= now_us - echo_us;
    uint64_t round_us = echoes ? now_us - echo_us - held_us : UINT64_MAX;
    if (sent_us > peer->sent_us) {
        peer->sent_us = sent_us;
        peer->heard_us = now_us;
    }
    peer->soon = peer->soon || echo_us == 0;
    if (round_us > TIMELY_US || wall_ms > TIME_MS_MAX)
        return false;
    member_clocks_hear(&node->times.clocks, position, wall_ms + round_us / 2000, now_us);
    return true;
}

static bool on_log_times(void *context, struct node_id from, const struct frame *frame)
{
    struct node *node = context;
    struct reader reader = reader_of(frame->body);
    uint32_t position = position_of(node, from);
    struct buffer answers = {0};
    struct row row;
    if (frame->body.size < HEAD_BYTES || (frame->body.size - HEAD_BYTES) % ROW_BYTES != 0)
        return false;
    bool timely = take_head(node, position, &reader), valid = true;
    uint32_t rows = reader_u32(&reader);
    if (rows > ROWS_MAX || reader_left(&reader) != (size_t)rows * ROW_BYTES)
        return false;
    buffer_append_u32(&answers, 0);
    for (uint32_t i = 0; i < rows && valid; i++) {
        valid = read_row(&reader, node->partitions, &row);
        if (valid)
            take_row(node, position, &row, timely, &answers);
    }
    uint32_t answered = (uint32_t)((answers.size - 4) / ROW_BYTES);
    if (answered > 0) {
        put_u32(answers.data, answered);
        send_rows(node, position, buffer_bytes(&answers));
    }
    buffer_close(&answers);
    return valid;
}

/* The peer may be another process now, with another clock. */
static void on_link(void *context, struct node_id id, bool up)
{
    struct node *node = context;
    struct time_peer *peer = &node->times.peers[position_of(node, id)];
    *peer = (struct time_peer){.soon = up};
}

void time_exchange_open(struct node *node)
{
    peers_on_frame(node->peers, FRAME_LOG_TIMES, on_log_times, node);
    peers_on_link(node->peers, on_link, node);
}

void time_exchange_init(struct node *node)
{
    member_clocks_init(&node->times.clocks, (uint32_t)node->settings->members_count, position_of(node, node->settings->self));
}
