#!/usr/bin/env python3
"""A backup of a cluster that works, restored into a cluster of another size: nothing is lost, nothing happens twice, and what is not whole is refused."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from fixture import Programs, Tap, cluster, gridctl, gridctl_json, run, wait_exit
from hostile import HEADER, QUERY, dial, fields, take
from shop import provider_away

PROGRAMS = Programs(sys.argv)
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ORDERS = 600 if PROGRAMS.slow else 2000
PARTITIONS = 8
ENDED = ("COMPLETED", "COMPENSATED", "TIMED_OUT", "FAILED")
SECONDS = 120
CHUNK_HEAD, HEAD, END = 16, 64, 32      # docs/formats/snapshot.md
RESTORE, PART, OPEN = 9, 2, 4           # proto/grid/v1/grid.proto: Query.restore, RestoreStep


def write_lines(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


class Shop:
    """Four products with enough of everything, so that the order in which the orders come does not matter."""

    def __init__(self, folder):
        self.customers = os.path.join(ROOT, "examples", "customers.ndjson")
        with open(self.customers, encoding="utf-8") as file:
            customer = json.loads(file.readline())["customerId"]
        self.products = write_lines(os.path.join(folder, "products"), [
            {"productId": f"p-{i}", "sku": f"S{i}", "name": "Thing", "price": "1.25", "currency": "EUR", "initialQuantity": 100000} for i in range(4)])
        self.orders = write_lines(os.path.join(folder, "orders"), [
            {"orderId": f"o-{i:05}", "customerId": customer, "paymentMethod": "CREDIT_CARD",
             "lines": [{"productId": f"p-{i % 4}", "quantity": 1}, {"productId": f"p-{(i + 1) % 4}", "quantity": 2}]} for i in range(ORDERS)])

    def create(self, nodes):
        for kind, path in (("customer", self.customers), ("product", self.products)):
            status, out, error = gridctl(PROGRAMS, nodes, kind, "create", "--file", path)
            assert status == 0, out + error

    def submit(self, nodes, file):
        return subprocess.Popen([PROGRAMS.path("gridctl"), "order", "submit", "--file", file, "-o", "json", "--timeout", "60000", "--endpoints",
                                 nodes.endpoints()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")

    def books(self, nodes):
        status, out, error = run([os.path.join(ROOT, "tools", "check_books"), "--ledger", nodes.ledger(), "--products", self.products, "--gridctl",
                                  PROGRAMS.path("gridctl"), "--endpoints", nodes.endpoints()])
        return status == 0 and "the books are right" in out, out + error


def sagas(nodes):
    return gridctl_json(PROGRAMS, nodes, "saga", "list", "--limit", "0")


def until(nodes, what):
    """Waits until what `sagas` shows is good; what was shown last."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        shown = sagas(nodes)
        if what(shown):
            return True, len(shown)
        wait_exit(nodes.pid(1), 0.2)
    return False, len(shown)


def all_ended(count):
    return lambda shown: len(shown) >= count and all(each["status"] in ENDED for each in shown)


def backup_under_kill(tap, nodes, directory):
    """A leader of a third of the partitions dies while the backup is made."""
    with subprocess.Popen([PROGRAMS.path("gridctl"), "backup", "create", directory, "--endpoints", nodes.endpoints()], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, encoding="utf-8") as process:
        nodes.kill([2])
        out, error = process.communicate()
    nodes.start([2])
    nodes.wait_ready(nodes.ids())
    if process.returncode == 0:
        status, out, error = gridctl(PROGRAMS, nodes, "backup", "verify", directory)
        tap.check("a backup under which a leader died is whole", status == 0, out + error)
    else:
        tap.check("or no backup is left, and the command says so", process.returncode in (1, 3) and error and not os.path.exists(directory), out + error)
    tap.check("nothing else is left", not os.path.exists(directory + ".part"), str(os.listdir(os.path.dirname(directory))))


