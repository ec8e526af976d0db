#include <criterion/criterion.h>

#include <string.h>

#include "raft/peers/peers_news.h"

static char text[PEERS_NEWS_BYTES];

static void expect(struct peers_news *news, uint64_t now_ms, const char *line)
{
    text[0] = 0;
    bool told = peers_news_take(news, 2, "0.1.0", now_ms, text);
    cr_assert_eq(told, line != NULL, "at %lu: %s", (unsigned long)now_ms, text);
    cr_assert_not(told && strcmp(text, line) != 0, "%s", text);
}

static void link_and_tell(struct peers_news *news)
{
    peers_news_init(news, 1000);
    expect(news, 1100, NULL);
    peers_news_found(news, 1200);
    expect(news, 1200, "node 2 (version 0.1.0) is linked");
    expect(news, 1300, NULL);
}

Test(peers_news, says_lost_with_the_cause_and_back_with_the_time)
{
    struct peers_news news;
    link_and_tell(&news);
    peers_news_lost(&news, "it does not answer", 5000);
    expect(&news, 5100, "node 2 is lost (it does not answer): connecting again");
    expect(&news, 60000, NULL);
    peers_news_found(&news, 65500);
    expect(&news, 65600, "node 2 (version 0.1.0) is back after 60.500 s");
    expect(&news, 70000, NULL);
}

Test(peers_news, says_once_that_a_node_was_never_reached)
{
    struct peers_news news;
    peers_news_init(&news, 1000);
    expect(&news, 1000 + PEERS_NEWS_NEVER_MS - 1, NULL);
    expect(&news, 1000 + PEERS_NEWS_NEVER_MS, "node 2 has not been reached since this node started, 5 s ago: is it running, and do the addresses "
                                              "under members agree? Trying again");
    expect(&news, 100000, NULL);
    peers_news_found(&news, 100000);
    expect(&news, 100000, "node 2 (version 0.1.0) is linked");
}

Test(peers_news, counts_losses_that_come_one_after_another)
{
    struct peers_news news;
    link_and_tell(&news);
    uint64_t now_ms = 2000;
    int lines = 0;
    for (int i = 0; i < 100; i++, now_ms += 100) {
        peers_news_lost(&news, "the connection broke", now_ms);
        lines += peers_news_take(&news, 2, "", now_ms, text);
        peers_news_found(&news, now_ms + 50);
        lines += peers_news_take(&news, 2, "", now_ms + 50, text);
    }
    cr_expect_leq(lines, 4, "%d lines for 100 losses in 10 s", lines);
    expect(&news, now_ms + PEERS_NEWS_EVERY_MS, "node 2 was lost 49 times (the connection broke) and is back, the last time after 0.050 s");
    expect(&news, now_ms + 2 * PEERS_NEWS_EVERY_MS, NULL);
}

Test(peers_news, ends_with_the_truth)
{
    struct peers_news news;
    link_and_tell(&news);
    peers_news_lost(&news, "a", 2000);
    expect(&news, 2000, "node 2 is lost (a): connecting again");
    peers_news_found(&news, 2100);
    expect(&news, 2100, "node 2 (version 0.1.0) is back after 0.100 s");
    peers_news_lost(&news, "b", 2200);
    expect(&news, 2300, NULL);
    expect(&news, 2000 + PEERS_NEWS_EVERY_MS, "node 2 is lost (b): connecting again");
}
