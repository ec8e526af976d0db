#include "grid/wire/level.h"

#include "grid/base/check.h"
#include "grid/wire/protobuf_wire.h"

/* ---- the table: field number -> since which level, and what is inside */

struct shape;

struct field {
    uint8_t since;                     /* 0: there is no such field */
    bool names_level;                  /* its value is a level, which the command then needs */
    bool names_services;               /* the command says which services there are */
    uint8_t value_max;                 /* not 0: last number of the list that it is of */
    const struct shape *nested;        /* NULL: not a message */
};

struct shape { const char *name; const struct field *fields; uint32_t count; };

#define SHAPE(name_, text, array) static const struct shape name_ = {text, array, sizeof array / sizeof array[0]}
#define L1 {.since = 1}
#define L2 {.since = 2}

static const struct field idempotency_fields[] = {[1] = L1, [2] = L1, [3] = L1, [4] = L1};
SHAPE(idempotency_shape, "Idempotency", idempotency_fields);

static const struct field open_session_fields[] = {[1] = L1};
SHAPE(open_session_shape, "OpenSession", open_session_fields);

static const struct field empty_fields[] = {{0}};
SHAPE(close_session_shape, "CloseSession", empty_fields);
SHAPE(tick_shape, "Tick", empty_fields);

static const struct field map_fields[] = {[1] = {.since = 1, .value_max = MAP_CHECK_VERSION}, [2] = L1, [3] = L1, [4] = L1,
                                          [5] = L1, [6] = L1, [7] = L1, [8] = L1};
SHAPE(map_shape, "MapCommand", map_fields);

static const struct field batch_fields[] = {[1] = {.since = 1, .nested = &map_shape}};
SHAPE(batch_shape, "MapBatch", batch_fields);

static const struct field clear_fields[] = {[1] = L1};
SHAPE(clear_shape, "MapClear", clear_fields);

static const struct field drop_fields[] = {[1] = L2};
SHAPE(drop_shape, "MapDrop", drop_fields);

static const struct field journal_fields[] = {[1] = L1, [2] = L1, [3] = L1, [4] = L1, [5] = L1};
SHAPE(journal_shape, "JournalSettings", journal_fields);

static const struct field settings_fields[] = {[1] = L1, [2] = L1, [3] = L1, [4] = {.since = 1, .nested = &journal_shape}};
SHAPE(settings_shape, "MapSettings", settings_fields);

static const struct field configure_fields[] = {[1] = L1, [2] = {.since = 1, .nested = &settings_shape}, [3] = L1, [4] = L1};
SHAPE(configure_shape, "MapConfigure", configure_fields);

static const struct field limits_fields[] = {[1] = L2, [2] = L2, [3] = L2};
SHAPE(limits_shape, "RetentionLimits", limits_fields);

static const struct field retain_fields[] = {[1] = {.since = 2, .value_max = RETENTION_LAST}, [2] = {.since = 2, .nested = &limits_shape},
                                             [3] = L2, [4] = L2};
SHAPE(retain_shape, "Retain", retain_fields);

static const struct field trace_fields[] = {[1] = L1, [2] = L1, [3] = L1, [4] = L1};
SHAPE(trace_shape, "TraceContext", trace_fields);

static const struct field service_fields[] = {[1] = L1, [2] = L1, [3] = L1, [4] = L1, [5] = L1,
                                              [6] = {.since = 1, .nested = &trace_shape}};
SHAPE(service_shape, "ServiceCommand", service_fields);

/* Raising the level is itself of level 1: every version that supports levels knows when to stop. */
static const struct field raise_fields[] = {[1] = {.since = 1, .names_level = true}};
SHAPE(raise_shape, "RaiseLevel", raise_fields);

static const struct field member_fields[] = {[1] = L1, [2] = L1, [3] = L1};
SHAPE(member_shape, "Member", member_fields);

static const struct field genesis_fields[] = {[1] = L1, [2] = L1, [3] = {.since = 1, .nested = &member_shape}, [4] = L1, [5] = L1,
                                              [6] = L1, [7] = {.since = 1, .names_level = true}, [8] = L2 /* services */};
SHAPE(genesis_shape, "Genesis", genesis_fields);

static const struct field register_fields[] = {[1] = L2};
SHAPE(register_shape, "RegisterService", register_fields);

