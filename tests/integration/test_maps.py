#!/usr/bin/env python3
"""Maps and journals from the command line: conditions, ttl, batches, settings, keys, and a reader that outlives leaders."""
import json
import subprocess
import sys
import threading

from fixture import Programs, Tap, cluster, gridctl, gridctl_json, metric, run

PROGRAMS = Programs(sys.argv)
PARTITIONS = 8
WAIT_SECONDS = 60


def conditions(tap, nodes):
    def ctl(*arguments):
        return gridctl(PROGRAMS, nodes, "map", *arguments, "--map", "c")
    tap.check("put tells what was there", ctl("put", "k", "one")[0] == 0 and ctl("put", "k", "two")[1] == "one\n")
    code, _, error = ctl("put-if-absent", "k", "x")
    tap.check("put-if-absent of what is there is exit 1", code == 1 and "ALREADY_EXISTS" in error, error)
    code, _, error = ctl("replace", "nothing", "x")
    tap.check("replace of what is not there is exit 1", code == 1 and "NOT_FOUND" in error, error)
    code, _, error = ctl("replace", "k", "x", "--if-value", "one")
    tap.check("replace by a value that was is exit 1", code == 1 and "VERSION_CONFLICT" in error, error)
    tap.check("by the one that is, it writes", ctl("replace", "k", "three", "--if-value", "two")[0] == 0)
    tap.check("contains says so", ctl("contains", "k")[:2] == (0, "yes\n") and ctl("contains", "nothing")[:2] == (1, "no\n"))
    tap.check("remove by value", ctl("remove", "k", "--if-value", "two")[0] == 1 and ctl("remove", "k", "--if-value", "three")[0] == 0)
    code, out, _ = ctl("take", "k", "-o", "json")
    tap.check("take of nothing takes nothing", (code, json.loads(out)) == (1, {"key": "k", "removed": False}), out)


def batches(tap, nodes):
    def batch(*operations):
        text = "".join(json.dumps(each) + "\n" for each in operations)
        return gridctl(PROGRAMS, nodes, "map", "batch", "--map", "b", "--affinity", "a", text=text)
    code, out, error = batch({"op": "set", "key": "x", "value": "1"}, {"op": "set", "key": "y", "value": "2"})
    tap.check("a batch writes", code == 0 and "2 operations" in out, out + error)
    code, _, error = batch({"op": "set", "key": "x", "value": "9"}, {"op": "check-version", "key": "y", "expectedVersion": 77})
    tap.check("one condition that fails refuses all, and is named", code == 1 and "line 2, operation 2: VERSION_CONFLICT" in error, error)
    present = gridctl_json(PROGRAMS, nodes, "map", "get", "y", "--map", "b", "--affinity", "a")["version"]
    tap.check("with the version that there is", f"version is {present} now, not 77" in error, error)
    _, _, error = batch({"op": "cas", "key": "none", "value": "1", "expectedVersion": 5})
    tap.check("an entry that is not there is no other one", "VERSION_CONFLICT: the entry does not exist; you expected version 5" in error, error)
    _, _, error = batch({"op": "cas", "key": "y", "value": "1", "expectedVersion": 0})
    tap.check("nor is one that was to be absent", f"the entry exists: its version is {present} now" in error, error)
    _, _, error = batch({"op": "remove-if-same", "key": "y", "expectedValue": "3"})
    tap.check("another value is named as such", f"the entry had another value; its version is {present} now" in error, error)
    tap.check("nothing of it was written",
              gridctl(PROGRAMS, nodes, "map", "get", "x", "--map", "b", "--affinity", "a")[1] == "1\n")
    code, _, error = batch({"op": "set", "key": "x", "affinity": "p", "value": "1"}, {"op": "set", "key": "y", "value": "2"})
    tap.check("two affinities are refused", code == 1 and "line 2: another affinity than line 1" in error, error)


