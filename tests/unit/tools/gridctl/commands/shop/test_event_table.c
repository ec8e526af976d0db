#include <criterion/criterion.h>
#include <string.h>

#include "grid/wire/messages/message.h"
#include "tools/gridctl/commands/shop/event_table.h"

enum { EVENTS = 3 };

/* What is shown of three events, the second of them on behalf of `principal`; a text in the buffer that the caller closes. */
static struct buffer show(const char *principal, bool json)
{
    struct buffer records[EVENTS] = {0};
    struct bytes values[EVENTS];
    struct ctl ctl = {.json = json};
    for (size_t i = 0; i < EVENTS; i++) {
        struct event_record event = {.event_id = bytes_of_text("e"), .event_type = bytes_of_text("OrderCreated"), .key = bytes_of_text("o-1"),
                                     .sequence = i + 1, .principal = bytes_of_text(i == 1 ? principal : "")};
        event_record_encode(&event, &records[i]);
        values[i] = buffer_bytes(&records[i]);
    }
    events_show(&ctl, values, EVENTS);
    buffer_append_u8(&ctl.out, 0);
    for (size_t i = 0; i < EVENTS; i++)
        buffer_close(&records[i]);
    return ctl.out;
}

static size_t times(struct buffer shown, const char *text)
{
    size_t count = 0;
    for (const char *at = (const char *)shown.data; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

Test(event_table, names_the_principal_of_an_event_that_has_one)
{
    struct buffer table = show("alice", false), json = show("alice", true);
    cr_expect_eq(times(table, "PRINCIPAL"), 1u);
    cr_expect_eq(times(table, "alice"), 1u);
    cr_expect_eq(times(table, "OrderCreated"), 3u);
    cr_expect_eq(times(json, "\"principal\":\"alice\"") + times(json, "\"principal\": \"alice\""), 1u);
    cr_expect_eq(times(json, "principal"), 1u);
    buffer_close(&table);
    buffer_close(&json);
}

Test(event_table, says_nothing_of_principals_where_there_are_none)
{
    struct buffer table = show("", false), json = show("", true);
    cr_expect_eq(times(table, "PRINCIPAL"), 0u);
    cr_expect_eq(times(table, "OrderCreated"), 3u);
    cr_expect_eq(times(json, "principal"), 0u);
    cr_expect_eq(times(json, "\"sequence\""), 3u);
    buffer_close(&table);
    buffer_close(&json);
}

Test(event_table, leaves_out_what_it_cannot_read)
{
    static const uint8_t broken[] = {0xff, 0xff};
    struct bytes value = bytes_of(broken, sizeof broken);
    struct ctl ctl = {.json = true};
    events_show(&ctl, &value, 1);
    cr_expect(ctl.out.size < 8, "%.*s", (int)ctl.out.size, (const char *)ctl.out.data);
    buffer_close(&ctl.out);
}
