#!/usr/bin/env python3
"""Proves that tools/layers catches offenders against each of its rules, and lets what is permitted pass."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap
from tool import Tool

LAYERS = Tool(sys.argv[1])

# (file, include)
FORBIDDEN = [
    ("grid/base/a.c", "grid/io/clock.h"),
    ("grid/io/a.h", "grid/store/table.h"),
    ("grid/wire/a.c", "raft/group.h"),
    ("raft/a.c", "grid/partition/partition.h"),
    ("raft/a.c", "grid/journal/journal.h"),
    ("raft/a.c", "grid/store/table.h"),
    ("grid/partition/a.c", "raft/group.h"),
    ("grid/partition/a.c", "grid/cluster/router.h"),
    ("grid/partition/a.c", "services/order/order.h"),
    ("grid/cluster/a.c", "grid/node/node.h"),
    ("grid/cluster/a.c", "grid/delivery/outbox.h"),
    ("grid/uv/a.c", "grid/node/node.h"),
    ("grid/node/a.c", "client/grid_client.h"),
    ("grid/node/a.c", "tests/support/fake.h"),
    ("grid/node/a.c", "services/saga/saga.h"),
    ("services/order/order.c", "services/inventory/inventory.h"),
    ("services/order/order.c", "grid/io/clock.h"),
    ("services/order/order.c", "grid/partition/partition.h"),
    ("services/registry.c", "grid/io/io.h"),
    ("client/core/routing.c", "grid/uv/loop.h"),
    ("client/core/routing.c", "grid/node/node.h"),
    ("tools/gridctl/main.c", "grid/uv/loop.h"),
    ("tools/gridctl/main.c", "raft/group.h"),
    ("grid/base/a.c", "proto/grid.pb-c.h"),
    ("grid/base/a.c", "bytes.h"),
    ("grid/unheard_of/a.c", "grid/base/bytes.h"),
]
PERMITTED = [
    ("grid/base/a.c", "grid/base/bytes.h"),
    ("grid/store/table.c", "grid/base/bytes.h"),
    ("grid/wire/codec.c", "proto/grid.pb-c.h"),
    ("raft/peers/peers.c", "grid/wire/frame.h"),
    ("raft/wal/wal.c", "grid/io/storage.h"),
    ("grid/partition/a.c", "services/service.h"),
    ("grid/partition/a.c", "services/registry.h"),
    ("grid/partition/a.c", "grid/store/table.h"),
    ("services/registry.c", "services/order/order.h"),
    ("services/order/order.c", "services/service.h"),
    ("services/order/order.c", "grid/base/bytes.h"),
    ("grid/uv/loop.c", "grid/io/clock.h"),
    ("grid/node/node.c", "grid/uv/loop.h"),
    ("grid/node/node.c", "raft/group.h"),
    ("client/faces/face.c", "grid/uv/loop.h"),
    ("client/core/routing.c", "grid/io/clock.h"),
    ("tools/gridctl/main.c", "client/grid_client.h"),
    ("tests/sim/world/world.c", "raft/group.h"),
    ("tests/sim/world/world.c", "tests/support/fake.h"),
    ("build/a.c", "grid/unheard_of/a.h"),
]

# (file, line): a word of the shop in an identifier or a text
BUSINESS = [
    ("grid/partition/a.c", "static int saga_count;"),
    ("grid/partition/a.c", "struct saga { int id; };"),
    ("grid/node/a.c", "uint64_t sagas_started;"),
    ("grid/node/a.c", "enum { SAGA_ENDED = 1 };"),
    ("grid/node/a.c", "int sagaEnded;"),
    ("grid/delivery/a.h", "struct payment_request *request;"),
    ("grid/delivery/a.h", "void (*payment)(void);"),
    ("grid/io/a.h", "struct bytes order, currency;"),
    ("grid/io/a.h", "struct bytes order_id;"),
    ("grid/io/a.h", "struct bytes new_order;"),
    ("grid/base/a.h", "enum { ORDER_LINES_MAX = 100 };"),
    ("grid/base/a.c", "int orders;"),
    ("grid/uv/a.c", "const char *text = \"payment ledger %s\";"),
    ("grid/node/a.c", "const char *text = \"past it new orders get BUSY\";"),
    ("grid/node/a.c", "const char *text = \"the order id is too long\";"),
    ("grid/node/a.c", "const char *text = \"in order lines\";"),
    ("grid/node/a.c", "const char *text = \"moneyDigits\";"),
    ("grid/node/a.c", "int stock_of_product; /* a comment */"),
    ("raft/a.c", "int customers;"),
    ("client/a.c", "int64_t currencies;"),
    ("client/a.c", "int url = 0; /* x */ int refund;"),
    ("proto/grid/v1/a.proto", "  string saga_id = 3;"),
    ("proto/grid/v1/a.proto", "  OrderLine line = 3;"),
]
GENERAL = [
    ("grid/partition/a.c", "/* sagas, orders, payments and money */ static int flows;"),
    ("grid/partition/a.c", "// an order of a customer"),
    ("grid/base/a.c", "#define byte_order 1"),
    ("grid/base/a.c", "int relaxed = memory_order_relaxed;"),
    ("grid/base/a.c", "int border, recorder, ordered, reorder, moneyless;"),
    ("grid/base/a.c", "uint32_t standing_order; int order_by;"),
    ("grid/node/a.c", "const char *text = \"stopped in order, exit code %d, ordered by time\";"),
    ("grid/node/a.c", "const char *text = \"messages out of order\";"),
    ("grid/node/a.c", "const char letter = '\"'; /* \" order */"),
    ("services/a.c", "int order_id, saga, payment;"),
    ("proto/service/order/v1/a.proto", "  string order_id = 1;"),
    ("tests/sim/a.c", "int order_id;"),
]


def words(path, line):
    """What tools/layers says of a tree with this line in it."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in ((path, line), ("grid/base/z.c", "int z;")):
            os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
            with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                file.write(f"/* a comment\n */\n{text}\n")
        return LAYERS("--root", root)


