/* Service commands, messages between partitions and activities. Without services every one of them is refused. */
#include "grid/base/check.h"
#include "grid/partition/state.h"

static void refuse(const struct partition *partition, struct response *response)
{
    REQUIRE(partition != NULL && response != NULL);
    response->err = GRID_ERR_NOT_SUPPORTED;
}

void event_pipeline_command(struct partition *partition, const struct service_command *command, struct response *response)
{
    REQUIRE(command != NULL);
    refuse(partition, response);
}

void event_pipeline_deliver(struct partition *partition, const struct deliver_command *deliver, struct response *response)
{
    REQUIRE(deliver != NULL);
    refuse(partition, response);
}

void event_pipeline_acknowledge(struct partition *partition, const struct acknowledge_command *acknowledge, struct response *response)
{
    REQUIRE(acknowledge != NULL);
    refuse(partition, response);
}

void event_pipeline_activity_result(struct partition *partition, const struct activity_result_command *result, struct response *response)
{
    REQUIRE(result != NULL);
    refuse(partition, response);
}

void event_pipeline_tick(struct partition *partition)
{
    REQUIRE(partition != NULL);
}
