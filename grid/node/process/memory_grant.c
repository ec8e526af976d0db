#include "grid/node/process/memory_grant.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096 + 64, LINE_BYTES = 4096, KIB = 1024 };

static FILE *open_file(const char *root, const char *name)
{
    char path[PATH_BYTES];
    int size = snprintf(path, sizeof path, "%s%s", root, name);
    return size > 0 && size < (int)sizeof path ? fopen(path, "re") : NULL;
}

/* A whole number at the front of the text; false for "max" and everything else. */
static bool read_number(const char *text, uint64_t *ret_number)
{
    while (*text == ' ' || *text == '\t')
        text++;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    if (!isdigit((unsigned char)*text) || errno != 0)
        return false;
    *ret_number = number;
    return true;
}

static void look_at_machine(const char *root, struct memory_grant *grant)
{
    static const char head[] = "MemTotal:";
    char line[LINE_BYTES];
    FILE *file = open_file(root, "/proc/meminfo");
    uint64_t kib;
    while (file != NULL && grant->bytes == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, head, sizeof head - 1) == 0 && read_number(line + sizeof head - 1, &kib) && kib < UINT64_MAX / KIB) {
            grant->bytes = kib * KIB;
            snprintf(grant->place, sizeof grant->place, "this machine");
        }
    if (file != NULL)
        fclose(file);
}

/* The last place that grants less wins; equal ones change nothing. */
static void look_at_bound(const char *root, const char *cgroup, const char *bound, struct memory_grant *grant)
{
    char name[PATH_BYTES], line[64];
    uint64_t bytes;
    int size = snprintf(name, sizeof name, "/sys/fs/cgroup%s/%s", cgroup, bound);
    FILE *file = size > 0 && size < (int)sizeof name ? open_file(root, name) : NULL;
    if (file == NULL)
        return;
    bool known = fgets(line, sizeof line, file) != NULL && read_number(line, &bytes);
    fclose(file);
    if (!known || (grant->bytes != 0 && bytes >= grant->bytes))
        return;
    grant->bytes = bytes;
    snprintf(grant->place, sizeof grant->place, "the cgroup %.100s (%s)", cgroup[0] != 0 ? cgroup : "/", bound);
}

/* The path of the cgroup of version 2, without a slash at its end; empty: it is the top one, or the process has no cgroup. */
static void own_cgroup(const char *root, char path[LINE_BYTES])
{
    char line[LINE_BYTES];
    FILE *file = open_file(root, "/proc/self/cgroup");
    path[0] = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "0::/", 4) == 0) {
            line[strcspn(line, "\n")] = 0;
            memcpy(path, line + 3, strlen(line + 3) + 1);
        }
    if (file != NULL)
        fclose(file);
    for (size_t size = strlen(path); size > 0 && path[size - 1] == '/'; size--)
        path[size - 1] = 0;
}

void memory_grant_look(const char *root, struct memory_grant *ret_grant)
{
    char cgroup[LINE_BYTES];
    *ret_grant = (struct memory_grant){0};
    look_at_machine(root, ret_grant);
    own_cgroup(root, cgroup);
    for (char *end = cgroup; end != NULL;) {
        look_at_bound(root, cgroup, "memory.max", ret_grant);
        look_at_bound(root, cgroup, "memory.high", ret_grant);
        end = strrchr(cgroup, '/');
        if (end != NULL)
            *end = 0;
    }
}

uint64_t memory_grant_share(const struct memory_grant *grant)
{
    return grant->bytes / 100 * MEMORY_GRANT_PERCENT + grant->bytes % 100 * MEMORY_GRANT_PERCENT / 100;
}
