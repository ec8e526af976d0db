"""Full disks of real nodes (I38, ADR 0020): each node's data stands on a small file system of its own in memory, and a file of ballast
takes the room. Needs to be root, to mount them."""
import concurrent.futures
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fixture import Cluster, Programs, Shape, Tap, cluster_status, gridctl, metric, own_host  # noqa: E402

PROGRAMS = Programs(sys.argv)
PARTITIONS = 6
NODES = (1, 2, 3)
MIB = 1024 * 1024
SEGMENT_BYTES = 4 * MIB
DISK_BYTES = 96 * MIB
LEFT_BYTES = 14 * MIB  # beside the ballast
VALUE = "x" * 100000
SETS_MAX = 1200
AT_ONCE = 4  # commands
MANY = 4 * PARTITIONS  # keys: as good as certainly in all partitions
PATIENCE_SECONDS = 60
POLLS_CALM = 60


def can_mount():
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    probe = tempfile.mkdtemp(prefix="gridiron-test-")
    try:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "gridiron", probe], capture_output=True, check=False).returncode != 0:
            return False
        subprocess.run(["umount", probe], check=True)
        return True
    finally:
        os.rmdir(probe)


@contextlib.contextmanager
def cluster_on_small_disks():
    """Not the fixture's cluster: here nodes log an error, as they should."""
    folder = tempfile.mkdtemp(prefix="gridiron-test-")
    nodes = Cluster(folder, Shape(nodes=len(NODES), partitions=PARTITIONS, host=own_host(), name="full"), binary=PROGRAMS.path("gridiron"),
                    settings=[f"log.segment_bytes={SEGMENT_BYTES}"])
    mounted = []
    try:
        for node in NODES:
            place = nodes.path(f"node-{node}")
            os.mkdir(place, 0o750)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "gridiron", place], check=True)
            mounted.append(place)
        yield nodes
    except BaseException:
        for node in NODES:
            print(f"node {node}:\n{nodes.log_tail(node)}", file=sys.stderr)
        raise
    finally:
        nodes.kill(nodes.ids())
        for place in mounted:
            subprocess.run(["umount", place], check=False)
        shutil.rmtree(folder, ignore_errors=True)


# ---- disks


def ballast(nodes, node):
    return os.path.join(nodes.path(f"node-{node}"), "ballast")


