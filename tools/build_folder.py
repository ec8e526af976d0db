#!/usr/bin/env python3
"""Configures a build folder again that was configured for another place: after a clone was moved or copied.

usage: tools/build_folder.py FOLDER

Meson keeps the paths of source and build. After a move it fails with a trace, and after a copy it compiles against the headers of the first
clone. The options stay as they are; everything is compiled again. Nothing is done to a folder that is right, or that does not exist.

example:
  tools/build_folder.py build
"""
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def configured_for(folder):
    """Source and build, as the folder knows them; None: it is no build folder."""
    try:
        with open(os.path.join(folder, "meson-info", "meson-info.json"), encoding="utf-8") as file:
            directories = json.load(file)["directories"]
        return directories["source"], directories["build"]
    except (OSError, ValueError, KeyError):
        return None


def renew(folder, source=ROOT):
    """True when the folder was configured again, or removed because that failed."""
    known, wanted = configured_for(folder), (source, os.path.abspath(folder))
    if known is None or [os.path.realpath(path) for path in known] == [os.path.realpath(path) for path in wanted]:
        return False
    print(f"{folder} was configured for {known[0]}; it is configured again for {source}", flush=True)
    done = subprocess.run(["meson", "setup", "--wipe", wanted[1], source], cwd=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        shutil.rmtree(folder)
    return True


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stdout if len(sys.argv) == 2 else sys.stderr)
        sys.exit(0 if len(sys.argv) == 2 else 2)
    renew(sys.argv[1])
