/* The load of tools/nemesis, tools/failover and tools/cuts, and the judge of what it saw.
 *
 *     nemesis-load run  --endpoints HOST:PORT,… [--ledger FILE] [--history FILE] [--seed N] [--registers N]
 *     nemesis-load beat --endpoints HOST:PORT,… [--partition P] [--gap-us N]
 *     nemesis-load watch --endpoints HOST:PORT,…
 *
 * Lines on standard input control it; it answers with lines on standard output:
 *     mark              -> "recovered <us>" once every partition has accepted a write that began after the mark
 *     paused <node>, resumed <node>
 *     drain             stops the load, waits until all rests, checks, and ends the program
 * By itself it says "ready", twice a second "leaders 1,3,2,…" and "count name=value …"; at the end "sum …" lines, "finding …"
 * (with "detail …" below it) and "proof …" lines. Exit status: 0 nothing was found wrong, 1 something was, 2 wrong usage, 3 the cluster did not
 * answer. When its input ends it ends too. `beat` and `watch` know only the end of their input; `watch` writes nothing and says ten times a
 * second "equal" or "apart <why>" of the replicas. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/base/standard_streams.h"
#include "tests/nemesis/beat.h"
#include "tests/nemesis/books_read.h"
#include "tests/nemesis/registers.h"
#include "tests/nemesis/replicas.h"
#include "tests/nemesis/shop.h"

enum { SAY_MS = 500, WATCH_MS = 100, IDLE_SECONDS = 60, SETTLE_SECONDS = 120, SAGAS_SECONDS = 240, READY_SECONDS = 60, REGISTERS = 24 };

struct options {
    char *endpoints;
    const char *ledger, *history;
    uint64_t seed, registers, partition, gap_us;
};

struct show {
    struct stage stage;
    struct history history;
    struct books books;
    struct registers *registers;
    struct shop *shop;
    struct replicas *replicas;
    struct client *client;                 /* of the last questions */
    struct beat *beat;
    uv_pipe_t input;
    uv_timer_t say;
    struct buffer line;
    bool draining, ended, marked, watching;
    char chunk[4096];
};

/* ---- options */

static bool number_of(const char *text, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == 0;
}

static bool read_options(int count, char **arguments, struct options *options)
{
    *options = (struct options){.seed = 1, .registers = REGISTERS, .gap_us = 5000};
    bool good = count % 2 == 0;
    for (int i = 2; i + 1 < count && good; i += 2) {
        const char *name = arguments[i];
        char *value = arguments[i + 1];
        uint64_t *number = strcmp(name, "--seed") == 0 ? &options->seed : strcmp(name, "--registers") == 0 ? &options->registers
                         : strcmp(name, "--partition") == 0 ? &options->partition
                         : strcmp(name, "--gap-us") == 0 ? &options->gap_us : NULL;
        if (strcmp(name, "--endpoints") == 0)
            options->endpoints = value;
        else if (strcmp(name, "--ledger") == 0)
            options->ledger = value;
        else if (strcmp(name, "--history") == 0)
            options->history = value;
        else
            good = number != NULL && number_of(value, number);
    }
    return good && options->endpoints != NULL && options->registers > 0 && options->registers <= REGISTERS_MAX && options->gap_us > 0;
}

/* ---- steering */

static void obey(struct show *show, const char *line)
{
    uint64_t node;
    bool pausing = strncmp(line, "paused ", 7) == 0;
    if (strcmp(line, "drain") == 0) {
        show->draining = true;
    } else if (strcmp(line, "full") == 0) {
        show->stage.disks_filled = true;
    } else if (strcmp(line, "mark") == 0 && show->registers != NULL) {
        registers_mark(show->registers);
        show->marked = true;
    } else if ((pausing || strncmp(line, "resumed ", 8) == 0) && show->registers != NULL &&
               number_of(strchr(line, ' ') + 1, &node) && node > 0 && node <= show->stage.endpoints_count) {
        registers_node_paused(show->registers, (uint32_t)node, pausing);
    } else {
        fprintf(stderr, "nemesis-load: what is \"%s\"?\n", line);
    }
}

static void lend(uv_handle_t *handle, size_t size, uv_buf_t *ret_buffer)
{
    struct show *show = handle->data;
    (void)size;
    *ret_buffer = uv_buf_init(show->chunk, sizeof show->chunk);
}

