/* The way of one service command through a partition: what is refused, what is kept, what comes back. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/limits.h"
#include "services/inventory/inventory.h"
#include "services/message.h"
#include "tests/unit/services/shop.h"

static const struct harness_options plain = {.seed = 9, .second_replica = true};

static void settle_and_close(struct harness *harness)
{
    struct business_report report;
    cr_assert(harness_settle(harness, 300000));
    harness_check(harness, false, &report);
    cr_assert_str_empty(report.violation, "%s", report.violation);
    harness_close(harness);
}

static struct response raw(struct harness *harness, struct service_command command)
{
    static uint64_t session, sequence;
    struct command open = {.kind = COMMAND_OPEN_SESSION}, whole = {.kind = COMMAND_SERVICE, .service = command};
    session = harness_propose(harness, 0, &open).session;
    sequence = 1;
    whole.session = session;
    whole.sequence = sequence;
    return harness_propose(harness, 0, &whole);
}

static struct service_command check_customer(void)
{
    return (struct service_command){
        .service = SERVICE_NUMBER_account, .type = ACCOUNT_CREATE_CUSTOMER, .key = bytes_of_text("ada")};
}

/* ---- what is refused */

Test(pipeline, refuses_what_is_no_command_of_a_service)
{
    struct harness *harness = harness_open(&plain);
    struct service_command command = check_customer();
    command.service = 77;
    cr_assert_eq(raw(harness, command).err, GRID_ERR_INVALID);
    command = check_customer();
    command.type = 77;
    cr_assert_eq(raw(harness, command).err, GRID_ERR_INVALID);
    command = check_customer();
    command.affinity = bytes_of_text("another place");
    cr_assert_eq(raw(harness, command).err, GRID_ERR_INVALID);
    command = check_customer();
    command.key = bytes_of_text("line\nbreak");
    cr_assert_eq(raw(harness, command).err, GRID_ERR_INVALID);
    command = (struct service_command){.service = SERVICE_NUMBER_payment,
                                       .type = PAYMENT_REFUND_PAYMENT,
                                       .key = bytes_of_text("o1.p1"),
                                       .affinity = bytes_of_text("o2")};
    cr_assert_eq(raw(harness, command).err, GRID_ERR_INVALID);
    cr_assert_eq(partition_stats(harness_partition(harness, 0)).events, 0);
    settle_and_close(harness);
}

Test(pipeline, refuses_a_key_past_its_bound)
{
    struct harness *harness = harness_open(&plain);
    char key[SERVICE_KEY_BYTES_MAX + 1];
    memset(key, 'k', sizeof key);
    struct service_command command = check_customer();
    command.key = bytes_of(key, SERVICE_ID_BYTES_MAX + 1);
    cr_assert_eq(raw(harness, command).err, GRID_ERR_INVALID);
    command.key = bytes_of(key, SERVICE_ID_BYTES_MAX);
    cr_assert_eq(raw(harness, command).err, GRID_ERR_REFUSED); /* only the empty fields are wrong now */
    settle_and_close(harness);
}

Test(pipeline, refuses_commands_that_only_services_may_send)
{
    struct harness *harness = harness_open(&plain);
    struct service_command command = check_customer();
    command.type = ACCOUNT_CHECK_CUSTOMER;
    cr_assert_eq(raw(harness, command).err, GRID_ERR_DENIED);
    command = (struct service_command){.service = SERVICE_NUMBER_saga,
                                       .type = SAGA_CANCEL_SAGA,
                                       .key = bytes_of_text("o1.s1"),
                                       .affinity = bytes_of_text("o1")};
    cr_assert_eq(raw(harness, command).err, GRID_ERR_DENIED);
    settle_and_close(harness);
}

Test(pipeline, refuses_bodies_that_it_cannot_read_to_the_letter)
{
    static const uint8_t cut[] = {0x0A, 0x05, 'a'}, unknown_field[] = {0xF8, 0x07, 0x01},
                         not_utf8[] = {0x12, 0x02, 0xC3, 0x28};
    const struct bytes bodies[] = {
        {cut, sizeof cut}, {unknown_field, sizeof unknown_field}, {not_utf8, sizeof not_utf8}};
    struct harness *harness = harness_open(&plain);
    for (size_t i = 0; i < 3; i++) {
        struct service_command command = check_customer();
        command.body = bodies[i];
        cr_assert_eq(raw(harness, command).err, GRID_ERR_MALFORMED, "body %zu", i);
    }
    settle_and_close(harness);
}

