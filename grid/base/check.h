/* Assertions that are always on. They guard against bugs, never against input from outside.
 *
 * REQUIRE: what a caller owes (arguments). ENSURE: what a function owes (results).
 * HOLDS: an invariant of a module. UNREACHABLE: a state that the code proves impossible.
 * A failed check prints file, line and expression and aborts the process. */
#ifndef GRID_BASE_CHECK_H
#define GRID_BASE_CHECK_H

__attribute__((noreturn, cold)) void check_failed(const char *kind, const char *file, int line,
                                                  const char *expression);

#define CHECK_(kind, expression) \
    ((expression) ? (void)0 : check_failed(kind, __FILE__, __LINE__, #expression))
#define REQUIRE(expression) CHECK_("REQUIRE", expression)
#define ENSURE(expression) CHECK_("ENSURE", expression)
#define HOLDS(expression) CHECK_("HOLDS", expression)
#define UNREACHABLE(reason) check_failed("UNREACHABLE", __FILE__, __LINE__, reason)

#endif