def change(path, offset, whence=os.SEEK_SET):
    with open(path, "r+b") as file:
        file.seek(offset, whence)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def files_of(directory):
    return [os.path.join(directory, name) for name in sorted(os.listdir(directory)) if name != "manifest"]


def damages(whole, other):
    """(what, function that damages a copy): each part of each kind of file, and files that are not those of the backup."""
    return (("the manifest", lambda copy: change(os.path.join(copy, "manifest"), 60)),
            ("the head of a file", lambda copy: change(files_of(copy)[1], 33)),
            ("the head of a chunk", lambda copy: change(files_of(copy)[2], HEAD + 9)),
            ("a state", lambda copy: change(files_of(copy)[3], HEAD + CHUNK_HEAD + 700)),
            ("an end record", lambda copy: change(files_of(copy)[4], -END + 25, os.SEEK_END)),
            ("a missing file", lambda copy: os.remove(files_of(copy)[5])),
            ("a missing manifest", lambda copy: os.remove(os.path.join(copy, "manifest"))),
            ("a short file", lambda copy: os.truncate(files_of(copy)[6], os.path.getsize(files_of(copy)[6]) - 1)),
            ("a file with more at its end", lambda copy: open(files_of(copy)[7], "ab").write(b"x")),
            ("a file of another backup", lambda copy: shutil.copyfile(files_of(other)[0], files_of(copy)[0])))


def check_damages(tap, nodes, whole, other):
    for what, damage in damages(whole, other):
        copy = whole + "-copy"
        shutil.copytree(whole, copy)
        damage(copy)
        status, _, error = gridctl(PROGRAMS, nodes, "backup", "verify", copy)
        tap.check(f"verify finds {what}", status == 1 and copy in error, error)
        status, _, error = gridctl(PROGRAMS, nodes, "restore", copy)
        tap.check(f"restore refuses {what}", status == 1 and copy in error, error)
        shutil.rmtree(copy)


