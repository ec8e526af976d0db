#!/usr/bin/env python3
"""gridctl bench orders: its counts agree with what the cluster says. tools/bench: rows, merged into a file; nothing is left."""
import json
import os
import sys
import tempfile

from fixture import Programs, Tap, cluster, gridctl, gridctl_json, run

PROGRAMS = Programs(sys.argv)
TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "bench")
FIELDS = {"operations", "seconds", "perSecond", "errors", "latencyUs", "acceptanceUs", "orders", "verified"}


def bench(nodes, *arguments):
    status, out, error = gridctl(PROGRAMS, nodes, "bench", "orders", "-o", "json", "--products", "20", *arguments)
    assert status == 0 and error == "", f"{arguments}: {status}: {error}"
    return json.loads(out)


def closed(nodes):
    """As fast as it goes; a part is declined."""
    result = bench(nodes, "--seconds", "2", "--warmup", "0", "--concurrency", "16", "--lines", "1-3", "--decline-percent", "30",
                   "--zipf", "1")
    orders = result["orders"]
    sagas = gridctl_json(PROGRAMS, nodes, "saga", "list", "--limit", "0")
    by_status = {word: sum(saga["status"] == word for saga in sagas) for word in ("COMPLETED", "COMPENSATED")}
    lines = {len(order["lines"]) for order in gridctl_json(PROGRAMS, nodes, "order", "list", "--limit", "0")}
    good = (FIELDS <= set(result) and result["verified"] and result["errors"] == 0 and orders["accepted"] == len(sagas) and
            0 < result["operations"] <= len(sagas) and by_status == {"COMPLETED": orders["completed"],
                                                                     "COMPENSATED": orders["compensated"]} and
            0.1 * len(sagas) < orders["compensated"] < 0.5 * len(sagas) and lines == {1, 2, 3})
    return good, f"{result} {by_status} {lines}"


def open_loop(nodes):
    """The number of orders follows from the rate, not from the speed of the machine."""
    result = bench(nodes, "--seconds", "2", "--warmup", "1", "--rate", "50", "--lines", "2")
    latency, acceptance = result["latencyUs"], result["acceptanceUs"]
    good = (result["verified"] and result["operations"] == 100 and result["orders"]["completed"] == 150 and
            0 < acceptance["p50"] < latency["p50"] <= latency["p99"] <= latency["p999"] <= latency["max"])
    return good, str(result)


def journal_is_as_it_was(nodes):
    settings = gridctl_json(PROGRAMS, nodes, "map", "config", "--map", "order.events")
    return not settings["journal"]["enabled"], str(settings)


def journal_drops(nodes):
    """With a journal of a few records the ends are found all the same."""
    status, _, error = gridctl(PROGRAMS, nodes, "map", "config", "--map", "order.events", "--journal", "on", "--journal-entries", "2")
    assert status == 0, error
    result = bench(nodes, "--seconds", "1", "--warmup", "0", "--concurrency", "200", "--lines", "1")
    kept = gridctl_json(PROGRAMS, nodes, "map", "config", "--map", "order.events")["journal"]
    return result["verified"] and kept["enabled"] and result["orders"]["completed"] > 0, f"{result} {kept}"


def wrong_usage(nodes):
    for arguments in (["--lines", "0"], ["--lines", "3-1"], ["--zipf", "x"], ["--decline-percent", "101"], ["--concurrency", "0"]):
        status, _, error = gridctl(PROGRAMS, nodes, "bench", "orders", *arguments)
        if status != 2 or arguments[0][2:] not in error:
            return False, f"{arguments}: {status} {error}"
    return True, ""


def tool(folder, *arguments, environment=None):
    return run([sys.executable, TOOL, "--build", os.path.dirname(PROGRAMS.bin), "--folder", folder, "--output", os.path.join(folder, "out.md"),
                "--seconds", "1", *arguments], environment=environment)


def tool_rows(folder):
    """Two runs of one row each: the file has both, and the second one's rate is half of what the first one reached."""
    names = ("gridiron/orders-1-3", "gridiron/orders-1-3-half")
    for name in names:
        status, out, error = tool(folder, "--only", name, "-o", "json")
        if status != 0:
            return False, error
    result = json.loads(out)
    with open(os.path.join(folder, "out.md"), encoding="utf-8") as file:
        rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")] for line in file if line.startswith("| gridiron/")}
    half = int(rows[names[0]][4].replace(",", "")) // 2
    good = (list(rows) == list(names) and rows[names[1]][3] == f"open loop, {half} a second" and result[0]["row"] == names[1] and
            result[0]["errors"] == 0 and "entries" in result[0]["notes"])
    return good, f"{rows} {result}"


def tool_leaves_nothing(folder):
    """Neither files nor processes: a process's command line names its folder."""
    left = [name for name in os.listdir(folder) if name != "out.md"]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                left += [pid] * (folder.encode() in file.read())
        except OSError:
            pass
    return not left, str(left)


def tool_complains(folder):
    for arguments, environment, said in ((["--only", "nonsense/x"], {}, "no row is called nonsense/x"),
                                         (["--only", "etcd/idle"], {"PATH": folder}, "tools/packages install --for bench"),
                                         (["--only", "gridiron/idle", "--build", folder], {}, "is not built"),
                                         (["--only", "gridiron/set-half", "--output", "-"], {}, "needs gridiron/set-50x16")):
        status, _, error = tool(folder, *arguments, environment=environment)
        if status != 1 or said not in error or "Traceback" in error:
            return False, f"{arguments}: {status} {error}"
    return True, ""


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="gridiron-test-") as folder:
        tap.run("tools/bench merges its rows into the file", lambda: tool_rows(folder))
        tap.run("it says what is wrong", lambda: tool_complains(folder))
        tap.run("it leaves nothing behind", lambda: tool_leaves_nothing(folder))
    with cluster(PROGRAMS, nodes=3, partitions=4) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        tap.run("what it counts is what the cluster has", lambda: closed(nodes))
        tap.run("with a rate as many orders end as were meant to", lambda: open_loop(nodes))
        tap.run("the journal is switched off again", lambda: journal_is_as_it_was(nodes))
        tap.run("ends that the journal dropped are read", lambda: journal_drops(nodes))
        tap.run("wrong options are named", lambda: wrong_usage(nodes))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
