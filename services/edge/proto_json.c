#include "services/edge/proto_json.h"

#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "grid/base/check.h"
#include "services/money.h"

enum { MESSAGES_DEPTH_MAX = 8, NAME_BYTES = 96 };

/* A message whose fields are being written. */
struct level {
    const ProtobufCMessage *message;
    const char *currency; /* its own, or that of the message around it */
    unsigned field;
    bool in_array;
    size_t element;
};

struct walk {
    struct json *json;
    enum proto_json_style style;
    struct level levels[MESSAGES_DEPTH_MAX];
    uint32_t depth;
};

/* ---- names */

static bool ends_with(const char *text, const char *suffix)
{
    size_t size = strlen(text), wanted = strlen(suffix);
    return size >= wanted && strcmp(text + size - wanted, suffix) == 0;
}

static bool is_money(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_INT64 && ends_with(field->name, "_minor");
}

static bool is_time(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_UINT64 && ends_with(field->name, "_ms");
}

static bool is_inner(const ProtobufCFieldDescriptor *field)
{
    return strcmp(field->name, "request_digest") == 0 || strcmp(field->name, "created_event_id") == 0 ||
           ends_with(field->name, "_log_ms");
}

static void json_name(const ProtobufCFieldDescriptor *field, enum proto_json_style style, char ret_name[NAME_BYTES])
{
    size_t size = strlen(field->name), used = 0;
    bool upper = false;
    if (style == PROTO_JSON_EDGE && is_money(field))
        size -= strlen("_minor");
    else if (style == PROTO_JSON_EDGE && is_time(field))
        size -= strlen("_ms");
    for (size_t i = 0; i < size && used + 1 < NAME_BYTES; i++) {
        char c = field->name[i];
        if (c == '_') {
            upper = true;
            continue;
        }
        ret_name[used++] = upper && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        upper = false;
    }
    ret_name[used] = 0;
}

/* Length of "ORDER_STATUS_" in "ORDER_STATUS_UNSPECIFIED", the name of number 0. */
static size_t prefix_size(const ProtobufCEnumDescriptor *descriptor)
{
    const ProtobufCEnumValue *zero = protobuf_c_enum_descriptor_get_value(descriptor, 0);
    if (zero == NULL || !ends_with(zero->name, "UNSPECIFIED"))
        return 0;
    return strlen(zero->name) - strlen("UNSPECIFIED");
}

const char *proto_enum_name(const ProtobufCEnumDescriptor *descriptor, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    return found != NULL && value != 0 ? found->name + prefix_size(descriptor) : NULL;
}

int proto_enum_value(const ProtobufCEnumDescriptor *descriptor, const char *name)
{
    for (unsigned i = 0; i < descriptor->n_values; i++)
        if (descriptor->values[i].value != 0 &&
            strcasecmp(descriptor->values[i].name + prefix_size(descriptor), name) == 0)
            return descriptor->values[i].value;
    return 0;
}

/* ---- values */

static void write_enum(struct walk *walk, const char *name, const ProtobufCEnumDescriptor *descriptor, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    if (found == NULL) {
        json_put_number(walk->json, name, value);
    } else if (walk->style == PROTO_JSON_CANONICAL) {
        json_put_string(walk->json, name, found->name);
    } else if (value == 0) {
        json_put_null(walk->json, name);
    } else if (ends_with(descriptor->short_name, "Mode")) {
        /* Modes are words of the interface ("choreographed"), not states. */
        char text[NAME_BYTES];
        size_t size = 0;
        for (const char *from = proto_enum_name(descriptor, value); *from != 0 && size + 1 < sizeof text; from++)
            text[size++] = *from >= 'A' && *from <= 'Z' ? (char)(*from - 'A' + 'a') : *from;
        text[size] = 0;
        json_put_string(walk->json, name, text);
    } else {
        json_put_string(walk->json, name, proto_enum_name(descriptor, value));
    }
}

