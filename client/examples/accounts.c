/* Moves 10 from one account to another, both or neither, and adds up what the journal of the map says about them.
 *
 *     build/bin/example-accounts 127.0.0.1:7400 */
#include <grid_client.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { AMOUNT = 10, OPENING_BALANCE = 100 };

/* One affinity: keys that change together live together. */
static struct grid_key account(const char *name)
{
    return (struct grid_key){.key = grid_text(name), .affinity = grid_text("bank")};
}

static long number_of(struct grid_bytes value)
{
    char text[24];
    snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
    return strtol(text, NULL, 10);
}

/* A journal, and two accounts, unless they are there. */
static enum grid_outcome prepare(struct grid_blocking *client)
{
    static const struct grid_map_settings settings = {.journal = true, .journal_old_values = true};
    static const char *const names[] = {"anna", "ben"};
    enum grid_outcome outcome = grid_blocking_configure(client, "accounts", &settings, 0, NULL);
    if (outcome == GRID_OUTCOME_VERSION_CONFLICT)
        outcome = GRID_OUTCOME_OK; /* the map has other settings already: keep them */
    for (size_t i = 0; i < 2 && outcome == GRID_OUTCOME_OK; i++) {
        char balance[24];
        snprintf(balance, sizeof balance, "%d", OPENING_BALANCE);
        struct grid_operation operation = {.kind = GRID_PUT_IF_ABSENT, .key = account(names[i]), .value = grid_text(balance)};
        outcome = grid_blocking_operate(client, "accounts", &operation, NULL, NULL);
        if (outcome == GRID_OUTCOME_ALREADY_EXISTS)
            outcome = GRID_OUTCOME_OK;
    }
    return outcome;
}

/* VERSION_CONFLICT: another client was faster, and nothing was moved. */
static enum grid_outcome move(struct grid_blocking *client)
{
    struct grid_key keys[] = {account("anna"), account("ben")};
    struct grid_result *present;
    char balances[2][24];
    struct grid_operation operations[2];
    enum grid_outcome outcome = grid_blocking_get_all(client, "accounts", keys, 2, &present);
    const struct grid_reply *reply = grid_result_reply(present);
    if (outcome == GRID_OUTCOME_OK && reply->entries_count != 2)
        outcome = GRID_OUTCOME_NOT_FOUND;
    for (size_t i = 0; i < 2 && outcome == GRID_OUTCOME_OK; i++) {
        long balance = number_of(reply->entries[i].value) + (i == 0 ? -AMOUNT : AMOUNT);
        snprintf(balances[i], sizeof balances[i], "%ld", balance);
        operations[i] = (struct grid_operation){.kind = GRID_COMPARE_AND_SET, .key = keys[i], .value = grid_text(balances[i]),
                                                .expected_version = reply->entries[i].version};
    }
    grid_result_close(present);
    if (outcome == GRID_OUTCOME_OK)
        outcome = grid_blocking_batch(client, "accounts", operations, 2, NULL, NULL);
    if (outcome == GRID_OUTCOME_OK)
        printf("anna has %s, ben has %s\n", balances[0], balances[1]);
    return outcome;
}

static enum grid_outcome add_up(struct grid_blocking *client)
{
    struct grid_journal_options options = {.map = "accounts", .from = GRID_FROM_OLDEST, .partition = GRID_PARTITION_ALL};
    struct grid_journal *journal = grid_blocking_journal_open(client, &options);
    uint64_t records = 0;
    long sum = 0;
    enum grid_outcome outcome;
    bool more = true;
    while (more) {
        struct grid_result *page;
        outcome = grid_blocking_journal_next(client, journal, 0, &page);
        const struct grid_reply *reply = grid_result_reply(page);
        more = outcome == GRID_OUTCOME_OK && (reply->records_count > 0 || reply->dropped_to != 0);
        for (size_t i = 0; i < reply->records_count; i++)
            sum += number_of(reply->records[i].value) - number_of(reply->records[i].old_value);
        records += reply->records_count;
        grid_result_close(page);
    }
    grid_journal_close(journal);
    if (outcome == GRID_OUTCOME_OK)
        printf("%" PRIu64 " records add up to %ld\n", records, sum);
    return outcome;
}

int main(int count, char **arguments)
{
    struct grid_options options = {.name = "accounts", .endpoints_count = 1};
    struct grid_blocking *client;
    if (count != 2) {
        fprintf(stderr, "usage: %s HOST:PORT\n", arguments[0]);
        return 2;
    }
    const char *endpoint = arguments[1];
    options.endpoints = &endpoint;
    char note[256];
    enum grid_outcome outcome = grid_blocking_reach(&options, &client, note, sizeof note);
    if (outcome != GRID_OUTCOME_OK) {
        fprintf(stderr, "%s: %s\n", grid_outcome_name(outcome), note);
        return 3;
    }
    outcome = prepare(client);
    if (outcome == GRID_OUTCOME_OK)
        do
            outcome = move(client);
        while (outcome == GRID_OUTCOME_VERSION_CONFLICT);
    if (outcome == GRID_OUTCOME_OK)
        outcome = add_up(client);
    if (outcome != GRID_OUTCOME_OK)
        fprintf(stderr, "%s: %s\n", grid_outcome_name(outcome), grid_outcome_text(outcome));
    grid_blocking_close(client);
    return outcome == GRID_OUTCOME_OK ? 0 : outcome == GRID_OUTCOME_UNKNOWN ? 4 : 1;
}
