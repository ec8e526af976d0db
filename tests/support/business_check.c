#include "tests/support/business_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/memory.h"
#include "grid/store/table.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "service/payment/v1/payment.pb-c.h"
#include "service/saga/v1/saga.pb-c.h"
#include "services/commands.h"
#include "services/message.h"
#include "services/registry.h"

struct order {
    Order__V1__Order *view;
    uint32_t confirmed, cancelled, captures;
    int64_t captured_minor, refunded_minor; /* by the ledger */
    uint64_t refunded_ms, first_release_ms, last_release_ms, cancelled_ms;
    Saga__V1__Saga *saga;
};

struct line {
    uint32_t reserved, released, committed;
    int64_t quantity;
};
struct aggregate {
    uint64_t events, highest, view;
};

/* Things by name: an index into an array of equal elements. */
struct names {
    struct table *index;
    uint8_t *elements;
    size_t size, count, capacity;
};

struct inspection {
    const struct business_facts *facts;
    struct business_report *report;
    const struct partition *partition; /* being read */
    struct arena arena;
    struct names orders, lines, aggregates;
};

__attribute__((format(printf, 2, 3))) static void violated(struct inspection *inspection, const char *format, ...)
{
    if (inspection->report->violation[0] != '\0')
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(inspection->report->violation, sizeof inspection->report->violation, format, arguments);
    va_end(arguments);
}

static void names_open(struct names *names, size_t size)
{
    *names = (struct names){.index = table_open(1), .size = size};
}

static void names_close(struct names *names)
{
    table_close(names->index);
    memory_free(names->elements);
}

static void *names_find(const struct names *names, struct bytes name)
{
    struct table_entry entry;
    return table_find(names->index, name, &entry) ? names->elements + get_u32(entry.value.data) * names->size : NULL;
}

static void *names_ensure(struct names *names, struct bytes name)
{
    void *found = names_find(names, name);
    if (found != NULL)
        return found;
    if (names->count == names->capacity) {
        names->capacity = names->capacity * 2 + 64;
        names->elements = memory_resize(names->elements, names->capacity * names->size);
    }
    uint8_t number[4];
    put_u32(number, (uint32_t)names->count);
    table_set(names->index, name, bytes_of(number, sizeof number), 0);
    void *element = names->elements + names->count++ * names->size;
    return memset(element, 0, names->size);
}

/* ---- reading */

typedef void (*visit_fn)(struct inspection *inspection, const struct service *service, struct map_entry entry);

static void scan_partition(struct inspection *inspection, const struct partition *partition,
                           const struct service *service, const char *map, visit_fn visit)
{
    struct query query = {.kind = QUERY_SCAN, .map = bytes_of_text(map)};
    struct response response = {.more = true};
    while (response.more) {
        struct buffer out = {0};
        partition_query(partition, &query, 0, &out);
        struct bytes kept = arena_copy(&inspection->arena, buffer_bytes(&out));
        buffer_close(&out);
        response = (struct response){0};
        if (response_decode(kept, &inspection->arena, &response) != GRID_ERR_OK || response.err != GRID_ERR_OK)
            violated(inspection, "a scan of %s failed", map);
        for (size_t i = 0; i < response.entries_count; i++)
            visit(inspection, service, response.entries[i]);
        query.cursor_hash = response.cursor_hash;
        query.cursor_key = response.cursor_key;
    }
}

static void scan(struct inspection *inspection, uint32_t number, const char *suffix, visit_fn visit)
{
    const struct service *service = registry_find(registry_builtin(), number);
    const char *map = arena_format(&inspection->arena, "%s.%s", service->name, suffix);
    for (size_t i = 0; i < inspection->facts->partitions_count; i++) {
        inspection->partition = inspection->facts->partitions[i];
        scan_partition(inspection, inspection->partition, service, map, visit);
    }
}

static struct bytes aggregate_name(struct inspection *inspection, uint32_t service, struct bytes key)
{
    return bytes_of_text(
        arena_format(&inspection->arena, "%u:%.*s", (unsigned)service, (int)key.size, (const char *)key.data));
}

static void *unpack(struct inspection *inspection, const struct ProtobufCMessageDescriptor *descriptor,
                    struct bytes value)
{
    return message_unpack(descriptor, value, &inspection->arena);
}

/* ---- views are the fold of their events (I29) */

