/* A service that is not of this tree: a number from 1000, a registry of its own, an activity that only it understands. */
#include <criterion/criterion.h>

#include <stddef.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/partition/entry.h"
#include "service/account/v1/account.pb-c.h"
#include "services/message.h"
#include "tests/support/partition_harness.h"

enum { GUEST = 1000, INVITE = 1, INVITED = 1, ANSWERED = 2, LETTER = 7, METRIC_INVITED = 0 };

static void decide(const struct service_call *call, const struct service_state *state, uint32_t type, const void *command,
                   struct service_decision *decision)
{
    (void)call;
    (void)type;
    Account__V1__CustomerCreated *event = arena_alloc(call->arena, sizeof *event);
    account__v1__customer_created__init(event);
    event->name = ((const Account__V1__CreateCustomer *)command)->name;
    if (state->view != NULL)
        service_refuse(decision, REFUSAL_ALREADY_EXISTS, "invited before");
    else
        service_emit(decision, INVITED, event);
}

static void decide_result(const struct service_call *call, const struct service_state *state, const struct service_result *result,
                          struct service_decision *decision)
{
    Account__V1__CustomerUpdated *event = arena_alloc(call->arena, sizeof *event);
    cr_assert(state->view != NULL && result->kind == LETTER && result->outcome == ACTIVITY_REFUSED);
    account__v1__customer_updated__init(event);
    event->name = arena_text(call->arena, result->note);
    event->phone = arena_format(call->arena, "%zu bytes", result->body.size);
    service_emit(decision, ANSWERED, event);
}

static void evolve(const struct service_call *call, struct service_state *state, uint32_t type, const void *body)
{
    if (type == INVITED) {
        Account__V1__Customer *guest = arena_alloc(call->arena, sizeof *guest);
        account__v1__customer__init(guest);
        guest->name = ((const Account__V1__CustomerCreated *)body)->name;
        state->view = guest;
        return;
    }
    ((Account__V1__Customer *)state->view)->name = ((const Account__V1__CustomerUpdated *)body)->name;
    ((Account__V1__Customer *)state->view)->phone = ((const Account__V1__CustomerUpdated *)body)->phone;
}

static void react(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                  struct service_reaction *reaction)
{
    (void)state;
    if (type == INVITED)
        service_start(reaction, &(struct service_activity){.kind = LETTER, .key = call->event_id, .request = event});
}

static void take_notice(const struct service_call *call, const struct service_state *state, uint32_t type, const void *event,
                        struct service_notice *notice)
{
    (void)call;
    (void)state;
    (void)event;
    if (type == INVITED)
        service_sample(notice, &(struct service_sample){.metric = METRIC_INVITED, .value = 1});
}

static void holds(const struct service_state *state)
{
    HOLDS(state->view != NULL);
}

static const struct service_command_kind commands[] = {{INVITE, "Invite", &account__v1__create_customer__descriptor, false, NULL}};
static const struct service_event_kind events[] = {
    {.type = INVITED, .version = 1, .name = "Invited", .descriptor = &account__v1__customer_created__descriptor},
    {.type = ANSWERED, .version = 1, .name = "Answered", .descriptor = &account__v1__customer_updated__descriptor},
};
static const struct service_metric metrics[] = {{.kind = SERVICE_COUNTER, .name = "guests_invited_total", .help = "Guests invited."}};
static const struct service guest_service = {
    .number = GUEST, .name = "guest", .aggregate = "guest", .affinity = SERVICE_AFFINITY_KEY,
    .commands = commands, .commands_count = 1, .events = events, .events_count = 2,
    .view = &account__v1__customer__descriptor, .view_sequence_offset = offsetof(Account__V1__Customer, sequence),
    .decide = decide, .decide_result = decide_result, .evolve = evolve, .react = react,
    .metrics = metrics, .metrics_count = 1, .notice = take_notice, .holds = holds,
};

static struct harness *open_with(const struct service *const *services, size_t count)
{
    static struct service_registry registry;
    registry = (struct service_registry){.services = services, .count = count};
    return harness_open(&(struct harness_options){.seed = 3, .services = &registry, .second_replica = true});
}

static void nobody(void *context, uint32_t ordinal, struct bytes response)
{
    struct response decoded;
    struct arena arena;
    (void)ordinal;
    arena_init(&arena, 256);
    cr_assert_eq(response_decode(response, &arena, &decoded), GRID_ERR_OK);
    *(enum grid_err *)context = decoded.err;
    arena_close(&arena);
}

static enum grid_err apply(struct partition *partition, const struct command *command)
{
    enum grid_err err = GRID_ERR_UNKNOWN;
    struct buffer entry = {0}, encoded = {0};
    command_encode(command, &encoded);
    entry_begin(&entry, partition_level(partition));
    entry_add(&entry, buffer_bytes(&encoded));
    entry_seal(&entry, 1000, 1000);
    partition_apply(partition, buffer_bytes(&entry), nobody, &err);
    buffer_close(&entry);
    buffer_close(&encoded);
    return err;
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
    return harness_command(harness, GUEST, INVITE, key, NULL, &create);
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
    cr_assert_eq(partition_metric(home, &guest_service, METRIC_INVITED), 1);
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
    cr_assert(activity.service == GUEST && activity.kind == LETTER);
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

/* What a partition has is what its log says, whatever the program has. */
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
    other.number = SERVICE_NONE;
    cr_assert_str_eq(flaw_of(&guest_service, &other), "services: one has the number 0");
    other.name = "";
    other.number = GUEST + 1;
    cr_assert_str_eq(flaw_of(&guest_service, &other), "services: a name is empty or longer than 64 bytes");
}