def on_the_old_cluster(tap, shop, folder):
    """Makes the backup while orders are under way; then keeps the provider's ledger."""
    whole = os.path.join(folder, "backup")
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS, settings=("snapshot.bytes=1MiB",)) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        shop.create(nodes)
        empty = os.path.join(folder, "early")
        made = gridctl_json(PROGRAMS, nodes, "backup", "create", empty)
        assert gridctl(PROGRAMS, nodes, "map", "set", "k", "v")[0] == 0
        process = shop.submit(nodes, "-")
        with open(shop.orders, encoding="utf-8") as file:
            lines = file.readlines()
        # Orders come and messages are under way until these lines are used up, and no saga gets its payment.
        with provider_away(nodes):
            process.stdin.writelines(lines[:ORDERS // 2])
            process.stdin.flush()
            begun, count = until(nodes, lambda shown: len(shown) >= ORDERS // 10)
            assert begun, count
            made = gridctl_json(PROGRAMS, nodes, "backup", "create", whole)
        tap.check("a backup is made while orders are under way", made["partitions"] == PARTITIONS and made["entries"] > 0 and made["bytes"] > 0, str(made))
        process.stdin.writelines(lines[ORDERS // 2:])
        process.stdin.flush()
        backup_under_kill(tap, nodes, os.path.join(folder, "killed"))
        out, error = process.communicate()
        tap.check("the orders go on", process.returncode == 0 and json.loads(out)["accepted"] == ORDERS, out + error)
        status, out, error = gridctl(PROGRAMS, nodes, "backup", "create", whole)
        tap.check("an existing directory is not overwritten", status == 1 and "exists" in error, out + error)
        tap.check("verify says the same numbers", gridctl_json(PROGRAMS, nodes, "backup", "verify", whole) == made, str(made))
        listed = gridctl_json(PROGRAMS, nodes, "backup", "list", folder)
        tap.check("list shows them, oldest first", [os.path.basename(each["directory"]) for each in listed][:2] == ["early", "backup"] and
                  {**listed[1], **made} == listed[1], str(listed))
        status, out, error = gridctl(PROGRAMS, nodes, "restore", whole)
        tap.check("it is not restored into a cluster that holds data", status == 1 and "holds data" in error, out + error)
        check_damages(tap, nodes, whole, empty)
        ended, count = until(nodes, all_ended(ORDERS))
        tap.check("all sagas end here", ended, str(count))
        shutil.copyfile(nodes.ledger(), os.path.join(folder, "ledger"))
    return whole, made


def step_of(frame):
    """Of a client's frame: which step of a restore it asks for; None: another request."""
    if frame[9] != QUERY:
        return None
    return next((dict(fields(body)).get(1) for field, body in fields(frame[HEADER:]) if field == RESTORE), None)


def restore_broken_off(nodes, whole, step, count):
    """A restore whose process dies once the node has got this step for the `count`th time."""
    def answers():
        while part := node.recv(1 << 16):
            try:
                client.sendall(part)
            except OSError:
                pass    # it is dead; the node is read from on

    with socket.create_server((nodes.shape.host, 0)) as listener:
        endpoint = f"{nodes.shape.host}:{listener.getsockname()[1]}"
        with subprocess.Popen([PROGRAMS.path("gridctl"), "restore", whole, "--endpoints", endpoint], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            client, node = listener.accept()[0], dial((nodes.shape.host, nodes.client_port(1)))
            reader = threading.Thread(target=answers)
            reader.start()
            while count > 0:
                size = take(client, 4)
                frame = size + take(client, int.from_bytes(size, "little"))
                node.sendall(frame)
                count -= step_of(frame) == step
            process.kill()
        client.close()
        node.shutdown(socket.SHUT_WR)
        reader.join()
        node.close()


def on_the_new_cluster(tap, shop, folder, whole, made):
    with cluster(PROGRAMS, nodes=1, partitions=PARTITIONS) as nodes:
        shutil.copyfile(os.path.join(folder, "ledger"), nodes.ledger())    # the provider is the same
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        restore_broken_off(nodes, whole, PART, PARTITIONS // 2)
        status, _, error = gridctl(PROGRAMS, nodes, "map", "set", "k", "w", "--timeout", "500")
        tap.check("a cluster whose restore was broken off takes no writes", status == 3, error)
        restore_broken_off(nodes, whole, OPEN, 1)
        with provider_away(nodes):
            restored = gridctl_json(PROGRAMS, nodes, "restore", whole)
            shown = sagas(nodes)
        known, under_way = len(shown), sum(each["status"] not in ENDED for each in shown)
        tap.check("it is restored into a cluster of one node, although it was broken off twice, once with one partition open", restored == made, f"{restored} {made}")
        tap.check("with the orders of the moment of the backup", 0 < under_way <= known <= ORDERS // 2, f"{under_way} of {known}")
        tap.check("and entries of maps", gridctl(PROGRAMS, nodes, "map", "get", "k")[1] == "v\n")
        status, out, error = gridctl(PROGRAMS, nodes, "restore", whole)
        tap.check("a second restore is refused", status == 1 and "is restored in this cluster already" in error, out + error)
        nodes.kill(nodes.ids())
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        ended, count = until(nodes, all_ended(known))
        tap.check("sagas that were under way end, also after a restart", ended, str(count))
        # Their customers send the orders again that came after the moment of the backup.
        out, error = shop.submit(nodes, shop.orders).communicate()
        tap.check("the other orders are taken again", json.loads(out)["accepted"] + json.loads(out).get("alreadyThere", 0) == ORDERS, out + error)
        ended, count = until(nodes, all_ended(ORDERS))
        tap.check("and end", ended and count == ORDERS, str(count))
        right, said = shop.books(nodes)
        tap.check("the books are right: everything was charged once", right, said)


def main():
    tap = Tap()
    folder = tempfile.mkdtemp(prefix="gridiron-backup-")
    try:
        shop = Shop(folder)
        whole, made = on_the_old_cluster(tap, shop, folder)
        on_the_new_cluster(tap, shop, folder, whole, made)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
