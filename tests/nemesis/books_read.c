#include "tests/nemesis/books_read.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/memory.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "service/payment/v1/payment.pb-c.h"
#include "service/saga/v1/saga.pb-c.h"
#include "services/commands.h"
#include "services/message.h"

enum { FAILURES_MAX = 5, PAGE_MS = 20000, READ_SECONDS = 300 };

struct reading;

/* Walks through all maps of one partition, page by page. */
struct walk {
    struct reading *reading;
    struct partition_id partition;
    size_t map;
    uint64_t cursor_hash;
    struct buffer cursor_key;
    unsigned failures;
};

struct reading {
    struct books *books;
    struct client *client;
    struct walk *walks;
    uint32_t walks_open;
    bool failed;
    struct arena arena;                    /* of one entry */
};

/* ---- one entry */

static void note_stranger(struct books *books, struct bytes key)
{
    if (books->strangers++ == 0)
        snprintf(books->stranger, sizeof books->stranger, "%.*s", (int)(key.size < 48 ? key.size : 48), (const char *)key.data);
}

/* The order that a key belongs to ("o-17", "o-17.s1", "o-17/3"); NULL: nobody asked for such a one. */
static struct books_order *order_of(struct books *books, struct bytes key, struct bytes *ret_rest)
{
    uint64_t number;
    if (books_number(key, 'o', &number, ret_rest) && number < books->orders_count)
        return &books->orders[number];
    note_stranger(books, key);
    return NULL;
}

static bool begins(struct bytes text, const char *with)
{
    size_t size = strlen(with);
    return text.size >= size && memcmp(text.data, with, size) == 0;
}

/* `rest` is what follows the aggregate's key: "/3". */
static bool count_event(struct books_events *events, struct bytes rest, struct bytes value, struct event_record *ret_event)
{
    uint64_t number = 0;
    for (size_t i = 1; i < rest.size; i++)
        number = number * 10 + (uint64_t)(rest.data[i] - '0');
    bool good = begins(rest, "/") && event_record_decode(value, ret_event) == GRID_ERR_OK;
    events->count++;
    events->highest = number > events->highest ? number : events->highest;
    events->misnumbered += !good || ret_event->sequence != number;
    return good;
}

static void read_order(struct reading *reading, const struct map_entry *entry)
{
    struct bytes rest;
    struct books_order *order = order_of(reading->books, entry->key, &rest);
    const Order__V1__Order *view = message_unpack(&order__v1__order__descriptor, entry->value, &reading->arena);
    if (order == NULL || view == NULL)
        return;
    order->status = view->status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CONFIRMED ? BOOKS_CONFIRMED
                  : view->status == ORDER__V1__ORDER_STATUS__ORDER_STATUS_CANCELLED ? BOOKS_CANCELLED : BOOKS_OPEN;
    order->total_minor = view->total_minor;
    order->order_events.sequence = view->sequence;
    order->other_content = view->n_lines != order->lines_count;
    for (size_t i = 0; i < view->n_lines && i < order->lines_count; i++) {
        char id[BOOKS_ID_BYTES];
        order->other_content |= view->lines[i]->quantity != order->lines[i].quantity ||
                                !bytes_equal(bytes_of_text(view->lines[i]->product_id), books_id(id, 'p', order->lines[i].product));
    }
}

static void read_order_event(struct reading *reading, const struct map_entry *entry)
{
    struct bytes rest;
    struct event_record event;
    struct books_order *order = order_of(reading->books, entry->key, &rest);
    if (order != NULL)
        count_event(&order->order_events, rest, entry->value, &event);
}

static void read_saga(struct reading *reading, const struct map_entry *entry)
{
    struct bytes rest;
    struct books_order *order = order_of(reading->books, entry->key, &rest);
    const Saga__V1__Saga *view = message_unpack(&saga__v1__saga__descriptor, entry->value, &reading->arena);
    if (order == NULL || view == NULL)
        return;
    order->saga_events.sequence = view->sequence;
    order->late_ms = view->ended_log_ms > view->deadline_ms ? view->ended_log_ms - view->deadline_ms : 0;
    order->saga = BOOKS_SAGA_OPEN;
    if (view->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPLETED)
        order->saga = BOOKS_COMPLETED;
    else if (view->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_COMPENSATED ||
             view->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_TIMED_OUT)
        order->saga = BOOKS_UNDONE;
    else if (view->status == SAGA__V1__SAGA_STATUS__SAGA_STATUS_FAILED)
        order->saga = BOOKS_FAILED;
}

static void read_saga_event(struct reading *reading, const struct map_entry *entry)
{
    struct bytes rest;
    struct event_record event;
    struct books_order *order = order_of(reading->books, entry->key, &rest);
    if (order != NULL && begins(rest, ".s1"))
        count_event(&order->saga_events, bytes_of(rest.data + 3, rest.size - 3), entry->value, &event);
}

