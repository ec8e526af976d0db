/* backup create: a consistent cut of all partitions, taken over the client protocol (docs/adr/0026-a-backup-is-a-verified-cut.md). */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "grid/backup/backup_cut.h"
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "tools/gridctl/commands/backup/backup.h"

enum { ATTEMPTS = 5, READS_AT_ONCE = 8, RESERVE_ROUNDS = 20, RESERVE_FRESH_MS = 2000 };

/* One attempt. */
struct creation {
    struct ctl *ctl;
    const char *part;                      /* the directory */
    struct backup_calls calls;
    struct backup_manifest manifest;
    struct backup_state *states;           /* by partition, like these */
    struct backup_writer *writers;
    uint64_t id;
    uint64_t bytes;
    uint32_t next;                         /* partition to be read next, of those that have more */
    bool *whole;
};

static uint64_t now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool step(struct creation *creation, enum grid_backup_step what)
{
    creation->calls.take = NULL;
    return backup_calls_backup(&creation->calls, &(struct grid_backup){what, creation->id, 0});
}

/* ---- the cut */

/* A partition that writes a snapshot ends that first; meanwhile the others' reservation may end, so they are asked again. */
static bool reserve(struct creation *creation)
{
    for (int round = 0; round < RESERVE_ROUNDS; round++) {
        uint64_t began_ms = now_ms(CLOCK_MONOTONIC);
        if (!step(creation, GRID_BACKUP_RESERVE))
            return false;
        if (now_ms(CLOCK_MONOTONIC) - began_ms < RESERVE_FRESH_MS)
            return true;
    }
    return true;
}

static bool take_frozen(void *context, uint32_t partition, const struct grid_reply *reply)
{
    struct creation *creation = context;
    creation->manifest.files[partition] = (struct backup_file){.index = reply->sequence, .term = reply->version, .entries = reply->count};
    struct snapshot_head head = {.group = partition, .index = reply->sequence, .term = reply->version};
    return backup_writer_open(&creation->writers[partition], creation->part, backup_file_name(&creation->manifest, partition).text, &head, creation->calls.note);
}

static bool cut(struct creation *creation)
{
    if (!reserve(creation) || !step(creation, GRID_BACKUP_HOLD))
        return false;
    creation->calls.take = take_frozen;
    creation->calls.context = creation;
    return backup_calls_backup(&creation->calls, &(struct grid_backup){GRID_BACKUP_FREEZE, creation->id, 0}) && step(creation, GRID_BACKUP_RELEASE);
}

/* ---- the states */

static void read_next(struct creation *creation);

static bool take_piece(void *context, uint32_t partition, const struct grid_reply *reply)
{
    struct creation *creation = context;
    struct bytes piece = bytes_of(reply->value.data, reply->value.size);
    char *why = NULL, *note = creation->calls.note;
    bool good = backup_state_add(&creation->states[partition], piece, &why) == GRID_ERR_OK;
    if (!good)
        snprintf(note, BACKUP_NOTE_BYTES, "partition %u: %s", partition, why);
    memory_free(why);
    good = good && backup_writer_add(&creation->writers[partition], piece, note);
    creation->bytes += piece.size;
    creation->whole[partition] = !reply->more;
    if (good && !reply->more)
        good = backup_writer_finish(&creation->writers[partition], note);
    backup_show_progress(creation->ctl, "backup", creation->bytes, 0);
    if (good && creation->calls.outcome == GRID_OUTCOME_OK)
        read_next(creation);
    return good;
}

/* In turn, so that no partition is left waiting for long. One request of a partition at a time: `states` has its offset. */
static void read_next(struct creation *creation)
{
    struct backup_calls *calls = &creation->calls;
    for (uint32_t tried = 0; tried < calls->partitions; tried++) {
        uint32_t partition = creation->next++ % calls->partitions;
        if (creation->whole[partition] || calls->each[partition].under_way)
            continue;
        const struct backup_state *state = &creation->states[partition];
        struct grid_backup read = {GRID_BACKUP_READ, creation->id, state->bytes + state->part.size};
        struct grid_call call = backup_call_of(calls, partition);
        grid_client_backup(creation->ctl->client, partition, &read, &call);
        return;
    }
}

static bool read_all(struct creation *creation)
{
    backup_calls_begin(&creation->calls);
    creation->calls.take = take_piece;
    for (int i = 0; i < READS_AT_ONCE; i++)
        read_next(creation);
    bool good = backup_calls_wait(&creation->calls);
    backup_end_progress(creation->ctl);
    return good;
}

/* What the states say of themselves. Whether they are of one cut is not believed but checked. */
static bool sum_up(struct creation *creation)
{
    struct backup_manifest *manifest = &creation->manifest;
    char *why = NULL;
    for (uint32_t i = 0; i < manifest->partitions; i++) {
        const struct backup_state *state = &creation->states[i];
        struct backup_file *file = &manifest->files[i];
        file->bytes = creation->writers[i].sum.payload_bytes;
        file->hash = creation->writers[i].sum.hash;
        if (!state->complete || state->entries != file->entries) {
            snprintf(creation->calls.note, BACKUP_NOTE_BYTES, "partition %u: what came is not its whole state", i);
            return false;
        }
        manifest->level = state->level > manifest->level ? state->level : manifest->level;
        manifest->epoch = state->epoch;
    }
    bool good = backup_cut_check(creation->states, manifest->partitions, &why) == GRID_ERR_OK;
    if (!good)
        snprintf(creation->calls.note, BACKUP_NOTE_BYTES, "%s", why);
    memory_free(why);
    return good;
}

/* ---- an attempt */

