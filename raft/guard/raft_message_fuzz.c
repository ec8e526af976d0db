/* Fuzz target of the Raft message codec: whatever is accepted must be within what the library may see, and writing it
 * must give the same bytes back. The first byte of the input chooses between a message and a configuration entry. */
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "raft/guard/raft_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_append(const struct raft_append_entries *append)
{
    ENSURE(append->n_entries <= APPEND_ENTRIES_MAX && (append->n_entries == 0) == (append->entries == NULL));
    uint64_t term = append->prev_log_term;
    for (unsigned i = 0; i < append->n_entries; i++) {
        const struct raft_entry *entry = &append->entries[i];
        ENSURE(entry->term >= term && entry->term <= append->term && entry->term != 0);
        ENSURE(entry->type >= RAFT_COMMAND && entry->type <= RAFT_CHANGE);
        ENSURE(entry->batch == append->entries[0].batch && entry->batch != NULL);
        term = entry->term;
    }
}

static void check_message(struct bytes body)
{
    struct raft_message message;
    if (!raft_message_decode(body, (struct node_id){1}, &message))
        return;
    ENSURE(message.type != RAFT_IO_INSTALL_SNAPSHOT && message.server_id == 1);
    if (message.type == RAFT_IO_APPEND_ENTRIES)
        check_append(&message.append_entries);
    struct buffer written = {0};
    raft_message_encode(&written, &message);
    ENSURE(bytes_equal(buffer_bytes(&written), body));
    buffer_close(&written);
    if (message.type == RAFT_IO_APPEND_ENTRIES) {
        raft_message_strip(&message);
        ENSURE(raft_message_log_bytes(&message) == 0);
    }
    raft_message_free(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes rest = bytes_of(data + 1, size - 1);
    if (data[0] == 0)
        raft_message_configuration_valid(rest);
    else
        check_message(rest);
    return 0;
}