def take_room(nodes, node, left=0):
    """All but `left` bytes of what is free."""
    disk = os.statvfs(nodes.path(f"node-{node}"))
    size = disk.f_bavail * disk.f_frsize - left
    if size > 0:
        with open(ballast(nodes, node), "ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), size)


def give_room(nodes, node):
    os.remove(ballast(nodes, node))


# ---- what is seen


def until(look, good, seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if good(seen) or time.monotonic() > deadline:
            return seen


def status(nodes):
    return cluster_status(PROGRAMS, nodes)


def row(shown, node):
    return next(each for each in shown["nodes"] if each["id"] == node)


def log_lines(nodes, node, part):
    with open(nodes.path(f"node-{node}.log"), encoding="utf-8") as log:
        return [line for line in log if part in line]


class Writer:
    """Sets keys k1, k2, ...; remembers those that were acknowledged."""

    def __init__(self, nodes):
        self.nodes, self.count, self.keys, self.refusal = nodes, 0, [], ""

    def sets(self, number, value="small"):
        """How many of so many writes to new keys were acknowledged."""
        names = [f"k{self.count + i}" for i in range(number)]
        self.count += number
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            ends = list(pool.map(lambda name: gridctl(PROGRAMS, self.nodes, "map", "set", name, value), names))
        done = [(name, value) for name, end in zip(names, ends) if end[0] == 0]
        self.keys += done
        self.refusal = next((end[2] for end in ends if end[0] != 0), self.refusal)
        return len(done)

    def fill(self, enough):
        """Writes until `enough()`; the number of refused writes."""
        refused = 0
        while self.count < SETS_MAX and not enough():
            refused += AT_ONCE - self.sets(AT_ONCE, VALUE)
        return refused

    def lost(self, keys):
        """Those of some acknowledged keys that cannot be read now."""
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            ends = list(pool.map(lambda row: gridctl(PROGRAMS, self.nodes, "map", "get", row[0]), keys))
        return [key for (key, value), end in zip(keys, ends) if end[0] != 0 or end[1].strip() != value]

    def latest(self):
        """So many that every partition has one of them, as good as certainly."""
        return self.keys[-MANY:]


# ---- one full disk


def one_full(tap, nodes, writer):
    pid = nodes.pid(1)
    take_room(nodes, 1, LEFT_BYTES)
    refused = writer.fill(lambda: nodes.state(1) == "diskFull")
    tap.check("a node whose disk fills up says diskFull", nodes.state(1) == "diskFull", nodes.log_tail(1))
    tap.check("no write is refused while two nodes have room", refused == 0, f"{refused}: {writer.refusal}")
    shown = until(lambda: status(nodes), lambda seen: row(seen, 1)["leaders"] == 0 and seen["partitions"]["withLeader"] == PARTITIONS)
    tap.check("it hands all its partitions to the others", row(shown, 1)["leaders"] == 0 and
              shown["partitions"]["withLeader"] == PARTITIONS, str(shown))
    tap.check("status shows it, and the cluster is not healthy", row(shown, 1)["state"] == "diskFull" and not shown["healthy"], str(shown))
    code, text = nodes.http(1, "/health/ready")
    tap.check("/health/ready is 503 and says what to do", code == 503 and "free space" in json.loads(text)["reason"], text)
    tap.check("/health/live is 200", nodes.is_live(1))
    tap.check("gauges say so", metric(nodes, 1, "gridiron_log_disk_full") == 1 and
              metric(nodes, 1, 'gridiron_node_state{state="diskFull"}') == 1)
    lines = log_lines(nodes, 1, "error raft: disk full")
    tap.check("it is said once at level error, with the directory and what to do", len(lines) == 1 and nodes.path("node-1") in lines[0] and
              "free space" in lines[0], str(lines))
    led = [row(status(nodes), 1)["leaders"] for _ in range(POLLS_CALM)]
    tap.check("nobody gives partitions back to it", not any(led), str(led))
    tap.check("writes to all partitions go on", writer.sets(MANY) == MANY, writer.refusal)
    give_room(nodes, 1)
    shown = until(lambda: status(nodes), lambda seen: seen["healthy"] and row(seen, 1)["leaders"] == PARTITIONS // len(NODES))
    tap.check("with room it is ready again, and leads again, without a restart", shown["healthy"] and
              row(shown, 1)["leaders"] == PARTITIONS // len(NODES) and nodes.pid(1) == pid, str(shown))
    tap.check("that is said too", len(log_lines(nodes, 1, "there is room again")) == 1, nodes.log_tail(1))


# ---- so many full disks that no majority has room


def most_full(tap, nodes, writer):
    pids = {node: nodes.pid(node) for node in (1, 3)}
    for node in NODES:
        take_room(nodes, node, LEFT_BYTES)
    writer.fill(lambda: sum(nodes.state(node) == "diskFull" for node in NODES) >= 2)
    for node in NODES:
        take_room(nodes, node)
    # From two full disks on nothing is written any more: the third may keep what it has.
    shown = status(nodes)
    tap.check("the full ones say diskFull", sum(row(shown, node)["state"] == "diskFull" for node in NODES) >= 2, str(shown))
    tap.check("all writes are refused", writer.sets(MANY) == 0)
    tap.check("the refusal names the full disk and what to do", "disk full" in writer.refusal and "free space" in writer.refusal, writer.refusal)
    tap.check("refusals are counted by their reason", sum(metric(nodes, node, 'gridiron_log_full_total{reason="disk"}') for node in NODES) > 0)
    tap.check("reads go on", not writer.lost(writer.latest()))
    nodes.kill([2])
    gone = until(lambda: writer.lost(writer.latest()), lambda seen: not seen)
    tap.check("after a leader died the others serve the reads of all partitions", not gone, str(gone))
    tap.check("and still refuse writes", writer.sets(MANY) == 0 and "disk full" in writer.refusal, writer.refusal)
    for node in NODES:
        give_room(nodes, node)
    nodes.start([2])
    shown = until(lambda: status(nodes), lambda seen: seen["healthy"])
    tap.check("with room the cluster is healthy again, without a restart", shown["healthy"] and
              all(nodes.pid(node) == pid for node, pid in pids.items()), str(shown))
    tap.check("writes go on", writer.sets(MANY) == MANY, writer.refusal)
    gone = writer.lost(writer.keys)
    tap.check("nothing that was acknowledged is gone", not gone, str(gone))


def main():
    tap = Tap()
    if not can_mount():
        print("1..0 # SKIP needs to be root and to mount a file system in memory")
        return 0
    with cluster_on_small_disks() as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        writer = Writer(nodes)
        one_full(tap, nodes, writer)
        most_full(tap, nodes, writer)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
