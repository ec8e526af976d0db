#!/usr/bin/env python3
"""Time goes on (R14, I30): a ttl ends when it should though its partition is quiet and its leader is killed again and again, what is left
of it shrinks meanwhile, and an outage of all nodes counts.

Nothing is written while time passes. Whatever is measured is bounded from one side by an answer that came and from the other by the
moment at which it was asked for, so that a slow machine makes the bounds wider and never wrong.

With `long` as the third argument: a ttl of 60 s and a saga's deadline under kills every 5 s, an outage of 15 s. Prints what it measured.
"""
import json
import os
import sys
import threading
import time

from fixture import Programs, Tap, cluster, gridctl, gridctl_json, metric, wait_exit

PROGRAMS = Programs(sys.argv)
LONG = len(sys.argv) > 3 and sys.argv[3] == "long"
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TTL, KILL_EVERY, OUTAGE, OUTAGE_TTL = (60.0, 5.0, 15.0, 5.0) if LONG else (12.0, 3.0, 7.0, 4.0)
EXACT = 1.0            # seconds that a ttl or deadline may be off beside the time without a leader
SLEW = 0.1             # of what passes, where wall clocks differ from log time
POLL_SECONDS = 0.2



def running(nodes):
    return [node for node in nodes.ids() if nodes.pid(node)]


