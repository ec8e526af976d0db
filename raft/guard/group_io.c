#include "raft/guard/group_io.h"

#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/guard/guard_configuration.h"

struct group_append {
    struct group_append *next;
    struct group_io *io;
    struct raft_io_append *request;
    raft_io_append_cb done;
    uint64_t lsn, last_index;
};

static struct group_io *io_of(const struct raft_io *base)
{
    struct group_io *io = base->impl;
    REQUIRE(io != NULL && &io->base == base);
    return io;
}

/* ---- state on disk */

static uint64_t entry_cost(size_t size)
{
    return GROUP_IO_ENTRY_BYTES + size;
}

static void count_bytes(struct group_io *io, uint64_t added)
{
    io->entries_bytes += added;
    io->appended_bytes += added;
    io->host->entries_bytes += added;
}

static void uncount_bytes(struct group_io *io, uint64_t removed)
{
    HOLDS(io->entries_bytes >= removed && io->host->entries_bytes >= removed);
    io->entries_bytes -= removed;
    io->host->entries_bytes -= removed;
}

static void write_meta(struct group_io *io)
{
    io->meta_lsn = wal_append_meta(io->host->wal, io->group, io->term, io->vote);
}

static int io_set_term(struct raft_io *base, raft_term term)
{
    struct group_io *io = io_of(base);
    REQUIRE(term > io->term);
    io->term = term;
    io->vote = 0;
    write_meta(io);
    return 0;
}

static int io_set_vote(struct raft_io *base, raft_id vote)
{
    struct group_io *io = io_of(base);
    io->vote = vote;
    write_meta(io);
    return 0;
}

/* Bytes that the library leaves uninitialised are cleared, so that equal entries are equal bytes on every replica. */
static void clean_entry(const struct raft_entry *entry)
{
    if (entry->type == RAFT_BARRIER && entry->buf.len != 0)
        memset(entry->buf.base, 0, entry->buf.len);
}

static uint64_t write_entries(struct group_io *io, const struct raft_entry *entries, size_t count)
{
    struct group_io_host *host = io->host;
    if (count > host->scratch_capacity) {
        host->scratch = memory_resize(host->scratch, 2 * count * sizeof *host->scratch);
        host->scratch_capacity = 2 * count;
    }
    for (size_t i = 0; i < count; i++) {
        clean_entry(&entries[i]);
        host->scratch[i] = (struct wal_entry){entries[i].term, entries[i].type,
                                              bytes_of(entries[i].buf.base, entries[i].buf.len)};
        count_bytes(io, entry_cost(entries[i].buf.len));
    }
    uint64_t lsn = wal_append_entries(host->wal, io->group, io->next_index, host->scratch, count);
    io->next_index += count;
    return lsn;
}

static int io_append(struct raft_io *base, struct raft_io_append *request, const struct raft_entry entries[],
                     unsigned count, raft_io_append_cb done)
{
    struct group_io *io = io_of(base);
    REQUIRE(count != 0);
    struct group_append *append = raft_calloc(1, sizeof *append);
    REQUIRE(append != NULL);
    append->io = io;
    append->request = request;
    append->done = done;
    append->lsn = write_entries(io, entries, count);
    append->last_index = io->next_index - 1;
    struct group_io_host *host = io->host;
    HOLDS(host->appends_last == NULL || host->appends_last->lsn <= append->lsn);
    if (host->appends_last == NULL)
        host->appends_first = append;
    else
        host->appends_last->next = append;
    host->appends_last = append;
    io->appends_count++;
    return 0;
}

static int io_truncate(struct raft_io *base, raft_index index)
{
    struct group_io *io = io_of(base);
    REQUIRE(index >= 1 && index < io->next_index);
    for (uint64_t i = index; i < io->next_index; i++)
        uncount_bytes(io, entry_cost(io->events.entry_size(io->events.context, i)));
    wal_append_truncate(io->host->wal, io->group, index);
    io->next_index = index;
    return 0;
}

static struct raft_entry copy_loaded(const struct wal_entry *loaded)
{
    struct raft_entry entry = {.term = loaded->term, .type = loaded->type};
    entry.buf.len = loaded->data.size;
    entry.buf.base = raft_malloc(loaded->data.size + 1);
    REQUIRE(entry.buf.base != NULL);
    if (loaded->data.size != 0)
        memcpy(entry.buf.base, loaded->data.data, loaded->data.size);
    return entry;
}

