#include "services/inventory/inventory.h"

#include <string.h>

#include "grid/base/check.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "services/money.h"
#include "services/validate.h"

#define PRODUCT_ACTIVE INVENTORY__V1__PRODUCT_STATUS__PRODUCT_STATUS_ACTIVE
#define PRODUCT_DISCONTINUED INVENTORY__V1__PRODUCT_STATUS__PRODUCT_STATUS_DISCONTINUED
#define PRODUCT_OUT_OF_STOCK INVENTORY__V1__PRODUCT_STATUS__PRODUCT_STATUS_OUT_OF_STOCK
#define RESERVED INVENTORY__V1__RESERVATION_STATUS__RESERVATION_STATUS_RESERVED
#define TOMBSTONE INVENTORY__V1__RESERVATION_STATUS__RESERVATION_STATUS_TOMBSTONE

/* All that a product may ever have received, so that no sum of its quantities overflows. */
#define RECEIVED_MAX (INT64_MAX / 4)

/* ---- decide: the product */

static void check_product(const struct service_call *call, const Inventory__V1__CreateProduct *command,
                          struct service_decision *decision)
{
    struct validation validation = validation_begin(call);
    validation_text(&validation, "sku", command->sku, BOUND_PRODUCT_SKU);
    validation_text(&validation, "name", command->name, BOUND_PRODUCT_NAME);
    validation_text(&validation, "description", command->description, BOUND_PRODUCT_DESCRIPTION);
    validation_currency(&validation, "currency", command->currency);
    validation_range(&validation, "price", command->price_minor, BOUND_PRICE);
    validation_range(&validation, "initialQuantity", command->initial_quantity, BOUND_PRODUCT_STOCK);
    validation_text(&validation, "category", command->category, BOUND_PRODUCT_CATEGORY);
    (void)validation_end(&validation, decision);
}

static uint64_t digest_product(const Inventory__V1__CreateProduct *command)
{
    uint64_t digest = digest_text(0, command->sku);
    digest = digest_text(digest, command->name);
    digest = digest_text(digest, command->description);
    digest = digest_text(digest, command->currency);
    digest = digest_number(digest, command->price_minor);
    digest = digest_number(digest, command->initial_quantity);
    return digest_text(digest, command->category);
}

static void decide_create(const struct service_call *call, const Inventory__V1__Product *product,
                          const Inventory__V1__CreateProduct *command, struct service_decision *decision)
{
    uint64_t digest = digest_product(command);
    if (product != NULL && product->request_digest == digest) {
        service_same(decision, product->created_event_id);
        return;
    }
    if (product != NULL) {
        service_refuse(decision, REFUSAL_ALREADY_EXISTS, "a product with this id exists with other content");
        return;
    }
    check_product(call, command, decision);
    if (decision->refusal != REFUSAL_NONE)
        return;
    Inventory__V1__ProductCreated *event = arena_alloc(call->arena, sizeof *event);
    inventory__v1__product_created__init(event);
    event->sku = command->sku;
    event->name = command->name;
    event->description = command->description;
    event->currency = command->currency;
    event->price_minor = command->price_minor;
    event->initial_quantity = command->initial_quantity;
    event->category = command->category;
    event->request_digest = digest;
    service_emit(decision, INVENTORY_PRODUCT_CREATED, event);
}

static void decide_replenish(const struct service_call *call, const Inventory__V1__Product *product,
                             const Inventory__V1__ReplenishStock *command, struct service_decision *decision)
{
    struct validation validation = validation_begin(call);
    validation_range(&validation, "quantity", command->quantity, BOUND_QUANTITY);
    validation_text(&validation, "reason", command->reason, BOUND_REASON);
    if (command->quantity > RECEIVED_MAX - product->quantity_received)
        validation_fail(&validation, "quantity", "more than can be counted");
    if (!validation_end(&validation, decision))
        return;
    Inventory__V1__StockReplenished *event = arena_alloc(call->arena, sizeof *event);
    inventory__v1__stock_replenished__init(event);
    event->quantity_added = command->quantity;
    event->new_quantity = product->quantity_on_hand + command->quantity;
    event->reason = command->reason;
    service_emit(decision, INVENTORY_STOCK_REPLENISHED, event);
}

