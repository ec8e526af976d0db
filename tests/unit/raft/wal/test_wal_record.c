#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/crc32c.h"
#include "raft/wal/wal_record.h"

static void put_header(uint8_t *at)
{
    struct wal_flush_header header = {
        .version = WAL_FORMAT_FIRST, .size = 200, .epoch = 5, .position = 8192, .previous = 4096, .durable = 4096, .records = 3};
    wal_flush_header_put(at, &header);
}

/* Puts a right checksum on what a test changed. */
static void reseal(uint8_t *at, size_t size)
{
    put_u32(at, crc32c(bytes_of(at + 4, size - 4)));
}

Test(wal_record, lays_a_flush_header_out_as_documented)
{
    uint8_t at[WAL_FLUSH_HEADER_BYTES];
    put_header(at);
    cr_assert_arr_eq(at + 4, "GWAL", 4);
    cr_assert_eq(get_u16(at + 8), 1);
    cr_assert_eq(get_u32(at + 12), 200);
    cr_assert_eq(get_u64(at + 16), 5);
    cr_assert_eq(get_u64(at + 24), 8192);
    cr_assert_eq(get_u64(at + 32), 4096);
    cr_assert_eq(get_u64(at + 40), 4096);
    cr_assert_eq(get_u32(at + 48), 3);
    cr_assert_eq(get_u32(at), crc32c(bytes_of(at + 4, 60)));
}

Test(wal_record, reads_a_flush_header_back)
{
    uint8_t at[WAL_FLUSH_HEADER_BYTES];
    struct wal_flush_header header;
    put_header(at);
    cr_assert_null(wal_flush_header_get(bytes_of(at, sizeof at), 8192, &header));
    cr_assert_eq(header.version, WAL_FORMAT_FIRST);
    cr_assert_eq(header.size, 200);
    cr_assert_eq(header.epoch, 5);
    cr_assert_eq(header.position, 8192);
    cr_assert_eq(header.previous, 4096);
    cr_assert_eq(header.durable, 4096);
    cr_assert_eq(header.records, 3);
}