static void write_int64(struct walk *walk, const char *name, const ProtobufCFieldDescriptor *field, int64_t value)
{
    char text[MONEY_TEXT_BYTES];
    if (walk->style == PROTO_JSON_CANONICAL) {
        snprintf(text, sizeof text, "%lld", (long long)value);
        json_put_string(walk->json, name, text);
    } else if (is_money(field) && value >= 0) {
        money_format(value, walk->levels[walk->depth - 1].currency, text);
        json_put_string(walk->json, name, text);
    } else {
        json_put_number(walk->json, name, value);
    }
}

static void write_uint64(struct walk *walk, const char *name, const ProtobufCFieldDescriptor *field, uint64_t value)
{
    if (walk->style == PROTO_JSON_CANONICAL) {
        char text[24];
        snprintf(text, sizeof text, "%llu", (unsigned long long)value);
        json_put_string(walk->json, name, text);
    } else if (is_time(field)) {
        json_put_time(walk->json, name, value);
    } else {
        json_put_unsigned(walk->json, name, value);
    }
}

static void write_scalar(struct walk *walk, const char *name, const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32: json_put_number(walk->json, name, *(const int32_t *)at); break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: json_put_unsigned(walk->json, name, *(const uint32_t *)at); break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: write_int64(walk, name, field, *(const int64_t *)at); break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: write_uint64(walk, name, field, *(const uint64_t *)at); break;
    case PROTOBUF_C_TYPE_BOOL: json_put_bool(walk->json, name, *(const protobuf_c_boolean *)at != 0); break;
    case PROTOBUF_C_TYPE_ENUM: write_enum(walk, name, field->descriptor, *(const int *)at); break;
    case PROTOBUF_C_TYPE_STRING: json_put_string(walk->json, name, *(const char *const *)at); break;
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *data = at;
        json_put_base64(walk->json, name, bytes_of(data->data, data->len));
        break;
    }
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_MESSAGE:
    default: UNREACHABLE("the schema has no such scalar");
    }
}

/* ---- presence */

static bool is_default(const ProtobufCFieldDescriptor *field, const void *at)
{
    static const uint8_t zeros[sizeof(uint64_t)];
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)at;
        return text == NULL || text[0] == 0;
    }
    case PROTOBUF_C_TYPE_BYTES: return ((const ProtobufCBinaryData *)at)->len == 0;
    case PROTOBUF_C_TYPE_MESSAGE: return *(const void *const *)at == NULL;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return memcmp(at, zeros, 8) == 0;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
    default: return memcmp(at, zeros, 4) == 0;
    }
}

static const void *field_at(const struct level *level, const ProtobufCFieldDescriptor *field)
{
    return (const char *)level->message + field->offset;
}

static size_t repeated_count(const struct level *level, const ProtobufCFieldDescriptor *field)
{
    return *(const size_t *)(const void *)((const char *)level->message + field->quantifier_offset);
}

static bool is_shown(const struct walk *walk, const struct level *level, const ProtobufCFieldDescriptor *field)
{
    if (walk->style == PROTO_JSON_EDGE && is_inner(field))
        return false;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return *(const uint32_t *)(const void *)((const char *)level->message + field->quantifier_offset) == field->id;
    bool empty = field->label == PROTOBUF_C_LABEL_REPEATED ? repeated_count(level, field) == 0
                                                           : is_default(field, field_at(level, field));
    return !empty || (walk->style == PROTO_JSON_EDGE && field->type != PROTOBUF_C_TYPE_MESSAGE) ||
           (walk->style == PROTO_JSON_EDGE && field->label == PROTOBUF_C_LABEL_REPEATED);
}

static bool is_wanted(const struct walk *walk, const char *name, const char *const *only)
{
    if (only == NULL || walk->depth > 1)
        return true;
    while (*only != NULL && strcmp(*only, name) != 0)
        only++;
    return *only != NULL;
}

