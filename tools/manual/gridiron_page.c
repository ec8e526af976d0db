/* Prints gridiron(8), from the tables of options and settings. Run by the build. */
#include "grid/node/dump/dump.h"
#include "grid/node/process/arguments.h"
#include "grid/node/process/config.h"
#include "services/host/host.h"
#include "tools/manual/roff.h"

static void put_rows(struct buffer *out, const struct argp_option *rows)
{
    for (const struct argp_option *row = rows; row->name != NULL; row++) {
        struct buffer term = {0};
        buffer_append_format(&term, "-%c, --%s", row->key, row->name);
        buffer_append_u8(&term, 0);
        roff_term(out, (const char *)term.data, row->arg, row->doc);
        buffer_close(&term);
    }
}

static void put_options(struct buffer *out)
{
    put_rows(out, ARGUMENTS_OPTIONS);
    roff_term(out, "-V, --version", NULL, "the version");
    roff_term(out, "-?, --help", NULL, "options and settings");
}

static void put_setting(void *context, const char *name, const char *meaning)
{
    roff_term(context, name, NULL, meaning);
}

int main(void)
{
    struct buffer out = {0};
    struct config config;
    struct config_more more[CONFIG_MORE_MAX];
    struct program_parts parts = host_parts();
    for (size_t i = 0; i < parts.destinations_count; i++)
        more[i] = (struct config_more){parts.destinations[i].setting, parts.destinations[i].meaning};
    config_defaults(&config);
    config_add(&config, more, parts.destinations_count);
    roff_begin(&out, "GRIDIRON", "8", "gridiron", "a node of a Gridiron cluster");
    roff_section(&out, "SYNOPSIS");
    roff_paragraph(&out, "gridiron --config FILE [options]");
    roff_paragraph(&out, "gridiron dump [options] FILE");
    roff_section(&out, "DESCRIPTION");
    roff_paragraph(&out, "Runs one node of a clustered in-memory data grid. It stays in the foreground and writes its log lines to standard error. "
                         "SIGTERM and SIGINT stop it in order: its partitions are handed over first; the second one does not wait for that.");
    roff_section(&out, "OPTIONS");
    put_options(&out);
    roff_section(&out, "DUMP");
    roff_paragraph(&out, "gridiron dump [options] FILE prints the records of one file of a data directory: a segment of the log, a snapshot, the identity or the "
                         "manifest. It names the place of the first damage and what is wrong there, and exits with status 1 then. It only reads; the node may be running.");
    put_rows(&out, DUMP_OPTIONS);
    roff_section(&out, "SETTINGS");
    roff_paragraph(&out, "In the file they are nested by the dots. An environment variable GRIDIRON_ with the name in upper case and '_' for the dots "
                         "counts more than the file, and --set NAME=VALUE counts more than both.");
    config_each(&config, put_setting, &out);
    roff_section(&out, "EXIT STATUS");
    roff_term(&out, "0", NULL, "stopped in order");
    roff_term(&out, "1", NULL, "failed, or cannot start here and now");
    roff_term(&out, "2", NULL, "wrong usage or configuration");
    roff_term(&out, "3", NULL, "a newer version is needed");
    roff_section(&out, "FILES");
    roff_term(&out, "/etc/gridiron/node.yaml", NULL, "configuration of the installed service");
    roff_section(&out, "EXAMPLES");
    roff_example(&out, "gridiron ", "--config node.yaml\n--config cluster.yaml --node 2 --data /var/lib/gridiron\n--config node.yaml --check\ndump /var/lib/gridiron/manifest");
    roff_section(&out, "SEE ALSO");
    roff_paragraph(&out, "gridctl(1)");
    return roff_end(&out);
}
