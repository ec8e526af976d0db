#include <inttypes.h>
#include <string.h>

#include "grid/base/memory.h"
#include "tests/sim/workloads/counter_internal.h"

struct entry_truth *counter_truth_at(struct group_truth *truth, uint64_t index)
{
    if (index >= truth->entries_count) {
        size_t count = truth->entries_count ? truth->entries_count * 2 : 256;
        while (count <= index) {
            count *= 2;
        }
        truth->entries = memory_resize(truth->entries, count * sizeof *truth->entries);
        memset(truth->entries + truth->entries_count, 0, (count - truth->entries_count) * sizeof *truth->entries);
        truth->entries_count = count;
    }
    return &truth->entries[index];
}

void counter_judge_entry(struct replica *replica, uint64_t index, const struct entry_truth *here)
{
    struct counter *counter = replica->node->counter;
    struct entry_truth *truth = counter_truth_at(&counter->truths[replica->group], index);
    const char *name = host_name(replica->node->host);
    if (!truth->known && index < counter->truths[replica->group].newest) {
        world_fail(counter->world, "group %u: %s applied an entry at index %" PRIu64 " where others have none", replica->group,
                   name, index);
        return;
    }
    if (!truth->known) {
        *truth = *here;
        counter->truths[replica->group].newest = index;
        return;
    }
    if (truth->term != here->term || truth->hash != here->hash) {
        world_fail(counter->world, "group %u: %s applied another entry at index %" PRIu64 " (term %" PRIu64 ", elsewhere %" PRIu64 ")",
                   replica->group, name, index, here->term, truth->term);
    } else if (truth->previous != here->previous) {
        world_fail(counter->world, "group %u: %s applied %" PRIu64 " right after %" PRIu64 ", others after %" PRIu64,
                   replica->group, name, index, here->previous, truth->previous);
    } else if (truth->digest != here->digest) {
        world_fail(counter->world, "group %u: digest of %s differs at index %" PRIu64, replica->group, name, index);
    }
}

/* Raft's own promise: a term has one leader, and a node that was one does not become it again in another life. */
void counter_judge_leader(struct replica *replica, uint64_t term)
{
    struct counter *counter = replica->node->counter;
    struct group_truth *truth = &counter->truths[replica->group];
    struct term_truth here = {term, host_incarnation(replica->node->host), host_number(replica->node->host)};
    for (size_t i = truth->terms_count; i > 0; i--) {
        const struct term_truth *known = &truth->terms[i - 1];
        if (known->term != term) {
            continue;
        }
        if (known->host != here.host || known->incarnation != here.incarnation) {
            world_fail(counter->world, "group %u: two leaders in term %" PRIu64 ": %s and %s", replica->group, term,
                       host_name(world_host(counter->world, known->host)), host_name(replica->node->host));
        }
        return;
    }
    truth->terms = memory_resize(truth->terms, (truth->terms_count + 1) * sizeof *truth->terms);
    truth->terms[truth->terms_count++] = here;
}
