#!/usr/bin/env python3
"""gridctl against three nodes: what scripts rely on, exit codes, and orders from a file, twice."""
import json
import os
import sys
import tempfile
import time

from fixture import Programs, Tap, cluster, cluster_status, gridctl, gridctl_json, run

PROGRAMS = Programs(sys.argv)
SAGA_SECONDS = 60
CUSTOMERS = [{"customerId": f"c-{i}", "email": f"c{i}@example.com", "name": f"Customer {i}"} for i in range(5)]
PRODUCTS = [{"productId": "p-1", "sku": "S1", "name": "Lamp", "price": "12.50", "currency": "EUR", "initialQuantity": 1000},
            {"productId": "p-2", "sku": "S2", "name": "Chair", "price": 99.99, "currency": "EUR", "initialQuantity": 2},
            {"productId": "p-3", "sku": "S3", "name": "House", "price": "20000.00", "currency": "EUR", "initialQuantity": 9}]


def lines(objects):
    return "".join(json.dumps(each) + "\n" for each in objects)


def order(customer, *wanted, **more):
    return {"customerId": customer, "lines": [{"productId": product, "quantity": quantity} for product, quantity in wanted],
            "shippingAddress": "Main Street 1", "paymentMethod": "CREDIT_CARD", **more}


def wait_sagas(nodes, count):
    deadline = time.monotonic() + SAGA_SECONDS
    while True:
        sagas = gridctl_json(PROGRAMS, nodes, "saga", "list", "--limit", "0")
        ended = [each for each in sagas if each["status"] in ("COMPLETED", "COMPENSATED", "TIMED_OUT", "FAILED")]
        if len(ended) >= count or time.monotonic() > deadline:
            return sagas


def status(tap, nodes):
    shown = cluster_status(PROGRAMS, nodes)
    tap.check("status has nodes, partitions and health", set(shown) == {"cluster", "clusterUuid", "nodes", "partitions", "level", "healthy"}, str(shown))
    tap.check("every node is ready", [each["state"] for each in shown["nodes"]] == ["ready"] * 3, str(shown))
    tap.check("a node has id, address, state, leaders, replicas, memory and disk",
              all(set(each) == {"id", "address", "state", "leaders", "replicas", "level", "memoryBytes", "memoryMaxBytes", "memoryUsedBytes",
                                "dataBytes", "diskBytes", "catchingUpPartitions", "laggingPartitions", "lagEntries"} for each in shown["nodes"]), str(shown))
    tap.check("memory is below its bound, data within memory",
              all(0 < each["dataBytes"] < each["memoryBytes"] < each["memoryMaxBytes"] and each["memoryUsedBytes"] > 0 for each in shown["nodes"]), str(shown))
    tap.check("every partition has a leader", shown["partitions"] == {"total": 8, "withLeader": 8} and shown["healthy"],
              str(shown))
    tap.check("leaders add up", sum(each["leaders"] for each in shown["nodes"]) == 8, str(shown))
    code, out, _ = gridctl(PROGRAMS, nodes, "cluster", "status")
    tap.check("the table says so too, without colours", code == 0 and "healthy" in out and "\x1b" not in out, out)
    members = gridctl_json(PROGRAMS, nodes, "member", "list")
    tap.check("members have versions", len(members) == 3 and all(each["version"] for each in members), str(members))
    partitions = gridctl_json(PROGRAMS, nodes, "partition", "list")
    tap.check("partitions are listed in order", [each["partition"] for each in partitions] == list(range(8)),
              str(partitions))
    tap.check("each with its snapshot, its log and the members that are behind",
              all(each["snapshotIndex"] >= 0 and each["snapshotBytes"] >= 0 and each["snapshotAgeMs"] >= 0 and each["logBytes"] > 0 and each["lagging"] == []
                  for each in partitions), str(partitions))


