#!/usr/bin/env python3
"""A clone that was moved or copied builds itself anew: tools/up and tools/test, on a project of one file."""
import contextlib
import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from types import SimpleNamespace

TOOLS = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.dirname(TOOLS), "tests", "support"))
from tap import Tap  # noqa: E402

NEEDED = ("up", "test", "test_results", "build_folder.py", "cluster_nodes.py", "package")
# The header is found by its absolute path, as configured ones are.
MESON = """project('small', 'c', version : '1')
add_project_arguments('-I' + meson.project_source_root() / 'place', language : 'c')
subdir('bin')
test('place', one)
"""
BIN = "one = executable('gridiron', '../one.c', install : true)\nexecutable('gridctl', '../one.c')\n"
PROGRAM = '#include <stdio.h>\n#include "place.h"\nint main(void) { puts(PLACE); return 0; }\n'


def make(folder):
    os.makedirs(os.path.join(folder, "tools"))
    os.makedirs(os.path.join(folder, "bin"))
    for name in NEEDED:
        shutil.copy(os.path.join(TOOLS, name), os.path.join(folder, "tools", name))
    for name, text in (("meson.build", MESON), ("bin/meson.build", BIN), ("one.c", PROGRAM),
                       ("meson_options.txt", "option('tests', type : 'boolean', value : true)\n")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    name_place(folder)


def name_place(folder):
    os.makedirs(os.path.join(folder, "place"), exist_ok=True)
    with open(os.path.join(folder, "place", "place.h"), "w", encoding="utf-8") as file:
        file.write(f'#define PLACE "{folder}"\n')


def place_of(folder):
    done = subprocess.run([os.path.join(folder, "build", "bin", "gridiron")], capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip()


def run_test(folder):
    done = subprocess.run([os.path.join(folder, "tools", "test"), "--release-only", "--no-install"], capture_output=True, encoding="utf-8", check=False)
    return done.returncode, done.stdout + done.stderr


def run_up(folder):
    """The part of tools/up that builds."""
    loader = importlib.machinery.SourceFileLoader("up_" + os.path.basename(folder), os.path.join(folder, "tools", "up"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    for name in ("cluster_nodes", "build_folder"):
        sys.modules.pop(name, None)
    sys.path.insert(0, os.path.join(folder, "tools"))
    loader.exec_module(module)
    module.build(module.Screen(True), SimpleNamespace(programs=None))
    return module.BUILD


def main():
    tap = Tap()
    top = os.path.realpath(tempfile.mkdtemp(prefix="gridiron-moved-"))
    first, second, third = (os.path.join(top, name) for name in ("first", "second", "third"))
    try:
        make(first)
        code, out = run_test(first)
        tap.check("a fresh clone is built and tested", code == 0 and "1 passed, 0 failed" in out and place_of(first) == first, out)
        code, out = run_test(first)
        tap.check("again, without being configured anew", code == 0 and "configured again" not in out, out)
        shutil.move(first, second)
        name_place(second)
        with contextlib.redirect_stdout(sys.stderr):
            built = run_up(second)
        tap.check("tools/up after it was moved", built == os.path.join(second, "build") and place_of(second) == second, place_of(second))
        shutil.copytree(second, third, symlinks=True)
        name_place(third)
        code, out = run_test(third)
        tap.check("tools/test after it was copied, while the first is still there", code == 0 and "1 passed, 0 failed" in out and place_of(third) == third,
                  out + place_of(third))
        tap.check("and the other one is as it was", place_of(second) == second)
    finally:
        shutil.rmtree(top)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
