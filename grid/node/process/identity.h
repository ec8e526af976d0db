/* The file `identity` of a data directory: to which cluster and node it belongs. Written at the first start, before anything else.
 *
 * Text, one `name value` a line; the last line is `checksum` and the CRC32C of all bytes before it in eight hexadecimal digits:
 *
 *     gridiron identity 2
 *     cluster_uuid 0123abcd-4567-89ef-fedc-ba9876543210
 *     node 1
 *     incarnation 0123456789abcdef
 *     partitions 128
 *     members 1 2 3
 *     owner 0123456789abcdef
 *     checksum 89abcdef
 *
 * It contains the values that can never change for a log. Addresses, the cluster's name, durability and all
 * other settings are not in it and may change at a restart. Format 1 (no checksum, with all of those) is read, and
 * replaced once the log under it was opened. docs/formats/identity.md has the rules of change.
 *
 * Threads: none; blocks, at start only. */
#ifndef GRID_NODE_PROCESS_IDENTITY_H
#define GRID_NODE_PROCESS_IDENTITY_H

#include "grid/base/uuid.h"
#include "grid/io/io.h"
#include "grid/node/process/settings.h"

struct identity {
    struct uuid cluster_uuid;
    struct node_id node;
    uint64_t incarnation;              /* of the directory: random at its creation, never 0 */
    uint32_t partitions;
    uint32_t members[NODES_MAX];       /* ids at the first start, ascending */
    size_t members_count;
    uint64_t owner;                    /* is in every flush of the log; never 0 */
    bool is_old;                       /* read from format 1: to be written once the log was opened */
};

/* Reads the identity and compares it with the settings; a directory that has neither identity nor log gets one. Errors: CORRUPT
 * (damaged, or missing beside a log), MISMATCH (of another cluster, node, number of partitions, members; of a newer format), IO,
 * NO_SPACE. *ret_note says what differs and what to do (memory_free). */
enum grid_err identity_open(struct io *io, const struct node_settings *settings, struct identity *ret_identity, char **ret_note);
/* Whether the content of the directory may be discarded: MISMATCH, with a note, if its identity is readable and belongs to another node or cluster. */
enum grid_err identity_belongs(struct io *io, const struct node_settings *settings, char **ret_note);
/* Replaces the file as a whole, durably. */
enum grid_err identity_write(struct storage *storage, const struct identity *identity, char **ret_note);

/* For tests: the text of an identity; and its reading, without a look at any settings. */
void identity_encode(const struct identity *identity, struct buffer *out);
enum grid_err identity_decode(struct bytes text, const struct node_settings *settings, struct identity *ret_identity, char **ret_note);

#endif
