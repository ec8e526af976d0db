#!/usr/bin/env python3
"""What gridctl prints and returns is the truth: values alone, exit statuses, and nothing lost on the way."""
import subprocess
import sys

from fixture import Programs, Tap, cluster, cluster_status, gridctl

PROGRAMS = Programs(sys.argv)
PARTITIONS = 8
BINARY = bytes(range(256)) + b"\n\n"


def binary(nodes, *arguments, data=None):
    """Status, output and errors, the first two as bytes."""
    done = subprocess.run([PROGRAMS.path("gridctl"), *arguments, "--endpoints", nodes.endpoints()], input=data,
                          stdin=subprocess.DEVNULL if data is None else None, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def values(tap, nodes):
    def ctl(*arguments, data=None):
        return binary(nodes, "map", *arguments, "--map", "v", data=data)
    code, out, error = ctl("put", "k", "one")
    tap.check("put of a new entry prints no value", (code, out) == (0, b"") and "no entry before" in error, f"{out} {error}")
    code, out, error = ctl("put", "k", "two")
    tap.check("put prints the value from before alone", (code, out) == (0, b"one\n") and error.startswith("version "), f"{out} {error}")
    tap.check("--raw: without a line end", ctl("put", "k", "three", "--raw")[:2] == (0, b"two"))
    tap.check("replace likewise", ctl("replace", "k", "four", "--raw")[:2] == (0, b"three"))
    tap.check("get prints the value alone", ctl("get", "k") == (0, b"four\n", ""))
    tap.check("get --raw: without a line end", ctl("get", "k", "--raw") == (0, b"four", ""))
    tap.check("contains of an entry: yes, and exit 0", ctl("contains", "k")[:2] == (0, b"yes\n"))
    tap.check("contains of nothing: no, and exit 1", ctl("contains", "nothing")[:2] == (1, b"no\n"))
    code, out, _ = ctl("contains", "nothing", "-o", "json")
    tap.check("as JSON too", (code, out) == (1, b'{"key":"nothing","found":false}\n'), str(out))
    code, out, error = ctl("get", "nothing", "--raw")
    tap.check("get of nothing: exit 1, no output", (code, out) == (1, b"") and "no such key: nothing" in error, error)
    tap.check("take prints the value alone", ctl("take", "k", "--raw") == (0, b"four", ""))
    code, out, error = ctl("take", "k")
    tap.check("take of nothing: exit 1, no output", (code, out) == (1, b"") and "no such key: k" in error, f"{out} {error}")


def files(tap, nodes):
    path = nodes.path("value")
    with open(path, "wb") as file:
        file.write(BINARY)
    for name, argument, data in (("a file", path, None), ("standard input", "-", BINARY)):
        for operation, more in (("set", ()), ("put", ()), ("replace", ()), ("put-if-absent", ("--affinity", name)),
                                ("cas", ("--version", "0", "--affinity", "cas of " + name))):
            code, _, error = binary(nodes, "map", operation, "k", "--value-file", argument, "--map", "f", *more, data=data)
            where = more[more.index("--affinity"):] if "--affinity" in more else ()
            got = binary(nodes, "map", "get", "k", "--map", "f", "--raw", *where)
            tap.check(f"{operation}: the value from {name}, byte for byte", code == 0 and got == (0, BINARY, ""), f"{error} {got}")
    code, _, error = binary(nodes, "map", "set", "k", "v", "--value-file", path)
    tap.check("a value and a file are one too many", code == 2 and "not both" in error, error)
    code, _, error = binary(nodes, "map", "set", "k")
    tap.check("neither is one too few", code == 2 and "--value-file" in error, error)
    code, _, error = binary(nodes, "map", "set", "k", "--value-file", "/no/such/file")
    tap.check("a file that is not there is named", code == 1 and "/no/such/file: No such file" in error, error)
    code, _, error = binary(nodes, "map", "set", "k", "--value-file", "-", data=b"x" * (1024 * 1024 + 1))
    tap.check("a value beyond the limit is refused with the limit", code == 1 and "1048576" in error, error)
    tap.check("one at the limit is taken", binary(nodes, "map", "set", "k", "--value-file", "-", data=b"x" * 1024 * 1024)[0] == 0)


def health(tap, nodes):
    tap.check("a healthy cluster: exit 0", cluster_status(PROGRAMS, nodes)["healthy"] is True)
    nodes.kill([3])
    code, out, error = gridctl(PROGRAMS, nodes, "cluster", "status")
    tap.check("one that is not: exit 1, and the table all the same", code == 1 and "not healthy" in out and "down" in out, out + error)


def main():
    tap = Tap()
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        for part in (values, files, health):
            tap.attempt(part.__name__, lambda: part(tap, nodes))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
