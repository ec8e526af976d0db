/* What links.h promises, between fake peers and a mailbox. This is node 1 of three, with four partitions. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/node/ports/links.h"
#include "grid/wire/messages/message.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_peers.h"

enum { SELF = 1, PARTITIONS = 4, LETTERS_MAX = 16, COMMAND_BYTES = 1024 };

struct scene {
    struct fake_clock clock;
    struct peers peers;
    struct mailbox *mailbox;
    struct partition_map map;
    struct node_settings settings;
    struct metric_registry *metrics;
    struct logger logger;
    struct links *links;
    struct state_digests digests[PARTITIONS];
    bool leads[PARTITIONS], takes_none;
    struct letter letters[LETTERS_MAX];
    uint8_t commands[LETTERS_MAX][COMMAND_BYTES];
    size_t letters_count, lines, diverged;
    char line[1024];
};

static struct scene scene;

static void deliver(void *context, const struct letter *letter)
{
    (void)context;
    size_t at = scene.letters_count++ % LETTERS_MAX;
    scene.letters[at] = *letter;
    if (letter->command.size == 0 || letter->command.size > COMMAND_BYTES)
        return;
    memcpy(scene.commands[at], letter->command.data, letter->command.size);
    scene.letters[at].command.data = scene.commands[at];
}

static bool takes(void *context, struct node_id from, const struct deliver_command *deliver)
{
    (void)context;
    cr_assert(from.value == 3 && deliver->messages_count > 0);
    return !scene.takes_none;
}

static const struct state_digests *digests(void *context, uint32_t partition, bool *ret_leads)
{
    (void)context;
    cr_assert_lt(partition, (uint32_t)PARTITIONS);
    *ret_leads = scene.leads[partition];
    return &scene.digests[partition];
}

static void diverged(void *context, const char *what)
{
    (void)context;
    (void)what;
    scene.diverged++;
}

static void write_line(struct logger *logger, enum log_level level, const char *component, const char *text)
{
    (void)logger;
    (void)component;
    cr_expect_eq(level, LOG_LEVEL_ERROR);
    scene.lines++;
    snprintf(scene.line, sizeof scene.line, "%s", text);
}

static struct metric_counter *counter(const char *name)
{
    return metric_counter_add(scene.metrics, name, "", NULL);
}

static void begin(void)
{
    memset(&scene, 0, sizeof scene);
    fake_clock_init(&scene.clock);
    scene.metrics = metric_registry_open();
    scene.settings = (struct node_settings){.self = {SELF}, .members_count = 3, .partitions = PARTITIONS};
    for (uint32_t i = 0; i < 3; i++)
        scene.settings.members[i].id.value = i + 1;
    partition_map_init(&scene.map, PARTITIONS);
    scene.logger.write = write_line;
    scene.mailbox = mailbox_open(&(struct mailbox_options){.clock = &scene.clock.clock, .deliver = deliver});
    scene.links = links_open(&(struct links_options){
        .settings = &scene.settings, .peers = &scene.peers, .mailbox = scene.mailbox, .map = &scene.map, .logger = &scene.logger,
        .stopped = counter("stopped"), .lost = counter("lost"), .takes = takes, .digests = digests, .diverged = diverged});
}

static void end(void)
{
    links_close(scene.links);
    mailbox_close(scene.mailbox);
    partition_map_close(&scene.map);
    fake_peers_close(&scene.peers);
    metric_registry_close(scene.metrics);
    fake_clock_close(&scene.clock);
}

TestSuite(links, .init = begin, .fini = end);

/* ---- messages that leave */

static const struct letter *arrived(size_t at)
{
    fake_clock_run(&scene.clock);
    cr_assert_lt(at, scene.letters_count, "no such letter");
    return &scene.letters[at];
}

static void message(uint64_t sequence, struct buffer *out)
{
    link_message_encode(&(struct link_message){.sequence = sequence, .command = {.service = 1, .type = 1, .key = bytes_of_text("k")}}, out);
}

