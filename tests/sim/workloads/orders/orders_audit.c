/* The books of the shop, read from the replicas at rest and held against the payment provider's ledger. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "service/payment/v1/payment.pb-c.h"
#include "service/saga/v1/saga.pb-c.h"
#include "services/message.h"
#include "tests/sim/workloads/orders/orders.h"

/* After its deadline a saga may still wait long for the provider, to undo what it asked for; but it goes no way but back. */
enum { SAGA_SLACK_MS = 120 * 1000, COMPLETED_SLACK_MS = 10 * 1000 };

struct audit {
    struct shop *shop;
    const struct cluster *cluster;
    struct arena arena;
    int64_t confirmed_minor, captured_minor, refunded_minor;
    int64_t sold[PRODUCTS_MAX + 2];    /* two more: products that do not exist */
    uint64_t confirmed, cancelled;
    uint64_t removed[PARTITIONS_MAX];              /* sagas that retention has removed, by partition */
};

/* ---- reading the replicas */

static bool read_view(struct audit *audit, const char *map, struct bytes key, struct bytes affinity, struct bytes *ret_value)
{
    uint32_t number = hash_partition(affinity.size ? affinity : key, audit->shop->run->partitions).value;
    const struct partition *partition = cluster_partition(audit->cluster, number);
    struct query query = {.kind = QUERY_GET, .map = bytes_of_text(map), .key = key, .affinity = affinity};
    struct buffer out = {0};
    struct response response;
    partition_query(partition, &query, 0, &out);
    HOLDS(response_decode(arena_copy(&audit->arena, buffer_bytes(&out)), &audit->arena, &response) == GRID_ERR_OK);
    buffer_close(&out);
    *ret_value = response.value;
    return response.err == GRID_ERR_OK && response.found;
}

/* I13: events 1..sequence are there, and no other. */
static void check_events(struct audit *audit, const char *map, const char *key, struct bytes affinity, uint64_t sequence)
{
    for (uint64_t i = 1; i <= sequence + 1; i++) {
        char *event_key = arena_format(&audit->arena, "%s/%" PRIu64, key, i);
        struct event_record event;
        struct bytes value;
        bool found = read_view(audit, map, bytes_of_text(event_key), affinity, &value);
        if (found != (i <= sequence)) {
            world_fail(audit->shop->world, "I13: %s: event %s is %s, the view says %" PRIu64 " events", map, event_key,
                       found ? "there" : "missing", sequence);
        } else if (found && (event_record_decode(value, &event) != GRID_ERR_OK || event.sequence != i)) {
            world_fail(audit->shop->world, "I13: %s: event %s has another sequence", map, event_key);
        }
    }
}

/* ---- one order and its saga, payment, lines */

/* Retention removes a saga whole, and only one that has ended: its order has, which is checked elsewhere. */
static void note_removed(struct audit *audit, const char *id, struct bytes affinity, bool confirmed)
{
    struct bytes value;
    uint32_t partition = hash_partition(affinity, audit->shop->run->partitions).value;
    audit->removed[partition]++;
    for (uint64_t i = 1; i <= 3; i++) {
        if (read_view(audit, "saga.events", bytes_of_text(arena_format(&audit->arena, "%s/%" PRIu64, id, i)), affinity, &value)) {
            world_fail(audit->shop->world, "I07: saga %s is gone, and its event %" PRIu64 " is not", id, i);
        }
    }
    run_count(audit->shop->run, confirmed ? "sagas completed" : "sagas undone", 1);
}

