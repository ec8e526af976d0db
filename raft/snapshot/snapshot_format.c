#include "raft/snapshot/snapshot_format.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "grid/base/crc32c.h"
#include "grid/base/hash.h"

static const char MAGIC[] = "GSNP";

/* Offsets in the head. Everything from HASHED on is the same on all replicas. */
enum { AT_MAGIC = 4, AT_VERSION = 8, AT_SIZE = 12, AT_OWNER = 16, HASHED = 24, AT_CONFIGURATION_SIZE = 28, FIXED = SNAPSHOT_HEAD_BYTES };
/* In the end record. A chunk has its size where the end record has 0. */
enum { AT_CHUNK_SIZE = 4, AT_BEFORE = 8, AT_CHUNKS = 16, AT_HASH = 24 };

/* ---- encoding */

size_t snapshot_head_size(const struct snapshot_head *head)
{
    return SNAPSHOT_HEAD_BYTES + head->configuration.size;
}

static void put_hashed(uint8_t *at, const struct snapshot_head *head)
{
    put_u32(at, head->group);
    put_u32(at + 4, (uint32_t)head->configuration.size);
    put_u64(at + 8, head->index);
    put_u64(at + 16, head->term);
    put_u64(at + 24, head->configuration_index);
    put_u64(at + 32, 0);
    if (head->configuration.size > 0)
        memcpy(at + FIXED - HASHED, head->configuration.data, head->configuration.size);
}

void snapshot_head_put(struct buffer *out, const struct snapshot_head *head)
{
    REQUIRE(head->configuration.size <= SNAPSHOT_CONFIGURATION_BYTES_MAX && head->index > 0);
    size_t size = snapshot_head_size(head);
    uint8_t *at = buffer_extend(out, size);
    memcpy(at + AT_MAGIC, MAGIC, 4);
    put_u16(at + AT_VERSION, SNAPSHOT_FORMAT_VERSION);
    put_u16(at + AT_VERSION + 2, 0);
    put_u32(at + AT_SIZE, (uint32_t)size);
    put_u64(at + AT_OWNER, head->owner);
    put_hashed(at + HASHED, head);
    put_u32(at, crc32c(bytes_of(at + 4, size - 4)));
}

uint64_t snapshot_head_hash(const struct snapshot_head *head)
{
    struct buffer bytes = {0};
    snapshot_head_put(&bytes, head);
    uint64_t hash = hash_xxh3(bytes_of(bytes.data + HASHED, bytes.size - HASHED), SNAPSHOT_FORMAT_VERSION);
    buffer_close(&bytes);
    return hash;
}

void snapshot_chunk_seal(uint8_t *at, struct bytes payload, uint64_t before)
{
    REQUIRE(payload.size > 0 && payload.size <= SNAPSHOT_CHUNK_BYTES);
    put_u32(at + AT_CHUNK_SIZE, (uint32_t)payload.size);
    put_u64(at + AT_BEFORE, before);
    put_u32(at, crc32c_extend(crc32c(bytes_of(at + 4, SNAPSHOT_CHUNK_HEAD_BYTES - 4)), payload));
}

uint64_t snapshot_chunk_hash(uint64_t hash, struct bytes payload)
{
    return hash_xxh3(payload, hash);
}

void snapshot_end_put(struct buffer *out, const struct snapshot_sum *sum)
{
    uint8_t *at = buffer_extend(out, SNAPSHOT_END_BYTES);
    put_u32(at + AT_CHUNK_SIZE, 0);
    put_u64(at + AT_BEFORE, sum->payload_bytes);
    put_u64(at + AT_CHUNKS, sum->chunks);
    put_u64(at + AT_HASH, sum->hash);
    put_u32(at, crc32c(bytes_of(at + 4, SNAPSHOT_END_BYTES - 4)));
}

/* ---- checking */

void snapshot_checker_init(struct snapshot_checker *checker, enum grid_err (*piece)(void *context, struct bytes payload), void *context)
{
    *checker = (struct snapshot_checker){.piece = piece, .context = context};
}

void snapshot_checker_close(struct snapshot_checker *checker)
{
    buffer_close(&checker->kept);
    buffer_close(&checker->head_bytes);
}

uint64_t snapshot_checker_verified(const struct snapshot_checker *checker)
{
    return checker->sum.file_bytes;
}

void snapshot_checker_rewind(struct snapshot_checker *checker)
{
    buffer_clear(&checker->kept);
    if (!checker->has_head)
        buffer_clear(&checker->head_bytes);
}

