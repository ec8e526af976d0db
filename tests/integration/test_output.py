#!/usr/bin/env python3
"""What gridctl prints and returns is the truth: values alone, exit statuses, and nothing lost on the way."""
import base64
import json
import signal
import subprocess
import sys

import yaml

import shop
import strangers
from fixture import Programs, Tap, cluster, cluster_status, gridctl, run

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
    for operation, more in (("get", ()), ("contains", ()), ("remove", ()), ("take", ()), ("ttl", ("10s",)), ("set", ("v",)), ("put", ("v",)),
                            ("put-if-absent", ("v",)), ("replace", ("v",)), ("cas", ("v", "--version", "0"))):
        code, out, error = ctl(operation, "", *more)
        tap.check(f"{operation} of an empty key: wrong usage", (code, out) == (2, b"") and "KEY must not be empty" in error, error)
    tap.check("an empty value is one", ctl("set", "empty", "")[0] == 0 and ctl("take", "empty", "--raw")[:2] == (0, b""))
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


def odd_entries():
    """Keys, affinities and values that are no text, or text that shows badly."""
    texts = [b"plain", "grün ☃".encode(), b"\x00\x01", bytes(range(256)), b'{"base64":"AAAA"}', b"\\x1b", b"\x1b[31mred", b"\xff\xfe", b" ", b"\xc2",
             b'"quoted"', b"12.50", "\u202eright".encode(), b"null", b"line\nline"]
    return [(texts[i % len(texts)] + str(i).encode(), texts[(i * 7) % len(texts)] if i % 3 == 0 else b"", texts[(i * 4 + 1) % len(texts)] if i % 11 else b"")
            for i in range(120)]


def line_of(key, affinity, value, **more):
    def field(name, octets):
        try:
            return {name: octets.decode()}
        except UnicodeDecodeError:
            return {name + "Base64": base64.b64encode(octets).decode()}
    return json.dumps({**field("key", key), **(field("affinity", affinity) if affinity else {}), **field("value", value), **more})


def entries_of(text):
    def octets(line, name):
        return base64.b64decode(line[name + "Base64"]) if name + "Base64" in line else line.get(name, "").encode()
    return {(octets(line, "key"), octets(line, "affinity"), octets(line, "value"), line.get("ttlMs", 0) > 0)
            for line in map(json.loads, text.splitlines())}


def round_trip(tap, nodes):
    wanted = {(key, affinity, value, len(key) % 2 == 0) for key, affinity, value in odd_entries()}
    text = "".join(line_of(*each[:3], **({"ttlMs": "10h"} if each[3] else {})) + "\n" for each in wanted)
    code, out, error = gridctl(PROGRAMS, nodes, "map", "load", "--file", "-", "--map", "from", text=text)
    tap.check("keys, affinities and values of any bytes are loaded", code == 0 and f"{len(wanted)} accepted" in out, out + error)
    code, out, error = gridctl(PROGRAMS, nodes, "map", "scan", "--all", "-o", "ndjson", "--map", "from")
    tap.check("a scan shows all of them, with affinity and ttl", code == 0 and entries_of(out) == wanted and not error, error)
    code, loaded, error = gridctl(PROGRAMS, nodes, "map", "load", "--file", "-", "--map", "to", text=out)
    tap.check("and feeds a load unchanged", code == 0, loaded + error)
    path = nodes.path("export.ndjson")
    code, _, error = gridctl(PROGRAMS, nodes, "map", "export", "--map", "to", "--file", path)
    tap.check("an export says how many", code == 0 and f"{len(wanted)} entries of map to exported" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "import", "--map", "again", "--file", path)
    tap.check("an import reads it", code == 0, error)
    code, out, _ = gridctl(PROGRAMS, nodes, "map", "export", "--map", "again")
    tap.check("three times round nothing has changed", code == 0 and entries_of(out) == wanted)
    longest = max(json.loads(line).get("ttlMs", 0) for line in out.splitlines())
    tap.check("what is left of the ttl goes along", 9 * 3600 * 1000 < longest <= 10 * 3600 * 1000, str(longest))
    got = json.loads(binary(nodes, "map", "get", "k", "--map", "f", "-o", "json")[1])
    tap.check("get has the same encoding", base64.b64decode(got["valueBase64"]) == BINARY, str(got)[:200])
    code, _, error = gridctl(PROGRAMS, nodes, "map", "export", "--map", "to", "--file", "/no/such/folder/file")
    tap.check("an export that cannot be written is exit 1 and names the file", (code, error) ==
              (1, "gridctl: map export: /no/such/folder/file: No such file or directory\n"), error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "export", "--map", "x" * 200)
    tap.check("other errors of an export are for people too", code == 1 and error.startswith("gridctl: map export: "), error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "export", "--map", "x" * 200, "-o", "yaml")
    tap.check("unless they are asked for as JSON", code == 1 and json.loads(error)["error"]["command"] == "map export", error)


