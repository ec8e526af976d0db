#include "raft/snapshot/snapshot_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

static const char *const SUFFIXES[] = {[SNAPSHOT_WHOLE] = "", [SNAPSHOT_PART] = ".part", [SNAPSHOT_RECEIVED] = ".recv"};
static const char PREFIX[] = "snap-";
enum { PREFIX_BYTES = sizeof PREFIX - 1, GROUP_DIGITS = 8, INDEX_DIGITS = 16, SUFFIX_AT = PREFIX_BYTES + GROUP_DIGITS + 1 + INDEX_DIGITS };

/* ---- names */

void snapshot_name(char name[SNAPSHOT_NAME_BYTES], uint32_t group, uint64_t index, enum snapshot_kind kind)
{
    int size = snprintf(name, SNAPSHOT_NAME_BYTES, "%s%08" PRIx32 "-%016" PRIx64 "%s", PREFIX, group, index, SUFFIXES[kind]);
    ENSURE(size > 0 && size < SNAPSHOT_NAME_BYTES);
}

static bool parse_hex(const char *text, size_t digits, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        char digit = text[i];
        if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f'))
            return false;
        value = value << 4 | (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    *ret_value = value;
    return true;
}

bool snapshot_name_parse(const char *name, uint32_t *ret_group, uint64_t *ret_index, enum snapshot_kind *ret_kind)
{
    uint64_t group, index;
    if (strncmp(name, PREFIX, PREFIX_BYTES) != 0 || strlen(name) < SUFFIX_AT || name[PREFIX_BYTES + GROUP_DIGITS] != '-' ||
        !parse_hex(name + PREFIX_BYTES, GROUP_DIGITS, &group) || !parse_hex(name + PREFIX_BYTES + GROUP_DIGITS + 1, INDEX_DIGITS, &index))
        return false;
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        if (strcmp(name + SUFFIX_AT, SUFFIXES[i]) != 0)
            continue;
        *ret_group = (uint32_t)group;
        *ret_index = index;
        *ret_kind = (enum snapshot_kind)i;
        return true;
    }
    return false;
}

/* ---- reading */

struct reading {
    struct storage *storage;
    struct file *file;
    struct snapshot_checker checker;
    const struct snapshot_taker *taker;
    struct snapshot_wanted wanted;
    uint64_t offset, size;
    struct buffer block;
};

void snapshot_info_close(struct snapshot_info *info)
{
    union { const uint8_t *constant; uint8_t *memory; } bytes = {info->head.configuration.data};
    memory_free(bytes.memory);
    *info = (struct snapshot_info){0};
}

/* The head is complete: is it the one that is looked for? */
static enum grid_err check_head(const struct reading *reading, char **ret_what)
{
    const struct snapshot_head *head = &reading->checker.head;
    if (head->group != reading->wanted.group || head->index != reading->wanted.index)
        *ret_what = err_note("the head is that of group %" PRIu32 " at index %" PRIu64 ": a file of another name was put here", head->group, head->index);
    else if (reading->wanted.owner != 0 && head->owner != 0 && head->owner != reading->wanted.owner)
        *ret_what = err_note("it belongs to the data directory with the number %016" PRIx64 ", this one has %016" PRIx64
                             ": the files of two directories were mixed", head->owner, reading->wanted.owner);
    else
        return reading->taker->head == NULL ? GRID_ERR_OK : reading->taker->head(reading->taker->context, head);
    return GRID_ERR_MISMATCH;
}

/* The next head, chunk or end record. */
static enum grid_err read_next(struct reading *reading, char **ret_what)
{
    size_t wants = snapshot_checker_wants(&reading->checker);
    uint64_t left = reading->size - reading->offset;
    bool had_head = reading->checker.has_head;
    if (left == 0) {
        *ret_what = err_note("offset %" PRIu64 ": the file ends before its end record", reading->size);
        return GRID_ERR_CORRUPT;
    }
    size_t size = left < wants ? (size_t)left : wants;
    buffer_clear(&reading->block);
    uint8_t *data = buffer_extend(&reading->block, size);
    enum grid_err err = reading->storage->read(reading->storage, reading->file, reading->offset, data, size);
    if (err != GRID_ERR_OK) {
        *ret_what = err_note("offset %" PRIu64 ": it cannot be read", reading->offset);
        return err;
    }
    reading->offset += size;
    err = snapshot_checker_add(&reading->checker, bytes_of(data, size), ret_what);
    return err == GRID_ERR_OK && !had_head && reading->checker.has_head ? check_head(reading, ret_what) : err;
}