static enum grid_err corrupt(const struct snapshot_checker *checker, const char *what, char **ret_what)
{
    *ret_what = err_note("offset %" PRIu64 ": %s", checker->sum.file_bytes, what);
    return GRID_ERR_CORRUPT;
}

/* What the first bytes say about the size of the whole head, chunk or end record; while they are not there, the size of those. */
static size_t size_of_next(const struct snapshot_checker *checker, struct bytes bytes)
{
    if (!checker->has_head)
        return bytes.size < SNAPSHOT_HEAD_BYTES ? SNAPSHOT_HEAD_BYTES : get_u32(bytes.data + AT_SIZE);
    if (bytes.size < SNAPSHOT_CHUNK_HEAD_BYTES)
        return SNAPSHOT_CHUNK_HEAD_BYTES;
    size_t size = get_u32(bytes.data + AT_CHUNK_SIZE);
    return size == 0 ? SNAPSHOT_END_BYTES : SNAPSHOT_CHUNK_HEAD_BYTES + size;
}

size_t snapshot_checker_wants(const struct snapshot_checker *checker)
{
    if (checker->complete)
        return 0;
    /* The size of a chunk is not known before it arrives; nearly all are full. */
    if (checker->has_head && checker->kept.size == 0)
        return SNAPSHOT_CHUNK_HEAD_BYTES + SNAPSHOT_CHUNK_BYTES;
    return size_of_next(checker, buffer_bytes(&checker->kept)) - checker->kept.size;
}

/* Before the size that it states is believed: a damaged one must not make the checker collect megabytes. */
static const char *check_size(const struct snapshot_checker *checker, struct bytes bytes)
{
    if (!checker->has_head) {
        size_t size = get_u32(bytes.data + AT_SIZE);
        if (memcmp(bytes.data + AT_MAGIC, MAGIC, 4) != 0)
            return "this is no snapshot: the magic number is wrong";
        return size < SNAPSHOT_HEAD_BYTES || size > SNAPSHOT_HEAD_BYTES + SNAPSHOT_CONFIGURATION_BYTES_MAX ? "the size of the head is impossible" : NULL;
    }
    return get_u32(bytes.data + AT_CHUNK_SIZE) > SNAPSHOT_CHUNK_BYTES ? "the size of the chunk is impossible" : NULL;
}

static enum grid_err take_head(struct snapshot_checker *checker, struct bytes bytes, char **ret_what)
{
    if (get_u32(bytes.data) != crc32c(bytes_of(bytes.data + 4, bytes.size - 4)))
        return corrupt(checker, "the checksum of the head does not match", ret_what);
    if (get_u16(bytes.data + AT_VERSION) != SNAPSHOT_FORMAT_VERSION) {
        *ret_what = err_note("offset %d: the format is version %u, this program reads version %d: start a newer one", AT_VERSION,
                             get_u16(bytes.data + AT_VERSION), SNAPSHOT_FORMAT_VERSION);
        return GRID_ERR_MISMATCH;
    }
    if (get_u32(bytes.data + AT_CONFIGURATION_SIZE) != bytes.size - SNAPSHOT_HEAD_BYTES)
        return corrupt(checker, "the sizes in the head contradict each other", ret_what);
    buffer_append(&checker->head_bytes, bytes);
    const uint8_t *at = checker->head_bytes.data;
    checker->head = (struct snapshot_head){.owner = get_u64(at + AT_OWNER), .group = get_u32(at + HASHED), .index = get_u64(at + HASHED + 8),
        .term = get_u64(at + HASHED + 16), .configuration_index = get_u64(at + HASHED + 24),
        .configuration = bytes_of(at + SNAPSHOT_HEAD_BYTES, bytes.size - SNAPSHOT_HEAD_BYTES)};
    if (checker->head.index == 0)
        return corrupt(checker, "the head states index 0, which no entry has", ret_what);
    checker->has_head = true;
    checker->sum.hash = hash_xxh3(bytes_of(at + HASHED, bytes.size - HASHED), SNAPSHOT_FORMAT_VERSION);
    return GRID_ERR_OK;
}