static const struct field restore_fields[] = {[1] = {.since = 2, .value_max = RESTORE_CHECK}, [2] = L2, [3] = L2, [4] = L2, [5] = L2};
SHAPE(restore_shape, "Restore", restore_fields);

static const struct field reply_fields[] = {[1] = L1, [2] = L1, [3] = L1, [4] = L1};
SHAPE(reply_shape, "ReplyTo", reply_fields);

static const struct field message_fields[] = {[1] = L1, [2] = {.since = 1, .nested = &service_shape},
                                              [3] = {.since = 1, .nested = &reply_shape}, [4] = L1, [5] = L1, [6] = L1,
                                              [7] = L2 /* principal */};
SHAPE(message_shape, "LinkMessage", message_fields);

static const struct field deliver_fields[] = {[1] = L1, [2] = L1, [3] = L1, [4] = {.since = 1, .nested = &message_shape}};
SHAPE(deliver_shape, "Deliver", deliver_fields);

static const struct field acknowledge_fields[] = {[1] = L1, [2] = L1, [3] = L1};
SHAPE(acknowledge_shape, "Acknowledge", acknowledge_fields);

static const struct field result_fields[] = {[1] = L1, [2] = L1, [3] = L1, [4] = L1};
SHAPE(result_shape, "ActivityResult", result_fields);

static const struct field command_fields[] = {
    [1] = L1, [2] = L1, [3] = L1,
    [4] = {.since = 1, .nested = &idempotency_shape},
    [5] = L2 /* act_as */,
    [COMMAND_OPEN_SESSION] = {.since = 1, .nested = &open_session_shape},
    [COMMAND_CLOSE_SESSION] = {.since = 1, .nested = &close_session_shape},
    [COMMAND_MAP] = {.since = 1, .nested = &map_shape},
    [COMMAND_SERVICE] = {.since = 1, .nested = &service_shape},
    [COMMAND_BATCH] = {.since = 1, .nested = &batch_shape},
    [COMMAND_CLEAR] = {.since = 1, .nested = &clear_shape},
    [COMMAND_CONFIGURE] = {.since = 1, .nested = &configure_shape},
    [COMMAND_DROP] = {.since = 2, .nested = &drop_shape},
    [COMMAND_RETAIN] = {.since = 2, .nested = &retain_shape},
    [COMMAND_RAISE_LEVEL] = {.since = 1, .nested = &raise_shape},
    [COMMAND_GENESIS] = {.since = 1, .names_services = true, .nested = &genesis_shape},
    [COMMAND_DELIVER] = {.since = 1, .nested = &deliver_shape},
    [COMMAND_ACKNOWLEDGE] = {.since = 1, .nested = &acknowledge_shape},
    [COMMAND_ACTIVITY_RESULT] = {.since = 1, .nested = &result_shape},
    [COMMAND_TICK] = {.since = 1, .nested = &tick_shape},
    [COMMAND_REGISTER] = {.since = 2, .names_services = true, .nested = &register_shape},
    [COMMAND_RESTORE] = {.since = 2, .nested = &restore_shape},
};
SHAPE(command_shape, "Command", command_fields);

/* ---- the walk */

enum { NESTED_MAX = 6 };               /* Command, Deliver, LinkMessage, ServiceCommand, TraceContext, and one to spare */

struct level_walk {
    struct { struct wire_reader reader; const struct shape *shape; } stack[NESTED_MAX];
    uint32_t depth;
    struct level_need need;
};

static void enter(struct level_walk *walk, struct bytes in, const struct shape *shape)
{
    REQUIRE(walk->depth < NESTED_MAX);
    walk->stack[walk->depth].reader = wire_reader_of(in);
    walk->stack[walk->depth++].shape = shape;
}

static void need_level(struct level_walk *walk, uint64_t level)
{
    if (level > walk->need.level)
        walk->need.level = level > LEVEL_MOST ? LEVEL_MOST : (uint32_t)level;
}

static void beyond(struct level_walk *walk, const struct shape *shape, uint32_t field)
{
    walk->need = (struct level_need){.level = LEVEL_BEYOND, .message = shape->name, .field = field};
    walk->depth = 0;
}

