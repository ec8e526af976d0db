/* Counts how often it was run, with compare-and-set: correct however many run at once and whatever node dies.
 *
 *     build/bin/example-counter 127.0.0.1:7400 visits */
#include <grid_client.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* One more than what stands there. VERSION_CONFLICT: somebody else was faster. */
static enum grid_outcome count_once(struct grid_blocking *client, const char *name, uint64_t *ret_count)
{
    struct grid_key key = grid_key_text(name);
    struct grid_result *present;
    enum grid_outcome outcome = grid_blocking_get(client, "counters", &key, &present);
    const struct grid_reply *reply = grid_result_reply(present);
    char text[24] = "0";
    if (outcome == GRID_OUTCOME_OK && reply->found && reply->value.size < sizeof text)
        snprintf(text, sizeof text, "%.*s", (int)reply->value.size, (const char *)reply->value.data);
    *ret_count = strtoull(text, NULL, 10) + 1;
    snprintf(text, sizeof text, "%" PRIu64, *ret_count);
    struct grid_entry entry = {.key = key.key, .value = grid_text(text), .version = reply->version};
    grid_result_close(present);
    if (outcome == GRID_OUTCOME_OK)
        outcome = grid_blocking_compare_and_set(client, "counters", &entry, NULL);
    return outcome;
}

int main(int count, char **arguments)
{
    struct grid_options options = {.name = "counter", .endpoints_count = 1};
    struct grid_blocking *client;
    uint64_t value;
    if (count != 3) {
        fprintf(stderr, "usage: %s HOST:PORT NAME\n", arguments[0]);
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
    do
        outcome = count_once(client, arguments[2], &value);
    while (outcome == GRID_OUTCOME_VERSION_CONFLICT);
    if (outcome == GRID_OUTCOME_OK)
        printf("%s: %" PRIu64 "\n", arguments[2], value);
    else
        fprintf(stderr, "%s: %s\n", grid_outcome_name(outcome), grid_outcome_text(outcome));
    grid_blocking_close(client);
    return outcome == GRID_OUTCOME_OK ? 0 : outcome == GRID_OUTCOME_UNKNOWN ? 4 : 1;
}
