/* A segment of the log (docs/formats/wal.md). */
#include <string.h>

#include "grid/base/memory.h"
#include "grid/node/dump/dump_internal.h"
#include "grid/partition/entry.h"
#include "raft/wal/wal_record.h"
#include "raft/wal/wal_recover.h"

static void put_entries(struct dump *dump, uint64_t offset, const struct wal_record *record, uint64_t first, uint32_t count, struct reader reader)
{
    struct wal_entry_view entry;
    dump_row(dump, offset, "entries");
    dump_number(dump, "group", record->group);
    dump_number(dump, "first", first);
    dump_number(dump, "count", count);
    dump_end(dump);
    for (uint64_t index = first; wal_entry_next(&reader, &entry); index++) {
        struct entry_header header;
        struct reader commands;
        dump_row(dump, offset + (uint64_t)(entry.data.data - record->payload.data) + WAL_RECORD_HEADER_BYTES, "entry");
        dump_number(dump, "group", record->group);
        dump_number(dump, "index", index);
        dump_number(dump, "term", entry.term);
        dump_number(dump, "type", entry.type);
        dump_number(dump, "bytes", entry.data.size);
        if (entry.data.size > 0 && entry_open(entry.data, &header, &commands) == GRID_ERR_OK) {
            dump_number(dump, "commands", header.commands);
            dump_number(dump, "logTimeMs", header.log_time_ms);
        }
        dump_end(dump);
    }
}

static void put_snapshot(struct dump *dump, const struct wal_snapshot *snapshot)
{
    dump_number(dump, "snapshotIndex", snapshot->index);
    dump_number(dump, "snapshotTerm", snapshot->term);
    dump_number(dump, "configurationIndex", snapshot->configuration_index);
    dump_number(dump, "configurationBytes", snapshot->configuration.size);
}

static const char *put_state(struct dump *dump, struct bytes payload)
{
    struct wal_state_view state;
    const char *wrong = wal_state_get(payload, &state);
    if (wrong != NULL)
        return wrong;
    dump_number(dump, "term", state.term);
    dump_number(dump, "vote", state.vote);
    dump_number(dump, "next", state.next_index);
    put_snapshot(dump, &state.snapshot);
    return NULL;
}

static const char *put_epochs(struct dump *dump, struct bytes payload)
{
    uint64_t forgotten;
    uint32_t count;
    struct reader reader;
    const char *wrong = wal_epochs_get(payload, &forgotten, &count, &reader);
    if (wrong != NULL)
        return wrong;
    dump_number(dump, "forgotten", forgotten);
    dump_number(dump, "count", count);
    return NULL;
}

static const char *put_fields(struct dump *dump, const struct wal_record *record)
{
    uint64_t a, b;
    struct wal_snapshot snapshot;
    const char *wrong = NULL;
    switch (record->type) {
    case WAL_RECORD_META:
        if ((wrong = wal_meta_get(record->payload, &a, &b)) == NULL) {
            dump_number(dump, "term", a);
            dump_number(dump, "vote", b);
        }
        return wrong;
    case WAL_RECORD_TRUNCATE:
        if ((wrong = wal_truncate_get(record->payload, &a)) == NULL)
            dump_number(dump, "index", a);
        return wrong;
    case WAL_RECORD_SNAPSHOT:
    case WAL_RECORD_INSTALL:
        if ((wrong = wal_snapshot_get(record->payload, &snapshot)) == NULL)
            put_snapshot(dump, &snapshot);
        return wrong;
    case WAL_RECORD_STATE: return put_state(dump, record->payload);
    case WAL_RECORD_EPOCHS: return put_epochs(dump, record->payload);
    case WAL_RECORD_ENTRIES: break;
    }
    return "the type of the record is not known";
}

static const char *put_record(struct dump *dump, uint64_t offset, const struct wal_record *record)
{
    static const char *const NAMES[] = {"", "meta", "entries", "truncate", "state", "snapshot", "install", "epochs"};
    if (record->type == WAL_RECORD_ENTRIES) {
        uint64_t first;
        uint32_t count;
        struct reader reader;
        const char *wrong = wal_entries_get(record->payload, &first, &count, &reader);
        if (wrong == NULL)
            put_entries(dump, offset, record, first, count, reader);
        return wrong;
    }
    dump_row(dump, offset, record->type < sizeof NAMES / sizeof *NAMES ? NAMES[record->type] : "unknown");
    dump_number(dump, "group", record->group);
    const char *wrong = put_fields(dump, record);
    dump_end(dump);
    return wrong;
}