/* Two messages of partition 2 to partition 3. */
static bool send_two(void)
{
    struct buffer texts[2] = {0};
    message(5, &texts[0]);
    message(6, &texts[1]);
    struct bytes messages[] = {buffer_bytes(&texts[0]), buffer_bytes(&texts[1])};
    struct letter letter = {.kind = LETTER_MESSAGES, .to = 3, .from = 2, .node = {SELF}, .incarnation = 4, .first = 5, .last = 6};
    bool sent = links_send_messages(scene.links, &letter, messages, 2);
    buffer_close(&texts[0]);
    buffer_close(&texts[1]);
    return sent;
}

static void leads(uint32_t partition, uint32_t node)
{
    partition_map_report(&scene.map, (struct partition_id){partition}, (struct node_id){node}, 1);
}

static void expect_two(struct bytes body)
{
    struct command command;
    struct arena arena;
    arena_init(&arena, 4096);
    cr_assert_eq(command_decode(body, &arena, &command), GRID_ERR_OK);
    cr_assert_eq(command.kind, COMMAND_DELIVER);
    const struct deliver_command *deliver = &command.deliver;
    cr_expect(deliver->source == 2 && deliver->destination == 3 && deliver->incarnation == 4 && deliver->messages_count == 2);
    cr_expect(deliver->messages[0].sequence == 5 && deliver->messages[1].sequence == 6);
    arena_close(&arena);
}

Test(links, messages_to_a_partition_of_this_node_go_through_the_mailbox)
{
    leads(3, SELF);
    cr_assert(send_two());
    cr_expect_eq(scene.letters_count, 0u, "not from inside the call");
    const struct letter *letter = arrived(0);
    cr_expect(letter->kind == LETTER_MESSAGES && letter->to == 3 && letter->from == 2 && letter->node.value == SELF);
    cr_expect(letter->incarnation == 4 && letter->first == 5 && letter->last == 6);
    expect_two(letter->command);
}

Test(links, messages_to_another_node_leave_in_a_frame)
{
    struct buffer room = {0};
    struct frame frame;
    leads(3, 2);
    scene.peers.up[2] = true;
    cr_assert(send_two());
    cr_assert(fake_peers_take(&scene.peers, 2, &room, &frame));
    cr_expect(frame.type == FRAME_MESSAGES && frame.partition == 3);
    expect_two(frame.body);
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.letters_count, 0u);
    buffer_close(&room);
}

Test(links, messages_are_not_sent_without_a_leader_a_link_or_room)
{
    cr_expect_not(send_two(), "no leader is known");
    leads(3, 2);
    cr_expect_not(send_two(), "the link is down");
    scene.peers.up[2] = true;
    scene.peers.pending = 17 * 1024 * 1024;
    cr_expect_not(send_two(), "too much waits for the leader");
    cr_expect_eq(scene.peers.outputs[2].size, 0u);
    scene.peers.pending = 16 * 1024 * 1024;
    cr_expect(send_two());
}

static void fill_mailbox(void)
{
    uint8_t *large = memory_zero(1, COMMAND_BYTES_MAX);
    while (mailbox_post(scene.mailbox, &(struct letter){.kind = LETTER_MESSAGES, .command = bytes_of(large, COMMAND_BYTES_MAX)}))
        continue;
    while (mailbox_post(scene.mailbox, &(struct letter){.kind = LETTER_ANSWER}))
        continue;
    memory_free(large);
}

Test(links, a_full_mailbox_refuses_what_is_sent_and_counts_what_it_loses)
{
    static const uint8_t answer[17] = {0};
    leads(3, SELF);
    fill_mailbox();
    cr_expect_not(send_two(), "the sender keeps them");
    cr_expect_eq(counter("lost")->value, 0u);
    cr_expect(fake_peers_say(&scene.peers, 2, FRAME_MESSAGES_ANSWER, 0, bytes_of(answer, sizeof answer)), "the frame was right: the link stays");
    cr_expect_eq(counter("lost")->value, 1u);
    links_answer_messages(scene.links, (struct node_id){SELF}, &(struct letter){.kind = LETTER_ANSWER, .to = 1});
    cr_expect_eq(counter("lost")->value, 2u);
    fake_clock_run(&scene.clock);
    cr_expect(send_two());
}

