/* Every command of gridctl. */
#include "tools/gridctl/bench/bench.h"
#include "tools/gridctl/command.h"
#include "tools/gridctl/commands/pager.h"

static const struct option_row common_options[] = {
    {"endpoints", 'e', "HOST:PORT,...", "nodes to connect to (GRIDIRON_ENDPOINTS; default: the context's, or 127.0.0.1:7400,:7410,:7420)"},
    {"context", 0, "NAME", "a name for endpoints (GRIDIRON_CONTEXT; default: the context in use, see gridctl context)"},
    {"output", 'o', "table|json|ndjson|yaml", "how results are shown (default table); ndjson: lists as one object a line"},
    {"timeout", 't', "TIME", "how long one request may take: milliseconds, or 10s, 2m (default 10s)"},
    {"help", 'h', NULL, "this help"},
    {0},
};

#define MAP_OPTION {"map", 'm', "NAME", "the map (default \"default\")"}
#define AFFINITY_OPTION {"affinity", 'a', "TEXT", "decides the key's partition, and is part of its identity (default: the key)"}
#define BULK_OPTIONS                                                                \
    {"file", 'f', "FILE|-", "newline-delimited JSON; - is standard input"},         \
    {"failed-to", 0, "FILE", "where to write the lines that were unavailable, unknown or not started"}, \
    {"strict", 0, NULL, "start no line after one was rejected"},                 \
    {"progress", 0, NULL, "draw a progress bar on standard error"}

#define WRITE_OPTIONS                                                                                             \
    MAP_OPTION, AFFINITY_OPTION, VALUE_FILE_OPTION,                                                               \
    {"ttl", 0, "TIME|none", "how long the entry lasts, from now: milliseconds, or 10s, 2h (default: the ttl of the map's settings)"},          \
    {"idempotency-key", 0, "TEXT", "executes only the first write with this key; a repetition gets the same answer"}
#define VALUE_FILE_OPTION {"value-file", 'f', "FILE|-", "the value is the content of this file, byte for byte; - is standard input"}
#define RAW_OPTION {"raw", 'r', NULL, "print the value without a line end after it"}
#define IF_VALUE_OPTION {"if-value", 0, "TEXT", "only if the entry has this value"}

static const struct option_row key_options[] = {MAP_OPTION, AFFINITY_OPTION, {0}};
static const struct option_row value_options[] = {MAP_OPTION, AFFINITY_OPTION, RAW_OPTION, {0}};
static const struct option_row map_options[] = {MAP_OPTION, {0}};
static const struct option_row write_options[] = {WRITE_OPTIONS, {0}};
static const struct option_row put_options[] = {WRITE_OPTIONS, RAW_OPTION, {0}};
static const struct option_row cas_options[] = {
    WRITE_OPTIONS, {"version", 'v', "N", "the version that the entry must have; 0: it must not exist"}, {0}};
static const struct option_row replace_options[] = {WRITE_OPTIONS, IF_VALUE_OPTION, RAW_OPTION, {0}};
static const struct option_row remove_options[] = {
    MAP_OPTION, AFFINITY_OPTION, IF_VALUE_OPTION,
    {"if-version", 'v', "N", "only if the entry has this version"},
    {0}};
static const struct option_row batch_options[] = {
    MAP_OPTION, AFFINITY_OPTION, {"file", 'f', "FILE|-", "one operation a line; - is standard input (default)"}, {0}};
static const struct option_row clear_options[] = {MAP_OPTION, {"yes", 'y', NULL, "do it"}, {0}};
static const struct option_row config_options[] = {
    MAP_OPTION,
    {"ttl", 0, "TIME|none", "the default for later writes that give no ttl: milliseconds, or 10s, 2h"},
    {"entries-max", 0, "N", "entries of the map in one partition; 0: no bound"},
    {"bytes-max", 0, "N", "bytes of the map's records in one partition; 0: no bound"},
    {"journal", 'j', "on|off", "record every change"},
    {"journal-old-values", 0, "on|off", "records have the old value, too"},
    {"journal-entries", 0, "N", "records kept in one partition; 0: the limit of retention, 10000 by default"},
    {"journal-bytes", 0, "N", "bytes kept in one partition; 0: the limit of retention, 8 MiB by default"},
    {"journal-age", 0, "TIME", "how long records are kept: milliseconds, or 10s, 2h; 0: the limit of retention, none by default"},
    {"expect", 0, "VERSION", "only if the settings have this version; 0: never configured"},
    {0}};
