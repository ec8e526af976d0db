#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/memory.h"
#include "grid/base/prng.h"
#include "raft/snapshot/transfer.h"
#include "tests/unit/raft/snapshot/snapshot_fixture.h"

/* A leader and a member with a disk each, and a wire between them that the test drives. */
enum { STATE_BYTES = 900 * 1000, MEMBER_OWNER = 1234, QUEUE_MAX = 256, TICK_US = 50 * 1000 };
#define RECEIVED "snap-00000007-0000000000000005.recv"
#define WHOLE "snap-00000007-0000000000000005"

struct letter { bool to_member; struct transfer_bytes bytes; struct transfer_want want; struct buffer data; };

struct pair {
    struct fake_storage *leader, *member;
    struct snapshot_files *files;
    struct transfer_sender *sender;
    struct transfer_receiver *receiver;
    struct letter queue[QUEUE_MAX];
    size_t queued;
    struct prng prng;
    uint32_t trouble_ppm;              /* chance that a letter is lost, repeated or overtaken */
    uint64_t now_us, sent_bytes, rate;
    uint64_t first_start;              /* offset of the first START since the sender began; UINT64_MAX: none yet */
    unsigned ended, completed, failed, refusals;
    enum grid_err end_err;
    struct snapshot_head head;
    uint64_t leader_term;
};

static struct letter *letter_add(struct pair *pair)
{
    cr_assert_lt(pair->queued, QUEUE_MAX, "the window bounds what is on the wire");
    struct letter *letter = &pair->queue[pair->queued++];
    *letter = (struct letter){0};
    return letter;
}

static void send_bytes(void *context, const struct transfer_bytes *bytes)
{
    struct pair *pair = context;
    struct letter *letter = letter_add(pair);
    letter->to_member = true;
    letter->bytes = *bytes;
    buffer_append(&letter->data, bytes->data);
    pair->sent_bytes += bytes->data.size;
}

static void send_want(void *context, const struct transfer_want *want)
{
    struct pair *pair = context;
    struct letter *letter = letter_add(pair);
    letter->want = *want;
    if (want->answer == TRANSFER_START && pair->first_start == UINT64_MAX)
        pair->first_start = want->offset;
}

static bool has_room(void *context)
{
    (void)context;
    return true;
}

static void on_ended(void *context, enum grid_err err)
{
    struct pair *pair = context;
    pair->ended++;
    pair->end_err = err;
}

static void on_complete(void *context, uint64_t leader_term, const struct snapshot_head *head)
{
    struct pair *pair = context;
    pair->completed++;
    pair->head = *head;
    pair->leader_term = leader_term;
}

static void on_failed(void *context, enum grid_err err)
{
    (void)err;
    ((struct pair *)context)->failed++;
}

static void sender_open(struct pair *pair, uint64_t index)
{
    struct transfer_sender_options options = {.storage = fake_storage_io(pair->leader), .files = pair->files, .group = FIXTURE_GROUP, .leader_term = 9,
        .index = index, .bytes_per_second = pair->rate, .send = send_bytes, .room = has_room, .ended = on_ended, .context = pair};
    pair->first_start = UINT64_MAX;
    pair->ended = 0;
    pair->sender = transfer_sender_open(&options, pair->now_us);
}

static void receiver_open(struct pair *pair)
{
    struct transfer_receiver_options options = {.storage = fake_storage_io(pair->member), .owner = MEMBER_OWNER, .send = send_want,
        .complete = on_complete, .failed = on_failed, .context = pair};
    pair->receiver = transfer_receiver_open(&options);
}

static void pair_open(struct pair *pair, uint64_t seed, struct bytes state)
{
    *pair = (struct pair){.leader = fake_storage_open(seed), .member = fake_storage_open(seed + 1000)};
    prng_init(&pair->prng, seed);
    pair->files = snapshot_files_open(fake_storage_io(pair->leader), NULL, NULL);
    cr_assert_eq(save(pair->leader, 5, state).err, GRID_ERR_OK);
    receiver_open(pair);
}

static void letters_drop(struct pair *pair)
{
    for (size_t i = 0; i < pair->queued; i++)
        buffer_close(&pair->queue[i].data);
    pair->queued = 0;
}

