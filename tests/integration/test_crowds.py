#!/usr/bin/env python3
"""More clients than a node has places for: an address has its bound, idle ones make room, all others are told BUSY."""
import contextlib
import socket
import sys

import hostile
from fixture import Programs, Tap, cluster, metric, run

PROGRAMS = Programs(sys.argv)
PLACES, PER_ADDRESS, BUSY = 20, 8, 13
REFUSED = 'gridiron_client_connections_refused_total{reason="%s"}'
IDLE_SECONDS = 30                          # the node wants five; the sweeps of a busy machine take longer


def dial_from(address, source):
    connection = socket.create_connection(address, timeout=hostile.PATIENCE, source_address=(source, 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def come(address, source):
    """A connection that is greeted, or the text of the refusal."""
    connection = dial_from(address, source)
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        connection.sendall(hostile.hello())
    try:
        kind, request, body = hostile.read_frame(connection)
    except ConnectionResetError:
        return "reset"
    if kind == hostile.WELCOME:
        return connection
    told = dict(hostile.fields(body))
    assert request == 0 and told[1] == BUSY, (kind, request, told)
    return told[2].decode()


def ask(connection, number):
    """Any request that the node answers: a get of a partition that may or may not be there."""
    connection.sendall(hostile.frame(hostile.QUERY, hostile.get_body(b"k"), partition=hostile.partition_of(b"k", 1), request=number))
    return hostile.answer_to(connection, number)


def told_to_go(connection):
    """The text with which the node closed it; None: it did not."""
    connection.settimeout(0.05)
    try:
        while True:
            kind, request, body = hostile.read_frame(connection)
            if kind != hostile.TABLE and request == 0:
                return dict(hostile.fields(body))[2].decode()
    except ConnectionResetError:
        return "reset"
    except TimeoutError:
        return None


def one_address(tap, nodes, address):
    crowd = [come(address, "127.0.0.1") for _ in range(PER_ADDRESS)]
    tap.check("an address gets its places", all(not isinstance(each, str) for each in crowd), str(crowd))
    refused = come(address, "127.0.0.1")
    tap.check("and no more: the next is told why", refused == "this node has no room for further connections from this address", str(refused))
    tap.check("which is counted", metric(nodes, 1, REFUSED % "address") == 1)
    other = come(address, "127.0.0.2")
    tap.check("another address is let in", not isinstance(other, str), str(other))
    other.close()
    return crowd


def idle_first(tap, nodes, address, crowd):
    busy, asked, came = crowd[0], [1], []

    def one_more():
        asked[0] += 1
        ask(busy, asked[0])
        found = come(address, "127.0.0.1")
        if not isinstance(found, str):
            came.append(found)
        return bool(came)
    tap.check("once some are idle, one more is let in", hostile.wait_until(one_more, IDLE_SECONDS))
    gone = [told_to_go(each) for each in crowd[1:]]
    told = [each for each in gone if each is not None]
    tap.check("for one of them, which is told", told == ["closed while it was idle: this node needed the place for another client"], str(gone))
    tap.check("and counted", metric(nodes, 1, REFUSED % "idle") == 1)
    tap.check("not for the one that asks all the time", told_to_go(busy) is None)
    for each in crowd + came:
        each.close()


def all_places(tap, nodes, address):
    with contextlib.ExitStack() as stack:
        told = []
        for number in range(PLACES + 3):
            found = come(address, f"127.0.1.{1 + number % 5}")
            if isinstance(found, str):
                told.append(found)
            else:
                stack.enter_context(found)
        tap.check("with all places taken the next are told", told and set(told) == {"this node has no room for further connections"}, str(told))
        tap.check("under another reason", metric(nodes, 1, REFUSED % "limit") == len(told))
        code, _, error = run([PROGRAMS.path("gridctl"), "map", "get", "k", "--endpoints", nodes.endpoints(), "--timeout", "1500"])
        tap.check("gridctl says what is wrong", code != 0 and "no room" in error and "takes no further connections" in error, error)


def main():
    tap = Tap()
    settings = [f"clients.connections_max={PLACES}", f"clients.per_address_max={PER_ADDRESS}", "loopback=tcp"]
    with cluster(PROGRAMS, nodes=1, partitions=1, settings=settings) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        host, port = nodes.endpoints().split(",")[0].rsplit(":", 1)
        address = (host, int(port))
        crowd = one_address(tap, nodes, address)
        idle_first(tap, nodes, address, crowd)
        tap.check("places of those that left are free", hostile.wait_until(lambda: metric(nodes, 1, "gridiron_client_connected") == 0))
        all_places(tap, nodes, address)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
