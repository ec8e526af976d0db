#!/usr/bin/env python3
"""Compiles every header of the tree alone, twice included, with the project's own flags: test_headers.py SOURCE BUILD

The flags are those of a source file in the header's folder (or of the nearest one), taken from compile_commands.json.
"""
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap

FOLDERS = ("grid", "raft", "services", "client", "tools", "tests")
VALUES = ("-o", "-MF", "-MQ", "-MT")


def headers(root):
    for top in FOLDERS:
        for folder, folders, files in os.walk(os.path.join(root, top)):
            folders.sort()
            yield from (os.path.relpath(os.path.join(folder, name), root) for name in sorted(files) if name.endswith(".h"))


def flags_by_folder(source, build):
    """Folder of the tree -> compiler and flags of one of its C files."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    flags = {}
    for command in commands:
        path = os.path.relpath(os.path.normpath(os.path.join(command["directory"], command["file"])), source)
        words = iter(shlex.split(command["command"]))
        kept = []
        for word in words:
            if word in VALUES:
                next(words)
            elif word not in ("-c", "-MD", "-MMD", command["file"]):
                kept.append(word)
        if path.endswith(".c") and not path.startswith(".."):
            flags.setdefault(os.path.dirname(path), kept)
    return flags


def nearest(flags, folder):
    """The flags of the folder that shares the longest path with this one."""
    return flags[max(sorted(flags), key=lambda each: len(os.path.commonpath([each, folder])) if each and folder else 0)]


def compile_alone(command, build, header):
    include = f'#include "{header}"\n'
    # A header that only defines macros would leave the unit empty, which strict C does not allow.
    run = subprocess.run(command + ["-Werror", "-fsyntax-only", "-x", "c", "-"], input=include * 2 + "int unit_is_not_empty(void);\n",
                         cwd=build, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
    return run.returncode == 0, run.stdout


def leaning_header_compiles(command, build):
    path = os.path.join(build, "tests", "compile", "leans_on_others.h")
    with open(path, "w", encoding="utf-8") as file:
        file.write("uint32_t leans_on_others(void);\n")
    return compile_alone(command, build, path)[0]


def main():
    source, build = sys.argv[1:3]
    tap = Tap()
    flags = flags_by_folder(source, build)
    with ThreadPoolExecutor(2) as pool:
        found = list(headers(source))
        results = pool.map(lambda header: compile_alone(nearest(flags, os.path.dirname(header)), build, header), found)
        for header, (good, output) in zip(found, results):
            tap.check(f"{header} compiles alone", good, output)
    tap.check("a header that leans on its includer is caught", not leaning_header_compiles(nearest(flags, "grid/base"), build))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