static void read_payment(struct reading *reading, const struct map_entry *entry)
{
    struct bytes rest;
    struct books_order *order = order_of(reading->books, entry->key, &rest);
    const Payment__V1__Payment *view = message_unpack(&payment__v1__payment__descriptor, entry->value, &reading->arena);
    if (order == NULL || view == NULL)
        return;
    order->has_payment = true;
    order->paid = view->status == PAYMENT__V1__PAYMENT_STATUS__PAYMENT_STATUS_CAPTURED;
    order->payment_events.sequence = view->sequence;
}

static void read_payment_event(struct reading *reading, const struct map_entry *entry)
{
    struct bytes rest;
    struct event_record event;
    struct books_order *order = order_of(reading->books, entry->key, &rest);
    if (order == NULL || !begins(rest, ".p1") ||
        !count_event(&order->payment_events, bytes_of(rest.data + 3, rest.size - 3), entry->value, &event))
        return;
    order->processed += event.type == PAYMENT_PAYMENT_PROCESSED;
    order->refunds += event.type == PAYMENT_PAYMENT_REFUNDED;
}

static struct books_product *product_of(struct books *books, struct bytes key, struct bytes *ret_rest)
{
    uint64_t number;
    if (books_number(key, 'p', &number, ret_rest) && number < books->products_count)
        return &books->products[number];
    note_stranger(books, key);
    return NULL;
}

static void read_product(struct reading *reading, const struct map_entry *entry)
{
    struct bytes rest;
    struct books_product *product = product_of(reading->books, entry->key, &rest);
    const Inventory__V1__Product *view = message_unpack(&inventory__v1__product__descriptor, entry->value, &reading->arena);
    if (product == NULL || view == NULL)
        return;
    product->found = true;
    product->on_hand = view->quantity_on_hand;
    product->reserved = view->quantity_reserved;
    product->sold = view->quantity_sold;
    product->received = view->quantity_received;
    product->events.sequence = view->sequence;
}

/* The line of an order that a product's event is about; NULL and a stranger: nobody asked for it. */
static struct books_line *line_of(struct books *books, const char *order_id, uint32_t line)
{
    struct bytes rest;
    struct books_order *order = order_of(books, bytes_of_text(order_id), &rest);
    if (order != NULL && line > 0 && line <= order->lines_count)
        return &order->lines[line - 1];
    if (order != NULL)
        note_stranger(books, bytes_of_text(order_id));
    return NULL;
}

static void read_product_event(struct reading *reading, const struct map_entry *entry)
{
    struct bytes rest;
    struct event_record event;
    struct books_product *product = product_of(reading->books, entry->key, &rest);
    struct books_line *line = NULL;
    int64_t quantity = 0;
    if (product == NULL || !count_event(&product->events, rest, entry->value, &event))
        return;
    if (event.type == INVENTORY_STOCK_RESERVED) {
        const Inventory__V1__StockReserved *body = message_unpack(&inventory__v1__stock_reserved__descriptor, event.body, &reading->arena);
        line = body != NULL ? line_of(reading->books, body->order_id, body->line) : NULL;
        quantity = body != NULL ? body->quantity : 0;
    } else if (event.type == INVENTORY_STOCK_RELEASED) {
        const Inventory__V1__StockReleased *body = message_unpack(&inventory__v1__stock_released__descriptor, event.body, &reading->arena);
        quantity = body != NULL ? body->quantity : 0;
        line = quantity > 0 ? line_of(reading->books, body->order_id, body->line) : NULL;
    } else if (event.type == INVENTORY_STOCK_COMMITTED) {
        const Inventory__V1__StockCommitted *body = message_unpack(&inventory__v1__stock_committed__descriptor, event.body, &reading->arena);
        line = body != NULL ? line_of(reading->books, body->order_id, body->line) : NULL;
        quantity = body != NULL ? body->quantity : 0;
    }
    if (line == NULL)
        return;
    line->reserved += event.type == INVENTORY_STOCK_RESERVED;
    line->released += event.type == INVENTORY_STOCK_RELEASED;
    line->committed += event.type == INVENTORY_STOCK_COMMITTED;
    line->other_quantity |= quantity != line->quantity;
}

static void read_customer(struct reading *reading, const struct map_entry *entry)
{
    struct bytes rest;
    uint64_t number;
    if (books_number(entry->key, 'c', &number, &rest) && number < reading->books->customers_count)
        reading->books->customer_found[number] = true;
    else
        note_stranger(reading->books, entry->key);
}

static const struct { const char *name; void (*read)(struct reading *reading, const struct map_entry *entry); } maps[] = {
    {"order.view", read_order},         {"order.events", read_order_event},
    {"saga.view", read_saga},           {"saga.events", read_saga_event},
    {"payment.view", read_payment},     {"payment.events", read_payment_event},
    {"inventory.view", read_product},   {"inventory.events", read_product_event},
    {"account.view", read_customer},
};

/* ---- scans */

static void next_page(struct walk *walk);

static void take_page(struct walk *walk, const struct response *response)
{
    for (size_t i = 0; i < response->entries_count; i++) {
        arena_reset(&walk->reading->arena);
        maps[walk->map].read(walk->reading, &response->entries[i]);
    }
    walk->failures = 0;
    buffer_clear(&walk->cursor_key);
    walk->cursor_hash = response->more ? response->cursor_hash : 0;
    if (response->more)
        buffer_append(&walk->cursor_key, response->cursor_key);
    else
        walk->map++;
}

