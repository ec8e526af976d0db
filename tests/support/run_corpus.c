/* Runs a fuzz target over the files of a folder: `run_corpus FOLDER`. Fails when the folder has no files. */
#include <dirent.h>
#include <stdio.h>

#include "grid/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_file(const char *path, struct buffer *content)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    uint8_t part[4096];
    for (size_t size; (size = fread(part, 1, sizeof part, file)) != 0;)
        buffer_append(content, bytes_of(part, size));
    bool read = ferror(file) == 0;
    fclose(file);
    return read;
}

static bool run(const char *folder, const char *name)
{
    struct buffer path = {0}, content = {0};
    buffer_append_format(&path, "%s/%s", folder, name);
    buffer_append_u8(&path, 0);
    bool read = read_file((const char *)path.data, &content);
    if (read)
        LLVMFuzzerTestOneInput(content.data, content.size);
    else
        fprintf(stderr, "cannot read %s\n", (const char *)path.data);
    buffer_close(&path);
    buffer_close(&content);
    return read;
}

int main(int count, char **arguments)
{
    DIR *folder = count == 2 ? opendir(arguments[1]) : NULL;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
        return 2;
    }
    size_t files = 0;
    bool all_read = true;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        all_read = run(arguments[1], entry->d_name) && all_read;
        files++;
    }
    closedir(folder);
    printf("%zu inputs\n", files);
    return files == 0 || !all_read;
}
