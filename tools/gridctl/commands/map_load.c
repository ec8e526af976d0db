/* map load: {"key": …, "value": …} a line. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "grid/base/memory.h"
#include "tools/gridctl/commands/bulk.h"

struct loading { struct bulk *bulk; uint64_t line; };

static void on_set(void *context, const struct grid_reply *reply)
{
    struct loading *loading = context;
    bulk_finish(loading->bulk, loading->line, reply);
    memory_free(loading);
}

/* A value that is not text is stored as its JSON. */
static char *value_text(const json_t *value, size_t *ret_size)
{
    char *dumped = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *from = dumped != NULL ? dumped : json_string_value(value);
    *ret_size = dumped != NULL ? strlen(dumped) : json_string_length(value);
    char *text = memory_copy(from, *ret_size + 1);
    memory_free(dumped);
    return text;
}

static void start_line(struct bulk *bulk, void *context, uint64_t line, struct bytes text)
{
    (void)context;
    json_error_t error;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        bulk_reject(bulk, line, "not JSON: %s (column %d)", error.text, error.column);
        return;
    }
    const json_t *key = json_object_get(root, "key"), *value = json_object_get(root, "value");
    const json_t *affinity = json_object_get(root, "affinity");
    if (!json_is_string(key)) {
        bulk_reject(bulk, line, "key: must be text");
    } else if (value == NULL) {
        bulk_reject(bulk, line, "value: is missing");
    } else if (affinity != NULL && !json_is_string(affinity)) {
        bulk_reject(bulk, line, "affinity: must be text");
    } else {
        struct loading *loading = memory_zero(1, sizeof *loading);
        *loading = (struct loading){bulk, line};
        struct grid_call call = {.done = on_set, .context = loading};
        struct grid_key identity = {.key = {json_string_value(key), json_string_length(key)},
                                    .affinity = {json_string_value(affinity), json_string_length(affinity)}};
        size_t size;
        char *stored = value_text(value, &size);
        grid_client_set(bulk->ctl->client, ctl_option(bulk->ctl, "map", "default"), &identity,
                        (struct grid_bytes){stored, size}, &call);
        memory_free(stored);
    }
    json_decref(root);
}

int map_load(struct ctl *ctl)
{
    return bulk_run(ctl, "entries", start_line, NULL);
}
