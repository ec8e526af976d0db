#include "grid/node/process/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "grid/base/check.h"
#include "grid/base/duration.h"
#include "grid/base/memory.h"
#include "grid/wire/level.h"

enum setting_type { SETTING_TEXT, SETTING_ADDRESS, SETTING_NUMBER32, SETTING_NUMBER64, SETTING_PAGES64, SETTING_SIZE64, SETTING_DURABILITY, SETTING_MEMBERS,
                    SETTING_UUID };

struct setting {
    const char *path;
    enum setting_type type;
    size_t offset, size;
    uint64_t low, high;                /* of numbers */
    const char *choices;               /* of texts: " a b " or NULL */
    const char *meaning;
};

#define FIELD(member) offsetof(struct config, member), sizeof(((struct config *)0)->member)

static const struct setting settings[] = {
    {"cluster", SETTING_TEXT, FIELD(node.cluster), 0, 0, NULL, "name of the cluster"},
    {"cluster_uuid", SETTING_UUID, FIELD(node.cluster_uuid), 0, 0, NULL, "UUID of the cluster, the same on all nodes; it never changes. Empty: derived from the name, which then must never change"},
    {"node", SETTING_NUMBER32, FIELD(node.self.value), 1, NODES_MAX, NULL, "id of this node among the members"},
    {"data", SETTING_TEXT, FIELD(data), 0, 0, NULL, "data directory; no other node may use it"},
    {"partitions", SETTING_NUMBER32, FIELD(node.partitions), 1, PARTITIONS_MAX, NULL, "number of partitions, fixed at the first start"},
    {"durability", SETTING_DURABILITY, FIELD(node.sync), 0, 0, " fsync os ", "fsync: synced by a majority; os: written by a majority"},
    {"members", SETTING_MEMBERS, FIELD(node.members), 0, 0, NULL, "list of {id, client, peer}: node ids and the host:port at which clients and the other nodes reach them"},
    {"listen.client", SETTING_ADDRESS, FIELD(node.client_listen), 0, 0, NULL, "host:port where this node listens for clients, if it differs from the address in members, for example 0.0.0.0:7400"},
    {"listen.peer", SETTING_ADDRESS, FIELD(node.peer_listen), 0, 0, NULL, "the same for the other nodes"},
    {"clients.connections_max", SETTING_NUMBER32, FIELD(node.client_connections_max), 1, 1000000, NULL, "highest number of client connections; further ones get BUSY and are closed"},
    {"clients.per_address_max", SETTING_NUMBER32, FIELD(node.client_per_address_max), 1, 1000000, NULL, "highest number of client connections from one address (default: half of clients.connections_max; addresses of this machine: all)"},
    {"clients.patience_ms", SETTING_NUMBER32, FIELD(node.client_patience_ms), 1000, 3600000, NULL, "time for a greeting, the rest of a frame, or unread answers; then the connection is closed"},
    {"metrics", SETTING_ADDRESS, FIELD(metrics_address), 0, 0, NULL, "host:port of /metrics and /health; empty: off"},
    {"compression", SETTING_TEXT, FIELD(node.compression), 0, 0, " auto on off ", "LZ4 for large frames: auto: on connections to other machines; on: on all connections; off: never sent, never accepted"},
    {"loopback", SETTING_TEXT, FIELD(loopback), 0, 0, " unix tcp ", "unix: programs of this machine reach a loopback address over a Unix socket"},
    {"scheduling", SETTING_TEXT, FIELD(scheduling), 0, 0, " adaptive normal batch ", "batch: more throughput under load, but slow next to busy programs; adaptive: batch only under load"},
    {"log.level", SETTING_TEXT, FIELD(log_level), 0, 0, " debug info warn error ", "lowest level that is logged"},
    {"log.format", SETTING_TEXT, FIELD(log_format), 0, 0, " text json ", "format of the log on standard error"},
    {"log.disk_bytes", SETTING_NUMBER64, FIELD(node.log_disk_bytes_max), LOG_DISK_BYTES_LEAST, 1ull << 44, NULL, "bound of the replicated log on disk; at the bound new commands get LOG_FULL; at least log.segment_bytes, and 8192 for each partition"},
    {"log.memory_bytes", SETTING_NUMBER64, FIELD(node.log_memory_bytes_max), LOG_MEMORY_BYTES_LEAST, 1ull << 44, NULL, "bound of log entries in memory; at the bound new commands get LOG_FULL; at least 4096 for each partition"},
    {"log.segment_bytes", SETTING_PAGES64, FIELD(node.segment_bytes), LOG_SEGMENT_BYTES_LEAST, LOG_SEGMENT_BYTES_MOST, NULL, "size of one log file, a multiple of 4096"},
    {"snapshot.bytes", SETTING_SIZE64, FIELD(node.snapshot_bytes), 0, 1ull << 40, NULL, "a partition takes a snapshot when its log has grown since the last one by so much, in bytes or like 2MiB (default), or by the size of that one if it is larger; 0: it takes none, and the log is bounded"},
    {"snapshot.entries", SETTING_NUMBER64, FIELD(node.snapshot_entries), 16, 1ull << 40, NULL, "or by so many entries"},
    {"snapshot.trailing_bytes", SETTING_SIZE64, FIELD(node.snapshot_trailing_bytes), 1, 1ull << 40, NULL, "entries that a partition keeps in memory behind a snapshot, for members that are a little behind"},
    {"snapshot.transfer_rate", SETTING_SIZE64, FIELD(node.snapshot_transfer_rate), 0, 1ull << 40, NULL, "bytes a second, like 64MiB, of snapshots to one member that lacks entries; 0: no bound"},
    {"memory.max", SETTING_SIZE64, FIELD(node.memory_max), MEMORY_MAX_LEAST, 1ull << 44, NULL, "memory that this node may use, in bytes or like 8GiB; at the bound writes that add data get MEMORY_FULL (default: 80 % of what the machine or the cgroup grants)"},
    {"admission.load", SETTING_NUMBER64, FIELD(node.admission_load_max), 1, 1ull << 32, NULL, "bound of one partition's waiting and expected messages and activities; at the bound commands that start new work get BUSY"},
    {"level.max", SETTING_NUMBER32, FIELD(node.level_max), LEVEL_FIRST, LEVEL_LAST, NULL, "for tests: behave like a version that supports feature levels up to this one"},
    {"raft.election_timeout_ms", SETTING_NUMBER32, FIELD(node.election_timeout_ms), 50, 600000, NULL, "time without a leader after which a node starts an election"},
    {"raft.heartbeat_ms", SETTING_NUMBER32, FIELD(node.heartbeat_ms), 10, 60000, NULL, "time between a leader's heartbeats; at most a fifth of the election timeout"},
};

