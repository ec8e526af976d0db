#include "tools/gridctl/commands/pager.h"

#include <inttypes.h>
#include <stdio.h>

#include "services/edge/base64.h"

enum { LIMIT_DEFAULT = 100 };

struct pager {
    struct ctl *ctl;
    const struct pager_plan *plan;
    struct grid_scan *scan;
    uint64_t left;                         /* that may still be shown */
    struct buffer page;                    /* the scan's cursor before the present page */
    struct buffer last_key, last_affinity; /* shown last within the page at `page`; empty key: none */
    bool skips;                            /* up to the last one, in the first page */
    bool stopped, more;                    /* stopped: at the limit; more: after that another one was found */
    bool done, again;                      /* again: another page follows */
    int code;
};

/* ---- cursors: base64 of the scan's own, the last key and its affinity, each with its size before it */

static void keep(struct buffer *buffer, struct bytes bytes)
{
    buffer_clear(buffer);
    buffer_append(buffer, bytes);
}

static bool read_cursor(struct pager *pager, const char *text)
{
    struct buffer decoded = {0};
    bool good = base64_decode(bytes_of_text(text), &decoded);
    struct reader reader = reader_of(buffer_bytes(&decoded));
    keep(&pager->page, reader_sized(&reader));
    keep(&pager->last_key, reader_sized(&reader));
    keep(&pager->last_affinity, reader_sized(&reader));
    good = good && !reader.failed && reader_left(&reader) == 0 && pager->page.size > 0;
    pager->skips = pager->last_key.size > 0;
    buffer_close(&decoded);
    return good;
}

static void put_cursor(const struct pager *pager, struct buffer *out)
{
    struct buffer plain = {0};
    buffer_append_sized(&plain, buffer_bytes(&pager->page));
    buffer_append_sized(&plain, buffer_bytes(&pager->last_key));
    buffer_append_sized(&plain, buffer_bytes(&pager->last_affinity));
    base64_encode(buffer_bytes(&plain), out);
    buffer_close(&plain);
}

/* ---- pages */

static struct bytes inner(struct grid_bytes bytes)
{
    return bytes_of(bytes.data, bytes.size);
}

static bool is_last(const struct pager *pager, const struct grid_entry *entry)
{
    return bytes_equal(inner(entry->key), buffer_bytes(&pager->last_key)) &&
           bytes_equal(inner(entry->affinity), buffer_bytes(&pager->last_affinity));
}

/* Where in the first page to begin. Without the entry that was shown last, at its beginning: nothing may be left out. */
static size_t place_after_last(struct pager *pager, const struct grid_reply *reply)
{
    size_t place = 0;
    for (size_t i = 0; pager->skips && i < reply->entries_count; i++)
        if (is_last(pager, &reply->entries[i]))
            place = i + 1;
    pager->skips = false;
    return place;
}

static void show(struct pager *pager, const struct grid_entry *entry)
{
    const struct pager_plan *plan = pager->plan;
    if (plan->passes != NULL && !plan->passes(plan->context, entry))
        return;
    if (pager->left == 0) {
        pager->more = true;
        return;
    }
    pager->code = plan->show(plan->context, entry);
    if (--pager->left > 0)
        return;
    keep(&pager->last_key, inner(entry->key));
    keep(&pager->last_affinity, inner(entry->affinity));
    pager->stopped = true;
}

static void on_page(void *context, const struct grid_reply *reply)
{
    struct pager *pager = context;
    pager->done = true;
    pager->again = reply->more;
    if (reply->outcome != GRID_OUTCOME_OK)
        pager->code = ctl_failed(pager->ctl, NULL, reply);
    for (size_t i = place_after_last(pager, reply); i < reply->entries_count && pager->code == EXIT_DONE && !pager->more; i++)
        show(pager, &reply->entries[i]);
    /* JSON and lines go out page by page; tables and YAML are made of the whole. */
    bool flows = pager->ctl->output == OUTPUT_JSON || pager->ctl->output == OUTPUT_NDJSON;
    if (flows && !ctl_flush(pager->ctl) && pager->code == EXIT_DONE)
        pager->code = EXIT_FAILED;
}

static void read_pages(struct pager *pager)
{
    struct grid_call call = {.done = on_page, .context = pager};
    do {
        /* After the stop the cursor stays: what comes is only looked at, to say whether there is more. */
        if (!pager->stopped && !pager->skips) {
            keep(&pager->page, inner(grid_scan_cursor(pager->scan)));
            buffer_clear(&pager->last_key);
            buffer_clear(&pager->last_affinity);
        }
        pager->done = false;
        grid_scan_next(pager->scan, &call);
        ctl_wait(pager->ctl, &pager->done);
    } while (pager->code == EXIT_DONE && pager->again && !pager->more);
}

static void say_more(struct pager *pager)
{
    struct buffer cursor = {0};
    put_cursor(pager, &cursor);
    if (pager->ctl->json)
        fprintf(stderr, "{\"more\":true,\"cursor\":\"%.*s\"}\n", (int)cursor.size, (const char *)cursor.data);
    else
        ctl_note(pager->ctl, "there is more: --all shows everything, a larger --limit more; this goes on: --cursor %.*s", (int)cursor.size,
                 (const char *)cursor.data);
    buffer_close(&cursor);
}

/* ---- the command */

static int read_options(struct pager *pager)
{
    struct ctl *ctl = pager->ctl;
    const char *cursor = ctl_option(ctl, "cursor", NULL);
    if (!ctl_number(ctl, "limit", LIMIT_DEFAULT, UINT64_MAX, &pager->left))
        return EXIT_USAGE;
    if (ctl_flag(ctl, "all") && ctl_flag(ctl, "limit"))
        return ctl_complain(ctl, EXIT_USAGE, "--all and --limit exclude each other");
    if (pager->left == 0 || ctl_flag(ctl, "all"))
        pager->left = UINT64_MAX;
    if (cursor != NULL && !read_cursor(pager, cursor))
        return ctl_complain(ctl, EXIT_USAGE, "--cursor is what an earlier command printed, not '%s'", cursor);
    return EXIT_DONE;
}

int pager_run(struct ctl *ctl, const struct pager_plan *plan)
{
    struct pager pager = {.ctl = ctl, .plan = plan};
    int code = plan->all ? EXIT_DONE : read_options(&pager);
    if (plan->all)
        pager.left = UINT64_MAX;
    if (code == EXIT_DONE)
        code = ctl_connect(ctl);
    if (code == EXIT_DONE) {
        struct grid_scan_options options = {.map = plan->map, .affinity = plan->affinity, .key_prefix = plan->key_prefix,
                                            .ttl = plan->ttl, .cursor = {pager.page.data, pager.page.size}};
        pager.scan = grid_scan_open(ctl->client, &options);
        plan->begin(ctl, plan->context);
        read_pages(&pager);
        grid_scan_close(pager.scan);
        plan->end(ctl, plan->context);
        code = pager.code;
        if (pager.more && ctl_flush(ctl))
            say_more(&pager);
    }
    buffer_close(&pager.page);
    buffer_close(&pager.last_key);
    buffer_close(&pager.last_affinity);
    return code;
}