Test(pipeline, refuses_a_trace_past_its_bound)
{
    struct harness *harness = harness_open(&plain);
    char text[300];
    memset(text, 't', sizeof text);
    struct service_command command = check_customer();
    command.trace.correlation_id = bytes_of(text, sizeof text);
    cr_assert_eq(raw(harness, command).err, GRID_ERR_INVALID);
    settle_and_close(harness);
}

Test(pipeline, names_every_field_that_is_wrong)
{
    struct harness *harness = harness_open(&plain);
    Account__V1__CreateCustomer create;
    account__v1__create_customer__init(&create);
    create.email = (char[]){"not an address"};
    create.name = (char[]){"A"};
    struct response response =
        harness_command(harness, SERVICE_NUMBER_account, ACCOUNT_CREATE_CUSTOMER, "ada", NULL, &create);
    cr_assert_eq(response.err, GRID_ERR_REFUSED);
    cr_assert_eq(response.refusal_code, REFUSAL_VALIDATION_ERROR);
    cr_assert(bytes_equal(response.refusal, bytes_of_text("VALIDATION_ERROR")));
    cr_assert(bytes_equal(response.note, bytes_of_text("email: a valid address such as name@example.com; "
                                                       "name: 2 to 100 characters")));
    cr_assert_null(harness_read(harness, "account.view", "ada", NULL, &account__v1__customer__descriptor));
    settle_and_close(harness);
}

Test(pipeline, refuses_a_text_that_would_not_fit_what_is_stored)
{
    struct harness *harness = harness_open(&plain);
    cr_assert_eq(shop_product(harness, "lamp", 1000, 5).err, GRID_ERR_OK);
    Inventory__V1__ReserveStock reserve;
    inventory__v1__reserve_stock__init(&reserve);
    reserve.order_id = (char[]){"by-hand"};
    reserve.line = 1;
    reserve.quantity = 2;
    cr_assert_eq(
        harness_command(harness, SERVICE_NUMBER_inventory, INVENTORY_RESERVE_STOCK, "lamp", NULL, &reserve).err,
        GRID_ERR_OK);
    static char reason[VALUE_BYTES_MAX - 40];
    memset(reason, 'r', sizeof reason - 1);
    Inventory__V1__ReleaseStock release;
    inventory__v1__release_stock__init(&release);
    release.order_id = reserve.order_id;
    release.line = 1;
    release.reason = reason;
    struct response response =
        harness_command(harness, SERVICE_NUMBER_inventory, INVENTORY_RELEASE_STOCK, "lamp", NULL, &release);
    cr_assert_eq(response.refusal_code, REFUSAL_VALIDATION_ERROR);
    settle_and_close(harness);
}

/* ---- what is kept */

Test(pipeline, accepts_the_same_creation_again_and_refuses_another)
{
    struct harness *harness = harness_open(&plain);
    struct response first = shop_product(harness, "lamp", 1000, 5);
    struct response again = shop_product(harness, "lamp", 1000, 5);
    cr_assert_eq(first.err, GRID_ERR_OK);
    cr_assert_not(first.found);
    cr_assert_eq(again.err, GRID_ERR_OK);
    cr_assert(again.found);
    cr_assert(bytes_equal(first.event_id, again.event_id));
    struct response other = shop_product(harness, "lamp", 1000, 6);
    cr_assert_eq(other.err, GRID_ERR_ALREADY_EXISTS);
    cr_assert_eq(other.refusal_code, REFUSAL_ALREADY_EXISTS);
    cr_assert_eq(shop_read_product(harness, "lamp")->sequence, 1);
    settle_and_close(harness);
}

