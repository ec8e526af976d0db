#include "services/edge/nearest.h"

#include <string.h>

enum { NAME_BYTES_MAX = 40 };              /* longer ones are near to nothing */

static uint8_t lower(uint8_t letter)
{
    return letter >= 'A' && letter <= 'Z' ? (uint8_t)(letter - 'A' + 'a') : letter;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The distance of Damerau and Levenshtein, without edits of what was swapped ("optimal string alignment"). */
static size_t distance(struct bytes a, struct bytes b)
{
    size_t rows[NAME_BYTES_MAX + 1][NAME_BYTES_MAX + 1];
    for (size_t i = 0; i <= a.size; i++)
        rows[i][0] = i;
    for (size_t j = 0; j <= b.size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.size; i++)
        for (size_t j = 1; j <= b.size; j++) {
            bool same = lower(a.data[i - 1]) == lower(b.data[j - 1]);
            size_t changed = rows[i - 1][j - 1] + !same;
            rows[i][j] = least(changed, 1 + least(rows[i - 1][j], rows[i][j - 1]));
            if (i > 1 && j > 1 && lower(a.data[i - 1]) == lower(b.data[j - 2]) && lower(a.data[i - 2]) == lower(b.data[j - 1]))
                rows[i][j] = least(rows[i][j], 1 + rows[i - 2][j - 2]);
        }
    return rows[a.size][b.size];
}

static bool begins(struct bytes text, struct bytes beginning)
{
    if (beginning.size < 3 || beginning.size > text.size)
        return false;
    for (size_t i = 0; i < beginning.size; i++)
        if (lower(text.data[i]) != lower(beginning.data[i]))
            return false;
    return true;
}

/* One error in three letters; in very short names one. With more, "fish" would be near to "bash". */
static size_t errors_allowed(size_t size)
{
    return size > 3 ? size / 3 : 1;
}

const char *nearest_name(struct bytes given, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t fewest = SIZE_MAX;
    if (given.size == 0 || given.size > NAME_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct bytes name = bytes_of_text(names[i]);
        size_t errors = name.size <= NAME_BYTES_MAX ? distance(given, name) : SIZE_MAX;
        if (errors < fewest && errors <= errors_allowed(given.size) && errors < name.size) {
            nearest = names[i];
            fewest = errors;
        }
    }
    for (size_t i = 0; nearest == NULL && i < count; i++)
        if (begins(bytes_of_text(names[i]), given) || begins(given, bytes_of_text(names[i])))
            nearest = names[i];
    return nearest;
}
