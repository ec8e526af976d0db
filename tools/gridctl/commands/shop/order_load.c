#include "tools/gridctl/commands/shop/order_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "services/edge/sample.h"
#include "services/edge/views.h"

#define EVENTS_MAP "order.events"

enum {
    CUSTOMERS = 1000,
    SETUP_SECONDS = 60,
    WATCH_MS = 1000,
    ID_BYTES = ORDER_LOAD_ID_BYTES,
};

/* ---- ids: RUN-c0, RUN-p0, RUN-PLACE-NUMBER */

const char *order_load_id(const struct order_load *load, const char *kind, uint64_t number, char text[ID_BYTES])
{
    snprintf(text, ID_BYTES, "%s-%s%" PRIu64, load->run, kind, number);
    return text;
}

static bool take_number(struct bytes *text, uint64_t *ret_number)
{
    size_t at = 0;
    uint64_t number = 0;
    for (; at < text->size && at < 19 && text->data[at] >= '0' && text->data[at] <= '9'; at++)
        number = number * 10 + (uint64_t)(text->data[at] - '0');
    *text = bytes_of(text->data + at, text->size - at);
    *ret_number = number;
    return at > 0;
}

static bool take_char(struct bytes *text, char wanted)
{
    if (text->size == 0 || text->data[0] != (uint8_t)wanted)
        return false;
    *text = bytes_of(text->data + 1, text->size - 1);
    return true;
}

/* The place that carries, or carried, an order of this run; what follows its id stays in `text`. */
static struct order_place *place_of(const struct order_load *load, struct bytes *text, uint64_t *ret_number)
{
    size_t size = strlen(load->run);
    uint64_t place;
    if (text->size <= size || memcmp(text->data, load->run, size) != 0)
        return NULL;
    *text = bytes_of(text->data + size, text->size - size);
    if (!take_char(text, '-') || !take_number(text, &place) || !take_char(text, '-') || !take_number(text, ret_number))
        return NULL;
    return place < load->places_count ? &load->places[place] : NULL;
}

/* ---- customers and products */

static void on_created(void *context, const struct grid_reply *reply)
{
    bench_end(context, reply, reply->outcome == GRID_OUTCOME_OK);
}

static void start_creation(struct bench_place *place, uint64_t number)
{
    struct order_load *load = place->bench->plan->context;
    struct grid_call call = {.done = on_created, .context = place};
    char id[ID_BYTES];
    bool customer = number < CUSTOMERS;
    arena_reset(&load->arena);
    struct input_command input = customer ? sample_customer(&load->arena) : sample_product(&load->arena);
    struct grid_command command = {.service = input.service, .type = input.type, .body = {input.body.data, input.body.size}};
    command.key = customer ? order_load_id(load, "c", number, id) : order_load_id(load, "p", number - CUSTOMERS, id);
    grid_client_command(place->client, &command, &call);
}

static int create_all(struct order_load *load, const struct bench_plan *plan)
{
    struct bench_plan creation = *plan;
    creation.start = start_creation;
    creation.context = load;
    creation.operations = CUSTOMERS + load->options.products;
    creation.rate = creation.warmup_seconds = 0;
    creation.seconds = SETUP_SECONDS;
    bench_run(&load->bench, &creation);
    load->bench.plan = plan;               /* this one ends with the function */
    const struct bench_result *result = &load->bench.result;
    if (result->operations == creation.operations)
        return EXIT_DONE;
    return ctl_complain(load->ctl, EXIT_UNAVAILABLE, "%" PRIu64 " of %" PRIu64 " customers and products were created",
                        result->operations, creation.operations);
}

/* ---- placing orders */

static void finish(struct order_load *load, struct order_place *order)
{
    static const struct grid_reply otherwise = {.outcome = GRID_OUTCOME_REFUSED,
                                                .note = "a saga had another outcome than its order should have"};
    order->busy = false;
    bench_end(&load->bench.places[order - load->places], &otherwise, order->good);
}

static void on_accepted(void *context, const struct grid_reply *reply)
{
    struct bench_place *place = context;
    struct bench *bench = place->bench;
    struct order_load *load = bench->plan->context;
    struct order_place *order = &load->places[place - bench->places];
    bool unclear = reply->outcome == GRID_OUTCOME_UNKNOWN || reply->outcome == GRID_OUTCOME_RESULT_NOT_KEPT;
    if (reply->outcome != GRID_OUTCOME_OK) {
        load->counts.unknown += unclear;
        load->counts.refused += !unclear;
        order->busy = false;
        bench_end(place, reply, false);
        return;
    }
    load->counts.accepted++;
    order->accepted = true;
    bench->now_us = bench_now_us();
    if (!bench->done && bench_counts(bench, place))
        latency_add(&load->accepted, bench->now_us > place->since_us ? bench->now_us - place->since_us : 0);
    if (order->ended)
        finish(load, order);
}