/* ---- decide: reservations */

static bool check_reservation_id(const struct service_call *call, const char *order_id, uint32_t line,
                                 const char *reason, struct service_decision *decision)
{
    struct validation validation = validation_begin(call);
    validation_id(&validation, "orderId", order_id);
    validation_text(&validation, "reason", reason, BOUND_PASSED_REASON);
    validation_range(&validation, "line", line, BOUND(1, INT32_MAX));
    return validation_end(&validation, decision);
}

/* The refusal is an event too: the product's history tells why an order failed. */
static void refuse_reservation(const struct service_call *call, const Inventory__V1__Product *product,
                               const Inventory__V1__ReserveStock *command, enum refusal refusal,
                               struct service_decision *decision)
{
    Inventory__V1__StockReservationFailed *event = arena_alloc(call->arena, sizeof *event);
    inventory__v1__stock_reservation_failed__init(event);
    event->order_id = command->order_id;
    event->line = command->line;
    event->requested = command->quantity;
    event->available = product->quantity_on_hand;
    event->reason = arena_text(call->arena, bytes_of_text(refusal_name((uint32_t)refusal)));
    service_emit(decision, INVENTORY_STOCK_RESERVATION_FAILED, event);
    service_refuse(decision, refusal,
                   arena_format(call->arena, "product %s, order %s line %u: %lld requested, %lld on hand",
                                product->product_id, command->order_id, (unsigned)command->line,
                                (long long)command->quantity, (long long)product->quantity_on_hand));
}

static enum refusal reservation_refusal(const struct service_call *call, const Inventory__V1__Product *product,
                                        const Inventory__V1__ReserveStock *command)
{
    bool priced = !call->by_hand || command->currency[0] != '\0';
    if (product->status == PRODUCT_DISCONTINUED)
        return REFUSAL_DISCONTINUED;
    if (priced && (command->price_minor != product->price_minor || strcmp(command->currency, product->currency) != 0))
        return REFUSAL_PRICE_CHANGED;
    if (command->quantity > product->quantity_on_hand)
        return REFUSAL_INSUFFICIENT_STOCK;
    return REFUSAL_NONE;
}

static void decide_reserve(const struct service_call *call, const struct service_state *state,
                           const Inventory__V1__ReserveStock *command, struct service_decision *decision)
{
    const Inventory__V1__Product *product = state->view;
    const Inventory__V1__Reservation *reservation = state->part;
    if (reservation != NULL && reservation->status == TOMBSTONE) {
        service_refuse(decision, REFUSAL_RESERVATION_RELEASED, "its release came first");
        return;
    }
    if (reservation != NULL &&
        (reservation->quantity != command->quantity || (bool)reservation->by_hand != call->by_hand)) {
        service_refuse(decision, REFUSAL_RESERVATION_EXISTS, "this reservation exists with other content");
        return;
    }
    if (reservation != NULL) {
        service_same(decision, "");
        return;
    }
    struct validation validation = validation_begin(call);
    validation_range(&validation, "quantity", command->quantity, BOUND_QUANTITY);
    if (!validation_end(&validation, decision))
        return;
    enum refusal refusal = reservation_refusal(call, product, command);
    if (refusal != REFUSAL_NONE) {
        refuse_reservation(call, product, command, refusal, decision);
        return;
    }
    Inventory__V1__StockReserved *event = arena_alloc(call->arena, sizeof *event);
    inventory__v1__stock_reserved__init(event);
    event->order_id = command->order_id;
    event->line = command->line;
    event->quantity = command->quantity;
    event->by_hand = call->by_hand;
    service_emit(decision, INVENTORY_STOCK_RESERVED, event);
}

/* A reservation that the caller may release or commit. */
static bool reservation_at_hand(const struct service_call *call, const Inventory__V1__Reservation *reservation)
{
    return reservation != NULL && reservation->status == RESERVED && (bool)reservation->by_hand == call->by_hand;
}

