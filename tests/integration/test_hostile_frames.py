#!/usr/bin/env python3
"""The table of bad input for all ports: one check per row and port. docs/guides/hostile-input.md says the same for people.

For each row: the connection ends or an error is answered; a counter moves; every replica has its digest from before, and
no more terms and entries than elections on a busy machine bring; the node is the same process; and a normal client reads meanwhile without waiting long."""
import contextlib
import random
import resource
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import hostile
from fixture import Programs, Tap, cluster, gridctl, metric, run
from hostile import (ADMIN, BODY_MAX, COMMAND, CONFIRM, HEADER, HELLO, LZ4, MEMORY, MESSAGES, PATIENCE, PEER_HELLO, QUERY, RAFT, RESPONSE, WELCOME,
                     data, dial, ends, fields, frame, greeted, hello, is_ended, number, reset, spoiled, trickles_to_its_end, varint)

PROGRAMS = Programs(sys.argv)
CLIENTS_MAX = 1100
# Of the attacked node; sanitizers keep what is freed for a while.
MEMORY_BYTES = (1200 if PROGRAMS.slow else 300) * 1024 * 1024
WAIT_SECONDS = 15 if PROGRAMS.slow else 3
MALFORMED = 'gridiron_malformed_frames_total{port="%s",reason="%s"}'
REFUSED_CLIENT = 'gridiron_client_connections_refused_total{reason="%s"}'
REFUSED_PEER = 'gridiron_peer_refused_total{reason="%s"}'
REFUSED_HTTP = 'gridiron_http_connections_refused_total{reason="%s"}'
TERM_MAX = 1 << 56
COMMAND_MAX, TOO_LARGE = 5 << 19, 9
ELECTIONS_MAX = 20

