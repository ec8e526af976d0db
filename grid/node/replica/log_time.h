/* The log time of one replica (R14): its estimate as a follower, its stamps as leader.
 *
 * A replica's note is the pair (log time, own monotonic time). A note comes from the leader of the present term, which sends
 * its log time a few times a second, or from having been leader; applied entries renew it. An entry alone makes no note: entries
 * are replayed at a start and sent again after an absence, so they do not show the present time. A note lasts as long as the process.
 *
 * A new leader with a note continues from it. One without a note asks the other members before it serves. Any note of
 * another member takes precedence over wall clocks. Without a note, after an outage of all replicas, log time is that of the last entry plus the
 * time since that entry's wall time on the clocks of a majority: the smallest difference if exactly a majority
 * answered, the median if all answered, never negative. If no member answers for LOG_TIME_ASK_MS, the leader serves without; log
 * time then continues from the last entry and jumps forward once it is known.
 *
 * The first entry that is committed founds the log time of a group. Until then each leader begins anew from the wall clocks, and what it
 * stamps is no note, neither for itself nor for others: the next leader may begin elsewhere, and a note that is too high stays.
 *
 * Plain value, all zero at first; single threaded. Pure: the caller gives the clocks, `now_us` monotonic. Members are
 * positions of struct member_clocks. */
#ifndef GRID_NODE_REPLICA_LOG_TIME_H
#define GRID_NODE_REPLICA_LOG_TIME_H

#include "grid/node/replica/log_clock.h"
#include "grid/node/replica/member_clocks.h"

enum { LOG_TIME_ASK_MS = 1000 };

/* Where a replica's log time comes from. On the wire; never renumbered. */
enum log_time_grade {
    LOG_TIME_NONE,                     /* only the last entry is known */
    LOG_TIME_ESTIMATED,                /* from wall clocks; members that may have a note have not answered */
    LOG_TIME_NOTED,
};

/* The clocks of a node at one moment. */
struct log_time_now { const struct member_clocks *members; uint64_t now_us, wall_ms; };

struct log_time {
    struct log_clock clock;            /* stopped only while the grade is NONE and the replica does not lead */
    enum log_time_grade grade;
    bool elected, leads;
    bool founded;                      /* an entry with a stamp was applied: from now on every leader continues this log time */
    bool asks;                         /* was not sure when it was elected */
    uint64_t elected_us;
    uint32_t answered;                 /* members that have answered in this term */
    uint64_t entry_ms, entry_wall_ms;  /* stamps of the last entry before it led; 0: the log has no entry */
    uint64_t counted_ms, counted_us;   /* wall time up to which log time counts, and when that was so: runs on from there */
};

/* This replica was elected; it follows again. */
void log_time_elect(struct log_time *time, const struct log_time_now *now);
void log_time_follow(struct log_time *time, const struct log_time_now *now);
/* Whether the elected replica may serve, given the stamps of its last applied entry (0: none). False: not yet, try again. */
bool log_time_lead(struct log_time *time, uint64_t entry_ms, uint64_t entry_wall_ms, const struct log_time_now *now);

/* An entry was applied; the stamp of the last one that has a stamp, or 0. */
void log_time_apply(struct log_time *time, uint64_t entry_ms, uint64_t now_us);
/* The leader of the present term has sent its log time. `timely`: the message is provably recent, so it makes a note. A leader with a lower
 * grade than this replica lowers nothing. */
void log_time_hear(struct log_time *time, uint64_t time_ms, enum log_time_grade grade, bool timely, uint64_t now_us);
/* A member has answered this leader's question. */
void log_time_answer(struct log_time *time, uint32_t position, uint64_t time_ms, enum log_time_grade grade,
                     const struct log_time_now *now);
bool log_time_asking(const struct log_time *time, const struct member_clocks *members);

/* The grade of this replica's log time for others: NONE while it leads a group whose log has no entry. */
enum log_time_grade log_time_grade(const struct log_time *time);

/* Log time now, in ms. Advances the clock. */
uint64_t log_time_read(struct log_time *time, const struct log_time_now *now);
/* The same without a change: for observers. */
uint64_t log_time_peek(const struct log_time *time, const struct log_time_now *now);
/* The wall time that log time slews towards; `near_ms` is log time, or 0 while it is not known. */
uint64_t log_time_wall_ms(const struct log_time_now *now, uint64_t near_ms);
/* The wall time that an entry with the log time `time_ms` carries: that of the clocks, unless this leader is not sure of its log time. Then it is
 * the wall time up to which log time counts, so that the rest of an outage still counts if this leader dies before it is sure. It is not the distance between
 * log time and wall time of the last entry: log time slews by a tenth, and the next leader would count this tenth as passed. */
uint64_t log_time_stamp_wall_ms(const struct log_time *time, uint64_t time_ms, const struct log_time_now *now);

#endif