enum {
    SETTINGS = sizeof settings / sizeof settings[0],
    SETTINGS_MOST = SETTINGS + CONFIG_MORE_MAX,
    PATH_MAX_ = 128,
    FILE_NAME_SHOWN = 300,             /* of a longer file name its end is shown, so that line and column always are */
    ORIGIN_MAX = FILE_NAME_SHOWN + 64,
};

static char *note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *note(const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    HOLDS(size >= 0);
    char *text = memory_alloc((size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}

void config_defaults(struct config *config)
{
    *config = (struct config){.node = {.partitions = 128, .sync = true, .election_timeout_ms = 1000, .heartbeat_ms = 100,
                                       .client_connections_max = CLIENT_CONNECTIONS_USUAL,
                                       .client_patience_ms = CLIENT_PATIENCE_MS_USUAL},
                              .log_level = "info", .log_format = "text", .loopback = "unix", .scheduling = "adaptive"};
    config->node.log_disk_bytes_max = LOG_DISK_BYTES_DEFAULT;
    config->node.level_max = LEVEL_LAST;
    config->node.log_memory_bytes_max = LOG_MEMORY_BYTES_DEFAULT;
    config->node.snapshot_bytes = SNAPSHOT_BYTES_DEFAULT;
    config->node.snapshot_entries = SNAPSHOT_ENTRIES_DEFAULT;
    config->node.snapshot_trailing_bytes = SNAPSHOT_TRAILING_BYTES_DEFAULT;
    config->node.snapshot_transfer_rate = SNAPSHOT_TRANSFER_RATE_DEFAULT;
    config->node.admission_load_max = ADMISSION_LOAD_DEFAULT;
}

void config_add(struct config *config, const struct config_more *more, size_t count)
{
    REQUIRE(count <= CONFIG_MORE_MAX);
    config->more = more;
    config->more_count = count;
}

/* ---- all settings: those of the table, then those of others */

static size_t setting_count(const struct config *config)
{
    return SETTINGS + config->more_count;
}

static struct setting setting_get(const struct config *config, size_t place)
{
    if (place < SETTINGS)
        return settings[place];
    REQUIRE(place - SETTINGS < config->more_count);
    const struct config_more *more = &config->more[place - SETTINGS];
    return (struct setting){.path = more->path, .type = SETTING_TEXT, .size = CONFIG_MORE_BYTES_MAX + 1, .meaning = more->meaning,
                            .offset = offsetof(struct config, more_values) + (place - SETTINGS) * (CONFIG_MORE_BYTES_MAX + 1)};
}

static bool setting_find(const struct config *config, const char *path, size_t *ret_place)
{
    for (size_t i = 0; i < setting_count(config); i++)
        if (strcmp(setting_get(config, i).path, path) == 0) {
            *ret_place = i;
            return true;
        }
    return false;
}

/* ---- one scalar */

/* Names of settings end with their unit; milliseconds may be said as a duration, "10s". */
static bool is_duration(const struct setting *setting)
{
    size_t size = strlen(setting->path);
    return size > 3 && strcmp(setting->path + size - 3, "_ms") == 0;
}

/* "8GiB", or bytes without a unit. */
static bool read_size(const char *value, uint64_t *ret_number)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i]) != 0)
            continue;
        *ret_number = number << 10 * i;
        return isdigit((unsigned char)value[0]) && errno == 0 && *ret_number >> 10 * i == number;
    }
    return false;
}