/* ---- the walk: an explicit stack instead of recursion */

static void enter(struct walk *walk, const char *name, const ProtobufCMessage *message)
{
    REQUIRE(walk->depth < MESSAGES_DEPTH_MAX);
    const ProtobufCFieldDescriptor *currency =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "currency");
    struct level *level = &walk->levels[walk->depth];
    *level = (struct level){.message = message, .currency = walk->depth > 0 ? level[-1].currency : ""};
    if (currency != NULL && currency->type == PROTOBUF_C_TYPE_STRING)
        level->currency = *(const char *const *)field_at(level, currency);
    walk->depth++;
    json_put_object_begin(walk->json, name);
}

static void write_element(struct walk *walk, struct level *level, const ProtobufCFieldDescriptor *field)
{
    static const size_t sizes[] = {[PROTOBUF_C_TYPE_INT32] = 4,
                                   [PROTOBUF_C_TYPE_SINT32] = 4,
                                   [PROTOBUF_C_TYPE_SFIXED32] = 4,
                                   [PROTOBUF_C_TYPE_INT64] = 8,
                                   [PROTOBUF_C_TYPE_SINT64] = 8,
                                   [PROTOBUF_C_TYPE_SFIXED64] = 8,
                                   [PROTOBUF_C_TYPE_UINT32] = 4,
                                   [PROTOBUF_C_TYPE_FIXED32] = 4,
                                   [PROTOBUF_C_TYPE_UINT64] = 8,
                                   [PROTOBUF_C_TYPE_FIXED64] = 8,
                                   [PROTOBUF_C_TYPE_FLOAT] = 4,
                                   [PROTOBUF_C_TYPE_DOUBLE] = 8,
                                   [PROTOBUF_C_TYPE_BOOL] = sizeof(protobuf_c_boolean),
                                   [PROTOBUF_C_TYPE_ENUM] = 4,
                                   [PROTOBUF_C_TYPE_STRING] = sizeof(char *),
                                   [PROTOBUF_C_TYPE_BYTES] = sizeof(ProtobufCBinaryData),
                                   [PROTOBUF_C_TYPE_MESSAGE] = sizeof(void *)};
    const char *elements = *(const char *const *)field_at(level, field);
    const void *at = elements + level->element++ * sizes[field->type];
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        enter(walk, NULL, *(const ProtobufCMessage *const *)at);
    else
        write_scalar(walk, NULL, field, at);
}

static void write_field(struct walk *walk, struct level *level, const char *const *only)
{
    const ProtobufCFieldDescriptor *field = &level->message->descriptor->fields[level->field];
    char name[NAME_BYTES];
    json_name(field, walk->style, name);
    if (!is_shown(walk, level, field) || !is_wanted(walk, name, only)) {
        level->field++;
    } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        level->in_array = true;
        level->element = 0;
        json_put_array_begin(walk->json, name);
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        level->field++;
        enter(walk, name, *(const ProtobufCMessage *const *)field_at(level, field));
    } else {
        level->field++;
        write_scalar(walk, name, field, field_at(level, field));
    }
}

void proto_json(struct json *json, const char *name, const void *message, enum proto_json_style style,
                const char *const *only)
{
    struct walk walk = {.json = json, .style = style};
    enter(&walk, name, message);
    while (walk.depth > 0) {
        struct level *level = &walk.levels[walk.depth - 1];
        const ProtobufCMessageDescriptor *descriptor = level->message->descriptor;
        if (level->field == descriptor->n_fields) {
            json_put_object_end(json);
            walk.depth--;
        } else if (!level->in_array) {
            write_field(&walk, level, only);
        } else if (level->element < repeated_count(level, &descriptor->fields[level->field])) {
            write_element(&walk, level, &descriptor->fields[level->field]);
        } else {
            json_put_array_end(json);
            level->in_array = false;
            level->field++;
        }
    }
}
