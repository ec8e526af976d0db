/* Requests: lists, numbers on the wire, the end of one. */
#include "client/core/core_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

static const struct response NO_RESPONSE;

enum { NOTE_BYTES = 2048 };                /* of a note about many addresses */

/* Requests that are kept for the next ones, and how large a body may be that stays with one. What looks for errors in
 * memory is to see each by itself. */
#if defined(__SANITIZE_ADDRESS__)
enum { SPARE_MAX = 0, SPARE_BODY_BYTES = 4096 };
#else
enum { SPARE_MAX = 64, SPARE_BODY_BYTES = 4096 };
#endif

/* ---- lists */

static void insert_before(struct request_list *list, struct request *request, struct request *at)
{
    REQUIRE(request->list == NULL);
    request->list = list;
    request->next = at;
    request->before = at != NULL ? at->before : list->last;
    if (request->before != NULL)
        request->before->next = request;
    else
        list->first = request;
    if (at != NULL)
        at->before = request;
    else
        list->last = request;
    list->count++;
}

void request_list_append(struct request_list *list, struct request *request)
{
    insert_before(list, request, NULL);
}

void request_list_insert(struct request_list *list, struct request *request)
{
    struct request *at = NULL;
    /* What comes back usually comes back in order: at the end. */
    if (list->last != NULL && list->last->turn > request->turn)
        for (at = list->first; at->turn < request->turn; at = at->next)
            HOLDS(at->next != NULL);
    insert_before(list, request, at);
}

void request_list_remove(struct request *request)
{
    struct request_list *list = request->list;
    REQUIRE(list != NULL);
    if (request->before != NULL)
        request->before->next = request->next;
    else
        list->first = request->next;
    if (request->next != NULL)
        request->next->before = request->before;
    else
        list->last = request->before;
    list->count--;
    request->list = NULL;
    request->before = request->next = NULL;
}

/* ---- numbers on the wire: the slot and the number of its uses, so that late answers find no request */

static uint32_t slot_take(struct client *client, struct request *request)
{
    uint32_t slot = client->slots_free;
    if (slot == UINT32_MAX) {
        if (client->slots_count == client->slots_capacity) {
            client->slots_capacity = client->slots_capacity > 0 ? client->slots_capacity * 2 : 64;
            client->slots = memory_resize(client->slots, client->slots_capacity * sizeof *client->slots);
        }
        slot = client->slots_count++;
        client->slots[slot] = (struct slot){0};
    } else {
        client->slots_free = client->slots[slot].next_free;
    }
    client->slots[slot].request = request;
    return slot;
}

static void slot_give(struct client *client, uint32_t slot)
{
    client->slots[slot].request = NULL;
    client->slots[slot].generation++;
    client->slots[slot].next_free = client->slots_free;
    client->slots_free = slot;
}

uint64_t request_wire_id(struct request *request)
{
    struct slot *slot = &request->client->slots[request->slot];
    slot->generation++;
    return (uint64_t)slot->generation << 32 | request->slot;
}

struct request *request_find(struct client *client, uint64_t wire_id)
{
    uint32_t slot = (uint32_t)wire_id;
    if (slot >= client->slots_count || client->slots[slot].generation != (uint32_t)(wire_id >> 32))
        return NULL;
    return client->slots[slot].request;
}

void request_forget_attempt(struct request *request)
{
    request->client->slots[request->slot].generation++;
    request->connection = NULL;
}

/* ---- memory */

static struct request *take(struct client *client)
{
    struct request *request = client->spare;
    if (request == NULL)
        return memory_zero(1, sizeof *request);
    client->spare = request->next;
    client->spare_count--;
    struct buffer body = request->body, affinity = request->affinity;
    *request = (struct request){.body = body, .affinity = affinity};
    return request;
}

static void free_request(struct request *request)
{
    buffer_close(&request->body);
    buffer_close(&request->affinity);
    memory_free(request);
}

static void give(struct client *client, struct request *request)
{
    if (client->spare_count + 1 > SPARE_MAX || request->body.capacity > SPARE_BODY_BYTES) {
        free_request(request);
        return;
    }
    buffer_clear(&request->body);
    buffer_clear(&request->affinity);
    request->next = client->spare;
    client->spare = request;
    client->spare_count++;
}

