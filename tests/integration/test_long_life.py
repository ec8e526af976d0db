#!/usr/bin/env python3
"""tools/long_life: what a run records and draws, that a restart and a catch-up end with everything there, and what it refuses."""
import json
import os
import re
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

from fixture import Programs, Tap, run

PROGRAMS = Programs(sys.argv)
TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "long_life")
SVG = "{http://www.w3.org/2000/svg}"
SMALL = ["--partitions", "4", "--set", "snapshot.bytes=64KiB"]


def tool(*arguments):
    return run([TOOL, arguments[0], "--build", os.path.dirname(PROGRAMS.path("gridctl")), *arguments[1:]])


def records_a_run():
    with tempfile.TemporaryDirectory() as folder:
        samples, graph = os.path.join(folder, "samples"), os.path.join(folder, "graph.svg")
        status, out, error = tool("run", *SMALL, "--minutes", "0.05", "--every", "0.5", "--samples", samples, "--graph", graph,
                                  "--", "map", "--op", "set", "--keys", "2000", "--warmup", "0")
        if status != 0:
            return False, error
        with open(samples, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        drawn = ElementTree.parse(graph).getroot().findall(SVG + "polyline")
    points = {len(line.get("points").split()) for line in drawn}
    good = (len(lines) >= 3 and len(drawn) == 7 and points == {len(lines)} and lines[-1]["snapshots"] > 0 and lines[-1]["refused"] == 0 and
            all(len(line[name]) == 3 and min(line[name]) > 0 for line in lines for name in ("residentBytes", "diskBytes")) and
            max(line["commandsPerSecond"] for line in lines) > 0 and "first minute" in out)
    return good, f"{out} {lines} {points}"


def restarts():
    status, out, error = tool("restart", *SMALL, "--", "map", "--op", "get", "--keys", "20000", "--seconds", "1")
    good = status == 0 and "map entries 20,000" in out and "all nodes ready after" in out and "says nothing" not in out
    return good, f"{out} {error}"


def catches_up():
    status, out, error = tool("catch-up", *SMALL, "--minutes", "0.05", "--rate", "500",
                              "--", "map", "--op", "get", "--keys", "20000", "--seconds", "1")
    beside = json.loads(out[out.index("{"):]) if "sets beside it" in out else {}
    # Each partition once; again if it fell behind while its snapshot came.
    installed = re.search(r"snapshots installed (\d+)", out)
    good = status == 0 and "node 3 has everything" in out and installed and int(installed[1]) >= 4 and beside["operations"] == 1500 and beside["errors"] == 0
    return good, f"{out} {error}"


def refuses():
    answers = [tool("run", "--", "queue"), tool("run", "--minutes", "0"), tool("run", "--dir", os.getcwd()), tool("walk")]
    good = ([status for status, _, _ in answers] == [2, 2, 1, 2] and "map or orders" in answers[0][2] and "above 0" in answers[1][2] and
            "exists" in answers[2][2])
    return good, str(answers)


def main():
    tap = Tap()
    tap.run("a run records speed, memory and disk of each node, and draws them", records_a_run)
    tap.run("a restart is timed until all serve, with everything there", restarts)
    tap.run("a node without its log and snapshots is caught up by snapshots, beside sets", catches_up)
    tap.run("wrong use is refused", refuses)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