static void open_creation(struct creation *creation, struct ctl *ctl, const char *part)
{
    *creation = (struct creation){.ctl = ctl, .part = part};
    backup_calls_open(&creation->calls, ctl);
    uint32_t partitions = creation->calls.partitions;
    creation->states = memory_zero(partitions, sizeof *creation->states);
    creation->writers = memory_zero(partitions, sizeof *creation->writers);
    creation->whole = memory_zero(partitions, sizeof *creation->whole);
    for (uint32_t i = 0; i < partitions; i++)
        backup_state_init(&creation->states[i]);
    struct backup_manifest *manifest = &creation->manifest;
    manifest->partitions = partitions;
    manifest->files = memory_zero(partitions, sizeof *manifest->files);
    manifest->made_ms = now_ms(CLOCK_REALTIME);
    snprintf(manifest->cluster, sizeof manifest->cluster, "%s", grid_client_cluster(ctl->client));
    (void)uuid_parse(grid_client_cluster_uuid(ctl->client), &manifest->cluster_uuid);
    uint64_t parts[] = {manifest->made_ms, now_ms(CLOCK_MONOTONIC), (uint64_t)getpid()};
    creation->id = hash_xxh3(bytes_of(parts, sizeof parts), (uint64_t)(uintptr_t)creation) | 1;
}

static void close_creation(struct creation *creation)
{
    for (uint32_t i = 0; i < creation->calls.partitions; i++) {
        backup_state_close(&creation->states[i]);
        backup_writer_close(&creation->writers[i]);
    }
    memory_free(creation->states);
    memory_free(creation->writers);
    memory_free(creation->whole);
    backup_manifest_close(&creation->manifest);
    backup_calls_close(&creation->calls);
}

static bool write_manifest(struct creation *creation)
{
    struct buffer text = {0};
    char *path = backup_path(creation->part, "manifest");
    backup_manifest_encode(&creation->manifest, &text);
    bool good = backup_file_write(path, buffer_bytes(&text), creation->calls.note);
    buffer_close(&text);
    memory_free(path);
    return good;
}

enum attempt { ATTEMPT_DONE, ATTEMPT_AGAIN, ATTEMPT_FAILED };

/* Partitions are let go whatever came of it; then nothing is left of the attempt but its files. */
static enum attempt end_attempt(struct creation *creation, enum attempt attempt, int *ret_code)
{
    struct backup_calls failed = creation->calls;
    if (attempt == ATTEMPT_AGAIN && failed.outcome == GRID_OUTCOME_OK)
        failed.outcome = GRID_OUTCOME_REFUSED;
    (void)step(creation, GRID_BACKUP_END);
    if (attempt != ATTEMPT_DONE)
        *ret_code = attempt == ATTEMPT_FAILED ? backup_calls_failed(&failed, "no backup was made") : EXIT_FAILED;
    if (attempt == ATTEMPT_AGAIN)
        ctl_note(creation->ctl, "the backup begins again: partition %u: %s", failed.failed, failed.note);
    return attempt;
}

static enum attempt try_once(struct creation *creation, int *ret_code)
{
    struct backup_calls *calls = &creation->calls;
    if (!backup_directory_make(creation->part, calls->note)) {
        *ret_code = ctl_complain(creation->ctl, EXIT_FAILED, "no backup was made: %s", calls->note);
        return ATTEMPT_FAILED;
    }
    bool good = cut(creation) && read_all(creation);
    /* The leader has changed, or the client was too slow. */
    if (!good)
        return end_attempt(creation, calls->outcome == GRID_OUTCOME_NOT_FOUND ? ATTEMPT_AGAIN : ATTEMPT_FAILED, ret_code);
    if (!sum_up(creation))
        return end_attempt(creation, ATTEMPT_AGAIN, ret_code);
    if (!write_manifest(creation)) {
        calls->outcome = GRID_OUTCOME_REFUSED;
        return end_attempt(creation, ATTEMPT_FAILED, ret_code);
    }
    return end_attempt(creation, ATTEMPT_DONE, ret_code);
}

static int finish(struct creation *creation, const char *directory)
{
    char note[BACKUP_NOTE_BYTES];
    if (!backup_directory_finish(creation->part, directory, note))
        return ctl_complain(creation->ctl, EXIT_FAILED, "%s", note);
    backup_show_result(creation->ctl, directory, &creation->manifest);
    return EXIT_DONE;
}

static int create(struct ctl *ctl, const char *directory, const char *part)
{
    int code = EXIT_FAILED;
    enum attempt attempt = ATTEMPT_AGAIN;
    for (int i = 0; i < ATTEMPTS && attempt == ATTEMPT_AGAIN; i++) {
        struct creation creation;
        open_creation(&creation, ctl, part);
        attempt = try_once(&creation, &code);
        if (attempt == ATTEMPT_DONE)
            code = finish(&creation, directory);
        close_creation(&creation);
    }
    if (attempt == ATTEMPT_AGAIN)
        code = ctl_complain(ctl, EXIT_FAILED, "no backup was made: it did not succeed in %d attempts, because leaders changed; try again when the cluster is quiet", ATTEMPTS);
    if (attempt != ATTEMPT_DONE)
        backup_directory_remove(part);
    return code;
}

int backup_create(struct ctl *ctl)
{
    const char *directory = ctl->arguments[0];
    struct stat status;
    if (stat(directory, &status) == 0)
        return ctl_complain(ctl, EXIT_FAILED, "%s exists: name a directory that does not exist yet", directory);
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    char *part = backup_part_directory(directory);
    code = create(ctl, directory, part);
    memory_free(part);
    return code;
}
