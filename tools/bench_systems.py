"""The systems that tools/bench measures, each three processes on loopback: Gridiron, etcd, Redis.

    with gridiron(options, folder) as system:
        result = system.measure(row)    # {"operations", "perSecond", "p50", "p99", "p999", "errors", "notes"}; milliseconds

Every process that is started here is ended here, by its id, also after an exception. Whatever is waited for has a bound.
"""
import base64
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

from cluster_nodes import HOST, Cluster, Shape, port_is_free, start_time, wait_exit

READY_SECONDS = 30
# Below the range from which the system takes ports for outgoing connections.
PORT_LOW, PORT_HIGH = 12000, 31000
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
KEYS, VALUE_BYTES = 100000, 100
KEYS_ALONE = 10000  # of a single client, which must write them all before it reads
# A log of the usual size would fill up within a minute.
LOG_SETTINGS = ["log.disk_bytes=17179869184", "log.memory_bytes=8589934592"]


class BenchError(Exception):
    """Something that the user can mend; the text says how."""


def free_ports(count):
    while True:
        base = random.randrange(PORT_LOW, PORT_HIGH, 100)
        if all(port_is_free(base + i) for i in range(count)):
            return base


def run(line, seconds, accepted=(0,)):
    """Standard output of a command; what it says is the error when it fails or takes too long."""
    try:
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
                              timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{' '.join(line)}: no end after {seconds} s") from error
    if done.returncode not in accepted:
        raise BenchError(f"{' '.join(line)}: exit status {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def idle_of(pids, seconds):
    """Resident memory of one process (the largest), and processor time of all while nothing is asked of them."""
    def ticks(pid):
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    before = sum(map(ticks, pids))
    time.sleep(seconds)
    used = (sum(map(ticks, pids)) - before) / TICKS_A_SECOND / seconds
    resident = []
    for pid in pids:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            resident.append(int(file.read().split()[1]) * PAGE_BYTES)
    return {"notes": f"{max(resident) / 1e6:.0f} MB resident (largest of three), {100 * used:.1f} % of one core, all three together"}


class Processes:
    """Programs in the foreground, each with a log of its own in the folder."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def start(self, name, line):
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        self.running.append((process, start_time(process.pid)))

    def pids(self):
        return [process.pid for process, _ in self.running]

    def wait(self, ready, what):
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if any(process.poll() is not None for process, _ in self.running):
                raise BenchError(f"{what} ended; its log: {self.tail()}")
            if time.monotonic() > deadline:
                raise BenchError(f"{what} is not ready after {READY_SECONDS} s; its log: {self.tail()}")
            time.sleep(0.05)

    def tail(self):
        name = sorted(entry for entry in os.listdir(self.folder) if entry.endswith(".log"))[0]
        with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as file:
            return file.read()[-600:]

    def end(self):
        for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 10)):
            for process, began in self.running:
                if process.poll() is None and start_time(process.pid) == began:
                    process.send_signal(number)
            deadline = time.monotonic() + patience
            for process, _ in self.running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        self.running = []


# ---- Gridiron


class Gridiron:
    """A cluster of its own for every row, so that none finds the log or the memory of another."""

    def __init__(self, options, folder, settings=()):
        self.build, self.folder, self.seconds = options.build, folder, options.seconds
        self.settings = LOG_SETTINGS + list(settings)
        self.cluster, self.count = None, 0

    def fresh(self):
        self.close()
        self.count += 1
        folder = os.path.join(self.folder, f"gridiron-{self.count}")
        shape = Shape(base_port=free_ports(30), name="bench")
        self.cluster = Cluster(folder, shape, binary=os.path.join(self.build, "bin", "gridiron"), settings=self.settings)
        self.cluster.start(self.cluster.ids())
        self.cluster.wait_ready(self.cluster.ids())

    def counters(self):
        sums = {}
        for node in self.cluster.ids():
            for line in self.cluster.http(node, "/metrics")[1].splitlines():
                name, _, value = line.rpartition(" ")
                if name and not line.startswith("#"):
                    sums[name] = sums.get(name, 0.0) + float(value)
        return sums

    def notes(self, before, operations, sagas):
        after = self.counters()
        def each(name):
            return (after.get(name, 0.0) - before.get(name, 0.0)) / operations
        notes = f"{each('gridiron_log_bytes_total') / len(self.cluster.ids()):.0f} log bytes an operation and node"
        if sagas:
            notes += (f"; {each('gridiron_entries_proposed_total'):.1f} entries, {each('gridiron_inbox_messages_received_total'):.1f} messages, "
                      f"{each('gridiron_outbox_acknowledgements_total'):.1f} acknowledgements a saga")
        return notes

    def measure(self, row):
        self.fresh()
        if row.operation == "idle":
            time.sleep(2)  # until elections and first syncs are over
            return idle_of([self.cluster.pid(node) for node in self.cluster.ids()], self.seconds)
        line = [os.path.join(self.build, "bin", "gridctl"), "bench", "orders" if row.orders else "map", "-o", "json", "--seconds",
                str(self.seconds), "--endpoints", self.cluster.endpoints()]
        if row.orders:
            line += ["--lines", row.orders, "--concurrency", str(row.outstanding)]
        else:
            line += ["--op", row.operation, "--connections", str(row.connections), "--outstanding", str(row.outstanding),
                     "--keys", str(KEYS if row.connections * row.outstanding > 1 else KEYS_ALONE), "--value-size", str(VALUE_BYTES)]
        before = self.counters()
        result = json.loads(run(line + (["--rate", str(row.rate)] if row.rate else []), 4 * self.seconds + 180))
        # The counters saw the warm-up and the filling too: of orders they can be divided by all that ended.
        done = result["orders"]["completed"] if row.orders else self.counters()["gridiron_commands_total"] - before["gridiron_commands_total"]
        latency = result["latencyUs"]
        made = {"operations": result["operations"], "perSecond": result["perSecond"], "errors": result["errors"],
                "p50": latency["p50"] / 1000, "p99": latency["p99"] / 1000, "p999": latency["p999"] / 1000, "notes": ""}
        if row.orders or row.operation == "set":
            made["notes"] = self.notes(before, max(1, done), row.orders)
        return made

    def close(self):
        if self.cluster is not None:
            self.cluster.kill(self.cluster.ids())
            shutil.rmtree(self.cluster.folder, ignore_errors=True)
            self.cluster = None


# ---- etcd


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def grpc_body(*texts):
    """A gRPC message whose fields 1, 2, ... are these texts."""
    body = b"".join(varint(field << 3 | 2) + varint(len(text)) + text for field, text in enumerate(texts, 1))
    return b"\0" + struct.pack(">I", len(body)) + body


class Etcd:
    """Three members; h2load sends gRPC to the leader, the same request again and again: one key."""

    def __init__(self, options, folder):
        self.folder, self.seconds, self.base = folder, options.seconds, free_ports(6)
        self.processes = Processes(folder)
        clients = [f"http://{HOST}:{self.base + 2 * i}" for i in range(3)]
        peers = [f"http://{HOST}:{self.base + 2 * i + 1}" for i in range(3)]
        members = ",".join(f"n{i}={peer}" for i, peer in enumerate(peers))
        for i in range(3):
            self.processes.start(f"etcd-{i}", ["etcd", "--name", f"n{i}", "--data-dir", os.path.join(folder, f"etcd-{i}"),
                "--listen-client-urls", clients[i], "--advertise-client-urls", clients[i], "--listen-peer-urls", peers[i],
                "--initial-advertise-peer-urls", peers[i], "--initial-cluster", members, "--initial-cluster-state", "new",
                "--log-level", "error", "--quota-backend-bytes", "8589934592"])
        self.leader = None
        self.processes.wait(self.find_leader, "etcd")

    def ask(self, port, path, body):
        request = urllib.request.Request(f"http://{HOST}:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except (OSError, urllib.error.URLError):
            return {}

    def find_leader(self):
        for i in range(3):
            status = self.ask(self.base + 2 * i, "/v3/maintenance/status", {})
            if status.get("leader", "0") != "0" and status["leader"] == status["header"]["member_id"]:
                self.leader = self.base + 2 * i
        return self.leader is not None

    def revision(self):
        key = base64.b64encode(b"key").decode()
        return int(self.ask(self.leader, "/v3/kv/range", {"key": key})["header"]["revision"])

    def measure(self, row):
        if row.operation == "idle":
            return idle_of(self.processes.pids(), self.seconds)
        put = row.operation == "set"
        body, log = os.path.join(self.folder, "body"), os.path.join(self.folder, "requests")
        with open(body, "wb") as file:
            file.write(grpc_body(b"key", b"v" * VALUE_BYTES) if put else grpc_body(b"key"))
        with contextlib.suppress(FileNotFoundError):
            os.remove(log)
        before = self.revision()
        out = run(["h2load", "-p", "h2c", "-c", str(row.connections), "-m", str(row.outstanding), "-D", str(self.seconds),
                   "--warm-up-time", "1", "-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers",
                   "--log-file", log, f"http://{HOST}:{self.leader}/etcdserverpb.KV/{'Put' if put else 'Range'}"], 3 * self.seconds + 60)
        counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", out)
        with open(log, encoding="ascii") as file:
            latencies = sorted(int(line.split("\t")[2]) for line in file)
        done, succeeded = int(counts[1]), int(counts[2])
        # gRPC answers errors with HTTP 200; a put that was made has a revision.
        if not latencies or (put and self.revision() - before < succeeded):
            raise BenchError(f"etcd: {succeeded} puts were answered, {self.revision() - before} made")
        def at(parts):
            return latencies[min(len(latencies) - 1, len(latencies) * parts // 1000)] / 1000
        return {"operations": succeeded, "perSecond": round(succeeded / self.seconds), "errors": done - succeeded,
                "p50": at(500), "p99": at(990), "p999": at(999), "notes": "to the leader, one key"}

    def close(self):
        self.processes.end()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- Redis


class Redis:
    """A primary with two replicas, append-only file on all three; redis-benchmark asks the primary."""

    def __init__(self, options, folder, sync):
        self.folder, self.seconds, self.base = folder, options.seconds, free_ports(3)
        self.processes = Processes(folder)
        for i in range(3):
            data = os.path.join(folder, f"redis-{i}")
            os.makedirs(data)
            replica = ["--replicaof", HOST, str(self.base)] if i > 0 else []
            self.processes.start(f"redis-{i}", ["redis-server", "--port", str(self.base + i), "--bind", HOST, "--dir", data,
                "--save", "", "--appendonly", "yes", "--appendfsync", sync, "--auto-aof-rewrite-percentage", "0",
                "--repl-diskless-sync-delay", "0", "--loglevel", "warning", *replica])
        self.processes.wait(self.has_replicas, "redis-server")
        self.filled = False

    def has_replicas(self):
        try:
            with socket.create_connection((HOST, self.base), timeout=2) as connection:
                connection.sendall(b"INFO replication\r\n")
                return connection.recv(65536).count(b"state=online") == 2
        except OSError:
            return False

    def load(self, row, requests):
        return run(["redis-benchmark", "-h", HOST, "-p", str(self.base), "-t", row.operation, "-n", str(requests), "-c",
                    str(row.connections), "-P", str(row.outstanding), "-r", str(KEYS), "-d", str(VALUE_BYTES), "--precision", "3"],
                   20 * self.seconds + 120)

    def measure(self, row):
        if row.operation == "idle":
            return idle_of(self.processes.pids(), self.seconds)
        if row.operation == "get" and not self.filled:
            filling = row.like(operation="set", connections=50, outstanding=16)
            self.load(filling, 5 * KEYS)
            self.filled = True
        def rate(text):
            return float(re.findall(r"throughput summary: ([0-9.]+) requests per second", text)[-1])
        first = max(1000, 20 * row.connections * row.outstanding)
        requests = max(first, int(rate(self.load(row, first)) * self.seconds))
        out = self.load(row, requests)
        summary = re.findall(r"avg\s+min\s+p50\s+p95\s+p99\s+max\s+([0-9. ]+)", out)[-1].split()
        tail = [float(at) for share, at in re.findall(r"([0-9.]+)% <= ([0-9.]+) milliseconds \(cumulative", out) if float(share) >= 99.9]
        return {"operations": requests, "perSecond": round(rate(out)), "errors": 0, "p50": float(summary[2]), "p99": float(summary[4]),
                "p999": tail[0] if tail else float(summary[5]), "notes": "answered before any replica has it"}

    def close(self):
        self.processes.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def programs_of(system):
    """What must be installed for it, and the Debian package that has it."""
    if system == "etcd":
        return {"etcd": "etcd-server", "h2load": "nghttp2-client"}
    return {"redis-server": "redis-server", "redis-benchmark": "redis-tools"} if system.startswith("redis") else {}


@contextlib.contextmanager
def opened(system, options, folder):
    folder = os.path.join(folder, system)
    os.makedirs(folder, exist_ok=True)
    made = None
    try:
        if system == "gridiron":
            made = Gridiron(options, folder)
        elif system == "gridiron-tcp":
            made = Gridiron(options, folder, ["loopback=tcp"])
        elif system == "etcd":
            made = Etcd(options, folder)
        else:
            made = Redis(options, folder, "always" if system == "redis-always" else "everysec")
        yield made
    finally:
        if made is not None:
            made.close()
