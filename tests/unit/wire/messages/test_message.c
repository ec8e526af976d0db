/* Each field under the name that the schema gives it, and what strict decoding refuses. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/limits.h"
#include "grid/v1/grid.pb-c.h"
#include "grid/wire/messages/message.h"
#include "grid/wire/protobuf_wire.h"

#define B(text) bytes_of_text(text)

static bool same(ProtobufCBinaryData data, const char *text)
{
    return data.len == strlen(text) && memcmp(data.data, text, data.len) == 0;
}

#define UNPACK(out, name) grid__v1__##name##__unpack(NULL, (out).size, (out).data)

Test(message, hello_and_welcome_carry_every_field)
{
    struct buffer out = {0};
    hello_encode(&(struct message_hello){.protocol = 1, .client_name = B("gridctl"), .protocols = {1, 3},
                                         .features = {.names = {B("lz4")}, .count = 1}}, &out);
    Grid__V1__Hello *hello = UNPACK(out, hello);
    cr_expect_eq(hello->protocol, 1);
    cr_expect_str_eq(hello->client_name, "gridctl");
    cr_expect(hello->protocol_min == 1 && hello->protocol_max == 3 && hello->n_features == 1);
    cr_expect_str_eq(hello->features[0], "lz4");
    grid__v1__hello__free_unpacked(hello, NULL);
    buffer_clear(&out);

    struct message_member member = {.node = {2}, .client_address = B("c:1"), .peer_address = B("p:2")};
    uint32_t leaders[] = {3, 0, 300};
    struct message_welcome welcome = {
        .protocol = 1, .cluster = B("shop"), .node = {7},
        .table = {.version = 9, .partitions = 3, .members = &member, .members_count = 1, .leaders = leaders,
                  .leaders_count = 3}};
    welcome_encode(&welcome, &out);
    Grid__V1__Welcome *read = UNPACK(out, welcome);
    cr_expect_str_eq(read->cluster, "shop");
    cr_expect_eq(read->node, 7);
    cr_expect_eq(read->table->version, 9);
    cr_expect_eq(read->table->partitions, 3);
    cr_expect_eq(read->table->n_leaders, 3);
    cr_expect_eq(read->table->leaders[2], 300);
    cr_expect_str_eq(read->table->members[0]->client_address, "c:1");
    cr_expect_str_eq(read->table->members[0]->peer_address, "p:2");
    grid__v1__welcome__free_unpacked(read, NULL);
    buffer_close(&out);
}

/* Later versions add fields to the messages of a handshake, of every wire type; those of the log stay strict. */
Test(message, of_a_handshake_may_say_more_than_is_known)
{
    static const char more[] = "\xf8\x01\x05" "\xea\x01\x02hi" "\xa9\x01" "12345678" "\xb5\x01" "1234";
    struct bytes added = bytes_of(more, sizeof more - 1);
    struct buffer out = {0};
    struct arena arena;
    struct message_hello hello;
    struct message_welcome welcome;
    struct command command;
    arena_init(&arena, 1024);
    hello_encode(&(struct message_hello){.protocol = 1, .protocols = {1, 3}}, &out);
    buffer_append(&out, added);
    cr_assert_eq(hello_decode(buffer_bytes(&out), &hello), GRID_ERR_OK);
    cr_assert_eq(hello.protocols.max, 3u);
    buffer_truncate(&out, out.size - 1);
    cr_assert_eq(hello_decode(buffer_bytes(&out), &hello), GRID_ERR_MALFORMED, "cut in what is not known");
    buffer_clear(&out);
    welcome_encode(&(struct message_welcome){.protocol = 2, .node = {1}}, &out);
    buffer_append(&out, added);
    cr_assert_eq(welcome_decode(buffer_bytes(&out), &arena, &welcome), GRID_ERR_OK);
    cr_assert_eq(welcome.protocol, 2u);
    buffer_clear(&out);
    command_encode(&(struct command){.kind = COMMAND_TICK}, &out);
    buffer_append(&out, added);
    cr_assert_eq(command_decode(buffer_bytes(&out), &arena, &command), GRID_ERR_MALFORMED);
    arena_close(&arena);
    buffer_close(&out);
}

