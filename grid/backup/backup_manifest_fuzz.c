/* Fuzz target of the file `manifest` of a backup. It is refused with a note, or taken; and what was taken is the same text when it is written again.
 *
 * Input: u8 how (1: a right checksum is put behind it), then the text. */
#include "grid/backup/backup_manifest.h"
#include "grid/base/check.h"
#include "grid/base/crc32c.h"
#include "grid/base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader reader = reader_of(bytes_of(data, size));
    struct buffer text = {0}, again = {0};
    struct backup_manifest manifest;
    char *note = NULL;
    bool repair = reader_u8(&reader) == 1;
    if (!reader.failed)
        buffer_append(&text, reader_take(&reader, reader_left(&reader)));
    if (repair)
        buffer_append_format(&text, "checksum %08x\n", crc32c(buffer_bytes(&text)));
    if (backup_manifest_decode(buffer_bytes(&text), &manifest, &note) == GRID_ERR_OK) {
        backup_manifest_encode(&manifest, &again);
        ENSURE(bytes_equal(buffer_bytes(&text), buffer_bytes(&again)));
        ENSURE(backup_manifest_id(&manifest) != 0);
        backup_manifest_close(&manifest);
    } else {
        ENSURE(note != NULL && note[0] != 0);
    }
    memory_free(note);
    buffer_close(&text);
    buffer_close(&again);
    return 0;
}
