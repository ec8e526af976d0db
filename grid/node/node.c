#include "grid/node/node.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/base/version.h"
#include "grid/node/node_internal.h"
#include "services/registry.h"

static void on_fatal(void *context, enum grid_err err, const char *what)
{
    node_fail(context, err, what);
}

/* ---- callbacks of the replicas */

static void on_answer(void *context, const struct waiter *waiter, uint32_t partition, struct bytes response)
{
    clients_answer(((struct node *)context)->clients, waiter, partition, response);
}

static void on_genesis_encode(void *context, uint64_t table_seed, struct buffer *out)
{
    struct node *node = context;
    struct message_member list[NODES_MAX];
    for (size_t i = 0; i < node->settings->members_count; i++) {
        const struct node_member *member = &node->settings->members[i];
        list[i] = (struct message_member){.node = member->id, .client_address = bytes_of_text(member->client_address),
                                          .peer_address = bytes_of_text(member->peer_address)};
    }
    uint32_t services[SERVICES_MAX], level = levels_genesis(node);
    size_t services_count = services_genesis(node, level, services);
    struct command genesis = {.kind = COMMAND_GENESIS,
                              .genesis = {.cluster = bytes_of_text(node->settings->cluster), .partitions = node->partitions,
                                          .members = list, .members_count = node->settings->members_count,
                                          .table_seed = table_seed, .cluster_uuid = uuid_bytes(&node->identity.cluster_uuid),
                                          .level = level, .services = services, .services_count = services_count}};
    command_encode(&genesis, out);
}

static void on_answer_messages(void *context, struct node_id to, const struct letter *letter)
{
    links_answer_messages(((struct node *)context)->links, to, letter);
}

static bool on_send_messages(void *context, const struct letter *letter, const struct bytes *messages, size_t count)
{
    return links_send_messages(((struct node *)context)->links, letter, messages, count);
}

static bool on_allow(void *context, uint32_t partition, struct bytes command)
{
    struct node *node = context;
    if (levels_allow(node, partition, command) && services_allow(node, partition, command))
        return true;
    struct arena arena;
    struct command refused;
    arena_init(&arena, 64 * 1024);
    HOLDS(command_decode(command, &arena, &refused) == GRID_ERR_OK && refused.kind == COMMAND_DELIVER);
    waits_note(node, &refused.deliver, command);
    arena_close(&arena);
    return false;
}

static void on_epoch_refused(void *context, const struct letter *letter, uint32_t known)
{
    links_epoch_refused(((struct node *)context)->links, letter, known);
}

static void on_link_stopped(void *context, uint32_t source, const struct outbox_link *link, uint64_t applied)
{
    links_stopped(((struct node *)context)->links, source, link, applied);
}

static void on_role_changed(void *context, uint32_t partition)
{
    struct node *node = context;
    (void)partition;
    clock_defer(node->io->clock, &node->leaders_changed);
    time_exchange_soon(node);
}

/* ---- what the links are given */

static const struct state_digests *on_digests(void *context, uint32_t partition, bool *ret_leads)
{
    const struct replica *replica = ((struct node *)context)->replicas[partition];
    *ret_leads = replica_leads(replica);
    return replica_digests(replica);
}

static bool on_takes(void *context, struct node_id from, const struct deliver_command *deliver)
{
    bool takes = services_take(context, from, deliver);
    if (!takes)
        waits_note(context, deliver, BYTES_NONE);
    return takes;
}

static void on_diverged(void *context, const char *what)
{
    node_fail(context, GRID_ERR_CORRUPT, what);
}

static void on_letter(void *context, const struct letter *letter)
{
    struct node *node = context;
    if (letter->kind != LETTER_REWIND)
        replica_letter(node->replicas[letter->to], letter);
    else
        for (uint32_t i = 0; i < node->partitions; i++)
            replica_letter(node->replicas[i], letter);
}

static void open_mailbox(struct node *node)
{
    node->peers = group_set_peers(node->groups);
    node->mailbox = mailbox_open(&(struct mailbox_options){.clock = node->io->clock, .context = node, .deliver = on_letter});
    node->links = links_open(&(struct links_options){
        .settings = node->settings, .peers = node->peers, .mailbox = node->mailbox, .map = &node->map, .logger = node->logger,
        .stopped = node->counters.links_stopped, .lost = node->counters.letters_lost,
        .context = node, .takes = on_takes, .digests = on_digests, .diverged = on_diverged});
}

