#!/usr/bin/env python3
"""Nodes in network namespaces are cut off and come together again (tools/cuts), a short form without targets: those are measured.

Skipped with a word where there is no root or namespaces do not work.
"""
import json
import os
import signal
import subprocess
import sys

from fixture import Programs, Tap

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CUTS = os.path.join(ROOT, "tools", "cuts")
sys.path.insert(0, os.path.join(ROOT, "tools"))
from cut_network import why_not  # noqa: E402

PROGRAMS = Programs(sys.argv)
SECONDS = 240
GRIDIRON = PROGRAMS.path("gridiron")


def cuts(*arguments):
    done = subprocess.run([CUTS, *arguments], capture_output=True, encoding="utf-8", timeout=SECONDS, check=False)
    return done.returncode, done.stdout, done.stderr


def namespaces():
    return {line.split()[0] for line in subprocess.run(["ip", "netns", "list"], capture_output=True, encoding="utf-8", check=False).stdout.splitlines()}


def check_rows(tap):
    status, out, text = cuts("--scenarios", "isolated,one-way,all-apart,power", "--seconds", "3", "--times", "1", "--fresh", "2", "--gridiron", GRIDIRON, "-o", "json")
    rows = {row["scenario"]: row for row in json.loads(out)} if status == 0 else {}
    tap.check("after every kind of cut all partitions are written again and all replicas are equal",
              len(rows) == 4 and all(row["back"] and row["firstWrite"] is not None for row in rows.values()), f"status {status}\n{out}{text}")
    for name in ("isolated", "one-way", "power"):
        row = rows.get(name, {})
        tap.check(f"{name}: clients go on while there is a majority", row.get("longestGap", 99) < 3 and row.get("freshGood") == row.get("fresh", -1), json.dumps(row))


def check_interrupt(tap):
    with subprocess.Popen([CUTS, "--scenarios", "isolated", "--seconds", "60", "--times", "1", "--gridiron", GRIDIRON],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        mine = f"gridcut{process.pid}-"
        process.stdout.readline()  # the head of the table: everything runs
        there = {name for name in namespaces() if name.startswith(mine)}
        process.send_signal(signal.SIGINT)
        _, text = process.communicate(timeout=SECONDS)
    left = {name for name in namespaces() if name.startswith(mine)}
    tap.check("interrupted, it removes its namespaces", len(there) == 5 and not left and process.returncode == 3, f"{there} {left} {process.returncode} {text}")


def main():
    tap = Tap()
    status, _, text = cuts("--scenarios", "sideways")
    tap.check("a scenario that does not exist is refused", status == 2 and "sideways" in text, text)
    reason = why_not()
    if reason is not None:
        tap.check(f"cuts # SKIP {reason}", True)
        return tap.end()
    tap.attempt("all kinds of cuts", lambda: check_rows(tap))
    tap.attempt("an interrupt", lambda: check_interrupt(tap))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