/* Sagas are missing only where retention removed them, as many as it did, and only beyond its limit: each order began one. */
static void check_removed(struct audit *audit, uint32_t number)
{
    struct world *world = audit->shop->world;
    const struct partition *partition = cluster_partition(audit->cluster, number);
    struct retention_status kept[RETENTION_LAST];
    partition_kept(partition, kept);
    const struct retention_status *flows = &kept[RETENTION_FLOWS - 1];
    uint64_t ended = partition_stats(partition).flows_ended;
    if (audit->removed[number] + flows->count != ended) {
        world_fail(world, "I07: partition %u: %" PRIu64 " sagas ended, %" PRIu64 " are kept and %" PRIu64 " missing", number, ended, flows->count,
                   audit->removed[number]);
    } else if (audit->removed[number] > 0 && (flows->limits.count == 0 || flows->count < flows->limits.count)) {
        world_fail(world, "partition %u: retention left %" PRIu64 " sagas, and may keep %" PRIu64, number, flows->count, flows->limits.count);
    }
    if (audit->removed[number] > 0) {
        SOMETIMES(world, "retention removes an ended saga");
    }
    if (partition_trimmed(partition, RETENTION_COMPLETIONS) > 0) {
        SOMETIMES(world, "retention removes a completion");
    }
    if (partition_trimmed(partition, RETENTION_SESSIONS) > 0) {
        SOMETIMES(world, "retention ends a session");
    }
}

static void check_saga(struct audit *audit, const char *order_id, struct bytes affinity, bool confirmed)
{
    struct world *world = audit->shop->world;
    char *id = arena_format(&audit->arena, "%s.s1", order_id);
    struct bytes value;
    if (!read_view(audit, "saga.view", bytes_of_text(id), affinity, &value)) {
        if (audit->shop->retains) {
            note_removed(audit, id, affinity, confirmed);
        } else {
            world_fail(world, "I07: order %s has no saga", order_id);
        }
        return;
    }
    const Saga__V1__Saga *saga = message_unpack(&saga__v1__saga__descriptor, value, &audit->arena);
    uint32_t partition = hash_partition(affinity, audit->shop->run->partitions).value;
    uint64_t jumped_ms = cluster_time_jumped_ms(audit->cluster, partition);
    bool completed = saga->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPLETED;
    bool undone = saga->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATED ||
                  saga->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_TIMED_OUT;
    if (!completed && !undone) {
        world_fail(world, "I07: saga %s ended as %d", id, (int)saga->status);
    } else if (completed != confirmed) {
        world_fail(world, "I06: saga %s is %s and its order is not", id, completed ? "completed" : "undone");
    } else if (saga->ended_log_ms > saga->deadline_ms + SAGA_SLACK_MS + jumped_ms) {
        world_fail(world, "I07: saga %s ended %" PRIu64 " ms after its deadline", id, saga->ended_log_ms - saga->deadline_ms);
    } else if (completed && saga->ended_log_ms > saga->deadline_ms + COMPLETED_SLACK_MS + jumped_ms) {
        world_fail(world, "I07: saga %s was completed %" PRIu64 " ms after its deadline", id, saga->ended_log_ms - saga->deadline_ms);
    }
    if (saga->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_TIMED_OUT) {
        SOMETIMES(world, "a saga ends as timed out");
    } else if (undone) {
        SOMETIMES(world, "a saga ends as compensated");
    }
    if (undone && saga->charge == SAGA__V1__CHARGE_STATE__CHARGE_STATE_REFUNDED) {
        SOMETIMES(world, "a captured payment is refunded");
    }
    run_count(audit->shop->run, completed ? "sagas completed" : "sagas undone", 1);
    check_events(audit, "saga.events", id, affinity, saga->sequence);
}

