/* Fuzz target of what people write: customers, products and orders in JSON. Whatever it is, it is refused with a reason or becomes a
 * message that its own decoder takes and that is written as JSON again.
 *
 * Input: u8 which of the three, then the text. */
#include "grid/base/check.h"
#include "service/account/v1/account.pb-c.h"
#include "service/inventory/v1/inventory.pb-c.h"
#include "services/edge/input.h"
#include "services/edge/json.h"
#include "services/edge/proto_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_command(const struct input_command *command, const ProtobufCMessageDescriptor *descriptor)
{
    struct buffer out = {0};
    struct json json = json_to(&out, false);
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, NULL, command->body.size, command->body.data);
    ENSURE(message != NULL);
    proto_json(&json, NULL, message, PROTO_JSON_CANONICAL, NULL);
    ENSURE(out.size >= 2 && out.data[0] == '{' && out.data[out.size - 1] == '}');
    protobuf_c_message_free_unpacked(message, NULL);
    buffer_close(&out);
}

static void check_order(const struct input_order *order)
{
    ENSURE(order->customer_id != NULL && order->lines_count > 0 && order->payment_method > 0);
    for (size_t i = 0; i < order->lines_count; i++)
        ENSURE(order->lines[i].product_id != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct input_command command = {0};
    struct input_order order = {0};
    const char *reason = NULL;
    bool good;
    if (size == 0)
        return 0;
    arena_init(&arena, 4096);
    struct bytes text = bytes_of(data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        good = input_customer(text, &arena, &command, &reason);
        if (good)
            check_command(&command, &account__v1__create_customer__descriptor);
        break;
    case 1:
        good = input_product(text, &arena, &command, &reason);
        if (good)
            check_command(&command, &inventory__v1__create_product__descriptor);
        break;
    default:
        good = input_order(text, &arena, &order, &reason);
        if (good)
            check_order(&order);
    }
    ENSURE(good || (reason != NULL && reason[0] != 0));
    arena_close(&arena);
    return 0;
}
