/* Whether a link is alive. TCP does not tell: a connection over a cut network stays open for minutes, and so does one to a machine
 * that lost its power.
 *
 * Time is counted in beats of this node, not in milliseconds: between two beats its loop reads what has come. So a node that
 * stood still itself does not take its peers for dead; they were heard before the second beat. What arrives counts by bytes:
 * a large frame on a slow link is a sign of life long before it is whole.
 *
 * All zero is valid: a link that came up now. Pure; no memory, no time. */
#ifndef RAFT_PEERS_PEERS_PULSE_H
#define RAFT_PEERS_PEERS_PULSE_H

#include <stdbool.h>

struct pulse {
    bool spoke, heard;                     /* since the last beat */
    unsigned silent_beats;                 /* at the end of which nothing had been heard, in a row */
};

enum pulse_advice {
    PULSE_NONE,
    PULSE_SPEAK,                           /* say something, so that the other side knows that we are here */
    PULSE_DEAD,                            /* nothing was heard for too long */
};

static inline void pulse_spoke(struct pulse *pulse) { pulse->spoke = true; }
static inline void pulse_heard(struct pulse *pulse) { pulse->heard = true; }
/* At every beat; `silent_max` beats without a byte are too many. */
enum pulse_advice pulse_beat(struct pulse *pulse, unsigned silent_max);

#endif
