"""The client protocol, spoken by hand: frames good and bad, a client that watches, and what a node says of itself.

For test_hostile_frames.py. Formats: docs/formats/frame.md, client.md and peer.md."""
import json
import os
import socket
import struct
import threading
import time

from fixture import gridctl

HEADER = 24
BODY_MAX = 8 * 1024 * 1024
PATIENCE = 40
ANYWHERE = 0xffffffff
LZ4 = 1
HELLO, WELCOME, COMMAND, QUERY, RESPONSE, TABLE, ADMIN = 1, 2, 3, 4, 5, 6, 7
PEER_HELLO, RAFT, CONFIRM, MESSAGES, MEMORY = 32, 33, 34, 36, 43


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = crc32c_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def frame(kind, body=b"", version=1, flags=0, partition=ANYWHERE, request=1):
    rest = struct.pack("<BBHIQ", version, kind, flags, partition, request) + body
    return struct.pack("<II", len(rest) + 4, crc32c(rest)) + rest


def spoiled(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:]


# ---- messages

def varint(value):
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def data(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def read_varint(body, at):
    value = shift = 0
    while True:
        value |= (body[at] & 0x7f) << shift
        shift += 7
        at += 1
        if body[at - 1] < 0x80:
            return value, at


def fields(body):
    """(field, value) of an encoded message; unknown widths are not needed here."""
    at = 0
    while at < len(body):
        tag, at = read_varint(body, at)
        if tag & 7 == 0:
            value, at = read_varint(body, at)
        elif tag & 7 == 2:
            size, at = read_varint(body, at)
            value, at = body[at:at + size], at + size
        else:
            size = 8 if tag & 7 == 1 else 4
            value, at = int.from_bytes(body[at:at + size], "little"), at + size
        yield tag >> 3, value


def hello():
    return frame(HELLO, number(1, 1))


def get_body(key, name=b"hostile"):
    return data(1, data(1, name) + data(2, key))


def set_body(key, value=b"v", session=1, sequence=1):
    return number(1, session) + number(2, sequence) + data(12, number(1, 1) + data(2, b"hostile") + data(3, key) + data(5, value))


def rotate(value, bits):
    return (value << bits | value >> 32 - bits) & 0xffffffff


def partition_of(key, partitions):
    """MurmurHash3 x86 32-bit, as docs/formats/client.md says."""
    state, whole = 0x01000193, len(key) // 4 * 4
    for at in range(0, whole + (len(key) > whole) * 4, 4):
        block = int.from_bytes(key[at:at + 4], "little") * 0xcc9e2d51 & 0xffffffff
        state ^= rotate(block, 15) * 0x1b873593 & 0xffffffff
        if at < whole:
            state = (rotate(state, 13) * 5 + 0xe6546b64) & 0xffffffff
    state ^= len(key)
    for shift, factor in ((16, 0x85ebca6b), (13, 0xc2b2ae35), (16, 1)):
        state = (state ^ state >> shift) * factor & 0xffffffff
    signed = state - (1 << 32) if state >> 31 else state
    return abs(signed) % partitions if signed != -(1 << 31) else 0


# ---- connections

def dial(address):
    if isinstance(address, str):  # the Unix socket of a loopback address
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(address)
        return connection
    connection = socket.create_connection(address, timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def take(connection, size):
    out = b""
    while len(out) < size:
        part = connection.recv(size - len(out))
        if not part:
            raise ConnectionResetError("the connection ended")
        out += part
    return out


def read_frame(connection):
    """(type, request, body)"""
    size = struct.unpack("<I", take(connection, 4))[0]
    rest = take(connection, size)
    return rest[5], struct.unpack("<Q", rest[12:20])[0], rest[20:]


def answer_to(connection, request):
    while True:
        kind, found, body = read_frame(connection)
        if kind != TABLE and found == request:
            return dict(fields(body))


def greeted(address):
    connection = dial(address)
    connection.sendall(hello())
    assert read_frame(connection)[0] == WELCOME
    return connection


def ends(connection):
    """Reads until the node ends the connection; False when it does not."""
    try:
        while connection.recv(65536):
            pass
    except (ConnectionResetError, BrokenPipeError):
        return True
    except TimeoutError:
        return False
    return True


def is_ended(address, bytes_sent, prepare=dial):
    with prepare(address) as connection:
        try:
            connection.sendall(bytes_sent)
        except (ConnectionResetError, BrokenPipeError):
            return True
        return ends(connection)


def trickles_to_its_end(address, bytes_sent, prepare=dial, pause=0.2):
    """One byte after the other, never all of them; True when the node ends the connection before they are used up."""
    with prepare(address) as connection:
        connection.settimeout(pause)
        for byte in bytes_sent:
            try:
                connection.sendall(bytes([byte]))
                if not connection.recv(65536):
                    return True
            except TimeoutError:
                continue
            except OSError:
                return True
    return False


def reset(connection):
    """Closes it so that the other side gets a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# ---- what a node is like

def state_of(nodes):
    """Of every replica of every partition that has applied anything: term, applied index and digest, each as its own node tells them."""
    found = {}
    for node in nodes.ids():
        with greeted((nodes.host, nodes.client_port(node))) as connection:
            connection.sendall(frame(ADMIN, data(2, b""), request=7))
            while True:
                kind, _, body = read_frame(connection)
                if kind != TABLE:
                    break
        for field, value in fields(body):
            row = dict(fields(value)) if isinstance(value, bytes) else {}
            if 12 in row:
                found[node, row.get(1, 0)] = (row.get(3), row.get(5), row[12])
    return found


def leaders(programs, nodes):
    status, out, error = gridctl(programs, nodes, "partition", "list", "-o", "json")
    assert status == 0, error
    return {row["partition"]: row["leader"] for row in json.loads(out)}


def resident_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        parts = file.read().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def log_lines(nodes, node):
    with open(nodes.path(f"node-{node}.log"), encoding="utf-8", errors="replace") as file:
        return file.readlines()


def wait_until(true, seconds=PATIENCE):
    """Whether it came true in time; looks again and again."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.02)
    return True


class Witness:
    """A normal client: reads one key again and again on one connection. `worst` is the longest that it waited, in seconds, since
    it was looked at; `failure` why it had to stop."""

    def __init__(self, address, key, partition):
        self.address, self.body, self.partition = address, get_body(key), partition
        self.worst, self.reads, self.failure = 0.0, 0, ""
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def run(self):
        try:
            with greeted(self.address) as connection:
                while not self.over.wait(0.02):
                    began = time.monotonic()
                    connection.sendall(frame(QUERY, self.body, partition=self.partition, request=self.reads + 1))
                    answer = answer_to(connection, self.reads + 1)
                    if answer.get(1, 0) != 0:
                        raise OSError(f"answered with error {answer[1]}")
                    self.worst = max(self.worst, time.monotonic() - began)
                    self.reads += 1
        except (OSError, TimeoutError) as error:
            self.failure = repr(error)

    def look(self):
        """(reads, worst) since the last look"""
        found = self.reads, self.worst
        self.reads, self.worst = 0, 0.0
        return found