static void on_page(void *context, const struct client_result *result)
{
    struct walk *walk = context;
    if (result->err == GRID_ERR_OK)
        take_page(walk, result->response);
    else if (++walk->failures == FAILURES_MAX)
        walk->reading->failed = true;
    if (client_closing(walk->reading->client) || walk->reading->failed || walk->map == sizeof maps / sizeof maps[0])
        walk->reading->walks_open--;
    else
        next_page(walk);
}

static void next_page(struct walk *walk)
{
    struct query query = {.kind = QUERY_SCAN, .map = bytes_of_text(maps[walk->map].name), .limit = SCAN_PAGE_MAX,
                          .cursor_hash = walk->cursor_hash, .cursor_key = buffer_bytes(&walk->cursor_key)};
    client_query(walk->reading->client, walk->partition, &query,
                 &(struct client_call){.done = on_page, .context = walk, .deadline_ms = PAGE_MS});
}

static bool all_walked(void *context)
{
    const struct reading *reading = context;
    return reading->walks_open == 0;
}

bool books_read(struct books *books, struct stage *stage, struct client *client, const char *ledger)
{
    struct reading reading = {.books = books, .client = client};
    uint32_t partitions = client_partitions(client);
    books_forget(books);
    arena_init(&reading.arena, 16 * 1024);
    reading.walks = memory_zero(partitions, sizeof *reading.walks);
    reading.walks_open = partitions;
    for (uint32_t i = 0; i < partitions; i++) {
        reading.walks[i] = (struct walk){.reading = &reading, .partition = {i}};
        next_page(&reading.walks[i]);
    }
    bool good = stage_wait(stage, all_walked, &reading, READ_SECONDS) && !reading.failed;
    if (!good)
        findings_add(&stage->findings, "liveness: the services' maps could not be read after everything was healed");
    else if (ledger != NULL && !(good = books_read_ledger(books, ledger)))
        findings_add(&stage->findings, "I01: the ledger %s cannot be read", ledger);
    /* Walks that still wait hold pointers into this frame; every page has a deadline. */
    while (reading.walks_open > 0) {
        reading.failed = true;
        uv_run(&stage->loop, UV_RUN_ONCE);
    }
    for (uint32_t i = 0; i < partitions; i++)
        buffer_close(&reading.walks[i].cursor_key);
    memory_free(reading.walks);
    arena_close(&reading.arena);
    return good;
}

/* ---- the ledger */

struct key_list { char **keys; size_t count, capacity; };

static void key_add(struct key_list *list, const char *key)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity > 0 ? list->capacity * 2 : 1024;
        list->keys = memory_resize(list->keys, list->capacity * sizeof *list->keys);
    }
    list->keys[list->count++] = memory_copy(key, strlen(key) + 1);
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void count_keys(struct key_list *list, struct books *books)
{
    if (list->count > 0)
        qsort(list->keys, list->count, sizeof *list->keys, by_text);
    for (size_t i = 1; i < list->count; i++)
        if (strcmp(list->keys[i - 1], list->keys[i]) == 0 && books->keys_twice++ == 0)
            snprintf(books->key_twice, sizeof books->key_twice, "%s", list->keys[i]);
    for (size_t i = 0; i < list->count; i++)
        memory_free(list->keys[i]);
    memory_free(list->keys);
}

static bool take_charge(struct books *books, const json_t *json, struct key_list *keys)
{
    const char *operation = json_string_value(json_object_get(json, "operation"));
    const char *outcome = json_string_value(json_object_get(json, "outcome"));
    const char *order_id = json_string_value(json_object_get(json, "order"));
    const char *key = json_string_value(json_object_get(json, "key"));
    int64_t amount = json_integer_value(json_object_get(json, "amountMinor"));
    struct bytes rest;
    if (operation == NULL || outcome == NULL || order_id == NULL || key == NULL)
        return false;
    books->ledger_lines++;
    key_add(keys, key);
    struct books_order *order = order_of(books, bytes_of_text(order_id), &rest);
    if (order == NULL || strcmp(outcome, "CAPTURED") != 0)
        return true;
    bool charge = strcmp(operation, "CHARGE") == 0;
    order->captures += charge;
    order->captured_minor += charge ? amount : 0;
    order->refunded_minor += charge ? 0 : amount;
    return true;
}

bool books_read_ledger(struct books *books, const char *path)
{
    FILE *file = fopen(path, "r");
    struct key_list keys = {0};
    char line[2048];
    bool good = file != NULL;
    while (good && fgets(line, sizeof line, file) != NULL) {
        size_t size = strlen(line);
        if (size == 0 || line[size - 1] != '\n')
            break;
        json_t *json = json_loadb(line, size, 0, NULL);
        good = json != NULL && take_charge(books, json, &keys);
        json_decref(json);
    }
    if (file != NULL)
        fclose(file);
    count_keys(&keys, books);
    return good;
}
