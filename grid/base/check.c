#include "grid/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *kind, const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: %s failed: %s\n", file, line, kind, expression);
    abort();
}