static bool read_completion(struct harness *harness, const char *map, struct bytes event_id, const char *affinity)
{
    struct query query = {
        .kind = QUERY_GET, .map = bytes_of_text(map), .key = event_id, .affinity = bytes_of_text(affinity)};
    struct buffer out = {0};
    struct arena arena;
    struct response response = {0};
    struct completion_record completion;
    arena_init(&arena, 1024);
    partition_query(harness_partition(harness, harness_partition_of(harness, affinity)), &query, 0, &out);
    cr_assert_eq(response_decode(buffer_bytes(&out), &arena, &response), GRID_ERR_OK);
    if (response.found) {
        cr_assert_eq(completion_record_decode(response.value, &completion), GRID_ERR_OK);
        cr_assert(bytes_equal(completion.event_id, event_id));
    }
    buffer_close(&out);
    arena_close(&arena);
    return response.found;
}

Test(pipeline, keeps_a_completion_for_its_time)
{
    struct harness *harness = harness_open(&plain);
    struct response response = shop_product(harness, "lamp", 1000, 5);
    cr_assert(read_completion(harness, "inventory.completions", response.event_id, "lamp"));
    harness_run(harness, 599000);
    shop_product(harness, "lamp", 1000, 5);
    cr_assert(read_completion(harness, "inventory.completions", response.event_id, "lamp"));
    harness_run(harness, 2000);
    shop_product(harness, "lamp", 1000, 5);
    cr_assert_not(read_completion(harness, "inventory.completions", response.event_id, "lamp"));
    settle_and_close(harness);
}

Test(pipeline, keeps_no_more_completions_than_it_says)
{
    const struct harness_options one = {.seed = 9, .partitions = 1};
    struct harness *harness = harness_open(&one);
    struct response first = shop_product(harness, "product-0", 1000, 5);
    for (unsigned i = 1; i < 1100; i++) {
        char id[32];
        snprintf(id, sizeof id, "product-%u", i);
        cr_assert_eq(shop_product(harness, id, 1000, 5).err, GRID_ERR_OK);
        cr_assert_eq(read_completion(harness, "inventory.completions", first.event_id, "product-0"), i < 1024);
    }
    settle_and_close(harness);
}

/* ---- by hand */

static struct response reserve_by_hand(struct harness *harness, uint32_t type, const char *order_id, int64_t quantity)
{
    char id[32];
    snprintf(id, sizeof id, "%s", order_id);
    if (type == INVENTORY_RESERVE_STOCK) {
        Inventory__V1__ReserveStock reserve;
        inventory__v1__reserve_stock__init(&reserve);
        reserve.order_id = id;
        reserve.line = 1;
        reserve.quantity = quantity;
        return harness_command(harness, SERVICE_NUMBER_inventory, type, "lamp", NULL, &reserve);
    }
    Inventory__V1__CommitStock commit; /* release and commit begin with the same fields */
    inventory__v1__commit_stock__init(&commit);
    commit.order_id = id;
    commit.line = 1;
    return harness_command(harness, SERVICE_NUMBER_inventory, type, "lamp", NULL, &commit);
}

Test(pipeline, reserves_releases_and_commits_by_hand)
{
    struct harness *harness = harness_open(&plain);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_RESERVE_STOCK, "x", 2).refusal_code, REFUSAL_PRODUCT_NOT_FOUND);
    shop_product(harness, "lamp", 1000, 5);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_RELEASE_STOCK, "x", 0).refusal_code, REFUSAL_RESERVATION_NOT_FOUND);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_RESERVE_STOCK, "x", 2).err, GRID_ERR_OK);
    cr_assert(reserve_by_hand(harness, INVENTORY_RESERVE_STOCK, "x", 2).found);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_RESERVE_STOCK, "x", 3).refusal_code, REFUSAL_RESERVATION_EXISTS);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_RESERVE_STOCK, "y", 4).refusal_code, REFUSAL_INSUFFICIENT_STOCK);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_RESERVE_STOCK, "y", 3).err, GRID_ERR_OK);
    const Inventory__V1__Product *lamp = shop_read_product(harness, "lamp");
    cr_assert_eq(lamp->status, INVENTORY__V1__PRODUCT_STATUS__PRODUCT_STATUS_OUT_OF_STOCK);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_RELEASE_STOCK, "x", 0).err, GRID_ERR_OK);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_COMMIT_STOCK, "y", 0).err, GRID_ERR_OK);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_COMMIT_STOCK, "y", 0).refusal_code, REFUSAL_RESERVATION_NOT_FOUND);
    lamp = shop_read_product(harness, "lamp");
    cr_assert_eq(lamp->quantity_on_hand, 2);
    cr_assert_eq(lamp->quantity_reserved, 0);
    cr_assert_eq(lamp->quantity_sold, 3);
    settle_and_close(harness);
}

