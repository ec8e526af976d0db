/* customer create, product create, order submit: lines of files as commands. */
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "services/edge/json_read.h"
#include "services/edge/order_submit.h"
#include "tools/gridctl/commands/bulk.h"
#include "tools/gridctl/commands/shop/derived_id.h"

struct creation {
    struct derived_ids ids;
    bool new_ids;                          /* fresh ones instead of derived ones */
    const char *id_field;                  /* "orderId" */
    bool (*read)(struct bytes text, struct arena *arena, struct input_command *ret_command, const char **ret_reason);
};

/* One line under way. */
struct created { struct bulk *bulk; uint64_t line; bool made, fresh; char id[DERIVED_ID_BYTES]; struct buffer text; };

/* ---- ids */

/* The id of a line that brings none. Every line takes part in the count of equal lines, whether it brings one or not. */
static void make_id(struct creation *creation, struct bytes text, char ret_id[DERIVED_ID_BYTES])
{
    derived_id_next(&creation->ids, text, ret_id);
    if (creation->new_ids)
        derived_id_fresh(ret_id);
}

/* A line as it should be repeated: with the id that was made for it. In another file, with other lines around it, the line would
 * get another id, and would be applied twice if the first time was unknown. */
static void put_line(const struct creation *creation, struct bytes text, const char *made, struct buffer *out)
{
    const uint8_t *brace = memchr(text.data, '{', text.size);
    size_t head = brace != NULL ? (size_t)(brace - text.data) + 1 : 0;
    buffer_append(out, bytes_of(text.data, head));
    if (made != NULL && head > 0)
        buffer_append_format(out, "\"%s\":\"%s\",", creation->id_field, made);
    buffer_append(out, bytes_of(text.data + head, text.size - head));
    buffer_append_u8(out, '\n');
}

/* Of a line that was not started. */
static void write_left(void *context, struct bytes text, struct buffer *out)
{
    struct creation *creation = context;
    struct arena arena;
    const char *reason;
    char id[DERIVED_ID_BYTES];
    make_id(creation, text, id);
    arena_init(&arena, 1024);
    const struct json_value *line = json_read(text, &arena, &reason);
    bool bare = line != NULL && line->kind == JSON_KIND_OBJECT && line->first != NULL && json_read_find(line, creation->id_field) == NULL;
    put_line(creation, text, bare ? id : NULL, out);
    arena_close(&arena);
}

/* `given` is NULL when the line brings no id; then `id` was made. */
static struct created *created_new(struct bulk *bulk, uint64_t line, struct bytes text, const char *given, const char *id)
{
    const struct creation *creation = bulk->context;
    struct created *created = memory_zero(1, sizeof *created);
    *created = (struct created){.bulk = bulk, .line = line, .made = given == NULL};
    created->fresh = created->made && creation->new_ids;
    snprintf(created->id, sizeof created->id, "%s", id);
    if (bulk->failed_to != NULL)
        put_line(creation, text, created->made ? id : NULL, &created->text);
    return created;
}

static void end_line(struct created *created, const struct grid_reply *reply)
{
    bool there = reply->outcome == GRID_OUTCOME_OK && reply->found;
    bool accepted = reply->outcome == GRID_OUTCOME_OK || reply->outcome == GRID_OUTCOME_RESULT_NOT_KEPT;
    /* One whose outcome is unknown may be there: its id is what one can look for. */
    if (created->made && (accepted || reply->outcome == GRID_OUTCOME_UNKNOWN))
        bulk_keep_id(created->bulk, created->line, created->id, there);
    if (created->text.size > 0 && bulk_is_left(reply->outcome))
        bulk_keep_left(created->bulk, created->line, buffer_bytes(&created->text));
    char what[DERIVED_ID_BYTES + 64];
    snprintf(what, sizeof what, "submit the line again with the id %s", created->id);
    if (there)
        bulk_find_there(created->bulk);
    else if (created->fresh && reply->outcome == GRID_OUTCOME_UNKNOWN)
        bulk_leave_unknown(created->bulk, created->line, what);
    else
        bulk_finish(created->bulk, created->line, reply);
}

static void created_close(struct created *created)
{
    buffer_close(&created->text);
    memory_free(created);
}

static int create_all(struct ctl *ctl, const char *noun, bulk_start_fn start, struct creation *creation)
{
    creation->new_ids = ctl_flag(ctl, "new-ids");
    const char *repeat = creation->new_ids ? "running it again would create the lines without an id once more; --failed-to keeps what is left"
                                           : "running it again with the same file is safe: what was created is already there";
    int code = bulk_run(ctl, &(struct bulk_plan){.noun = noun, .repeat = repeat, .creates = true, .start = start, .write_left = write_left,
                                                 .context = creation});
    derived_ids_close(&creation->ids);
    return code;
}

/* ---- customers and products */

static void on_created(void *context, const struct grid_reply *reply)
{
    struct created *created = context;
    end_line(created, reply);
    created_close(created);
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
        struct grid_call call = {.done = on_created, .context = created_new(bulk, line, text, input.id, id)};
        grid_client_command(bulk->ctl->client, &command, &call);
    } else {
        bulk_reject(bulk, line, "%s", reason);
    }
    arena_close(&arena);
}

int customer_create(struct ctl *ctl)
{
    return create_all(ctl, "customers", create_line, &(struct creation){.read = input_customer, .id_field = "customerId"});
}

int product_create(struct ctl *ctl)
{
    return create_all(ctl, "products", create_line, &(struct creation){.read = input_product, .id_field = "productId"});
}

/* ---- orders */

static void on_submitted(void *context, const char *reason, const struct grid_reply *reply)
{
    struct created *created = context;
    /* A customer or product that could not be read because no node answered is no reason to reject the order. */
    if (reason != NULL && (reply == NULL || !bulk_is_left(reply->outcome)))
        bulk_reject(created->bulk, created->line, "%s", reason);
    else
        end_line(created, reply);
    created_close(created);
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
                                  .done = on_submitted, .context = created_new(bulk, line, text, order.order_id, id)};
    order_submit(&submit, &order, &arena);
}

int order_submit_file(struct ctl *ctl)
{
    return create_all(ctl, "orders", submit_line, &(struct creation){.id_field = "orderId"});
}
