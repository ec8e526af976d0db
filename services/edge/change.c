#include "services/edge/change.h"

#include <ctype.h>
#include <string.h>

#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "service/payment/v1/payment.pb-c.h"
#include "services/commands.h"
#include "services/edge/allowed.h"
#include "services/edge/proto_json.h"
#include "services/message.h"
#include "services/refusal_list.h"
#include "services/service_list.h"

/* Fields of messages are not const, but they are never written to. */
static char *text(const char *from, struct arena *arena)
{
    return arena_text(arena, bytes_of_text(from));
}

/* False, with a reason that names the field, when something is wrong with it. */
static bool good(const char *name, const char *wrong, struct arena *arena, const char **ret_reason)
{
    if (wrong != NULL)
        *ret_reason = arena_format(arena, "%s: %s", name, wrong);
    return wrong == NULL;
}

/* The same for numbers, which the reason repeats. */
static bool good_number(const char *name, const char *wrong, const char *given, struct arena *arena, const char **ret_reason)
{
    if (wrong != NULL)
        *ret_reason = arena_format(arena, "%s: %s, not '%s'", name, wrong, given);
    return wrong == NULL;
}

bool change_replenish(const char *quantity, const char *reason, struct arena *arena, struct change_command *ret_command,
                      const char **ret_reason)
{
    Inventory__V1__ReplenishStock command;
    inventory__v1__replenish_stock__init(&command);
    if (!good_number("quantity", allowed_number(quantity, BOUND_QUANTITY, arena, &command.quantity), quantity, arena, ret_reason) ||
        !good("reason", allowed_text(reason, BOUND_REASON, arena), arena, ret_reason))
        return false;
    command.reason = text(reason, arena);
    *ret_command = (struct change_command){SERVICE_NUMBER_inventory, INVENTORY_REPLENISH_STOCK, message_pack_arena(&command, arena), 0};
    return true;
}

bool change_cancel(const char *reason, const char *cancelled_by, struct arena *arena, struct change_command *ret_command,
                   const char **ret_reason)
{
    Order__V1__CancelOrder command;
    order__v1__cancel_order__init(&command);
    if (!good("reason", allowed_text(reason, BOUND_REASON, arena), arena, ret_reason) ||
        !good("by", allowed_text(cancelled_by, BOUND_CANCELLED_BY, arena), arena, ret_reason))
        return false;
    command.reason = text(reason, arena);
    command.cancelled_by = text(cancelled_by, arena);
    *ret_command = (struct change_command){SERVICE_NUMBER_order, ORDER_CANCEL_ORDER, message_pack_arena(&command, arena), 0};
    return true;
}

bool change_refund(const struct change_refund *refund, struct bytes view, struct arena *arena, struct change_command *ret_command,
                   const char **ret_reason)
{
    const Payment__V1__Payment *payment = message_unpack(&payment__v1__payment__descriptor, view, arena);
    Payment__V1__RefundPayment command;
    payment__v1__refund_payment__init(&command);
    command.reason = text(refund->reason, arena);
    if (payment == NULL) {
        *ret_reason = "its view cannot be read by this version";
        return false;
    }
    const char *wrong = refund->amount == NULL ? NULL : allowed_money(bytes_of_text(refund->amount), payment->currency, BOUND_REFUND_GIVEN,
                                                                      arena, &command.amount_minor);
    if (!good_number("amount", wrong, refund->amount, arena, ret_reason))
        return false;
    if (!good("reason", allowed_text(refund->reason, BOUND_PASSED_REASON, arena), arena, ret_reason))
        return false;
    *ret_command = (struct change_command){SERVICE_NUMBER_payment, PAYMENT_REFUND_PAYMENT, message_pack_arena(&command, arena), 0};
    return true;
}

bool change_customer_allowed(const struct change_customer *changes, struct arena *arena, const char **ret_reason)
{
    const struct { const char *name, *text; struct bound bound; } fields[] = {{"name", changes->name, BOUND_CUSTOMER_NAME},
                                                                              {"address", changes->address, BOUND_ADDRESS},
                                                                              {"phone", changes->phone, BOUND_CUSTOMER_PHONE}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].text != NULL && !good(fields[i].name, allowed_text(fields[i].text, fields[i].bound, arena), arena, ret_reason))
            return false;
    return true;
}

bool change_customer(const struct change_customer *changes, struct bytes view, struct arena *arena, struct change_command *ret_command,
                     const char **ret_reason)
{
    const Account__V1__Customer *customer = message_unpack(&account__v1__customer__descriptor, view, arena);
    Account__V1__UpdateCustomer command;
    account__v1__update_customer__init(&command);
    if (customer == NULL) {
        *ret_reason = "its view cannot be read by this version";
        return false;
    }
    command.name = changes->name != NULL ? text(changes->name, arena) : customer->name;
    command.address = changes->address != NULL ? text(changes->address, arena) : customer->address;
    command.phone = changes->phone != NULL ? text(changes->phone, arena) : customer->phone;
    bool whole = changes->name != NULL && changes->address != NULL && changes->phone != NULL;
    *ret_command = (struct change_command){SERVICE_NUMBER_account, ACCOUNT_UPDATE_CUSTOMER, message_pack_arena(&command, arena),
                                           whole ? 0 : customer->sequence};
    return true;
}

bool change_customer_status(const char *status, const char *reason, struct arena *arena, struct change_command *ret_command,
                            const char **ret_reason)
{
    Account__V1__ChangeCustomerStatus command;
    account__v1__change_customer_status__init(&command);
    char *capitals = text(status, arena);
    for (char *at = capitals; *at != 0; at++)
        *at = (char)toupper((unsigned char)*at);
    int number = proto_enum_value(&account__v1__customer_status__descriptor, capitals);
    if (number < ACCOUNT__V1__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE) {
        *ret_reason = arena_format(arena, "the status is active, suspended or closed, not '%s'", status);
        return false;
    }
    if (!good("reason", allowed_text(reason, BOUND_REASON, arena), arena, ret_reason))
        return false;
    command.status = (Account__V1__CustomerStatus)number;
    command.reason = text(reason, arena);
    *ret_command = (struct change_command){SERVICE_NUMBER_account, ACCOUNT_CHANGE_CUSTOMER_STATUS, message_pack_arena(&command, arena), 0};
    return true;
}

const char *change_refusal(const char *refusal, const char *note, struct arena *arena)
{
    static const char suffix[] = " and to be cancelled";
    size_t size = strlen(note), behind = sizeof suffix - 1;
    if (strcmp(refusal, refusal_name(REFUSAL_INVALID_ORDER_STATE)) != 0 || size <= behind || strcmp(note + size - behind, suffix) != 0)
        return note;
    int kept = (int)(size - behind);
    if (strcmp(note, "the order is CANCELLED and to be cancelled") == 0)
        return arena_format(arena, "%.*s already", kept, note);
    return arena_format(arena, "%.*s, although its cancellation was requested", kept, note);
}
