#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "grid/base/memory.h"
#include "grid/node/process/config.h"

#define MEMBERS3                                                   \
    "members:\n"                                                   \
    "  - {id: 1, client: \"127.0.0.1:7400\", peer: \"127.0.0.1:7401\"}\n" \
    "  - {id: 2, client: \"127.0.0.1:7410\", peer: \"127.0.0.1:7411\"}\n" \
    "  - {id: 3, client: \"127.0.0.1:7420\", peer: \"127.0.0.1:7421\"}\n"

/* What a program adds to the settings of the grid. */
static const struct config_more more[] = {{"payment.ledger", "file of the built-in payment provider; empty: none"}};

static void defaults(struct config *config)
{
    config_defaults(config);
    config_add(config, more, 1);
}

static enum grid_err read_text(struct config *config, const char *text, char **ret_note)
{
    return config_read_text(config, "node.yaml", bytes_of_text(text), ret_note);
}

/* The text is refused with exactly this note. */
static void refuses_bytes(struct bytes text, const char *expected)
{
    struct config config;
    char *note = NULL;
    defaults(&config);
    cr_assert_eq(config_read_text(&config, "node.yaml", text, &note), GRID_ERR_INVALID, "accepted: %.*s", (int)text.size,
                 (const char *)text.data);
    cr_assert_str_eq(note, expected);
    memory_free(note);
}

static void refuses(const char *text, const char *expected)
{
    refuses_bytes(bytes_of_text(text), expected);
}

static void accepts(struct config *config, const char *text)
{
    char *note = NULL;
    defaults(config);
    enum grid_err err = read_text(config, text, &note);
    cr_assert_eq(err, GRID_ERR_OK, "%s", note);
}

/* ---- the file */

Test(config, reads_every_setting)
{
    struct config config;
    accepts(&config, "cluster: shop\nnode: 2\ndata: /var/lib/gridiron\npartitions: 64\ndurability: os\n" MEMBERS3
                     "listen: {client: \"0.0.0.0:7410\", peer: \"[::]:7411\"}\nmetrics: 127.0.0.1:7412\npayment:\n  ledger: payments.ndjson\n"
                     "log: {level: debug, format: json, disk_bytes: 8388608, memory_bytes: 4194304, segment_bytes: 4198400}\n"
                     "raft:\n  election_timeout_ms: 500\n  heartbeat_ms: 50\n");
    cr_assert_str_eq(config.node.cluster, "shop");
    cr_assert_eq(config.node.self.value, 2);
    cr_assert_str_eq(config.data, "/var/lib/gridiron");
    cr_assert_eq(config.node.partitions, 64);
    cr_assert_not(config.node.sync);
    cr_assert_eq(config.node.members_count, 3);
    cr_assert_eq(config.node.members[2].id.value, 3);
    cr_assert_str_eq(config.node.members[1].client_address, "127.0.0.1:7410");
    cr_assert_str_eq(config.node.members[1].peer_address, "127.0.0.1:7411");
    cr_assert_str_eq(node_settings_client_listen(&config.node), "0.0.0.0:7410");
    cr_assert_str_eq(node_settings_peer_listen(&config.node), "[::]:7411");
    cr_assert_str_eq(config.metrics_address, "127.0.0.1:7412");
    cr_assert_str_eq(config.more_values[0], "payments.ndjson");
    cr_assert_str_eq(config.log_level, "debug");
    cr_assert_str_eq(config.log_format, "json");
    cr_assert_eq(config.node.log_disk_bytes_max, 8388608);
    cr_assert_eq(config.node.log_memory_bytes_max, 4194304);
    cr_assert_eq(config.node.segment_bytes, 4198400);
    cr_assert_eq(config.node.election_timeout_ms, 500);
    cr_assert_eq(config.node.heartbeat_ms, 50);
    char *note = NULL;
    cr_assert_eq(config_check(&config, &note), GRID_ERR_OK, "%s", note);
}

Test(config, keeps_the_defaults_of_what_an_empty_file_does_not_say)
{
    static const char *const empty[] = {"", "# nothing\n", "---\n"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        struct config config;
        accepts(&config, empty[i]);
        cr_assert_eq(config.node.partitions, 128);
        cr_assert(config.node.sync);
        cr_assert_str_eq(config.log_level, "info");
        cr_assert_eq(config.node.log_disk_bytes_max, 4ull << 30);
        cr_assert_eq(config.node.log_memory_bytes_max, 1ull << 30);
    }
}

