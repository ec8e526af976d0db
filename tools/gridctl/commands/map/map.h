/* What the commands of maps share: one call, waited for, its reply shown. */
#ifndef TOOLS_GRIDCTL_COMMANDS_MAP_MAP_H
#define TOOLS_GRIDCTL_COMMANDS_MAP_MAP_H

#include "tools/gridctl/command.h"

/* `show` prints the reply of a call that succeeded, while it is there. */
struct map_asked {
    struct ctl *ctl;
    void (*show)(struct ctl *ctl, const struct grid_reply *reply);
    bool done;
    int code;
};

const char *map_name(const struct ctl *ctl);
struct grid_key map_key(const struct ctl *ctl);
struct grid_call map_call(struct ctl *ctl, struct map_asked *asked,
                          void (*show)(struct ctl *ctl, const struct grid_reply *reply));
void map_replied(void *asked, const struct grid_reply *reply);  /* what map_call's `done` is */
int map_finish(struct ctl *ctl, struct map_asked *asked);
/* For people and pipes: the value alone, with a line end unless --raw; the command has that option. */
void map_print_value(struct ctl *ctl, struct grid_bytes value);
/* VALUE or what stands in --value-file, from the command line; exactly one of them. `ret_value` borrows from the arguments
 * or from `room`, which the caller closes. An exit code. */
int map_read_value(struct ctl *ctl, struct buffer *room, struct grid_bytes *ret_value);
/* Text where it is text; else in base64 under the name with "Base64" behind it ("keyBase64"), as map load reads it. */
void map_json_value(struct json *json, const char *name, struct grid_bytes value);
/* A number of milliseconds, a duration like "10s", or "none"; false, with a message, for anything else. */
bool map_ttl(const struct ctl *ctl, const char *text, uint64_t *ret_ttl_ms);

#endif
