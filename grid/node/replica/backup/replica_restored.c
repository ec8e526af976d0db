/* What a restore of the partition (grid/partition/snapshot/restore.c) changes for its replica. */
#include "grid/node/replica/replica_internal.h"

void replica_restored(struct replica *replica)
{
    replica->restored = partition_restored(replica->partition);
    replica_messages_resign(replica);
    if (!replica->leads)
        return;
    /* The log time of the backup may be later than this cluster's: time goes on from there and does not stand still (R14). */
    log_clock_raise(&replica->log_time.clock, partition_log_time_ms(replica->partition));
    /* As at the begin of a term: looks at everything (R10). */
    replica->outbox_seen = 0;
    replica_activities_again(replica);
    replica_schedule(replica);
}
