#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/snapshot/transfer.h"

/* So much is synced at once at most. */
enum { SYNC_BYTES = 1024 * 1024 };

enum state {
    IDLE,
    OPENING, VERIFYING,                /* what an earlier attempt left */
    CREATING,
    RECEIVING,
    GIVING_UP,                         /* `answer` follows once the file is removed; START: it begins again */
    RENAMING,
    FAILED,
};

struct transfer_receiver {
    struct transfer_receiver_options options;
    enum state state;
    struct transfer_what what, next, done;
    bool has_next;                     /* another snapshot waits for what is in flight */
    bool has_done;                     /* `done` is complete */
    bool busy, closed, leaving, gap_asked, synced;
    enum transfer_answer answer;
    unsigned attempts;
    char name[SNAPSHOT_NAME_BYTES], whole[SNAPSHOT_NAME_BYTES];
    struct file *file;
    struct snapshot_checker checker;
    struct buffer raw;                 /* received, not verified; begins where the checker stands */
    struct buffer filling, flying;     /* verified: waits for the disk; is on its way */
    uint64_t written, unsynced;
    struct storage_work work;
    struct storage_write write;
    uint8_t block[TRANSFER_CHUNK_BYTES];
};

static bool same(const struct transfer_what *a, const struct transfer_what *b)
{
    return a->group == b->group && a->index == b->index && a->term == b->term && a->file_bytes == b->file_bytes && a->hash == b->hash;
}

static void answer(struct transfer_receiver *receiver, const struct transfer_what *what, enum transfer_answer value, uint64_t offset)
{
    struct transfer_want want = {what->group, what->index, what->hash, value, offset};
    receiver->options.send(receiver->options.context, &want);
}

/* ---- storage */

static void on_work(void *context, enum grid_err err);
static void on_written(void *context, enum grid_err err);

static void begin_work(struct transfer_receiver *receiver, enum storage_kind kind, enum state state)
{
    struct storage *storage = receiver->options.storage;
    receiver->state = state;
    receiver->work = (struct storage_work){.kind = kind, .name = receiver->name, .to = receiver->whole, .done = on_work, .context = receiver};
    receiver->busy = true;
    storage->work(storage, &receiver->work);
}

static void close_file(struct transfer_receiver *receiver)
{
    if (receiver->file != NULL)
        receiver->options.storage->close(receiver->options.storage, receiver->file);
    receiver->file = NULL;
}

static void forget_content(struct transfer_receiver *receiver)
{
    snapshot_checker_close(&receiver->checker);
    snapshot_checker_init(&receiver->checker, NULL, NULL);
    buffer_clear(&receiver->raw);
    buffer_clear(&receiver->filling);
    receiver->written = receiver->unsynced = 0;
    receiver->synced = receiver->gap_asked = false;
}

static void free_receiver(struct transfer_receiver *receiver)
{
    close_file(receiver);
    snapshot_checker_close(&receiver->checker);
    buffer_close(&receiver->raw);
    buffer_close(&receiver->filling);
    buffer_close(&receiver->flying);
    memory_free(receiver);
}

static void fail(struct transfer_receiver *receiver, enum grid_err err)
{
    receiver->state = FAILED;
    answer(receiver, &receiver->what, TRANSFER_REFUSED, 0);
    receiver->options.failed(receiver->options.context, err);
}

static void rest(struct transfer_receiver *receiver)
{
    close_file(receiver);
    forget_content(receiver);
    buffer_clear(&receiver->flying);
    receiver->leaving = receiver->has_next = false;
    receiver->state = IDLE;
}

/* ---- another snapshot, or the same from its beginning */

static void remove_file(struct transfer_receiver *receiver)
{
    close_file(receiver);
    forget_content(receiver);
    begin_work(receiver, STORAGE_REMOVE, GIVING_UP);
}

static void give_up(struct transfer_receiver *receiver, enum transfer_answer value)
{
    receiver->answer = value;
    receiver->state = GIVING_UP;
    if (!receiver->busy)
        remove_file(receiver);
}

static void damaged(struct transfer_receiver *receiver)
{
    receiver->attempts++;
    give_up(receiver, receiver->attempts < TRANSFER_ATTEMPTS_MAX ? TRANSFER_START : TRANSFER_REFUSED);
}

