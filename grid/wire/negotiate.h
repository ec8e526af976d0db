/* The agreement of two ends of a connection in their hellos, equal for clients and nodes: one protocol version and a
 * set of named features.
 *
 * Each end sends the range of versions that it supports, and the names of its features. The version in use is the
 * highest that both support; without one the connection is refused. A feature is in use if both ends named it; unknown names
 * are skipped, so that newer programs may name more. A hello without a range comes from an older program, which
 * names one version.
 *
 * Threads: none. */
#ifndef GRID_WIRE_NEGOTIATE_H
#define GRID_WIRE_NEGOTIATE_H

#include "grid/base/bytes.h"

struct version_range { uint32_t min, max; };

/* The versions that this program supports. */
#define PEER_PROTOCOLS ((struct version_range){2, 2})
#define CLIENT_PROTOCOLS ((struct version_range){1, 1})

/* False if the ranges have no common version, or if one is not a range (min 0 or above max). */
bool version_negotiate(struct version_range ours, struct version_range theirs, uint32_t *ret_version);

/* The range or, if the hello had none, its one version. */
static inline struct version_range version_said(struct version_range range, uint32_t version)
{
    return range.min == 0 && range.max == 0 ? (struct version_range){version, version} : range;
}
/* "2 to 3", or "2". */
struct version_text { char text[24]; };
struct version_text version_text_of(struct version_range range);

/* Features by their bit. Names are on the wire and never reused. */
#define WIRE_FEATURES(X) \
    X(FEATURE_LZ4, "lz4") /* bodies of frames may be packed (FRAME_FLAG_LZ4) */ \
    X(FEATURE_LEVEL_2, "level-2") /* the node applies entries up to feature level 2 (grid/wire/level.h) */ \
    X(FEATURE_SERVICES, "services") /* nodes: the hello lists the services of the program. Clients: a status lists those of the partitions */ \
    X(FEATURE_MEMORY, "memory") /* nodes: they tell each other whether memory is full. Clients: a status has memory, and they know MEMORY_FULL */ \
    X(FEATURE_SNAPSHOTS, "snapshots") /* nodes: they take snapshot files of a leader (FRAME_SNAPSHOT_BYTES) */ \
    X(FEATURE_UPKEEP, "upkeep") /* clients: a status has snapshots, logs and the members that are behind; ADMIN_SNAPSHOT */

enum wire_feature {
#define FEATURE_BIT_(bit, name) bit,
    WIRE_FEATURES(FEATURE_BIT_)
#undef FEATURE_BIT_
    FEATURES_COUNT,
};

/* A set of features is a uint64_t: bit n is enum wire_feature n. */
static inline bool feature_in(uint64_t set, enum wire_feature feature) { return (set >> feature & 1) != 0; }
static inline uint64_t feature_bit(enum wire_feature feature) { return UINT64_C(1) << feature; }
/* Features that clients' connections can have. */
#define CLIENT_FEATURES (feature_bit(FEATURE_LZ4) | feature_bit(FEATURE_SERVICES) | feature_bit(FEATURE_MEMORY) | feature_bit(FEATURE_UPKEEP))
/* All features of this program. */
uint64_t features_all(void);
/* The set of the known names; unknown names are skipped. */
uint64_t features_of_names(const struct bytes *names, size_t count);
/* Names of the set, at most FEATURES_COUNT; they live for ever. */
size_t features_names(uint64_t set, struct bytes ret_names[FEATURES_COUNT]);

#endif
