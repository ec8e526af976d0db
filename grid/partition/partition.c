#include "grid/partition/partition.h"

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/partition/deferred/activities.h"
#include "grid/partition/entry.h"
#include "grid/partition/events/event_pipeline.h"
#include "grid/partition/kept.h"
#include "grid/partition/sessions/idempotency.h"
#include "grid/partition/links/inbox.h"
#include "grid/partition/links/outbox.h"
#include "grid/partition/sessions/sessions.h"
#include "grid/partition/partition_internal.h"
#include "grid/partition/deferred/timers.h"
#include "grid/wire/messages/message_check.h"

enum { SMALL_ARENA_CHUNK_BYTES = 4 * 1024, AHEAD_MAX = PARTITION_AHEAD_MAX };

/* ---- life cycle */

struct partition *partition_open(const struct partition_options *options)
{
    return partition_create(options);
}

void partition_close(struct partition *partition)
{
    if (partition == NULL)
        return;
    partition_restore_close(partition);
    partition_free(partition);
}

/* ---- commands */

static void fail(struct response *response, enum grid_err err, const char *note)
{
    response->err = err;
    response->note = bytes_of_text(note);
}

static void apply_genesis(struct partition *partition, struct bytes encoded, struct response *response)
{
    if (partition->born) {
        if (!bytes_equal(encoded, buffer_bytes(&partition->genesis)))
            fail(response, GRID_ERR_MISMATCH, "genesis: the partition began with other settings");
        return;
    }
    enum grid_err err = partition_begin(partition, encoded);
    if (err != GRID_ERR_OK) {
        fail(response, GRID_ERR_INVALID, err == GRID_ERR_INVALID ? "partitions: this partition is not among them" : "level: not one of this version");
        return;
    }
    event_services_born(partition);
}

/* Commands that only nodes make: they carry their own protection against repetition. */
static void apply_internal(struct partition *partition, const struct command *command, struct bytes encoded,
                           struct response *response)
{
    switch (command->kind) {
    case COMMAND_GENESIS: apply_genesis(partition, encoded, response); return;
    case COMMAND_DELIVER: event_pipeline_deliver(partition, &command->deliver, response); return;
    case COMMAND_ACKNOWLEDGE: event_pipeline_acknowledge(partition, &command->acknowledge, partition_incarnation(partition), response); return;
    case COMMAND_ACTIVITY_RESULT: event_pipeline_activity_result(partition, &command->activity_result, response); return;
    case COMMAND_REGISTER:
        event_services_register(partition, command->registers.services, command->registers.count, response);
        return;
    case COMMAND_RESTORE: partition_restore(partition, &command->restore, response); return;
    case COMMAND_TICK: kept_tick(partition); return;
    case COMMAND_OPEN_SESSION:
    case COMMAND_CLOSE_SESSION:
    case COMMAND_MAP:
    case COMMAND_BATCH:
    case COMMAND_CLEAR:
    case COMMAND_CONFIGURE:
    case COMMAND_DROP:
    case COMMAND_RETAIN:
    case COMMAND_RAISE_LEVEL:
    case COMMAND_SERVICE: break;
    }
    UNREACHABLE("decoding gives known kinds only, and those of clients go elsewhere");
}

static void encode_answer(struct partition *partition, const struct response *response)
{
    buffer_clear(&partition->answer);
    response_encode(response, &partition->answer);
}

/* R17: behaviour changes at this log position, equally on all replicas. The level never decreases. */
static void apply_raise_level(struct partition *partition, uint32_t level, struct response *response)
{
    REQUIRE(level >= LEVEL_FIRST && level <= LEVEL_LAST);
    if (level > partition->level)
        partition->level = level;
    settings_raise(&partition->settings, partition->level);
    kept_adopt(partition);
    response->version = partition->level;
}

static void apply_retain(struct partition *partition, const struct retain_command *retain, struct response *response)
{
    if (partition->level < LEVEL_OF_RETENTION)
        fail(response, GRID_ERR_INVALID, "retention: set at a level that has no such command");
    else if (settings_retain(&partition->settings, retain, response))
        kept_adopt(partition);
}

/* How many keys or sessions one command may remove; earlier versions removed as many as there were too many. */
static size_t budget_of(const struct partition *partition)
{
    return partition->level >= LEVEL_OF_RETENTION ? RETENTION_BUDGET : SIZE_MAX;
}

