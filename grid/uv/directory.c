/* The data directory as a whole: making it, and setting aside what is in it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/base/memory.h"
#include "grid/uv/uv_internal.h"

enum { LOST_MAX = 10000, PATH_BYTES = 4096 };

/* A directory is durable once its parent is synced. */
static int sync_parent(const char *directory)
{
    char path[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/..", directory) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int failed = fsync(fd);
    close(fd);
    return failed;
}

enum grid_err uv_directory_make(const char *directory, char **ret_note)
{
    if (mkdir(directory, 0750) != 0) {
        if (errno == EEXIST)
            return GRID_ERR_OK;
        *ret_note = err_note("data directory %s: cannot be created: %s", directory, strerror(errno));
        return GRID_ERR_IO;
    }
    if (sync_parent(directory) == 0)
        return GRID_ERR_OK;
    *ret_note = err_note("data directory %s: the directory above it cannot be synced: %s", directory, strerror(errno));
    return GRID_ERR_IO;
}

/* The identity goes last: until then a start without --rejoin finds that something is missing. */
static int turn_of(const char *name)
{
    if (strncmp(name, "wal-", 4) == 0)
        return 0;
    if (strcmp(name, "manifest") == 0)
        return 1;
    return strcmp(name, "identity") == 0 ? 2 : -1;
}

static int move_turn(DIR *directory, int from_fd, int to_fd, int turn, unsigned *count)
{
    int failed = 0;
    rewinddir(directory);
    for (struct dirent *entry; failed == 0 && (entry = readdir(directory)) != NULL;) {
        if (turn_of(entry->d_name) != turn)
            continue;
        failed = renameat(from_fd, entry->d_name, to_fd, entry->d_name);
        ++*count;
    }
    return failed != 0 || fsync(to_fd) != 0 || fsync(from_fd) != 0 ? -1 : 0;
}

static bool holds_state(DIR *directory)
{
    bool found = false;
    rewinddir(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        found = found || turn_of(entry->d_name) >= 0;
    return found;
}

static int move_all(DIR *directory, int fd, char *name, size_t name_bytes, unsigned *count)
{
    int number = 1, failed;
    do
        snprintf(name, name_bytes, "lost-%d", number);
    while ((failed = mkdirat(fd, name, 0750)) != 0 && errno == EEXIST && ++number < LOST_MAX);
    if (failed != 0)
        return -1;
    int to_fd = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to_fd < 0)
        return -1;
    for (int turn = 0; failed == 0 && turn <= 2; turn++)
        failed = move_turn(directory, fd, to_fd, turn, count);
    close(to_fd);
    return failed;
}

enum grid_err uv_directory_set_aside(const char *path, char **ret_where, char **ret_note)
{
    char name[32];
    unsigned count = 0;
    DIR *directory = opendir(path);
    *ret_where = NULL;
    bool failed = directory == NULL;
    if (!failed && holds_state(directory)) {
        failed = move_all(directory, dirfd(directory), name, sizeof name, &count) != 0;
        if (!failed)
            *ret_where = err_note("%u files were moved to %s/%s", count, path, name);
    }
    if (failed)
        *ret_note = err_note("data directory %s: its files cannot be set aside: %s", path, strerror(errno));
    if (directory != NULL)
        closedir(directory);
    return failed ? GRID_ERR_IO : GRID_ERR_OK;
}