Test(message, map_and_service_commands_carry_every_field)
{
    struct buffer out = {0};
    struct command map = {.session = 1, .sequence = 2, .acknowledged_below = 3, .kind = COMMAND_MAP,
                          .map = {.operation = MAP_COMPARE_AND_SET, .map = B("m"), .key = B("k"), .affinity = B("a"),
                                  .value = B("v"), .expected_version = 4}};
    command_encode(&map, &out);
    Grid__V1__Command *read = UNPACK(out, command);
    cr_expect_eq(read->session, 1);
    cr_expect_eq(read->sequence, 2);
    cr_expect_eq(read->acknowledged_below, 3);
    cr_assert_eq(read->body_case, GRID__V1__COMMAND__BODY_MAP);
    cr_expect_eq(read->map->operation, GRID__V1__MAP_OPERATION__MAP_OPERATION_COMPARE_AND_SET);
    cr_expect_str_eq(read->map->map, "m");
    cr_expect(same(read->map->key, "k") && same(read->map->affinity, "a") && same(read->map->value, "v"));
    cr_expect_eq(read->map->expected_version, 4);
    grid__v1__command__free_unpacked(read, NULL);
    buffer_clear(&out);

    struct command service = {.kind = COMMAND_SERVICE,
                              .service = {.service = 5, .type = 6, .key = B("k"), .affinity = B("a"), .body = B("b"),
                                          .trace = {B("correlation"), B("causation"), B("saga"), B("parent")}}};
    command_encode(&service, &out);
    read = UNPACK(out, command);
    cr_assert_eq(read->body_case, GRID__V1__COMMAND__BODY_SERVICE);
    cr_expect_eq(read->service->service, 5);
    cr_expect_eq(read->service->type, 6);
    cr_expect_str_eq(read->service->key, "k");
    cr_expect_str_eq(read->service->affinity, "a");
    cr_expect(same(read->service->body, "b"));
    cr_expect_str_eq(read->service->trace->correlation_id, "correlation");
    cr_expect_str_eq(read->service->trace->causation_id, "causation");
    cr_expect_str_eq(read->service->trace->flow_id, "saga");
    cr_expect_str_eq(read->service->trace->traceparent, "parent");
    grid__v1__command__free_unpacked(read, NULL);
    buffer_close(&out);
}

static Grid__V1__Command *through(const struct command *command, struct buffer *out)
{
    buffer_clear(out);
    command_encode(command, out);
    return grid__v1__command__unpack(NULL, out->size, out->data);
}

Test(message, node_commands_carry_every_field)
{
    struct buffer out = {0};
    struct link_message message = {.sequence = 4, .command = {.service = 5, .key = B("k")},
                                   .reply_to = {.service = 6, .key = B("rk"), .affinity = B("ra"), .reference = 7},
                                   .is_answer = true, .answer_code = 8, .answer_reference = 9};
    struct command deliver = {.kind = COMMAND_DELIVER, .deliver = {1, 2, 3, &message, 1}};
    Grid__V1__Command *read = through(&deliver, &out);
    cr_expect(read->deliver->source == 1 && read->deliver->incarnation == 2 && read->deliver->destination == 3);
    const Grid__V1__LinkMessage *link = read->deliver->messages[0];
    cr_expect(link->sequence == 4 && link->command->service == 5 && link->is_answer && link->answer_code == 8 &&
              link->answer_reference == 9);
    cr_expect(link->reply_to->service == 6 && link->reply_to->reference == 7);
    cr_expect_str_eq(link->reply_to->key, "rk");
    cr_expect_str_eq(link->reply_to->affinity, "ra");
    grid__v1__command__free_unpacked(read, NULL);

    read = through(&(struct command){.kind = COMMAND_ACKNOWLEDGE, .acknowledge = {1, 2, 3}}, &out);
    cr_expect(read->acknowledge->destination == 1 && read->acknowledge->incarnation == 2 &&
              read->acknowledge->sequence == 3);
    grid__v1__command__free_unpacked(read, NULL);

    read = through(&(struct command){.kind = COMMAND_ACTIVITY_RESULT, .activity_result = {1, 2, B("t"), B("r")}}, &out);
    cr_expect(read->activity_result->activity == 1 && read->activity_result->outcome == 2);
    cr_expect(read->activity_result->body.len == 1 && read->activity_result->body.data[0] == 't');
    cr_expect_str_eq(read->activity_result->note, "r");
    grid__v1__command__free_unpacked(read, NULL);

    struct command genesis = {.kind = COMMAND_GENESIS,
                              .genesis = {.cluster = B("c"), .partitions = 2, .table_seed = 3, .settings_digest = 4}};
    read = through(&genesis, &out);
    cr_expect(read->genesis->partitions == 2 && read->genesis->table_seed == 3 && read->genesis->settings_digest == 4);
    cr_expect_str_eq(read->genesis->cluster, "c");
    grid__v1__command__free_unpacked(read, NULL);

    read = through(&(struct command){.kind = COMMAND_OPEN_SESSION, .open_session = {77}}, &out);
    cr_expect_eq(read->open_session->idle_ms, 77);
    grid__v1__command__free_unpacked(read, NULL);
    read = through(&(struct command){.kind = COMMAND_TICK}, &out);
    cr_expect_eq(read->body_case, GRID__V1__COMMAND__BODY_TICK);
    grid__v1__command__free_unpacked(read, NULL);
    read = through(&(struct command){.kind = COMMAND_CLOSE_SESSION}, &out);
    cr_expect_eq(read->body_case, GRID__V1__COMMAND__BODY_CLOSE_SESSION);
    grid__v1__command__free_unpacked(read, NULL);
    buffer_close(&out);
}