static void begin_next(struct transfer_receiver *receiver)
{
    receiver->has_next = false;
    receiver->what = receiver->next;
    receiver->attempts = 0;
    forget_content(receiver);
    snapshot_name(receiver->name, receiver->what.group, receiver->what.index, SNAPSHOT_RECEIVED);
    snapshot_name(receiver->whole, receiver->what.group, receiver->what.index, SNAPSHOT_WHOLE);
    begin_work(receiver, STORAGE_OPEN, OPENING);
}

static void turn(struct transfer_receiver *receiver)
{
    if (receiver->busy || !receiver->has_next || receiver->state == FAILED)
        return;
    if (receiver->state == IDLE)
        begin_next(receiver);
    else
        give_up(receiver, TRANSFER_START);
}

static void on_removed(struct transfer_receiver *receiver)
{
    if (receiver->has_next) {
        begin_next(receiver);
        return;
    }
    if (receiver->answer == TRANSFER_START) {
        begin_work(receiver, STORAGE_CREATE, CREATING);
        return;
    }
    receiver->state = IDLE;
    answer(receiver, &receiver->what, receiver->answer, 0);
}

/* ---- content */

static bool is_wrong(const struct transfer_receiver *receiver)
{
    const struct snapshot_checker *checker = &receiver->checker;
    const struct transfer_what *what = &receiver->what;
    const struct snapshot_head *head = &checker->head;
    if (checker->has_head && (head->group != what->group || head->index != what->index || head->term != what->term))
        return true;
    uint64_t received = snapshot_checker_verified(checker) + receiver->raw.size;
    if (checker->complete)
        return checker->sum.hash != what->hash || received != what->file_bytes;
    return received >= what->file_bytes;
}

static void end_file(struct transfer_receiver *receiver)
{
    close_file(receiver);
    begin_work(receiver, STORAGE_RENAME, RENAMING);
}

static void pump(struct transfer_receiver *receiver)
{
    struct storage *storage = receiver->options.storage;
    if (receiver->busy || receiver->state != RECEIVING)
        return;
    bool complete = receiver->checker.complete;
    if (receiver->filling.size == 0 && !(complete && !receiver->synced)) {
        if (complete)
            end_file(receiver);
        return;
    }
    buffer_append(&receiver->flying, buffer_bytes(&receiver->filling));
    buffer_clear(&receiver->filling);
    receiver->unsynced += receiver->flying.size;
    receiver->write = (struct storage_write){.offset = receiver->written, .data = buffer_bytes(&receiver->flying),
        .sync = complete || receiver->unsynced >= SYNC_BYTES, .done = on_written, .context = receiver};
    receiver->busy = true;
    storage->write(storage, receiver->file, &receiver->write);
}

static void on_written(void *context, enum grid_err err)
{
    struct transfer_receiver *receiver = context;
    receiver->busy = false;
    if (receiver->closed) {
        free_receiver(receiver);
        return;
    }
    receiver->written += receiver->flying.size;
    buffer_clear(&receiver->flying);
    if (receiver->write.sync) {
        receiver->unsynced = 0;
        receiver->synced = receiver->checker.complete && receiver->filling.size == 0;
    }
    if (err == GRID_ERR_NO_SPACE && receiver->leaving)
        rest(receiver);
    else if (err == GRID_ERR_NO_SPACE)
        give_up(receiver, TRANSFER_FULL);
    else if (err != GRID_ERR_OK)
        fail(receiver, err);
    else if (receiver->leaving)
        rest(receiver);
    else if (receiver->state == GIVING_UP)
        remove_file(receiver);
    else if (receiver->has_next) {
        turn(receiver);
    } else {
        answer(receiver, &receiver->what, TRANSFER_WRITTEN, receiver->written);
        pump(receiver);
    }
}

/* What became verified moves on to the disk; the head with this node's owner in it. */
static void take_verified(struct transfer_receiver *receiver, uint64_t before)
{
    size_t size = (size_t)(snapshot_checker_verified(&receiver->checker) - before);
    if (size == 0)
        return;
    size_t start = receiver->filling.size;
    buffer_append(&receiver->filling, bytes_of(receiver->raw.data, size));
    buffer_consume(&receiver->raw, size);
    if (before > 0)
        return;
    struct snapshot_head head = receiver->checker.head;
    struct buffer own = {0};
    head.owner = receiver->options.owner;
    snapshot_head_put(&own, &head);
    memcpy(receiver->filling.data + start, own.data, own.size);
    buffer_close(&own);
}

