#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/snapshot/snapshot_file.h"

/* A file that is pinned, or leaves, or both. */
struct known {
    struct snapshot_files *files;
    struct known *next;
    uint32_t group;
    uint64_t index;
    size_t pins;
    bool leaves, removing;
    char name[SNAPSHOT_NAME_BYTES];
    struct storage_work work;
};

struct snapshot_files {
    struct storage *storage;
    void (*failed)(void *context, enum grid_err err);
    void *context;
    struct known *first;
    bool closed;
};

struct snapshot_files *snapshot_files_open(struct storage *storage, void (*failed)(void *context, enum grid_err err), void *context)
{
    REQUIRE(storage != NULL);
    struct snapshot_files *files = memory_zero(1, sizeof *files);
    *files = (struct snapshot_files){.storage = storage, .failed = failed, .context = context};
    return files;
}

static struct known **find(struct snapshot_files *files, uint32_t group, uint64_t index)
{
    struct known **at = &files->first;
    while (*at != NULL && ((*at)->group != group || (*at)->index != index || (*at)->removing))
        at = &(*at)->next;
    return at;
}

static struct known *get_or_add(struct snapshot_files *files, uint32_t group, uint64_t index)
{
    struct known **at = find(files, group, index);
    if (*at == NULL) {
        *at = memory_zero(1, sizeof **at);
        **at = (struct known){.files = files, .group = group, .index = index};
    }
    return *at;
}

static void forget(struct snapshot_files *files, struct known *known)
{
    struct known **at = &files->first;
    while (*at != known)
        at = &(*at)->next;
    *at = known->next;
    memory_free(known);
    if (files->closed && files->first == NULL)
        memory_free(files);
}

static void on_removed(void *context, enum grid_err err)
{
    struct known *known = context;
    struct snapshot_files *files = known->files;
    void (*failed)(void *context, enum grid_err err) = files->closed || err == GRID_ERR_OK || err == GRID_ERR_NOT_FOUND ? NULL : files->failed;
    void *failed_context = files->context;
    forget(files, known);
    if (failed != NULL)
        failed(failed_context, err);
}

static void settle(struct known *known)
{
    struct snapshot_files *files = known->files;
    if (known->pins > 0)
        return;
    if (!known->leaves) {
        forget(files, known);
        return;
    }
    known->removing = true;
    snapshot_name(known->name, known->group, known->index, SNAPSHOT_WHOLE);
    known->work = (struct storage_work){.kind = STORAGE_REMOVE, .name = known->name, .done = on_removed, .context = known};
    files->storage->work(files->storage, &known->work);
}

void snapshot_files_remove(struct snapshot_files *files, uint32_t group, uint64_t index)
{
    REQUIRE(!files->closed);
    struct known *known = get_or_add(files, group, index);
    known->leaves = true;
    settle(known);
}

void snapshot_files_pin(struct snapshot_files *files, uint32_t group, uint64_t index)
{
    REQUIRE(!files->closed);
    get_or_add(files, group, index)->pins++;
}

void snapshot_files_unpin(struct snapshot_files *files, uint32_t group, uint64_t index)
{
    struct known *known = *find(files, group, index);
    REQUIRE(!files->closed && known != NULL && known->pins > 0);
    known->pins--;
    settle(known);
}

size_t snapshot_files_leaving(const struct snapshot_files *files)
{
    size_t count = 0;
    for (const struct known *known = files->first; known != NULL; known = known->next)
        count += known->leaves;
    return count;
}

void snapshot_files_close(struct snapshot_files *files)
{
    REQUIRE(!files->closed);
    for (struct known **at = &files->first; *at != NULL;) {
        struct known *known = *at;
        if (known->removing) {
            at = &known->next;
            continue;
        }
        *at = known->next;
        memory_free(known);
    }
    files->closed = true;
    if (files->first == NULL)
        memory_free(files);
}
