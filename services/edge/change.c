#include "services/edge/change.h"

#include <ctype.h>

#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "service/order/v1/order.pb-c.h"
#include "service/payment/v1/payment.pb-c.h"
#include "services/commands.h"
#include "services/edge/proto_json.h"
#include "services/message.h"
#include "services/money.h"
#include "services/service_list.h"

/* Fields of messages are not const, but they are never written to. */
static char *text(const char *from, struct arena *arena)
{
    return arena_text(arena, bytes_of_text(from));
}

void change_replenish(int64_t quantity, const char *reason, struct arena *arena, struct change_command *ret_command)
{
    Inventory__V1__ReplenishStock command;
    inventory__v1__replenish_stock__init(&command);
    command.quantity = quantity;
    command.reason = text(reason, arena);
    *ret_command = (struct change_command){SERVICE_NUMBER_inventory, INVENTORY_REPLENISH_STOCK, message_pack_arena(&command, arena), 0};
}

void change_cancel(const char *reason, const char *cancelled_by, struct arena *arena, struct change_command *ret_command)
{
    Order__V1__CancelOrder command;
    order__v1__cancel_order__init(&command);
    command.reason = text(reason, arena);
    command.cancelled_by = text(cancelled_by, arena);
    *ret_command = (struct change_command){SERVICE_NUMBER_order, ORDER_CANCEL_ORDER, message_pack_arena(&command, arena), 0};
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
    if (refund->amount != NULL && (!money_parse(bytes_of_text(refund->amount), payment->currency, &command.amount_minor) ||
                                   command.amount_minor == 0)) {
        *ret_reason = arena_format(arena, "the amount is a decimal above 0 with at most %u digits behind the point in %s, not '%s'",
                                   money_digits(payment->currency), payment->currency, refund->amount);
        return false;
    }
    *ret_command = (struct change_command){SERVICE_NUMBER_payment, PAYMENT_REFUND_PAYMENT, message_pack_arena(&command, arena), 0};
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
    command.status = (Account__V1__CustomerStatus)number;
    command.reason = text(reason, arena);
    *ret_command = (struct change_command){SERVICE_NUMBER_account, ACCOUNT_CHANGE_CUSTOMER_STATUS, message_pack_arena(&command, arena), 0};
    return true;
}
