/* Fuzz target of the manifest: arbitrary bytes as its file. It is refused with a note, or taken; and what was taken is the same when it is
 * saved and read again.
 *
 * Input: u8 how (bit 0: magic and checksum of each copy are made right, bit 1: the file may be missing, bit 2: the file is missing), then the
 * copies. Bytes that are missing to two whole copies are zero if bit 0 is set. */
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/crc32c.h"
#include "grid/base/memory.h"
#include "raft/wal/manifest.h"
#include "tests/support/fake_storage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COPY_BYTES = 4096, COPIES = 2 };

static void put_file(struct fake_storage *fake, struct bytes content, bool repair)
{
    static uint8_t pages[COPIES * COPY_BYTES];
    if (!repair) {
        fake_storage_store(fake, "manifest", content);
        return;
    }
    memset(pages, 0, sizeof pages);
    if (content.size > 0)
        memcpy(pages, content.data, content.size < sizeof pages ? content.size : sizeof pages);
    for (uint8_t *page = pages; page < pages + sizeof pages; page += COPY_BYTES) {
        memcpy(page + 4, "GMAN", 4);
        put_u32(page, crc32c(bytes_of(page + 4, COPY_BYTES - 4)));
    }
    fake_storage_store(fake, "manifest", bytes_of(pages, sizeof pages));
}

static bool same(const struct manifest_content *one, const struct manifest_content *other)
{
    bool peers = true;
    for (size_t i = 0; i < REPLICAS_MAX; i++)
        peers = peers && node_id_equal(one->peers[i].node, other->peers[i].node) &&
                one->peers[i].memory.incarnation == other->peers[i].memory.incarnation &&
                one->peers[i].memory.epoch == other->peers[i].memory.epoch && one->peers[i].memory.position == other->peers[i].memory.position;
    return peers && one->incarnation == other->incarnation && one->floor.epoch == other->floor.epoch &&
           one->floor.position == other->floor.position && one->lost == other->lost && one->begun == other->begun &&
           one->unsynced_life == other->unsynced_life && memcmp(one->groups_left, other->groups_left, sizeof one->groups_left) == 0;
}

/* What the owner does with it must be possible. */
static void use(struct manifest *manifest)
{
    struct manifest_content *content = manifest_content(manifest);
    (void)manifest_peer(manifest, (struct node_id){1});
    for (uint32_t i = 0; i < PARTITIONS_MAX && manifest_groups_left(content) > 1; i++)
        if (manifest_group_left(content, i))
            manifest_group_whole(content, i);
}

static void save_and_read_again(struct fake_storage *fake, struct manifest *manifest)
{
    struct manifest_content content = *manifest_content(manifest);
    char *note = NULL;
    uint64_t number = manifest_save(manifest);
    while (fake_storage_complete(fake))
        ;
    ENSURE(manifest_saved(manifest) >= number);
    manifest_close(manifest);
    ENSURE(manifest_open(fake_storage_io(fake), content.incarnation, false, &manifest, &note) == GRID_ERR_OK);
    ENSURE(same(&content, manifest_content(manifest)));
    manifest_close(manifest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_storage *fake = fake_storage_open(1);
    struct reader reader = reader_of(bytes_of(data, size));
    struct manifest *manifest;
    char *note = NULL;
    uint8_t how = reader_u8(&reader);
    if (!reader.failed && !(how & 4))
        put_file(fake, reader_take(&reader, reader_left(&reader)), how & 1);
    uint64_t incarnation = fake_storage_has(fake, "manifest") && fake_storage_content(fake, "manifest").size >= 32
                               ? get_u64(fake_storage_content(fake, "manifest").data + 24) : 7;
    enum grid_err err = manifest_open(fake_storage_io(fake), incarnation == 0 ? 7 : incarnation, how & 2, &manifest, &note);
    if (err == GRID_ERR_OK) {
        use(manifest);
        save_and_read_again(fake, manifest);
    } else {
        ENSURE(note != NULL && note[0] != 0);
    }
    memory_free(note);
    fake_storage_close(fake);
    return 0;
}