static bool read_event(struct inspection *inspection, const struct partition *partition, const struct query *query,
                       struct event_record *ret_event)
{
    struct buffer out = {0};
    struct response response = {0};
    partition_query(partition, query, 0, &out);
    struct bytes kept = arena_copy(&inspection->arena, buffer_bytes(&out));
    buffer_close(&out);
    return response_decode(kept, &inspection->arena, &response) == GRID_ERR_OK && response.found &&
           event_record_decode(response.value, ret_event) == GRID_ERR_OK;
}

static void fold(struct inspection *inspection, const struct service *service, struct map_entry entry,
                 uint64_t sequence)
{
    struct service_state state = {0};
    struct event_record event;
    struct query query = {.kind = QUERY_GET, .affinity = entry.affinity};
    query.map = bytes_of_text(arena_format(&inspection->arena, "%s.events", service->name));
    for (uint64_t i = 1; i <= sequence; i++) {
        query.key = bytes_of_text(arena_format(&inspection->arena, "%.*s/%llu", (int)entry.key.size,
                                               (const char *)entry.key.data, (unsigned long long)i));
        query.affinity = entry.affinity.size == 0 ? entry.key : entry.affinity;
        if (!read_event(inspection, inspection->partition, &query, &event)) {
            violated(inspection, "I13: event %llu of a %s is missing", (unsigned long long)i, service->aggregate);
            return;
        }
        struct service_call call = {.arena = &inspection->arena,
                                    .key = entry.key,
                                    .affinity = query.affinity,
                                    .log_time_ms = event.log_time_ms,
                                    .wall_time_ms = event.wall_time_ms,
                                    .trace = event.trace,
                                    .event_id = event.event_id,
                                    .sequence = event.sequence};
        service->evolve(&call, &state, event.type,
                        unpack(inspection, registry_event(service, event.type)->descriptor, event.body));
        memcpy((uint8_t *)state.view + service->view_sequence_offset, &event.sequence, sizeof event.sequence);
    }
    if (!bytes_equal(message_pack_arena(state.view, &inspection->arena), entry.value))
        violated(inspection, "I29: the view of %s %.*s is not the fold of its events", service->aggregate,
                 (int)entry.key.size, (const char *)entry.key.data);
}

static void *note_view(struct inspection *inspection, const struct service *service, struct map_entry entry)
{
    void *view = unpack(inspection, service->view, entry.value);
    struct aggregate *aggregate =
        names_ensure(&inspection->aggregates, aggregate_name(inspection, service->number, entry.key));
    memcpy(&aggregate->view, (uint8_t *)view + service->view_sequence_offset, sizeof aggregate->view);
    fold(inspection, service, entry, aggregate->view);
    return view;
}

static void visit_view(struct inspection *inspection, const struct service *service, struct map_entry entry)
{
    (void)note_view(inspection, service, entry);
}

static void visit_order(struct inspection *inspection, const struct service *service, struct map_entry entry)
{
    struct order *order = names_ensure(&inspection->orders, entry.key);
    order->view = note_view(inspection, service, entry);
    inspection->report->orders++;
}

static void visit_saga(struct inspection *inspection, const struct service *service, struct map_entry entry)
{
    Saga__V1__Saga *saga = note_view(inspection, service, entry);
    struct order *order = names_find(&inspection->orders, bytes_of_text(saga->order_id));
    inspection->report->sagas_by_status[saga->status]++;
    if (order == NULL)
        violated(inspection, "saga %s has no order", saga->saga_id);
    else
        order->saga = saga;
}

static void visit_product(struct inspection *inspection, const struct service *service, struct map_entry entry)
{
    const Inventory__V1__Product *product = note_view(inspection, service, entry);
    inspection->report->products++;
    if (product->quantity_on_hand < 0 || product->quantity_reserved < 0 || product->quantity_sold < 0 ||
        product->quantity_on_hand + product->quantity_reserved + product->quantity_sold != product->quantity_received)
        violated(inspection, "I02: stock of %s does not add up", product->product_id);
    if (inspection->facts->at_rest && product->quantity_reserved != 0)
        violated(inspection, "I04: %lld of %s stay reserved at rest", (long long)product->quantity_reserved,
                 product->product_id);
}

/* ---- events */

static struct line *line_of(struct inspection *inspection, const char *order_id, uint32_t line)
{
    return names_ensure(&inspection->lines,
                        bytes_of_text(arena_format(&inspection->arena, "%s/%u", order_id, (unsigned)line)));
}

