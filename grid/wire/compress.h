/* LZ4 for the bodies of frames (FRAME_FLAG_LZ4). A packed body is u32 plain size, then one LZ4 block.
 *
 * Packing is skipped where it does not pay; the flag in the header says what was done. Unpacking looks at the stated size
 * before it asks for memory: the other side chooses that number, the limit is ours. Not thread safe, keeps no state. */
#ifndef GRID_WIRE_COMPRESS_H
#define GRID_WIRE_COMPRESS_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/wire/frame.h"

enum {
    /* Bodies below it are sent plain: a packet carries them whole, and packing costs more than it saves. */
    COMPRESS_THRESHOLD_BYTES = 4 * 1024,
};

/* Appends the packed form of `plain` when plain has at least `threshold_bytes` and shrinks by an eighth or more.
 * Else appends nothing and returns false. `plain` may not lie in `out`. */
bool compress_pack(struct bytes plain, size_t threshold_bytes, struct buffer *out);
/* Appends the plain form of `packed`. TOO_LARGE: it states more than `plain_bytes_max`; MALFORMED: it is no LZ4 block of
 * the stated size. On errors `out` is as before. */
enum grid_err compress_unpack(struct bytes packed, size_t plain_bytes_max, struct buffer *out);

/* frame_end, with the body packed in place first when that pays. `mark` is from frame_begin. */
void compress_frame_end(struct buffer *out, size_t mark, size_t threshold_bytes);
/* Makes frame->body plain: a packed one is unpacked into `plain` (cleared first; the body borrows from it) and loses its
 * flag, a plain one is left alone. Errors as of compress_unpack; the frame is then unchanged. */
enum grid_err compress_frame_open(struct frame *frame, size_t plain_bytes_max, struct buffer *plain);

#endif
