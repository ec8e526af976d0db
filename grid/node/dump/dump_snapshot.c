/* A snapshot file (docs/formats/snapshot.md, "The file"). */
#include <inttypes.h>
#include <stdlib.h>

#include "grid/base/memory.h"
#include "grid/node/dump/dump_internal.h"
#include "raft/snapshot/snapshot_format.h"

struct walk { struct dump *dump; struct snapshot_checker *checker; bool had_head; };

/* Once, before the first chunk. */
static void put_head(struct walk *walk)
{
    struct dump *dump = walk->dump;
    const struct snapshot_head *head = &walk->checker->head;
    if (walk->had_head)
        return;
    walk->had_head = true;
    dump_row(dump, 0, "head");
    dump_number(dump, "group", head->group);
    dump_number(dump, "index", head->index);
    dump_number(dump, "term", head->term);
    dump_number(dump, "configurationIndex", head->configuration_index);
    dump_number(dump, "configurationBytes", head->configuration.size);
    dump_hex(dump, "owner", head->owner);
    dump_end(dump);
}

static enum grid_err put_chunk(void *context, struct bytes payload)
{
    struct walk *walk = context;
    put_head(walk);
    dump_row(walk->dump, snapshot_checker_verified(walk->checker), "chunk");
    dump_number(walk->dump, "before", walk->checker->sum.payload_bytes - payload.size);
    dump_number(walk->dump, "bytes", payload.size);
    dump_end(walk->dump);
    return GRID_ERR_OK;
}

static void put_sum(struct dump *dump, const struct snapshot_sum *sum)
{
    dump_row(dump, sum->file_bytes - SNAPSHOT_END_BYTES, "end");
    dump_number(dump, "bytes", sum->payload_bytes);
    dump_number(dump, "chunks", sum->chunks);
    dump_hex(dump, "hash", sum->hash);
    dump_end(dump);
}

static int walk_file(struct walk *walk, uint8_t *block)
{
    struct dump *dump = walk->dump;
    struct snapshot_checker *checker = walk->checker;
    enum grid_err err = GRID_ERR_OK;
    char *what = NULL;
    size_t size;
    while (err == GRID_ERR_OK && (size = fread(block, 1, DUMP_SMALL_BYTES, dump->file)) > 0)
        err = snapshot_checker_add(checker, bytes_of(block, size), &what);
    if (checker->has_head)
        put_head(walk);
    if (err != GRID_ERR_OK) {
        dump_failed(dump, what);
        memory_free(what);
        return 1;
    }
    if (ferror(dump->file))
        return dump_failed(dump, "it cannot be read");
    if (!checker->complete)
        return dump_damaged(dump, snapshot_checker_verified(checker), "the file ends before its end record: it is short, or is still being written");
    put_sum(dump, &checker->sum);
    return 0;
}

int dump_snapshot(struct dump *dump)
{
    struct snapshot_checker checker;
    struct walk walk = {dump, &checker, false};
    uint8_t *block = memory_alloc(DUMP_SMALL_BYTES);
    rewind(dump->file);
    snapshot_checker_init(&checker, put_chunk, &walk);
    int failed = walk_file(&walk, block);
    snapshot_checker_close(&checker);
    memory_free(block);
    if (!failed && !dump->options->json)
        fputs("The state inside the chunks is not decoded.\n", dump->out);
    return failed;
}
