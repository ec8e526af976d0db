/* customer create, product create, order submit: lines of files as commands. */
#include "grid/base/memory.h"
#include "services/edge/order_submit.h"
#include "tools/gridctl/commands/bulk.h"
#include "tools/gridctl/commands/derived_id.h"

struct creation {
    struct derived_ids ids;
    bool (*read)(struct bytes text, struct arena *arena, struct input_command *ret_command, const char **ret_reason);
};

struct created { struct bulk *bulk; uint64_t line; };

static struct created *created_new(struct bulk *bulk, uint64_t line)
{
    struct created *created = memory_zero(1, sizeof *created);
    *created = (struct created){bulk, line};
    return created;
}

/* ---- customers and products */

static void on_created(void *context, const struct grid_reply *reply)
{
    struct created *created = context;
    bulk_finish(created->bulk, created->line, reply);
    memory_free(created);
}

static void create_line(struct bulk *bulk, void *context, uint64_t line, struct bytes text)
{
    struct creation *creation = context;
    struct input_command input;
    struct arena arena;
    const char *reason;
    char id[DERIVED_ID_BYTES];
    /* Every line takes part in the count of equal lines, whether it brings an id or not. */
    derived_id_next(&creation->ids, text, id);
    arena_init(&arena, 1024);
    if (creation->read(text, &arena, &input, &reason)) {
        struct grid_command command = {.service = input.service, .type = input.type, .key = input.id != NULL ? input.id : id,
                                       .body = {input.body.data, input.body.size}};
        struct grid_call call = {.done = on_created, .context = created_new(bulk, line)};
        grid_client_command(bulk->ctl->client, &command, &call);
    } else {
        bulk_reject(bulk, line, "%s", reason);
    }
    arena_close(&arena);
}

int customer_create(struct ctl *ctl)
{
    struct creation creation = {.read = input_customer};
    int code = bulk_run(ctl, "customers", create_line, &creation);
    derived_ids_close(&creation.ids);
    return code;
}

int product_create(struct ctl *ctl)
{
    struct creation creation = {.read = input_product};
    int code = bulk_run(ctl, "products", create_line, &creation);
    derived_ids_close(&creation.ids);
    return code;
}

/* ---- orders */

static void on_submitted(void *context, const char *reason, const struct grid_reply *reply)
{
    struct created *created = context;
    if (reason != NULL)
        bulk_reject(created->bulk, created->line, "%s", reason);
    else
        bulk_finish(created->bulk, created->line, reply);
    memory_free(created);
}

static void submit_line(struct bulk *bulk, void *context, uint64_t line, struct bytes text)
{
    struct creation *creation = context;
    struct input_order order;
    struct arena arena;
    const char *reason;
    char id[DERIVED_ID_BYTES];
    derived_id_next(&creation->ids, text, id);
    arena_init(&arena, 1024);
    if (!input_order(text, &arena, &order, &reason)) {
        bulk_reject(bulk, line, "%s", reason);
        arena_close(&arena);
        return;
    }
    struct order_submit submit = {.client = bulk->ctl->client, .order_id = order.order_id != NULL ? order.order_id : id,
                                  .done = on_submitted, .context = created_new(bulk, line)};
    order_submit(&submit, &order, &arena);
}

int order_submit_file(struct ctl *ctl)
{
    struct creation creation = {0};
    int code = bulk_run(ctl, "orders", submit_line, &creation);
    derived_ids_close(&creation.ids);
    return code;
}
