#include "grid/store/table_freeze.h"

#include "grid/base/check.h"
#include "grid/base/memory.h"

enum { EXTRA_BYTES = 8 };              /* before the value of a copy */

static uint64_t extra_of(const struct table_freeze *freeze, const struct table_entry *entry)
{
    return freeze->extra != NULL ? freeze->extra(freeze->context, entry) : 0;
}

static void keep(void *context, const struct table_entry *old)
{
    struct table_freeze *freeze = context;
    struct buffer value = {0};
    if (freeze->early == NULL) {
        freeze->early = table_open(table_seed(freeze->table));
        table_reserve(freeze->early, table_count(freeze->table));
    }
    freeze->early_from = old->hash < freeze->early_from ? old->hash : freeze->early_from;
    buffer_append_u64(&value, extra_of(freeze, old));
    buffer_append(&value, old->value);
    bool added = table_set(freeze->early, old->key, buffer_bytes(&value), old->version);
    ENSURE(added);
    buffer_close(&value);
}

void table_freeze_begin(struct table_freeze *freeze, struct table *table, table_extra_fn extra, void *context)
{
    REQUIRE(freeze->table == NULL);
    *freeze = (struct table_freeze){.table = table, .extra = extra, .context = context, .early_from = UINT64_MAX};
    table_epoch_begin(table, keep, freeze);
}

static bool find_early(struct table_freeze *freeze, struct table_entry *ret_entry)
{
    bool some = table_next(freeze->early, freeze->early_from, BYTES_NONE, ret_entry);
    freeze->early_from = some ? ret_entry->hash : UINT64_MAX;
    return some;
}

/* The first copy, after the one that was given is removed: it is still the first, since what is copied was not given yet. */
static bool first_early(struct table_freeze *freeze, struct table_entry *ret_entry)
{
    if (freeze->early == NULL || !find_early(freeze, ret_entry))
        return false;
    if (!freeze->given_early)
        return true;
    bool removed = table_remove(freeze->early, ret_entry->key);
    ENSURE(removed);
    freeze->given_early = false;
    return find_early(freeze, ret_entry);
}

static bool stands_before(const struct table_entry *a, const struct table_entry *b)
{
    return a->hash != b->hash ? a->hash < b->hash : bytes_compare(a->key, b->key) < 0;
}

enum table_step table_freeze_next(struct table_freeze *freeze, unsigned *visits, struct frozen_entry *ret_entry)
{
    REQUIRE(freeze->table != NULL);
    struct table_entry early, present;
    bool is_early = first_early(freeze, &early);
    enum table_step step = table_epoch_next(freeze->table, &freeze->from, visits, &present);
    if (step == TABLE_LATER)
        return step;
    if (is_early && (step == TABLE_END || stands_before(&early, &present))) {
        freeze->given_early = true;
        *ret_entry = (struct frozen_entry){early, get_u64(early.value.data)};
        ret_entry->entry.value = bytes_of(early.value.data + EXTRA_BYTES, early.value.size - EXTRA_BYTES);
        return TABLE_ENTRY;
    }
    freeze->ended = step == TABLE_END;
    if (freeze->ended)
        return step;
    *ret_entry = (struct frozen_entry){present, extra_of(freeze, &present)};
    table_epoch_pass(freeze->table, &present);
    return TABLE_ENTRY;
}

struct table *table_freeze_end(struct table_freeze *freeze)
{
    struct table *early = freeze->early;
    if (freeze->table == NULL)
        return NULL;
    table_epoch_end(freeze->table, freeze->ended);
    *freeze = (struct table_freeze){0};
    return early;
}

/* ---- filling */

void table_fill_begin(struct table_fill *fill, struct table *table, uint64_t entries)
{
    REQUIRE(fill->table == NULL);
    *fill = (struct table_fill){.table = table};
    table_reserve(table, entries);
}

bool table_fill_add(struct table_fill *fill, struct bytes key, struct bytes value, uint64_t version)
{
    struct table_entry before = {.key = buffer_bytes(&fill->key), .hash = fill->hash};
    struct table_entry next = {.key = key, .hash = table_hash(fill->table, key)};
    if (fill->key.size != 0 && !stands_before(&before, &next))
        return false;
    fill->hash = next.hash;
    buffer_clear(&fill->key);
    buffer_append(&fill->key, key);
    bool added = table_set(fill->table, key, value, version);
    ENSURE(added);
    return true;
}

void table_fill_end(struct table_fill *fill)
{
    if (fill->table != NULL)
        table_settle(fill->table);
    buffer_close(&fill->key);
    *fill = (struct table_fill){0};
}
