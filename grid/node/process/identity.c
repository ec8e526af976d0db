#include "grid/node/process/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/crc32c.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

static const char identity_name[] = "identity";
static const char identity_head[] = "gridiron identity ";

enum {
    IDENTITY_VERSION = 2,
    IDENTITY_BYTES_MAX = 64 * 1024,
    CHECKSUM_LINE_BYTES = 18,          /* "checksum 01234567\n" */
};

/* ---- writing */

void identity_encode(const struct identity *identity, struct buffer *out)
{
    size_t start = out->size;
    REQUIRE(identity->incarnation != 0 && identity->owner != 0);
    buffer_append_format(out, "%s%d\ncluster_uuid %s\nnode %u\nincarnation %016" PRIx64 "\npartitions %u\nmembers", identity_head,
                         IDENTITY_VERSION, uuid_text_of(identity->cluster_uuid).text, identity->node.value, identity->incarnation,
                         identity->partitions);
    for (size_t i = 0; i < identity->members_count; i++)
        buffer_append_format(out, " %u", identity->members[i]);
    buffer_append_format(out, "\nowner %016" PRIx64 "\n", identity->owner);
    uint32_t checksum = crc32c(bytes_of(out->data + start, out->size - start));
    buffer_append_format(out, "checksum %08x\n", checksum);
}

enum grid_err identity_write(struct storage *storage, const struct identity *identity, char **ret_note)
{
    struct buffer text = {0};
    identity_encode(identity, &text);
    enum grid_err err = storage->put(storage, identity_name, buffer_bytes(&text));
    buffer_close(&text);
    if (err != GRID_ERR_OK)
        *ret_note = err_note("%s: cannot be written (%s)", identity_name, grid_err_text(err));
    return err;
}

/* ---- reading: a text with a closing zero, line by line */

/* The rest of the line after `name` and a space, cut out of the text; NULL when the next line is another one. */
static char *take_line(char **at, const char *name)
{
    size_t size = strlen(name);
    char *end = strchr(*at, '\n');
    if (!end || strncmp(*at, name, size) != 0 || (*at)[size] != ' ')
        return NULL;
    char *value = *at + size + 1;
    *end = 0;
    *at = end + 1;
    return value;
}

static bool take_number(char **at, const char *name, int base, uint64_t max, uint64_t *ret_number)
{
    const char *digits = base == 16 ? "0123456789abcdef" : "0123456789";
    char *value = take_line(at, name);
    if (!value || !value[0] || strlen(value) > 20 || strspn(value, digits) != strlen(value))
        return false;
    *ret_number = strtoull(value, NULL, base);
    return *ret_number >= 1 && *ret_number <= max;
}

static bool take_members(char **at, struct identity *identity)
{
    char *value = take_line(at, "members"), *end;
    while (value && value[0]) {
        unsigned long id = strtoul(value, &end, 10);
        if (end == value || id < 1 || id > NODES_MAX || identity->members_count == NODES_MAX)
            return false;
        identity->members[identity->members_count++] = (uint32_t)id;
        value = end[0] == ' ' ? end + 1 : end;
    }
    return identity->members_count > 0;
}

static bool decode_new(char *at, struct identity *ret_identity)
{
    uint64_t node, partitions;
    struct identity identity = {0};
    char *uuid = take_line(&at, "cluster_uuid");
    if (!uuid || !uuid_parse(uuid, &identity.cluster_uuid) || !take_number(&at, "node", 10, NODES_MAX, &node) ||
        !take_number(&at, "incarnation", 16, UINT64_MAX, &identity.incarnation) ||
        !take_number(&at, "partitions", 10, PARTITIONS_MAX, &partitions) || !take_members(&at, &identity) ||
        !take_number(&at, "owner", 16, UINT64_MAX, &identity.owner) || *at)
        return false;
    identity.node = (struct node_id){(uint32_t)node};
    identity.partitions = (uint32_t)partitions;
    *ret_identity = identity;
    return true;
}

/* Format 1 said: cluster, node, partitions, durability, and for each member its id and two addresses. The log's owner was a
 * hash of all that. */
static bool take_old_member(char **at, struct buffer *settings_text, struct identity *identity)
{
    char *value = take_line(at, "member"), *end;
    if (!value || identity->members_count == NODES_MAX)
        return false;
    unsigned long id = strtoul(value, &end, 10);
    if (end == value || id < 1 || id > NODES_MAX || end[0] != ' ' || !strchr(end + 1, ' '))
        return false;
    identity->members[identity->members_count++] = (uint32_t)id;
    buffer_append_format(settings_text, "%s\n", value);
    return true;
}

static uint64_t old_owner(struct bytes settings_text, struct node_id node)
{
    uint8_t bytes[12];
    uint64_t digest = hash_xxh3(settings_text, 0);
    put_u64(bytes, digest ? digest : 1);
    put_u32(bytes + 8, node.value);
    return hash_xxh3(bytes_of(bytes, sizeof bytes), 0) | 1;
}

