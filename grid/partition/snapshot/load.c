#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/partition/events/event_pipeline.h"
#include "grid/partition/kept.h"
#include "grid/partition/snapshot/snapshot_internal.h"

struct partition_load *partition_load_begin(struct partition *partition)
{
    struct partition_load *load = memory_zero(1, sizeof *load);
    load->partition = partition;
    load->fresh = partition_create(&(struct partition_options){
        .id = partition->id, .services = partition->services, .scratch = partition->scratch});
    return load;
}

/* `at`: byte of the snapshot, from 0. */
static enum grid_err fail(struct partition_load *load, enum grid_err err, uint64_t at, const char *why)
{
    const char *name = load->section < SECTIONS ? section_at(load->section)->component->name : "end";
    struct buffer note = {0};
    buffer_append_format(&note, "snapshot of partition %u: section %s, record %llu of it, byte %llu: %s", load->partition->id.value, name,
                         (unsigned long long)load->section_records, (unsigned long long)at, why);
    buffer_append_u8(&note, 0);
    load->err = err;
    load->note = (char *)note.data;
    return err;
}

/* What records are checked against follows from the first section. */
static void know_partition(struct partition_load *load)
{
    const struct partition *fresh = load->fresh;
    load->context = (struct load_context){.commits = fresh->commits, .log_time_ms = fresh->log_time_ms, .table_seed = fresh->table_seed,
                                          .partitions = fresh->born ? fresh->genesis_command.partitions : 0,
                                          .entry = event_load_entry, .entries = fresh->pipeline, .maps = fresh->maps};
}

static enum grid_err end_section(struct partition_load *load)
{
    const char *why = NULL;
    void *state = section_state(load->fresh, load->section);
    if (state != NULL) {
        if (!load->section_begun)
            return fail(load, GRID_ERR_CORRUPT, load->bytes, "the section is missing");
        enum grid_err err = section_at(load->section)->component->loaded(state, &load->context, &why);
        if (err != GRID_ERR_OK)
            return fail(load, err, load->bytes, why);
    }
    if (section_at(load->section)->number == SECTION_PARTITION)
        know_partition(load);
    load->section++;
    load->section_begun = false;
    load->section_records = 0;
    return GRID_ERR_OK;
}

static enum grid_err end(struct partition_load *load, struct bytes record)
{
    struct reader body = reader_of(bytes_of(record.data + RECORD_HEAD_BYTES, record.size - RECORD_HEAD_BYTES));
    uint64_t records = reader_u64(&body), digest = reader_u64(&body);
    if (body.failed || reader_left(&body) != 0 || record.data[5] != RECORD_FIRST)
        return fail(load, GRID_ERR_CORRUPT, load->bytes, "not the last record of a snapshot");
    if (records != load->records || digest != load->digest)
        return fail(load, GRID_ERR_CORRUPT, load->bytes, "the records are not those that were written");
    load->complete = true;
    return GRID_ERR_OK;
}

/* Ends the sections before that of the record. */
static enum grid_err find_section(struct partition_load *load, uint8_t number)
{
    while (load->section < SECTIONS && section_at(load->section)->number != number) {
        if (section_at(load->section)->number > number)
            return fail(load, GRID_ERR_CORRUPT, load->bytes, "the section stands before the one that it follows");
        enum grid_err err = end_section(load);
        if (err != GRID_ERR_OK)
            return err;
    }
    bool found = load->section < SECTIONS ? section_state(load->fresh, load->section) != NULL : number == SECTION_END;
    return found ? GRID_ERR_OK : fail(load, GRID_ERR_CORRUPT, load->bytes, "no section has this number");
}

static enum grid_err load_record(struct partition_load *load, struct bytes record)
{
    const char *why = NULL;
    uint8_t kind = record.data[5];
    enum grid_err err = find_section(load, record.data[4]);
    if (err != GRID_ERR_OK)
        return err;
    if (load->section == SECTIONS)
        return end(load, record);
    if (load->section_begun == (kind == RECORD_FIRST))
        return fail(load, GRID_ERR_CORRUPT, load->bytes, "a section has one first record");
    struct reader body = reader_of(bytes_of(record.data + RECORD_HEAD_BYTES, record.size - RECORD_HEAD_BYTES));
    load->section_begun = true;
    err = section_at(load->section)->component->load(section_state(load->fresh, load->section), &load->context, kind, &body, &why);
    uint64_t at = load->bytes + record.size - reader_left(&body);
    if (err == GRID_ERR_OK && (body.failed || reader_left(&body) != 0))
        return fail(load, GRID_ERR_CORRUPT, at, body.failed ? "the record ends too soon" : "the record does not end here");
    if (err != GRID_ERR_OK)
        return fail(load, err, at, why);
    load->section_records++;
    load->records++;
    load->digest = section_digest(load->digest, record);
    load->bytes += record.size;
    return GRID_ERR_OK;
}

