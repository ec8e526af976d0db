/* The identity of a data directory over storage in memory. */
#include <criterion/criterion.h>
#include <string.h>

#include "grid/base/crc32c.h"
#include "grid/base/memory.h"
#include "grid/node/process/identity.h"
#include "tests/support/fake_storage.h"

struct scene { struct fake_storage *disk; struct io io; struct entropy entropy; struct node_settings settings; uint64_t drawn; };

static struct scene *scene_of_entropy(struct entropy *entropy)
{
    return (struct scene *)(void *)((char *)entropy - offsetof(struct scene, entropy));
}

static uint64_t draw(struct entropy *entropy)
{
    return ++scene_of_entropy(entropy)->drawn * UINT64_C(0x9e3779b97f4a7c15);
}

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){.disk = fake_storage_open(1), .entropy = {draw},
                            .settings = {.cluster = "shop", .self = {1}, .partitions = 8, .sync = true, .members_count = 3,
                                         .members = {{{1}, "a:1", "a:2"}, {{2}, "b:1", "b:2"}, {{3}, "c:1", "c:2"}}}};
    scene->io.storage = fake_storage_io(scene->disk);
    scene->io.entropy = &scene->entropy;
}

static struct identity opens(struct scene *scene)
{
    struct identity identity;
    char *note = NULL;
    cr_assert_eq(identity_open(&scene->io, &scene->settings, &identity, &note), GRID_ERR_OK, "%s", note ? note : "");
    return identity;
}

static void refuses(struct scene *scene, enum grid_err expected, const char *part)
{
    struct identity identity = {.partitions = 77};
    char *note = NULL;
    enum grid_err err = identity_open(&scene->io, &scene->settings, &identity, &note);
    cr_assert_eq(err, expected, "%s", note ? note : "");
    cr_assert(note && strstr(note, part), "\"%s\" has no \"%s\"", note ? note : "", part);
    cr_assert_eq(identity.partitions, 77u, "set on success only");
    memory_free(note);
}

static void store(struct scene *scene, const char *text)
{
    fake_storage_store(scene->disk, "identity", bytes_of_text(text));
}

/* The text of a later format: same head, a right checksum. */
static void store_with_checksum(struct scene *scene, const char *text)
{
    struct buffer whole = {0};
    buffer_append_format(&whole, "%schecksum %08x\n", text, crc32c(bytes_of_text(text)));
    fake_storage_store(scene->disk, "identity", buffer_bytes(&whole));
    buffer_close(&whole);
}

Test(identity, is_made_at_the_first_start_and_found_at_the_next)
{
    struct scene scene;
    scene_open(&scene);
    struct identity first = opens(&scene), again = opens(&scene);
    cr_assert_neq(first.incarnation, 0u);
    cr_assert_neq(first.owner, 0u);
    cr_assert_neq(first.owner, first.incarnation);
    cr_assert_eq(again.incarnation, first.incarnation);
    cr_assert_eq(again.owner, first.owner);
    cr_assert(uuid_equal(again.cluster_uuid, uuid_of_name(bytes_of_text("shop"))));
    cr_assert(again.node.value == 1 && again.partitions == 8 && again.members_count == 3 && again.members[2] == 3 && !again.is_old);
    fake_storage_close(scene.disk);
}

Test(identity, of_two_directories_of_one_node_differs)
{
    struct scene scene;
    scene_open(&scene);
    struct identity first = opens(&scene);
    fake_storage_delete(scene.disk, "identity");
    struct identity second = opens(&scene);
    cr_assert_neq(first.incarnation, second.incarnation);
    cr_assert_neq(first.owner, second.owner);
    fake_storage_close(scene.disk);
}