/* ---- what the client port is given */

static enum grid_err on_check(void *context, uint32_t partition, const struct command *command, struct bytes encoded, const char **ret_note)
{
    return levels_check(context, partition, command, encoded, ret_note);
}

static enum grid_err on_service(void *context, uint32_t partition, uint32_t number, const char **ret_note)
{
    return services_check(context, partition, number, ret_note);
}

static const char *on_unknown(void *context, struct bytes encoded)
{
    return levels_unknown(context, encoded);
}

static void on_command(void *context, uint32_t partition, struct bytes encoded, struct admission_needs needs, const struct waiter *waiter)
{
    replica_command(((struct node *)context)->replicas[partition], encoded, needs, waiter);
}

static void on_query(void *context, uint32_t partition, struct bytes encoded, const struct waiter *waiter)
{
    replica_query(((struct node *)context)->replicas[partition], encoded, waiter);
}

static void on_admin(void *context, enum admin_kind kind, uint32_t partition, uint64_t features, struct buffer *out)
{
    status_answer(context, kind, partition, features, out);
}

static void on_table(void *context, struct arena *arena, struct message_table *ret_table)
{
    status_table(context, arena, ret_table);
}

static enum grid_err open_clients(struct node *node)
{
    return clients_open(&(struct clients_options){
                            .io = node->io, .logger = node->logger, .metrics = node->metrics, .settings = node->settings, .services = node->services,
                            .observer = &node->observer, .cluster_uuid = node->identity.cluster_uuid, .features = node->features,
                            .compression = node->compression, .context = node, .check = on_check, .unknown = on_unknown, .service = on_service,
                            .command = on_command, .query = on_query, .admin = on_admin, .table = on_table},
                        &node->clients);
}

/* ---- the partition map follows the groups */

static void refresh_map(void *context)
{
    struct node *node = context;
    bool changed = false;
    for (uint32_t i = 0; i < node->partitions; i++) {
        struct group_status status = group_status(replica_group(node->replicas[i]));
        struct node_id leader = status.leader;
        if (node_id_equal(leader, node->settings->self) && !replica_leads(node->replicas[i]))
            leader = (struct node_id){0};  /* elected, not yet able to serve */
        if (partition_map_report(&node->map, (struct partition_id){i}, leader, status.term))
            changed = true;
    }
    if (!changed)
        return;
    report_leaders(node);
    mailbox_rewind(node->mailbox);
}

static void arm_tick(struct node *node)
{
    loop_delay_arm(&node->report.loop, clock_now_us(node->io->clock) + NODE_TICK_US);
    clock_timer_start(node->io->clock, &node->tick, NODE_TICK_US);
}

static void on_tick(void *context)
{
    struct node *node = context;
    node->ticks++;
    refresh_map(node);
    for (uint32_t i = 0; i < node->partitions; i++)
        replica_tick(node->replicas[i]);
    time_exchange_tick(node);
    if (node->map_pushed != node->map.version) {
        node->map_pushed = node->map.version;
        clients_push_table(node->clients);
    }
    if (node->ticks % DIGEST_EVERY_TICKS == 0)
        links_send_digests(node->links);
    if (node->ticks % SWEEP_EVERY_TICKS == 0)
        clients_sweep(node->clients);
    balance_tick(node);
    services_tick(node);
    waits_tick(node);
    memory_watch_tick(node);
    status_look(node);
    report_tick(node);
    arm_tick(node);
}

/* ---- life */

