/* Fuzz target of apply: whatever stands in the log, nothing stops the state machine (R8), every invariant holds after each entry,
 * each command is answered by a well-formed response, and two replicas fed the same are the same (I15).
 *
 * Input: chunks of u16 size and as many bytes, each an encoded Command for the entry being built. Size 0 ends the entry
 * and lets STEP_MS of log time pass; size 0xffff takes the rest as a whole entry, header and all. The partition was
 * born and has two sessions, 2 and 3. Sizes beyond the end are cut. */
#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "grid/partition/entry.h"
#include "grid/partition/partition.h"
#include "services/registry.h"

enum { STEP_MS = 20000, PARTITIONS = 4, SESSIONS = 2, RAW_ENTRY = 0xffff };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct replicas {
    struct partition *first, *second;
    struct buffer entry;
    uint64_t log_time_ms;
    uint32_t answers;
    struct arena arena;
};

static void check_answer(void *context, uint32_t ordinal, struct bytes encoded)
{
    struct replicas *replicas = context;
    struct response response;
    ENSURE(ordinal == replicas->answers);
    ENSURE(response_decode(encoded, &replicas->arena, &response) == GRID_ERR_OK);
    replicas->answers++;
}

static void ignore_answer(void *context, uint32_t ordinal, struct bytes encoded)
{
    (void)context, (void)ordinal, (void)encoded;
}

static void apply(struct replicas *replicas, struct bytes entry)
{
    uint64_t malformed = partition_stats(replicas->first).malformed_entries;
    uint64_t state = partition_state_digest(replicas->first);
    replicas->answers = 0;
    arena_reset(&replicas->arena);
    partition_apply(replicas->first, entry, check_answer, replicas);
    partition_apply(replicas->second, entry, ignore_answer, NULL);
    partition_holds(replicas->first);
    ENSURE(partition_digest(replicas->first) == partition_digest(replicas->second));
    ENSURE(partition_state_digest(replicas->first) == partition_state_digest(replicas->second));
    if (partition_stats(replicas->first).malformed_entries != malformed)
        ENSURE(replicas->answers == 0 && partition_state_digest(replicas->first) == state);
}

static void end_entry(struct replicas *replicas)
{
    replicas->log_time_ms += STEP_MS;
    if (entry_commands(&replicas->entry) != 0) {
        entry_seal(&replicas->entry, replicas->log_time_ms, replicas->log_time_ms);
        apply(replicas, buffer_bytes(&replicas->entry));
    }
    buffer_clear(&replicas->entry);
}

static void add_command(struct replicas *replicas, struct bytes command)
{
    if (replicas->entry.size == 0)
        entry_begin(&replicas->entry, LEVEL_FIRST);
    entry_add(&replicas->entry, command);
    if (entry_commands(&replicas->entry) == ENTRY_COMMANDS_MAX)
        end_entry(replicas);
}

static void add_known_command(struct replicas *replicas, const struct command *command)
{
    struct buffer encoded = {0};
    command_encode(command, &encoded);
    add_command(replicas, buffer_bytes(&encoded));
    buffer_close(&encoded);
}

static void give_birth(struct replicas *replicas)
{
    const struct partition_options options = {.id = {0}, .services = registry_builtin()};
    const struct message_member member = {.node = {1}};
    struct command genesis = {.kind = COMMAND_GENESIS}, open = {.kind = COMMAND_OPEN_SESSION};
    genesis.genesis = (struct genesis_command){.partitions = PARTITIONS, .members = &member, .members_count = 1, .table_seed = 1};
    replicas->first = partition_open(&options);
    replicas->second = partition_open(&options);
    arena_init(&replicas->arena, 4096);
    add_known_command(replicas, &genesis);
    for (unsigned i = 0; i < SESSIONS; i++)
        add_known_command(replicas, &open);
    end_entry(replicas);
    ENSURE(replicas->answers == 1 + SESSIONS && partition_stats(replicas->first).sessions == SESSIONS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replicas replicas = {0};
    struct reader input = reader_of(bytes_of(data, size));
    give_birth(&replicas);
    while (reader_left(&input) >= 2) {
        size_t chunk = reader_u16(&input), left = reader_left(&input);
        if (chunk == RAW_ENTRY) {
            end_entry(&replicas);
            apply(&replicas, reader_take(&input, left));
        } else if (chunk == 0) {
            end_entry(&replicas);
        } else {
            add_command(&replicas, reader_take(&input, chunk < left ? chunk : left));
        }
    }
    end_entry(&replicas);
    partition_close(replicas.first);
    partition_close(replicas.second);
    buffer_close(&replicas.entry);
    arena_close(&replicas.arena);
    return 0;
}
