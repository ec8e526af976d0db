#include <criterion/criterion.h>
#include <string.h>

#include "tests/sim/world/world.h"

/* One host with one file; the tests write, cut the power and look at what is left. */
struct machine {
    struct world *world;
    struct host *host;
    struct storage *storage;
    struct file *file;
    struct storage_write write;
    struct storage_work work;
    unsigned done;
    enum grid_err err;
};

static void on_open(void *context, struct host *host)
{
    struct machine *machine = context;
    machine->storage = host_io(host)->storage;
    cr_assert_eq(machine->storage->open(machine->storage, "file", true, &machine->file), GRID_ERR_OK);
}

static void on_crash(void *context, struct host *host)
{
    (void)context;
    (void)host;
}

static void machine_open(struct machine *machine, uint64_t seed, uint64_t faults)
{
    *machine = (struct machine){0};
    struct world_options options = {.seed = seed, .faults_allowed = faults, .faults_forced = true};
    machine->world = world_open(&options);
    struct host_owner owner = {on_open, NULL, on_crash, machine, NULL};
    machine->host = world_add_host(machine->world, "n1", HOST_NODE, &owner);
    host_start(machine->host);
}

static void on_done(void *context, enum grid_err err)
{
    struct machine *machine = context;
    machine->done++;
    machine->err = err;
}

static void run_write(struct world *world, void *context)
{
    (void)world;
    struct machine *machine = context;
    machine->storage->write(machine->storage, machine->file, &machine->write);
}

static void begin_write(struct machine *machine, uint64_t offset, struct bytes data, bool sync)
{
    machine->write = (struct storage_write){.offset = offset, .data = data, .sync = sync, .done = on_done, .context = machine};
    host_at(machine->host, 0, run_write, machine);
    world_run(machine->world, world_now_us(machine->world));
}

static void finish_write(struct machine *machine, uint64_t offset, struct bytes data, bool sync)
{
    unsigned before = machine->done;
    begin_write(machine, offset, data, sync);
    world_run(machine->world, world_now_us(machine->world) + 2000000);
    cr_assert_eq(machine->done, before + 1);
}

static uint8_t byte_at(struct machine *machine, uint64_t offset)
{
    uint8_t byte = 0xee;
    cr_assert_eq(machine->storage->read(machine->storage, machine->file, offset, &byte, 1), GRID_ERR_OK);
    return byte;
}

enum { PAGES = 64, BYTES = PAGES * 4096 };
static uint8_t ones[BYTES], twos[BYTES];

static void fill(void)
{
    memset(ones, 1, sizeof ones);
    memset(twos, 2, sizeof twos);
}

Test(disk, keeps_synced_data_through_every_power_cut, .init = fill)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct machine machine;
        machine_open(&machine, seed, FAULT_BIT(LOST_PAGES) | FAULT_BIT(TORN_SECTOR));
        finish_write(&machine, 0, bytes_of(ones, BYTES), true);
        host_crash(machine.host, CRASH_POWER);
        host_start(machine.host);
        cr_assert_eq(machine.storage->size(machine.storage, machine.file), BYTES);
        for (uint64_t at = 0; at < BYTES; at += 512) {
            cr_assert_eq(byte_at(&machine, at), 1);
        }
        world_close(machine.world);
    }
}

Test(disk, keeps_some_of_the_unsynced_pages_and_loses_others, .init = fill)
{
    size_t kept = 0, lost = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct machine machine;
        machine_open(&machine, seed, FAULT_BIT(LOST_PAGES));
        finish_write(&machine, 0, bytes_of(ones, BYTES), true);
        finish_write(&machine, 0, bytes_of(twos, BYTES), false);
        cr_assert_eq(byte_at(&machine, 0), 2, "a reader sees what was written");
        host_crash(machine.host, CRASH_POWER);
        host_start(machine.host);
        for (uint64_t page = 0; page < PAGES; page++) {
            uint8_t first = byte_at(&machine, page * 4096);
            for (uint64_t at = 0; at < 4096; at += 512) {
                cr_assert_eq(byte_at(&machine, page * 4096 + at), first, "pages are whole without torn sectors");
            }
            kept += first == 2;
            lost += first == 1;
        }
        world_close(machine.world);
    }
    cr_assert_gt(kept, 100);
    cr_assert_gt(lost, 100);
}