/* Size of the record that begins here; 0: its head is not complete. */
static size_t record_size(struct bytes bytes)
{
    return bytes.size < RECORD_HEAD_BYTES ? 0 : RECORD_HEAD_BYTES + (size_t)get_u32(bytes.data);
}

/* The bytes that the begun record still lacks, at most those there are. */
static struct bytes take_part(struct partition_load *load, struct bytes piece)
{
    size_t size = record_size(buffer_bytes(&load->part)), lacks = (size == 0 ? RECORD_HEAD_BYTES : size) - load->part.size;
    return bytes_of(piece.data, lacks < piece.size ? lacks : piece.size);
}

static enum grid_err load_begun(struct partition_load *load)
{
    size_t size = record_size(buffer_bytes(&load->part));
    if (size > SNAPSHOT_RECORD_BYTES_MAX)
        return fail(load, GRID_ERR_CORRUPT, load->bytes, "the record is larger than any");
    if (size == 0 || load->part.size < size)
        return GRID_ERR_OK;
    enum grid_err err = load_record(load, buffer_bytes(&load->part));
    buffer_clear(&load->part);
    return err;
}

enum grid_err partition_load_next(struct partition_load *load, struct bytes piece)
{
    while (load->err == GRID_ERR_OK && piece.size != 0) {
        if (load->complete)
            return fail(load, GRID_ERR_CORRUPT, load->bytes, "bytes follow the last record");
        size_t size = record_size(piece), taken;
        if (load->part.size == 0 && size != 0 && size <= piece.size && size <= SNAPSHOT_RECORD_BYTES_MAX) {
            (void)load_record(load, bytes_of(piece.data, size));
            taken = size;
        } else {
            struct bytes part = take_part(load, piece);
            buffer_append(&load->part, part);
            (void)load_begun(load);
            taken = part.size;
        }
        piece = bytes_of(piece.data + taken, piece.size - taken);
    }
    return load->err;
}

/* The replicated state changes places; what belongs to this node stays. */
static void take_over(struct partition *partition, struct partition *fresh)
{
    struct partition before = *partition;
    *partition = *fresh;
    *fresh = before;
    fresh->scratch_own = false;
    partition->scratch_own = before.scratch_own;
    partition->reads = before.reads;
    partition->observer = before.observer;
    memcpy(partition->trimmed, before.trimmed, sizeof partition->trimmed);
    kept_adopt(partition);
}

uint32_t partition_load_level(const struct partition_load *load)
{
    return load->records == 0 ? 0 : load->fresh->level;
}

void partition_load_take(struct partition_load *load)
{
    struct partition *before = load->fresh;
    REQUIRE(load->err == GRID_ERR_OK && load->complete && before->save == NULL);
    before->reserved = event_load_end(before->pipeline);
    before->trail_folded = before->born ? maps_trail(before->maps) : 0;
    take_over(load->partition, before);
    if (before->save != NULL) {
        before->save->partition = before;
        before->save->orphaned = true;
    } else {
        partition_free(before);
    }
    buffer_close(&load->part);
    memory_free(load);
}

enum grid_err partition_load_end(struct partition_load *load, bool take, char **ret_note)
{
    if (take && load->err == GRID_ERR_OK && !load->complete)
        (void)fail(load, GRID_ERR_CORRUPT, load->bytes + load->part.size, "the snapshot ends too soon");
    enum grid_err err = load->err;
    *ret_note = load->note;
    if (take && err == GRID_ERR_OK) {
        REQUIRE(load->partition->save == NULL && !load->partition->scratch->applying);
        partition_load_take(load);
        return err;
    }
    partition_free(load->fresh);
    buffer_close(&load->part);
    memory_free(load);
    return err;
}
