#include "raft/wal/manifest.h"

#include <inttypes.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/crc32c.h"
#include "grid/base/memory.h"

static const char NAME[] = "manifest";
static const char MAGIC[] = "GMAN";

enum {
    VERSION = 1,
    COPY_BYTES = MANIFEST_COPY_BYTES,
    COPIES = 2,
    HEAD_BYTES = 64,
    GROUPS_BYTES = PARTITIONS_MAX / 8,
    PEER_BYTES = 32,
};
_Static_assert(HEAD_BYTES + GROUPS_BYTES + REPLICAS_MAX * PEER_BYTES <= COPY_BYTES, "a manifest is one page");

struct manifest {
    struct storage *storage;
    struct file *file;
    struct manifest_content content;
    uint64_t sequence;                 /* of the newest copy */
    uint64_t asked, writing, saved;    /* numbers of saves */
    bool in_flight, failed, closed;
    struct storage_write write;
    uint8_t page[COPY_BYTES];
    void (*on_saved)(void *context, uint64_t number);
    void (*on_failed)(void *context);
    void *context;
};

/* ---- one copy */

static void encode(const struct manifest_content *content, uint64_t sequence, uint8_t page[COPY_BYTES])
{
    memset(page, 0, COPY_BYTES);
    memcpy(page + 4, MAGIC, 4);
    put_u16(page + 8, VERSION);
    put_u64(page + 16, sequence);
    put_u64(page + 24, content->incarnation);
    put_u64(page + 32, content->floor.epoch);
    put_u64(page + 40, content->floor.position);
    page[48] = (uint8_t)content->lost;
    page[49] = content->begun;
    memcpy(page + HEAD_BYTES, content->groups_left, GROUPS_BYTES);
    uint8_t *at = page + HEAD_BYTES + GROUPS_BYTES;
    for (size_t i = 0; i < REPLICAS_MAX; i++, at += PEER_BYTES) {
        put_u32(at, content->peers[i].node.value);
        put_u64(at + 8, content->peers[i].memory.incarnation);
        put_u64(at + 16, content->peers[i].memory.epoch);
        put_u64(at + 24, content->peers[i].memory.position);
    }
    put_u64(at, content->unsynced_life);
    put_u32(page, crc32c(bytes_of(page + 4, COPY_BYTES - 4)));
}

/* Whether the copy is whole; it may be of a newer version. */
static bool is_whole(const uint8_t page[COPY_BYTES])
{
    return memcmp(page + 4, MAGIC, 4) == 0 && get_u32(page) == crc32c(bytes_of(page + 4, COPY_BYTES - 4)) && page[48] <= LOST_ALL;
}

static void decode(const uint8_t page[COPY_BYTES], struct manifest_content *content)
{
    *content = (struct manifest_content){
        .incarnation = get_u64(page + 24),
        .floor = {.epoch = get_u64(page + 32), .position = get_u64(page + 40)},
        .lost = (enum lost_state)page[48],
        .begun = page[49] != 0,
    };
    memcpy(content->groups_left, page + HEAD_BYTES, GROUPS_BYTES);
    const uint8_t *at = page + HEAD_BYTES + GROUPS_BYTES;
    for (size_t i = 0; i < REPLICAS_MAX; i++, at += PEER_BYTES) {
        content->peers[i].node.value = get_u32(at);
        content->peers[i].memory = (struct peer_memory){get_u64(at + 8), get_u64(at + 16), get_u64(at + 24)};
    }
    content->unsynced_life = get_u64(at);
}

const char *manifest_copy_get(struct bytes copy, uint64_t *ret_sequence, struct manifest_content *ret_content)
{
    REQUIRE(copy.size == COPY_BYTES);
    if (!is_whole(copy.data))
        return "the checksum of this copy does not match";
    if (get_u16(copy.data + 8) != VERSION)
        return "this copy has a newer format than this program knows: use a newer one";
    *ret_sequence = get_u64(copy.data + 16);
    decode(copy.data, ret_content);
    return NULL;
}

/* ---- content */

struct manifest_content *manifest_content(struct manifest *manifest)
{
    return &manifest->content;
}