static enum grid_err open_groups(struct node *node, char **ret_note)
{
    const struct node_settings *settings = node->settings;
    struct peer_address members[NODES_MAX];
    uint32_t services[SERVICES_MAX];
    size_t services_count = node->services != NULL ? node->services->count : 0;
    for (size_t i = 0; i < services_count; i++)
        services[i] = node->services->services[i]->number;
    for (size_t i = 0; i < settings->members_count; i++) {
        members[i].id = settings->members[i].id;
        memcpy(members[i].address, settings->members[i].peer_address, sizeof members[i].address);
    }
    return group_set_open(&(struct group_set_options){
                              .io = node->io, .logger = node->logger, .metrics = node->metrics, .self = settings->self,
                              .peer_listen_address = node_settings_peer_listen(settings),
                              .members = members, .members_count = settings->members_count,
                              .cluster_uuid = node->identity.cluster_uuid, .incarnation = node->identity.incarnation, .manifest = node->manifest,
                              .log_owner = node->identity.owner, .features = node->features | levels_features(node) | feature_bit(FEATURE_SNAPSHOTS),
                              .services = services, .services_count = services_count,
                              .compression = node->compression, .packed_bytes_min = settings->packed_bytes_min, .version = GRIDIRON_VERSION,
                              .groups = settings->partitions, .sync = settings->sync,
                              .election_timeout_ms = settings->election_timeout_ms, .heartbeat_ms = settings->heartbeat_ms,
                              .log_disk_bytes_max = settings->log_disk_bytes_max,
                              .log_memory_bytes_max = settings->log_memory_bytes_max, .segment_bytes = settings->segment_bytes,
                              .snapshot_bytes = settings->snapshot_bytes, .snapshot_entries = settings->snapshot_entries,
                              .trailing_bytes = settings->snapshot_trailing_bytes,
                              .transfer_bytes_per_second = settings->snapshot_transfer_rate,
                              .snapshot_slice_bytes = settings->snapshot_slice_bytes, .snapshot_rest_us = settings->snapshot_rest_us,
                              .append_entries_max = settings->append_entries_max,
                              .shims = {settings->shims_disabled}, .fatal = on_fatal, .context = node},
                          &node->groups, ret_note);
}

struct seen { bool state, set_aside; };

static void see_state(void *context, const char *name)
{
    struct seen *seen = context;
    seen->state = seen->state || strncmp(name, "wal-", 4) == 0 || strcmp(name, "identity") == 0;
    seen->set_aside = seen->set_aside || strncmp(name, "lost-", 5) == 0;
}

/* Before the identity: a directory that has one has a manifest, or has lost it. Where something was set aside and nothing stands
 * instead, a start with --rejoin came no further: it goes on. */
static enum grid_err begin_manifest(struct node *node, char **ret_note)
{
    struct storage *storage = node->io->storage;
    struct seen seen = {0};
    enum grid_err err = storage->list(storage, see_state, &seen);
    node->begins = !seen.state;
    node->rejoin = node->rejoin || (node->begins && seen.set_aside);
    if (err == GRID_ERR_OK && node->rejoin && seen.state) {
        *ret_note = err_note("--rejoin: the data directory is not empty");
        return GRID_ERR_INVALID;
    }
    if (err == GRID_ERR_OK && node->rejoin)
        err = node_may_rejoin(node->io, node->settings, ret_note);
    if (err == GRID_ERR_OK && node->begins)
        err = manifest_begin(storage, node->partitions, node->rejoin ? LOST_ALL : LOST_NOTHING, ret_note);
    if (err != GRID_ERR_OK && *ret_note == NULL)
        *ret_note = err_note("manifest: cannot be written (%s)", grid_err_text(err));
    return err;
}

enum grid_err node_may_rejoin(struct io *io, const struct node_settings *settings, char **ret_note)
{
    if (settings->members_count > 1)
        return identity_belongs(io, settings, ret_note);
    *ret_note = err_note("--rejoin: a cluster of one node has nobody to take the data from; nothing was changed: bring back undamaged files, or "
                         "begin a new cluster in an empty directory");
    return GRID_ERR_INVALID;
}

/* Errors of files. With what is damaged or another's the program says more, the directory included. */
static void name_place(const struct node *node, enum grid_err err, char **note)
{
    const char *place = node->io->storage->place;
    if (place == NULL || (err != GRID_ERR_IO && err != GRID_ERR_NO_SPACE))
        return;
    char *named = err_note("data directory %s: %s", place, *note ? *note : grid_err_text(err));
    memory_free(*note);
    *note = named;
}

static enum grid_err open_log(struct node *node, char **ret_note)
{
    enum grid_err err = begin_manifest(node, ret_note);
    if (err == GRID_ERR_OK)
        err = identity_open(node->io, node->settings, &node->identity, ret_note);
    if (err == GRID_ERR_OK)
        err = manifest_open(node->io->storage, node->identity.incarnation, node->identity.is_old || node->begins, &node->manifest, ret_note);
    if (err != GRID_ERR_OK)
        return err;
    err = open_groups(node, ret_note);
    if (err == GRID_ERR_MISMATCH && node->identity.is_old && *ret_note) {
        char *note = err_note("%s. Or the file identity is damaged, which format 1 does not notice: then put that file back", *ret_note);
        memory_free(*ret_note);
        *ret_note = note;
    }
    /* Only now: what follows from a file without a checksum is believed once the log agrees with it. */
    if (err == GRID_ERR_OK && node->identity.is_old)
        err = identity_write(node->io->storage, &node->identity, ret_note);
    return err;
}