static struct input_command make_order(struct order_load *load, struct order_place *order)
{
    struct prng *prng = &load->bench.prng;
    size_t count = prng_range(prng, load->options.lines.low, load->options.lines.high);
    struct input_line *lines = arena_zero(&load->arena, count * sizeof *lines);
    char id[ID_BYTES];
    for (size_t i = 0; i < count; i++) {
        order_load_id(load, "p", draw_zipf_pick(load->zipf, prng_u64(prng)), id);
        lines[i].product_id = arena_text(&load->arena, bytes_of_text(id));
        lines[i].quantity = i == 0 && order->declines ? SAMPLE_UNITS_DECLINED : 1;
        order->units += (uint64_t)lines[i].quantity;
    }
    return sample_order(order_load_id(load, "c", prng_range(prng, 0, CUSTOMERS - 1), id), lines, count, &load->arena);
}

static void start_order(struct bench_place *place, uint64_t number)
{
    struct bench *bench = place->bench;
    struct order_load *load = bench->plan->context;
    uint64_t which = (uint64_t)(place - bench->places);
    struct order_place *order = &load->places[which];
    struct grid_call call = {.done = on_accepted, .context = place};
    char id[ID_BYTES];
    REQUIRE(!order->busy);
    arena_reset(&load->arena);
    *order = (struct order_place){.number = number, .busy = true,
                                  .declines = prng_range(&bench->prng, 0, 99) < load->options.decline_percent};
    snprintf(id, sizeof id, "%s-%" PRIu64 "-%" PRIu64, load->run, which, number);
    struct input_command input = make_order(load, order);
    struct grid_command command = {.service = input.service, .type = input.type, .key = id,
                                   .body = {input.body.data, input.body.size}, .correlation_id = id};
    grid_client_command(place->client, &command, &call);
}

/* ---- how sagas end */

static void ended(struct order_load *load, struct order_place *order, uint64_t number, bool confirmed)
{
    /* An order whose acceptance is not known ends too, when its place has gone on; and what was read may be heard again. */
    if (!order->busy || order->number != number || order->ended)
        return;
    load->counts.completed += confirmed;
    load->counts.compensated += !confirmed;
    order->ended = true;
    order->good = confirmed != order->declines;
    load->counts.unexpected += !order->good;
    load->counts.units_sold += confirmed ? order->units : 0;
    if (order->accepted)
        finish(load, order);
}

static void hear(struct order_load *load, const struct grid_journal_record *record)
{
    struct bytes key = bytes_of(record->key.data, record->key.size);
    uint64_t number, sequence;
    struct order_place *order = place_of(load, &key, &number);
    /* Most records are OrderCreated, an order's first. */
    if (order == NULL || !take_char(&key, '/') || !take_number(&key, &sequence) || sequence == 1)
        return;
    enum sample_end end = sample_end_of(bytes_of(record->value.data, record->value.size));
    if (end != SAMPLE_GOES_ON)
        ended(load, order, number, end == SAMPLE_CONFIRMED);
}

/* ---- after a journal has dropped records: all orders under way are read once; the journal has the later ends */

static void on_view(void *context, const struct grid_reply *reply)
{
    struct order_load *load = context;
    struct view_order view;
    uint64_t number;
    if (load->stopped || reply->outcome != GRID_OUTCOME_OK || !reply->found)
        return;
    arena_reset(&load->arena);
    if (!view_order(bytes_of(reply->value.data, reply->value.size), &load->arena, &view))
        return;
    struct bytes id = bytes_of_text(view.id);
    struct order_place *order = place_of(load, &id, &number);
    bool confirmed = strcmp(view.status, "CONFIRMED") == 0;
    if (order != NULL && order->busy && order->number == number && (confirmed || strcmp(view.status, "CANCELLED") == 0))
        ended(load, order, number, confirmed);
}