static void note_stock_event(struct inspection *inspection, const struct event_record *event)
{
    if (event->type == INVENTORY_STOCK_RESERVED) {
        const Inventory__V1__StockReserved *body =
            unpack(inspection, &inventory__v1__stock_reserved__descriptor, event->body);
        struct line *line = line_of(inspection, body->order_id, body->line);
        line->reserved++;
        line->quantity = body->quantity;
    } else if (event->type == INVENTORY_STOCK_COMMITTED) {
        const Inventory__V1__StockCommitted *body =
            unpack(inspection, &inventory__v1__stock_committed__descriptor, event->body);
        line_of(inspection, body->order_id, body->line)->committed++;
    } else if (event->type == INVENTORY_STOCK_RELEASED) {
        const Inventory__V1__StockReleased *body =
            unpack(inspection, &inventory__v1__stock_released__descriptor, event->body);
        struct order *order = names_find(&inspection->orders, bytes_of_text(body->order_id));
        line_of(inspection, body->order_id, body->line)->released += body->quantity != 0;
        if (order != NULL && (order->first_release_ms == 0 || event->log_time_ms < order->first_release_ms))
            order->first_release_ms = event->log_time_ms;
        if (order != NULL && event->log_time_ms > order->last_release_ms)
            order->last_release_ms = event->log_time_ms;
    }
}

static void note_order_event(struct inspection *inspection, struct order *order, const struct event_record *event)
{
    (void)inspection;
    if (event->type == ORDER_ORDER_CONFIRMED)
        order->confirmed++;
    if (event->type == ORDER_ORDER_CANCELLED) {
        order->cancelled++;
        order->cancelled_ms = event->log_time_ms;
    }
}

static void visit_event(struct inspection *inspection, const struct service *service, struct map_entry entry)
{
    struct event_record event;
    if (event_record_decode(entry.value, &event) != GRID_ERR_OK) {
        violated(inspection, "an event of %s cannot be read", service->name);
        return;
    }
    struct aggregate *aggregate =
        names_ensure(&inspection->aggregates, aggregate_name(inspection, service->number, event.key));
    aggregate->events++;
    aggregate->highest = event.sequence > aggregate->highest ? event.sequence : aggregate->highest;
    inspection->report->events++;
    if (service->number == SERVICE_NUMBER_inventory)
        note_stock_event(inspection, &event);
    if (service->number == SERVICE_NUMBER_order)
        note_order_event(inspection, names_ensure(&inspection->orders, event.key), &event);
    if (service->number == SERVICE_NUMBER_payment) {
        struct order *order = names_find(&inspection->orders, entry.affinity.size == 0 ? entry.key : entry.affinity);
        if (order != NULL && event.type == PAYMENT_PAYMENT_PROCESSED)
            order->captures++;
        if (order != NULL && event.type == PAYMENT_PAYMENT_REFUNDED)
            order->refunded_ms = event.log_time_ms;
    }
}

/* ---- judging */

static void judge_aggregates(struct inspection *inspection)
{
    const struct aggregate *aggregates = (const void *)inspection->aggregates.elements;
    for (size_t i = 0; i < inspection->aggregates.count; i++)
        if (aggregates[i].events != aggregates[i].highest || aggregates[i].highest != aggregates[i].view)
            violated(inspection, "I13: an aggregate has %llu events, the highest %llu, and its view is of %llu",
                     (unsigned long long)aggregates[i].events, (unsigned long long)aggregates[i].highest,
                     (unsigned long long)aggregates[i].view);
}

static void judge_ledger(struct inspection *inspection)
{
    const struct business_facts *facts = inspection->facts;
    struct table *keys = table_open(2);
    for (size_t i = 0; i < facts->charges_count; i++) {
        const struct business_charge *charge = &facts->charges[i];
        struct order *order = names_find(&inspection->orders, charge->order);
        if (!table_set(keys, charge->key, bytes_of_text("x"), 0))
            violated(inspection, "I01: the ledger has key %.*s twice", (int)charge->key.size,
                     (const char *)charge->key.data);
        if (order == NULL) {
            violated(inspection, "I01: a charge without an order");
        } else if (charge->accepted) {
            order->captured_minor += charge->refund ? 0 : charge->amount_minor;
            order->refunded_minor += charge->refund ? charge->amount_minor : 0;
            inspection->report->refunds += charge->refund;
        }
    }
    table_close(keys);
}