Test(disk, keeps_the_written_pages_of_a_killed_process, .init = fill)
{
    struct machine machine;
    machine_open(&machine, 1, FAULTS_ALL);
    finish_write(&machine, 0, bytes_of(ones, BYTES), false);
    host_crash(machine.host, CRASH_KILL);
    host_start(machine.host);
    for (uint64_t at = 0; at < BYTES; at += 512) {
        cr_assert_eq(byte_at(&machine, at), 1);
    }
    world_close(machine.world);
}

Test(disk, tears_pages_into_sectors, .init = fill)
{
    size_t torn = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct machine machine;
        machine_open(&machine, seed, FAULT_BIT(LOST_PAGES) | FAULT_BIT(TORN_SECTOR));
        finish_write(&machine, 0, bytes_of(ones, BYTES), true);
        finish_write(&machine, 0, bytes_of(twos, BYTES), false);
        host_crash(machine.host, CRASH_POWER);
        host_start(machine.host);
        for (uint64_t page = 0; page < PAGES; page++) {
            bool mixed = false;
            for (uint64_t at = 512; at < 4096; at += 512) {
                mixed = mixed || byte_at(&machine, page * 4096 + at) != byte_at(&machine, page * 4096);
            }
            torn += mixed;
        }
        world_close(machine.world);
    }
    cr_assert_gt(torn, 20);
}

Test(disk, gives_a_write_under_way_back_when_the_process_ends_and_may_have_done_it, .init = fill)
{
    size_t whole = 0, part = 0, none = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct machine machine;
        machine_open(&machine, seed, FAULTS_ALL);
        finish_write(&machine, 0, bytes_of(ones, BYTES), true);
        begin_write(&machine, 0, bytes_of(twos, BYTES), true);
        host_crash(machine.host, CRASH_KILL);
        cr_assert_eq(machine.done, 2);
        cr_assert_eq(machine.err, GRID_ERR_CLOSED);
        host_start(machine.host);
        world_run(machine.world, world_now_us(machine.world) + 2000000);
        cr_assert_eq(machine.done, 2, "and never again");
        bool first = byte_at(&machine, 0) == 2, last = byte_at(&machine, BYTES - 1) == 2;
        whole += first && last;
        part += first && !last;
        none += !first && !last;
        cr_assert(first || !last);
        world_close(machine.world);
    }
    cr_assert(whole > 0 && part > 0 && none > 0);
}

/* F28: the system shows what was written, takes it for clean, and never writes it. */
Test(disk, loses_pages_of_a_failed_sync_that_look_well_until_the_file_is_opened_again, .init = fill)
{
    size_t kept = 0, lost = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct machine machine;
        machine_open(&machine, seed, 0);
        finish_write(&machine, 0, bytes_of(ones, BYTES), true);
        disk_break(machine.host, DISK_SYNC_ONCE);
        finish_write(&machine, 0, bytes_of(twos, BYTES / 2), true);
        cr_assert_eq(machine.err, GRID_ERR_IO);
        cr_assert(disk_failed(machine.host) && disk_ignored(machine.host));
        cr_assert_eq(byte_at(&machine, 0), 2, "a reader sees what was written");
        finish_write(&machine, BYTES / 2, bytes_of(twos, BYTES / 2), true);
        cr_assert_eq(machine.err, GRID_ERR_OK);
        host_crash(machine.host, CRASH_KILL);
        host_start(machine.host);
        for (uint64_t page = 0; page < PAGES / 2; page++) {
            kept += byte_at(&machine, page * 4096) == 2;
            lost += byte_at(&machine, page * 4096) == 1;
        }
        cr_assert_eq(byte_at(&machine, BYTES / 2), 2, "what a later sync was for is stored");
        world_close(machine.world);
    }
    cr_assert(kept > 100 && lost > 100, "%zu kept, %zu lost", kept, lost);
}

