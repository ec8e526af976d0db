"""What answers where a client expects a node: other programs, other ports of nodes, other clusters. For test_output.py."""
import contextlib
import json
import socket
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fixture import run
from hostile import HELLO, RESPONSE, WELCOME, data, fields, frame, hello, number

NOT_SUPPORTED = 12
OTHER_UUID = "11111111-2222-4333-8444-555555555555"
FOR_EVER = "30m"  # no case may wait for this; a run is killed long before


def serve(host, answer):
    """An address where `answer(conn)` talks to each that connects."""
    listener = socket.create_server((host, 0))

    def one(conn):
        with contextlib.suppress(OSError, ssl.SSLError), conn:
            answer(conn)

    def accept():
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            conn.settimeout(60)
            threading.Thread(target=one, args=(conn,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener, f"{host}:{listener.getsockname()[1]}"


def until_closed(conn):
    while conn.recv(4096):
        pass


def banner(text):
    def answer(conn):
        conn.sendall(text)
        until_closed(conn)
    return answer


def reply(text):
    """Says it once something was asked."""
    def answer(conn):
        conn.recv(4096)
        conn.sendall(text)
    return answer


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


def http_server(host):
    """One that waits for the end of a line, as most do."""
    server = ThreadingHTTPServer((host, 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"{host}:{server.server_address[1]}"


def tls_server(folder, host):
    certificate, key = f"{folder}/tls.crt", f"{folder}/tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                    certificate, "-days", "1", "-subj", "/CN=test"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return serve(host, lambda conn: context.wrap_socket(conn, server_side=True))


def foreign_welcome(address):
    """The welcome of the node at `address`, as if from a node of another cluster."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=60) as conn:
        conn.sendall(hello())
        size = int.from_bytes(conn.recv(4, socket.MSG_WAITALL), "little")
        body = conn.recv(size, socket.MSG_WAITALL)[20:]
    rest = b"".join(data(field, value) if isinstance(value, bytes) else number(field, value) for field, value in fields(body) if field not in (2, 5))
    return frame(WELCOME, rest + data(2, b"mart") + data(5, bytes.fromhex(OTHER_UUID.replace("-", ""))))


def free_port(host):
    with socket.create_server((host, 0)) as listener:
        return f"{host}:{listener.getsockname()[1]}"


class Strangers:
    def __init__(self, programs, nodes):
        self.programs, self.nodes, self.open = programs, nodes, []
        self.alias = f"localhost:{nodes.client_port(1)}"

    def at(self, made):
        self.open.append(made[0])
        return made[1]

    def ask(self, *endpoints, more=()):
        return run([self.programs.path("gridctl"), "map", "get", "nothing", "--timeout", FOR_EVER, "--endpoints", ",".join(endpoints), *more])

    def cases(self):
        """Name, address, what the message must say."""
        host, nodes = self.nodes.host, self.nodes
        refusal = frame(RESPONSE, number(1, NOT_SUPPORTED) + data(2, b"the client speaks protocol 1, this node 4 to 5: upgrade the client"))
        return [
            ("nothing", free_port(host), "connection refused"),
            ("a name that no host has", "no-such-host.invalid:7400", "name"),
            ("the peer port", f"{host}:{nodes.peer_port(2)}", "this is the peer port of node 2 of Gridiron; give its client port"),
            ("the metrics port", f"{host}:{nodes.metrics_port(1)}", "this is the metrics port of a node of Gridiron; give its client port"),
            ("an HTTP server", self.at(http_server(host)), "an HTTP server answers, not a node of Gridiron"),
            ("an HTTP server that answers anything", self.at(serve(host, reply(b"HTTP/1.1 400 Bad Request\r\n\r\n"))),
             "an HTTP server answers, not a node of Gridiron"),
            ("a TLS server", self.at(tls_server(nodes.folder, host)), "a TLS server answers"),
            ("an SSH server", self.at(serve(host, banner(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"))), "an SSH server answers"),
            ("another program", self.at(serve(host, reply(b"-ERR unknown command\r\n"))), 'it answers "-ERR unknown command"'),
            ("a program that closes", self.at(serve(host, lambda conn: conn.recv(1))), "closed without an answer"),
            ("a program that says nothing", self.at(serve(host, until_closed)), "accepted and nothing is said"),
            ("a node of another protocol", self.at(serve(host, reply(refusal))), "upgrade the client"),
            ("frames of another version", self.at(serve(host, reply(frame(HELLO, b"x", version=2)))), "frames of another version"),
        ]

    def close(self):
        for each in self.open:
            each.shutdown() if isinstance(each, ThreadingHTTPServer) else None
            (each.server_close if isinstance(each, ThreadingHTTPServer) else each.close)()


def check(tap, programs, nodes):
    strangers = Strangers(programs, nodes)
    try:
        cases = strangers.cases()
        with ThreadPoolExecutor(len(cases)) as pool:
            answers = list(pool.map(lambda case: strangers.ask(case[1]), cases))
        for (name, address, wanted), (code, out, error) in zip(cases, answers):
            tap.check(f"{name} is named, with its address", (code, out) == (3, "") and address in error and wanted in error, f"{code} {error}")
        several(tap, strangers, cases)
        other_clusters(tap, strangers)
    finally:
        strangers.close()


def several(tap, strangers, cases):
    refused, also_refused, metrics = cases[0][1], free_port(strangers.nodes.host), cases[3][1]
    code, out, error = strangers.ask(refused, metrics, "no-such-host.invalid:1", strangers.nodes.endpoints(), more=("-o", "json"))
    tap.check("with some endpoints that work it works", code == 1 and "no such key" in json.loads(error)["error"]["message"], f"{code} {out} {error}")
    code, out, error = strangers.ask(refused, metrics, also_refused, more=("-o", "json"))
    shown = json.loads(error)["error"]
    tap.check("without one, each says why, those of one reason together", code == 3 and shown["outcome"] == "UNAVAILABLE" and
              f"{refused}, {also_refused}: connection refused" in shown["message"] and
              f"{metrics}: this is the metrics port" in shown["message"], error)
    code, out, error = run([strangers.programs.path("gridctl"), "map", "get", "k", "--timeout", "100ms", "--endpoints", refused])
    tap.check("a deadline that passes first says why too", code == 3 and "the deadline passed" in error and "connection refused" in error, error)


def other_clusters(tap, strangers):
    own = f"{strangers.nodes.host}:{strangers.nodes.client_port(1)}"
    other = strangers.at(serve(strangers.nodes.host, reply(foreign_welcome(own))))
    for endpoints in ((own, other), (other, own)):
        code, _, error = strangers.ask(*endpoints)
        tap.check("endpoints of two clusters are refused, whichever answers first", code == 1 and "not one cluster" in error and
                  OTHER_UUID in error and "mart" in error and strangers.nodes.uuid in error, f"{code} {error}")
    folder = {"XDG_CONFIG_HOME": strangers.nodes.path("contexts")}
    gridctl = strangers.programs.path("gridctl")
    for name, uuid in (("right", strangers.nodes.uuid), ("wrong", OTHER_UUID)):
        code, _, error = run([gridctl, "context", "add", name, own, "--cluster", uuid], environment=folder)
        tap.check(f"a context names a cluster ({name})", code == 0, error)
    code, out, error = run([gridctl, "cluster", "status", "--context", "right"], environment=folder)
    tap.check("a context of the right cluster works, and cluster status shows its UUID", code == 0 and f"({strangers.nodes.uuid})" in out, out + error)
    tap.check("as JSON too", json.loads(run([gridctl, "cluster", "status", "--context", "right", "-o", "json"], environment=folder)[1])["clusterUuid"] ==
              strangers.nodes.uuid)
    code, _, error = run([gridctl, "map", "get", "k", "--timeout", FOR_EVER, "--context", "wrong"], environment=folder)
    tap.check("one of another cluster is refused, with both UUIDs", code == 1 and OTHER_UUID in error and strangers.nodes.uuid in error and own in error,
              f"{code} {error}")
    code, _, error = run([gridctl, "context", "add", "odd", own, "--cluster", "shop"], environment=folder)
    tap.check("what is no UUID is wrong usage", code == 2 and "--cluster is a UUID" in error, error)
