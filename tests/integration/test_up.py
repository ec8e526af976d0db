#!/usr/bin/env python3
"""./tools/up and ./tools/down with the build's programs: the samples go through, twice is once, foreign files are borne."""
import json
import os
import shutil
import sys
import tempfile

from fixture import Cluster, Programs, Tap, own_host, run

PROGRAMS = Programs(sys.argv)
TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools")
ORDERS = 3000


def up(folder, host, *arguments):
    return run([os.path.join(TOOLS, "up"), "--dir", folder, "--host", host, "--programs", PROGRAMS.bin,
                "--no-install", "--detach", *arguments])


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return sum(1 for _ in file)


def first_time(tap, folder, host):
    status, out, error = up(folder, host)
    tap.check("up ends with status 0", status == 0, f"{status}: {out} {error}")
    tap.check("it loads the samples", "300 of 300 accepted" in out and "240 of 240 accepted" in out and f"{ORDERS:,} of {ORDERS:,} accepted" in out, out)
    tap.check("it shows how the sagas ended", "COMPLETED" in out and "COMPENSATED  INSUFFICIENT_STOCK" in out
              and "COMPENSATED  payment: amount above the limit" in out, out)
    tap.check("the books are right", "the books are right" in out, out)
    tap.check("it says what to try next", "gridctl cluster status" in out and "./tools/down" in out, out)
    cluster = Cluster(folder)
    tap.check("the cluster is left running", len(cluster.running()) == 3 and all(cluster.is_ready(node) for node in cluster.ids()))
    return cluster


def second_time(tap, folder, host, cluster):
    entries, pids = lines_of(cluster.ledger()), [cluster.pid(node) for node in cluster.ids()]
    status, out, _ = up(folder, host)
    tap.check("run again it accepts everything and charges nothing", status == 0 and lines_of(cluster.ledger()) == entries and
              f"{ORDERS:,} sagas have ended" in out, out)
    tap.check("the nodes are the same processes", [cluster.pid(node) for node in cluster.ids()] == pids)


def books_notice(tap, cluster):
    """The check of the books must be able to fail."""
    with open(cluster.ledger(), encoding="utf-8") as file:
        entries = [json.loads(line) for line in file]
    charged = next(entry for entry in entries if entry["outcome"] == "CAPTURED")
    lies = {"a charge too many": [*entries, {**charged, "key": "another"}],
            "a key twice": [*entries, charged],
            "a charge that is missing": [entry for entry in entries if entry is not charged],
            "a charge for an order that nobody placed": [*entries, {**charged, "key": "x", "order": "nobody"}]}
    for name, lie in lies.items():
        path = cluster.path("lie.ndjson")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in lie)
        status, out, _ = run([os.path.join(TOOLS, "check_books"), "--ledger", path, "--gridctl", PROGRAMS.path("gridctl"),
                              "--endpoints", cluster.endpoints()])
        tap.check(f"check_books notices {name}", status == 1 and "WRONG" in out, out)


def foreign_orders(tap, folder, host):
    path = os.path.join(folder, "foreign.ndjson")
    good = {"customerId": "customer-0001", "lines": [{"productId": "product-0001", "quantity": 1}],
            "shippingAddress": "somewhere", "paymentMethod": "CREDIT_CARD"}
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(good) + "\n" + "{not json\n" * 6 + json.dumps({**good, "customerId": "nobody"}) + "\n" + json.dumps(good) + "\n")
    status, out, _ = up(folder, host, "--orders", path)
    tap.check("orders of somebody else: good lines are accepted, bad ones are named",
              status == 0 and "2 of 9 accepted" in out and "line 2:" in out and "line 6:" in out and "... and 2 more" in out and "the books are right" in out, out)


def down(tap, folder, cluster):
    status, out, error = run([os.path.join(TOOLS, "down"), "--dir", folder])
    tap.check("down stops the nodes and keeps the data", status == 0 and not cluster.running() and os.path.exists(cluster.ledger()), out + error)
    status, out, error = run([os.path.join(TOOLS, "down"), "--dir", folder, "--clean"])
    tap.check("down --clean forgets the data", status == 0 and not os.path.exists(folder), out + error)
    status, out, _ = run([os.path.join(TOOLS, "down"), "--dir", folder])
    tap.check("down without a cluster says so", status == 0 and "no cluster" in out, out)


def main():
    tap = Tap()
    parent = tempfile.mkdtemp(prefix="gridiron-test-")
    folder, host = os.path.join(parent, "cluster"), own_host()
    try:
        cluster = first_time(tap, folder, host)
        second_time(tap, folder, host, cluster)
        books_notice(tap, cluster)
        foreign_orders(tap, folder, host)
        down(tap, folder, cluster)
    finally:
        if os.path.exists(os.path.join(folder, "cluster.json")):
            Cluster(folder).kill(range(1, 4))
        shutil.rmtree(parent, ignore_errors=True)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
