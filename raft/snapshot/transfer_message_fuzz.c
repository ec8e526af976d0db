/* Fuzz target of the messages of a transfer: what is accepted is within its bounds, and writing it gives the same bytes back. */
#include "grid/base/check.h"
#include "raft/snapshot/transfer_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer written = {0};
    struct transfer_bytes bytes;
    struct transfer_want want;
    struct bytes body = bytes_of(data, size);
    if (transfer_bytes_decode(body, 3, &bytes)) {
        ENSURE(bytes.what.index > 0 && bytes.data.size <= TRANSFER_CHUNK_BYTES && bytes.offset + bytes.data.size <= bytes.what.file_bytes);
        transfer_bytes_encode(&bytes, &written);
        ENSURE(bytes_equal(buffer_bytes(&written), body));
    }
    buffer_clear(&written);
    if (transfer_want_decode(body, 3, &want)) {
        transfer_want_encode(&want, &written);
        ENSURE(bytes_equal(buffer_bytes(&written), body));
    }
    buffer_close(&written);
    return 0;
}
