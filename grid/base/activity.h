/* How an effect outside the grid ended (D8): the numbers stand in ActivityResult of the log and mean the same to services,
 * partitions and those who run the effects. */
#ifndef GRID_BASE_ACTIVITY_H
#define GRID_BASE_ACTIVITY_H

enum activity_outcome {
    ACTIVITY_DONE = 1,
    ACTIVITY_REFUSED = 2,              /* a definite "no" of the destination */
    ACTIVITY_POSTPONED = 3,            /* no end: the destination is not asked for a while, the activity goes on */
};

#endif
