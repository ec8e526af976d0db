#include "tests/sim/world/quorum.h"

#include "tests/sim/world/world_internal.h"

/* How long a quorum must have lasted until it counts: an election, and what was under way before. */
enum { SETTLING_US = 1000000 };

/* One that is not whole neither votes nor acknowledges (ADR 0013). */
static bool is_sound(const struct host *host)
{
    const struct sim_disk *disk = &host->disk;
    return host_kind(host) == HOST_NODE && host_up(host) && host->whole && !host_paused(host) && !disk->full && !disk->failed &&
           !disk->fail_write_always && !disk_damaged(host);
}

static bool is_linked(struct world *world, const struct host *a, const struct host *b)
{
    return world->cuts[a->number][b->number].until_us <= world->now_us && world->cuts[b->number][a->number].until_us <= world->now_us &&
           world->late_until_us[a->number][b->number] <= world->now_us && world->late_until_us[b->number][a->number] <= world->now_us;
}

/* Whether the host and those that it is linked with are a majority: with it as their leader they could work. */
static bool could_lead(struct world *world, const struct host *leader, size_t nodes)
{
    size_t sound = 0;
    if (!is_sound(leader))
        return false;
    for (size_t i = 0; i < world_hosts(world); i++) {
        const struct host *other = world_host(world, i);
        sound += is_sound(other) && (other == leader || is_linked(world, leader, other));
    }
    return 2 * sound > nodes;
}

void quorum_look(struct quorum *quorum, struct world *world, uint64_t elapsed_us)
{
    size_t nodes = 0;
    bool settled = false;
    for (size_t i = 0; i < world_hosts(world); i++)
        nodes += host_kind(world_host(world, i)) == HOST_NODE;
    for (size_t i = 0; i < world_hosts(world); i++) {
        if (could_lead(world, world_host(world, i), nodes))
            quorum->lasted_us[i] += elapsed_us;
        else
            quorum->lasted_us[i] = 0;
        settled = settled || quorum->lasted_us[i] > SETTLING_US;
    }
    quorum->all_us += elapsed_us;
    quorum->working_us += settled ? elapsed_us : 0;
}

uint64_t quorum_share(const struct quorum *quorum, uint64_t amount)
{
    return quorum->all_us == 0 ? amount : amount * (quorum->working_us / 1000) / (quorum->all_us / 1000);
}