static bool read_number(const struct setting *setting, const char *value, uint64_t *ret_number)
{
    char *end;
    if (setting->type == SETTING_SIZE64)
        return read_size(value, ret_number);
    if (is_duration(setting))
        return duration_parse(bytes_of_text(value), ret_number);
    errno = 0;
    *ret_number = strtoull(value, &end, 10);
    return isdigit((unsigned char)value[0]) && *end == 0 && errno == 0;
}

static enum grid_err set_number(void *at, const struct setting *setting, const char *origin, const char *value, char **ret_note)
{
    uint64_t number;
    if (!read_number(setting, value, &number) || number < setting->low || number > setting->high) {
        *ret_note = note("%s: %s: \"%.80s\" is not a whole number from %llu to %llu%s", origin, setting->path, value,
                         (unsigned long long)setting->low, (unsigned long long)setting->high,
                         is_duration(setting) ? ", nor such a duration, like 10s"
                         : setting->type == SETTING_SIZE64 ? ", nor such a size, like 8GiB" : "");
        return GRID_ERR_INVALID;
    }
    if (setting->type == SETTING_PAGES64 && number % LOG_SEGMENT_BYTES_STEP != 0) {
        unsigned long long below = (unsigned long long)(number - number % LOG_SEGMENT_BYTES_STEP);
        *ret_note = note("%s: %s: %llu is not a multiple of %d; the nearest are %llu and %llu", origin, setting->path, (unsigned long long)number,
                         LOG_SEGMENT_BYTES_STEP, below, below + LOG_SEGMENT_BYTES_STEP);
        return GRID_ERR_INVALID;
    }
    if (setting->type == SETTING_NUMBER32)
        *(uint32_t *)at = (uint32_t)number;
    else
        *(uint64_t *)at = number;
    return GRID_ERR_OK;
}

static bool is_choice(const char *choices, const char *value)
{
    char padded[64];
    return !strchr(value, ' ') && snprintf(padded, sizeof padded, " %s ", value) < (int)sizeof padded && strstr(choices, padded) != NULL;
}

