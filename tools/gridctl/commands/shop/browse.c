/* get, list, show and history: views and events, read by scan and get. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "grid/base/memory.h"
#include "services/edge/views.h"
#include "tools/gridctl/command.h"
#include "tools/gridctl/commands/shop/event_table.h"
#include "tools/gridctl/commands/pager.h"
#include "tools/gridctl/terminal/table.h"

/* How a domain's views are shown in lists. */
struct listing {
    const char *domain;
    const char *const *headers;
    const char *const *fields;             /* in JSON; NULL: all */
    /* A row of the table; false: the entry cannot be read. `table` NULL: only asked whether the filter lets it pass. */
    bool (*row)(struct table_view *table, struct bytes value, struct arena *arena, const char *filter, bool *ret_passes);
};

/* ---- lists */

struct list {
    struct ctl *ctl;
    const struct listing *listing;
    const char *filter;
    struct arena arena;
    struct json json;
    struct table_view *table;
};

/* One that cannot be read passes, so that it is complained of. */
static bool list_passes(void *context, const struct grid_entry *entry)
{
    struct list *list = context;
    bool passes = true;
    arena_reset(&list->arena);
    return !list->listing->row(NULL, bytes_of(entry->value.data, entry->value.size), &list->arena, list->filter, &passes) || passes;
}

static int list_entry(void *context, const struct grid_entry *entry)
{
    struct list *list = context;
    struct bytes value = bytes_of(entry->value.data, entry->value.size);
    bool passes;
    arena_reset(&list->arena);
    bool good = list->table != NULL ? list->listing->row(list->table, value, &list->arena, list->filter, &passes)
                                    : view_json(&list->json, list->listing->domain, value, &list->arena, list->listing->fields);
    if (!good)
        return ctl_complain(list->ctl, EXIT_FAILED, "%.*s: its view cannot be read by this version", (int)entry->key.size,
                            (const char *)entry->key.data);
    if (list->ctl->output == OUTPUT_NDJSON)
        ctl_json_end(list->ctl);
    return EXIT_DONE;
}

static void list_begin(struct ctl *ctl, void *context)
{
    struct list *list = context;
    list->json = ctl_json(ctl);
    if (!ctl->json)
        list->table = table_view_open(ctl, list->listing->headers);
    else if (ctl->output != OUTPUT_NDJSON)
        json_put_array_begin(&list->json, NULL);
}

static void list_end(struct ctl *ctl, void *context)
{
    struct list *list = context;
    if (list->table != NULL) {
        table_view_close(list->table, ctl);
    } else if (ctl->output != OUTPUT_NDJSON) {
        json_put_array_end(&list->json);
        ctl_json_end(ctl);
    }
}

static int list_views(struct ctl *ctl, const struct listing *listing, const char *filter)
{
    struct list list = {.ctl = ctl, .listing = listing, .filter = filter};
    char map[64];
    snprintf(map, sizeof map, "%s.view", listing->domain);
    arena_init(&list.arena, 4096);
    struct pager_plan plan = {.map = map, .context = &list, .passes = list_passes, .begin = list_begin, .show = list_entry, .end = list_end};
    int code = pager_run(ctl, &plan);
    arena_close(&list.arena);
    return code;
}

static bool order_row(struct table_view *table, struct bytes value, struct arena *arena, const char *filter,
                      bool *ret_passes)
{
    struct view_order order;
    if (!view_order(value, arena, &order))
        return false;
    *ret_passes = filter == NULL || strcasecmp(order.status, filter) == 0;
    if (table == NULL)
        return true;
    table_view_row(table);
    table_view_cell(table, "%s", order.id);
    table_view_cell(table, "%s", order.status);
    table_view_cell(table, "%s", order.customer);
    table_view_cell(table, "%s", order.total);
    table_view_cell(table, "%s", order.currency);
    table_view_cell(table, "%zu", order.lines);
    table_view_cell(table, "%s", order.created);
    return true;
}

int order_list(struct ctl *ctl)
{
    static const char *const headers[] = {"ORDER", "STATUS", "CUSTOMER", ">TOTAL", "CURRENCY", ">LINES", "CREATED", NULL};
    static const char *const fields[] = {"orderId", "status", "customerId", "total", "currency", "lines", "createdAt",
                                         "updatedAt", NULL};
    static const struct listing listing = {"order", headers, fields, order_row};
    return list_views(ctl, &listing, ctl_option(ctl, "status", NULL));
}

