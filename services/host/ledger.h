/* The built-in payment provider (R9): one append-only file for all nodes of a machine, under a lock, written before it
 * answers. For demonstrations and tests only: a real provider is reached over HTTP.
 *
 * The file is NDJSON, one effect a line: {"operation","key","order","amountMinor","currency","outcome","transaction","reason"}.
 * A repeated key is answered with its first outcome and writes nothing. Amounts above LEDGER_DECLINE_ABOVE_MINOR are
 * declined. Kinds and requests: services/commands.h. */
#ifndef SERVICES_HOST_LEDGER_H
#define SERVICES_HOST_LEDGER_H


#include "grid/base/err.h"
#include "grid/io/sink.h"

struct uv_loop_s;                      /* uv_loop_t */

enum { LEDGER_DECLINE_ABOVE_MINOR = 1000000 };

/* `path` is the file, made when it is missing. Errors: IO, with a note for people (memory_free). */
enum grid_err ledger_open(struct uv_loop_s *loop, const char *path, struct sink **ret_sink, char **ret_note);
void ledger_close(struct sink *sink);  /* once the loop has ended */
/* Whether ledger_open could open it; makes and changes nothing. */
enum grid_err ledger_check(const char *path, char **ret_note);

#endif
