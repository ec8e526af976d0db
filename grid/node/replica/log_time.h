/* The log time of one replica (R14): what it knows while it follows, what it stamps while it leads.
 *
 * A replica's note is the pair (log time, own monotonic time). A note comes from the leader of the present term, who tells
 * its log time a few times a second, or from having led; applied entries renew it. An entry alone makes no note: entries
 * are replayed at a start and sent again after an absence, and say nothing about now. A note lasts as long as the process.
 *
 * A new leader with a note continues from it. One without a note asks the other members before it serves. Any note that
 * it is told beats wall clocks. Without one, after an outage of all replicas, log time is that of the last entry plus what
 * has passed since that entry's wall time on the clocks of a majority: the smallest difference when exactly a majority
 * answered, the median when all did, never negative. A leader that nobody answers for LOG_TIME_ASK_MS serves without; log
 * time then runs on from the last entry and jumps forward once it is known.
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
    LOG_TIME_NONE,                     /* nothing is known but the last entry */
    LOG_TIME_ESTIMATED,                /* from wall clocks; members have not answered that might know better */
    LOG_TIME_NOTED,
};

/* The clocks of a node at one moment. */
struct log_time_now { const struct member_clocks *members; uint64_t now_us, wall_ms; };

struct log_time {
    struct log_clock clock;            /* runs unless the grade is NONE and the replica does not lead */
    enum log_time_grade grade;
    bool elected, leads;
    bool asks;                         /* was not sure when it was elected */
    uint64_t elected_us;
    uint32_t answered;                 /* members that told what they know in this term */
    uint64_t entry_ms, entry_wall_ms;  /* stamps of the last entry before it led; 0: there is none */
};

/* This replica was elected; it follows again. */
void log_time_elect(struct log_time *time, const struct log_time_now *now);
void log_time_follow(struct log_time *time, const struct log_time_now *now);
/* May the elected replica serve, with the stamps of its last applied entry (0: none)? False: not yet, ask again. */
bool log_time_lead(struct log_time *time, uint64_t entry_ms, uint64_t entry_wall_ms, const struct log_time_now *now);

/* An entry with this stamp was applied. */
void log_time_apply(struct log_time *time, uint64_t entry_ms, uint64_t now_us);
/* The leader of the present term tells its log time. `timely`: it surely left a moment ago, so that it makes a note. A leader that is less
 * sure than this replica lowers nothing here. */
void log_time_hear(struct log_time *time, uint64_t time_ms, enum log_time_grade grade, bool timely, uint64_t now_us);
/* A member answers what this leader asked. */
void log_time_answer(struct log_time *time, uint32_t position, uint64_t time_ms, enum log_time_grade grade,
                     const struct log_time_now *now);
bool log_time_asking(const struct log_time *time, const struct member_clocks *members);

/* Log time now, in ms. Advances the clock. */
uint64_t log_time_read(struct log_time *time, const struct log_time_now *now);
/* The same, and changes nothing: for observers. */
uint64_t log_time_peek(const struct log_time *time, const struct log_time_now *now);
/* The wall time that log time slews towards; `near_ms` is log time, or 0 while it is not known. */
uint64_t log_time_wall_ms(const struct log_time_now *now, uint64_t near_ms);
/* The wall time that an entry with the log time `time_ms` carries: the same, unless this leader is not sure of its log time.
 * Then its stamps keep the distance of the last entry's, so that an outage still counts if this leader dies unsure. */
uint64_t log_time_stamp_wall_ms(const struct log_time *time, uint64_t time_ms, const struct log_time_now *now);

#endif
