#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/gridctl/commands/cluster/contexts.h"

struct scene { char folder[64], path[128]; struct contexts contexts; struct buffer reason; };

static void scene_open(struct scene *scene)
{
    *scene = (struct scene){0};
    snprintf(scene->folder, sizeof scene->folder, "/tmp/gridiron-contexts-XXXXXX");
    cr_assert_not_null(mkdtemp(scene->folder));
    snprintf(scene->path, sizeof scene->path, "%s/a/gridiron/contexts.json", scene->folder);
}

static void scene_close(struct scene *scene)
{
    char command[160];
    contexts_close(&scene->contexts);
    buffer_close(&scene->reason);
    snprintf(command, sizeof command, "rm -rf %s", scene->folder);
    cr_assert_eq(system(command), 0);
}

static bool read_file(struct scene *scene)
{
    contexts_close(&scene->contexts);
    buffer_clear(&scene->reason);
    bool good = contexts_read(&scene->contexts, scene->path, &scene->reason);
    buffer_append_u8(&scene->reason, 0);
    return good;
}

#define UUID "11111111-2222-4333-8444-555555555555"

Test(contexts, come_back_as_they_were_written)
{
    struct scene scene;
    scene_open(&scene);
    cr_assert(read_file(&scene), "a file that is not there holds nothing");
    cr_assert_eq(scene.contexts.count, 0);
    cr_assert(contexts_put(&scene.contexts, "test", "b:1", NULL));
    cr_assert(contexts_put(&scene.contexts, "production", "a:1,[::1]:2", UUID));
    contexts_use(&scene.contexts, "test");
    cr_assert(contexts_write(&scene.contexts, scene.path, &scene.reason));
    struct stat status;
    cr_assert(stat(scene.path, &status) == 0 && (status.st_mode & 0777) == 0600, "the user's alone");
    cr_assert(read_file(&scene), "%s", (const char *)scene.reason.data);
    cr_assert_eq(scene.contexts.count, 2);
    cr_assert_str_eq(scene.contexts.items[0].name, "production");
    cr_assert_str_eq(contexts_find(&scene.contexts, "production")->endpoints, "a:1,[::1]:2");
    cr_assert_str_eq(contexts_find(&scene.contexts, "production")->cluster, UUID);
    cr_assert_null(contexts_find(&scene.contexts, "test")->cluster);
    cr_assert_str_eq(scene.contexts.current, "test");
    contexts_remove(&scene.contexts, "test");
    cr_assert_null(scene.contexts.current, "the one in use is gone");
    cr_assert_null(contexts_find(&scene.contexts, "test"));
    scene_close(&scene);
}

static void refuses(struct scene *scene, const char *text, const char *reason)
{
    FILE *file = fopen(scene->path, "w");
    cr_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    cr_expect_not(read_file(scene), "%s", text);
    const char *said = (const char *)scene->reason.data;
    cr_expect(strstr(said, reason) != NULL && strncmp(said, scene->path, strlen(scene->path)) == 0, "%s: %s", text, said);
    cr_expect_eq(scene->contexts.count, 0);
}

Test(contexts, a_file_with_anything_else_in_it_is_an_error)
{
    struct scene scene;
    scene_open(&scene);
    cr_assert(contexts_write(&scene.contexts, scene.path, &scene.reason), "makes the folders");
    refuses(&scene, "", "column");
    refuses(&scene, "[]", "object");
    refuses(&scene, "{\"current\":null}", "contexts");
    refuses(&scene, "{\"contexts\":{}}", "list");
    refuses(&scene, "{\"contexts\":[],\"curent\":\"a\"}", "curent");
    refuses(&scene, "{\"contexts\":[],\"current\":\"a\"}", "is not one of the contexts");
    refuses(&scene, "{\"contexts\":[],\"contexts\":[]}", "contexts");
    refuses(&scene, "{\"contexts\":[{\"name\":\"a\"}]}", "contexts[0].endpoints");
    refuses(&scene, "{\"contexts\":[{\"name\":\"a\",\"endpoints\":\"b:1\",\"tls\":true}]}", "contexts[0].tls");
    refuses(&scene, "{\"contexts\":[{\"name\":\"a\",\"endpoints\":7400}]}", "contexts[0].endpoints");
    refuses(&scene, "{\"contexts\":[{\"name\":\"a\",\"endpoints\":\"b\"}]}", "HOST:PORT");
    refuses(&scene, "{\"contexts\":[{\"name\":\"a\",\"endpoints\":\"b:1\",\"cluster\":\"x\"}]}", "cluster is a UUID");
    refuses(&scene, "{\"contexts\":[{\"name\":\"a b\",\"endpoints\":\"b:1\"}]}", "letters");
    refuses(&scene, "{\"contexts\":[{\"name\":\"a\",\"endpoints\":\"b:1\"},{\"name\":\"a\",\"endpoints\":\"b:2\"}]}", "a name is repeated");
    scene_close(&scene);
}

Test(contexts, the_file_follows_the_environment)
{
    static const struct { const char *xdg, *home, *path; } cases[] = {
        {"/x", "/h", "/x/gridiron/contexts.json"}, {NULL, "/h", "/h/.config/gridiron/contexts.json"},
        {"", "/h", "/h/.config/gridiron/contexts.json"}, {"relative", "/h", "/h/.config/gridiron/contexts.json"}, {NULL, NULL, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer path = {0};
        bool found = contexts_path(cases[i].xdg, cases[i].home, &path);
        cr_expect_eq(found, cases[i].path != NULL);
        if (found)
            cr_expect_str_eq((const char *)path.data, cases[i].path);
        buffer_close(&path);
    }
}

Test(contexts, hold_so_many_and_no_more)
{
    struct contexts contexts = {0};
    char name[CONTEXT_NAME_BYTES_MAX + 2];
    for (int i = 0; i < CONTEXTS_MAX; i++) {
        snprintf(name, sizeof name, "c%d", i);
        cr_assert(contexts_put(&contexts, name, "a:1", NULL));
    }
    cr_assert_not(contexts_put(&contexts, "another", "a:1", NULL));
    cr_assert(contexts_put(&contexts, "c17", "b:1", NULL), "changing one needs no room");
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    cr_assert_not(contexts_name_valid(name));
    contexts_close(&contexts);
}
