/* Reads what rests in the grid into the books: every entry of the services' maps, by scans of all partitions, and every
 * line of the payment provider's ledger. Things without a request are counted too. */
#ifndef TESTS_NEMESIS_BOOKS_READ_H
#define TESTS_NEMESIS_BOOKS_READ_H

#include "tests/nemesis/books.h"
#include "tests/nemesis/stage.h"

/* Forgets what was read before. False (and a finding): the grid did not answer, or the ledger cannot be read. `ledger` NULL: none. */
bool books_read(struct books *books, struct stage *stage, struct client *client, const char *ledger);
/* The ledger alone: NDJSON of the built-in provider. A last line without an end was never answered and does not count. */
bool books_read_ledger(struct books *books, const char *path);

#endif