static void judge_lines(struct inspection *inspection, const struct order *order)
{
    const Order__V1__Order *view = order->view;
    bool confirmed = view->status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED;
    for (size_t i = 0; i < view->n_lines; i++) {
        const struct line *line = line_of(inspection, view->order_id, (uint32_t)i + 1);
        bool once = line->reserved == 1 && line->committed == 1 && line->released == 0 &&
                    line->quantity == view->lines[i]->quantity;
        bool none = line->reserved == line->released && line->committed == 0;
        if (confirmed ? !once : !none)
            violated(inspection, "I06: order %s line %zu is %s: %u reserved, %u released, %u committed", view->order_id,
                     i + 1, confirmed ? "CONFIRMED" : "CANCELLED", line->reserved, line->released, line->committed);
    }
}

static void judge_end(struct inspection *inspection, const struct order *order)
{
    const char *id = order->view->order_id;
    Saga__V1__SagaStatus status = order->saga->status;
    bool confirmed = order->view->status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED;
    bool completed = status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPLETED;
    bool undone = status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATED ||
                  status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_TIMED_OUT;
    if (!completed && !undone)
        violated(inspection, "I07: the saga of order %s has status %d at rest", id, (int)status);
    else if (confirmed != completed)
        violated(inspection, "I07: order %s and its saga ended differently (%d)", id, (int)status);
    if (completed && inspection->facts->tick_ms_max != 0 &&
        order->saga->ended_log_ms > order->saga->deadline_ms + inspection->facts->tick_ms_max)
        violated(inspection, "I07: the saga of order %s went on past its deadline", id);
    if (order->captured_minor - order->refunded_minor != (confirmed ? order->view->total_minor : 0))
        violated(inspection, "I01: order %s: captured %lld, refunded %lld, total %lld, %s", id,
                 (long long)order->captured_minor, (long long)order->refunded_minor,
                 (long long)order->view->total_minor, confirmed ? "CONFIRMED" : "CANCELLED");
    if (order->captures > 1 || (confirmed && order->captures != 1))
        violated(inspection, "I06: order %s has %u captures", id, order->captures);
    if (order->refunded_ms != 0 && order->first_release_ms != 0 && order->refunded_ms > order->first_release_ms)
        violated(inspection, "I08: order %s was released before it was refunded", id);
    if (!confirmed && order->last_release_ms > order->cancelled_ms)
        violated(inspection, "I08: order %s was cancelled before it was released", id);
    judge_lines(inspection, order);
}

static void judge_orders(struct inspection *inspection)
{
    const struct order *orders = (const void *)inspection->orders.elements;
    for (size_t i = 0; i < inspection->orders.count; i++) {
        const struct order *order = &orders[i];
        if (order->view == NULL || order->saga == NULL) {
            violated(inspection, "an order without view or saga");
            return;
        }
        bool confirmed = order->view->status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED;
        bool cancelled = order->view->status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CANCELLED;
        if (order->confirmed + order->cancelled > 1 || order->confirmed != confirmed || order->cancelled != cancelled)
            violated(inspection, "I05: order %s: %u confirmed, %u cancelled", order->view->order_id, order->confirmed,
                     order->cancelled);
        if (order->refunded_minor > order->captured_minor)
            violated(inspection, "I01: order %s: more refunded than captured", order->view->order_id);
        inspection->report->confirmed += confirmed;
        inspection->report->cancelled += cancelled;
        inspection->report->confirmed_minor += confirmed ? order->view->total_minor : 0;
        if (inspection->facts->at_rest)
            judge_end(inspection, order);
    }
}

void business_check(const struct business_facts *facts, struct business_report *ret_report)
{
    struct inspection inspection = {.facts = facts, .report = ret_report};
    *ret_report = (struct business_report){0};
    arena_init(&inspection.arena, 1024 * 1024);
    names_open(&inspection.orders, sizeof(struct order));
    names_open(&inspection.lines, sizeof(struct line));
    names_open(&inspection.aggregates, sizeof(struct aggregate));
    scan(&inspection, SERVICE_NUMBER_order, "view", visit_order);
    scan(&inspection, SERVICE_NUMBER_saga, "view", visit_saga);
    scan(&inspection, SERVICE_NUMBER_inventory, "view", visit_product);
    scan(&inspection, SERVICE_NUMBER_account, "view", visit_view);
    scan(&inspection, SERVICE_NUMBER_payment, "view", visit_view);
    for (uint32_t number = SERVICE_NUMBER_account; number <= SERVICE_NUMBER_saga; number++)
        scan(&inspection, number, "events", visit_event);
    judge_aggregates(&inspection);
    judge_ledger(&inspection);
    judge_orders(&inspection);
    names_close(&inspection.orders);
    names_close(&inspection.lines);
    names_close(&inspection.aggregates);
    arena_close(&inspection.arena);
}
