/* Checks what a person gave against the bounds of the services (services/bounds.h) before it is sent.
 *
 * Each function returns NULL when the services would accept the value, else what is allowed, to stand behind the name of the field:
 * "must have 2 to 100 characters, not 1". Texts live in the arena. Pure. */
#ifndef SERVICES_EDGE_ALLOWED_H
#define SERVICES_EDGE_ALLOWED_H

#include "grid/base/arena.h"
#include "services/bounds.h"

const char *allowed_text(const char *text, struct bound characters, struct arena *arena);
const char *allowed_email(const char *text, struct arena *arena);
/* Of an aggregate. */
const char *allowed_id(const char *text, struct arena *arena);
/* A whole number as it was written, in digits. */
const char *allowed_number(const char *text, struct bound bound, struct arena *arena, int64_t *ret_number);
/* A decimal of the currency, which is valid. */
const char *allowed_money(struct bytes text, const char *currency, struct bound minor, struct arena *arena, int64_t *ret_minor);

#endif