static bool saga_row(struct table_view *table, struct bytes value, struct arena *arena, const char *filter,
                     bool *ret_passes)
{
    struct view_saga saga;
    if (!view_saga(value, arena, &saga))
        return false;
    *ret_passes = filter == NULL || strcasecmp(saga.status, filter) == 0;
    if (table == NULL)
        return true;
    table_view_row(table);
    table_view_cell(table, "%s", saga.id);
    table_view_cell(table, "%s", saga.status);
    table_view_cell(table, "%" PRIu32 "/%" PRIu32, saga.step, saga.steps);
    table_view_cell(table, "%s", saga.started);
    table_view_cell(table, "%s", saga.completed);
    table_view_cell(table, "%s", saga.reason);
    return true;
}

int saga_list(struct ctl *ctl)
{
    static const char *const headers[] = {"SAGA", "STATUS", ">STEP", "STARTED", "COMPLETED", "REASON", NULL};
    static const char *const fields[] = {"sagaId", "orderId", "status", "mode", "startedAt", "completedAt", "currentStep",
                                         "totalSteps", "failureReason", NULL};
    static const struct listing listing = {"saga", headers, fields, saga_row};
    return list_views(ctl, &listing, ctl_option(ctl, "status", NULL));
}

static bool product_row(struct table_view *table, struct bytes value, struct arena *arena, const char *filter,
                        bool *ret_passes)
{
    struct view_product product;
    (void)filter;
    if (!view_product(value, arena, &product))
        return false;
    *ret_passes = true;
    if (table == NULL)
        return true;
    table_view_row(table);
    table_view_cell(table, "%s", product.id);
    table_view_cell(table, "%s", product.sku);
    table_view_cell(table, "%s", product.name);
    table_view_cell(table, "%s %s", product.price, product.currency);
    table_view_cell(table, "%" PRId64, product.on_hand);
    table_view_cell(table, "%" PRId64, product.reserved);
    table_view_cell(table, "%" PRId64, product.sold);
    table_view_cell(table, "%s", product.status);
    return true;
}

int product_list(struct ctl *ctl)
{
    static const char *const headers[] = {"PRODUCT", "SKU", "NAME", ">PRICE", ">ON HAND", ">RESERVED", ">SOLD", "STATUS",
                                          NULL};
    static const struct listing listing = {"inventory", headers, NULL, product_row};
    return list_views(ctl, &listing, NULL);
}

static bool customer_row(struct table_view *table, struct bytes value, struct arena *arena, const char *filter,
                         bool *ret_passes)
{
    struct view_customer customer;
    (void)filter;
    if (!view_customer(value, arena, &customer))
        return false;
    *ret_passes = true;
    if (table == NULL)
        return true;
    table_view_row(table);
    table_view_cell(table, "%s", customer.id);
    table_view_cell(table, "%s", customer.name);
    table_view_cell(table, "%s", customer.email);
    table_view_cell(table, "%s", customer.status);
    return true;
}

int customer_list(struct ctl *ctl)
{
    static const char *const headers[] = {"CUSTOMER", "NAME", "EMAIL", "STATUS", NULL};
    static const struct listing listing = {"account", headers, NULL, customer_row};
    return list_views(ctl, &listing, NULL);
}

/* ---- one */

struct one { struct ctl *ctl; const char *domain, *name; bool done; int code; };

static void on_view(void *context, const struct grid_reply *reply)
{
    struct one *one = context;
    struct ctl *ctl = one->ctl;
    one->done = true;
    if (reply->outcome != GRID_OUTCOME_OK) {
        one->code = ctl_failed(ctl, one->name, reply);
    } else if (!reply->found) {
        one->code = ctl_find_nothing(ctl, "%s: not found", one->name);
    } else {
        /* People and programs read the same: a view is a tree, not a table. */
        struct json json = json_to(&ctl->out, !ctl->json);
        struct arena arena;
        arena_init(&arena, 4096);
        if (view_json(&json, one->domain, bytes_of(reply->value.data, reply->value.size), &arena, NULL))
            ctl_json_end(ctl);
        else
            one->code = ctl_complain(ctl, EXIT_FAILED, "%s: its view cannot be read by this version", one->name);
        arena_close(&arena);
    }
}

/* `name`: how messages name it. */
static int show_one(struct ctl *ctl, const char *domain, const char *key, const char *name)
{
    struct one one = {.ctl = ctl, .domain = domain, .name = name};
    struct grid_call call = {.done = on_view, .context = &one};
    struct arena arena;
    char map[64];
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    snprintf(map, sizeof map, "%s.view", domain);
    arena_init(&arena, 512);
    struct grid_key identity = {.key = grid_text(key), .affinity = grid_text(view_affinity(domain, key, &arena))};
    grid_client_get(ctl->client, map, &identity, &call);
    ctl_wait(ctl, &one.done);
    arena_close(&arena);
    return one.code;
}

int customer_get(struct ctl *ctl)
{
    return show_one(ctl, "account", ctl->arguments[0], ctl->arguments[0]);
}

int product_get(struct ctl *ctl)
{
    return show_one(ctl, "inventory", ctl->arguments[0], ctl->arguments[0]);
}

