#include <criterion/criterion.h>

#include "grid/node/settings.h"

static struct node_settings three(void)
{
    return (struct node_settings){
        .cluster = "shop", .self = {1}, .partitions = 8, .sync = true, .members_count = 3,
        .members = {{{1}, "a:1", "a:2"}, {{2}, "b:1", "b:2"}, {{3}, "c:1", "c:2"}}};
}

Test(settings, digest_is_the_same_on_every_node_whatever_is_local)
{
    struct node_settings a = three(), b = three();
    b.self = (struct node_id){3};
    b.election_timeout_ms = 50;
    b.heartbeat_ms = 10;
    b.log_disk_bytes_max = 1;
    b.log_memory_bytes_max = 1;
    b.segment_bytes = 1;
    b.shims_disabled = 1;
    cr_assert_eq(node_settings_digest(&a), node_settings_digest(&b));
    cr_assert_neq(node_settings_digest(&a), 0);
}

Test(settings, digest_changes_with_everything_that_nodes_must_agree_on)
{
    struct node_settings changed[8];
    uint64_t digests[9];
    for (size_t i = 0; i < 8; i++)
        changed[i] = three();
    changed[0].cluster[3] = 'q';
    changed[1].partitions = 9;
    changed[2].sync = false;
    changed[3].members_count = 2;
    changed[4].members[2].id.value = 4;
    changed[5].members[1].client_address[0] = 'x';
    changed[6].members[1].peer_address[2] = '3';
    changed[7].cluster[0] = 0;
    struct node_settings same = three();
    digests[8] = node_settings_digest(&same);
    for (size_t i = 0; i < 8; i++) {
        digests[i] = node_settings_digest(&changed[i]);
        for (size_t j = 0; j < 9; j++)
            cr_assert(j == i || j < 8 ? j >= i || digests[i] != digests[j] : digests[i] != digests[8], "%zu and %zu", i, j);
    }
}

Test(settings, finds_a_member_by_id)
{
    struct node_settings settings = three();
    cr_assert_eq(node_settings_member(&settings, (struct node_id){2}), &settings.members[1]);
    cr_assert_null(node_settings_member(&settings, (struct node_id){4}));
    cr_assert_null(node_settings_member(&settings, (struct node_id){0}));
}
