/* The data directory as a whole: it is there for good, and what is in it can be set aside. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/base/memory.h"
#include "grid/uv/uv_internal.h"

/* Linked in place of fsync: which directories were synced. */
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static ino_t synced[64];
static size_t synced_count;

int __wrap_fsync(int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && synced_count < 64)
        synced[synced_count++] = status.st_ino;
    return __real_fsync(fd);
}

static void fresh_folder(char path[64])
{
    snprintf(path, 64, "/tmp/gridiron-directory-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
}

static void file_in(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fclose(file);
}

static bool is_there(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void remove_folder(const char *folder)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

Test(directory, a_new_one_is_durable_in_the_directory_above_it)
{
    char folder[64], path[128], *note = NULL;
    struct stat above;
    fresh_folder(folder);
    snprintf(path, sizeof path, "%s/data", folder);
    synced_count = 0;
    cr_assert_eq(uv_directory_make(path, &note), GRID_ERR_OK);
    cr_assert_eq(stat(folder, &above), 0);
    bool found = false;
    for (size_t i = 0; i < synced_count; i++)
        found = found || synced[i] == above.st_ino;
    cr_assert(found, "nothing makes the name of the data directory durable");
    synced_count = 0;
    cr_assert_eq(uv_directory_make(path, &note), GRID_ERR_OK);
    cr_assert_eq(synced_count, 0u, "it was there");
    remove_folder(folder);
}

Test(directory, sets_aside_log_manifest_and_identity_and_nothing_else)
{
    char folder[64], *where = NULL, *note = NULL;
    fresh_folder(folder);
    cr_assert_eq(uv_directory_set_aside(folder, &where, &note), GRID_ERR_OK);
    cr_assert_null(where, "there was nothing");
    for (int round = 1; round <= 2; round++) {
        char lost[32];
        snprintf(lost, sizeof lost, "lost-%d/identity", round);
        file_in(folder, "wal-0000000000000000");
        file_in(folder, "manifest");
        file_in(folder, "identity");
        file_in(folder, "notes");
        cr_assert_eq(uv_directory_set_aside(folder, &where, &note), GRID_ERR_OK, "%s", note);
        cr_assert_not_null(where);
        cr_assert_not_null(strstr(where, "3 files were moved to"));
        memory_free(where);
        cr_assert(is_there(folder, lost) && is_there(folder, "notes"));
        cr_assert(!is_there(folder, "identity") && !is_there(folder, "manifest") && !is_there(folder, "wal-0000000000000000"));
    }
    remove_folder(folder);
}

Test(directory, says_which_one_cannot_be_made)
{
    char *note = NULL;
    cr_assert_eq(uv_directory_make("/nowhere/at/all", &note), GRID_ERR_IO);
    cr_assert_not_null(strstr(note, "/nowhere/at/all"));
    memory_free(note);
}