Test(config, takes_memory_in_bytes_or_with_a_unit)
{
    static const struct { const char *text; uint64_t bytes; } rows[] = {
        {"memory.max: 67108864\n", 67108864}, {"memory: {max: 64MiB}\n", 67108864}, {"memory.max: 131072KiB\n", 134217728},
        {"memory.max: 8GiB\n", 8ull << 30}, {"memory.max: 16TiB\n", 1ull << 44}};
    struct config config;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        accepts(&config, rows[i].text);
        cr_expect_eq(config.node.memory_max, rows[i].bytes, "%s", rows[i].text);
    }
    accepts(&config, "");
    cr_expect_eq(config.node.memory_max, 0u);
    static const char *const bad[] = {"67108863", "17TiB", "8GB", "8 GiB", "-1GiB", "GiB", "18446744073709551615GiB", "1e9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buffer text = {0}, expected = {0};
        buffer_append_format(&text, "memory.max: %s\n", bad[i]);
        buffer_append_format(&expected, "node.yaml:1:13: memory.max: \"%s\" is not a whole number from 67108864 to 17592186044416, nor such a size, "
                             "like 8GiB%c", bad[i], 0);
        refuses_bytes(buffer_bytes(&text), (const char *)expected.data);
        buffer_close(&text);
        buffer_close(&expected);
    }
}

Test(config, takes_dotted_names_too)
{
    struct config config;
    accepts(&config, "log.level: warn\nlog:\n  format: json\n");
    cr_assert_str_eq(config.log_level, "warn");
    cr_assert_str_eq(config.log_format, "json");
}

Test(config, takes_durations_for_milliseconds)
{
    struct config config;
    accepts(&config, "raft.election_timeout_ms: 2s\nraft.heartbeat_ms: 250ms\nclients.patience_ms: 1m\n");
    cr_assert_eq(config.node.election_timeout_ms, 2000);
    cr_assert_eq(config.node.heartbeat_ms, 250);
    cr_assert_eq(config.node.client_patience_ms, 60000);
    refuses("raft.heartbeat_ms: 2h\n", "node.yaml:1:20: raft.heartbeat_ms: \"2h\" is not a whole number from 10 to 60000, nor such a duration, like 10s");
    refuses("partitions: 2s\n", "node.yaml:1:13: partitions: \"2s\" is not a whole number from 1 to 4096");
}

Test(config, orders_members_by_id_so_that_files_in_another_order_agree)
{
    struct config a, b;
    accepts(&a, MEMBERS3);
    accepts(&b, "members:\n"
                "  - {peer: \"127.0.0.1:7421\", client: \"127.0.0.1:7420\", id: 3}\n"
                "  - {id: 1, client: \"127.0.0.1:7400\", peer: \"127.0.0.1:7401\"}\n"
                "  - {id: 2, client: \"127.0.0.1:7410\", peer: \"127.0.0.1:7411\"}\n");
    cr_assert_eq(b.node.members[0].id.value, 1);
    cr_assert_eq(b.node.members[2].id.value, 3);
    for (size_t i = 0; i < 3; i++)
        cr_assert_str_eq(a.node.members[i].peer_address, b.node.members[i].peer_address);
}

Test(config, takes_a_cluster_uuid_in_its_canonical_form_only)
{
    struct config config;
    accepts(&config, "cluster_uuid: 0123ABCD-4567-89ef-8123-456789abcdef\n");
    cr_assert_str_eq(config.node.cluster_uuid, "0123abcd-4567-89ef-8123-456789abcdef");
    accepts(&config, "cluster_uuid: \"\"\n");
    cr_assert_str_eq(config.node.cluster_uuid, "");
    refuses("cluster_uuid: shop\n", "node.yaml:1:15: cluster_uuid: \"shop\" is not a UUID like 0123abcd-4567-89ef-8123-456789abcdef");
    refuses("cluster_uuid: 00000000-0000-0000-0000-000000000000\n",
            "node.yaml:1:15: cluster_uuid: \"00000000-0000-0000-0000-000000000000\" is not a UUID like 0123abcd-4567-89ef-8123-456789abcdef");
}

