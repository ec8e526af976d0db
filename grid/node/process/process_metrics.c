#include "grid/node/process/process_metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "grid/node/process/descriptors.h"

enum { SECOND_US = 1000 * 1000, TEXT_BYTES = 1024, THREADS_PLACE = 18, START_PLACE = 20 };

static uint64_t cpu_us(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND_US +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* The beginning of a file of /proc; empty when it cannot be read. */
static void read_text(const char *path, char text[TEXT_BYTES])
{
    FILE *file = fopen(path, "re");
    size_t size = file != NULL ? fread(text, 1, TEXT_BYTES - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    text[size] = 0;
}

/* Number `place` (from 0) of numbers and words that a blank divides; NULL and what is no number: 0. */
static uint64_t field(const char *text, unsigned place)
{
    for (unsigned i = 0; text != NULL && i < place; i++) {
        text = strchr(text, ' ');
        text = text != NULL ? text + 1 : NULL;
    }
    if (text == NULL)
        return 0;
    errno = 0;
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    return errno == 0 && end != text ? value : 0;
}

/* A field of /proc/self/stat, counted from the end of the program's name, which may contain anything. */
static uint64_t stat_field(unsigned place)
{
    char text[TEXT_BYTES];
    read_text("/proc/self/stat", text);
    return field(strrchr(text, ')'), place);
}

static uint64_t booted_s(void)
{
    char text[TEXT_BYTES];
    FILE *file = fopen("/proc/stat", "re");
    uint64_t seconds = 0;
    while (file != NULL && seconds == 0 && fgets(text, sizeof text, file) != NULL)
        seconds = strncmp(text, "btime ", 6) == 0 ? field(text, 1) : 0;
    if (file != NULL)
        fclose(file);
    return seconds;
}

static void gauge(struct metric_registry *registry, const char *name, const char *help, uint64_t value, uint32_t decimals)
{
    *metric_gauge_add(registry, name, help, NULL) = (struct metric_gauge){(int64_t)value, decimals};
}

void process_metrics_refresh(struct metric_registry *registry)
{
    char memory[TEXT_BYTES];
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    read_text("/proc/self/statm", memory);
    *metric_counter_add(registry, "process_cpu_seconds_total", "Processor time, of all threads.", NULL) = (struct metric_counter){cpu_us(), 6};
    gauge(registry, "process_resident_memory_bytes", "Memory in use.", field(memory, 1) * page, 0);
    gauge(registry, "process_virtual_memory_bytes", "Address space in use.", field(memory, 0) * page, 0);
    gauge(registry, "process_threads", "Threads.", stat_field(THREADS_PLACE), 0);
    struct metric_gauge *started = metric_gauge_add(registry, "process_start_time_seconds", "When the process started, since 1970.", NULL);
    if (started->value == 0) /* once: the time of the boot moves with the wall clock */
        *started = (struct metric_gauge){(int64_t)(booted_s() * 100 + stat_field(START_PLACE) * 100 / ticks), 2};
    gauge(registry, "process_open_fds", "File descriptors in use.", descriptors_open(), 0);
    gauge(registry, "process_max_fds", "File descriptors that the process may have.", descriptors_limit(), 0);
}
