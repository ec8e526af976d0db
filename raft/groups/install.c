#include "raft/groups/install.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/groups/groups_internal.h"

bool group_peer_lacks(const struct group *group, struct node_id node, uint64_t *ret_term, struct wal_snapshot *ret_head)
{
    if (!guard_peer_lacks(&group->guard, node))
        return false;
    *ret_term = guard_term(&group->guard);
    *ret_head = group->guard.io.loaded.snapshot;
    return true;
}

bool group_installs(const struct group *group)
{
    return group->install.step != INSTALL_IDLE;
}

bool group_install_needless(struct group *group, struct node_id from, uint64_t leader_term, uint64_t index, uint64_t last_term)
{
    struct guard_install install = {from, leader_term, index, last_term};
    return group->install.step == INSTALL_IDLE && guard_install_needless(&group->guard, &install);
}

static enum grid_err end_load(struct group *group, bool take, char **ret_note)
{
    struct group_set *set = group->set;
    bool inside = set->inside;
    uint64_t since_us = clock_now_us(set->io->clock);
    set->inside = true;
    enum grid_err err = group->machine.load_end(group->machine.context, group->install.load, take, ret_note);
    set->inside = inside;
    snapshots_paused(set, since_us);
    group->install.load = NULL;
    return err;
}

static void leave(struct group *group)
{
    struct install_group *install = &group->install;
    memory_free((void *)(uintptr_t)install->head.configuration.data);
    *install = (struct install_group){.run = install->run};
    HOLDS(group->set->installs != 0);
    group->set->installs--;
}

static void give_up(struct group *group)
{
    char *note = NULL;
    if (group->install.load != NULL)
        (void)end_load(group, false, &note);
    memory_free(note);
    snapshots_stray(group, group->install.head.index);
    leave(group);
}

static void refuse(struct group *group, enum grid_err err, const char *what)
{
    struct group_set *set = group->set;
    char text[sizeof set->failed_what];
    snprintf(text, sizeof text, "partition %u: the snapshot up to entry %" PRIu64 " from node %u cannot be loaded: %s", group->number,
             group->install.head.index, group->install.what.from.value, what);
    /* One of a newer version will not fit later either; anything else is asked for again. */
    if (err == GRID_ERR_NOT_SUPPORTED)
        group_set_fail(set, err, text);
    else
        LOG_ERROR(set->logger, "raft", "%s", text);
    give_up(group);
}

static void step(struct group *group);

/* From the loop, in between other work. */
static void run_load(void *context)
{
    struct group *group = context;
    struct group_set *set = group->set;
    struct install_group *install = &group->install;
    char *note = NULL;
    if (set->failed || set->closing || group->snapshot.step != SNAPSHOT_IDLE)
        return;
    uint64_t since_us = clock_now_us(set->io->clock);
    install->load = group->machine.load_begin(group->machine.context);
    enum grid_err err = snapshots_read(group, &install->head, install->load, &install->file_bytes, &note);
    snapshots_paused(set, since_us);
    if (err != GRID_ERR_OK) {
        char *why = NULL;
        (void)end_load(group, false, &why);
        refuse(group, err, why != NULL ? why : note != NULL ? note : grid_err_text(err));
        memory_free(why);
    }
    memory_free(note);
    if (err != GRID_ERR_OK)
        return;
    if (!guard_install_wanted(&group->guard, &install->what)) {
        give_up(group);
        return;
    }
    guard_install_freeze(&group->guard);
    install->step = INSTALL_WAITING;
    step(group);
}

/* The state is the new one from here on; a crash before the note is durable loses it, and the node starts from the old log. */
static void note_install(struct group *group)
{
    struct install_group *install = &group->install;
    char *note = NULL;
    REQUIRE(group->snapshot.step == SNAPSHOT_IDLE);
    enum grid_err err = end_load(group, true, &note);
    if (err != GRID_ERR_OK) {
        guard_install_thaw(&group->guard);
        refuse(group, err, note != NULL ? note : grid_err_text(err));
        memory_free(note);
        return;
    }
    install->before = guard_snapshot_index(&group->guard);
    install->lsn = guard_install_note(&group->guard, &install->head);
    install->step = INSTALL_NOTING;
}

static void step(struct group *group)
{
    if (group->install.step != INSTALL_WAITING)
        return;
    switch (guard_install_step(&group->guard, &group->install.what)) {
    case GUARD_INSTALL_WAITS:
        return;
    case GUARD_INSTALL_OVERTAKEN:
        give_up(group);
        return;
    case GUARD_INSTALL_READY:
        note_install(group);
        return;
    }
}

static void finish(struct group *group)
{
    struct group_set *set = group->set;
    struct install_group *install = &group->install;
    guard_install_end(&group->guard, &install->what);
    LOG_INFO(set->logger, "raft", "partition %u: took the snapshot up to entry %" PRIu64 " from node %u", group->number, install->head.index,
             install->what.from.value);
    snapshots_installed(group, install->before, install->file_bytes);
    leave(group);
}

void group_install(struct group *group, struct node_id from, uint64_t term, const struct wal_snapshot *head)
{
    struct group_set *set = group->set;
    struct install_group *install = &group->install;
    REQUIRE(!set->inside && head->index != 0 && head->term != 0);
    struct guard_install what = {from, term, head->index, head->term};
    bool busy = group_installs(group), same = busy && install->head.index == head->index;
    if (set->failed || set->closing || same)
        return;
    if (busy || group->machine.load_begin == NULL || !guard_install_wanted(&group->guard, &what)) {
        snapshots_stray(group, head->index);
        return;
    }
    set->installs++;
    *install = (struct install_group){.step = INSTALL_LOADING, .what = what, .head = *head, .run = {.run = run_load, .context = group}};
    install->head.configuration = bytes_of(memory_copy(head->configuration.data, head->configuration.size), head->configuration.size);
    clock_defer(set->io->clock, &install->run);
}

void installs_durable(struct group_set *set, uint64_t lsn)
{
    for (uint32_t i = 0; i < set->groups_count && set->installs != 0; i++) {
        struct group *group = &set->groups[i];
        if (group->install.step == INSTALL_NOTING && group->install.lsn <= lsn)
            finish(group);
        else
            step(group);
    }
}

void installs_close(struct group_set *set)
{
    for (uint32_t i = 0; i < set->groups_count; i++) {
        struct group *group = &set->groups[i];
        char *note = NULL;
        if (group->install.load != NULL)
            (void)end_load(group, false, &note);
        memory_free(note);
        if (group_installs(group)) {
            clock_undefer(set->io->clock, &group->install.run);
            leave(group);
        }
    }
}