# What is sent first on a fresh connection, and how it is counted.
BROKEN = {
    "random bytes": (bytes([0xff, 0xfe, 0xfd]) * 400, "size"),
    "an HTTP request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * 100, "size"),
    "a body above the limit": (struct.pack("<I", BODY_MAX + HEADER) + b"\0" * 60, "size"),
    "the largest size": (b"\xff\xff\xff\xff" + b"\0" * 60, "size"),
    "a size below a header": (struct.pack("<I", 3) + b"\0" * 60, "size"),
    "a wrong checksum": (spoiled(frame(HELLO, b"\x08\x01"), 25), "crc"),
    "another version": (frame(HELLO, b"\x08\x01", version=9), "version"),
    "an unknown type": (frame(200), "type"),
    "unknown flags": (frame(HELLO, b"\x08\x01", flags=0x8000), "flags"),
}
LIES = {
    "a packed body that claims 4 GB": b"\xff\xff\xff\xff" + b"\x10" * 20,
    "a packed body that claims 8 MB out of 20 bytes": struct.pack("<I", BODY_MAX) + b"\x10" * 20,
    "a packed body that unpacks to less than it claims": struct.pack("<I", 100) + b"\x30abc",
    "a packed body that is no LZ4": struct.pack("<I", 60) + b"\xff" * 30,
    "a packed body without content": b"\0\0",
}
# After a good greeting.
CLIENT_BODIES = {
    "a command that is no message": frame(COMMAND, b"\xff" * 20, partition=0),
    "an empty command": frame(COMMAND, partition=0),
    "a query that is no message": frame(QUERY, b"\x0a\x7f", partition=0),
    "a length of 2^63 inside a message": frame(QUERY, b"\x0a" + varint(1 << 63) + b"abc", partition=0),
    "a batch of 100,000 operations": frame(COMMAND, number(1, 1) + number(2, 1) + data(14, data(1, number(1, 1)) * 100000), partition=0),
    "an administration request that is no message": frame(ADMIN, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    "a frame that only nodes send": frame(RESPONSE, b"\x08\x01"),
    "a frame of the other port": frame(RAFT, b"\0" * 40, partition=0),
    "a second greeting": hello(),
    **{name: frame(QUERY, body, flags=LZ4, partition=0) for name, body in LIES.items()},
}
WELL_FORMED = {
    "a read from a partition that does not exist": frame(QUERY, hostile.get_body(b"k"), partition=8),
    "a write to a partition that does not exist": frame(COMMAND, hostile.set_body(b"k"), partition=4095),
    "a write to another partition than the key's":
        frame(COMMAND, hostile.set_body(b"k"), partition=(hostile.partition_of(b"k", 8) + 1) % 8),
    "a key above its limit": frame(QUERY, hostile.get_body(b"k" * 5000), partition=0),
    "a session's number without a session": frame(COMMAND, hostile.set_body(b"k", session=0, sequence=5), partition=0),
}


def settled(nodes):
    """The state once all replicas have applied the same."""
    def same():
        state = hostile.state_of(nodes)
        return (len(state) == nodes.shape.nodes * nodes.shape.partitions and
                all(state[node, partition] == state[1, partition] for node, partition in state))
    assert hostile.wait_until(same), "replicas differ"
    return hostile.state_of(nodes)


def is_touched(was, now):
    """Whether somebody else than the members changed a replica: an election brings a term, and at most an entry without content."""
    if now is None:
        return True
    terms, entries = now[0] - was[0], now[1] - was[1]
    return now[2] != was[2] or not 0 <= terms <= ELECTIONS_MAX or not 0 <= entries <= terms


class Table:
    """Runs rows against one node of a cluster and looks at everything around them."""

    def __init__(self, tap, nodes, node, witness):
        self.tap, self.nodes, self.node, self.witness = tap, nodes, node, witness
        self.pid = nodes.pid(node)
        self.state = settled(nodes)  # compared with to the end
        self.memory = hostile.resident_bytes(self.pid)

    def address(self, port):
        if port == "client (Unix)":
            return f"\0gridiron-{self.nodes.host}-{self.nodes.client_port(self.node)}"
        ports = {"client": self.nodes.client_port, "peer": self.nodes.peer_port, "http": self.nodes.metrics_port}
        return self.nodes.host, ports[port](self.node)

    def count(self, name):
        return metric(self.nodes, self.node, name)

    def complaints(self):
        """What has changed at the node and should not have."""
        state = hostile.state_of(self.nodes)
        changed = {replica: (was, state.get(replica)) for replica, was in self.state.items() if is_touched(was, state.get(replica))}
        grown = hostile.resident_bytes(self.pid) - self.memory
        _, worst = self.witness.look()
        return [text for text, bad in (
            (f"state (node, partition): (term, applied, digest) changed: {changed}", changed),
            ("another process", self.nodes.pid(self.node) != self.pid),
            (f"grew by {grown} bytes", grown > MEMORY_BYTES),
            (f"a client waited {worst:.1f} s", worst > WAIT_SECONDS),
            (self.witness.failure, self.witness.failure)) if bad]

    def row(self, port, name, counter, act, least=1):
        """`act` returns whether the node did what it should with the connection."""
        def check():
            before = self.count(counter)
            good, moved = act(), self.count(counter) - before
            complaints = self.complaints()
            return good and moved >= least and not complaints, f"ended {good}, {counter} moved by {moved}; {complaints}"
        self.tap.run(f"{port} port: {name}: {counter}", check)

    def rows_together(self, rows):
        """Rows that wait for the node's patience wait side by side. (port, name, counter, act)"""
        counters = sorted({row[2] for row in rows})
        before = {counter: self.count(counter) for counter in counters}
        with ThreadPoolExecutor(len(rows)) as pool:
            futures = [pool.submit(row[3]) for row in rows]
        moved = {counter: self.count(counter) - before[counter] for counter in counters}
        complaints = self.complaints()
        for (port, name, counter, _), future in zip(rows, futures):
            least = sum(row[2] == counter for row in rows)
            self.tap.run(f"{port} port: {name}: {counter}", lambda: (
                future.result() and moved[counter] >= least and not complaints,
                f"ended {future.result()}, {counter} moved by {moved[counter]} of {least}; {complaints}"))


def malformed_frames(table):
    for port in ("client", "client (Unix)", "peer"):
        for name, (sent, reason) in BROKEN.items():
            table.row(port, name, MALFORMED % (port.partition(" ")[0], reason), lambda: is_ended(table.address(port), sent))
    address = table.address("client")
    for name, sent in CLIENT_BODIES.items():
        table.row("client", name, MALFORMED % ("client", "body"), lambda: is_ended(address, sent, greeted))
    table.row("client", "a command before the greeting", MALFORMED % ("client", "body"), lambda: is_ended(address, frame(COMMAND, partition=0)))
    table.row("client", "a frame cut in the middle by the end of the connection", "gridiron_client_connections_closed_total",
              lambda: cut(address))


def cut(address):
    with greeted(address) as connection:
        connection.sendall(frame(QUERY, hostile.get_body(b"k"), partition=0)[:30])
        connection.shutdown(socket.SHUT_WR)
        return ends(connection)


def well_formed_requests(table):
    for name, sent in WELL_FORMED.items():
        def act():
            with greeted(table.address("client")) as connection:
                connection.sendall(sent)
                refused = hostile.answer_to(connection, 1).get(1, 0)
                connection.sendall(frame(ADMIN, data(1, b""), request=2))
                return refused != 0 and hostile.read_frame(connection)[1] == 2
        table.row("client", name + " (answered, the connection stays)", "gridiron_client_refused_total", act)


def oversized_commands(table):
    """Unknown fields make a command larger than an entry of the log; sent to every partition, whichever node leads it."""
    def act():
        for partition in range(table.nodes.shape.partitions):
            key = next(key for key in (b"k%d" % i for i in range(1000)) if hostile.partition_of(key, table.nodes.shape.partitions) == partition)
            with greeted(table.address("client")) as connection:
                connection.sendall(frame(COMMAND, hostile.set_body(key) + data(900, b"x" * COMMAND_MAX), partition=partition))
                if hostile.answer_to(connection, 1).get(1, 0) != TOO_LARGE:
                    return False
        return True
    table.row("client", "a command above its limit (answered TOO_LARGE)", "gridiron_client_refused_total", act,
              least=table.nodes.shape.partitions)


def versions_of_clients(table):
    """Versions are ranges: the highest that both speak is used; without one the client is told both."""
    refused = 'gridiron_client_connections_refused_total{reason="version"}'

    def answered(body):
        with dial(table.address("client")) as connection:
            connection.sendall(frame(HELLO, body))
            kind, _, answer = hostile.read_frame(connection)
            told = list(fields(answer))
            return kind, {**dict(told), "features": [value for field, value in told if field == 8]}, ends(connection) if kind == RESPONSE else False

    def too_new():
        kind, answer, ended = answered(number(1, 1) + number(3, 7) + number(4, 9))
        return kind == RESPONSE and b"speaks protocol 7 to 9, this node" in answer[2] and b"upgrade the cluster" in answer[2] and ended
    table.row("client", "a greeting of versions that this node does not speak (told both ranges)", refused, too_new)
    table.row("client", "a greeting of one version that it does not speak", refused, lambda: answered(number(1, 2))[0] == RESPONSE)

    def later():
        kind, answer, _ = answered(number(1, 1) + number(3, 1) + number(4, 9) + data(5, b"teleport") + data(30, b"later"))
        return kind == WELCOME and answer[1] == 1 and len(answer[5]) == 16 and {b"lz4", b"services", b"memory", b"upkeep"} == set(answer["features"])
    table.row("client", "a greeting of a later client that still speaks this version (welcome)", "gridiron_client_frames_total", later)

    def earlier():
        kind, answer, _ = answered(number(1, 1))
        return kind == WELCOME and set(answer) == {1, 2, 3, 4, "features"} and answer["features"] == []
    table.row("client", "a greeting of an earlier client (welcome, without what it would not know)", "gridiron_client_frames_total", earlier)


# ---- the peer port

def members_hello(address):
    """What a member of the cluster says, taken from the node's own hello: a node says it first."""
    with dial(address) as connection:
        return dict(fields(hostile.read_frame(connection)[2]))


def peer_hello(said, node, **changes):
    """A hello of `node`; `changes` by the name of the field."""
    names = {"protocol_min": 1, "protocol_max": 2, "node": 3, "uuid": 4, "incarnation": 5, "partitions": 7, "members": 12}
    values = {**{number_: said[number_] for number_ in names.values()}, 3: node, 5: 99, **{names[name]: value for name, value in changes.items()}}
    return frame(PEER_HELLO, b"".join(data(field, value) if isinstance(value, bytes) else number(field, value)
                                      for field, value in sorted(values.items())), request=0)


def strangers_among_peers(table):
    address = table.address("peer")
    said = members_hello(address)
    vote = frame(RAFT, b"\x03" + struct.pack("<QQQB", TERM_MAX - 1, 1, 1, 0), partition=0, request=0)
    rows = {
        "no greeting, a message with a huge term": ("hello", vote),
        "a short greeting": ("hello", frame(PEER_HELLO, b"\0\0")),
        "a greeting of another cluster": ("cluster", peer_hello(said, 1, uuid=b"0123456789abcdef")),
        "a greeting with a cluster's id that is too short": ("hello", peer_hello(said, 1, uuid=b"0123456789abcde")),
        "a greeting with another number of partitions": ("partitions", peer_hello(said, 1, partitions=9)),
        "a greeting with other members": ("members", peer_hello(said, 1, members=b"\1\2\3\4\5")),
        "a greeting of another protocol": ("version", peer_hello(said, 1, protocol_min=70, protocol_max=80)),
        "a greeting of an earlier version": ("version", frame(PEER_HELLO, struct.pack("<IIQQ", 1, 1, 77, 99), request=0)),
        "a greeting with 10,000 features": ("hello", frame(PEER_HELLO, data(6, b"x") * 10000, request=0)),
        "an unknown node, then a message with a huge term": ("unknown", peer_hello(said, 9) + vote),
        "the node's own id": ("unknown", peer_hello(said, table.node)),
        "an id that is no number of a node": ("unknown", peer_hello(said, 0xffffffff)),
    }
    for name, (reason, sent) in rows.items():
        table.row("peer", name, REFUSED_PEER % reason, lambda: is_ended(address, sent))


def member(incarnation=99, more=b""):
    """Connects and greets as node 1 with this data directory's incarnation."""
    def connect(address):
        connection = dial(address)
        said = dict(fields(hostile.read_frame(connection)[2]))
        connection.sendall(frame(PEER_HELLO, peer_hello(said, 1, incarnation=incarnation)[HEADER:] + more, request=0))
        return connection
    return connect


def own_incarnation(table):
    """Of node 1, as it says itself: with another one the hello would be refused."""
    return members_hello((table.nodes.host, table.nodes.peer_port(1)))[5]


def impostor_among_peers(table):
    """A program that reaches the port and knows the cluster's UUID can pose as a member; its messages are still checked."""
    address, as_member = table.address("peer"), member(own_incarnation(table))
    append = struct.pack("<QQQQI", 1, 0, 0, 0, 0xffffffff)
    rows = {
        "4 billion entries in 37 bytes": ("body", frame(RAFT, b"\x01" + append, partition=0, request=0)),
        "a term above every possible one": ("body", frame(RAFT, b"\x03" + struct.pack("<QQQB", TERM_MAX + 1, 1, 1, 0), partition=0, request=0)),
        "a message for a group that does not exist": ("body", frame(RAFT, b"\x03" + struct.pack("<QQQB", 1, 1, 1, 0), partition=4095, request=0)),
        "an unknown kind of message": ("body", frame(RAFT, b"\x63" + b"\0" * 20, partition=0, request=0)),
        "a confirmation that ends in a row": ("body", frame(CONFIRM, b"\0" * 21, request=0)),
        "outbox messages that are no message": ("body", frame(MESSAGES, b"\xff" * 30, partition=0, request=0)),
        "memory that is neither full nor not": ("body", frame(MEMORY, b"\x02", request=0)),
        "a packed body without the feature": ("flags", frame(RAFT, b"\x10\0\0\0abcd", flags=LZ4, partition=0, request=0)),
        "a frame of the other port": ("type", frame(COMMAND, b"\x08\x01", partition=0)),
    }
    for name, (reason, sent) in rows.items():
        table.row("peer", "in a member's name: " + name, MALFORMED % ("peer", reason), lambda: is_ended(address, sent, as_member))


def packed_among_peers(table):
    """A member that agreed on packed bodies: what they claim is looked at before memory is asked for."""
    address = table.address("peer")
    as_packing_member = member(own_incarnation(table), data(6, b"lz4") + data(6, b"teleport"))
    for name, body in LIES.items():
        table.row("peer", "in a packing member's name: " + name, MALFORMED % ("peer", "body"),
                  lambda: is_ended(address, frame(RAFT, body, flags=LZ4, partition=0, request=0), as_packing_member))


def absent_member(tap):
    """Where the member itself is away, so that it does not take its link back."""
    with cluster(PROGRAMS, nodes=3) as nodes:
        nodes.start([2, 3])
        nodes.wait_ready([2, 3], 120)
        # A silent one is dead before its frame is late; one that goes on byte by byte is alive and late.
        stall, dead = MALFORMED % ("peer", "stall"), "gridiron_peer_dead_links_total"
        rows = {"half a frame, then silence": (2, dead, lambda address: says_nothing(address, member(), half_of(RAFT))),
                "a frame byte by byte": (3, stall, lambda address: trickles_to_its_end(address, frame(RAFT, b"\x08" * 400), member()))}
        with ThreadPoolExecutor(len(rows)) as pool:
            ended = {name: pool.submit(act, (nodes.host, nodes.peer_port(node))) for name, (node, _, act) in rows.items()}
        for name, (node, counter, _) in rows.items():
            tap.run(f"peer port: in an absent member's name: {name}: {counter}",
                    lambda: (ended[name].result() and metric(nodes, node, counter) >= 1 and nodes.is_ready(node), str(metric(nodes, node, counter))))


# ---- those that keep a node waiting

def half_of(kind):
    whole = frame(kind, b"\x08\x01" * 200)
    return whole[:len(whole) // 2]


def says_nothing(address, prepare=dial, first=b""):
    with prepare(address) as connection:
        connection.sendall(first)
        return ends(connection)


def patience(table):
    client, peer, http = (table.address(port) for port in ("client", "peer", "http"))
    stall, greeting = MALFORMED % ("client", "stall"), REFUSED_CLIENT % "greeting"
    slow_header = b"GET /metrics HTTP/1.1\r\nX-Slow: " + b"x" * 400
    table.rows_together([
        ("client", "half a frame, then silence", stall, lambda: says_nothing(client, greeted, half_of(QUERY))),
        ("client", "half a header, then silence", stall, lambda: says_nothing(client, greeted, half_of(QUERY)[:7])),
        ("client", "a frame byte by byte", stall, lambda: trickles_to_its_end(client, frame(QUERY, b"\x08" * 400), greeted)),
        ("client", "no greeting", greeting, lambda: says_nothing(client)),
        ("client", "half a greeting, then silence", greeting, lambda: says_nothing(client, first=hello()[:9])),
        ("client", "a greeting byte by byte", greeting, lambda: trickles_to_its_end(client, frame(HELLO, b"\x08\x01" + data(2, b"n" * 400)))),
        ("peer", "half a greeting, then silence", REFUSED_PEER % "timeout", lambda: says_nothing(peer, first=half_of(PEER_HELLO))),
        ("peer", "no greeting", REFUSED_PEER % "timeout", lambda: says_nothing(peer)),
        ("peer", "a greeting byte by byte", REFUSED_PEER % "timeout", lambda: trickles_to_its_end(peer, frame(PEER_HELLO, b"\0" * 200))),
        ("http", "half a request, then silence", REFUSED_HTTP % "slow", lambda: says_nothing(http, first=b"GET /metr")),
        ("http", "no request", REFUSED_HTTP % "slow", lambda: says_nothing(http)),
        ("http", "a header byte by byte", REFUSED_HTTP % "slow", lambda: trickles_to_its_end(http, slow_header)),
    ])


# ---- many

def idle_connections(table):
    address = table.address("client")
    before = hostile.resident_bytes(table.pid)
    limit = REFUSED_CLIENT % "limit"

    def idle():
        with contextlib.ExitStack() as stack:
            for _ in range(1000):
                stack.enter_context(greeted(address))
            a_connection = (hostile.resident_bytes(table.pid) - before) / 1000
            return table.count("gridiron_client_connected") >= 1000 and a_connection < (1 << 17 if PROGRAMS.slow else 1 << 15)

    def too_many():
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(dial(address)) for _ in range(CLIENTS_MAX + 20)]
            kind, request, body = hostile.read_frame(connections[-1])
            told = dict(hostile.fields(body))
            return (kind, request, told[1]) == (RESPONSE, 0, 13) and b"no room" in told[2] and ends(connections[-1])
    table.row("client", "a thousand idle connections (they stay, 32 KiB each at most)", "gridiron_client_connections_total", idle, 1000)
    table.row("client", f"more than {CLIENTS_MAX} connections (told BUSY and closed)", limit, too_many, 10)

    def idle_strangers():
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(dial(table.address("peer"))) for _ in range(1000)]
            return all(ends(connection) for connection in connections)
    table.row("peer", "a thousand idle connections (64 wait for 2 s, the others end at once)", REFUSED_PEER % "strangers", idle_strangers, 900)

    def idle_http():
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(dial(table.address("http"))) for _ in range(60)]
            return table.nodes.is_live(table.node) and all(ends(connection) for connection in connections)
    table.row("http", "60 idle connections (others are served meanwhile)", REFUSED_HTTP % "slow", idle_http, 60)

    def half_requests(sent):
        """500 at once, and more with every probe: none is kept waiting for them."""
        def act():
            with contextlib.ExitStack() as stack:
                def more(count):
                    for _ in range(count):
                        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                            stack.enter_context(dial(table.address("http"))).sendall(sent)
                more(500)
                for _ in range(20):
                    more(10)
                    if not table.nodes.is_ready(table.node):
                        return False
                return True
        return act
    table.row("http", "500 half requests (probes are answered)", REFUSED_HTTP % "crowded", half_requests(b"GET /health/ready HTTP/1.1\r\nHost"), 500)
    table.row("http", "500 requests without their bodies (probes are answered)", REFUSED_HTTP % "crowded",
              half_requests(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel"), 500)


def large_halves(table):
    """A hundred frames of 8 MB of which the last one is missing: 700 MB, were they kept."""
    sent = struct.pack("<I", BODY_MAX) + bytes(7 << 20)

    def act():
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    stack.enter_context(greeted(table.address("client"))).sendall(sent)
            return hostile.resident_bytes(table.pid) - table.memory < MEMORY_BYTES
    table.row("client", "a hundred frames of 8 MB without their last MB", REFUSED_CLIENT % "memory", act, 50)


def storms(table):
    before = hostile.descriptors(table.pid)

    def storm(port, sent):
        for number_of in range(500):
            connection = dial(table.address(port))
            connection.sendall(sent[:number_of % len(sent)])
            reset(connection)
        # Until the node has seen them all go.
        return hostile.wait_until(lambda: hostile.descriptors(table.pid) <= before + 5)
    table.row("client", "500 connections that end with a reset", "gridiron_client_connections_closed_total", lambda: storm("client", hello()), 100)
    # A peer that is gone before its greeting has said nothing that could be counted.
    table.row("peer", "500 connections that end with a reset", "gridiron_http_requests_total", lambda: storm("peer", frame(PEER_HELLO, bytes(40))[:20]))
    table.row("http", "500 connections that end with a reset", REFUSED_HTTP % "no_request", lambda: storm("http", b"GET /metrics"), 100)


def noise(table):
    """Spoiled and cut frames in any number: nothing that a row would name, only that the node goes on."""
    randoms = random.Random(7)
    good = [hello(), frame(COMMAND, b"\x08\x01" * 30, partition=1), frame(QUERY, b"\x52\x03abc", partition=2), frame(ADMIN, b"\x08\x01")]

    def act():
        for count in range(300):
            sent = b"".join(randoms.choice(good) for _ in range(randoms.randrange(1, 5)))
            sent = spoiled(sent, randoms.randrange(len(sent)))[:randoms.randrange(1, len(sent) + 1)]
            with dial(table.address(randoms.choice(("client", "peer")))) as connection:
                connection.sendall(sent)
                if count % 3 == 0:  # else: closed with something unread, which resets the connection
                    connection.shutdown(socket.SHUT_WR)
        return table.nodes.is_ready(table.node)
    table.row("client and peer", "300 connections of noise", "gridiron_client_connections_closed_total", act, 50)


def vanished(table):
    """A peer that is gone without a word cannot be made on loopback; that the system will ask for it can be seen."""
    address = table.address("client")

    def act():
        with greeted(address) as connection:
            here = "%02X%02X%02X%02X:%04X" % (*reversed([int(part) for part in address[0].split(".")]), address[1])
            there = "%04X" % connection.getsockname()[1]
            with open("/proc/net/tcp", encoding="ascii") as file:
                rows = [line.split() for line in file]
        return any(row[1] == here and row[2].endswith(":" + there) and row[5].startswith("02:") for row in rows)
    table.row("client", "a half-open connection (keepalive is on)", "gridiron_client_connections_total", act)


# ---- answers that the client does not read

def slow_receiver(table, key, partition):
    address = table.address("client")
    body = hostile.get_body(key)

    def act():
        with greeted(address) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(2)
            # In one piece: the node has read hundreds before it can answer the first one.
            reads = b"".join(frame(QUERY, body, partition=partition, request=number + 1) for number in range(20000))
            ended = table.count(REFUSED_CLIENT % "slow")
            with contextlib.suppress(OSError):  # the node stops reading, or ends it
                connection.sendall(reads)
            # Nothing is read until then: with so small a buffer it would take minutes.
            hostile.wait_until(lambda: table.count(REFUSED_CLIENT % "slow") > ended)
            connection.settimeout(PATIENCE)
            return ends(connection)
    busy = table.count("gridiron_client_reads_refused_total")
    table.row("client", "thousands of reads of 900 kB whose answers are not read", REFUSED_CLIENT % "slow", act)
    busy = table.count("gridiron_client_reads_refused_total") - busy
    table.tap.check("client port: reads past 32 MB of unread answers are told BUSY", busy > 50, str(busy))


# ---- HTTP

def http_rows(table):
    address, silent = table.address("http"), REFUSED_HTTP % "no_request"
    table.row("http", "garbage", silent, lambda: is_ended(address, bytes([0xff, 0xfe, 0]) * 400 + b"\r\n\r\n"))
    table.row("http", "a header of 64 KB", silent, lambda: is_ended(address, b"GET / HTTP/1.1\r\nX: " + b"x" * 65536 + b"\r\n\r\n"))
    table.row("http", "a path of 64 KB", silent, lambda: is_ended(address, b"GET /" + b"x" * 65536 + b" HTTP/1.1\r\n\r\n"))

    def answered(request, status):
        with dial(address) as connection:
            connection.sendall(request)
            return connection.recv(65536).startswith(b"HTTP/1.1 " + status)
    requests = "gridiron_http_requests_total"

    def one_page():
        told = b""
        with dial(address) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 800)
            while more := connection.recv(1 << 20):
                told += more
        return told.count(b"HTTP/1.1 200") == 1
    table.row("http", "800 requests for /metrics in one piece (one is answered)", requests, one_page)
    table.row("http", "POST with a body (405)", requests,
              lambda: answered(b"POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", b"405"))
    table.row("http", "an unknown method (405)", requests, lambda: answered(b"BREW / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"405"))
    table.row("http", "a path out of the tree (404)", requests,
              lambda: answered(b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"))


# ---- descriptors (F24)

def cannot_raise(limit):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def few_descriptors_at_start(tap):
    with cluster(PROGRAMS, nodes=1) as nodes:
        nodes.save()
        done = subprocess.run(nodes.command(1), preexec_fn=cannot_raise(200), capture_output=True, encoding="utf-8", timeout=60, check=False)
        tap.check("descriptors: 200 are refused at start, with what to do", done.returncode == 1 and "at least 272 are needed" in done.stderr
                  and "ulimit -n" in done.stderr, f"{done.returncode} {done.stderr}")
        process = subprocess.Popen([*nodes.command(1), "--set", "clients.connections_max=100"], preexec_fn=cannot_raise(300),
                                   stderr=subprocess.PIPE, encoding="utf-8")
        line = next((line for line in process.stderr if "file descriptors" in line or "ready" in line), "")
        process.terminate()
        process.communicate(timeout=PATIENCE)
        tap.check("descriptors: 300 leave room for 44 clients, said in the log", "300 file descriptors allow 44 client connections, not 100" in line, line)


def no_descriptors(tap):
    """They are gone although clients are limited: taken from outside while the node runs."""
    with cluster(PROGRAMS, nodes=1) as nodes, contextlib.ExitStack() as stack:
        nodes.start([1])
        nodes.wait_ready([1])
        pid, address = nodes.pid(1), (nodes.host, nodes.client_port(1))
        witness = stack.enter_context(hostile.Witness(address, b"k", hostile.partition_of(b"k", nodes.shape.partitions)))
        assert hostile.wait_until(lambda: witness.reads > 0), witness.failure
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        few = hostile.descriptors(pid) + 5
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, before[1]))
        for _ in range(100):
            stack.enter_context(dial(address))
        witness.look()
        began, cpu = time.monotonic(), hostile.cpu_seconds(pid)
        hostile.wait_until(lambda: witness.reads >= 50 or witness.failure)
        busy = (hostile.cpu_seconds(pid) - cpu) / (time.monotonic() - began)
        reads, worst = witness.look()
        tap.check("client port: 100 connections without descriptors: the others go on", reads >= 50 and not witness.failure and
                  worst < WAIT_SECONDS, f"{reads} reads, {worst:.2f} s, {witness.failure}")
        tap.check("client port: without descriptors the loop does not spin", busy < 0.9, f"{busy:.2f} of a core")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        status, _, error = gridctl(PROGRAMS, nodes, "map", "set", "after", "1")
        tap.check("client port: with descriptors again a new client is served by the same process", status == 0 and nodes.pid(1) == pid, error)


# ---- the whole

def load_big_value(nodes, key):
    text = '{"key":"%s","value":"%s"}\n' % (key.decode(), "x" * 900000)
    status, _, error = run([PROGRAMS.path("gridctl"), "map", "load", "--map", "hostile", "--file", "-", "-e", nodes.endpoints()], text=text)
    assert status == 0, error


def whole_table(tap):
    # Elections would change what rows compare; a busy machine must not cause one.
    settings = [f"clients.connections_max={CLIENTS_MAX}", "clients.patience_ms=2000", "raft.election_timeout_ms=10000", "raft.heartbeat_ms=200"]
    with cluster(PROGRAMS, nodes=3, settings=settings) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids(), 120)
        leaders = hostile.leaders(PROGRAMS, nodes)
        node = max(leaders.values())
        partition = next(number_of for number_of, leader in leaders.items() if leader == node)
        key = next(b"k%d" % i for i in range(1000) if hostile.partition_of(b"k%d" % i, 8) == partition)
        load_big_value(nodes, key)
        # Reads something small: what is measured is how long it waits, not how long 900 kB take.
        small = next(b"s%d" % i for i in range(1000) if hostile.partition_of(b"s%d" % i, 8) == partition)
        with hostile.Witness((nodes.host, nodes.client_port(node)), small, partition) as witness:
            table = Table(tap, nodes, node, witness)
            for part in (malformed_frames, well_formed_requests, versions_of_clients, oversized_commands, strangers_among_peers, http_rows, storms, noise, vanished, idle_connections, large_halves):
                tap.attempt(part.__name__, lambda: part(table))
            tap.attempt("slow_receiver", lambda: slow_receiver(table, key, partition))
            other = Table(tap, nodes, max(nodes.ids()), witness)
            tap.attempt("impostor_among_peers", lambda: impostor_among_peers(other))
            tap.attempt("packed_among_peers", lambda: packed_among_peers(other))
            tap.attempt("patience", lambda: patience(other))
        tap.check("nothing filled the log", len(hostile.log_lines(nodes, node)) < 120, str(len(hostile.log_lines(nodes, node))))


def main():
    tap = Tap()
    for part in (whole_table, absent_member, few_descriptors_at_start, no_descriptors):
        tap.attempt(part.__name__, lambda: part(tap))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