Test(message, stored_records_carry_every_field)
{
    struct buffer out = {0};
    event_record_encode(&(struct event_record){.event_id = B("1-2-3"), .service = 4, .type = 5, .version = 6,
                                               .event_type = B("OrderCreated"), .aggregate_type = B("order"),
                                               .key = B("k"), .sequence = 7, .log_time_ms = 8, .wall_time_ms = 9,
                                               .flow_type = B("fulfilment"), .flow_step = 10, .is_compensating = true,
                                               .body = B("b")},
                        &out);
    Grid__V1__Event *event = UNPACK(out, event);
    cr_expect_str_eq(event->event_id, "1-2-3");
    cr_expect(event->service == 4 && event->type == 5 && event->version == 6 && event->sequence == 7);
    cr_expect(event->log_time_ms == 8 && event->wall_time_ms == 9 && event->flow_step == 10 && event->is_compensating);
    cr_expect_str_eq(event->event_type, "OrderCreated");
    cr_expect_str_eq(event->aggregate_type, "order");
    cr_expect_str_eq(event->key, "k");
    cr_expect_str_eq(event->flow_type, "fulfilment");
    cr_expect(same(event->body, "b"));
    cr_expect_null(event->trace);
    grid__v1__event__free_unpacked(event, NULL);
    buffer_clear(&out);

    completion_record_encode(&(struct completion_record){.event_id = B("e"), .status = 1, .refusal_code = 2,
                                                         .refusal_reason = B("r"), .log_time_ms = 3, .sequence = 4},
                             &out);
    Grid__V1__Completion *completion = UNPACK(out, completion);
    cr_expect(completion->status == 1 && completion->refusal_code == 2 && completion->log_time_ms == 3 &&
              completion->sequence == 4);
    cr_expect_str_eq(completion->event_id, "e");
    cr_expect_str_eq(completion->refusal_reason, "r");
    grid__v1__completion__free_unpacked(completion, NULL);
    buffer_close(&out);
}

Test(message, queries_carry_every_field)
{
    struct buffer out = {0};
    struct query query = {.kind = QUERY_SCAN, .map = B("m"), .cursor_hash = 1, .cursor_key = B("c"), .limit = 2,
                          .affinity = B("a"), .key_prefix = B("p"), .key = B("k")};
    query_encode(&query, &out);
    Grid__V1__Query *read = UNPACK(out, query);
    cr_assert_eq(read->body_case, GRID__V1__QUERY__BODY_SCAN);
    cr_expect(read->scan->cursor_hash == 1 && read->scan->limit == 2);
    cr_expect(same(read->scan->cursor_key, "c") && same(read->scan->affinity, "a") && same(read->scan->key_prefix, "p"));
    cr_expect_str_eq(read->scan->map, "m");
    grid__v1__query__free_unpacked(read, NULL);
    buffer_clear(&out);

    query.kind = QUERY_GET;
    query_encode(&query, &out);
    read = UNPACK(out, query);
    cr_assert_eq(read->body_case, GRID__V1__QUERY__BODY_GET);
    cr_expect(same(read->get->key, "k") && same(read->get->affinity, "a"));
    cr_expect_str_eq(read->get->map, "m");
    grid__v1__query__free_unpacked(read, NULL);
    buffer_clear(&out);

    query.kind = QUERY_SIZE;
    query_encode(&query, &out);
    read = UNPACK(out, query);
    cr_assert_eq(read->body_case, GRID__V1__QUERY__BODY_SIZE);
    cr_expect_str_eq(read->size->map, "m");
    grid__v1__query__free_unpacked(read, NULL);
    buffer_close(&out);
}