static void read_places(struct order_load *load)
{
    struct grid_call call = {.done = on_view, .context = load};
    for (uint64_t i = 0; i < load->places_count; i++) {
        char id[ID_BYTES];
        if (!load->places[i].busy)
            continue;
        snprintf(id, sizeof id, "%s-%" PRIu64 "-%" PRIu64, load->run, i, load->places[i].number);
        struct grid_key key = grid_key_text(id);
        grid_client_get(load->ctl->client, "order.view", &key, &call);
    }
}

/* ---- following the journal */

static void on_page(void *context, const struct grid_reply *reply)
{
    struct order_load *load = context;
    struct grid_call call = {.done = on_page, .context = load};
    if (load->stopped || reply->outcome == GRID_OUTCOME_CLOSED)
        return;
    for (size_t i = 0; i < reply->records_count; i++)
        hear(load, &reply->records[i]);
    if (reply->dropped_to != 0 || reply->outcome != GRID_OUTCOME_OK)
        read_places(load);
    grid_journal_next(load->journal, WATCH_MS, &call);
}

struct asked { bool done; int code; struct order_load *load; };

static void on_asked(void *context, const struct grid_reply *reply)
{
    struct asked *asked = context;
    asked->done = true;
    if (reply->outcome != GRID_OUTCOME_OK)
        asked->code = ctl_failed(asked->load->ctl, "the journal of " EVENTS_MAP, reply);
    else if (reply->info != NULL)
        asked->load->journal_info = *reply->info;
}

static int set_journal(struct order_load *load, bool on)
{
    struct asked asked = {.load = load};
    struct grid_call call = {.done = on_asked, .context = &asked};
    grid_client_map_info(load->ctl->client, EVENTS_MAP, &call);
    ctl_wait(load->ctl, &asked.done);
    struct grid_map_info *info = &load->journal_info;
    if (asked.code != EXIT_DONE || info->settings.journal == on)
        return asked.code;
    struct grid_map_settings settings = info->settings;
    settings.journal = on;
    asked.done = false;
    grid_client_configure(load->ctl->client, EVENTS_MAP, &settings, info->settings_version, &call);
    ctl_wait(load->ctl, &asked.done);
    load->journal_was_off = on && asked.code == EXIT_DONE;
    return asked.code;
}

/* The end of an order that is placed before the reader is at the journal's end could be missed. */
static bool stands(const struct order_load *load)
{
    for (uint32_t i = 0; i < grid_client_partition_count(load->ctl->client); i++)
        if (grid_journal_position(load->journal, i) == 0)
            return false;
    return true;
}

static int follow(struct order_load *load)
{
    const struct grid_journal_options options = {.map = EVENTS_MAP, .from = GRID_FROM_NEWEST,
                                                 .partition = GRID_PARTITION_ALL};
    struct asked asked = {.load = load};
    struct grid_call call = {.done = on_asked, .context = &asked};
    int code = set_journal(load, true);
    if (code != EXIT_DONE)
        return code;
    load->journal = grid_journal_open(load->ctl->client, &options);
    do {
        asked.done = false;
        grid_journal_next(load->journal, 0, &call);
        ctl_wait(load->ctl, &asked.done);
    } while (asked.code == EXIT_DONE && !stands(load));
    if (asked.code == EXIT_DONE)
        on_page(load, &(struct grid_reply){.outcome = GRID_OUTCOME_OK});
    return asked.code;
}

/* ---- life */

int order_load_open(struct order_load *load, struct ctl *ctl, const struct order_load_options *options,
                    const struct bench_plan *plan)
{
    *load = (struct order_load){.ctl = ctl, .options = *options};
    arena_init(&load->arena, 4096);
    bench_open(&load->bench, ctl);
    snprintf(load->run, sizeof load->run, "bench-%08" PRIx32, (uint32_t)prng_u64(&load->bench.prng));
    load->zipf = draw_zipf_open(options->products, options->exponent);
    load->places_count = plan->places;
    load->places = memory_zero(plan->places, sizeof *load->places);
    int code = create_all(load, plan);
    return code == EXIT_DONE ? follow(load) : code;
}

void order_load_run(struct order_load *load, struct bench_plan *plan)
{
    plan->start = start_order;
    plan->context = load;
    bench_run(&load->bench, plan);
}

void order_load_close(struct order_load *load)
{
    load->stopped = true;
    if (load->journal != NULL)
        grid_journal_close(load->journal);
    if (load->journal_was_off)
        (void)set_journal(load, false);
    bench_close(&load->bench);
    draw_zipf_close(load->zipf);
    memory_free(load->places);
    arena_close(&load->arena);
}
