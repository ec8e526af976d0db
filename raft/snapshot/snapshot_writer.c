#include "raft/snapshot/snapshot_writer.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/snapshot/snapshot_file.h"

/* Whole pages at multiples of a page go past the system's cache (grid/uv/storage.c). Synced block by block, a large file never leaves so
 * much to one sync that the log's own syncs wait behind it. */
enum { PAGE_BYTES = 4096, BLOCK_BYTES = 256 * 1024 };

enum state {
    CREATING,
    WRITING,                           /* blocks; with nothing in flight there is less than a block to write */
    RENAMING,
    REMOVING,                          /* given up: the part goes */
};

struct snapshot_writer {
    struct snapshot_writer_options options;
    enum state state;
    char name[SNAPSHOT_NAME_BYTES], part[SNAPSHOT_NAME_BYTES];
    struct file *file;                 /* NULL: not open */
    struct buffer filling;             /* bytes of the file that are not on their way yet */
    size_t chunk;                      /* where in it the open chunk begins; SIZE_MAX: none is open */
    struct buffer flying;              /* what the write in flight borrows */
    uint64_t offset;                   /* of the file, of what `filling` begins with */
    struct snapshot_sum sum;
    bool busy;                         /* a write or a piece of work is in flight */
    bool finished, abandoned, wanted;  /* wanted: somebody was told that there is no room */
    enum grid_err err;
    struct storage_write write;
    struct storage_work work;
};

static void advance(struct snapshot_writer *writer);

/* Last in a callback: it may add, finish or abandon. */
static void tell_room(struct snapshot_writer *writer)
{
    bool tell = writer->wanted && writer->state == WRITING && snapshot_writer_room(writer) > 0;
    if (!tell)
        return;
    writer->wanted = false;
    if (writer->options.room != NULL)
        writer->options.room(writer->options.context);
}

/* ---- the end */

static void end(struct snapshot_writer *writer, enum grid_err err)
{
    struct snapshot_writer_options options = writer->options;
    struct snapshot_sum sum = writer->sum;
    bool told = !writer->abandoned;
    if (writer->file != NULL)
        options.storage->close(options.storage, writer->file);
    buffer_close(&writer->filling);
    buffer_close(&writer->flying);
    memory_free(writer);
    if (told)
        options.done(options.context, err, err == GRID_ERR_OK ? &sum : NULL);
}

static void begin_work(struct snapshot_writer *writer, enum storage_kind kind);

static void give_up(struct snapshot_writer *writer, enum grid_err err)
{
    struct storage *storage = writer->options.storage;
    HOLDS(!writer->busy && writer->state != REMOVING);
    writer->err = err;
    if (err == GRID_ERR_CLOSED) {
        end(writer, err);              /* the process ends; nothing may be asked of the storage */
        return;
    }
    if (writer->file != NULL)
        storage->close(storage, writer->file);
    writer->file = NULL;
    /* The owner stops the node, and hears of it at once (I37); the next start removes the part. */
    if (err != GRID_ERR_OK && err != GRID_ERR_NO_SPACE && !writer->abandoned) {
        end(writer, err);
        return;
    }
    writer->state = REMOVING;
    begin_work(writer, STORAGE_REMOVE);
}

static void on_work(void *context, enum grid_err err)
{
    struct snapshot_writer *writer = context;
    writer->busy = false;
    if (writer->state == REMOVING) {
        /* A removal that fails is a failed disk, and its owner hears of that instead (I37). */
        bool removed = err == GRID_ERR_OK || err == GRID_ERR_NOT_FOUND;
        end(writer, removed ? writer->err : err);
        return;
    }
    if (err == GRID_ERR_OK && writer->state == CREATING)
        writer->file = writer->work.file;
    if (err == GRID_ERR_OK && writer->state == RENAMING) {
        end(writer, GRID_ERR_OK);
    } else if (err != GRID_ERR_OK || writer->abandoned) {
        give_up(writer, err);
    } else {
        writer->state = WRITING;
        advance(writer);
        tell_room(writer);
    }
}

static void begin_work(struct snapshot_writer *writer, enum storage_kind kind)
{
    struct storage *storage = writer->options.storage;
    writer->work = (struct storage_work){.kind = kind, .name = writer->part, .to = writer->name, .done = on_work, .context = writer};
    writer->busy = true;
    storage->work(storage, &writer->work);
}

/* ---- blocks */

static void on_written(void *context, enum grid_err err)
{
    struct snapshot_writer *writer = context;
    writer->busy = false;
    buffer_clear(&writer->flying);
    if (err != GRID_ERR_OK || writer->abandoned) {
        give_up(writer, err);
    } else {
        advance(writer);
        tell_room(writer);
    }
}

