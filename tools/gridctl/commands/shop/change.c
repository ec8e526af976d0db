/* customer update, customer status, product replenish, order cancel, payment refund: one command to one aggregate.
 *
 * A replenishment and a refund add to what is there, so a repetition must be recognised: each has an idempotency key, the user's or
 * one that is made here and told when the outcome is unknown. The others set something, and a repetition sets it again. */
#include "services/edge/change.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "services/edge/views.h"
#include "tools/gridctl/command.h"
#include "tools/gridctl/commands/shop/derived_id.h"

/* What one command does, from its options to its answer. */
struct change {
    struct ctl *ctl;
    const char *domain, *id_field, *id;    /* "inventory", "productId", "p-1" */
    const char *name;                      /* as the user gave it, and its id where that is another: "o-1: payment o-1.p1" */
    const char *said;                      /* what was done, for people: "5 added to p-1" */
    const char *hint;                      /* where its outcome shows; NULL: it is done */
    const char *key;                       /* idempotency key; NULL: none is needed */
    bool made;                             /* the key was made here */
    struct arena arena;
    struct change_command command;
    bool done;
    int code;
    struct bytes view;                     /* of the read before */
};

static void change_init(struct change *change, struct ctl *ctl, const char *domain, const char *id_field)
{
    *change = (struct change){.ctl = ctl, .domain = domain, .id_field = id_field, .id = ctl->arguments[0], .name = ctl->arguments[0]};
    arena_init(&change->arena, 2048);
}

static int change_end(struct change *change)
{
    int code = change->code;
    arena_close(&change->arena);
    return code;
}

static int complain_usage(struct change *change, const char *reason)
{
    change->code = ctl_complain(change->ctl, EXIT_USAGE, "%s", reason);
    return change_end(change);
}

/* ---- the read before */

static void on_view(void *context, const struct grid_reply *reply)
{
    struct change *change = context;
    change->done = true;
    if (reply->outcome != GRID_OUTCOME_OK)
        change->code = ctl_failed(change->ctl, change->name, reply);
    else if (!reply->found)
        change->code = ctl_find_nothing(change->ctl, "%s: not found", change->name);
    else
        change->view = arena_copy(&change->arena, bytes_of(reply->value.data, reply->value.size));
}

static bool read_view(struct change *change)
{
    struct ctl *ctl = change->ctl;
    struct grid_call call = {.done = on_view, .context = change};
    char map[64];
    change->code = ctl_connect(ctl);
    if (change->code != EXIT_DONE)
        return false;
    snprintf(map, sizeof map, "%s.view", change->domain);
    struct grid_key key = {.key = grid_text(change->id), .affinity = grid_text(view_affinity(change->domain, change->id, &change->arena))};
    change->done = false;
    grid_client_get(ctl->client, map, &key, &call);
    ctl_wait(ctl, &change->done);
    return change->code == EXIT_DONE;
}

/* ---- the command */

static void show(struct change *change, const struct grid_reply *reply)
{
    struct ctl *ctl = change->ctl;
    struct json json = ctl_json(ctl);
    if (!ctl->json) {
        buffer_append_format(&ctl->out, "%s%s\n", change->said, reply->found ? " (was done before)" : "");
        if (change->hint != NULL)
            ctl_note(ctl, "%s", change->hint);
        return;
    }
    json_put_object_begin(&json, NULL);
    json_put_string(&json, change->id_field, change->id);
    json_put_string(&json, "eventId", reply->event_id != NULL ? reply->event_id : "");
    /* A repeated key gets the first answer, byte for byte, so "no" would be a guess. */
    if (reply->found || ctl_option(ctl, "idempotency-key", NULL) == NULL)
        json_put_bool(&json, "doneBefore", reply->found);
    if (change->key != NULL)
        json_put_string(&json, "idempotencyKey", change->key);
    json_put_object_end(&json);
    ctl_json_end(ctl);
}

/* The command has no condition: what came between the read and the write can only be told afterwards. */
static void look_between(struct change *change, const struct grid_reply *reply)
{
    uint64_t from = change->command.made_from;
    if (from == 0 || reply->sequence == from + 1)
        return;
    change->code = ctl_complain(change->ctl, EXIT_FAILED, "%s was changed by another command at the same time (event %" PRIu64 "), and the fields that "
                                "you did not give are again as before it; compare: gridctl event history %s %s", change->id, from + 1,
                                change->domain, change->id);
}

