/* The services of a cluster, in level show: which nodes' programs have them, which partitions, and what is missing. */
#ifndef TOOLS_GRIDCTL_COMMANDS_CLUSTER_SERVICES_H
#define TOOLS_GRIDCTL_COMMANDS_CLUSTER_SERVICES_H

#include "tools/gridctl/terminal/survey.h"

/* Nothing where all nodes are of a version that says nothing of services. */
void services_show(struct ctl *ctl, const struct survey *survey);
void services_json(struct json *json, const struct survey *survey);    /* the field "services" of an object */

#endif
