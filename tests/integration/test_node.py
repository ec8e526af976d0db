#!/usr/bin/env python3
"""One process: how it starts, refuses to start, stops, and what it says of itself over HTTP."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import hostile
from fixture import Programs, Tap, cluster, run, wait_exit

PROGRAMS = Programs(sys.argv)
OTHER_CLUSTER = "0123abcd-4567-89ef-8123-456789abcdef"
GOOD = 'cluster: test\nnode: 1\nmembers:\n  - {id: 1, client: "HOST:%d", peer: "HOST:%d"}\n'


def refuses(folder, text, *expected, flags=(), environment=None, status=2):
    """(good, note): the program ends with the status and a line on standard error that has every expected part."""
    path = os.path.join(folder, "bad.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    found, _, error = run([PROGRAMS.path("gridiron"), "--config", path, *flags], environment=environment)
    missing = [part for part in expected if part.replace("FILE", path) not in error]
    return found == status and not missing, f"status {found}, missing {missing} in: {error}"


def bad_configuration(tap):
    with cluster(PROGRAMS, nodes=1) as nodes:
        os.makedirs(nodes.folder, exist_ok=True)
        good = GOOD.replace("HOST", nodes.host) % (nodes.client_port(1), nodes.peer_port(1))
        data = ["--data", nodes.path("data")]
        checks = {
            "a malformed file": ("cluster: [\n", ["FILE:2:1: not YAML"], data, None),
            "an unknown setting": (good + "colour: red\n", ["FILE:5:1: unknown setting: colour"], data, None),
            "a wrong type": (good + "log: {level: loud}\n", ["FILE:5:14: log.level: \"loud\" is not one of"], data, None),
            "a number out of range": (good + "partitions: 0\n", ["FILE:5:13: partitions: \"0\" is not a whole number"], data, None),
            "a bad variable": (good, ["GRIDIRON_PARTITIONS: partitions: \"x\""], data, {"GRIDIRON_PARTITIONS": "x"}),
            "a bad flag": (good, ["command line: log.level: \"loud\""], data + ["--set", "log.level=loud"], None),
            "a foreign node id": (good, ["node: 2 is not among the members"], data + ["--node", "2"], None),
            "no data directory": (good, ["data: missing"], [], None),
        }
        for name, (text, expected, flags, environment) in checks.items():
            tap.run(f"{name} is refused with status 2 and its place",
                    lambda: refuses(nodes.folder, text, *expected, flags=flags, environment=environment))
        missing = run([PROGRAMS.path("gridiron"), "--config", nodes.path("none.yaml")])
        tap.check("a missing file is refused with status 2 and its name",
                  missing[0] == 2 and "none.yaml: No such file" in missing[2], missing[2])
        usage = run([PROGRAMS.path("gridiron"), "--colour"])
        tap.check("an unknown option is refused with status 2", usage[0] == 2 and "--colour" in usage[2], usage[2])
        shown = run([PROGRAMS.path("gridiron"), "--help"])
        tap.check("help lists every setting", shown[0] == 0 and "raft.election_timeout_ms" in shown[1], shown[1])
        with open(nodes.path("good.yaml"), "w", encoding="utf-8") as file:
            file.write(good)
        checked = run([PROGRAMS.path("gridiron"), "--config", nodes.path("good.yaml"), *data, "--check"])
        tap.check("--check accepts a good file and leaves no data directory behind",
                  checked[0] == 0 and not os.path.exists(nodes.path("data")), checked[2])


def example(tap):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "node.yaml")
    with cluster(PROGRAMS, nodes=1) as nodes:
        os.makedirs(nodes.path("data"))
        with open(path, encoding="utf-8") as file:
            text = file.read().replace("127.0.0.1", nodes.host).replace("data/", nodes.path("data") + "/")
        with open(nodes.path("example.yaml"), "w", encoding="utf-8") as file:
            file.write(text)
        checked = run([PROGRAMS.path("gridiron"), "--config", nodes.path("example.yaml"), "--check"])
    tap.check("the example configuration is good", checked[0] == 0 and "node 1 of cluster example" in checked[1], checked[2])


def start_and_stop(tap):
    with cluster(PROGRAMS, nodes=1) as nodes:
        nodes.start([1])
        nodes.wait_ready([1])
        tap.check("a single node becomes ready", nodes.is_ready(1))
        pid = nodes.pid(1)
        with socket.create_connection((nodes.host, nodes.peer_port(1)), timeout=30) as stranger:
            origin = "%s:%d" % stranger.getsockname()[:2]
            stranger.sendall(hostile.hello())  # of a client, which has the wrong port
            while stranger.recv(4096):
                pass
        os.kill(pid, signal.SIGTERM)
        descriptor_closed = wait_exit_status(pid)
        tap.check("SIGTERM ends it with status 0", descriptor_closed == 0, str(descriptor_closed))
        said = nodes.log_tail(1).rstrip().splitlines()
        refusal = f"a connection from {origin} to the peer port is refused: "
        tap.check("a stranger at the peer port is named with its address", any(refusal in line for line in said), "\n".join(said))
        tap.check("its last line says that it has stopped", said[-1].endswith(" stopped"), said[-1])
        nodes.start([1])
        nodes.wait_ready([1])
        tap.check("it starts again on its data", nodes.is_ready(1))
        pid = nodes.pid(1)
        os.kill(pid, signal.SIGINT)
        tap.check("SIGINT ends it too", wait_exit(pid, 30))


def wait_exit_status(pid):
    """The status of a child of this process."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def foreground(nodes, *flags):
    """A further process on the files of node 1; it must end by itself."""
    done = subprocess.run([*nodes.command(1), *flags], capture_output=True, encoding="utf-8", timeout=60, check=False)
    return done.returncode, done.stderr


