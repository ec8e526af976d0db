/* snapshot take: asks nodes for snapshots, and looks at their partitions until the files are there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/arena.h"
#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "tools/gridctl/command.h"
#include "tools/gridctl/terminal/table.h"

enum { LOOK_MS = 100, SAY_MS = 2000 };

struct take;

/* One partition on one node. */
struct place {
    uint64_t wanted;                           /* applied when it was asked: the snapshot must reach it */
    uint64_t index, bytes;
    bool asked, done;
};

struct taker {
    struct take *take;
    uint32_t node;
    struct place *places;                      /* by partition */
    uint32_t left;                             /* places that are asked and not done */
    bool asked, waiting;                       /* waiting: a call is under way */
    int code;
};

struct take {
    struct ctl *ctl;
    struct arena arena;
    struct taker *takers;
    size_t count;
    uint32_t partition, partitions;            /* GRID_PARTITION_ALL */
    uv_timer_t timer;
    uint64_t moved_ms, said_ms;                /* when something was last done, and said */
    bool done, closed;                         /* closed: the timer */
};

static uint64_t now_ms(const struct take *take)
{
    return uv_now(&take->ctl->loop);
}

static uint32_t left(const struct take *take)
{
    uint32_t count = 0;
    for (size_t i = 0; i < take->count; i++)
        count += take->takers[i].code == EXIT_DONE ? take->takers[i].left : 0;
    return count;
}

/* ---- answers */

static void look_at(struct taker *taker, const struct grid_partition_status *row)
{
    struct place *place = &taker->places[row->partition];
    place->index = row->snapshot_index;
    place->bytes = row->snapshot_bytes;
    if (!place->asked || place->done || row->snapshot_index < place->wanted)
        return;
    place->done = true;
    taker->left--;
    taker->take->moved_ms = now_ms(taker->take);
}

static void settle(struct take *take)
{
    bool busy = false;
    for (size_t i = 0; i < take->count; i++)
        busy = busy || take->takers[i].waiting || (take->takers[i].code == EXIT_DONE && (!take->takers[i].asked || take->takers[i].left != 0));
    take->done = !busy;
}

static void failed(struct taker *taker, const struct grid_reply *reply)
{
    char what[32];
    snprintf(what, sizeof what, "node %" PRIu32, taker->node);
    taker->code = ctl_failed(taker->take->ctl, what, reply);
}

static void on_asked(void *context, const struct grid_reply *reply)
{
    struct taker *taker = context;
    struct take *take = taker->take;
    taker->waiting = false;
    taker->asked = true;
    if (reply->outcome != GRID_OUTCOME_OK)
        failed(taker, reply);
    for (size_t i = 0; reply->outcome == GRID_OUTCOME_OK && i < reply->partitions_count; i++) {
        const struct grid_partition_status *row = &reply->partitions[i];
        if (row->partition >= take->partitions || (take->partition != GRID_PARTITION_ALL && row->partition != take->partition))
            continue;
        taker->places[row->partition] = (struct place){.wanted = row->applied_index, .asked = true};
        taker->left++;
        look_at(taker, row);
    }
    settle(take);
}

static void on_rows(void *context, const struct grid_reply *reply)
{
    struct taker *taker = context;
    taker->waiting = false;
    if (reply->outcome != GRID_OUTCOME_OK && taker->code == EXIT_DONE)
        failed(taker, reply);
    for (size_t i = 0; i < reply->partitions_count; i++)
        if (reply->partitions[i].partition < taker->take->partitions)
            look_at(taker, &reply->partitions[i]);
    settle(taker->take);
}

/* ---- time */

static void give_up(struct take *take)
{
    for (size_t i = 0; i < take->count; i++) {
        struct taker *taker = &take->takers[i];
        if (taker->code != EXIT_DONE || taker->left == 0)
            continue;
        taker->code = ctl_complain(take->ctl, EXIT_FAILED, "node %" PRIu32 ": %" PRIu32 " snapshots are not done, and none was for %" PRIu64
                                   " s; its log says why (a full disk?). A longer --timeout waits longer", taker->node, taker->left, take->ctl->timeout_ms / 1000);
    }
    settle(take);
}

static void on_due(uv_timer_t *timer)
{
    struct take *take = timer->data;
    uint64_t now = now_ms(take);
    if (now - take->said_ms >= SAY_MS) {
        take->said_ms = now;
        ctl_note(take->ctl, "%" PRIu32 " snapshots are left", left(take));
    }
    if (now - take->moved_ms > take->ctl->timeout_ms)
        give_up(take);
    for (size_t i = 0; i < take->count; i++) {
        struct taker *taker = &take->takers[i];
        if (taker->waiting || taker->code != EXIT_DONE || taker->left == 0)
            continue;
        struct grid_call call = {.done = on_rows, .context = taker, .timeout_ms = take->ctl->timeout_ms};
        taker->waiting = true;
        grid_client_partitions(take->ctl->client, taker->node, &call);
    }
}

/* ---- which nodes */

static bool is_named(const char *list, uint32_t node)
{
    for (const char *at = list; at != NULL; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL)
        if (strtoul(at, NULL, 10) == node)
            return true;
    return list == NULL;
}

