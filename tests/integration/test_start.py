#!/usr/bin/env python3
"""What stands in the way of a start: `--check` says the same as a start, with the same status, and changes nothing. Closed
descriptors, a hangup and a limit on the size of files. Settings at their extremes, in pairs."""
import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys

import hostile
from fixture import Programs, Tap, cluster, gridctl, metric, run

PROGRAMS = Programs(sys.argv)
PATIENCE = 60
NOBODY = 65534
SEGMENT_BYTES = 64 << 20
VALUE_BYTES, BATCH_BYTES, BATCH_OPERATIONS = 1 << 20, 2 << 20, 128
AFFINITY = "a"


# ---- --check and start

def ended(command, **options):
    """(status, what it said of the reason) of a process that must end by itself. The time of a log line is left away."""
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE, check=False, **options)
    said = [line.partition("cannot start: ")[2] for line in done.stderr.splitlines() if "cannot start: " in line]
    return done.returncode, said[-1] if said else done.stderr.strip()


def files_of(folder):
    return sorted((path, os.path.getsize(os.path.join(path, name)), name) for path, _, names in os.walk(folder) for name in names
                  if not name.endswith((".yaml", ".log", ".pid")))


def both(tap, nodes, name, status, *expected, flags=(), **options):
    """A start and a check are refused alike, and the check leaves everything as it was."""
    def check():
        before = files_of(nodes.folder)
        checked = ended([*nodes.command(1), *flags, "--check"], **options)
        unchanged = files_of(nodes.folder) == before
        started = ended([*nodes.command(1), *flags], **options)
        missing = [part for part in expected if part not in started[1]]
        return checked == started and started[0] == status and not missing and unchanged, \
            f"check {checked}, start {started}, missing {missing}, unchanged {unchanged}"
    tap.run(f"{name}: start and --check refuse alike", check)


def listening(host, port):
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((host, port))
    held.listen()
    return held


def addresses(tap, nodes):
    with open(nodes.path("cluster.yaml"), encoding="utf-8") as file:
        text = file.read()
    for port, name, at in ((nodes.client_port(1), "client", "(members, id 1, client)"), (nodes.peer_port(1), "peer", "(members, id 1, peer)"),
                           (nodes.metrics_port(1), "metrics", "(metrics)")):
        with listening(nodes.host, port):
            both(tap, nodes, f"a {name} port in use", 1, f"{name} port: cannot listen on {nodes.host}:{port} {at}: in use by another process",
                 flags=["--data", nodes.path("in-use")])
    for address, reason in (("192.0.2.1", "not an address of this machine"), ("no-such-host.invalid", "no such name")):
        both(tap, nodes, f"metrics at {address}", 1, f"metrics port: cannot listen on {address}:7000 (metrics): {reason}",
             flags=["--set", f"metrics={address}:7000", "--data", nodes.path("at-metrics")])
        for name, port in (("client", nodes.client_port(1)), ("peer", nodes.peer_port(1))):
            other = nodes.path(f"other-{name}.yaml")
            with open(other, "w", encoding="utf-8") as file:
                file.write(text.replace(f"{nodes.host}:{port}", f"{address}:{port}"))
            both(tap, nodes, f"a {name} address at {address}", 1, f"{name} port: cannot listen on {address}:{port} (members, id 1, {name}): {reason}",
                 flags=["--config", other, "--data", nodes.path(f"at-{address}-{name}")])
    for name in ("client", "peer"):
        both(tap, nodes, f"listen.{name} elsewhere", 1, f"{name} port: cannot listen on 192.0.2.1:7 (listen.{name}): not an address of this machine",
             flags=["--set", f"listen.{name}=192.0.2.1:7", "--data", nodes.path(f"listens-{name}")])


def places(tap, nodes):
    def file_at(name):
        with open(nodes.path(name), "w", encoding="utf-8"):
            return nodes.path(name)
    both(tap, nodes, "a data directory without a parent", 1, "none/data: cannot be created: No such file", flags=["--data", nodes.path("none/data")])
    both(tap, nodes, "a file as data directory", 1, "Not a directory", flags=["--data", file_at("a-file")])
    both(tap, nodes, "a ledger without a parent", 1, "payment ledger", "No such file", flags=["--set", f"payment.ledger={nodes.path('none/ledger')}"])
    both(tap, nodes, "a folder as ledger", 1, "payment ledger", "Is a directory", flags=["--set", f"payment.ledger={nodes.folder}"])
    both(tap, nodes, "a wrong setting", 2, "log.segment_bytes: 5000000 is not a multiple of 4096; the nearest are 4997120 and 5001216",
         flags=["--set", "log.segment_bytes=5000000"])
    both(tap, nodes, "settings that do not go together", 2, "log.disk_bytes: 4194304 is less than one file of the log takes",
         flags=["--set", "log.disk_bytes=4194304"])


