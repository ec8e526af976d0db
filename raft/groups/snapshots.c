#include "raft/groups/snapshots.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/groups/groups_internal.h"

enum {
    RELEASE_ENTRIES = 2048,                   /* in one iteration of the loop */
    RETRY_MS = 1000, REFUSED_MS = 100,         /* after a full disk; after a machine that cannot save now */
    /* The log is large, or the memory full, past 1/n of its bound. */
    LARGE_PARTS = 4, FULL_PARTS = 2,
    FULL_BYTES_MIN = 64 * 1024,               /* a group with less is not worth a snapshot when the memory fills up */
    SPREAD = 64,                              /* thresholds lie in the last quarter, in as many steps */
};

static bool saves(const struct group *group)
{
    return group->machine.save_begin != NULL;
}

static void free_head(struct wal_snapshot *head)
{
    memory_free((void *)(uintptr_t)head->configuration.data);
    *head = (struct wal_snapshot){0};
}

static struct wal_snapshot copy_head(struct wal_snapshot head)
{
    head.configuration = bytes_of(memory_copy(head.configuration.data, head.configuration.size), head.configuration.size);
    return head;
}

/* ---- which group is due */

static uint64_t bytes_since(const struct group *group)
{
    return group->guard.io.appended_bytes - group->snapshot.since;
}

uint64_t snapshots_threshold(uint64_t bytes, uint64_t file_bytes, uint32_t group)
{
    uint64_t most = file_bytes > bytes ? file_bytes : bytes;
    return most - most / 4 * (group % SPREAD) / SPREAD;
}

/* The log keeps about as much as the snapshots do, or as one threshold for each group: past that a group that is slow takes its snapshot early. Otherwise
 * it would hold the segments of all others back until they fill the disk. */
static uint64_t large_log(const struct group_set *set)
{
    uint64_t files = 0, least = set->snapshots.bytes * set->groups_count, most = set->disk_bytes_max / LARGE_PARTS;
    for (uint32_t i = 0; i < set->groups_count; i++)
        files += set->groups[i].snapshot.file_bytes;
    uint64_t bytes = files > least ? files : least;
    return bytes < most ? bytes : most;
}

static bool log_is_large(const struct group_set *set)
{
    return wal_disk_bytes(set->wal) >= set->snapshots.large_bytes;
}

static bool memory_is_full(const struct group_set *set)
{
    return set->host.entries_bytes >= set->memory_bytes_max / FULL_PARTS;
}

static bool is_due(const struct group *group)
{
    const struct group_set *set = group->set;
    const struct guard *guard = &group->guard;
    uint64_t index = guard_snapshot_index(guard);
    if (group->snapshot.step != SNAPSHOT_IDLE || group->install.step != INSTALL_IDLE || guard_applied_index(guard) <= index)
        return false;
    if (clock_now_ms(set->io->clock) < group->snapshot.again_ms)
        return false;
    if (group->snapshot.asked)
        return true;
    if (bytes_since(group) >= snapshots_threshold(set->snapshots.bytes, group->snapshot.file_bytes, group->number) ||
        guard_applied_index(guard) - index >= set->snapshots.entries)
        return true;
    if (log_is_large(set) && wal_holds_back(set->wal, group->number))
        return true;
    return memory_is_full(set) && guard->io.entries_bytes >= FULL_BYTES_MIN + 2 * set->snapshots.trailing_bytes;
}

static bool is_before(const struct group *group, const struct group *other)
{
    if (group->snapshot.asked != other->snapshot.asked)
        return group->snapshot.asked;
    return bytes_since(group) > bytes_since(other);
}

static struct group *most_due(struct group_set *set)
{
    struct group *most = NULL;
    for (uint32_t i = 0; i < set->groups_count; i++) {
        struct group *group = &set->groups[i];
        if (saves(group) && is_due(group) && (most == NULL || is_before(group, most)))
            most = group;
    }
    return most;
}

/* ---- a save */

static struct group **free_place(struct group_set *set)
{
    for (size_t i = 0; i < SNAPSHOTS_AT_ONCE; i++)
        if (set->snapshots.running[i] == NULL)
            return &set->snapshots.running[i];
    return NULL;
}

