"""A cluster of gridiron processes on this machine: their files, ports and process ids.

Everything of a cluster stands in one folder: cluster.json (what was asked for, and the cluster's UUID, made at
the first start), cluster.yaml (what the nodes read), and for each node N node-N/ (its data), node-N.log and node-N.pid. Only processes whose id and start time are recorded there are
ever signalled. Used by tools/cluster, tools/up, tools/down and the integration tests.

    cluster = Cluster(".cluster", Shape(nodes=3, partitions=16))
    cluster.start(cluster.ids())
    cluster.wait_ready(cluster.ids())
"""
import json
import os
import random
import select
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Not under build/: a build that is made anew must not take a running cluster's data with it.
DEFAULT_FOLDER = os.path.join(ROOT, ".cluster")
BINARY = os.path.join(ROOT, "build", "bin", "gridiron")
HOST = "127.0.0.1"
BASE_PORT = 7400  # below the range from which the system takes ports for outgoing connections
POLL_SECONDS = 0.05
READY_SECONDS = 60
STOP_SECONDS = 30
LOG_LINES_SHOWN = 8


class ClusterError(Exception):
    """Something that the user can mend; the text says how."""


class Shape:
    """What a cluster is made of; fixed at its first start."""

    def __init__(self, nodes=3, partitions=128, base_port=BASE_PORT, name="local", host=HOST):
        self.nodes, self.partitions, self.base_port, self.name, self.host = nodes, partitions, base_port, name, host

    def as_dict(self):
        return dict(self.__dict__)


def own_host():
    """An address of loopback that nobody else uses (Linux has 127.0.0.0/8). A node that is down leaves its ports to any program that
    takes them; with an address of our own none does. Chance that no seed decides: two runs must not meet."""
    system = random.SystemRandom()
    return f"127.{system.randrange(64, 250)}.{system.randrange(256)}.{system.randrange(1, 255)}"


def start_time(pid):
    """When the process began, in the kernel's ticks; None without such a process (or when it is a zombie)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def is_paused(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def wait_exit(pid, seconds):
    """True when the process ended within the time. A child of ours is reaped."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ended = bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)
    if ended:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
    return ended


