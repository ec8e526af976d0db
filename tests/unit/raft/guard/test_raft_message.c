#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/limits.h"
#include "raft/guard/raft_message.h"

static const struct node_id FROM = {3};

static struct buffer encode(const struct raft_message *message)
{
    struct buffer out = {0};
    raft_message_encode(&out, message);
    return out;
}

static struct raft_message append_of(struct raft_entry *entries, unsigned count)
{
    struct raft_message message = {.type = RAFT_IO_APPEND_ENTRIES};
    message.append_entries = (struct raft_append_entries){.term = 7, .prev_log_index = 20, .prev_log_term = 4,
                                                          .leader_commit = 19, .entries = entries, .n_entries = count};
    return message;
}

static struct raft_entry entry_of(uint64_t term, unsigned short type, const char *text)
{
    union { const char *text; void *base; } data = {.text = text};
    return (struct raft_entry){.term = term, .type = type, .buf = {.base = data.base, .len = strlen(text)}};
}

/* Decodes every prefix: only the whole may pass. */
static void assert_only_whole(struct bytes body)
{
    struct raft_message message;
    for (size_t size = 0; size < body.size; size++)
        cr_assert_not(raft_message_decode(bytes_of(body.data, size), FROM, &message), "cut at %zu", size);
    struct buffer longer = {0};
    buffer_append(&longer, body);
    buffer_append_u8(&longer, 0);
    cr_assert_not(raft_message_decode(buffer_bytes(&longer), FROM, &message));
    buffer_close(&longer);
}

Test(raft_message, append_entries_come_back_as_one_batch)
{
    struct raft_entry entries[] = {entry_of(4, RAFT_COMMAND, "one"), entry_of(7, RAFT_BARRIER, ""),
                                   entry_of(7, RAFT_COMMAND, "three")};
    struct raft_message sent = append_of(entries, 3), got;
    struct buffer body = encode(&sent);
    assert_only_whole(buffer_bytes(&body));
    cr_assert(raft_message_decode(buffer_bytes(&body), FROM, &got));
    cr_assert_eq(got.server_id, 3u);
    cr_assert_eq(got.append_entries.term, 7u);
    cr_assert_eq(got.append_entries.prev_log_index, 20u);
    cr_assert_eq(got.append_entries.prev_log_term, 4u);
    cr_assert_eq(got.append_entries.leader_commit, 19u);
    cr_assert_eq(got.append_entries.n_entries, 3u);
    for (size_t i = 0; i < 3; i++) {
        const struct raft_entry *entry = &got.append_entries.entries[i];
        cr_assert_eq(entry->term, entries[i].term);
        cr_assert_eq(entry->type, entries[i].type);
        cr_assert_eq(entry->batch, got.append_entries.entries[0].batch);
        cr_assert_eq(entry->buf.len, entries[i].buf.len);
        cr_assert_eq(memcmp(entry->buf.base, entries[i].buf.base, entry->buf.len), 0);
    }
    cr_assert_eq(raft_message_log_bytes(&got), 8u + 3 * 16);
    raft_message_free(&got);
    buffer_close(&body);
}

Test(raft_message, a_stripped_append_promises_nothing_beyond_what_precedes_it)
{
    struct raft_entry entries[] = {entry_of(7, RAFT_COMMAND, "one")};
    struct raft_message sent = append_of(entries, 1), got;
    sent.append_entries.leader_commit = 21;
    struct buffer body = encode(&sent);
    cr_assert(raft_message_decode(buffer_bytes(&body), FROM, &got));
    raft_message_strip(&got);
    cr_assert_eq(got.append_entries.n_entries, 0u);
    cr_assert_null(got.append_entries.entries);
    cr_assert_eq(got.append_entries.leader_commit, 20u);
    buffer_close(&body);
}

Test(raft_message, the_other_kinds_come_back_whole)
{
    struct raft_message sent = {.type = RAFT_IO_APPEND_ENTRIES_RESULT}, got;
    sent.append_entries_result = (struct raft_append_entries_result){.term = 5, .rejected = 9, .last_log_index = 4};
    struct buffer body = encode(&sent);
    assert_only_whole(buffer_bytes(&body));
    cr_assert(raft_message_decode(buffer_bytes(&body), FROM, &got));
    cr_assert_eq(got.append_entries_result.term, 5u);
    cr_assert_eq(got.append_entries_result.rejected, 9u);
    cr_assert_eq(got.append_entries_result.last_log_index, 4u);
    buffer_close(&body);

    sent = (struct raft_message){.type = RAFT_IO_REQUEST_VOTE};
    sent.request_vote = (struct raft_request_vote){.term = 6, .candidate_id = 99, .last_log_index = 8,
                                                   .last_log_term = 5, .disrupt_leader = true};
    body = encode(&sent);
    assert_only_whole(buffer_bytes(&body));
    cr_assert(raft_message_decode(buffer_bytes(&body), FROM, &got));
    cr_assert_eq(got.request_vote.candidate_id, 3u, "the candidate is who sent it, not who it says");
    cr_assert(got.request_vote.disrupt_leader && !got.request_vote.pre_vote);
    cr_assert_eq(got.request_vote.last_log_index, 8u);
    cr_assert_eq(got.request_vote.last_log_term, 5u);
    buffer_close(&body);

    sent = (struct raft_message){.type = RAFT_IO_REQUEST_VOTE_RESULT};
    sent.request_vote_result =
        (struct raft_request_vote_result){.term = 6, .vote_granted = true, .pre_vote = raft_tribool_true};
    body = encode(&sent);
    assert_only_whole(buffer_bytes(&body));
    cr_assert(raft_message_decode(buffer_bytes(&body), FROM, &got));
    cr_assert(got.request_vote_result.vote_granted && got.request_vote_result.pre_vote == raft_tribool_true);
    buffer_close(&body);

    sent = (struct raft_message){.type = RAFT_IO_TIMEOUT_NOW};
    sent.timeout_now = (struct raft_timeout_now){.term = 6, .last_log_index = 8, .last_log_term = 5};
    body = encode(&sent);
    assert_only_whole(buffer_bytes(&body));
    cr_assert(raft_message_decode(buffer_bytes(&body), FROM, &got));
    cr_assert_eq(got.timeout_now.last_log_index, 8u);
    buffer_close(&body);
}

