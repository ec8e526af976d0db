#include "raft/peers/peers_pulse.h"

#include "grid/base/check.h"

enum pulse_advice pulse_beat(struct pulse *pulse, unsigned silent_max)
{
    REQUIRE(silent_max > 0);
    bool spoke = pulse->spoke;
    pulse->silent_beats = pulse->heard ? 0 : pulse->silent_beats + 1;
    pulse->spoke = pulse->heard = false;
    if (pulse->silent_beats >= silent_max)
        return PULSE_DEAD;
    return spoke ? PULSE_NONE : PULSE_SPEAK;
}