def snapshots(tap, nodes):
    code, out, error = gridctl(PROGRAMS, nodes, "snapshot", "take", "9")
    tap.check("a partition that the cluster does not have is refused", code == 2 and "no partition 9" in error and "0 to 7" in error, error)
    code, out, error = gridctl(PROGRAMS, nodes, "snapshot", "take", "--node", "1,4")
    tap.check("so is a node", code == 2 and "--node: '4'" in error, error)
    taken = gridctl_json(PROGRAMS, nodes, "snapshot", "take", "3", "--node", "2,3")
    tap.check("a snapshot of one partition is taken on the nodes that are named, with snapshot.bytes 0 too",
              [(each["node"], each["partition"], each["done"]) for each in taken] == [(2, 3, True), (3, 3, True)] and
              all(each["snapshotIndex"] > 0 and each["snapshotBytes"] > 0 for each in taken), str(taken))
    taken = gridctl_json(PROGRAMS, nodes, "snapshot", "take")
    tap.check("without a number of all partitions on all nodes", len(taken) == 24 and all(each["done"] for each in taken), str(taken))
    listed = gridctl_json(PROGRAMS, nodes, "partition", "list")
    tap.check("the list shows them", all(0 < each["snapshotIndex"] <= each["appliedIndex"] and each["snapshotBytes"] > 0 for each in listed), str(listed))
    code, out, error = gridctl(PROGRAMS, nodes, "snapshot", "take")
    tap.check("the table has a row for each", code == 0 and len(out.splitlines()) == 25, out + error)


def maps(tap, nodes):
    version = gridctl_json(PROGRAMS, nodes, "map", "set", "greeting", "hello", "--map", "m")["version"]
    got = gridctl_json(PROGRAMS, nodes, "map", "get", "greeting", "--map", "m")
    tap.check("what was set is got, with its version",
              got == {"key": "greeting", "found": True, "value": "hello", "version": version}, str(got))
    code, out, _ = gridctl(PROGRAMS, nodes, "map", "get", "greeting", "--map", "m")
    tap.check("as a table it is the value alone", (code, out) == (0, "hello\n"), out)
    code, out, error = gridctl(PROGRAMS, nodes, "map", "get", "nothing", "--map", "m")
    tap.check("a key that is not there is exit 1", (code, out) == (1, "") and "nothing" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "cas", "greeting", "x", "--map", "m", "--version", "99999")
    tap.check("a version conflict is exit 1, and names both versions",
              code == 1 and f"VERSION_CONFLICT: the entry has changed: its version is {version}, not 99999" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "cas", "greeting", "x", "--map", "m", "--version", "0")
    tap.check("so does one with an entry that should not exist", code == 1 and f"the entry exists: its version is {version}" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "replace", "greeting", "x", "--map", "m", "--if-value", "bye")
    tap.check("and one with another value", code == 1 and f"the entry has another value; its version is {version}" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "cas", "greeting", "bye", "--map", "m", "--version", str(version))
    tap.check("the right version wins", code == 0, error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "set", "k", "v", "--map", "order.view")
    tap.check("views cannot be written", code == 1 and "DENIED" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "set", "k", "v", "--map", "no/such")
    tap.check("a name that is not allowed is exit 1", code == 1 and "INVALID" in error, error)
    tap.check("an affinity is part of the identity",
              gridctl(PROGRAMS, nodes, "map", "get", "greeting", "--map", "m", "--affinity", "a")[0] == 1)
    removed = gridctl_json(PROGRAMS, nodes, "map", "remove", "greeting", "--map", "m")
    tap.check("it is removed", removed == {"key": "greeting", "removed": True}, str(removed))
    tap.check("once", gridctl_json(PROGRAMS, nodes, "map", "remove", "greeting", "--map", "m")["removed"] is False)


