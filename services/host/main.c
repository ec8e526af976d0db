/* The gridiron program: a node of the grid with the built-in services and the built-in payment provider. */
#include "services/host/host.h"

int main(int count, char **values)
{
    struct program_parts parts = host_parts();
    return program_main(count, values, &parts);
}