/* Numbers with commas, each of a member; false, with a message. */
static bool check_list(const struct take *take, const char *list)
{
    const struct grid_member *members;
    size_t count = grid_client_members(take->ctl->client, &members);
    for (const char *at = list; at != NULL; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        size_t digits = strspn(at, "0123456789");
        bool found = false;
        for (size_t i = 0; digits > 0 && digits < 10 && (at[digits] == ',' || at[digits] == 0) && i < count; i++)
            found = found || members[i].node == strtoul(at, NULL, 10);
        if (!found) {
            ctl_complain(take->ctl, EXIT_USAGE, "--node: '%.*s' is not the number of a node; `gridctl member list` shows them", (int)strcspn(at, ","), at);
            return false;
        }
    }
    return true;
}

static int choose(struct take *take)
{
    struct ctl *ctl = take->ctl;
    const char *list = ctl_option(ctl, "node", NULL);
    const struct grid_member *members;
    take->partitions = grid_client_partition_count(ctl->client);
    if (take->partition != GRID_PARTITION_ALL && take->partition >= take->partitions)
        return ctl_complain(ctl, EXIT_USAGE, "there is no partition %" PRIu32 ": the cluster has those from 0 to %" PRIu32, take->partition, take->partitions - 1);
    if (!check_list(take, list))
        return EXIT_USAGE;
    size_t count = grid_client_members(ctl->client, &members);
    take->takers = arena_zero(&take->arena, (count + 1) * sizeof *take->takers);
    for (size_t i = 0; i < count; i++) {
        if (!is_named(list, members[i].node))
            continue;
        struct taker *taker = &take->takers[take->count++];
        *taker = (struct taker){.take = take, .node = members[i].node, .places = arena_zero(&take->arena, take->partitions * sizeof *taker->places)};
    }
    return EXIT_DONE;
}

/* ---- what came of it */

static void show_json(struct ctl *ctl, const struct take *take)
{
    struct json json = ctl_json(ctl);
    json_put_array_begin(&json, NULL);
    for (size_t i = 0; i < take->count; i++)
        for (uint32_t k = 0; k < take->partitions; k++) {
            const struct place *place = &take->takers[i].places[k];
            if (!place->asked)
                continue;
            json_put_object_begin(&json, NULL);
            json_put_unsigned(&json, "node", take->takers[i].node);
            json_put_unsigned(&json, "partition", k);
            json_put_bool(&json, "done", place->done);
            json_put_unsigned(&json, "snapshotIndex", place->index);
            json_put_unsigned(&json, "snapshotBytes", place->bytes);
            json_put_object_end(&json);
        }
    json_put_array_end(&json);
    ctl_json_end(ctl);
}

static void show_table(struct ctl *ctl, const struct take *take)
{
    static const char *const headers[] = {">NODE", ">PARTITION", ">SNAPSHOT", ">BYTES", NULL};
    struct table_view *table = table_view_open(ctl, headers);
    for (size_t i = 0; i < take->count; i++)
        for (uint32_t k = 0; k < take->partitions; k++) {
            const struct place *place = &take->takers[i].places[k];
            if (!place->done)
                continue;
            table_view_row(table);
            table_view_cell(table, "%" PRIu32, take->takers[i].node);
            table_view_cell(table, "%" PRIu32, k);
            table_view_cell(table, "%" PRIu64, place->index);
            table_view_cell(table, "%" PRIu64, place->bytes);
        }
    table_view_close(table, ctl);
}

static void on_closed(uv_handle_t *handle)
{
    ((struct take *)handle->data)->closed = true;
}

static int run(struct take *take)
{
    struct ctl *ctl = take->ctl;
    int code = EXIT_DONE;
    take->moved_ms = take->said_ms = now_ms(take);
    take->timer.data = take;
    HOLDS(uv_timer_init(&ctl->loop, &take->timer) == 0);
    uv_timer_start(&take->timer, on_due, LOOK_MS, LOOK_MS);
    for (size_t i = 0; i < take->count; i++) {
        struct grid_call call = {.done = on_asked, .context = &take->takers[i], .timeout_ms = ctl->timeout_ms};
        take->takers[i].waiting = true;
        grid_client_take_snapshot(ctl->client, take->takers[i].node, take->partition, &call);
    }
    ctl_wait(ctl, &take->done);
    uv_close((uv_handle_t *)&take->timer, on_closed);
    ctl_wait(ctl, &take->closed);
    for (size_t i = 0; i < take->count; i++)
        code = code == EXIT_DONE ? take->takers[i].code : code;
    if (ctl->json)
        show_json(ctl, take);
    else
        show_table(ctl, take);
    return code;
}

int snapshot_take(struct ctl *ctl)
{
    struct take take = {.ctl = ctl, .partition = GRID_PARTITION_ALL};
    if (ctl->arguments_count > 0) {
        uint64_t partition;
        if (!parse_number(ctl->arguments[0], PARTITIONS_MAX - 1, &partition))
            return ctl_complain(ctl, EXIT_USAGE, "PARTITION is a number from 0, not '%s'", ctl->arguments[0]);
        take.partition = (uint32_t)partition;
    }
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE)
        return code;
    arena_init(&take.arena, 16 * 1024);
    code = choose(&take);
    if (code == EXIT_DONE)
        code = run(&take);
    arena_close(&take.arena);
    return code;
}
