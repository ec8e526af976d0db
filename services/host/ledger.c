/* Requests queue while a batch is at work in the thread pool; each batch takes the lock once, reads what others appended,
 * appends its own lines in one write and syncs. A line without an end was never answered (its writer died, or its disk was
 * full) and is cut off by the next one that has the lock. */
#include "services/host/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <uv.h>

#include "grid/base/check.h"
#include "grid/base/hash.h"
#include "grid/base/memory.h"
#include "grid/store/table.h"
#include "service/payment/v1/payment.pb-c.h"
#include "services/commands.h"
#include "services/message.h"
#include "services/service_list.h"

enum { TEXT_MAX = 96, LEARN_BYTES = 64 * 1024, ARENA_BYTES = 512 };

struct call {
    struct call *next;
    struct sink_request *request;      /* NULL: cancelled meanwhile */
    struct buffer key;
    enum payment_activity kind;
    struct arena arena;
    const Payment__V1__ProviderRequest *asked; /* in the arena; NULL: unreadable */
    enum grid_err err;
    enum activity_outcome outcome;
    char transaction[TEXT_MAX], reason[TEXT_MAX];
};

struct ledger {
    struct sink sink;
    struct uv_loop_s *loop;
    int fd;
    uint64_t read_to;                  /* bytes of the file that `known` has seen */
    struct table *known;               /* key -> outcome line; touched by the batch at work only */
    struct call *waiting, **waiting_last, *working;
    uv_work_t work;
};

/* ---- in the thread pool */

static void remember(struct ledger *ledger, struct bytes key, enum activity_outcome outcome, const char *transaction, const char *reason)
{
    uint8_t value[1 + 2 * TEXT_MAX] = {(uint8_t)outcome};
    snprintf((char *)value + 1, TEXT_MAX, "%s", transaction);
    snprintf((char *)value + 1 + TEXT_MAX, TEXT_MAX, "%s", reason);
    table_set(ledger->known, key, bytes_of(value, sizeof value), 1);
}

static void learn_line(struct ledger *ledger, struct bytes line)
{
    json_t *json = json_loadb((const char *)line.data, line.size, JSON_ALLOW_NUL, NULL);
    const json_t *key = json_object_get(json, "key");
    const char *outcome = json_string_value(json_object_get(json, "outcome"));
    const char *transaction = json_string_value(json_object_get(json, "transaction"));
    const char *reason = json_string_value(json_object_get(json, "reason"));
    if (json_string_length(key) > 0 && outcome && transaction && reason)
        remember(ledger, bytes_of(json_string_value(key), json_string_length(key)),
                 strcmp(outcome, "CAPTURED") == 0 ? ACTIVITY_DONE : ACTIVITY_REFUSED, transaction, reason);
    json_decref(json);
}

static enum grid_err cut(struct ledger *ledger, uint64_t size)
{
    return ftruncate(ledger->fd, (off_t)size) == 0 ? GRID_ERR_OK : GRID_ERR_IO;
}

/* Reads what was appended since the last batch, by whichever node. The lock is held. */
static enum grid_err learn(struct ledger *ledger)
{
    struct buffer text = {0};
    ssize_t got = 1;
    while (got > 0) {
        size_t before = text.size;
        got = pread(ledger->fd, buffer_extend(&text, LEARN_BYTES), LEARN_BYTES, (off_t)(ledger->read_to + before));
        buffer_truncate(&text, before + (got > 0 ? (size_t)got : 0));
    }
    size_t start = 0;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '\n') {
            learn_line(ledger, bytes_of(text.data + start, i - start));
            start = i + 1;
        }
    ledger->read_to += start;
    bool torn = start < text.size;
    buffer_close(&text);
    if (got < 0)
        return GRID_ERR_IO;
    return torn ? cut(ledger, ledger->read_to) : GRID_ERR_OK;
}