static void pair_close(struct pair *pair)
{
    if (pair->sender != NULL)
        transfer_sender_close(pair->sender);
    if (pair->receiver != NULL)
        transfer_receiver_close(pair->receiver);
    while (fake_storage_complete(pair->leader) || fake_storage_complete(pair->member)) { }
    letters_drop(pair);
    snapshot_files_close(pair->files);
    while (fake_storage_complete(pair->leader)) { }
    fake_storage_close(pair->leader);
    fake_storage_close(pair->member);
}

static void deliver(struct pair *pair, struct letter *letter)
{
    letter->bytes.data = buffer_bytes(&letter->data);
    if (letter->to_member && pair->receiver != NULL)
        transfer_receiver_bytes(pair->receiver, &letter->bytes);
    else if (!letter->to_member && pair->sender != NULL)
        transfer_sender_answer(pair->sender, &letter->want, pair->now_us);
}

static bool trouble(struct pair *pair)
{
    return pair->trouble_ppm != 0 && prng_chance(&pair->prng, pair->trouble_ppm);
}

/* One letter, one piece of work of each disk, or a tick when there is nothing else. */
static void step(struct pair *pair)
{
    bool moved = false;
    if (pair->queued > 0) {
        size_t at = trouble(pair) ? (size_t)prng_range(&pair->prng, 0, pair->queued - 1) : 0;
        struct letter letter = pair->queue[at];
        memmove(pair->queue + at, pair->queue + at + 1, (pair->queued - at - 1) * sizeof letter);
        pair->queued--;
        if (!trouble(pair)) {
            deliver(pair, &letter);
            if (trouble(pair))
                deliver(pair, &letter);
        }
        buffer_close(&letter.data);
        moved = true;
    }
    moved = fake_storage_complete(pair->leader) || moved;
    moved = fake_storage_complete(pair->member) || moved;
    if (moved)
        return;
    pair->now_us += TICK_US;
    if (pair->sender != NULL)
        transfer_sender_tick(pair->sender, pair->now_us);
}

static void run_to_end(struct pair *pair)
{
    for (unsigned i = 0; i < 20000 && pair->ended == 0; i++)
        step(pair);
    cr_assert_eq(pair->ended, 1, "the transfer does not end");
    transfer_sender_close(pair->sender);
    pair->sender = NULL;
}

static enum grid_err on_piece(void *context, struct bytes piece)
{
    buffer_append(context, piece);
    return GRID_ERR_OK;
}

/* The member has the state under the final name, with its own owner, and nothing else. */
static void expect_state(struct pair *pair, uint64_t index, struct bytes state)
{
    struct buffer got = {0};
    struct snapshot_taker taker = {.piece = on_piece, .context = &got};
    char *note = NULL;
    struct snapshot_info info;
    enum grid_err err = snapshot_file_read(fake_storage_io(pair->member), &(struct snapshot_wanted){FIXTURE_GROUP, index, MEMBER_OWNER}, &taker, &info, &note);
    cr_assert_eq(err, GRID_ERR_OK, "%s", note);
    cr_assert_eq(info.head.owner, MEMBER_OWNER);
    cr_assert(bytes_equal(info.head.configuration, bytes_of_text("one, two, three")));
    cr_assert(bytes_equal(buffer_bytes(&got), state));
    cr_assert_not(fake_storage_has(pair->member, RECEIVED));
    snapshot_info_close(&info);
    buffer_close(&got);
}

Test(transfer, carries_a_file_and_tells_both_ends)
{
    static const size_t SIZES[] = {0, 1, SNAPSHOT_CHUNK_BYTES, STATE_BYTES};
    for (size_t i = 0; i < 4; i++) {
        struct buffer state = state_of(5, SIZES[i]);
        struct pair pair;
        pair_open(&pair, i, buffer_bytes(&state));
        sender_open(&pair, 5);
        run_to_end(&pair);
        cr_assert_eq(pair.end_err, GRID_ERR_OK);
        cr_assert_eq(pair.completed, 1);
        cr_assert(pair.leader_term == 9 && pair.head.index == 5 && pair.head.term == 3 && pair.head.owner == MEMBER_OWNER);
        cr_assert_eq(pair.sent_bytes, fake_storage_content(pair.leader, WHOLE).size, "every byte once");
        expect_state(&pair, 5, buffer_bytes(&state));
        pair_close(&pair);
        buffer_close(&state);
    }
}

