#include "tools/gridctl/terminal/draw.h"

#include <math.h>
#include <stddef.h>

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum { EXPONENT_MAX = 10, DIGITS_MAX = 15 };

struct draw_zipf { uint64_t items; double *sums; };    /* of the shares up to and with each item; the last one is 1 */

/* Reads up to DIGITS_MAX digits; NULL when there is no digit, or one more. */
static const char *digits(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    int count = 0;
    for (; *text >= '0' && *text <= '9' && count <= DIGITS_MAX; text++, count++)
        number = number * 10 + (uint64_t)(*text - '0');
    *ret_number = number;
    return count > 0 && count <= DIGITS_MAX ? text : NULL;
}

bool draw_range_parse(const char *text, uint64_t most, struct draw_range *ret_range)
{
    struct draw_range range;
    const char *end = digits(text, &range.low);
    range.high = range.low;
    if (end != NULL && *end == '-')
        end = digits(end + 1, &range.high);
    if (end == NULL || *end != 0 || range.low < 1 || range.low > range.high || range.high > most)
        return false;
    *ret_range = range;
    return true;
}

bool draw_exponent_parse(const char *text, double *ret_exponent)
{
    uint64_t whole, parts = 0;
    const char *end = digits(text, &whole), *point = end;
    double exponent;
    if (end != NULL && *end == '.')
        end = digits(point + 1, &parts);
    if (end == NULL || *end != 0)
        return false;
    exponent = (double)whole;
    if (end > point)
        exponent += (double)parts / pow(10, (double)(end - point - 1));
    if (exponent > EXPONENT_MAX)
        return false;
    *ret_exponent = exponent;
    return true;
}

struct draw_zipf *draw_zipf_open(uint64_t items, double exponent)
{
    struct draw_zipf *zipf = memory_zero(1, sizeof *zipf);
    double sum = 0;
    REQUIRE(items > 0 && exponent >= 0);
    zipf->items = items;
    zipf->sums = memory_zero(items, sizeof *zipf->sums);
    for (uint64_t i = 0; i < items; i++)
        zipf->sums[i] = sum += pow((double)(i + 1), -exponent);
    for (uint64_t i = 0; i < items; i++)
        zipf->sums[i] /= sum;
    return zipf;
}

void draw_zipf_close(struct draw_zipf *zipf)
{
    if (zipf == NULL)
        return;
    memory_free(zipf->sums);
    memory_free(zipf);
}

uint64_t draw_zipf_pick(const struct draw_zipf *zipf, uint64_t random)
{
    double wanted = (double)(random >> 11) / 0x1p53;       /* 0 to below 1 */
    uint64_t low = 0, high = zipf->items - 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (zipf->sums[middle] <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    ENSURE(low < zipf->items);
    return low;
}