static void execute(struct partition *partition, const struct command *command, struct response *response)
{
    switch ((int)command->kind) {
    case COMMAND_MAP: maps_command(partition->maps, &command->map, partition->commits, response); return;
    case COMMAND_BATCH: maps_batch(partition->maps, &command->batch, response); return;
    case COMMAND_CLEAR: maps_clear(partition->maps, command->clear.map, response); return;
    case COMMAND_DROP: maps_drop(partition->maps, command->drop.map, response); return;
    case COMMAND_CONFIGURE: maps_configure(partition->maps, &command->configure, response); return;
    case COMMAND_RETAIN: apply_retain(partition, &command->retain, response); return;
    case COMMAND_RAISE_LEVEL: apply_raise_level(partition, command->raise_level.level, response); return;
    case COMMAND_SERVICE: event_pipeline_command(partition, &command->service, command->act_as, response); return;
    default: UNREACHABLE("the checks of commands let no other kind come here");
    }
}

static void keep_answer(struct partition *partition, const struct idempotency *key)
{
    idempotency_keep(partition->idempotency, key, buffer_bytes(&partition->answer), partition->log_time_ms, partition->table_seed);
    /* By age Ticks remove them; here so many that one more finds room. */
    struct retention_limits limits = *settings_retention(&partition->settings, RETENTION_KEYS);
    limits.age_ms = 0;
    partition->trimmed[RETENTION_KEYS] += idempotency_trim(partition->idempotency, &limits, partition->log_time_ms, budget_of(partition));
}

/* A write that its session has not seen, though perhaps its idempotency key has. Leaves the encoded answer. */
static void apply_new(struct partition *partition, const struct command *command)
{
    const struct idempotency *key = &command->idempotency;
    struct response response = {0};
    struct bytes kept;
    enum idempotency_verdict verdict =
        key->key.size == 0 ? IDEMPOTENCY_NEW : idempotency_find(partition->idempotency, key, &kept);
    switch (verdict) {
    case IDEMPOTENCY_NEW:
        partition->counts.keys_new += key->key.size != 0;
        execute(partition, command, &response);
        break;
    case IDEMPOTENCY_REPEATED:
        partition->counts.keys_repeated++;
        buffer_clear(&partition->answer);
        buffer_append(&partition->answer, kept);
        return;
    case IDEMPOTENCY_NOT_KEPT:
        partition->counts.keys_not_kept++;
        response.err = GRID_ERR_RESULT_NOT_KEPT;
        break;
    case IDEMPOTENCY_OTHER:
        partition->counts.keys_mismatched++;
        fail(&response, GRID_ERR_IDEMPOTENCY_MISMATCH, "idempotency: the key was used with another request");
        break;
    }
    encode_answer(partition, &response);
    if (verdict == IDEMPOTENCY_NEW && key->key.size != 0)
        keep_answer(partition, key);
}

/* A write of a session, applied at most once whatever comes (I11). Leaves the encoded answer. */
static void apply_write(struct partition *partition, const struct command *command)
{
    struct session_request request = {{command->session}, command->sequence, command->acknowledged_below};
    struct response response = {0};
    struct bytes kept;
    switch (sessions_admit(partition->sessions, &request, partition->log_time_ms, &kept)) {
    case SESSION_NEW:
        apply_new(partition, command);
        sessions_keep(partition->sessions, request.session, request.sequence, buffer_bytes(&partition->answer));
        return;
    case SESSION_REPEATED:
        partition->counts.duplicates++;
        buffer_clear(&partition->answer);
        buffer_append(&partition->answer, kept);
        return;
    case SESSION_NOT_KEPT:
        partition->counts.duplicates++;
        response.err = GRID_ERR_RESULT_NOT_KEPT;
        break;
    case SESSION_UNKNOWN: response.err = GRID_ERR_NO_SESSION; break;
    case SESSION_FORGOTTEN: fail(&response, GRID_ERR_INVALID, "sequence: below acknowledged_below"); break;
    case SESSION_TOO_FAR: fail(&response, GRID_ERR_BUSY, "sequence: too far above acknowledged_below"); break;
    }
    encode_answer(partition, &response);
}