static void leave_place(struct group *group)
{
    for (size_t i = 0; i < SNAPSHOTS_AT_ONCE; i++)
        if (group->set->snapshots.running[i] == group)
            group->set->snapshots.running[i] = NULL;
    group->snapshot.step = SNAPSHOT_IDLE;
    free_head(&group->snapshot.head);
    if (group->set->snapshots.asked != 0 && !group->set->closing)
        clock_defer(group->set->io->clock, &group->set->snapshots.work);
    /* A snapshot of the leader waits for the own one to end. */
    if (group->install.step == INSTALL_LOADING && !group->set->closing)
        clock_defer(group->set->io->clock, &group->install.run);
}

static void end_save(struct group *group)
{
    struct group_set *set = group->set;
    bool inside = set->inside;
    set->inside = true;
    group->machine.save_end(group->machine.context, group->snapshot.save);
    set->inside = inside;
    group->snapshot.save = NULL;
}

void snapshots_abandon(struct group *group)
{
    struct snapshot_group *snapshot = &group->snapshot;
    if (snapshot->step == SNAPSHOT_IDLE)
        return;
    if (snapshot->save != NULL)
        end_save(group);
    if (snapshot->writer != NULL)
        snapshot_writer_abandon(snapshot->writer);
    snapshot->writer = NULL;
    leave_place(group);
}

static void on_filed(void *context, enum grid_err err, const struct snapshot_sum *sum)
{
    struct group *group = context;
    struct group_set *set = group->set;
    struct snapshot_group *snapshot = &group->snapshot;
    HOLDS(snapshot->step == SNAPSHOT_SAVING || snapshot->step == SNAPSHOT_FILING);
    snapshot->writer = NULL;
    if (snapshot->save != NULL)
        end_save(group);
    if (set->failed || set->closing)
        return;
    if (err == GRID_ERR_NO_SPACE) {
        LOG_WARN(set->logger, "raft", "partition %u: no room for a snapshot of its state; it is tried again", group->number);
        set->snapshots.retry_ms = clock_now_ms(set->io->clock) + RETRY_MS;
        leave_place(group);
        return;
    }
    if (err != GRID_ERR_OK) {
        group_set_fail(set, err, "writing a snapshot failed");
        return;
    }
    HOLDS(snapshot->step == SNAPSHOT_FILING);
    snapshot->bytes = sum->file_bytes;
    snapshot->before = guard_snapshot_index(&group->guard);
    snapshot->lsn = guard_snapshot_note(&group->guard, &snapshot->head);
    snapshot->step = SNAPSHOT_NOTING;
}

static void on_room(void *context)
{
    struct group_set *set = ((struct group *)context)->set;
    clock_defer(set->io->clock, &set->snapshots.work);
}

static struct snapshot_head file_head(const struct group *group, const struct wal_snapshot *head)
{
    return (struct snapshot_head){group->number, group->set->snapshots.owner, head->index, head->term, head->configuration_index,
                                  head->configuration};
}

void snapshots_paused(struct group_set *set, uint64_t since_us)
{
    if (set->snapshots.metrics.slice != NULL)
        metric_observe_us(set->snapshots.metrics.slice, clock_now_us(set->io->clock) - since_us);
}

static bool begin_save(struct group *group, struct group **place)
{
    struct group_set *set = group->set;
    struct snapshot_group *snapshot = &group->snapshot;
    struct wal_snapshot head = guard_snapshot_head(&group->guard);
    if (head.index == 0)
        return false;
    set->inside = true;
    snapshot->save = group->machine.save_begin(group->machine.context);
    set->inside = false;
    if (snapshot->save == NULL)
        return false;
    set->snapshots.asked -= snapshot->asked;
    snapshot->asked = false;
    snapshot->head = copy_head(head);
    snapshot->mark = group->guard.io.appended_bytes;
    snapshot->began_ms = clock_now_ms(set->io->clock);
    snapshot->bytes = 0;
    struct snapshot_writer_options options = {.storage = set->snapshots.storage, .head = file_head(group, &head), .room = on_room,
                                              .done = on_filed, .context = group};
    snapshot->writer = snapshot_writer_open(&options);
    snapshot->step = SNAPSHOT_SAVING;
    *place = group;
    clock_defer(set->io->clock, &set->snapshots.work);
    return true;
}

