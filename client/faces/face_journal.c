/* The asynchronous face of journals. */
#include "client/faces/face.h"
#include "grid/base/check.h"
#include "grid/base/memory.h"

_Static_assert((int)GRID_FROM_OLDEST == (int)JOURNAL_OLDEST && (int)GRID_FROM_TIME == (int)JOURNAL_TIME, "beginnings");
_Static_assert(GRID_PARTITION_ALL == PARTITION_ALL, "all partitions");

struct grid_journal {
    struct grid_client *client;
    struct client_journal *journal;
};

struct grid_journal *grid_journal_open(struct grid_client *client, const struct grid_journal_options *options)
{
    struct grid_journal *journal = memory_zero(1, sizeof *journal);
    REQUIRE(options->map != NULL);
    journal->client = client;
    journal->journal = client_journal_open(
        face_core(client), &(struct client_journal_options){
                               .map = bytes_of_text(options->map), .from = (enum journal_from)options->from,
                               .position = options->position, .partition = options->partition, .limit = options->page});
    return journal;
}

void grid_journal_seek(struct grid_journal *journal, uint32_t partition, uint64_t sequence)
{
    client_journal_seek(journal->journal, partition, sequence);
}

void grid_journal_next(struct grid_journal *journal, uint64_t wait_ms, const struct grid_call *call)
{
    struct client_call inner = face_call(journal->client, call);
    client_journal_next(journal->journal, wait_ms, &inner);
}

uint64_t grid_journal_position(const struct grid_journal *journal, uint32_t partition)
{
    return client_journal_position(journal->journal, partition);
}

void grid_journal_close(struct grid_journal *journal)
{
    client_journal_close(journal->journal);
    memory_free(journal);
}
