#include "grid/node/process/process_memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grid/base/memory.h"

struct process_memory {
    struct resident resident;          /* must be the first */
    int fd;                            /* stays open: looks are often */
    uint64_t page_bytes;
};

enum { TEXT_BYTES = 128 };

/* "size resident shared …", in pages. */
static uint64_t resident_bytes(struct resident *resident)
{
    const struct process_memory *memory = (const struct process_memory *)resident;
    char text[TEXT_BYTES];
    ssize_t size = pread(memory->fd, text, sizeof text - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = 0;
    const char *second = strchr(text, ' ');
    return second != NULL ? (uint64_t)strtoull(second, NULL, 10) * memory->page_bytes : 0;
}

struct resident *process_memory_open(void)
{
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct process_memory *memory = memory_zero(1, sizeof *memory);
    *memory = (struct process_memory){.resident = {resident_bytes}, .fd = fd, .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
    return &memory->resident;
}

void process_memory_close(struct resident *resident)
{
    if (resident == NULL)
        return;
    close(((struct process_memory *)resident)->fd);
    memory_free(resident);
}
