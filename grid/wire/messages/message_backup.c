#include "grid/wire/messages/messages_internal.h"

/* ---- backup */

void backup_encode(const struct backup_query *backup, struct buffer *out)
{
    wire_put_u64(out, 1, backup->step);
    wire_put_u64(out, 2, backup->backup);
    wire_put_u64(out, 3, backup->offset);
}

enum grid_err backup_decode(struct bytes in, struct backup_query *ret_backup)
{
    struct backup_query backup = {0};
    uint32_t step = 0;
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: step = wire_u32(&reader); break;
        case 2: backup.backup = wire_u64(&reader); break;
        case 3: backup.offset = wire_u64(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    if (step < BACKUP_RESERVE || step > BACKUP_END)
        wire_unknown(&reader);
    backup.step = (enum backup_step)step;
    *ret_backup = backup;
    return wire_end(&reader);
}

/* ---- restore */

void restore_encode(const struct restore_command *restore, struct buffer *out)
{
    wire_put_u64(out, 1, restore->step);
    wire_put_u64(out, 2, restore->backup);
    wire_put_u64(out, 3, restore->offset);
    wire_put_bytes(out, 4, restore->piece);
    wire_put_u64(out, 5, restore->epoch);
}

enum grid_err restore_decode(struct bytes in, struct restore_command *ret_restore)
{
    struct restore_command restore = {0};
    uint32_t step = 0;
    struct wire_reader reader = wire_reader_of(in);
    while (wire_next(&reader)) {
        switch (reader.field) {
        case 1: step = wire_u32(&reader); break;
        case 2: restore.backup = wire_u64(&reader); break;
        case 3: restore.offset = wire_u64(&reader); break;
        case 4: restore.piece = wire_bytes(&reader); break;
        case 5: restore.epoch = wire_u32(&reader); break;
        default: wire_unknown(&reader);
        }
    }
    if (step < RESTORE_BEGIN || step > RESTORE_CHECK)
        wire_unknown(&reader);
    restore.step = (enum restore_step)step;
    *ret_restore = restore;
    return wire_end(&reader);
}
