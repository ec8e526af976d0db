"""What tools/nemesis does to snapshots and to disks: nodes die while one is written, received or installed, a node loses its data
and rejoins behind the others' snapshots, and small disks fill up. Registered with the other disturbances of nemesis_faults.py.

A disk that fills up is a tmpfs of its own for each node. Mounting it needs a mount namespace, which is entered at the start of the
program (enter_namespace); where that is not allowed, fill-disk is left out.
"""
import os
import shutil
import subprocess
import sys
import time

from cluster_nodes import ClusterError
from nemesis_faults import RECOVERED_SECONDS, fault

SNAPSHOT_FAULTS = ("kill-in-save", "kill-in-transfer", "kill-in-install", "wipe", "fill-disk")
WATCH_SECONDS = 6
WHOLE_SECONDS = 40
DISK_MIB = 96
INSIDE = "GRIDIRON_NEMESIS_NAMESPACE"
BALLAST = "ballast"


# ---- disks of their own

def enter_namespace():
    """Starts this program again in a mount namespace of its own, once. Returns only if it already is in one, or cannot be."""
    if INSIDE in os.environ or shutil.which("unshare") is None:
        return
    for options in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        if subprocess.run(["unshare", *options, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp("unshare", ["unshare", *options, sys.executable, *sys.argv])


def mount_disks(cluster):
    """False: not allowed here."""
    if INSIDE not in os.environ:
        return False
    for node in cluster.ids():
        path = cluster.path(f"node-{node}")
        os.makedirs(path, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "none", path], capture_output=True, check=False)
        if done.returncode != 0:
            return False
    return True


def fill(path):
    with open(os.path.join(path, BALLAST), "ab", buffering=0) as file:
        for size in (1024 * 1024, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass


# ---- moments of a snapshot

def names(cluster, node):
    try:
        return os.listdir(cluster.path(f"node-{node}"))
    except OSError:
        return []


def wait_for_file(tormentor, nodes, good):
    """The first of these nodes with such a file; 0: there was none for a while."""
    end = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < end:
        for node in nodes:
            if any(good(name) for name in names(tormentor.cluster, node)):
                return node
        tormentor.load.next_line(0)
    return 0


def kill_for_a_while(tormentor, node, low, high):
    down = tormentor.draw(low, high)
    tormentor.cluster.kill([node])
    tormentor.breathe(down)
    tormentor.start([node])
    return down


@fault("kill-in-save")
def kill_in_save(tormentor):
    """SIGKILL of the first node that writes a snapshot"""
    node = wait_for_file(tormentor, list(tormentor.cluster.ids()), lambda name: name.endswith(".part"))
    spare = tormentor.any_node()
    down = kill_for_a_while(tormentor, node or spare, 0, 2)
    return f"node {node} was killed while it wrote a snapshot, for {down:.1f} s" if node else f"no snapshot was seen; node {spare} was killed"


def fall_behind(tormentor, node):
    """So long that the others take snapshots and forget what it lacks."""
    tormentor.cluster.kill([node])
    tormentor.breathe(tormentor.draw(4, 8))
    tormentor.start([node])


@fault("kill-in-transfer")
def kill_in_transfer(tormentor):
    """a node falls behind, and is killed again, or the leaders' node is, when snapshots come to it"""
    node = tormentor.any_node()
    others = [other for other in tormentor.cluster.ids() if other != node]
    other, receiver = tormentor.randoms.choice(others), tormentor.randoms.random() < 0.6
    fall_behind(tormentor, node)
    seen = wait_for_file(tormentor, [node], lambda name: name.endswith(".recv"))
    victim = node if receiver else other
    down = kill_for_a_while(tormentor, victim, 0, 2)
    return f"node {node} fell behind; node {victim} was killed {'while snapshots came' if seen else 'though none came'}, for {down:.1f} s"


@fault("kill-in-install")
def kill_in_install(tormentor):
    """a node falls behind, and is killed as soon as a snapshot is complete there"""
    node = tormentor.any_node()
    fall_behind(tormentor, node)
    seen = wait_for_file(tormentor, [node], lambda name: name.endswith(".recv"))
    coming = {name[:-len(".recv")] for name in names(tormentor.cluster, node) if name.endswith(".recv")}
    end = time.monotonic() + WATCH_SECONDS
    while coming and time.monotonic() < end and not any(name in coming for name in names(tormentor.cluster, node)):
        tormentor.load.next_line(0)
    tormentor.breathe(tormentor.draw(0, 0.01))
    down = kill_for_a_while(tormentor, node, 0, 2)
    return f"node {node} fell behind and was killed {'when a snapshot had come' if seen and coming else 'though none came'}, for {down:.1f} s"


# ---- disks

def is_whole(cluster, node):
    try:
        status, text = cluster.http(node, "/metrics", 20)
        return cluster.is_ready(node) and status == 200 and "gridiron_rejoining_partitions 0" in text.splitlines()
    except (OSError, ClusterError):
        return False


def wait_whole(tormentor, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(is_whole(tormentor.cluster, node) for node in tormentor.cluster.ids()):
            return True
        tormentor.breathe(0.2)
    return False


@fault("wipe")
def wipe(tormentor):
    """a node loses its data and rejoins, while all others are whole; their logs begin behind snapshots"""
    node = tormentor.any_node()
    if not wait_whole(tormentor, RECOVERED_SECONDS):
        return "nobody lost its data, since not all nodes are whole"
    tormentor.cluster.kill([node])
    path = tormentor.cluster.path(f"node-{node}")
    for name in os.listdir(path):
        os.remove(os.path.join(path, name))
    tormentor.cluster.start([node], rejoin=True)
    began = time.monotonic()
    whole = wait_whole(tormentor, WHOLE_SECONDS)
    if not whole:
        tormentor.story.find(f"liveness: node {node} lost its data and is not whole {WHOLE_SECONDS} s later")
    return f"node {node} lost its data, rejoined and was whole after {time.monotonic() - began:.1f} s"


@fault("fill-disk")
def fill_disk(tormentor):
    """the disk of a node, or of all, is full for up to 5 s (a small tmpfs; left out where that cannot be mounted)"""
    everybody, node, seconds = tormentor.randoms.random() < 0.3, tormentor.any_node(), tormentor.draw(1, 5)
    nodes = list(tormentor.cluster.ids()) if everybody else [node]
    tormentor.load.tell("full")
    for each in nodes:
        fill(tormentor.cluster.path(f"node-{each}"))
    tormentor.breathe(seconds)
    for each in nodes:
        os.remove(os.path.join(tormentor.cluster.path(f"node-{each}"), BALLAST))
    return f"the disk of {'all nodes' if everybody else f'node {node}'} was full for {seconds:.1f} s"
