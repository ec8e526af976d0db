/* A snapshot of the leader takes the place of this node's log of a group (S11').
 *
 * The leader's side: group_peer_lacks says which member needs which snapshot. The transfer calls group_install at the member
 * once the file is complete, verified and durable under its name (catch_up.c).
 *
 * At the member: the machine loads the file beside its present state, and the instance works on. Then the instance is frozen until its writes
 * are done; the machine takes the new state; one record replaces the log; once it is durable, a new instance starts from it and answers the
 * leader. A crash leaves the old log or the new one. If entries that were under way bring the same meanwhile, or the leader has
 * changed, the snapshot is dropped.
 *
 * For the files of raft/. Single threaded. */
#ifndef RAFT_GROUPS_INSTALL_H
#define RAFT_GROUPS_INSTALL_H

#include "raft/guard/guard_snapshot.h"

struct group;
struct group_set;

/* LOADING begins once no own snapshot of the group is under way. */
enum install_step { INSTALL_IDLE, INSTALL_LOADING, INSTALL_WAITING, INSTALL_NOTING };

/* Part of a group. */
struct install_group {
    enum install_step step;
    struct guard_install what;
    struct wal_snapshot head;     /* owns its configuration */
    void *load;                   /* the machine's */
    uint64_t lsn;                 /* of the note */
    uint64_t file_bytes;
    uint64_t before;              /* index of the snapshot that this one replaces; 0: none */
    struct deferred run;
};

/* On a leader: whether the member needs the group's snapshot. *ret_head borrows; the file is durable, and may be replaced by a newer one at any time. */
bool group_peer_lacks(const struct group *group, struct node_id node, uint64_t *ret_term, struct wal_snapshot *ret_head);
/* Whether a snapshot is being installed: another one would be refused. */
bool group_installs(const struct group *group);
/* The leader offers a snapshot. True: this member has all of it, and has told the leader so. */
bool group_install_needless(struct group *group, struct node_id from, uint64_t leader_term, uint64_t index, uint64_t last_term);
/* The file of the snapshot that `from` sent as leader of `term` is complete, verified and durable. Copies the head. A file that is not
 * wanted is removed. */
void group_install(struct group *group, struct node_id from, uint64_t term, const struct wal_snapshot *head);

/* The log is durable up to `lsn`, and writes before have completed. */
void installs_durable(struct group_set *set, uint64_t lsn);
void installs_close(struct group_set *set);

#endif
