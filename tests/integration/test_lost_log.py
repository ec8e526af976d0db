#!/usr/bin/env python3
"""A node that lost its log, or part of it: it is caught up in idle partitions, it notices at its start or from the others, it never votes
or acknowledges before it is whole again, and replacing one disk after the other loses nothing that was acknowledged."""
import os
import shutil
import socket
import struct
import subprocess
import sys

from fixture import Programs, Tap, cluster, gridctl, metric, run
from hostile import PATIENCE, wait_until

PROGRAMS = Programs(sys.argv)
KEYS, WHOLE_SECONDS = 40, 60
# What nodes 1 and 2 acknowledge while node 3 is down: more than three files of the log.
WRITES, VALUE_BYTES, SEGMENT_BYTES = 240, 60000, 4 * 1024 * 1024


def load(nodes, first, count, value="v"):
    text = "".join('{"key":"k%d","value":"%s"}\n' % (i, value) for i in range(first, first + count))
    status, _, error = run([PROGRAMS.path("gridctl"), "map", "load", "--map", "kept", "--file", "-", "-e", nodes.endpoints()], text=text)
    assert status == 0, error


def size(nodes):
    status, out, error = gridctl(PROGRAMS, nodes, "map", "size", "--map", "kept")
    assert status == 0, error
    return int(out.split()[-1])


def wait_whole(nodes, ids):
    nodes.wait_ready(ids)
    assert wait_until(lambda: all(metric(nodes, node, "gridiron_rejoining_partitions") == 0 for node in ids), WHOLE_SECONDS), "not whole"


def remembered(nodes, node, peer):
    """How far the log of the peer is, as the node's manifest says (docs/formats/manifest.md)."""
    with open(os.path.join(nodes.path(f"node-{node}"), "manifest"), "rb") as file:
        content = file.read()
    rows = [struct.unpack_from("<IIQQQ", content, copy + 576 + 32 * i) for copy in (0, 4096) for i in range(7)]
    return max((position for known, _, _, _, position in rows if known == peer), default=0)


def says(nodes, node, text):
    with open(nodes.path(f"node-{node}.log"), encoding="utf-8") as log:
        return text in log.read()


def start_that_ends(nodes, node, *flags):
    """(status, standard error) of a start that must end by itself."""
    done = subprocess.run([*nodes.command(node), *flags], capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE, check=False)
    return done.returncode, done.stderr


def begun(nodes):
    nodes.start(nodes.ids())
    wait_whole(nodes, nodes.ids())
    load(nodes, 0, KEYS)


def holds_everything(nodes, without, expected):
    """Whether the others, of which one had lost its log, serve every key alone."""
    nodes.kill([without])
    nodes.wait_ready([node for node in nodes.ids() if node != without])
    found = size(nodes)
    nodes.start([without])
    wait_whole(nodes, nodes.ids())
    return found == expected, f"{found} keys of {expected}"


def emptied(tap, nodes):
    nodes.kill([2])
    shutil.rmtree(nodes.path("node-2"))
    status, error = start_that_ends(nodes, 2)
    tap.check("an emptied node is refused by the others and stops, with what to do", status == 1 and "knows node 2 as incarnation" in error
              and "--rejoin" in error, f"{status}: {error}")
    tap.check("the others count it", sum(metric(nodes, node, 'gridiron_peer_refused_total{reason="incarnation"}') for node in (1, 3)) > 0)
    nodes.start([2], rejoin=True)
    wait_whole(nodes, nodes.ids())
    tap.check("its remains were set aside", os.path.exists(os.path.join(nodes.path("node-2"), "lost-1", "identity")))
    tap.run("with --rejoin it is caught up in idle partitions, without a write", lambda: holds_everything(nodes, 1, KEYS))


def set_back(tap, nodes):
    """An older copy of the whole directory."""
    nodes.stop([3])
    copy = nodes.path("copy-3")
    shutil.copytree(nodes.path("node-3"), copy)
    nodes.start([3])
    wait_whole(nodes, nodes.ids())
    before = remembered(nodes, 1, 3)
    load(nodes, KEYS, KEYS)
    tap.check("the others remember how far its log is", wait_until(lambda: remembered(nodes, 1, 3) > before))
    nodes.kill([3])
    shutil.rmtree(nodes.path("node-3"))
    os.rename(copy, nodes.path("node-3"))
    status, error = start_that_ends(nodes, 3)
    tap.check("an older copy of the directory is noticed from what the others remember", status == 1 and "older copy" in error
              and "--rejoin" in error, f"{status}: {error}")
    nodes.start([3], rejoin=True)
    wait_whole(nodes, nodes.ids())
    tap.run("with --rejoin it holds everything again", lambda: holds_everything(nodes, 2, 2 * KEYS))


