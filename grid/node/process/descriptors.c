#include "grid/node/process/descriptors.h"

#include <dirent.h>
#include <sys/resource.h>

#include "grid/base/check.h"

uint64_t descriptors_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_cur : 0;
}

bool descriptors_file_size(uint64_t *ret_bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return false;
    *ret_bytes = (uint64_t)limit.rlim_cur;
    return true;
}

uint64_t descriptors_claim(uint32_t *clients_max)
{
    REQUIRE(*clients_max > 0);
    struct rlimit limit;
    uint64_t wanted = (uint64_t)*clients_max + DESCRIPTORS_RESERVED;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : (rlim_t)wanted;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* what counts is what is in force afterwards */
    }
    uint64_t have = descriptors_limit();
    if (have < DESCRIPTORS_RESERVED + DESCRIPTORS_CLIENTS_LEAST)
        return 0;
    if (have < wanted)
        *clients_max = (uint32_t)(have - DESCRIPTORS_RESERVED);
    return have;
}

uint64_t descriptors_open(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;
    if (!directory)
        return 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* the one that looked */
}
