/* A program of somebody else: the gridiron of this tree with one service more, numbered 1000. */
#include "services/host/host.h"
#include "tests/support/guest_service.h"

int main(int count, char **values)
{
    struct program_parts parts = host_parts();
    parts.services = registry_with_guests();
    return program_main(count, values, &parts);
}