/* Checked at the edge as well, but what is in the log must be harmless, no matter which node wrote it (R8). */
static void apply_client(struct partition *partition, const struct command *command)
{
    struct response response = {0};
    const char *text;
    response.err = message_check_command(command, &text);
    if (response.err != GRID_ERR_OK) {
        response.note = bytes_of_text(text);
    } else if (command->kind == COMMAND_OPEN_SESSION) {
        response.session = partition->commits;
        partition->trimmed[RETENTION_SESSIONS] += sessions_make_room(
            partition->sessions, settings_retention(&partition->settings, RETENTION_SESSIONS), budget_of(partition));
        sessions_begin(partition->sessions, (struct session_id){partition->commits}, command->open_session.idle_ms,
                       partition->log_time_ms);
    } else if (command->kind == COMMAND_CLOSE_SESSION) {
        bool known = sessions_end(partition->sessions, (struct session_id){command->session});
        response.err = known ? GRID_ERR_OK : GRID_ERR_NO_SESSION;
    } else {
        apply_write(partition, command);
        return;
    }
    encode_answer(partition, &response);
}

/* What happened without standing in an answer: an entry that ended differs as much as one that was removed. */
static void fold_trail(struct partition *partition)
{
    uint8_t content[8];
    if (!partition->born || maps_trail(partition->maps) == partition->trail_folded)
        return;
    partition->trail_folded = maps_trail(partition->maps);
    put_u64(content, partition->trail_folded);
    partition_fold(partition, bytes_of(content, sizeof content));
}

/* ---- a look ahead */

struct ahead { struct bytes encoded; struct command command; enum grid_err err; struct map_ahead place; };

/* Applying is mostly waiting for memory: sessions and entries of many clients are spread over all of it. What several
 * commands will touch is asked for at once, in two steps because the second hangs on the first. */
static void fetch_ahead(const struct partition *partition, struct ahead *ahead, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct command *command = &ahead[i].command;
        if (ahead[i].err != GRID_ERR_OK || command->kind != COMMAND_MAP)
            continue;
        sessions_fetch_row(partition->sessions, (struct session_id){command->session});
        ahead[i].place = maps_fetch_slot(partition->maps, &command->map);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (ahead[i].place.table == NULL)
            continue;
        sessions_fetch(partition->sessions, (struct session_id){ahead[i].command.session});
        maps_fetch_record(ahead[i].place);
    }
}

static uint32_t decode_ahead(struct partition *partition, struct reader *commands, struct ahead ahead[AHEAD_MAX])
{
    uint32_t count = 0;
    arena_reset(&partition->scratch->ahead);
    for (; count < AHEAD_MAX && entry_next(commands, &ahead[count].encoded); count++) {
        ahead[count].err = command_decode(ahead[count].encoded, &partition->scratch->ahead, &ahead[count].command);
        ahead[count].place = (struct map_ahead){0};
    }
    if (count > 0 && partition->born)
        fetch_ahead(partition, ahead, count);
    return count;
}

/* Applies one command and leaves its encoded answer. */
static void apply_command(struct partition *partition, const struct ahead *ahead)
{
    struct response response = {0};
    arena_reset(&partition->scratch->arena);
    partition->commits++;
    partition->counts.commands++;
    if (partition->born)
        maps_now(partition->maps, partition->commits, partition->log_time_ms);
    if (ahead->err != GRID_ERR_OK)
        response.err = GRID_ERR_MALFORMED;
    else if (!partition->born && ahead->command.kind != COMMAND_GENESIS)
        fail(&response, GRID_ERR_UNAVAILABLE, "the partition has no genesis yet");
    else if (partition_closed(partition) && ahead->command.kind != COMMAND_RESTORE)
        fail(&response, GRID_ERR_BUSY, "the cluster is being restored from a backup");
    else if (ahead->command.kind < COMMAND_GENESIS) {
        apply_client(partition, &ahead->command);
        return;
    } else
        apply_internal(partition, &ahead->command, ahead->encoded, &response);
    encode_answer(partition, &response);
}

void partition_apply(struct partition *partition, struct bytes entry, partition_answer_fn answer, void *context)
{
    REQUIRE(partition != NULL && answer != NULL && !partition->scratch->applying);
    struct entry_header header;
    struct reader commands;
    struct ahead ahead[AHEAD_MAX];
    partition_fold(partition, entry);
    if (entry_open(entry, &header, &commands) != GRID_ERR_OK || header.feature > partition->level) {
        partition->malformed_entries++;
        return;
    }
    /* Log time never turns back, whatever a leader stamped (R14). */
    if (header.log_time_ms > partition->log_time_ms)
        partition->log_time_ms = header.log_time_ms;
    partition->wall_time_ms = header.wall_time_ms;
    uint32_t ordinal = 0;
    kept_begin_entry(partition);
    partition->scratch->applying = true;
    for (uint32_t count; (count = decode_ahead(partition, &commands, ahead)) > 0;)
        for (uint32_t i = 0; i < count; i++, ordinal++) {
            apply_command(partition, &ahead[i]);
            partition_fold(partition, buffer_bytes(&partition->answer));
            answer(context, ordinal, buffer_bytes(&partition->answer));
        }
    partition->scratch->applying = false;
    fold_trail(partition);
    ENSURE(ordinal == header.commands);
}