Test(pipeline, keeps_a_sagas_reservation_from_people)
{
    struct harness *harness = harness_open(&plain);
    const struct shop_line line = {"lamp", 2, 1000};
    shop_customer(harness, "ada");
    shop_product(harness, "lamp", 1000, 5);
    harness_provider_down(harness, true);
    shop_order(harness, "o1", "ada", &line, 1);
    harness_run(harness, 1000);
    cr_assert_eq(shop_read_product(harness, "lamp")->quantity_reserved, 2);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_RELEASE_STOCK, "o1", 0).refusal_code,
                 REFUSAL_RESERVATION_NOT_FOUND);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_COMMIT_STOCK, "o1", 0).refusal_code, REFUSAL_RESERVATION_NOT_FOUND);
    cr_assert_eq(reserve_by_hand(harness, INVENTORY_RESERVE_STOCK, "o1", 2).refusal_code, REFUSAL_RESERVATION_EXISTS);
    cr_assert_eq(shop_confirm(harness, "o1").refusal_code, REFUSAL_PAYMENT_NOT_CAPTURED);
    cr_assert_eq(shop_refund(harness, "o1.p1", "o1", 0).refusal_code, REFUSAL_INVALID_PAYMENT_STATE);
    harness_heal(harness);
    cr_assert(harness_settle(harness, 10000));
    cr_assert_eq(shop_read_product(harness, "lamp")->quantity_sold, 2);
    settle_and_close(harness);
}

Test(pipeline, refunds_by_hand_what_was_captured_and_no_more)
{
    struct harness *harness = harness_open(&plain);
    const struct shop_line line = {"lamp", 2, 1000};
    shop_customer(harness, "ada");
    shop_product(harness, "lamp", 1000, 5);
    cr_assert_eq(shop_refund(harness, "o1.p1", "o1", 0).refusal_code, REFUSAL_PAYMENT_NOT_FOUND);
    shop_order(harness, "o1", "ada", &line, 1);
    cr_assert(harness_settle(harness, 10000));
    cr_assert_eq(shop_refund(harness, "o1.p1", "o1", 2201).refusal_code, REFUSAL_REFUND_TOO_LARGE);
    cr_assert_eq(shop_refund(harness, "o1.p1", "o1", 200).err, GRID_ERR_OK);
    cr_assert_eq(shop_refund(harness, "o1.p1", "o1", 200).refusal_code, REFUSAL_INVALID_PAYMENT_STATE);
    cr_assert(harness_settle(harness, 10000));
    cr_assert_eq(shop_read_payment(harness, "o1")->refunded_minor, 200);
    cr_assert_eq(shop_read_payment(harness, "o1")->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_CAPTURED);
    cr_assert_eq(shop_refund(harness, "o1.p1", "o1", 0).err, GRID_ERR_OK);
    cr_assert(harness_settle(harness, 10000));
    cr_assert_eq(shop_read_payment(harness, "o1")->refunded_minor, 2200);
    cr_assert_eq(shop_read_payment(harness, "o1")->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_REFUNDED);
    settle_and_close(harness);
}

