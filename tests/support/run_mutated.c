/* A fuzzer for everybody: `run_mutated FOLDER ROUNDS` runs a fuzz target over random changes of the files of a folder.
 *
 * Deterministic: the files are read in order of name and the round number is the seed, so a round that fails fails again.
 * Needs no special compiler; the fuzz build finds more (tools/test). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/base/bytes.h"
#include "grid/base/memory.h"
#include "grid/base/prng.h"

enum { FILES_MAX = 1024, INPUT_BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct corpus { struct buffer files[FILES_MAX]; size_t count; };

static bool read_file(const char *folder, const char *name, struct buffer *content)
{
    struct buffer path = {0};
    buffer_append_format(&path, "%s/%s", folder, name);
    buffer_append_u8(&path, 0);
    FILE *file = fopen((const char *)path.data, "rb");
    buffer_close(&path);
    if (file == NULL)
        return false;
    uint8_t part[4096];
    for (size_t size; (size = fread(part, 1, sizeof part, file)) != 0;)
        buffer_append(content, bytes_of(part, size));
    fclose(file);
    return true;
}

static bool corpus_read(struct corpus *corpus, const char *folder)
{
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.' && corpus->count < FILES_MAX &&
            read_file(folder, names[i]->d_name, &corpus->files[corpus->count]))
            corpus->count++;
        memory_free(names[i]);         /* scandir takes from the same heap */
    }
    if (count >= 0)
        memory_free(names);
    return corpus->count != 0;
}

static void insert(struct buffer *input, size_t at, struct bytes part)
{
    size_t tail = input->size - at;
    if (part.size == 0 || input->size + part.size > INPUT_BYTES_MAX)
        return;
    buffer_extend(input, part.size);
    memmove(input->data + at + part.size, input->data + at, tail);
    memcpy(input->data + at, part.data, part.size);
}

static struct bytes any_part(const struct corpus *corpus, struct prng *prng)
{
    const struct buffer *file = &corpus->files[prng_range(prng, 0, corpus->count - 1)];
    size_t from = prng_range(prng, 0, file->size), to = prng_range(prng, from, file->size);
    return prng_chance(prng, 500000) ? buffer_bytes(file) : bytes_of(file->data + from, to - from);
}

static void change(struct buffer *input, const struct corpus *corpus, struct prng *prng)
{
    static const uint8_t EXTREMES[] = {0, 1, 0x7f, 0x80, 0xff};
    size_t at = prng_range(prng, 0, input->size);
    size_t size = prng_range(prng, 0, input->size - at < 32 ? input->size - at : 32);
    switch (prng_range(prng, 0, 5)) {
    case 0: insert(input, at, any_part(corpus, prng)); return;
    case 1: insert(input, input->size, any_part(corpus, prng)); return;
    case 2:
        memmove(input->data + at, input->data + at + size, input->size - at - size);
        buffer_truncate(input, input->size - size);
        return;
    case 3:
        if (at < input->size)
            input->data[at] ^= (uint8_t)(1u << prng_range(prng, 0, 7));
        return;
    case 4:
        if (at < input->size)
            input->data[at] = EXTREMES[prng_range(prng, 0, sizeof EXTREMES - 1)];
        return;
    default:
        if (at < input->size)
            input->data[at] = (uint8_t)prng_u64(prng);
        return;
    }
}

static void run_round(const struct corpus *corpus, uint64_t round)
{
    struct prng prng;
    struct buffer input = {0};
    prng_init(&prng, round);
    buffer_append(&input, buffer_bytes(&corpus->files[prng_range(&prng, 0, corpus->count - 1)]));
    buffer_extend(&input, 1);          /* an empty input has an address too */
    buffer_truncate(&input, input.size - 1);
    for (uint64_t changes = prng_range(&prng, 1, 8); changes > 0; changes--)
        change(&input, corpus, &prng);
    /* In memory of exactly its size, so that the sanitizer sees a read past the end. */
    uint8_t *exact = memory_copy(input.data, input.size);
    LLVMFuzzerTestOneInput(exact, input.size);
    memory_free(exact);
    buffer_close(&input);
}

int main(int count, char **arguments)
{
    static struct corpus corpus;
    if (count != 3 || !corpus_read(&corpus, arguments[1])) {
        fprintf(stderr, "usage: %s FOLDER ROUNDS\n", arguments[0]);
        return 2;
    }
    uint64_t rounds = strtoull(arguments[2], NULL, 10);
    for (uint64_t round = 0; round < rounds; round++)
        run_round(&corpus, round);
    for (size_t i = 0; i < corpus.count; i++)
        buffer_close(&corpus.files[i]);
    printf("%zu files, %llu rounds\n", corpus.count, (unsigned long long)rounds);
    return 0;
}
