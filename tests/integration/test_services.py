#!/usr/bin/env python3
"""A service that comes to a cluster with old data: nodes of the older program, which listed no services in its log, get a program that
has one more, numbered 1000. It is registered once all have it and the level allows it, and not before; a node that goes back afterwards
says so, exactly (I43, I44, ADR 0022)."""
import os
import re
import subprocess
import sys

from fixture import Programs, Tap, cluster, cluster_status, gridctl, gridctl_json, run

PROGRAMS = Programs(sys.argv)
PARTITIONS = 4
OLD = ["level.max=1"]
EXIT_UPGRADE = 3
SAYS = re.compile(r"partition \d+, index \d+: this entry needs service 1000, which this program does not have: upgrade this node")
GRIDIRON, WITH_GUESTS = PROGRAMS.path("gridiron"), os.path.join(PROGRAMS.own, "guests-node")


def start(nodes, which, binary, settings=()):
    nodes.binary, nodes.settings = binary, list(settings)
    nodes.start(which)


def invite(nodes, key, companion=""):
    status, out, _ = run([os.path.join(PROGRAMS.own, "guests"), nodes.endpoints(), key, companion])
    return status == 0, out.strip()


def there(nodes, name, key, *options):
    return gridctl(PROGRAMS, nodes, "map", "contains", key, "--map", name, *options)[0] == 0


def guest_row(nodes):
    rows = [row for row in gridctl_json(PROGRAMS, nodes, "level", "show")["services"] if row["number"] == 1000]
    return rows[0] if rows else None


def wait_registered(nodes):
    nodes.wait_for(nodes.ids(), lambda _: guest_row(nodes)["registered"] == PARTITIONS, "in a cluster that has the service")


def before(tap, nodes):
    """The log has the services of the shop, at level 1."""
    start(nodes, nodes.ids(), GRIDIRON, OLD)
    nodes.wait_ready(nodes.ids())
    gridctl(PROGRAMS, nodes, "map", "set", "before", "1")
    nodes.stop(nodes.ids())
    start(nodes, [1, 2], WITH_GUESTS)
    start(nodes, [3], GRIDIRON)
    nodes.wait_ready(nodes.ids())
    done, said = invite(nodes, "early")
    tap.check("at level 1 its commands are refused, with the way out", not done and "NOT_SUPPORTED" in said and "gridctl level raise" in said, said)
    tap.check("the level is raised", gridctl_json(PROGRAMS, nodes, "level", "raise") == {"level": 2})
    done, said = invite(nodes, "early")
    tap.check("while the program of one node lacks it they are refused, and name that node",
              not done and "NOT_SUPPORTED" in said and "the program of node 3 does not have service 1000" in said, said)
    row = guest_row(nodes)
    tap.check("level show has it, with what is missing", row["name"] == "guest" and row["nodes"] == [1, 2] and row["registered"] == 0 and
              "node 3" in row["waits"], str(row))
    _, out, _ = gridctl(PROGRAMS, nodes, "level", "show")
    tap.check("and in words", "service 1000 (guest) is not registered in all partitions: the program of node 3 does not have" in out, out)


def comes(tap, nodes):
    nodes.stop([3])
    nodes.wait_ready([1, 2])
    done, said = invite(nodes, "early")
    tap.check("while a node is away they are refused, too", not done and "NOT_SUPPORTED" in said and "node 3 is not linked" in said, said)
    start(nodes, [3], WITH_GUESTS)
    nodes.wait_ready(nodes.ids())
    wait_registered(nodes)
    done, said = invite(nodes, "ada", "ben")
    tap.check("once all have it, it is registered by itself and works", done, said)
    nodes.wait_for([1], lambda _: there(nodes, "guest.view", "ben"), "where the message to another partition came")
    tap.check("its events are there", there(nodes, "guest.events", "ada/1", "--affinity", "ada"))
    tap.check("what was refused left nothing", not there(nodes, "guest.view", "early"))
    _, out, _ = gridctl(PROGRAMS, nodes, "map", "get", "before")
    tap.check("and the old data is as it was", out.strip() == "1", out)


def goes_on(tap, nodes):
    """A follower that lagged, and the older program once more."""
    nodes.stop([2])
    nodes.wait_ready([1, 3])
    tap.check("while a node is away it serves", invite(nodes, "cleo")[0])
    nodes.binary = GRIDIRON
    done = subprocess.run(nodes.command(2), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60, check=False)
    tap.check("a program that lacks it does not start with such a log, and says why", done.returncode == EXIT_UPGRADE and
              SAYS.search(done.stderr) is not None, f"{done.returncode}: {done.stderr}")
    start(nodes, [2], WITH_GUESTS)
    nodes.wait_ready(nodes.ids())
    nodes.stop([1])
    nodes.wait_ready([2, 3])
    tap.check("after restarts everything is there", there(nodes, "guest.view", "ada") and there(nodes, "guest.view", "cleo"))
    tap.check("also a repetition is known", "ALREADY_EXISTS" in invite(nodes, "ada")[1])
    start(nodes, [1], WITH_GUESTS)
    nodes.wait_ready(nodes.ids())
    tap.check("and the cluster is healthy", cluster_status(PROGRAMS, nodes)["healthy"])


def main():
    tap = Tap()
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS) as nodes:
        before(tap, nodes)
        comes(tap, nodes)
        goes_on(tap, nodes)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