def ttl(tap, nodes):
    gridctl(PROGRAMS, nodes, "map", "config", "--map", "t", "--journal", "on")
    tail = Tail(nodes, "--map", "t")
    gridctl(PROGRAMS, nodes, "map", "set", "short", "v", "--map", "t", "--ttl", "700")
    shown = gridctl_json(PROGRAMS, nodes, "map", "get", "short", "--map", "t")
    tap.check("an entry shows how long it lasts", 0 < shown["ttlMs"] <= 700, str(shown))
    tail.wait(lambda seen: "EXPIRED" in [record["kind"] for record in seen])
    kinds = [record["kind"] for record in tail.end()]
    tap.check("its end is a record", kinds == ["ADDED", "EXPIRED"], str(kinds))
    tap.check("and it is gone", gridctl(PROGRAMS, nodes, "map", "get", "short", "--map", "t")[0] == 1)
    stats = gridctl_json(PROGRAMS, nodes, "map", "stats", "--map", "t")
    tap.check("and counted", stats["expirations"] == 1 and stats["expiring"] == 0, str(stats))
    tap.check("an empty map is empty", gridctl(PROGRAMS, nodes, "map", "size", "--map", "t")[1] == "0\n")
    gridctl(PROGRAMS, nodes, "map", "set", "kept", "v", "--map", "t", "--ttl", "1500")
    tap.check("a ttl can be taken back", gridctl(PROGRAMS, nodes, "map", "ttl", "kept", "none", "--map", "t")[0] == 0)
    shown = gridctl_json(PROGRAMS, nodes, "map", "get", "kept", "--map", "t")
    tap.check("then the entry has none", shown["found"] and "ttlMs" not in shown, str(shown))


def settings(tap, nodes):
    shown = gridctl_json(PROGRAMS, nodes, "map", "config", "--map", "s")
    tap.check("a map begins without settings", shown["version"] == 0 and not shown["journal"]["enabled"], str(shown))
    shown = gridctl_json(PROGRAMS, nodes, "map", "config", "--map", "s", "--ttl", "60000", "--entries-max", "1")
    tap.check("they are changed in every partition", (shown["version"], shown["ttlMs"], shown["partitionsConfigured"]) ==
              (1, 60000, PARTITIONS), str(shown))
    shown = gridctl_json(PROGRAMS, nodes, "map", "config", "--map", "s", "--journal", "on")
    tap.check("what is not named stays", shown["version"] == 2 and shown["ttlMs"] == 60000 and shown["journal"]["enabled"], str(shown))
    code, _, error = gridctl(PROGRAMS, nodes, "map", "config", "--map", "s", "--ttl", "none", "--expect", "1")
    tap.check("a version that was is refused, with the present one", code == 1 and "VERSION_CONFLICT: the settings have version 2, not 1" in error, error)
    codes = {gridctl(PROGRAMS, nodes, "map", "set", f"k{i}", "v", "--map", "s")[0] for i in range(40)}
    tap.check("a full map refuses", codes == {0, 1}, str(codes))
    stats = gridctl_json(PROGRAMS, nodes, "map", "stats", "--map", "s")
    tap.check("statistics add up", stats["entries"] == stats["expiring"] == stats["journalRecords"] <= PARTITIONS, str(stats))
    code, _, error = gridctl(PROGRAMS, nodes, "map", "clear", "--map", "s")
    tap.check("clear wants to be meant", code == 2 and "--yes" in error, error)
    tap.check("and clears", gridctl(PROGRAMS, nodes, "map", "clear", "--map", "s", "--yes")[0] == 0 and
              gridctl(PROGRAMS, nodes, "map", "size", "--map", "s")[1] == "0\n")
    code, _, error = gridctl(PROGRAMS, nodes, "journal", "tail", "--map", "unheard-of")
    tap.check("a journal that is off is exit 1", code == 1 and "NOT_FOUND" in error, error)


