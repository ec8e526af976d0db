"""Clusters for the integration tests: an address of loopback, a name, and a folder that goes away, all of their own. Tests
that run beside each other cannot meet, and only processes that a test started are ever signalled.

    with cluster(programs, nodes=3, partitions=8) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
"""
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools"))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster_nodes import Cluster, ClusterError, Shape, own_host, wait_exit  # noqa: E402,F401
from tap import Tap  # noqa: E402,F401

COMMAND_SECONDS = 120
HTTP_SECONDS = 20
COMPLAINT = re.compile(r"Sanitizer|runtime error:|(REQUIRE|ENSURE|HOLDS|UNREACHABLE) failed|Z error ")


class Programs:
    """Where the build's programs are: the first argument of every test is the folder of programs, the second that of
    the tests' own; a third says that the build is slow (sanitizers)."""

    def __init__(self, argv):
        self.bin, self.own = os.path.abspath(argv[1]), os.path.abspath(argv[2])
        self.slow = len(argv) > 3 and argv[3] == "slow"

    def path(self, name):
        return os.path.join(self.bin, name)


def complaints_of(nodes):
    """Lines of the nodes' logs that must never be there: failed checks, sanitizer reports, errors."""
    found = []
    for node in nodes.ids():
        try:
            with open(nodes.path(f"node-{node}.log"), encoding="utf-8", errors="replace") as log:
                found += [f"node {node}: {line}" for line in log if COMPLAINT.search(line)]
        except FileNotFoundError:
            pass
    return "".join(found)


@contextlib.contextmanager
def cluster(programs, nodes=3, partitions=8, settings=()):
    """A cluster that is gone at the end of the block; its logs are shown when the block fails."""
    folder = tempfile.mkdtemp(prefix="gridiron-test-")
    shape = Shape(nodes=nodes, partitions=partitions, host=own_host(), name=os.path.basename(folder))
    made = Cluster(folder, shape, binary=programs.path("gridiron"), settings=settings)
    try:
        yield made
        made.stop(made.ids())  # in order: what it says at its end counts too
        complaints = complaints_of(made)
        assert not complaints, complaints
    except BaseException:
        for node in made.ids():
            print(f"node {node}:\n{made.log_tail(node)}", file=sys.stderr)
        raise
    finally:
        made.kill(made.ids())
        shutil.rmtree(folder, ignore_errors=True)


def run(arguments, text=None, environment=None):
    """(status, standard output, standard error) of a command."""
    done = subprocess.run(arguments, input=text, capture_output=True, encoding="utf-8", errors="replace",
                          timeout=COMMAND_SECONDS, check=False, env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


def metric(nodes, node, name):
    """Sum of a metric's samples on one node; `name` may have labels. 0 when the node has no such metric."""
    status, text = nodes.http(node, "/metrics", HTTP_SECONDS)
    assert status == 200, f"/metrics of node {node}: {status}"
    total = 0.0
    for line in text.splitlines():
        sample, _, value = line.rpartition(" ")
        if sample == name or (sample.startswith(name + "{") and "{" not in name):
            total += float(value)
    return total


def gridctl(programs, nodes, *arguments, text=None):
    return run([programs.path("gridctl"), *arguments, "--endpoints", nodes.endpoints()], text=text)


def cluster_status(programs, nodes):
    """What `cluster status` shows; its exit status says whether the cluster is healthy, every time."""
    status, out, error = gridctl(programs, nodes, "cluster", "status", "-o", "json")
    assert status in (0, 1) and out, f"cluster status: {status}: {error}"
    shown = json.loads(out)
    assert status == (0 if shown["healthy"] else 1), f"cluster status: {status}: {out}"
    return shown


def gridctl_json(programs, nodes, *arguments):
    status, out, error = gridctl(programs, nodes, *arguments, "-o", "json")
    assert status == 0, f"{arguments}: {status}: {error}"
    return json.loads(out)