static const struct option_row tail_options[] = {
    MAP_OPTION,
    {"from", 0, "oldest|newest|SEQUENCE|@MS|TIME", "first record (default oldest); @MS since 1970 or TIME, 2026-01-31T12:00:00Z, in log time"},
    {"partition", 'p', "N", "only this partition (default: all)"},
    {"follow", 'f', NULL, "print later records, too, until interrupted"},
    {"limit", 'n', "N", "at most so many records; 0: all (default)"},
    {0}};
static const struct option_row scan_options[] = {
    MAP_OPTION,
    {"affinity", 'a', "TEXT", "only entries of this affinity"},
    {"prefix", 'p', "TEXT", "only keys that begin with this text"},
    PAGER_OPTIONS,
    {0}};
static const struct option_row export_options[] = {
    MAP_OPTION,
    {"affinity", 'a', "TEXT", "only entries of this affinity"},
    {"prefix", 'p', "TEXT", "only keys that begin with this text"},
    {"file", 'f', "FILE|-", "where the lines go (default -, standard output); a file appears when it is whole"},
    {0}};
static const struct option_row load_options[] = {MAP_OPTION, BULK_OPTIONS, {0}};
static const struct option_row create_options[] = {
    BULK_OPTIONS,
    {"new-ids", 0, NULL, "lines without an id get fresh ids (default: ids derived from their bytes, so a repetition creates nothing)"},
    {0}};
#define REASON_OPTION {"reason", 0, "TEXT", "why; it is kept with the event"}
#define ONCE_OPTION {"idempotency-key", 0, "TEXT", "a repetition with the same key does nothing more (default: a fresh key, which is told if the outcome is unknown)"}
static const struct option_row customer_update_options[] = {
    {"name", 0, "TEXT", "the new name"}, {"address", 0, "TEXT", "the new address"}, {"phone", 0, "TEXT", "the new phone number"}, {0}};
static const struct option_row reason_options[] = {REASON_OPTION, {0}};
static const struct option_row replenish_options[] = {REASON_OPTION, ONCE_OPTION, {0}};
static const struct option_row cancel_options[] = {REASON_OPTION, {"by", 0, "TEXT", "who cancels"}, {0}};
static const struct option_row refund_options[] = {
    {"amount", 0, "AMOUNT", "how much, like 12.50 (default: all that is captured and not refunded)"}, REASON_OPTION, ONCE_OPTION, {0}};
static const struct option_row limit_options[] = {PAGER_OPTIONS, {0}};
static const struct option_row order_list_options[] = {
    {"status", 's', "pending|confirmed|cancelled", "only orders in this status"}, PAGER_OPTIONS, {0}};
static const struct option_row saga_list_options[] = {
    {"status", 's', "started|in_progress|completed|compensating|compensated|failed|timed_out", "only sagas in this status"},
    PAGER_OPTIONS,
    {0}};
static const struct option_row bench_map_options[] = {
    {"op", 0, "set|get|mixed", "the operation; mixed: half sets, half gets (default set)"},
    BENCH_OPTIONS,
    {"value-size", 'v', "N", "bytes of a value (default 100)"},
    {"content", 0, "letters|text|noise", "content of the values: the repeated alphabet, records of words, or bytes that do not compress (default letters)"},
    {"keys", 'k', "N", "keys to choose from; a benchmark of gets first writes all of them (default 100000)"},
    {"map", 'm', "NAME", "the map (default \"bench\")"},
    {0}};
static const struct option_row bench_orders_options[] = {
    {"concurrency", 'c', "N", "orders in flight at once (default 64)"},
    {"connections", 0, "N", "clients, each with its own connections (default 8)"},
    {"rate", 'r', "N", "orders a second, even if earlier orders have not ended (open loop); 0: as fast as possible (default 0)"},
    {"lines", 'l', "N|N-M", "lines of an order, chosen from the range (default 1-3)"},
    {"decline-percent", 0, "N", "orders that cost more than the built-in provider charges, so their sagas compensate (default 0)"},
    {"products", 0, "N", "products to choose from (default 1000)"},
    {"zipf", 'z', "S", "skew of the choice: the product of rank k is chosen in proportion to 1/k^S (default 0: evenly)"},
    {"seconds", 's', "N", "measured time, or a duration like 2m (default 10)"},
    {"warmup", 'w', "N", "seconds before the measured time; they do not count (default 1)"},
    {0}};

static const struct option_row context_options[] = {
    {"cluster", 0, "UUID", "commands fail when an endpoint belongs to another cluster than this one (cluster status shows the UUID)"},
    {"replace", 0, NULL, "change the context if it exists"},
    {0}};