static void decide_release(const struct service_call *call, const struct service_state *state,
                           const Inventory__V1__ReleaseStock *command, struct service_decision *decision)
{
    const Inventory__V1__Reservation *reservation = state->part;
    bool found = reservation_at_hand(call, reservation);
    if (!found && call->by_hand) {
        service_refuse(decision, REFUSAL_RESERVATION_NOT_FOUND, "no reservation by hand with this id");
        return;
    }
    if (!found && reservation != NULL)
        return; /* a tombstone already, or somebody's by hand: nothing of a saga's to undo */
    Inventory__V1__StockReleased *event = arena_alloc(call->arena, sizeof *event);
    inventory__v1__stock_released__init(event);
    event->order_id = command->order_id;
    event->line = command->line;
    event->quantity = found ? reservation->quantity : 0;
    event->reason = command->reason;
    service_emit(decision, INVENTORY_STOCK_RELEASED, event);
}

static void decide_commit(const struct service_call *call, const struct service_state *state,
                          const Inventory__V1__CommitStock *command, struct service_decision *decision)
{
    const Inventory__V1__Reservation *reservation = state->part;
    if (!reservation_at_hand(call, reservation)) {
        service_refuse(decision, REFUSAL_RESERVATION_NOT_FOUND, "no reservation with this id to commit");
        return;
    }
    Inventory__V1__StockCommitted *event = arena_alloc(call->arena, sizeof *event);
    inventory__v1__stock_committed__init(event);
    event->order_id = command->order_id;
    event->line = command->line;
    event->quantity = reservation->quantity;
    service_emit(decision, INVENTORY_STOCK_COMMITTED, event);
}

/* False: refused, or nothing to do because the product is unknown. */
static bool check_stock_command(const struct service_call *call, const Inventory__V1__Product *product, uint32_t type,
                                const void *command, struct service_decision *decision)
{
    if (type == INVENTORY_RESERVE_STOCK) {
        const Inventory__V1__ReserveStock *reserve = command;
        (void)check_reservation_id(call, reserve->order_id, reserve->line, "", decision);
    } else if (type == INVENTORY_RELEASE_STOCK) {
        const Inventory__V1__ReleaseStock *release = command;
        (void)check_reservation_id(call, release->order_id, release->line, release->reason, decision);
    } else if (type == INVENTORY_COMMIT_STOCK) {
        const Inventory__V1__CommitStock *commit = command;
        (void)check_reservation_id(call, commit->order_id, commit->line, "", decision);
    }
    if (decision->refusal != REFUSAL_NONE || product != NULL)
        return decision->refusal == REFUSAL_NONE;
    if (call->by_hand)
        service_refuse(decision, REFUSAL_PRODUCT_NOT_FOUND, "no such product");
    else if (type != INVENTORY_RELEASE_STOCK) /* what never existed is released by doing nothing */
        service_refuse(decision, REFUSAL_UNKNOWN_PRODUCT, "no such product");
    return false;
}

static void decide(const struct service_call *call, const struct service_state *state, uint32_t type,
                   const void *command, struct service_decision *decision)
{
    if (type == INVENTORY_CREATE_PRODUCT) {
        decide_create(call, state->view, command, decision);
        return;
    }
    if (!check_stock_command(call, state->view, type, command, decision))
        return;
    switch ((enum inventory_command)type) {
    case INVENTORY_CREATE_PRODUCT: break;
    case INVENTORY_REPLENISH_STOCK: decide_replenish(call, state->view, command, decision); break;
    case INVENTORY_RESERVE_STOCK: decide_reserve(call, state, command, decision); break;
    case INVENTORY_RELEASE_STOCK: decide_release(call, state, command, decision); break;
    case INVENTORY_COMMIT_STOCK: decide_commit(call, state, command, decision); break;
    }
}

/* ---- evolve */

