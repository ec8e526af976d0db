/* Fuzz target of the configuration. A refusal has a note that begins with file:line:column; what is accepted is bounded
 * as settings.h says, and is accepted again as it was.
 *
 * Input: the YAML text. */
#include <ctype.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "grid/node/process/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *after_number(const char *at)
{
    HOLDS(isdigit((unsigned char)*at));
    while (isdigit((unsigned char)*at))
        at++;
    HOLDS(*at == ':');
    return at + 1;
}

static void check_note(const char *note)
{
    HOLDS(note && strncmp(note, "fuzz:", 5) == 0);
    const char *rest = after_number(after_number(note + 5));
    HOLDS(rest[0] == ' ' && rest[1] != 0);
}

static void check_accepted(const struct config *config)
{
    const struct node_settings *node = &config->node;
    HOLDS(node->partitions >= 1 && node->partitions <= PARTITIONS_MAX && node->members_count <= NODES_MAX);
    HOLDS(memchr(node->cluster, 0, sizeof node->cluster) && memchr(config->data, 0, sizeof config->data));
    for (size_t i = 0; i < node->members_count; i++) {
        HOLDS(node->members[i].id.value >= 1 && node->members[i].id.value <= NODES_MAX);
        HOLDS(i == 0 || node->members[i - 1].id.value < node->members[i].id.value);
        HOLDS(node->members[i].client_address[0] && node->members[i].peer_address[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config, again;
    char *note = NULL, *other = NULL;
    config_defaults(&config);
    config_defaults(&again);
    enum grid_err err = config_read_text(&config, "fuzz", bytes_of(data, size), &note);
    HOLDS(config_read_text(&again, "fuzz", bytes_of(data, size), &other) == err);
    if (err == GRID_ERR_OK) {
        check_accepted(&config);
        HOLDS(note == NULL && memcmp(&config.node, &again.node, sizeof config.node) == 0);
        (void)config_check(&config, &note);
    } else {
        check_note(note);
        HOLDS(strcmp(note, other) == 0);
    }
    memory_free(note);
    memory_free(other);
    return 0;
}
