#!/usr/bin/env python3
"""A data directory that is not as the node left it: each damage is refused with what is wrong, where, and what to do, changes
nothing, and is over once the file is put back. What looks like a torn write is cut, and nothing acknowledged is missing."""
import json
import os
import re
import shutil
import struct
import subprocess
import sys

from fixture import Programs, Tap, cluster, gridctl, run
from hostile import PATIENCE, crc32c

PROGRAMS = Programs(sys.argv)
KEYS, PAGE, SEGMENT_BYTES = 400, 4096, 4 << 20
NOBODY = 65534
OTHER_CLUSTER = b"0123abcd-4567-89ef-8123-456789abcdef"


def segments(folder):
    return sorted(name for name in os.listdir(folder) if name.startswith("wal-"))


def read(path):
    with open(path, "rb") as file:
        return bytearray(file.read())


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def contents(folder):
    """Of every file but the lock."""
    return {name: bytes(read(os.path.join(folder, name))) for name in sorted(os.listdir(folder)) if name != ".lock"}


def restore(folder, files):
    shutil.rmtree(folder)
    os.mkdir(folder)
    for name, content in files.items():
        write(os.path.join(folder, name), content)


def changed(path, change):
    content = read(path)
    change(content)
    write(path, content)


def flip(at):
    def change(content):
        content[at] ^= 1
    return change


def in_header(at, layout, value):
    """A field of the first flush's header, with a right checksum."""
    def change(content):
        struct.pack_into(layout, content, at, value)
        struct.pack_into("<I", content, 0, crc32c(bytes(content[4:64])))
    return change


class Directory:
    """The data directory of a node that was stopped, and what was in it then."""

    def __init__(self, nodes, node):
        self.nodes, self.node = nodes, node
        self.folder = nodes.path(f"node-{node}")
        # A segment that was only prepared holds nothing: without it "the last one" is always one with content.
        for name in segments(self.folder):
            if not any(read(self.path(name))):
                os.remove(self.path(name))
        self.files = contents(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *flags, as_user=None):
        """(status, standard error) of a start that must end by itself."""
        done = subprocess.run([*self.nodes.command(self.node), *flags], capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE,
                              check=False, preexec_fn=(lambda: os.setuid(as_user)) if as_user else None)
        return done.returncode, done.stderr


def refused(tap, directory, name, damage, *expected, status=1):
    def check():
        damage()
        before = contents(directory.folder)
        found, error = directory.start()
        same = contents(directory.folder) == before
        restore(directory.folder, directory.files)
        missing = [part for part in (directory.folder, *expected) if part not in error]
        return found == status and not missing and same and "Sanitizer" not in error, \
            f"status {found}, missing {missing}, unchanged {same}: {error}"
    tap.run(f"{name} is refused with what, where and what to do, and changes nothing", check)


def accepted(tap, directory, name, damage):
    def check():
        damage()
        directory.nodes.start([directory.node])
        directory.nodes.wait_ready([directory.node])
        status, out, error = gridctl(PROGRAMS, directory.nodes, "map", "size", "--map", "kept")
        directory.nodes.stop([directory.node])
        restore(directory.folder, directory.files)
        return status == 0 and out.split()[-1] == str(KEYS), out + error
    tap.run(f"{name} is borne, and every key is there", check)


def load(nodes):
    """Some segments full of keys."""
    text = "".join('{"key":"k%d","value":"%s"}\n' % (i, "v" * 32000) for i in range(KEYS))
    status, _, error = run([PROGRAMS.path("gridctl"), "map", "load", "--map", "kept", "--file", "-", "-e", nodes.endpoints()], text=text)
    assert status == 0, error


def signed(text):
    """An identity with the checksum that belongs to its text."""
    text = bytes(text)
    body = text[:text.rindex(b"checksum ")]
    return body + b"checksum %08x\n" % crc32c(body)