static void free_loaded_entry(struct wal_entry *entry)
{
    /* Recovery allocated it for this module; the view is const for all others. */
    union { const uint8_t *borrowed; void *owned; } data = {.borrowed = entry->data.data};
    memory_free(data.owned);
    entry->data = BYTES_NONE;
}

static void free_configuration(struct wal_snapshot *snapshot)
{
    union { const uint8_t *borrowed; void *owned; } data = {.borrowed = snapshot->configuration.data};
    memory_free(data.owned);
    *snapshot = (struct wal_snapshot){0};
}

static void free_loaded(struct wal_group_state *loaded)
{
    for (size_t i = 0; i < loaded->entries_count; i++)
        free_loaded_entry(&loaded->entries[i]);
    memory_free(loaded->entries);
    loaded->entries = NULL;
    loaded->entries_count = 0;
}

/* The state itself goes from the file to the machine. The library wants one buffer. */
static struct raft_snapshot *load_snapshot(const struct wal_snapshot *loaded)
{
    if (loaded->index == 0)
        return NULL;
    struct raft_snapshot *snapshot = raft_calloc(1, sizeof *snapshot);
    REQUIRE(snapshot != NULL);
    *snapshot = (struct raft_snapshot){.index = loaded->index, .term = loaded->term, .configuration_index = loaded->configuration_index,
                                       .n_bufs = 1, .bufs = raft_calloc(1, sizeof *snapshot->bufs)};
    REQUIRE(snapshot->bufs != NULL);
    snapshot->bufs[0].base = raft_malloc(1);
    bool valid = guard_configuration_decode(loaded->configuration, &snapshot->configuration);
    REQUIRE(valid && snapshot->bufs[0].base != NULL);
    return snapshot;
}

static int io_load(struct raft_io *base, raft_term *term, raft_id *vote, struct raft_snapshot **snapshot,
                   raft_index *start, struct raft_entry *entries[], size_t *count)
{
    struct group_io *io = io_of(base);
    struct wal_group_state *loaded = &io->loaded;
    io->events.before_load(io->events.context, loaded);
    *term = io->term;
    *vote = io->vote;
    *snapshot = load_snapshot(&loaded->snapshot);
    *start = loaded->first_index;
    *count = loaded->entries_count;
    *entries = NULL;
    if (*count != 0) {
        *entries = raft_calloc(*count, sizeof **entries);
        REQUIRE(*entries != NULL);
    }
    for (size_t i = 0; i < *count; i++) {
        (*entries)[i] = copy_loaded(&loaded->entries[i]);
        count_bytes(io, entry_cost(loaded->entries[i].data.size));
        free_loaded_entry(&loaded->entries[i]);
    }
    io->next_index = loaded->first_index + *count;
    free_loaded(loaded);
    return 0;
}

/* Bytes of the library's encoding without its padding. */
static size_t configuration_size(const struct raft_configuration *configuration)
{
    size_t size = 1 + sizeof(uint64_t);
    for (unsigned i = 0; i < configuration->n; i++)
        size += sizeof(uint64_t) + strlen(configuration->servers[i].address) + 1 + 1;
    return size;
}

/* The records are not yet durable on return: the group sends nothing before they are. */
static int io_bootstrap(struct raft_io *base, const struct raft_configuration *configuration)
{
    struct group_io *io = io_of(base);
    if (!group_io_fresh(io))
        return RAFT_CANTBOOTSTRAP;
    struct raft_buffer encoded;
    int failed = raft_configuration_encode(configuration, &encoded);
    if (failed != 0)
        return failed;
    size_t used = configuration_size(configuration);
    HOLDS(used <= encoded.len);
    memset((uint8_t *)encoded.base + used, 0, encoded.len - used);
    io->term = 1;
    io->vote = 0;
    write_meta(io);
    io->loaded.entries = memory_zero(1, sizeof *io->loaded.entries);
    io->loaded.entries_count = 1;
    io->loaded.entries[0] = (struct wal_entry){1, RAFT_CHANGE, bytes_of(memory_copy(encoded.base, encoded.len), encoded.len)};
    raft_free(encoded.base);
    io->meta_lsn = wal_append_entries(io->host->wal, io->group, 1, io->loaded.entries, 1);
    return 0;
}

/* ---- messages */

static void queue_completion(struct group_io *io, struct raft_io_send *request, raft_io_send_cb done)
{
    /* The library passes none for TIMEOUT_NOW, and may free the request before it could run. */
    if (done == NULL)
        return;
    if (io->sends_count == io->sends_capacity) {
        io->sends_capacity = 2 * io->sends_capacity + 4;
        io->sends = memory_resize(io->sends, io->sends_capacity * sizeof *io->sends);
    }
    io->sends[io->sends_count++] = (struct group_io_send){request, done};
}