Test(identity, lets_everything_change_that_does_not_belong_to_the_log)
{
    struct scene scene;
    scene_open(&scene);
    memcpy(scene.settings.cluster_uuid, "0123abcd-4567-89ef-8123-456789abcdef", UUID_TEXT_BYTES + 1);
    struct identity first = opens(&scene);
    memcpy(scene.settings.cluster, "mart", 5);
    scene.settings.sync = false;
    scene.settings.election_timeout_ms = 50;
    scene.settings.segment_bytes = 1 << 20;
    memcpy(scene.settings.members[1].client_address, "x:9", 4);
    memcpy(scene.settings.members[0].peer_address, "y:9", 4);
    cr_assert_eq(opens(&scene).owner, first.owner);
    fake_storage_close(scene.disk);
}

Test(identity, names_what_differs_and_what_to_do)
{
    struct scene scene;
    scene_open(&scene);
    opens(&scene);
    struct node_settings good = scene.settings;
    memcpy(scene.settings.cluster, "mart", 5);
    refuses(&scene, GRID_ERR_MISMATCH, "if only the name has changed, set cluster_uuid to ");
    refuses(&scene, GRID_ERR_MISMATCH, uuid_text_of(uuid_of_name(bytes_of_text("shop"))).text);
    memcpy(scene.settings.cluster_uuid, "0123abcd-4567-89ef-8123-456789abcdef", UUID_TEXT_BYTES + 1);
    refuses(&scene, GRID_ERR_MISMATCH, "the configuration says cluster_uuid 0123abcd-4567-89ef-8123-456789abcdef: correct cluster_uuid or data");
    memcpy(scene.settings.cluster_uuid, uuid_text_of(uuid_of_name(bytes_of_text("shop"))).text, UUID_TEXT_BYTES + 1);
    opens(&scene);
    scene.settings = good;
    scene.settings.self.value = 2;
    refuses(&scene, GRID_ERR_MISMATCH, "data directory of node 1, the configuration says node 2");
    scene.settings = good;
    scene.settings.partitions = 9;
    refuses(&scene, GRID_ERR_MISMATCH, "began with partitions 8, the configuration says partitions 9");
    scene.settings = good;
    scene.settings.members[2].id.value = 4;
    refuses(&scene, GRID_ERR_MISMATCH, "began with the members 1 2 3, the configuration lists 1 2 4");
    scene.settings = good;
    scene.settings.members_count = 1;
    refuses(&scene, GRID_ERR_MISMATCH, "began with the members 1 2 3, the configuration lists 1:");
    fake_storage_close(scene.disk);
}

/* Never as another configuration, another node, another version. */
Test(identity, every_flipped_bit_is_damage)
{
    struct scene scene;
    scene_open(&scene);
    opens(&scene);
    uint64_t size = fake_storage_content(scene.disk, "identity").size;
    for (uint64_t at = 0; at < size; at++)
        for (uint32_t bit = 0; bit < 8; bit++) {
            fake_storage_flip(scene.disk, "identity", at, (uint8_t)(1u << bit));
            refuses(&scene, GRID_ERR_CORRUPT, "identity: damaged");
            fake_storage_flip(scene.disk, "identity", at, (uint8_t)(1u << bit));
        }
    opens(&scene);
    fake_storage_close(scene.disk);
}

Test(identity, cut_short_or_longer_is_damage)
{
    struct scene scene;
    struct buffer text = {0};
    scene_open(&scene);
    opens(&scene);
    buffer_append(&text, fake_storage_content(scene.disk, "identity"));
    for (size_t size = 0; size < text.size; size++) {
        fake_storage_store(scene.disk, "identity", bytes_of(text.data, size));
        refuses(&scene, GRID_ERR_CORRUPT, "identity: damaged");
    }
    buffer_append_text(&text, "more 1\n");
    fake_storage_store(scene.disk, "identity", buffer_bytes(&text));
    refuses(&scene, GRID_ERR_CORRUPT, "identity: damaged");
    buffer_close(&text);
    fake_storage_close(scene.disk);
}

