#!/usr/bin/env python3
"""Three nodes are killed in the middle of a load, again and again: every acknowledged key is there afterwards.

10,000 keys a round, ten rounds on the same cluster, so that each start recovers a longer log than the one before. The load
goes on through the crash: what was in flight is repeated by the client and must be applied once.
"""
import random
import subprocess
import sys
import time

from fixture import Programs, Tap, cluster

PROGRAMS = Programs(sys.argv)
KEYS = 10000
ROUNDS = 3 if PROGRAMS.slow else 10
PARTITIONS = 16


def load(nodes, first, kill_after):
    """Loads a round's keys and kills all nodes after so many answers. Returns {outcome: numbers}, and how many keys were
    answered before the kill."""
    outcomes = {}
    answered = 0
    with subprocess.Popen([f"{PROGRAMS.own}/keys", "load", nodes.endpoints(), "keys", str(first), str(KEYS)],
                          stdout=subprocess.PIPE, encoding="ascii") as process:
        for line in process.stdout:
            outcome, number = line.split()
            outcomes.setdefault(outcome, []).append(number)
            answered += 1
            if answered == kill_after:
                nodes.kill(nodes.ids())
                nodes.start(nodes.ids())
    return outcomes, answered


def missing(nodes, numbers):
    """Lines about keys that are not there; an empty text when all are."""
    done = subprocess.run([f"{PROGRAMS.own}/keys", "check", nodes.endpoints(), "keys"], input="".join(f"{n}\n" for n in numbers),
                          capture_output=True, encoding="ascii", timeout=300, check=False)
    return done.stdout if done.returncode == 0 or done.stdout else f"status {done.returncode}: {done.stderr}"


def one_round(tap, nodes, number, acknowledged, randoms):
    kill_after = randoms.randrange(KEYS // 10, KEYS * 8 // 10)
    began = time.monotonic()
    outcomes, answered = load(nodes, number * KEYS, kill_after)
    acknowledged += outcomes.get("OK", [])
    tap.check(f"round {number}: every key was answered, most with success", answered == KEYS and len(outcomes.get("OK", [])) > KEYS * 9 // 10,
              f"killed after {kill_after}: " + str({outcome: len(numbers) for outcome, numbers in outcomes.items()}))
    lost = missing(nodes, acknowledged)
    tap.check(f"round {number}: all {len(acknowledged)} acknowledged keys are there", lost == "", lost[:2000])
    print(f"round {number}: killed after {kill_after}, {time.monotonic() - began:.1f} s", file=sys.stderr)


def main():
    tap = Tap()
    seed = random.randrange(1 << 32)
    print(f"seed {seed}", file=sys.stderr)
    randoms = random.Random(seed)
    acknowledged = []
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        for number in range(ROUNDS):
            one_round(tap, nodes, number, acknowledged, randoms)
        nodes.wait_ready(nodes.ids())
        tap.check("all nodes are ready in the end", all(nodes.is_ready(node) for node in nodes.ids()))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
