#include "tests/support/wgl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/base/prng.h"

/* ---- the register */

/* The version is 0 when it is not known; `floor` is the highest one told so far, later writes lie above it. */
struct state { bool present; uint64_t value, version, floor; };

static uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool compare_holds(const struct state *state, uint64_t expected)
{
    if (expected == 0 || !state->present)
        return expected == 0 && !state->present;
    return state->version != 0 ? state->version == expected : expected > state->floor;
}

/* The present entry as an answer describes it: also tells a version that was not known. */
static bool see(const struct state *state, const struct wgl_operation *operation, struct state *ret_next)
{
    *ret_next = *state;
    if (operation->found != state->present)
        return false;
    if (!state->present)
        return true;
    if (operation->version == 0 || operation->version == state->version)
        return true;
    ret_next->version = ret_next->floor = operation->version;
    return state->version == 0 && operation->version > state->floor;
}

/* What the register is after an operation that was answered so; false: it cannot be answered so now. */
static bool step(const struct state *state, const struct wgl_operation *operation, struct state *ret_next)
{
    bool saw_old = !operation->tells_old || (state->present && state->value == operation->old_value);
    struct state written = {true, operation->value, operation->version, higher(state->floor, operation->version)};
    switch (operation->kind) {
    case WGL_GET:
        return see(state, operation, ret_next) && (!state->present || state->value == operation->value);
    case WGL_SET:
        *ret_next = written;
        return (operation->blind || operation->found == state->present) && saw_old &&
               (operation->version == 0 || operation->version > state->floor);
    case WGL_REMOVE:
        *ret_next = (struct state){.floor = state->floor};
        return (operation->blind || operation->found == state->present) && saw_old;
    case WGL_COMPARE_AND_SET:
        if (operation->conflict)
            return see(state, operation, ret_next) &&
                   (ret_next->present ? operation->expected == 0 || ret_next->version != operation->expected
                                      : operation->expected != 0);
        *ret_next = written;
        ret_next->floor = higher(written.floor, operation->expected);
        return compare_holds(state, operation->expected) &&
               (operation->version == 0 || operation->version > higher(state->floor, operation->expected));
    }
    UNREACHABLE("four kinds");
}

/* The same for a write that nobody was told of, taking effect now; false: it would have none. */
static bool step_unknown(const struct state *state, const struct wgl_operation *operation, struct state *ret_next)
{
    bool writes = operation->kind != WGL_REMOVE;
    *ret_next = (struct state){writes, writes ? operation->value : 0, 0, state->floor};
    switch (operation->kind) {
    case WGL_SET: return true;
    case WGL_REMOVE: return state->present;
    case WGL_COMPARE_AND_SET:
        ret_next->floor = higher(state->floor, operation->expected);
        return compare_holds(state, operation->expected);
    case WGL_GET: break;
    }
    UNREACHABLE("an unanswered read is no part of a history");
}

/* Wherever it is legal it changes nothing. */
static bool is_read(const struct wgl_operation *operation)
{
    return operation->kind == WGL_GET || (operation->kind == WGL_REMOVE && !operation->found && !operation->blind) ||
           (operation->kind == WGL_COMPARE_AND_SET && operation->conflict);
}

static bool state_equal(const struct state *a, const struct state *b)
{
    return a->present == b->present && a->value == b->value && a->version == b->version && a->floor == b->floor;
}

/* ---- what was searched before */

enum { UNKNOWN_WORDS = 2, UNKNOWN_BITS = 64 * UNKNOWN_WORDS };

/* Which unknown writes were placed: a bit each for the first UNKNOWN_BITS of them. */
struct used { uint64_t words[UNKNOWN_WORDS]; };
struct print { uint64_t a, b; };
struct seen { struct print print; struct used used; };
struct memo { struct seen *slots; size_t count, capacity; };

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

/* 128 bits stand for operations placed and state: that two pairs share them is less likely than a broken machine. */
static struct print fingerprint(struct print placed, const struct state *state)
{
    uint64_t value = mix(state->value + 1 + mix(state->floor + 11)) + state->present;
    return (struct print){placed.a ^ mix(value ^ mix(state->version + 2)),
                          (placed.b ^ mix(value * 3 + mix(state->version * 5 + 7))) | 1};
}