Test(message, responses_carry_every_field)
{
    struct buffer out = {0};
    struct map_entry entry = {.key = B("k"), .affinity = B("a"), .value = B("v"), .version = 1};
    response_encode(&(struct response){.err = GRID_ERR_NOT_LEADER, .note = B("n"), .found = true, .value = B("v"),
                                       .version = 2, .count = 3, .entries = &entry, .entries_count = 1, .more = true,
                                       .cursor_hash = 4, .cursor_key = B("c"), .session = 5, .index = 6, .leader = 7,
                                       .refusal_code = 8, .refusal = B("r"), .event_id = B("e"), .sequence = 9},
                    &out);
    Grid__V1__Response *read = UNPACK(out, response);
    cr_expect(read->err == 5 && read->found && read->version == 2 && read->count == 3 && read->more);
    cr_expect(read->cursor_hash == 4 && read->session == 5 && read->index == 6 && read->leader == 7);
    cr_expect(read->refusal_code == 8 && read->sequence == 9);
    cr_expect(same(read->value, "v") && same(read->cursor_key, "c"));
    cr_expect_str_eq(read->note, "n");
    cr_expect_str_eq(read->refusal, "r");
    cr_expect_str_eq(read->event_id, "e");
    cr_assert_eq(read->n_entries, 1);
    const Grid__V1__MapEntry *found = read->entries[0];
    cr_expect(same(found->key, "k") && same(found->affinity, "a") && same(found->value, "v") && found->version == 1);
    grid__v1__response__free_unpacked(read, NULL);
    buffer_close(&out);
}

Test(message, admin_answers_carry_every_field)
{
    struct buffer out = {0};
    struct partition_status partition = {.partition = 1, .role = B("leader"), .term = 2, .commit_index = 3,
                                         .applied_index = 4, .last_index = 5, .leader = 6, .entries = 7,
                                         .sessions = 8, .outbox_pending = 9, .log_time_ms = 10, .digest = 11,
                                         .timers = 12, .activities = 13, .commands = 14, .flows_started = 15,
                                         .flows_ended = 16, .snapshot_index = 17, .snapshot_bytes = 18, .snapshot_age_ms = 19, .log_bytes = 20};
    struct member_lag lags[] = {{{2}, 21, false, false, 0, 0}, {{3}, 22, true, true, 23, 24}};
    partition.lagging = lags;
    partition.lagging_count = 2;
    struct service_status service = {1000, B("guest"), 2, B("node 3")};
    struct admin_response response = {
        .err = GRID_ERR_OK, .note = B("n"), .has_status = true,
        .status = {.node = {1}, .client_address = B("c"), .state = B("ready"), .version = B("0.1.0"), .leaders = 2,
                   .replicas = 3, .uptime_ms = 4, .log_disk_bytes = 5, .log_memory_bytes = 6,
                   .reads = 7, .services = &service, .services_count = 1,
                   .memory_bytes = 8, .memory_max_bytes = 9, .data_bytes = 10, .disk_bytes = 11, .memory_used_bytes = 12, .catching_up = 13},
        .partitions = &partition, .partitions_count = 1};
    admin_response_encode(&response, &out);
    Grid__V1__AdminResponse *read = UNPACK(out, admin_response);
    cr_expect_str_eq(read->note, "n");
    cr_expect_str_eq(read->status->client_address, "c");
    cr_expect_str_eq(read->status->state, "ready");
    cr_expect_str_eq(read->status->version, "0.1.0");
    cr_expect(read->status->node == 1 && read->status->leaders == 2 && read->status->replicas == 3);
    cr_expect(read->status->uptime_ms == 4 && read->status->log_disk_bytes == 5 && read->status->log_memory_bytes == 6);
    cr_expect_eq(read->status->reads, 7);
    cr_expect(read->status->memory_bytes == 8 && read->status->memory_max_bytes == 9 && read->status->data_bytes == 10 && read->status->disk_bytes == 11 &&
              read->status->memory_used_bytes == 12 && read->status->catching_up == 13);
    cr_expect(read->status->n_services == 1 && read->status->services[0]->number == 1000 && read->status->services[0]->partitions == 2);
    cr_expect_str_eq(read->status->services[0]->name, "guest");
    cr_expect_str_eq(read->status->services[0]->waits, "node 3");
    const Grid__V1__PartitionStatus *status = read->partitions[0];
    cr_expect_str_eq(status->role, "leader");
    cr_expect(status->partition == 1 && status->term == 2 && status->commit_index == 3 && status->applied_index == 4 &&
              status->last_index == 5 && status->leader == 6 && status->entries == 7);
    cr_expect(status->sessions == 8 && status->outbox_pending == 9 && status->log_time_ms == 10 &&
              status->digest == 11 && status->timers == 12 && status->activities == 13);
    cr_expect(status->commands == 14 && status->flows_started == 15 && status->flows_ended == 16);
    cr_expect(status->snapshot_index == 17 && status->snapshot_bytes == 18 && status->snapshot_age_ms == 19 && status->log_bytes == 20);
    cr_assert_eq(status->n_lagging, 2);
    const Grid__V1__MemberLag *lag = status->lagging[1];
    cr_expect(status->lagging[0]->node == 2 && status->lagging[0]->entries == 21 && !status->lagging[0]->lacks);
    cr_expect(lag->node == 3 && lag->entries == 22 && lag->lacks && lag->sending && lag->sent_bytes == 23 && lag->transfer_bytes == 24);
    grid__v1__admin_response__free_unpacked(read, NULL);
    buffer_close(&out);
}

