#!/usr/bin/env python3
"""Real processes under load are killed and paused for two minutes; the histories and books are right afterwards.

Before that: broken on purpose it is found, and a run that is interrupted leaves nothing behind. `--short` as the last argument
makes the long run a quarter as long.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

from fixture import Tap

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SEED = "20260101"
MINUTES = "0.5" if sys.argv[-1] == "--short" else "2"
RUN_SECONDS = 900


def nemesis(*arguments):
    done = subprocess.run([os.path.join(ROOT, "tools", "nemesis"), *arguments], capture_output=True, encoding="utf-8", timeout=RUN_SECONDS,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def children_of(pid):
    """Processes whose parent it is, with their names."""
    found = {}
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                name, _, fields = file.read().partition(" (")[2].rpartition(") ")
        except OSError:
            continue
        if int(fields.split()[1]) == pid:
            found[int(entry)] = name
    return found


def is_there(pid, name):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip() == name
    except OSError:
        return False


def check_usage(tap):
    status, text = nemesis("--help")
    tap.check("the help names every disturbance", status == 0 and all(word in text for word in ("kill-all", "pause-leader", "restart-storm", "kill-in-install", "fill-disk")))
    status, text = nemesis("--only", "kill-some")
    tap.check("a disturbance that does not exist is refused with those that do", status == 2 and "kill-one" in text, text)


def check_interrupt(tap):
    """SIGINT in the middle, with a node paused: all processes end, and the folder is gone."""
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen([os.path.join(ROOT, "tools", "nemesis"), "--minutes", "5", "--only", "pause-leader"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding="utf-8", env={**os.environ, "TMPDIR": folder}) as process:
            text = ""
            for line in process.stdout:
                text += line
                if "the load runs" in line:
                    break
            children = children_of(process.pid)
            process.send_signal(signal.SIGINT)
            text += process.stdout.read()
        tap.check("three nodes and the load were running", len(children) == 4, f"{children}\n{text}")
        tap.check("an interrupted run says so", process.returncode == 3 and "everything is stopped" in text, f"{process.returncode}: {text}")
        tap.check("nothing that it started is left", not any(is_there(pid, name) for pid, name in children.items()), str(children))
        tap.check("neither is its folder", os.listdir(folder) == [], str(os.listdir(folder)))


def check_sabotage(tap):
    """Nodes that lose what they acknowledged: found as lost writes, lost orders and charges without an order."""
    with tempfile.TemporaryDirectory() as folder:
        status, text = nemesis("--seed", SEED, "--minutes", "0.25", "--sabotage", "old-backup", "--artefacts", os.path.join(folder, "run"))
        tap.check("nodes that lose what they acknowledged are found out", status == 1, f"{status}: {text}")
        for invariant in ("I23", "I10", "I01"):
            tap.check(f"that shows as a violation of {invariant}", f"WRONG: {invariant}" in text, text[-4000:])
        tap.check("the history is kept", os.path.getsize(os.path.join(folder, "run", "history.ndjson")) > 1000)
        status, text = nemesis("--seed", SEED, "--minutes", "0.1", "--sabotage", "ledger", "--artefacts", os.path.join(folder, "ledger"))
        tap.check("a charge that stands twice in the ledger is found out", status == 1 and "WRONG: I01" in text, f"{status}: {text}")


def check_run(tap):
    status, text = nemesis("--seed", SEED, "--minutes", MINUTES)
    print(text, file=sys.stderr)
    tap.check(f"{MINUTES} minutes of seed {SEED}: nothing is found wrong", status == 0 and "nothing was found wrong" in text, text[-6000:])
    proof = re.search(r"proof: (\d+) of (\d+) spoilt copies", text)
    tap.check("its checks find every spoilt copy of that run", bool(proof) and proof[1] == proof[2] and int(proof[1]) >= 15, text[-3000:])
    answered = re.search(r"(\d+) while it was paused", text)
    tap.check("reads were asked of paused nodes", bool(answered) and int(answered[1]) > 100, text[-3000:])


def main():
    tap = Tap()
    for part in (check_usage, check_interrupt, check_sabotage, check_run):
        part(tap)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
