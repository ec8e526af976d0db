#include "raft/groups/snapshot_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/crc32c.h"
#include "grid/base/memory.h"

enum { NAME_BYTES = 48, HEAD_BYTES = 36, PREFIX_CHARS = 5 };

struct snapshot_file {
    struct snapshot_place place;
    char name[NAME_BYTES];
    struct buffer bytes;
    struct deferred finish;
    void (*done)(void *context, enum grid_err err);
    void *context;
};

static void name_of(uint32_t group, uint64_t index, char ret_name[NAME_BYTES])
{
    snprintf(ret_name, NAME_BYTES, "snap-%08" PRIx32 "-%016" PRIx64, group, index);
}

static void put_head(struct buffer *out, const struct snapshot_place *place, const struct wal_snapshot *head)
{
    buffer_append_u32(out, place->group);
    buffer_append_u64(out, place->owner);
    buffer_append_u64(out, head->index);
    buffer_append_u64(out, head->term);
    buffer_append_u64(out, head->configuration_index);
}

static void run_finish(void *context)
{
    struct snapshot_file *file = context;
    struct storage *storage = file->place.storage;
    buffer_append_u32(&file->bytes, crc32c(buffer_bytes(&file->bytes)));
    file->done(file->context, storage->put(storage, file->name, buffer_bytes(&file->bytes)));
}

struct snapshot_file *snapshot_file_begin(const struct snapshot_place *place, const struct wal_snapshot *head,
                                          void (*done)(void *context, enum grid_err err), void *context)
{
    struct snapshot_file *file = memory_zero(1, sizeof *file);
    *file = (struct snapshot_file){.place = *place, .done = done, .context = context, .finish = {.run = run_finish, .context = file}};
    name_of(place->group, head->index, file->name);
    put_head(&file->bytes, place, head);
    return file;
}

bool snapshot_file_room(const struct snapshot_file *file)
{
    (void)file;
    return true;
}

void snapshot_file_add(struct snapshot_file *file, struct bytes bytes)
{
    buffer_append(&file->bytes, bytes);
}

void snapshot_file_finish(struct snapshot_file *file)
{
    clock_defer(file->place.clock, &file->finish);
}

void snapshot_file_close(struct snapshot_file *file)
{
    clock_undefer(file->place.clock, &file->finish);
    buffer_close(&file->bytes);
    memory_free(file);
}

enum grid_err snapshot_file_load(const struct snapshot_place *place, const struct wal_snapshot *head,
                                 enum grid_err (*each)(void *context, struct bytes piece), void *context, char **ret_note)
{
    char name[NAME_BYTES];
    struct buffer bytes = {0}, expected = {0};
    name_of(place->group, head->index, name);
    enum grid_err err = place->storage->get(place->storage, name, &bytes);
    put_head(&expected, place, head);
    if (err == GRID_ERR_NOT_FOUND)
        *ret_note = err_note("%s: the file is missing", name);
    else if (err == GRID_ERR_OK && (bytes.size < HEAD_BYTES + 4 || memcmp(bytes.data, expected.data, HEAD_BYTES) != 0 ||
             get_u32(bytes.data + bytes.size - 4) != crc32c(bytes_of(bytes.data, bytes.size - 4)))) {
        *ret_note = err_note("%s: damaged", name);
        err = GRID_ERR_CORRUPT;
    }
    if (err == GRID_ERR_OK)
        err = each(context, bytes_of(bytes.data + HEAD_BYTES, bytes.size - HEAD_BYTES - 4));
    buffer_close(&bytes);
    buffer_close(&expected);
    return err;
}

enum grid_err snapshot_file_remove(const struct snapshot_place *place, uint64_t index)
{
    char name[NAME_BYTES];
    name_of(place->group, index, name);
    enum grid_err err = place->storage->remove(place->storage, name);
    return err == GRID_ERR_NOT_FOUND ? GRID_ERR_OK : err;
}

struct cleaning { struct storage *storage; bool (*keep)(void *context, uint32_t group, uint64_t index); void *context; struct buffer names; };

/* "snap-", 8 digits, "-", 16 digits. */
static bool parse_name(const char *name, uint32_t *ret_group, uint64_t *ret_index)
{
    static const char DIGITS[] = "0123456789abcdef", FORM[] = "snap-xxxxxxxx-xxxxxxxxxxxxxxxx";
    uint64_t number = 0;
    if (strlen(name) != sizeof FORM - 1)
        return false;
    for (size_t i = 0; FORM[i] != 0; i++) {
        const char *digit = FORM[i] == 'x' ? strchr(DIGITS, name[i]) : NULL;
        if (FORM[i] != 'x' ? name[i] != FORM[i] : digit == NULL)
            return false;
        if (FORM[i] == '-' && i > PREFIX_CHARS)
            *ret_group = (uint32_t)number;
        number = digit == NULL ? 0 : number << 4 | (uint64_t)(digit - DIGITS);
    }
    *ret_index = number;
    return true;
}

static void look(void *context, const char *name)
{
    struct cleaning *cleaning = context;
    uint32_t group = 0;
    uint64_t index = 0;
    if (parse_name(name, &group, &index) && !cleaning->keep(cleaning->context, group, index))
        buffer_append(&cleaning->names, bytes_of(name, strlen(name) + 1));
}

enum grid_err snapshot_files_clean(struct storage *storage, bool (*keep)(void *context, uint32_t group, uint64_t index), void *context)
{
    struct cleaning cleaning = {storage, keep, context, {0}};
    enum grid_err err = storage->list(storage, look, &cleaning);
    for (size_t at = 0; at < cleaning.names.size && err == GRID_ERR_OK;) {
        const char *name = (const char *)cleaning.names.data + at;
        err = storage->remove(storage, name);
        at += strlen(name) + 1;
    }
    buffer_close(&cleaning.names);
    return err;
}
