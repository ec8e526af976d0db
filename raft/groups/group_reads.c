/* Linearizable reads without the log (D9).
 *
 * A leader that has committed in its own term T notes its commit index and asks the other voters whether their term is
 * still T. Once a majority, itself included, said so after it was asked, no newer leader can have committed anything
 * before the read began: it would have needed a voter of that majority at a higher term. No clock is involved. One frame
 * per peer carries the questions of all groups of a loop iteration. Answers of an earlier life of this node cannot be
 * mistaken: it never leads twice in one term. */
#include <string.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/groups/groups_internal.h"
#include "raft/guard/raft_message.h"

/* ---- ends: always from the deferred run, never under the library */

static void finish_batch(struct group_set *set, struct read_batch *batch, enum grid_err err)
{
    batch->err = err;
    batch->next = NULL;
    if (set->finished_last == NULL)
        set->finished_first = batch;
    else
        set->finished_last->next = batch;
    set->finished_last = batch;
    clock_defer(set->io->clock, &set->reads_deferred);
}

static struct read_batch *pop_batch(struct group *group)
{
    struct read_batch *batch = group->batches_first;
    group->batches_first = batch->next;
    if (group->batches_first == NULL)
        group->batches_last = NULL;
    return batch;
}

static struct read_batch *new_batch(struct group *group, uint64_t index)
{
    struct group_set *set = group->set;
    struct read_batch *batch = memory_zero(1, sizeof *batch);
    batch->reads = group->reads_new.first;
    batch->sequence = ++group->read_sequence;
    batch->index = index;
    batch->started_ms = clock_now_ms(set->io->clock);
    group->reads_new = (struct read_queue){0};
    return batch;
}

void group_reads_fail(struct group *group, enum grid_err err)
{
    while (group->batches_first != NULL)
        finish_batch(group->set, pop_batch(group), err);
    if (group->reads_new.first != NULL)
        finish_batch(group->set, new_batch(group, 0), err);
}

static void run_finished(struct group_set *set)
{
    while (set->finished_first != NULL) {
        struct read_batch *batch = set->finished_first;
        set->finished_first = batch->next;
        if (set->finished_first == NULL)
            set->finished_last = NULL;
        struct group_read *read = batch->reads;
        while (read != NULL) {
            /* The reader may reuse it at once. */
            struct group_read *next = read->next;
            read->next = NULL;
            read->done(read->context, batch->err, batch->err == GRID_ERR_OK ? batch->index : 0);
            read = next;
        }
        memory_free(batch);
    }
}

/* ---- counting */

static bool confirmed(const struct group *group, uint64_t sequence)
{
    const struct group_set *set = group->set;
    size_t count = 0;
    for (size_t i = 0; i < set->members_count; i++)
        count += node_id_equal(set->members[i], set->self) ||
                 (group->confirmed_term == guard_term(&group->guard) && group->confirmed[i] >= sequence);
    return count > set->members_count / 2;
}

static void finish_confirmed(struct group *group)
{
    while (group->batches_first != NULL && confirmed(group, group->batches_first->sequence) &&
           guard_applied_index(&group->guard) >= group->batches_first->index)
        finish_batch(group->set, pop_batch(group), GRID_ERR_OK);
}

/* ---- asking */

static void ask_peers(struct group_set *set)
{
    if (set->rows.size == 0)
        return;
    for (size_t i = 0; i < set->members_count; i++) {
        struct buffer *out =
            node_id_equal(set->members[i], set->self) ? NULL : peers_output(set->peers, set->members[i]);
        if (out == NULL)
            continue;
        size_t mark = frame_begin(out, FRAME_CONFIRM, FRAME_PARTITION_NONE, 0);
        buffer_append(out, buffer_bytes(&set->rows));
        frame_end(out, mark);
    }
    buffer_clear(&set->rows);
}

static void add_row(struct group *group)
{
    confirm_row_append(&group->set->rows,
                       (struct confirm_row){group->number, guard_term(&group->guard), group->read_sequence});
}

static void begin_batch(struct group *group)
{
    if (group->reads_new.first == NULL)
        return;
    if (group->set->failed || !guard_ready(&group->guard)) {
        finish_batch(group->set, new_batch(group, 0), group->set->failed ? GRID_ERR_UNAVAILABLE : GRID_ERR_NOT_LEADER);
        return;
    }
    struct read_batch *batch = new_batch(group, guard_commit_index(&group->guard));
    if (group->batches_last == NULL)
        group->batches_first = batch;
    else
        group->batches_last->next = batch;
    group->batches_last = batch;
    finish_confirmed(group);
    if (group->batches_first != NULL)
        add_row(group);
}

static void run_reads(void *context)
{
    struct group_set *set = context;
    while (set->asking_first != NULL) {
        struct group *group = set->asking_first;
        set->asking_first = group->next_asking;
        group->asking = false;
        begin_batch(group);
    }
    ask_peers(set);
    run_finished(set);
}