def tables(tap, nodes):
    def ctl(*arguments):
        return gridctl(PROGRAMS, nodes, "map", *arguments, "--map", "t")
    ctl("set", "grün", "☃ " * 3, "--affinity", "here")
    ctl("set", "long", "x" * 5000)
    ctl("set", "escape", "a\x1b[31m\nb\\x1b\u202e")
    binary(nodes, "map", "set", "bytes", "--value-file", "-", "--map", "t", data=b"\xff\x00z")
    _, out, _ = ctl("scan")
    rows = {line.split()[0]: line for line in out.splitlines()}
    tap.check("the affinity has a column", out.split()[:4] == ["KEY", "AFFINITY", "VERSION", "VALUE"] and rows["grün"].split()[1] == "here", out)
    tap.check("UTF-8 is shown as text", "☃ ☃ ☃" in rows["grün"], out)
    tap.check("long values are cut, with their size", "... (5000 bytes)" in rows["long"] and len(rows["long"]) < 200, out)
    tap.check("control characters are escaped", r"a\x1b[31m\nb\x1b\u202e" in rows["escape"] and "\x1b" not in out and r"\xff\x00z" in rows["bytes"], out)
    ctl("config", "--journal", "on")
    ctl("set", "red\x1b", "\x1b[31m" + "y" * 5000)
    _, out, _ = gridctl(PROGRAMS, nodes, "journal", "tail", "--map", "t")
    tap.check("in a journal too", r"red\x1b = \x1b[31myy" in out and "... (5005 bytes)" in out and "\x1b" not in out, out[:300])
    _, _, error = ctl("get", "no\x1b[31msuch")
    tap.check("in messages too", r"no\x1b[31msuch" in error and "\x1b" not in error, error)