def port_is_free(port, host=HOST):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def http_get(port, path, seconds=2, host=HOST):
    """(status, text); status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (OSError, urllib.error.URLError):
        return 0, ""


class Cluster:
    def __init__(self, folder, shape=None, binary=BINARY, settings=()):
        """Without a shape the folder must hold a cluster. `settings` are further NAME=VALUE for every node."""
        self.folder = os.path.abspath(folder)
        self.binary = binary
        self.settings = list(settings)
        self.uuid = None
        known = self.load()
        if known is None and shape is None:
            raise ClusterError(f"there is no cluster in {self.folder}; start one with: tools/cluster start all")
        if known is not None and shape is not None and known.as_dict() != shape.as_dict():
            raise ClusterError(f"{self.folder} holds a cluster of another shape ({known.as_dict()}); "
                               "leave the options out, or choose another --dir, or remove that folder")
        self.shape = known or shape
        self.host = self.shape.host

    # ---- files

    def path(self, name):
        return os.path.join(self.folder, name)

    def load(self):
        try:
            with open(self.path("cluster.json"), encoding="utf-8") as file:
                content = json.load(file)
            # Clusters of earlier versions have none: theirs follows from the name.
            self.uuid = content.pop("uuid", None)
            return Shape(**content)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise ClusterError(f"{self.path('cluster.json')}: {error}") from error

    def save(self):
        os.makedirs(self.folder, exist_ok=True)
        if self.load() is None and self.uuid is None:
            self.uuid = str(uuid.uuid4())
        lines = ["# Written by tools/cluster. Node ids, data directories and metrics ports are given to each process by flags.",
                 f"cluster: {self.shape.name}", *([f"cluster_uuid: {self.uuid}"] if self.uuid else []),
                 f"partitions: {self.shape.partitions}", "members:"]
        for node in self.ids():
            lines.append(f"  - {{id: {node}, client: \"{self.host}:{self.client_port(node)}\", "
                         f"peer: \"{self.host}:{self.peer_port(node)}\"}}")
        lines += ["payment:", f"  ledger: {json.dumps(self.ledger())}"]
        self.replace("cluster.yaml", "\n".join(lines) + "\n")
        self.replace("cluster.json", json.dumps({**self.shape.as_dict(), **({"uuid": self.uuid} if self.uuid else {})}))

    def replace(self, name, text):
        """At once: a node that was just started may be reading the old one."""
        with open(self.path(name + ".new"), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.path(name + ".new"), self.path(name))

    def ledger(self):
        return self.path("payments.ndjson")

    def log_tail(self, node):
        try:
            with open(self.path(f"node-{node}.log"), encoding="utf-8", errors="replace") as file:
                return "".join("    " + line for line in file.readlines()[-LOG_LINES_SHOWN:])
        except OSError:
            return ""

    # ---- what stands where

    def ids(self):
        return range(1, self.shape.nodes + 1)

    def client_port(self, node):
        return self.shape.base_port + 10 * (node - 1)

    def peer_port(self, node):
        return self.client_port(node) + 1

    def metrics_port(self, node):
        return self.client_port(node) + 2

    def endpoints(self):
        return ",".join(f"{self.host}:{self.client_port(node)}" for node in self.ids())

    # ---- processes

    def pid(self, node):
        """The running process of a node, or None."""
        try:
            with open(self.path(f"node-{node}.pid"), encoding="ascii") as file:
                pid, began = file.read().split()
        except (OSError, ValueError):
            return None
        return int(pid) if start_time(int(pid)) == began else None

    def running(self):
        return [node for node in self.ids() if self.pid(node) is not None]

    def start(self, nodes, rejoin=False):
        """Starts the nodes that do not run; does not wait for them. Returns those it started."""
        if not os.access(self.binary, os.X_OK):
            raise ClusterError(f"{self.binary} is not built; run: tools/packages && meson setup build --buildtype=release && ninja -C build")
        started = [node for node in nodes if self.pid(node) is None]
        if rejoin and len(started) < len(nodes):
            raise ClusterError(f"node {nodes[0]} runs; stop or kill it first")
        for node in started:
            for port in (self.client_port(node), self.peer_port(node), self.metrics_port(node)):
                if not port_is_free(port, self.host):
                    raise ClusterError(f"port {port} (node {node}) is in use by another program; "
                                       "stop it, or choose other ports with --base-port")
        self.save()  # only now: a start that was refused fixes nothing
        for node in started:
            self.spawn(node, ["--rejoin"] if rejoin else [])
        return started

    def command(self, node):
        line = [self.binary, "--config", self.path("cluster.yaml"), "--node", str(node), "--data", self.path(f"node-{node}"),
                "--set", f"metrics={self.host}:{self.metrics_port(node)}"]
        for setting in self.settings:
            line += ["--set", setting]
        return line

    def spawn(self, node, arguments=()):
        with open(self.path(f"node-{node}.log"), "ab") as log:
            process = subprocess.Popen(self.command(node) + list(arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       cwd=self.folder, start_new_session=True)
        # It outlives this program on purpose: nobody is to wait for it here.
        process.returncode = 0
        began = start_time(process.pid)
        with open(self.path(f"node-{node}.pid"), "w", encoding="ascii") as file:
            file.write(f"{process.pid} {began}\n")

    def signal(self, nodes, number):
        """Signals the nodes that run; returns their process ids."""
        pids = [self.pid(node) for node in nodes]
        for pid in pids:
            if pid is not None:
                os.kill(pid, number)
        return [pid for pid in pids if pid is not None]

    def end(self, nodes, number):
        if number == signal.SIGTERM:
            # Before and never after: SIGCONT takes back a SIGSTOP that is on its way. The leak checker of a sanitizer build
            # stops its process at exit with one, and would wait for it for ever.
            self.signal(nodes, signal.SIGCONT)
        pids = self.signal(nodes, number)
        deadline = time.monotonic() + STOP_SECONDS
        for pid in pids:
            if not wait_exit(pid, max(0.0, deadline - time.monotonic())):
                raise ClusterError(f"process {pid} did not end within {STOP_SECONDS} s; tools/cluster kill ends it at once")
        for node in nodes:
            if self.pid(node) is None and os.path.exists(self.path(f"node-{node}.pid")):
                os.remove(self.path(f"node-{node}.pid"))
        return len(pids)

    def stop(self, nodes):
        return self.end(nodes, signal.SIGTERM)

    def kill(self, nodes):
        return self.end(nodes, signal.SIGKILL)

    def pause(self, nodes):
        return len(self.signal(nodes, signal.SIGSTOP))

    def resume(self, nodes):
        return len(self.signal(nodes, signal.SIGCONT))

    # ---- health

    def http(self, node, path, seconds=2):
        """(status, text) of GET at a node's HTTP port; status 0 when nobody answers."""
        return http_get(self.metrics_port(node), path, seconds, self.host)

    def is_live(self, node):
        return self.http(node, "/health/live")[0] == 200

    def is_ready(self, node):
        return self.http(node, "/health/ready")[0] == 200

    def state(self, node):
        """What the node says of itself: ready, starting, noQuorum, diskFull, late, draining or rejoining; "not answering" when it is silent."""
        status, text = self.http(node, "/health/ready")
        try:
            return json.loads(text)["state"] if status else "not answering"
        except (ValueError, KeyError, TypeError):
            return "not answering"

    def wait_for(self, nodes, good, what, seconds=READY_SECONDS):
        """Waits until `good(node)` for all; a node that ends meanwhile is an error with the end of its log."""
        deadline = time.monotonic() + seconds
        waiting = list(nodes)
        while waiting:
            waiting = [node for node in waiting if not good(node)]
            for node in waiting:
                pid = self.pid(node)
                if pid is None or wait_exit(pid, POLL_SECONDS / len(waiting)):
                    raise ClusterError(f"node {node} ended; the end of {self.path(f'node-{node}.log')}:\n{self.log_tail(node)}")
            if waiting and time.monotonic() > deadline:
                raise ClusterError(f"node {waiting[0]} is not {what} after {seconds} s; the end of "
                                   f"{self.path(f'node-{waiting[0]}.log')}:\n{self.log_tail(waiting[0])}")

    def wait_ready(self, nodes, seconds=READY_SECONDS):
        """Ready is the node's own state (it had a leader of every partition, and none of them was lost for long); without a majority
        only life can be waited for."""
        running = [node for node in self.running() if not is_paused(self.pid(node))]
        if 2 * len(running) > self.shape.nodes:
            self.wait_for(nodes, self.is_ready, "ready", seconds)
        else:
            self.wait_for(nodes, self.is_live, "alive", seconds)

    def status(self):
        rows = []
        for node in self.ids():
            pid = self.pid(node)
            if pid is None:
                state = "stopped"
            elif is_paused(pid):
                state = "paused"
            else:
                state = self.state(node)
            rows.append({"node": node, "state": state, "pid": pid, "client": f"{self.host}:{self.client_port(node)}",
                         "metrics": f"http://{self.host}:{self.metrics_port(node)}/metrics",
                         "log": self.path(f"node-{node}.log")})
        return rows
