/* Money: int64 minor units and an ISO 4217 currency. Overflow and mixed currencies are refused, never wrapped (I39).
 *
 * Pure; no floating point. Amounts of this module are not negative. Decimal text is for edges: "129.90". */
#ifndef SERVICES_MONEY_H
#define SERVICES_MONEY_H

#include "grid/base/bytes.h"

struct money { int64_t minor; const char *currency; };             /* borrows the currency */

enum money_result { MONEY_OK, MONEY_OVERFLOW, MONEY_MIXED };

enum { MONEY_TEXT_BYTES = 32 };                                     /* of a formatted amount, with the closing zero */

enum money_result money_add(struct money a, struct money b, struct money *ret_sum);
enum money_result money_times(struct money price, int64_t quantity, struct money *ret_product);
/* `percent` of an amount, rounded half up to a minor unit. */
enum money_result money_percent(struct money amount, uint32_t percent, struct money *ret_part);

/* Three capital letters. Codes are not looked up: a list would differ between versions of replicas. */
bool money_currency_valid(const char *currency);
/* Digits behind the point: 2, but 0 and 3 for the currencies that have so. */
uint32_t money_digits(const char *currency);
/* Strict: digits, then optionally a point and 1..digits more; no sign, no spaces. False: no such text, or too large. */
bool money_parse(struct bytes text, const char *currency, int64_t *ret_minor);
/* Writes at most MONEY_TEXT_BYTES with the closing zero, always with all digits behind the point. */
void money_format(int64_t minor, const char *currency, char *ret_text);

#endif
