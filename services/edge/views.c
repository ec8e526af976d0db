#include "services/edge/views.h"

#include <inttypes.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/wire/messages/message.h"
#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "service/saga/v1/saga.pb-c.h"
#include "services/edge/proto_json.h"
#include "services/message.h"
#include "services/money.h"
#include "services/registry.h"

static const struct service *find(const char *domain)
{
    return registry_find_name(registry_builtin(), bytes_of_text(domain));
}

bool view_domain_exists(const char *domain)
{
    return find(domain) != NULL;
}

const char *view_affinity(const char *domain, const char *key, struct arena *arena)
{
    const struct service *service = find(domain);
    const char *dot = strrchr(key, '.');
    if (service == NULL || service->affinity != SERVICE_AFFINITY_PREFIX || dot == NULL)
        return key;
    return arena_text(arena, bytes_of(key, (size_t)(dot - key)));
}

/* "<order>.<letter><number>" is a complete id. */
static const char *derived(const char *text, char letter, struct arena *arena)
{
    const char *dot = strrchr(text, '.');
    bool whole = dot != NULL && dot[1] == letter && dot[2] != 0 && strspn(dot + 2, "0123456789") == strlen(dot + 2);
    return whole ? text : arena_format(arena, "%s.%c1", text, letter);
}

const char *view_payment_id(const char *text, struct arena *arena)
{
    return derived(text, 'p', arena);
}

const char *view_saga_id(const char *text, struct arena *arena)
{
    return derived(text, 's', arena);
}

const char *view_sought(const char *domain, const char *given, const char *id, struct arena *arena)
{
    return strcmp(given, id) == 0 ? given : arena_format(arena, "%s: %s %s", given, domain, id);
}

/* ---- JSON */

/* A completed saga has sent a commit for each line, and commits have no answers; its record keeps RESERVED. */
static void show_committed(Saga__V1__Saga *saga)
{
    for (size_t i = 0; saga->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPLETED && i < saga->n_lines; i++)
        if (saga->lines[i]->state == SAGA__V1__LINE_STATE__LINE_STATE_RESERVED)
            saga->lines[i]->state = SAGA__V1__LINE_STATE__LINE_STATE_COMMITTED;
}

bool view_json(struct json *json, const char *domain, struct bytes value, struct arena *arena, const char *const *only)
{
    const struct service *service = find(domain);
    REQUIRE(service != NULL);
    void *view = message_unpack(service->view, value, arena);
    if (view == NULL)
        return false;
    if (service->number == SERVICE_NUMBER_saga)
        show_committed(view);
    proto_json(json, NULL, view, PROTO_JSON_EDGE, only);
    return true;
}

static void event_body(struct json *json, const struct event_record *event, struct arena *arena)
{
    const struct service *service = registry_find(registry_builtin(), event->service);
    const struct service_event_kind *kind = service != NULL ? registry_event(service, event->type) : NULL;
    const void *body = kind != NULL ? message_unpack(kind->descriptor, event->body, arena) : NULL;
    /* Of a newer version than this program knows: shown as it is. */
    if (body != NULL)
        proto_json(json, "data", body, PROTO_JSON_EDGE, NULL);
    else
        json_put_base64(json, "data", event->body);
}

static void optional_text(struct json *json, const char *name, struct bytes value)
{
    if (value.size > 0)
        json_put_text(json, name, value);
}

bool event_json(struct json *json, struct bytes value, struct arena *arena)
{
    struct event_record event;
    if (event_record_decode(value, &event) != GRID_ERR_OK)
        return false;
    json_put_object_begin(json, NULL);
    json_put_unsigned(json, "sequence", event.sequence);
    json_put_text(json, "eventId", event.event_id);
    json_put_text(json, "eventType", event.event_type);
    json_put_unsigned(json, "eventVersion", event.version);
    json_put_text(json, "aggregateType", event.aggregate_type);
    json_put_text(json, "key", event.key);
    json_put_time(json, "timestamp", event.wall_time_ms);
    optional_text(json, "correlationId", event.trace.correlation_id);
    optional_text(json, "causationId", event.trace.causation_id);
    optional_text(json, "sagaId", event.trace.flow_id);
    optional_text(json, "sagaType", event.flow_type);
    if (event.flow_step > 0)
        json_put_unsigned(json, "step", event.flow_step);
    json_put_bool(json, "isCompensating", event.is_compensating);
    optional_text(json, "principal", event.principal);
    event_body(json, &event, arena);
    json_put_object_end(json);
    return true;
}