Test(config, names_line_and_column_of_an_unknown_setting)
{
    refuses("cluster: shop\nclutser: shop\n", "node.yaml:2:1: unknown setting: clutser");
    refuses("log:\n  level: info\n  colour: red\n", "node.yaml:3:3: unknown setting: log.colour");
    refuses("log:\n  log.level: info\n", "node.yaml:2:3: unknown setting: log.log.level");
}

Test(config, names_line_and_column_of_what_is_set_twice)
{
    refuses("node: 1\ndata: a\nnode: 2\n", "node.yaml:3:1: set twice: node");
    refuses("log: {level: info}\nlog.level: warn\n", "node.yaml:2:1: set twice: log.level");
    refuses("members: [{id: 1, id: 2}]\n", "node.yaml:1:19: set twice in one member: id");
    refuses("members: [{client: \"a:1\", peer: \"a:2\", peer: \"a:3\"}]\n", "node.yaml:1:40: set twice in one member: peer");
}

Test(config, names_line_and_column_of_a_wrong_type)
{
    refuses("- cluster\n", "node.yaml:1:1: expected settings as name: value");
    refuses("shop\n", "node.yaml:1:1: expected settings as name: value");
    refuses("cluster: [shop]\n", "node.yaml:1:10: cluster: expected a single value");
    refuses("cluster:\n  name: shop\n", "node.yaml:2:3: cluster: expected a single value");
    refuses("log: debug\n", "node.yaml:1:6: log: expected settings below it as name: value");
    refuses("[a, b]: c\n", "node.yaml:1:1: expected a name");
    refuses("partitions: many\n", "node.yaml:1:13: partitions: \"many\" is not a whole number from 1 to 4096");
    refuses("partitions: 12.5\n", "node.yaml:1:13: partitions: \"12.5\" is not a whole number from 1 to 4096");
    refuses("partitions:\n", "node.yaml:1:12: partitions: \"\" is not a whole number from 1 to 4096");
    refuses("metrics: 7402\n", "node.yaml:1:10: metrics: \"7402\" is not host:port");
    refuses("metrics: localhost:http\n", "node.yaml:1:10: metrics: \"localhost:http\" is not host:port");
    refuses("metrics: localhost:65536\n", "node.yaml:1:10: metrics: \"localhost:65536\" is not host:port");
}

Test(config, names_line_and_column_of_a_number_out_of_range)
{
    refuses("node: 0\n", "node.yaml:1:7: node: \"0\" is not a whole number from 1 to 64");
    refuses("node: 65\n", "node.yaml:1:7: node: \"65\" is not a whole number from 1 to 64");
    refuses("node: -1\n", "node.yaml:1:7: node: \"-1\" is not a whole number from 1 to 64");
    refuses("node: +1\n", "node.yaml:1:7: node: \"+1\" is not a whole number from 1 to 64");
    refuses("node: 0x1\n", "node.yaml:1:7: node: \"0x1\" is not a whole number from 1 to 64");
    refuses("\n\n  partitions: 4097\n", "node.yaml:3:15: partitions: \"4097\" is not a whole number from 1 to 4096");
    refuses("log: {disk_bytes: 18446744073709551617}\n",
            "node.yaml:1:19: log.disk_bytes: \"18446744073709551617\" is not a whole number from 4194304 to 17592186044416");
}

Test(config, takes_the_ends_of_a_range)
{
    struct config config;
    accepts(&config, "node: 64\npartitions: 4096\nraft: {heartbeat_ms: 10, election_timeout_ms: 600000}\n");
    cr_assert_eq(config.node.self.value, 64);
    cr_assert_eq(config.node.partitions, 4096);
    cr_assert_eq(config.node.heartbeat_ms, 10);
    cr_assert_eq(config.node.election_timeout_ms, 600000);
    accepts(&config, "clients: {connections_max: 1000000, patience_ms: 1000}\n");
    cr_assert_eq(config.node.client_connections_max, 1000000);
    cr_assert_eq(config.node.client_patience_ms, 1000);
    refuses("clients: {connections_max: 0}\n",
            "node.yaml:1:28: clients.connections_max: \"0\" is not a whole number from 1 to 1000000");
}

