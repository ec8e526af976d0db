"""A cluster of gridiron processes that belongs to this program alone, and the program that loads it.

Unlike those of tools/cluster these nodes end with the program that started them, however it ends, and their exit is looked at:
a node that ends without having been told to is a finding. Used by tools/nemesis and tools/failover.

    with own_cluster(folder, nodes=3, partitions=8, settings=[]) as cluster:
        cluster.start(cluster.ids())
        cluster.wait_ready(cluster.ids())
        with Load(cluster, ["run", "--seed", "1"], log) as load:
            load.wait_for("ready", 60)
"""
import contextlib
import ctypes
import os
import queue
import signal
import subprocess
import threading
import time

from cluster_nodes import ROOT, STOP_SECONDS, Cluster, ClusterError, Shape, own_host, start_time

LOAD = os.path.join(ROOT, "build", "bin", "nemesis-load")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Interrupted(Exception):
    """SIGINT or SIGTERM came."""


def raise_on_signals():
    """From now on a signal that asks this program to end unwinds it, so that everything is cleaned up."""
    def on_signal(number, _):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Interrupted(signal.Signals(number).name)
    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)


def end_with_parent():
    """In the child: it gets SIGKILL when the program that started it is gone, even if that was killed itself."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def exit_word(status):
    """How a child ended, for people."""
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.WEXITSTATUS(status)}"


class OwnCluster(Cluster):
    """Processes are children of this one. `deaths` holds (node, how) of those that ended without being told to."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.children = {}
        self.told = set()
        self.deaths = []

    def spawn(self, node, arguments=()):
        with open(self.path(f"node-{node}.log"), "ab") as log:
            process = subprocess.Popen(self.command(node) + list(arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                       start_new_session=True, preexec_fn=end_with_parent)
        self.children[node] = process.pid
        process.returncode = 0  # it is reaped here, not by that object
        with open(self.path(f"node-{node}.pid"), "w", encoding="ascii") as file:
            file.write(f"{process.pid} {start_time(process.pid)}\n")

    def look_for_deaths(self):
        """Reaps nodes that ended by themselves. Returns those it found."""
        found = []
        for node, pid in list(self.children.items()):
            ended, status = (0, 0) if node in self.told else os.waitpid(pid, os.WNOHANG)
            if ended:
                del self.children[node]
                found.append((node, exit_word(status)))
        self.deaths += found
        return found

    def tell_to_end(self, node):
        """SIGTERM without waiting; stop() is to follow."""
        self.told.add(node)
        os.kill(self.children[node], signal.SIGTERM)

    def end(self, nodes, number):
        """Ends these nodes and looks at how they did: by SIGKILL, or with status 0 after SIGTERM."""
        self.look_for_deaths()
        wanted = [(node, self.children[node]) for node in nodes if node in self.children]
        for node, pid in wanted:
            if number == signal.SIGTERM and node not in self.told:
                os.kill(pid, signal.SIGCONT)  # before, as in Cluster.end
        self.told.update(nodes)
        for _, pid in wanted:
            os.kill(pid, number)
        for node, pid in wanted:
            status = self.reap(pid)
            del self.children[node]
            good = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL if number == signal.SIGKILL else status == 0
            if not good:
                self.deaths.append((node, exit_word(status)))
        self.told.clear()
        return len(wanted)

    def reap(self, pid):
        deadline = time.monotonic() + STOP_SECONDS
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return status
            if time.monotonic() > deadline:
                self.deaths.append((0, f"process {pid} did not end within {STOP_SECONDS} s"))
                os.kill(pid, signal.SIGKILL)
                return os.waitpid(pid, 0)[1]
            threading.Event().wait(0.002)

    def running(self):
        return sorted(self.children)


@contextlib.contextmanager
def own_cluster(folder, nodes, partitions, settings=(), binary=None):
    """A cluster in a folder of its own; no process of it is left at the end of the block. The folder stays."""
    shape = Shape(nodes=nodes, partitions=partitions, name=f"nemesis-{os.getpid()}", host=own_host())
    options = {"binary": binary} if binary else {}
    cluster = OwnCluster(folder, shape, settings=settings, **options)
    try:
        yield cluster
    finally:
        cluster.end(list(cluster.children), signal.SIGKILL)


class Load:
    """The program nemesis-load: lines go in, lines come out. `leaders` and `counts` are what it said last of these."""

    def __init__(self, cluster, arguments, error_log):
        if not os.access(LOAD, os.X_OK):
            raise ClusterError(f"{LOAD} is not built; run: tools/packages && meson setup build --buildtype=release && ninja -C build")
        self.lines = queue.Queue()
        self.leaders, self.counts, self.said = [], {}, []
        with open(error_log, "ab") as log:
            self.process = subprocess.Popen([LOAD, arguments[0], "--endpoints", cluster.endpoints(), *arguments[1:]], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=log, encoding="utf-8", start_new_session=True, preexec_fn=end_with_parent)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()

    def read(self):
        """In a thread of its own: the load must never wait for us."""
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def tell(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # its end shows where its lines are read

    def next_line(self, seconds):
        """(word, rest), or None after that time. Raises when the load has ended."""
        try:
            line = self.lines.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        if line is None:
            self.lines.put(None)
            raise ClusterError(f"the load ended with status {self.process.wait()}")
        word, _, rest = line.partition(" ")
        if word == "leaders":
            self.leaders = [int(node) for node in rest.split(",")]
        elif word == "count":
            self.counts = {name: int(value) for name, value in (pair.split("=") for pair in rest.split())}
        else:
            self.said.append((word, rest))
        return word, rest

    def wait_for(self, word, seconds):
        """The rest of the next line with this word, or None after that time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            line = self.next_line(end - time.monotonic())
            if line is not None and line[0] == word:
                return line[1]
        return None

    def leader(self, partition):
        """As said last; 0 when nobody knows."""
        return self.leaders[partition] if partition < len(self.leaders) else 0
