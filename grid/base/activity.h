/* The result of an effect outside the grid (D8): the numbers are in ActivityResult in the log and mean the same to services,
 * partitions and sinks. */
#ifndef GRID_BASE_ACTIVITY_H
#define GRID_BASE_ACTIVITY_H

enum activity_outcome {
    ACTIVITY_DONE = 1,
    ACTIVITY_REFUSED = 2,              /* a definite "no" of the destination */
    ACTIVITY_POSTPONED = 3,            /* no result yet: the destination is not called for a while, the activity continues */
};

#endif