/* NULL when one of the texts is not UTF-8: JSON could not hold it, and the charge could not be found again. */
static json_t *line_of(const struct call *call)
{
    json_t *json = json_object();
    int failed = 0;
    failed |= json_object_set_new(json, "operation", json_string(call->kind == PAYMENT_ACTIVITY_CHARGE ? "CHARGE" : "REFUND"));
    failed |= json_object_set_new(json, "key", json_stringn((const char *)call->key.data, call->key.size));
    failed |= json_object_set_new(json, "order", json_string(call->asked->order_id));
    failed |= json_object_set_new(json, "amountMinor", json_integer(call->asked->amount_minor));
    failed |= json_object_set_new(json, "currency", json_string(call->asked->currency));
    failed |= json_object_set_new(json, "outcome", json_string(call->outcome == ACTIVITY_DONE ? "CAPTURED" : "DECLINED"));
    failed |= json_object_set_new(json, "transaction", json_string(call->transaction));
    failed |= json_object_set_new(json, "reason", json_string(call->reason));
    if (!failed)
        return json;
    json_decref(json);
    return NULL;
}

static void append_line(const json_t *json, struct buffer *out)
{
    size_t size = json_dumpb(json, NULL, 0, JSON_COMPACT);
    HOLDS(size > 0 && json_dumpb(json, (char *)buffer_extend(out, size), size, JSON_COMPACT) == size);
    buffer_append_u8(out, '\n');
}

static void refuse(struct call *call, const char *reason)
{
    call->outcome = ACTIVITY_REFUSED;
    call->transaction[0] = 0;
    snprintf(call->reason, TEXT_MAX, "%s", reason);
}

static void decide(struct ledger *ledger, struct call *call, struct buffer *lines)
{
    struct table_entry known;
    if (table_find(ledger->known, buffer_bytes(&call->key), &known)) {
        call->outcome = (enum activity_outcome)known.value.data[0];
        memcpy(call->transaction, known.value.data + 1, TEXT_MAX);
        memcpy(call->reason, known.value.data + 1 + TEXT_MAX, TEXT_MAX);
        return;
    }
    if (call->asked == NULL || (call->kind != PAYMENT_ACTIVITY_CHARGE && call->kind != PAYMENT_ACTIVITY_REFUND)) {
        refuse(call, "not a request that this provider understands");
        return;
    }
    bool declined = call->kind == PAYMENT_ACTIVITY_CHARGE && call->asked->amount_minor > LEDGER_DECLINE_ABOVE_MINOR;
    call->outcome = declined ? ACTIVITY_REFUSED : ACTIVITY_DONE;
    if (!declined)
        snprintf(call->transaction, TEXT_MAX, "tx-%016" PRIx64, hash_xxh3(buffer_bytes(&call->key), 0));
    snprintf(call->reason, TEXT_MAX, "%s", declined ? "amount above the limit" : "");
    json_t *line = line_of(call);
    if (!line) {
        refuse(call, "not UTF-8");
        return;
    }
    append_line(line, lines);
    json_decref(line);
    remember(ledger, buffer_bytes(&call->key), call->outcome, call->transaction, call->reason);
}

