/* customer create, product create, order submit: lines of files as commands. */
#include <stdio.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "services/edge/order_submit.h"
#include "tools/gridctl/commands/bulk.h"
#include "tools/gridctl/commands/derived_id.h"

struct creation {
    struct derived_ids ids;
    bool new_ids;                          /* fresh ones instead of derived ones */
    bool (*read)(struct bytes text, struct arena *arena, struct input_command *ret_command, const char **ret_reason);
};

/* One line under way. */
struct created { struct bulk *bulk; uint64_t line; bool made, fresh; char id[DERIVED_ID_BYTES]; };

/* ---- ids */

/* The id of a line that brings none. Every line takes part in the count of equal lines, whether it brings one or not. */
static void make_id(struct creation *creation, struct bytes text, char ret_id[DERIVED_ID_BYTES])
{
    derived_id_next(&creation->ids, text, ret_id);
    if (creation->new_ids)
        derived_id_fresh(ret_id);
}

/* `given` is NULL when the line brings no id; then `id` was made. */
static struct created *created_new(struct bulk *bulk, uint64_t line, const char *given, const char *id)
{
    const struct creation *creation = bulk->context;
    struct created *created = memory_zero(1, sizeof *created);
    *created = (struct created){.bulk = bulk, .line = line, .made = given == NULL};
    created->fresh = created->made && creation->new_ids;
    snprintf(created->id, sizeof created->id, "%s", id);
    return created;
}

static void end_line(struct created *created, const struct grid_reply *reply)
{
    bool there = reply->outcome == GRID_OUTCOME_OK && reply->found;
    bool accepted = reply->outcome == GRID_OUTCOME_OK || reply->outcome == GRID_OUTCOME_RESULT_NOT_KEPT;
    /* One whose outcome is unknown may be there: its id is what one can look for. */
    if (created->made && (accepted || reply->outcome == GRID_OUTCOME_UNKNOWN))
        bulk_keep_id(created->bulk, created->line, created->id, there);
    char what[DERIVED_ID_BYTES + 64];
    snprintf(what, sizeof what, "submit the line again with the id %s", created->id);
    if (there)
        bulk_find_there(created->bulk);
    else if (created->fresh && reply->outcome == GRID_OUTCOME_UNKNOWN)
        bulk_leave_unknown(created->bulk, created->line, what);
    else
        bulk_finish(created->bulk, created->line, reply);
}

static int create_all(struct ctl *ctl, const char *noun, bulk_start_fn start, struct creation *creation)
{
    creation->new_ids = ctl_flag(ctl, "new-ids");
    int code = bulk_run(ctl, &(struct bulk_plan){.noun = noun, .creates = true, .start = start, .context = creation});
    derived_ids_close(&creation->ids);
    return code;
}

/* ---- customers and products */

static void on_created(void *context, const struct grid_reply *reply)
{
    struct created *created = context;
    end_line(created, reply);
    memory_free(created);
}

static void create_line(struct bulk *bulk, void *context, uint64_t line, struct bytes text)
{
    struct creation *creation = context;
    struct input_command input;
    struct arena arena;
    const char *reason;
    char id[DERIVED_ID_BYTES];
    make_id(creation, text, id);
    arena_init(&arena, 1024);
    if (creation->read(text, &arena, &input, &reason)) {
        struct grid_command command = {.service = input.service, .type = input.type, .key = input.id != NULL ? input.id : id,
                                       .body = {input.body.data, input.body.size}};
        struct grid_call call = {.done = on_created, .context = created_new(bulk, line, input.id, id)};
        grid_client_command(bulk->ctl->client, &command, &call);
    } else {
        bulk_reject(bulk, line, "%s", reason);
    }
    arena_close(&arena);
}

int customer_create(struct ctl *ctl)
{
    return create_all(ctl, "customers", create_line, &(struct creation){.read = input_customer});
}

int product_create(struct ctl *ctl)
{
    return create_all(ctl, "products", create_line, &(struct creation){.read = input_product});
}

/* ---- orders */

static void on_submitted(void *context, const char *reason, const struct grid_reply *reply)
{
    struct created *created = context;
    if (reason != NULL)
        bulk_reject(created->bulk, created->line, "%s", reason);
    else
        end_line(created, reply);
    memory_free(created);
}

static void submit_line(struct bulk *bulk, void *context, uint64_t line, struct bytes text)
{
    struct creation *creation = context;
    struct input_order order;
    struct arena arena;
    const char *reason;
    char id[DERIVED_ID_BYTES];
    make_id(creation, text, id);
    arena_init(&arena, 1024);
    if (!input_order(text, &arena, &order, &reason)) {
        bulk_reject(bulk, line, "%s", reason);
        arena_close(&arena);
        return;
    }
    struct order_submit submit = {.client = bulk->ctl->client, .order_id = order.order_id != NULL ? order.order_id : id,
                                  .done = on_submitted, .context = created_new(bulk, line, order.order_id, id)};
    order_submit(&submit, &order, &arena);
}

int order_submit_file(struct ctl *ctl)
{
    return create_all(ctl, "orders", submit_line, &(struct creation){.new_ids = false});
}
