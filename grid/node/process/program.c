#include "grid/node/process/program.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/base/standard_streams.h"
#include "grid/base/version.h"
#include "grid/node/dump/dump.h"
#include "grid/node/process/arguments.h"
#include "grid/node/process/config.h"
#include "grid/node/process/descriptors.h"
#include "grid/node/process/memory_grant.h"
#include "grid/node/process/process_memory.h"
#include "grid/node/process/process_metrics.h"
#include "grid/node/ports/http.h"
#include "grid/node/node.h"
#include "grid/node/process/scheduling.h"
#include "grid/uv/uv_node_io.h"
#include "grid/wire/protobuf_wire.h"
#include "raft/guard/heap.h"

extern char **environ;

struct program {
    const struct program_parts *parts;
    struct config_more settings[CONFIG_MORE_MAX];      /* of the destinations */
    struct sink *sinks[CONFIG_MORE_MAX];               /* by place of the destination; NULL: not on this node */
    struct sink *io_sinks[CONFIG_MORE_MAX];            /* those that are */
    struct config config;
    struct logger logger;
    uv_loop_t loop;
    uv_signal_t interrupt, terminate, hangup;
    uv_timer_t look;                   /* at how much there is to do */
    struct scheduling scheduling;
    struct memory_grant grant;
    struct resident *resident;
    struct uv_io *uv_io;
    struct metric_registry *metrics;
    struct node *node;
    struct http *http;
    bool leaving, stopping, json, rejoin;
    bool checking;                     /* --check: everything is opened as for a start, and closed again */
    bool before;                       /* checking before a start that gives something up: says nothing when all is good */
    int exit_code;
};

/* ---- logging */

/* Names come from files and environments: what is not UTF-8 must not spoil the line for its reader. */
static void append_json_text(struct buffer *line, const char *text)
{
    bool valid = wire_utf8_valid(bytes_of_text(text));
    for (const char *at = text; *at; at++) {
        if (*at == '"' || *at == '\\')
            buffer_append_format(line, "\\%c", *at);
        else if ((unsigned char)*at < 0x20)
            buffer_append_format(line, "\\u%04x", (unsigned)*at);
        else if (!valid && (unsigned char)*at >= 0x80)
            buffer_append_text(line, "\\ufffd");
        else
            buffer_append_u8(line, (uint8_t)*at);
    }
}

static void write_line(struct logger *logger, enum log_level level, const char *component, const char *text)
{
    struct program *program = logger->context;
    struct buffer line = {0};
    struct tm utc;
    uv_timeval64_t now;
    char stamp[32];
    uv_gettimeofday(&now);
    time_t seconds = (time_t)now.tv_sec;
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    if (program->json) {
        buffer_append_format(&line, "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"component\":\"%s\",\"message\":\"", stamp,
                             (int)(now.tv_usec / 1000), log_level_name(level), component);
        append_json_text(&line, text);
        buffer_append_text(&line, "\"}\n");
    } else {
        buffer_append_format(&line, "%s.%03dZ %-5s %s: %s\n", stamp, (int)(now.tv_usec / 1000), log_level_name(level), component, text);
    }
    fwrite(line.data, 1, line.size, stderr);
    buffer_close(&line);
}

/* ---- configuration */

static int read_config(struct program *program, const struct arguments *arguments)
{
    char *note = NULL;
    enum grid_err err = arguments->file ? config_read_file(&program->config, arguments->file, &note) : GRID_ERR_OK;
    if (err == GRID_ERR_OK)
        err = config_read_environment(&program->config, (const char *const *)environ, &note);
    for (size_t i = 0; err == GRID_ERR_OK && i < arguments->sets_count; i++)
        err = config_assign(&program->config, "command line", arguments->sets[i], &note);
    if (err == GRID_ERR_OK)
        err = config_check(&program->config, &note);
    memory_grant_look("", &program->grant);
    if (program->config.node.memory_max == 0)
        program->config.node.memory_max = memory_grant_share(&program->grant);
    if (err == GRID_ERR_OK)
        return EXIT_OK;
    fprintf(stderr, "gridiron: %s\n", note ? note : grid_err_text(err));
    memory_free(note);
    return EXIT_USAGE;
}

