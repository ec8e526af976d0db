#include "grid/backup/backup_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/crc32c.h"
#include "grid/base/hash.h"
#include "grid/base/limits.h"
#include "grid/base/memory.h"

static const char HEAD[] = "gridiron backup ";
enum { VERSION = 1, CHECKSUM_LINE_BYTES = 18 /* "checksum 01234567\n" */, NUMBERS_OF_A_FILE = 5 };

void backup_manifest_close(struct backup_manifest *manifest)
{
    memory_free(manifest->files);
    *manifest = (struct backup_manifest){0};
}

struct backup_file_name backup_file_name(const struct backup_manifest *manifest, uint32_t partition)
{
    struct backup_file_name name;
    snprintf(name.text, sizeof name.text, "snap-%08" PRIx32 "-%016" PRIx64, partition, manifest->files[partition].index);
    return name;
}

uint64_t backup_manifest_entries(const struct backup_manifest *manifest)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < manifest->partitions; i++)
        sum += manifest->files[i].entries;
    return sum;
}

uint64_t backup_manifest_bytes(const struct backup_manifest *manifest)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < manifest->partitions; i++)
        sum += manifest->files[i].bytes;
    return sum;
}

uint64_t backup_manifest_id(const struct backup_manifest *manifest)
{
    struct buffer text = {0};
    backup_manifest_encode(manifest, &text);
    uint64_t id = hash_xxh3(buffer_bytes(&text), 0);
    buffer_close(&text);
    return id != 0 ? id : 1;
}

void backup_manifest_encode(const struct backup_manifest *manifest, struct buffer *out)
{
    size_t start = out->size;
    buffer_append_format(out, "%s%d\ncluster_uuid %s\ncluster %s\nmade_ms %" PRIu64 "\nlevel %" PRIu32 "\nepoch %" PRIu32 "\npartitions %" PRIu32 "\n", HEAD,
                         VERSION, uuid_text_of(manifest->cluster_uuid).text, manifest->cluster, manifest->made_ms, manifest->level, manifest->epoch,
                         manifest->partitions);
    for (uint32_t i = 0; i < manifest->partitions; i++) {
        const struct backup_file *file = &manifest->files[i];
        buffer_append_format(out, "file %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", file->index, file->term, file->entries, file->bytes, file->hash);
    }
    uint32_t checksum = crc32c(bytes_of(out->data + start, out->size - start));
    buffer_append_format(out, "checksum %08" PRIx32 "\n", checksum);
}

/* ---- reading: a text with a closing zero, line by line */

/* The rest of the line after `name` and a space, cut out of the text; NULL when the next line is another one. */
static char *take_line(char **at, const char *name)
{
    size_t size = strlen(name);
    char *end = strchr(*at, '\n');
    if (end == NULL || strncmp(*at, name, size) != 0 || (*at)[size] != ' ')
        return NULL;
    char *value = *at + size + 1;
    *end = 0;
    *at = end + 1;
    return value;
}

/* Takes a decimal number and the space behind it, if there is one. */
static bool take_decimal(char **value, uint64_t *ret_number)
{
    size_t digits = strspn(*value, "0123456789");
    uint64_t number = 0;
    if (digits == 0 || digits > 20 || ((*value)[0] == '0' && digits > 1))
        return false;
    for (size_t i = 0; i < digits; i++) {
        uint64_t digit = (uint64_t)((*value)[i] - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *value += digits;
    *value += **value == ' ' && (*value)[1] != 0;
    *ret_number = number;
    return true;
}

static bool take_number(char **at, const char *name, uint64_t least, uint64_t most, uint64_t *ret_number)
{
    char *value = take_line(at, name);
    return value != NULL && take_decimal(&value, ret_number) && *value == 0 && *ret_number >= least && *ret_number <= most;
}

static bool take_u32(char **at, const char *name, uint32_t most, uint32_t *ret_number)
{
    uint64_t number;
    bool good = take_number(at, name, 1, most, &number);
    if (good)
        *ret_number = (uint32_t)number;
    return good;
}

static bool take_file(char **at, struct backup_file *ret_file)
{
    uint64_t numbers[NUMBERS_OF_A_FILE];
    char *value = take_line(at, "file");
    for (int i = 0; i < NUMBERS_OF_A_FILE; i++)
        if (value == NULL || !take_decimal(&value, &numbers[i]))
            return false;
    *ret_file = (struct backup_file){numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]};
    return *value == 0 && ret_file->index > 0;
}

static bool take_files(char **at, struct backup_manifest *manifest)
{
    bool good = take_u32(at, "partitions", PARTITIONS_MAX, &manifest->partitions);
    manifest->files = good ? memory_zero(manifest->partitions, sizeof *manifest->files) : NULL;
    for (uint32_t i = 0; good && i < manifest->partitions; i++)
        good = take_file(at, &manifest->files[i]);
    return good;
}

static bool take_all(char *at, struct backup_manifest *manifest)
{
    char *uuid = take_line(&at, "cluster_uuid");
    char *cluster = uuid != NULL ? take_line(&at, "cluster") : NULL;
    if (cluster == NULL || !uuid_parse(uuid, &manifest->cluster_uuid) || strcmp(uuid_text_of(manifest->cluster_uuid).text, uuid) != 0 || strlen(cluster) >= sizeof manifest->cluster)
        return false;
    snprintf(manifest->cluster, sizeof manifest->cluster, "%s", cluster);
    return take_number(&at, "made_ms", 0, UINT64_MAX, &manifest->made_ms) && take_u32(&at, "level", 255, &manifest->level) &&
           take_u32(&at, "epoch", UINT32_MAX - 1, &manifest->epoch) && take_files(&at, manifest) && *at == 0;
}

static enum grid_err wrong(enum grid_err err, const char *what, char **ret_note)
{
    *ret_note = err_note("%s", what);
    return err;
}

enum grid_err backup_manifest_decode(struct bytes text, struct backup_manifest *ret_manifest, char **ret_note)
{
    char sum[CHECKSUM_LINE_BYTES + 1];
    size_t head = sizeof HEAD - 1;
    if (text.size < head + CHECKSUM_LINE_BYTES + 2 || text.size > BACKUP_MANIFEST_BYTES_MAX || memcmp(text.data, HEAD, head) != 0 ||
        memchr(text.data, 0, text.size) != NULL)
        return wrong(GRID_ERR_CORRUPT, "this is no manifest of a backup", ret_note);
    if (text.data[head] != '0' + VERSION || text.data[head + 1] != '\n')
        return wrong(GRID_ERR_MISMATCH, "the backup was written by a newer version: use its gridctl", ret_note);
    size_t size = text.size - CHECKSUM_LINE_BYTES;
    snprintf(sum, sizeof sum, "checksum %08" PRIx32 "\n", crc32c(bytes_of(text.data, size)));
    if (memcmp(text.data + size, sum, CHECKSUM_LINE_BYTES) != 0)
        return wrong(GRID_ERR_CORRUPT, "its checksum does not match: it is damaged", ret_note);
    char *copy = memory_alloc(size + 1);
    memcpy(copy, text.data, size);
    copy[size] = 0;
    struct backup_manifest manifest = {0};
    bool good = take_all(copy + head + 2, &manifest);
    memory_free(copy);
    if (!good) {
        backup_manifest_close(&manifest);
        return wrong(GRID_ERR_CORRUPT, "a line of it cannot be read", ret_note);
    }
    *ret_manifest = manifest;
    return GRID_ERR_OK;
}