def retention(tap, nodes):
    shown = {each["kind"]: each for each in gridctl_json(PROGRAMS, nodes, "retention", "list")}
    tap.check("retention has five kinds", list(shown) == ["completions", "sagas", "keys", "sessions", "journals"], str(shown))
    tap.check("with the documented defaults", shown["keys"]["limits"] == {"ageMs": 86400000, "count": 65536, "bytes": 16777216} and
              shown["sagas"]["limits"] == {"ageMs": 604800000, "count": 1000000, "bytes": 1073741824} and shown["keys"]["version"] == 0, str(shown))
    tap.check("and says what there is", shown["sagas"]["count"] > 0 and shown["sagas"]["bytes"] > 1000 and shown["sagas"]["partitionCount"] > 0,
              str(shown["sagas"]))
    after = gridctl_json(PROGRAMS, nodes, "retention", "set", "sagas", "--age", "2d", "--bytes", "256MiB", "--expect", "0")
    sagas = next(each for each in after if each["kind"] == "sagas")
    tap.check("limits are set; those not named stay", sagas["limits"] == {"ageMs": 172800000, "count": 1000000, "bytes": 268435456} and
              sagas["version"] == 1 and sagas["partitionsSet"] == len(gridctl_json(PROGRAMS, nodes, "partition", "list")), str(sagas))
    code, _, error = gridctl(PROGRAMS, nodes, "retention", "set", "sagas", "--age", "none", "--expect", "0")
    tap.check("another version is a conflict, and named", code == 1 and "the limits have version 1, not 0" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "retention", "set", "keys", "--age", "1m")
    tap.check("less than what makes writes happen once is refused, with the bound", code == 1 and "INVALID" in error and "5 minutes" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "retention", "set", "carts", "--age", "1m")
    tap.check("a kind that does not exist is a usage error", code == 2 and "carts" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "retention", "set", "keys", "--bytes", "12parsecs")
    tap.check("so is a size that is not one", code == 2 and "12parsecs" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "retention", "set", "keys")
    tap.check("and a change of nothing", code == 2 and "--age" in error, error)
    code, out, _ = gridctl(PROGRAMS, nodes, "retention", "list")
    tap.check("the table shows limits as people write them", code == 0 and "2d" in out and "268435456" in out, out)


def loads(tap, nodes):
    text = lines({"key": f"k{i}", "value": f"v{i}"} for i in range(3000)) + "nonsense\n\n" + lines([{"key": 7, "value": "x"}])
    code, out, error = gridctl(PROGRAMS, nodes, "map", "load", "--file", "-", "--map", "load", "-o", "json", text=text)
    tap.check("a load with bad lines is exit 1", code == 1, error)
    shown = json.loads(out)
    tap.check("it counts, and names the bad lines",
              (shown["submitted"], shown["accepted"], shown["rejected"], shown["unknown"]) == (3002, 3000, 2, 0) and
              [each["line"] for each in shown["errors"]] == [3001, 3003], out)
    code, out, error = gridctl(PROGRAMS, nodes, "map", "load", "--file", "-", "--map", "bad", text='{"key":"a","value":"1"}\nnonsense\n')
    tap.check("people get the bad lines on standard error, and the sum on standard output", code == 1 and "line 2: " in error and
              "line 2" not in out and "1 accepted, 1 rejected" in out, out + error)
    tap.check("all good lines are there", gridctl_json(PROGRAMS, nodes, "map", "size", "--map", "load")["size"] == 3000)
    entries = gridctl_json(PROGRAMS, nodes, "map", "scan", "--map", "load", "--limit", "0")
    tap.check("a scan shows each once", {each["key"]: each["value"] for each in entries} ==
              {f"k{i}": f"v{i}" for i in range(3000)} and len(entries) == 3000, str(len(entries)))
    few = gridctl_json(PROGRAMS, nodes, "map", "scan", "--map", "load", "--limit", "7", "--prefix", "k1")
    tap.check("a scan can be narrowed", len(few) == 7 and all(each["key"].startswith("k1") for each in few), str(few))
    text = "nonsense\n" + lines({"key": f"s{i}", "value": "v"} for i in range(3000))
    code, out, _ = gridctl(PROGRAMS, nodes, "map", "load", "--file", "-", "--map", "s", "--strict", "-o", "json", text=text)
    tap.check("--strict stops at the first bad line", code == 1 and json.loads(out)["submitted"] == 1, out)
    left = nodes.path("left.ndjson")
    write(left, lines([{"key": "again", "value": "v"}]))
    code, out, error = gridctl(PROGRAMS, nodes, "map", "load", "--file", left, "--failed-to", left, "--map", "s")
    tap.check("when nothing is left an older file of --failed-to goes, even the input", code == 0 and not os.path.exists(left), out + error)
    os.mkfifo(left)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "load", "--file", "-", "--failed-to", left, "--map", "s", text=lines([{"key": "k", "value": "v"}]))
    tap.check("a pipe stays", code == 0 and os.path.exists(left), error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "load", "--file", "/nowhere/at/all")
    tap.check("a file that cannot be read is exit 1", code == 1 and "nowhere" in error, error)


