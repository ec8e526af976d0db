#include "grid/base/err.h"

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
