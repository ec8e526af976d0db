#include "tests/sim/workloads/map/newcomer.h"

#include "client/core/core.h"
#include "grid/base/memory.h"

enum {
    POLL_US = 100000,
    ALONE_US = 25 * 1000000,               /* how long the node is alone */
    COMES_US_MAX = 8 * 1000000,            /* the client comes within this time: before, amid and after the election */
    PATIENCE_MS = 10000,                   /* an election, a look around, and no more */
    NODES_LISTED = 16,
};

struct newcomer {
    struct run *run;
    struct cluster *cluster;
    struct host *host;
    struct client *client;
    const char *endpoints[NODES_LISTED];
    uint32_t alone;                        /* which node, from 0 */
    bool began, ended;
};

static uint64_t draw(struct newcomer *newcomer, uint64_t low, uint64_t high)
{
    return prng_range(world_prng(newcomer->run->world), low, high);
}

static void end(struct newcomer *newcomer)
{
    newcomer->ended = true;
    net_mend(newcomer->run->world);
}

static void close_client(struct newcomer *newcomer)
{
    if (newcomer->client != NULL)
        client_close(newcomer->client);
    newcomer->client = NULL;
}

static void run_leave(struct world *world, void *context)
{
    (void)world;
    close_client(context);
}

static void on_written(void *context, const struct client_result *result)
{
    struct newcomer *newcomer = context;
    struct world *world = newcomer->run->world;
    if (newcomer->ended)
        return;
    run_count(newcomer->run, "newcomers", 1);
    if (result->err != GRID_ERR_OK)
        world_fail(world, "a fresh client's write is %s while node %u alone is cut off: %s", grid_err_name(result->err),
                   newcomer->alone + 1, result->note);
    end(newcomer);
    host_at(newcomer->host, 1, run_leave, newcomer);
}

static void run_come(struct world *world, void *context)
{
    struct newcomer *newcomer = context;
    bool knows_one = draw(newcomer, 0, 1) == 0;
    const char *only[] = {newcomer->endpoints[newcomer->alone]};
    struct client_options options = {.endpoints = knows_one ? only : newcomer->endpoints,
                                     .endpoints_count = knows_one ? 1 : newcomer->run->nodes, .deadline_ms = PATIENCE_MS};
    struct client_call call = {.done = on_written, .context = newcomer};
    uint8_t key[8];
    put_u64(key, draw(newcomer, 0, UINT64_MAX));
    world_say(world, "a fresh client knows %s", knows_one ? "only the node that is alone" : "all nodes");
    newcomer->client = client_open(host_io(newcomer->host), &options);
    client_map_set(newcomer->client, bytes_of_text("newcomers"), &(struct client_key){.key = bytes_of(key, sizeof key)},
                   bytes_of_text("here"), &call);
}

static struct host *node_host(struct newcomer *newcomer, uint32_t number)
{
    struct world *world = newcomer->run->world;
    for (size_t i = 0; i < world_hosts(world); i++)
        if (host_kind(world_host(world, i)) == HOST_NODE && number-- == 0)
            return world_host(world, i);
    return NULL;
}

/* A node that rejoins acknowledges nothing new: of three nodes the other two are both needed for an election. */
static bool all_whole(const struct newcomer *newcomer)
{
    for (uint32_t i = 0; i < newcomer->run->nodes; i++) {
        const struct node *node = cluster_node(newcomer->cluster, i);
        if (node == NULL || !node_rejoined(node))
            return false;
    }
    return true;
}

static void run_cut(struct world *world, void *context)
{
    struct newcomer *newcomer = context;
    if (cluster_unsettled(newcomer->cluster) != NULL || !all_whole(newcomer)) {
        host_at(newcomer->host, POLL_US, run_cut, newcomer);
        return;
    }
    newcomer->alone = (uint32_t)draw(newcomer, 0, newcomer->run->nodes - 1);
    struct host *alone = node_host(newcomer, newcomer->alone);
    bool lose = draw(newcomer, 0, 1) == 0;
    world_say(world, "%s loses all other nodes, and no client", host_name(alone));
    for (uint32_t i = 0; i < newcomer->run->nodes; i++) {
        if (i == newcomer->alone)
            continue;
        net_cut(world, alone, node_host(newcomer, i), ALONE_US, lose);
        net_cut(world, node_host(newcomer, i), alone, ALONE_US, lose);
    }
    host_at(newcomer->host, draw(newcomer, 0, COMES_US_MAX), run_come, newcomer);
}

struct newcomer *newcomer_open(struct run *run, struct cluster *cluster)
{
    struct newcomer *newcomer = memory_zero(1, sizeof *newcomer);
    newcomer->run = run;
    newcomer->cluster = cluster;
    for (uint32_t i = 0; i < run->nodes && i < NODES_LISTED; i++)
        newcomer->endpoints[i] = cluster_endpoint(cluster, i);
    return newcomer;
}

void newcomer_close(struct newcomer *newcomer)
{
    memory_free(newcomer);
}

void newcomer_begin(struct newcomer *newcomer, struct host *host)
{
    if (newcomer->began)
        return;
    newcomer->began = true;
    newcomer->host = host;
    host_at(host, POLL_US, run_cut, newcomer);
}

void newcomer_stop(struct newcomer *newcomer)
{
    newcomer->ended = newcomer->ended || newcomer->began;
    close_client(newcomer);
}

const char *newcomer_unsettled(const struct newcomer *newcomer)
{
    return newcomer->began && !newcomer->ended ? "a fresh client has not written yet" : NULL;
}