Test(identity, of_a_newer_format_asks_for_an_upgrade)
{
    struct scene scene;
    scene_open(&scene);
    store_with_checksum(&scene, "gridiron identity 3\nsomething else\n");
    refuses(&scene, GRID_ERR_MISMATCH, "format 3, this program reads up to 2: it was written by a newer version; upgrade this program");
    store(&scene, "gridiron identity 3\nsomething else\n");
    refuses(&scene, GRID_ERR_CORRUPT, "damaged");
    store_with_checksum(&scene, "gridiron identity 2\ncluster_uuid 0123abcd-4567-89ef-8123-456789abcdef\nnode 1\n");
    refuses(&scene, GRID_ERR_CORRUPT, "damaged");
    fake_storage_close(scene.disk);
}

Test(identity, missing_beside_a_log_is_refused)
{
    struct scene scene;
    scene_open(&scene);
    fake_storage_store(scene.disk, "wal-0000000000000000", bytes_of_text("x"));
    refuses(&scene, GRID_ERR_CORRUPT, "identity: missing, while there is a log");
    cr_assert_not(fake_storage_has(scene.disk, "identity"));
    fake_storage_close(scene.disk);
}

Test(identity, that_cannot_be_written_or_read_names_itself)
{
    struct scene scene;
    scene_open(&scene);
    fake_storage_fail(scene.disk, FAKE_PUT, 0, 1, GRID_ERR_NO_SPACE);
    refuses(&scene, GRID_ERR_NO_SPACE, "identity: cannot be written");
    fake_storage_fail(scene.disk, FAKE_GET, 0, 1, GRID_ERR_IO);
    refuses(&scene, GRID_ERR_IO, "identity: cannot be read");
    fake_storage_close(scene.disk);
}

static const char OLD[] = "gridiron identity 1\ncluster shop\nnode 1\npartitions 8\ndurability fsync\n"
                          "member 1 a:1 a:2\nmember 2 b:1 b:2\nmember 3 c:1 c:2\n";

/* The owner stands in logs that format 1 began: it must come out as it did then. */
Test(identity, of_format_1_is_read_with_the_owner_of_its_log)
{
    struct scene scene;
    scene_open(&scene);
    store(&scene, OLD);
    memcpy(scene.settings.members[2].client_address, "z:7", 4);
    struct identity old = opens(&scene);
    cr_assert(old.is_old);
    cr_assert_eq(old.owner, UINT64_C(0x39b8b00c2410b52b), "%lx", old.owner);
    cr_assert_neq(old.incarnation, 0u);
    char *note = NULL;
    cr_assert_eq(identity_write(scene.io.storage, &old, &note), GRID_ERR_OK);
    struct identity converted = opens(&scene);
    cr_assert(!converted.is_old && converted.owner == old.owner && converted.incarnation == old.incarnation);
    cr_assert(uuid_equal(converted.cluster_uuid, uuid_of_name(bytes_of_text("shop"))));
    fake_storage_close(scene.disk);
}

Test(identity, of_format_1_must_agree_too)
{
    struct scene scene;
    scene_open(&scene);
    store(&scene, OLD);
    struct node_settings good = scene.settings;
    memcpy(scene.settings.cluster, "mart", 5);
    refuses(&scene, GRID_ERR_MISMATCH, "belongs to cluster \"shop\", the configuration says \"mart\"");
    scene.settings = good;
    scene.settings.self.value = 3;
    refuses(&scene, GRID_ERR_MISMATCH, "of node 1, the configuration says node 3");
    scene.settings = good;
    scene.settings.partitions = 128;
    refuses(&scene, GRID_ERR_MISMATCH, "began with partitions 8");
    scene.settings = good;
    store(&scene, "gridiron identity 1\ncluster shop\nnode 1\npartitions 8\ndurability fsynd\nmember 1 a:1 a:2\n");
    refuses(&scene, GRID_ERR_CORRUPT, "damaged");
    store(&scene, "gridiron identity 1\ncluster shop\nnode 1\npartitions 8\ndurability fsync\n");
    refuses(&scene, GRID_ERR_CORRUPT, "damaged");
    fake_storage_close(scene.disk);
}