static bool is_part_of(const struct used *a, const struct used *b)
{
    return (a->words[0] & ~b->words[0]) == 0 && (a->words[1] & ~b->words[1]) == 0;
}

/* The slot of a like place that was at least as free (fewer unknown writes used up), or an empty one. */
static struct seen *memo_slot(struct memo *memo, const struct seen *wanted)
{
    size_t at = wanted->print.a & (memo->capacity - 1);
    for (;; at = (at + 1) & (memo->capacity - 1)) {
        struct seen *slot = &memo->slots[at];
        if (slot->print.b == 0)
            return slot;
        if (slot->print.a == wanted->print.a && slot->print.b == wanted->print.b && is_part_of(&slot->used, &wanted->used))
            return slot;
    }
}

static void memo_grow(struct memo *memo)
{
    struct memo grown = {.count = memo->count, .capacity = memo->capacity == 0 ? 1024 : memo->capacity * 2};
    grown.slots = memory_zero(grown.capacity, sizeof *grown.slots);
    for (size_t i = 0; i < memo->capacity; i++)
        if (memo->slots[i].print.b != 0)
            *memo_slot(&grown, &memo->slots[i]) = memo->slots[i];
    memory_free(memo->slots);
    *memo = grown;
}

/* False: searching from here is vain, it was done from a place that left no fewer ways. */
static bool memo_add(struct memo *memo, const struct seen *seen)
{
    if (memo->count * 2 >= memo->capacity)
        memo_grow(memo);
    struct seen *slot = memo_slot(memo, seen);
    if (slot->print.b != 0)
        return false;
    *slot = *seen;
    memo->count++;
    return true;
}

/* ---- the search */

/* A call or a return in the list of what is not placed yet, in order of time. */
struct event {
    struct event *before, *after;
    struct event *other;               /* return of a call, call of a return; NULL: unknown, there is no return */
    const struct wgl_operation *operation;
    struct seen bits;                  /* added to those of the place by exclusive or */
    uint64_t told_before;              /* call: highest version in any earlier answer */
    bool is_return;
    bool is_read_later;                /* unknown: a read saw its value, and another write wrote it too */
};

/* One operation placed, with the unknown write that was placed directly before it, and the unknown removal that made
 * room for that one; NULL: none. */
struct frame { struct event *call, *unknown, *removal; struct state state; bool forced; };

/* A way to place a call. */
struct choice { struct event *call, *unknown, *removal; struct state next; };

struct search {
    struct event head, *events;
    struct frame *frames;
    uint64_t *versions;                /* that were told, ascending */
    size_t versions_count, versions_placed;
    size_t depth, returns, steps;
    struct memo memo;
    struct seen placed;                /* print of the placed operations, and the unknown ones among them */
    struct state state;
};

/* The version that an answer told, of a write or of what was seen; 0: none. */
static uint64_t told_version(const struct wgl_operation *operation)
{
    bool wrote = operation->kind == WGL_SET || (operation->kind == WGL_COMPARE_AND_SET && !operation->conflict);
    bool saw = operation->kind != WGL_REMOVE && operation->found;
    return operation->returned != WGL_NEVER && (wrote || saw) ? operation->version : 0;
}

static int number_order(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static uint64_t event_time(const struct event *event)
{
    return event->is_return ? event->operation->returned : event->operation->called;
}

static int event_order(const void *left, const void *right)
{
    const struct event *a = *(struct event *const *)left, *b = *(struct event *const *)right;
    if (event_time(a) != event_time(b))
        return event_time(a) < event_time(b) ? -1 : 1;
    if (a->is_return != b->is_return)
        return a->is_return ? 1 : -1;
    return a < b ? -1 : a > b;
}

/* The values that reads saw, ascending. The caller frees them. */
static uint64_t *values_read(const struct wgl_operation *operations, size_t count, size_t *ret_count)
{
    uint64_t *values = memory_zero(count, sizeof *values);
    *ret_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (operations[i].kind == WGL_GET && operations[i].found)
            values[(*ret_count)++] = operations[i].value;
        else if (operations[i].tells_old)
            values[(*ret_count)++] = operations[i].old_value;
    }
    qsort(values, *ret_count, sizeof *values, number_order);
    return values;
}

