/* Random choices of a load: a whole number of a range, or one of many items by Zipf's law.
 *
 * With exponent s the item of rank k (from 1) has the share 1 / k^s of all draws, divided by the sum over the items: 0 is
 * uniform, 1 the usual skew of shops. A draw is a search in the table of sums. Pure; randomness is an argument. */
#ifndef TOOLS_GRIDCTL_TERMINAL_DRAW_H
#define TOOLS_GRIDCTL_TERMINAL_DRAW_H

#include <stdbool.h>
#include <stdint.h>

struct draw_range { uint64_t low, high; };             /* both inclusive */

/* "3", or "1-3"; false: it is neither, is not within 1 to `most`, or its end is below its beginning. */
bool draw_range_parse(const char *text, uint64_t most, struct draw_range *ret_range);
/* "0", "0.99", "1.2": at most 10. */
bool draw_exponent_parse(const char *text, double *ret_exponent);

struct draw_zipf;
struct draw_zipf *draw_zipf_open(uint64_t items, double exponent);
void draw_zipf_close(struct draw_zipf *zipf);
/* The item, from 0 (the most frequent one), for a random number. */
uint64_t draw_zipf_pick(const struct draw_zipf *zipf, uint64_t random);

#endif
