/* A service from outside of this tree: its number is 1000 or more, and only it understands its activities. A test program has it
 * besides the services of the shop.
 *
 * Invite makes a guest. A guest with an email address gets a letter: an activity, whose answer becomes the guest's name. A guest with
 * an address brings a second guest, whose key is the address: a message, usually to another partition. Messages are those
 * of the account service, which has the fields that are needed here. */
#ifndef TESTS_SUPPORT_GUEST_SERVICE_H
#define TESTS_SUPPORT_GUEST_SERVICE_H

#include "services/registry.h"

enum { GUEST = 1000, GUEST_INVITE = 1, GUEST_LETTER = 7, GUEST_METRIC_INVITED = 0 };

extern const struct service guest_service;

/* The services of the shop and this one, which is the first in the list: the order is that of no log. Never freed. */
const struct service_registry *registry_with_guests(void);

#endif
