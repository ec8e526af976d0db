#include "grid/node/mailbox.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"

/* More than this is not kept for the next letters. */
enum { KEPT_BYTES_MAX = 1024 * 1024, KEPT_LETTERS_MAX = 16 * 1024 };

struct queued { struct letter letter; size_t at; };    /* at: where its command begins */

struct queue {
    struct queued *letters;
    size_t count, capacity;
    struct buffer commands;
};

struct mailbox {
    struct mailbox_options options;
    struct deferred deferred;
    struct queue filling, emptying;    /* what is posted from inside `deliver` comes in the next round */
    bool rewind;
};

static void queue_close(struct queue *queue)
{
    memory_free(queue->letters);
    buffer_close(&queue->commands);
    *queue = (struct queue){0};
}

static void queue_clear(struct queue *queue)
{
    if (queue->capacity > KEPT_LETTERS_MAX || queue->commands.capacity > KEPT_BYTES_MAX)
        queue_close(queue);
    queue->count = 0;
    buffer_clear(&queue->commands);
}

static void give_out(void *context)
{
    struct mailbox *mailbox = context;
    struct queue *queue = &mailbox->emptying, full = mailbox->filling;
    bool rewind = mailbox->rewind;
    HOLDS(queue->count == 0);
    mailbox->filling = *queue;
    *queue = full;
    mailbox->rewind = false;
    for (size_t i = 0; i < queue->count; i++) {
        struct queued *queued = &queue->letters[i];
        if (queued->letter.command.size > 0)
            queued->letter.command.data = queue->commands.data + queued->at;
        mailbox->options.deliver(mailbox->options.context, &queued->letter);
    }
    if (rewind)
        mailbox->options.deliver(mailbox->options.context, &(struct letter){.kind = LETTER_REWIND});
    queue_clear(queue);
}

struct mailbox *mailbox_open(const struct mailbox_options *options)
{
    REQUIRE(options->clock && options->deliver);
    struct mailbox *mailbox = memory_zero(1, sizeof *mailbox);
    mailbox->options = *options;
    mailbox->deferred = (struct deferred){.run = give_out, .context = mailbox};
    return mailbox;
}

void mailbox_close(struct mailbox *mailbox)
{
    clock_undefer(mailbox->options.clock, &mailbox->deferred);
    queue_close(&mailbox->filling);
    queue_close(&mailbox->emptying);
    memory_free(mailbox);
}

bool mailbox_post(struct mailbox *mailbox, const struct letter *letter)
{
    struct queue *queue = &mailbox->filling;
    REQUIRE(letter->kind == LETTER_MESSAGES || letter->kind == LETTER_ANSWER);
    if (queue->commands.size + letter->command.size + (queue->count + 1) * sizeof *queue->letters > MAILBOX_BYTES_MAX)
        return false;
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity ? queue->capacity * 2 : 64;
        queue->letters = memory_resize(queue->letters, queue->capacity * sizeof *queue->letters);
    }
    queue->letters[queue->count++] = (struct queued){*letter, queue->commands.size};
    buffer_append(&queue->commands, letter->command);
    clock_defer(mailbox->options.clock, &mailbox->deferred);
    return true;
}

void mailbox_rewind(struct mailbox *mailbox)
{
    mailbox->rewind = true;
    clock_defer(mailbox->options.clock, &mailbox->deferred);
}