/* True: the file takes more in the next iteration. */
static bool save_slice(struct group *group)
{
    struct group_set *set = group->set;
    struct snapshot_group *snapshot = &group->snapshot;
    size_t room = snapshot->step == SNAPSHOT_SAVING ? snapshot_writer_room(snapshot->writer) : 0;
    if (room == 0)
        return false;
    struct buffer *slice = &set->snapshots.slice;
    buffer_clear(slice);
    uint64_t since_us = clock_now_us(set->io->clock);
    set->inside = true;
    bool complete = group->machine.save_next(group->machine.context, snapshot->save,
                                             room < set->snapshots.slice_bytes ? room : set->snapshots.slice_bytes, slice);
    set->inside = false;
    if (slice->size != 0)
        snapshot_writer_add(snapshot->writer, buffer_bytes(slice));
    if (complete)
        end_save(group);
    snapshots_paused(set, since_us);
    if (!complete)
        return true;
    snapshot->step = SNAPSHOT_FILING;
    snapshot_writer_finish(snapshot->writer);
    return false;
}

/* ---- what follows from a durable note */

static void queue_release(struct group *group)
{
    struct snapshots *snapshots = &group->set->snapshots;
    if (group->snapshot.releasing)
        return;
    group->snapshot.releasing = true;
    group->snapshot.next_release = snapshots->releases;
    snapshots->releases = group;
    clock_defer(group->set->io->clock, &snapshots->work);
}

static void release_some(struct group_set *set)
{
    struct group *group = set->snapshots.releases;
    if (group == NULL || guard_release(&group->guard, RELEASE_ENTRIES))
        return;
    set->snapshots.releases = group->snapshot.next_release;
    group->snapshot.releasing = false;
}

/* Only files older than the newest snapshot are removed: no new one of their name will come. */
static void remove_older(struct group *group, uint64_t before)
{
    struct snapshots *snapshots = &group->set->snapshots;
    uint64_t newest = guard_snapshot_index(&group->guard), stray = group->snapshot.stray;
    HOLDS(before < newest);
    if (before != 0)
        snapshot_files_remove(snapshots->files, group->number, before);
    if (stray != 0 && stray != before && stray < newest)
        snapshot_files_remove(snapshots->files, group->number, stray);
    group->snapshot.stray = stray > newest ? stray : 0;
}

void snapshots_stray(struct group *group, uint64_t index)
{
    uint64_t newest = guard_snapshot_index(&group->guard);
    if (index < newest)
        snapshot_files_remove(group->set->snapshots.files, group->number, index);
    else if (index > newest)
        group->snapshot.stray = index;
}

static void on_removal_failed(void *context, enum grid_err err)
{
    group_set_fail(context, err, "removing a snapshot failed");
}

static void noted(struct group *group)
{
    struct group_set *set = group->set;
    struct snapshot_group *snapshot = &group->snapshot;
    guard_snapshot_noted(&group->guard, set->snapshots.trailing_bytes);
    snapshot->since = snapshot->mark;
    snapshot->file_bytes = snapshot->bytes;
    snapshot->taken_ms = snapshot->began_ms;
    remove_older(group, snapshot->before);
    uint64_t took_ms = clock_now_ms(set->io->clock) - snapshot->began_ms;
    LOG_DEBUG(set->logger, "raft", "partition %u: snapshot up to entry %" PRIu64 ": %" PRIu64 " bytes after %" PRIu64 " ms", group->number,
              snapshot->head.index, snapshot->bytes, took_ms);
    if (set->snapshots.metrics.taken != NULL) {
        set->snapshots.metrics.taken->value++;
        set->snapshots.metrics.written->value += snapshot->bytes;
        metric_observe_us(set->snapshots.metrics.duration, took_ms * 1000);
    }
    leave_place(group);
    queue_release(group);
}

void snapshots_durable(struct group_set *set, uint64_t lsn)
{
    for (size_t i = 0; i < SNAPSHOTS_AT_ONCE; i++) {
        struct group *group = set->snapshots.running[i];
        if (group != NULL && group->snapshot.step == SNAPSHOT_NOTING && group->snapshot.lsn <= lsn)
            noted(group);
    }
}

uint64_t snapshots_disk_bytes(const struct group_set *set)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < set->groups_count; i++) {
        const struct snapshot_group *snapshot = &set->groups[i].snapshot;
        bytes += snapshot->file_bytes;
        /* From the end of the writer until the note is durable there are two files. */
        bytes += snapshot->writer != NULL ? snapshot_writer_written(snapshot->writer) : snapshot->step == SNAPSHOT_NOTING ? snapshot->bytes : 0;
    }
    return bytes;
}