/* ---- rows of tables */

static const char *word(const ProtobufCEnumDescriptor *descriptor, int value)
{
    const char *name = proto_enum_name(descriptor, value);
    return name != NULL ? name : "";
}

static const char *amount(struct arena *arena, int64_t minor, const char *currency)
{
    char text[MONEY_TEXT_BYTES] = "";
    if (minor >= 0)
        money_format(minor, currency, text);
    return arena_text(arena, bytes_of_text(text));
}

static void time_text(uint64_t time_ms, char ret_text[TIME_TEXT_BYTES])
{
    ret_text[0] = 0;
    if (time_ms > 0)
        time_format(time_ms, ret_text);
}

bool view_order(struct bytes value, struct arena *arena, struct view_order *ret_order)
{
    const Order__V1__Order *order = message_unpack(&order__v1__order__descriptor, value, arena);
    if (order == NULL)
        return false;
    *ret_order = (struct view_order){.id = order->order_id,
                                     .status = word(&order__v1__order_status__descriptor, (int)order->status),
                                     .customer = order->customer_id,
                                     .total = amount(arena, order->total_minor, order->currency),
                                     .currency = order->currency,
                                     .lines = order->n_lines};
    time_text(order->created_at_ms, ret_order->created);
    return true;
}

bool view_saga(struct bytes value, struct arena *arena, struct view_saga *ret_saga)
{
    const Saga__V1__Saga *saga = message_unpack(&saga__v1__saga__descriptor, value, arena);
    if (saga == NULL)
        return false;
    *ret_saga = (struct view_saga){.id = saga->saga_id,
                                   .order = saga->order_id,
                                   .status = word(&saga__v1__saga_status__descriptor, (int)saga->status),
                                   .mode = word(&order__v1__saga_mode__descriptor, (int)saga->mode),
                                   .reason = saga->failure_reason,
                                   .step = saga->current_step,
                                   .steps = saga->total_steps};
    time_text(saga->started_at_ms, ret_saga->started);
    time_text(saga->completed_at_ms, ret_saga->completed);
    return true;
}

bool view_product(struct bytes value, struct arena *arena, struct view_product *ret_product)
{
    const Inventory__V1__Product *product = message_unpack(&inventory__v1__product__descriptor, value, arena);
    if (product == NULL)
        return false;
    *ret_product =
        (struct view_product){.id = product->product_id,
                              .sku = product->sku,
                              .name = product->name,
                              .price = amount(arena, product->price_minor, product->currency),
                              .currency = product->currency,
                              .status = word(&inventory__v1__product_status__descriptor, (int)product->status),
                              .on_hand = product->quantity_on_hand,
                              .reserved = product->quantity_reserved,
                              .sold = product->quantity_sold};
    return true;
}

bool view_customer(struct bytes value, struct arena *arena, struct view_customer *ret_customer)
{
    const Account__V1__Customer *customer = message_unpack(&account__v1__customer__descriptor, value, arena);
    if (customer == NULL)
        return false;
    *ret_customer =
        (struct view_customer){.id = customer->customer_id,
                               .name = customer->name,
                               .email = customer->email,
                               .status = word(&account__v1__customer_status__descriptor, (int)customer->status)};
    return true;
}

bool view_event(struct bytes value, struct arena *arena, struct view_event *ret_event)
{
    struct event_record event;
    if (event_record_decode(value, &event) != GRID_ERR_OK)
        return false;
    *ret_event = (struct view_event){.sequence = event.sequence,
                                     .type = arena_text(arena, event.event_type),
                                     .id = arena_text(arena, event.event_id),
                                     .saga = arena_text(arena, event.trace.flow_id),
                                     .principal = arena_text(arena, event.principal)};
    time_text(event.wall_time_ms, ret_event->time);
    return true;
}