static void evolve_created(const struct service_call *call, struct service_state *state,
                           const Inventory__V1__ProductCreated *event)
{
    Inventory__V1__Product *product = state->view = arena_alloc(call->arena, sizeof *product);
    inventory__v1__product__init(product);
    product->product_id = arena_text(call->arena, call->key);
    product->created_at_ms = call->wall_time_ms;
    product->created_event_id = arena_text(call->arena, call->event_id);
    product->status = PRODUCT_ACTIVE;
    product->sku = event->sku;
    product->name = event->name;
    product->description = event->description;
    product->currency = event->currency;
    product->price_minor = event->price_minor;
    product->category = event->category;
    product->quantity_on_hand = event->initial_quantity;
    product->quantity_received = event->initial_quantity;
    product->request_digest = event->request_digest;
}

static void evolve_reserved(const struct service_call *call, struct service_state *state,
                            const Inventory__V1__StockReserved *event)
{
    Inventory__V1__Product *product = state->view;
    product->quantity_on_hand -= event->quantity;
    product->quantity_reserved += event->quantity;
    Inventory__V1__Reservation *reservation = state->part = arena_alloc(call->arena, sizeof *reservation);
    inventory__v1__reservation__init(reservation);
    reservation->order_id = event->order_id;
    reservation->line = event->line;
    reservation->quantity = event->quantity;
    reservation->by_hand = event->by_hand;
    reservation->status = RESERVED;
    reservation->log_time_ms = call->log_time_ms;
}

static void evolve_released(const struct service_call *call, struct service_state *state,
                            const Inventory__V1__StockReleased *event)
{
    Inventory__V1__Product *product = state->view;
    product->quantity_on_hand += event->quantity;
    product->quantity_reserved -= event->quantity;
    state->part = NULL;
    if (event->quantity != 0)
        return;
    Inventory__V1__Reservation *tombstone = state->part = arena_alloc(call->arena, sizeof *tombstone);
    inventory__v1__reservation__init(tombstone);
    tombstone->order_id = event->order_id;
    tombstone->line = event->line;
    tombstone->status = TOMBSTONE;
    tombstone->log_time_ms = call->log_time_ms;
    state->part_keep_ms = INVENTORY_TOMBSTONE_MS;
}

static void evolve(const struct service_call *call, struct service_state *state, uint32_t type, const void *body)
{
    switch ((enum inventory_event)type) {
    case INVENTORY_PRODUCT_CREATED: evolve_created(call, state, body); break;
    case INVENTORY_STOCK_REPLENISHED: {
        const Inventory__V1__StockReplenished *event = body;
        ((Inventory__V1__Product *)state->view)->quantity_on_hand += event->quantity_added;
        ((Inventory__V1__Product *)state->view)->quantity_received += event->quantity_added;
        break;
    }
    case INVENTORY_STOCK_RESERVED: evolve_reserved(call, state, body); break;
    case INVENTORY_STOCK_RESERVATION_FAILED: break;
    case INVENTORY_STOCK_RELEASED: evolve_released(call, state, body); break;
    case INVENTORY_STOCK_COMMITTED: {
        const Inventory__V1__StockCommitted *event = body;
        ((Inventory__V1__Product *)state->view)->quantity_reserved -= event->quantity;
        ((Inventory__V1__Product *)state->view)->quantity_sold += event->quantity;
        state->part = NULL;
        break;
    }
    }
    Inventory__V1__Product *product = state->view;
    product->updated_at_ms = call->wall_time_ms;
    if (product->status != PRODUCT_DISCONTINUED)
        product->status = product->quantity_on_hand == 0 ? PRODUCT_OUT_OF_STOCK : PRODUCT_ACTIVE;
}