/* The reader is after a tag. */
static void look_at(struct level_walk *walk, struct wire_reader *reader, const struct shape *shape)
{
    const struct field *field = reader->field < shape->count ? &shape->fields[reader->field] : NULL;
    if (field == NULL || field->since == 0) {
        beyond(walk, shape, reader->field);
        return;
    }
    need_level(walk, field->since);
    walk->need.services = walk->need.services || field->names_services;
    if (field->nested != NULL) {
        struct bytes in = wire_repeated(reader);
        if (!reader->failed && in.size > 0)
            enter(walk, in, field->nested);
    } else if (field->names_level || field->value_max != 0) {
        uint64_t value = wire_u64(reader);
        if (field->names_level)
            need_level(walk, value);
        else if (value > field->value_max)
            beyond(walk, shape, reader->field);
    } else {
        wire_skip(reader);
    }
}

/* ---- the usual command: nothing but level 1, found without the reader's checks */

struct plain_walk {
    const uint8_t *at, *end;           /* of the innermost message */
    const struct shape *shape;
    struct { const uint8_t *end; const struct shape *shape; } outer[NESTED_MAX];
    uint32_t depth;
};

static bool plain_varint(struct plain_walk *walk, uint32_t *ret_value)
{
    uint32_t value = 0, shift = 0;
    while (walk->at < walk->end && shift < 28) {
        value |= (uint32_t)(*walk->at & 0x7f) << shift;
        if ((*walk->at++ & 0x80) == 0) {
            *ret_value = value;
            return true;
        }
        shift += 7;
    }
    return false;
}

static bool plain_skip_varint(struct plain_walk *walk)
{
    while (walk->at < walk->end)
        if ((*walk->at++ & 0x80) == 0)
            return true;
    return false;
}

static bool plain_sized(struct plain_walk *walk, const struct shape *nested)
{
    uint32_t size;
    if (!plain_varint(walk, &size) || size > (size_t)(walk->end - walk->at))
        return false;
    if (nested == NULL) {
        walk->at += size;
        return true;
    }
    if (walk->depth == NESTED_MAX)
        return false;
    walk->outer[walk->depth].end = walk->end;
    walk->outer[walk->depth++].shape = walk->shape;
    walk->end = walk->at + size;
    walk->shape = nested;
    return true;
}

static bool plain_field(struct plain_walk *walk)
{
    uint32_t tag, value;
    if (!plain_varint(walk, &tag) || tag >> 3 >= walk->shape->count)
        return false;
    const struct field *field = &walk->shape->fields[tag >> 3];
    if (field->since != LEVEL_FIRST || field->names_level || field->names_services)
        return false;
    switch (tag & 7) {
    case 0: return field->value_max == 0 ? plain_skip_varint(walk) : plain_varint(walk, &value) && value <= field->value_max;
    case 1:
        if (walk->end - walk->at < 8)
            return false;
        walk->at += 8;
        return true;
    case 2: return plain_sized(walk, field->nested);
    default: return false;
    }
}

/* True: level_scan's walk would say LEVEL_FIRST, for a sound command and for a damaged one. It stops at the first field
 * that is of no level, of a later one, names one or names services; a damaged command in which it meets none of these is of level 1. */
static bool plain(struct bytes command)
{
    struct plain_walk walk = {.at = command.data, .end = command.data + command.size, .shape = &command_shape};
    while (walk.at < walk.end || walk.depth > 0) {
        if (walk.at < walk.end) {
            if (!plain_field(&walk))
                return false;
        } else {
            walk.end = walk.outer[--walk.depth].end;
            walk.shape = walk.outer[walk.depth].shape;
        }
    }
    return true;
}

static struct level_need walk_all(struct bytes command)
{
    static const struct level_need damaged = {.level = LEVEL_FIRST};
    struct level_walk walk = {.need = damaged};
    enter(&walk, command, &command_shape);
    while (walk.depth > 0) {
        const struct shape *shape = walk.stack[walk.depth - 1].shape;
        struct wire_reader *reader = &walk.stack[walk.depth - 1].reader;
        if (wire_next(reader))
            look_at(&walk, reader, shape);
        else if (!reader->failed)
            walk.depth--;
        else if (reader->field > WIRE_FIELD_MAX)
            beyond(&walk, shape, reader->field);
        if (walk.depth > 0 && reader->failed)
            return damaged;
    }
    return walk.need;
}

struct level_need level_scan(struct bytes command)
{
    return plain(command) ? (struct level_need){.level = LEVEL_FIRST} : walk_all(command);
}