def submit(nodes, orders):
    code, out, _ = gridctl(PROGRAMS, nodes, "order", "submit", "--file", "-", "-o", "json", text=lines(orders))
    return code, json.loads(out)


def orders(tap, nodes):
    code, out, error = gridctl(PROGRAMS, nodes, "customer", "create", "--file", "-", text=lines(CUSTOMERS))
    tap.check("customers are created", code == 0, out + error)
    code, out, error = gridctl(PROGRAMS, nodes, "product", "create", "--file", "-", text=lines(PRODUCTS))
    tap.check("products are created", code == 0, out + error)
    code, out, _ = gridctl(PROGRAMS, nodes, "product", "create", "--file", "-", text=lines(PRODUCTS))
    tap.check("again: nothing is refused, nothing is new", code == 0 and "0 accepted, 3 already there, 0 rejected" in out, out)
    changed = dict(PRODUCTS[0], name="Torch")
    code, _, error = gridctl(PROGRAMS, nodes, "product", "create", "--file", "-", text=lines([changed]))
    tap.check("other content under the same id is refused", code == 1 and "ALREADY_EXISTS" in error, error)

    good = [order(f"c-{i % 5}", ("p-1", 1 + i % 3)) for i in range(40)]
    good += [order("c-1", ("p-1", 1), ("p-2", 50), orderId="short"), order("c-2", ("p-3", 1), orderId="dear")]
    code, shown = submit(nodes, good)
    tap.check("orders are accepted", code == 0 and shown["accepted"] == 42, str(shown))
    sagas = wait_sagas(nodes, 42)
    ends = {each["orderId"]: each for each in sagas}
    tap.check("every saga ends", len(sagas) == 42 and all(each["completedAt"] for each in sagas), str(sagas[:3]))
    tap.check("short stock is compensated", ends["short"]["status"] == "COMPENSATED" and
              "INSUFFICIENT_STOCK" in ends["short"]["failureReason"], str(ends["short"]))
    tap.check("a declined payment is compensated", ends["dear"]["status"] == "COMPENSATED", str(ends["dear"]))
    tap.check("the rest completes", sum(each["status"] == "COMPLETED" for each in sagas) == 40)
    tap.check("a saga has what scripts read", set(ends["short"]) == {
        "sagaId", "orderId", "status", "mode", "startedAt", "completedAt", "currentStep", "totalSteps",
        "failureReason"}, str(ends["short"]))
    filtered = gridctl_json(PROGRAMS, nodes, "saga", "list", "--status", "COMPENSATED", "--limit", "0")
    tap.check("--status filters", sorted(each["orderId"] for each in filtered) == ["dear", "short"], str(filtered))
    tap.check("--limit limits", len(gridctl_json(PROGRAMS, nodes, "order", "list", "--limit", "5")) == 5)

    code, shown = submit(nodes, good)
    tap.check("the same file again is already there", code == 0 and (shown["accepted"], shown["alreadyThere"]) == (0, 42), str(shown))
    listed = gridctl_json(PROGRAMS, nodes, "order", "list", "--limit", "0")
    tap.check("and creates nothing twice", len(listed) == 42 and len({each["orderId"] for each in listed}) == 42)
    first = next(each for each in listed if each["orderId"] == "dear")
    tap.check("an order has what scripts read", first["status"] == "CANCELLED" and first["customerId"] == "c-2" and
              first["total"] == "22000.00" and first["currency"] == "EUR" and first["lines"][0]["productId"] == "p-3" and
              first["lines"][0]["quantity"] == 1 and first["lines"][0]["unitPrice"] == "20000.00", str(first))
    lamp = gridctl_json(PROGRAMS, nodes, "product", "get", "p-1")
    sold = sum(1 + i % 3 for i in range(40))
    tap.check("stock is sold once", (lamp["quantityOnHand"], lamp["quantityReserved"], lamp["quantitySold"]) ==
              (1000 - sold, 0, sold), str(lamp))


