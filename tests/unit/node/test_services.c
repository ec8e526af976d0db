/* Which services the partitions have, between partitions whose leaders, logs and links are the test: node 1 of two, three partitions. */
#include "grid/node/node_internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/memory.h"
#include "grid/partition/entry.h"
#include "grid/wire/level.h"
#include "services/registry.h"
#include "tests/support/fake_clock.h"
#include "tests/support/guest_service.h"

enum { PARTITIONS = 3, MAPS_FREE = MAPS_PER_PARTITION_MAX - 16 };

/* ---- what is around services.c and waits.c */

struct replica {
    struct partition *partition;
    struct group_status group;
    bool leads;
    size_t registers;                  /* proposals */
    uint64_t index, sequence;
};

static struct {
    struct fake_clock clock;
    struct io io;
    struct logger logger;
    struct node_settings settings;
    struct node node;
    struct replica replicas[PARTITIONS], *list[PARTITIONS];
    bool linked, has_guests;           /* node 2 */
    uint32_t rejoining;
    char line[512];                    /* the last one */
    size_t lines;
} stage;

struct partition *replica_partition(const struct replica *replica) { return replica->partition; }
bool replica_leads(const struct replica *replica) { return replica->leads; }
struct group *replica_group(const struct replica *replica) { return (struct group *)(uintptr_t)replica; }
struct group_status group_status(const struct group *group) { return ((const struct replica *)group)->group; }
uint32_t group_set_rejoining(const struct group_set *set) { (void)set; return stage.rejoining; }
bool peers_up(const struct peers *peers, struct node_id peer) { (void)peers; return peer.value == 2 && stage.linked; }

bool peers_services(const struct peers *peers, struct node_id peer, const uint32_t **ret_numbers, size_t *ret_count)
{
    static const uint32_t numbers[] = {1, 2, 3, 4, 5, GUEST};
    (void)peers;
    cr_assert_eq(peer.value, 2u);
    *ret_numbers = numbers;
    *ret_count = stage.has_guests ? 6 : 5;
    return true;
}

void replica_register(struct replica *replica, const uint32_t *numbers, size_t count)
{
    cr_assert(count == 1 && numbers[0] == GUEST);
    replica->registers++;
}

static void write_line(struct logger *logger, enum log_level level, const char *component, const char *text)
{
    (void)logger;
    (void)component;
    snprintf(stage.line, sizeof stage.line, "%s %s", log_level_name(level), text);
    stage.lines++;
}

/* ---- partitions */

static void take(void *context, uint32_t ordinal, struct bytes response)
{
    struct response decoded;
    struct arena arena;
    (void)ordinal;
    arena_init(&arena, 1024);
    cr_assert_eq(response_decode(response, &arena, &decoded), GRID_ERR_OK);
    *(enum grid_err *)context = decoded.err;
    arena_close(&arena);
}

static enum grid_err apply(uint32_t number, const struct command *command)
{
    struct replica *replica = &stage.replicas[number];
    struct buffer entry = {0}, encoded = {0};
    enum grid_err err = GRID_ERR_CLOSED;
    command_encode(command, &encoded);
    entry_begin(&entry, partition_level(replica->partition));
    entry_add(&entry, buffer_bytes(&encoded));
    entry_seal(&entry, 1000, 1000);
    partition_apply(replica->partition, buffer_bytes(&entry), take, &err);
    replica->group.last_index = replica->group.applied_index = ++replica->index;
    buffer_close(&entry);
    buffer_close(&encoded);
    return err;
}

static enum grid_err write_as_client(uint32_t number, struct command command)
{
    command.session = 2;
    command.sequence = command.acknowledged_below = ++stage.replicas[number].sequence;
    return apply(number, &command);
}

static void begin(uint32_t number, uint32_t level, size_t services)
{
    static const uint32_t numbers[] = {1, 2, 3, 4, 5, GUEST};
    struct command genesis = {.kind = COMMAND_GENESIS,
                              .genesis = {.cluster = bytes_of_text("c"), .partitions = PARTITIONS, .table_seed = 1, .level = level,
                                          .services = numbers, .services_count = level < LEVEL_OF_SERVICES ? 0 : services}};
    cr_assert_eq(apply(number, &genesis), GRID_ERR_OK);
    cr_assert_eq(apply(number, &(struct command){.kind = COMMAND_OPEN_SESSION, .open_session = {1000000}}), GRID_ERR_OK);
}

static void enroll(uint32_t number)
{
    static const uint32_t guest[] = {GUEST};
    cr_assert_eq(apply(number, &(struct command){.kind = COMMAND_REGISTER, .registers = {guest, 1}}), GRID_ERR_OK);
}