/* ---- what is refused */

static enum grid_err decode_command(const char *data, size_t size)
{
    struct arena arena;
    struct command command;
    arena_init(&arena, 256);
    enum grid_err err = command_decode(bytes_of(data, size), &arena, &command);
    arena_close(&arena);
    return err;
}
#define DECODE_COMMAND(literal) decode_command(literal, sizeof literal - 1)

Test(message, refuses_commands_without_exactly_one_known_body)
{
    cr_expect_eq(DECODE_COMMAND("\x08\x01\xa2\x02\x00"), GRID_ERR_OK, "a tick");
    cr_expect_eq(DECODE_COMMAND("\x08\x01"), GRID_ERR_MALFORMED, "no body");
    cr_expect_eq(DECODE_COMMAND(""), GRID_ERR_MALFORMED, "nothing");
    cr_expect_eq(DECODE_COMMAND("\xa2\x02\x00\x5a\x00"), GRID_ERR_MALFORMED, "two bodies");
    cr_expect_eq(DECODE_COMMAND("\x92\x01\x00"), GRID_ERR_MALFORMED, "retention of nothing");
    cr_expect_eq(DECODE_COMMAND("\x92\x01\x02\x08\x05"), GRID_ERR_OK);
    cr_expect_eq(DECODE_COMMAND("\x92\x01\x02\x08\x06"), GRID_ERR_MALFORMED, "a kind that does not exist");
    cr_expect_eq(DECODE_COMMAND("\x9a\x01\x00"), GRID_ERR_MALFORMED, "field 19");
    cr_expect_eq(DECODE_COMMAND("\xa2\x02\x02\x08\x01"), GRID_ERR_MALFORMED, "a tick has no fields");
    cr_expect_eq(DECODE_COMMAND("\x62\x00"), GRID_ERR_MALFORMED, "a map command without operation");
    cr_expect_eq(DECODE_COMMAND("\x62\x02\x08\x0d"), GRID_ERR_MALFORMED, "an operation that does not exist");
    cr_expect_eq(DECODE_COMMAND("\x62\x02\x08\x03"), GRID_ERR_OK);
}