/* The member took the file, but what it told the leader about it was lost: the leader offers the file again. */
Test(transfer, completes_again_what_is_offered_again_after_the_answer)
{
    struct buffer state = state_of(5, STATE_BYTES);
    struct pair pair;
    pair_open(&pair, 1, buffer_bytes(&state));
    for (unsigned attempt = 1; attempt <= 3; attempt++) {
        sender_open(&pair, 5);
        run_to_end(&pair);
        cr_assert_eq(pair.end_err, GRID_ERR_OK);
    }
    cr_assert_eq(pair.completed, 2, "the second offer is only answered, the third is taken");
    expect_state(&pair, 5, buffer_bytes(&state));
    pair_close(&pair);
    buffer_close(&state);
}

/* After any step: what the first receiver left is continued by that of the other node. */
Test(transfer, leaves_the_file_to_the_receiver_of_another_node)
{
    struct buffer state = state_of(5, STATE_BYTES);
    unsigned steps = 0;
    for (bool ended = false; !ended; steps++) {
        struct pair pair;
        pair_open(&pair, steps, buffer_bytes(&state));
        sender_open(&pair, 5);
        for (unsigned i = 0; i < steps && pair.ended == 0; i++)
            step(&pair);
        ended = pair.ended != 0;
        struct transfer_receiver *first = pair.receiver;
        transfer_receiver_leave(first);
        while (transfer_receiver_works_on(first, FIXTURE_GROUP))
            cr_assert(fake_storage_complete(pair.member), "it waits for nothing but its disk");
        letters_drop(&pair);
        transfer_sender_close(pair.sender);
        receiver_open(&pair);
        sender_open(&pair, 5);
        run_to_end(&pair);
        cr_assert_eq(pair.end_err, GRID_ERR_OK, "after %u steps", steps);
        cr_assert(pair.completed >= 1 && pair.failed == 0, "after %u steps", steps);
        expect_state(&pair, 5, buffer_bytes(&state));
        transfer_receiver_close(first);
        pair_close(&pair);
    }
    cr_assert_gt(steps, 20);
    buffer_close(&state);
}

Test(transfer, bears_loss_repetition_and_reordering)
{
    struct buffer state = state_of(5, STATE_BYTES);
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct pair pair;
        pair_open(&pair, seed, buffer_bytes(&state));
        pair.trouble_ppm = 150000;
        sender_open(&pair, 5);
        run_to_end(&pair);
        cr_assert_eq(pair.end_err, GRID_ERR_OK);
        cr_assert_geq(pair.completed, 1, "more often only if the offer came again after the answer");
        expect_state(&pair, 5, buffer_bytes(&state));
        pair_close(&pair);
    }
    buffer_close(&state);
}

Test(transfer, tells_a_second_sender_that_the_file_is_there)
{
    struct buffer state = state_of(5, STATE_BYTES);
    struct pair pair;
    pair_open(&pair, 1, buffer_bytes(&state));
    sender_open(&pair, 5);
    run_to_end(&pair);
    pair.sent_bytes = 0;
    sender_open(&pair, 5);
    run_to_end(&pair);
    cr_assert(pair.end_err == GRID_ERR_OK && pair.sent_bytes == 0 && pair.completed == 1);
    pair_close(&pair);
    buffer_close(&state);
}

/* The leader's end breaks after each number of steps; the next one goes on at the byte that the member names. */
Test(transfer, goes_on_where_it_stopped_after_a_break_of_the_link)
{
    struct buffer state = state_of(5, STATE_BYTES);
    for (unsigned steps = 1; steps < 60; steps += 3) {
        struct pair pair;
        pair_open(&pair, steps, buffer_bytes(&state));
        uint64_t size = fake_storage_content(pair.leader, WHOLE).size;
        sender_open(&pair, 5);
        for (unsigned i = 0; i < steps && pair.ended == 0; i++)
            step(&pair);
        transfer_sender_close(pair.sender);
        pair.sender = NULL;
        letters_drop(&pair);
        while (fake_storage_complete(pair.leader) || fake_storage_complete(pair.member)) { }
        letters_drop(&pair);
        uint64_t before = pair.sent_bytes;
        sender_open(&pair, 5);
        run_to_end(&pair);
        cr_assert_eq(pair.end_err, GRID_ERR_OK);
        if (pair.first_start != UINT64_MAX)
            cr_assert_eq(pair.sent_bytes - before, size - pair.first_start, "nothing is sent again");
        cr_assert_leq(pair.sent_bytes, size + TRANSFER_WINDOW_BYTES, "only what was on the wire is lost");
        expect_state(&pair, 5, buffer_bytes(&state));
        pair_close(&pair);
    }
    buffer_close(&state);
}

