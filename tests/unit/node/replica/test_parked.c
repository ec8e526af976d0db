#include "grid/node/replica/parked.h"

#include <criterion/criterion.h>

/* Reads are ready when the journal has come past the position that they wait for. */
struct served { uint64_t next, requests[16]; size_t count; };

static bool ready(void *context, struct query *query)
{
    return query->position < ((struct served *)context)->next;
}

static void serve(void *context, const struct query *query, const struct waiter *waiter)
{
    struct served *served = context;
    cr_assert(query->kind == QUERY_JOURNAL && query->from == JOURNAL_SEQUENCE && query->limit == 9);
    cr_assert(bytes_equal(query->map, bytes_of_text("m")));
    served->requests[served->count++] = waiter->request;
}

static bool add(struct parked *parked, uint64_t request, uint64_t position, uint64_t until_us)
{
    struct query query = {.kind = QUERY_JOURNAL, .from = JOURNAL_SEQUENCE, .position = position, .limit = 9,
                          .map = bytes_of_text("m")};
    return parked_add(parked, &query, &(struct waiter){.kind = WAITER_CLIENT, .request = request}, until_us);
}

Test(parked, serves_what_is_ready_or_late_and_keeps_the_rest_in_order)
{
    struct parked parked = {0};
    struct served served = {.next = 5};
    struct parked_serve how = {&served, ready, serve};
    add(&parked, 1, 5, 100);
    add(&parked, 2, 4, 100);
    add(&parked, 3, 7, 50);
    add(&parked, 4, 6, 100);
    parked_run(&parked, 60, &how);
    cr_assert(served.count == 2 && served.requests[0] == 2 && served.requests[1] == 3);
    cr_assert_eq(parked.count, 2);
    served.next = 7;
    parked_run(&parked, 61, &how);
    cr_assert(served.count == 4 && served.requests[2] == 1 && served.requests[3] == 4);
    cr_assert_eq(parked.count, 0);
    parked_close(&parked);
}

Test(parked, has_a_bound)
{
    struct parked parked = {0};
    for (size_t i = 0; i < PARKED_MAX; i++)
        cr_assert(add(&parked, i, 1, 1));
    cr_assert_not(add(&parked, 9, 1, 1));
    cr_assert_eq(parked.count, PARKED_MAX);
    parked_close(&parked);
}