Test(pipeline, charges_by_hand_beside_the_saga_only)
{
    struct harness *harness = harness_open(&plain);
    const struct shop_line line = {"lamp", 2, 1000};
    Payment__V1__ChargePayment charge;
    payment__v1__charge_payment__init(&charge);
    charge.order_id = (char[]){"o1"};
    charge.customer_id = (char[]){"ada"};
    charge.amount_minor = 500;
    charge.currency = (char[]){"EUR"};
    charge.method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_DEBIT_CARD;
    cr_assert_eq(
        harness_command(harness, SERVICE_NUMBER_payment, PAYMENT_CHARGE_PAYMENT, "o1.p2", "o1", &charge).refusal_code,
        REFUSAL_ORDER_NOT_FOUND);
    cr_assert_eq(
        harness_command(harness, SERVICE_NUMBER_payment, PAYMENT_CHARGE_PAYMENT, "o1.p1", "o1", &charge).refusal_code,
        REFUSAL_VALIDATION_ERROR);
    shop_customer(harness, "ada");
    shop_product(harness, "lamp", 1000, 5);
    shop_order(harness, "o1", "ada", &line, 1);
    cr_assert_eq(harness_command(harness, SERVICE_NUMBER_payment, PAYMENT_CHARGE_PAYMENT, "o1.p2", "o1", &charge).err,
                 GRID_ERR_OK);
    cr_assert(harness_settle(harness, 10000));
    const Payment__V1__Payment *payment =
        harness_read(harness, "payment.view", "o1.p2", "o1", &payment__v1__payment__descriptor);
    cr_assert_eq(payment->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_CAPTURED);
    cr_assert_str_empty(payment->saga_id);
    cr_assert_eq(shop_read_order(harness, "o1")->status, ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED);
    settle_and_close(harness);
}

Test(pipeline, carries_the_longest_reason_through_the_whole_compensation)
{
    struct harness *harness = harness_open(&plain);
    const struct shop_line line = {"lamp", 2, 1000};
    shop_customer(harness, "ada");
    shop_product(harness, "lamp", 1000, 5);
    harness_provider_down(harness, true);
    shop_order(harness, "o1", "ada", &line, 1);
    harness_run(harness, 1000);
    char reason[501] = {0};
    memset(reason, 'r', 500);
    Order__V1__CancelOrder cancel;
    order__v1__cancel_order__init(&cancel);
    cancel.reason = reason;
    cr_assert_eq(harness_command(harness, SERVICE_NUMBER_order, ORDER_CANCEL_ORDER, "o1", NULL, &cancel).err,
                 GRID_ERR_OK);
    harness_run(harness, 3000); /* the charge happens although nobody is told */
    harness_heal(harness);
    cr_assert(harness_settle(harness, 10000));
    cr_assert_eq(shop_read_saga(harness, "o1")->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATED);
    cr_assert_eq(shop_read_payment(harness, "o1")->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_REFUNDED);
    settle_and_close(harness);
}

/* ---- activities */

Test(pipeline, ignores_a_second_result_and_one_that_says_nothing)
{
    struct harness *harness = harness_open(&plain);
    const struct shop_line line = {"lamp", 2, 1000};
    shop_customer(harness, "ada");
    shop_product(harness, "lamp", 1000, 5);
    harness_provider_down(harness, true);
    shop_order(harness, "o1", "ada", &line, 1);
    harness_run(harness, 100);
    uint32_t home = harness_partition_of(harness, "o1");
    struct partition_activity activity;
    cr_assert(partition_activity_next(harness_partition(harness, home), 0, &activity));
    cr_assert(bytes_equal(activity.key, bytes_of_text("o1.s1.3")));
    struct arena arena;
    arena_init(&arena, 512);
    const Payment__V1__ProviderRequest *asked = message_unpack(&payment__v1__provider_request__descriptor, activity.request, &arena);
    cr_assert_eq(asked->amount_minor, 2200);
    arena_close(&arena);
    struct command result = {.kind = COMMAND_ACTIVITY_RESULT,
                             .activity_result = {.activity = activity.id, .outcome = 0}};
    cr_assert_eq(harness_propose(harness, home, &result).err, GRID_ERR_INVALID);
    cr_assert_eq(partition_stats(harness_partition(harness, home)).activities, 1);
    char reason[2000];
    memset(reason, 'r', sizeof reason);
    result.activity_result = (struct activity_result_command){
        .activity = activity.id, .outcome = ACTIVITY_REFUSED, .note = bytes_of(reason, sizeof reason)};
    cr_assert(harness_propose(harness, home, &result).found);
    result.activity_result.outcome = ACTIVITY_DONE;
    cr_assert_not(harness_propose(harness, home, &result).found);
    cr_assert_eq(shop_read_payment(harness, "o1")->status, PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_FAILED);
    cr_assert(harness_settle(harness, 10000));
    cr_assert_eq(shop_read_saga(harness, "o1")->status, SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATED);
    settle_and_close(harness);
}