static uint64_t crash_member(unsigned steps, enum fake_crash crash, struct bytes state, bool *ret_ended)
{
    struct pair pair;
    pair_open(&pair, steps, state);
    sender_open(&pair, 5);
    for (unsigned i = 0; i < steps && pair.ended == 0; i++)
        step(&pair);
    *ret_ended = pair.ended != 0;
    transfer_receiver_close(pair.receiver);
    pair.receiver = NULL;
    fake_storage_crash(pair.member, crash);
    letters_drop(&pair);
    if (fake_storage_has(pair.member, WHOLE))
        expect_state(&pair, 5, state);
    receiver_open(&pair);
    pair.first_start = UINT64_MAX;
    if (pair.ended == 0)
        run_to_end(&pair);
    cr_assert_eq(pair.end_err, GRID_ERR_OK, "after %u steps", steps);
    expect_state(&pair, 5, state);
    uint64_t resumed = pair.first_start == UINT64_MAX ? 0 : pair.first_start;
    pair_close(&pair);
    return resumed;
}

Test(transfer, goes_on_after_a_crash_of_the_member_at_every_step)
{
    struct buffer state = state_of(5, STATE_BYTES);
    for (int crash = 0; crash < 2; crash++) {
        unsigned steps = 0, resumed = 0;
        for (bool ended = false; !ended; steps++)
            resumed += crash_member(steps, crash == 0 ? FAKE_CRASH_PROCESS : FAKE_CRASH_POWER, buffer_bytes(&state), &ended) > 0;
        cr_assert_gt(steps, 20);
        cr_assert_gt(resumed, 5, "some attempts begin where the last one ended");
    }
    buffer_close(&state);
}

Test(transfer, takes_a_newer_snapshot_instead_in_the_middle)
{
    struct buffer state = state_of(5, STATE_BYTES), newer = state_of(6, STATE_BYTES / 2);
    for (unsigned steps = 1; steps < 40; steps += 2) {
        struct pair pair;
        pair_open(&pair, steps, buffer_bytes(&state));
        cr_assert_eq(save(pair.leader, 6, buffer_bytes(&newer)).err, GRID_ERR_OK);
        sender_open(&pair, 5);
        for (unsigned i = 0; i < steps && pair.ended == 0; i++)
            step(&pair);
        transfer_sender_close(pair.sender);
        sender_open(&pair, 6);
        run_to_end(&pair);
        cr_assert_eq(pair.end_err, GRID_ERR_OK);
        expect_state(&pair, 6, buffer_bytes(&newer));
        pair_close(&pair);
    }
    buffer_close(&state);
    buffer_close(&newer);
}

Test(transfer, refuses_a_damaged_file_and_leaves_nothing_of_it)
{
    struct buffer state = state_of(5, STATE_BYTES);
    size_t size = 64 + 15 + 13 * SNAPSHOT_CHUNK_HEAD_BYTES + 13 * SNAPSHOT_CHUNK_BYTES;
    for (size_t at = 3; at < size; at += 79999) {
        struct pair pair;
        pair_open(&pair, at, buffer_bytes(&state));
        fake_storage_flip(pair.leader, WHOLE, at, 16);
        sender_open(&pair, 5);
        run_to_end(&pair);
        cr_assert_eq(pair.end_err, GRID_ERR_REFUSED, "byte %zu", at);
        cr_assert_eq(pair.completed, 0);
        cr_assert_eq(fake_storage_used(pair.member), 0);
        pair_close(&pair);
    }
    buffer_close(&state);
}

Test(transfer, gives_up_on_a_full_disk_and_succeeds_once_there_is_room)
{
    struct buffer state = state_of(5, STATE_BYTES);
    for (uint64_t capacity = 0; capacity < STATE_BYTES; capacity += 150 * 1000) {
        struct pair pair;
        pair_open(&pair, capacity, buffer_bytes(&state));
        fake_storage_set_capacity(pair.member, capacity);
        sender_open(&pair, 5);
        run_to_end(&pair);
        cr_assert_eq(pair.end_err, GRID_ERR_NO_SPACE);
        cr_assert_eq(fake_storage_used(pair.member), 0);
        fake_storage_set_capacity(pair.member, 2 * STATE_BYTES);
        sender_open(&pair, 5);
        run_to_end(&pair);
        cr_assert_eq(pair.end_err, GRID_ERR_OK);
        expect_state(&pair, 5, buffer_bytes(&state));
        pair_close(&pair);
    }
    buffer_close(&state);
}