static void check_ledger_of(struct audit *audit, const char *order_id, bool confirmed, int64_t total_minor)
{
    int64_t captured = 0, refunded = 0;
    unsigned captures = 0;
    for (size_t i = 0; i < provider_count(audit->shop->world); i++) {
        const struct payment_record *record = provider_get(audit->shop->world, i);
        if (!bytes_equal(record->order, bytes_of_text(order_id)) || record->outcome != ACTIVITY_DONE) {
            continue;
        }
        captures += record->kind == PAYMENT_ACTIVITY_CHARGE;
        captured += record->kind == PAYMENT_ACTIVITY_CHARGE ? record->amount_minor : 0;
        refunded += record->kind == PAYMENT_ACTIVITY_REFUND ? record->amount_minor : 0;
    }
    audit->captured_minor += captured;
    audit->refunded_minor += refunded;
    if (captures > 1) {
        world_fail(audit->shop->world, "I01: order %s was charged %u times", order_id, captures);
    } else if (captured - refunded != (confirmed ? total_minor : 0)) {
        world_fail(audit->shop->world, "I01: order %s (%s, total %" PRId64 ") has %" PRId64 " captured and %" PRId64 " refunded",
                   order_id, confirmed ? "confirmed" : "cancelled", total_minor, captured, refunded);
    }
}

static void check_payment(struct audit *audit, const char *order_id, struct bytes affinity, bool confirmed)
{
    char *id = arena_format(&audit->arena, "%s.p1", order_id);
    struct bytes value;
    if (!read_view(audit, "payment.view", bytes_of_text(id), affinity, &value)) {
        if (confirmed) {
            world_fail(audit->shop->world, "I06: confirmed order %s has no payment", order_id);
        }
        return;
    }
    const Payment__V1__Payment *payment = message_unpack(&payment__v1__payment__descriptor, value, &audit->arena);
    if (confirmed && payment->status != PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_CAPTURED) {
        world_fail(audit->shop->world, "I06: payment %s of a confirmed order is %d", id, (int)payment->status);
    }
    check_events(audit, "payment.events", id, affinity, payment->sequence);
}

static bool content_equal(const struct shop *shop, const struct shop_order *order, const Order__V1__Order *view)
{
    char id[ID_BYTES];
    if (view->n_lines != order->lines_count) {
        return false;
    }
    for (size_t i = 0; i < view->n_lines; i++) {
        if (!bytes_equal(bytes_of_text(view->lines[i]->product_id), shop_product_id(id, order->lines[i].product)) ||
            view->lines[i]->quantity != order->lines[i].quantity) {
            return false;
        }
    }
    (void)shop;
    return true;
}

static void check_order(struct audit *audit, uint32_t number)
{
    struct shop *shop = audit->shop;
    struct shop_order *order = &shop->orders[number];
    char text[ID_BYTES];
    struct bytes id = shop_order_id(text, number), value;
    arena_reset(&audit->arena);
    bool found = read_view(audit, "order.view", id, BYTES_NONE, &value);
    if (!found && order->told == TOLD_ACCEPTED) {
        world_fail(shop->world, "I10: order %s was accepted and is gone", text);
    }
    if (!found) {
        return;
    }
    const Order__V1__Order *view = message_unpack(&order__v1__order__descriptor, value, &audit->arena);
    bool confirmed = view->status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED;
    bool cancelled = view->status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CANCELLED;
    if (!confirmed && !cancelled) {
        world_fail(shop->world, "I05: order %s rests as %d", text, (int)view->status);
    }
    if ((order->seen_status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED && !confirmed) ||
        (order->seen_status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CANCELLED && !cancelled)) {
        world_fail(shop->world, "I05: order %s was seen as %u and rests as %d", text, order->seen_status, (int)view->status);
    }
    if (confirmed && order->kind != ORDER_GOOD) {
        world_fail(shop->world, "order %s was confirmed although it is of kind %d", text, (int)order->kind);
    }
    if (!content_equal(shop, order, view)) {
        world_fail(shop->world, "I12: order %s has another content than its first request", text);
    }
    for (size_t i = 0; i < order->lines_count && confirmed; i++) {
        audit->sold[order->lines[i].product] += order->lines[i].quantity;
    }
    audit->confirmed_minor += confirmed ? view->total_minor : 0;
    audit->confirmed += confirmed;
    audit->cancelled += cancelled;
    check_saga(audit, text, id, confirmed);
    check_payment(audit, text, id, confirmed);
    check_ledger_of(audit, text, confirmed, view->total_minor);
    check_events(audit, "order.events", text, id, view->sequence);
}

