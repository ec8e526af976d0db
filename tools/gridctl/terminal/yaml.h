/* JSON as YAML (1.2, block style), for `-o yaml`: the same data in the same order. */
#ifndef TOOLS_GRIDCTL_TERMINAL_YAML_H
#define TOOLS_GRIDCTL_TERMINAL_YAML_H

#include "services/edge/json_read.h"

/* Appends a document, without a line "---" before it. */
void yaml_document(struct buffer *out, const struct json_value *value);

#endif
