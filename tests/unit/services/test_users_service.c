/* A service that is not of this tree: a number from 1000, a registry of its own, an activity that only it understands. */
#include <criterion/criterion.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/partition/entry.h"
#include "service/account/v1/account.pb-c.h"
#include "services/message.h"
#include "tests/support/guest_service.h"
#include "tests/support/partition_harness.h"

static struct harness *open_with(const struct service *const *services, size_t count)
{
    static struct service_registry registry;
    registry = (struct service_registry){.services = services, .count = count};
    return harness_open(&(struct harness_options){.seed = 3, .services = &registry, .second_replica = true});
}

struct answer { enum grid_err err; uint64_t count; };

static void take(void *context, uint32_t ordinal, struct bytes response)
{
    struct response decoded;
    struct arena arena;
    (void)ordinal;
    arena_init(&arena, 256);
    cr_assert_eq(response_decode(response, &arena, &decoded), GRID_ERR_OK);
    *(struct answer *)context = (struct answer){decoded.err, decoded.count};
    arena_close(&arena);
}

static struct answer ask(struct partition *partition, const struct command *command)
{
    struct answer answer = {GRID_ERR_UNKNOWN, 0};
    struct buffer entry = {0}, encoded = {0};
    command_encode(command, &encoded);
    entry_begin(&entry, partition_level(partition));
    entry_add(&entry, buffer_bytes(&encoded));
    entry_seal(&entry, 1000, 1000);
    partition_apply(partition, buffer_bytes(&entry), take, &answer);
    buffer_close(&entry);
    buffer_close(&encoded);
    return answer;
}

static enum grid_err apply(struct partition *partition, const struct command *command)
{
    return ask(partition, command).err;
}

/* A program with the shop's services and another one, in a partition whose first entry names these. */
static struct partition *open_named(const struct service_registry *registry, const uint32_t *named, size_t count)
{
    struct partition *partition = partition_open(&(struct partition_options){.services = registry});
    struct command genesis = {.kind = COMMAND_GENESIS,
                              .genesis = {.cluster = bytes_of_text("c"), .partitions = 1, .table_seed = 1, .level = count > 0 ? 2 : 1,
                                          .services = named, .services_count = count}};
    cr_assert_eq(apply(partition, &genesis), GRID_ERR_OK);
    cr_assert_eq(apply(partition, &(struct command){.kind = COMMAND_OPEN_SESSION, .open_session = {1000000}}), GRID_ERR_OK);
    return partition;
}

static enum grid_err create(struct partition *partition, uint32_t service, uint64_t sequence)
{
    static uint8_t body[64];
    Account__V1__CreateCustomer message;
    account__v1__create_customer__init(&message);
    message.email = (char[]){"ada@example.com"};
    message.name = (char[]){"Ada Byron"};
    size_t size = account__v1__create_customer__pack(&message, body);
    return apply(partition, &(struct command){.kind = COMMAND_SERVICE, .session = 2, .sequence = sequence,
                                              .service = {.service = service, .type = 1, .key = bytes_of_text("g1"),
                                                          .body = bytes_of(body, size)}});
}

static struct response invite(struct harness *harness, const char *key, const char *name)
{
    Account__V1__CreateCustomer create;
    account__v1__create_customer__init(&create);
    create.name = (char *)(uintptr_t)name;
    create.email = (char[]){"guest@example.com"};
    return harness_command(harness, GUEST, GUEST_INVITE, key, NULL, &create);
}