static void search_open(struct search *search, const struct wgl_operation *operations, size_t count)
{
    struct prng prng;
    prng_init(&prng, 1);
    *search = (struct search){.events = memory_zero(2 * count, sizeof(struct event))};
    search->versions = memory_zero(count, sizeof *search->versions);
    struct event **order = memory_zero(2 * count, sizeof(struct event *));
    size_t events = 0, unknown = 0, values_count;
    uint64_t *values = values_read(operations, count, &values_count);
    for (size_t i = 0; i < count; i++) {
        struct event *call = &search->events[2 * i], *end = call + 1;
        REQUIRE(operations[i].called <= operations[i].returned);
        *call = (struct event){.operation = &operations[i]};
        if (operations[i].returned == WGL_NEVER && unknown < UNKNOWN_BITS) {
            call->bits.used.words[unknown / 64] = UINT64_C(1) << unknown % 64;
            unknown++;
        } else {
            call->bits.print = (struct print){prng_u64(&prng), prng_u64(&prng)};
        }
        call->is_read_later = operations[i].returned == WGL_NEVER && operations[i].kind != WGL_REMOVE &&
                              bsearch(&operations[i].value, values, values_count, sizeof *values, number_order) != NULL;
        order[events++] = call;
        if (told_version(&operations[i]) != 0)
            search->versions[search->versions_count++] = operations[i].version;
        if (operations[i].returned == WGL_NEVER)
            continue;
        *end = (struct event){.operation = &operations[i], .other = call, .is_return = true};
        call->other = end;
        order[events++] = end;
        search->returns++;
    }
    qsort(search->versions, search->versions_count, sizeof *search->versions, number_order);
    qsort(order, events, sizeof *order, event_order);
    struct event *last = &search->head;
    for (size_t i = 0; i < events; i++) {
        last->after = order[i];
        order[i]->before = last;
        last = order[i];
    }
    search->frames = memory_zero(search->returns, sizeof *search->frames);
    memory_free(order);
    memory_free(values);
}

static void search_close(struct search *search)
{
    memory_free(search->events);
    memory_free(search->frames);
    memory_free(search->versions);
    memory_free(search->memo.slots);
}

static void list_remove(struct event *event)
{
    event->before->after = event->after;
    if (event->after != NULL)
        event->after->before = event->before;
}

static void list_restore(struct event *event)
{
    event->before->after = event;
    if (event->after != NULL)
        event->after->before = event;
}

static void toggle(struct seen *seen, const struct event *call)
{
    seen->print.a ^= call->bits.print.a;
    seen->print.b ^= call->bits.print.b;
    for (size_t i = 0; i < UNKNOWN_WORDS; i++)
        seen->used.words[i] ^= call->bits.used.words[i];
}

static void place(struct search *search, struct event *call)
{
    toggle(&search->placed, call);
    list_remove(call);
    if (call->other != NULL)
        list_remove(call->other);
}

static void take_back(struct search *search, struct event *call)
{
    toggle(&search->placed, call);
    if (call->other != NULL)
        list_restore(call->other);
    list_restore(call);
}

static void push(struct search *search, const struct choice *choice)
{
    bool forced = choice->unknown == NULL && is_read(choice->call->operation) && state_equal(&search->state, &choice->next);
    search->versions_placed += told_version(choice->call->operation) != 0;
    search->frames[search->depth++] =
        (struct frame){choice->call, choice->unknown, choice->removal, search->state, forced};
    if (choice->removal != NULL)
        place(search, choice->removal);
    if (choice->unknown != NULL)
        place(search, choice->unknown);
    place(search, choice->call);
    search->state = choice->next;
}

/* Versions grow, so operations that were told one come in its order: once a later one was seen there is no way back. */
static bool in_turn(const struct search *search, const struct event *call)
{
    uint64_t version = told_version(call->operation);
    return version == 0 || search->versions[search->versions_placed] == version;
}

