/* Checks of a command's fields: collects failures and refuses with VALIDATION_ERROR and "field: bound; field: bound".
 *
 * Text is valid UTF-8 already; lengths are in characters. Pure. */
#ifndef SERVICES_VALIDATE_H
#define SERVICES_VALIDATE_H

#include "services/service.h"

struct validation { struct arena *arena; char *text; uint32_t count; };

struct validation validation_begin(const struct service_call *call);
/* Adds a failure; the text may be kept short after the first few. */
void validation_fail(struct validation *validation, const char *field, const char *bound);
void validation_text(struct validation *validation, const char *field, const char *text, size_t least, size_t most);
void validation_range(struct validation *validation, const char *field, int64_t value, int64_t least, int64_t most);
void validation_email(struct validation *validation, const char *field, const char *text);
void validation_currency(struct validation *validation, const char *field, const char *text);
/* An id that names an aggregate: 1..SERVICE_ID_BYTES_MAX bytes, no control characters. */
void validation_id(struct validation *validation, const char *field, const char *text);
/* True when nothing failed; else the decision is refused. */
bool validation_end(struct validation *validation, struct service_decision *decision);

/* Digest of a request's content, to tell a repeated request from another one with the same id. */
uint64_t digest_text(uint64_t digest, const char *text);
uint64_t digest_number(uint64_t digest, int64_t number);

enum {
    QUANTITY_MAX = 1000000000,             /* units of one line or one replenishment */
    TEXT_CHARACTERS_MAX = 500,             /* addresses and reasons that people give */
    /* Reasons between services: a saga passes on what people or the provider said, with words of its own. */
    REASON_CHARACTERS_MAX = 2 * TEXT_CHARACTERS_MAX,
};

#endif
