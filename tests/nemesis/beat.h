/* A light load of writes to one partition, to measure for how long it accepts none: a write every few milliseconds, even if earlier
 * ones are not answered yet; each answer is a line "wrote <called us> <returned us>". */
#ifndef TESTS_NEMESIS_BEAT_H
#define TESTS_NEMESIS_BEAT_H

#include "tests/nemesis/stage.h"

struct beat;

struct beat *beat_open(struct stage *stage, struct client *client, uint32_t partition, uint64_t gap_us);
void beat_close(struct beat *beat);

#endif
