/* CRC32C (Castagnoli), hardware instruction where the processor has it, else a table. */
#ifndef GRID_BASE_CRC32C_H
#define GRID_BASE_CRC32C_H

#include "grid/base/bytes.h"

uint32_t crc32c(struct bytes bytes);
uint32_t crc32c_extend(uint32_t crc, struct bytes bytes); /* crc of a followed by b = extend(crc32c(a), b) */

/* The two ways of crc32c_extend, for the tests and benchmarks that compare them. Same results. */
uint32_t crc32c_extend_table(uint32_t crc, struct bytes bytes);
bool crc32c_in_hardware(void);                            /* whether crc32c_extend uses the instruction here */

#endif
