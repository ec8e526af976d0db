#!/usr/bin/env python3
"""A cluster with room for very few sagas: clients wait for room and get it; who cannot wait any longer is told clearly; once
there is room again everything goes on. The same for memory, in the release build: sanitizers take many times as much."""
import json
import os
import sys
import time

from fixture import Programs, Tap, cluster, gridctl, gridctl_json, metric, wait_exit
from memory_limit import SETTING, check_memory

PROGRAMS = Programs(sys.argv)
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PARTITIONS, LOAD = 4, 30
ORDERS = 200
LARGEST_NEED = 2 * 4 + 4  # the examples' orders have four lines at most


def example(name):
    return os.path.join(ROOT, "examples", name + ".ndjson")


def orders(first, count):
    with open(example("orders"), encoding="utf-8") as file:
        return "".join(file.readlines()[first:first + count])


def submit(nodes, count, timeout_ms):
    text = orders(0, count)
    status, out, error = gridctl(PROGRAMS, nodes, "order", "submit", "--file", "-", "--timeout", str(timeout_ms), "-o", "json", text=text)
    return status, json.loads(out), error


def summed(nodes, name):
    return sum(metric(nodes, node, name) for node in nodes.ids())


def wait_for(nodes, good, seconds=120):
    deadline = time.monotonic() + seconds
    while not good():
        if time.monotonic() > deadline:
            return False
        wait_exit(nodes.pid(1), 0.1)
    return True


def begin(tap, nodes):
    nodes.start(nodes.ids())
    nodes.wait_ready(nodes.ids())
    for kind in ("customer", "product"):
        status, out, error = gridctl(PROGRAMS, nodes, kind, "create", "--file", example(kind + "s"), "-o", "json")
        tap.check(f"{kind}s need no room", status == 0, out + error)


def patience(tap):
    # Without snapshots: a log that shrinks gives memory back, and the node is full, and not, several times.
    settings = (f"admission.load={LOAD}", "snapshot.bytes=0", *(() if PROGRAMS.slow else (SETTING,)))
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS, settings=settings) as nodes:
        begin(tap, nodes)
        status, result, error = submit(nodes, ORDERS, 60000)
        tap.check("with patience every order finds room", status == 0 and result["accepted"] == ORDERS, f"{result}"[:500] + error)
        tap.check("though many had to wait", summed(nodes, "gridiron_admission_refused_total") > 0)
        tap.check("all sagas end", wait_for(nodes, lambda: summed(nodes, "sagas_active") == 0))
        tap.check("and give their room back", wait_for(nodes, lambda: summed(nodes, "gridiron_admission_load") == 0),
                  str(summed(nodes, "gridiron_admission_load")))
        tap.check("the bound is shown", metric(nodes, 1, "gridiron_admission_load_max") == LOAD)
        if not PROGRAMS.slow:
            check_memory(tap, PROGRAMS, nodes, orders(ORDERS, 1))


def refusal(tap):
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS, settings=(f"admission.load={LOAD}", "payment.ledger=")) as nodes:
        begin(tap, nodes)
        status, result, error = submit(nodes, ORDERS, 1500)
        # The last attempt of one may be under way when its time is up; it may yet be taken, or not.
        accepted, unknown = result["accepted"], result["unknown"]
        tap.check("without a provider few orders are taken and the others refused",
                  status != 0 and accepted > 0 and result["rejected"] == 0 and
                  ORDERS / 2 < result["unavailable"] <= ORDERS - accepted - unknown, f"{status} {result}"[:500])
        tap.check("the refusal says why", "BUSY" in error + json.dumps(result) and "no room" in error + json.dumps(result), error[:500] + f"{result}"[:500])
        load = summed(nodes, "gridiron_admission_load")
        tap.check("what is owed is bounded", 0 < load <= PARTITIONS * (LOAD + LARGEST_NEED), str(load))
        sagas = len(gridctl_json(PROGRAMS, nodes, "saga", "list", "--limit", "0"))
        tap.check("what was refused left nothing behind", accepted <= sagas <= accepted + unknown, f"{accepted} {sagas} {unknown}")
        status, out, error = gridctl(PROGRAMS, nodes, "map", "set", "key", "value")
        tap.check("maps need no room", status == 0, out + error)
        nodes.stop(nodes.ids())
        nodes.settings.remove("payment.ledger=")
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        status, result, error = submit(nodes, ORDERS, 60000)
        tap.check("with a provider all are taken, the earlier ones once", status == 0 and result["alreadyThere"] >= accepted and
                  result["accepted"] + result["alreadyThere"] == ORDERS, f"{result}"[:500] + error)
        tap.check("all sagas end", wait_for(nodes, lambda: summed(nodes, "sagas_active") == 0))
        tap.check("each order has one", len(gridctl_json(PROGRAMS, nodes, "saga", "list", "--limit", "0")) == ORDERS)


def main():
    tap = Tap()
    for part in (patience, refusal):
        tap.attempt(part.__name__, lambda: part(tap))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