Test(config, names_the_nearest_sizes_of_a_file_of_the_log)
{
    struct config config;
    accepts(&config, "log: {segment_bytes: 4194304}\n");
    cr_assert_eq(config.node.segment_bytes, 4194304);
    accepts(&config, "log: {segment_bytes: 268435456}\n");
    cr_assert_eq(config.node.segment_bytes, 268435456);
    refuses("log: {segment_bytes: 15000000}\n",
            "node.yaml:1:22: log.segment_bytes: 15000000 is not a multiple of 4096; the nearest are 14999552 and 15003648");
    static const char *const outside[] = {"1048576", "2097152", "4190208", "4194303", "268435457", "4294963200", "4294967296"};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        char text[64], expected[160];
        snprintf(text, sizeof text, "log: {segment_bytes: %s}\n", outside[i]);
        snprintf(expected, sizeof expected,
                 "node.yaml:1:22: log.segment_bytes: \"%s\" is not a whole number from 4194304 to 268435456", outside[i]);
        refuses(text, expected);
    }
}

Test(config, lists_the_choices_of_a_word)
{
    refuses("durability: always\n", "node.yaml:1:13: durability: \"always\" is not one of: fsync os ");
    refuses("durability: \"\"\n", "node.yaml:1:13: durability: \"\" is not one of: fsync os ");
    refuses("durability: fsync os\n", "node.yaml:1:13: durability: \"fsync os\" is not one of: fsync os ");
    refuses("log:\n  level: loud\n", "node.yaml:2:10: log.level: \"loud\" is not one of: debug info warn error ");
}

Test(config, refuses_a_text_that_does_not_fit)
{
    char text[200];
    struct config config;
    snprintf(text, sizeof text, "cluster: %063d\n", 1);
    accepts(&config, text);
    snprintf(text, sizeof text, "cluster: %064d\n", 1);
    refuses(text, "node.yaml:1:10: cluster: longer than 63 bytes");
}

Test(config, refuses_a_zero_byte_instead_of_cutting_the_text)
{
    refuses("cluster: \"shop\\0two\"\n", "node.yaml:1:10: cluster: expected a single value");
    refuses("\"cluster\\0\": shop\n", "node.yaml:1:1: expected a name");
    refuses("members: [{id: \"1\\0\"}]\n", "node.yaml:1:16: members: expected {id, client, peer}");
}

Test(config, names_line_and_column_of_a_bad_member)
{
    refuses("members: 3\n", "node.yaml:1:10: members: expected a list of {id, client, peer}");
    refuses("members:\n  - one\n", "node.yaml:2:5: members: expected {id, client, peer}");
    refuses("members:\n  - {id: 1, client: \"a:1\"}\n", "node.yaml:2:5: members: each needs id, client and peer");
    refuses("members:\n  - {id: 1, client: \"a:1\", peer: \"a:2\", zone: b}\n",
            "node.yaml:2:41: unknown key in members (expected id, client, peer): zone");
    refuses("members:\n  - {id: 65, client: \"a:1\", peer: \"a:2\"}\n",
            "node.yaml:2:10: members.id: \"65\" is not a whole number from 1 to 64");
    refuses("members:\n  - {id: 1, client: a, peer: \"a:2\"}\n", "node.yaml:2:21: members: expected host:port: a");
    refuses("members:\n  - {id: 1, client: \"a:0\", peer: \"a:2\"}\n", "node.yaml:2:21: members: expected host:port: a:0");
    refuses("members:\n  - {id: 1, client: \":1\", peer: \"a:2\"}\n", "node.yaml:2:21: members: expected host:port: :1");
    refuses("members:\n  - {id: 1, client: \"a:1\", peer: [a]}\n", "node.yaml:2:34: members: expected {id, client, peer}");
}

Test(config, names_line_and_column_of_members_that_clash)
{
    refuses("members:\n  - {id: 1, client: \"a:1\", peer: \"a:2\"}\n  - {id: 1, client: \"a:3\", peer: \"a:4\"}\n",
            "node.yaml:3:5: members: this id is given twice");
    refuses("members:\n  - {id: 1, client: \"a:1\", peer: \"a:2\"}\n  - {id: 2, client: \"a:2\", peer: \"a:4\"}\n",
            "node.yaml:3:5: members: an address of this member is given twice");
    refuses("members:\n  - {id: 1, client: \"a:1\", peer: \"a:1\"}\n",
            "node.yaml:2:5: members: client and peer need addresses of their own: a:1");
}