/* ---- links */

static struct link_message release_of(uint64_t sequence, const char *order_id)
{
    static uint8_t body[64];
    Inventory__V1__ReleaseStock release;
    inventory__v1__release_stock__init(&release);
    char id[32];
    snprintf(id, sizeof id, "%s", order_id);
    release.order_id = id;
    release.line = 1;
    size_t size = inventory__v1__release_stock__pack(&release, body);
    return (struct link_message){.sequence = sequence,
                                 .command = {.service = SERVICE_NUMBER_inventory,
                                             .type = INVENTORY_RELEASE_STOCK,
                                             .key = bytes_of_text("lamp"),
                                             .body = bytes_of(body, size)}};
}

/* Delivers one message to the lamp from a partition that has none of its own in flight. */
static struct response deliver(struct harness *harness, const struct link_message *message, uint32_t incarnation)
{
    uint32_t home = harness_partition_of(harness, "lamp");
    struct command command = {.kind = COMMAND_DELIVER,
                              .deliver = {.source = (home + 1) % 4,
                                          .incarnation = incarnation,
                                          .destination = home,
                                          .messages = message,
                                          .messages_count = 1}};
    return harness_propose(harness, home, &command);
}

Test(pipeline, applies_messages_once_and_in_order)
{
    struct harness *harness = harness_open(&plain);
    shop_product(harness, "lamp", 1000, 5);
    struct link_message message = release_of(2, "x");
    struct response response = deliver(harness, &message, 1);
    cr_assert_eq(response.err, GRID_ERR_GAP);
    cr_assert_eq(response.sequence, 0);
    message = release_of(1, "x");
    response = deliver(harness, &message, 1);
    cr_assert_eq(response.err, GRID_ERR_OK);
    cr_assert_eq(response.sequence, 1);
    cr_assert_eq(shop_read_product(harness, "lamp")->sequence, 2);
    response = deliver(harness, &message, 1);
    cr_assert_eq(response.err, GRID_ERR_OK);
    cr_assert_eq(response.sequence, 1);
    cr_assert_eq(shop_read_product(harness, "lamp")->sequence, 2);
    message = release_of(2, "y");
    cr_assert_eq(deliver(harness, &message, 0).err, GRID_ERR_MISMATCH);
    cr_assert_eq(deliver(harness, &message, 1).sequence, 2);
    cr_assert_eq(shop_read_product(harness, "lamp")->sequence, 3);
    settle_and_close(harness);
}

static struct bytes order_of_a_lamp(uint8_t *room)
{
    Order__V1__QuotedLine line, *lines = &line;
    Order__V1__CreateOrder create;
    order__v1__quoted_line__init(&line);
    line.product_id = (char[]){"lamp"};
    line.quantity = 1;
    line.unit_price_minor = 1000;
    line.name = (char[]){"Thing"};
    line.sku = (char[]){"SKU-1"};
    order__v1__create_order__init(&create);
    create.customer_id = (char[]){"ada"};
    create.n_lines = 1;
    create.lines = &lines;
    create.shipping_address = (char[]){"12 Analytical Street"};
    create.payment_method = PAYMENT__V1__PAYMENT_METHOD__PAYMENT_METHOD_CREDIT_CARD;
    create.currency = (char[]){"EUR"};
    return bytes_of(room, order__v1__create_order__pack(&create, room));
}

static uint64_t events_of(struct harness *harness, const char *domain, const char *key, const char *affinity, uint64_t first,
                          const char *principal)
{
    struct event_record event;
    uint64_t sequence = first;
    for (; harness_event(harness, domain, key, affinity, sequence, &event); sequence++)
        cr_assert(bytes_equal(event.principal, bytes_of_text(principal)), "%s.events %s/%llu", domain, key, (unsigned long long)sequence);
    return sequence - first;
}

