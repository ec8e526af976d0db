#include "services/edge/order_submit.h"

#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "services/commands.h"
#include "services/message.h"
#include "services/service_list.h"

/* One order on its way: reads first, then the command. */
struct quote {
    struct order_submit submit;
    struct arena arena;
    struct input_order order;
    Order__V1__CreateOrder command;
    size_t left;        /* reads without an answer */
    const char *reason; /* of the first that failed */
    bool failed;
    struct grid_reply failure; /* the failed read's, where one failed; strings in the arena */
    struct read_one {
        struct quote *quote;
        size_t line;
    } * reads;
};

static char *kept(struct quote *quote, const char *text)
{
    return arena_text(&quote->arena, bytes_of_text(text));
}

static void finish(struct quote *quote, const struct grid_reply *reply)
{
    struct order_submit submit = quote->submit;
    struct arena arena = quote->arena;
    const char *reason = quote->reason;
    struct grid_reply failure = quote->failure;
    bool failed = quote->failed;
    memory_free(quote);
    submit.done(submit.context, reason, failed ? &failure : reply);
    arena_close(&arena);
}

/* ---- the command */

static void on_created(void *context, const struct grid_reply *reply)
{
    finish(context, reply);
}

static void send_order(struct quote *quote)
{
    struct grid_call call = {.done = on_created, .context = quote};
    struct bytes body = message_pack_arena(&quote->command, &quote->arena);
    struct grid_command command = {.service = SERVICE_NUMBER_order,
                                   .type = ORDER_CREATE_ORDER,
                                   .key = quote->submit.order_id,
                                   .body = {body.data, body.size},
                                   .correlation_id = quote->submit.order_id};
    grid_client_command(quote->submit.client, &command, &call);
}

/* ---- the reads */

/* The view. NULL: it cannot be used, and the reason is recorded. */
static void *view_of(struct quote *quote, const struct grid_reply *reply, const ProtobufCMessageDescriptor *descriptor,
                     const char *what, const char *id)
{
    void *view = NULL;
    if (reply->outcome == GRID_OUTCOME_OK && reply->found)
        view = message_unpack(descriptor, bytes_of(reply->value.data, reply->value.size), &quote->arena);
    if (view != NULL || quote->reason != NULL)
        return view;
    if (reply->outcome != GRID_OUTCOME_OK) {
        quote->failed = true;
        quote->failure =
            (struct grid_reply){.outcome = reply->outcome, .note = kept(quote, reply->note), .refusal = ""};
        quote->reason =
            arena_format(&quote->arena, "%s %s: cannot be read: %s", what, id, grid_outcome_name(reply->outcome));
    } else {
        quote->reason =
            arena_format(&quote->arena, "%s %s: %s", what, id, reply->found ? "cannot be read" : "not found");
    }
    return NULL;
}

static void answered(struct quote *quote)
{
    REQUIRE(quote->left > 0);
    if (--quote->left > 0)
        return;
    if (quote->reason != NULL)
        finish(quote, NULL);
    else
        send_order(quote);
}

static void on_customer(void *context, const struct grid_reply *reply)
{
    struct quote *quote = context;
    const Account__V1__Customer *customer =
        view_of(quote, reply, &account__v1__customer__descriptor, "customer", quote->order.customer_id);
    if (customer != NULL) {
        quote->command.customer_name = customer->name;
        quote->command.customer_email = customer->email;
    }
    answered(quote);
}

static void on_product(void *context, const struct grid_reply *reply)
{
    const struct read_one *read = context;
    struct quote *quote = read->quote;
    Order__V1__QuotedLine *line = quote->command.lines[read->line];
    const Inventory__V1__Product *product =
        view_of(quote, reply, &inventory__v1__product__descriptor, "product", line->product_id);
    if (product != NULL) {
        line->name = product->name;
        line->sku = product->sku;
        line->unit_price_minor = product->price_minor;
        if (quote->command.currency[0] == 0)
            quote->command.currency = product->currency;
        else if (quote->reason == NULL && strcmp(quote->command.currency, product->currency) != 0)
            quote->reason = arena_format(&quote->arena, "product %s: its price is in %s, others are in %s",
                                         line->product_id, product->currency, quote->command.currency);
    }
    answered(quote);
}

static void read_quote(struct quote *quote)
{
    struct grid_call call = {.done = on_customer, .context = quote};
    struct grid_key key = grid_key_text(quote->order.customer_id);
    quote->left = quote->order.lines_count + 1;
    grid_client_get(quote->submit.client, "account.view", &key, &call);
    quote->reads = arena_zero(&quote->arena, quote->order.lines_count * sizeof *quote->reads);
    for (size_t i = 0; i < quote->order.lines_count; i++) {
        quote->reads[i] = (struct read_one){quote, i};
        call = (struct grid_call){.done = on_product, .context = &quote->reads[i]};
        key = grid_key_text(quote->order.lines[i].product_id);
        grid_client_get(quote->submit.client, "inventory.view", &key, &call);
    }
}

void order_submit(const struct order_submit *submit, const struct input_order *order, struct arena *arena)
{
    struct quote *quote = memory_zero(1, sizeof *quote);
    REQUIRE(submit->done != NULL && submit->order_id != NULL && order->lines_count > 0);
    quote->submit = *submit;
    quote->arena = *arena;
    quote->order = *order;
    quote->submit.order_id = kept(quote, submit->order_id);
    Order__V1__CreateOrder *command = &quote->command;
    order__v1__create_order__init(command);
    command->customer_id = kept(quote, order->customer_id);
    command->shipping_address = kept(quote, order->shipping_address);
    command->payment_method = (Payment__V1__PaymentMethod)order->payment_method;
    command->mode = (Order__V1__SagaMode)order->mode;
    command->n_lines = order->lines_count;
    command->lines = arena_zero(&quote->arena, order->lines_count * sizeof *command->lines);
    for (size_t i = 0; i < order->lines_count; i++) {
        command->lines[i] = arena_alloc(&quote->arena, sizeof *command->lines[i]);
        order__v1__quoted_line__init(command->lines[i]);
        command->lines[i]->product_id = kept(quote, order->lines[i].product_id);
        command->lines[i]->quantity = order->lines[i].quantity;
    }
    read_quote(quote);
}