static void check_product(struct audit *audit, uint32_t number)
{
    struct shop *shop = audit->shop;
    char text[ID_BYTES];
    struct bytes value;
    arena_reset(&audit->arena);
    if (!read_view(audit, "inventory.view", shop_product_id(text, number), BYTES_NONE, &value)) {
        world_fail(shop->world, "product %s is gone", text);
        return;
    }
    const Inventory__V1__Product *product = message_unpack(&inventory__v1__product__descriptor, value, &audit->arena);
    int64_t sum = product->quantity_on_hand + product->quantity_reserved + product->quantity_sold;
    if (product->quantity_on_hand < 0 || product->quantity_reserved < 0 || product->quantity_sold < 0 ||
        sum != shop->stock[number] || product->quantity_received != shop->stock[number]) {
        world_fail(shop->world, "I02: product %s: %" PRId64 " on hand, %" PRId64 " reserved, %" PRId64 " sold of %" PRId64, text,
                   product->quantity_on_hand, product->quantity_reserved, product->quantity_sold, shop->stock[number]);
    } else if (product->quantity_reserved != 0 || product->quantity_sold != audit->sold[number]) {
        world_fail(shop->world, "I04: product %s rests with %" PRId64 " reserved and %" PRId64 " sold; confirmed orders hold %" PRId64,
                   text, product->quantity_reserved, product->quantity_sold, audit->sold[number]);
    }
    if (product->quantity_on_hand == 0) {
        SOMETIMES(shop->world, "a product is sold out");
    }
    check_events(audit, "inventory.events", text, bytes_of_text(text), product->sequence);
}

void shop_audit(struct shop *shop, const struct cluster *cluster)
{
    struct audit audit = {.shop = shop, .cluster = cluster};
    arena_init(&audit.arena, 64 * 1024);
    for (uint32_t i = 0; i < shop->orders_count && !world_failed(shop->world); i++) {
        check_order(&audit, i);
    }
    for (uint32_t i = 0; i < shop->products_count && !world_failed(shop->world); i++) {
        check_product(&audit, i);
    }
    for (uint32_t i = 0; i < shop->run->partitions && !world_failed(shop->world); i++) {
        check_removed(&audit, i);
    }
    if (!world_failed(shop->world) && audit.captured_minor - audit.refunded_minor != audit.confirmed_minor) {
        world_fail(shop->world, "I01: %" PRId64 " captured minus %" PRId64 " refunded is not %" PRId64, audit.captured_minor,
                   audit.refunded_minor, audit.confirmed_minor);
    }
    run_count(shop->run, "orders confirmed", audit.confirmed);
    run_count(shop->run, "orders cancelled", audit.cancelled);
    arena_close(&audit.arena);
}

uint32_t shop_beyond_limits(const struct shop *shop, const struct cluster *cluster)
{
    uint32_t beyond = 0;
    for (uint32_t i = 0; i < shop->run->partitions; i++) {
        struct retention_status kept[RETENTION_LAST];
        const struct partition *partition = cluster_partition(cluster, i);
        if (partition) {
            partition_kept(partition, kept);
            const struct retention_status *flows = &kept[RETENTION_FLOWS - 1];
            beyond += flows->limits.count != 0 && flows->count > flows->limits.count;
        }
    }
    return beyond;
}

uint64_t shop_sagas_open(const struct shop *shop, const struct cluster *cluster)
{
    uint64_t open = 0;
    for (uint32_t i = 0; i < shop->run->partitions; i++) {
        const struct partition *partition = cluster_partition(cluster, i);
        struct partition_stats stats = partition ? partition_stats(partition) : (struct partition_stats){0};
        open += stats.flows_started - stats.flows_ended;
    }
    return open;
}
