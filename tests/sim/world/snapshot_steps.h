/* Steps of snapshots, as the disks of the nodes see them: every operation on the file of a snapshot, the writes of the log that note
 * it, and the removal of a segment. A death or an error of the disk can be placed at each of them (F18), by kind at random or by number.
 *
 * The file's name tells what it is (docs/formats/snapshot.md): .part is being written here, .recv comes from another node. A write of the log
 * counts as a note if it is the first one after a rename, or one of the first two after an install has read its file. */
#ifndef TESTS_SIM_WORLD_SNAPSHOT_STEPS_H
#define TESTS_SIM_WORLD_SNAPSHOT_STEPS_H

#include "tests/sim/world/world.h"

#define SNAPSHOT_STEP_LIST(X)                                                                                                       \
    X(SAVE_CREATE, "save-create") X(SAVE_WRITE, "save-write") X(SAVE_RENAME, "save-rename") X(SAVE_NOTE, "save-note")               \
    X(SAVE_DROP, "save-drop") X(OLD_REMOVE, "old-remove") X(SEGMENT_REMOVE, "segment-remove") X(SEND_OPEN, "send-open")             \
    X(SEND_READ, "send-read") X(RECEIVE_OPEN, "receive-open") X(RECEIVE_CREATE, "receive-create") X(RECEIVE_READ, "receive-read")   \
    X(RECEIVE_WRITE, "receive-write") X(RECEIVE_RENAME, "receive-rename") X(RECEIVE_DROP, "receive-drop")                           \
    X(INSTALL_LOAD, "install-load") X(INSTALL_NOTE, "install-note")

enum snapshot_step {
#define X(name, text) STEP_##name,
    SNAPSHOT_STEP_LIST(X)
#undef X
    SNAPSHOT_STEPS
};

const char *snapshot_step_name(enum snapshot_step step);

/* What happens to the node, or to its disk, at a step. */
enum step_fate {
    STEP_KILLED,                           /* the process dies while the operation is under way, or soon after it */
    STEP_POWER_CUT,                        /* likewise, the machine */
    STEP_FAILS,                            /* the operation fails: EIO */
    STEP_FULL,                             /* there is no room for it; nothing at steps that need none */
    STEP_FATES
};

struct snapshot_moment { struct host *host; enum snapshot_step step; uint32_t group; uint64_t index; };

/* Called when an operation begins, within an iteration of its host: look, and change nothing. One at a time. */
void snapshot_steps_watch(struct world *world, void (*seen)(void *context, const struct snapshot_moment *moment), void *context);
/* The fate comes at the number-th step of this kind from now on, counted from 1 over all nodes, whatever faults the seed has; not after faults_heal. */
struct step_place { enum snapshot_step step; uint64_t number; enum step_fate fate; };     /* SNAPSHOT_STEPS: of any kind */
void snapshot_steps_place(struct world *world, const struct step_place *place);
bool snapshot_steps_came(const struct world *world);       /* it did */
uint64_t snapshot_steps_count(const struct world *world, enum snapshot_step step);

#endif
