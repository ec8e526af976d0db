/* Invites a guest: a client of the service of tests/support/guest_service.h.
 *
 *     guests ENDPOINTS KEY COMPANION   prints the outcome and its note; status 0: invited. COMPANION "" for none
 *
 * ENDPOINTS are separated by commas. */
#include <stdio.h>
#include <string.h>

#include "client/grid_client.h"
#include "service/account/v1/account.pb-c.h"
#include "tests/support/guest_service.h"

enum { ENDPOINTS_MAX = 8, TIMEOUT_MS = 10000 };

static size_t split(char *text, const char *ret_endpoints[ENDPOINTS_MAX])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *part = strtok_r(text, ",", &rest); part != NULL && count < ENDPOINTS_MAX; part = strtok_r(NULL, ",", &rest))
        ret_endpoints[count++] = part;
    return count;
}

int main(int count, char **values)
{
    const char *endpoints[ENDPOINTS_MAX];
    struct grid_blocking *client;
    struct grid_result *result;
    if (count != 4) {
        fprintf(stderr, "usage: guests ENDPOINTS KEY COMPANION\n");
        return 2;
    }
    struct grid_options options = {.endpoints = endpoints, .endpoints_count = split(values[1], endpoints), .timeout_ms = TIMEOUT_MS};
    enum grid_outcome outcome = grid_blocking_open(&options, &client);
    if (outcome != GRID_OUTCOME_OK) {
        printf("%s\n", grid_outcome_name(outcome));
        return 1;
    }
    Account__V1__CreateCustomer invite;
    uint8_t body[256];
    account__v1__create_customer__init(&invite);
    invite.name = values[2];
    invite.address = values[3];
    if (account__v1__create_customer__get_packed_size(&invite) > sizeof body)
        return 2;
    struct grid_command command = {.service = GUEST, .type = GUEST_INVITE, .key = values[2],
                                   .body = {body, account__v1__create_customer__pack(&invite, body)}};
    outcome = grid_blocking_command(client, &command, &result);
    printf("%s %s\n", grid_outcome_name(outcome), grid_result_reply(result)->note);
    grid_result_close(result);
    grid_blocking_close(client);
    return outcome == GRID_OUTCOME_OK ? 0 : 1;
}
