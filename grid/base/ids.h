/* Identities. Different identities are different structs so that the compiler tells them apart. */
#ifndef GRID_BASE_IDS_H
#define GRID_BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>

struct partition_id { uint32_t value; };          /* 0 .. partitions-1 */
struct node_id { uint32_t value; };               /* 1 .. NODES_MAX; 0 is "none" */
struct map_id { uint32_t value; };                /* per partition, from 1; 0 is "none" */
struct session_id { uint64_t value; };            /* commit counter at which it was opened; 0 is "none" */

static inline bool node_id_equal(struct node_id a, struct node_id b) { return a.value == b.value; }
static inline bool partition_id_equal(struct partition_id a, struct partition_id b) { return a.value == b.value; }

#endif
