/* Inside of grid/node/dump. */
#ifndef GRID_NODE_DUMP_DUMP_INTERNAL_H
#define GRID_NODE_DUMP_DUMP_INTERNAL_H

#include "grid/base/bytes.h"
#include "grid/node/dump/dump.h"

enum { DUMP_SMALL_BYTES = 64 * 1024 };

struct dump {
    const struct dump_options *options;
    FILE *file, *out, *errors;
    uint64_t rows;                     /* printed or left out */
    bool silent;                       /* the limit is reached */
};

/* One row: begin, fields, end. In JSON the place is "offset", the kind "record". */
void dump_row(struct dump *dump, uint64_t offset, const char *kind);
void dump_number(struct dump *dump, const char *name, uint64_t value);
void dump_hex(struct dump *dump, const char *name, uint64_t value);
void dump_text(struct dump *dump, const char *name, struct bytes text); /* cut and escaped where it is not printable */
void dump_end(struct dump *dump);
/* Says what is wrong and returns 1. */
int dump_damaged(struct dump *dump, uint64_t offset, const char *what);
int dump_failed(struct dump *dump, const char *what);

int dump_log(struct dump *dump, struct bytes content);
int dump_snapshot(struct dump *dump);
int dump_identity(struct dump *dump, struct bytes content);
int dump_manifest(struct dump *dump, struct bytes content);

#endif