Test(config, refuses_more_members_than_ids)
{
    struct buffer text = {0};
    buffer_append_text(&text, "members:\n");
    for (int i = 0; i < 65; i++)
        buffer_append_format(&text, "  - {id: %d, client: \"a:%d\", peer: \"b:%d\"}\n", i % 64 + 1, i + 1, i + 1);
    refuses_bytes(buffer_bytes(&text), "node.yaml:66:5: members: more than 64");
    buffer_close(&text);
}

Test(config, names_line_and_column_of_what_is_not_yaml)
{
    refuses("cluster: shop\nlog: {level: info\n", "node.yaml:3:1: not YAML: did not find expected ',' or '}'");
    refuses("cluster: shop\n\tnode: 1\n", "node.yaml:2:1: not YAML: found a tab character that violates indentation");
    refuses("cluster: shop\nnode: \x80\n", "node.yaml:2:7: not YAML: invalid leading UTF-8 octet");
    refuses("cluster: *nobody\n", "node.yaml:1:10: not YAML: found undefined alias");
}

Test(config, refuses_a_second_document)
{
    refuses("cluster: shop\n---\nnode: 1\n", "node.yaml:3:1: expected one document");
    refuses("cluster: shop\n---\n[", "node.yaml:4:1: not YAML: did not find expected node content");
}

Test(config, shows_the_position_behind_a_very_long_file_name)
{
    struct config config;
    char name[2001], *note = NULL;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    defaults(&config);
    cr_assert_eq(config_read_text(&config, name, bytes_of_text("node: x\n"), &note), GRID_ERR_INVALID);
    cr_assert_not_null(strstr(note, "nnn:1:7: node: "));
    memory_free(note);
}

Test(config, reads_a_file_and_names_it)
{
    struct config config;
    char path[] = "/tmp/gridiron-config-XXXXXX", expected[128], *note = NULL;
    int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    cr_assert_eq(write(descriptor, "cluster: shop\nnode: x\n", 22), 22);
    close(descriptor);
    defaults(&config);
    cr_assert_eq(config_read_file(&config, path, &note), GRID_ERR_INVALID);
    snprintf(expected, sizeof expected, "%s:2:7: node: \"x\" is not a whole number from 1 to 64", path);
    cr_assert_str_eq(note, expected);
    cr_assert_str_eq(config.node.cluster, "shop");
    memory_free(note);
    unlink(path);
    note = NULL;
    cr_assert_eq(config_read_file(&config, path, &note), GRID_ERR_IO);
    snprintf(expected, sizeof expected, "%s: No such file or directory", path);
    cr_assert_str_eq(note, expected);
    memory_free(note);
    note = NULL;
    cr_assert_eq(config_read_file(&config, "/tmp", &note), GRID_ERR_IO);
    cr_assert_str_eq(note, "/tmp: cannot be read");
    memory_free(note);
}

/* ---- environment and flags */

Test(config, reads_the_environment_over_the_file)
{
    struct config config;
    static const char *const environment[] = {"PATH=/bin", "GRIDIRON_LOG_LEVEL=error", "GRIDIRON_NODE=3",
                                              "GRIDIRON_LOG_LEVELS=loud", "GRIDIRON_SERVICE_HOST=10.0.0.1", NULL};
    char *note = NULL;
    accepts(&config, "node: 1\nlog: {level: debug}\n");
    cr_assert_eq(config_read_environment(&config, environment, &note), GRID_ERR_OK);
    cr_assert_str_eq(config.log_level, "error");
    cr_assert_eq(config.node.self.value, 3);
}