Test(wal_record, refuses_a_flush_header_with_any_bit_flipped)
{
    uint8_t at[WAL_FLUSH_HEADER_BYTES];
    struct wal_flush_header header;
    put_header(at);
    for (size_t bit = 0; bit < 8 * sizeof at; bit++) {
        at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not_null(wal_flush_header_get(bytes_of(at, sizeof at), 8192, &header), "bit %zu", bit);
        at[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

Test(wal_record, refuses_a_flush_header_that_is_out_of_place_or_makes_no_sense)
{
    uint8_t at[WAL_FLUSH_HEADER_BYTES];
    struct wal_flush_header header;
    put_header(at);
    cr_assert_str_eq(wal_flush_header_get(bytes_of(at, sizeof at), 4096, &header),
                     "the flush header belongs to another position");
    cr_assert_not_null(wal_flush_header_get(bytes_of(at, sizeof at - 1), 8192, &header));
    put_u64(at + 40, 8192);
    reseal(at, sizeof at);
    cr_assert_not_null(wal_flush_header_get(bytes_of(at, sizeof at), 8192, &header), "durable beyond previous");
    put_header(at);
    put_u32(at + 12, WAL_FLUSH_HEADER_BYTES - 1);
    reseal(at, sizeof at);
    cr_assert_not_null(wal_flush_header_get(bytes_of(at, sizeof at), 8192, &header), "smaller than its header");
}

Test(wal_record, hands_out_a_header_of_another_version)
{
    uint8_t at[WAL_FLUSH_HEADER_BYTES];
    struct wal_flush_header header;
    put_header(at);
    put_u16(at + 8, 3);
    reseal(at, sizeof at);
    cr_assert_null(wal_flush_header_get(bytes_of(at, sizeof at), 8192, &header));
    cr_assert_eq(header.version, 3);
}

static size_t put_meta(struct buffer *buffer, uint64_t position, uint64_t epoch)
{
    struct wal_record record = {.type = WAL_RECORD_META, .group = 6, .position = position, .epoch = epoch};
    size_t start = wal_record_begin(buffer, &record);
    wal_meta_put(buffer, 11, 2);
    wal_record_seal(buffer, start);
    return start;
}

Test(wal_record, lays_a_record_out_as_documented)
{
    struct buffer buffer = {0};
    size_t start = put_meta(&buffer, 4160, 9);
    const uint8_t *at = buffer.data + start;
    cr_assert_eq(buffer.size, 48);
    cr_assert_eq(get_u32(at), crc32c(bytes_of(at + 4, 44)));
    cr_assert_eq(get_u32(at + 4), 48);
    cr_assert_eq(get_u16(at + 8), WAL_RECORD_META);
    cr_assert_eq(get_u32(at + 12), 6);
    cr_assert_eq(get_u64(at + 16), 4160);
    cr_assert_eq(get_u64(at + 24), 9);
    cr_assert_eq(get_u64(at + 32), 11);
    cr_assert_eq(get_u64(at + 40), 2);
    buffer_close(&buffer);
}

Test(wal_record, refuses_a_record_with_any_bit_flipped)
{
    struct buffer buffer = {0};
    put_meta(&buffer, 4160, 9);
    struct wal_record record;
    size_t size;
    cr_assert_null(wal_record_get(buffer_bytes(&buffer), 4160, 9, &record, &size));
    cr_assert_eq(size, buffer.size);
    cr_assert_eq(record.group, 6);
    for (size_t bit = 0; bit < 8 * buffer.size; bit++) {
        buffer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not_null(wal_record_get(buffer_bytes(&buffer), 4160, 9, &record, &size), "bit %zu", bit);
        buffer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buffer_close(&buffer);
}

Test(wal_record, refuses_a_record_of_another_life)
{
    struct buffer buffer = {0};
    struct wal_record record;
    size_t size;
    put_meta(&buffer, 4160, 9);
    cr_assert_str_eq(wal_record_get(buffer_bytes(&buffer), 8256, 9, &record, &size),
                     "a record belongs to another position");
    cr_assert_str_eq(wal_record_get(buffer_bytes(&buffer), 4160, 10, &record, &size),
                     "a record belongs to another epoch");
    cr_assert_not_null(wal_record_get(bytes_of(buffer.data, buffer.size - 1), 4160, 9, &record, &size));
    cr_assert_not_null(wal_record_get(bytes_of(buffer.data, 31), 4160, 9, &record, &size));
    buffer_close(&buffer);
}

Test(wal_record, reads_entries_back)
{
    struct buffer buffer = {0};
    struct wal_entry_view first = {.term = 3, .type = 1, .data = bytes_of_text("hello")};
    struct wal_entry_view second = {.term = 4, .type = 65535, .data = BYTES_NONE};
    wal_entries_put(&buffer, 77, 2);
    wal_entry_put(&buffer, &first);
    wal_entry_put(&buffer, &second);
    cr_assert_eq(buffer.size, 16 + 16 + 5 + 16);
    uint64_t index;
    uint32_t count;
    struct reader reader;
    struct wal_entry_view view;
    cr_assert_null(wal_entries_get(buffer_bytes(&buffer), &index, &count, &reader));
    cr_assert_eq(index, 77);
    cr_assert_eq(count, 2);
    cr_assert(wal_entry_next(&reader, &view));
    cr_assert_eq(view.term, 3);
    cr_assert(bytes_equal(view.data, first.data));
    cr_assert(wal_entry_next(&reader, &view));
    cr_assert_eq(view.type, 65535);
    cr_assert_eq(view.data.size, 0);
    cr_assert(!wal_entry_next(&reader, &view));
    buffer_close(&buffer);
}

Test(wal_record, refuses_entries_that_are_cut_short_or_too_long)
{
    struct buffer buffer = {0};
    struct wal_entry_view entry = {.term = 3, .type = 1, .data = bytes_of_text("hello")};
    wal_entries_put(&buffer, 77, 1);
    wal_entry_put(&buffer, &entry);
    uint64_t index;
    uint32_t count;
    struct reader reader;
    for (size_t size = 0; size < buffer.size; size++)
        cr_assert_not_null(wal_entries_get(bytes_of(buffer.data, size), &index, &count, &reader), "%zu", size);
    buffer_append_u8(&buffer, 0);
    cr_assert_not_null(wal_entries_get(buffer_bytes(&buffer), &index, &count, &reader));
    buffer_truncate(&buffer, buffer.size - 1);
    put_u32(buffer.data + 8, 0);
    cr_assert_not_null(wal_entries_get(buffer_bytes(&buffer), &index, &count, &reader), "no entries");
    put_u32(buffer.data + 8, 0xffffffff);
    cr_assert_not_null(wal_entries_get(buffer_bytes(&buffer), &index, &count, &reader), "more than there are");
    buffer_close(&buffer);
}

Test(wal_record, refuses_small_payloads_of_a_wrong_size)
{
    uint8_t bytes[24] = {0};
    uint64_t term, vote, index;
    cr_assert_null(wal_meta_get(bytes_of(bytes, 16), &term, &vote));
    cr_assert_not_null(wal_meta_get(bytes_of(bytes, 15), &term, &vote));
    cr_assert_not_null(wal_meta_get(bytes_of(bytes, 17), &term, &vote));
    cr_assert_null(wal_truncate_get(bytes_of(bytes, 8), &index));
    cr_assert_not_null(wal_truncate_get(bytes_of(bytes, 7), &index));
    cr_assert_not_null(wal_truncate_get(bytes_of(bytes, 9), &index));
}
