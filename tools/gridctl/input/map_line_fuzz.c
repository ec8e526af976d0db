/* Fuzz target of what `map load` and `map batch` read: whatever the bytes and however they come in parts, each line is
 * refused with a reason or becomes an operation that a map can be asked for.
 *
 * Input: u8 which of the two (bit 0) and the size of the parts (the rest), then the file. */
#include "grid/base/check.h"
#include "grid/base/limits.h"
#include "tools/gridctl/input/lines.h"
#include "tools/gridctl/input/map_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_operation(const struct grid_operation *operation, bool batch)
{
    bool versioned = operation->kind == GRID_COMPARE_AND_SET || operation->kind == GRID_REMOVE_IF_VERSION ||
                     operation->kind == GRID_CHECK_VERSION;
    ENSURE(batch ? operation->kind != 0 : operation->kind == GRID_SET);
    ENSURE(operation->key.key.size > 0);
    ENSURE(operation->ttl_ms <= TTL_MS_MAX || operation->ttl_ms == GRID_TTL_NONE);
    ENSURE(versioned || operation->expected_version == 0);
    ENSURE(operation->kind != GRID_SET_TTL || operation->ttl_ms > 0);
    ENSURE(operation->map == NULL || operation->map[0] != 0);
}

static void read_line(const struct line *line, bool batch)
{
    struct arena arena;
    struct map_line read;
    const char *reason = NULL;
    ENSURE(line->text.size > 0 && memchr(line->text.data, '\n', line->text.size) == NULL);
    arena_init(&arena, 4096);
    bool good = batch ? map_line_batch(line->text, &arena, &read, &reason) : map_line_load(line->text, &arena, &read, &reason);
    ENSURE(good || (reason != NULL && reason[0] != 0));
    if (good)
        check_operation(&read.operation, batch);
    arena_close(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lines lines = {.number = 0};
    struct line line;
    uint64_t last = 0;
    if (size == 0)
        return 0;
    bool batch = (data[0] & 1) != 0;
    size_t part = (size_t)(data[0] >> 1) + 1;
    for (size_t at = 1; at <= size; at += part) {
        size_t filled = size - at < part ? size - at : part;
        if (filled > 0)
            memcpy(lines_room(&lines, part), data + at, filled);
        else
            lines_room(&lines, part);
        lines_add(&lines, part, filled);
        while (lines_next(&lines, at + part > size, &line)) {
            ENSURE(line.number > last && !line.too_long);
            last = line.number;
            read_line(&line, batch);
        }
    }
    lines_close(&lines);
    return 0;
}