static void put_flush(struct dump *dump, uint64_t offset, const struct wal_flush_header *header)
{
    dump_row(dump, offset, "flush");
    dump_number(dump, "epoch", header->epoch);
    dump_number(dump, "position", header->position);
    dump_number(dump, "previous", header->previous);
    dump_number(dump, "durable", header->durable);
    dump_number(dump, "bytes", header->size);
    dump_number(dump, "records", header->records);
    dump_hex(dump, "owner", header->owner);
    dump_end(dump);
}

static uint64_t first_other(struct bytes content, uint64_t offset)
{
    while (offset < content.size && content.data[offset] == 0)
        offset++;
    return offset;
}

/* Says whether flushes follow the damage: a torn write is the last thing in a log. */
static int refuse_flush(struct dump *dump, struct bytes content, uint64_t base, uint64_t offset, const char *what)
{
    char text[256];
    struct wal_flush_header header;
    bool follows = false;
    for (uint64_t at = wal_page_align(offset); at + WAL_FLUSH_HEADER_BYTES <= content.size && !follows; at += WAL_PAGE_BYTES)
        follows = wal_flush_header_get(bytes_of(content.data + at, (size_t)(content.size - at)), base + at, &header) == NULL;
    snprintf(text, sizeof text, "%s; %s", what, follows ? "good flushes follow it: this is damage"
        : "nothing good follows it in this file: damage or, at the end of the log, a torn write that a start of the node cuts off");
    return dump_damaged(dump, offset, text);
}

static int dump_flush(struct dump *dump, struct bytes content, uint64_t offset, const struct wal_flush_header *header)
{
    uint64_t at = offset + WAL_FLUSH_HEADER_BYTES, end = offset + header->size, base = header->position - offset;
    put_flush(dump, offset, header);
    for (uint32_t i = 0; i < header->records; i++) {
        struct wal_record record;
        size_t size;
        const char *wrong = wal_record_get(bytes_of(content.data + at, (size_t)(end - at)), header->position + at - offset, header->epoch, &record, &size);
        if (wrong == NULL)
            wrong = put_record(dump, at, &record);
        if (wrong != NULL)
            return refuse_flush(dump, content, base, at, wrong);
        at += size;
    }
    return at == end ? 0 : refuse_flush(dump, content, base, at, "there are bytes behind the last record of the flush");
}

/* The position of the first byte: in the first flush, or in the file's name if nothing was written yet. */
static uint64_t base_of(const struct dump *dump, struct bytes content)
{
    const char *name = strrchr(dump->options->file, '/');
    uint64_t base;
    if (wal_name_parse(name == NULL ? dump->options->file : name + 1, &base))
        return base;
    return content.size >= WAL_FLUSH_HEADER_BYTES ? get_u64(content.data + 24) : 0;
}

int dump_log(struct dump *dump, struct bytes content)
{
    uint64_t base = base_of(dump, content), offset = 0;
    while (offset + WAL_FLUSH_HEADER_BYTES <= content.size) {
        struct wal_flush_header header;
        struct bytes rest = bytes_of(content.data + offset, (size_t)(content.size - offset));
        if (first_other(bytes_of(rest.data, WAL_FLUSH_HEADER_BYTES), 0) == WAL_FLUSH_HEADER_BYTES)
            break;
        const char *wrong = wal_flush_header_get(rest, base + offset, &header);
        if (wrong == NULL && !wal_version_known(header.version))
            return dump_damaged(dump, offset, "the flush has a newer format than this program knows: use a newer one");
        if (wrong == NULL && header.size > rest.size)
            wrong = "the file ends in the middle of the flush";
        if (wrong != NULL)
            return refuse_flush(dump, content, base, offset, wrong);
        int failed = dump_flush(dump, content, offset, &header);
        if (failed)
            return failed;
        offset += wal_page_align(header.size);
    }
    uint64_t other = first_other(content, offset);
    return other >= content.size ? 0 : refuse_flush(dump, content, base, other, "there are bytes behind the last flush");
}