Test(disk, fails_everything_that_changes_it_until_it_is_replaced, .init = fill)
{
    struct machine machine;
    machine_open(&machine, 1, 0);
    struct storage *storage = machine.storage;
    finish_write(&machine, 0, bytes_of(ones, BYTES), true);
    disk_break(machine.host, DISK_WRITE_ALWAYS);
    for (unsigned i = 0; i < 2; i++) {
        finish_write(&machine, BYTES, bytes_of(twos, 4096), true);
        cr_assert_eq(machine.err, GRID_ERR_IO);
        cr_assert_eq(storage->truncate(storage, machine.file, 5000), GRID_ERR_IO);
        cr_assert_eq(storage->put(storage, "meta", bytes_of_text("content")), GRID_ERR_IO);
        cr_assert_eq(storage->remove(storage, "file"), GRID_ERR_IO);
    }
    cr_assert_eq(byte_at(&machine, 0), 1, "it can be read");
    disk_break(machine.host, DISK_SOUND);
    finish_write(&machine, 0, bytes_of(twos, 4096), true);
    cr_assert_eq(machine.err, GRID_ERR_OK);
    world_close(machine.world);
}

Test(disk, makes_allocation_truncation_and_whole_files_durable_at_once, .init = fill)
{
    struct machine machine;
    machine_open(&machine, 9, FAULTS_ALL);
    struct storage *storage = machine.storage;
    cr_assert_eq(storage->allocate(storage, machine.file, 10000), GRID_ERR_OK);
    cr_assert_eq(storage->put(storage, "meta", bytes_of_text("content")), GRID_ERR_OK);
    finish_write(&machine, 0, bytes_of(ones, 9000), true);
    cr_assert_eq(storage->truncate(storage, machine.file, 5000), GRID_ERR_OK);
    host_crash(machine.host, CRASH_POWER);
    host_start(machine.host);
    cr_assert_eq(storage->size(storage, machine.file), 5000);
    cr_assert_eq(byte_at(&machine, 4999), 1);
    uint8_t beyond[8];
    cr_assert_eq(storage->read(storage, machine.file, 4996, beyond, 8), GRID_ERR_IO);
    cr_assert_eq(storage->allocate(storage, machine.file, 10000), GRID_ERR_OK);
    cr_assert_eq(byte_at(&machine, 5000), 0, "cut bytes do not come back");
    struct buffer content = {0};
    cr_assert_eq(storage->get(storage, "meta", &content), GRID_ERR_OK);
    cr_assert(bytes_equal(buffer_bytes(&content), bytes_of_text("content")));
    cr_assert_eq(storage->get(storage, "absent", &content), GRID_ERR_NOT_FOUND);
    buffer_close(&content);
    world_close(machine.world);
}

static void join_name(void *context, const char *name)
{
    struct buffer *names = context;
    buffer_append_text(names, name);
}

Test(disk, lists_files_in_name_order_and_removes_them)
{
    struct machine machine;
    machine_open(&machine, 9, 0);
    struct storage *storage = machine.storage;
    storage->put(storage, "b", BYTES_NONE);
    storage->put(storage, "z", BYTES_NONE);
    storage->put(storage, "a", BYTES_NONE);
    struct buffer names = {0};
    storage->list(storage, join_name, &names);
    cr_assert(bytes_equal(buffer_bytes(&names), bytes_of_text("abfilez")));
    cr_assert_eq(storage->remove(storage, "b"), GRID_ERR_OK);
    cr_assert_eq(storage->remove(storage, "b"), GRID_ERR_NOT_FOUND);
    buffer_clear(&names);
    storage->list(storage, join_name, &names);
    cr_assert(bytes_equal(buffer_bytes(&names), bytes_of_text("afilez")));
    buffer_close(&names);
    world_close(machine.world);
}

