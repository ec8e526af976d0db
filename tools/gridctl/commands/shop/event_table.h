/* Events as gridctl shows them: an array of objects, or a table. On whose behalf something happened stands there when it is known of one of
 * them. */
#ifndef TOOLS_GRIDCTL_COMMANDS_SHOP_EVENT_TABLE_H
#define TOOLS_GRIDCTL_COMMANDS_SHOP_EVENT_TABLE_H

#include "tools/gridctl/command.h"

/* Appends to ctl->out. `values` are stored events; those that this version cannot read are left out. */
void events_show(struct ctl *ctl, const struct bytes *values, size_t count);

#endif