/* ---- reads */

void partition_query_ahead(const struct partition *partition, const struct query *queries, size_t count)
{
    struct map_ahead places[PARTITION_AHEAD_MAX];
    REQUIRE(count <= PARTITION_AHEAD_MAX);
    if (!partition->born)
        return;
    for (size_t i = 0; i < count; i++)
        places[i] = maps_fetch_query(partition->maps, &queries[i]);
    for (size_t i = 0; i < count; i++)
        maps_fetch_record(places[i]);
}

static void query_retention(const struct partition *partition, struct arena *arena, struct response *response)
{
    struct retention_status *status = arena_alloc(arena, RETENTION_LAST * sizeof *status);
    kept_status(partition, status);
    response->retention = status;
    response->retention_count = RETENTION_LAST;
}

void partition_query(const struct partition *partition, const struct query *query, uint64_t time_ms, struct buffer *out)
{
    struct response response = {.index = partition->commits};
    struct arena arena;
    const char *text;
    arena_init(&arena, SMALL_ARENA_CHUNK_BYTES);
    response.err = message_check_query(query, &text);
    if (!partition->born)
        fail(&response, GRID_ERR_UNAVAILABLE, "the partition has no genesis yet");
    else if (response.err != GRID_ERR_OK)
        response.note = bytes_of_text(text);
    else if (query->kind == QUERY_RESTORE)
        partition_restore_check(partition, query->restore.backup, &response);
    else if (query->kind == QUERY_RETENTION)
        query_retention(partition, &arena, &response);
    else
        maps_query(partition->maps, query, time_ms, &arena, &response);
    if (partition->reads != NULL && (query->kind == QUERY_GET || query->kind == QUERY_CONTAINS)) {
        partition->reads->gets++;
        partition->reads->hits += response.found;
    }
    response_encode(&response, out);
    arena_close(&arena);
}

bool partition_genesis(const struct partition *partition, struct genesis_command *ret_genesis)
{
    if (partition->born)
        *ret_genesis = partition->genesis_command;
    return partition->born;
}

uint32_t partition_level(const struct partition *partition)
{
    return partition->level;
}

uint64_t partition_log_time_ms(const struct partition *partition)
{
    return partition->log_time_ms;
}

uint64_t partition_wall_time_ms(const struct partition *partition)
{
    return partition->wall_time_ms;
}

uint64_t partition_commits(const struct partition *partition)
{
    return partition->commits;
}

bool partition_next_due_ms(const struct partition *partition, uint64_t *ret_due_ms)
{
    uint64_t timer_ms = UINT64_MAX, kept_ms = UINT64_MAX;
    bool fires = timers_next_due_ms(partition->timers, &timer_ms), removes = kept_next_due_ms(partition, &kept_ms);
    if (fires || removes)
        *ret_due_ms = !removes || (fires && timer_ms < kept_ms) ? timer_ms : kept_ms;
    return fires || removes;
}

bool partition_journal_waits(const struct partition *partition, struct query *query)
{
    const char *text;
    return partition->born && message_check_query(query, &text) == GRID_ERR_OK &&
           maps_journal_waits(partition->maps, query);
}

uint64_t partition_journal_version(const struct partition *partition)
{
    return partition->born ? maps_journal_version(partition->maps) : 0;
}

/* ---- parts */

void partition_outbox_each(const struct partition *partition, void (*each)(void *context, uint32_t destination, uint64_t first, uint64_t last),
                           void *context)
{
    outbox_each(partition->outbox, each, context);
}

size_t partition_outbox_read(const struct partition *partition, uint32_t destination, uint64_t sequence, size_t bytes_max,
                             void (*each)(void *context, uint64_t sequence, struct bytes message), void *context)
{
    return outbox_read(partition->outbox, destination, sequence, bytes_max, each, context);
}

uint64_t partition_outbox_version(const struct partition *partition)
{
    return outbox_version(partition->outbox);
}

uint32_t partition_inbox_incarnation(const struct partition *partition, uint32_t source)
{
    return inbox_incarnation(partition->inbox, source);
}

uint64_t partition_inbox_last(const struct partition *partition, uint32_t source)
{
    return inbox_last(partition->inbox, source);
}

/* Changes only when a whole cluster is restored from a backup (R4). */
uint32_t partition_incarnation(const struct partition *partition)
{
    return partition->restore.epoch;
}