static bool is_unknown(const struct event *event)
{
    return !event->is_return && event->other == NULL;
}

/* All unknown removals that were called are alike. */
static struct event *first_removal(const struct search *search)
{
    struct event *event = search->head.after;
    while (event != NULL && !event->is_return && !(is_unknown(event) && event->operation->kind == WGL_REMOVE))
        event = event->after;
    return event == NULL || event->is_return ? NULL : event;
}

/* The call after choice->unknown. Only a removal that nobody was told of can come before that one: to make room for a
 * write that expects absence. False when impossible, or no other than the call alone. */
static bool step_after(const struct search *search, struct choice *choice)
{
    struct state before = search->state, between, alone;
    const struct wgl_operation *unknown = choice->unknown->operation;
    choice->removal = NULL;
    if (unknown->kind == WGL_COMPARE_AND_SET && unknown->expected == 0 && before.present) {
        choice->removal = first_removal(search);
        if (choice->removal == NULL || !step_unknown(&search->state, choice->removal->operation, &before))
            return false;
    }
    if (!step_unknown(&before, unknown, &between) || !step(&between, choice->call->operation, &choice->next) ||
        !in_turn(search, choice->call))
        return false;
    return !step(&search->state, choice->call->operation, &alone) || !state_equal(&alone, &choice->next);
}

static bool is_new(struct search *search, const struct choice *choice)
{
    const struct event *placed[] = {choice->call, choice->unknown, choice->removal};
    struct seen seen = search->placed;
    for (size_t i = 0; i < sizeof placed / sizeof placed[0]; i++)
        if (placed[i] != NULL)
            toggle(&seen, placed[i]);
    seen.print = fingerprint(seen.print, &choice->next);
    return memo_add(&search->memo, &seen);
}

static bool is_like(const struct event *a, const struct event *b)
{
    return a->operation->kind == b->operation->kind && !a->is_read_later && !b->is_read_later &&
           (a->operation->kind != WGL_COMPARE_AND_SET || a->operation->expected == b->operation->expected);
}

/* Unknown removals, and unknown writes whose value nobody read, stand for each other: the first of them is enough. */
static bool is_like_an_earlier(const struct search *search, const struct event *unknown)
{
    const struct event *event = search->head.after;
    while (event != unknown && !(is_unknown(event) && is_like(event, unknown)))
        event = event->after;
    return event != unknown;
}

/* Places the call, alone or after an unknown write that comes after `tried` in the list (NULL: nothing was tried). */
static bool try_call(struct search *search, struct event *call, const struct event *tried, bool alone_was_tried)
{
    struct choice choice = {.call = call};
    if (!alone_was_tried && step(&search->state, call->operation, &choice.next) && in_turn(search, call) &&
        is_new(search, &choice)) {
        push(search, &choice);
        return true;
    }
    choice.unknown = tried == NULL ? search->head.after : tried->after;
    for (; choice.unknown != NULL && !choice.unknown->is_return; choice.unknown = choice.unknown->after) {
        search->steps++;
        if (is_unknown(choice.unknown) && !is_like_an_earlier(search, choice.unknown) && step_after(search, &choice) &&
            is_new(search, &choice)) {
            push(search, &choice);
            return true;
        }
    }
    return false;
}

/* Takes operations back until another choice is left. A read that was legal needed no other: it can always come first.
 * False: every order was tried. */
static bool retreat(struct search *search, struct event **ret_call, struct event **ret_unknown)
{
    while (search->depth > 0) {
        struct frame frame = search->frames[--search->depth];
        search->versions_placed -= told_version(frame.call->operation) != 0;
        take_back(search, frame.call);
        if (frame.unknown != NULL)
            take_back(search, frame.unknown);
        if (frame.removal != NULL)
            take_back(search, frame.removal);
        search->state = frame.state;
        if (frame.forced)
            continue;
        *ret_call = frame.call;
        *ret_unknown = frame.unknown;
        return true;
    }
    return false;
}

/* A call that begins after a version was returned cannot return a lower one. Most violations show here at once; the search would
 * try every order of the calls before. */