/* Until it has no room for the maps of a service. */
static void fill(uint32_t number)
{
    char name[16];
    for (int i = 0; i < MAPS_FREE; i++) {
        snprintf(name, sizeof name, "m%d", i);
        cr_assert_eq(write_as_client(number, (struct command){.kind = COMMAND_MAP,
                                                              .map = {.operation = MAP_SET, .map = bytes_of_text(name), .key = bytes_of_text("k"),
                                                                      .value = bytes_of_text("v")}}), GRID_ERR_OK);
    }
}

static void drop(uint32_t number, const char *name)
{
    cr_assert_eq(write_as_client(number, (struct command){.kind = COMMAND_DROP, .drop = {bytes_of_text(name)}}), GRID_ERR_OK);
}

/* ---- the node */

static void open_stage(void)
{
    memset(&stage, 0, sizeof stage);
    fake_clock_init(&stage.clock);
    stage.clock.now_us = 1000 * 1000;
    stage.io = (struct io){.clock = &stage.clock.clock};
    stage.logger = (struct logger){.level = LOG_LEVEL_INFO, .write = write_line};
    stage.settings = (struct node_settings){.self = {1}, .members = {{.id = {1}}, {.id = {2}}}, .members_count = 2};
    stage.linked = stage.has_guests = true;
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        stage.list[i] = &stage.replicas[i];
        stage.replicas[i].partition =
            partition_open(&(struct partition_options){.id = {i}, .services = registry_with_guests()});
    }
    stage.replicas[0].leads = true;
    stage.node = (struct node){.io = &stage.io, .logger = &stage.logger, .settings = &stage.settings, .services = registry_with_guests(),
                               .replicas = stage.list, .partitions = PARTITIONS};
    services_open(&stage.node);
    waits_open(&stage.node);
}

static void close_stage(void)
{
    services_close(&stage.node);
    waits_close(&stage.node);
    for (uint32_t i = 0; i < PARTITIONS; i++)
        partition_close(stage.replicas[i].partition);
    fake_clock_close(&stage.clock);
}

static void cr_assert_answer(enum grid_err err, const char *says)
{
    const char *note = "";
    cr_assert_eq(services_check(&stage.node, 0, GUEST, &note), err, "%s", note);
    cr_assert(strstr(note, says) != NULL, "%s", note);
}

TestSuite(services, .init = open_stage, .fini = close_stage);

/* Genesis of partition 0 names the service, as where its first leader saw more programs than that of partition 1 did. */
Test(services, are_served_once_all_partitions_have_them)
{
    begin(0, LEVEL_LAST, 6);
    begin(1, LEVEL_LAST, 5);
    begin(2, LEVEL_LAST, 5);
    cr_assert_answer(GRID_ERR_BUSY, "partition 1 is about to register service 1000 (guest)");
    enroll(1);
    cr_assert_answer(GRID_ERR_BUSY, "partition 2 is about to register");
    enroll(2);
    cr_assert_answer(GRID_ERR_OK, "");
    stage.linked = false;
    cr_assert_answer(GRID_ERR_OK, ""); /* for good */
}

Test(services, are_refused_everywhere_while_one_partition_has_no_room)
{
    begin(0, LEVEL_LAST, 6);
    begin(1, LEVEL_LAST, 6);
    begin(2, LEVEL_LAST, 5);
    fill(2);
    stage.replicas[2].leads = true;
    services_tick(&stage.node);
    cr_assert_eq(stage.replicas[2].registers, 0u);
    cr_assert_answer(GRID_ERR_NOT_SUPPORTED, "partition 2 has no room for the maps of service 1000 (guest): drop maps with gridctl map drop");
    drop(2, "m0");
    drop(2, "m1");
    drop(2, "m2");
    cr_assert_answer(GRID_ERR_BUSY, "partition 2 is about to register");
    services_tick(&stage.node);
    cr_assert_eq(stage.replicas[2].registers, 1u);
    enroll(2);
    cr_assert_answer(GRID_ERR_OK, "");
}

Test(services, name_what_is_in_the_way)
{
    begin(0, LEVEL_LAST, 6);
    begin(1, LEVEL_FIRST, 0);
    begin(2, LEVEL_LAST, 6);
    cr_assert_answer(GRID_ERR_NOT_SUPPORTED, "partition 1 is at level 1, services are registered at level 2: raise it with gridctl level raise");
    cr_assert_eq(write_as_client(1, (struct command){.kind = COMMAND_RAISE_LEVEL, .raise_level = {LEVEL_OF_SERVICES}}), GRID_ERR_OK);
    stage.linked = false;
    cr_assert_answer(GRID_ERR_NOT_SUPPORTED, "node 2 is not linked");
    stage.linked = true;
    stage.has_guests = false;
    cr_assert_answer(GRID_ERR_NOT_SUPPORTED, "the program of node 2 does not have service 1000 (guest): upgrade it first");
    const char *note = "";
    cr_assert_eq(services_check(&stage.node, 1, GUEST, &note), GRID_ERR_OK, "its leader is elsewhere");
    cr_assert_eq(services_check(&stage.node, 0, 7777, &note), GRID_ERR_NOT_SUPPORTED);
    cr_assert(strstr(note, "the program of node 1 does not have service 7777") != NULL, "%s", note);
    cr_assert_eq(services_check(&stage.node, 0, 1, &note), GRID_ERR_OK);
}