def names(tap, nodes):
    def listed():
        return {each["name"]: each for each in gridctl_json(PROGRAMS, nodes, "map", "list")}
    for i in range(20):
        gridctl(PROGRAMS, nodes, "map", "set", f"k{i}", "v", "--map", "going")
    gridctl(PROGRAMS, nodes, "map", "config", "--map", "going", "--journal", "on", "--ttl", "600000")
    maps = listed()
    tap.check("a list adds up over the partitions", maps["going"]["entries"] == 20 and maps["going"]["bytes"] > 0 and
              maps["going"]["configured"] and maps["going"]["journal"], str(maps.get("going")))
    tap.check("and shows the services' maps", "order.view" in maps and not maps["order.view"]["journal"], str(sorted(maps)))
    _, table, _ = gridctl(PROGRAMS, nodes, "map", "list")
    tap.check("the table names them too", any(line.split()[:2] == ["going", "20"] for line in table.splitlines()), table)
    code, out, error = gridctl(PROGRAMS, nodes, "map", "drop", "going")
    tap.check("a map is dropped", code == 0 and out == "dropped map going with 20 entries\n", out + error)
    tap.check("its name is gone", "going" not in listed())
    tap.check("its entries too", gridctl(PROGRAMS, nodes, "map", "size", "--map", "going")[1] == "0\n")
    shown = gridctl_json(PROGRAMS, nodes, "map", "config", "--map", "going")
    tap.check("and its settings", shown["version"] == 0 and shown["ttlMs"] == 0 and not shown["journal"]["enabled"], str(shown))
    code, _, error = gridctl(PROGRAMS, nodes, "map", "drop", "going")
    tap.check("once more is exit 1, with its name", code == 1 and "no such map: going" in error, error)
    shown = gridctl_json(PROGRAMS, nodes, "map", "config", "--map", "going", "--ttl", "1000")
    tap.check("new settings of the name reach every partition", shown["partitionsConfigured"] == PARTITIONS and shown["version"] > 1, str(shown))
    for name in ("order.view", "order.events", "saga.completions"):
        code, _, error = gridctl(PROGRAMS, nodes, "map", "drop", name)
        tap.check(f"{name} is not dropped", code == 1 and "DENIED" in error and "cannot be dropped" in error, error)


def keys(tap, nodes):
    def put(value, key):
        return gridctl(PROGRAMS, nodes, "map", "set", "k", value, "--map", "i", "--idempotency-key", key, "-o", "json")
    first, again = put("v", "one"), put("v", "one")
    tap.check("a keyed write is executed once", first[0] == 0 and first[1] == again[1], first[1] + again[1])
    code, _, error = put("w", "one")
    tap.check("another one under its key is refused", code == 1 and "IDEMPOTENCY_MISMATCH" in error, error)
    tap.check("and wrote nothing", gridctl(PROGRAMS, nodes, "map", "get", "k", "--map", "i")[1] == "v\n")


class Tail:
    """gridctl journal tail, its lines collected as they come."""

    def __init__(self, nodes, *arguments):
        self.records, self.changed = [], threading.Condition()
        self.process = subprocess.Popen([PROGRAMS.path("gridctl"), "journal", "tail", *arguments, "--follow", "-o", "json",
                                         "--endpoints", nodes.endpoints()], stdout=subprocess.PIPE, encoding="utf-8")
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.records.append(json.loads(line))
                self.changed.notify_all()

    def wait(self, enough, seconds=WAIT_SECONDS):
        with self.changed:
            return self.changed.wait_for(lambda: enough(self.records), seconds)

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.reader.join()
        return self.records


def is_dense(records):
    """Per partition the sequences follow each other without a gap."""
    last = {}
    for record in records:
        if record["sequence"] != last.get(record["partition"], record["sequence"] - 1) + 1:
            return False
        last[record["partition"]] = record["sequence"]
    return True


def written(records):
    return {record["key"] for record in records if record.get("kind") in ("ADDED", "UPDATED")}


