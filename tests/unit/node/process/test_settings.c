#include <criterion/criterion.h>
#include <string.h>

#include "grid/node/process/settings.h"

static struct node_settings three(void)
{
    return (struct node_settings){
        .cluster = "shop", .self = {1}, .partitions = 8, .sync = true, .members_count = 3,
        .members = {{{1}, "a:1", "a:2"}, {{2}, "b:1", "b:2"}, {{3}, "c:1", "c:2"}}};
}

Test(settings, finds_a_member_by_id)
{
    struct node_settings settings = three();
    cr_assert_eq(node_settings_member(&settings, (struct node_id){2}), &settings.members[1]);
    cr_assert_null(node_settings_member(&settings, (struct node_id){4}));
    cr_assert_null(node_settings_member(&settings, (struct node_id){0}));
}

Test(settings, a_cluster_without_a_uuid_has_that_of_its_name)
{
    struct node_settings settings = three(), other = three();
    cr_assert(uuid_equal(node_settings_cluster_uuid(&settings), uuid_of_name(bytes_of_text("shop"))));
    other.self.value = 3;
    other.sync = false;
    other.members[1].peer_address[0] = 'x';
    cr_assert(uuid_equal(node_settings_cluster_uuid(&settings), node_settings_cluster_uuid(&other)));
    memcpy(other.cluster_uuid, "0123abcd-4567-89ef-8123-456789abcdef", UUID_TEXT_BYTES + 1);
    cr_assert_str_eq(uuid_text_of(node_settings_cluster_uuid(&other)).text, "0123abcd-4567-89ef-8123-456789abcdef");
}

Test(settings, a_node_listens_where_it_is_reached_unless_told_otherwise)
{
    struct node_settings settings = three();
    cr_assert_str_eq(node_settings_client_listen(&settings), "a:1");
    cr_assert_str_eq(node_settings_peer_listen(&settings), "a:2");
    memcpy(settings.client_listen, "0.0.0.0:7", 10);
    cr_assert_str_eq(node_settings_client_listen(&settings), "0.0.0.0:7");
    cr_assert_str_eq(node_settings_peer_listen(&settings), "a:2");
}