static struct node_id destination(const struct group_io *io, const struct raft_message *message)
{
    if (io->events.by_number)
        return (struct node_id){message->server_id <= UINT32_MAX ? (uint32_t)message->server_id : 0};
    return (struct node_id){(uint32_t)strtoul(message->server_address, NULL, 10)};
}

static bool is_answer(const struct raft_message *message)
{
    return message->type == RAFT_IO_APPEND_ENTRIES_RESULT || message->type == RAFT_IO_REQUEST_VOTE_RESULT;
}

static int io_send(struct raft_io *base, struct raft_io_send *request, const struct raft_message *message,
                   raft_io_send_cb done)
{
    struct group_io *io = io_of(base);
    struct raft_message copy = *message;
    struct node_id to = destination(io, message);
    enum group_io_link link = io->host->link(io->host->context, to);
    if (link != GROUP_IO_UP && message->type == RAFT_IO_APPEND_ENTRIES)
        io->events.lost(io->events.context, to);
    else if (link != GROUP_IO_UP && !is_answer(message))
        return RAFT_NOCONNECTION;
    copy.server_id = to.value;
    if (link == GROUP_IO_UP && io->events.outgoing(io->events.context, &copy))
        io->host->send(io->host->context, io->group, &copy, io->meta_lsn);
    queue_completion(io, request, done);
    return 0;
}

void group_io_complete_sends(struct group_io *io)
{
    /* Snapshots travel outside of the library (guard_peer_lacks), which then only waits for the answer of the peer. */
    for (size_t i = 0; i < io->gets_count; i++)
        io->gets[i].done(io->gets[i].request, NULL, RAFT_CANCELED);
    io->gets_count = 0;
    for (size_t i = 0; i < io->sends_count; i++)
        io->sends[i].done(io->sends[i].request, 0);
    io->sends_count = 0;
}

/* ---- the rest of the interface */

static int io_init(struct raft_io *base, raft_id id, const char *address)
{
    (void)base;
    (void)id;
    (void)address;
    return 0;
}

static int io_start(struct raft_io *base, unsigned msecs, raft_io_tick_cb tick, raft_io_recv_cb receive)
{
    (void)msecs;
    struct group_io *io = io_of(base);
    io->tick = tick;
    io->receive = receive;
    return 0;
}

static int io_recover(struct raft_io *base, const struct raft_configuration *configuration)
{
    (void)base;
    (void)configuration;
    return RAFT_INVALID;
}

static int io_snapshot_put(struct raft_io *base, unsigned trailing, struct raft_io_snapshot_put *request,
                           const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb done)
{
    (void)base;
    (void)trailing;
    (void)request;
    (void)snapshot;
    (void)done;
    UNREACHABLE("the library takes no snapshot");
}

static int io_snapshot_get(struct raft_io *base, struct raft_io_snapshot_get *request, raft_io_snapshot_get_cb done)
{
    struct group_io *io = io_of(base);
    REQUIRE(io->gets_count < REPLICAS_MAX);
    io->gets[io->gets_count++] = (struct group_io_get){request, done};
    return 0;
}

static raft_time io_time(struct raft_io *base)
{
    struct group_io *io = io_of(base);
    return io->host->now_ms(io->host->context);
}

static int io_random(struct raft_io *base, int low, int high)
{
    struct group_io *io = io_of(base);
    int number = io->host->random(io->host->context, io->group, low, high);
    ENSURE(number >= low && number <= high);
    return number;
}

/* Takes the first append out of the queue; the caller completes and frees it. */
static struct group_append *pop_append(struct group_io_host *host)
{
    struct group_append *append = host->appends_first;
    host->appends_first = append->next;
    if (host->appends_first == NULL)
        host->appends_last = NULL;
    HOLDS(append->io->appends_count != 0);
    append->io->appends_count--;
    return append;
}

/* Appends in flight end as stored: an instance that is closing only releases the entries then, while for a cancelled
 * one it truncates its log once per request and runs past the end at the second. */
static void io_close(struct raft_io *base, raft_io_close_cb done)
{
    struct group_io *io = io_of(base);
    struct group_io_host *host = io->host;
    group_io_complete_sends(io);
    struct group_append *others_first = NULL, *others_last = NULL;
    while (host->appends_first != NULL) {
        struct group_append *append = host->appends_first;
        host->appends_first = append->next;
        append->next = NULL;
        if (append->io == io) {
            io->appends_count--;
            append->done(append->request, 0);
            raft_free(append);
            continue;
        }
        if (others_last == NULL)
            others_first = append;
        else
            others_last->next = append;
        others_last = append;
    }
    host->appends_first = others_first;
    host->appends_last = others_last;
    ENSURE(io->appends_count == 0);
    done(base);
}