def identity(tap, directory):
    path = directory.path("identity")
    text = directory.files["identity"]
    put_back = "put the file of this directory back"
    refused(tap, directory, "a missing identity", lambda: os.remove(path), "identity: missing, while there is a log", put_back)
    refused(tap, directory, "an empty identity", lambda: write(path, b""), "identity: damaged", put_back)
    refused(tap, directory, "an identity that is cut short", lambda: write(path, text[:-5]), "identity: damaged", put_back)
    refused(tap, directory, "an identity of zeros", lambda: write(path, bytes(len(text))), "identity: damaged", put_back)
    refused(tap, directory, "an identity with another node's number", lambda: write(path, text.replace(b"node 1\n", b"node 2\n")), "identity: damaged", put_back)
    for at in (0, 17, 19, 40, 70, len(text) // 2, len(text) - 3):
        refused(tap, directory, f"an identity with a bit that flipped in byte {at}", lambda: changed(path, flip(at)), "identity: damaged", put_back)
    refused(tap, directory, "an identity of a newer version", lambda: write(path, signed(text.replace(b"identity 2", b"identity 3"))),
            "identity: format 3, this program reads up to 2: it was written by a newer version; upgrade this program", status=2)
    refused(tap, directory, "the identity of another node", lambda: write(path, signed(text.replace(b"node 1\n", b"node 2\n"))),
            "this is the data directory of node 2, the configuration says node 1: correct node or data", status=2)
    refused(tap, directory, "the identity of another cluster", lambda: write(path, signed(re.sub(b"cluster_uuid .*", b"cluster_uuid " + OTHER_CLUSTER, text))),
            f"this data directory belongs to cluster {OTHER_CLUSTER.decode()}", f"the configuration says cluster_uuid {directory.nodes.uuid}", status=2)

    def folder_instead():
        os.remove(path)
        os.mkdir(path)
    tap.run("an identity that is no file is refused with what, where and what to do", lambda: no_file(directory, path, folder_instead, "identity: cannot be read"))


def no_file(directory, path, damage, expected, what_to_do="may read and write"):
    damage()
    status, error = directory.start()
    os.rmdir(path)
    restore(directory.folder, directory.files)
    return status == 1 and f"data directory {directory.folder}: {expected}" in error and what_to_do in error, f"{status}: {error}"


def log(tap, directory):
    names = segments(directory.folder)
    assert len(names) >= 3, names
    first, second, third = (directory.path(name) for name in names[:3])
    do_not = "nobody else has the data"
    refused(tap, directory, "a log without its first segment", lambda: os.remove(first), "the segments before are missing", do_not)
    refused(tap, directory, "a log without a segment in the middle", lambda: os.remove(second), "the flush before this one is missing", names[2], do_not)
    refused(tap, directory, "a bit that flipped in a record", lambda: changed(first, flip(PAGE * 3 + 90)), f"{names[0]}: offset", "checksum", do_not)
    refused(tap, directory, "a bit that flipped in a flush header", lambda: changed(second, flip(20)), f"{names[1]}: offset 0", do_not)
    refused(tap, directory, "a segment that is cut short", lambda: write(second, read(second)[:PAGE * 9]), f"{names[1]}: offset", do_not)
    refused(tap, directory, "an empty segment in the middle", lambda: write(second, b""), f"{names[1]}: offset 0", do_not)
    refused(tap, directory, "a page of zeros in the middle", lambda: changed(second, lambda content: content.__setitem__(slice(PAGE * 4, PAGE * 5), bytes(PAGE))),
            f"{names[1]}: offset", do_not)
    refused(tap, directory, "two segments with their names exchanged", lambda: exchange(second, third), "belongs to another position", do_not)
    refused(tap, directory, "a copy of a segment under a number of its own", lambda: shutil.copy(first, directory.path("wal-%016x" % (SEGMENT_BYTES // 2))),
            "wal-%016x: offset 0" % (SEGMENT_BYTES // 2), do_not)
    refused(tap, directory, "a segment that begins beside a page", lambda: write(directory.path("wal-%016x" % 17), b"x"), "no page boundary", do_not)
    refused(tap, directory, "a segment of a newer format", lambda: changed(first, in_header(8, "<H", 9)),
            f"{names[0]}: offset 0: format version 9, this program reads 2; start the version that wrote it", status=2)
    refused(tap, directory, "a segment of another node", lambda: changed(second, in_header(52, "<Q", 12345)),
            f"{names[1]}: offset 0: the log of another node or cluster", "put this node's own file back", status=2)

    folder = "a directory has the name of a file of the log: move it elsewhere; when a file of the log was there, put that file back"

    def folder_instead():
        os.remove(first)
        os.mkdir(first)
    tap.run("a segment that is no file is refused with what, where and what to do", lambda: no_file(directory, first, folder_instead, f"{names[0]}: {folder}", "move it elsewhere"))
    behind = "wal-%016x" % (SEGMENT_BYTES * 64)
    tap.run("a folder with the name of a segment behind the log is refused with what, where and what to do",
            lambda: no_file(directory, directory.path(behind), lambda: os.mkdir(directory.path(behind)), f"{behind}: {folder}", "move it elsewhere"))
    missing(tap, directory, names)
    accepted(tap, directory, "a copy of a segment under a name of its own", lambda: shutil.copy(first, first + ".bak"))
    accepted(tap, directory, "an unfinished temporary file", lambda: write(directory.path("identity.tmp"), b"gridi"))
    accepted(tap, directory, "an empty segment behind the log", lambda: write(directory.path("wal-%016x" % (SEGMENT_BYTES * 64)), b""))
    accepted(tap, directory, "garbage behind the log in its last segment", lambda: garbage_behind(directory.path(names[-1])))


def missing(tap, directory, names):
    """What is lost at the end leaves no trace in the log: the manifest knows how far it went."""
    known = ("durable log is missing: what is there ends at position", "as the manifest says", "nobody else has the data")
    last, before_last = directory.path(names[-1]), directory.path(names[-2])

    def remove(count):
        for name in names[len(names) - count:]:
            os.remove(directory.path(name))
    refused(tap, directory, "a log of which nothing is left", lambda: remove(len(names)), *known, "0 segments")
    refused(tap, directory, "a log without its last segment", lambda: remove(1), *known, names[-2])
    refused(tap, directory, "a log without its last two segments", lambda: remove(2), *known, names[-3])
    refused(tap, directory, "a closed segment's copy in the place of the last one", lambda: shutil.copy(before_last, last), *known)
    refused(tap, directory, "a last segment that is cut short", lambda: write(last, read(last)[:PAGE]), *known)
    refused(tap, directory, "an empty last segment", lambda: write(last, b""), *known)


def manifest(tap, directory):
    path = directory.path("manifest")
    content = directory.files["manifest"]
    names = segments(directory.folder)

    def newer():
        for at in (0, PAGE):
            content_new = bytearray(content[at:at + PAGE])
            struct.pack_into("<H", content_new, 8, 2)
            struct.pack_into("<I", content_new, 0, crc32c(bytes(content_new[4:])))
            changed(path, lambda whole, at=at, page=content_new: whole.__setitem__(slice(at, at + PAGE), page))
    refused(tap, directory, "a missing manifest", lambda: os.remove(path), "manifest: missing", "nobody else has the data")
    refused(tap, directory, "an empty manifest", lambda: write(path, b""), "manifest: damaged", "nobody else has the data")
    refused(tap, directory, "a manifest of zeros", lambda: write(path, bytes(len(content))), "manifest: damaged", "nobody else has the data")
    refused(tap, directory, "a manifest of a newer version", newer, "manifest: it was written by a newer version", status=2)
    refused(tap, directory, "a directory of which only the identity is left",
            lambda: [os.remove(directory.path(name)) for name in (*names, "manifest")], "manifest: missing", "nobody else has the data")
    refused(tap, directory, "a directory of which only the manifest is left",
            lambda: [os.remove(directory.path(name)) for name in (*names, "identity")], "identity and durable log are missing", "nobody else has the data")
    for at in (0, PAGE):
        accepted(tap, directory, f"a bit that flipped in the copy at {at} of the manifest", lambda at=at: changed(path, flip(at + 40)))


def exchange(one, other):
    os.rename(one, one + ".x")
    os.rename(other, one)
    os.rename(one + ".x", other)


def garbage_behind(path):
    """What a torn write may leave: bytes where no flush was acknowledged."""
    content = read(path)
    last = max((at for at in range(0, len(content), PAGE) if content[at + 4:at + 8] == b"GWAL"), default=-PAGE)
    size = struct.unpack_from("<I", content, last + 12)[0] if last >= 0 else 0
    at = last + (size + PAGE - 1) // PAGE * PAGE if last >= 0 else 0
    content[at:at + PAGE] = os.urandom(PAGE)
    write(path, content)


def rights(tap, directory):
    if os.getuid() != 0 or os.system(f"setpriv --reuid={NOBODY} --clear-groups test -x {PROGRAMS.path('gridiron')} 2>/dev/null") != 0:
        tap.check("rights of the directory: looked at as root only, where others may run the program", True)
        return
    os.chmod(directory.nodes.folder, 0o755)
    os.chmod(directory.folder, 0o700)
    status, error = directory.start(as_user=NOBODY)
    tap.check("a directory of somebody else is refused with its name", status == 1 and f"data directory {directory.folder}: " in error
              and "Permission denied" in error, f"{status}: {error}")
    other = directory.path("file")
    write(other, b"")
    status, error = directory.start("--data", other)
    os.remove(other)
    tap.check("a data directory that is a file is refused with its name", status == 1 and f"data directory {other}: " in error, f"{status}: {error}")


def dumped(tap, directory):
    """gridiron dump over the real files of a node: whole, damaged, and with odd arguments."""
    def dump(*arguments):
        return run([PROGRAMS.path("gridiron"), "dump", *arguments])

    names = segments(directory.folder)
    for name in ("identity", "manifest", *names):
        status, out, error = dump("-o", "json", "--limit", "100000", directory.path(name))
        rows = [json.loads(line) for line in out.splitlines()]
        tap.check(f"dump prints {name} as JSON", status == 0 and rows and all("offset" in row for row in rows), f"{status}: {error}")
    status, out, error = dump(directory.path(names[0]))
    tap.check("dump prints entries with their commands", status == 0 and re.search(r"entry +group=\d+ index=\d+ term=\d+ .*commands=\d+", out), error)
    first = directory.path(names[0])
    changed(first, flip(PAGE * 3 + 90))
    status, out, error = dump(first)
    tap.check("dump names the place of damage", status == 1 and f"{names[0]}: offset {PAGE * 3 + 64}: the checksum of a record differs" in error and out.count("\n") > 1, f"{status}: {error}")
    changed(first, flip(PAGE * 3 + 90))
    changed(directory.path("manifest"), flip(PAGE + 100))
    status, out, error = dump(directory.path("manifest"))
    tap.check("dump shows the whole copy of a manifest and names the damaged one", status == 1 and "offset 4096: " in error and "sequence=" in out, f"{status}: {error}")
    changed(directory.path("manifest"), flip(PAGE + 100))
    for arguments in ((), ("a", "b"), ("-o", "xml", first), ("--limit", "0", first), ("--limit", "x", first), ("--frobnicate", first)):
        status, out, error = dump(*arguments)
        tap.check(f"dump refuses the arguments {arguments[:2]}", status == 2 and "gridiron dump" in error and not out, f"{status}: {error}")
    tap.check("dump changes nothing", contents(directory.folder) == directory.files)


def swapped(tap):
    """Two nodes of one cluster that were given each other's directory."""
    with cluster(PROGRAMS, nodes=3) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        nodes.stop(nodes.ids())
        own, other = Directory(nodes, 1), Directory(nodes, 2)
        restore(own.folder, other.files)
        status, error = own.start()
        tap.check("the directory of another node is refused with both", status == 2 and "data directory of node 2" in error and "says node 1" in error
                  and own.folder in error, f"{status}: {error}")
        # Only its log, under the right identity: nothing else would tell them apart.
        restore(own.folder, {**other.files, "identity": own.files["identity"], "manifest": own.files["manifest"]})
        status, error = own.start()
        tap.check("the log of another node is refused with its file", status == 2 and "the log of another node or cluster" in error
                  and "put this node's own file back" in error, f"{status}: {error}")
        restore(own.folder, own.files)
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        tap.check("with its own files it starts", nodes.is_ready(1))


def one_node(tap):
    with cluster(PROGRAMS, nodes=1, settings=[f"log.segment_bytes={SEGMENT_BYTES}"]) as nodes:
        nodes.start([1])
        nodes.wait_ready([1])
        load(nodes)
        nodes.stop([1])
        # Started once more: from then on everything that was written before is vouched for.
        nodes.start([1])
        nodes.wait_ready([1])
        nodes.stop([1])
        directory = Directory(nodes, 1)
        for part in (dumped, identity, log, manifest, rights):
            tap.attempt(part.__name__, lambda: part(tap, directory))
            if contents(directory.folder) != directory.files:
                restore(directory.folder, directory.files)
        os.chmod(directory.folder, 0o750)
        accepted(tap, directory, "the directory as it was", lambda: None)


def main():
    tap = Tap()
    for part in (one_node, swapped):
        tap.attempt(part.__name__, lambda: part(tap))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
