/* The load on the services: customers and products, then buyers who create orders of every kind, ask for them again, forge
 * them, cancel them and look at them, and deliveries of stock.
 *
 * Kinds of orders: most are good (and may still find too little stock); others name an unknown customer or product, quote
 * a wrong price, ask for more than there ever is, or are above what the payment provider captures. What is asked and what
 * is answered goes into the books, which are borrowed; what contradicts an answer given before is a finding at once (I05,
 * I10, I12). */
#ifndef TESTS_NEMESIS_SHOP_H
#define TESTS_NEMESIS_SHOP_H

#include "tests/nemesis/books.h"
#include "tests/nemesis/stage.h"

struct shop_totals { uint64_t asked, done, unknown, failed, forged_refused, cancels, replenished; };

struct shop;

/* Returns when customers and products are there. NULL: they could not be created within two minutes. */
struct shop *shop_open(struct stage *stage, struct books *books);
void shop_close(struct shop *shop);
void shop_stop(struct shop *shop);         /* nothing new from now on */
bool shop_idle(void *shop);                /* for stage_wait */
struct shop_totals shop_totals(const struct shop *shop);

#endif
