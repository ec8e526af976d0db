/* MADV_WIPEONFORK is the system's own. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/uv/uv_internal.h"

/* A page that the system empties in a child: to look at it costs a read of memory, where getpid() costs a system call. */
void uv_home_open(struct uv_home *home)
{
    *home = (struct uv_home){.bytes = (size_t)sysconf(_SC_PAGESIZE), .process = (int64_t)getpid()};
    void *page = mmap(NULL, home->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, home->bytes, MADV_WIPEONFORK) != 0) {
        munmap(page, home->bytes);
        return;
    }
    home->mark = page;
    *home->mark = 1;
}

bool uv_home_left(const struct uv_home *home)
{
    return home->mark ? *home->mark == 0 : home->process != (int64_t)getpid();
}

void uv_home_close(struct uv_home *home)
{
    if (home->mark)
        HOLDS(munmap((void *)(uintptr_t)home->mark, home->bytes) == 0);
    home->mark = NULL;
}