/* ---- messages that arrive */

struct said { uint32_t source, destination, frame_partition, incarnation; uint64_t first; size_t count; uint64_t gap_after; };

static bool say(const struct said *said)
{
    struct buffer texts[4] = {0}, body = {0};
    struct bytes messages[4] = {0};
    for (size_t i = 0; i < said->count; i++) {
        message(said->first + i + (said->gap_after != 0 && i >= said->gap_after), &texts[i]);
        messages[i] = buffer_bytes(&texts[i]);
    }
    command_encode_deliver(said->source, said->incarnation, said->destination, messages, said->count, &body);
    bool good = fake_peers_say(&scene.peers, 3, FRAME_MESSAGES, said->frame_partition, buffer_bytes(&body));
    for (size_t i = 0; i < said->count; i++)
        buffer_close(&texts[i]);
    buffer_close(&body);
    return good;
}

Test(links, frames_of_messages_become_letters)
{
    cr_assert(say(&(struct said){.source = 2, .destination = 3, .frame_partition = 3, .incarnation = 4, .first = 5, .count = 2}));
    const struct letter *letter = arrived(0);
    cr_expect(letter->kind == LETTER_MESSAGES && letter->to == 3 && letter->from == 2 && letter->node.value == 3, "node 3 gets the answer");
    cr_expect(letter->incarnation == 4 && letter->first == 5 && letter->last == 6);
    expect_two(letter->command);
    cr_assert(say(&(struct said){.source = 2, .destination = 3, .frame_partition = 3}), "none is no error");
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.letters_count, 1u, "and no letter");
}

Test(links, messages_that_this_program_cannot_take_are_lost_and_the_link_stays)
{
    scene.takes_none = true;
    cr_assert(say(&(struct said){.source = 2, .destination = 3, .frame_partition = 3, .first = 1, .count = 2}));
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.letters_count, 0u);
}

Test(links, messages_that_cannot_be_right_end_the_link)
{
    static const struct said wrong[] = {
        {.source = 2, .destination = PARTITIONS, .frame_partition = PARTITIONS, .first = 1, .count = 1},
        {.source = PARTITIONS, .destination = 3, .frame_partition = 3, .first = 1, .count = 1},
        {.source = 2, .destination = 3, .frame_partition = 2, .first = 1, .count = 1},
        {.source = 2, .destination = 3, .frame_partition = 3, .first = 1, .count = 3, .gap_after = 2},
    };
    struct buffer other = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_not(say(&wrong[i]), "case %zu", i);
    cr_expect_not(fake_peers_say(&scene.peers, 3, FRAME_MESSAGES, 3, bytes_of_text("\xff\xff")), "cannot be decoded");
    command_encode(&(struct command){.kind = COMMAND_TICK}, &other);
    cr_expect_not(fake_peers_say(&scene.peers, 3, FRAME_MESSAGES, 0, buffer_bytes(&other)), "another command");
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.letters_count, 0u);
    buffer_close(&other);
}

Test(links, messages_longer_than_a_command_may_be_end_the_link)
{
    struct buffer text = {0}, body = {0};
    uint8_t *large = memory_zero(1, COMMAND_BYTES_MAX);
    link_message_encode(&(struct link_message){.sequence = 1, .command = {.service = 1, .type = 1, .key = bytes_of_text("k"),
                                                                          .body = bytes_of(large, COMMAND_BYTES_MAX)}}, &text);
    struct bytes messages[] = {buffer_bytes(&text)};
    command_encode_deliver(2, 0, 3, messages, 1, &body);
    cr_expect_not(fake_peers_say(&scene.peers, 3, FRAME_MESSAGES, 3, buffer_bytes(&body)));
    buffer_close(&text);
    buffer_close(&body);
    memory_free(large);
}

/* ---- answers */

