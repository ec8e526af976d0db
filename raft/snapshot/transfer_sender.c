#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/snapshot/transfer.h"

enum state { OPENING, READING_END, OFFERING, FLOWING, ENDED };

struct transfer_sender {
    struct transfer_sender_options options;
    enum state state;
    struct transfer_what what;
    char name[SNAPSHOT_NAME_BYTES];
    struct file *file;
    struct storage_work work;
    bool busy, closed;
    bool stale;                        /* the read under way is not wanted any more */
    uint64_t next;                     /* offset of the next chunk */
    uint64_t written;                  /* at the receiver */
    struct transfer_budget own;        /* without one of the caller */
    uint64_t moved_us;                 /* when something was last heard or offered */
    uint8_t chunk[TRANSFER_CHUNK_BYTES];
};

static void pump(struct transfer_sender *sender);

static void close_file(struct transfer_sender *sender)
{
    if (sender->file != NULL)
        sender->options.storage->close(sender->options.storage, sender->file);
    sender->file = NULL;
}

static void free_sender(struct transfer_sender *sender)
{
    close_file(sender);
    memory_free(sender);
}

/* The file is closed before it may be removed. With a read in flight it stays open until that is done. */
static void let_go(struct transfer_sender *sender)
{
    if (!sender->busy)
        close_file(sender);
    snapshot_files_unpin(sender->options.files, sender->options.group, sender->options.index);
}

static void end(struct transfer_sender *sender, enum grid_err err)
{
    if (sender->state == ENDED)
        return;
    sender->state = ENDED;
    let_go(sender);
    sender->options.ended(sender->options.context, err);
}

static void offer(struct transfer_sender *sender)
{
    struct transfer_bytes bytes = {.what = sender->what};
    sender->options.send(sender->options.context, &bytes);
}

static void begin_read(struct transfer_sender *sender, uint64_t offset, size_t size);

static void on_opened(struct transfer_sender *sender)
{
    struct storage *storage = sender->options.storage;
    sender->file = sender->work.file;
    sender->what.file_bytes = storage->size(storage, sender->file);
    if (sender->what.file_bytes < SNAPSHOT_HEAD_BYTES + SNAPSHOT_END_BYTES) {
        end(sender, GRID_ERR_CORRUPT);
        return;
    }
    sender->state = READING_END;
    begin_read(sender, 0, SNAPSHOT_HEAD_BYTES);
}

/* First the head, then the end record: what is offered follows from them; the receiver checks it all. */
static void on_end_read(struct transfer_sender *sender)
{
    if (sender->work.offset == 0) {
        sender->what.term = get_u64(sender->chunk + 40);
        begin_read(sender, sender->what.file_bytes - SNAPSHOT_END_BYTES, SNAPSHOT_END_BYTES);
        return;
    }
    sender->what.hash = get_u64(sender->chunk + 24);
    sender->state = OFFERING;
    offer(sender);
}

static void on_chunk(struct transfer_sender *sender)
{
    struct transfer_bytes bytes = {sender->what, sender->work.offset, bytes_of(sender->chunk, sender->work.size)};
    if (!sender->stale) {
        sender->next = sender->work.offset + sender->work.size;
        sender->options.send(sender->options.context, &bytes);
    }
    sender->stale = false;
    pump(sender);
}

static void on_work(void *context, enum grid_err err)
{
    struct transfer_sender *sender = context;
    sender->busy = false;
    if (err == GRID_ERR_OK && sender->work.kind == STORAGE_OPEN)
        sender->file = sender->work.file;
    if (sender->closed) {
        free_sender(sender);
        return;
    }
    if (sender->state == ENDED)
        return;
    if (err != GRID_ERR_OK)
        end(sender, err);
    else if (sender->state == OPENING)
        on_opened(sender);
    else if (sender->state == READING_END)
        on_end_read(sender);
    else
        on_chunk(sender);
}

static void begin_work(struct transfer_sender *sender)
{
    struct storage *storage = sender->options.storage;
    sender->work.done = on_work;
    sender->work.context = sender;
    sender->busy = true;
    storage->work(storage, &sender->work);
}

static void begin_read(struct transfer_sender *sender, uint64_t offset, size_t size)
{
    sender->work = (struct storage_work){.kind = STORAGE_READ, .file = sender->file, .offset = offset, .data = sender->chunk, .size = size};
    begin_work(sender);
}

