#!/usr/bin/env python3
"""Nodes that listen at other addresses than they are reached at: behind each address that the members name stands a forwarder,
as in a container or behind a translation of addresses. Everybody must take that way."""
import contextlib
import socket
import sys
import threading

from fixture import Programs, Tap, cluster, gridctl_json, own_host, run

PROGRAMS = Programs(sys.argv)


class Forwarders:
    """Takes connections at one address and passes them on to the same port of another; counts them by port."""

    def __init__(self, host, inner, ports):
        self.inner, self.count = inner, {port: 0 for port in ports}
        for port in ports:
            self.begin(self.accept, socket.create_server((host, port)), port)

    @staticmethod
    def begin(function, *arguments):
        threading.Thread(target=function, args=arguments, daemon=True).start()

    def accept(self, server, port):
        while True:
            outer = server.accept()[0]
            try:
                inner = socket.create_connection((self.inner, port))
            except OSError:  # the node is not there yet
                outer.close()
                continue
            self.count[port] += 1
            self.begin(self.pump, outer, inner)
            self.begin(self.pump, inner, outer)

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


def check(tap, nodes, inner):
    clients = [nodes.client_port(node) for node in nodes.ids()]
    peers = [nodes.peer_port(node) for node in nodes.ids()]
    forwarders = Forwarders(nodes.host, inner, clients + peers)
    nodes.save()
    for node in nodes.ids():
        nodes.spawn(node, ["--set", f"listen.client={inner}:{nodes.client_port(node)}", "--set", f"listen.peer={inner}:{nodes.peer_port(node)}"])
    nodes.wait_ready(nodes.ids())
    taken = {port: forwarders.count[port] for port in peers}
    # Each pair of nodes has at least one link, and two of three nodes are dialled by a third.
    tap.check("the nodes reach each other where the members say", sum(taken.values()) >= 3, str(taken))
    status, out, error = run([PROGRAMS.path("gridctl"), "map", "set", "key", "value", "--endpoints", f"{inner}:{clients[0]}"])
    tap.check("a client gets in where a node listens", status == 0, out + error)
    shown = gridctl_json(PROGRAMS, nodes, "member", "list")
    addresses = sorted(member["address"] for member in shown)
    tap.check("and is told where the members are reached", addresses == sorted(nodes.endpoints().split(",")), str(shown))
    code, _, error = run([PROGRAMS.path("gridctl"), "bench", "map", "--seconds", "1", "--keys", "100", "--connections", "2", "--endpoints", f"{inner}:{clients[0]}"])
    tap.check("where it goes from then on", code == 0 and all(forwarders.count[port] > 0 for port in clients), f"{forwarders.count} {error}")


def main():
    tap = Tap()
    with cluster(PROGRAMS, nodes=3, partitions=8) as nodes:
        tap.attempt("forwarded", lambda: check(tap, nodes, own_host()))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