/* Through neighbours in the same entry, messages to other partitions and their answers, and an activity's result. */
Test(pipeline, keeps_on_whose_behalf_everything_happens_that_a_message_causes)
{
    struct harness *harness = harness_open(&(struct harness_options){.seed = 9, .partitions = 12, .second_replica = true});
    uint8_t room[512];
    uint32_t home = harness_partition_of(harness, "o1"), source = 0;
    shop_customer(harness, "ada");
    shop_product(harness, "lamp", 1000, 5);
    while (source == home || source == harness_partition_of(harness, "ada") || source == harness_partition_of(harness, "lamp"))
        source++;
    struct link_message message = {.sequence = 1, .principal = bytes_of_text("alice"),
                                   .command = {.service = SERVICE_NUMBER_order, .type = ORDER_CREATE_ORDER, .key = bytes_of_text("o1"),
                                               .body = order_of_a_lamp(room)}};
    struct command command = {.kind = COMMAND_DELIVER, .deliver = {.source = source, .incarnation = 1, .destination = home,
                                                                   .messages = &message, .messages_count = 1}};
    cr_assert_eq(harness_propose(harness, home, &command).err, GRID_ERR_OK);
    cr_assert(harness_settle(harness, 300000));
    cr_assert_eq(shop_read_order(harness, "o1")->status, ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED);
    cr_assert_eq(events_of(harness, "order", "o1", "o1", 1, "alice"), 2u);
    cr_assert_geq(events_of(harness, "saga", "o1.s1", "o1", 1, "alice"), 3u);
    cr_assert_eq(events_of(harness, "payment", "o1.p1", "o1", 1, "alice"), 2u);
    cr_assert_eq(events_of(harness, "inventory", "lamp", "lamp", 2, "alice"), 2u);
    cr_assert_geq(events_of(harness, "account", "ada", "ada", 1, ""), 1u);
    harness_close(harness);
}

Test(pipeline, answers_a_message_that_it_cannot_process_and_goes_on)
{
    struct harness *harness = harness_open(&plain);
    shop_product(harness, "lamp", 1000, 5);
    uint32_t home = harness_partition_of(harness, "lamp");
    struct link_message message = release_of(1, "x");
    message.command.type = 99;
    message.reply_to = (struct reply_to){
        .service = SERVICE_NUMBER_saga, .key = bytes_of_text("o1.s1"), .affinity = bytes_of_text("o1"), .reference = 5};
    struct partition_stats before = partition_stats(harness_partition(harness, home));
    cr_assert_eq(deliver(harness, &message, 1).sequence, 1);
    struct partition_stats after = partition_stats(harness_partition(harness, home));
    cr_assert_eq(after.outbox_pending, before.outbox_pending + 1);
    cr_assert_eq(after.refusals, before.refusals + 1);
    message = release_of(2, "x");
    cr_assert_eq(deliver(harness, &message, 1).sequence, 2);
    cr_assert_eq(shop_read_product(harness, "lamp")->sequence, 2);
    settle_and_close(harness);
}

Test(pipeline, refuses_deliveries_and_acknowledgements_that_cannot_be)
{
    struct harness *harness = harness_open(&plain);
    struct link_message message = release_of(1, "x");
    struct command command = {
        .kind = COMMAND_DELIVER,
        .deliver = {.source = 1, .incarnation = 1, .destination = 2, .messages = &message, .messages_count = 1}};
    cr_assert_eq(harness_propose(harness, 0, &command).err, GRID_ERR_INVALID);
    command.deliver.destination = 0;
    command.deliver.source = 99;
    cr_assert_eq(harness_propose(harness, 0, &command).err, GRID_ERR_INVALID);
    command = (struct command){.kind = COMMAND_ACKNOWLEDGE,
                               .acknowledge = {.destination = 1, .incarnation = 1, .sequence = 7}};
    cr_assert_eq(harness_propose(harness, 0, &command).err, GRID_ERR_INVALID);
    command.acknowledge.incarnation = 2;
    cr_assert_eq(harness_propose(harness, 0, &command).err, GRID_ERR_MISMATCH);
    settle_and_close(harness);
}