static const struct option_row watch_options[] = {
    {"interval", 'n', "SECONDS", "time between updates, or a duration like 2m (default 1)"},
    {"count", 'c', "N", "number of updates; 0: until q or Ctrl-C (default 0)"},
    {0}};

static const struct option_row snapshot_options[] = {
    {"node", 'n', "NODES", "numbers of the nodes that take it, with commas (default: all)"},
    {0}};

static const struct option_row retention_options[] = {
    {"age", 0, "TIME|none", "how long they are kept, in log time: milliseconds, or 10m, 7d"},
    {"count", 0, "N|none", "how many one partition keeps"},
    {"bytes", 0, "SIZE|none", "how many bytes of them one partition keeps: bytes, or 64MiB, 1GiB"},
    {"expect", 0, "VERSION", "only if the limits have this version; 0: the defaults"},
    {0}};

static const struct command_row rows[] = {
    {"cluster", "status", "", 0, 0, "Shows nodes, leaders, and whether every partition is served; exit status 1 if the cluster is not healthy.", NULL,
     "cluster status\ncluster status -o json --endpoints 10.0.0.1:7400", cluster_status},
    {"cluster", "watch", "", 0, 0, "Shows nodes, commands, reads and sagas, and updates them; prints lines if the output is not a terminal.", watch_options,
     "cluster watch\ncluster watch -n 5\ncluster watch --count 3 -o json", cluster_watch},
    {"member", "list", "", 0, 0, "Lists the members, with version, uptime and size of the log.", NULL,
     "member list\nmember list -o json", member_list},
    {"level", "show", "", 0, 0, "Shows the feature level of the cluster, and the level that each node supports.", NULL,
     "level show\nlevel show -o json", level_show},
    {"level", "raise", "[LEVEL]", 0, 1, "Raises the feature level after all nodes are upgraded; there is no way back.", NULL,
     "level raise            # to the highest that all nodes support\nlevel raise 2", level_raise},
    {"retention", "list", "", 0, 0, "Shows what the cluster keeps for a limited time: how much there is, and the limits.", NULL,
     "retention list\nretention list -o json", retention_list},
    {"retention", "set", "KIND", 1, 1, "Changes limits of completions, sagas, keys, sessions or journals in all partitions; those not named stay.",
     retention_options,
     "retention set sagas --age 7d --count 1000000 --bytes 1GiB\nretention set keys --age 48h\nretention set sagas --age none", retention_set},
    {"partition", "list", "", 0, 0, "Lists every partition, with its leader, progress and contents.", NULL,
     "partition list\npartition list -o json", partition_list},
    {"snapshot", "take", "[PARTITION]", 0, 1, "Takes a snapshot of a partition, or of all, on every node, and waits until they are on disk.", snapshot_options,
     "snapshot take\nsnapshot take 5\nsnapshot take --node 2,3 -o json", snapshot_take},
    {"backup", "create", "DIR", 1, 1, "Writes a backup of all partitions, of one moment, to a new directory; the cluster serves meanwhile.", NULL,
     "backup create /backups/monday\nbackup create /backups/monday -o json", backup_create},
    {"backup", "list", "[DIR]", 0, 1, "Lists the backups in a directory (default: here), oldest first.", NULL,
     "backup list /backups\nbackup list /backups -o json", backup_list},
    {"backup", "verify", "DIR", 1, 1, "Reads a whole backup and checks it; exit status 1 if it is damaged.", NULL,
     "backup verify /backups/monday", backup_verify},
    {"restore", "", "DIR", 1, 1, "Restores a backup into a new, empty cluster with the same number of partitions and any number of nodes.", NULL,
     "restore /backups/monday\nrestore /backups/monday -o json --endpoints 10.0.0.1:7400", restore_run},
    {"map", "set", "KEY [VALUE]", 1, 2, "Writes an entry and prints its new version.", write_options,
     "map set greeting hello\nmap set 42 '{\"a\":1}' --map things --affinity customer-7\nmap set token abc --ttl 60s\n"
     "map set logo --value-file logo.png\nmap set note --value-file - < note.txt",
     map_set},
    {"map", "put", "KEY [VALUE]", 1, 2, "Writes an entry and prints its old value, if it existed.", put_options,
     "map put greeting hello\nmap put greeting hi --idempotency-key 7f3a -o json", map_put},
    {"map", "put-if-absent", "KEY [VALUE]", 1, 2, "Writes an entry only if it does not exist.", write_options,
     "map put-if-absent lock node-1 --ttl 5s", map_put_if_absent},
    {"map", "replace", "KEY [VALUE]", 1, 2, "Writes an entry only if it exists, and prints its old value.", replace_options,
     "map replace greeting hi\nmap replace greeting goodbye --if-value hi", map_replace},
    {"map", "get", "KEY", 1, 1, "Prints an entry's value (linearizable); exit status 1 if it does not exist.", value_options,
     "map get greeting\nmap get logo --raw > logo.png\nmap get greeting -o json", map_get},
    {"map", "contains", "KEY", 1, 1, "Says whether an entry exists; exit status 1 if not.", key_options,
     "map contains greeting",
     map_contains},
    {"map", "remove", "KEY", 1, 1, "Removes an entry.", remove_options,
     "map remove greeting --map things\nmap remove greeting --if-value hello\nmap remove greeting --if-version 17", map_remove},
    {"map", "take", "KEY", 1, 1, "Removes an entry and prints its value; exit status 1 if it does not exist.", value_options,
     "map take greeting\nmap take logo --raw > logo.png", map_take},
    {"map", "cas", "KEY [VALUE]", 1, 2, "Writes an entry only if it has the given version.", cas_options,
     "map cas greeting hello --version 0\nmap cas greeting goodbye --version 17", map_cas},
    {"map", "ttl", "KEY TIME|none", 2, 2, "Changes how long an entry lasts, from now.", key_options,
     "map ttl greeting 60s\nmap ttl greeting none", map_set_ttl},
    {"map", "batch", "", 0, 0, "Runs several operations on keys of one affinity, all or nothing.", batch_options,
     "map batch --map accounts --file transfer.ndjson\n"
     "map batch --affinity c-7 < transfer.ndjson     # {\"op\":\"set\",\"key\":\"a\",\"value\":\"1\"} a line",
     map_batch},
    {"map", "clear", "", 0, 0, "Removes every entry of a map, partition by partition.", clear_options,
     "map clear --map things --yes", map_clear},
    {"map", "list", "", 0, 0, "Lists all maps, including those of the services.", NULL, "map list\nmap list -o json", map_list},
    {"map", "drop", "NAME", 1, 1, "Removes a map with its entries, settings and journal; its name becomes free.", NULL,
     "map drop things\nmap drop things -o json", map_drop},
    {"map", "config", "", 0, 0, "Shows a map's settings, or changes the given ones.", config_options,
     "map config --map things\nmap config --map things --ttl 60s --journal on --journal-age 1h", map_config},
    {"map", "stats", "", 0, 0, "Shows a map's statistics, summed over all partitions.", map_options, "map stats --map things -o json",
     map_stats},
    {"map", "size", "", 0, 0, "Counts the entries of a map.", map_options, "map size --map things", map_size},
    {"map", "scan", "", 0, 0, "Shows entries of a map, in the order of the partitions; as ndjson what map load reads, without versions.", scan_options,
     "map scan --map things --all -o json\nmap scan --prefix user-\nmap scan --map things --all -o ndjson | gridctl map load --map copy --file -",
     map_scan},
    {"map", "export", "", 0, 0, "Writes all entries of a map as lines, with what is left of their ttl, for map import.", export_options,
     "map export --map things --file things.ndjson\nmap export --map things | gzip > things.ndjson.gz", map_export},
    {"map", "import", "", 0, 0, "Writes the entries of an export, as map load does.", load_options,
     "map import --map things --file things.ndjson", map_load},
    {"map", "load", "", 0, 0, "Writes many entries, one {\"key\":...,\"value\":...} a line; affinity and ttlMs may stand beside them.", load_options,
     "map load --file entries.ndjson --map things\nmap load --file - < entries.ndjson", map_load},
    {"journal", "tail", "", 0, 0, "Shows the changes of a map whose journal is on.", tail_options,
     "journal tail --map things --from newest --follow\njournal tail --map things --from 2026-01-31T12:00:00Z -o json",
     journal_tail},
    {"customer", "create", "", 0, 0, "Creates customers, one JSON object a line.", create_options,
     "customer create --file examples/customers.ndjson", customer_create},
    {"customer", "update", "ID", 1, 1, "Changes a customer's name, address or phone; the rest is written as it was read just before.", customer_update_options,
     "customer update c-1 --address '1 New Street'\ncustomer update c-1 --name 'Ada Lovelace' --phone ''", customer_update},
    {"customer", "status", "ID active|suspended|closed", 2, 2, "Changes a customer's status; only active customers can order.", reason_options,
     "customer status c-1 suspended --reason 'unpaid bills'", customer_status},
    {"customer", "get", "ID", 1, 1, "Shows a customer.", NULL, "customer get c-1 -o json", customer_get},
    {"customer", "list", "", 0, 0, "Lists customers.", limit_options, "customer list --limit 10", customer_list},
    {"product", "create", "", 0, 0, "Creates products, one JSON object a line.", create_options,
     "product create --file examples/products.ndjson", product_create},
    {"product", "replenish", "ID QUANTITY", 2, 2, "Adds to a product's stock.", replenish_options,
     "product replenish p-1 50 --reason delivery\nproduct replenish p-1 50 --idempotency-key delivery-4711", product_replenish},
    {"product", "get", "ID", 1, 1, "Shows a product and its stock.", NULL, "product get p-1 -o json", product_get},
    {"product", "list", "", 0, 0, "Lists products and their stock.", limit_options, "product list --limit 0 -o json",
     product_list},
    {"order", "submit", "", 0, 0, "Places orders, one JSON object a line; an order that was placed before is already there.",
     create_options,
     "order submit --file examples/orders.ndjson\n"
     "order submit --file more.ndjson --new-ids    # equal lines of earlier files are orders of their own\n"
     "order submit --file - -o json < examples/orders.ndjson",
     order_submit_file},
    {"order", "cancel", "ID", 1, 1, "Cancels an order that is under way: its saga is undone, and its payment refunded.", cancel_options,
     "order cancel o-1 --reason 'ordered twice' --by ada", order_cancel},
    {"order", "get", "ID", 1, 1, "Shows an order.", NULL, "order get o-1 -o json", order_get},
    {"order", "list", "", 0, 0, "Lists orders, in the order of the partitions.", order_list_options,
     "order list --status CANCELLED\norder list --limit 0 -o json", order_list},
    {"payment", "get", "ID", 1, 1, "Shows a payment, by its id or by the id of its order.", NULL, "payment get o-1\npayment get o-1.p1 -o json",
     payment_get},
    {"payment", "refund", "ID", 1, 1, "Refunds a captured payment, wholly or in part, by its id or by the id of its order.", refund_options,
     "payment refund o-1\npayment refund o-1.p1 --amount 12.50 --reason 'arrived broken'", payment_refund},
    {"saga", "list", "", 0, 0, "Lists sagas: the progress of their orders, and why some failed.", saga_list_options,
     "saga list --status COMPENSATED\nsaga list --limit 0 -o json", saga_list},
    {"saga", "show", "ID", 1, 1, "Shows a saga step by step, by its id or by the id of its order.", NULL,
     "saga show o-1\nsaga show o-1.s1 -o json", saga_show},
    {"event", "history", "KIND ID", 2, 2, "Shows every event of a customer, product, order, payment or saga.", NULL,
     "event history order o-1\nevent history product p-1 -o json", event_history},
    {"context", "add", "NAME HOST:PORT,...", 2, 2, "Names the endpoints of a cluster.", context_options,
     "context add production 10.0.0.1:7400,10.0.0.2:7400\ncontext add production 10.0.0.3:7400 --replace\n"
     "context add production 10.0.0.1:7400 --cluster 5f0d2c1e-8a4b-4c3d-9e2f-1a2b3c4d5e6f --replace", context_add},
    {"context", "use", "[NAME]", 0, 1, "Makes later commands use a context; without a name, they use no context.", NULL,
     "context use production\ncontext use", context_use},
    {"context", "list", "", 0, 0, "Lists the contexts.", NULL, "context list\ncontext list -o json", context_list},
    {"context", "remove", "NAME", 1, 1, "Forgets a context.", NULL, "context remove production", context_remove},
    {"completion", "bash", "", 0, 0, "Prints the completion of gridctl for bash.", NULL,
     "completion bash > ~/.local/share/bash-completion/completions/gridctl", completion_bash},
    {"completion", "zsh", "", 0, 0, "Prints the completion of gridctl for zsh, for a folder of $fpath.", NULL,
     "completion zsh > ~/.zfunc/_gridctl", completion_zsh},
    {"bench", "map", "", 0, 0, "Measures sets and gets: throughput and latency.", bench_map_options,
     "bench map --op set --connections 50 --outstanding 16 --seconds 10\nbench map --op get --rate 100000 -o json", bench_map},
    {"bench", "orders", "", 0, 0, "Measures complete order sagas: throughput, and latency until their end; then checks the books.",
     bench_orders_options,
     "bench orders --concurrency 64 --lines 1-3 --seconds 10\nbench orders --rate 1000 --lines 1 --zipf 0.99 --decline-percent 5 -o json",
     bench_orders},
};
const struct command_table COMMANDS = {.rows = rows, .count = sizeof rows / sizeof *rows, .common = common_options};
