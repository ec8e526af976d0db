#!/usr/bin/env python3
"""Documents stay true: every command in a ```console block is run against a cluster, and what the block shows of its output
must come; every command that is named in the text exists, with its options.

In a block, a line that begins with "$ " is a command; the lines below it must be found in its output. Commands that
build, install or take over the machine are not run; their options are looked up in their help. tools/cluster is pointed
at the test's own cluster."""
import glob
import os
import re
import shlex
import sys

from fixture import Programs, Tap, cluster, run

PROGRAMS = Programs(sys.argv)
ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
NOT_RUN = ("./tools/up", "./tools/down", "./tools/test", "tools/package", "tools/packages", "sudo", "sudoedit", "grid-sim", "build/bin/grid-sim", "meson", "ninja")
INLINE = re.compile(r"`((?:\./tools/|tools/|build/bin/|gridctl )[^`]*)`")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SEPARATORS = ("|", "&&", "||", ";")
MANY = 30


def documents():
    paths = ["README.md", "CONTRIBUTING.md", os.path.join("examples", "README.md")]
    return paths + sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs", "guides", "*.md")))


def blocks(text):
    """Per console block: pairs of a command and the lines that its output must hold."""
    for language, body in FENCE.findall(text):
        steps = []
        for line in body.splitlines() if language == "console" else ():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
        if steps:
            yield steps


def simple_commands(line):
    """The words of each command of a pipeline or list."""
    words = []
    for word in shlex.split(re.sub(r"<\((.*?)\)", r"; \1", line), comments=True):
        if word.rstrip(";") in ("",) or word in SEPARATORS:
            yield words
            words = []
        elif word.endswith(";"):
            yield words + [word[:-1]]
            words = []
        else:
            words.append(word)
    yield words


def program_of(word):
    """The file of a program of the project; None: the program is not of the project."""
    if word == "gridctl" or word.startswith("build/bin/"):
        return PROGRAMS.path(os.path.basename(word))
    if word.startswith(("./tools/", "tools/")):
        return os.path.join(ROOT, word)
    return None


HELPS = {}


def help_of(*command):
    if command not in HELPS:
        code, out, _ = run([*command, "--help"])
        HELPS[command] = out if code == 0 else None
    return HELPS[command]


def unknown_parts(words):
    """The parts of a command that do not exist: its program, its gridctl command, or an option."""
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    program = program_of(words[0]) if words else None
    if program is None:
        return []
    if not os.path.exists(program):
        return [words[0]]
    if not os.path.isfile(program) or not os.access(program, os.X_OK):
        return []
    plain = [word for word in words[1:] if not word.startswith("-")]
    command = (program, *plain[:2]) if os.path.basename(program) == "gridctl" and len(plain) >= 2 else (program,)
    if os.path.basename(program) == "gridiron" and plain[:1] == ["dump"]:
        command = (program, "dump")
    text = help_of(*command)
    if text is None:
        return [" ".join(words)]
    options = [word.partition("=")[0] for word in words[1:] if word.startswith("-") and len(word) > 1]
    return [option for option in options if option not in ("--help", "-h") and
            not re.search(r"(?<![\w-])" + re.escape(option) + r"(?![\w-])", text)]


def is_run(line):
    return not any(words and words[0] in NOT_RUN for words in simple_commands(line))


def runnable(line, nodes):
    """The command as it is run here: this build's programs, this test's cluster."""
    line = re.sub(r"(?<![\w/])build/bin/", PROGRAMS.bin + "/", line)
    return re.sub(r"(?<![\w/])(?:\./)?tools/cluster (\w+)( all| \d+)?", rf"tools/cluster \1\2 --dir {nodes.folder}", line)


def run_line(tap, nodes, path, line, expected):
    environment = {"GRIDIRON_ENDPOINTS": nodes.endpoints(), "XDG_CONFIG_HOME": nodes.folder, "PATH": PROGRAMS.bin + os.pathsep + os.environ["PATH"]}
    starts = re.fullmatch(r"(?:\./)?tools/cluster start (all|\d+)", line)
    if starts:
        # By hand: tools/cluster takes its nodes from build/, and this may be another build.
        chosen = list(nodes.ids()) if starts[1] == "all" else [int(starts[1])]
        started = nodes.start(chosen)
        nodes.wait_ready(chosen)
        code, out, error = 0, f"{len(started)} started", ""
    else:
        code, out, error = run(["bash", "-c", f"set -o pipefail; cd {shlex.quote(ROOT)}; {runnable(line, nodes)}"],
                               environment=environment)
    at, missing = 0, []
    for wanted in expected:
        found = out.find(wanted.strip(), at)
        missing += [wanted] if found < 0 else []
        at = max(at, found)
    tap.check(f"{path}: $ {line}", code == 0 and not missing, f"status {code}, missing {missing} in: {out}{error}")


def check_text(tap, path, text):
    named = INLINE.findall(re.sub(FENCE, "", text)) + [line for steps in blocks(text) for line, _ in steps]
    for line in named:
        unknown = [part for words in simple_commands(line.replace("...", "")) for part in unknown_parts(words)]
        tap.check(f"{path}: {line}: exists with its options", not unknown, str(unknown))
    return len(named)


def proves_itself(tap):
    """The check catches what it is for."""
    for bad in ("gridctl cluster wach", "build/bin/gridctl map set a b --colour red", "tools/no_such_tool", "tools/cluster start --speed 3",
                "true && gridctl map fetch x"):
        tap.check(f"catches '{bad}'", any(unknown_parts(words) for words in simple_commands(bad)))
    tap.check("reads a block", list(blocks("```console\n$ a | b\nout\n$ c\n```\n```\n$ d\n```\n")) ==
              [[("a | b", ["out"]), ("c", [])]])


def main():
    tap = Tap()
    tap.attempt("proves itself", lambda: proves_itself(tap))
    named = ran = 0
    with cluster(PROGRAMS, nodes=3, partitions=8) as nodes:
        nodes.save()
        # The guide begins with starting the nodes and fills them; what the others show is then there.
        for path in sorted(documents(), key=lambda path: not path.endswith("command-line.md")):
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                text = file.read()
            named += check_text(tap, path, text)
            for line, expected in [step for steps in blocks(text) for step in steps]:
                if is_run(line):
                    ran += 1
                    tap.attempt(f"{path}: $ {line}", lambda: run_line(tap, nodes, path, line, expected))
    tap.check("there are many of them", ran > MANY and named > ran, f"{named} named, {ran} run")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