/* ---- life */

static void stop(struct program *program, int exit_code)
{
    if (program->stopping)
        return;
    program->stopping = true;
    program->exit_code = exit_code;
    uv_stop(&program->loop);
}

static void on_handed_over(void *context)
{
    stop(context, EXIT_OK);
}

/* The second one does not wait for others to take over. */
static void on_signal(uv_signal_t *handle, int number)
{
    struct program *program = handle->data;
    LOG_INFO(&program->logger, "main", "signal %d: stopping%s", number, program->leaving ? " at once" : "");
    if (program->leaving)
        stop(program, EXIT_OK);
    else
        node_hand_over(program->node, on_handed_over, program);
    program->leaving = true;
}

/* The terminal was closed, or a person wants the configuration to be read again: neither ends the program. */
static void on_hangup(uv_signal_t *handle, int number)
{
    struct program *program = handle->data;
    LOG_INFO(&program->logger, "main", "signal %d: ignored; settings are read at a start only", number);
}

static void on_fatal(void *context, enum grid_err err, const char *what)
{
    struct program *program = context;
    LOG_ERROR(&program->logger, "main", "stopping: %s (%s)", what, grid_err_text(err));
    stop(program, err == GRID_ERR_NOT_SUPPORTED ? EXIT_UPGRADE : EXIT_FAILED);
}

static void on_turn(void *context, uint64_t busy_us)
{
    metric_observe_us(context, busy_us);
}

static void on_metrics(void *context, struct buffer *out)
{
    struct program *program = context;
    process_metrics_refresh(program->metrics);
    metric_counter_add(program->metrics, "gridiron_connections_shed_total",
                       "Connections closed at once for want of a descriptor.", NULL)->value = uv_io_connections_shed(program->uv_io);
    node_metrics(program->node, out);
}

static bool on_ready(void *context, struct buffer *out)
{
    struct program *program = context;
    return node_health(program->node, out);
}

static enum grid_err share_descriptors(struct program *program, char **ret_note)
{
    uint32_t wanted = program->config.node.client_connections_max;
    uint64_t limit = descriptors_claim(&program->config.node.client_connections_max);
    if (limit == 0) {
        struct buffer text = {0};
        buffer_append_format(&text, "file descriptors: %llu are allowed and at least %d are needed; raise the limit (ulimit -n, LimitNOFILE=)",
                             (unsigned long long)descriptors_limit(), DESCRIPTORS_RESERVED + DESCRIPTORS_CLIENTS_LEAST);
        buffer_append_u8(&text, 0);
        *ret_note = (char *)text.data;
        return GRID_ERR_IO;
    }
    if (program->config.node.client_connections_max < wanted)
        LOG_WARN(&program->logger, "main", "%llu file descriptors allow %u client connections, not %u (clients.connections_max)",
                 (unsigned long long)limit, program->config.node.client_connections_max, wanted);
    return GRID_ERR_OK;
}

/* A limit on the size of files would stop the log at its first file. Past it a write fails, as on a full disk. */
static enum grid_err check_file_size(const struct config *config, char **ret_note)
{
    uint64_t segment = config->node.segment_bytes ? config->node.segment_bytes : LOG_SEGMENT_BYTES_USUAL, limit;
    if (!descriptors_file_size(&limit) || limit >= segment)
        return GRID_ERR_OK;
    struct buffer text = {0};
    buffer_append_format(&text, "file size: %llu bytes are allowed and a file of the log takes %llu; raise the limit (ulimit -f, LimitFSIZE=) "
                                "or lower log.segment_bytes", (unsigned long long)limit, (unsigned long long)segment);
    buffer_append_u8(&text, 0);
    *ret_note = (char *)text.data;
    return GRID_ERR_IO;
}

