#include <criterion/criterion.h>

#include "service/order/v1/order.pb-c.h"
#include "services/message.h"

static struct bytes packed_order(struct arena *arena, const char *name, size_t lines_count)
{
    Order__V1__CreateOrder order;
    Order__V1__QuotedLine lines[20], *pointers[20];
    order__v1__create_order__init(&order);
    order.customer_id = arena_text(arena, bytes_of_text("ada"));
    for (size_t i = 0; i < lines_count; i++) {
        order__v1__quoted_line__init(&lines[i]);
        lines[i].name = arena_text(arena, bytes_of_text(i + 1 == lines_count ? name : "lamp"));
        pointers[i] = &lines[i];
    }
    order.lines = pointers;
    order.n_lines = lines_count;
    return message_pack_arena(&order, arena);
}

Test(message, comes_back_as_it_was_packed)
{
    struct arena arena;
    struct buffer again = {0};
    arena_init(&arena, 1024);
    struct bytes packed = packed_order(&arena, "désk", 20);
    const Order__V1__CreateOrder *order = message_unpack_strict(&order__v1__create_order__descriptor, packed, &arena);
    cr_assert_not_null(order);
    cr_assert_eq(order->n_lines, 20);
    cr_assert_str_eq(order->lines[19]->name, "désk");
    message_pack(order, &again);
    cr_assert(bytes_equal(buffer_bytes(&again), packed));
    buffer_close(&again);
    arena_close(&arena);
}

Test(message, is_refused_when_text_deep_inside_is_not_utf8)
{
    struct arena arena;
    arena_init(&arena, 1024);
    struct bytes packed = packed_order(&arena, "d\xC3(sk", 20);
    cr_assert_null(message_unpack_strict(&order__v1__create_order__descriptor, packed, &arena));
    cr_assert_not_null(message_unpack(&order__v1__create_order__descriptor, packed, &arena));
    arena_close(&arena);
}

Test(message, is_refused_when_cut_or_with_a_field_that_nobody_knows)
{
    struct arena arena;
    struct buffer longer = {0};
    arena_init(&arena, 1024);
    struct bytes packed = packed_order(&arena, "lamp", 2);
    cr_assert_null(
        message_unpack_strict(&order__v1__create_order__descriptor, bytes_of(packed.data, packed.size - 1), &arena));
    buffer_append(&longer, packed);
    static const uint8_t unknown[] = {0xF8, 0x07, 0x01};
    buffer_append(&longer, bytes_of(unknown, sizeof unknown));
    cr_assert_null(message_unpack_strict(&order__v1__create_order__descriptor, buffer_bytes(&longer), &arena));
    buffer_close(&longer);
    arena_close(&arena);
}

Test(message, of_no_bytes_is_an_empty_one)
{
    struct arena arena;
    arena_init(&arena, 1024);
    const Order__V1__ConfirmOrder *confirm =
        message_unpack_strict(&order__v1__confirm_order__descriptor, BYTES_NONE, &arena);
    cr_assert_not_null(confirm);
    cr_assert_eq(message_pack_arena(confirm, &arena).size, 0);
    arena_close(&arena);
}
