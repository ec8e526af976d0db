#include "grid/node/report/elections.h"

#include <inttypes.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

void elections_init(struct elections *elections, uint32_t partitions, struct node_id self)
{
    REQUIRE(partitions > 0 && self.value >= 1 && self.value <= NODES_MAX);
    *elections = (struct elections){.rows = memory_zero(partitions, sizeof *elections->rows), .partitions = partitions,
                                    .leaderless = partitions, .self = self.value};
}

void elections_close(struct elections *elections)
{
    memory_free(elections->rows);
    *elections = (struct elections){0};
}

void elections_leader(struct elections *elections, uint32_t partition, struct node_id leader, uint64_t now_ms)
{
    REQUIRE(partition < elections->partitions && leader.value <= NODES_MAX);
    struct election *row = &elections->rows[partition];
    if (row->now == leader.value)
        return;
    if (leader.value == 0) {
        row->since_ms = now_ms;
        row->before = row->now;
        elections->leaderless++;
    } else if (row->now == 0) {
        uint64_t without_ms = row->before != 0 ? now_ms - row->since_ms : 0;
        elections->longest_ms = without_ms > elections->longest_ms ? without_ms : elections->longest_ms;
        elections->leaderless--;
    }
    row->now = leader.value;
    if (elections->changed == 0)
        elections->first_ms = now_ms;
    elections->changed += !row->changed;
    row->changed = true;
    elections->last_ms = now_ms;
}

void elections_handed(struct elections *elections, uint32_t partition)
{
    REQUIRE(partition < elections->partitions);
    elections->rows[partition].handed = true;
}

bool elections_due(const struct elections *elections, uint64_t now_ms)
{
    if (elections->changed == 0)
        return false;
    bool settled = elections->leaderless == 0 && now_ms - elections->last_ms >= ELECTIONS_QUIET_MS;
    return settled || now_ms - elections->first_ms >= ELECTIONS_PATIENCE_MS;
}

/* ---- what changed, counted by node */

struct counts {
    uint32_t led;                                      /* by this node, now */
    uint32_t won, won_first, won_again, won_from[NODES_MAX + 1];
    uint32_t lost, handed, lost_to[NODES_MAX + 1];     /* 0: to nobody yet */
    uint32_t others, others_to[NODES_MAX + 1];
};

static void count_row(const struct elections *elections, const struct election *row, struct counts *counts)
{
    uint32_t self = elections->self;
    uint32_t from = row->said != 0 ? row->said : row->before;
    counts->led += row->now == self;
    if (!row->changed)
        return;
    if (row->now == self) {
        counts->won++;
        counts->won_first += from == 0;
        counts->won_again += from == self;
        counts->won_from[from]++;
    } else if (row->said == self) {
        counts->lost++;
        counts->handed += row->handed && row->now != 0;
        counts->lost_to[row->now]++;
    } else {
        counts->others++;
        counts->others_to[row->now]++;
    }
}

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

static void append_without(const struct elections *elections, struct buffer *text)
{
    if (elections->longest_ms != 0)
        buffer_append_format(text, "; without a leader for up to %" PRIu64 ".%03" PRIu64 " s", elections->longest_ms / 1000,
                             elections->longest_ms % 1000);
}

static void tell_won(const struct elections *elections, const struct counts *counts, const struct elections_teller *teller,
                     struct buffer *text)
{
    const char *divider = "";
    buffer_append_format(text, "won %" PRIu32 " election%s: ", counts->won, plural(counts->won));
    for (uint32_t node = 1; node <= NODES_MAX; node++) {
        if (counts->won_from[node] == 0 || node == elections->self)
            continue;
        buffer_append_format(text, "%s%" PRIu32 " of node %" PRIu32 "'s partitions (%s)", divider, counts->won_from[node], node,
                             teller->linked(teller->context, node) ? "it handed them over or did not answer in time" : "it is lost");
        divider = ", ";
    }
    if (counts->won_again > 0)
        buffer_append_format(text, "%s%" PRIu32 " that this node led before", divider, counts->won_again);
    if (counts->won_first > 0)
        buffer_append_format(text, "%s%" PRIu32 " that had no leader", counts->won_again > 0 ? ", " : divider, counts->won_first);
    append_without(elections, text);
    buffer_append_format(text, "; this node leads %" PRIu32 " of %" PRIu32 " partitions", counts->led, elections->partitions);
}

static void append_nodes(const uint32_t *counts, struct buffer *text)
{
    const char *divider = "";
    for (uint32_t node = 1; node <= NODES_MAX; node++) {
        if (counts[node] == 0)
            continue;
        buffer_append_format(text, "%snode %" PRIu32 " leads %" PRIu32, divider, node, counts[node]);
        divider = ", ";
    }
    if (counts[0] > 0)
        buffer_append_format(text, "%s%" PRIu32 " have no leader: a majority of the nodes must run and reach each other", divider, counts[0]);
}

static void tell_lost(const struct elections *elections, const struct counts *counts, struct buffer *text)
{
    buffer_append_format(text, "lost %" PRIu32 " partition%s", counts->lost, plural(counts->lost));
    if (counts->handed > 0)
        buffer_append_format(text, " (%" PRIu32 " handed over)", counts->handed);
    buffer_append_text(text, ": ");
    append_nodes(counts->lost_to, text);
    buffer_append_format(text, "; this node leads %" PRIu32 " of %" PRIu32 " partitions", counts->led, elections->partitions);
}

static void tell_others(const struct elections *elections, const struct counts *counts, struct buffer *text)
{
    buffer_append_format(text, "leaders of %" PRIu32 " other partition%s: ", counts->others, plural(counts->others));
    append_nodes(counts->others_to, text);
    append_without(elections, text);
}

static void end_line(const struct elections_teller *teller, struct buffer *text)
{
    if (text->size == 0)
        return;
    buffer_append_u8(text, 0);
    teller->line(teller->context, (const char *)text->data);
    buffer_clear(text);
}

static void begin_anew(struct elections *elections)
{
    for (uint32_t i = 0; i < elections->partitions; i++) {
        struct election *row = &elections->rows[i];
        row->handed = row->handed && !row->changed;
        row->changed = false;
        row->said = row->now;
    }
    elections->changed = 0;
    elections->longest_ms = 0;
}

void elections_tell(struct elections *elections, const struct elections_teller *teller)
{
    struct counts counts = {0};
    struct buffer text = {0};
    for (uint32_t i = 0; i < elections->partitions; i++)
        count_row(elections, &elections->rows[i], &counts);
    if (counts.won > 0)
        tell_won(elections, &counts, teller, &text);
    end_line(teller, &text);
    if (counts.lost > 0)
        tell_lost(elections, &counts, &text);
    end_line(teller, &text);
    if (counts.others > 0)
        tell_others(elections, &counts, &text);
    end_line(teller, &text);
    buffer_close(&text);
    begin_anew(elections);
}