static enum grid_err read_all(struct reading *reading, struct snapshot_info *ret_info, char **ret_what)
{
    enum grid_err err = GRID_ERR_OK;
    while (err == GRID_ERR_OK && !reading->checker.complete)
        err = read_next(reading, ret_what);
    if (err == GRID_ERR_OK && reading->offset < reading->size) {
        *ret_what = err_note("offset %" PRIu64 ": there are bytes after the end record", reading->offset);
        err = GRID_ERR_CORRUPT;
    }
    if (err == GRID_ERR_OK && ret_info != NULL) {
        *ret_info = (struct snapshot_info){reading->checker.head, reading->checker.sum};
        struct bytes configuration = ret_info->head.configuration;
        ret_info->head.configuration = bytes_of(memory_copy(configuration.data, configuration.size), configuration.size);
    }
    return err;
}

enum grid_err snapshot_file_read(struct storage *storage, const struct snapshot_wanted *wanted, const struct snapshot_taker *taker,
                                 struct snapshot_info *ret_info, char **ret_note)
{
    static const struct snapshot_taker NOBODY = {0};
    char name[SNAPSHOT_NAME_BYTES], *what = NULL;
    struct reading reading = {.storage = storage, .taker = taker != NULL ? taker : &NOBODY, .wanted = *wanted};
    snapshot_name(name, wanted->group, wanted->index, SNAPSHOT_WHOLE);
    *ret_note = NULL;
    enum grid_err err = storage->open(storage, name, false, &reading.file);
    if (err != GRID_ERR_OK) {
        *ret_note = err_note("%s: %s", name, err == GRID_ERR_NOT_FOUND ? "the file is missing" : "it cannot be opened; it must be a file that this process may read and write");
        return err;
    }
    reading.size = storage->size(storage, reading.file);
    snapshot_checker_init(&reading.checker, reading.taker->piece, reading.taker->context);
    err = read_all(&reading, ret_info, &what);
    if (what != NULL)
        *ret_note = err_note("%s: %s", name, what);
    memory_free(what);
    storage->close(storage, reading.file);
    snapshot_checker_close(&reading.checker);
    buffer_close(&reading.block);
    return err;
}

/* ---- listing */

struct listing {
    void (*each)(void *context, uint32_t group, uint64_t index, enum snapshot_kind kind);
    void *context;
};

static void on_name(void *context, const char *name)
{
    const struct listing *listing = context;
    uint32_t group;
    uint64_t index;
    enum snapshot_kind kind;
    if (snapshot_name_parse(name, &group, &index, &kind))
        listing->each(listing->context, group, index, kind);
}

enum grid_err snapshot_files_list(struct storage *storage, void (*each)(void *context, uint32_t group, uint64_t index, enum snapshot_kind kind),
                                  void *context)
{
    struct listing listing = {each, context};
    return storage->list(storage, on_name, &listing);
}

struct cleaning {
    bool (*keep)(void *context, uint32_t group, uint64_t index, enum snapshot_kind kind);
    void *context;
    struct buffer names;               /* of what goes, SNAPSHOT_NAME_BYTES each: nothing is removed while the storage lists */
};

static void clean_file(void *context, uint32_t group, uint64_t index, enum snapshot_kind kind)
{
    struct cleaning *cleaning = context;
    if (kind == SNAPSHOT_PART || !cleaning->keep(cleaning->context, group, index, kind))
        snapshot_name((char *)buffer_extend(&cleaning->names, SNAPSHOT_NAME_BYTES), group, index, kind);
}

enum grid_err snapshot_files_clean(struct storage *storage, bool (*keep)(void *context, uint32_t group, uint64_t index, enum snapshot_kind kind),
                                   void *context, size_t *ret_removed)
{
    struct cleaning cleaning = {.keep = keep, .context = context};
    enum grid_err err = snapshot_files_list(storage, clean_file, &cleaning);
    for (size_t at = 0; at < cleaning.names.size && err == GRID_ERR_OK; at += SNAPSHOT_NAME_BYTES)
        err = storage->remove(storage, (const char *)cleaning.names.data + at);
    if (err == GRID_ERR_OK)
        *ret_removed = cleaning.names.size / SNAPSHOT_NAME_BYTES;
    buffer_close(&cleaning.names);
    return err;
}