struct peer_memory *manifest_peer(struct manifest *manifest, struct node_id node)
{
    struct manifest_content *content = &manifest->content;
    REQUIRE(node.value != 0);
    for (size_t i = 0; i < REPLICAS_MAX; i++) {
        if (content->peers[i].node.value == 0)
            content->peers[i].node = node;
        if (node_id_equal(content->peers[i].node, node))
            return &content->peers[i].memory;
    }
    return NULL;
}

uint32_t manifest_groups_left(const struct manifest_content *content)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < PARTITIONS_MAX; i++)
        count += manifest_group_left(content, i);
    return count;
}

void manifest_lose(struct manifest_content *content, uint32_t groups, enum lost_state lost)
{
    REQUIRE(groups <= PARTITIONS_MAX && lost != LOST_NOTHING);
    content->lost = lost;
    content->begun = false;
    memset(content->groups_left, 0, sizeof content->groups_left);
    for (uint32_t i = 0; i < groups; i++)
        content->groups_left[i / 8] = (uint8_t)(content->groups_left[i / 8] | 1u << i % 8);
}

void manifest_group_whole(struct manifest_content *content, uint32_t group)
{
    REQUIRE(manifest_group_left(content, group));
    content->groups_left[group / 8] = (uint8_t)(content->groups_left[group / 8] & ~(1u << group % 8));
    content->begun = true;
    if (manifest_groups_left(content) == 0)
        content->lost = LOST_NOTHING;
}

/* ---- opening */

static enum grid_err put_both(struct storage *storage, const struct manifest_content *content)
{
    uint8_t pages[COPIES * COPY_BYTES];
    encode(content, 1, pages);
    memcpy(pages + COPY_BYTES, pages, COPY_BYTES);
    return storage->put(storage, NAME, bytes_of(pages, sizeof pages));
}

static enum grid_err create(struct storage *storage, uint32_t groups, enum lost_state lost)
{
    struct manifest_content content = {0};
    if (lost != LOST_NOTHING)
        manifest_lose(&content, groups, lost);
    return put_both(storage, &content);
}

/* The newer one of two whole copies. */
static enum grid_err choose(struct manifest *manifest, struct bytes bytes, char **ret_note)
{
    const uint8_t *newest = NULL;
    for (size_t i = 0; i < COPIES && bytes.size == COPIES * COPY_BYTES; i++) {
        const uint8_t *page = bytes.data + i * COPY_BYTES;
        if (is_whole(page) && (newest == NULL || get_u64(page + 16) > get_u64(newest + 16)))
            newest = page;
    }
    if (newest == NULL) {
        *ret_note = err_note("manifest: damaged: neither of its copies is whole, and it alone says how far the log must reach and what this node "
                            "has seen of the others");
        return GRID_ERR_CORRUPT;
    }
    if (get_u16(newest + 8) != VERSION) {
        *ret_note = err_note("manifest: it was written by a newer version; start that");
        return GRID_ERR_MISMATCH;
    }
    decode(newest, &manifest->content);
    manifest->sequence = get_u64(newest + 16);
    return GRID_ERR_OK;
}

static enum grid_err begin_again(const struct manifest_content *known, struct storage *storage, uint32_t groups, enum lost_state lost,
                                 char **ret_note)
{
    if (known->incarnation != 0) {
        *ret_note = err_note("identity and durable log are missing: the manifest is of incarnation %016" PRIx64
                 ", whose log was durable up to position %" PRIu64 " of epoch %" PRIu64, known->incarnation, known->floor.position, known->floor.epoch);
        return GRID_ERR_CORRUPT;
    }
    return known->lost != LOST_NOTHING && lost == LOST_NOTHING ? GRID_ERR_OK : create(storage, groups, lost);
}

enum grid_err manifest_begin(struct storage *storage, uint32_t groups, enum lost_state lost, char **ret_note)
{
    struct buffer bytes = {0};
    struct manifest known = {0};
    enum grid_err err = storage->get(storage, NAME, &bytes);
    if (err == GRID_ERR_NOT_FOUND)
        err = create(storage, groups, lost);
    else if (err == GRID_ERR_OK && (err = choose(&known, buffer_bytes(&bytes), ret_note)) == GRID_ERR_OK)
        err = begin_again(&known.content, storage, groups, lost, ret_note);
    buffer_close(&bytes);
    return err;
}