static enum grid_err take_chunk(struct snapshot_checker *checker, struct bytes bytes, char **ret_what)
{
    struct bytes payload = bytes_of(bytes.data + SNAPSHOT_CHUNK_HEAD_BYTES, bytes.size - SNAPSHOT_CHUNK_HEAD_BYTES);
    if (get_u32(bytes.data) != crc32c(bytes_of(bytes.data + 4, bytes.size - 4)))
        return corrupt(checker, "the checksum of the chunk does not match", ret_what);
    if (get_u64(bytes.data + AT_BEFORE) != checker->sum.payload_bytes)
        return corrupt(checker, "the chunk belongs to another place", ret_what);
    /* Full chunks but for the last make equal states equal files. */
    if (checker->sum.payload_bytes % SNAPSHOT_CHUNK_BYTES != 0)
        return corrupt(checker, "the chunk before this one is not full", ret_what);
    checker->sum.payload_bytes += payload.size;
    checker->sum.chunks++;
    checker->sum.hash = snapshot_chunk_hash(checker->sum.hash, payload);
    return checker->piece == NULL ? GRID_ERR_OK : checker->piece(checker->context, payload);
}

static enum grid_err take_end(struct snapshot_checker *checker, struct bytes bytes, char **ret_what)
{
    if (get_u32(bytes.data) != crc32c(bytes_of(bytes.data + 4, bytes.size - 4)))
        return corrupt(checker, "the checksum of the end record does not match", ret_what);
    if (get_u64(bytes.data + AT_BEFORE) != checker->sum.payload_bytes || get_u64(bytes.data + AT_CHUNKS) != checker->sum.chunks)
        return corrupt(checker, "the end record counts other chunks than there are", ret_what);
    if (get_u64(bytes.data + AT_HASH) != checker->sum.hash)
        return corrupt(checker, "the hash in the end record is not that of the content", ret_what);
    checker->complete = true;
    return GRID_ERR_OK;
}

static enum grid_err take(struct snapshot_checker *checker, struct bytes bytes, char **ret_what)
{
    enum grid_err err = !checker->has_head ? take_head(checker, bytes, ret_what)
        : get_u32(bytes.data + AT_CHUNK_SIZE) == 0 ? take_end(checker, bytes, ret_what) : take_chunk(checker, bytes, ret_what);
    if (err == GRID_ERR_OK)
        checker->sum.file_bytes += bytes.size;
    return err;
}

/* Moves bytes from `bytes` to those kept, up to `size` of them; whether they are there now. */
static bool collect(struct snapshot_checker *checker, struct bytes *bytes, size_t size)
{
    size_t missing = size - checker->kept.size, part = missing < bytes->size ? missing : bytes->size;
    buffer_append(&checker->kept, bytes_of(bytes->data, part));
    *bytes = bytes_of(bytes->data + part, bytes->size - part);
    return part == missing;
}

/* Takes the next head, chunk or end record from the front of `bytes`; *ret_more is false if it is not all there. */
static enum grid_err step(struct snapshot_checker *checker, struct bytes *bytes, bool *ret_more, char **ret_what)
{
    size_t least = checker->has_head ? SNAPSHOT_CHUNK_HEAD_BYTES : SNAPSHOT_HEAD_BYTES;
    bool direct = checker->kept.size == 0 && bytes->size >= least;
    *ret_more = false;
    if (!direct && checker->kept.size < least && !collect(checker, bytes, least))
        return GRID_ERR_OK;
    struct bytes front = direct ? *bytes : buffer_bytes(&checker->kept);
    const char *wrong = check_size(checker, front);
    if (wrong != NULL)
        return corrupt(checker, wrong, ret_what);
    size_t size = size_of_next(checker, front);
    direct = direct && bytes->size >= size;
    if (!direct && !collect(checker, bytes, size))
        return GRID_ERR_OK;
    enum grid_err err = take(checker, direct ? bytes_of(bytes->data, size) : buffer_bytes(&checker->kept), ret_what);
    if (direct)
        *bytes = bytes_of(bytes->data + size, bytes->size - size);
    buffer_clear(&checker->kept);
    *ret_more = true;
    return err;
}

enum grid_err snapshot_checker_add(struct snapshot_checker *checker, struct bytes bytes, char **ret_what)
{
    enum grid_err err = GRID_ERR_OK;
    for (bool more = true; more && err == GRID_ERR_OK && bytes.size > 0 && !checker->complete;)
        err = step(checker, &bytes, &more, ret_what);
    if (err == GRID_ERR_OK && checker->complete && bytes.size > 0)
        err = corrupt(checker, "there are bytes after the end record", ret_what);
    return err;
}
