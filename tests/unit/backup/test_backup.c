/* What a backup says of itself, and whether its states belong together. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/backup/backup_cut.h"
#include "grid/backup/backup_manifest.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/partition/component.h"
#include "grid/partition/partition.h"
#include "grid/wire/messages/message.h"

/* ---- the manifest */

static struct backup_manifest example(struct backup_file files[2])
{
    files[0] = (struct backup_file){7, 2, 10, 3000, 123456789};
    files[1] = (struct backup_file){UINT64_MAX, 1, 0, 1, UINT64_MAX};
    struct backup_manifest manifest = {.made_ms = 1700000000000, .level = 2, .epoch = 3, .partitions = 2, .files = files, .cluster = "a cluster"};
    manifest.cluster_uuid.bytes[3] = 5;
    return manifest;
}

static enum grid_err decode(struct bytes text, struct backup_manifest *ret_manifest)
{
    char *note = NULL;
    enum grid_err err = backup_manifest_decode(text, ret_manifest, &note);
    cr_assert_eq(err == GRID_ERR_OK, note == NULL);
    memory_free(note);
    return err;
}

Test(backup_manifest, is_read_as_it_was_written)
{
    struct backup_file files[2];
    struct backup_manifest manifest = example(files), read;
    struct buffer text = {0};
    backup_manifest_encode(&manifest, &text);
    cr_assert_eq(decode(buffer_bytes(&text), &read), GRID_ERR_OK);
    cr_assert(uuid_equal(read.cluster_uuid, manifest.cluster_uuid) && read.made_ms == manifest.made_ms && read.level == 2 && read.epoch == 3);
    cr_assert_str_eq(read.cluster, "a cluster");
    cr_assert_eq(memcmp(read.files, files, sizeof files), 0);
    cr_assert_eq(backup_manifest_entries(&read), 10u);
    cr_assert_eq(backup_manifest_bytes(&read), 3001u);
    cr_assert_str_eq(backup_file_name(&read, 0).text, "snap-00000000-0000000000000007");
    cr_assert_eq(backup_manifest_id(&read), backup_manifest_id(&manifest));
    backup_manifest_close(&read);
    buffer_close(&text);
}

Test(backup_manifest, refuses_every_changed_and_every_missing_byte)
{
    struct backup_file files[2];
    struct backup_manifest manifest = example(files), read;
    struct buffer text = {0};
    backup_manifest_encode(&manifest, &text);
    for (size_t i = 0; i < text.size; i++) {
        text.data[i] ^= 1;
        cr_assert_neq(decode(buffer_bytes(&text), &read), GRID_ERR_OK, "byte %zu", i);
        text.data[i] ^= 1;
        cr_assert_neq(decode(bytes_of(text.data, i), &read), GRID_ERR_OK, "%zu bytes", i);
    }
    buffer_close(&text);
}

/* ---- states */

struct pair { uint64_t first, messages; };

static void put_u64_record(struct buffer *out, enum section section, uint8_t kind, uint64_t one, uint64_t two)
{
    size_t start = record_begin(out, section, kind);
    buffer_append_u64(out, one);
    buffer_append_u64(out, two);
    record_end(out, start);
}

static void put_numbers(struct buffer *out, uint32_t partition, uint32_t partitions)
{
    size_t start = record_begin(out, SECTION_PARTITION, RECORD_FIRST);
    struct buffer genesis = {0};
    command_encode(&(struct command){.kind = COMMAND_GENESIS, .genesis = {.cluster = bytes_of_text("c"), .partitions = partitions}}, &genesis);
    buffer_append_u32(out, 1);
    buffer_append_u32(out, partition);
    buffer_append_u32(out, 2);
    for (size_t i = 0; i < 5 + sizeof(struct partition_counts) / 8; i++)
        buffer_append_u64(out, 0);
    buffer_append_sized(out, buffer_bytes(&genesis));
    buffer_close(&genesis);
    record_end(out, start);
}

