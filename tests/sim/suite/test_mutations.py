#!/usr/bin/env python3
"""Proves that tools/mutations refuses what it cannot do, and that its table still fits the tree."""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from tap import Tap

TOOL = os.path.join(ROOT, "tools", "mutations")
BUILDS = sys.argv[1] == "with-build"
SMALL = {"name": "small", "bug": "None.", "workload": "map", "seeds": 1, "reason": "I23",
         "edits": [{"file": "README.md", "old": ["# Gridiron"], "new": ["# Ironside"]}]}


def run(*arguments):
    done = subprocess.run([TOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def check_of(*mutations):
    """Status and output of --check with a table of these."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(mutations, file)
        return run("--check", "--table", path)


def with_edit(**changes):
    return {**SMALL, "edits": [{**SMALL["edits"][0], **changes}]}


def every_mutation_applies():
    status, out = run("--check")
    return status == 0 and out.count("applies") >= 10, out


def refuses_what_does_not_apply():
    wrong = {"gone": with_edit(old=["this text stands nowhere"]), "twice": with_edit(old=["e"]),
             "no file": with_edit(file="no/such/file.c")}
    results = {name: check_of(SMALL, mutation | {"name": name}) for name, mutation in wrong.items()}
    missed = [name for name, (status, out) in results.items()
              if status != 1 or f"DOES NOT APPLY  {name}" not in out or "applies         small" not in out]
    return not missed, f"not refused: {missed}\n{results}"


def usage_errors():
    without_reason = {key: value for key, value in SMALL.items() if key != "reason"}
    statuses = [check_of(without_reason)[0], check_of(SMALL, SMALL)[0], check_of({**SMALL, "reason": "("})[0],
                run("--only", "no-such-mutation")[0], run("--nonsense")[0]]
    return statuses == [2] * len(statuses), f"{statuses}"


def help_and_list():
    status, text = run("--help")
    listed, names = run("--list")
    return status == 0 and "examples:" in text and listed == 0 and "compare-and-set-takes-newer" in names, text + names


def catches_one():
    status, out = run("--only", "compare-and-set-takes-newer")
    return status == 0 and out.startswith("caught") and "I23" in out, f"status {status}\n{out}"


tap = Tap()
tap.run("every mutation of the table still applies", every_mutation_applies)
tap.run("a mutation whose text is gone, there twice or without a file is refused", refuses_what_does_not_apply)
tap.run("usage errors end with status 2", usage_errors)
tap.run("help and list", help_and_list)
if BUILDS:
    tap.run("builds the tree with a bug and catches it", catches_one)
sys.exit(tap.end())
