#include <criterion/criterion.h>

#include "raft/peers/peers_pulse.h"

enum { SILENT_MAX = 5 };

Test(pulse, speaks_when_nothing_was_said)
{
    struct pulse pulse = {0};
    pulse_heard(&pulse);
    cr_assert_eq(pulse_beat(&pulse, SILENT_MAX), PULSE_SPEAK);
    pulse_heard(&pulse);
    pulse_spoke(&pulse);
    cr_assert_eq(pulse_beat(&pulse, SILENT_MAX), PULSE_NONE);
    pulse_heard(&pulse);
    cr_assert_eq(pulse_beat(&pulse, SILENT_MAX), PULSE_SPEAK, "what was said counts for one beat");
}

Test(pulse, is_dead_after_a_number_of_silent_beats_in_a_row)
{
    struct pulse pulse = {0};
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 1; i < SILENT_MAX; i++)
            cr_assert_eq(pulse_beat(&pulse, SILENT_MAX), PULSE_SPEAK);
        pulse_heard(&pulse);
        cr_assert_eq(pulse_beat(&pulse, SILENT_MAX), PULSE_SPEAK, "one byte is enough");
    }
    for (unsigned i = 1; i < SILENT_MAX; i++)
        cr_assert_neq(pulse_beat(&pulse, SILENT_MAX), PULSE_DEAD);
    cr_assert_eq(pulse_beat(&pulse, SILENT_MAX), PULSE_DEAD);
}

Test(pulse, speaking_is_no_hearing)
{
    struct pulse pulse = {0};
    unsigned beats = 0;
    do {
        pulse_spoke(&pulse);
        beats++;
    } while (pulse_beat(&pulse, SILENT_MAX) != PULSE_DEAD);
    cr_assert_eq(beats, (unsigned)SILENT_MAX);
}