/* Partition `self` of two: what it keeps for the other one, and what it has applied of it. */
static struct buffer state_of(uint32_t self, struct pair sent, uint64_t applied)
{
    struct buffer out = {0};
    put_numbers(&out, self, 2);
    put_u64_record(&out, SECTION_OUTBOX, RECORD_FIRST, 0, sent.first != 0);
    if (sent.first != 0) {
        size_t start = record_begin(&out, SECTION_OUTBOX, 2);
        buffer_append_u32(&out, 1 - self);
        buffer_append_u64(&out, sent.first);
        buffer_append_u64(&out, sent.messages);
        record_end(&out, start);
    }
    size_t start = record_begin(&out, SECTION_INBOX, RECORD_FIRST);
    buffer_append_u64(&out, applied != 0);
    record_end(&out, start);
    if (applied != 0) {
        start = record_begin(&out, SECTION_INBOX, 2);
        buffer_append_u32(&out, 1 - self);
        buffer_append_u32(&out, 1);
        buffer_append_u64(&out, applied);
        record_end(&out, start);
    }
    uint64_t records = 0, digest = 0;
    for (size_t at = 0; at < out.size; records++) {
        size_t size = RECORD_HEAD_BYTES + get_u32(out.data + at);
        digest = hash_xxh3(bytes_of(out.data + at, size), digest);
        at += size;
    }
    put_u64_record(&out, SECTION_END, RECORD_FIRST, records, digest);
    return out;
}

/* In pieces of `piece` bytes. */
static enum grid_err read_state(struct backup_state *state, struct bytes bytes, size_t piece)
{
    enum grid_err err = GRID_ERR_OK;
    char *note = NULL;
    backup_state_init(state);
    for (size_t at = 0; at < bytes.size && err == GRID_ERR_OK; at += piece)
        err = backup_state_add(state, bytes_of(bytes.data + at, bytes.size - at < piece ? bytes.size - at : piece), &note);
    cr_assert_eq(err == GRID_ERR_OK, note == NULL);
    memory_free(note);
    return err;
}

/* Whether the states of two partitions belong together: 0 has sent to 1, which has applied so many. */
static bool belong(struct pair sent, uint64_t applied)
{
    struct buffer one = state_of(0, sent, 0), other = state_of(1, (struct pair){0, 0}, applied);
    struct backup_state states[2];
    char *note = NULL;
    cr_assert_eq(read_state(&states[0], buffer_bytes(&one), 1), GRID_ERR_OK);
    cr_assert_eq(read_state(&states[1], buffer_bytes(&other), 1000), GRID_ERR_OK);
    cr_assert(states[0].complete && states[1].complete);
    bool good = backup_cut_check(states, 2, &note) == GRID_ERR_OK;
    cr_assert_eq(good, note == NULL);
    memory_free(note);
    backup_state_close(&states[0]);
    backup_state_close(&states[1]);
    buffer_close(&one);
    buffer_close(&other);
    return good;
}

/* Trimmed <= applied <= emitted (R4). */
Test(backup_cut, holds_if_every_message_is_in_one_place)
{
    cr_assert(belong((struct pair){0, 0}, 0), "no messages");
    cr_assert(belong((struct pair){1, 4}, 0), "none is applied");
    cr_assert(belong((struct pair){1, 4}, 4), "all are applied and none is removed");
    cr_assert(belong((struct pair){5, 0}, 4), "all are applied and removed");
    cr_assert(belong((struct pair){3, 4}, 4));
    cr_assert_not(belong((struct pair){3, 4}, 1), "message 2 is lost");
    cr_assert_not(belong((struct pair){3, 4}, 0), "messages 1 and 2 are lost");
    cr_assert_not(belong((struct pair){3, 4}, 7), "message 7 would be sent again under its number");
    cr_assert_not(belong((struct pair){0, 0}, 1), "a message that nobody has sent");
}

Test(backup_cut, refuses_a_state_of_another_partition)
{
    struct buffer bytes = state_of(0, (struct pair){0, 0}, 0);
    struct backup_state states[2];
    char *note = NULL;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(read_state(&states[i], buffer_bytes(&bytes), 100), GRID_ERR_OK);
    cr_assert_eq(backup_cut_check(states, 2, &note), GRID_ERR_CORRUPT);
    memory_free(note);
    backup_state_close(&states[0]);
    backup_state_close(&states[1]);
    buffer_close(&bytes);
}

Test(backup_state, refuses_every_changed_byte)
{
    struct buffer bytes = state_of(0, (struct pair){3, 4}, 9);
    struct backup_state state;
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 1;
        enum grid_err err = read_state(&state, buffer_bytes(&bytes), 50);
        cr_assert(err != GRID_ERR_OK || !state.complete, "byte %zu", i);
        backup_state_close(&state);
        bytes.data[i] ^= 1;
    }
    buffer_close(&bytes);
}
