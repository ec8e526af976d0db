/* Frames: the unit of both protocols (clients and peers), described in docs/formats/frame.md.
 *
 *   0  u32  size of everything after this field (20 + body)
 *   4  u32  CRC32C of bytes 8 .. end
 *   8  u8   version (FRAME_VERSION)
 *   9  u8   type (enum frame_type)
 *  10  u16  flags (enum frame_flag; unknown bits are an error)
 *  12  u32  partition (0xffffffff where none applies)
 *  16  u64  request id (echoed in the answer)
 *  24       body
 *
 * Parsing borrows from the input and never copies. A frame that cannot be accepted names its reason; the connection is
 * then closed, because nothing after it can be trusted. */
#ifndef GRID_WIRE_FRAME_H
#define GRID_WIRE_FRAME_H

#include "grid/base/bytes.h"
#include "grid/base/ids.h"

enum { FRAME_VERSION = 1, FRAME_HEADER_BYTES = 24 };
#define FRAME_PARTITION_NONE UINT32_MAX

/* Numbers are on the wire and never reused. */
enum frame_type {
    /* client port */
    FRAME_HELLO = 1,               /* client -> node: Hello */
    FRAME_WELCOME = 2,             /* node -> client: Welcome, with the partition table */
    FRAME_COMMAND = 3,             /* client -> node: Command (a write) */
    FRAME_QUERY = 4,               /* client -> node: Query (a read) */
    FRAME_RESPONSE = 5,            /* node -> client: Response */
    FRAME_TABLE = 6,               /* node -> client: PartitionTable pushed on change */
    FRAME_ADMIN = 7,               /* client -> node: AdminRequest */
    FRAME_ADMIN_RESPONSE = 8,      /* node -> client: AdminResponse */
    /* peer port */
    FRAME_PEER_HELLO = 32,         /* both ways, first frame: PeerHello */
    FRAME_RAFT = 33,               /* one Raft message of a group; see docs/formats/peer.md */
    FRAME_CONFIRM = 34,            /* read index: (group, term, sequence) rows */
    FRAME_CONFIRM_ANSWER = 35,
    FRAME_MESSAGES = 36,           /* outbox messages, source partition -> destination partition's leader */
    FRAME_MESSAGES_ANSWER = 37,    /* last applied per source, or what is expected */
    FRAME_LEADERS = 38,            /* hints about leaders, and state digests */
    FRAME_BEAT = 39,               /* a sign of life, if nothing else was sent */
    FRAME_LOG_TIMES = 40,          /* wall clocks, and the log times of what the sender leads (R14) */
    FRAME_POSITION = 41,           /* how far the sender's log is synced */
    FRAME_ROOM = 42,               /* whether the sender's disk is full */
    FRAME_MEMORY = 43,             /* whether the sender's memory is full */
    FRAME_SNAPSHOT_BYTES = 44,     /* a part of a snapshot file, or the offer of one */
    FRAME_SNAPSHOT_WANT = 45,      /* from which offset the receiver wants it, or what came of it */
};

enum frame_flag { FRAME_FLAG_LZ4 = 1 /* body = u32 plain size, then an LZ4 block */ };

struct frame {
    enum frame_type type;
    uint16_t flags;
    uint32_t partition;
    uint64_t request;
    struct bytes body;
};

enum frame_result {
    FRAME_OK,
    FRAME_SHORT,                   /* not yet whole: read on */
    FRAME_BAD_SIZE,                /* shorter than a header or above the limit */
    FRAME_BAD_CRC,
    FRAME_BAD_VERSION,
    FRAME_BAD_TYPE,
    FRAME_BAD_FLAGS,
};

/* Reads one frame from the front of `input`. On FRAME_OK sets *ret_frame (body borrowed from input) and *ret_size (bytes used). */
enum frame_result frame_parse(struct bytes input, size_t body_bytes_max, struct frame *ret_frame, size_t *ret_size);
const char *frame_result_name(enum frame_result result);   /* for metrics labels: "crc", "size", ... */

/* Writing in place: begin returns a mark, the caller appends the body to the same buffer, end fills in size and checksum. */
size_t frame_begin(struct buffer *out, enum frame_type type, uint32_t partition, uint64_t request);
void frame_flag(struct buffer *out, size_t mark, enum frame_flag flag);  /* between begin and end */
void frame_end(struct buffer *out, size_t mark);
void frame_append(struct buffer *out, const struct frame *frame); /* whole frame with body at once */

/* Collects bytes of a stream and splits them into frames. All zero is valid. */
struct frame_stream { struct buffer pending; };
typedef bool (*frame_fn)(void *context, const struct frame *frame); /* false: stop, the owner is closing the connection */
/* Calls `each` for every complete frame; returns FRAME_OK (all consumed, or waiting for more) or the reason of the first bad one.
 * `each` must not touch the stream. Does not copy frames that arrive complete. */
enum frame_result frame_stream_feed(struct frame_stream *stream, struct bytes data, size_t body_bytes_max, frame_fn each, void *context);
void frame_stream_close(struct frame_stream *stream);

#endif
