/* The one list of errors. An error says that the world failed or that a request cannot be served; a business
 * "no" is a refusal and travels as a value. The numbers are on the wire and never reused. */
#ifndef GRID_BASE_ERR_H
#define GRID_BASE_ERR_H

#define GRID_ERR_LIST(X)                                                                         \
    X(0, OK, "ok")                                                                               \
    X(1, INVALID, "invalid argument")                                                            \
    X(2, NOT_FOUND, "not found")                                                                 \
    X(3, ALREADY_EXISTS, "already exists with other content")                                    \
    X(4, VERSION_CONFLICT, "version conflict")                                                   \
    X(5, NOT_LEADER, "this node does not lead the partition")                                    \
    X(6, UNAVAILABLE, "no quorum or no connection")                                              \
    X(7, UNKNOWN, "the outcome is not known; repeat with the same request id")                   \
    X(8, LOG_FULL, "log full")                                                                   \
    X(9, TOO_LARGE, "larger than the limit")                                                     \
    X(10, NO_SESSION, "unknown or expired session")                                              \
    X(11, RESULT_NOT_KEPT, "applied, result not kept")                                           \
    X(12, NOT_SUPPORTED, "not supported")                                                        \
    X(13, BUSY, "too many requests in flight")                                                   \
    X(14, CORRUPT, "damaged data")                                                               \
    X(15, IO, "input or output failed")                                                          \
    X(16, MISMATCH, "settings differ from those of the cluster")                                 \
    X(17, MALFORMED, "malformed message")                                                        \
    X(18, CLOSED, "closed")                                                                      \
    X(19, TIMEOUT, "timed out")                                                                  \
    X(20, REFUSED, "refused")                                                                    \
    X(21, DENIED, "only the pipeline may write this map")                                        \
    X(22, GAP, "sequence gap")                                                                   \
    X(23, NO_SPACE, "disk full")                                                                 \
    X(24, IDEMPOTENCY_MISMATCH, "the idempotency key was used with another request")             \
    X(25, MAP_FULL, "the map's limit is reached")                                                \
    X(26, FORKED, "a child of a fork cannot use what its parent opened")                        \
    X(27, MEMORY_FULL, "memory full")

enum grid_err {
#define X(number, name, text) GRID_ERR_##name = (number),
    GRID_ERR_LIST(X)
#undef X
};

/* Short English text of an error; "unknown error" for a number that is not in the list. */
const char *grid_err_text(enum grid_err err);
/* Upper-case name as in scripts and JSON, for example "NOT_LEADER". */
const char *grid_err_name(enum grid_err err);

/* What an error says to people: owned by the caller (memory_free), cut after 1023 bytes. */
char *err_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
