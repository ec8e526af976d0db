#include "grid/wire/level.h"

#include "grid/base/check.h"
#include "grid/wire/protobuf_wire.h"

/* ---- the table: field number -> since which level, and what is inside */

struct shape;

struct field {
    uint8_t since;                     /* 0: there is no such field */
    bool names_level;                  /* its value is a level, which the command then needs */
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

static const struct field trace_fields[] = {[1] = L1, [2] = L1, [3] = L1, [4] = L1};
SHAPE(trace_shape, "TraceContext", trace_fields);

static const struct field service_fields[] = {[1] = L1, [2] = L1, [3] = L1, [4] = L1, [5] = L1,
                                              [6] = {.since = 1, .nested = &trace_shape}};
SHAPE(service_shape, "ServiceCommand", service_fields);

/* To raise the level is itself of level 1: whoever supports levels at all knows when to stop. */
static const struct field raise_fields[] = {[1] = {.since = 1, .names_level = true}};
SHAPE(raise_shape, "RaiseLevel", raise_fields);

static const struct field member_fields[] = {[1] = L1, [2] = L1, [3] = L1};
SHAPE(member_shape, "Member", member_fields);

static const struct field genesis_fields[] = {[1] = L1, [2] = L1, [3] = {.since = 1, .nested = &member_shape}, [4] = L1, [5] = L1,
                                              [6] = L1, [7] = {.since = 1, .names_level = true}};
SHAPE(genesis_shape, "Genesis", genesis_fields);

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
    [COMMAND_RAISE_LEVEL] = {.since = 1, .nested = &raise_shape},
    [COMMAND_GENESIS] = {.since = 1, .nested = &genesis_shape},
    [COMMAND_DELIVER] = {.since = 1, .nested = &deliver_shape},
    [COMMAND_ACKNOWLEDGE] = {.since = 1, .nested = &acknowledge_shape},
    [COMMAND_ACTIVITY_RESULT] = {.since = 1, .nested = &result_shape},
    [COMMAND_TICK] = {.since = 1, .nested = &tick_shape},
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
    walk->need = (struct level_need){LEVEL_BEYOND, shape->name, field};
    walk->depth = 0;
}

/* The reader stands behind a tag. */
static void look_at(struct level_walk *walk, struct wire_reader *reader, const struct shape *shape)
{
    const struct field *field = reader->field < shape->count ? &shape->fields[reader->field] : NULL;
    if (field == NULL || field->since == 0) {
        beyond(walk, shape, reader->field);
        return;
    }
    need_level(walk, field->since);
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

struct level_need level_scan(struct bytes command)
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
