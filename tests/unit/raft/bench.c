#include "tests/unit/raft/bench.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"
#include "raft/group.h"

static uint64_t host_now_ms(void *context)
{
    return ((struct bench *)context)->now_ms;
}

/* The longest patience, so that only the test decides when a timer runs out. */
static int host_random(void *context, uint32_t group, int low, int high)
{
    (void)context;
    (void)group;
    (void)low;
    return high;
}

static enum group_io_link host_link(void *context, struct node_id node)
{
    if (node.value != 1 && node.value != 3)
        return GROUP_IO_UNKNOWN;
    return ((struct bench *)context)->down[node.value] ? GROUP_IO_DOWN : GROUP_IO_UP;
}

static void host_send(void *context, uint32_t group, const struct raft_message *message, uint64_t hold_lsn)
{
    (void)group;
    struct bench *bench = context;
    REQUIRE(bench->sent_count < BENCH_SENT_MAX);
    bench->sent[bench->sent_count++] = (struct bench_sent){*message, hold_lsn > wal_durable(bench->wal)};
}

static void on_apply(void *context, uint64_t index, uint64_t term, struct bytes command)
{
    (void)term;
    (void)command;
    struct bench *bench = context;
    REQUIRE(bench->applied_count < BENCH_APPLIED_MAX);
    bench->applied[bench->applied_count++] = index;
}

static void on_changed(void *context)
{
    ((struct bench *)context)->changes++;
}

static void on_broken(void *context, const char *what)
{
    REQUIRE(what[0] != 0);
    ((struct bench *)context)->broken++;
}

static void on_durable(void *context, uint64_t lsn)
{
    group_io_durable(&((struct bench *)context)->host, lsn);
}

static void on_failed(void *context, enum grid_err err, const char *what)
{
    (void)context;
    (void)err;
    (void)what;
    UNREACHABLE("the fake disk fails only when asked to");
}

static void start(struct bench *bench, size_t members_count, uint64_t disabled)
{
    struct wal_options wal = {.storage = fake_disk_storage(bench->disk), .groups = 1, .durable = on_durable,
                              .failed = on_failed, .context = bench};
    char *note;
    REQUIRE(wal_open(&wal, &bench->wal, &note) == GRID_ERR_OK);
    bench->host = (struct group_io_host){.wal = bench->wal, .context = bench, .now_ms = host_now_ms,
                                         .random = host_random, .link = host_link, .send = host_send};
    struct guard_options options = {
        .self = {BENCH_SELF}, .disabled = disabled, .election_timeout_ms = 1000, .heartbeat_ms = 100,
        .events = {.context = bench, .apply = on_apply, .changed = on_changed, .broken = on_broken}};
    struct wal_group_state state;
    wal_take(bench->wal, 0, &state);
    guard_init(&bench->guard, &options, &bench->host, 0, &state);
    static const struct node_id THREE[] = {{1}, {2}, {3}}, LONE[] = {{2}};
    if (group_io_fresh(&bench->guard.io))
        guard_bootstrap(&bench->guard, members_count == 1 ? LONE : THREE, members_count);
    bench->last_before_start = guard_last_index(&bench->guard);
    guard_start(&bench->guard);
}

struct bench *bench_open(size_t members_count, uint64_t disabled)
{
    REQUIRE(members_count == 1 || members_count == 3);
    struct bench *bench = memory_zero(1, sizeof *bench);
    bench->disk = fake_disk_open(true);
    bench->now_ms = 1000;
    start(bench, members_count, disabled);
    bench_sync_all(bench);
    return bench;
}

void bench_close(struct bench *bench)
{
    guard_close(&bench->guard);
    group_io_host_close(&bench->host);
    wal_close(bench->wal);
    fake_disk_close(bench->disk);
    memory_free(bench);
}

void bench_restart(struct bench *bench)
{
    uint64_t disabled = bench->guard.options.disabled;
    guard_close(&bench->guard);
    group_io_host_close(&bench->host);
    wal_close(bench->wal);
    fake_disk_crash(bench->disk);
    start(bench, 3, disabled);
}

void bench_sync(struct bench *bench, size_t records)
{
    fake_disk_sync(bench->disk, records);
}

void bench_sync_all(struct bench *bench)
{
    fake_disk_sync_all(bench->disk);
}

void bench_tick(struct bench *bench, uint64_t ms)
{
    bench->now_ms += ms;
    guard_tick(&bench->guard);
}

/* ---- messages */

static struct raft_message message_of(unsigned type, uint32_t from)
{
    return (struct raft_message){.type = (unsigned short)type, .server_id = from};
}

void bench_append(struct bench *bench, const struct bench_append *from)
{
    struct raft_message message = message_of(RAFT_IO_APPEND_ENTRIES, from->from);
    struct raft_append_entries *append = &message.append_entries;
    append->term = from->term;
    append->prev_log_index = from->prev;
    append->prev_log_term = from->prev_term;
    append->leader_commit = from->commit;
    append->n_entries = from->count;
    if (from->count != 0) {
        append->entries = raft_calloc(from->count, sizeof *append->entries);
        uint8_t *batch = raft_calloc(from->count, 8);
        for (unsigned i = 0; i < from->count; i++)
            append->entries[i] = (struct raft_entry){.term = from->terms[i], .type = RAFT_COMMAND, .batch = batch,
                                                     .buf = {.base = batch + 8 * i, .len = 8}};
    }
    guard_receive(&bench->guard, &message);
}