/* "host:port", the host possibly an IPv6 address in brackets. */
static bool is_address(const char *value)
{
    const char *colon = strrchr(value, ':');
    if (!colon || colon == value || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5)
        return false;
    unsigned long port = strtoul(colon + 1, NULL, 10);
    return port >= 1 && port <= 65535;
}

static enum grid_err set_uuid(char *at, const struct setting *setting, const char *origin, const char *value, char **ret_note)
{
    struct uuid uuid;
    if (value[0] && !uuid_parse(value, &uuid)) {
        *ret_note = note("%s: %s: \"%.80s\" is not a UUID like 0123abcd-4567-89ef-8123-456789abcdef", origin, setting->path, value);
        return GRID_ERR_INVALID;
    }
    memcpy(at, value[0] ? uuid_text_of(uuid).text : "", value[0] ? UUID_TEXT_BYTES + 1 : 1);
    return GRID_ERR_OK;
}

static enum grid_err set_scalar(struct config *config, const struct setting *setting, const char *origin, const char *value,
                                char **ret_note)
{
    void *at = (char *)config + setting->offset;
    if (setting->type == SETTING_MEMBERS) {
        *ret_note = note("%s: members: expected a list of {id, client, peer}", origin);
        return GRID_ERR_INVALID;
    }
    if (setting->choices && !is_choice(setting->choices, value)) {
        *ret_note = note("%s: %s: \"%.80s\" is not one of:%s", origin, setting->path, value, setting->choices);
        return GRID_ERR_INVALID;
    }
    if (setting->type == SETTING_NUMBER32 || setting->type == SETTING_NUMBER64 || setting->type == SETTING_PAGES64 ||
        setting->type == SETTING_SIZE64)
        return set_number(at, setting, origin, value, ret_note);
    if (setting->type == SETTING_DURABILITY) {
        *(bool *)at = strcmp(value, "fsync") == 0;
        return GRID_ERR_OK;
    }
    if (setting->type == SETTING_ADDRESS && value[0] && !is_address(value)) {
        *ret_note = note("%s: %s: \"%.80s\" is not host:port", origin, setting->path, value);
        return GRID_ERR_INVALID;
    }
    if (setting->type == SETTING_UUID)
        return set_uuid(at, setting, origin, value, ret_note);
    if (strlen(value) >= setting->size) {
        *ret_note = note("%s: %s: longer than %zu bytes", origin, setting->path, setting->size - 1);
        return GRID_ERR_INVALID;
    }
    memcpy(at, value, strlen(value) + 1);
    return GRID_ERR_OK;
}

/* ---- the file */

struct yaml_source { yaml_document_t *document; const char *name; struct config *config; char **ret_note; bool seen[SETTINGS_MOST]; };

static const char *shown_name(const char *name)
{
    size_t size = strlen(name);
    return size > FILE_NAME_SHOWN ? name + size - FILE_NAME_SHOWN : name;
}

static const char *origin_of(const struct yaml_source *source, const yaml_node_t *node, char text[ORIGIN_MAX])
{
    snprintf(text, ORIGIN_MAX, "%s:%zu:%zu", shown_name(source->name), node->start_mark.line + 1, node->start_mark.column + 1);
    return text;
}

static enum grid_err yaml_error(const struct yaml_source *source, const yaml_node_t *node, const char *what, const char *detail)
{
    char origin[ORIGIN_MAX];
    *source->ret_note = note("%s: %s%s%.200s", origin_of(source, node, origin), what, detail[0] ? ": " : "", detail);
    return GRID_ERR_INVALID;
}