void request_free_spare(struct client *client)
{
    while (client->spare != NULL) {
        struct request *request = client->spare;
        client->spare = request->next;
        free_request(request);
    }
    client->spare_count = 0;
}

/* ---- life */

/* While no node is connected: what is wrong with each address. */
static bool why_none_is_connected(const struct client *client, char *note, size_t size)
{
    struct buffer text = {0};
    for (const struct connection *each = client->connections; each != NULL; each = each->next)
        if (each->state == CONNECTION_READY)
            return false;
    faults_text(client, &text);
    bool known = text.size > 0;
    if (known)
        snprintf(note, size, "the deadline passed; %.*s", (int)text.size, (const char *)text.data);
    buffer_close(&text);
    return known;
}

/* No answer came in time, whatever the reason. */
static void deadline_passed(void *context)
{
    struct request *request = context;
    /* What is under way now may still arrive there. */
    if (request->connection != NULL)
        retry_lost(&request->retry);
    enum grid_err outcome = retry_give_up(&request->retry);
    char note[NOTE_BYTES] = "the deadline passed";
    struct client *client = request->client;
    const struct route *route = client->partitions > 0 && request->list != &client->early ? &client->routes[request->partition] : NULL;
    if (outcome == GRID_ERR_BUSY && client->full != NULL)
        snprintf(note, sizeof note, "no room until the deadline passed: the node at %.60s takes no further connections", client->full);
    else if (outcome == GRID_ERR_BUSY)
        snprintf(note, sizeof note, "no room until the deadline passed");
    else if (why_none_is_connected(client, note, sizeof note))
        ENSURE(note[0] != 0);
    else if (client->refusal[0] && (outcome == GRID_ERR_NOT_SUPPORTED || outcome == GRID_ERR_UNAVAILABLE))
        snprintf(note, sizeof note, "the deadline passed; %s", client->refusal);
    else if (route != NULL && request->kind != REQUEST_ADMIN && route->leaderless_ms > 0)
        snprintf(note, sizeof note, "the deadline passed; node %u had known no leader of partition %u for %" PRIu64 " ms",
                 route->leaderless_node, request->partition, route->leaderless_ms);
    request_fail(request, outcome, note);
}

struct request *request_new(struct client *client, enum request_kind kind, const struct client_call *call)
{
    REQUIRE(!client->closing);
    struct request *request = take(client);
    request->client = client;
    request->kind = kind;
    request->turn = ++client->turns;
    request->slot = slot_take(client, request);
    request->retry.is_write = kind == REQUEST_COMMAND;
    request->call = *call;
    request->deadline = (struct timer){.fire = deadline_passed, .context = request};
    client->pending++;
    client->reaches += kind == REQUEST_REACH;
    /* A session is wanted as long as a write waits for it; those have deadlines of their own. */
    if (kind == REQUEST_SESSION) {
        client->own++;
        return request;
    }
    client->totals.requests++;
    clock_timer_start(client->io->clock, &request->deadline,
                      call->deadline_ms > 0 ? call->deadline_ms * 1000 : client->deadline_us);
    return request;
}

void request_finish(struct request *request, const struct client_result *result)
{
    struct client *client = request->client;
    struct client_call call = request->call;
    REQUIRE(call.done != NULL && result->response != NULL && result->note != NULL);
    if (request->list != NULL)
        request_list_remove(request);
    if (request->sequence > 0)
        window_leave(request);
    clock_timer_stop(client->io->clock, &request->deadline);
    clock_timer_stop(client->io->clock, &request->pause);
    slot_give(client, request->slot);
    client->own -= request->kind == REQUEST_SESSION;
    client->reaches -= request->kind == REQUEST_REACH;
    give(client, request);
    client->pending--;
    client->totals.unknown += result->err == GRID_ERR_UNKNOWN;
    call.done(call.context, result);
}

void request_fail(struct request *request, enum grid_err err, const char *note)
{
    struct client_result result = {.err = err, .note = note, .response = &NO_RESPONSE};
    REQUIRE(err != GRID_ERR_OK || request->kind == REQUEST_READY || request->kind == REQUEST_REACH);
    request_finish(request, &result);
}

void request_fail_later(struct request *request, enum grid_err err, const char *note)
{
    struct client *client = request->client;
    request->failed = err;
    request->failed_note = note;
    if (request->list != NULL)
        request_list_remove(request);
    request_list_append(&client->failed, request);
    client_schedule(client);
}