def bad_orders(tap, nodes):
    text = [order("c-1", ("p-1", 2), orderId="short"), order("nobody", ("p-1", 1)), order("c-1", ("no-product", 1)),
            order("c-1"), order("c-1", ("p-1", 1), paymentMethod="SHELLS"), order("c-3", ("p-1", 1), orderId="fine")]
    code, shown = submit(nodes, text)
    reasons = [each["reason"] for each in shown["errors"]]
    tap.check("bad orders are exit 1, the good one is placed", code == 1 and (shown["accepted"], shown["rejected"]) == (1, 5),
              str(shown))
    tap.check("an existing id with other content is refused", "ALREADY_EXISTS" in reasons[0], str(reasons))
    tap.check("a customer that cannot be read is named", "customer nobody" in reasons[1], str(reasons))
    tap.check("a product that cannot be read is named", "product no-product" in reasons[2], str(reasons))
    tap.check("lines and words are checked", "lines" in reasons[3] and "SHELLS" in reasons[4], str(reasons))


def history(tap, nodes):
    events = gridctl_json(PROGRAMS, nodes, "event", "history", "order", "dear")
    tap.check("an order's events are dense from 1", [each["sequence"] for each in events] ==
              list(range(1, len(events) + 1)) and len(events) >= 2, str(events))
    tap.check("with type and data", events[0]["eventType"] == "OrderCreated" and
              events[0]["data"]["total"] == "22000.00", str(events[0]))
    saga = gridctl_json(PROGRAMS, nodes, "saga", "show", "dear")
    tap.check("a saga is shown by its order's id, with its steps", saga["sagaId"] == "dear.s1" and len(saga["steps"]) == 4,
              str(saga))
    events = gridctl_json(PROGRAMS, nodes, "event", "history", "saga", "dear.s1")
    tap.check("a saga has events of its own", events[0]["eventType"] == "SagaStarted", str(events[0]))
    code, _, error = gridctl(PROGRAMS, nodes, "event", "history", "order", "no-such-order")
    tap.check("no events is exit 1", code == 1 and "no events" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "event", "history", "thing", "x")
    tap.check("a kind that does not exist is exit 2", code == 2, error)


def examples(tap, nodes):
    endpoint = nodes.endpoints().split(",")[0]
    for expected in ("visits: 1\n", "visits: 2\n"):
        code, out, error = run([PROGRAMS.path("example-counter"), endpoint, "visits"])
        tap.check("the example of the blocking face prints " + expected.strip(), (code, out) == (0, expected), out + error)
    code, out, error = run([PROGRAMS.path("example-pipeline"), endpoint, "5000"])
    tap.check("the example of the asynchronous face sets its keys", code == 0 and "the map holds 5000" in out, out + error)