static const char *scalar_text(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

/* A zero byte would cut the value short in silence. */
static bool has_zero(const yaml_node_t *node)
{
    return memchr(node->data.scalar.value, 0, node->data.scalar.length) != NULL;
}

static enum grid_err read_member_field(const struct yaml_source *source, struct node_member *member, const yaml_node_t *key,
                                       const yaml_node_t *value)
{
    static const struct setting id_setting = {"members.id", SETTING_NUMBER32, 0, 0, 1, NODES_MAX, NULL, ""};
    char origin[ORIGIN_MAX];
    if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE || has_zero(value))
        return yaml_error(source, value, "members", "expected {id, client, peer}");
    const char *name = scalar_text(key), *text = scalar_text(value);
    bool is_id = strcmp(name, "id") == 0;
    char *target = strcmp(name, "client") == 0 ? member->client_address : strcmp(name, "peer") == 0 ? member->peer_address : NULL;
    if (!is_id && !target)
        return yaml_error(source, key, "unknown key in members (expected id, client, peer)", name);
    if (is_id ? member->id.value != 0 : target[0] != 0)
        return yaml_error(source, key, "set twice in one member", name);
    if (is_id)
        return set_number(&member->id.value, &id_setting, origin_of(source, value, origin), text, source->ret_note);
    if (strlen(text) >= sizeof member->client_address || !is_address(text))
        return yaml_error(source, value, "members: expected host:port", text);
    memcpy(target, text, strlen(text) + 1);
    return GRID_ERR_OK;
}

static enum grid_err read_member(const struct yaml_source *source, const yaml_node_t *row, struct node_member *ret_member)
{
    *ret_member = (struct node_member){0};
    if (row->type != YAML_MAPPING_NODE)
        return yaml_error(source, row, "members", "expected {id, client, peer}");
    for (yaml_node_pair_t *pair = row->data.mapping.pairs.start; pair < row->data.mapping.pairs.top; pair++) {
        enum grid_err err = read_member_field(source, ret_member, yaml_document_get_node(source->document, pair->key),
                                              yaml_document_get_node(source->document, pair->value));
        if (err != GRID_ERR_OK)
            return err;
    }
    if (ret_member->id.value == 0 || !ret_member->client_address[0] || !ret_member->peer_address[0])
        return yaml_error(source, row, "members", "each needs id, client and peer");
    return GRID_ERR_OK;
}

static bool shares_address(const struct node_member *a, const struct node_member *b)
{
    return strcmp(a->client_address, b->client_address) == 0 || strcmp(a->peer_address, b->peer_address) == 0 ||
           strcmp(a->client_address, b->peer_address) == 0 || strcmp(a->peer_address, b->client_address) == 0;
}

/* Keeps the members ordered by id: nodes whose files list them in another order still agree. */
static enum grid_err add_member(const struct yaml_source *source, const yaml_node_t *row, const struct node_member *member)
{
    struct node_settings *node = &source->config->node;
    if (node->members_count == NODES_MAX)
        return yaml_error(source, row, "members", "more than 64");
    if (strcmp(member->client_address, member->peer_address) == 0)
        return yaml_error(source, row, "members: client and peer need addresses of their own", member->client_address);
    for (size_t i = 0; i < node->members_count; i++) {
        if (node_id_equal(node->members[i].id, member->id))
            return yaml_error(source, row, "members", "this id is given twice");
        if (shares_address(&node->members[i], member))
            return yaml_error(source, row, "members", "an address of this member is given twice");
    }
    size_t at = node->members_count++;
    for (; at > 0 && node->members[at - 1].id.value > member->id.value; at--)
        node->members[at] = node->members[at - 1];
    node->members[at] = *member;
    return GRID_ERR_OK;
}

static enum grid_err read_members(const struct yaml_source *source, const yaml_node_t *list)
{
    if (list->type != YAML_SEQUENCE_NODE)
        return yaml_error(source, list, "members", "expected a list of {id, client, peer}");
    source->config->node.members_count = 0;
    for (yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++) {
        struct node_member member;
        const yaml_node_t *row = yaml_document_get_node(source->document, *item);
        enum grid_err err = read_member(source, row, &member);
        if (err == GRID_ERR_OK)
            err = add_member(source, row, &member);
        if (err != GRID_ERR_OK)
            return err;
    }
    return GRID_ERR_OK;
}

static bool is_section(const struct config *config, const char *path)
{
    size_t size = strlen(path);
    for (size_t i = 0; i < setting_count(config); i++) {
        const char *known = setting_get(config, i).path;
        if (strncmp(known, path, size) == 0 && known[size] == '.')
            return true;
    }
    return false;
}