CALLEE = "#include \"grid/store/b.h\"\nint b_get(void)\n{\n    return a_get();\n}\n"
# (what it is, the text of grid/store/a.c beside a b.c that calls a_get): the two call each other in a circle
CIRCLES = [
    ("a call", "int a_get(void)\n{\n    return b_get();\n}\n"),
    ("a call behind a comment and a text", "int a_get(void)\n{\n    say(\"}\"); /* } */\n    return 1 + b_get();\n}\n"),
    ("a function handed on", "int a_get(void)\n{\n    return list_each(b_get, 1);\n}\n"),
    ("a function in a static table", "static int (*const TABLE[])(void) = {b_get};\nint a_get(void)\n{\n    return TABLE[0]();\n}\n"),
    ("a function in a table of members", "const struct a A = {.get = b_get};\nint a_get(void)\n{\n    return 0;\n}\n"),
    ("a call in a macro", "#define GET(x) \\\n    (b_get() + (x))\nint a_get(void)\n{\n    return GET(1);\n}\n"),
    ("a pointer's function", "struct a *a_get(void)\n{\n    if (1) {\n        b_get();\n    }\n    return 0;\n}\n"),
    ("a head of several lines", "__attribute__((noinline)) int a_get(int one,\n  int (*two)(void))\n{\n    return one + two() + b_get();\n}\n"),
    ("an object", "const int a_get = 1;\nint a_other(void)\n{\n    return b_get();\n}\n"),
    ("between the brackets of C++", "#ifdef X\nextern \"C\" {\n#endif\nint a_get(void)\n{\n    return b_get();\n}\n"),
]
# the same for texts that make no circle
STRAIGHT = [
    ("a function of its own with that name", "static int b_get(void)\n{\n    return 1;\n}\nint a_get(void)\n{\n    return b_get();\n}\n"),
    ("a function that only the file sees", "static int a_get(void)\n{\n    return b_get();\n}\n"),
    ("a declaration", "int b_get(void);\nint a_get(void)\n{\n    return 1;\n}\n"),
    ("a member", "int a_get(struct a *a)\n{\n    return a->b_get(1) + a->c.b_get + (struct a){.b_get = 1}.b_get;\n}\n"),
    ("a type", "struct b_get {\n    int a;\n};\nint a_get(struct b_get *a)\n{\n    return a->a + (int)sizeof(struct b_get);\n}\n"),
    ("a comment and a text", "int a_get(void)\n{\n    return say(\"b_get()\"); // b_get()\n}\n"),
    ("a call through a pointer", "int a_get(int (*get)(void))\n{\n    return get();\n}\n"),
]
HEADER = "static inline int a_inline(void)\n{\n    return b_get();\n}\nint a_get(void);\n"