Test(links, an_answer_to_this_node_goes_through_the_mailbox)
{
    links_answer_messages(scene.links, (struct node_id){SELF}, &(struct letter){.kind = LETTER_ANSWER, .to = 2, .from = 3, .applied = 9, .gap = true});
    cr_expect_eq(scene.letters_count, 0u);
    const struct letter *letter = arrived(0);
    cr_expect(letter->kind == LETTER_ANSWER && letter->to == 2 && letter->from == 3 && letter->applied == 9 && letter->gap);
}

Test(links, an_answer_to_another_node_says_there_what_it_said_here)
{
    struct buffer room = {0};
    struct frame frame;
    struct letter answer = {.kind = LETTER_ANSWER, .to = 2, .from = 3, .applied = UINT64_C(1) << 40, .gap = true};
    links_answer_messages(scene.links, (struct node_id){2}, &answer);
    cr_expect_eq(scene.peers.outputs[2].size, 0u, "the link is down: lost");
    scene.peers.up[2] = true;
    links_answer_messages(scene.links, (struct node_id){2}, &answer);
    cr_assert(fake_peers_take(&scene.peers, 2, &room, &frame));
    cr_expect(frame.type == FRAME_MESSAGES_ANSWER && frame.partition == 2);
    cr_assert(fake_peers_say(&scene.peers, 2, FRAME_MESSAGES_ANSWER, 2, frame.body));
    const struct letter *letter = arrived(0);
    cr_expect(letter->kind == LETTER_ANSWER && letter->to == 2 && letter->from == 3 && letter->applied == answer.applied && letter->gap);
    buffer_close(&room);
}

Test(links, an_answer_that_cannot_be_right_ends_the_link)
{
    uint8_t answer[18] = {0};
    cr_expect(fake_peers_say(&scene.peers, 2, FRAME_MESSAGES_ANSWER, 0, bytes_of(answer, 17)));
    cr_expect_not(fake_peers_say(&scene.peers, 2, FRAME_MESSAGES_ANSWER, 0, bytes_of(answer, 16)), "too short");
    cr_expect_not(fake_peers_say(&scene.peers, 2, FRAME_MESSAGES_ANSWER, 0, bytes_of(answer, 18)), "too long");
    answer[16] = 2;
    cr_expect_not(fake_peers_say(&scene.peers, 2, FRAME_MESSAGES_ANSWER, 0, bytes_of(answer, 17)), "neither a gap nor none");
    answer[16] = 0;
    answer[0] = PARTITIONS;
    cr_expect_not(fake_peers_say(&scene.peers, 2, FRAME_MESSAGES_ANSWER, 0, bytes_of(answer, 17)), "no such source");
    answer[0] = 0;
    answer[4] = PARTITIONS;
    cr_expect_not(fake_peers_say(&scene.peers, 2, FRAME_MESSAGES_ANSWER, 0, bytes_of(answer, 17)), "no such destination");
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.letters_count, 1u);
}

Test(links, a_link_that_comes_up_rewinds_and_one_that_goes_down_does_not)
{
    fake_peers_link(&scene.peers, 2, false);
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.letters_count, 0u);
    fake_peers_link(&scene.peers, 2, true);
    fake_peers_link(&scene.peers, 3, true);
    cr_expect_eq(arrived(0)->kind, LETTER_REWIND);
    cr_expect_eq(scene.letters_count, 1u);
}

/* ---- digests */

/* What this node says of partitions 1, led, and 2, not led. */
static struct buffer said_digests(struct buffer *room)
{
    struct frame frame;
    struct buffer body = {0};
    scene.leads[1] = scene.leads[3] = true;
    state_digests_add(&scene.digests[1], 10, 100);
    state_digests_add(&scene.digests[1], 11, 111);
    state_digests_add(&scene.digests[2], 5, 55);
    scene.peers.up[2] = true;
    links_send_digests(scene.links);
    cr_assert(fake_peers_take(&scene.peers, 2, room, &frame));
    cr_expect_eq(scene.peers.outputs[1].size + scene.peers.outputs[3].size, 0u, "neither to itself nor where no link is");
    cr_assert_eq(frame.type, FRAME_LEADERS);
    buffer_append(&body, frame.body);
    return body;
}