static struct transfer_budget *budget(struct transfer_sender *sender)
{
    return sender->options.budget != NULL ? sender->options.budget : &sender->own;
}

static void fill(struct transfer_sender *sender, uint64_t now_us)
{
    struct transfer_budget *filled = budget(sender);
    uint64_t rate = sender->options.bytes_per_second, most = (rate / 10 + 2 * TRANSFER_CHUNK_BYTES) * 1000000;
    uint64_t passed_us = now_us - filled->filled_us < 1000000 ? now_us - filled->filled_us : 1000000;
    filled->filled_us = now_us;
    filled->millionths = filled->millionths + rate * passed_us < most ? filled->millionths + rate * passed_us : most;
}

/* The next chunk, if window, rate and link allow it. */
static void pump(struct transfer_sender *sender)
{
    if (sender->busy || sender->state != FLOWING || sender->next >= sender->what.file_bytes)
        return;
    uint64_t left = sender->what.file_bytes - sender->next;
    size_t size = left < TRANSFER_CHUNK_BYTES ? (size_t)left : TRANSFER_CHUNK_BYTES;
    bool paid = sender->options.bytes_per_second == 0 || budget(sender)->millionths / 1000000 >= size;
    if (sender->next + size > sender->written + TRANSFER_WINDOW_BYTES || !paid || !sender->options.room(sender->options.context))
        return;
    if (sender->options.bytes_per_second != 0)
        budget(sender)->millionths -= (uint64_t)size * 1000000;
    begin_read(sender, sender->next, size);
}

struct transfer_sender *transfer_sender_open(const struct transfer_sender_options *options, uint64_t now_us)
{
    REQUIRE(options->storage != NULL && options->files != NULL && options->send != NULL && options->room != NULL && options->ended != NULL);
    struct transfer_sender *sender = memory_zero(1, sizeof *sender);
    sender->options = *options;
    sender->what = (struct transfer_what){.group = options->group, .leader_term = options->leader_term, .index = options->index};
    sender->own.filled_us = sender->moved_us = now_us;
    fill(sender, now_us);
    snapshot_files_pin(options->files, options->group, options->index);
    snapshot_name(sender->name, options->group, options->index, SNAPSHOT_WHOLE);
    sender->work = (struct storage_work){.kind = STORAGE_OPEN, .name = sender->name};
    begin_work(sender);
    return sender;
}

void transfer_sender_close(struct transfer_sender *sender)
{
    if (sender->state != ENDED)
        let_go(sender);
    sender->state = ENDED;
    sender->closed = true;
    if (!sender->busy)
        free_sender(sender);
}

static void start_at(struct transfer_sender *sender, uint64_t offset)
{
    if (offset > sender->what.file_bytes)
        return;
    sender->stale = sender->busy;
    sender->next = sender->written = offset;
    sender->state = FLOWING;
}

void transfer_sender_answer(struct transfer_sender *sender, const struct transfer_want *want, uint64_t now_us)
{
    bool ours = want->group == sender->what.group && want->index == sender->what.index && want->hash == sender->what.hash;
    if (!ours || (sender->state != OFFERING && sender->state != FLOWING))
        return;
    sender->moved_us = now_us;
    switch (want->answer) {
    case TRANSFER_START: start_at(sender, want->offset); break;
    case TRANSFER_WRITTEN:
        if (sender->state == FLOWING && want->offset > sender->written && want->offset <= sender->next)
            sender->written = want->offset;
        break;
    case TRANSFER_DONE: end(sender, GRID_ERR_OK); return;
    case TRANSFER_FULL: end(sender, GRID_ERR_NO_SPACE); return;
    case TRANSFER_REFUSED:
    case TRANSFER_ANSWERS: end(sender, GRID_ERR_REFUSED); return;
    }
    pump(sender);
}

void transfer_sender_tick(struct transfer_sender *sender, uint64_t now_us)
{
    fill(sender, now_us);
    if ((sender->state == OFFERING || sender->state == FLOWING) && now_us - sender->moved_us >= TRANSFER_RETRY_US) {
        sender->moved_us = now_us;
        offer(sender);
    }
    pump(sender);
}

uint64_t transfer_sender_bytes(const struct transfer_sender *sender)
{
    return sender->what.file_bytes;
}

uint64_t transfer_sender_written(const struct transfer_sender *sender)
{
    return sender->written;
}