static bool versions_follow_time(const struct search *search)
{
    uint64_t highest = 0;
    for (struct event *event = search->head.after; event != NULL; event = event->after) {
        uint64_t version = told_version(event->operation);
        if (!event->is_return)
            event->told_before = highest;
        else if (version != 0 && version < event->other->told_before)
            return false;
        else
            highest = higher(highest, version);
    }
    return true;
}

static enum wgl_verdict search_run(struct search *search)
{
    struct event *at = search->head.after, *tried = NULL;
    bool again = false;                /* this call was placed before, with `tried` before it */
    if (!versions_follow_time(search))
        return WGL_VIOLATION;
    while (search->depth < search->returns) {
        if (++search->steps > WGL_STEPS_MAX)
            return WGL_TOO_HARD;
        HOLDS(at != NULL);
        if (at->is_return) {
            if (!retreat(search, &at, &tried))
                return WGL_VIOLATION;
            again = true;
            continue;
        }
        if (at->other != NULL && try_call(search, at, tried, again))
            at = search->head.after;
        else
            at = at->after;
        tried = NULL;
        again = false;
    }
    return WGL_LINEARIZABLE;
}

/* ---- one key */

static int value_order(const void *left, const void *right)
{
    const struct wgl_operation *a = *(struct wgl_operation *const *)left, *b = *(struct wgl_operation *const *)right;
    return a->value < b->value ? -1 : a->value > b->value;
}

/* The only operation that wrote this value; NULL: none or several. */
static struct wgl_operation *only_writer(struct wgl_operation **writers, size_t count, const struct wgl_operation *read)
{
    struct wgl_operation *const *found = bsearch(&read, writers, count, sizeof *writers, value_order);
    if (found == NULL)
        return NULL;
    size_t at = (size_t)(found - writers);
    bool alone = (at == 0 || writers[at - 1]->value != read->value) &&
                 (at + 1 == count || writers[at + 1]->value != read->value);
    return alone ? *found : NULL;
}

/* An unknown write whose value was read did happen, before that read returned: it is a write like others of which only
 * the answer is missing. Without this every such write would double the search. */
static void settle_unknown(struct wgl_operation *operations, size_t count)
{
    struct wgl_operation **writers = memory_zero(count, sizeof *writers);
    size_t writers_count = 0;
    for (size_t i = 0; i < count; i++)
        if (operations[i].kind == WGL_SET || operations[i].kind == WGL_COMPARE_AND_SET)
            writers[writers_count++] = &operations[i];
    qsort(writers, writers_count, sizeof *writers, value_order);
    for (size_t i = 0; i < count; i++) {
        const struct wgl_operation *read = &operations[i];
        if (read->kind != WGL_GET || !read->found)
            continue;
        struct wgl_operation *writer = only_writer(writers, writers_count, read);
        if (writer == NULL || (writer->returned != WGL_NEVER && !writer->blind))
            continue;
        uint64_t latest = higher(read->returned, writer->called);
        writer->returned = latest < writer->returned ? latest : writer->returned;
        writer->blind = true;
        writer->conflict = false;
        writer->version = read->version;
    }
    memory_free(writers);
}

static enum wgl_verdict check_one_key(const struct wgl_operation *operations, size_t count)
{
    struct wgl_operation *settled = memory_copy(operations, count * sizeof *operations);
    settle_unknown(settled, count);
    struct search search;
    search_open(&search, settled, count);
    enum wgl_verdict verdict = search_run(&search);
    search_close(&search);
    memory_free(settled);
    return verdict;
}

/* ---- the report */

static int return_order(const void *left, const void *right)
{
    const struct wgl_operation *a = left, *b = right;
    if (a->returned != b->returned)
        return a->returned < b->returned ? -1 : 1;
    return a->called < b->called ? -1 : a->called > b->called;
}

/* The history up to the return of operation `returns` - 1 of those in order of return: later returns are not known yet. */
static size_t cut(const struct wgl_operation *operations, size_t count, size_t returns, struct wgl_operation *ret_cut)
{
    size_t kept = 0;
    uint64_t end = operations[returns - 1].returned;
    for (size_t i = 0; i < count; i++) {
        bool pending = i >= returns;
        if (pending && (operations[i].kind == WGL_GET || operations[i].called > end))
            continue;
        ret_cut[kept] = operations[i];
        if (pending)
            ret_cut[kept].returned = WGL_NEVER;
        kept++;
    }
    return kept;
}

