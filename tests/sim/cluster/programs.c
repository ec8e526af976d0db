#include "tests/sim/cluster/programs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/core/core.h"
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/wire/level.h"
#include "service/account/v1/account.pb-c.h"
#include "tests/support/guest_service.h"

/* How long a node that went back may still count as newer elsewhere: until its link is silent for some beats, with a pause of
 * the other end on top. */
enum { PROGRAMS_MAX = 7, GUESTS_MAX = 400, KEY_MAX = 24, STEP_LOW_US = 300000, STEP_HIGH_US = 1500000, BELIEVED_US = 15000000,
       PATIENCE_US = 3000000, ASK_LOW_US = 50000, ASK_HIGH_US = 400000, UNSEEN_MAX = 4 };

enum guest_fate { GUEST_ASKED, GUEST_INVITED, GUEST_REFUSED, GUEST_UNKNOWN, GUEST_SEEN };

struct guest { char key[KEY_MAX], companion[KEY_MAX]; enum guest_fate fate; };

struct programs {
    struct run *run;
    struct world *world;
    struct cluster *cluster;
    struct prng prng;                  /* its own, so that other choices keep their meaning */
    struct { struct host *host; bool newer; uint64_t newer_until_us; } nodes[PROGRAMS_MAX];
    size_t nodes_count;
    const char *endpoints[PROGRAMS_MAX];
    bool may_be_registered;            /* all nodes had the newer program, or seemed to */
    size_t too_old;                    /* the node that went back by mistake, or nodes_count */
    bool mistake_made;
    uint64_t patience_us;              /* until then nodes go back more often */
    struct host *host;                 /* of the client */
    struct client *client;
    struct guest guests[GUESTS_MAX];
    size_t guests_count;
};

static uint64_t draw(struct programs *programs, uint64_t low, uint64_t high)
{
    return prng_range(&programs->prng, low, high);
}

/* ---- which program a node has */

static bool newer_lately(const struct programs *programs, size_t node)
{
    return programs->nodes[node].newer || world_now_us(programs->world) < programs->nodes[node].newer_until_us;
}

static bool all_newer_lately(const struct programs *programs)
{
    for (size_t i = 0; i < programs->nodes_count; i++) {
        if (!newer_lately(programs, i)) {
            return false;
        }
    }
    return true;
}

static void run_start(struct world *world, void *context)
{
    (void)world;
    host_start(context);
}

static void change(struct programs *programs, size_t node, bool newer)
{
    struct host *host = programs->nodes[node].host;
    if (!host_up(host) || host_paused(host)) {
        return;
    }
    if (draw(programs, 0, 2) == 0) {
        host_crash(host, CRASH_KILL);
    } else {
        host_stop(host);
    }
    if (programs->nodes[node].newer && !newer) {
        programs->nodes[node].newer_until_us = world_now_us(programs->world) + BELIEVED_US;
    }
    programs->nodes[node].newer = newer;
    programs->may_be_registered = programs->may_be_registered || all_newer_lately(programs);
    world_say(programs->world, "%s comes back with the %s program", host_name(host), newer ? "newer" : "older");
    world_at(programs->world, draw(programs, 1000, 1000000), run_start, host);
}

static void upgrade(struct programs *programs)
{
    for (size_t i = 0; i < programs->nodes_count; i++) {
        if (!programs->nodes[i].newer && i != programs->too_old) {
            change(programs, i, true);
            return;
        }
    }
}

static void go_back(struct programs *programs)
{
    size_t node = draw(programs, 0, programs->nodes_count - 1);
    if (!programs->may_be_registered && programs->nodes[node].newer) {
        change(programs, node, false);
        if (!programs->nodes[node].newer) {
            SOMETIMES(programs->world, "F54 a program goes back before its service comes");
        }
    }
}

static bool is_registered(const struct programs *programs, uint32_t number)
{
    const struct partition *partition = cluster_partition(programs->cluster, number);
    return partition != NULL && partition_services(partition) > SERVICES_IMPLIED;
}

static uint32_t registered(const struct programs *programs)
{
    uint32_t count = 0;
    for (uint32_t number = 0; number < programs->run->partitions; number++) {
        count += is_registered(programs, number);
    }
    return count;
}

static void run_mistake(struct world *world, void *context)
{
    struct programs *programs = context;
    (void)world;
    change(programs, programs->too_old, false);
    if (programs->nodes[programs->too_old].newer) {
        programs->too_old = programs->nodes_count; /* it was down */
    }
}

/* In half of the runs it is cut off first, so that it may miss the entry and meet it live. */
static void make_mistake(struct programs *programs)
{
    size_t node = draw(programs, 0, programs->nodes_count - 1);
    if (programs->mistake_made || !host_up(programs->nodes[node].host) || !programs->nodes[node].newer) {
        return;
    }
    programs->mistake_made = true;
    programs->too_old = node;
    uint64_t cut_us = draw(programs, 0, 1) == 0 ? 0 : draw(programs, 500000, 1500000);
    for (size_t i = 0; i < programs->nodes_count && cut_us > 0; i++) {
        if (i != node) {
            net_cut(programs->world, programs->nodes[node].host, programs->nodes[i].host, cut_us, false);
            net_cut(programs->world, programs->nodes[i].host, programs->nodes[node].host, cut_us, false);
        }
    }
    world_at(programs->world, cut_us > 0 ? draw(programs, 1000, 300000) : 0, run_mistake, programs);
}

