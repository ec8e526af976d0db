#!/usr/bin/env python3
"""Strangers on both ports: whatever they send, their connection ends, it is counted, and the node lives."""
import random
import socket
import struct
import sys

from fixture import Programs, Tap, cluster, metric

PROGRAMS = Programs(sys.argv)
HEADER = 24
BODY_MAX = 8 * 1024 * 1024
PATIENCE = 20
HELLO, COMMAND, QUERY, RESPONSE, ADMIN, RAFT = 1, 3, 4, 5, 7, 33


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = crc32c_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def frame(kind, body=b"", version=1, flags=0, partition=0xffffffff, request=1):
    """A whole frame (docs/formats/frame.md)."""
    rest = struct.pack("<BBHIQ", version, kind, flags, partition, request) + body
    return struct.pack("<II", len(rest) + 4, crc32c(rest)) + rest


def hello():
    """Hello with protocol 1 (field 1)."""
    return frame(HELLO, b"\x08\x01")


def spoiled(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:]


def is_ended(port, data, after_hello=False):
    """Sends the bytes; True when the node ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.settimeout(PATIENCE)
        try:
            if after_hello:
                connection.sendall(hello())
                assert connection.recv(1), "no welcome"
            connection.sendall(data)
            while connection.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        except TimeoutError:
            return False
    return True


# What is sent, and the label that counts it.
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
# After a good greeting, on the client port only.
BAD_BODIES = {
    "a command that is no message": frame(COMMAND, b"\xff" * 20, partition=0),
    "an empty command": frame(COMMAND, partition=0),
    "a query that is no message": frame(QUERY, b"\x0a\x7f", partition=0),
    "an administration request that is no message": frame(ADMIN, b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    "a frame that only nodes send": frame(RESPONSE, b"\x08\x01"),
    "a frame of the other port": frame(RAFT, b"\0" * 40, partition=0),
    "a second greeting": hello(),
}


def on_both_ports(tap, nodes):
    for port_name, port in (("client", nodes.client_port(1)), ("peer", nodes.peer_port(1))):
        for name, (data, reason) in BROKEN.items():
            label = f'gridiron_malformed_frames_total{{port="{port_name}",reason="{reason}"}}'
            before = metric(nodes, 1, label)
            ended = is_ended(port, data)
            tap.check(f"{port_name} port: {name} ends the connection and counts as {reason}",
                      ended and metric(nodes, 1, label) == before + 1, f"ended {ended}, {before} -> {metric(nodes, 1, label)}")


def after_a_greeting(tap, nodes):
    label = 'gridiron_malformed_frames_total{port="client",reason="body"}'
    for name, data in BAD_BODIES.items():
        before = metric(nodes, 1, label)
        ended = is_ended(nodes.client_port(1), data, after_hello=True)
        tap.check(f"client port: {name} ends the connection and counts", ended and metric(nodes, 1, label) == before + 1,
                  f"ended {ended}, {before} -> {metric(nodes, 1, label)}")
    before = metric(nodes, 1, label)
    tap.check("client port: a command before the greeting ends the connection",
              is_ended(nodes.client_port(1), frame(COMMAND, partition=0)) and metric(nodes, 1, label) == before + 1)


def strangers_among_peers(tap, nodes):
    before = metric(nodes, 1, "gridiron_peer_refused_total")
    hello_body = struct.pack("<IIQQ", 1, 1, 0x1234, 1)
    for name, data in {"a greeting of another cluster": frame(32, hello_body),
                       "no greeting at all": frame(RAFT, b"\0" * 40, partition=0),
                       "a short greeting": frame(32, b"\0\0")}.items():
        tap.check(f"peer port: {name} ends the connection", is_ended(nodes.peer_port(1), data))
    tap.check("peer port: strangers are counted", metric(nodes, 1, "gridiron_peer_refused_total") == before + 3)


def noise(tap, nodes):
    """Many connections with spoiled and cut frames: nothing that a test would name, only that the node goes on."""
    randoms = random.Random(7)
    good = [hello(), frame(COMMAND, b"\x08\x01" * 30, partition=1), frame(QUERY, b"\x52\x03abc", partition=2), frame(ADMIN, b"\x08\x01")]
    for number in range(300):
        data = b"".join(randoms.choice(good) for _ in range(randoms.randrange(1, 5)))
        data = spoiled(data, randoms.randrange(len(data)))[:randoms.randrange(1, len(data) + 1)]
        port = randoms.choice((nodes.client_port(1), nodes.peer_port(1)))
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(data)
            if number % 3 == 0:  # else: closed with something unread, which resets the connection
                connection.shutdown(socket.SHUT_WR)
    tap.check("300 connections of noise leave the node ready", nodes.is_ready(1) and nodes.pid(1) is not None)


def main():
    tap = Tap()
    with cluster(PROGRAMS, nodes=1) as nodes:
        nodes.start([1])
        nodes.wait_ready([1])
        pid = nodes.pid(1)
        for part in (on_both_ports, after_a_greeting, strangers_among_peers, noise):
            part(tap, nodes)
        tap.check("the node is the same process and ready", nodes.pid(1) == pid and nodes.is_ready(1))
        nodes.stop([1])
        with open(nodes.path("node-1.log"), encoding="utf-8") as log:
            text = log.read()
        tap.check("nothing of it is an error in its log", " error " not in text and "Sanitizer" not in text, text)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