static struct bytes part_key(const struct service_call *call, uint32_t type, const void *command)
{
    const char *order_id = NULL;
    uint32_t line = 0;
    switch ((enum inventory_command)type) {
    case INVENTORY_CREATE_PRODUCT:
    case INVENTORY_REPLENISH_STOCK: return BYTES_NONE;
    case INVENTORY_RESERVE_STOCK:
        order_id = ((const Inventory__V1__ReserveStock *)command)->order_id;
        line = ((const Inventory__V1__ReserveStock *)command)->line;
        break;
    case INVENTORY_RELEASE_STOCK:
        order_id = ((const Inventory__V1__ReleaseStock *)command)->order_id;
        line = ((const Inventory__V1__ReleaseStock *)command)->line;
        break;
    case INVENTORY_COMMIT_STOCK:
        order_id = ((const Inventory__V1__CommitStock *)command)->order_id;
        line = ((const Inventory__V1__CommitStock *)command)->line;
        break;
    }
    REQUIRE(order_id != NULL);
    return bytes_of_text(arena_format(call->arena, "%.*s/%s/%u", (int)call->key.size, (const char *)call->key.data,
                                      order_id, (unsigned)line));
}

static void holds(const struct service_state *state)
{
    const Inventory__V1__Product *product = state->view;
    HOLDS(product->quantity_on_hand >= 0 && product->quantity_reserved >= 0 && product->quantity_sold >= 0);
    HOLDS(product->quantity_on_hand + product->quantity_reserved + product->quantity_sold ==
          product->quantity_received);
}

static const struct service_command_kind commands[] = {
    {INVENTORY_CREATE_PRODUCT, "CreateProduct", &inventory__v1__create_product__descriptor, false, NULL, false},
    {INVENTORY_REPLENISH_STOCK, "ReplenishStock", &inventory__v1__replenish_stock__descriptor, false, NULL, false},
    {INVENTORY_RESERVE_STOCK, "ReserveStock", &inventory__v1__reserve_stock__descriptor, false, NULL, false},
    {INVENTORY_RELEASE_STOCK, "ReleaseStock", &inventory__v1__release_stock__descriptor, false, NULL, true},
    {INVENTORY_COMMIT_STOCK, "CommitStock", &inventory__v1__commit_stock__descriptor, false, NULL, true},
};

static const struct service_event_kind events[] = {
    {.type = INVENTORY_PRODUCT_CREATED,
     .version = 1,
     .name = "ProductCreated",
     .descriptor = &inventory__v1__product_created__descriptor},
    {.type = INVENTORY_STOCK_REPLENISHED,
     .version = 1,
     .name = "StockReplenished",
     .descriptor = &inventory__v1__stock_replenished__descriptor},
    {.type = INVENTORY_STOCK_RESERVED,
     .version = 1,
     .name = "StockReserved",
     .descriptor = &inventory__v1__stock_reserved__descriptor,
     .flow_step = SAGA_STEP_RESERVE},
    {.type = INVENTORY_STOCK_RESERVATION_FAILED,
     .version = 1,
     .name = "StockReservationFailed",
     .descriptor = &inventory__v1__stock_reservation_failed__descriptor,
     .flow_step = SAGA_STEP_RESERVE},
    {.type = INVENTORY_STOCK_RELEASED,
     .version = 1,
     .name = "StockReleased",
     .descriptor = &inventory__v1__stock_released__descriptor,
     .flow_step = SAGA_STEP_RESERVE,
     .is_compensating = true},
    {.type = INVENTORY_STOCK_COMMITTED,
     .version = 1,
     .name = "StockCommitted",
     .descriptor = &inventory__v1__stock_committed__descriptor,
     .flow_step = SAGA_STEP_CONFIRM},
};

const struct service inventory_service = {
    .number = SERVICE_NUMBER_inventory,
    .name = "inventory",
    .aggregate = "product",
    .flow_type = SERVICE_SAGA_TYPE,
    .affinity = SERVICE_AFFINITY_KEY,
    .commands = commands,
    .commands_count = sizeof commands / sizeof commands[0],
    .events = events,
    .events_count = sizeof events / sizeof events[0],
    .view = &inventory__v1__product__descriptor,
    .view_sequence_offset = offsetof(Inventory__V1__Product, sequence),
    .part_map = "inventory.reservations.view",
    .part = &inventory__v1__reservation__descriptor,
    .decide = decide,
    .evolve = evolve,
    .part_key = part_key,
    .holds = holds,
};