def grown_apart(tap):
    """An older copy that went on with another partner, further than the other one remembers, and was started again."""
    with cluster(PROGRAMS, nodes=3, partitions=4) as nodes:
        begun(nodes)
        nodes.stop([2, 3])
        copy = nodes.path("copy-2")
        shutil.copytree(nodes.path("node-2"), copy)
        nodes.start([2])
        nodes.wait_ready([1, 2])
        before = remembered(nodes, 1, 2)
        load(nodes, KEYS, KEYS)
        tap.check("node 1 has noted the log of the copy that is given up", wait_until(lambda: remembered(nodes, 1, 2) > before))
        nodes.stop([2, 1])
        shutil.rmtree(nodes.path("node-2"))
        os.rename(copy, nodes.path("node-2"))
        nodes.start([2, 3])
        nodes.wait_ready([2, 3])
        load(nodes, 1000, 5 * KEYS)
        nodes.stop([2])
        nodes.start([2])
        nodes.wait_ready([2, 3])
        nodes.start([1])
        tap.run("an older copy that grew since is noticed all the same", lambda: ended_with(nodes, 2, "older copy"))
        nodes.kill(nodes.ids())
        for node in nodes.ids():
            os.remove(nodes.path(f"node-{node}.log")) # they say what has happened, as errors


def ended_with(nodes, node, text):
    ended = wait_until(lambda: nodes.pid(node) is None)
    log = nodes.log_tail(node)
    return ended and text in log, log


def waits(tap, nodes):
    """The second node is needed: a node that rejoins does not vote."""
    nodes.kill([1, 2])
    shutil.rmtree(nodes.path("node-2"))
    os.remove(nodes.path("node-2.log"))
    nodes.start([2], rejoin=True)
    tap.check("its log says which partition waits for whom", wait_until(lambda: says(nodes, 2, "waits for node 1 (not linked)")))
    wait_until(lambda: nodes.http(2, "/metrics", 5)[0] == 200)
    tap.check("it stays rejoining", metric(nodes, 2, "gridiron_rejoining_partitions") == 8)
    nodes.start([1])
    wait_whole(nodes, nodes.ids())
    tap.run("it becomes whole once the other is there", lambda: holds_everything(nodes, 3, 2 * KEYS))


def state_of(folder):
    """What the directory holds, by name and size."""
    return sorted((name, os.path.getsize(os.path.join(folder, name))) for name in os.listdir(folder) if not name.startswith("."))


def given_up_wrongly(tap, nodes):
    """--rejoin gives up a directory only when the start would succeed with an empty one."""
    nodes.stop([2])
    before = state_of(nodes.path("node-2"))
    command = [part.replace("node-2", "node-3") if "node-2" in part else part for part in nodes.command(2)]
    nodes.stop([3])
    of_3 = state_of(nodes.path("node-3"))
    done = subprocess.run([*command, "--rejoin"], capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False)
    tap.check("the directory of another node is not given up", done.returncode == 2 and "data directory of node 3" in done.stderr
              and state_of(nodes.path("node-3")) == of_3, done.stderr)
    nodes.start([3])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((nodes.host, nodes.client_port(2)))
        taken.listen()
        status, error = start_that_ends(nodes, 2, "--rejoin")
    tap.check("nor one whose node cannot listen", status == 1 and "cannot listen" in error and state_of(nodes.path("node-2")) == before, error)
    os.remove(nodes.path("node-2/identity"))
    status, error = start_that_ends(nodes, 2, "--rejoin", "--check")
    tap.check("a check says what the start would say, and changes nothing", status == 0 and not os.path.exists(nodes.path("node-2/lost-2")), error)


def interrupted(tap, nodes):
    """All is set aside, and nothing stands instead yet: a start without --rejoin goes on."""
    os.makedirs(nodes.path("node-2/lost-1"), exist_ok=True)
    for name, _ in state_of(nodes.path("node-2")):
        if not name.startswith("lost-"):
            os.rename(nodes.path(f"node-2/{name}"), nodes.path(f"node-2/lost-1/{name}"))
    nodes.start([2])
    wait_whole(nodes, nodes.ids())
    tap.run("a rejoining that was interrupted goes on without being asked for", lambda: holds_everything(nodes, 1, 2 * KEYS))