/* ---- life */

void group_io_init(struct group_io *io, struct group_io_host *host, const struct group_io_events *events, uint32_t group,
                   struct wal_group_state *state)
{
    *io = (struct group_io){
        .base = {.version = 2, .impl = io, .init = io_init, .close = io_close, .load = io_load, .start = io_start,
                 .bootstrap = io_bootstrap, .recover = io_recover, .set_term = io_set_term, .set_vote = io_set_vote,
                 .send = io_send, .append = io_append, .truncate = io_truncate, .snapshot_put = io_snapshot_put,
                 .snapshot_get = io_snapshot_get, .time = io_time, .random = io_random},
        .host = host,
        .events = *events,
        .group = group,
        .loaded = *state,
        .term = state->term,
        .vote = state->vote,
    };
    *state = (struct wal_group_state){0};
}

void group_io_close(struct group_io *io)
{
    free_loaded(&io->loaded);
    free_configuration(&io->loaded.snapshot);
    memory_free(io->sends);
    io->sends = NULL;
    io->sends_count = io->sends_capacity = 0;
}

bool group_io_fresh(const struct group_io *io)
{
    /* A crash during the bootstrap may leave its term without its entry: no other member knows of either. */
    return io->loaded.entries_count == 0 && io->loaded.snapshot.index == 0 && io->term <= 1 && io->vote == 0;
}

struct bytes group_io_configuration(const struct group_io *io)
{
    if (io->loaded.snapshot.index != 0)
        return io->loaded.snapshot.configuration;
    return io->loaded.entries_count == 0 ? BYTES_NONE : io->loaded.entries[0].data;
}

uint64_t group_io_note_snapshot(struct group_io *io, const struct wal_snapshot *snapshot, bool install)
{
    struct wal_snapshot copy = *snapshot;
    copy.configuration = bytes_of(memory_copy(snapshot->configuration.data, snapshot->configuration.size), snapshot->configuration.size);
    free_configuration(&io->loaded.snapshot);
    io->loaded.snapshot = copy;
    return install ? wal_append_install(io->host->wal, io->group, &copy) : wal_append_snapshot(io->host->wal, io->group, &copy);
}

void group_io_release_entry(struct group_io *io, size_t size)
{
    uncount_bytes(io, entry_cost(size));
}

void group_io_each_command(const struct group_io *io, void (*each)(void *context, uint64_t index, struct bytes command), void *context)
{
    const struct wal_group_state *loaded = &io->loaded;
    for (size_t i = 0; i < loaded->entries_count; i++)
        if (loaded->entries[i].type == RAFT_COMMAND)
            each(context, loaded->first_index + i, loaded->entries[i].data);
}

uint64_t group_io_recovered(const struct group_io *io)
{
    const struct wal_group_state *loaded = &io->loaded;
    return loaded->entries_count == 0 ? loaded->snapshot.index : loaded->first_index + loaded->entries_count - 1;
}

bool group_io_may_leave(const struct group_io *io)
{
    return io->meta_lsn <= wal_durable(io->host->wal);
}

void group_io_durable(struct group_io_host *host, uint64_t lsn)
{
    while (host->appends_first != NULL && host->appends_first->lsn <= lsn) {
        struct group_append *append = pop_append(host);
        const struct group_io_events *events = &append->io->events;
        struct raft_io_append *request = append->request;
        raft_io_append_cb done = append->done;
        uint64_t last_index = append->last_index;
        raft_free(append);
        /* Written when it was queued, a flush ago: by now the processor has forgotten it. */
        if (host->appends_first != NULL)
            __builtin_prefetch(host->appends_first);
        events->append_done(events->context, request, done, last_index, 0);
    }
}

void group_io_fail(struct group_io_host *host)
{
    while (host->appends_first != NULL) {
        struct group_append *append = pop_append(host);
        const struct group_io_events *events = &append->io->events;
        events->append_done(events->context, append->request, append->done, append->last_index, RAFT_IOERR);
        raft_free(append);
    }
}

void group_io_host_close(struct group_io_host *host)
{
    REQUIRE(host->appends_first == NULL);
    memory_free(host->scratch);
    host->scratch = NULL;
    host->scratch_capacity = 0;
}
