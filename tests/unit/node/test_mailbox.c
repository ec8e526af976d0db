/* Letters between partitions: never delivered from inside a call, in order, bounded. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/node/mailbox.h"
#include "tests/support/fake_clock.h"

enum { SEEN_MAX = 64, TEXT_BYTES = 32 };

struct seen { struct letter letter; char text[TEXT_BYTES]; };

struct scene {
    struct fake_clock clock;
    struct mailbox *mailbox;
    struct seen seen[SEEN_MAX];
    size_t count, bytes;
    uint32_t answers_left;                 /* letters that `deliver` posts itself */
};

static struct scene scene;

static void deliver(void *context, const struct letter *letter)
{
    cr_assert_eq(context, &scene);
    struct seen *seen = &scene.seen[scene.count++ % SEEN_MAX];
    seen->letter = *letter;
    memset(seen->text, 0, sizeof seen->text);
    if (letter->command.size < TEXT_BYTES && letter->command.size > 0)
        memcpy(seen->text, letter->command.data, letter->command.size);
    scene.bytes += letter->command.size;
    if (scene.answers_left > 0) {
        scene.answers_left--;
        cr_expect(mailbox_post(scene.mailbox, &(struct letter){.kind = LETTER_ANSWER, .to = letter->from, .from = letter->to, .applied = letter->last}));
    }
}

static void begin(void)
{
    scene = (struct scene){0};
    fake_clock_init(&scene.clock);
    scene.mailbox = mailbox_open(&(struct mailbox_options){.clock = &scene.clock.clock, .context = &scene, .deliver = deliver});
}

static void end(void)
{
    mailbox_close(scene.mailbox);
    fake_clock_close(&scene.clock);
}

TestSuite(mailbox, .init = begin, .fini = end);

static bool post(uint32_t to, uint64_t first, struct bytes command)
{
    return mailbox_post(scene.mailbox, &(struct letter){.kind = LETTER_MESSAGES, .to = to, .from = 9, .node = {3}, .first = first, .last = first,
                                                        .command = command});
}

Test(mailbox, letters_come_at_the_end_of_the_iteration_in_their_order)
{
    char text[] = "one";
    cr_assert(post(1, 1, bytes_of(text, 3)));
    memcpy(text, "two", 3);                /* the caller's bytes are its own again */
    cr_assert(post(2, 2, bytes_of(text, 3)));
    cr_assert(mailbox_post(scene.mailbox, &(struct letter){.kind = LETTER_ANSWER, .to = 5, .from = 6, .applied = 77, .gap = true}));
    cr_expect_eq(scene.count, 0u, "not from inside a call");
    fake_clock_run(&scene.clock);
    cr_assert_eq(scene.count, 3u);
    cr_expect_str_eq(scene.seen[0].text, "one");
    cr_expect(scene.seen[0].letter.to == 1 && scene.seen[0].letter.from == 9 && scene.seen[0].letter.node.value == 3);
    cr_expect_str_eq(scene.seen[1].text, "two");
    cr_expect(scene.seen[2].letter.kind == LETTER_ANSWER && scene.seen[2].letter.applied == 77 && scene.seen[2].letter.gap);
    cr_expect_eq(scene.seen[2].letter.command.size, 0u);
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.count, 3u, "once each");
}

Test(mailbox, what_is_posted_while_letters_are_given_out_comes_in_the_same_iteration_after_them)
{
    scene.answers_left = 3;                /* the third answers an answer */
    cr_assert(post(1, 1, bytes_of_text("a")));
    cr_assert(post(2, 2, bytes_of_text("b")));
    fake_clock_run(&scene.clock);
    cr_assert_eq(scene.count, 5u);
    cr_expect_str_eq(scene.seen[1].text, "b", "not overwritten by what the first one caused");
    cr_expect(scene.seen[2].letter.kind == LETTER_ANSWER && scene.seen[2].letter.to == 9 && scene.seen[2].letter.from == 1);
    cr_expect(scene.seen[3].letter.from == 2 && scene.seen[4].letter.to == 1);
}

Test(mailbox, rewinds_become_one_letter_after_the_others)
{
    mailbox_rewind(scene.mailbox);
    cr_assert(post(1, 1, bytes_of_text("a")));
    mailbox_rewind(scene.mailbox);
    cr_expect_eq(scene.count, 0u);
    fake_clock_run(&scene.clock);
    cr_assert_eq(scene.count, 2u);
    cr_expect_eq(scene.seen[0].letter.kind, LETTER_MESSAGES);
    cr_expect_eq(scene.seen[1].letter.kind, LETTER_REWIND);
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.count, 2u);
}

Test(mailbox, a_full_mailbox_loses_letters_but_no_rewind_and_goes_on_when_it_is_empty)
{
    uint8_t *large = memory_zero(1, COMMAND_BYTES_MAX);
    size_t taken = 0;
    while (post(1, taken + 1, bytes_of(large, COMMAND_BYTES_MAX)))
        taken++;
    cr_expect_geq((taken + 1) * (COMMAND_BYTES_MAX + 1024), (size_t)MAILBOX_BYTES_MAX, "not before it is full");
    cr_expect_leq(taken * COMMAND_BYTES_MAX, (size_t)MAILBOX_BYTES_MAX);
    mailbox_rewind(scene.mailbox);
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.count, taken + 1);
    cr_expect_eq(scene.bytes, taken * COMMAND_BYTES_MAX, "whole letters, and none twice");
    cr_expect(post(2, 1, bytes_of_text("again")));
    fake_clock_run(&scene.clock);
    cr_expect_str_eq(scene.seen[scene.count - 1].text, "again");
    memory_free(large);
}

Test(mailbox, letters_without_a_command_are_bounded_too)
{
    size_t taken = 0;
    while (mailbox_post(scene.mailbox, &(struct letter){.kind = LETTER_ANSWER, .applied = taken}))
        taken++;
    cr_expect_leq(taken * sizeof(struct letter), (size_t)MAILBOX_BYTES_MAX);
    cr_expect_gt(taken, 100u * 1000);
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.count, taken);
    cr_expect_eq(scene.seen[(taken - 1) % SEEN_MAX].letter.applied, taken - 1);
}

Test(mailbox, closes_with_letters_that_wait)
{
    cr_assert(post(1, 1, bytes_of_text("lost")));
    mailbox_rewind(scene.mailbox);
    mailbox_close(scene.mailbox);
    fake_clock_run(&scene.clock);
    cr_expect_eq(scene.count, 0u);
    scene.mailbox = mailbox_open(&(struct mailbox_options){.clock = &scene.clock.clock, .context = &scene, .deliver = deliver});
}
