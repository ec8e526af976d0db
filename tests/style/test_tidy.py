#!/usr/bin/env python3
"""Proves that tools/tidy catches an offender of each of its rules, and lets the permitted neighbour pass."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap
from tool import Tool

TIDY = Tool(sys.argv[1])

HEADER = "#ifndef {0}\n#define {0}\n{1}\n#endif\n"
DEEP = "void deep(int a)\n{{\n    if (a) {{ for (;;) {{ while (a) {{ do {{ {0} }} while (a); }} }} }}\n}}\n"
MARK = "TO" + "DO"
PLACE = "/ho" + "me/somebody/grid"

# rule -> [(path, text that must be caught at this line, line)]
OFFENDERS = {
    "file-size": [("grid/base/a.c", "int f(void);\n" * 801, 801)],
    "function-size": [("grid/base/a.c", "void f(void)\n{\n" + "    g();\n" * 68 + "}\n", 1)],
    "parameters": [("grid/base/a.c", "int f(int a, int b, int c, int d, int e, int g, int h)\n{\n    return a;\n}\n", 1),
                   ("grid/base/a.c", "int f(int a, int b,\n      int (*c)(int, int), int d, int e, int g, int h);\n", 1),
                   ("grid/base/a.c", "struct s {\n    void (*f)(int a, int b, int c, int d, int e, int g, int h);\n};\n", 2)],
    "nesting": [("grid/base/a.c", DEEP.format("if (a) { g(); }"), 3),
                ("grid/base/a.c", DEEP.format("switch (a) { default: break; }"), 3)],
    "recursion": [("grid/base/a.c", "int f(int a)\n{\n    return a ? f(a - 1) : 0;\n}\n", 1)],
    "typedef": [("grid/base/a.c", "typedef struct thing thing;\n", 1), ("grid/base/a.c", "typedef void (*handler)(void);\n", 1)],
    "header-guard": [("grid/base/a.h", HEADER.format("A_H", "int f(void);"), 1), ("grid/base/a.h", "int f(void);\n", 1)],
    "mutable-global": [("grid/base/a.c", "static int counter;\n", 1), ("grid/base/a.c", "struct s *all = 0;\n", 1),
                       ("grid/base/a.c", "void f(void)\n{\n    static int calls = 0;\n}\n", 3)],
    "unfinished": [("grid/base/a.c", f"/* {MARK}: more */\n", 1), ("README.md", f"{MARK}\n", 1)],
    "machine-path": [("docs/a.md", f"See {PLACE}.\n", 1), ("tools/run", f"#!/bin/sh\ncd {PLACE}\n", 2)],
    "script-sleep": [("tests/integration/a.py", "import time\ntime.sleep(1)\n", 2), ("tests/integration/a.sh", "sleep 1\n", 1)],
    "dead-path": [("docs/a.md", "text\n`grid/base/gone.c`\n", 2), ("docs/a.md", "[x](gone.md)\n", 1),
                  ("README.md", "run `./tools/gone --now`\n", 1)],
    "final-newline": [("README.md", "text", 1), ("README.md", "text \n", 1), ("grid/base/a.c", "int f(void);\n\n", 3)],
    "unbounded-copy": [("grid/base/a.c", "void f(char *a)\n{\n    strcpy (a, b);\n}\n", 3),
                       ("tests/unit/a.c", "void f(char *a)\n{\n    sprintf(a, b);\n}\n", 3)],
    "silent-parse": [("tools/gridctl/a.c", "int f(char *a)\n{\n    return atoi(a);\n}\n", 3)],
    "hidden-state": [("tools/gridctl/a.c", "void f(void)\n{\n    g(localtime(&now));\n}\n", 3)],
    "randomness": [("grid/cluster/a.c", "int f(void)\n{\n    return rand();\n}\n", 3)],
    "assert": [("tests/support/a.c", "void f(void)\n{\n    assert(1);\n}\n", 3)],
    "heap": [("raft/a.c", "void *f(void)\n{\n    return malloc(1);\n}\n", 3), ("tests/a.c", "void f(void *a)\n{\n    free(a);\n}\n", 3)],
    "raft-heap": [("grid/node/a.c", "void *f(void)\n{\n    return raft_malloc(1);\n}\n", 3)],
    "environment": [("grid/node/process/program.c", "char *f(void)\n{\n    return getenv(a);\n}\n", 3)],
    "clock": [("grid/partition/a.c", "long f(void)\n{\n    return time(0);\n}\n", 3),
              ("grid/node/a.c", "void f(void)\n{\n    clock_gettime(a, b);\n}\n", 3)],
    "sleep": [("tests/integration/a.c", "void f(void)\n{\n    usleep(1);\n}\n", 3)],
    "exit": [("grid/node/node.c", "void f(void)\n{\n    exit(1);\n}\n", 3)],
    "raft-header": [("grid/node/a.c", "#include <raft.h>\n", 1), ("tests/sim/a.c", "#include <raft/uv.h>\n", 1)],
    "uv-header": [("grid/node/a.c", "#include <uv.h>\n", 1), ("client/core/routing.c", "#  include <uv.h>\n", 1)],
    "protobuf-header": [("grid/node/a.c", "#include <protobuf-c/protobuf-c.h>\n", 1),
                        ("grid/partition/a.c", "#include \"proto/grid.pb-c.h\"\n", 1)],
    "floating-point": [("grid/partition/a.c", "double rate;\n", 1), ("services/order/a.c", "int f(float a);\n", 1)],
    "relative-include": [("grid/base/a.c", "#include \"../io/clock.h\"\n", 1)],
}

# Each must pass all rules: what is permitted where it is, and what only looks like an offence.
PERMITTED = [
    ("grid/base/memory.c", "void *f(void)\n{\n    return malloc(1);\n}\n"),
    ("grid/base/a.c", "/* strcpy(a, b) and rand() are named here */\nconst char *f(void);\n"),
    ("grid/base/a.c", "void f(struct s *s)\n{\n    g(\"malloc(1) \\\" free(2)\", s->free(s), s->time(s), my_free(s));\n}\n"),
    ("grid/base/a.c", "typedef bool (*each_fn)(void *context, int value);\ntypedef void visit_fn(int value);\n"),
    ("grid/base/a.c", "static const int sizes[] = {1, 2};\nstruct s { int a; };\nenum { A = 1 };\nint f(int a);\n"),
    ("grid/base/a.c", DEEP.format("g((struct s){.a = {1}}); int x[] = {1};")),
    ("grid/base/a.c", "void f(void)\n{\n" + "    g();\n" * 67 + "}\n"),
    ("grid/base/a.c", "#define LONG(a, b, c, d, e, f, g, h) \\\n    do { \\\n    } while (0)\nint f(int a, int b, int c, int d, int e, int g);\n"),
    ("grid/base/a.c", "int f(struct s *s)\n{\n    return s->f(s) + other_f(s);\n}\n"),
    ("grid/base/a.c", "int f(int a) __attribute__((format(printf, 1, 2)));\n"),
    ("grid/base/a.h", HEADER.format("GRID_BASE_A_H", "int f(void);")),
    ("raft/a.h", HEADER.format("GRID_RAFT_A_H", "#include <raft.h>")),
    ("raft/guard/guard.c", "#include <raft.h>\nvoid *f(void)\n{\n    return raft_malloc(1);\n}\n"),
    ("grid/uv/clock.c", "#include <uv.h>\nlong f(void)\n{\n    return time(0);\n}\n"),
    ("client/faces/blocking.c", "#include <uv.h>\n"),
    ("grid/wire/codec.c", "#include \"proto/grid.pb-c.h\"\n"),
    ("services/order/order.c", "#include \"proto/order.pb-c.h\"\n"),
    ("services/edge/a.c", "double rate(void);\n"),
    ("grid/node/process/config.c", "char *f(void)\n{\n    return getenv(a);\n}\n"),
    ("proto/a.pb-c.c", "static int counter;\n"),
    ("tests/unit/a.c", "static int counter;\n"),
    ("docs/a.md", "`docs/a.md` and `./docs/a.md --now`, [x](a.md#part), [y](../README.md), [z](https://example.org/)\n"),
    ("docs/a.md", "`grid/base/gone.c` is not built yet, `build/bin/gone` and `a/b` are none of ours\n"),
    ("build/a.c", "static int counter;\n"),
]


def tidy(files):
    """Findings of tools/tidy over a tree of these (path, text), as (path, line, rule); and its exit status."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files:
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        run = TIDY("--root", root)
    rows = [line.split(":", 3) for line in run.stdout.splitlines() if not line.startswith("tidy:")]
    return [(row[0], int(row[1]), row[2].strip()) for row in rows], run.returncode


def main():
    tap = Tap()
    listed = subprocess.run([sys.executable, sys.argv[1], "--list"], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    rules = {line.split()[0] for line in listed.stdout.splitlines()}
    tap.check("every rule has an offender here", rules == set(OFFENDERS), str(rules ^ set(OFFENDERS)))
    for rule, offenders in sorted(OFFENDERS.items()):
        for number, (path, text, line) in enumerate(offenders, 1):
            found, status = tidy([(path, text)])
            tap.check(f"catches {rule} {number}", (path, line, rule) in found and status == 1, f"{found}, status {status}")
    for number, (path, text) in enumerate(PERMITTED, 1):
        found, status = tidy([(path, text), ("README.md", "text\n")])
        tap.check(f"permits {path} {number}", not found and status == 0, str(found))
    found, status = tidy([])
    tap.check("an empty tree is not a success", status == 1)
    with tempfile.TemporaryDirectory() as root:
        status = subprocess.run([sys.executable, sys.argv[1], "--root", root], stdout=subprocess.DEVNULL, check=False).returncode
    tap.check("nor is it for a process", status == 1, str(status))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
