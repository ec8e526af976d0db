/* A scan over all partitions, page by page. */
#include <string.h>

#include "client/faces/face.h"
#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"

struct grid_scan {
    struct grid_client *client;
    struct buffer map, affinity, key_prefix, cursor_key, cursor;
    uint32_t page, partition;
    uint64_t cursor_hash;
    bool placed, ended;                    /* placed: the first partition is known */
    bool ttl, astray;                      /* astray: the cursor given is not one of this scan */
    struct grid_call call;
};

static void ask(struct grid_scan *scan);

/* A cursor: u8 format, u64 hash of what is scanned, u32 partition, u64 hash of the last key looked at, that key. */
enum { CURSOR_FORMAT = 1 };
#define NOT_PLACED UINT32_MAX               /* a partition: the first page has not been requested */

static uint64_t scanned_hash(const struct grid_scan *scan)
{
    struct buffer all = {0};
    buffer_append_sized(&all, buffer_bytes(&scan->map));
    buffer_append_sized(&all, buffer_bytes(&scan->affinity));
    buffer_append_sized(&all, buffer_bytes(&scan->key_prefix));
    uint64_t hash = hash_xxh3(buffer_bytes(&all), 0);
    buffer_close(&all);
    return hash;
}

struct grid_bytes grid_scan_cursor(struct grid_scan *scan)
{
    buffer_clear(&scan->cursor);
    if (scan->ended)
        return (struct grid_bytes){0};
    buffer_append_u8(&scan->cursor, CURSOR_FORMAT);
    buffer_append_u64(&scan->cursor, scanned_hash(scan));
    buffer_append_u32(&scan->cursor, scan->placed ? scan->partition : NOT_PLACED);
    buffer_append_u64(&scan->cursor, scan->cursor_hash);
    buffer_append(&scan->cursor, buffer_bytes(&scan->cursor_key));
    return (struct grid_bytes){scan->cursor.data, scan->cursor.size};
}

static void go_to(struct grid_scan *scan, struct bytes cursor)
{
    struct reader reader = reader_of(cursor);
    bool good = reader_u8(&reader) == CURSOR_FORMAT && reader_u64(&reader) == scanned_hash(scan);
    scan->partition = reader_u32(&reader);
    scan->cursor_hash = reader_u64(&reader);
    buffer_append(&scan->cursor_key, reader_take(&reader, reader_left(&reader)));
    scan->astray = !good || reader.failed;
    scan->placed = scan->partition != NOT_PLACED;
    scan->partition = scan->placed ? scan->partition : 0;
}

struct grid_scan *grid_scan_open(struct grid_client *client, const struct grid_scan_options *options)
{
    struct grid_scan *scan = memory_zero(1, sizeof *scan);
    REQUIRE(options->map != NULL);
    scan->client = client;
    scan->page = options->page;
    buffer_append_text(&scan->map, options->map);
    buffer_append(&scan->affinity, face_bytes(options->affinity));
    buffer_append(&scan->key_prefix, face_bytes(options->key_prefix));
    scan->ttl = options->ttl;
    if (options->cursor.size > 0)
        go_to(scan, face_bytes(options->cursor));
    return scan;
}

void grid_scan_close(struct grid_scan *scan)
{
    REQUIRE(scan->call.done == NULL);
    buffer_close(&scan->map);
    buffer_close(&scan->affinity);
    buffer_close(&scan->key_prefix);
    buffer_close(&scan->cursor_key);
    buffer_close(&scan->cursor);
    memory_free(scan);
}

static const struct response NO_PAGE;

static void finish(struct grid_scan *scan, const struct client_result *result)
{
    struct grid_call call = scan->call;
    struct grid_reply reply;
    scan->call = (struct grid_call){0};
    face_reply(face_arena(scan->client), result, &reply);
    reply.more = result->err == GRID_ERR_OK && !scan->ended;
    face_answer(scan->client, &call, &reply);
}

/* Moves the cursor behind this page. */
static void advance(struct grid_scan *scan, const struct response *page)
{
    buffer_clear(&scan->cursor_key);
    scan->cursor_hash = 0;
    if (page->more) {
        scan->cursor_hash = page->cursor_hash;
        buffer_append(&scan->cursor_key, page->cursor_key);
        return;
    }
    /* All keys of one affinity are in one partition. */
    scan->partition++;
    scan->ended = scan->affinity.size > 0 || scan->partition == client_partitions(face_core(scan->client));
}

/* Pages are in order of the hash; a page that leads back, or nowhere, would be requested again for ever. */
static bool leads_on(const struct grid_scan *scan, const struct response *page)
{
    return !page->more || page->cursor_hash > scan->cursor_hash ||
           (page->cursor_hash == scan->cursor_hash && !bytes_equal(page->cursor_key, buffer_bytes(&scan->cursor_key)));
}

static void on_page(void *context, const struct client_result *result)
{
    struct grid_scan *scan = context;
    if (result->err == GRID_ERR_OK && !leads_on(scan, result->response)) {
        finish(scan, &(struct client_result){.err = GRID_ERR_MALFORMED, .response = &NO_PAGE,
                                             .note = "the node's page does not say where to go on"});
        return;
    }
    if (result->err == GRID_ERR_OK)
        advance(scan, result->response);
    /* Pages without entries are no news: most partitions of a small map have none. */
    if (result->err == GRID_ERR_OK && result->response->entries_count == 0 && !scan->ended)
        ask(scan);
    else
        finish(scan, result);
}

static void ask(struct grid_scan *scan)
{
    struct client *core = face_core(scan->client);
    struct query query = {.kind = QUERY_SCAN, .map = buffer_bytes(&scan->map), .cursor_hash = scan->cursor_hash,
                          .cursor_key = buffer_bytes(&scan->cursor_key), .limit = scan->page,
                          .affinity = buffer_bytes(&scan->affinity), .key_prefix = buffer_bytes(&scan->key_prefix), .with_ttl = scan->ttl};
    struct client_call call = {.done = on_page, .context = scan, .deadline_ms = scan->call.timeout_ms};
    client_query(core, (struct partition_id){scan->partition}, &query, &call);
}

static void on_ready(void *context, const struct client_result *result)
{
    struct grid_scan *scan = context;
    if (result->err != GRID_ERR_OK) {
        finish(scan, result);
        return;
    }
    if (scan->astray || scan->partition >= client_partitions(face_core(scan->client))) {
        finish(scan, &(struct client_result){.err = GRID_ERR_INVALID, .response = &NO_PAGE,
                                             .note = "the cursor is not one of a scan of this map with these filters"});
        return;
    }
    if (!scan->placed && scan->affinity.size > 0)
        scan->partition = client_partition_of(face_core(scan->client), buffer_bytes(&scan->affinity)).value;
    scan->placed = true;
    ask(scan);
}

void grid_scan_next(struct grid_scan *scan, const struct grid_call *call)
{
    struct client_call ready = {.done = on_ready, .context = scan, .deadline_ms = call->timeout_ms};
    REQUIRE(call->done != NULL && scan->call.done == NULL && !scan->ended);
    scan->call = *call;
    (void)face_forked(scan->client);
    client_ready(face_core(scan->client), &ready);
}
