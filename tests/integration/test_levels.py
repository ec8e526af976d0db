#!/usr/bin/env python3
"""A rolling upgrade as people do it: nodes of an older version (`level.max=1`) are replaced one by one, the level is raised when all
are new and not before, and a node that then comes back too old says so, exactly, and leaves the others alone (I34, F54)."""
import re
import subprocess
import sys

from fixture import Programs, Tap, cluster, cluster_status, gridctl, gridctl_json

PROGRAMS = Programs(sys.argv)
OLD = ["level.max=1"]
EXIT_UPGRADE = 3
SAYS = re.compile(r"partition \d+, index \d+: this entry needs level 2, this version supports up to 1: upgrade this node")


def replace(nodes, node, settings):
    nodes.stop([node])
    nodes.settings = settings
    nodes.start([node])
    nodes.wait_ready(nodes.ids())


def level_of(nodes):
    return cluster_status(PROGRAMS, nodes)["level"]


def refused(nodes, *arguments):
    status, _, error = gridctl(PROGRAMS, nodes, "level", "raise", *arguments)
    return error if status != 0 else ""


def old_start(nodes, node):
    """Exit code and log of a node of the older version, on its directory as it is."""
    nodes.settings = OLD
    done = subprocess.run(nodes.command(node), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60, check=False)
    nodes.settings = []
    return done.returncode, done.stderr


def upgrade(tap, nodes):
    tap.check("a cluster that older nodes founded is at level 1", level_of(nodes) == 1)
    error = refused(nodes, "2")
    tap.check("older nodes cannot raise it, and say what to do", "supports levels up to 1: upgrade it first" in error, error)
    status, _, error = gridctl(PROGRAMS, nodes, "map", "drop", "nothing")
    tap.check("what needs level 2 is refused before the log, with the way out",
              status != 0 and "this needs level 2" in error and "gridctl level raise" in error, error)
    gridctl(PROGRAMS, nodes, "map", "set", "before", "1")
    replace(nodes, 1, [])
    replace(nodes, 2, [])
    tap.check("newer nodes in an older cluster write the old level", level_of(nodes) == 1)
    error = refused(nodes, "2")
    tap.check("while node 3 is old the raise is refused, and names it", re.search(r"node [123] supports levels up to 1", error) is not None, error)
    error = refused(nodes)
    tap.check("a raise without a number is refused by the same node", re.search(r"node [123] supports levels up to 1", error) is not None, error)
    replace(nodes, 1, OLD)
    status, out, _ = gridctl(PROGRAMS, nodes, "map", "get", "before")
    tap.check("a node goes back before the raise, and serves", status == 0 and out.strip() == "1", out)
    replace(nodes, 1, [])
    replace(nodes, 3, [])
    shown = gridctl_json(PROGRAMS, nodes, "level", "show")
    tap.check("all support the next level", shown["level"] == 1 and shown["supported"] == 2, str(shown))
    raised = gridctl_json(PROGRAMS, nodes, "level", "raise")
    tap.check("then it is raised, in all partitions", raised == {"level": 2} and level_of(nodes) == 2, str(raised))
    status, _, error = gridctl(PROGRAMS, nodes, "map", "drop", "nothing")
    tap.check("and what needs it is let in", "needs level" not in error, error)


def too_old(tap, nodes):
    nodes.stop([3])
    code, log = old_start(nodes, 3)
    tap.check("a node that is too old for its log does not start, and says why", code == EXIT_UPGRADE and SAYS.search(log) is not None, f"{code}: {log}")
    code, log = old_start(nodes, 3)
    tap.check("nor the second time", code == EXIT_UPGRADE and SAYS.search(log) is not None, f"{code}: {log}")
    status, _, error = gridctl(PROGRAMS, nodes, "map", "set", "meanwhile", "2")
    tap.check("the others serve", status == 0, error)
    nodes.start([3])
    nodes.wait_ready(nodes.ids())
    nodes.stop([1])
    nodes.wait_ready([2, 3])
    status, out, _ = gridctl(PROGRAMS, nodes, "map", "get", "meanwhile")
    tap.check("upgraded it catches up and serves on the same directory", status == 0 and out.strip() == "2", out)
    nodes.start([1])
    nodes.wait_ready(nodes.ids())


def meets_it_live(tap):
    """Nodes 1 and 2 found a cluster at level 2 while node 3 is away; it comes in an older version, with an empty log."""
    with cluster(PROGRAMS, nodes=3) as nodes:
        nodes.start([1, 2])
        nodes.wait_ready([1, 2])
        gridctl(PROGRAMS, nodes, "map", "set", "a", "1")
        code, log = old_start(nodes, 3)
        tap.check("a too old node stops before the first entry that it does not support", code == EXIT_UPGRADE and SAYS.search(log) is not None,
                  f"{code}: {log}")
        tap.check("its duties come first", "handed over" in log, log)
        status, out, _ = gridctl(PROGRAMS, nodes, "map", "get", "a")
        tap.check("and the others go on", status == 0 and out.strip() == "1", out)
        nodes.settings = []
        nodes.start([3])
        nodes.wait_ready(nodes.ids())
        tap.check("upgraded it joins", level_of(nodes) == 2)


def main():
    tap = Tap()
    with cluster(PROGRAMS, nodes=3, settings=OLD) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        upgrade(tap, nodes)
        too_old(tap, nodes)
    meets_it_live(tap)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