void snapshots_installed(struct group *group, uint64_t before, uint64_t file_bytes)
{
    group->snapshot.since = group->guard.io.appended_bytes;
    group->snapshot.file_bytes = file_bytes;
    group->snapshot.taken_ms = 0;
    remove_older(group, before);
    if (group->set->snapshots.metrics.installed != NULL)
        group->set->snapshots.metrics.installed->value++;
}

static void begin_due(struct group_set *set)
{
    struct group **place = free_place(set);
    set->snapshots.large_bytes = large_log(set);
    for (struct group *due; place != NULL && clock_now_ms(set->io->clock) >= set->snapshots.retry_ms && (due = most_due(set)) != NULL;) {
        if (begin_save(due, place))
            place = free_place(set);
        else
            due->snapshot.again_ms = clock_now_ms(set->io->clock) + REFUSED_MS;  /* the others need not wait for it */
    }
}

static void work(void *context)
{
    struct group_set *set = context;
    bool more = false;
    if (set->failed || set->closing)
        return;
    if (set->snapshots.asked != 0)
        begin_due(set);
    for (size_t i = 0; i < SNAPSHOTS_AT_ONCE; i++)
        if (set->snapshots.running[i] != NULL)
            more = save_slice(set->snapshots.running[i]) || more;
    release_some(set);
    if (!more && set->snapshots.releases == NULL)
        return;
    if (set->snapshots.rest_us == 0)
        clock_defer(set->io->clock, &set->snapshots.work);
    else
        clock_timer_start(set->io->clock, &set->snapshots.rest, set->snapshots.rest_us);
}

void snapshots_tick(struct group_set *set)
{
    wal_collect(set->wal);
    if (!set->failed)
        begin_due(set);
}

void group_ask_snapshot(struct group *group)
{
    struct group_set *set = group->set;
    if (group->snapshot.asked || !saves(group) || guard_applied_index(&group->guard) <= guard_snapshot_index(&group->guard))
        return;
    group->snapshot.asked = true;
    set->snapshots.asked++;
    clock_defer(set->io->clock, &set->snapshots.work);
}

/* ---- at the start */

struct loading { struct group *group; void *load; const struct wal_snapshot *head; };

static enum grid_err check_head(void *context, const struct snapshot_head *head)
{
    const struct wal_snapshot *named = ((struct loading *)context)->head;
    bool same = head->term == named->term && head->configuration_index == named->configuration_index &&
                bytes_equal(head->configuration, named->configuration);
    return same ? GRID_ERR_OK : GRID_ERR_MISMATCH;
}

static enum grid_err load_piece(void *context, struct bytes piece)
{
    struct loading *loading = context;
    const struct group_machine *machine = &loading->group->machine;
    return machine->load_next(machine->context, loading->load, piece);
}

enum grid_err snapshots_read(struct group *group, const struct wal_snapshot *head, void *load, uint64_t *ret_file_bytes, char **ret_note)
{
    const struct snapshots *snapshots = &group->set->snapshots;
    struct loading loading = {group, load, head};
    struct snapshot_wanted wanted = {group->number, head->index, snapshots->owner};
    struct snapshot_taker taker = {check_head, load_piece, &loading};
    struct snapshot_info info;
    enum grid_err err = snapshot_file_read(snapshots->storage, &wanted, &taker, &info, ret_note);
    if (err != GRID_ERR_OK)
        return err;
    *ret_file_bytes = info.sum.file_bytes;
    snapshot_info_close(&info);
    return GRID_ERR_OK;
}

static enum grid_err load_group(struct group *group, char **ret_note)
{
    const struct group_machine *machine = &group->machine;
    const struct wal_snapshot *head = &group->guard.io.loaded.snapshot;
    if (head->index == 0)
        return GRID_ERR_OK;
    if (machine->load_begin == NULL) {
        *ret_note = err_note("partition %u: its log continues a snapshot, which this program cannot load", group->number);
        return GRID_ERR_NOT_SUPPORTED;
    }
    void *load = machine->load_begin(machine->context);
    char *file_note = NULL, *machine_note = NULL;
    enum grid_err err = snapshots_read(group, head, load, &group->snapshot.file_bytes, &file_note);
    enum grid_err taken = machine->load_end(machine->context, load, err == GRID_ERR_OK, &machine_note);
    err = err == GRID_ERR_OK ? taken : err;
    const char *what = machine_note != NULL ? machine_note : grid_err_text(err);
    if (err != GRID_ERR_OK)
        *ret_note = err_note("partition %u, snapshot up to entry %" PRIu64 ": %s", group->number, head->index,
                             file_note != NULL ? file_note : what);
    memory_free(file_note);
    memory_free(machine_note);
    return err == GRID_ERR_NOT_FOUND ? GRID_ERR_CORRUPT : err;
}

