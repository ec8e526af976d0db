/* What an error says to people. */
#include <stdarg.h>
#include <stdio.h>

#include "grid/base/memory.h"
#include "grid/uv/uv_internal.h"

char *uv_note(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return memory_copy(text, size < (int)sizeof text ? (size_t)size + 1 : sizeof text);
}