bool partition_activity_next(const struct partition *partition, uint64_t after, struct partition_activity *ret_activity)
{
    return activities_next(partition->activities, after, ret_activity);
}

const struct partition_counts *partition_counts(const struct partition *partition)
{
    return &partition->counts;
}

bool partition_has_service(const struct partition *partition, const struct service *service)
{
    return event_services_has(partition->pipeline, service);
}

size_t partition_services(const struct partition *partition)
{
    return event_services_count(partition->pipeline);
}

enum grid_err partition_service_fits(const struct partition *partition, const struct service *service)
{
    REQUIRE(!partition->scratch->applying);
    enum grid_err err = partition->born ? event_services_fits(partition, service) : GRID_ERR_UNAVAILABLE;
    arena_reset(&partition->scratch->arena);
    return err;
}

int64_t partition_metric(const struct partition *partition, const struct service *service, size_t metric)
{
    REQUIRE(metric < service->metrics_count);
    return event_pipeline_sums(partition->pipeline, service)[metric];
}

void partition_observe(struct partition *partition, const struct partition_observer *observer)
{
    REQUIRE(observer == NULL || observer->notice != NULL);
    partition->observer = observer;
}

uint64_t partition_load(const struct partition *partition)
{
    return partition->reserved + outbox_pending(partition->outbox) + activities_count(partition->activities);
}

struct partition_stats partition_stats(const struct partition *partition)
{
    const struct partition_counts *counts = &partition->counts;
    struct partition_stats stats = {
        .malformed_entries = partition->malformed_entries, .reserved = partition->reserved,
        .commands = counts->commands, .events = counts->events, .refusals = counts->refusals,
        .duplicates = counts->duplicates, .keys_new = counts->keys_new, .keys_repeated = counts->keys_repeated,
        .keys_not_kept = counts->keys_not_kept, .keys_mismatched = counts->keys_mismatched,
        .flows_started = counts->flows_started, .flows_ended = counts->flows_ended};
    stats.entries = partition->born ? maps_entries(partition->maps) : 0;
    stats.maps = partition->born ? maps_count(partition->maps) : 0;
    stats.bytes = partition->born ? maps_bytes(partition->maps) : 0;
    if (partition->born)
        maps_count_up(partition->maps, &stats.expirations, &stats.journal_bytes);
    stats.idempotency_keys = idempotency_count(partition->idempotency);
    stats.sessions_max = settings_retention(&partition->settings, RETENTION_SESSIONS)->count;
    stats.idempotency_keys_max = settings_retention(&partition->settings, RETENTION_KEYS)->count;
    stats.sessions = sessions_count(partition->sessions);
    stats.outbox_pending = outbox_pending(partition->outbox);
    stats.timers = timers_count(partition->timers);
    stats.activities = activities_count(partition->activities);
    return stats;
}

void partition_kept(const struct partition *partition, struct retention_status ret_status[RETENTION_LAST])
{
    kept_status(partition, ret_status);
}

uint64_t partition_trimmed(const struct partition *partition, enum retention_kind kind)
{
    REQUIRE(kind >= RETENTION_COMPLETIONS && kind <= RETENTION_LAST);
    if (kind == RETENTION_JOURNALS)
        return partition->born ? maps_journals_dropped(partition->maps) : 0;
    return partition->trimmed[kind];
}

void partition_maps_each(const struct partition *partition, void (*each)(void *context, const struct map_count *count), void *context)
{
    if (partition->born)
        maps_each(partition->maps, each, context);
}

struct map_upkeep partition_upkeep(const struct partition *partition)
{
    return partition->born ? maps_upkeep(partition->maps) : (struct map_upkeep){0};
}

void partition_holds(const struct partition *partition)
{
    HOLDS(partition->born == (partition->maps != NULL) && partition->born == (partition->genesis.size != 0));
    HOLDS(partition->log_time_ms <= ENTRY_TIME_MS_MAX);
    HOLDS(!partition->born || settings_retention(&partition->settings, RETENTION_JOURNALS)->count != 0);
    HOLDS(partition->level >= LEVEL_FIRST && partition->level <= LEVEL_LAST);
    if (partition->born)
        maps_holds(partition->maps);
    sessions_holds(partition->sessions);
    idempotency_holds(partition->idempotency);
    outbox_holds(partition->outbox);
    inbox_holds(partition->inbox);
    timers_holds(partition->timers);
    activities_holds(partition->activities);
    event_pipeline_holds(partition->pipeline);
}
