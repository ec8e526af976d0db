#!/usr/bin/env python3
"""Orders while nodes are killed: every accepted order ends, is charged at most once, and the books are right."""
import json
import os
import random
import subprocess
import sys
import time

from fixture import Programs, Tap, cluster, gridctl, gridctl_json, run, wait_exit

PROGRAMS = Programs(sys.argv)
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ORDERS = 1500 if PROGRAMS.slow else 3000
KILLS = 3 if PROGRAMS.slow else 6
ENDED = ("COMPLETED", "COMPENSATED", "TIMED_OUT", "FAILED")
SAGAS_SECONDS = 120


def example(name):
    return os.path.join(ROOT, "examples", name + ".ndjson")


def submit_under_kills(nodes, path, randoms):
    """Hands the orders over in parts; behind each part one node, once all of them, are killed and started again while the
    orders of that part are under way."""
    arguments = [PROGRAMS.path("gridctl"), "order", "submit", "--file", "-", "-o", "json", "--timeout", "60000",
                 "--endpoints", nodes.endpoints()]
    with open(path, encoding="utf-8") as file:
        lines = file.readlines()
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        for kill in range(KILLS):
            # More than a pipe holds: when the last line is handed over the first ones are with the nodes.
            process.stdin.writelines(lines[len(lines) * kill // KILLS:len(lines) * (kill + 1) // KILLS])
            process.stdin.flush()
            victims = list(nodes.ids()) if kill == 1 else [randoms.choice(list(nodes.ids()))]
            nodes.kill(victims)
            nodes.start(victims)
            nodes.wait_ready(nodes.ids())
        out, _ = process.communicate()
        return process.returncode, json.loads(out)


def all_ended(nodes, count):
    deadline = time.monotonic() + SAGAS_SECONDS
    while time.monotonic() < deadline:
        sagas = gridctl_json(PROGRAMS, nodes, "saga", "list", "--limit", "0")
        under_way = [saga["sagaId"] for saga in sagas if saga["status"] not in ENDED]
        if not under_way and len(sagas) >= count:
            return True, ""
        wait_exit(nodes.pid(1), 0.2)
    return False, f"{len(under_way)} of {len(sagas)} under way: {under_way[:5]}"


def books(nodes):
    status, out, error = run([os.path.join(ROOT, "tools", "check_books"), "--ledger", nodes.ledger(), "--products", example("products"),
                              "--gridctl", PROGRAMS.path("gridctl"), "--endpoints", nodes.endpoints()])
    return status == 0 and "the books are right" in out, out + error


def main():
    tap = Tap()
    seed = random.randrange(1 << 32)
    print(f"seed {seed}", file=sys.stderr)
    with cluster(PROGRAMS, nodes=3, partitions=32) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        for kind in ("customer", "product"):
            status, out, error = gridctl(PROGRAMS, nodes, kind, "create", "--file", example(kind + "s"), "-o", "json")
            tap.check(f"the {kind}s are created", status == 0, out + error)
        path = nodes.path("orders.ndjson")
        with open(example("orders"), encoding="utf-8") as all_orders, open(path, "w", encoding="utf-8") as some:
            some.writelines(line for _, line in zip(range(ORDERS), all_orders))
        status, result = submit_under_kills(nodes, path, random.Random(seed))
        tap.check(f"{ORDERS} orders through {KILLS} kills: none is rejected", result["rejected"] == 0 and result["submitted"] == ORDERS, str(result)[:1000])
        tap.check("the exit status says whether some are unknown", status == (4 if result["unknown"] else 0), str(status))
        status, out, error = gridctl(PROGRAMS, nodes, "order", "submit", "--file", path, "-o", "json")
        again = json.loads(out)
        tap.check("submitted again, those that are there are found", status == 0 and again["alreadyThere"] >= result["accepted"] and
                  again["accepted"] + again["alreadyThere"] == ORDERS, out[:1000] + error)
        tap.run("every saga ends", lambda: all_ended(nodes, ORDERS))
        orders = gridctl_json(PROGRAMS, nodes, "order", "list", "--limit", "0")
        tap.check("every order is there exactly once", len(orders) == ORDERS == len({order["orderId"] for order in orders}), str(len(orders)))
        tap.run("the books are right", lambda: books(nodes))
        nodes.kill(nodes.ids())
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        tap.run("and still are after a kill of all nodes", lambda: books(nodes))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