def shaped(files):
    """What tools/layers says of a tree with these files: (exit status, output)."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        run = LAYERS("--root", root)
        return run.returncode, run.stdout


def check_circles(tap):
    rule = "sources call each other in a circle: "
    for what, text in CIRCLES:
        status, said = shaped({"grid/store/a.c": text, "grid/store/b.c": CALLEE})
        tap.check(f"{what} closes a circle", status == 1 and f"grid/store/a.c:1: {rule}" in said, said)
    for what, text in STRAIGHT:
        status, said = shaped({"grid/store/a.c": text, "grid/store/b.c": CALLEE})
        tap.check(f"{what} closes no circle", status == 0, said)
    status, said = shaped({"grid/store/a.h": HEADER, "grid/store/a.c": "int a_get(void)\n{\n    return 1;\n}\n", "grid/store/b.c": CALLEE})
    tap.check("a function in a header closes a circle", status == 1 and rule in said, said)
    macro = "#define A_GET(x) \\\n    (b_get() + (x))\n"
    calls = "int b_get(void)\n{\n    return A_GET(1);\n}\n"
    status, said = shaped({"grid/store/a.h": macro, "grid/store/a.c": "int a;\n", "grid/store/b.c": calls})
    tap.check("a macro with arguments in a header closes a circle", status == 1 and rule in said, said)
    three = {f"raft/wal/{name}.c": f"int {name}_get(void)\n{{\n    return {other}_get();\n}}\n" for name, other in ("ab", "bc", "ca")}
    status, said = shaped(three)
    tap.check("a circle of three is one offence", status == 1 and said.count(rule) == 1 and "c.c" not in said.split(rule)[0], said)
    across = "sources of several folders call each other in a circle: "
    status, said = shaped({path.replace("raft/wal/b", "raft/guard/b"): text for path, text in three.items()})
    tap.check("a circle over another folder is one offence", status == 1 and said.count("circle") == 1 and
              f"raft/guard/b.c:1: {across}b calls c (c_get); a calls b (b_get); c calls a (a_get)" in said, said)
    whole = {**three, "raft/guard/d.c": "int d_get(void)\n{\n    return a_get();\n}\n", "raft/wal/b.c": "int b_get(void)\n{\n    return c_get() + d_get();\n}\n"}
    status, said = shaped(whole)
    tap.check("a circle within a folder that also goes over another is both", status == 1 and said.count(rule) == 1 and said.count(across) == 1, said)
    straight = {path.replace("raft/wal/b", "raft/guard/b"): text for path, text in three.items() if "/c.c" not in path}
    status, said = shaped({**straight, "raft/wal/c.c": "int c_get(void)\n{\n    return 1;\n}\n"})
    tap.check("two folders that call each other without a circle of sources are a report only", status == 0, said)
    status, said = shaped({path.replace("raft/wal", "tests/unit"): text for path, text in three.items()})
    tap.check("tests may call in circles", status == 0, said)


def check_rooms(tap):
    full = {f"grid/store/s{i}.c": "int a;\n" for i in range(15)}
    also = {"grid/store/a_fuzz.c": "int a;\n", "grid/store/a.h": "int a;\n", "grid/store/s1.h": "int a;\n"}
    status, said = shaped({**full, **also})
    tap.check("fifteen sources, headers and fuzz targets fit in a folder", status == 0, said)
    status, said = shaped({**full, "grid/store/more.c": "int a;\n"})
    tap.check("sixteen sources do not", status == 1 and "grid/store:1: 16 sources in one folder" in said, said)
    status, said = shaped({**full, "grid/store/below/more.c": "int a;\n"})
    tap.check("a folder below is a room of its own", status == 0, said)
    for folder in ("tests/sim/world", "tests/unit/base"):
        crowd = {path.replace("grid/store", folder): text for path, text in full.items()}
        status, said = shaped({**crowd, **{path.replace("grid/store", folder): text for path, text in also.items()}})
        tap.check(f"fifteen sources fit in {folder}", status == 0, said)
        status, said = shaped({**crowd, f"{folder}/more.c": "int a;\n"})
        tap.check(f"sixteen do not fit in {folder}", status == 1 and f"{folder}:1: 16 sources in one folder" in said, said)


def check_private(tap):
    for name in ("inside.h", "store_private.h", "internal.h", "store_parts.h", "table_internal.h"):
        status, said = shaped({f"grid/store/{name}": "int a;\n"})
        tap.check(f"a private header may not be called {name}", status == 1 and "named after its folder: store_internal.h" in said, said)
    include = '\n#include "grid/store/store_internal.h"\n'
    own = {"grid/store/store_internal.h": "int a;\n"}
    for path in ("grid/store/a.c", "grid/store/below/a.c", "tests/unit/store/a.c"):
        status, said = shaped({**own, path: include})
        tap.check(f"{path} may include a private header", status == 0, said)
    for path in ("grid/partition/a.c", "grid/storeroom/a.c"):
        status, said = shaped({**own, path: include})
        tap.check(f"{path} may not", status == 1 and f'{path}:2: "grid/store/store_internal.h" is private' in said, said)


def layers(rows):
    with tempfile.TemporaryDirectory() as root:
        for path, include in rows:
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(f'/* a comment */\n#include <stdint.h>\n#  include "{include}"\n')
        return LAYERS("--root", root)


def check_words(tap):
    for path, line in BUSINESS:
        run = words(path, line)
        found = re.search(r"^" + re.escape(path) + r":3: the core knows no business", run.stdout, re.MULTILINE)
        tap.check(f"{path} may not say {line}", found is not None and run.returncode == 1, run.stdout)
    for path, line in GENERAL:
        run = words(path, line)
        tap.check(f"{path} may say {line}", run.returncode == 0, run.stdout)


def main():
    tap = Tap()
    for path, include in FORBIDDEN:
        run = layers([(path, include)])
        found = re.search(r"^" + re.escape(path) + r":[13]: ", run.stdout, re.MULTILINE)
        tap.check(f"{path} may not include {include}", found is not None and run.returncode == 1, run.stdout)
    for path, include in PERMITTED:
        run = layers([(path, include), ("grid/base/z.c", "grid/base/bytes.h")])
        tap.check(f"{path} may include {include}", run.returncode == 0, run.stdout)
    check_circles(tap)
    check_rooms(tap)
    check_private(tap)
    check_words(tap)
    tap.check("an empty tree is not a success", layers([]).returncode == 1)
    with tempfile.TemporaryDirectory() as root:
        status = subprocess.run([sys.executable, sys.argv[1], "--root", root], stdout=subprocess.DEVNULL, check=False).returncode
    tap.check("nor is it for a process", status == 1, str(status))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
