/* File descriptors of the process: raised to the system's limit, and divided between clients and everything else.
 *
 * A node without free descriptors could neither create a log segment nor connect to its peers. So clients get the number that remains after
 * DESCRIPTORS_RESERVED, and connections beyond it are refused with a message. */
#ifndef GRID_NODE_PROCESS_DESCRIPTORS_H
#define GRID_NODE_PROCESS_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

/* For log, ledger, peers, strangers on the peer port, HTTP, name lookups and the runtime; and the least that clients get. */
enum { DESCRIPTORS_RESERVED = 256, DESCRIPTORS_CLIENTS_LEAST = 16 };

/* Raises the soft limit towards the hard one until `clients_max` connections fit and lowers *clients_max to the number that does.
 * Returns the limit in force; 0 when not even DESCRIPTORS_CLIENTS_LEAST fit. */
uint64_t descriptors_claim(uint32_t *clients_max);
uint64_t descriptors_open(void);       /* in use now; 0: unknown */
uint64_t descriptors_limit(void);
bool descriptors_file_size(uint64_t *ret_bytes); /* the largest file that the process may write; false: no limit */

#endif
