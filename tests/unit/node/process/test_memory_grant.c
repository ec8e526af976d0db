#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid/node/process/memory_grant.h"

/* A root of its own for each test: criterion runs them in processes. */
static char root[64];

static void begin(void)
{
    snprintf(root, sizeof root, "/tmp/gridiron-grant-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
}

static void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

static struct memory_grant look(void)
{
    struct memory_grant grant;
    memory_grant_look(root, &grant);
    return grant;
}

TestSuite(memory_grant, .init = begin, .fini = end);

Test(memory_grant, is_the_machine_s_memory_without_a_cgroup)
{
    put("/proc/meminfo", "MemTotal:       16309452 kB\nMemFree: 1 kB\n");
    struct memory_grant grant = look();
    cr_expect_eq(grant.bytes, UINT64_C(16309452) * 1024);
    cr_expect_str_eq(grant.place, "this machine");
    cr_expect_eq(memory_grant_share(&(struct memory_grant){.bytes = 1000}), 800u);
    cr_expect_eq(memory_grant_share(&(struct memory_grant){.bytes = UINT64_MAX}), UINT64_MAX / 5 * 4);
}

Test(memory_grant, is_the_cgroup_s_where_that_is_less)
{
    put("/proc/meminfo", "MemTotal: 1024 kB\n");
    put("/proc/self/cgroup", "0::/service.slice/gridiron.service\n");
    put("/sys/fs/cgroup/service.slice/gridiron.service/memory.max", "524288\n");
    struct memory_grant grant = look();
    cr_expect_eq(grant.bytes, 524288u);
    cr_expect_str_eq(grant.place, "the cgroup /service.slice/gridiron.service (memory.max)");
    put("/sys/fs/cgroup/service.slice/gridiron.service/memory.max", "2097152\n");
    cr_expect_eq(look().bytes, 1048576u);
}

Test(memory_grant, is_the_least_of_all_cgroups_above)
{
    put("/proc/meminfo", "MemTotal: 1024 kB\n");
    put("/proc/self/cgroup", "4:cpu:/other\n0::/a/b/c\n");
    put("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
    put("/sys/fs/cgroup/a/b/memory.max", "400000\n");
    put("/sys/fs/cgroup/a/memory.max", "300000\n");
    put("/sys/fs/cgroup/a/memory.high", "200000\n");
    put("/sys/fs/cgroup/other/memory.max", "1\n");
    struct memory_grant grant = look();
    cr_expect_eq(grant.bytes, 200000u);
    cr_expect_str_eq(grant.place, "the cgroup /a (memory.high)");
}

/* Within a container the path may be that of outside, and the files of its own cgroup are at the top. */
Test(memory_grant, finds_the_files_at_the_top_when_the_path_is_not_there)
{
    put("/proc/meminfo", "MemTotal: 1024 kB\n");
    put("/proc/self/cgroup", "0::/docker/0123abcd\n");
    put("/sys/fs/cgroup/memory.max", "700000\n");
    struct memory_grant grant = look();
    cr_expect_eq(grant.bytes, 700000u);
    cr_expect_str_eq(grant.place, "the cgroup / (memory.max)");
    put("/proc/self/cgroup", "0::/\n");
    cr_expect_eq(look().bytes, 700000u);
}

Test(memory_grant, takes_a_bound_alone_when_the_machine_says_nothing)
{
    put("/proc/self/cgroup", "0::/a\n");
    put("/sys/fs/cgroup/a/memory.max", "123\n");
    cr_expect_eq(look().bytes, 123u);
}

Test(memory_grant, is_unknown_without_files_and_with_nonsense)
{
    cr_expect_eq(look().bytes, 0u);
    cr_expect_eq(look().place[0], 0);
    put("/proc/meminfo", "MemTotal: much\n");
    put("/proc/self/cgroup", "0:: \nnonsense\n0:\n");
    put("/sys/fs/cgroup/memory.max", "\n");
    put("/sys/fs/cgroup/memory.high", "-5\n");
    cr_expect_eq(look().bytes, 0u);
    put("/sys/fs/cgroup/memory.max", "99999999999999999999999\n");
    cr_expect_eq(look().bytes, 0u);
}