Test(config, names_the_variable_that_is_wrong)
{
    static const char *const wrong[][2] = {
        {"GRIDIRON_PARTITIONS=none", "GRIDIRON_PARTITIONS: partitions: \"none\" is not a whole number from 1 to 4096"},
        {"GRIDIRON_RAFT_HEARTBEAT_MS=9", "GRIDIRON_RAFT_HEARTBEAT_MS: raft.heartbeat_ms: \"9\" is not a whole number from 10 to 60000, nor such a duration, like 10s"},
        {"GRIDIRON_DURABILITY=", "GRIDIRON_DURABILITY: durability: \"\" is not one of: fsync os "},
        {"GRIDIRON_MEMBERS=a:1", "GRIDIRON_MEMBERS: members: expected a list of {id, client, peer}"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config config;
        const char *const environment[] = {wrong[i][0], NULL};
        char *note = NULL;
        defaults(&config);
        cr_assert_eq(config_read_environment(&config, environment, &note), GRID_ERR_INVALID);
        cr_assert_str_eq(note, wrong[i][1]);
        memory_free(note);
    }
}

Test(config, assigns_from_the_command_line)
{
    struct config config;
    char *note = NULL;
    defaults(&config);
    cr_assert_eq(config_assign(&config, "command line", "payment.ledger=a=b", &note), GRID_ERR_OK);
    cr_assert_str_eq(config.more_values[0], "a=b");
    cr_assert_eq(config_assign(&config, "command line", "payment.ledger=", &note), GRID_ERR_OK);
    cr_assert_str_eq(config.more_values[0], "");
    cr_assert_eq(config_assign(&config, "command line", "durability=os", &note), GRID_ERR_OK);
    cr_assert_not(config.node.sync);
    cr_assert_str_eq(config.loopback, "unix");
    cr_assert_eq(config_assign(&config, "command line", "loopback=tcp", &note), GRID_ERR_OK);
    cr_assert_str_eq(config.loopback, "tcp");
    cr_assert_eq(config_assign(&config, "command line", "loopback=udp", &note), GRID_ERR_INVALID);
    memory_free(note);
}

Test(config, names_the_flag_that_is_wrong)
{
    static const char *const wrong[][2] = {
        {"node", "command line: \"node\" is not of the form name=value"},
        {"=1", "command line: unknown setting \"\"; --help lists them all"},
        {"nodes=1", "command line: unknown setting \"nodes\"; --help lists them all"},
        {"node=1x", "command line: node: \"1x\" is not a whole number from 1 to 64"},
        {"log=info", "command line: unknown setting \"log\"; --help lists them all"},
        {"members=1", "command line: members: expected a list of {id, client, peer}"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config config;
        char *note = NULL;
        defaults(&config);
        cr_assert_eq(config_assign(&config, "command line", wrong[i][0], &note), GRID_ERR_INVALID);
        cr_assert_str_eq(note, wrong[i][1]);
        memory_free(note);
    }
}

/* ---- the whole */

Test(config, checks_what_only_the_whole_can_tell)
{
    static const char *const wrong[][2] = {
        {"node: 1\ndata: d\n" MEMBERS3, "cluster: missing; give every cluster a name of its own"},
        {"cluster: a b\nnode: 1\ndata: d\n" MEMBERS3,
         "cluster: \"a b\" has other characters than letters, digits, '-', '_' and '.'"},
        {"cluster: shop\nnode: 1\n" MEMBERS3, "data: missing; name a directory for this node alone"},
        {"cluster: shop\nnode: 1\ndata: d\n", "members: 0 given; 1, 3, 5 or 7 are possible"},
        {"cluster: shop\nnode: 1\ndata: d\nmembers: []\n", "members: 0 given; 1, 3, 5 or 7 are possible"},
        {"cluster: shop\nnode: 1\ndata: d\nmembers: [{id: 1, client: \"a:1\", peer: \"a:2\"}, {id: 2, client: \"b:1\", peer: \"b:2\"}]\n",
         "members: 2 given; 1, 3, 5 or 7 are possible"},
        {"cluster: shop\nnode: 4\ndata: d\n" MEMBERS3, "node: 4 is not among the members"},
        {"cluster: shop\ndata: d\n" MEMBERS3, "node: 0 is not among the members"},
        {"cluster: shop\nnode: 1\ndata: d\nraft: {heartbeat_ms: 201}\n" MEMBERS3,
         "raft.heartbeat_ms: 201 is more than a fifth of raft.election_timeout_ms (1000)"},
        {"cluster: shop\nnode: 2\ndata: d\nmetrics: 127.0.0.1:7410\n" MEMBERS3,
         "metrics: 127.0.0.1:7410 is this node's client address too; give it one of its own"},
        {"cluster: shop\nnode: 2\ndata: d\nmetrics: 127.0.0.1:7411\n" MEMBERS3,
         "metrics: 127.0.0.1:7411 is this node's peer address too; give it one of its own"},
        {"cluster: shop\nnode: 2\ndata: d\nmetrics: 127.0.0.1:9000\nlisten: {client: \"0.0.0.0:9000\"}\n" MEMBERS3,
         "metrics: 127.0.0.1:9000 is this node's client address too; give it one of its own"},
        {"cluster: shop\nnode: 2\ndata: d\nlisten: {client: \"[::]:9000\", peer: \"10.0.0.1:9000\"}\n" MEMBERS3,
         "listen: [::]:9000 for clients and 10.0.0.1:9000 for peers cannot be used together; give each a port of its own"},
        {"cluster: shop\nnode: 1\ndata: d\nmembers: [{id: 1, client: \"0.0.0.0:7400\", peer: \"a:2\"}]\n",
         "members: nobody can reach node 1 at 0.0.0.0:7400; name an address of it here, and set listen.client or listen.peer to listen on all"},
        {"cluster: shop\nnode: 1\ndata: d\nlog: {disk_bytes: 67108863}\n" MEMBERS3,
         "log.disk_bytes: 67108863 is less than one file of the log takes (log.segment_bytes: 67108864); raise it or lower that"},
        {"cluster: shop\nnode: 1\ndata: d\npartitions: 4096\nlog: {disk_bytes: 33554431, segment_bytes: 4194304}\n" MEMBERS3,
         "log.disk_bytes: 33554431 is too little for 4096 partitions; at least 33554432"},
        {"cluster: shop\nnode: 1\ndata: d\npartitions: 4096\nlog: {memory_bytes: 16777215}\n" MEMBERS3,
         "log.memory_bytes: 16777215 is too little for 4096 partitions; at least 16777216"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config config;
        char *note = NULL;
        accepts(&config, wrong[i][0]);
        cr_assert_eq(config_check(&config, &note), GRID_ERR_INVALID);
        cr_assert_str_eq(note, wrong[i][1]);
        memory_free(note);
    }
}

/* Each at its bound, and what goes with it: what one setting allows, the others hold. */
Test(config, accepts_the_ends_that_go_together)
{
    static const char *const right[] = {
        "log: {segment_bytes: 268435456, disk_bytes: 268435456}\n",
        "log: {segment_bytes: 4194304, disk_bytes: 4194304, memory_bytes: 4194304}\n",
        "partitions: 4096\nlog: {segment_bytes: 4194304, disk_bytes: 33554432, memory_bytes: 16777216}\n",
        "partitions: 1\nadmission: {load: 1}\nclients: {connections_max: 1, patience_ms: 1000}\n",
        "raft: {heartbeat_ms: 10, election_timeout_ms: 50}\n",
        "raft: {heartbeat_ms: 60000, election_timeout_ms: 600000}\n",
        "metrics: 127.0.0.1:7410\n", /* of another node */
        "listen: {client: \"0.0.0.0:7400\", peer: \"0.0.0.0:7401\"}\nmetrics: 0.0.0.0:7402\n",
        "listen: {client: \"10.0.0.1:9000\"}\nmetrics: 127.0.0.1:7400\n", /* where it is reached is not where it listens */
    };
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        struct buffer text = {0};
        struct config config;
        char *note = NULL;
        buffer_append_format(&text, "cluster: shop\nnode: 1\ndata: d\n" MEMBERS3 "%s", right[i]);
        buffer_append_u8(&text, 0);
        accepts(&config, (const char *)text.data);
        cr_assert_eq(config_check(&config, &note), GRID_ERR_OK, "%s", note);
        buffer_close(&text);
    }
}

Test(config, explains_every_setting)
{
    struct buffer out = {0};
    struct config config;
    defaults(&config);
    config_list(&config, &out);
    buffer_append_u8(&out, 0);
    const char *text = (const char *)out.data;
    cr_assert_not_null(strstr(text, "  raft.heartbeat_ms "));
    cr_assert_not_null(strstr(text, "                             majority; one of fsync, os\n"));
    cr_assert_not_null(strstr(text, "  payment.ledger             file of the built-in payment provider; empty:\n                             none\n"));
    cr_assert_not_null(strstr(text, "  members "));
    cr_assert_not_null(strstr(text, "a multiple of 4096;\n                             4194304 to 268435456\n"));
    /* A meaning goes on below its beginning, within 80 columns. */
    for (const char *line = text; *line != 0; line = strchr(line, '\n') + 1) {
        size_t indent = strspn(line, " ");
        cr_assert(indent == HELP_COLUMN || (indent == 2 && (line[HELP_COLUMN - 1] == ' ' || line[HELP_COLUMN] == '\n')), "%.40s", line);
        cr_assert_leq(strcspn(line, "\n"), HELP_WIDTH, "%.80s", line);
    }
    buffer_close(&out);
}