def journals(tap, nodes):
    gridctl(PROGRAMS, nodes, "map", "config", "--map", "j", "--journal", "on")
    text = "".join(json.dumps({"key": f"before-{i}", "value": "v"}) + "\n" for i in range(100))
    gridctl(PROGRAMS, nodes, "map", "load", "--map", "j", "--file", "-", text=text)
    code, out, error = gridctl(PROGRAMS, nodes, "journal", "tail", "--map", "j", "-o", "json")
    records = [json.loads(line) for line in out.splitlines()]
    tap.check("a tail gives what is there and ends", code == 0 and len(records) == 100 and is_dense(records), error)
    late = gridctl(PROGRAMS, nodes, "journal", "tail", "--map", "j", "--from", "newest")
    tap.check("from the newest on there is nothing yet", late[:2] == (0, ""), str(late))
    newest, oldest = Tail(nodes, "--map", "j", "--from", "newest"), Tail(nodes, "--map", "j")
    oldest.wait(lambda seen: len(seen) == 100)
    # A reader that begins at the newest has begun once it sees a mark in every partition.
    marks = 0
    while len({record["partition"] for record in newest.records}) < PARTITIONS and marks < 1000:
        gridctl(PROGRAMS, nodes, "map", "set", f"mark-{marks}", "v", "--map", "j")
        marks += 1
    for number in range(300):
        if number == 100:
            nodes.kill([2])
        code, _, error = gridctl(PROGRAMS, nodes, "map", "set", f"after-{number}", "v", "--map", "j")
        if code != 0:
            tap.check(f"write {number}", False, error)
    expected = {f"after-{number}" for number in range(300)}
    for tail in (newest, oldest):
        tail.wait(lambda seen: expected <= written(seen))
    seen, all_seen = newest.end(), oldest.end()
    tap.check("a reader gets every write through the loss of a node", expected <= written(seen),
              str(sorted(expected - written(seen))[:10]))
    tap.check("in order, without a gap, each once", is_dense(seen) and len(seen) <= 300 + marks, str(len(seen)))
    tap.check("from the oldest on as well", is_dense(all_seen) and len(all_seen) == 400 + marks, str(len(all_seen)))
    nodes.start([2])
    nodes.wait_ready([2])
    record = all_seen[-1]
    code, out, error = gridctl(PROGRAMS, nodes, "journal", "tail", "--map", "j", "--partition", str(record["partition"]),
                               "--from", str(record["sequence"]), "--limit", "1", "-o", "json")
    tap.check("a reader goes on where it wants", code == 0 and json.loads(out) == record, out + error)
    gridctl(PROGRAMS, nodes, "map", "config", "--map", "j", "--journal-entries", "5")
    gridctl(PROGRAMS, nodes, "map", "load", "--map", "j", "--file", "-", text=text)
    code, out, error = gridctl(PROGRAMS, nodes, "journal", "tail", "--map", "j", "--from", "1", "-o", "json")
    dropped = [json.loads(line) for line in out.splitlines() if "droppedTo" in line]
    tap.check("what was dropped is told", code == 0 and len(dropped) == PARTITIONS and
              all(each["droppedFrom"] == 1 for each in dropped), out[:500] + error)


def example(tap, nodes):
    endpoint = nodes.endpoints().split(",")[0]
    for run_number, balances in ((1, "anna has 90, ben has 110"), (2, "anna has 80, ben has 120")):
        code, out, error = run([PROGRAMS.path("example-accounts"), endpoint])
        tap.check(f"the example of batches and journals, run {run_number}", code == 0 and balances in out and
                  f"{2 + 2 * run_number} records add up to 200" in out, out + error)


    code, _, error = run([PROGRAMS.path("example-accounts"), f"{nodes.host}:1"])
    tap.check("without a node it says why", code == 3 and f"UNAVAILABLE: {nodes.host}:1: connection refused" in error, f"{code} {error}")


def counters(tap, nodes):
    before = sum(metric(nodes, node, "gridiron_map_gets_total") for node in nodes.ids())
    gridctl(PROGRAMS, nodes, "map", "get", "nothing", "--map", "c")
    gridctl(PROGRAMS, nodes, "map", "contains", "k", "--map", "i")
    after = sum(metric(nodes, node, "gridiron_map_gets_total") for node in nodes.ids())
    checks = {result: sum(metric(nodes, node, f'idempotency_checks_total{{result="{result}"}}') for node in nodes.ids())
              for result in ("new", "repeated", "mismatch")}
    tap.check("keys are counted by what became of them", checks == {"new": 1, "repeated": 1, "mismatch": 1}, str(checks))
    tap.check("gets are counted where they are served", after == before + 2, f"{before} {after}")


def main():
    tap = Tap()
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        for part in (conditions, batches, ttl, settings, names, keys, counters, journals, example):
            part(tap, nodes)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