/* Says where the files stand that the note names, and what a person must not do about damaged ones. */
static void name_directory(const struct config *config, enum grid_err err, char **note)
{
    struct buffer text = {0};
    buffer_append_format(&text, "data directory %s: %s", config->data, *note ? *note : grid_err_text(err));
    if (err == GRID_ERR_CORRUPT && config->node.members_count == 1)
        buffer_append_text(&text, ". Nothing was changed. Bring back the undamaged file: this cluster has one node, so nobody else has the data");
    else if (err == GRID_ERR_CORRUPT)
        buffer_append_text(&text, ". Nothing was changed. Bring back the undamaged file, or leave this node down: the others serve as long as "
                                  "they are a majority. When what is lost cannot be brought back, start it once with --rejoin: it sets aside what is "
                                  "here and takes everything from the others before it votes again. An emptied directory without --rejoin is refused "
                                  "by them");
    buffer_append_u8(&text, 0);
    memory_free(*note);
    *note = (char *)text.data;
}

/* --rejoin: what the directory holds makes room for what the others have. */
static enum grid_err give_up(struct program *program, char **ret_note)
{
    char *where = NULL;
    enum grid_err err = node_may_rejoin(uv_io_io(program->uv_io), &program->config.node, ret_note);
    if (err == GRID_ERR_MISMATCH)
        name_directory(&program->config, err, ret_note);
    if (err == GRID_ERR_OK)
        err = uv_node_io_set_aside(program->uv_io, &where, ret_note);
    if (where)
        LOG_WARN(&program->logger, "main", "--rejoin: %s", where);
    memory_free(where);
    return err;
}

static enum grid_err open_destinations(struct program *program, char **ret_note)
{
    struct io *io = uv_io_io(program->uv_io);
    size_t count = 0;
    for (size_t i = 0; i < program->parts->destinations_count; i++) {
        const struct program_destination *destination = &program->parts->destinations[i];
        const char *value = program->config.more_values[i];
        if (value[0] == 0)
            continue;
        enum grid_err err = program->checking ? destination->check(value, ret_note)
                                              : destination->open(&program->loop, value, &program->sinks[i], ret_note);
        if (err != GRID_ERR_OK)
            return err;
        if (!program->checking)
            program->io_sinks[count++] = program->sinks[i];
    }
    io->sinks = program->io_sinks;
    io->sinks_count = count;
    return GRID_ERR_OK;
}

static enum grid_err open_all(struct program *program, char **ret_note)
{
    const struct config *config = &program->config;
    struct uv_node_io_options io = {.loop = &program->loop, .directory = config->data,
                               .tcp_only = strcmp(config->loopback, "tcp") == 0, .dry = program->checking};
    enum grid_err err = share_descriptors(program, ret_note);
    if (err == GRID_ERR_OK)
        err = check_file_size(config, ret_note);
    if (err == GRID_ERR_OK)
        err = uv_node_io_open(&io, &program->uv_io, ret_note);
    if (err == GRID_ERR_OK && !program->checking)
        uv_io_on_turn(program->uv_io, on_turn, metric_histogram_add_fine(program->metrics, "gridiron_loop_stall_seconds",
                      "How long each turn of the loop took, from the end of one wait for events to the next.", NULL));
    if (err == GRID_ERR_OK)
        uv_io_io(program->uv_io)->resident = program->resident = process_memory_open();
    if (err == GRID_ERR_OK && program->rejoin)
        err = give_up(program, ret_note);
    if (err == GRID_ERR_OK)
        err = open_destinations(program, ret_note);
    if (err != GRID_ERR_OK)
        return err;
    struct node_options node = {.rejoin = program->rejoin, .io = uv_io_io(program->uv_io), .logger = &program->logger,
                                .metrics = program->metrics, .services = program->parts->services,
                                .settings = &config->node, .fatal = on_fatal, .context = program};
    err = node_open(&node, &program->node, ret_note);
    if (err == GRID_ERR_CORRUPT || err == GRID_ERR_MISMATCH)
        name_directory(config, err, ret_note);
    if (err != GRID_ERR_OK || !config->metrics_address[0])
        return err;
    program->http = http_open(&(struct http_options){.loop = &program->loop, .address = config->metrics_address, .registry = program->metrics,
                                                     .metrics = on_metrics, .ready = on_ready, .context = program}, ret_note);
    return program->http ? GRID_ERR_OK : GRID_ERR_IO;
}