/* Whole chunks and all but the last bytes go in whole pages. */
static size_t ready_bytes(const struct snapshot_writer *writer)
{
    if (writer->finished)
        return writer->filling.size;
    size_t sealed = writer->chunk == SIZE_MAX ? writer->filling.size : writer->chunk;
    return sealed >= BLOCK_BYTES ? sealed / PAGE_BYTES * PAGE_BYTES : 0;
}

static void write_block(struct snapshot_writer *writer, size_t size)
{
    struct storage *storage = writer->options.storage;
    size = size > BLOCK_BYTES ? BLOCK_BYTES : size > PAGE_BYTES ? size / PAGE_BYTES * PAGE_BYTES : size;
    buffer_append(&writer->flying, bytes_of(writer->filling.data, size));
    buffer_consume(&writer->filling, size);
    if (writer->chunk != SIZE_MAX)
        writer->chunk -= size;
    writer->write = (struct storage_write){.offset = writer->offset, .data = buffer_bytes(&writer->flying), .sync = true, .done = on_written,
                                           .context = writer};
    writer->offset += size;
    writer->busy = true;
    storage->write(storage, writer->file, &writer->write);
}

static void close_file(struct snapshot_writer *writer)
{
    struct storage *storage = writer->options.storage;
    storage->close(storage, writer->file);
    writer->file = NULL;
    writer->state = RENAMING;
    begin_work(writer, STORAGE_RENAME);
}

static void advance(struct snapshot_writer *writer)
{
    if (writer->busy || writer->state != WRITING)
        return;
    size_t ready = ready_bytes(writer);
    if (ready > 0)
        write_block(writer, ready);
    else if (writer->finished)
        close_file(writer);
}

/* ---- what comes in */

struct snapshot_writer *snapshot_writer_open(const struct snapshot_writer_options *options)
{
    REQUIRE(options->storage != NULL && options->done != NULL);
    struct snapshot_writer *writer = memory_zero(1, sizeof *writer);
    writer->options = *options;
    writer->chunk = SIZE_MAX;
    snapshot_name(writer->name, options->head.group, options->head.index, SNAPSHOT_WHOLE);
    snapshot_name(writer->part, options->head.group, options->head.index, SNAPSHOT_PART);
    snapshot_head_put(&writer->filling, &options->head);
    writer->sum.hash = snapshot_head_hash(&options->head);
    writer->options.head.configuration = BYTES_NONE; /* it was copied into the file's head */
    writer->state = CREATING;
    begin_work(writer, STORAGE_CREATE);
    return writer;
}

size_t snapshot_writer_room(struct snapshot_writer *writer)
{
    size_t used = writer->filling.size + writer->flying.size;
    size_t room = used < SNAPSHOT_WRITER_BYTES && !writer->finished ? SNAPSHOT_WRITER_BYTES - used : 0;
    writer->wanted = room == 0;
    return room;
}

static void seal_chunk(struct snapshot_writer *writer)
{
    uint8_t *at = writer->filling.data + writer->chunk;
    struct bytes payload = bytes_of(at + SNAPSHOT_CHUNK_HEAD_BYTES, writer->filling.size - writer->chunk - SNAPSHOT_CHUNK_HEAD_BYTES);
    snapshot_chunk_seal(at, payload, writer->sum.payload_bytes);
    writer->sum.hash = snapshot_chunk_hash(writer->sum.hash, payload);
    writer->sum.payload_bytes += payload.size;
    writer->sum.chunks++;
    writer->chunk = SIZE_MAX;
}

void snapshot_writer_add(struct snapshot_writer *writer, struct bytes piece)
{
    REQUIRE(!writer->finished && !writer->abandoned);
    while (piece.size > 0) {
        if (writer->chunk == SIZE_MAX) {
            writer->chunk = writer->filling.size;
            buffer_extend(&writer->filling, SNAPSHOT_CHUNK_HEAD_BYTES);
        }
        size_t free = SNAPSHOT_CHUNK_BYTES - (writer->filling.size - writer->chunk - SNAPSHOT_CHUNK_HEAD_BYTES);
        size_t part = piece.size < free ? piece.size : free;
        buffer_append(&writer->filling, bytes_of(piece.data, part));
        piece = bytes_of(piece.data + part, piece.size - part);
        if (part == free)
            seal_chunk(writer);
    }
    advance(writer);
}

uint64_t snapshot_writer_written(const struct snapshot_writer *writer)
{
    return writer->offset;
}

void snapshot_writer_finish(struct snapshot_writer *writer)
{
    REQUIRE(!writer->finished && !writer->abandoned);
    if (writer->chunk != SIZE_MAX)
        seal_chunk(writer);
    snapshot_end_put(&writer->filling, &writer->sum);
    writer->sum.file_bytes = writer->offset + writer->filling.size;
    writer->finished = true;
    advance(writer);
}

void snapshot_writer_abandon(struct snapshot_writer *writer)
{
    REQUIRE(!writer->abandoned);
    writer->abandoned = true;
    if (!writer->busy)
        give_up(writer, GRID_ERR_OK);
}
