/* Rows as text or JSON, from the same calls. */
#include <inttypes.h>

#include "grid/node/dump/dump_internal.h"

enum { TEXT_BYTES_SHOWN = 200 };

void dump_row(struct dump *dump, uint64_t offset, const char *kind)
{
    dump->rows++;
    dump->silent = dump->options->limit != 0 && dump->rows > dump->options->limit;
    if (dump->silent)
        return;
    if (dump->options->json)
        fprintf(dump->out, "{\"offset\":%" PRIu64 ",\"record\":\"%s\"", offset, kind);
    else
        fprintf(dump->out, "%10" PRIu64 "  %-9s", offset, kind);
}

void dump_number(struct dump *dump, const char *name, uint64_t value)
{
    if (!dump->silent)
        fprintf(dump->out, dump->options->json ? ",\"%s\":%" PRIu64 : " %s=%" PRIu64, name, value);
}

/* JSON has no room for 64 bits in a number of other programs; identities are texts. */
void dump_hex(struct dump *dump, const char *name, uint64_t value)
{
    if (!dump->silent)
        fprintf(dump->out, dump->options->json ? ",\"%s\":\"%016" PRIx64 "\"" : " %s=%016" PRIx64, name, value);
}

void dump_text(struct dump *dump, const char *name, struct bytes text)
{
    if (dump->silent)
        return;
    fprintf(dump->out, dump->options->json ? ",\"%s\":\"" : " %s=\"", name);
    for (size_t i = 0; i < text.size && i < TEXT_BYTES_SHOWN; i++) {
        uint8_t byte = text.data[i];
        if (byte == '"' || byte == '\\')
            fprintf(dump->out, "\\%c", byte);
        else if (byte >= 0x20 && byte < 0x7f)
            fputc(byte, dump->out);
        else
            fprintf(dump->out, "\\u%04x", byte);
    }
    fputs(text.size > TEXT_BYTES_SHOWN ? "...\"" : "\"", dump->out);
}

void dump_end(struct dump *dump)
{
    if (!dump->silent)
        fputs(dump->options->json ? "}\n" : "\n", dump->out);
}

int dump_damaged(struct dump *dump, uint64_t offset, const char *what)
{
    fflush(dump->out);
    fprintf(dump->errors, "gridiron dump: %s: offset %" PRIu64 ": %s\n", dump->options->file, offset, what);
    return 1;
}

int dump_failed(struct dump *dump, const char *what)
{
    fflush(dump->out);
    fprintf(dump->errors, "gridiron dump: %s: %s\n", dump->options->file, what);
    return 1;
}
