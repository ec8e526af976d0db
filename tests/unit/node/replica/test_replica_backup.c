/* What the leader of a partition does for a backup (ADR 0026), and after a restore. */
#include <string.h>

#include "grid/wire/level.h"
#include "tests/unit/node/replica/replica_bench.h"

enum { ID = 70 };

static uint64_t requests;

static size_t lines;

static void count_line(struct logger *logger, enum log_level level, const char *component, const char *text)
{
    (void)logger, (void)level, (void)component, (void)text;
    lines++;
}

static void begin(void)
{
    static struct logger logger;
    bench_open_leading();
    logger = (struct logger){.write = count_line};
    bench.shared.logger = &logger;
    lines = 0;
    bench_commit();
    requests = 1000;
}

TestSuite(replica_backup, .init = begin, .fini = bench_close);

/* Asks and lets the group confirm the read; the request's number. */
static uint64_t ask(enum backup_step step, uint64_t backup, uint64_t offset)
{
    struct buffer encoded = {0};
    query_encode(&(struct query){.kind = QUERY_BACKUP, .backup = {step, backup, offset}}, &encoded);
    replica_query(bench.replica, buffer_bytes(&encoded), &(struct waiter){.kind = WAITER_CLIENT, .is_read = true, .request = ++requests});
    buffer_close(&encoded);
    bench_run();
    fake_group_read(&bench.set, GRID_ERR_OK);
    return requests;
}

static struct response done(enum backup_step step)
{
    const struct bench_answer *answer = bench_answered(ask(step, ID, 0));
    cr_assert_not_null(answer);
    cr_assert_eq(answer->response.err, GRID_ERR_OK, "step %d: %d", step, answer->response.err);
    return answer->response;
}

static enum grid_err refused(enum backup_step step, uint64_t backup) { return bench_err(ask(step, backup, 0)); }

static bool has_text(struct bytes bytes, const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at + size <= bytes.size; at++)
        if (memcmp(bytes.data + at, text, size) == 0)
            return true;
    return false;
}

Test(replica_backup, reads_the_state_that_was_frozen)
{
    bench_set(1, "early", "v");
    bench_commit();
    done(BACKUP_RESERVE);
    done(BACKUP_HOLD);
    struct response frozen = done(BACKUP_FREEZE);
    cr_assert_eq(frozen.count, 1u);
    cr_assert_eq(frozen.sequence, bench.set.group.status.applied_index);
    done(BACKUP_RELEASE);
    bench_set(2, "later", "v");
    bench_commit();
    struct response piece = done(BACKUP_READ);
    cr_assert(piece.value.size > 0 && !piece.more);
    cr_assert_not(has_text(piece.value, "later"), "what came later is not part of it");
    cr_assert(has_text(piece.value, "early"), "what was there is");
    struct response again = done(BACKUP_READ);
    cr_assert(bytes_equal(piece.value, again.value), "an answer that was lost can be asked for again");
    cr_assert_eq(bench_err(ask(BACKUP_READ, ID, 5)), GRID_ERR_NOT_FOUND);
    done(BACKUP_END);
    cr_assert_eq(refused(BACKUP_READ, ID), GRID_ERR_NOT_FOUND);
}

/* Destination applied and source trimmed stand still from the answer to HOLD on. */
Test(replica_backup, holds_once_no_message_is_in_flight)
{
    bench_deliver(1, 2, 1);
    bench_run();
    done(BACKUP_RESERVE);
    uint64_t held = ask(BACKUP_HOLD, ID, 0);
    cr_assert_null(bench_answered(held), "a Deliver is in the log and not applied");
    fake_group_commit_all(&bench.set);
    cr_assert_eq(bench_err(held), GRID_ERR_OK);
    bench_deliver(3, 4, 1);
    bench_run();
    cr_assert_eq(bench.set.group.proposals_count, 0u, "messages are held back");
    size_t letters = bench.letters_count;
    done(BACKUP_RELEASE);
    cr_assert_eq(bench.letters_count, letters + 1, "and asked for when they are let go");
    cr_assert(bench.letters[letters].letter.gap);
    bench_deliver(3, 4, 1);
    bench_run();
    cr_assert_eq(bench.set.group.proposals_count, 1u);
}

Test(replica_backup, freezes_only_what_is_held)
{
    cr_assert_eq(refused(BACKUP_FREEZE, ID), GRID_ERR_NOT_FOUND);
    done(BACKUP_RESERVE);
    cr_assert_eq(refused(BACKUP_FREEZE, ID), GRID_ERR_NOT_FOUND);
    cr_assert_eq(refused(BACKUP_RESERVE, ID + 1), GRID_ERR_BUSY, "another one waits");
    cr_assert_eq(refused(BACKUP_HOLD, ID + 1), GRID_ERR_NOT_FOUND);
}

Test(replica_backup, is_given_up_when_its_client_is_gone)
{
    done(BACKUP_RESERVE);
    done(BACKUP_HOLD);
    done(BACKUP_FREEZE);
    bench_tick_after(BACKUP_HOLD_MS + 1000);
    cr_assert_eq(lines, 1u, "it is said");
    cr_assert_eq(refused(BACKUP_READ, ID), GRID_ERR_NOT_FOUND);
    cr_assert_not(partition_frozen(replica_partition(bench.replica)));
    bench_deliver(1, 1, 1);
    bench_run();
    cr_assert_eq(bench_commands(0, COMMAND_DELIVER), 1u, "messages are not held any more");
}

Test(replica_backup, ends_with_the_term)
{
    done(BACKUP_RESERVE);
    bench_deliver(1, 1, 1);
    bench_run();
    uint64_t held = ask(BACKUP_HOLD, ID, 0);
    fake_group_follow(&bench.set, 9, 2);
    cr_assert_eq(bench_err(held), GRID_ERR_NOT_LEADER);
    cr_assert_not(partition_frozen(replica_partition(bench.replica)));
}

/* One save at a time: a snapshot that is under way ends first, and none begins meanwhile. */
Test(replica_backup, and_snapshots_wait_for_each_other)
{
    const struct group_machine *machine = bench.set.group.machine;
    bench.shared.takes_snapshots = true;
    bench.shared.level_most = LEVEL_LAST;
    bench_command(9, (struct command){.kind = COMMAND_RAISE_LEVEL, .raise_level = {.level = LEVEL_LAST}});
    bench_commit();
    void *save = machine->save_begin(machine->context);
    cr_assert_not_null(save);
    cr_assert_eq(refused(BACKUP_RESERVE, ID), GRID_ERR_BUSY);
    machine->save_end(machine->context, save);
    done(BACKUP_RESERVE);
    cr_assert_null(machine->save_begin(machine->context));
    done(BACKUP_END);
    save = machine->save_begin(machine->context);
    cr_assert_not_null(save);
    machine->save_end(machine->context, save);
}