static void take(struct transfer_receiver *receiver, struct bytes data)
{
    char *what = NULL;
    uint64_t before = snapshot_checker_verified(&receiver->checker);
    receiver->gap_asked = false;
    buffer_append(&receiver->raw, data);
    enum grid_err err = snapshot_checker_add(&receiver->checker, data, &what);
    memory_free(what);
    if (err == GRID_ERR_OK)
        take_verified(receiver, before);
    if (err != GRID_ERR_OK || is_wrong(receiver))
        damaged(receiver);
    else
        pump(receiver);
}

/* ---- what an earlier attempt left */

static void begin_receiving(struct transfer_receiver *receiver)
{
    receiver->state = RECEIVING;
    receiver->written = snapshot_checker_verified(&receiver->checker);
    answer(receiver, &receiver->what, TRANSFER_START, receiver->written);
    pump(receiver);
}

static void read_next(struct transfer_receiver *receiver)
{
    struct storage *storage = receiver->options.storage;
    uint64_t left = storage->size(storage, receiver->file) - receiver->written;
    if (left == 0) {
        snapshot_checker_rewind(&receiver->checker);
        begin_receiving(receiver);
        return;
    }
    receiver->state = VERIFYING;
    receiver->work = (struct storage_work){.kind = STORAGE_READ, .file = receiver->file, .offset = receiver->written, .data = receiver->block,
        .size = left < sizeof receiver->block ? (size_t)left : sizeof receiver->block, .done = on_work, .context = receiver};
    receiver->busy = true;
    storage->work(storage, &receiver->work);
}

static void on_opened(struct transfer_receiver *receiver)
{
    struct storage *storage = receiver->options.storage;
    receiver->file = receiver->work.file;
    if (storage->size(storage, receiver->file) > receiver->what.file_bytes)
        give_up(receiver, TRANSFER_START);
    else
        read_next(receiver);
}

/* The rest of the file from the first damage on is received again. */
static void on_read(struct transfer_receiver *receiver)
{
    char *what = NULL;
    receiver->written += receiver->work.size;
    enum grid_err err = snapshot_checker_add(&receiver->checker, bytes_of(receiver->block, receiver->work.size), &what);
    memory_free(what);
    if (err != GRID_ERR_OK)
        snapshot_checker_rewind(&receiver->checker);
    bool wrong = (receiver->checker.has_head || receiver->checker.complete) && is_wrong(receiver);
    if (wrong)
        give_up(receiver, TRANSFER_START);
    else if (err != GRID_ERR_OK)
        begin_receiving(receiver);
    else
        read_next(receiver);
}

/* ---- events */

static void on_renamed(struct transfer_receiver *receiver)
{
    struct snapshot_head head = receiver->checker.head;
    head.owner = receiver->options.owner;
    receiver->state = IDLE;
    receiver->leaving = false;
    receiver->done = receiver->what;
    receiver->has_done = true;
    answer(receiver, &receiver->what, TRANSFER_DONE, receiver->what.file_bytes);
    turn(receiver);
    receiver->options.complete(receiver->options.context, receiver->done.leader_term, &head); /* last: it may close the receiver */
}

static void work_succeeded(struct transfer_receiver *receiver, enum storage_kind kind)
{
    switch (kind) {
    case STORAGE_OPEN: on_opened(receiver); break;
    case STORAGE_CREATE:
        receiver->file = receiver->work.file;
        begin_receiving(receiver);
        break;
    case STORAGE_READ: on_read(receiver); break;
    case STORAGE_RENAME: on_renamed(receiver); break;
    case STORAGE_REMOVE: on_removed(receiver); break;
    }
}

