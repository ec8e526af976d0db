/* Loads numbered keys and tells the outcome of each, or checks that given ones are there: for tests that disturb a
 * cluster meanwhile.
 *
 *     keys load  ENDPOINTS MAP FIRST COUNT   one line per key, as it is answered: "OK 17", "UNKNOWN 18", "LOG_FULL 19"
 *     keys check ENDPOINTS MAP < NUMBERS     one line per key that is not there with its value; exit status 1 if any
 *
 * ENDPOINTS are separated by commas. Key n is "k-n" and its value "v-n". */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "client/grid_client.h"
#include "grid/base/memory.h"

enum { UNDER_WAY = 256, ENDPOINTS_MAX = 8, TIMEOUT_MS = 60000 };

struct run {
    struct grid_client *client;
    const char *map;
    bool loading;
    uint64_t next, end;                /* load: numbers not yet asked for */
    uint64_t under_way, bad;
    bool input_ended;                  /* check: no more numbers */
};

struct one { struct run *run; uint64_t number; };

static void ask_more(struct run *run);

static void on_reply(void *context, const struct grid_reply *reply)
{
    struct one *one = context;
    struct run *run = one->run;
    char value[32];
    snprintf(value, sizeof value, "v-%" PRIu64, one->number);
    if (run->loading) {
        printf("%s %" PRIu64 "\n", grid_outcome_name(reply->outcome), one->number);
        fflush(stdout);
    } else if (reply->outcome != GRID_OUTCOME_OK || !reply->found || reply->value.size != strlen(value) ||
               memcmp(reply->value.data, value, reply->value.size) != 0) {
        printf("%s %" PRIu64 " %.*s\n", reply->found ? "found" : grid_outcome_name(reply->outcome), one->number,
               (int)reply->value.size, (const char *)reply->value.data);
        run->bad++;
    }
    memory_free(one);
    run->under_way--;
    ask_more(run);
}

static bool next_number(struct run *run, uint64_t *ret_number)
{
    char line[64], *end;
    if (run->loading) {
        *ret_number = run->next++;
        return *ret_number < run->end;
    }
    run->input_ended = run->input_ended || !fgets(line, sizeof line, stdin);
    if (run->input_ended)
        return false;
    *ret_number = strtoull(line, &end, 10);
    return end != line;
}

static void ask(struct run *run, uint64_t number)
{
    char key[32], value[32];
    struct one *one = memory_zero(1, sizeof *one);
    *one = (struct one){run, number};
    snprintf(key, sizeof key, "k-%" PRIu64, number);
    snprintf(value, sizeof value, "v-%" PRIu64, number);
    struct grid_key identity = grid_key_text(key);
    struct grid_call call = {.done = on_reply, .context = one};
    run->under_way++;
    if (run->loading)
        grid_client_set(run->client, run->map, &identity, grid_text(value), &call);
    else
        grid_client_get(run->client, run->map, &identity, &call);
}

static void ask_more(struct run *run)
{
    uint64_t number;
    while (run->under_way < UNDER_WAY && next_number(run, &number))
        ask(run, number);
    if (run->under_way == 0 && run->client) {
        grid_client_close(run->client, NULL, NULL);
        run->client = NULL;
    }
}

static size_t split(char *text, const char *parts[ENDPOINTS_MAX])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *part = strtok_r(text, ",", &rest); part && count < ENDPOINTS_MAX; part = strtok_r(NULL, ",", &rest))
        parts[count++] = part;
    return count;
}

int main(int count, char **arguments)
{
    uv_loop_t loop;
    const char *endpoints[ENDPOINTS_MAX];
    struct run run = {0};
    run.loading = count == 6 && strcmp(arguments[1], "load") == 0;
    if (!run.loading && (count != 4 || strcmp(arguments[1], "check") != 0)) {
        fprintf(stderr, "usage: %s load ENDPOINTS MAP FIRST COUNT | check ENDPOINTS MAP\n", arguments[0]);
        return 2;
    }
    run.map = arguments[3];
    if (run.loading) {
        run.next = strtoull(arguments[4], NULL, 10);
        run.end = run.next + strtoull(arguments[5], NULL, 10);
    }
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&loop);
    struct grid_options options = {.endpoints = endpoints, .endpoints_count = split(arguments[2], endpoints), .name = "keys",
                                   .timeout_ms = TIMEOUT_MS};
    run.client = grid_client_open(&loop, &options);
    ask_more(&run);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return run.bad > 0 ? 1 : 0;
}