/* After a restart a partition may come to its first leader before the node has read the log of another one. */
Test(services, are_not_refused_for_a_log_that_is_not_read_yet)
{
    stage.replicas[1].group.last_index = 3;
    services_close(&stage.node);
    services_open(&stage.node);
    begin(0, LEVEL_LAST, 6);
    begin(2, LEVEL_LAST, 6);
    cr_assert_answer(GRID_ERR_BUSY, "node 1 has not read the log of partition 1 yet");
    begin(1, LEVEL_FIRST, 0);
    stage.replicas[1].group.last_index = 3;
    cr_assert_answer(GRID_ERR_BUSY, "node 1 has not read the log of partition 1 yet");
    stage.replicas[1].group.last_index = 2;
    cr_assert_answer(GRID_ERR_NOT_SUPPORTED, "partition 1 is at level 1"); /* the rest was cut off */
    stage.rejoining = 1;
    cr_assert_answer(GRID_ERR_BUSY, "node 1 has not read the log of partition 1 yet");
}

Test(services, say_again_why_they_wait_when_the_reason_changes)
{
    for (uint32_t i = 0; i < PARTITIONS; i++)
        begin(i, LEVEL_LAST, i == 0 ? 5 : 6);
    stage.linked = false;
    services_tick(&stage.node);
    services_tick(&stage.node);
    cr_assert_eq(stage.lines, 1u);
    cr_assert(strstr(stage.line, "info service 1000 (guest) waits to be registered: node 2 is not linked") != NULL, "%s", stage.line);
    stage.linked = true;
    stage.has_guests = false;
    services_tick(&stage.node);
    services_tick(&stage.node);
    cr_assert_eq(stage.lines, 2u);
    cr_assert(strstr(stage.line, "the program of node 2 does not have service 1000") != NULL, "%s", stage.line);
    enroll(0);
    services_tick(&stage.node);
    services_tick(&stage.node);
    cr_assert_eq(stage.lines, 3u);
    cr_assert_str_eq(stage.line, "info all services of this program are registered in all partitions");
}

/* ---- messages that wait */

static void deliver(uint32_t service, bool expected)
{
    struct buffer text = {0}, encoded = {0};
    struct link_message message = {.sequence = 1, .command = {.service = service, .type = GUEST_INVITE, .key = bytes_of_text("k")}};
    struct deliver_command command = {.source = 1, .destination = 0, .messages = &message, .messages_count = 1};
    link_message_encode(&message, &text);
    struct bytes body = buffer_bytes(&text);
    command_encode_deliver(1, 0, 0, &body, 1, &encoded);
    bool allowed = services_allow(&stage.node, 0, buffer_bytes(&encoded));
    cr_assert_eq(allowed, expected);
    if (!allowed)
        waits_note(&stage.node, &command, buffer_bytes(&encoded));
    buffer_close(&text);
    buffer_close(&encoded);
}

Test(services, messages_that_wait_for_one_are_said_once_and_counted)
{
    for (uint32_t i = 0; i < PARTITIONS; i++)
        begin(i, LEVEL_LAST, i == 0 ? 5 : 6);
    stage.has_guests = false;
    deliver(1, true);
    cr_assert_eq(waits_partitions(&stage.node), 0u);
    deliver(GUEST, false);
    deliver(GUEST, false);
    cr_assert_eq(stage.lines, 1u);
    cr_assert(strstr(stage.line, "warn messages from partition 1 to partition 0 wait at their sender") != NULL &&
              strstr(stage.line, "the program of node 2 does not have service 1000 (guest): upgrade it first") != NULL, "%s", stage.line);
    cr_assert_eq(waits_partitions(&stage.node), 1u);
    stage.replicas[0].leads = false;
    cr_assert_eq(waits_partitions(&stage.node), 0u, "another node counts it");
    stage.replicas[0].leads = true;
    fake_clock_advance(&stage.clock, WAITS_US / 2);
    deliver(GUEST, false);
    fake_clock_advance(&stage.clock, WAITS_US / 2);
    waits_tick(&stage.node);
    cr_assert(waits_partitions(&stage.node) == 1 && stage.lines == 1);
    enroll(0);
    deliver(GUEST, true);
    fake_clock_advance(&stage.clock, WAITS_US / 2);
    waits_tick(&stage.node);
    waits_tick(&stage.node);
    cr_assert(waits_partitions(&stage.node) == 0 && stage.lines == 2, "%s", stage.line);
    cr_assert_str_eq(stage.line, "info no messages to partitions of this node wait for a level or a service any more");
}
