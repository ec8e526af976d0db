#!/usr/bin/env python3
"""Proves that tools/purity catches an archive that imports something impure: test_purity.py TOOL COMPILER…"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import Tap

PURE = """#include <string.h>
#include <stddef.h>
void *arena_alloc(void *arena, size_t size);
int helper(int a);
int decide(void *arena, const char *text, size_t size) { memcpy(arena_alloc(arena, size), text, size); return helper((int)size); }
"""
HELPER = "int helper(int a);\nint helper(int a) { return a + 1; }\n"
IMPURE = {
    "time": ("#include <time.h>\nlong f(void);\nlong f(void) { return (long)time(0); }\n", "time: time"),
    "the system's clock": ("#include <time.h>\nint f(struct timespec *t);\nint f(struct timespec *t) { return clock_gettime(0, t); }\n",
                           "clock_gettime: time"),
    "randomness": ("#include <stdlib.h>\nint f(void);\nint f(void) { return rand(); }\n", "rand: randomness"),
    "output": ("#include <stdio.h>\nvoid f(int a);\nvoid f(int a) { printf(\"%d\", a); }\n", "input and output"),
    "the environment": ("#include <stdlib.h>\nchar *f(void);\nchar *f(void) { return getenv(\"A\"); }\n", "getenv: process state"),
    "an unknown function": ("int stranger(int a);\nint f(int a);\nint f(int a) { return stranger(a); }\n",
                            "stranger: not on the allow list"),
    "a function's address": ("#include <time.h>\nvoid *f(void);\nvoid *f(void) { return (void *)(long)&time; }\n", "time: time"),
}


def archive(folder, name, compiler, *sources):
    objects = []
    for number, text in enumerate(sources):
        source = os.path.join(folder, f"{name}{number}.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        objects.append(source[:-1] + "o")
        subprocess.run(compiler + ["-O0", "-w", "-c", source, "-o", objects[-1]], check=True)
    path = os.path.join(folder, f"lib{name}.a")
    subprocess.run(["ar", "rcs", path] + objects, check=True)
    return path


def purity(*archives):
    return subprocess.run([sys.executable, sys.argv[1], *archives], stdout=subprocess.PIPE, encoding="utf-8", check=False)


def main():
    tap = Tap()
    compiler = sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        pure = archive(folder, "pure", compiler, PURE, HELPER)
        run = purity(pure)
        tap.check("permits a pure archive", run.returncode == 0, run.stdout)
        alone = archive(folder, "alone", compiler, PURE)
        tap.check("a helper outside the archives is not permitted", "helper: not on" in purity(alone).stdout)
        helper = archive(folder, "helper", compiler, HELPER)
        tap.check("archives may use each other", purity(alone, helper).returncode == 0)
        for number, (what, (text, expected)) in enumerate(IMPURE.items()):
            run = purity(pure, archive(folder, f"impure{number}", compiler, HELPER.replace("helper", f"h{number}"), text))
            tap.check(f"catches {what}", run.returncode == 1 and expected in run.stdout, run.stdout)
        tap.check("a missing archive is not a success", purity(os.path.join(folder, "none.a")).returncode != 0)
        empty = os.path.join(folder, "empty.a")
        subprocess.run(["ar", "rcs", empty], check=True)
        tap.check("an empty archive is not a success", purity(empty).returncode != 0)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