Test(transfer, reports_a_failed_disk_of_the_member)
{
    static const enum fake_operation OPERATIONS[] = {FAKE_WRITE, FAKE_SYNC, FAKE_RENAME};
    struct buffer state = state_of(5, STATE_BYTES);
    for (size_t i = 0; i < 3; i++) {
        struct pair pair;
        pair_open(&pair, i, buffer_bytes(&state));
        fake_storage_fail(pair.member, OPERATIONS[i], 0, 1, GRID_ERR_IO);
        sender_open(&pair, 5);
        run_to_end(&pair);
        cr_assert(pair.end_err == GRID_ERR_REFUSED && pair.failed == 1 && pair.completed == 0);
        cr_assert_not(fake_storage_has(pair.member, WHOLE));
        pair_close(&pair);
    }
    buffer_close(&state);
}

Test(transfer, ends_when_the_own_file_is_missing_or_short)
{
    struct buffer state = state_of(5, STATE_BYTES);
    struct pair pair;
    pair_open(&pair, 1, buffer_bytes(&state));
    sender_open(&pair, 4);
    run_to_end(&pair);
    cr_assert_eq(pair.end_err, GRID_ERR_NOT_FOUND);
    fake_storage_store(pair.leader, WHOLE, bytes_of_text("short"));
    sender_open(&pair, 5);
    run_to_end(&pair);
    cr_assert_eq(pair.end_err, GRID_ERR_CORRUPT);
    pair_close(&pair);
    buffer_close(&state);
}

Test(transfer, keeps_to_window_and_rate)
{
    enum { BIG = 4 * 1000 * 1000, RATE = 512 * 1024 };
    struct buffer state = state_of(5, BIG);
    struct pair pair;
    pair_open(&pair, 1, buffer_bytes(&state));
    sender_open(&pair, 5);
    /* The member's disk stands still once it receives. */
    for (unsigned i = 0; i < 8; i++)
        step(&pair);
    for (unsigned i = 0; i < 200; i++) {
        while (pair.queued > 0) {
            struct letter letter = pair.queue[0];
            memmove(pair.queue, pair.queue + 1, --pair.queued * sizeof letter);
            deliver(&pair, &letter);
            buffer_close(&letter.data);
        }
        fake_storage_complete(pair.leader);
    }
    cr_assert_leq(pair.sent_bytes, transfer_sender_written(pair.sender) + TRANSFER_WINDOW_BYTES);
    cr_assert_gt(pair.sent_bytes, 0);
    run_to_end(&pair);
    pair_close(&pair);
    pair_open(&pair, 2, buffer_bytes(&state));
    pair.rate = RATE;
    sender_open(&pair, 5);
    while (pair.now_us < 3 * 1000 * 1000)
        step(&pair);
    cr_assert_leq(pair.sent_bytes, 3 * RATE + RATE / 10 + 2 * TRANSFER_CHUNK_BYTES);
    cr_assert_geq(pair.sent_bytes, 2 * RATE, "it uses the rate");
    run_to_end(&pair);
    cr_assert_eq(pair.end_err, GRID_ERR_OK);
    pair_close(&pair);
    buffer_close(&state);
}

Test(transfer, pins_the_file_until_its_end)
{
    struct buffer state = state_of(5, STATE_BYTES);
    struct pair pair;
    pair_open(&pair, 1, buffer_bytes(&state));
    sender_open(&pair, 5);
    for (unsigned i = 0; i < 10; i++)
        step(&pair);
    snapshot_files_remove(pair.files, FIXTURE_GROUP, 5);
    run_to_end(&pair);
    cr_assert_eq(pair.end_err, GRID_ERR_OK);
    while (fake_storage_complete(pair.leader)) { }
    cr_assert_not(fake_storage_has(pair.leader, WHOLE), "then it goes");
    pair_close(&pair);
    buffer_close(&state);
}