static void on_changed(void *context, const struct grid_reply *reply)
{
    struct change *change = context;
    struct grid_reply told = *reply;
    char note[320];
    change->done = true;
    if (reply->outcome == GRID_OUTCOME_OK || reply->outcome == GRID_OUTCOME_RESULT_NOT_KEPT) {
        show(change, reply);
        look_between(change, reply);
        return;
    }
    if (reply->outcome == GRID_OUTCOME_UNKNOWN && change->key != NULL) {
        snprintf(note, sizeof note, "it may have been done; repeat it with --idempotency-key %.200s, which does it once", change->key);
        told.note = note;
    }
    if (reply->outcome == GRID_OUTCOME_REFUSED && reply->refusal != NULL)
        told.note = change_refusal(reply->refusal, reply->note, &change->arena);
    change->code = ctl_failed(change->ctl, change->name, &told);
}

static int change_run(struct change *change)
{
    struct ctl *ctl = change->ctl;
    if (ctl->client == NULL)
        change->code = ctl_connect(ctl);
    if (change->code != EXIT_DONE)
        return change_end(change);
    struct grid_idempotency idempotency = {.route = ctl->command->name, .key = change->key};
    struct grid_call call = {.done = on_changed, .context = change, .idempotency = change->key != NULL ? &idempotency : NULL};
    struct grid_command command = {.service = change->command.service, .type = change->command.type, .key = change->id,
                                   .affinity = view_affinity(change->domain, change->id, &change->arena),
                                   .body = {change->command.body.data, change->command.body.size}};
    change->done = false;
    grid_client_command(ctl->client, &command, &call);
    ctl_wait(ctl, &change->done);
    return change_end(change);
}

static void take_key(struct change *change)
{
    char made[DERIVED_ID_BYTES];
    change->key = ctl_option(change->ctl, "idempotency-key", NULL);
    if (change->key != NULL)
        return;
    derived_id_fresh(made);
    change->key = arena_text(&change->arena, bytes_of_text(made));
}

/* ---- commands */

int customer_update(struct ctl *ctl)
{
    struct change change;
    struct change_customer changes = {ctl_option(ctl, "name", NULL), ctl_option(ctl, "address", NULL), ctl_option(ctl, "phone", NULL)};
    const char *reason;
    change_init(&change, ctl, "account", "customerId");
    if (changes.name == NULL && changes.address == NULL && changes.phone == NULL)
        return complain_usage(&change, "nothing to change; give --name, --address or --phone");
    if (!change_customer_allowed(&changes, &change.arena, &reason))
        return complain_usage(&change, reason);
    if (!read_view(&change))
        return change_end(&change);
    if (!change_customer(&changes, change.view, &change.arena, &change.command, &reason)) {
        change.code = ctl_complain(ctl, EXIT_FAILED, "%s: %s", change.id, reason);
        return change_end(&change);
    }
    change.said = arena_format(&change.arena, "%s updated", change.id);
    return change_run(&change);
}

int customer_status(struct ctl *ctl)
{
    struct change change;
    const char *reason;
    change_init(&change, ctl, "account", "customerId");
    if (!change_customer_status(ctl->arguments[1], ctl_option(ctl, "reason", ""), &change.arena, &change.command, &reason))
        return complain_usage(&change, reason);
    change.said = arena_format(&change.arena, "%s is %s", change.id, ctl->arguments[1]);
    return change_run(&change);
}

int product_replenish(struct ctl *ctl)
{
    struct change change;
    const char *reason;
    change_init(&change, ctl, "inventory", "productId");
    if (!change_replenish(ctl->arguments[1], ctl_option(ctl, "reason", ""), &change.arena, &change.command, &reason))
        return complain_usage(&change, reason);
    take_key(&change);
    change.said = arena_format(&change.arena, "%s added to %s", ctl->arguments[1], change.id);
    return change_run(&change);
}

int order_cancel(struct ctl *ctl)
{
    struct change change;
    const char *reason;
    change_init(&change, ctl, "order", "orderId");
    if (!change_cancel(ctl_option(ctl, "reason", ""), ctl_option(ctl, "by", ""), &change.arena, &change.command, &reason))
        return complain_usage(&change, reason);
    change.said = arena_format(&change.arena, "cancellation of %s requested", change.id);
    change.hint = arena_format(&change.arena, "gridctl order get %s shows CANCELLED once everything is undone", change.id);
    return change_run(&change);
}

int payment_refund(struct ctl *ctl)
{
    struct change change;
    struct change_refund refund = {ctl_option(ctl, "amount", NULL), ctl_option(ctl, "reason", "")};
    const char *reason;
    change_init(&change, ctl, "payment", "paymentId");
    change.id = view_payment_id(ctl->arguments[0], &change.arena);
    change.name = view_sought("payment", ctl->arguments[0], change.id, &change.arena);
    take_key(&change);
    if (!read_view(&change))
        return change_end(&change);
    if (!change_refund(&refund, change.view, &change.arena, &change.command, &reason))
        return complain_usage(&change, reason);
    change.said = arena_format(&change.arena, "refund of %s requested", change.id);
    change.hint = arena_format(&change.arena, "gridctl payment get %s shows refunded once the payment provider has answered", change.id);
    return change_run(&change);
}
