#include "services/host/host.h"

#include "services/host/ledger.h"
#include "services/registry.h"

static const struct program_destination destinations[] = {
    {.setting = "payment.ledger", .meaning = "file of the built-in payment provider; empty: none",
     .open = ledger_open, .close = ledger_close, .check = ledger_check},
};

struct program_parts host_parts(void)
{
    return (struct program_parts){.services = registry_builtin(), .destinations = destinations,
                                  .destinations_count = sizeof destinations / sizeof destinations[0]};
}