int order_get(struct ctl *ctl)
{
    return show_one(ctl, "order", ctl->arguments[0], ctl->arguments[0]);
}

static int show_derived(struct ctl *ctl, const char *domain, const char *(*id_of)(const char *text, struct arena *arena))
{
    struct arena arena;
    arena_init(&arena, 512);
    const char *given = ctl->arguments[0], *id = id_of(given, &arena);
    int code = show_one(ctl, domain, id, view_sought(domain, given, id, &arena));
    arena_close(&arena);
    return code;
}

int saga_show(struct ctl *ctl)
{
    return show_derived(ctl, "saga", view_saga_id);
}

int payment_get(struct ctl *ctl)
{
    return show_derived(ctl, "payment", view_payment_id);
}

/* ---- event history */

/* Events of one aggregate; they come in the order of their hashes and are shown in that of their sequences. */
struct history {
    struct ctl *ctl;
    struct kept_event { uint64_t sequence; struct bytes value; } *events;
    size_t count, capacity;
    struct arena arena;
    bool done, more;
    int code;
};

static void keep_event(struct history *history, const struct grid_entry *entry)
{
    struct bytes value = arena_copy(&history->arena, bytes_of(entry->value.data, entry->value.size));
    struct view_event event;
    if (!view_event(value, &history->arena, &event)) {
        history->code = ctl_complain(history->ctl, EXIT_FAILED, "%.*s: cannot be read by this version",
                                     (int)entry->key.size, (const char *)entry->key.data);
        return;
    }
    if (history->count == history->capacity) {
        history->capacity = history->capacity > 0 ? history->capacity * 2 : 16;
        history->events = memory_resize(history->events, history->capacity * sizeof *history->events);
    }
    history->events[history->count++] = (struct kept_event){event.sequence, value};
}

static void on_events(void *context, const struct grid_reply *reply)
{
    struct history *history = context;
    history->done = true;
    history->more = reply->more;
    if (reply->outcome != GRID_OUTCOME_OK)
        history->code = ctl_failed(history->ctl, NULL, reply);
    for (size_t i = 0; i < reply->entries_count; i++)
        keep_event(history, &reply->entries[i]);
}

static int by_sequence(const void *left, const void *right)
{
    const struct kept_event *a = left, *b = right;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

static void show_events(struct history *history)
{
    struct bytes *values = memory_zero(history->count, sizeof *values);
    for (size_t i = 0; i < history->count; i++)
        values[i] = history->events[i].value;
    events_show(history->ctl, values, history->count);
    memory_free(values);
}

static void read_history(struct history *history, const char *domain, const char *key)
{
    char map[64];
    struct buffer prefix = {0};
    struct grid_call call = {.done = on_events, .context = history};
    snprintf(map, sizeof map, "%s.events", domain);
    buffer_append_format(&prefix, "%s/", key);
    struct grid_scan_options options = {.map = map, .key_prefix = {prefix.data, prefix.size},
                                        .affinity = grid_text(view_affinity(domain, key, &history->arena))};
    struct grid_scan *scan = grid_scan_open(history->ctl->client, &options);
    do {
        history->done = false;
        grid_scan_next(scan, &call);
        ctl_wait(history->ctl, &history->done);
    } while (history->code == EXIT_DONE && history->more);
    grid_scan_close(scan);
    buffer_close(&prefix);
}

/* People name what they see: a customer, not the account domain. */
static const char *domain_of(const char *name)
{
    if (strcmp(name, "customer") == 0)
        return "account";
    return strcmp(name, "product") == 0 ? "inventory" : name;
}

int event_history(struct ctl *ctl)
{
    struct history history = {.ctl = ctl};
    const char *domain = domain_of(ctl->arguments[0]), *key = ctl->arguments[1];
    if (!view_domain_exists(domain))
        return ctl_complain(ctl, EXIT_USAGE, "no such kind: %s (customer, product, order, payment, saga)",
                            ctl->arguments[0]);
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    arena_init(&history.arena, 16 * 1024);
    /* As payment get and saga show: the order's id will do. */
    if (strcmp(domain, "payment") == 0)
        key = view_payment_id(key, &history.arena);
    else if (strcmp(domain, "saga") == 0)
        key = view_saga_id(key, &history.arena);
    read_history(&history, domain, key);
    if (history.code == EXIT_DONE && history.count == 0)
        history.code = ctl_find_nothing(ctl, "%s: no events", view_sought(domain, ctl->arguments[1], key, &history.arena));
    if (history.code == EXIT_DONE) {
        qsort(history.events, history.count, sizeof *history.events, by_sequence);
        show_events(&history);
    }
    memory_free(history.events);
    arena_close(&history.arena);
    return history.code;
}