static bool decode_old(char *at, char **ret_cluster, struct identity *ret_identity)
{
    uint64_t node, partitions;
    struct identity identity = {.is_old = true};
    struct buffer settings_text = {0};
    char *cluster = take_line(&at, "cluster"), *durability = NULL;
    bool good = cluster && take_number(&at, "node", 10, NODES_MAX, &node) && take_number(&at, "partitions", 10, PARTITIONS_MAX, &partitions) &&
                (durability = take_line(&at, "durability")) && (strcmp(durability, "fsync") == 0 || strcmp(durability, "os") == 0);
    if (good)
        buffer_append_format(&settings_text, "%s\n%u\n%d\n", cluster, (uint32_t)partitions, strcmp(durability, "fsync") == 0);
    while (good && *at)
        good = take_old_member(&at, &settings_text, &identity);
    if (good) {
        identity.node = (struct node_id){(uint32_t)node};
        identity.partitions = (uint32_t)partitions;
        identity.owner = old_owner(buffer_bytes(&settings_text), identity.node);
        *ret_cluster = cluster;
        *ret_identity = identity;
    }
    buffer_close(&settings_text);
    return good && identity.members_count > 0;
}

static enum grid_err damaged(char **ret_note)
{
    *ret_note = err_note("%s: damaged: its content does not match its checksum or form; put the file of this directory back", identity_name);
    return GRID_ERR_CORRUPT;
}

/* Whether the text ends with a right checksum. Every format since 2 does, so that a newer file can be told from a damaged one. */
static bool is_whole(struct bytes text)
{
    char line[CHECKSUM_LINE_BYTES + 1];
    if (text.size < CHECKSUM_LINE_BYTES)
        return false;
    size_t covered = text.size - CHECKSUM_LINE_BYTES;
    snprintf(line, sizeof line, "checksum %08x\n", crc32c(bytes_of(text.data, covered)));
    return memcmp(text.data + covered, line, CHECKSUM_LINE_BYTES) == 0;
}

/* Format 1 has only the cluster's name; from now on the configured UUID identifies the cluster. */
static enum grid_err adopt_old(char *at, const struct node_settings *settings, struct identity *ret_identity, char **ret_note)
{
    struct identity identity;
    char *cluster;
    if (!decode_old(at, &cluster, &identity))
        return damaged(ret_note);
    if (strcmp(cluster, settings->cluster) != 0) {
        *ret_note = err_note("%s: this data directory belongs to cluster \"%.64s\", the configuration says \"%s\": correct cluster or data "
                             "(the name may change after the first start with this version)", identity_name, cluster, settings->cluster);
        return GRID_ERR_MISMATCH;
    }
    identity.cluster_uuid = node_settings_cluster_uuid(settings);
    *ret_identity = identity;
    return GRID_ERR_OK;
}

static enum grid_err decode_text(char *text, bool whole, const struct node_settings *settings, struct identity *ret_identity, char **ret_note)
{
    char *at = text, *version = text + sizeof identity_head - 1;
    char *end = strchr(text, '\n');
    if (strncmp(text, identity_head, sizeof identity_head - 1) != 0 || !end)
        return damaged(ret_note);
    *end = 0;
    at = end + 1;
    if (!whole)
        return strcmp(version, "1") == 0 ? adopt_old(at, settings, ret_identity, ret_note) : damaged(ret_note);
    if (strcmp(version, "2") != 0) {
        *ret_note = err_note("%s: format %.20s, this program reads up to %d: it was written by a newer version; upgrade this program",
                             identity_name, version, IDENTITY_VERSION);
        return GRID_ERR_MISMATCH;
    }
    return decode_new(at, ret_identity) ? GRID_ERR_OK : damaged(ret_note);
}

enum grid_err identity_decode(struct bytes text, const struct node_settings *settings, struct identity *ret_identity, char **ret_note)
{
    if (text.size == 0 || text.size > IDENTITY_BYTES_MAX || memchr(text.data, 0, text.size) || text.data[text.size - 1] != '\n')
        return damaged(ret_note);
    bool whole = is_whole(text);
    size_t size = whole ? text.size - CHECKSUM_LINE_BYTES : text.size;
    char *copy = memory_alloc(size + 1);
    memcpy(copy, text.data, size);
    copy[size] = 0;
    enum grid_err err = decode_text(copy, whole, settings, ret_identity, ret_note);
    memory_free(copy);
    return err;
}

/* ---- against the settings */

static const char *ids_text(const struct identity *identity, char text[256])
{
    size_t size = 0;
    text[0] = 0;
    for (size_t i = 0; i < identity->members_count && size < 240; i++)
        size += (size_t)snprintf(text + size, 256 - size, "%s%u", i > 0 ? " " : "", identity->members[i]);
    return text;
}