def alone(tap):
    """A cluster of one node: no other node has the data."""
    with cluster(PROGRAMS, nodes=1, partitions=4) as nodes:
        nodes.start([1])
        nodes.wait_ready([1])
        load(nodes, 0, KEYS)
        nodes.kill([1])
        before = state_of(nodes.path("node-1"))
        for flags in (["--rejoin"], ["--rejoin", "--check"]):
            status, error = start_that_ends(nodes, 1, *flags)
            tap.check(f"a cluster of one node does not give up its data: {' '.join(flags)}", status == 2 and "nobody to take the data from" in error
                      and state_of(nodes.path("node-1")) == before, error)
        for name in ("identity", *(name for name, _ in before if name.startswith("wal-"))):
            os.remove(nodes.path(os.path.join("node-1", name)))
        for flags in ([], ["--check"]):
            status, error = start_that_ends(nodes, 1, *flags)
            tap.check(f"nor does it begin anew beside its manifest: {' '.join(flags)}", status == 1 and "identity and durable log are missing" in error
                      and "nobody else has the data" in error, error)


def lost_and_found(tap):
    with cluster(PROGRAMS, nodes=3, partitions=8) as nodes:
        begun(nodes)
        for part in (emptied, set_back, waits, given_up_wrongly, interrupted):
            tap.attempt(part.__name__, lambda: part(tap, nodes))


def holds_records(path):
    """A file that was only made ready ahead is zero."""
    with open(path, "rb") as file:
        return any(file.read(64))


def segments(nodes, node):
    """Of the node's log, oldest first; what lies ready behind them is removed."""
    folder = nodes.path(f"node-{node}")
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.startswith("wal-")]
    used = [path for path in paths if holds_records(path)]
    for path in paths[len(used):]:
        os.remove(path)
    return used


def all_deleted(paths):
    for path in paths:
        os.remove(path)


def last_two_deleted(paths):
    all_deleted(paths[-2:])


def last_replaced(paths):
    shutil.copy(paths[-2], paths[-1])


def lost_by_the_only_witness(tap, nodes, damage, first):
    """Nodes 1 and 2 acknowledge, both die, and node 2 loses what it had: it and node 3 are a majority that knows nothing of it."""
    name, expected = damage.__name__.replace("_", " "), first + WRITES
    nodes.stop([3])
    nodes.wait_ready([1, 2])
    load(nodes, first, WRITES, "v" * VALUE_BYTES)
    nodes.kill([1, 2])
    paths = segments(nodes, 2)
    assert len(paths) >= 3, paths
    damage(paths)
    nodes.start([3])
    status, error = start_that_ends(nodes, 2)
    tap.check(f"{name}: node 2 does not start, and says what to do", status == 1 and "durable log is missing" in error and "--rejoin" in error,
              f"{status}: {error}")
    os.remove(nodes.path("node-2.log"))
    nodes.start([2], rejoin=True)
    wait_until(lambda: says(nodes, 2, "waits for node 1 (not linked)"))
    led = [metric(nodes, node, "gridiron_partitions_led") for node in (2, 3)]
    tap.check(f"{name}: with node 3 it elects nobody", metric(nodes, 2, "gridiron_rejoining_partitions") == 8 and led == [0, 0], f"{led} led")
    nodes.start([1])
    wait_whole(nodes, nodes.ids())
    found = size(nodes)
    tap.check(f"{name}: every acknowledged key is there", found == expected, f"{found} keys of {expected}")
    tap.run(f"{name}: and on nodes 2 and 3 alone", lambda: holds_everything(nodes, 1, expected))


def two_of_three(tap):
    with cluster(PROGRAMS, nodes=3, partitions=8, settings=[f"log.segment_bytes={SEGMENT_BYTES}"]) as nodes:
        nodes.start(nodes.ids())
        wait_whole(nodes, nodes.ids())
        for number, damage in enumerate((all_deleted, last_two_deleted, last_replaced)):
            lost_by_the_only_witness(tap, nodes, damage, number * WRITES)


def disks(tap):
    done = subprocess.run([os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "replace_disks"), "--rounds", "2", "--build",
                           PROGRAMS.bin], capture_output=True, encoding="utf-8", timeout=280, check=False)
    tap.check("replacing the disks of nodes 2, 3 and 1 in turn, twice, loses nothing that was acknowledged", done.returncode == 0
              and ", 0 missing" in done.stdout, done.stdout + done.stderr)


def main():
    tap = Tap()
    for part in (lost_and_found, grown_apart, two_of_three, alone, disks):
        tap.attempt(part.__name__, lambda: part(tap))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
