/* restore: loads a backup into a new cluster, partition by partition, and opens it when all are loaded. What was broken off goes on where it ended. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "tools/gridctl/commands/backup/backup.h"

struct restoration {
    struct ctl *ctl;
    const char *directory;
    struct backup_manifest manifest;
    struct backup_calls calls;
    enum grid_restore_phase *phases;       /* by partition */
    uint32_t level;                        /* the lowest of the cluster's partitions */
    uint64_t id, bytes;
    bool refused;                          /* a step was refused, so going on cannot help */
};

static struct grid_restore step_of(const struct restoration *restoration, enum grid_restore_step step)
{
    return (struct grid_restore){.step = step, .backup = restoration->id};
}

static bool take_phase(void *context, uint32_t partition, const struct grid_reply *reply)
{
    struct restoration *restoration = context;
    restoration->phases[partition] = (enum grid_restore_phase)reply->count;
    if (restoration->level == 0 || reply->version < restoration->level)
        restoration->level = (uint32_t)reply->version;
    return true;
}

static bool all_at(const struct restoration *restoration, enum grid_restore_phase phase)
{
    for (uint32_t i = 0; i < restoration->manifest.partitions; i++)
        if (restoration->phases[i] != phase)
            return false;
    return true;
}

static int failed(struct restoration *restoration, const char *what)
{
    enum grid_outcome outcome = restoration->calls.outcome;
    restoration->refused = outcome != GRID_OUTCOME_UNAVAILABLE && outcome != GRID_OUTCOME_UNKNOWN && outcome != GRID_OUTCOME_BUSY && outcome != GRID_OUTCOME_CLOSED;
    return backup_calls_failed(&restoration->calls, what);
}

/* ---- may it begin? */

/* A restore that ended while partitions were opened leaves some opened and the others loaded, all of this backup: only the last step is missing. */
static bool only_open_is_missing(struct restoration *restoration)
{
    bool loaded = false;
    for (uint32_t i = 0; i < restoration->manifest.partitions; i++) {
        struct grid_restore step = step_of(restoration, GRID_RESTORE_CHECK);
        backup_calls_begin(&restoration->calls);
        restoration->phases[i] = GRID_RESTORE_OPENED;
        struct grid_call call = backup_call_of(&restoration->calls, i);
        grid_client_restore(restoration->ctl->client, i, &step, &call);
        bool good = backup_calls_wait(&restoration->calls);
        if (!good && restoration->calls.outcome != GRID_OUTCOME_ALREADY_EXISTS)
            return false;
        loaded = loaded || (good && restoration->phases[i] == GRID_RESTORE_LOADED);
        if (good && restoration->phases[i] != GRID_RESTORE_LOADED)
            return false;
    }
    return loaded;
}

static int check(struct restoration *restoration)
{
    const struct backup_manifest *manifest = &restoration->manifest;
    struct ctl *ctl = restoration->ctl;
    struct grid_restore step = step_of(restoration, GRID_RESTORE_CHECK);
    if (restoration->calls.partitions != manifest->partitions)
        return ctl_complain(ctl, EXIT_FAILED, "the backup has %" PRIu32 " partitions, this cluster has %" PRIu32 ": found a cluster with partitions: %" PRIu32,
                            manifest->partitions, restoration->calls.partitions, manifest->partitions);
    restoration->calls.take = take_phase;
    restoration->calls.context = restoration;
    if (!backup_calls_restore(&restoration->calls, &step)) {
        struct backup_calls first = restoration->calls;
        if (first.outcome == GRID_OUTCOME_ALREADY_EXISTS && only_open_is_missing(restoration))
            return EXIT_DONE;
        return backup_calls_failed(&first, "nothing was restored");
    }
    if (restoration->level < manifest->level)
        return ctl_complain(ctl, EXIT_FAILED, "the backup needs level %" PRIu32 ", this cluster is at level %" PRIu32 ": raise it with gridctl level raise", manifest->level,
                            restoration->level);
    return EXIT_DONE;
}

/* ---- the states */

struct loading { struct restoration *restoration; uint32_t partition; uint64_t skip, offset; struct buffer piece; bool good; };

static bool request(struct loading *loading, const struct grid_restore *step)
{
    struct restoration *restoration = loading->restoration;
    backup_calls_begin(&restoration->calls);
    struct grid_call call = backup_call_of(&restoration->calls, loading->partition);
    grid_client_restore(restoration->ctl->client, loading->partition, step, &call);
    return backup_calls_wait(&restoration->calls);
}

static bool send_piece(struct loading *loading)
{
    struct restoration *restoration = loading->restoration;
    struct grid_restore step = step_of(restoration, GRID_RESTORE_PART);
    step.offset = loading->offset;
    step.piece = (struct grid_bytes){loading->piece.data, loading->piece.size};
    loading->good = loading->piece.size == 0 || request(loading, &step);
    loading->offset += loading->piece.size;
    buffer_clear(&loading->piece);
    backup_show_progress(restoration->ctl, "restore", restoration->bytes, backup_manifest_bytes(&restoration->manifest));
    return loading->good;
}