static enum grid_err read_value(struct yaml_source *source, const char *path, const yaml_node_t *key, const yaml_node_t *value)
{
    char origin[ORIGIN_MAX];
    size_t place = 0;
    bool known = setting_find(source->config, path, &place);
    if (!known && is_section(source->config, path))
        return yaml_error(source, value, path, "expected settings below it as name: value");
    if (!known)
        return yaml_error(source, key, "unknown setting", path);
    if (source->seen[place])
        return yaml_error(source, key, "set twice", path);
    source->seen[place] = true;
    struct setting setting = setting_get(source->config, place);
    if (setting.type == SETTING_MEMBERS)
        return read_members(source, value);
    if (value->type != YAML_SCALAR_NODE || has_zero(value))
        return yaml_error(source, value, path, "expected a single value");
    return set_scalar(source->config, &setting, origin_of(source, value, origin), scalar_text(value), source->ret_note);
}

typedef enum grid_err (*pair_fn)(struct yaml_source *source, const char *path, const yaml_node_t *key, const yaml_node_t *value);

/* Calls `each` for every pair of a mapping, with the path of its key. */
static enum grid_err read_pairs(struct yaml_source *source, const yaml_node_t *mapping, const char *section, pair_fn each)
{
    enum grid_err err = GRID_ERR_OK;
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top && err == GRID_ERR_OK; pair++) {
        const yaml_node_t *key = yaml_document_get_node(source->document, pair->key);
        char path[PATH_MAX_];
        if (key->type != YAML_SCALAR_NODE || has_zero(key))
            return yaml_error(source, key, "expected a name", "");
        snprintf(path, sizeof path, "%s%s%s", section, section[0] ? "." : "", scalar_text(key));
        err = each(source, path, key, yaml_document_get_node(source->document, pair->value));
    }
    return err;
}

/* Settings are at most two levels deep. */
static enum grid_err read_top(struct yaml_source *source, const char *path, const yaml_node_t *key, const yaml_node_t *value)
{
    if (is_section(source->config, path) && value->type == YAML_MAPPING_NODE)
        return read_pairs(source, value, path, read_value);
    return read_value(source, path, key, value);
}

/* Bytes that are no UTF-8 have an offset and no mark. */
static yaml_mark_t problem_mark(const yaml_parser_t *parser, struct bytes text)
{
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error != YAML_READER_ERROR)
        return mark;
    mark = (yaml_mark_t){0};
    for (size_t i = 0; i < text.size && i < parser->problem_offset; i++) {
        mark.column = text.data[i] == '\n' ? 0 : mark.column + 1;
        mark.line += text.data[i] == '\n';
    }
    return mark;
}

static enum grid_err yaml_damage(const yaml_parser_t *parser, const char *name, struct bytes text, char **ret_note)
{
    yaml_mark_t mark = problem_mark(parser, text);
    *ret_note = note("%s:%zu:%zu: not YAML: %s", shown_name(name), mark.line + 1, mark.column + 1,
                     parser->problem ? parser->problem : "unreadable");
    return GRID_ERR_INVALID;
}

/* "---" alone is a document that says nothing, like an empty file. */
static bool says_nothing(const yaml_node_t *root)
{
    return !root || (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0);
}

static enum grid_err read_document(struct yaml_source *source)
{
    const yaml_node_t *root = yaml_document_get_root_node(source->document);
    if (root && root->type == YAML_MAPPING_NODE)
        return read_pairs(source, root, "", read_top);
    return says_nothing(root) ? GRID_ERR_OK : yaml_error(source, root, "expected settings as name: value", "");
}

