/* Feeds commands to a partition as the node does, and keeps the answers. For the partition's tests. */
#ifndef TESTS_UNIT_PARTITION_FEED_H
#define TESTS_UNIT_PARTITION_FEED_H

#include "grid/partition/partition.h"

enum { FEED_ANSWERS_MAX = 64, FEED_PARTITIONS = 8 };

struct feed {
    struct partition *partition;
    struct buffer entry;               /* being built */
    uint64_t time_ms;                  /* log time of the next entry */
    uint32_t level;                    /* of the next entry */
    struct buffer answers[FEED_ANSWERS_MAX];
    uint32_t answers_count;
    struct arena arena;                /* of decoded answers */
};

void feed_open(struct feed *feed);     /* partition 0, no genesis */
void feed_close(struct feed *feed);
struct command feed_genesis(void);
void feed_begin(struct feed *feed);    /* opens a partition and gives it its genesis */
void feed_add(struct feed *feed, const struct command *command);
void feed_apply(struct feed *feed);    /* what was added, as one entry */
struct response feed_answer(struct feed *feed, uint32_t ordinal);
struct response feed_one(struct feed *feed, const struct command *command);
uint64_t feed_session(struct feed *feed, uint64_t idle_ms);
struct response feed_query(struct feed *feed, const struct query *query);

struct command map_set_command(uint64_t session, uint64_t sequence, const char *key, const char *value);
struct query map_get_query(const char *key);

#endif