Test(users_service, lives_in_a_partition_beside_none_of_the_shop)
{
    const struct service *const services[] = {&guest_service};
    struct harness *harness = open_with(services, 1);
    cr_assert_eq(invite(harness, "g1", "Ada").err, GRID_ERR_OK);
    cr_assert_eq(invite(harness, "g1", "Ben").refusal_code, REFUSAL_ALREADY_EXISTS);
    struct partition *home = harness_partition(harness, harness_partition_of(harness, "g1"));
    const Account__V1__Customer *guest = harness_read(harness, "guest.view", "g1", "g1", &account__v1__customer__descriptor);
    cr_assert_str_eq(guest->name, "Ada");
    cr_assert_eq(partition_metric(home, &guest_service, GUEST_METRIC_INVITED), 1);
    struct event_record event;
    cr_assert(harness_event(harness, "guest", "g1", "g1", 1, &event));
    cr_assert(event.service == GUEST && bytes_equal(event.event_type, bytes_of_text("Invited")));
    harness_close(harness);
}

Test(users_service, gets_bytes_back_for_bytes_that_nobody_else_reads)
{
    const struct service *const services[] = {&guest_service};
    static const uint8_t body[] = {0, 255, 0};
    struct harness *harness = open_with(services, 1);
    struct arena arena;
    struct partition_activity activity;
    arena_init(&arena, 512);
    cr_assert_eq(invite(harness, "g1", "Ada").err, GRID_ERR_OK);
    uint32_t home = harness_partition_of(harness, "g1");
    cr_assert(partition_activity_next(harness_partition(harness, home), 0, &activity));
    cr_assert(activity.service == GUEST && activity.kind == GUEST_LETTER);
    const Account__V1__CustomerCreated *letter = message_unpack(&account__v1__customer_created__descriptor, activity.request, &arena);
    cr_assert_str_eq(letter->name, "Ada");
    struct command result = {.kind = COMMAND_ACTIVITY_RESULT,
                             .activity_result = {.activity = activity.id, .outcome = ACTIVITY_REFUSED,
                                                 .body = bytes_of(body, sizeof body), .note = bytes_of_text("moved away")}};
    cr_assert(harness_propose(harness, home, &result).found);
    const Account__V1__Customer *guest = harness_read(harness, "guest.view", "g1", "g1", &account__v1__customer__descriptor);
    cr_assert_str_eq(guest->name, "moved away");
    cr_assert_str_eq(guest->phone, "3 bytes");
    cr_assert_eq(partition_stats(harness_partition(harness, home)).activities, 0);
    arena_close(&arena);
    harness_close(harness);
}

Test(users_service, lives_beside_those_of_the_shop)
{
    const struct service *services[8];
    const struct service_registry *shop = registry_builtin();
    for (size_t i = 0; i < shop->count; i++)
        services[i] = shop->services[i];
    services[shop->count] = &guest_service;
    struct harness *harness = open_with(services, shop->count + 1);
    cr_assert_eq(invite(harness, "g1", "Ada").err, GRID_ERR_OK);
    Account__V1__CreateCustomer create;
    account__v1__create_customer__init(&create);
    create.email = (char[]){"ada@example.com"};
    create.name = (char[]){"Ada Byron"};
    cr_assert_eq(harness_command(harness, SERVICE_NUMBER_account, 1, "g1", NULL, &create).err, GRID_ERR_OK);
    const Account__V1__Customer *guest = harness_read(harness, "guest.view", "g1", "g1", &account__v1__customer__descriptor);
    cr_assert_str_eq(guest->name, "Ada", "the same key in another service is another aggregate");
    harness_close(harness);
}

static struct service_registry both(const struct service *services[8])
{
    const struct service_registry *shop = registry_builtin();
    services[0] = &guest_service;
    memcpy(services + 1, shop->services, shop->count * sizeof *services);
    return (struct service_registry){.services = services, .count = shop->count + 1};
}

/* The log says which services a partition has, not the program. */
Test(users_service, is_there_where_the_first_entry_names_it)
{
    const struct service *services[8];
    struct service_registry registry = both(services);
    static const uint32_t guest_alone[] = {GUEST};
    struct partition *partition = open_named(&registry, guest_alone, 1);
    cr_assert_eq(create(partition, GUEST, 1), GRID_ERR_OK);
    cr_assert_eq(create(partition, SERVICE_NUMBER_account, 2), GRID_ERR_INVALID, "the log does not name it");
    partition_close(partition);
}