/* Operations of a report: what went wrong is seldom far from where it shows. */
enum { TOLD_MAX = 30 };

static void tell(const struct wgl_operation *operation, struct buffer *out)
{
    buffer_append_format(out, "client %" PRIu32 " [%" PRIu64 ", ", operation->client, operation->called);
    bool known = operation->returned != WGL_NEVER;
    if (known)
        buffer_append_format(out, "%" PRIu64 "] ", operation->returned);
    else
        buffer_append_text(out, "unknown] ");
    switch (operation->kind) {
    case WGL_GET: buffer_append_text(out, "get"); break;
    case WGL_SET: buffer_append_format(out, "set %" PRIu64, operation->value); break;
    case WGL_REMOVE: buffer_append_text(out, "remove"); break;
    case WGL_COMPARE_AND_SET:
        buffer_append_format(out, "set %" PRIu64 " if version %" PRIu64, operation->value, operation->expected);
        break;
    }
    if (known && operation->conflict)
        buffer_append_text(out, " -> conflict");
    if (known && operation->tells_old)
        buffer_append_format(out, " -> was %" PRIu64, operation->old_value);
    if (known && operation->kind == WGL_GET && operation->found)
        buffer_append_format(out, " -> %" PRIu64, operation->value);
    if (known && operation->kind != WGL_GET)
        buffer_append_text(out, operation->found ? " -> was there" : " -> was absent");
    else if (known && !operation->found)
        buffer_append_text(out, " -> absent");
    if (known && operation->version != 0)
        buffer_append_format(out, ", version %" PRIu64, operation->version);
    buffer_append_text(out, "\n");
}

/* A prefix of an explainable history is explainable, so the shortest one that is not is found by halving. */
static void explain(const struct wgl_operation *operations, size_t count, struct buffer *out)
{
    struct wgl_operation *part = memory_zero(count, sizeof *part);
    size_t good = 0, bad = 0;
    while (bad < count && operations[bad].returned != WGL_NEVER)
        bad++;
    while (bad - good > 1) {
        size_t middle = good + (bad - good) / 2;
        size_t size = cut(operations, count, middle, part);
        if (check_one_key(part, size) == WGL_VIOLATION)
            bad = middle;
        else
            good = middle;
    }
    size_t size = cut(operations, count, bad, part);
    buffer_append_format(out, "key %" PRIu64 ": no order explains the answer of\n  ", operations[0].key);
    tell(&operations[bad - 1], out);
    size_t first = size > TOLD_MAX ? size - TOLD_MAX : 0;
    buffer_append_format(out, "after (%zu operations, in order of return; the last %zu):\n", size, size - first);
    for (size_t i = first; i < size; i++) {
        buffer_append_text(out, "  ");
        tell(&part[i], out);
    }
    memory_free(part);
}

static int key_order(const void *left, const void *right)
{
    const struct wgl_operation *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return return_order(left, right);
}

enum wgl_verdict wgl_check(const struct wgl_operation *operations, size_t count, struct wgl_report *report)
{
    struct wgl_operation *sorted = memory_zero(count, sizeof *sorted);
    if (count != 0)
        memcpy(sorted, operations, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, key_order);
    report->verdict = WGL_LINEARIZABLE;
    for (size_t first = 0, end; first < count && report->verdict != WGL_VIOLATION; first = end) {
        for (end = first; end < count && sorted[end].key == sorted[first].key; end++)
            continue;
        enum wgl_verdict verdict = check_one_key(&sorted[first], end - first);
        if (verdict == WGL_LINEARIZABLE)
            continue;
        report->verdict = verdict;
        report->key = sorted[first].key;
        if (verdict == WGL_VIOLATION)
            explain(&sorted[first], end - first, &report->text);
    }
    memory_free(sorted);
    return report->verdict;
}

void wgl_report_close(struct wgl_report *report)
{
    buffer_close(&report->text);
}
