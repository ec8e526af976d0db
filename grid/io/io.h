/* All interfaces of a node to the outside world. The core uses no others (D5). */
#ifndef GRID_IO_IO_H
#define GRID_IO_IO_H

#include "grid/io/clock.h"
#include "grid/io/entropy.h"
#include "grid/io/resident.h"
#include "grid/io/sink.h"
#include "grid/io/storage.h"
#include "grid/io/transport.h"

struct io {
    struct clock *clock;
    struct transport *transport;
    struct storage *storage;
    struct entropy *entropy;
    struct resident *resident;         /* NULL: not known */
    struct sink *const *sinks;         /* one per destination of activities; none: no activities run here */
    size_t sinks_count;
};

#endif