/* A log from before names none: it has the five of the shop, and a program with more of them makes the same state of it. */
Test(users_service, added_to_a_program_leaves_an_old_log_as_it_was)
{
    const struct service *services[8];
    struct service_registry shop = *registry_builtin(), more = both(services);
    memmove(services, services + 1, shop.count * sizeof *services);
    services[shop.count] = &guest_service;
    struct partition *before = open_named(&shop, NULL, 0), *after = open_named(&more, NULL, 0);
    cr_assert_eq(create(before, GUEST, 1), GRID_ERR_INVALID);
    cr_assert_eq(create(after, GUEST, 1), GRID_ERR_INVALID);
    cr_assert_eq(create(before, SERVICE_NUMBER_account, 2), GRID_ERR_OK);
    cr_assert_eq(create(after, SERVICE_NUMBER_account, 2), GRID_ERR_OK);
    cr_assert_eq(partition_digest(before), partition_digest(after));
    cr_assert_eq(partition_state_digest(before), partition_state_digest(after));
    partition_close(before);
    partition_close(after);
}

static const char *flaw_of(const struct service *first, const struct service *second)
{
    const struct service *const services[] = {first, second};
    const struct service_registry registry = {.services = services, .count = 2};
    return registry_flaw(&registry);
}

Test(users_service, is_refused_where_its_list_contradicts_itself)
{
    struct service other = guest_service;
    cr_assert_null(registry_flaw(registry_builtin()));
    cr_assert_null(registry_flaw(NULL));
    cr_assert_str_eq(flaw_of(&guest_service, &other), "services: two have the same number");
    other.number = GUEST + 1;
    cr_assert_str_eq(flaw_of(&guest_service, &other), "services: two have the same name");
    other.name = "host";
    cr_assert_null(flaw_of(&guest_service, &other));
    other.part_map = "host.parts";
    cr_assert_str_eq(flaw_of(&guest_service, &other), "services: the name of a map of parts does not end in .view or .pending");
    other.part_map = "host.parts.view";
    cr_assert_null(flaw_of(&guest_service, &other));
    struct service parted = guest_service;
    parted.part_map = "host.parts.view";
    cr_assert_str_eq(flaw_of(&parted, &other), "services: two have the same map of parts");
    parted.part_map = "guest.parts.pending";
    cr_assert_null(flaw_of(&parted, &other));
    parted.part_map = "host.view";
    cr_assert_str_eq(flaw_of(&parted, &other), "services: a map of parts has the name of a service's own map of views");
    parted.part_map = "guest.view";
    cr_assert_str_eq(flaw_of(&parted, &other), "services: a map of parts has the name of a service's own map of views");
    other.number = SERVICE_NONE;
    cr_assert_str_eq(flaw_of(&guest_service, &other), "services: one has the number 0");
    other.name = "";
    other.number = GUEST + 1;
    cr_assert_str_eq(flaw_of(&guest_service, &other), "services: a name is empty or longer than 64 bytes");
}

/* ---- registered later */

static struct answer registers(struct partition *partition, uint32_t number)
{
    return ask(partition, &(struct command){.kind = COMMAND_REGISTER, .registers = {&number, 1}});
}

static enum grid_err raise_level(struct partition *partition, uint64_t sequence)
{
    return apply(partition, &(struct command){.kind = COMMAND_RAISE_LEVEL, .session = 2, .sequence = sequence, .raise_level = {2}});
}

static enum grid_err set(struct partition *partition, uint64_t sequence, const char *map)
{
    return apply(partition, &(struct command){.kind = COMMAND_MAP, .session = 2, .sequence = sequence, .acknowledged_below = sequence,
                                              .map = {.operation = MAP_SET, .map = bytes_of_text(map), .key = bytes_of_text("k"),
                                                      .value = bytes_of_text("v")}});
}

static void cr_assert_same(const struct partition *one, const struct partition *other)
{
    cr_assert_eq(partition_digest(one), partition_digest(other));
    cr_assert_eq(partition_state_digest(one), partition_state_digest(other));
}

