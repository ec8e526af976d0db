/* Whether a link is alive. TCP does not report it: a connection over a cut network stays open for minutes, and so does a connection to a
 * machine that lost power.
 *
 * Time is counted in beats of this node, not in milliseconds: between two beats its loop reads everything that has arrived. So a node that
 * was paused does not consider its peers dead: it reads their bytes before the second beat. Every byte counts as a sign of life,
 * so a large frame on a slow link keeps the link alive long before it is complete.
 *
 * All zero is valid: a link that has just come up. Pure: it uses no memory and no clock. */
#ifndef RAFT_PEERS_PEERS_PULSE_H
#define RAFT_PEERS_PEERS_PULSE_H

#include <stdbool.h>

struct pulse {
    bool spoke, heard;                     /* since the last beat */
    unsigned silent_beats;                 /* consecutive beats in which nothing arrived */
};

enum pulse_advice {
    PULSE_NONE,
    PULSE_SPEAK,                           /* send a BEAT, so that the other end sees a sign of life */
    PULSE_DEAD,                            /* nothing arrived for too long */
};

static inline void pulse_spoke(struct pulse *pulse) { pulse->spoke = true; }
static inline void pulse_heard(struct pulse *pulse) { pulse->heard = true; }
/* At every beat; `silent_max` beats without a byte are too many. */
enum pulse_advice pulse_beat(struct pulse *pulse, unsigned silent_max);

#endif