Test(links, digests_of_what_is_led_are_told_and_compared)
{
    struct buffer room = {0}, body = said_digests(&room);
    cr_assert_eq(body.size, 4 + 20u, "partition 3 has applied nothing");
    struct reader reader = reader_of(buffer_bytes(&body));
    cr_expect(reader_u32(&reader) == 1 && reader_u32(&reader) == 1 && reader_u64(&reader) == 11 && reader_u64(&reader) == 111);
    scene.leads[1] = false;
    cr_expect(fake_peers_say(&scene.peers, 2, FRAME_LEADERS, FRAME_PARTITION_NONE, buffer_bytes(&body)));
    cr_expect_eq(scene.diverged, 0u, "equal");
    body.data[4 + 12]++;                   /* the digest */
    body.data[4 + 4]++;                    /* of index 12, which is not known here */
    cr_expect(fake_peers_say(&scene.peers, 2, FRAME_LEADERS, FRAME_PARTITION_NONE, buffer_bytes(&body)));
    cr_expect_eq(scene.diverged, 0u, "nothing to compare with");
    body.data[4 + 4]--;
    cr_expect(fake_peers_say(&scene.peers, 2, FRAME_LEADERS, FRAME_PARTITION_NONE, buffer_bytes(&body)));
    cr_expect_eq(scene.diverged, 1u);
    buffer_close(&body);
    buffer_close(&room);
}

Test(links, digests_that_cannot_be_right_end_the_link)
{
    struct buffer room = {0}, body = said_digests(&room);
    cr_expect_not(fake_peers_say(&scene.peers, 2, FRAME_LEADERS, FRAME_PARTITION_NONE, bytes_of(body.data, body.size - 1)), "too short");
    cr_expect_not(fake_peers_say(&scene.peers, 2, FRAME_LEADERS, FRAME_PARTITION_NONE, bytes_of(body.data, 2)), "no number of rows");
    buffer_append_u8(&body, 0);
    cr_expect_not(fake_peers_say(&scene.peers, 2, FRAME_LEADERS, FRAME_PARTITION_NONE, buffer_bytes(&body)), "too long");
    body.size--;
    body.data[4] = PARTITIONS;
    cr_expect_not(fake_peers_say(&scene.peers, 2, FRAME_LEADERS, FRAME_PARTITION_NONE, buffer_bytes(&body)), "no such partition");
    memset(body.data, 0xff, 4);
    cr_expect_not(fake_peers_say(&scene.peers, 2, FRAME_LEADERS, FRAME_PARTITION_NONE, buffer_bytes(&body)), "too many rows");
    cr_expect_eq(scene.diverged, 0u);
    buffer_close(&body);
    buffer_close(&room);
}

/* ---- what people hear */

Test(links, a_link_that_stopped_is_counted_and_said_with_what_to_do)
{
    links_stopped(scene.links, 2, &(struct outbox_link){.destination = 3, .last = 50, .oldest = 20}, 10);
    cr_expect_eq(counter("stopped")->value, 1u);
    cr_expect_not_null(strstr(scene.line, "from partition 2 to partition 3 stop"));
    cr_expect_not_null(strstr(scene.line, "has applied 10, and the oldest that is kept is 20; partition 3 has lost state"));
    links_stopped(scene.links, 2, &(struct outbox_link){.destination = 3, .last = 50, .oldest = 20}, 60);
    cr_expect_not_null(strstr(scene.line, "has applied 60, and the newest that was ever written is 50; partition 2 has lost state"));
    cr_expect_eq(scene.lines, 2u);
}

Test(links, messages_of_an_older_restore_epoch_are_said_once)
{
    struct letter letter = {.kind = LETTER_MESSAGES, .to = 3, .from = 2, .node = {3}, .incarnation = 1};
    links_epoch_refused(scene.links, &letter, 2);
    links_epoch_refused(scene.links, &letter, 2);
    cr_expect_eq(scene.lines, 1u);
    cr_expect_not_null(strstr(scene.line, "restore epoch is 1 and this cluster is at 2; node 3"));
}
