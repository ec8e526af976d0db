/* The services that a partition knows, by number and by name. Constant after it was made; shared by all threads. */
#ifndef SERVICES_REGISTRY_H
#define SERVICES_REGISTRY_H

#include "services/service.h"

struct service_registry { const struct service *const *services; size_t count; };

/* The built-in services of service_list.h. Never freed. */
const struct service_registry *registry_builtin(void);
const struct service *registry_find(const struct service_registry *registry, uint32_t number);      /* may be absent */
size_t registry_place(const struct service_registry *registry, const struct service *service);        /* it must be there */
const struct service *registry_find_name(const struct service_registry *registry, struct bytes name);
const struct service_command_kind *registry_command(const struct service *service, uint32_t type);  /* may be absent */
const struct service_event_kind *registry_event(const struct service *service, uint32_t type);      /* may be absent */

/* Why no node may run with it, for people, or NULL: too many services, a number or a name twice, a number 0, a map of parts
 * whose name clients could use or another map has. */
const char *registry_flaw(const struct service_registry *registry);

#endif
