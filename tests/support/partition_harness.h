/* Several partitions in one process and a virtual clock, for tests of the services and the event pipeline.
 *
 * What the nodes do is done here without nodes: messages are carried from outbox to inbox, acknowledgements back,
 * activities are run against a provider, ticks are proposed. From one seed it delays, loses, repeats and reorders them
 * all, answers late, repeats clients' commands, and sets messages apart to replay them later. A second replica can
 * apply the same entries; its state must be equal.
 *
 * Failures of a test's expectations are the test's; a broken invariant of the machinery fails here. */
#ifndef TESTS_SUPPORT_PARTITION_HARNESS_H
#define TESTS_SUPPORT_PARTITION_HARNESS_H

#include "grid/partition/partition.h"
#include "services/registry.h"
#include "tests/support/business_check.h"

enum { HARNESS_PARTITIONS_MAX = 16, HARNESS_NEVER_MS = 1000000000 };

struct harness_options {
    uint64_t seed;
    uint32_t partitions;                   /* 0: 4 */
    const struct service_registry *services;   /* NULL: the built-in ones */
    bool second_replica;                   /* compare digests at the end */
    /* Faults; parts per million. All zero: everything arrives once, in order, within a few milliseconds. */
    uint32_t lost_ppm, repeated_ppm, command_repeated_ppm, provider_silent_ppm, provider_repeated_ppm, parked_ppm;
    uint32_t delay_ms_max;                 /* of messages; 0: 5 */
    uint32_t provider_ms_max;              /* of the provider; 0: 20 */
};

struct harness;

/* Called after each entry, once both replicas have applied it. NULL: nobody. */
void harness_watch(struct harness *harness, void (*applied)(void *context, uint32_t partition), void *context);

struct harness *harness_open(const struct harness_options *options);
void harness_close(struct harness *harness);

uint64_t harness_now_ms(const struct harness *harness);
/* Runs until virtual time has advanced by `ms`. */
void harness_run(struct harness *harness, uint64_t ms);
/* From now on nothing is lost, repeated or late; what was set apart is replayed. */
void harness_heal(struct harness *harness);
/* Runs until nothing is under way. False: something still was after `ms_max`. */
bool harness_settle(struct harness *harness, uint64_t ms_max);
/* The provider answers nothing from now on (the effect may still happen), or answers again. */
void harness_provider_down(struct harness *harness, bool down);
/* No message of this service and type is carried until it is let go; 0: all are carried again. */
void harness_hold(struct harness *harness, uint32_t service, uint32_t type);

/* Applies a client's command at once in the partition of its key. The response lives until harness_close. */
struct response harness_command(struct harness *harness, uint32_t service, uint32_t type, const char *key,
                                const char *affinity, const void *body);
/* View, part or other entry, unpacked; NULL when it does not exist. Lives until harness_close. */
void *harness_read(struct harness *harness, const char *map, const char *key, const char *affinity,
                   const struct ProtobufCMessageDescriptor *descriptor);
/* An event of an aggregate's history; false: the history has no such sequence. */
bool harness_event(struct harness *harness, const char *domain, const char *key, const char *affinity,
                   uint64_t sequence, struct event_record *ret_event);
struct partition *harness_partition(struct harness *harness, uint32_t number);
struct partition *harness_replica(struct harness *harness, uint32_t number);
uint32_t harness_partition_of(const struct harness *harness, const char *affinity);
/* Proposes any command in a partition at once. */
struct response harness_propose(struct harness *harness, uint32_t partition, const struct command *command);
void harness_check(struct harness *harness, bool at_rest, struct business_report *ret_report);

struct harness_counts { uint64_t delivered, duplicates, gaps, provider_calls, parked, replayed, commands; };
struct harness_counts harness_counts(const struct harness *harness);

#endif