Test(pipeline, leaves_a_tombstone_for_a_reserve_that_comes_too_late)
{
    struct harness *harness = harness_open(&plain);
    shop_product(harness, "lamp", 1000, 5);
    struct link_message release = release_of(1, "x"), reserve = release_of(2, "x");
    uint8_t body[64];
    Inventory__V1__ReserveStock late;
    inventory__v1__reserve_stock__init(&late);
    late.order_id = (char[]){"x"};
    late.line = 1;
    late.quantity = 1;
    late.currency = (char[]){"EUR"};
    late.price_minor = 1000;
    reserve.command.type = INVENTORY_RESERVE_STOCK;
    reserve.command.body = bytes_of(body, inventory__v1__reserve_stock__pack(&late, body));
    deliver(harness, &release, 1);
    cr_assert_eq(deliver(harness, &reserve, 1).sequence, 2);
    cr_assert_eq(shop_read_product(harness, "lamp")->quantity_reserved, 0);
    harness_run(harness, INVENTORY_TOMBSTONE_MS + 1000);
    reserve.sequence = 3; /* a Tick has removed it */
    deliver(harness, &reserve, 1);
    cr_assert_eq(shop_read_product(harness, "lamp")->quantity_reserved, 1);
    settle_and_close(harness);
}

/* ---- the worklist */

static void count_down(const struct service_call *call, const struct service_state *state, uint32_t type,
                       const void *command, struct service_decision *decision)
{
    (void)call, (void)state;
    service_emit(decision, type, command);
}

static void count_evolve(const struct service_call *call, struct service_state *state, uint32_t type, const void *event)
{
    (void)type, (void)event;
    if (state->view == NULL) {
        Account__V1__Customer *view = state->view = arena_alloc(call->arena, sizeof *view);
        account__v1__customer__init(view);
    }
}

static void count_react(const struct service_call *call, const struct service_state *state, uint32_t type,
                        const void *event, struct service_reaction *reaction)
{
    (void)state;
    const Inventory__V1__ReplenishStock *step = event;
    if (step->quantity == 0)
        return;
    Inventory__V1__ReplenishStock *next = arena_alloc(call->arena, sizeof *next);
    inventory__v1__replenish_stock__init(next);
    next->quantity = step->quantity - 1;
    service_send(reaction, &(struct service_message){.service = 1000, .type = type, .key = call->key, .body = next});
}

static void count_holds(const struct service_state *state)
{
    cr_assert_not_null(state->view);
}

Test(pipeline, goes_through_the_outbox_when_the_worklist_is_full)
{
    static const struct service_command_kind commands[] = {
        {1, "Count", &inventory__v1__replenish_stock__descriptor, false, NULL, false}};
    static const struct service_event_kind events[] = {
        {.type = 1, .version = 1, .name = "Counted", .descriptor = &inventory__v1__replenish_stock__descriptor}};
    static const struct service counter = {.number = 1000,
                                           .name = "counter",
                                           .aggregate = "counter",
                                           .commands = commands,
                                           .commands_count = 1,
                                           .events = events,
                                           .events_count = 1,
                                           .view = &account__v1__customer__descriptor,
                                           .view_sequence_offset = offsetof(Account__V1__Customer, sequence),
                                           .decide = count_down,
                                           .evolve = count_evolve,
                                           .react = count_react,
                                           .holds = count_holds};
    static const struct service *const services[] = {&counter};
    static const struct service_registry registry = {.services = services, .count = 1};
    const struct harness_options options = {.seed = 3, .services = &registry, .second_replica = true};
    struct harness *harness = harness_open(&options);
    Inventory__V1__ReplenishStock start;
    inventory__v1__replenish_stock__init(&start);
    start.quantity = 1199;
    cr_assert_eq(harness_command(harness, 1000, 1, "c", NULL, &start).err, GRID_ERR_OK);
    const Account__V1__Customer *view =
        harness_read(harness, "counter.view", "c", NULL, &account__v1__customer__descriptor);
    cr_assert_eq(view->sequence, WORKLIST_MAX);
    cr_assert(harness_settle(harness, 10000));
    view = harness_read(harness, "counter.view", "c", NULL, &account__v1__customer__descriptor);
    cr_assert_eq(view->sequence, 1200);
    harness_close(harness);
}
