/* Views and events of the services as JSON, by domain: "account", "inventory", "order", "payment", "saga". */
#ifndef SERVICES_EDGE_VIEWS_H
#define SERVICES_EDGE_VIEWS_H

#include "grid/base/arena.h"
#include "services/edge/json.h"

/* Writes an entry of <domain>.view, whole or only these fields. False, and nothing written, when it cannot be read. */
bool view_json(struct json *json, const char *domain, struct bytes value, struct arena *arena, const char *const *only);
/* Writes an entry of <domain>.events: the envelope, and the body as `data`. */
bool event_json(struct json *json, struct bytes value, struct arena *arena);
bool view_domain_exists(const char *domain);
/* The affinity of an aggregate's key: "o-1" of "o-1.s1" where a domain derives its keys, else the key. */
const char *view_affinity(const char *domain, const char *key, struct arena *arena);

/* Payments are named by their id or that of their order, whose first one is meant: "o-1.p1" for "o-1"; sagas likewise, "o-1.s1". */
const char *view_payment_id(const char *text, struct arena *arena);
const char *view_saga_id(const char *text, struct arena *arena);
/* How a message names what was looked for: `given` by the user, and the id that was made of it: "o-1: payment o-1.p1". */
const char *view_sought(const char *domain, const char *given, const char *id, struct arena *arena);

/* What tables show of a view, and lists filter by; text in the arena, "" where the view has none. */
struct view_order { const char *id, *status, *customer, *total, *currency; size_t lines; char created[TIME_TEXT_BYTES]; };
struct view_saga {
    const char *id, *order, *status, *mode, *reason;
    uint32_t step, steps;
    char started[TIME_TEXT_BYTES], completed[TIME_TEXT_BYTES];
};
struct view_product {
    const char *id, *sku, *name, *price, *currency, *status;
    int64_t on_hand, reserved, sold;
};
struct view_customer { const char *id, *name, *email, *status; };
bool view_order(struct bytes value, struct arena *arena, struct view_order *ret_order);
bool view_saga(struct bytes value, struct arena *arena, struct view_saga *ret_saga);
bool view_product(struct bytes value, struct arena *arena, struct view_product *ret_product);
bool view_customer(struct bytes value, struct arena *arena, struct view_customer *ret_customer);
struct view_event { uint64_t sequence; const char *type, *id, *saga, *principal; char time[TIME_TEXT_BYTES]; };
bool view_event(struct bytes value, struct arena *arena, struct view_event *ret_event);

#endif