static void close_all(struct program *program)
{
    if (program->http)
        http_close(program->http);
    if (program->node)
        node_close(program->node);
    if (program->uv_io)
        uv_io_close(program->uv_io);
    uv_close((uv_handle_t *)&program->interrupt, NULL);
    uv_close((uv_handle_t *)&program->terminate, NULL);
    uv_close((uv_handle_t *)&program->hangup, NULL);
    uv_close((uv_handle_t *)&program->look, NULL);
    uv_run(&program->loop, UV_RUN_DEFAULT);
    if (program->http)
        http_free(program->http);
    if (program->uv_io)
        uv_io_free(program->uv_io);
    for (size_t i = 0; i < program->parts->destinations_count; i++)
        if (program->sinks[i])
            program->parts->destinations[i].close(program->sinks[i]);
    process_memory_close(program->resident);
    metric_registry_close(program->metrics);
    uv_loop_close(&program->loop);
}

static void on_look(uv_timer_t *timer)
{
    struct program *program = timer->data;
    if (program->node && scheduling_look(&program->scheduling, node_work(program->node), uv_now(&program->loop)))
        LOG_DEBUG(&program->logger, "main", "scheduled %s", program->scheduling.batch ? "in batches" : "as usual");
}

/* What looks for errors in memory is to see every piece of the library's. */
static struct heap *open_heap(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return NULL;
#else
    return heap_open();
#endif
}

/* And the timer that looks how much there is to do. */
static void open_handles(struct program *program)
{
    uv_signal_init(&program->loop, &program->interrupt);
    uv_signal_init(&program->loop, &program->terminate);
    uv_signal_init(&program->loop, &program->hangup);
    program->interrupt.data = program->terminate.data = program->hangup.data = program;
    uv_signal_start(&program->interrupt, on_signal, SIGINT);
    uv_signal_start(&program->terminate, on_signal, SIGTERM);
    uv_signal_start(&program->hangup, on_hangup, SIGHUP);
    uv_timer_init(&program->loop, &program->look);
    program->look.data = program;
    uv_timer_start(&program->look, on_look, SCHEDULING_LOOK_MS, SCHEDULING_LOOK_MS);
}

/* Before the log is read, which may take long. */
static void say_start(struct program *program)
{
    const struct node_settings *node = &program->config.node;
    LOG_INFO(&program->logger, "main", "gridiron %s starts: node %u of cluster %s, %u partitions, %zu members; data %s, durability %s",
             GRIDIRON_VERSION, node->self.value, node->cluster, node->partitions, node->members_count, program->config.data,
             node->sync ? "fsync" : "os (a power cut of a majority may lose acknowledged writes)");
}

static void print_memory(const struct program *program)
{
    unsigned long long max = program->config.node.memory_max;
    if (max == 0)
        printf("memory.max: no bound; what the machine grants is unknown\n");
    else
        printf("memory.max: %llu bytes; %s grants %llu\n", max, program->grant.place, (unsigned long long)program->grant.bytes);
}

/* The system ends a process that takes more than it is granted. */
static void warn_about_memory(struct program *program)
{
    const struct memory_grant *grant = &program->grant;
    if (grant->bytes != 0 && program->config.node.memory_max > grant->bytes)
        LOG_WARN(&program->logger, "main", "memory.max is %llu bytes and %s grants %llu: the system may end this process before writes are refused; "
                 "lower memory.max", (unsigned long long)program->config.node.memory_max, grant->place, (unsigned long long)grant->bytes);
}

