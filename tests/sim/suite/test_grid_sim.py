#!/usr/bin/env python3
"""Proves that grid-sim repeats runs, finds what it is there to find, and can be used by scripts."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support"))
from tap import Tap

GRID_SIM = sys.argv[1]
SANITIZED = sys.argv[2] == "sanitized"


def run(*arguments):
    done = subprocess.run([GRID_SIM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stdout, done.stderr


def trace(seed):
    return re.search(r"^seed \d+ trace ([0-9a-f]{16})$", run("--seed", seed, "-v")[2], re.MULTILINE).group(1)


def same_seed_same_run():
    first, second, other = trace("5"), trace("5"), trace("6")
    return first == second and first != other, f"{first} {second} {other}"


def summary_names_the_numbers():
    status, out, _ = run("--seeds", "2", "--twice", "2")
    wanted = [r"commits +[1-9]", r"crashes +[0-9]", r"sometimes:", r"2 seeds, 1 of them twice, 0 failed", r"times real time"]
    missing = [each for each in wanted if not re.search(each, out)]
    return status == 0 and not missing, f"status {status}, missing {missing}"


def finds_the_missing_shim():
    """Without S1 a follower acknowledges what it never checked; some seed of a thousand shows it, and shows it again. S23 would undo the harm in time."""
    status, out, _ = run("--seeds", "1000", "--twice", "0", "--disable-shim", "S1", "--disable-shim", "S23", "--stop")
    repeat = re.search(r"repeat: grid-sim (.*) -v$", out, re.MULTILINE)
    if status != 1 or not repeat:
        return False, f"status {status}\n{out}"
    again, text, _ = run(*repeat.group(1).split())
    return again == 1 and "FAILED" in text, f"the repetition ended with {again}\n{text}"


def frames_of_minutes_ago():
    """F13: without other faults links live long enough for a frame to come again after minutes; transfers begin new terms."""
    status, out, _ = run("--only-fault", "old-frame", "--seconds", "240", "--seeds", "2", "--twice", "0")
    reached = re.search(r"F13 a frame arrives again after more than a minute +[1-9]", out)
    return status == 0 and reached is not None, f"status {status}\n{out}"


def usage_errors():
    bad = [["--seeds"], ["--seeds", "x"], ["--seed", "-1"], ["--disable-shim", "S99"], ["--workload", "none"],
           ["--no-fault", "none"], ["--nonsense", "1"], ["--jobs", "1000"]]
    wrong = [each for each in bad if run(*each)[0] != 2]
    return not wrong, f"not refused with status 2: {wrong}"


def help_and_list():
    status, text, _ = run("--help")
    listed, names, _ = run("--list")
    faults = run("--list-faults")[1]
    wanted = ["F12", "F13", "F69", "F71", "F72", "F74", "F75"] + [f"F{number}" for number in range(26, 37)]
    missing = [each for each in wanted if each not in faults]
    return (status == 0 and "examples:" in text and listed == 0 and "counter" in names and "crash-all" in names
            and not missing), f"{missing}\n{text}{names}"


tap = Tap()
tap.run("the same seed gives the same run", same_seed_same_run)
tap.run("the summary names the numbers", summary_names_the_numbers)
if not SANITIZED:  # slow elsewhere
    tap.run("finds a violation without S1 and repeats it", finds_the_missing_shim)
tap.run("frames come again minutes later", frames_of_minutes_ago)
tap.run("usage errors end with status 2", usage_errors)
tap.run("help and list", help_and_list)
sys.exit(tap.end())
