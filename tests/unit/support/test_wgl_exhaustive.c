/* The checker against every order of every subset of small histories, right ones and damaged ones. */
#include <criterion/criterion.h>

#include "tests/unit/support/register_world.h"

enum { OPERATIONS_MAX = 6 };

/* The register in words of its own: what is not known of an entry's version is learnt when it is seen. */
struct naive { bool present, version_known; uint64_t value, version, highest; };

static bool naive_learns(struct naive *naive, uint64_t version)
{
    if (naive->version_known)
        return naive->version == version;
    naive->version_known = true;
    naive->version = version;
    bool grows = version > naive->highest;
    naive->highest = version;
    return grows;
}

static bool naive_sees(struct naive *naive, const struct wgl_operation *operation)
{
    if (operation->found != naive->present)
        return false;
    return !naive->present || operation->version == 0 || naive_learns(naive, operation->version);
}

static bool naive_writes(struct naive *naive, const struct wgl_operation *operation)
{
    bool told = operation->returned != WGL_NEVER && operation->version != 0;
    naive->present = true;
    naive->value = operation->value;
    naive->version_known = false;
    return !told || naive_learns(naive, operation->version);
}

static bool naive_apply(struct naive *naive, const struct wgl_operation *operation)
{
    bool answered = operation->returned != WGL_NEVER;
    switch (operation->kind) {
    case WGL_GET: return naive_sees(naive, operation) && (!naive->present || naive->value == operation->value);
    case WGL_SET: return (!answered || operation->found == naive->present) && naive_writes(naive, operation);
    case WGL_REMOVE:
        if (answered && operation->found != naive->present)
            return false;
        naive->present = false;
        return true;
    case WGL_COMPARE_AND_SET:
        if (answered && operation->conflict)
            return naive_sees(naive, operation) &&
                   (naive->present ? !naive->version_known || naive->version != operation->expected : operation->expected != 0);
        if (operation->expected == 0 ? naive->present : !naive->present)
            return false;
        return (operation->expected == 0 || naive_learns(naive, operation->expected)) && naive_writes(naive, operation);
    }
    return false;
}

/* Order number `number` of the operations of a subset; false: they did not happen in that order, or cannot have. */
static bool order_explains(const struct wgl_operation *operations, size_t count, unsigned subset, unsigned number)
{
    const struct wgl_operation *left[OPERATIONS_MAX], *before[OPERATIONS_MAX];
    size_t left_count = 0, placed = 0;
    struct naive naive = {0};
    for (size_t i = 0; i < count; i++)
        if (subset >> i & 1)
            left[left_count++] = &operations[i];
    while (left_count > 0) {
        size_t pick = number % left_count;
        number /= (unsigned)left_count;
        const struct wgl_operation *operation = left[pick];
        for (size_t i = pick; i + 1 < left_count; i++)
            left[i] = left[i + 1];
        left_count--;
        for (size_t i = 0; i < placed; i++)
            if (operation->returned < before[i]->called)
                return false;
        if (!naive_apply(&naive, operation))
            return false;
        before[placed++] = operation;
    }
    return true;
}

static bool is_linearizable(const struct wgl_operation *operations, size_t count)
{
    unsigned known = 0, orders = 1;
    for (size_t i = 0; i < count; i++) {
        known |= operations[i].returned != WGL_NEVER ? 1u << i : 0;
        orders *= (unsigned)i + 1;
    }
    for (unsigned subset = 0; subset < 1u << count; subset++)
        for (unsigned number = 0; (subset & known) == known && number < orders; number++)
            if (order_explains(operations, count, subset, number))
                return true;
    return false;
}

/* The checker counts on it: who expects a version was told it before. */
static bool expectations_were_told(const struct wgl_operation *operations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool told = operations[i].kind != WGL_COMPARE_AND_SET || operations[i].expected == 0;
        for (size_t j = 0; j < count; j++)
            told = told || (operations[j].version == operations[i].expected && operations[j].returned < operations[i].called);
        if (!told)
            return false;
    }
    return true;
}

static void damage(struct wgl_operation *operations, size_t count, struct prng *prng)
{
    struct wgl_operation *victim = &operations[prng_range(prng, 0, count - 1)];
    switch (prng_range(prng, 0, 5)) {
    case 0: victim->found = !victim->found; return;
    case 1: victim->version = prng_range(prng, 0, 4); return;
    case 2: victim->value = prng_range(prng, 1, count); return;
    case 3: victim->conflict = victim->kind == WGL_COMPARE_AND_SET && !victim->conflict; return;
    case 4:
        if (victim->kind != WGL_GET)
            victim->returned = WGL_NEVER;
        return;
    default: victim->called = prng_range(prng, 1, victim->called); return;
    }
}

static void compare(const struct wgl_operation *operations, size_t count, uint64_t seed, unsigned *bad)
{
    struct wgl_report report = {0};
    bool expected = is_linearizable(operations, count);
    enum wgl_verdict verdict = wgl_check(operations, count, &report);
    buffer_append_u8(&report.text, 0);
    cr_assert_eq(verdict, expected ? WGL_LINEARIZABLE : WGL_VIOLATION, "seed %u: %s", (unsigned)seed, (char *)report.text.data);
    *bad += !expected;
    wgl_report_close(&report);
}

Test(wgl_exhaustive, agrees_with_every_order_of_small_histories)
{
    unsigned bad = 0, compared = 0;
    for (uint64_t seed = 0; seed < 60000; seed++) {
        struct register_world world = {0};
        struct prng prng;
        prng_init(&prng, seed);
        register_world_run(&world, seed, 2 + seed % 3, 2 + seed % (OPERATIONS_MAX - 1), seed % 2 == 0 ? 100000 : 400000);
        for (uint64_t changes = seed % 4; changes > 0 && world.count > 0; changes--)
            damage(world.operations, world.count, &prng);
        if (world.count > 0 && expectations_were_told(world.operations, world.count)) {
            compare(world.operations, world.count, seed, &bad);
            compared++;
        }
        register_world_close(&world);
    }
    cr_assert_gt(bad, compared / 5, "%u of %u", bad, compared);
    cr_assert_lt(bad, compared * 4 / 5);
}