static void say_listening(struct program *program)
{
    const struct node_settings *node = &program->config.node;
    const char *metrics = program->config.metrics_address;
    LOG_INFO(&program->logger, "main", "listening: clients on %s, nodes on %s, metrics and health %s%s", node_settings_client_listen(node),
             node_settings_peer_listen(node), metrics[0] ? "on " : "nowhere (metrics)", metrics);
}

static int run(struct program *program)
{
    char *note = NULL;
    bool served = false;
    struct heap *heap = open_heap();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* the write fails, which is known to be dealt with */
    uv_loop_init(&program->loop);
    scheduling_begin(&program->scheduling, scheduling_parse(program->config.scheduling), uv_now(&program->loop));
    open_handles(program);
    program->metrics = metric_registry_open();
    if (!program->checking) {
        say_start(program);
        warn_about_memory(program);
    }
    enum grid_err err = open_all(program, &note);
    if (err == GRID_ERR_OK && program->before) {
        LOG_DEBUG(&program->logger, "main", "--rejoin: a start would succeed");
    } else if (err == GRID_ERR_OK && program->checking) {
        printf("configuration is good: node %u of cluster %s\n", program->config.node.self.value, program->config.node.cluster);
        print_memory(program);
    } else if (err == GRID_ERR_OK) {
        say_listening(program);
        uv_run(&program->loop, UV_RUN_DEFAULT);
        served = true;
    } else {
        LOG_ERROR(&program->logger, "main", "cannot start: %s", note ? note : grid_err_text(err));
        program->exit_code = err == GRID_ERR_NOT_SUPPORTED                            ? EXIT_UPGRADE
                             : err == GRID_ERR_MISMATCH || err == GRID_ERR_INVALID ? EXIT_USAGE
                                                                                    : EXIT_FAILED;
    }
    memory_free(note);
    close_all(program);
    if (served && program->exit_code == EXIT_OK)
        LOG_INFO(&program->logger, "main", "stopped");
    heap_close(heap);
    return program->exit_code;
}

static void begin_config(struct program *program)
{
    const struct program_parts *parts = program->parts;
    REQUIRE(parts->destinations_count <= CONFIG_MORE_MAX);
    for (size_t i = 0; i < parts->destinations_count; i++)
        program->settings[i] = (struct config_more){parts->destinations[i].setting, parts->destinations[i].meaning};
    config_defaults(&program->config);
    config_add(&program->config, program->settings, parts->destinations_count);
}

static int dump(int count, char **values)
{
    struct dump_options options = {0};
    char name[] = "gridiron dump";
    values[0] = name;
    return dump_arguments_parse(&options, count, values) ? dump_run(&options, stdout, stderr) : EXIT_USAGE;
}

int program_main(int count, char **values, const struct program_parts *parts)
{
    if (!standard_streams_open())
        return EXIT_FAILED;
    if (count > 1 && strcmp(values[1], "dump") == 0)
        return dump(count - 1, values + 1);
    struct program program = {.parts = parts};
    begin_config(&program);
    struct arguments arguments = {.config = &program.config};
    if (!arguments_parse(&arguments, count, values))
        return EXIT_USAGE;
    int exit_code = read_config(&program, &arguments);
    if (exit_code != EXIT_OK)
        return exit_code;
    program.logger = (struct logger){.write = write_line, .context = &program};
    log_level_parse(program.config.log_level, &program.logger.level);
    program.json = strcmp(program.config.log_format, "json") == 0;
    program.checking = arguments.check;
    program.rejoin = arguments.rejoin;
    struct program before = program;
    before.checking = before.before = true;
    if (program.rejoin && !program.checking)
        exit_code = run(&before); /* what would fail fails before anything is given up */
    if (exit_code == EXIT_OK)
        exit_code = run(&program);
    /* Ends the threads that wrote files, because the leak check at exit must not meet running threads. */
    uv_library_shutdown();
    return exit_code;
}
