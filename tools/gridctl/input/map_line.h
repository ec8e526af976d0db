/* Lines of `map load` and `map batch`, as operations on a map. Each is a JSON object, read strictly (services/edge/fields.h).
 *
 *   load    key, value, affinity?, ttlMs?
 *   batch   op, key, affinity?, map?, and what the operation takes, which is all that it may have:
 *             set, put-if-absent, replace     value, ttlMs?
 *             replace-if-same                 value, expectedValue, ttlMs?
 *             cas                             value, expectedVersion, ttlMs?
 *             remove                          nothing
 *             remove-if-same                  expectedValue
 *             remove-if-version               expectedVersion
 *             set-ttl                         ttlMs
 *             check-version                   expectedVersion
 *
 * Keys, affinities and values of any bytes stand in base64 under the name with "Base64" behind it: keyBase64, affinityBase64,
 * valueBase64, expectedValueBase64; so gridctl prints what is not UTF-8. A value that is text is stored as that text; any other JSON is stored byte for byte as it stands in the line. ttlMs is a
 * number of milliseconds, a duration in quotes ("10s", "2h"), or "none".
 *
 * Ownership: what was read lives in the arena and borrows from the line. */
#ifndef TOOLS_GRIDCTL_INPUT_MAP_LINE_H
#define TOOLS_GRIDCTL_INPUT_MAP_LINE_H

#include "client/grid_client.h"
#include "grid/base/arena.h"

struct map_line {
    struct grid_operation operation;
    bool has_affinity;                     /* the line names one, be it empty */
};

/* Each returns false with a reason for people, in the arena. */
bool map_line_load(struct bytes text, struct arena *arena, struct map_line *ret_line, const char **ret_reason);
bool map_line_batch(struct bytes text, struct arena *arena, struct map_line *ret_line, const char **ret_reason);

#endif