static void on_input(uv_stream_t *stream, ssize_t size, const uv_buf_t *data)
{
    struct show *show = stream->data;
    if (size < 0) {
        show->ended = true;
        uv_read_stop(stream);
        return;
    }
    for (ssize_t i = 0; i < size; i++) {
        bool ends = data->base[i] == '\n';
        buffer_append_u8(&show->line, ends ? 0 : (uint8_t)data->base[i]);
        if (ends) {
            obey(show, (const char *)show->line.data);
            buffer_clear(&show->line);
        }
    }
}

static void say_leaders(const struct show *show)
{
    struct buffer line = {0};
    const uint32_t *leaders = replicas_leaders(show->replicas);
    for (uint32_t i = 0; i < client_partitions(show->client); i++)
        buffer_append_format(&line, "%s%" PRIu32, i > 0 ? "," : "", leaders[i]);
    stage_say("leaders %.*s", (int)line.size, (const char *)line.data);
    buffer_close(&line);
}

static void say_counts(const struct show *show)
{
    struct registers_totals map = registers_totals(show->registers);
    struct shop_totals shop = shop_totals(show->shop);
    stage_say("count called=%" PRIu64 " done=%" PRIu64 " unknown=%" PRIu64 " failed=%" PRIu64 " orders=%zu findings=%zu", map.called, map.done,
              map.unknown + shop.unknown, map.failed + shop.failed, show->books.orders_count, show->stage.findings.count);
}

static void on_say(uv_timer_t *timer)
{
    struct show *show = timer->data;
    uint64_t recovered_us;
    if (show->replicas != NULL && !show->watching)
        say_leaders(show);
    else if (show->replicas != NULL && replicas_settled(show->replicas))
        stage_say("equal");
    else if (show->replicas != NULL)
        stage_say("apart %s", replicas_unsettled(show->replicas));
    if (show->registers == NULL || show->shop == NULL)
        return;
    say_counts(show);
    if (show->marked && registers_recovered(show->registers, &recovered_us)) {
        stage_say("recovered %" PRIu64, recovered_us);
        show->marked = false;
    }
}

/* ---- the end of a run */

static bool load_idle(void *context)
{
    struct show *show = context;
    return show->ended || (registers_idle(show->registers) && shop_idle(show->shop));
}

static bool rests(void *context)
{
    struct show *show = context;
    return show->ended || replicas_settled(show->replicas);
}

/* Reads the books again and again until no saga is under way, or the time is over. */
static bool read_books(struct show *show, const char *ledger)
{
    uint64_t end_us = stage_now_us(&show->stage) + (uint64_t)SAGAS_SECONDS * 1000 * 1000;
    bool good = true;
    do {
        if (!stage_wait(&show->stage, rests, show, SETTLE_SECONDS)) {
            findings_add(&show->stage.findings, "liveness: %d s after everything was healed the cluster does not rest: %s", SETTLE_SECONDS,
                         replicas_unsettled(show->replicas));
            return false;
        }
        good = books_read(&show->books, &show->stage, show->client, ledger);
    } while (good && !show->ended && books_sagas_open(&show->books) > 0 && stage_now_us(&show->stage) < end_us);
    return good;
}

static void say_sums(struct show *show)
{
    struct registers_totals map = registers_totals(show->registers);
    struct shop_totals shop = shop_totals(show->shop);
    struct books_sums books = books_sums(&show->books);
    stage_say("sum registers: %" PRIu64 " operations called, %" PRIu64 " done (%" PRIu64 " lost a compare-and-set), %" PRIu64 " unknown, %" PRIu64
              " without effect; longest time without a write %" PRIu64 " ms", map.called, map.done, map.conflicts, map.unknown, map.failed,
              map.longest_gap_us / 1000);
    stage_say("sum witnesses: %" PRIu64 " reads asked of one node, %" PRIu64 " answered by it; %" PRIu64 " while it was paused, %" PRIu64
              " of these answered", map.witness_asked, map.witness_answered, map.paused_asked, map.paused_answered);
    stage_say("sum orders: %zu, %" PRIu64 " accepted; %" PRIu64 " confirmed, %" PRIu64 " cancelled (%" PRIu64 " sagas undone, %" PRIu64
              " refunded); %" PRIu64 " requests unknown, %" PRIu64 " forgeries refused", show->books.orders_count, books.accepted, books.confirmed,
              books.cancelled, books.undone, books.refunded, shop.unknown, shop.forged_refused);
    stage_say("sum books: captured %" PRId64 ".%02" PRId64 ", refunded %" PRId64 ".%02" PRId64 "; ledger of %" PRIu64 " lines; %" PRIu64
              " deliveries, %" PRIu64 " of %" PRIu32 " products sold out", books.captured_minor / 100, books.captured_minor % 100,
              books.refunded_minor / 100, books.refunded_minor % 100, show->books.ledger_lines, shop.replenished, books.sold_out,
              show->books.products_count);
    stage_say("sum replicas: %" PRIu64 " pairs of digests at the same index compared", replicas_compared(show->replicas));
}

