/* SCHED_BATCH is the system's own. */
#define _GNU_SOURCE
#include "grid/node/process/scheduling.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Those that write the log too: with the loop's thread alone nothing is won. Where the system refuses, nothing changes. */
static void treat_all_threads(bool batch)
{
    const struct sched_param none = {0};
    int policy = batch ? SCHED_BATCH : SCHED_OTHER;
    DIR *threads = opendir("/proc/self/task");
    if (!threads) {
        (void)sched_setscheduler(0, policy, &none);
        return;
    }
    for (struct dirent *thread; (thread = readdir(threads));)
        if (thread->d_name[0] != '.')
            (void)sched_setscheduler((pid_t)strtol(thread->d_name, NULL, 10), policy, &none);
    closedir(threads);
}

enum scheduling_mode scheduling_parse(const char *text)
{
    return strcmp(text, "batch") == 0 ? SCHEDULING_BATCH : strcmp(text, "normal") == 0 ? SCHEDULING_NORMAL : SCHEDULING_ADAPTIVE;
}

void scheduling_begin(struct scheduling *scheduling, enum scheduling_mode mode, uint64_t now_ms)
{
    *scheduling = (struct scheduling){.mode = mode, .batch = mode == SCHEDULING_BATCH, .looked_ms = now_ms};
    if (scheduling->batch)
        treat_all_threads(true);
}

bool scheduling_look(struct scheduling *scheduling, uint64_t work, uint64_t now_ms)
{
    uint64_t elapsed_ms = now_ms - scheduling->looked_ms, done = work - scheduling->work;
    if (scheduling->mode != SCHEDULING_ADAPTIVE || elapsed_ms == 0)
        return false;
    scheduling->work = work;
    scheduling->looked_ms = now_ms;
    bool batch = done * 1000 >= elapsed_ms * (scheduling->batch ? SCHEDULING_LITTLE : SCHEDULING_MUCH);
    if (batch == scheduling->batch)
        return false;
    scheduling->batch = batch;
    treat_all_threads(batch);
    return true;
}
