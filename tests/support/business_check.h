/* The invariants of the business, looked up in the partitions' maps and the provider's ledger (I01, I02, I04-I08, I13, I29).
 *
 * Reads through partition_query only, so it works for partitions of a harness, of the simulator, and of a real cluster. The caller
 * avoids reservations and payments by hand, or accounts for them. */
#ifndef TESTS_SUPPORT_BUSINESS_CHECK_H
#define TESTS_SUPPORT_BUSINESS_CHECK_H

#include "grid/partition/partition.h"

/* A row of the provider's ledger: the first outcome of a key. */
struct business_charge { struct bytes key, order; int64_t amount_minor; bool refund, accepted; };

struct business_facts {
    struct partition *const *partitions;   /* all of the cluster, one replica each */
    size_t partitions_count;
    const struct business_charge *charges;
    size_t charges_count;
    bool at_rest;                          /* faults stopped long ago: every saga ended, nothing is under way */
    uint64_t tick_ms_max;                  /* how late a due tick may come; no saga completes later than that past its
                                              deadline (I07). 0: not checked */
};

struct business_report {
    uint64_t orders, confirmed, cancelled, products, events;
    uint64_t sagas_by_status[8];           /* saga.v1.SagaStatus */
    uint64_t refunds;
    int64_t confirmed_minor;
    char violation[300];                   /* empty: everything holds */
};

void business_check(const struct business_facts *facts, struct business_report *ret_report);

#endif
