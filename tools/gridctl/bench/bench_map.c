/* bench map: sets and gets of one map, keys chosen at random. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/base/prng.h"
#include "tools/gridctl/bench/bench.h"

enum { KEYS_MAX = 100 * 1000 * 1000, KEY_BYTES = 24 };

enum operation { OPERATION_SET, OPERATION_GET, OPERATION_MIXED, OPERATION_NONE };
static const char *const OPERATIONS[] = {"set", "get", "mixed"};

struct map_load {
    struct bench bench;
    const char *map, *content;
    enum operation operation;
    uint64_t keys, value_size;
    char *value;
    bool filling;                          /* writes every key once, in order */
};

static void on_set(void *context, const struct grid_reply *reply)
{
    bench_end(context, reply, reply->outcome == GRID_OUTCOME_OK);
}

static void on_get(void *context, const struct grid_reply *reply)
{
    bench_end(context, reply, reply->outcome == GRID_OUTCOME_OK && reply->found);
}

static void start(struct bench_place *place, uint64_t number)
{
    struct bench *bench = place->bench;
    const struct map_load *load = bench->plan->context;
    uint64_t random = prng_u64(&bench->prng);
    uint64_t which = load->filling ? number : (random >> 1) % load->keys;
    char key[KEY_BYTES];
    int size = snprintf(key, sizeof key, "key-%010" PRIu64, which);
    struct grid_key identity = {.key = {key, (size_t)size}};
    struct grid_call call = {.context = place};
    if (load->operation == OPERATION_SET || (load->operation == OPERATION_MIXED && (random & 1) != 0) || load->filling) {
        call.done = on_set;
        grid_client_set(place->client, load->map, &identity, (struct grid_bytes){load->value, load->value_size}, &call);
    } else {
        call.done = on_get;
        grid_client_get(place->client, load->map, &identity, &call);
    }
}

/* Text shrinks to about a third or half under LZ4, as records of applications do; noise not at all. */
static char *make_value(const char *content, size_t size)
{
    static const char *const words[] = {"order", "customer", "pending", "confirmed", "street", "Lisbon", "Osaka", "warehouse",
                                        "priority", "invoice", "refund", "blue", "large", "fragile", "return", "gift"};
    char *value = memory_zero(1, size + 64);
    struct prng prng;
    prng_init(&prng, 1);
    size_t at = 0;
    while (strcmp(content, "text") == 0 && at < size)
        at += (size_t)snprintf(value + at, 64, "{\"%s\":%" PRIu64 ",\"note\":\"%s %s\"},", words[prng_u64(&prng) % 16],
                               prng_u64(&prng) % 1000000, words[prng_u64(&prng) % 16], words[prng_u64(&prng) % 16]);
    for (; at < size; at++)
        value[at] = strcmp(content, "noise") == 0 ? (char)prng_u64(&prng) : (char)('a' + at % 26);
    return value;
}

static int load_options(struct ctl *ctl, struct map_load *load, struct bench_plan *plan)
{
    const char *operation = ctl_option(ctl, "op", "set");
    int code = bench_options(ctl, plan);
    if (code != EXIT_DONE)
        return code;
    if (!ctl_number(ctl, "value-size", 100, VALUE_BYTES_MAX, &load->value_size) ||
        !ctl_number(ctl, "keys", 100000, KEYS_MAX, &load->keys))
        return EXIT_USAGE;
    if (load->keys == 0)
        return ctl_complain(ctl, EXIT_USAGE, "--keys is at least 1");
    load->map = ctl_option(ctl, "map", "bench");
    load->content = ctl_option(ctl, "content", "letters");
    if (strcmp(load->content, "letters") != 0 && strcmp(load->content, "text") != 0 && strcmp(load->content, "noise") != 0)
        return ctl_complain(ctl, EXIT_USAGE, "--content is letters, text or noise, not %s", load->content);
    for (load->operation = OPERATION_SET; load->operation < OPERATION_NONE; load->operation++)
        if (strcmp(OPERATIONS[load->operation], operation) == 0)
            return EXIT_DONE;
    return ctl_complain(ctl, EXIT_USAGE, "--op is set, get or mixed, not %s", operation);
}

/* What is read must be there. */
static void fill(struct map_load *load, const struct bench_plan *plan)
{
    struct bench_plan filling = *plan;
    filling.operations = load->keys;
    filling.rate = filling.warmup_seconds = 0;
    filling.seconds = UINT32_MAX;
    load->filling = true;
    bench_run(&load->bench, &filling);
    load->filling = false;
}

int bench_map(struct ctl *ctl)
{
    struct map_load load = {0};
    struct bench_plan plan = {.start = start, .context = &load};
    int code = load_options(ctl, &load, &plan);
    if (code == EXIT_DONE)
        code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    load.value = make_value(load.content, load.value_size);
    bench_open(&load.bench, ctl);
    if (load.operation != OPERATION_SET)
        fill(&load, &plan);
    bench_run(&load.bench, &plan);
    code = bench_show(&load.bench);
    bench_close(&load.bench);
    memory_free(load.value);
    return code;
}
