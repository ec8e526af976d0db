/* Checks of a command's fields: collects failures and refuses with VALIDATION_ERROR and "field: bound; field: bound".
 *
 * Text is valid UTF-8 already; lengths are in characters. Pure. */
#ifndef SERVICES_VALIDATE_H
#define SERVICES_VALIDATE_H

#include "services/bounds.h"
#include "services/service.h"

struct validation { struct arena *arena; char *text; uint32_t count; };

struct validation validation_begin(const struct service_call *call);
/* Adds a failure; the text may be kept short after the first few. */
void validation_fail(struct validation *validation, const char *field, const char *bound);
void validation_text(struct validation *validation, const char *field, const char *text, struct bound characters);
void validation_range(struct validation *validation, const char *field, int64_t value, struct bound bound);
void validation_email(struct validation *validation, const char *field, const char *text);
void validation_currency(struct validation *validation, const char *field, const char *text);
/* An id that names an aggregate: 1..SERVICE_ID_BYTES_MAX bytes, no control characters. */
void validation_id(struct validation *validation, const char *field, const char *text);
/* True when nothing failed; else the decision is refused. */
bool validation_end(struct validation *validation, struct service_decision *decision);

/* Digest of a request's content, to tell a repeated request from another one with the same id. */
uint64_t digest_text(uint64_t digest, const char *text);
uint64_t digest_number(uint64_t digest, int64_t number);

/* The rules themselves, for those who check before a command is sent. */
int64_t text_characters(const char *text);
bool text_is_email(const char *text);
bool text_is_id(const char *text);

#endif