/* The library runs without its own checks: each of these would be read past its end or corrupt its log. */
static void assert_refused(const char *what, struct raft_entry entry, void (*spoil)(struct raft_message *message))
{
    struct raft_message sent = append_of(&entry, 1), got;
    if (spoil != NULL)
        spoil(&sent);
    struct buffer body = encode(&sent);
    cr_assert_not(raft_message_decode(buffer_bytes(&body), FROM, &got), "%s", what);
    buffer_close(&body);
}

static void no_term(struct raft_message *message) { message->append_entries.term = 0; }
static void far_index(struct raft_message *message) { message->append_entries.prev_log_index = UINT64_MAX; }
static void half_position(struct raft_message *message) { message->append_entries.prev_log_term = 0; }
static void late_prev(struct raft_message *message) { message->append_entries.prev_log_term = 8; }

Test(raft_message, refuses_what_the_library_could_not_take)
{
    struct raft_entry good = entry_of(7, RAFT_COMMAND, "x");
    assert_refused("a message without a term", good, no_term);
    assert_refused("an index beyond all bounds", good, far_index);
    assert_refused("a position without a term", good, half_position);
    assert_refused("a predecessor of a later term", good, late_prev);
    assert_refused("an entry without a term", entry_of(0, RAFT_COMMAND, "x"), NULL);
    assert_refused("an entry older than its predecessor", entry_of(3, RAFT_COMMAND, "x"), NULL);
    assert_refused("an entry newer than its leader", entry_of(8, RAFT_COMMAND, "x"), NULL);
    assert_refused("an entry of an unknown type", entry_of(7, 4, "x"), NULL);
    assert_refused("an entry of no type", entry_of(7, 0, "x"), NULL);
    assert_refused("a configuration that cannot be decoded", entry_of(7, RAFT_CHANGE, "x"), NULL);
}

Test(raft_message, refuses_more_entries_than_the_body_could_hold)
{
    struct raft_message sent = append_of(NULL, 0), got;
    struct buffer body = encode(&sent);
    put_u32(body.data + body.size - 4, UINT32_MAX);
    cr_assert_not(raft_message_decode(buffer_bytes(&body), FROM, &got));
    put_u32(body.data + body.size - 4, 1);
    cr_assert_not(raft_message_decode(buffer_bytes(&body), FROM, &got));
    buffer_close(&body);
}

Test(raft_message, refuses_an_empty_body_and_unknown_kinds)
{
    struct raft_message got;
    cr_assert_not(raft_message_decode(BYTES_NONE, FROM, &got));
    for (unsigned type = 0; type < 256; type++) {
        if (type >= RAFT_IO_APPEND_ENTRIES && type <= RAFT_IO_TIMEOUT_NOW && type != RAFT_IO_INSTALL_SNAPSHOT)
            continue;
        uint8_t body[64] = {(uint8_t)type, 1};
        cr_assert_not(raft_message_decode(bytes_of(body, sizeof body), FROM, &got), "kind %u", type);
    }
}

Test(raft_message, knows_a_configuration_of_the_library)
{
    struct raft_configuration configuration;
    struct raft_buffer encoded;
    raft_configuration_init(&configuration);
    raft_configuration_add(&configuration, 1, "1", RAFT_VOTER);
    raft_configuration_add(&configuration, 12, "12", RAFT_STANDBY);
    cr_assert_eq(raft_configuration_encode(&configuration, &encoded), 0);
    cr_assert(raft_message_configuration_valid(bytes_of(encoded.base, encoded.len)));
    size_t used = 1 + 8 + (8 + 2 + 1) + (8 + 3 + 1);
    for (size_t size = 0; size < used; size++)
        cr_assert_not(raft_message_configuration_valid(bytes_of(encoded.base, size)), "cut at %zu", size);
    ((uint8_t *)encoded.base)[0] = 2;
    cr_assert_not(raft_message_configuration_valid(bytes_of(encoded.base, encoded.len)));
    raft_free(encoded.base);
    raft_configuration_close(&configuration);
}

Test(raft_message, confirmation_rows_come_back)
{
    struct buffer body = {0};
    confirm_row_append(&body, (struct confirm_row){4, 17, UINT64_C(1) << 40});
    confirm_row_append(&body, (struct confirm_row){5, 18, 2});
    cr_assert_eq(body.size, 2u * CONFIRM_ROW_BYTES);
    struct reader reader = reader_of(buffer_bytes(&body));
    struct confirm_row row;
    cr_assert(confirm_row_next(&reader, &row));
    cr_assert(row.group == 4 && row.term == 17 && row.sequence == UINT64_C(1) << 40);
    cr_assert(confirm_row_next(&reader, &row));
    cr_assert(row.group == 5 && row.term == 18 && row.sequence == 2);
    cr_assert_not(confirm_row_next(&reader, &row));
    buffer_close(&body);
}