void group_read(struct group *group, struct group_read *read)
{
    struct group_set *set = group->set;
    REQUIRE(read->done != NULL && !set->inside && !set->closing);
    read->next = NULL;
    if (group->reads_new.last == NULL)
        group->reads_new.first = read;
    else
        group->reads_new.last->next = read;
    group->reads_new.last = read;
    if (group->asking)
        return;
    group->asking = true;
    group->next_asking = set->asking_first;
    set->asking_first = group;
    clock_defer(set->io->clock, &set->reads_deferred);
}

void group_reads_tick(struct group_set *set)
{
    uint64_t now_ms = clock_now_ms(set->io->clock);
    for (uint32_t i = 0; i < set->groups_count; i++) {
        struct group *group = &set->groups[i];
        finish_confirmed(group);
        while (group->batches_first != NULL && now_ms - group->batches_first->started_ms >= set->election_timeout_ms)
            finish_batch(set, pop_batch(group), GRID_ERR_UNAVAILABLE);
        if (group->batches_first != NULL)
            add_row(group);
    }
    ask_peers(set);
}

/* ---- frames */

static void answer_row(struct group_set *set, struct node_id from, struct confirm_row row)
{
    const struct guard *guard = &set->groups[row.group].guard;
    /* A node that has forgotten its terms cannot confirm a term. */
    if (guard->apart || guard_term(guard) != row.term)
        return;
    if (group_io_may_leave(&guard->io)) {
        confirm_row_append(&set->rows, row);
        return;
    }
    /* The latest row for this member suffices: a sequence answers for all smaller ones of its term. */
    struct buffer *out = group_set_hold(set, row.group, from, HELD_CONFIRM, guard->io.meta_lsn);
    size_t mark = frame_begin(out, FRAME_CONFIRM_ANSWER, FRAME_PARTITION_NONE, 0);
    confirm_row_append(out, row);
    frame_end(out, mark);
}

static bool on_confirm(void *context, struct node_id from, const struct frame *frame)
{
    struct group_set *set = context;
    if (frame->body.size == 0 || frame->body.size % CONFIRM_ROW_BYTES != 0)
        return false;
    if (!set->running || set->failed)
        return true;
    HOLDS(set->rows.size == 0);
    struct reader reader = reader_of(frame->body);
    struct confirm_row row;
    bool valid = true;
    while (valid && confirm_row_next(&reader, &row)) {
        valid = row.group < set->groups_count;
        if (valid)
            answer_row(set, from, row);
    }
    struct buffer *out = set->rows.size == 0 ? NULL : peers_output(set->peers, from);
    if (out != NULL) {
        size_t mark = frame_begin(out, FRAME_CONFIRM_ANSWER, FRAME_PARTITION_NONE, 0);
        buffer_append(out, buffer_bytes(&set->rows));
        frame_end(out, mark);
    }
    buffer_clear(&set->rows);
    return valid;
}

/* The group is not whole here and asks for itself (rejoin.h): who said that its term is this one. */
static void count_term(struct group *group, size_t member, struct confirm_row row)
{
    if (row.term != guard_term(&group->guard))
        return;
    if (group->rejoin.confirmed_term != row.term) {
        group->rejoin.confirmed_term = row.term;
        group->rejoin.confirmed = 0;
    }
    group->rejoin.confirmed |= UINT32_C(1) << member;
}

static void count_answer(struct group *group, size_t position, struct confirm_row row)
{
    if (group->rejoin.step != REJOIN_WHOLE) {
        count_term(group, position, row);
        return;
    }
    if (!guard_ready(&group->guard) || row.term != guard_term(&group->guard) || row.sequence > group->read_sequence)
        return;
    if (group->confirmed_term != row.term) {
        group->confirmed_term = row.term;
        memset(group->confirmed, 0, sizeof group->confirmed);
    }
    if (group->confirmed[position] < row.sequence)
        group->confirmed[position] = row.sequence;
    finish_confirmed(group);
}

static bool on_confirm_answer(void *context, struct node_id from, const struct frame *frame)
{
    struct group_set *set = context;
    if (frame->body.size == 0 || frame->body.size % CONFIRM_ROW_BYTES != 0)
        return false;
    if (!set->running || set->failed)
        return true;
    size_t position = group_set_position(set, from);
    HOLDS(position < set->members_count);
    struct reader reader = reader_of(frame->body);
    struct confirm_row row;
    while (confirm_row_next(&reader, &row)) {
        if (row.group >= set->groups_count)
            return false;
        count_answer(&set->groups[row.group], position, row);
    }
    return true;
}

void group_reads_register(struct group_set *set)
{
    set->reads_deferred = (struct deferred){.run = run_reads, .context = set};
    peers_on_frame(set->peers, FRAME_CONFIRM, on_confirm, set);
    peers_on_frame(set->peers, FRAME_CONFIRM_ANSWER, on_confirm_answer, set);
}

void group_reads_close(struct group_set *set)
{
    for (uint32_t i = 0; i < set->groups_count; i++)
        group_reads_fail(&set->groups[i], GRID_ERR_CLOSED);
    clock_undefer(set->io->clock, &set->reads_deferred);
    set->asking_first = NULL;
    run_finished(set);
    buffer_close(&set->rows);
}
