#include "raft/peers/peers_news.h"

#include <inttypes.h>
#include <stdio.h>

#include "grid/base/check.h"

void peers_news_init(struct peers_news *news, uint64_t now_ms)
{
    *news = (struct peers_news){.since_ms = now_ms};
}

void peers_news_lost(struct peers_news *news, const char *why, uint64_t now_ms)
{
    REQUIRE(news->up);
    news->up = false;
    news->since_ms = now_ms;
    news->losses++;
    news->why = why;
}

void peers_news_found(struct peers_news *news, uint64_t now_ms)
{
    REQUIRE(!news->up);
    news->up = true;
    news->away_ms = now_ms - news->since_ms;
    news->since_ms = now_ms;
}

static bool tell_found(struct peers_news *news, uint32_t node, const char *version, char text[PEERS_NEWS_BYTES])
{
    if (news->said_up)
        return false;
    if (news->was_up)
        snprintf(text, PEERS_NEWS_BYTES, "node %" PRIu32 " (version %s) is back after %" PRIu64 ".%03" PRIu64 " s", node, version,
                 news->away_ms / 1000, news->away_ms % 1000);
    else
        snprintf(text, PEERS_NEWS_BYTES, "node %" PRIu32 " (version %s) is linked", node, version);
    news->said_up = news->was_up = true;
    return true;
}

static bool tell_never(struct peers_news *news, uint32_t node, uint64_t now_ms, char text[PEERS_NEWS_BYTES])
{
    if (news->said_never || now_ms - news->since_ms < PEERS_NEWS_NEVER_MS)
        return false;
    snprintf(text, PEERS_NEWS_BYTES, "node %" PRIu32 " has not been reached since this node started, %" PRIu64 " s ago: is it running, "
             "and do the addresses under members agree? Trying again", node, (now_ms - news->since_ms) / 1000);
    news->said_never = true;
    return true;
}

static bool tell_losses(struct peers_news *news, uint32_t node, uint64_t now_ms, char text[PEERS_NEWS_BYTES])
{
    if (news->told_ms != 0 && now_ms - news->told_ms < PEERS_NEWS_EVERY_MS)
        return false;
    char times[32] = "";
    if (news->losses > 1)
        snprintf(times, sizeof times, " %" PRIu32 " times", news->losses);
    if (news->up)
        snprintf(text, PEERS_NEWS_BYTES, "node %" PRIu32 " was lost%s (%s) and is back, the last time after %" PRIu64 ".%03" PRIu64 " s",
                 node, times, news->why, news->away_ms / 1000, news->away_ms % 1000);
    else
        snprintf(text, PEERS_NEWS_BYTES, "node %" PRIu32 " is lost%s (%s): connecting again", node, times, news->why);
    news->told_ms = now_ms;
    news->losses = 0;
    news->was_up = true;
    news->said_up = news->up;
    return true;
}

bool peers_news_take(struct peers_news *news, uint32_t node, const char *version, uint64_t now_ms, char ret_text[PEERS_NEWS_BYTES])
{
    if (news->losses > 0)
        return tell_losses(news, node, now_ms, ret_text);
    if (news->up)
        return tell_found(news, node, version, ret_text);
    return !news->was_up && tell_never(news, node, now_ms, ret_text);
}