static bool is_founded(const struct programs *programs)
{
    struct genesis_command genesis;
    for (uint32_t number = 0; number < programs->run->partitions; number++) {
        const struct partition *partition = cluster_partition(programs->cluster, number);
        if (!partition || !partition_genesis(partition, &genesis)) {
            return false;
        }
    }
    return true;
}

static void step(struct world *world, void *context)
{
    struct programs *programs = context;
    uint64_t choice = draw(programs, 0, 9);
    if (fault_on(world, FAULT_MIXED_SERVICES) && is_founded(programs)) {
        fault_happened(world, FAULT_MIXED_SERVICES);
        if (choice < 6) {
            upgrade(programs);
        } else if (choice < 7 || world_now_us(world) < programs->patience_us) {
            go_back(programs);
        }
        if (choice >= 7 && registered(programs) > 0) {
            make_mistake(programs);
        }
    }
    world_at(world, draw(programs, STEP_LOW_US, STEP_HIGH_US), step, programs);
}

/* ---- guests */

static bool guest_is_there(const struct programs *programs, const char *key)
{
    struct query query = {.kind = QUERY_CONTAINS, .map = bytes_of_text("guest.view"), .key = bytes_of_text(key)};
    const struct partition *partition =
        cluster_partition(programs->cluster, hash_partition(query.key, programs->run->partitions).value);
    struct buffer encoded = {0};
    struct response response = {0};
    struct arena arena;
    if (partition == NULL) {
        return false;
    }
    arena_init(&arena, 256);
    partition_query(partition, &query, 0, &encoded);
    HOLDS(response_decode(buffer_bytes(&encoded), &arena, &response) == GRID_ERR_OK);
    buffer_close(&encoded);
    arena_close(&arena);
    return response.found;
}

/* Acknowledged customers whose second customer, created by a message, is not there yet. */
static size_t unseen(struct programs *programs)
{
    size_t count = 0;
    for (size_t i = 0; i < programs->guests_count; i++) {
        struct guest *guest = &programs->guests[i];
        if (guest->fate == GUEST_INVITED && guest_is_there(programs, guest->key) && guest_is_there(programs, guest->companion)) {
            guest->fate = GUEST_SEEN;
            SOMETIMES(programs->world, "F54 a service that was registered later works");
        }
        count += guest->fate == GUEST_INVITED;
    }
    return count;
}

static void ask_later(struct programs *programs);

static void on_asked(void *context, const struct client_result *result)
{
    struct programs *programs = context;
    struct guest *guest = &programs->guests[programs->guests_count - 1];
    if (result->err == GRID_ERR_OK) {
        guest->fate = GUEST_INVITED;
    } else if (result->err == GRID_ERR_UNKNOWN || result->err == GRID_ERR_RESULT_NOT_KEPT || result->err == GRID_ERR_CLOSED) {
        guest->fate = GUEST_UNKNOWN;
    } else {
        guest->fate = GUEST_REFUSED;
        if (result->err == GRID_ERR_NOT_SUPPORTED && strstr(result->note, "upgrade it first") != NULL) {
            SOMETIMES(programs->world, "F54 a service is refused while a member lacks it");
        }
    }
    if (!client_closing(programs->client)) {
        ask_later(programs);
    }
}

static void ask(struct world *world, void *context)
{
    struct programs *programs = context;
    if (!fault_on(world, FAULT_MIXED_SERVICES) || programs->guests_count == GUESTS_MAX || unseen(programs) >= UNSEEN_MAX) {
        ask_later(programs);
        return;
    }
    struct guest *guest = &programs->guests[programs->guests_count++];
    snprintf(guest->key, sizeof guest->key, "g%zu", programs->guests_count);
    snprintf(guest->companion, sizeof guest->companion, "with-g%zu", programs->guests_count);
    Account__V1__CreateCustomer invite;
    account__v1__create_customer__init(&invite);
    invite.name = guest->key;
    invite.address = guest->companion;
    uint8_t body[96];
    REQUIRE(account__v1__create_customer__get_packed_size(&invite) <= sizeof body);
    size_t size = account__v1__create_customer__pack(&invite, body);
    struct service_command command = {.service = GUEST, .type = GUEST_INVITE, .key = bytes_of_text(guest->key), .body = bytes_of(body, size)};
    client_service_command(programs->client, &command, &(struct client_call){.done = on_asked, .context = programs});
}

static void ask_later(struct programs *programs)
{
    host_at(programs->host, draw(programs, ASK_LOW_US, ASK_HIGH_US), ask, programs);
}

