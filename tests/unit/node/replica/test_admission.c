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
    cr_assert_eq(admission_worst_case(registry_builtin(), &command, &arena), 10);
    command = order(&arena, ORDER_CANCEL_ORDER, 0);
    cr_assert_eq(admission_worst_case(registry_builtin(), &command, &arena), 0);
    command = order(&arena, ORDER_CREATE_ORDER, 0);
    command.service.body = bytes_of_text("\xff\xff");
    cr_assert_eq(admission_worst_case(registry_builtin(), &command, &arena), 0, "the service will refuse it");
    command.service.service = 4711;
    cr_assert_eq(admission_worst_case(registry_builtin(), &command, &arena), 0);
    command = (struct command){.kind = COMMAND_MAP};
    cr_assert_eq(admission_worst_case(registry_builtin(), &command, &arena), 0);
    arena_close(&arena);
}