/* The same checks on copies in which one thing was made wrong: each must be found. */
static void prove(struct show *show)
{
    unsigned made = 0, found = 0;
    for (int i = 0; i < HISTORY_SPOILS; i++) {
        struct history wrong;
        struct findings findings = {0};
        if (!history_spoil(&show->history, (enum history_spoil)i, &wrong))
            continue;
        made++;
        bool seen = history_check(&wrong, &findings) == WGL_VIOLATION;
        found += seen;
        if (!seen)
            findings_add(&show->stage.findings, "the check is blind: it did not see %s", history_spoil_name((enum history_spoil)i));
        findings_close(&findings);
        history_close(&wrong);
    }
    for (int i = 0; i < BOOKS_SPOILS; i++) {
        struct books wrong;
        struct findings findings = {0};
        if (!books_spoil(&show->books, (enum books_spoil)i, &wrong))
            continue;
        made++;
        books_check(&wrong, &findings);
        found += findings.count > 0;
        if (findings.count == 0)
            findings_add(&show->stage.findings, "the check is blind: it did not see %s", books_spoil_name((enum books_spoil)i));
        findings_close(&findings);
        books_close(&wrong);
    }
    stage_say("proof %u of %u spoilt copies of this run's history and books were found out", found, made);
}

static void judge(struct show *show)
{
    struct findings *findings = &show->stage.findings;
    struct registers_totals totals = registers_totals(show->registers);
    struct books_sums sums = books_sums(&show->books);
    if (history_check(&show->history, findings) == WGL_TOO_HARD)
        findings_add(findings, "I23: the history was too long to be judged");
    books_check(&show->books, findings);
    if (totals.done * 10 < totals.called * 3 || totals.done < 100 || sums.confirmed < 5 || sums.undone == 0)
        findings_add(findings, "too little work was done to say anything: %" PRIu64 " of %" PRIu64 " operations, %" PRIu64 " orders confirmed, %" PRIu64
                     " sagas undone", totals.done, totals.called, sums.confirmed, sums.undone);
}

static void say_findings(struct findings *findings)
{
    char *rest = NULL, *text = memory_copy(findings_text(findings), strlen(findings_text(findings)) + 1);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        bool goes_on = line[0] == ' ' || strncmp(line, "after (", strlen("after (")) == 0;   /* of a history */
        stage_say("%s %s", goes_on ? "detail" : "finding", line);
    }
    if (findings->count > findings->shown)
        stage_say("detail … and %zu more of the same kinds", findings->count - findings->shown);
    memory_free(text);
}

static void end_run(struct show *show, const struct options *options)
{
    stage_say("phase the load stops");
    registers_stop(show->registers);
    shop_stop(show->shop);
    if (!stage_wait(&show->stage, load_idle, show, IDLE_SECONDS))
        findings_add(&show->stage.findings, "liveness: requests stay unanswered past their deadlines");
    registers_read_all(show->registers);
    stage_wait(&show->stage, load_idle, show, IDLE_SECONDS * 2);
    if (show->ended)
        return;
    registers_judge_reads(show->registers);
    stage_say("phase waiting until every saga has ended and all replicas are equal");
    bool read = read_books(show, options->ledger);
    stage_say("phase checking");
    say_sums(show);
    bool clean = show->stage.findings.count == 0;
    if (read && !show->ended)
        judge(show);
    if (read && clean && show->stage.findings.count == 0)
        prove(show);
    say_findings(&show->stage.findings);
}