static void on_open(void *context, struct host *host)
{
    struct programs *programs = context;
    struct client_options options = {.endpoints = programs->endpoints, .endpoints_count = programs->nodes_count, .deadline_ms = 4000,
                                     .attempt_ms = 1500};
    programs->client = client_open(host_io(host), &options);
    ask_later(programs);
}

static void on_end(void *context, struct host *host)
{
    struct programs *programs = context;
    (void)host;
    client_close(programs->client);
    programs->client = NULL;
}

/* ---- life */

struct programs *programs_open(struct run *run, struct cluster *cluster)
{
    struct programs *programs = memory_zero(1, sizeof *programs);
    programs->run = run;
    programs->world = run->world;
    programs->cluster = cluster;
    programs->too_old = run->nodes;
    prng_init(&programs->prng, run->options->seed ^ 0x60e575);
    programs->patience_us = draw(programs, 0, PATIENCE_US);
    if (fault_chosen(run->world, FAULT_MIXED_SERVICES)) {
        programs->host = world_add_host(run->world, "guests", HOST_CLIENT, &(struct host_owner){on_open, on_end, on_end, programs, NULL});
        world_at(run->world, draw(programs, STEP_LOW_US, STEP_HIGH_US), step, programs);
    }
    return programs;
}

void programs_close(struct programs *programs)
{
    memory_free(programs);
}

void programs_add(struct programs *programs, struct host *host)
{
    REQUIRE(programs->nodes_count < PROGRAMS_MAX);
    programs->endpoints[programs->nodes_count] = cluster_endpoint(programs->cluster, programs->nodes_count);
    programs->nodes[programs->nodes_count++].host = host;
}

const struct service_registry *programs_services(const struct programs *programs, size_t node)
{
    return programs->nodes[node].newer ? registry_with_guests() : registry_builtin();
}

/* ---- oracles */

void programs_watch(struct programs *programs, size_t node, const struct partition *partition)
{
    struct genesis_command genesis;
    size_t services = partition_services(partition);
    if (!partition_genesis(partition, &genesis)) {
        return;
    }
    if (services > SERVICES_IMPLIED && !programs->may_be_registered) {
        world_fail(programs->world, "I43: %s has a service that the program of a node never had", host_name(programs->nodes[node].host));
    }
    if (services > SERVICES_IMPLIED && !programs->nodes[node].newer) {
        world_fail(programs->world, "I43: the program of %s lacks a service and %s has it", host_name(programs->nodes[node].host),
                   host_name(programs->nodes[node].host));
    }
}

bool programs_stopped(struct programs *programs, size_t node, enum grid_err err, const char *what, uint64_t *ret_down_us)
{
    if (err != GRID_ERR_NOT_SUPPORTED || strstr(what, "needs service") == NULL) {
        return false;
    }
    if (programs->nodes[node].newer || !programs->may_be_registered ||
        strstr(what, "needs service 1000, which this program does not have: upgrade this node") == NULL) {
        world_fail(programs->world, "I43: %s stops for want of a service: %s", host_name(programs->nodes[node].host), what);
        return true;
    }
    if (cluster_node(programs->cluster, node) != NULL) {
        SOMETIMES(programs->world, "F54 a node stops before an entry with a service");
    } else {
        SOMETIMES(programs->world, "F54 a node does not start for want of a service");
    }
    /* Somebody starts it again as it is, perhaps, and then reads the message. */
    if (!fault_on(programs->world, FAULT_MIXED_SERVICES) || draw(programs, 0, 1) == 0) {
        programs->nodes[node].newer = true;
        programs->too_old = node == programs->too_old ? programs->nodes_count : programs->too_old;
    }
    *ret_down_us = draw(programs, 1000, 1000000);
    return true;
}

static bool all_newer(const struct programs *programs)
{
    for (size_t i = 0; i < programs->nodes_count; i++) {
        if (!programs->nodes[i].newer) {
            return false;
        }
    }
    return true;
}

const char *programs_unsettled(struct programs *programs)
{
    for (uint32_t number = 0; all_newer(programs) && number < programs->run->partitions; number++) {
        if (partition_level(cluster_partition(programs->cluster, number)) >= LEVEL_OF_SERVICES && !is_registered(programs, number)) {
            return "I44: all programs have a service and a partition does not";
        }
    }
    return unseen(programs) > 0 ? "I44: a guest was acknowledged, and it or its companion is not there" : NULL;
}

void programs_check(struct programs *programs)
{
    for (size_t i = 0; i < programs->guests_count; i++) {
        const struct guest *guest = &programs->guests[i];
        if (guest->fate == GUEST_SEEN && (!guest_is_there(programs, guest->key) || !guest_is_there(programs, guest->companion))) {
            world_fail(programs->world, "I44: guest %s was acknowledged, and is not there any more", guest->key);
        }
        if (guest->fate == GUEST_REFUSED && (guest_is_there(programs, guest->key) || guest_is_there(programs, guest->companion))) {
            world_fail(programs->world, "I44: guest %s was refused, and is there", guest->key);
        }
    }
    run_count(programs->run, "guests invited", programs->guests_count);
}
