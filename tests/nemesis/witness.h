/* Reads registers of one node, over a connection of its own and without the client library: see registers.h. */
#ifndef TESTS_NEMESIS_WITNESS_H
#define TESTS_NEMESIS_WITNESS_H

#include "tests/nemesis/registers.h"

struct witness;

struct witness_totals { uint64_t asked, answered, paused_asked, paused_answered; };

struct witness_options {
    struct stage *stage;
    struct history *history;
    const char *map;
    const struct register_key *keys;       /* borrowed */
    uint32_t keys_count;
    uint32_t node;                         /* from 1 */
    uint64_t gap_us;                       /* between two reads; they do not wait for each other */
};

struct witness *witness_open(const struct witness_options *options);
void witness_stop(struct witness *witness);
void witness_close(struct witness *witness);
void witness_paused(struct witness *witness, bool paused);
struct witness_totals witness_totals(const struct witness *witness);

#endif
