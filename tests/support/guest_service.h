/* A service that is not of this tree: a number from 1000, activities that only it understands. A program of tests has it
 * beside those of the shop.
 *
 * Invite makes a guest. A guest with an email address gets a letter: an activity, whose answer becomes the guest's name. A guest with
 * an address brings another one along, to whom the address is the key: a message, usually to another partition. Messages are those
 * of the account service, which has the fields that are needed here. */
#ifndef TESTS_SUPPORT_GUEST_SERVICE_H
#define TESTS_SUPPORT_GUEST_SERVICE_H

#include "services/registry.h"

enum { GUEST = 1000, GUEST_INVITE = 1, GUEST_LETTER = 7, GUEST_METRIC_INVITED = 0 };

extern const struct service guest_service;

/* The services of the shop and this one, which is the first in the list: the order is that of no log. Never freed. */
const struct service_registry *registry_with_guests(void);

#endif
