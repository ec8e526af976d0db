#include <criterion/criterion.h>

#include "grid/node/replica/admission.h"
#include "service/order/v1/order.pb-c.h"
#include "services/commands.h"
#include "services/message.h"

Test(admission, admits_up_to_the_bound_and_not_beyond)
{
    struct admission admission = {.load_max = 20};
    cr_assert(admission_take(&admission, 0, 6));
    cr_assert(admission_take(&admission, 8, 6), "8 in the state, 6 under way, 6 more");
    cr_assert_not(admission_take(&admission, 8, 1));
    cr_assert_eq(admission.under_way, 12, "a refusal takes nothing");
    admission_give(&admission, 6);
    cr_assert(admission_take(&admission, 14, 0));
    cr_assert_not(admission_take(&admission, 14, 1));
    cr_assert(admission_take(&admission, 13, 1));
}

/* Otherwise an order of many lines would wait for ever. */
Test(admission, admits_what_is_larger_than_the_bound_when_there_is_nothing_else)
{
    struct admission admission = {.load_max = 5};
    cr_assert(admission_take(&admission, 0, 204));
    cr_assert_not(admission_take(&admission, 0, 1));
    admission_give(&admission, 204);
    cr_assert_not(admission_take(&admission, 1, 204));
    cr_assert(admission_take(&admission, 0, 204));
}

Test(admission, never_refuses_what_asks_for_no_room)
{
    struct admission admission = {.load_max = 5, .under_way = 5};
    cr_assert(admission_take(&admission, 1000000, 0));
    cr_assert_eq(admission.under_way, 5);
}

static struct command order(struct arena *arena, uint32_t type, size_t lines)
{
    Order__V1__QuotedLine line, *list[16];
    Order__V1__CreateOrder create;
    order__v1__quoted_line__init(&line);
    order__v1__create_order__init(&create);
    for (size_t i = 0; i < lines; i++)
        list[i] = &line;
    line.quantity = 1;
    create.lines = list;
    create.n_lines = lines;
    return (struct command){.kind = COMMAND_SERVICE,
                            .service = {.service = SERVICE_NUMBER_order, .type = type, .key = bytes_of_text("o1"),
                                        .body = message_pack_arena(&create, arena)}};
}

Test(admission, asks_the_service_for_the_worst_case)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct command command = order(&arena, ORDER_CREATE_ORDER, 3);
    cr_assert_eq(admission_needs_of(registry_builtin(), &command, &arena).work, 10);
    command = order(&arena, ORDER_CANCEL_ORDER, 0);
    cr_assert_eq(admission_needs_of(registry_builtin(), &command, &arena).work, 0);
    command = order(&arena, ORDER_CREATE_ORDER, 0);
    command.service.body = bytes_of_text("\xff\xff");
    cr_assert_eq(admission_needs_of(registry_builtin(), &command, &arena).work, 0, "the service will refuse it");
    command.service.service = 4711;
    cr_assert_eq(admission_needs_of(registry_builtin(), &command, &arena).work, 0);
    command = (struct command){.kind = COMMAND_MAP, .map.operation = MAP_SET};
    cr_assert_eq(admission_needs_of(registry_builtin(), &command, &arena).work, 0);
    arena_close(&arena);
}

static bool grows(const struct command *command)
{
    struct arena arena;
    arena_init(&arena, 4096);
    bool result = admission_needs_of(registry_builtin(), command, &arena).grows;
    arena_close(&arena);
    return result;
}

static bool operation_grows(enum map_operation operation)
{
    return grows(&(struct command){.kind = COMMAND_MAP, .map = {.operation = operation}});
}

/* R6: commands that free memory are accepted even when memory is full. */
Test(admission, knows_which_commands_add_data)
{
    static const enum map_operation adding[] = {MAP_SET, MAP_COMPARE_AND_SET, MAP_PUT, MAP_PUT_IF_ABSENT, MAP_REPLACE, MAP_REPLACE_IF_SAME};
    static const enum map_operation others[] = {MAP_REMOVE, MAP_REMOVE_IF_SAME, MAP_REMOVE_IF_VERSION, MAP_TAKE, MAP_SET_TTL, MAP_CHECK_VERSION};
    static const enum command_kind kinds[] = {COMMAND_OPEN_SESSION, COMMAND_CLOSE_SESSION, COMMAND_CLEAR, COMMAND_DROP, COMMAND_CONFIGURE, COMMAND_RAISE_LEVEL};
    for (size_t i = 0; i < sizeof adding / sizeof *adding; i++)
        cr_expect(operation_grows(adding[i]), "%d", adding[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_expect_not(operation_grows(others[i]), "%d", others[i]);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        cr_expect_not(grows(&(struct command){.kind = kinds[i]}), "%d", kinds[i]);
}

Test(admission, takes_a_batch_for_growing_when_one_operation_adds_data)
{
    struct map_command operations[] = {{.operation = MAP_REMOVE}, {.operation = MAP_CHECK_VERSION}, {.operation = MAP_PUT}};
    cr_expect(grows(&(struct command){.kind = COMMAND_BATCH, .batch = {operations, 3}}));
    cr_expect_not(grows(&(struct command){.kind = COMMAND_BATCH, .batch = {operations, 2}}));
}

/* Compensations go on; so does what lets work end. */
Test(admission, takes_commands_of_services_for_growing_unless_they_compensate)
{
    static const struct { uint32_t service, type; bool grows; } rows[] = {
        {SERVICE_NUMBER_order, ORDER_CREATE_ORDER, true}, {SERVICE_NUMBER_order, ORDER_CANCEL_ORDER, false},
        {SERVICE_NUMBER_inventory, INVENTORY_CREATE_PRODUCT, true}, {SERVICE_NUMBER_inventory, INVENTORY_RELEASE_STOCK, false},
        {SERVICE_NUMBER_payment, PAYMENT_CHARGE_PAYMENT, true}, {SERVICE_NUMBER_payment, PAYMENT_REFUND_PAYMENT, false},
        {SERVICE_NUMBER_account, ACCOUNT_CREATE_CUSTOMER, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(grows(&(struct command){.kind = COMMAND_SERVICE, .service = {.service = rows[i].service, .type = rows[i].type}}), rows[i].grows,
                     "row %zu", i);
}
