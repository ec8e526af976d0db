/* LZ4 for the bodies of frames (FRAME_FLAG_LZ4). A compressed body is u32 uncompressed size, then one LZ4 block.
 *
 * A body is compressed only if that saves enough; the flag in the header says so. Decompression compares the stated size with a limit
 * before it allocates memory, because the other end chooses that number. Not thread safe; only the packer has state. */
#ifndef GRID_WIRE_COMPRESS_H
#define GRID_WIRE_COMPRESS_H

#include "grid/base/bytes.h"
#include "grid/base/err.h"
#include "grid/base/limits.h"
#include "grid/wire/frame.h"

enum {
    /* Smaller bodies are not compressed: they fit one packet, and compression costs more than it saves. */
    COMPRESS_THRESHOLD_BYTES = PACKED_BODY_BYTES_MIN,
    /* Number of bodies that are not tried after one that did not shrink: doubles from 1 up to this. */
    COMPRESS_SKIP_MAX = 64,
};

/* Which connections compress, if both ends have the feature. AUTO: those to other machines; within a machine, sending bytes costs
 * less than compressing them. */
enum compress_mode { COMPRESS_AUTO, COMPRESS_ON, COMPRESS_OFF };

/* Appends the compressed form of `plain` if plain has at least `threshold_bytes` and shrinks by an eighth or more.
 * Otherwise appends nothing and returns false. `plain` may not lie in `out`. */
bool compress_pack(struct bytes plain, size_t threshold_bytes, struct buffer *out);
/* Appends the uncompressed form of `packed`. TOO_LARGE: it states more than `plain_bytes_max`; MALFORMED: it is not an LZ4 block of
 * the stated size. On errors `out` is as before. */
enum grid_err compress_unpack(struct bytes packed, size_t plain_bytes_max, struct buffer *out);

/* What the packers of a port share: from which size on they try (0: COMPRESS_THRESHOLD_BYTES), and what they packed: frames, and
 * bytes of their bodies before and after. */
struct packer_counts { size_t bytes_min; uint64_t frames, plain, sent; };

/* What one end of a connection sends. All zero: packs nothing. */
struct packer {
    struct packer_counts *counts;      /* NULL: packs nothing */
    uint32_t failures, skip;           /* bodies that did not shrink, in a row; that will not be tried */
};

/* `counts` while the connection is to pack, else NULL. */
static inline struct packer packer_of(struct packer_counts *counts) { return (struct packer){.counts = counts}; }
/* Whether a connection packs: both ends have the feature, and the mode wants it on a connection like this. */
static inline bool packer_wanted(enum compress_mode mode, bool negotiated, bool is_local)
{
    return negotiated && mode != COMPRESS_OFF && (mode == COMPRESS_ON || !is_local);
}
/* frame_append and frame_end that pack when it pays. Allocate nothing but room in `out`. */
void packer_append(struct packer *packer, struct buffer *out, const struct frame *frame);
void packer_end(struct packer *packer, struct buffer *out, size_t mark);

/* frame_end, with the body packed in place first when that pays. `mark` is from frame_begin. */
bool compress_frame_end(struct buffer *out, size_t mark, size_t threshold_bytes);   /* whether it was packed */
/* Makes frame->body plain: a packed one is unpacked into `plain` (cleared first; the body borrows from it) and loses its
 * flag, a plain one is left alone. Errors as of compress_unpack; the frame is then unchanged. */
enum grid_err compress_frame_open(struct frame *frame, size_t plain_bytes_max, struct buffer *plain);

#endif