def limits(tap, nodes):
    both(tap, nodes, "too few descriptors", 1, "file descriptors: 200 are allowed", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
    both(tap, nodes, "files that may not be as large as the log's", 1, f"file size: {SEGMENT_BYTES - 1} bytes are allowed",
         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (SEGMENT_BYTES - 1,) * 2))
    if os.getuid() == 0:
        os.chmod(nodes.folder, 0o755)
        os.makedirs(nodes.path("locked"), mode=0o755)
        both(tap, nodes, "a data directory of somebody else", 1, "Permission denied", flags=["--data", nodes.path("locked"), "--set", "payment.ledger="],
             preexec_fn=lambda: os.setuid(NOBODY))


def directories(tap, nodes):
    data = nodes.path("node-1")
    good = run([*nodes.command(1), "--check"])
    tap.check("--check accepts a new node and makes nothing", good[0] == 0 and "configuration is good" in good[1] and not os.path.exists(data), str(good))
    nodes.start([1])
    nodes.wait_ready([1])
    both(tap, nodes, "a data directory of a node that runs", 1, f"data directory {data}: another process uses it")
    status, _, error = gridctl(PROGRAMS, nodes, "map", "set", "k", "v")
    tap.check("a check beside a node does not disturb it", status == 0 and nodes.is_ready(1), error)
    nodes.kill([1])
    before = files_of(data)
    good = run([*nodes.command(1), "--check"])
    tap.check("--check accepts the files of a node that was killed and leaves them alone", good[0] == 0 and files_of(data) == before, str(good))
    both(tap, nodes, "another number of partitions", 2, "partitions", flags=["--set", "partitions=9"])
    first = sorted(name for name in os.listdir(data) if name.startswith("wal-"))[0]
    with open(os.path.join(data, first), "r+b") as file:
        whole = file.read(64)
        file.seek(0)
        file.write(b"\xff" * 64)
        file.flush()
        both(tap, nodes, "a damaged log", 1, first, "durable data is damaged")
        file.seek(0)
        file.write(whole)
    nodes.start([1])
    nodes.wait_ready([1])
    status, out, _ = gridctl(PROGRAMS, nodes, "map", "get", "k")
    tap.check("and what was written is there", status == 0 and out.strip().endswith("v"), out)
    nodes.stop([1])


def same_refusals(tap):
    with cluster(PROGRAMS, nodes=1) as nodes:
        nodes.save()
        for part in (directories, places, limits, addresses):
            tap.attempt(part.__name__, lambda: part(tap, nodes))


# ---- signals and descriptors

def without_streams(*closed):
    def close():
        for stream in closed:
            os.close(stream)
    return close


def serves(nodes, key):
    return gridctl(PROGRAMS, nodes, "map", "set", key, "v")[0] == 0