/* What a program has changes nothing until the log registers it; then the place in the log decides, not the list (I15, I43). */
Test(users_service, registered_later_works_on_old_data)
{
    const struct service *services[8];
    struct service_registry first = both(services);
    struct partition *shop = open_named(registry_builtin(), NULL, 0), *one = open_named(&first, NULL, 0),
                     *other = open_named(registry_with_guests(), NULL, 0), *all[] = {shop, one, other};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(create(all[i], SERVICE_NUMBER_account, 1), GRID_ERR_OK);
        cr_assert_eq(set(all[i], 2, "mine"), GRID_ERR_OK);
        cr_assert_eq(registers(all[i], GUEST).err, GRID_ERR_INVALID, "level 1 has no such command");
        cr_assert_eq(raise_level(all[i], 3), GRID_ERR_OK);
        cr_assert_eq(create(all[i], GUEST, 4), GRID_ERR_INVALID);
        cr_assert_same(all[i], shop);
    }
    for (size_t i = 1; i < 3; i++) {
        cr_assert_eq(partition_services(all[i]), 5u);
        cr_assert_not(partition_has_service(all[i], &guest_service));
        cr_assert_eq(registers(all[i], GUEST).count, 1u);
        cr_assert_eq(registers(all[i], GUEST).count, 0u, "it is there already");
        cr_assert_eq(partition_services(all[i]), 6u);
        cr_assert_eq(create(all[i], GUEST, 5), GRID_ERR_OK);
        partition_holds(all[i]);
    }
    cr_assert_same(one, other);
    cr_assert_neq(partition_state_digest(one), partition_state_digest(shop));
    for (size_t i = 0; i < 3; i++)
        partition_close(all[i]);
}

/* The order of numbers is state: it decides over the numbers of maps. */
Test(users_service, registered_in_another_order_is_another_state)
{
    struct service host = guest_service;
    host.number = GUEST + 1;
    host.name = "host";
    const struct service *const services[] = {&guest_service, &host};
    const struct service_registry registry = {.services = services, .count = 2};
    static const uint32_t none[] = {SERVICE_NONE};
    struct partition *one = open_named(&registry, none, 1), *other = open_named(&registry, none, 1);
    cr_assert_eq(partition_services(one), 0u, "a list of 0 alone names no service");
    cr_assert(registers(one, GUEST).count == 1 && registers(one, GUEST + 1).count == 1);
    cr_assert(registers(other, GUEST + 1).count == 1 && registers(other, GUEST).count == 1);
    cr_assert_neq(partition_state_digest(one), partition_state_digest(other));
    partition_close(one);
    partition_close(other);
}

Test(users_service, that_finds_no_room_for_its_maps_is_not_registered)
{
    const struct service *services[8];
    struct service_registry registry = both(services);
    struct partition *partition = open_named(&registry, NULL, 0);
    char name[16];
    uint64_t sequence = 1;
    cr_assert_eq(raise_level(partition, sequence++), GRID_ERR_OK);
    enum grid_err err = GRID_ERR_OK;
    for (int i = 0; err == GRID_ERR_OK && i < 5000; i++) {
        cr_assert_eq(partition_service_fits(partition, &guest_service), i < 4096 - 16 - 2 ? GRID_ERR_OK : GRID_ERR_TOO_LARGE, "with %d maps", i);
        snprintf(name, sizeof name, "m%d", i);
        err = set(partition, sequence++, name);
    }
    cr_assert_eq(err, GRID_ERR_TOO_LARGE);
    cr_assert_eq(registers(partition, GUEST).err, GRID_ERR_TOO_LARGE);
    cr_assert_eq(registers(partition, 9999).count, 0u, "a number that the program does not know changes nothing");
    cr_assert_not(partition_has_service(partition, &guest_service));
    cr_assert_eq(partition_services(partition), 5u);
    partition_holds(partition);
    partition_close(partition);
}