/* ---- both modes */

static bool has_table(void *context)
{
    const struct show *show = context;
    return show->ended || client_partitions(show->client) > 0;
}

static bool open_run(struct show *show, const struct options *options)
{
    if (!history_open(&show->history, options->history)) {
        fprintf(stderr, "nemesis-load: %s: %s\n", options->history, strerror(errno));
        return false;
    }
    show->shop = shop_open(&show->stage, &show->books);
    show->registers = show->shop == NULL ? NULL : registers_open(&show->stage, &show->history, (uint32_t)options->registers);
    return show->registers != NULL;
}

static void open_show(struct show *show, struct options *options)
{
    HOLDS(stage_open(&show->stage, options->endpoints, options->seed));
    uv_pipe_init(&show->stage.loop, &show->input, 0);
    uv_timer_init(&show->stage.loop, &show->say);
    show->input.data = show->say.data = show;
    uv_pipe_open(&show->input, 0);
    uv_read_start((uv_stream_t *)&show->input, lend, on_input);
    uv_timer_start(&show->say, on_say, SAY_MS, SAY_MS);
    show->client = stage_client(&show->stage, "nemesis", 0, 0);
}

static void close_show(struct show *show)
{
    if (show->registers != NULL)
        registers_close(show->registers);
    if (show->shop != NULL)
        shop_close(show->shop);
    if (show->beat != NULL)
        beat_close(show->beat);
    if (show->replicas != NULL)
        replicas_close(show->replicas);
    client_close(show->client);
    uv_close((uv_handle_t *)&show->input, NULL);
    uv_close((uv_handle_t *)&show->say, NULL);
    stage_close(&show->stage);
    history_close(&show->history);
    books_close(&show->books);
    buffer_close(&show->line);
}

/* Nothing is written: the replicas are looked at until the input ends. */
static int watch(struct show *show)
{
    if (!stage_wait(&show->stage, has_table, show, READY_SECONDS) || show->ended)
        return 3;
    show->replicas = replicas_open(&show->stage, client_partitions(show->client));
    show->watching = true;
    uv_timer_start(&show->say, on_say, WATCH_MS, WATCH_MS);
    stage_say("ready");
    while (!show->ended)
        uv_run(&show->stage.loop, UV_RUN_ONCE);
    return show->stage.findings.count > 0 ? 1 : 0;
}

static int run_show(struct show *show, const struct options *options, bool beating)
{
    if (!stage_wait(&show->stage, has_table, show, READY_SECONDS) || show->ended)
        return 3;
    show->replicas = replicas_open(&show->stage, client_partitions(show->client));
    if (beating && options->partition < client_partitions(show->client))
        show->beat = beat_open(&show->stage, show->client, (uint32_t)options->partition, options->gap_us);
    if (beating ? show->beat == NULL : !open_run(show, options)) {
        say_findings(&show->stage.findings);
        return 3;
    }
    stage_say("ready");
    while (!show->draining && !show->ended)
        uv_run(&show->stage.loop, UV_RUN_ONCE);
    if (!beating && !show->ended)
        end_run(show, options);
    return show->stage.findings.count > 0 ? 1 : 0;
}

int main(int count, char **arguments)
{
    struct options options;
    if (!standard_streams_open())
        return EXIT_FAILURE;
    bool beating = count > 1 && strcmp(arguments[1], "beat") == 0, watching = count > 1 && strcmp(arguments[1], "watch") == 0;
    if (count < 2 || (!beating && !watching && strcmp(arguments[1], "run") != 0) || !read_options(count, arguments, &options)) {
        fprintf(stderr, "usage: nemesis-load run --endpoints HOST:PORT,… [--ledger FILE] [--history FILE] [--seed N] [--registers N]\n"
                        "       nemesis-load beat --endpoints HOST:PORT,… [--partition P] [--gap-us N]\n"
                        "       nemesis-load watch --endpoints HOST:PORT,…\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct show *show = memory_zero(1, sizeof *show);
    open_show(show, &options);
    int status = watching ? watch(show) : run_show(show, &options, beating);
    close_show(show);
    memory_free(show);
    return status;
}
