/* Products and their stock: key product_id. A reservation's id is (order_id, line); it is a part of its product.
 * Commands, events and views: proto/service/inventory/v1/inventory.proto.
 *
 * Reserve moves on_hand to reserved, release moves it back, commit moves reserved to sold; checking and reserving are
 * one step, so nothing is oversold (I02). A release without a reservation leaves a tombstone, so that a later
 * reserve has no effect (I09). Only a saga can release or commit a saga's reservation. */
#ifndef SERVICES_INVENTORY_INVENTORY_H
#define SERVICES_INVENTORY_INVENTORY_H

#include "services/commands.h"
#include "services/service.h"

/* How long tombstones are kept, in log time: the longest deadline of a saga plus the time that a message may wait. */
#define INVENTORY_TOMBSTONE_MS (60u * 1000 + 10u * 60 * 1000)

extern const struct service inventory_service;

#endif
