/* The identity and the manifest (docs/formats/identity.md, docs/formats/manifest.md). */
#include <string.h>

#include "grid/base/memory.h"
#include "grid/node/dump/dump_internal.h"
#include "grid/node/process/identity.h"
#include "raft/wal/manifest.h"

static const char OLD_IDENTITY[] = "gridiron identity 1\n";

/* Each line is a name and a value. */
static void put_lines(struct dump *dump, struct bytes content)
{
    for (size_t at = 0; at < content.size;) {
        const uint8_t *end = memchr(content.data + at, '\n', content.size - at);
        struct bytes line = bytes_of(content.data + at, end == NULL ? content.size - at : (size_t)(end - content.data) - at);
        const uint8_t *space = memchr(line.data, ' ', line.size);
        size_t name = space == NULL ? line.size : (size_t)(space - line.data), skip = space == NULL ? name : name + 1;
        dump_row(dump, at, "line");
        dump_text(dump, "name", bytes_of(line.data, name));
        dump_text(dump, "value", bytes_of(line.data + skip, line.size - skip));
        dump_end(dump);
        at += line.size + 1;
    }
}

int dump_identity(struct dump *dump, struct bytes content)
{
    struct node_settings settings = {0};
    struct identity identity;
    char *note = NULL;
    bool old = content.size >= sizeof OLD_IDENTITY - 1 && memcmp(content.data, OLD_IDENTITY, sizeof OLD_IDENTITY - 1) == 0;
    put_lines(dump, content);
    if (old || identity_decode(content, &settings, &identity, &note) == GRID_ERR_OK)
        return 0;
    int failed = dump_damaged(dump, 0, note);
    memory_free(note);
    return failed;
}

static void put_copy(struct dump *dump, uint64_t offset, uint64_t sequence, const struct manifest_content *content)
{
    static const char *const LOST[] = {[LOST_NOTHING] = "nothing", [LOST_TAIL] = "tail", [LOST_ALL] = "all"};
    dump_row(dump, offset, "copy");
    dump_number(dump, "sequence", sequence);
    dump_hex(dump, "incarnation", content->incarnation);
    dump_number(dump, "epoch", content->floor.epoch);
    dump_number(dump, "position", content->floor.position);
    dump_text(dump, "lost", bytes_of_text(LOST[content->lost]));
    dump_number(dump, "groupsLeft", manifest_groups_left(content));
    dump_hex(dump, "unsyncedLife", content->unsynced_life);
    dump_end(dump);
    for (size_t i = 0; i < REPLICAS_MAX; i++) {
        if (content->peers[i].node.value == 0)
            continue;
        dump_row(dump, offset, "peer");
        dump_number(dump, "node", content->peers[i].node.value);
        dump_hex(dump, "incarnation", content->peers[i].memory.incarnation);
        dump_number(dump, "epoch", content->peers[i].memory.epoch);
        dump_number(dump, "position", content->peers[i].memory.position);
        dump_end(dump);
    }
}

int dump_manifest(struct dump *dump, struct bytes content)
{
    int failed = 0;
    if (content.size != 2 * MANIFEST_COPY_BYTES)
        return dump_damaged(dump, content.size, "a manifest has two copies of 4096 bytes");
    for (uint64_t at = 0; at < content.size; at += MANIFEST_COPY_BYTES) {
        struct manifest_content copy;
        uint64_t sequence;
        const char *wrong = manifest_copy_get(bytes_of(content.data + at, MANIFEST_COPY_BYTES), &sequence, &copy);
        if (wrong == NULL)
            put_copy(dump, at, sequence, &copy);
        else
            failed = dump_damaged(dump, at, wrong);
    }
    return failed;
}