def streams(tap):
    with cluster(PROGRAMS, nodes=1) as nodes:
        nodes.save()
        for closed in ((0,), (1,), (2,), (0, 1, 2)):
            process = subprocess.Popen(nodes.command(1), preexec_fn=without_streams(*closed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                assert hostile.wait_until(lambda: nodes.is_ready(1)), f"without {closed} it is not ready; status {process.poll()}"
                taken = [os.readlink(f"/proc/{process.pid}/fd/{stream}") for stream in range(3)]
                served = serves(nodes, f"k{len(closed)}")
                process.terminate()
                status = process.wait(PATIENCE)
                tap.check(f"without descriptors {closed} a node serves, ends in order, and no file of it has their numbers",
                          served and status == 0 and all(taken[stream] == "/dev/null" for stream in closed), f"{served} {status} {taken}")
            finally:
                process.kill()
                process.wait()
        nodes.start([1])
        nodes.wait_ready([1])
        for closed in ((0,), (1,), (2,), (0, 1, 2)):
            done = subprocess.run([PROGRAMS.path("gridctl"), "map", "set", "c", str(closed), "-e", nodes.endpoints()], stdout=subprocess.DEVNULL, timeout=PATIENCE, check=False,
                                  preexec_fn=without_streams(*closed))
            tap.check(f"without descriptors {closed} gridctl does its work", done.returncode == 0, str(done.returncode))
        status, out, _ = gridctl(PROGRAMS, nodes, "map", "get", "c")
        tap.check("and it was done", status == 0 and "(0, 1, 2)" in out, out)


def hangup(tap):
    with cluster(PROGRAMS, nodes=1) as nodes:
        nodes.start([1])
        nodes.wait_ready([1])
        pid = nodes.pid(1)
        os.kill(pid, signal.SIGHUP)
        log = nodes.path("node-1.log")
        told = hostile.wait_until(lambda: "signal 1: ignored" in open(log, encoding="utf-8").read())
        tap.check("a hangup is told and ends nothing", told and nodes.pid(1) == pid and serves(nodes, "k"), nodes.log_tail(1))


def file_size(tap):
    """The limit falls while the node runs: like any failed write of the log this ends it, in words and not by a signal."""
    with cluster(PROGRAMS, nodes=1) as nodes:
        nodes.start([1])
        nodes.wait_ready([1])
        pid, log = nodes.pid(1), nodes.path("node-1.log")
        tap.check("a write before the limit", serves(nodes, "before"))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (os.path.getsize(log) + 65536, resource.RLIM_INFINITY))
        text = "".join(json.dumps({"key": f"k{i}", "value": "v" * 60000}) + "\n" for i in range(10))
        status, _, _ = gridctl(PROGRAMS, nodes, "map", "load", "--map", "large", "--file", "-", "--timeout", "1000", text=text)
        ended_with = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with open(log, encoding="utf-8") as file:
            said = file.read()
        os.rename(log, log + ".of-its-end")
        tap.check("files that may not grow end the node with status 1 and a reason", status != 0 and ended_with == 1 and
                  "stopping: writing the log failed (larger than the limit)" in said, f"{status} {ended_with} {said}")
        nodes.start([1])
        nodes.wait_ready([1])
        status, out, _ = gridctl(PROGRAMS, nodes, "map", "get", "before")
        tap.check("without the limit it starts, and what was acknowledged is there", status == 0 and out.strip().endswith("v"), out)


# ---- extremes in pairs

def log_bytes(partitions, segment):
    return max(segment, partitions * 8192, 4 << 20)


# Low and high end of each setting; those of the log hold with each other only (config_check).
EXTREMES = {
    "partitions": (1, 4096),
    "log.segment_bytes": (4 << 20, 256 << 20),
    "log.disk_bytes": ("least", 1 << 44),
    "log.memory_bytes": ("least", 1 << 44),
    "clients.connections_max": (1, 1000000),
    "clients.patience_ms": (1000, 3600000),
    "admission.load": (1, 1 << 32),
    "raft.times": ((50, 10), (600000, 60000)),
    "durability": ("fsync", "os"),
    "loopback": ("unix", "tcp"),
}


def covering(count):
    """Few rows of 0 and 1 in which every two columns take all four combinations."""
    rows, missing = [], {(a, b, x, y) for a, b in itertools.combinations(range(count), 2) for x in (0, 1) for y in (0, 1)}

    def gain(row):
        return sum((a, b, row[a], row[b]) in missing for a, b in itertools.combinations(range(count), 2))
    while missing:
        best = max(itertools.product((0, 1), repeat=count), key=gain)
        rows.append(best)
        missing -= {(a, b, best[a], best[b]) for a, b in itertools.combinations(range(count), 2)}
    return rows


def settings_of(row):
    chosen = {name: EXTREMES[name][end] for name, end in zip(EXTREMES, row)}
    election, heartbeat = chosen.pop("raft.times")
    chosen["raft.election_timeout_ms"], chosen["raft.heartbeat_ms"] = election, heartbeat
    if chosen["log.disk_bytes"] == "least":
        chosen["log.disk_bytes"] = log_bytes(chosen["partitions"], chosen["log.segment_bytes"])
    if chosen["log.memory_bytes"] == "least":
        chosen["log.memory_bytes"] = max(4 << 20, chosen["partitions"] * 4096)
    return chosen


def largest_writes(nodes):
    """The largest value and the largest batch."""
    client = [PROGRAMS.path("gridctl"), "-e", nodes.endpoints()]
    value = json.dumps({"key": "k", "affinity": AFFINITY, "value": "v" * VALUE_BYTES})
    status, out, error = run([client[0], "map", "load", "--map", "m", "--file", "-", *client[1:]], text=value + "\n")
    assert status == 0, f"a value: {status} {out} {error}"
    each = BATCH_BYTES // BATCH_OPERATIONS - len("k000") - len(AFFINITY)
    batch = "".join(json.dumps({"op": "set", "key": f"k{i:03}", "value": "v" * each}) + "\n" for i in range(BATCH_OPERATIONS))
    status, out, error = run([client[0], "map", "batch", "--map", "b", "--affinity", AFFINITY, *client[1:]], text=batch)
    assert status == 0, f"a batch: {status} {out} {error}"
    status, out, error = run([client[0], "map", "size", "--map", "b", *client[1:]])
    assert status == 0 and out.split()[-1] == str(BATCH_OPERATIONS), f"{status} {out} {error}"


def extremes(tap):
    for row in covering(len(EXTREMES)):
        chosen = settings_of(row)

        def holds():
            with cluster(PROGRAMS, nodes=1, partitions=chosen["partitions"],
                         settings=[f"{name}={value}" for name, value in chosen.items()]) as nodes:
                nodes.start([1])
                nodes.wait_ready([1])
                pid = nodes.pid(1)
                largest_writes(nodes)
                assert nodes.pid(1) == pid
            return True, ""
        tap.run("a node holds the largest writes with " + " ".join(f"{name}={value}" for name, value in chosen.items()), holds)


def main():
    tap = Tap()
    for part in (same_refusals, streams, hangup, file_size, extremes):
        tap.attempt(part.__name__, lambda: part(tap))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