static void on_work(void *context, enum grid_err err)
{
    struct transfer_receiver *receiver = context;
    enum storage_kind kind = receiver->work.kind;
    receiver->busy = false;
    if (receiver->closed) {
        if (err == GRID_ERR_OK && (kind == STORAGE_OPEN || kind == STORAGE_CREATE))
            receiver->file = receiver->work.file;
        free_receiver(receiver);
        return;
    }
    bool gone = err == GRID_ERR_NOT_FOUND && (kind == STORAGE_REMOVE || kind == STORAGE_OPEN), full = err == GRID_ERR_NO_SPACE && kind != STORAGE_REMOVE;
    if (receiver->leaving && kind != STORAGE_RENAME && (err == GRID_ERR_OK || gone || full)) {
        if (err == GRID_ERR_OK && (kind == STORAGE_OPEN || kind == STORAGE_CREATE))
            receiver->file = receiver->work.file;
        rest(receiver);
    } else if (err == GRID_ERR_OK || (gone && kind == STORAGE_REMOVE))
        work_succeeded(receiver, kind);
    else if (gone)
        begin_work(receiver, STORAGE_CREATE, CREATING);
    else if (full)
        give_up(receiver, TRANSFER_FULL);
    else
        fail(receiver, err);
}

struct transfer_receiver *transfer_receiver_open(const struct transfer_receiver_options *options)
{
    REQUIRE(options->storage != NULL && options->send != NULL && options->complete != NULL && options->failed != NULL);
    struct transfer_receiver *receiver = memory_zero(1, sizeof *receiver);
    receiver->options = *options;
    snapshot_checker_init(&receiver->checker, NULL, NULL);
    return receiver;
}

void transfer_receiver_close(struct transfer_receiver *receiver)
{
    receiver->closed = true;
    if (!receiver->busy)
        free_receiver(receiver);
}

bool transfer_receiver_works_on(const struct transfer_receiver *receiver, uint32_t group)
{
    return receiver->state != IDLE && receiver->state != FAILED && receiver->what.group == group;
}

uint64_t transfer_receiver_written(const struct transfer_receiver *receiver)
{
    return receiver->state == IDLE || receiver->state == FAILED ? 0 : receiver->written;
}

uint64_t transfer_receiver_term(const struct transfer_receiver *receiver)
{
    return receiver->what.leader_term;
}

void transfer_receiver_leave(struct transfer_receiver *receiver)
{
    receiver->has_next = false;
    if (receiver->busy)
        receiver->leaving = true;
    else if (receiver->state != FAILED)
        rest(receiver);
}

/* Bytes of the snapshot that is being received. */
static void receive(struct transfer_receiver *receiver, uint64_t offset, struct bytes data)
{
    uint64_t expected = snapshot_checker_verified(&receiver->checker) + receiver->raw.size;
    if (data.size == 0) {
        receiver->gap_asked = true;
        answer(receiver, &receiver->what, TRANSFER_START, expected);
    } else if (offset < expected) {
        answer(receiver, &receiver->what, TRANSFER_WRITTEN, receiver->written);
    } else if (offset == expected && data.size <= receiver->what.file_bytes - expected) {
        take(receiver, data);
    } else if (!receiver->gap_asked) {
        receiver->gap_asked = true;
        answer(receiver, &receiver->what, TRANSFER_START, expected);
    }
}

void transfer_receiver_bytes(struct transfer_receiver *receiver, const struct transfer_bytes *bytes)
{
    const struct transfer_what *what = &bytes->what;
    REQUIRE(!receiver->closed);
    if (receiver->state == FAILED || receiver->leaving || what->index == 0)
        return;
    if (receiver->has_done && same(what, &receiver->done) && receiver->state == IDLE) {
        answer(receiver, what, TRANSFER_DONE, what->file_bytes);
        /* If the leader offers it again after this answer, the member dropped the file, or its success was lost: then receive and complete it again. */
        receiver->has_done = bytes->data.size != 0;
    } else if (receiver->state == IDLE || !same(what, &receiver->what)) {
        /* Chunks without an offer come after a restart of this node; the sender repeats its offer. */
        receiver->has_next = receiver->has_next || bytes->data.size == 0;
        if (bytes->data.size == 0)
            receiver->next = *what;
        turn(receiver);
    } else {
        if (what->leader_term > receiver->what.leader_term)
            receiver->what.leader_term = what->leader_term;
        receiver->has_next = false;
        if (receiver->state == RECEIVING)
            receive(receiver, bytes->offset, bytes->data);
    }
}
