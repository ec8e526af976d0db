/* Everything a node is given of the outside world. There is no other way out of the core (D5). */
#ifndef GRID_IO_IO_H
#define GRID_IO_IO_H

#include "grid/io/clock.h"
#include "grid/io/entropy.h"
#include "grid/io/sink.h"
#include "grid/io/storage.h"
#include "grid/io/transport.h"

struct io {
    struct clock *clock;
    struct transport *transport;
    struct storage *storage;
    struct entropy *entropy;
    struct sink *const *sinks;         /* one per destination of activities; none where no activities run */
    size_t sinks_count;
};

#endif
