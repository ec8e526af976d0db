/* Base64 (RFC 4648, with padding): how bytes that are no text stand in JSON. Both ways, one form per value. */
#ifndef SERVICES_EDGE_BASE64_H
#define SERVICES_EDGE_BASE64_H

#include "grid/base/bytes.h"

void base64_encode(struct bytes bytes, struct buffer *out);
/* Appends to `out`. False: `text` is not what base64_encode makes of any bytes (`out` then holds a part). */
bool base64_decode(struct bytes text, struct buffer *out);

#endif
