/* Fuzz target of the file `identity`. It is refused with a note, or taken; and what was taken is the same when it is written and read again.
 *
 * Input: u8 how (1: a right checksum is put behind it), then the text. */
#include "grid/base/check.h"
#include "grid/base/crc32c.h"
#include "grid/base/memory.h"
#include "grid/node/process/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct identity *one, const struct identity *other)
{
    bool members = one->members_count == other->members_count;
    for (size_t i = 0; members && i < one->members_count; i++)
        members = one->members[i] == other->members[i];
    return members && uuid_equal(one->cluster_uuid, other->cluster_uuid) && node_id_equal(one->node, other->node) &&
           one->partitions == other->partitions && one->owner == other->owner;
}

static void read_again(struct identity *identity, const struct node_settings *settings)
{
    struct buffer text = {0};
    struct identity again;
    char *note = NULL;
    if (identity->is_old)
        identity->incarnation = 7;     /* its owner chooses one before it is written */
    identity_encode(identity, &text);
    ENSURE(identity_decode(buffer_bytes(&text), settings, &again, &note) == GRID_ERR_OK);
    ENSURE(same(identity, &again) && again.incarnation == identity->incarnation && !again.is_old);
    buffer_close(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct node_settings settings = {.cluster = "fuzz", .self = {1}, .partitions = 8};
    struct reader reader = reader_of(bytes_of(data, size));
    struct buffer text = {0};
    struct identity identity;
    char *note = NULL;
    bool repair = reader_u8(&reader) == 1;
    if (!reader.failed)
        buffer_append(&text, reader_take(&reader, reader_left(&reader)));
    if (repair)
        buffer_append_format(&text, "checksum %08x\n", crc32c(buffer_bytes(&text)));
    if (identity_decode(buffer_bytes(&text), &settings, &identity, &note) == GRID_ERR_OK)
        read_again(&identity, &settings);
    else
        ENSURE(note != NULL && note[0] != 0);
    memory_free(note);
    buffer_close(&text);
    return 0;
}
