#include "grid/node/dump/dump.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "grid/base/limits.h"
#include "grid/base/memory.h"
#include "grid/node/dump/dump_internal.h"

enum { HEAD_BYTES = 16 };
static const char IDENTITY[] = "gridiron identity ";

/* Of a running node a file may grow meanwhile: what was there at the beginning is read. */
static struct buffer read_whole(struct dump *dump, uint64_t size)
{
    struct buffer content = {0};
    rewind(dump->file);
    size_t got = fread(buffer_extend(&content, (size_t)size), 1, (size_t)size, dump->file);
    buffer_truncate(&content, got);
    return content;
}

static const char *file_name(const char *path)
{
    const char *name = strrchr(path, '/');
    return name == NULL ? path : name + 1;
}

static int dump_file(struct dump *dump, uint64_t size)
{
    uint8_t head[HEAD_BYTES] = {0};
    const char *name = file_name(dump->options->file);
    size_t got = fread(head, 1, sizeof head, dump->file);
    bool log = memcmp(head + 4, "GWAL", 4) == 0 || strncmp(name, "wal-", 4) == 0;
    if (got == 0 && ferror(dump->file))
        return dump_failed(dump, strerror(errno));
    if (memcmp(head + 4, "GSNP", 4) == 0 || strncmp(name, "snap-", 5) == 0)
        return dump_snapshot(dump);
    bool manifest = memcmp(head + 4, "GMAN", 4) == 0 || strcmp(name, "manifest") == 0;
    bool identity = memcmp(head, IDENTITY, sizeof head < sizeof IDENTITY - 1 ? sizeof head : sizeof IDENTITY - 1) == 0 || strcmp(name, "identity") == 0;
    if (!log && !manifest && !identity)
        return dump_failed(dump, "no file of a data directory: neither a segment of the log (wal-...), a snapshot (snap-...), identity nor manifest");
    if (size > (log ? (uint64_t)LOG_SEGMENT_BYTES_MOST : (uint64_t)DUMP_SMALL_BYTES))
        return dump_failed(dump, "the file is larger than any of its kind");
    struct buffer content = read_whole(dump, size);
    int failed = log ? dump_log(dump, buffer_bytes(&content)) : manifest ? dump_manifest(dump, buffer_bytes(&content))
        : dump_identity(dump, buffer_bytes(&content));
    buffer_close(&content);
    return failed;
}

int dump_run(const struct dump_options *options, FILE *out, FILE *errors)
{
    struct dump dump = {.options = options, .out = out, .errors = errors, .file = fopen(options->file, "rb")};
    struct stat status;
    if (dump.file == NULL)
        return dump_failed(&dump, strerror(errno));
    int failed = fstat(fileno(dump.file), &status) != 0 ? dump_failed(&dump, strerror(errno))
        : !S_ISREG(status.st_mode) ? dump_failed(&dump, "not a regular file; name one file of a data directory") : dump_file(&dump, (uint64_t)status.st_size);
    fclose(dump.file);
    if (!failed && options->limit != 0 && dump.rows > options->limit && !options->json)
        fprintf(out, "%llu more records are whole.\n", (unsigned long long)(dump.rows - options->limit));
    if (fflush(out) != 0)
        return dump_failed(&dump, "the output cannot be written");
    return failed;
}
