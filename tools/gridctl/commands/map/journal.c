/* journal tail. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "services/edge/timestamp.h"
#include "tools/gridctl/commands/map/map.h"
#include "tools/gridctl/terminal/text.h"

enum { FOLLOW_WAIT_MS = 30000, SHOWN_MAX = 200 };

struct tail {
    struct ctl *ctl;
    uint64_t left;                         /* records that may still be shown */
    bool done, empty, follows;
    int code;
};

/* ---- where it begins */

static bool parse_from(const struct ctl *ctl, struct grid_journal_options *options)
{
    const char *from = ctl_option(ctl, "from", "oldest");
    if (strcmp(from, "oldest") == 0)
        options->from = GRID_FROM_OLDEST;
    else if (strcmp(from, "newest") == 0)
        options->from = GRID_FROM_NEWEST;
    else if (from[0] == '@' ? parse_number(from + 1, UINT64_MAX, &options->position) : timestamp_parse(from, &options->position))
        options->from = GRID_FROM_TIME;
    else if (parse_number(from, UINT64_MAX, &options->position) && options->position > 0)
        options->from = GRID_FROM_SEQUENCE;
    else {
        ctl_complain(ctl, EXIT_USAGE, "--from is oldest, newest, a sequence from 1, @ and milliseconds since 1970, or a time that "
                     "exists, like 2026-01-31T12:00:00Z, not '%s'",
                     from);
        return false;
    }
    return true;
}

/* ---- what is shown: one line a record, at once */

static const char *kind_name(enum grid_journal_kind kind)
{
    switch (kind) {
    case GRID_ADDED: return "ADDED";
    case GRID_UPDATED: return "UPDATED";
    case GRID_REMOVED: return "REMOVED";
    case GRID_EXPIRED: return "EXPIRED";
    case GRID_CLEARED: return "CLEARED";
    default: return "UNKNOWN";
    }
}

static void show_json(struct buffer *out, uint32_t partition, const struct grid_journal_record *record)
{
    struct json json = json_to(out, false);
    json_put_object_begin(&json, NULL);
    json_put_unsigned(&json, "partition", partition);
    json_put_unsigned(&json, "sequence", record->sequence);
    json_put_string(&json, "kind", kind_name(record->kind));
    if (record->key.size > 0)
        map_json_value(&json, "key", record->key);
    if (record->affinity.size > 0)
        map_json_value(&json, "affinity", record->affinity);
    if (record->kind == GRID_ADDED || record->kind == GRID_UPDATED)
        map_json_value(&json, "value", record->value);
    if (record->has_old_value)
        map_json_value(&json, "oldValue", record->old_value);
    json_put_unsigned(&json, "version", record->version);
    json_put_time(&json, "logTime", record->log_time_ms);
    if (record->ttl_ms != 0)
        json_put_unsigned(&json, "ttlMs", record->ttl_ms);
    json_put_object_end(&json);
    buffer_append_u8(out, '\n');
}

static void show_text(struct buffer *out, uint32_t partition, const struct grid_journal_record *record)
{
    char at[TIME_TEXT_BYTES];
    time_format(record->log_time_ms, at);
    buffer_append_format(out, "%s  %4" PRIu32 "/%-8" PRIu64 " %-7s ", at, partition, record->sequence,
                         kind_name(record->kind));
    text_show(out, bytes_of(record->key.data, record->key.size), SHOWN_MAX);
    if (record->kind == GRID_ADDED || record->kind == GRID_UPDATED) {
        buffer_append_text(out, " = ");
        text_show(out, bytes_of(record->value.data, record->value.size), SHOWN_MAX);
    }
    buffer_append_u8(out, '\n');
}

static void show_dropped(const struct ctl *ctl, struct buffer *out, const struct grid_reply *reply)
{
    if (ctl->json) {
        struct json json = json_to(out, false);
        json_put_object_begin(&json, NULL);
        json_put_unsigned(&json, "partition", reply->partition);
        json_put_unsigned(&json, "droppedFrom", reply->dropped_from);
        json_put_unsigned(&json, "droppedTo", reply->dropped_to);
        json_put_object_end(&json);
        buffer_append_u8(out, '\n');
        return;
    }
    buffer_append_format(out, "partition %" PRIu32 ": %" PRIu64 " to %" PRIu64 " were dropped before they could be read\n",
                         reply->partition, reply->dropped_from, reply->dropped_to);
}

static void on_page(void *context, const struct grid_reply *reply)
{
    struct tail *tail = context;
    struct buffer *out = &tail->ctl->out;
    tail->done = true;
    tail->empty = reply->records_count == 0 && reply->dropped_to == 0;
    /* `--follow` outlives a change of leader. */
    if (reply->outcome == GRID_OUTCOME_UNAVAILABLE && tail->follows)
        tail->empty = false;
    else if (reply->outcome != GRID_OUTCOME_OK)
        tail->code = ctl_failed(tail->ctl, NULL, reply);
    if (reply->dropped_to != 0)
        show_dropped(tail->ctl, out, reply);
    for (size_t i = 0; i < reply->records_count && tail->left > 0; i++, tail->left--) {
        if (tail->ctl->json)
            show_json(out, reply->partition, &reply->records[i]);
        else
            show_text(out, reply->partition, &reply->records[i]);
    }
    if (!ctl_flush(tail->ctl) && tail->code == EXIT_DONE)
        tail->code = EXIT_FAILED;
}

int journal_tail(struct ctl *ctl)
{
    struct tail tail = {.ctl = ctl, .follows = ctl_flag(ctl, "follow")};
    struct grid_call call = {.done = on_page, .context = &tail};
    struct grid_journal_options options = {.map = map_name(ctl)};
    uint64_t partition;
    if (!parse_from(ctl, &options) || !ctl_number(ctl, "limit", 0, UINT64_MAX, &tail.left) ||
        !ctl_number(ctl, "partition", GRID_PARTITION_ALL, GRID_PARTITION_ALL - 1, &partition))
        return EXIT_USAGE;
    options.partition = (uint32_t)partition;
    if (tail.left == 0)
        tail.left = UINT64_MAX;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    uint32_t partitions = grid_client_partition_count(ctl->client);
    if (partition != GRID_PARTITION_ALL && partition >= partitions)
        return ctl_complain(ctl, EXIT_USAGE, "--partition: the cluster has the partitions 0 to %" PRIu32 ", not %" PRIu64, partitions - 1,
                            partition);
    struct grid_journal *journal = grid_journal_open(ctl->client, &options);
    do {
        tail.done = false;
        grid_journal_next(journal, tail.follows ? FOLLOW_WAIT_MS : 0, &call);
        ctl_wait(ctl, &tail.done);
    } while (tail.code == EXIT_DONE && tail.left > 0 && (tail.follows || !tail.empty));
    grid_journal_close(journal);
    return tail.code;
}