def pages(tap, nodes):
    text = "".join(f'{{"key":"k{i}","value":"{i}","affinity":"a{i % 3}"}}\n' for i in range(250))
    gridctl(PROGRAMS, nodes, "map", "load", "--file", "-", "--map", "p", text=text)
    def scan(*arguments):
        return gridctl(PROGRAMS, nodes, "map", "scan", "--map", "p", *arguments)
    code, out, error = scan()
    tap.check("a scan that shows a part says so", code == 0 and len(out.splitlines()) == 101 and "there is more" in error, error)
    code, out, error = scan("--limit", "250")
    tap.check("one that shows all says nothing", code == 0 and len(out.splitlines()) == 251 and error == "", error)
    tap.check("--all", len(scan("--all")[1].splitlines()) == 251 and len(scan("--limit", "0")[1].splitlines()) == 251)
    for narrowed, count in (((), 250), (("--affinity", "a1"), 83), (("--prefix", "k1"), 111)):
        seen, cursor, turns = [], (), 0
        while turns < 60:
            code, out, error = scan("--limit", "7", "-o", "ndjson", *narrowed, *cursor)
            seen += [json.loads(line)["key"] for line in out.splitlines()]
            turns += 1
            if not error:
                break
            more = json.loads(error)
            cursor = ("--cursor", more["cursor"])
        tap.check(f"by 7 with cursors, {' '.join(narrowed) or 'all'}: each once", len(seen) == len(set(seen)) == count and
                  turns == (count + 6) // 7, f"{len(seen)} {len(set(seen))} {turns}")
    code, _, error = scan("--cursor", "nonsense")
    tap.check("a text that is no cursor is refused", code == 2 and "--cursor" in error, error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "scan", "--map", "v", *cursor)
    tap.check("so is one of another scan", code == 1 and "cursor" in error, error)
    code, _, error = scan("--all", "--limit", "3")
    tap.check("--all and --limit exclude each other", code == 2, error)


def formats(tap, nodes):
    code, out, error = gridctl(PROGRAMS, nodes, "map", "get", "nothing", "-o", "json")
    shown = json.loads(error)["error"]
    tap.check("errors are JSON when JSON was asked for", code == 1 and shown["command"] == "map get" and shown["exitStatus"] == 1 and
              "no such key: nothing" in shown["message"], error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "cas", "k", "x", "--version", "77", "--map", "t", "-o", "json")
    tap.check("with the outcome", json.loads(error)["error"]["outcome"] == "VERSION_CONFLICT", error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "get", "-o", "json")
    tap.check("those of wrong usage too", code == 2 and json.loads(error)["error"]["exitStatus"] == 2, error)
    code, _, error = gridctl(PROGRAMS, nodes, "map", "fetch", "--output=ndjson")
    tap.check("whatever is wrong", code == 2 and "fetch" in json.loads(error)["error"]["message"], error)
    for arguments, command, status, outcome, message in (
            (("map", "get", "nothing"), "map get", 1, "NOT_FOUND", "no such key: nothing"),
            (("map", "take", "nothing"), "map take", 1, "NOT_FOUND", "no such key: nothing"),
            (("map", "drop", "nothing"), "map drop", 1, "NOT_FOUND", "no such map: nothing"),
            (("order", "get", "nothing"), "order get", 1, "NOT_FOUND", "nothing: not found"),
            (("map", "cas", "k", "x"), "map cas", 2, "USAGE", "--version is required; 0 means that the key must not exist"),
            (("map", "get"), "map get", 2, "USAGE", "arguments are missing: KEY"),
            (("map", "fetch"), "map fetch", 2, "USAGE", "no such command: fetch"),
            (("map", "put", "k", "v", "--tttl=5"), "map put", 2, "USAGE", "no such option: --tttl=5; did you mean --ttl?"),
            (("mop", "get"), "mop", 2, "USAGE", "no such group of commands: mop; did you mean map?"),
            (("map",), "map", 2, "USAGE", "a command is missing")):
        code, _, error = gridctl(PROGRAMS, nodes, *arguments, "-o", "json")
        tap.check(f"{' '.join(arguments)}: an error for programs has all four parts", code == status and json.loads(error) ==
                  {"error": {"command": command, "outcome": outcome, "message": message, "exitStatus": status}}, error)
    for arguments in (("map", "scan", "--map", "p", "--all"), ("map", "scan", "--map", "from", "--all"), ("cluster", "status"), ("map", "list"),
                      ("map", "get", "k", "--map", "f")):
        _, as_json, _ = gridctl(PROGRAMS, nodes, *arguments, "-o", "json")
        _, as_yaml, _ = gridctl(PROGRAMS, nodes, *arguments, "-o", "yaml")
        _, as_lines, _ = gridctl(PROGRAMS, nodes, *arguments, "-o", "ndjson")
        wanted, lines = json.loads(as_json), [json.loads(line) for line in as_lines.splitlines()]
        for each in wanted + lines if isinstance(wanted, list) and arguments[1] == "scan" else []:
            each.pop("ttlMs", None), each.pop("version", None)
        read = yaml.safe_load(as_yaml)
        # The memory of a process changes between two answers.
        for each in wanted["nodes"] + lines[0]["nodes"] + read["nodes"] if arguments == ("cluster", "status") else []:
            each["memoryBytes"] = each["memoryUsedBytes"] = 0
        for each in read if isinstance(read, list) and arguments[1] == "scan" else []:
            each.pop("ttlMs", None), each.pop("version", None)
        tap.check(f"{' '.join(arguments)}: YAML has what JSON has", read == wanted, as_yaml[:500])
        tap.check(f"{' '.join(arguments)}: lines have it too", lines == (wanted if isinstance(wanted, list) else [wanted]), as_lines[:500])
    with open("/dev/full", "w", encoding="utf-8") as full:
        for arguments in (("map", "get", "k", "--map", "f"), ("map", "scan", "--map", "p", "-o", "ndjson"), ("map", "scan", "--map", "p", "--limit", "1"), ("--help",), ("map", "list", "-o", "yaml")):
            done = subprocess.run([PROGRAMS.path("gridctl"), *arguments, *(() if "--help" in arguments else ("--endpoints", nodes.endpoints()))],
                                  stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
            tap.check(f"{' '.join(arguments)} > /dev/full is an error", done.returncode == 1 and b"No space left" in done.stderr, str(done.stderr))
    code, _, error = gridctl(PROGRAMS, nodes, "map", "set", "k", "-5")
    tap.check("a value that looks like an option: says how", code == 2 and "gridctl map set ... -- -5" in error, error)
    tap.check("and so it works", run([PROGRAMS.path("gridctl"), "map", "set", "--map", "t", "k", "--endpoints", nodes.endpoints(), "--", "-5"])[0] == 0 and
              gridctl(PROGRAMS, nodes, "map", "get", "k", "--map", "t")[1] == "-5\n")
    code, out, _ = run([PROGRAMS.path("gridctl"), "map", "--help"])
    tap.check("the help of a group is of that group", code == 0 and out.startswith("usage: gridctl map COMMAND") and "\nmap:\n" in out, out[:100])
    code, out, _ = run([PROGRAMS.path("gridctl"), "--help"])
    tap.check("that of all has a header a group", code == 0 and "\nmap:\n  map set" in out and "\nsaga:\n  saga list" in out, out[:300])


def interrupted(tap, nodes):
    """Ctrl-C while the input goes on: what is done is counted, and a repeat is said to be safe."""
    done = subprocess.Popen([PROGRAMS.path("gridctl"), "map", "load", "--file", "-", "--map", "i", "--progress", "--endpoints", nodes.endpoints()],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    done.stdin.write(b'{"key":"a","value":"b"}\n')
    done.stdin.flush()
    seen = b""
    while b"1 entries" not in seen and done.poll() is None:
        seen += done.stderr.read1()
    done.send_signal(signal.SIGINT)
    while b"interrupted" not in seen and done.poll() is None:
        seen += done.stderr.read1()
    out, rest = done.communicate(timeout=60)
    error = seen + rest
    tap.check("Ctrl-C prints counts and what a repeat does", done.returncode == 1 and b"1 entries submitted: 1 accepted" in out and
              b"interrupted" in error and b"running it again with the same file is safe" in error, f"{done.returncode} {out} {error}")


def left_over(tap, nodes):
    """Without a quorum: lines that no node takes are no rejected lines, the rest is not tried, and nothing of it is lost."""
    text = "".join(f'{{"email":"a{i % 2}@b.c","name":"Nn"}}\n' for i in range(1500))
    path = nodes.path("left.ndjson")
    code, out, error = gridctl(PROGRAMS, nodes, "customer", "create", "--file", "-", "--failed-to", path, "--timeout", "1s", "-o", "json", text=text)
    shown = json.loads(out)
    tap.check("without a quorum a bulk command stops early", code in (3, 4) and shown["stopped"] and shown["submitted"] < 1500 and
              shown["rejected"] == 0 and shown["unavailable"] + shown["unknown"] == shown["submitted"], f"{code} {out[:300]} {error[:300]}")
    with open(path, encoding="utf-8") as file:
        left = [json.loads(line) for line in file]
    tap.check("what is left is written, each line with the id that was made for it", len(left) == 1500 and
              len({each["customerId"] for each in left}) == 1500 and [each["email"] for each in left[:2]] == ["a0@b.c", "a1@b.c"], str(left[:2]))
    code, out, error = gridctl(PROGRAMS, nodes, "map", "load", "--file", "-", "--timeout", "1s", text='{"key":"k","value":"v"}\n' * 1500)
    tap.check("and says what a repeat does", code in (3, 4) and "running it again with the same file is safe" in error, out + error)


def connections(tap, nodes):
    strangers.check(tap, PROGRAMS, nodes)


def commands(tap, nodes):
    shop.check(tap, PROGRAMS, nodes)


def health(tap, nodes):
    tap.check("a healthy cluster: exit 0", cluster_status(PROGRAMS, nodes)["healthy"] is True)
    nodes.kill([3])
    nodes.kill([2])
    left_over(tap, nodes)
    code, out, error = gridctl(PROGRAMS, nodes, "cluster", "status")
    tap.check("one that is not: exit 1, and the table all the same", code == 1 and "not healthy" in out and "down" in out, out + error)


def main():
    tap = Tap()
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        for part in (values, files, round_trip, tables, pages, formats, interrupted, commands, connections, health):
            tap.attempt(part.__name__, lambda: part(tap, nodes))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