Test(message, refuses_queries_and_requests_without_exactly_one_known_body)
{
    struct query query;
    enum admin_kind kind;
    cr_expect_eq(query_decode(bytes_of("\x12\x00", 2), &query), GRID_ERR_OK);
    cr_expect_eq(query.kind, QUERY_SIZE);
    cr_expect_eq(query_decode(BYTES_NONE, &query), GRID_ERR_MALFORMED);
    cr_expect_eq(query_decode(bytes_of("\x12\x00\x0a\x00", 4), &query), GRID_ERR_MALFORMED);
    cr_expect_eq(query_decode(bytes_of("\x52\x00", 2), &query), GRID_ERR_OK);
    cr_expect_eq(query.kind, QUERY_RETENTION);
    cr_expect_eq(query_decode(bytes_of("\x52\x02\x08\x01", 4), &query), GRID_ERR_MALFORMED, "retention has no fields");
    cr_expect_eq(query_decode(bytes_of("\x5a\x00", 2), &query), GRID_ERR_MALFORMED, "field 11");
    cr_expect_eq(query_decode(bytes_of("\x3a\x02\x08\x01", 4), &query), GRID_ERR_MALFORMED, "a list has no fields");
    cr_expect_eq(query_decode(bytes_of("\x32\x00", 2), &query), GRID_ERR_MALFORMED, "a journal from nowhere");
    cr_expect_eq(admin_request_decode(bytes_of("\x0a\x00", 2), &kind), GRID_ERR_OK);
    cr_expect_eq(kind, ADMIN_STATUS);
    cr_expect_eq(admin_request_decode(BYTES_NONE, &kind), GRID_ERR_MALFORMED);
    cr_expect_eq(admin_request_decode(bytes_of("\x0a\x00\x12\x00", 4), &kind), GRID_ERR_MALFORMED);
    cr_expect_eq(admin_request_decode(bytes_of("\x22\x00", 2), &kind), GRID_ERR_MALFORMED);
    cr_expect_eq(admin_request_decode(bytes_of("\x1a\x00", 2), &kind), GRID_ERR_OK);
    cr_expect_eq(kind, ADMIN_SNAPSHOT);
}

Test(message, refuses_error_numbers_that_are_not_in_the_list)
{
    struct arena arena;
    struct response response;
    arena_init(&arena, 256);
    cr_expect_eq(response_decode(bytes_of("\x08\x05", 2), &arena, &response), GRID_ERR_OK);
    cr_expect_eq(response.err, GRID_ERR_NOT_LEADER);
    cr_expect_eq(response_decode(bytes_of("\x08\x63", 2), &arena, &response), GRID_ERR_MALFORMED);
    arena_close(&arena);
}

Test(message, refuses_arrays_longer_than_their_bound_before_making_room)
{
    struct arena arena;
    struct buffer out = {0};
    arena_init(&arena, 256);
    for (int i = 0; i < SCAN_PAGE_MAX + 1; i++)
        buffer_append(&out, bytes_of("\x3a\x00", 2));
    struct response response;
    cr_expect_eq(response_decode(buffer_bytes(&out), &arena, &response), GRID_ERR_MALFORMED);
    buffer_truncate(&out, out.size - 2);
    cr_expect_eq(response_decode(buffer_bytes(&out), &arena, &response), GRID_ERR_OK);
    cr_expect_eq(response.entries_count, SCAN_PAGE_MAX);

    buffer_clear(&out);
    for (int i = 0; i < NODES_MAX + 1; i++)
        buffer_append(&out, bytes_of("\x1a\x00", 2));
    struct message_table table;
    cr_expect_eq(table_decode(buffer_bytes(&out), &arena, &table), GRID_ERR_MALFORMED);

    buffer_clear(&out);
    struct wire_nested body = wire_nested_begin(&out, COMMAND_DELIVER, 0);
    for (int i = 0; i < DELIVER_MESSAGES_MAX + 1; i++)
        buffer_append(&out, bytes_of("\x22\x00", 2));
    wire_nested_end(&out, body);
    struct command command;
    cr_expect_eq(command_decode(buffer_bytes(&out), &arena, &command), GRID_ERR_MALFORMED);
    buffer_close(&out);
    arena_close(&arena);
}

Test(message, a_valid_element_before_damage_is_not_written_past_its_array)
{
    struct arena arena;
    struct message_table table;
    arena_init(&arena, 256);
    /* One whole member, then a field that ends in its tag: counting ahead fails, reading must not begin. */
    cr_expect_eq(table_decode(bytes_of("\x1a\x02\x08\x01\x08", 5), &arena, &table), GRID_ERR_MALFORMED);
    arena_close(&arena);
}

Test(message, values_borrow_from_the_input)
{
    struct buffer out = {0};
    struct arena arena;
    arena_init(&arena, 256);
    struct command set = {.session = 1, .sequence = 1, .kind = COMMAND_MAP,
                          .map = {.operation = MAP_SET, .map = B("m"), .key = B("k"), .value = B("value")}};
    command_encode(&set, &out);
    struct command read;
    cr_assert_eq(command_decode(buffer_bytes(&out), &arena, &read), GRID_ERR_OK);
    cr_expect(read.map.value.data >= out.data && read.map.value.data < out.data + out.size);
    cr_expect(bytes_equal(read.map.value, B("value")));
    buffer_close(&out);
    arena_close(&arena);
}