Test(disk, fails_writes_syncs_and_space_on_request, .init = fill)
{
    struct machine machine;
    machine_open(&machine, 9, 0);
    disk_break(machine.host, DISK_WRITE_ONCE);
    finish_write(&machine, 0, bytes_of(ones, 100), true);
    cr_assert_eq(machine.err, GRID_ERR_IO);
    finish_write(&machine, 0, bytes_of(ones, 100), true);
    cr_assert_eq(machine.err, GRID_ERR_OK);
    disk_break(machine.host, DISK_SYNC_ONCE);
    finish_write(&machine, 0, bytes_of(ones, 100), false);
    cr_assert_eq(machine.err, GRID_ERR_OK);
    finish_write(&machine, 0, bytes_of(ones, 100), true);
    cr_assert_eq(machine.err, GRID_ERR_IO);
    disk_break(machine.host, DISK_FULL);
    cr_assert_eq(machine.storage->free_bytes(machine.storage), 0);
    finish_write(&machine, 0, bytes_of(twos, 100), true);
    cr_assert_eq(machine.err, GRID_ERR_OK, "room that is reserved stays usable");
    finish_write(&machine, 4096, bytes_of(twos, 100), true);
    cr_assert_eq(machine.err, GRID_ERR_NO_SPACE);
    disk_break(machine.host, DISK_SOUND);
    finish_write(&machine, 4096, bytes_of(twos, 100), true);
    cr_assert_eq(machine.err, GRID_ERR_OK);
    world_close(machine.world);
}

static void run_work(struct world *world, void *context)
{
    (void)world;
    struct machine *machine = context;
    machine->storage->work(machine->storage, &machine->work);
}

static void begin_work(struct machine *machine, struct storage_work work)
{
    work.done = on_done;
    work.context = machine;
    machine->work = work;
    host_at(machine->host, 0, run_work, machine);
    world_run(machine->world, world_now_us(machine->world));
}

static enum grid_err finish_work(struct machine *machine, struct storage_work work)
{
    unsigned before = machine->done;
    begin_work(machine, work);
    cr_assert_eq(machine->done, before, "never from inside the call");
    world_run(machine->world, world_now_us(machine->world) + 2000000);
    cr_assert_eq(machine->done, before + 1);
    return machine->err;
}

static bool has(struct machine *machine, const char *name)
{
    struct buffer content = {0};
    enum grid_err err = machine->storage->get(machine->storage, name, &content);
    buffer_close(&content);
    return err == GRID_ERR_OK;
}

Test(disk, opens_reads_renames_and_removes_asynchronously, .init = fill)
{
    struct machine machine;
    uint8_t back[16] = {0};
    machine_open(&machine, 9, 0);
    struct storage *storage = machine.storage;
    cr_assert_eq(finish_work(&machine, (struct storage_work){.kind = STORAGE_OPEN, .name = "part"}), GRID_ERR_NOT_FOUND);
    cr_assert_eq(finish_work(&machine, (struct storage_work){.kind = STORAGE_CREATE, .name = "part"}), GRID_ERR_OK);
    machine.file = machine.work.file;
    finish_write(&machine, 0, bytes_of(ones, 8192), true);
    struct storage_work read = {.kind = STORAGE_READ, .file = machine.file, .offset = 8180, .data = back, .size = 12};
    cr_assert_eq(finish_work(&machine, read), GRID_ERR_OK);
    cr_assert_eq(back[0] + back[11], 2);
    read.offset = 8181;
    cr_assert_eq(finish_work(&machine, read), GRID_ERR_IO, "the file is shorter");
    storage->put(storage, "whole", bytes_of_text("old"));
    cr_assert_eq(finish_work(&machine, (struct storage_work){.kind = STORAGE_RENAME, .name = "part", .to = "whole"}), GRID_ERR_OK);
    cr_assert(!has(&machine, "part") && has(&machine, "whole"));
    host_crash(machine.host, CRASH_POWER);
    host_start(machine.host);
    cr_assert(!has(&machine, "part"));
    cr_assert_eq(finish_work(&machine, (struct storage_work){.kind = STORAGE_OPEN, .name = "whole"}), GRID_ERR_OK);
    cr_assert_eq(storage->size(storage, machine.work.file), 8192, "a rename is durable once it is done");
    cr_assert_eq(finish_work(&machine, (struct storage_work){.kind = STORAGE_REMOVE, .name = "whole"}), GRID_ERR_OK);
    host_crash(machine.host, CRASH_POWER);
    host_start(machine.host);
    cr_assert(!has(&machine, "whole"));
    cr_assert_eq(finish_work(&machine, (struct storage_work){.kind = STORAGE_REMOVE, .name = "whole"}), GRID_ERR_NOT_FOUND);
    world_close(machine.world);
}