def refusals_at_start(tap):
    with cluster(PROGRAMS, nodes=1) as nodes:
        nodes.start([1])
        nodes.wait_ready([1])
        status, error = foreground(nodes)
        tap.check("a second process on the same data directory is refused", status == 1 and "another process uses it" in error, error)
        status, error = foreground(nodes, "--data", nodes.path("other"))
        tap.check("a taken port is refused and named",
                  status == 1 and f"peer port: cannot listen on {nodes.host}:{nodes.peer_port(1)}" in error, error)
        nodes.stop([1])
        status, error = foreground(nodes, "--set", "partitions=9")
        tap.check("another number of partitions is refused with what differs",
                  status == 2 and "partitions 8" in error and "partitions 9" in error, f"{status}: {error}")
        status, error = foreground(nodes, "--set", f"cluster_uuid={OTHER_CLUSTER}")
        tap.check("another cluster is refused with both and what to do", status == 2 and OTHER_CLUSTER in error and nodes.uuid in error
                  and "correct cluster_uuid or data" in error, f"{status}: {error}")
        nodes.start([1])
        nodes.wait_ready([1])
        tap.check("the refused starts changed nothing", nodes.is_ready(1))


def pipelined(nodes, count):
    """Sends requests back to back on one connection; returns how many are answered."""
    request = "GET /health/live HTTP/1.1\r\nHost: test\r\n"
    with socket.create_connection((nodes.host, nodes.metrics_port(1)), timeout=60) as connection:
        connection.sendall((f"{request}\r\n" * (count - 1) + f"{request}Connection: close\r\n\r\n").encode())
        data = b""
        while part := connection.recv(65536):
            data += part
    return data.count(b"200 OK")


def http(tap):
    with cluster(PROGRAMS, nodes=1) as nodes:
        nodes.start([1])
        nodes.wait_ready([1])
        status, text = nodes.http(1, "/metrics")
        tap.check("/metrics answers", status == 200 and "gridiron_partitions_led 8" in text, text[:500])
        if shutil.which("promtool"):
            found = run(["promtool", "check", "metrics"], text=text)
            tap.check("promtool finds nothing wrong with the metrics", found[0] == 0 and not found[1] + found[2], found[1] + found[2])
        else:
            tap.check("promtool is installed (tools/packages)", False)
        repeated = nodes.http(1, "/metrics")[1]
        names = [line.split()[2] for line in repeated.splitlines() if line.startswith("# TYPE")]
        tap.check("a second reading has every metric once", len(names) == len(set(names)) and len(names) >= 20, str(len(names)))
        tap.check("/health/live answers", nodes.http(1, "/health/live") == (200, '{"status":"UP"}\n'))
        tap.check("/health/ready answers", nodes.http(1, "/health/ready") == (200, '{"status":"UP","state":"ready"}\n'))
        began = time.monotonic()
        answers = pipelined(nodes, 20)
        tap.check("requests that arrive together are answered without waiting", answers == 20 and time.monotonic() - began < 5,
                  f"{answers} answers in {time.monotonic() - began:.1f} s")
        status, text = nodes.http(1, "/nothing")
        tap.check("an unknown path is 404 and names the known ones", status == 404 and "/health/ready" in text, text)


def main():
    tap = Tap()
    for part in (bad_configuration, example, start_and_stop, refusals_at_start, http):
        tap.attempt(part.__name__, lambda: part(tap))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