def leader_of(nodes):
    """The node that leads the only partition."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for node in running(nodes):
            if nodes.is_live(node) and metric(nodes, node, "gridiron_partitions_led") == 1:
                return node
        wait_exit(nodes.pid(running(nodes)[0]), 0.05)
    raise AssertionError("there is no leader")


class Watched:
    """An entry with a ttl, looked at until it is gone."""

    def __init__(self, nodes, key, ttl):
        self.nodes, self.key, self.ttl = nodes, key, ttl
        self.asked = time.monotonic()
        code, out, error = gridctl(PROGRAMS, nodes, "map", "set", key, "v", "--ttl", str(int(ttl * 1000)), "--map", "t")
        assert code == 0, out + error
        self.written = time.monotonic()
        self.seen_asked = self.written         # when the last answer that found it was asked for
        self.gone_answered = None              # when the first one that did not came
        self.wrong = []

    def look(self):
        """False once it is gone."""
        asked = time.monotonic()
        code, out, error = gridctl(PROGRAMS, self.nodes, "map", "get", self.key, "-o", "json", "--map", "t")
        answered = time.monotonic()
        if code == 0:
            self.seen_asked = asked
            left = json.loads(out)["ttlMs"] / 1000
            least, most = self.asked + self.ttl - answered, self.written + self.ttl - asked
            slack = EXACT + SLEW * (answered - self.asked)
            if not min(least, 0) - slack <= left <= max(most, 0) + slack:
                self.wrong.append(f"{left:.2f} s left at a time when {least:.2f} to {most:.2f} s were")
            return True
        assert "NOT_FOUND" in error or code == 1, out + error
        self.gone_answered = answered
        return False

    def until_gone(self, every=POLL_SECONDS, most=180.0):
        while self.look():
            assert time.monotonic() - self.written < most, f"{self.key} does not end"
            wait_exit(self.nodes.pid(running(self.nodes)[0]), every)

    def report(self):
        return f"a ttl of {self.ttl:.0f} s ended {self.seen_asked - self.asked:.2f} to {self.gone_answered - self.written:.2f} s after its write"


def kills(tap, nodes):
    watched = Watched(nodes, "quiet", TTL)
    killed, next_kill = 0, watched.written + KILL_EVERY
    last_kill = watched.written + TTL - KILL_EVERY + 0.5
    while watched.look():
        assert time.monotonic() - watched.written < TTL * 4, "the entry does not end"
        if next_kill <= time.monotonic() < last_kill:
            victim = leader_of(nodes)
            nodes.kill([victim])
            nodes.start([victim])
            killed, next_kill = killed + 1, next_kill + KILL_EVERY
        wait_exit(nodes.pid(running(nodes)[0]), POLL_SECONDS)
    print(f"{killed} kills of the leader: {watched.report()}", file=sys.stderr)
    late, early = watched.seen_asked - (watched.written + TTL), watched.asked + TTL - watched.gone_answered
    tap.check(f"a ttl outlives {killed} leaders in a quiet partition by no more than {EXACT:.0f} s", killed >= 2 and late <= EXACT, f"{late:.2f} s late")
    tap.check("and does not end early", early <= EXACT, f"{early:.2f} s early")
    tap.check("what is left of it shrinks all the time", not watched.wrong, "; ".join(watched.wrong)[:1000])


def no_entries(tap, nodes):
    """The count of entries of the log stands still while a ttl is counted down."""
    watched = Watched(nodes, "counted", 600.0)
    before = sum(metric(nodes, node, "gridiron_entries_total") for node in nodes.ids())
    first = gridctl_json(PROGRAMS, nodes, "map", "get", "counted", "--map", "t")["ttlMs"]
    wait_exit(nodes.pid(1), 1.5)
    second = gridctl_json(PROGRAMS, nodes, "map", "get", "counted", "--map", "t")["ttlMs"]
    after = sum(metric(nodes, node, "gridiron_entries_total") for node in nodes.ids())
    tap.check("a ttl counts down without entries in the log", first - second >= 1000 and before == after, f"{first} {second} {before} {after}")
    tap.check("and is what it should be", watched.look() and not watched.wrong, "; ".join(watched.wrong))


def outage(tap, nodes):
    short, lasting = Watched(nodes, "short", OUTAGE_TTL), Watched(nodes, "lasting", 600.0)
    nodes.kill(nodes.ids())
    threading.Event().wait(max(0, short.written + OUTAGE - time.monotonic()))   # that time passes is the event
    nodes.start(nodes.ids())
    nodes.wait_ready(nodes.ids())
    ready = time.monotonic()
    short.until_gone(every=0.05)
    late = short.seen_asked - ready
    print(f"an outage of {OUTAGE:.0f} s: a ttl of {OUTAGE_TTL:.0f} s was last seen {max(late, 0):.2f} s after all were ready", file=sys.stderr)
    tap.check(f"what ended in an outage of all nodes is gone {EXACT:.0f} s after they are back", late <= EXACT, f"{late:.2f} s")
    tap.check("what did not lasts as long as it should", lasting.look() and not lasting.wrong, "; ".join(lasting.wrong))


def saga_deadline(tap):
    """Without a provider a saga waits for its charge until its deadline, 60 s after its order."""
    with cluster(PROGRAMS, nodes=3, partitions=1, settings=("payment.ledger=",)) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        for kind in ("customer", "product"):
            code, out, error = gridctl(PROGRAMS, nodes, kind, "create", "--file", os.path.join(ROOT, "examples", kind + "s.ndjson"))
            assert code == 0, out + error
        with open(os.path.join(ROOT, "examples", "orders.ndjson"), encoding="utf-8") as file:
            order = file.readline()
        asked = time.monotonic()
        code, out, error = gridctl(PROGRAMS, nodes, "order", "submit", "--file", "-", text=order)
        assert code == 0, out + error
        written, next_kill, killed, waits_asked = time.monotonic(), time.monotonic() + 5, 0, asked
        while True:
            now = time.monotonic()
            sagas = gridctl_json(PROGRAMS, nodes, "saga", "list", "--limit", "0")
            if all(saga["status"] != "IN_PROGRESS" for saga in sagas):
                break
            waits_asked = now
            if next_kill <= now < written + 56:
                victim = leader_of(nodes)
                nodes.kill([victim])
                nodes.start([victim])
                killed, next_kill = killed + 1, next_kill + 5
            wait_exit(nodes.pid(running(nodes)[0]), POLL_SECONDS)
        print(f"{killed} kills of the leader: a saga with a deadline of 60 s turned back {waits_asked - asked:.2f} to {time.monotonic() - written:.2f} s "
              f"after its order: {sagas}", file=sys.stderr)
        tap.check("a saga's deadline outlives its leaders", waits_asked - written <= 60 + EXACT and time.monotonic() - asked >= 60 - EXACT,
                  f"{waits_asked - written:.2f} {time.monotonic() - asked:.2f}")


def main():
    tap = Tap()
    with cluster(PROGRAMS, nodes=3, partitions=1) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        for part in (no_entries, kills, outage):
            nodes.wait_ready(nodes.ids())
            part(tap, nodes)
    if LONG:
        saga_deadline(tap)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