enum grid_err config_read_text(struct config *config, const char *name, struct bytes text, char **ret_note)
{
    yaml_parser_t parser;
    yaml_document_t document, second;
    HOLDS(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, text.data ? text.data : (const uint8_t *)"", text.size);
    if (!yaml_parser_load(&parser, &document)) {
        enum grid_err damage = yaml_damage(&parser, name, text, ret_note);
        yaml_parser_delete(&parser);
        return damage;
    }
    struct yaml_source source = {.document = &document, .name = name, .config = config, .ret_note = ret_note};
    enum grid_err err = read_document(&source);
    if (err == GRID_ERR_OK && yaml_document_get_root_node(&document)) {
        /* Text after the first document must not be ignored silently. */
        if (!yaml_parser_load(&parser, &second)) {
            err = yaml_damage(&parser, name, text, ret_note);
        } else {
            const yaml_node_t *root = yaml_document_get_root_node(&second);
            if (root)
                err = yaml_error(&source, root, "expected one document", "");
            yaml_document_delete(&second);
        }
    }
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    return err;
}

enum grid_err config_read_file(struct config *config, const char *path, char **ret_note)
{
    FILE *file = fopen(path, "rb");
    struct buffer text = {0};
    if (!file) {
        *ret_note = note("%s: %s", path, strerror(errno));
        return GRID_ERR_IO;
    }
    for (size_t got = 1; got > 0;) {
        size_t before = text.size;
        got = fread(buffer_extend(&text, 4096), 1, 4096, file);
        buffer_truncate(&text, before + got);
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    enum grid_err err = failed ? GRID_ERR_IO : config_read_text(config, path, buffer_bytes(&text), ret_note);
    if (failed)
        *ret_note = note("%s: cannot be read", path);
    buffer_close(&text);
    return err;
}

/* ---- environment and flags */

enum grid_err config_assign(struct config *config, const char *origin, const char *assignment, char **ret_note)
{
    const char *equals = strchr(assignment, '=');
    char path[PATH_MAX_];
    if (!equals || (size_t)(equals - assignment) >= sizeof path) {
        *ret_note = note("%s: \"%s\" is not of the form name=value", origin, assignment);
        return GRID_ERR_INVALID;
    }
    memcpy(path, assignment, (size_t)(equals - assignment));
    path[equals - assignment] = 0;
    size_t place = 0;
    if (!setting_find(config, path, &place)) {
        *ret_note = note("%s: unknown setting \"%s\"; --help lists them all", origin, path);
        return GRID_ERR_INVALID;
    }
    struct setting setting = setting_get(config, place);
    return set_scalar(config, &setting, origin, equals + 1, ret_note);
}

static void variable_of(const struct setting *setting, char name[PATH_MAX_])
{
    size_t size = (size_t)snprintf(name, PATH_MAX_, "GRIDIRON_%s", setting->path);
    for (size_t i = 0; i < size; i++)
        name[i] = name[i] == '.' ? '_' : (char)toupper((unsigned char)name[i]);
}

enum grid_err config_read_environment(struct config *config, const char *const *environment, char **ret_note)
{
    for (size_t i = 0; i < setting_count(config); i++) {
        char name[PATH_MAX_];
        struct setting setting = setting_get(config, i);
        variable_of(&setting, name);
        for (const char *const *at = environment; *at; at++) {
            size_t size = strlen(name);
            if (strncmp(*at, name, size) != 0 || (*at)[size] != '=')
                continue;
            enum grid_err err = set_scalar(config, &setting, name, *at + size + 1, ret_note);
            if (err != GRID_ERR_OK)
                return err;
        }
    }
    return GRID_ERR_OK;
}

/* ---- the whole */

/* All addresses of the machine: to listen on, not to be reached at. */
static bool is_any(const char *address)
{
    return strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;
}

/* Two of this node's own that could not both be listened on. */
static bool clash(const char *a, const char *b)
{
    if (!a[0] || !b[0])
        return false;
    return strcmp(a, b) == 0 || ((is_any(a) || is_any(b)) && strcmp(strrchr(a, ':'), strrchr(b, ':')) == 0);
}

static char *check_listening(const struct config *config)
{
    const struct node_settings *node = &config->node;
    const char *client = node_settings_client_listen(node), *peer = node_settings_peer_listen(node);
    if (clash(config->metrics_address, client))
        return note("metrics: %s is this node's client address too; give it one of its own", config->metrics_address);
    if (clash(config->metrics_address, peer))
        return note("metrics: %s is this node's peer address too; give it one of its own", config->metrics_address);
    if (clash(client, peer))
        return note("listen: %s for clients and %s for peers cannot be used together; give each a port of its own", client, peer);
    for (size_t i = 0; i < node->members_count; i++) {
        const struct node_member *member = &node->members[i];
        if (is_any(member->client_address) || is_any(member->peer_address))
            return note("members: nobody can reach node %u at %s; name an address of it here, and set listen.client or listen.peer to listen on all",
                        member->id.value, is_any(member->client_address) ? member->client_address : member->peer_address);
    }
    return NULL;
}

/* Bounds of the log that hold with one another only. */
static char *check_log(const struct node_settings *node)
{
    unsigned long long disk = node->log_disk_bytes_max, memory = node->log_memory_bytes_max, partitions = node->partitions;
    unsigned long long segment = node->segment_bytes ? node->segment_bytes : LOG_SEGMENT_BYTES_USUAL;
    if (disk < segment)
        return note("log.disk_bytes: %llu is less than one file of the log takes (log.segment_bytes: %llu); raise it or lower that", disk, segment);
    if (disk < partitions * LOG_DISK_BYTES_PER_PARTITION)
        return note("log.disk_bytes: %llu is too little for %llu partitions; at least %llu", disk, partitions,
                    partitions * LOG_DISK_BYTES_PER_PARTITION);
    if (memory < partitions * LOG_MEMORY_BYTES_PER_PARTITION)
        return note("log.memory_bytes: %llu is too little for %llu partitions; at least %llu", memory, partitions,
                    partitions * LOG_MEMORY_BYTES_PER_PARTITION);
    return NULL;
}

static char *check_members(const struct config *config)
{
    const struct node_settings *node = &config->node;
    if (node->members_count == 0 || node->members_count % 2 == 0 || node->members_count > REPLICAS_MAX)
        return note("members: %zu given; 1, 3, 5 or 7 are possible", node->members_count);
    if (!node_settings_member(node, node->self))
        return note("node: %u is not among the members", node->self.value);
    return check_listening(config);
}

enum grid_err config_check(const struct config *config, char **ret_note)
{
    const struct node_settings *node = &config->node;
    *ret_note = NULL;
    if (!node->cluster[0])
        *ret_note = note("cluster: missing; give every cluster a name of its own");
    else if (strspn(node->cluster, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != strlen(node->cluster))
        *ret_note = note("cluster: \"%s\" has other characters than letters, digits, '-', '_' and '.'", node->cluster);
    else if (!config->data[0])
        *ret_note = note("data: missing; name a directory for this node alone");
    else if ((uint64_t)node->heartbeat_ms * 5 > node->election_timeout_ms)
        *ret_note = note("raft.heartbeat_ms: %u is more than a fifth of raft.election_timeout_ms (%u)", node->heartbeat_ms,
                         node->election_timeout_ms);
    else if ((*ret_note = check_members(config)) == NULL)
        *ret_note = check_log(node);
    return *ret_note ? GRID_ERR_INVALID : GRID_ERR_OK;
}

void config_each(const struct config *config, void (*each)(void *context, const char *name, const char *meaning), void *context)
{
    for (size_t i = 0; i < setting_count(config); i++) {
        struct setting setting = setting_get(config, i);
        struct buffer text = {0};
        buffer_append_format(&text, "%s%s", setting.meaning, setting.choices ? "; one of " : "");
        for (const char *word = setting.choices; word != NULL && *(word += strspn(word, " ")) != 0; word += strcspn(word, " "))
            buffer_append_format(&text, "%s%.*s", word == setting.choices + 1 ? "" : ", ", (int)strcspn(word, " "), word);
        if (setting.high != 0)
            buffer_append_format(&text, "; %llu to %llu", (unsigned long long)setting.low, (unsigned long long)setting.high);
        buffer_append_u8(&text, 0);
        each(context, setting.path, (const char *)text.data);
        buffer_close(&text);
    }
}

static void list_one(void *context, const char *name, const char *meaning)
{
    buffer_append_help(context, name, meaning);
}

void config_list(const struct config *config, struct buffer *out)
{
    config_each(config, list_one, out);
}