static enum grid_err load(struct manifest *manifest, uint64_t incarnation, bool may_be_missing, char **ret_note)
{
    struct buffer bytes = {0};
    struct storage *storage = manifest->storage;
    enum grid_err err = storage->get(storage, NAME, &bytes);
    if (err == GRID_ERR_NOT_FOUND && may_be_missing) {
        err = create(storage, 0, LOST_NOTHING);
        manifest->sequence = 1;
    } else if (err == GRID_ERR_NOT_FOUND) {
        *ret_note = err_note("manifest: missing: it alone says how far the log must reach and what this node has seen of the others");
        err = GRID_ERR_CORRUPT;
    } else if (err == GRID_ERR_OK) {
        err = choose(manifest, buffer_bytes(&bytes), ret_note);
    }
    buffer_close(&bytes);
    if (err == GRID_ERR_OK && !may_be_missing && manifest->content.incarnation != 0 &&
        manifest->content.incarnation != incarnation) {
        *ret_note = err_note("manifest: of incarnation %016" PRIx64 ", while the identity says %016" PRIx64
                 ": the files of two directories were mixed", manifest->content.incarnation, incarnation);
        err = GRID_ERR_CORRUPT;
    }
    manifest->content.incarnation = incarnation;
    return err;
}

enum grid_err manifest_open(struct storage *storage, uint64_t incarnation, bool may_be_missing, struct manifest **ret_manifest,
                            char **ret_note)
{
    REQUIRE(incarnation != 0);
    struct manifest *manifest = memory_zero(1, sizeof *manifest);
    *ret_note = NULL;
    manifest->storage = storage;
    enum grid_err err = load(manifest, incarnation, may_be_missing, ret_note);
    if (err == GRID_ERR_OK)
        err = storage->open(storage, NAME, may_be_missing, &manifest->file);
    if (err != GRID_ERR_OK) {
        if (*ret_note == NULL)
            *ret_note = err_note("manifest: cannot be read; it must be a file that this process may read and write");
        memory_free(manifest);
        return err;
    }
    *ret_manifest = manifest;
    return GRID_ERR_OK;
}

/* ---- saving */

static void write_copy(struct manifest *manifest);

static void free_manifest(struct manifest *manifest)
{
    manifest->storage->close(manifest->storage, manifest->file);
    memory_free(manifest);
}

static void on_written(void *context, enum grid_err err)
{
    struct manifest *manifest = context;
    manifest->in_flight = false;
    if (manifest->closed) {
        free_manifest(manifest);
        return;
    }
    if (err != GRID_ERR_OK) {
        manifest->failed = true;
        if (manifest->on_failed != NULL)
            manifest->on_failed(manifest->context);
        return;
    }
    manifest->saved = manifest->writing;
    if (manifest->saved != manifest->asked)
        write_copy(manifest);
    /* Last: the listener may close it. */
    if (manifest->on_saved != NULL)
        manifest->on_saved(manifest->context, manifest->saved);
}

static void write_copy(struct manifest *manifest)
{
    HOLDS(!manifest->in_flight && !manifest->failed);
    manifest->writing = manifest->asked;
    manifest->sequence++;
    encode(&manifest->content, manifest->sequence, manifest->page);
    manifest->in_flight = true;
    manifest->write = (struct storage_write){.offset = manifest->sequence % COPIES * COPY_BYTES, .data = bytes_of(manifest->page, COPY_BYTES),
                                             .sync = true, .done = on_written, .context = manifest};
    manifest->storage->write(manifest->storage, manifest->file, &manifest->write);
}

uint64_t manifest_save(struct manifest *manifest)
{
    REQUIRE(!manifest->closed);
    manifest->asked++;
    if (!manifest->in_flight && !manifest->failed)
        write_copy(manifest);
    return manifest->asked;
}

uint64_t manifest_saved(const struct manifest *manifest)
{
    return manifest->saved;
}

void manifest_listen(struct manifest *manifest, void (*saved)(void *context, uint64_t number), void (*failed)(void *context),
                     void *context)
{
    REQUIRE(manifest->on_saved == NULL && manifest->asked == 0);
    manifest->on_saved = saved;
    manifest->on_failed = failed;
    manifest->context = context;
}

void manifest_close(struct manifest *manifest)
{
    /* The storage still reads the page of a write under way. */
    manifest->closed = true;
    if (!manifest->in_flight)
        free_manifest(manifest);
}