static void open_destinations(struct node *node)
{
    node->destinations_count = node->io->sinks_count;
    node->destinations = memory_zero(node->destinations_count, sizeof *node->destinations);
    for (size_t i = 0; i < node->destinations_count; i++)
        node->destinations[i].sink = node->io->sinks[i];
}

static void open_replicas(struct node *node)
{
    const struct node_settings *settings = node->settings;
    node->shared = (struct replica_shared){
        .io = node->io, .logger = node->logger, .prng = &node->prng,
        .destinations = node->destinations, .destinations_count = node->destinations_count,
        .counters = &node->counters, .observer = &node->observer, .groups = node->groups,
        .partition_reads = &node->partition_reads, .partition_scratch = node->partition_scratch = partition_scratch_open(),
        .self = settings->self, .cluster_uuid = node->identity.cluster_uuid, .partitions = node->partitions,
        .takes_snapshots = settings->snapshot_bytes != 0,
        .level_most = node->levels.most,
        .load_max = settings->admission_load_max ? settings->admission_load_max : ADMISSION_LOAD_DEFAULT,
        .clocks = &node->times.clocks, .memory = &node->memory.fullness,
        .context = node, .answer = on_answer, .genesis_encode = on_genesis_encode,
        .answer_messages = on_answer_messages, .send_messages = on_send_messages, .allow = on_allow,
        .epoch_refused = on_epoch_refused, .link_stopped = on_link_stopped,
        .role_changed = on_role_changed, .admit = levels_admit, .fatal = on_fatal};
    node->replicas = memory_zero(node->partitions, sizeof *node->replicas);
    for (uint32_t i = 0; i < node->partitions; i++)
        node->replicas[i] = replica_open(&node->shared, (struct partition_id){i}, node->services);
}

static enum grid_err validate(const struct node_settings *settings, char **ret_note)
{
    if (settings->partitions == 0 || settings->partitions > PARTITIONS_MAX || settings->members_count == 0 ||
        settings->members_count > REPLICAS_MAX || settings->members_count % 2 == 0 || settings->cluster[0] == 0 ||
        !node_settings_member(settings, settings->self)) {
        *ret_note = err_note("settings: need a cluster name, 1 to 4096 partitions, an odd number of at most 7 members, "
                             "and this node among them");
        return GRID_ERR_INVALID;
    }
    return GRID_ERR_OK;
}

static char *cannot_listen(const struct node *node, const char *port, enum grid_err err)
{
    const struct node_settings *settings = node->settings;
    bool peer = strcmp(port, "peer") == 0;
    const char *address = peer ? node_settings_peer_listen(settings) : node_settings_client_listen(settings);
    if ((peer ? settings->peer_listen : settings->client_listen)[0])
        return err_note("%s port: cannot listen on %s (listen.%s): %s", port, address, port, transport_listen_reason(err));
    return err_note("%s port: cannot listen on %s (members, id %u, %s): %s", port, address, settings->self.value, port,
                    transport_listen_reason(err));
}

static enum compress_mode compression_of(const struct node_settings *settings)
{
    if (strcmp(settings->compression, "off") == 0)
        return COMPRESS_OFF;
    return strcmp(settings->compression, "on") == 0 ? COMPRESS_ON : COMPRESS_AUTO;
}