void bench_rejected(struct bench *bench, uint32_t from, uint64_t term, uint64_t rejected, uint64_t last_index)
{
    struct raft_message message = message_of(RAFT_IO_APPEND_ENTRIES_RESULT, from);
    message.append_entries_result =
        (struct raft_append_entries_result){.term = term, .rejected = rejected, .last_log_index = last_index};
    guard_receive(&bench->guard, &message);
}

void bench_stored(struct bench *bench, uint32_t from, uint64_t term, uint64_t last_index)
{
    bench_rejected(bench, from, term, 0, last_index);
}

void bench_ask_vote(struct bench *bench, uint32_t from, const struct raft_request_vote *vote)
{
    struct raft_message message = message_of(RAFT_IO_REQUEST_VOTE, from);
    message.request_vote = *vote;
    message.request_vote.candidate_id = from;
    guard_receive(&bench->guard, &message);
}

void bench_grant(struct bench *bench, uint32_t from, uint64_t term, bool pre_vote)
{
    struct raft_message message = message_of(RAFT_IO_REQUEST_VOTE_RESULT, from);
    message.request_vote_result = (struct raft_request_vote_result){
        .term = term, .vote_granted = true, .pre_vote = pre_vote ? raft_tribool_true : raft_tribool_false};
    guard_receive(&bench->guard, &message);
}

void bench_timeout_now(struct bench *bench, uint32_t from, uint64_t term, uint64_t last_index, uint64_t last_term)
{
    struct raft_message message = message_of(RAFT_IO_TIMEOUT_NOW, from);
    message.timeout_now = (struct raft_timeout_now){term, last_index, last_term};
    guard_receive(&bench->guard, &message);
}

uint64_t bench_elect(struct bench *bench)
{
    uint64_t term = guard_term(&bench->guard) + 1;
    bench_tick(bench, 2500);
    bench_grant(bench, 3, term, true);
    bench_grant(bench, 3, term, false);
    REQUIRE(guard_role(&bench->guard) == GUARD_LEADER && guard_term(&bench->guard) == term);
    return term;
}

static void proposal_done(struct raft_apply *request, int status, void *result)
{
    (void)status;
    (void)result;
    memory_free(request);
}

void bench_propose(struct bench *bench, size_t count)
{
    for (size_t i = 0; i < count; i++)
        guard_propose(&bench->guard, memory_zero(1, sizeof(struct raft_apply)), bytes_of_text("command."),
                      proposal_done);
}

const struct raft_message *bench_last(const struct bench *bench, unsigned type, uint32_t to)
{
    for (size_t i = bench->sent_count; i-- != 0;)
        if (bench->sent[i].message.type == type && bench->sent[i].message.server_id == to)
            return &bench->sent[i].message;
    return NULL;
}

size_t bench_count(const struct bench *bench, unsigned type, uint32_t to)
{
    size_t count = 0;
    for (size_t i = 0; i < bench->sent_count; i++)
        count += bench->sent[i].message.type == type && bench->sent[i].message.server_id == to;
    return count;
}

void bench_forget(struct bench *bench)
{
    bench->sent_count = 0;
}

/* ---- scenarios */

/* Exit codes that no sanitizer uses. */
enum outcome { OUTCOME_SOUND = 40, OUTCOME_BUG, OUTCOME_CRASH };

/* In a process of its own. */
static enum outcome run_apart(bool (*scenario)(uint64_t disabled), uint64_t disabled)
{
    fflush(NULL);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        /* What it prints is the bug that it is meant to show; a sanitizer's report of it is no finding. */
        int nowhere = open("/dev/null", O_WRONLY);
        REQUIRE(nowhere >= 0 && dup2(nowhere, STDERR_FILENO) >= 0);
        _exit(scenario(disabled) ? OUTCOME_BUG : OUTCOME_SOUND);
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && (WEXITSTATUS(status) == OUTCOME_SOUND || WEXITSTATUS(status) == OUTCOME_BUG))
        return (enum outcome)WEXITSTATUS(status);
    return OUTCOME_CRASH;
}

static uint64_t bits_of(const char *names)
{
    char copy[64], *rest = NULL;
    uint64_t bits = 0;
    snprintf(copy, sizeof copy, "%s", names);
    for (char *name = strtok_r(copy, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        uint64_t bit;
        cr_assert(group_shim_parse(name, &bit), "no shim %s", name);
        bits |= bit;
    }
    return bits;
}

static void protects(const char *names, bool (*scenario)(uint64_t disabled), enum outcome expected)
{
    cr_assert_not(scenario(0), "the bug shows although the shims are on");
    enum outcome outcome = run_apart(scenario, bits_of(names));
    cr_assert_eq(outcome, expected, "without %s the outcome is %d: the test proves nothing", names, (int)outcome);
}

void bench_protects(const char *names, bool (*scenario)(uint64_t disabled))
{
    protects(names, scenario, OUTCOME_BUG);
}

void bench_protects_from_crash(const char *names, bool (*scenario)(uint64_t disabled))
{
    protects(names, scenario, OUTCOME_CRASH);
}
