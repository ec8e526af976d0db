/* Log lines about a link to another node: lost and why, connected again and after how long. Private to raft/peers.
 *
 * A link that fails again and again would fill the log: lines about losses are at least PEERS_NEWS_EVERY_MS apart, and each
 * line counts the events since the one before. The last line always describes the present state. Pure: the caller gives the time. */
#ifndef RAFT_PEERS_PEERS_NEWS_H
#define RAFT_PEERS_PEERS_NEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PEERS_NEWS_EVERY_MS = 5000, PEERS_NEWS_NEVER_MS = 5000, PEERS_NEWS_BYTES = 256 };

struct peers_news {
    uint64_t since_ms;                 /* since when the link has its present state; since the start if it never was up */
    uint64_t away_ms;                  /* length of the last absence */
    uint64_t told_ms;                  /* the last line about a loss; 0: none */
    uint32_t losses;                   /* not logged yet */
    const char *why;                   /* of the last loss; static */
    bool up, was_up, said_up, said_never;
};

void peers_news_init(struct peers_news *news, uint64_t now_ms);
void peers_news_lost(struct peers_news *news, const char *why, uint64_t now_ms);
void peers_news_found(struct peers_news *news, uint64_t now_ms);
/* Writes a line about node `node` if one is due; `version` is that of its program. */
bool peers_news_take(struct peers_news *news, uint32_t node, const char *version, uint64_t now_ms, char ret_text[PEERS_NEWS_BYTES]);

#endif