enum grid_err node_open(const struct node_options *options, struct node **ret_node, char **ret_note)
{
    REQUIRE(options->io && options->settings && options->metrics && options->fatal);
    enum grid_err err = validate(options->settings, ret_note);
    if (err != GRID_ERR_OK)
        return err;
    const char *flaw = registry_flaw(options->services);
    if (flaw != NULL) {
        *ret_note = err_note("%s: correct the list of services that the program gives its node", flaw);
        return GRID_ERR_INVALID;
    }
    struct node *node = memory_zero(1, sizeof *node);
    node->io = options->io;
    node->logger = options->logger;
    node->metrics = options->metrics;
    node->settings = options->settings;
    node->services = options->services;
    node->rejoin = options->rejoin;
    node->fatal = options->fatal;
    node->context = options->context;
    node->partitions = options->settings->partitions;
    node->opened_us = clock_now_us(node->io->clock);
    node->compression = compression_of(options->settings);
    node->features = CLIENT_FEATURES & ~(node->compression == COMPRESS_OFF ? feature_bit(FEATURE_LZ4) : 0);
    node->tick = (struct timer){.fire = on_tick, .context = node};
    node->leaders_changed = (struct deferred){.run = refresh_map, .context = node};
    prng_init(&node->prng, entropy_u64(node->io->entropy));
    partition_map_init(&node->map, node->partitions);
    health_init(&node->health, node->partitions, options->settings->election_timeout_ms ? options->settings->election_timeout_ms : 1000,
                clock_now_ms(node->io->clock));
    status_register(node);
    report_open(node);
    levels_open(node);
    observer_init(&node->observer, node->io->clock, node->metrics, node->services);
    err = open_log(node, ret_note);
    name_place(node, err, ret_note);
    if (err == GRID_ERR_OK) {
        time_exchange_init(node);
        open_destinations(node);
        open_replicas(node);
        services_open(node);
        waits_open(node);
        open_mailbox(node);
        memory_watch_open(node);
        time_exchange_open(node);
        err = group_set_start(node->groups, ret_note);
        node->started = err == GRID_ERR_OK;
        if (err != GRID_ERR_OK) {
            char *note = *ret_note;
            *ret_note = node->levels.newer[0] != 0 ? err_note("%s", node->levels.newer)
                        : group_set_loaded(node->groups) ? cannot_listen(node, "peer", err) : err_note("%s", note);
            memory_free(note);
        }
    }
    if (err == GRID_ERR_OK && (err = open_clients(node)) != GRID_ERR_OK)
        *ret_note = cannot_listen(node, "client", err);
    if (err != GRID_ERR_OK) {
        node_close(node);
        return err;
    }
    arm_tick(node);
    *ret_node = node;
    return GRID_ERR_OK;
}

void node_close(struct node *node)
{
    clock_timer_stop(node->io->clock, &node->tick);
    clock_undefer(node->io->clock, &node->leaders_changed);
    hand_over_close(node);
    levels_close(node);
    if (node->groups)
        group_set_close(node->groups);
    if (node->manifest)
        manifest_close(node->manifest);
    for (uint32_t i = 0; node->replicas && i < node->partitions; i++)
        replica_close(node->replicas[i]);
    if (node->mailbox) {
        links_close(node->links);
        mailbox_close(node->mailbox);
    }
    if (node->partition_scratch)
        partition_scratch_close(node->partition_scratch);
    clock_undefer(node->io->clock, &node->leaders_changed);
    if (node->clients)
        clients_close(node->clients);
    services_close(node);
    waits_close(node);
    memory_free(node->replicas);
    memory_free(node->destinations);
    observer_close(&node->observer);
    report_close(node);
    partition_map_close(&node->map);
    health_close(&node->health);
    buffer_close(&node->scratch);
    memory_free(node);
}

bool node_rejoined(const struct node *node)
{
    return group_set_rejoining(node->groups) == 0;
}

bool node_ready(const struct node *node)
{
    for (uint32_t i = 0; i < node->partitions; i++)
        if (node->map.leaders[i] == 0)
            return false;
    return true;
}

uint32_t node_partitions(const struct node *node)
{
    return node->partitions;
}

const struct partition *node_partition(const struct node *node, struct partition_id partition)
{
    REQUIRE(partition.value < node->partitions);
    return replica_partition(node->replicas[partition.value]);
}

struct group *node_group(const struct node *node, struct partition_id partition)
{
    REQUIRE(partition.value < node->partitions);
    return replica_group(node->replicas[partition.value]);
}

struct node_log_time node_log_time(const struct node *node, struct partition_id partition)
{
    REQUIRE(partition.value < node->partitions);
    struct replica *replica = node->replicas[partition.value];
    const struct log_time *time = replica_log_time(replica);
    struct log_time_now now = time_exchange_now(node);
    return (struct node_log_time){.leads = replica_leads(replica), .grade = log_time_grade(time), .time_ms = log_time_peek(time, &now),
                                  .clocks = member_clocks_count(now.members)};
}

uint64_t node_work(const struct node *node)
{
    return clients_requests(node->clients) + node->counters.messages_received->value;
}

void node_metrics(struct node *node, struct buffer *out)
{
    struct partition_stats hosted;
    status_refresh(node, &hosted);
    metric_expose(node->metrics, out);
    report_write(node, &hosted, out);
}