def contexts(tap, nodes):
    """Which of several ways to name endpoints is used; no node listens at `away`."""
    away, here = "127.0.0.1:9", nodes.endpoints()
    folder = {"XDG_CONFIG_HOME": nodes.folder}

    def reaches(*options, **variables):
        code, _, error = run([PROGRAMS.path("gridctl"), "map", "size", "--timeout", "500", *options], environment={**folder, **variables})
        return code == 0, error
    for arguments in (("add", "here", here), ("add", "away", away), ("use", "away")):
        code, _, error = run([PROGRAMS.path("gridctl"), "context", *arguments], environment=folder)
        tap.check("context " + " ".join(arguments[:2]) + " is done", code == 0, error)
    tap.check("commands go to the context in use", not reaches()[0] and away in reaches()[1])
    tap.check("GRIDIRON_CONTEXT counts more", *reaches(GRIDIRON_CONTEXT="here"))
    tap.check("GRIDIRON_ENDPOINTS counts more than that", *reaches(GRIDIRON_CONTEXT="away", GRIDIRON_ENDPOINTS=here))
    tap.check("--context counts more than that", *reaches("--context", "here", GRIDIRON_ENDPOINTS=away))
    tap.check("so does --endpoints", *reaches("--endpoints", here, GRIDIRON_ENDPOINTS=away, GRIDIRON_CONTEXT="away"))
    code, _, error = run([PROGRAMS.path("gridctl"), "map", "size", "--context", "nowhere"], environment=folder)
    tap.check("a context that does not exist is exit 2", code == 2 and "nowhere" in error, error)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def left_for_later(tap, path):
    """What --failed-to keeps when no node can be reached."""
    def away(*arguments, text=None):
        return run([PROGRAMS.path("gridctl"), *arguments, "-e", "127.0.0.1:9", "--timeout", "500"], text=text)
    entries = lines({"key": f"k{i}", "value": "v"} for i in range(3))
    for what, before in (("no file", None), ("an older file", "of another run\n")):
        if before is not None:
            write(path, before)
        code, _, error = away("map", "load", "--file", "-", "--failed-to", path, text=entries)
        tap.check(f"no node, {what}: all lines are kept", code == 3 and read(path) == entries and "all 3 lines are in" in error, error)
    os.chmod(path, 0o640)
    code, _, error = away("map", "load", "--file", path, "--failed-to", path)
    tap.check("also in the input itself, which stays what it is", code == 3 and read(path) == entries and os.stat(path).st_mode & 0o777 == 0o640 and
              os.listdir(os.path.dirname(path)) == [os.path.basename(path)], error)
    code, _, error = away("customer", "create", "--file", "-", "--failed-to", path, text='{"email":"a@b.c","name":"Nn"}\n' * 2)
    ids = {json.loads(line)["customerId"] for line in read(path).splitlines()}
    tap.check("with the ids that were made for them", code == 3 and len(ids) == 2, read(path) + error)


def nobody_there(tap):
    code, _, error = run([PROGRAMS.path("gridctl"), "map", "get", "x", "-e", "127.0.0.1:9", "--timeout", "500"])
    tap.check("no node is exit 3", code == 3 and "127.0.0.1:9" in error, error)
    code, _, error = run([PROGRAMS.path("gridctl"), "map", "get"])
    tap.check("wrong usage is exit 2", code == 2 and "KEY" in error, error)
    with tempfile.TemporaryDirectory() as folder:
        left_for_later(tap, os.path.join(folder, "left.ndjson"))
    code, out, _ = run([PROGRAMS.path("gridctl"), "order", "submit", "--help"])
    tap.check("help is exit 0, with examples", code == 0 and "examples:" in out, out)


def main():
    tap = Tap()
    nobody_there(tap)
    with cluster(PROGRAMS, nodes=3, partitions=8) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        for part in (status, snapshots, maps, loads, orders, retention, bad_orders, history, examples, contexts):
            part(tap, nodes)
        nodes.kill([2, 3])
        code, out, error = gridctl(PROGRAMS, nodes, "map", "set", "k", "v", "--timeout", "1500")
        tap.check("without a majority a write is unavailable or unknown", code in (3, 4), f"{code} {out} {error}")
        shown = cluster_status(PROGRAMS, nodes)
        tap.check("and the cluster is not healthy", shown["healthy"] is False and
                  [each["state"] for each in shown["nodes"]][1:] == ["down"] * 2, str(shown))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