static enum grid_err write_lines(struct ledger *ledger, struct bytes lines)
{
    while (lines.size > 0) {
        ssize_t written = write(ledger->fd, lines.data, lines.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return GRID_ERR_IO;
        lines.data += written;
        lines.size -= (size_t)written;
    }
    return fdatasync(ledger->fd) == 0 ? GRID_ERR_OK : GRID_ERR_IO;
}

static enum grid_err append(struct ledger *ledger, struct bytes lines)
{
    enum grid_err err = write_lines(ledger, lines);
    if (err == GRID_ERR_OK) {
        ledger->read_to += lines.size;
        return GRID_ERR_OK;
    }
    /* Nothing of the batch was answered: none of it may stay, and what was decided is read again from the start. */
    (void)cut(ledger, ledger->read_to);
    table_close(ledger->known);
    ledger->known = table_open(0);
    ledger->read_to = 0;
    return err;
}

/* A lock of the open file, not of the process: several ledgers of one process exclude each other too. */
static bool lock_file(struct ledger *ledger)
{
    int result;
    do
        result = flock(ledger->fd, LOCK_EX);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

static void batch_work(uv_work_t *work)
{
    struct ledger *ledger = work->data;
    struct buffer lines = {0};
    enum grid_err err = lock_file(ledger) ? learn(ledger) : GRID_ERR_IO;
    for (struct call *call = ledger->working; call && err == GRID_ERR_OK; call = call->next)
        decide(ledger, call, &lines);
    if (err == GRID_ERR_OK)
        err = append(ledger, buffer_bytes(&lines));
    flock(ledger->fd, LOCK_UN);
    for (struct call *call = ledger->working; call; call = call->next)
        call->err = err == GRID_ERR_OK ? GRID_ERR_OK : GRID_ERR_UNAVAILABLE;
    buffer_close(&lines);
}

/* ---- on the loop */

static void batch_start(struct ledger *ledger);

static void call_free(struct call *call)
{
    buffer_close(&call->key);
    arena_close(&call->arena);
    memory_free(call);
}

static void batch_done(uv_work_t *work, int status)
{
    struct ledger *ledger = work->data;
    struct call *call = ledger->working;
    ledger->working = NULL;
    while (call) {
        struct call *next = call->next;
        struct sink_request *request = status < 0 ? NULL : call->request;
        if (request) {
            request->internal = NULL;
            request->done(request->context, call->err, call->outcome, bytes_of_text(call->transaction), bytes_of_text(call->reason));
        }
        call_free(call);
        call = next;
    }
    batch_start(ledger);
}

static void batch_start(struct ledger *ledger)
{
    if (ledger->working || !ledger->waiting)
        return;
    ledger->working = ledger->waiting;
    ledger->waiting = NULL;
    ledger->waiting_last = &ledger->waiting;
    ledger->work.data = ledger;
    HOLDS(uv_queue_work(ledger->loop, &ledger->work, batch_work, batch_done) == 0);
}

static void run(struct sink *sink, struct sink_request *request)
{
    struct ledger *ledger = (struct ledger *)sink;
    struct call *call = memory_zero(1, sizeof *call);
    call->request = request;
    call->kind = (enum payment_activity)request->kind;
    buffer_append(&call->key, request->key);
    arena_init(&call->arena, ARENA_BYTES);
    call->asked = message_unpack(&payment__v1__provider_request__descriptor, request->request, &call->arena);
    request->internal = call;
    *ledger->waiting_last = call;
    ledger->waiting_last = &call->next;
    batch_start(ledger);
}

static void cancel(struct sink *sink, struct sink_request *request)
{
    struct call *call = request->internal;
    (void)sink;
    if (call)
        call->request = NULL;
    request->internal = NULL;
}

/* ---- life */

enum grid_err ledger_open(struct uv_loop_s *loop, const char *path, struct sink **ret_sink, char **ret_note)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
        *ret_note = err_note("payment ledger %s: %s", path, strerror(errno));
        return GRID_ERR_IO;
    }
    struct ledger *ledger = memory_zero(1, sizeof *ledger);
    *ledger = (struct ledger){.sink = {.name = "payment", .service = SERVICE_NUMBER_payment, .run = run, .cancel = cancel},
                              .loop = loop, .fd = fd, .known = table_open(0)};
    ledger->waiting_last = &ledger->waiting;
    *ret_sink = &ledger->sink;
    return GRID_ERR_OK;
}

void ledger_close(struct sink *sink)
{
    struct ledger *ledger = (struct ledger *)sink;
    REQUIRE(!ledger->working);
    while (ledger->waiting) {
        struct call *call = ledger->waiting;
        ledger->waiting = call->next;
        call_free(call);
    }
    table_close(ledger->known);
    close(ledger->fd);
    memory_free(ledger);
}

/* The directory that holds the file of this path. */
static void parent_of(const char *path, struct buffer *out)
{
    const char *slash = strrchr(path, '/');
    buffer_append(out, slash == NULL ? bytes_of_text(".") : bytes_of(path, slash == path ? 1 : (size_t)(slash - path)));
    buffer_append_u8(out, 0);
}

enum grid_err ledger_check(const char *path, char **ret_note)
{
    struct buffer parent = {0};
    parent_of(path, &parent);
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    bool good = fd >= 0 || (errno == ENOENT && faccessat(AT_FDCWD, (const char *)parent.data, W_OK | X_OK, AT_EACCESS) == 0);
    if (!good)
        *ret_note = err_note("payment ledger %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    buffer_close(&parent);
    return good ? GRID_ERR_OK : GRID_ERR_IO;
}