static void refuse_cluster(const struct identity *stored, const struct identity *ours, const struct node_settings *settings, char **ret_note)
{
    struct uuid_text was = uuid_text_of(stored->cluster_uuid), is = uuid_text_of(ours->cluster_uuid);
    if (settings->cluster_uuid[0])
        *ret_note = err_note("%s: this data directory belongs to cluster %s, the configuration says cluster_uuid %s: correct cluster_uuid or data",
                             identity_name, was.text, is.text);
    else
        *ret_note = err_note("%s: this data directory belongs to cluster %s, the name \"%s\" stands for %s: if only the name has changed, "
                             "set cluster_uuid to %s on all nodes; else correct cluster or data",
                             identity_name, was.text, settings->cluster, is.text, was.text);
}

static enum grid_err compare(const struct identity *stored, const struct identity *ours, const struct node_settings *settings, char **ret_note)
{
    char were[256], are[256];
    if (!uuid_equal(stored->cluster_uuid, ours->cluster_uuid))
        refuse_cluster(stored, ours, settings, ret_note);
    else if (!node_id_equal(stored->node, ours->node))
        *ret_note = err_note("%s: this is the data directory of node %u, the configuration says node %u: correct node or data", identity_name,
                             stored->node.value, ours->node.value);
    else if (stored->partitions != ours->partitions)
        *ret_note = err_note("%s: the cluster began with partitions %u, the configuration says partitions %u: set it to %u, their number is "
                             "fixed at the first start", identity_name, stored->partitions, ours->partitions, stored->partitions);
    else if (stored->members_count != ours->members_count ||
             memcmp(stored->members, ours->members, ours->members_count * sizeof ours->members[0]) != 0)
        *ret_note = err_note("%s: the cluster began with the members %s, the configuration lists %s: list the same ids; members cannot be "
                             "added or removed yet, their addresses may change", identity_name, ids_text(stored, were), ids_text(ours, are));
    else
        return GRID_ERR_OK;
    return GRID_ERR_MISMATCH;
}

/* ---- opening */

static void see_segment(void *context, const char *name)
{
    bool *seen = context;
    *seen = *seen || strncmp(name, "wal-", 4) == 0;
}

/* A log without an identity is not of this node's making, or has lost it. */
static enum grid_err begin(struct storage *storage, const struct identity *ours, char **ret_note)
{
    bool has_log = false;
    enum grid_err err = storage->list(storage, see_segment, &has_log);
    if (err != GRID_ERR_OK) {
        *ret_note = err_note("%s: the data directory cannot be listed (%s)", identity_name, grid_err_text(err));
        return err;
    }
    if (has_log) {
        *ret_note = err_note("%s: missing, while there is a log: put the file of this directory back; without it the owner of the log is unknown",
                             identity_name);
        return GRID_ERR_CORRUPT;
    }
    return identity_write(storage, ours, ret_note);
}

static struct identity identity_of(struct entropy *entropy, const struct node_settings *settings)
{
    struct identity identity = {.cluster_uuid = node_settings_cluster_uuid(settings), .node = settings->self,
                                .incarnation = entropy_u64(entropy) | 1, .partitions = settings->partitions,
                                .members_count = settings->members_count, .owner = entropy_u64(entropy) | 1};
    for (size_t i = 0; i < settings->members_count; i++) {
        size_t at = i;
        for (; at > 0 && identity.members[at - 1] > settings->members[i].id.value; at--)
            identity.members[at] = identity.members[at - 1];
        identity.members[at] = settings->members[i].id.value;
    }
    return identity;
}

enum grid_err identity_open(struct io *io, const struct node_settings *settings, struct identity *ret_identity, char **ret_note)
{
    struct identity ours = identity_of(io->entropy, settings), stored = ours;
    struct buffer text = {0};
    enum grid_err err = io->storage->get(io->storage, identity_name, &text);
    if (err == GRID_ERR_NOT_FOUND) {
        err = begin(io->storage, &ours, ret_note);
    } else if (err != GRID_ERR_OK) {
        *ret_note = err_note("%s: cannot be read (%s): it must be a file that this process may read and write", identity_name,
                             grid_err_text(err));
    } else {
        err = identity_decode(buffer_bytes(&text), settings, &stored, ret_note);
        if (err == GRID_ERR_OK)
            err = compare(&stored, &ours, settings, ret_note);
        if (stored.is_old)
            stored.incarnation = ours.incarnation;
    }
    buffer_close(&text);
    if (err == GRID_ERR_OK)
        *ret_identity = stored;
    return err;
}

enum grid_err identity_belongs(struct io *io, const struct node_settings *settings, char **ret_note)
{
    struct identity ours = identity_of(io->entropy, settings), stored = ours;
    struct buffer text = {0};
    char *note = NULL;
    enum grid_err err = io->storage->get(io->storage, identity_name, &text);
    if (err == GRID_ERR_OK && (err = identity_decode(buffer_bytes(&text), settings, &stored, &note)) == GRID_ERR_OK)
        err = compare(&stored, &ours, settings, &note);
    buffer_close(&text);
    if (err == GRID_ERR_MISMATCH)
        *ret_note = note;
    else
        memory_free(note);
    return err == GRID_ERR_MISMATCH ? err : GRID_ERR_OK; /* missing or damaged: that is what --rejoin is for */
}
