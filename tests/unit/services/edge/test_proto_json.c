#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/v1/grid.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "service/saga/v1/saga.pb-c.h"
#include "services/edge/proto_json.h"

static void expect(const void *message, enum proto_json_style style, const char *const *only, const char *text)
{
    struct buffer out = {0};
    struct json json = json_to(&out, false);
    proto_json(&json, NULL, message, style, only);
    cr_expect(bytes_equal(buffer_bytes(&out), bytes_of_text(text)), "%.*s\ninstead of\n%s", (int)out.size,
              (const char *)out.data, text);
    buffer_close(&out);
}

static char *text(const char *literal)
{
    static char kept[32][64];
    static size_t next;
    char *to = kept[next++ % 32];
    snprintf(to, sizeof kept[0], "%s", literal);
    return to;
}

struct an_order { Order__V1__Order order; Order__V1__OrderLine line; Order__V1__OrderLine *lines[1]; };

static void fill(struct an_order *all)
{
    order__v1__order__init(&all->order);
    order__v1__order_line__init(&all->line);
    all->line.product_id = text("p-1");
    all->line.quantity = 2;
    all->line.unit_price_minor = 1250;
    all->line.line_total_minor = 2500;
    all->lines[0] = &all->line;
    all->order.order_id = text("o-1");
    all->order.currency = text("EUR");
    all->order.n_lines = 1;
    all->order.lines = all->lines;
    all->order.total_minor = 2750;
    all->order.status = ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED;
    all->order.mode = ORDER__V1__SAGA_MODE__SAGA_MODE_CHOREOGRAPHED;
    all->order.created_at_ms = 951782400123;

    all->order.sequence = 3;
    all->order.created_event_id = text("0-1-0");
}

Test(proto_json, edge_style_speaks_money_times_and_words)
{
    static const char *const only[] = {"orderId", "status", "currency", "lines", "total", "mode", "createdAt",
                                       "updatedAt", "sequence", "paymentMethod", "cancellationRequested", NULL};
    struct an_order all;
    fill(&all);
    expect(&all.order, PROTO_JSON_EDGE, only,
           "{\"orderId\":\"o-1\",\"currency\":\"EUR\",\"lines\":[{\"productId\":\"p-1\",\"name\":\"\",\"sku\":\"\","
           "\"quantity\":2,\"unitPrice\":\"12.50\",\"lineTotal\":\"25.00\"}],\"total\":\"27.50\",\"paymentMethod\":null,"
           "\"mode\":\"choreographed\",\"status\":\"CONFIRMED\",\"createdAt\":\"2000-02-29T00:00:00.123Z\","
           "\"updatedAt\":null,\"cancellationRequested\":false,\"sequence\":3}");
}

Test(proto_json, edge_style_writes_the_digits_of_the_currency)
{
    static const char *const only[] = {"total", "lines", NULL};
    struct an_order all;
    fill(&all);
    all.order.currency = text("JPY");
    expect(&all.order, PROTO_JSON_EDGE, only,
           "{\"lines\":[{\"productId\":\"p-1\",\"name\":\"\",\"sku\":\"\",\"quantity\":2,\"unitPrice\":\"1250\","
           "\"lineTotal\":\"2500\"}],\"total\":\"2750\"}");
}

Test(proto_json, edge_style_leaves_out_what_only_the_state_needs)
{
    struct an_order all;
    struct buffer out = {0};
    fill(&all);
    struct json json = json_to(&out, false);
    proto_json(&json, NULL, &all.order, PROTO_JSON_EDGE, NULL);
    buffer_append_u8(&out, 0);
    cr_expect_null(strstr((const char *)out.data, "igest"));
    cr_expect_null(strstr((const char *)out.data, "createdEvent"));
    cr_expect_not_null(strstr((const char *)out.data, "\"shippingAddress\":\"\""), "defaults are present");
    buffer_close(&out);
}

Test(proto_json, canonical_style_is_that_of_protobuf)
{
    struct an_order all;
    fill(&all);
    expect(&all.order, PROTO_JSON_CANONICAL, NULL,
           "{\"orderId\":\"o-1\",\"currency\":\"EUR\",\"lines\":[{\"productId\":\"p-1\",\"quantity\":\"2\","
           "\"unitPriceMinor\":\"1250\",\"lineTotalMinor\":\"2500\"}],\"totalMinor\":\"2750\","
           "\"mode\":\"SAGA_MODE_CHOREOGRAPHED\",\"status\":\"ORDER_STATUS_CONFIRMED\",\"createdAtMs\":\"951782400123\","
           "\"sequence\":\"3\",\"createdEventId\":\"0-1-0\"}");
    Order__V1__Order empty;
    order__v1__order__init(&empty);
    expect(&empty, PROTO_JSON_CANONICAL, NULL, "{}");
}

Test(proto_json, writes_oneofs_bytes_and_nested_messages)
{
    Grid__V1__Command command;
    Grid__V1__MapCommand map;
    grid__v1__command__init(&command);
    grid__v1__map_command__init(&map);
    map.operation = GRID__V1__MAP_OPERATION__MAP_OPERATION_SET;
    map.map = text("m");
    map.key = (ProtobufCBinaryData){3, (uint8_t *)text("foo")};
    command.session = 7;
    command.body_case = GRID__V1__COMMAND__BODY_MAP;
    command.map = &map;
    expect(&command, PROTO_JSON_CANONICAL, NULL,
           "{\"session\":\"7\",\"map\":{\"operation\":\"MAP_OPERATION_SET\",\"map\":\"m\",\"key\":\"Zm9v\"}}");
}

Test(proto_json, writes_repeated_scalars_and_empty_lists)
{
    Grid__V1__PartitionTable table;
    uint32_t leaders[] = {1, 0, 3};
    grid__v1__partition_table__init(&table);
    table.partitions = 3;
    table.leaders = leaders;
    table.n_leaders = 3;
    expect(&table, PROTO_JSON_CANONICAL, NULL, "{\"partitions\":3,\"leaders\":[1,0,3]}");
    table.n_leaders = 0;
    expect(&table, PROTO_JSON_EDGE, NULL, "{\"version\":0,\"partitions\":3,\"members\":[],\"leaders\":[]}");
}

Test(proto_json, unknown_enum_numbers_are_numbers)
{
    Saga__V1__SagaLine line;
    saga__v1__saga_line__init(&line);
    line.state = (Saga__V1__LineState)77;
    expect(&line, PROTO_JSON_CANONICAL, NULL, "{\"state\":77}");
}

Test(proto_json, enum_words_go_both_ways)
{
    const ProtobufCEnumDescriptor *status = &order__v1__order_status__descriptor;
    cr_expect_str_eq(proto_enum_name(status, 2), "CONFIRMED");
    cr_expect_null(proto_enum_name(status, 0));
    cr_expect_null(proto_enum_name(status, 99));
    cr_expect_eq(proto_enum_value(status, "confirmed"), 2);
    cr_expect_eq(proto_enum_value(status, "CANCELLED"), 6);
    cr_expect_eq(proto_enum_value(status, "UNSPECIFIED"), 0);
    cr_expect_eq(proto_enum_value(status, "no"), 0);
}