static unsigned renamed_in_crashes(enum storage_kind kind, enum crash_kind crash)
{
    unsigned happened = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct machine machine;
        machine_open(&machine, seed, FAULT_BIT(LOST_PAGES));
        machine.storage->put(machine.storage, "part", bytes_of_text("new"));
        machine.storage->put(machine.storage, "whole", bytes_of_text("old one"));
        begin_work(&machine, (struct storage_work){.kind = kind, .name = "part", .to = "whole"});
        cr_assert_eq(machine.done, 0);
        host_crash(machine.host, crash);
        cr_assert(machine.done == 1 && machine.err == GRID_ERR_CLOSED, "the request is given back");
        host_start(machine.host);
        bool gone = !has(&machine, "part");
        struct buffer content = {0};
        cr_assert_eq(machine.storage->get(machine.storage, "whole", &content), GRID_ERR_OK, "there is always a whole one");
        bool replaced = bytes_equal(buffer_bytes(&content), bytes_of_text("new"));
        cr_assert(replaced || bytes_equal(buffer_bytes(&content), bytes_of_text("old one")));
        cr_assert_eq(replaced, kind == STORAGE_RENAME && gone, "never both, never neither");
        happened += gone;
        buffer_close(&content);
        world_close(machine.world);
    }
    return happened;
}

Test(disk, may_have_renamed_or_removed_a_file_when_it_crashes_meanwhile)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned happened = renamed_in_crashes(i % 2 == 0 ? STORAGE_RENAME : STORAGE_REMOVE, i < 2 ? CRASH_POWER : CRASH_KILL);
        cr_assert(happened > 5 && happened < 25, "%u of 30", happened);
    }
}

Test(disk, loses_unsynced_pages_of_a_renamed_file, .init = fill)
{
    unsigned damaged = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct machine machine;
        machine_open(&machine, seed, FAULT_BIT(LOST_PAGES));
        cr_assert_eq(finish_work(&machine, (struct storage_work){.kind = STORAGE_CREATE, .name = "part"}), GRID_ERR_OK);
        machine.file = machine.work.file;
        finish_write(&machine, 0, bytes_of(ones, BYTES), false);
        cr_assert_eq(finish_work(&machine, (struct storage_work){.kind = STORAGE_RENAME, .name = "part", .to = "whole"}), GRID_ERR_OK);
        host_crash(machine.host, CRASH_POWER);
        host_start(machine.host);
        cr_assert(has(&machine, "whole"), "the name was durable");
        struct buffer content = {0};
        machine.storage->get(machine.storage, "whole", &content);
        damaged += !bytes_equal(buffer_bytes(&content), bytes_of(ones, BYTES));
        buffer_close(&content);
        world_close(machine.world);
    }
    cr_assert_gt(damaged, 10, "%u of 30", damaged);
}
