#!/usr/bin/env python3
"""Proves that tools/layers catches every kind of forbidden include, and lets the permitted ones pass."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap

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
    ("tests/sim/world.c", "raft/group.h"),
    ("tests/sim/world.c", "tests/support/fake.h"),
    ("build/a.c", "grid/unheard_of/a.h"),
]


def layers(rows):
    with tempfile.TemporaryDirectory() as root:
        for path, include in rows:
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(f'/* a comment */\n#include <stdint.h>\n#  include "{include}"\n')
        return subprocess.run([sys.executable, sys.argv[1], "--root", root], stdout=subprocess.PIPE, encoding="utf-8", check=False)


def main():
    tap = Tap()
    for path, include in FORBIDDEN:
        run = layers([(path, include)])
        found = re.search(r"^" + re.escape(path) + r":[13]: ", run.stdout, re.MULTILINE)
        tap.check(f"{path} may not include {include}", found is not None and run.returncode == 1, run.stdout)
    for path, include in PERMITTED:
        run = layers([(path, include), ("grid/base/z.c", "grid/base/bytes.h")])
        tap.check(f"{path} may include {include}", run.returncode == 0, run.stdout)
    tap.check("an empty tree is not a success", layers([]).returncode == 1)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
