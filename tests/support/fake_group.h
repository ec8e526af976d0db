/* One group whose log and members are the test (raft/group.h): what is proposed waits until the test commits, drops or refuses it,
 * and a read until the test answers it. Defines the functions that a replica calls; linked instead of those of raft.
 * Ownership: the caller's memory. Single threaded. */
#ifndef TESTS_SUPPORT_FAKE_GROUP_H
#define TESTS_SUPPORT_FAKE_GROUP_H

#include "raft/group.h"

enum { FAKE_PROPOSALS_MAX = 32, FAKE_READS_MAX = 32 };

struct fake_proposal { struct buffer entry; void *token; };

struct group {
    const struct group_machine *machine;
    struct group_status status;
    struct fake_proposal proposals[FAKE_PROPOSALS_MAX];    /* oldest first */
    size_t proposals_count;
    uint64_t proposed;                     /* of all time */
    struct group_read *reads[FAKE_READS_MAX];
    size_t reads_count;
    enum grid_err refuses;                 /* what group_propose returns instead of OK */
    unsigned snapshots_asked;              /* group_ask_snapshot */
    bool handing_over;
};

struct group_set {
    struct group group;
    enum group_room room;
    bool log_full, handing_over;
};

void fake_group_init(struct group_set *set);
void fake_group_close(struct group_set *set);      /* drops what waits */
/* This node becomes READY, or a follower of `leader` (0: no leader is known). */
void fake_group_lead(struct group_set *set, uint64_t term);
void fake_group_follow(struct group_set *set, uint64_t term, uint32_t leader);
/* The oldest proposal is committed. */
void fake_group_commit(struct group_set *set);
void fake_group_commit_all(struct group_set *set);
/* An entry of another node is committed. */
void fake_group_apply(struct group_set *set, struct bytes entry);
void fake_group_drop(struct group_set *set);       /* the oldest proposal is cut off */
void fake_group_read(struct group_set *set, enum grid_err err);    /* answers all reads that wait */

#endif
