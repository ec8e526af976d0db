#!/usr/bin/env python3
"""What may change at a restart and what may not: addresses, the cluster's name and durability belong to no log; another cluster's
UUID does, and so does a first start that failed."""
import socket
import sys
import uuid

from fixture import Cluster, Programs, Tap, cluster, gridctl, metric, run

PROGRAMS = Programs(sys.argv)
KEYS = 300


def load(nodes, first, last):
    text = "".join('{"key":"k%d","value":"%d"}\n' % (key, key) for key in range(first, last))
    status, _, error = run([PROGRAMS.path("gridctl"), "map", "load", "--map", "kept", "--file", "-", "-e", nodes.endpoints()], text=text)
    assert status == 0, error


def size(nodes):
    status, out, error = gridctl(PROGRAMS, nodes, "map", "size", "--map", "kept")
    assert status == 0, error
    return int(out.split()[-1])


def restart(nodes, node, *settings):
    nodes.stop([node])
    nodes.settings = list(settings)
    nodes.start([node])
    nodes.wait_ready([node])


def move(nodes, moved):
    """From now on the configuration says other ports for one node."""
    stays = type(nodes).client_port
    nodes.client_port = lambda node: stays(nodes, node) + (500 if node == moved else 0)


def rolling(tap):
    with cluster(PROGRAMS, nodes=3) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        load(nodes, 0, KEYS)
        nodes.stop([3])
        move(nodes, 3)
        nodes.start([3])  # the others call it where it was, until they are told
        for node in (1, 2):
            restart(nodes, node)
        nodes.wait_ready(nodes.ids())
        load(nodes, KEYS, 2 * KEYS)
        tap.check("the ports of a node may change, one restart after the other", size(nodes) == 2 * KEYS)
        nodes.shape.name = "renamed"
        for node in nodes.ids():
            restart(nodes, node)
        nodes.wait_ready(nodes.ids())
        tap.check("so may the cluster's name", size(nodes) == 2 * KEYS)
        for node in nodes.ids():
            restart(nodes, node, "durability=os")
        load(nodes, 2 * KEYS, 3 * KEYS)
        restart(nodes, 1, "durability=fsync")
        nodes.wait_ready(nodes.ids())
        tap.check("and durability, on one node too", size(nodes) == 3 * KEYS)
        refusals = sum(metric(nodes, node, f'gridiron_peer_refused_total{{reason="{reason}"}}') for node in nodes.ids()
                       for reason in ("cluster", "partitions", "members", "version"))
        tap.check("no node refused another one meanwhile", refusals == 0, str(refusals))


def log_of(nodes, node):
    with open(nodes.path(f"node-{node}.log"), encoding="utf-8") as file:
        return file.read()


def another_cluster(tap):
    """Node 3 of another cluster with the same name, addresses and members: told apart by the UUID alone, said once."""
    with cluster(PROGRAMS, nodes=3) as nodes:
        nodes.start([1, 2])
        nodes.wait_ready([1, 2])
        other = str(uuid.uuid4())
        nodes.settings = [f"cluster_uuid={other}"]
        nodes.start([3])
        nodes.wait_for([1], lambda node: metric(nodes, node, 'gridiron_peer_refused_total{reason="cluster"}') >= 3, "refusing node 3")
        lines = [line for line in log_of(nodes, 1).splitlines() if "refused" in line]
        tap.check("a node of another cluster is refused, said once, with both and what to do",
                  len(lines) == 1 and other in lines[0] and nodes.uuid in lines[0] and "node 3" in lines[0] and "correct" in lines[0], "\n".join(lines))
        tap.check("and it is not ready", not nodes.is_ready(3))


def failed_first_start(tap):
    for name in ("client_port", "peer_port", "metrics_port"):
        with cluster(PROGRAMS, nodes=1) as nodes:
            with socket.socket() as taken:
                taken.bind((nodes.host, getattr(nodes, name)(1)))
                taken.listen()
                nodes.save()
                status, _, error = run(nodes.command(1))
                tap.check(f"a first start with a taken port ({name}) fails and names it",
                          status == 1 and f"{nodes.host}:{getattr(nodes, name)(1)}" in error, f"{status}: {error}")
                move(nodes, 1)
                nodes.start([1])
                nodes.wait_ready([1])
                tap.check("with another port it starts", nodes.is_ready(1))


def own_uuid(tap):
    """tools/cluster makes a UUID at the first start, and keeps it."""
    with cluster(PROGRAMS, nodes=1) as nodes, cluster(PROGRAMS, nodes=1) as others:
        nodes.start([1])
        others.start([1])
        with open(nodes.path("cluster.yaml"), encoding="utf-8") as file:
            tap.check("the configuration names the cluster's UUID", f"cluster_uuid: {nodes.uuid}\n" in file.read())
        tap.check("two clusters have two", uuid.UUID(nodes.uuid) != uuid.UUID(others.uuid))
        tap.check("it is found again", Cluster(nodes.folder, binary=PROGRAMS.path("gridiron")).uuid == nodes.uuid)
        nodes.wait_ready([1])
        nodes.stop([1])
        # As if it had been written by hand without one: the directory says what to do.
        with open(nodes.path("cluster.yaml"), encoding="utf-8") as file:
            text = file.read()
        nodes.replace("cluster.yaml", text.replace(f"cluster_uuid: {nodes.uuid}\n", ""))
        status, _, error = run(nodes.command(1))
        tap.check("without it the start is refused with what to set", status == 2 and f"set cluster_uuid to {nodes.uuid} on all nodes" in error, error)


def main():
    tap = Tap()
    for part in (rolling, another_cluster, failed_first_start, own_uuid):
        tap.attempt(part.__name__, lambda: part(tap))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
