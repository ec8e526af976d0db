#include "grid/base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "grid/base/memory.h"

const char *grid_err_text(enum grid_err err)
{
    switch (err) {
#define X(number, name, text) \
    case GRID_ERR_##name:     \
        return text;
        GRID_ERR_LIST(X)
#undef X
    }
    return "unknown error";
}

const char *grid_err_name(enum grid_err err)
{
    switch (err) {
#define X(number, name, text) \
    case GRID_ERR_##name:     \
        return #name;
        GRID_ERR_LIST(X)
#undef X
    }
    return "UNKNOWN_ERROR";
}

char *err_note(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return memory_copy(text, size < (int)sizeof text ? (size_t)size + 1 : sizeof text);
}