static enum grid_err on_piece(void *context, struct bytes piece)
{
    struct loading *loading = context;
    loading->restoration->bytes += piece.size;
    size_t skipped = loading->skip < piece.size ? (size_t)loading->skip : piece.size;
    loading->skip -= skipped;
    buffer_append(&loading->piece, bytes_of(piece.data + skipped, piece.size - skipped));
    bool full = loading->piece.size + SNAPSHOT_CHUNK_BYTES > RESTORE_PIECE_BYTES_MAX;
    return !full || send_piece(loading) ? GRID_ERR_OK : GRID_ERR_CLOSED;
}

static bool begin(struct loading *loading)
{
    struct grid_restore step = step_of(loading->restoration, GRID_RESTORE_BEGIN);
    return request(loading, &step);
}

static bool take_begun(void *context, uint32_t partition, const struct grid_reply *reply)
{
    struct loading *loading = context;
    loading->offset = loading->skip = reply->sequence;
    return take_phase(loading->restoration, partition, reply);
}

static int load(struct restoration *restoration, uint32_t partition)
{
    struct loading loading = {.restoration = restoration, .partition = partition, .good = true};
    char note[BACKUP_NOTE_BYTES] = "";
    restoration->calls.take = take_begun;
    restoration->calls.context = &loading;
    if (!begin(&loading))
        return failed(restoration, "the restore did not begin");
    restoration->calls.take = take_phase;
    restoration->calls.context = restoration;
    if (restoration->phases[partition] != GRID_RESTORE_LOADING)
        return EXIT_DONE;
    bool read = backup_file_read(restoration->directory, &restoration->manifest, partition, on_piece, &loading, note);
    bool good = read && send_piece(&loading);
    struct grid_restore step = step_of(restoration, GRID_RESTORE_END);
    step.offset = loading.offset;
    good = good && request(&loading, &step);
    buffer_close(&loading.piece);
    if (good)
        return EXIT_DONE;
    restoration->refused = !read && loading.good;
    backup_end_progress(restoration->ctl);
    return restoration->refused ? ctl_complain(restoration->ctl, EXIT_FAILED, "the restore ended: %s", note) : failed(restoration, "the restore ended");
}

/* All are closed before the first is loaded: what a client wrote to one in between would end the restore halfway. */
static int load_all(struct restoration *restoration)
{
    int code = EXIT_DONE;
    struct grid_restore step = step_of(restoration, GRID_RESTORE_BEGIN);
    restoration->calls.take = take_phase;
    restoration->calls.context = restoration;
    if (!backup_calls_restore(&restoration->calls, &step))
        return failed(restoration, "the restore did not begin");
    for (uint32_t i = 0; i < restoration->manifest.partitions && code == EXIT_DONE; i++)
        code = load(restoration, i);
    backup_end_progress(restoration->ctl);
    return code;
}

/* ---- the end */

static int open_cluster(struct restoration *restoration)
{
    struct grid_restore step = step_of(restoration, GRID_RESTORE_OPEN);
    step.epoch = restoration->manifest.epoch + 1;
    restoration->calls.take = take_phase;
    restoration->calls.context = restoration;
    if (!backup_calls_restore(&restoration->calls, &step))
        return failed(restoration, "everything is loaded, but the cluster is not open everywhere: run the command again");
    ENSURE(all_at(restoration, GRID_RESTORE_OPENED));
    backup_show_result(restoration->ctl, "restored", &restoration->manifest);
    return EXIT_DONE;
}

/* A cluster that cannot have this backup can have another one. */
static void cancel(struct restoration *restoration)
{
    struct grid_restore step = step_of(restoration, GRID_RESTORE_CANCEL);
    restoration->calls.take = NULL;
    (void)backup_calls_restore(&restoration->calls, &step);
}

static int run(struct restoration *restoration)
{
    int code = check(restoration);
    if (code != EXIT_DONE)
        return code;
    bool loaded = restoration->phases[0] == GRID_RESTORE_OPENED;
    for (uint32_t i = 0; !loaded && i < restoration->manifest.partitions; i++)
        loaded = restoration->phases[i] == GRID_RESTORE_OPENED;
    if (!loaded)
        code = load_all(restoration);
    if (code == EXIT_DONE)
        return open_cluster(restoration);
    if (restoration->refused)
        cancel(restoration);
    else
        ctl_note(restoration->ctl, "the cluster stays closed until the restore is complete: run the command again, it goes on where it ended");
    return code;
}

int restore_run(struct ctl *ctl)
{
    struct restoration restoration = {.ctl = ctl, .directory = ctl->arguments[0]};
    char note[BACKUP_NOTE_BYTES];
    if (!backup_manifest_read(restoration.directory, &restoration.manifest, note))
        return ctl_complain(ctl, EXIT_FAILED, "%s", note);
    int code = EXIT_FAILED;
    if (!backup_check(restoration.directory, &restoration.manifest, note))
        (void)ctl_complain(ctl, EXIT_FAILED, "nothing was restored, because the backup is damaged: %s", note);
    else
        code = ctl_connect(ctl);
    if (code == EXIT_DONE) {
        restoration.id = backup_manifest_id(&restoration.manifest);
        restoration.phases = memory_zero(restoration.manifest.partitions, sizeof *restoration.phases);
        backup_calls_open(&restoration.calls, ctl);
        code = run(&restoration);
        backup_calls_close(&restoration.calls);
        memory_free(restoration.phases);
    }
    backup_manifest_close(&restoration.manifest);
    return code;
}