static bool is_named(void *context, uint32_t group, uint64_t index, enum snapshot_kind kind)
{
    struct group_set *set = context;
    uint64_t newest = group < set->groups_count ? guard_snapshot_index(&set->groups[group].guard) : UINT64_MAX;
    /* What a leader has sent before may be continued. */
    return kind == SNAPSHOT_RECEIVED ? index > newest : kind == SNAPSHOT_WHOLE && index == newest;
}

enum grid_err snapshots_load(struct group_set *set, char **ret_note)
{
    uint64_t since_ms = clock_now_ms(set->io->clock), loaded = 0, entries = 0;
    bool any = false;
    for (uint32_t i = 0; i < set->groups_count; i++) {
        uint64_t index = guard_snapshot_index(&set->groups[i].guard);
        enum grid_err err = load_group(&set->groups[i], ret_note);
        if (err != GRID_ERR_OK)
            return err;
        any = any || saves(&set->groups[i]);
        loaded += index != 0;
        entries += group_io_recovered(&set->groups[i].guard.io) - index;
    }
    if (loaded != 0)
        LOG_INFO(set->logger, "raft", "loaded the snapshots of %" PRIu64 " of %u partitions in %" PRIu64 " ms; %" PRIu64 " entries follow", loaded,
                 set->groups_count, clock_now_ms(set->io->clock) - since_ms, entries);
    if (!any)
        return GRID_ERR_OK;
    size_t removed;
    enum grid_err err = snapshot_files_clean(set->snapshots.storage, is_named, set, &removed);
    if (err != GRID_ERR_OK)
        *ret_note = err_note("an old snapshot cannot be removed: %s", grid_err_text(err));
    return err;
}

void snapshots_open(struct group_set *set, const struct group_set_options *options)
{
    struct snapshots *snapshots = &set->snapshots;
    snapshots->storage = options->io->storage;
    snapshots->owner = options->log_owner;
    snapshots->files = snapshot_files_open(snapshots->storage, on_removal_failed, set);
    snapshots->bytes = options->snapshot_bytes != 0 ? options->snapshot_bytes : SNAPSHOT_BYTES_DEFAULT;
    snapshots->entries = options->snapshot_entries != 0 ? options->snapshot_entries : SNAPSHOT_ENTRIES_DEFAULT;
    snapshots->trailing_bytes = options->trailing_bytes != 0 ? options->trailing_bytes : SNAPSHOT_TRAILING_BYTES_DEFAULT;
    snapshots->work = (struct deferred){.run = work, .context = set};
    snapshots->rest = (struct timer){.fire = work, .context = set};
    snapshots->slice_bytes = options->snapshot_slice_bytes != 0 ? options->snapshot_slice_bytes : SNAPSHOT_SLICE_BYTES;
    snapshots->rest_us = options->snapshot_rest_us;
    if (options->metrics == NULL)
        return;
    snapshots->metrics.taken = metric_counter_add(options->metrics, "gridiron_snapshots_taken_total",
                                                  "Snapshots of partitions that this node has taken.", NULL);
    snapshots->metrics.installed = metric_counter_add(options->metrics, "gridiron_snapshots_installed_total",
                                                      "Snapshots of leaders that replaced the log of a partition here.", NULL);
    snapshots->metrics.duration = metric_histogram_add(options->metrics, "gridiron_snapshot_duration_seconds",
                                                       "From the beginning of a snapshot until the log needs no entry before it.", NULL);
    snapshots->metrics.slice = metric_histogram_add_fine(options->metrics, "gridiron_snapshot_slice_seconds",
                                                         "Slices of the loop that go into a snapshot, when one is taken or installed.", NULL);
    snapshots->metrics.written = metric_counter_add(options->metrics, "gridiron_snapshot_written_bytes_total", "Bytes of files of snapshots taken.", NULL);
}

void snapshots_close(struct group_set *set)
{
    for (uint32_t i = 0; i < set->groups_count; i++)
        snapshots_abandon(&set->groups[i]);
    clock_undefer(set->io->clock, &set->snapshots.work);
    clock_timer_stop(set->io->clock, &set->snapshots.rest);
    if (set->snapshots.files != NULL)
        snapshot_files_close(set->snapshots.files);
    buffer_close(&set->snapshots.slice);
}
