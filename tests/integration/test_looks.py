#!/usr/bin/env python3
"""What people see: the live view, completion, help, colours and logs."""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

from fixture import Programs, Tap, cluster, gridctl, run, wait_exit

PROGRAMS = Programs(sys.argv)
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PATIENCE_SECONDS = 60
COLOR = re.compile(r"\x1b\[[0-9;]*m")
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ nodes (\d+)/(\d+) leaders (\d+)/(\d+) commands/s \d+ reads/s \d+ "
                  r"sagas \d+ ended/s \d+ log \d+ outbox \d+$")
TEXT_LOG = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info |warn |error) [a-z]+: .+$")
PYTHON_TOOLS_FOLDER = os.path.join(ROOT, "tools")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, arguments, environment=None, rows=24, columns=100):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        base = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        self.slave = slave
        self.process = subprocess.Popen(arguments, stdin=slave, stdout=slave, stderr=slave, close_fds=True,
                                        env={**base, "TERM": "xterm", **(environment or {})})
        self.text = ""

    def read_until(self, wanted):
        """True when the text came up."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not wanted(self.text):
            if not select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return False
            self.text += os.read(self.master, 65536).decode(errors="replace")
        return True

    def key(self, text):
        os.write(self.master, text.encode())

    def echoes(self):
        """Whether the terminal is as a shell left it: lines and echo."""
        return bool(termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO))

    def end(self):
        """(exit code, everything it wrote)"""
        code = self.process.wait(PATIENCE_SECONDS)
        while select.select([self.master], [], [], 0)[0]:
            self.text += os.read(self.master, 65536).decode(errors="replace")
        return code, self.text

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@contextlib.contextmanager
def terminal(*arguments, **more):
    made = Terminal(*arguments, **more)
    try:
        yield made
    finally:
        made.close()


def watch_command(nodes, *more):
    return [PROGRAMS.path("gridctl"), "cluster", "watch", "-e", nodes.endpoints(), *more]


# ---- cluster watch


def watch_lines(tap, nodes):
    code, out, error = gridctl(PROGRAMS, nodes, "cluster", "watch", "--count", "2")
    found = [LINE.match(line) for line in out.splitlines()]
    tap.check("not on a terminal, watch prints as many lines as asked for", code == 0 and len(found) == 2 and all(found),
              out + error)
    tap.check("with nodes and leaders", all(each and each.groups() == ("3", "3", "8", "8") for each in found), out)
    tap.check("and without control sequences", "\x1b" not in out, out)
    code, _, error = gridctl(PROGRAMS, nodes, "cluster", "watch", "--interval", "0")
    tap.check("an interval of 0 is wrong usage", code == 2 and "--interval" in error, error)


def first_line(stream, good):
    """The first JSON line that is good, or the last one read in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        shown = json.loads(stream.readline())
        if good(shown) or time.monotonic() > deadline:
            return shown


def watch_rates(tap, nodes):
    load = "".join(json.dumps({"key": f"k{i}", "value": "v" * 100}) + "\n" for i in range(2000))
    with subprocess.Popen(watch_command(nodes, "-o", "json"), stdout=subprocess.PIPE, text=True) as watch:
        first = json.loads(watch.stdout.readline())
        code, _, error = gridctl(PROGRAMS, nodes, "map", "load", "--file", "-", "--map", "w", text=load)
        wrote = first_line(watch.stdout, lambda shown: shown["commandsPerSecond"] > 0)
        gridctl(PROGRAMS, nodes, "map", "get", "k1", "--map", "w")
        read = first_line(watch.stdout, lambda shown: shown["readsPerSecond"] > 0)
        watch.send_signal(signal.SIGTERM)
        status = watch.wait(PATIENCE_SECONDS)
    tap.check("watch knows nodes and leaders", [each["state"] for each in first["nodes"]] == ["ready"] * 3 and
              sum(each["leaders"] for each in first["nodes"]) == 8 == first["withLeader"], str(first))
    tap.check("writes show as commands a second", code == 0 and wrote["commandsPerSecond"] > 0, error + str(wrote))
    tap.check("the log grows", wrote["logDiskBytes"] > first["logDiskBytes"], str(wrote))
    tap.check("reads show", read["readsPerSecond"] > 0 and sum(each["readsPerSecond"] for each in read["nodes"]) > 0, str(read))
    tap.check("SIGTERM ends a watch in order", status == 0, str(status))


def watch_sagas(tap, nodes):
    product = {"productId": "p", "sku": "S", "name": "Lamp", "price": "1.00", "currency": "EUR", "initialQuantity": 1000}
    customer = {"customerId": "c", "email": "c@example.com", "name": "Customer"}
    order = {"customerId": "c", "lines": [{"productId": "p", "quantity": 1}], "shippingAddress": "Main Street 1",
             "paymentMethod": "CREDIT_CARD"}
    gridctl(PROGRAMS, nodes, "customer", "create", "--file", "-", text=json.dumps(customer) + "\n")
    gridctl(PROGRAMS, nodes, "product", "create", "--file", "-", text=json.dumps(product) + "\n")
    with subprocess.Popen(watch_command(nodes, "-o", "json"), stdout=subprocess.PIPE, text=True) as watch:
        watch.stdout.readline()
        code, out, _ = gridctl(PROGRAMS, nodes, "order", "submit", "--file", "-", text=(json.dumps(order) + "\n") * 100)
        ended = first_line(watch.stdout, lambda shown: shown["sagasEndedPerSecond"] > 0)
        calm = first_line(watch.stdout, lambda shown: shown["sagasActive"] == 0 and shown["outboxPending"] == 0)
        watch.terminate()
    tap.check("sagas show as they end", code == 0 and ended["sagasEndedPerSecond"] > 0, out + str(ended))
    tap.check("and none is active in the end", calm["sagasActive"] == 0 and calm["outboxPending"] == 0, str(calm))


def watch_live(tap, nodes):
    with terminal(watch_command(nodes)) as live:
        drawn = live.read_until(lambda text: text.count("q quits") >= 2)
        tap.check("on a terminal watch draws again and again", drawn and "\x1b[?1049h" in live.text, live.text)
        tap.check("nodes and figures", all(part in live.text for part in ("ADDRESS", "commands", "outbox", "healthy")), live.text)
        tap.check("in colours", COLOR.search(live.text) is not None, live.text)
        live.key("q")
        code, text = live.end()
        tap.check("q quits, and the terminal is as before", code == 0 and text.endswith("\x1b[?1049l") and live.echoes(), repr(text[-80:]))
    with terminal(watch_command(nodes), environment={"NO_COLOR": "1"}, rows=6) as live:
        live.read_until(lambda text: text.count("q quits") >= 2)
        tap.check("NO_COLOR is honoured", COLOR.search(live.text) is None, live.text)
        first = live.text.split("\x1b[H")[1]  # a whole picture; the second may still be on its way
        tap.check("what does not fit is left out", first.count("\r\n") == 5 and "outbox" not in live.text, repr(live.text))
        live.key("\x03")
        tap.check("Ctrl-C quits too", live.end()[0] == 0)


def watch_troubles(tap, nodes):
    nodes.pause([3])
    with terminal(watch_command(nodes)) as live:
        seen = live.read_until(lambda text: "down" in text)
        tap.check("a frozen node shows as down", seen and "not healthy" in live.text, live.text)
        live.key("q")
        tap.check("q quits while a node is waited for", live.end()[0] == 0)
    nodes.resume([3])
    nodes.wait_ready(nodes.ids())


# ---- colours


def colors(tap, nodes):
    command = [PROGRAMS.path("gridctl"), "cluster", "status", "-e", nodes.endpoints()]
    for name, environment, wanted in (("on a terminal", {}, True), ("with NO_COLOR", {"NO_COLOR": "1"}, False),
                                      ("with an empty NO_COLOR", {"NO_COLOR": ""}, True)):
        with terminal(command, environment=environment) as shown:
            code, text = shown.end()
        tap.check(f"tables {name} have {'' if wanted else 'no '}colours",
                  code == 0 and (COLOR.search(text) is not None) == wanted, repr(text))
    code, out, _ = run(command)
    tap.check("into a file there are none", code == 0 and "\x1b" not in out, out)


# ---- help


def usage_of(tap, name, command):
    code, out, error = run(command + ["--help"])
    tap.check(f"{name} --help shows examples", code == 0 and re.search(r"^ *examples?:", out, re.I | re.M), out + error)


def helps(tap):
    """Every command that the table knows: completion is written from it."""
    _, script, _ = run([PROGRAMS.path("gridctl"), "completion", "bash"])
    commands = re.findall(r"^    '([\w-]+) ([\w-]+)'\) words=", script, re.M)
    tap.check("the table names its commands", len(commands) > 20 and ("cluster", "watch") in commands, str(commands))
    # A group whose words are options only is a command itself.
    alone = re.findall(r"^    '([\w-]+) '\) words=' --", script, re.M)
    groups = re.findall(r"^    '([\w-]+) '\) words='\w", script, re.M)
    tap.check("commands of a group stand together", len(groups) == len(set(groups)) and "restore" in alone and
              {group for group, _ in commands} == set(groups), str(groups))
    for words in [[group, name] for group, name in commands] + [[name] for name in alone]:
        code, out, _ = run([PROGRAMS.path("gridctl"), *words, "--help"])
        tap.check(f"gridctl {' '.join(words)} --help has an example", code == 0 and f"\n  gridctl {' '.join(words)}" in
                  out.partition("examples:")[2], out)
    for program in ("gridiron", "grid-sim"):
        usage_of(tap, program, [PROGRAMS.path(program)])
    shown = run([PROGRAMS.path("gridiron"), "--help"])[1]
    tap.check("no line of gridiron --help goes on at the edge of the screen", not re.search(r"^[a-z].*--help$", shown, re.M), shown)
    settings = shown.partition("\nSettings ")[2].partition("\n  ")[2].partition("\n\nExamples:")[0]
    tap.check("gridiron --help fits 80 columns, and a meaning goes on below its beginning", "raft.heartbeat_ms" in settings and
              all(len(line) < 80 and re.match(r"(  )?[a-z_.]+ +|" + " " * 29 + r"\S", line) for line in settings.split("\n")), settings)
    for name in sorted(os.listdir(PYTHON_TOOLS_FOLDER)):
        path = os.path.join(PYTHON_TOOLS_FOLDER, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            usage_of(tap, f"tools/{name}", [path])


# ---- completion


def complete_bash(script, line):
    """What bash offers at the end of the line, from the function that `complete` names."""
    words = re.findall(r"=|[^ =]+", line) + ([""] if line.endswith(" ") else [])
    shell = (f"source {script}\nset -- $(complete -p gridctl)\n[[ $2 == -F ]] || exit 9\nfunction=$3\n"
             "COMP_WORDS=(" + " ".join(f"'{word}'" for word in words) + f")\nCOMP_CWORD={len(words) - 1}\n"
             "$function\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
    code, out, error = run(["bash", "--norc", "-u", "-c", shell])
    assert code == 0 and error == "", f"{line}: {code} {out} {error}"
    return out.split()


def completion_bash(tap, folder):
    script = os.path.join(folder, "gridctl.bash")
    _, out, _ = run([PROGRAMS.path("gridctl"), "completion", "bash"])
    with open(script, "w", encoding="utf-8") as file:
        file.write(out)
    examples = os.path.join(ROOT, "examples", "ord")
    cases = (("gridctl clu", ["cluster"]), ("gridctl cluster ", ["status", "watch"]), ("gridctl map sca", ["scan"]),
             ("gridctl -o json map ca", ["cas"]), ("gridctl map cas --v", ["--value-file", "--version"]),
             ("gridctl cluster watch --o", ["--output"]), ("gridctl cluster watch --output ", ["table", "json", "ndjson", "yaml"]),
             ("gridctl cluster watch --output=j", ["json"]), ("gridctl -o ", ["table", "json", "ndjson", "yaml"]),
             ("gridctl bench map --op m", ["mixed"]), ("gridctl journal tail --from ", ["oldest", "newest"]), ("gridctl map get --map ", []), ("gridctl completion ", ["bash", "zsh"]),
             (f"gridctl order submit --file {examples}", [os.path.join(ROOT, "examples", "orders.ndjson")]),
             ("gridctl nonsense ", []))
    for line, wanted in cases:
        tap.run(f"bash completes '{os.path.basename(line)}'" if "/" in line else f"bash completes '{line}'",
                lambda: (sorted(complete_bash(script, line)) == sorted(wanted), str(complete_bash(script, line))))


ZSH = """
zmodload zsh/zpty
zpty shell zsh -f
zpty -w shell 'PS1= PROMPT_EOL_MARK=; unsetopt zle_bracketed_paste; fpath=(%s $fpath); autoload -U compinit; compinit -D -u; '\
'zstyle ":completion:*" format "<%%d>"; zstyle ":completion:*" list-colors ""; gridctl() { :; }; LISTMAX=1000; setopt no_beep; print rea''dy'
zpty -r -m shell line '*ready*'
zpty -n -w shell $'%s'
zpty -r -m shell line '*%s*' && print -r -- found
zpty -d shell
"""


def completion_zsh(tap, folder):
    code, out, error = run([PROGRAMS.path("gridctl"), "completion", "zsh"])
    tap.check("zsh's script names every group", code == 0 and all(
        f" {group}" in out for group in ("cluster", "map", "order", "completion")), out + error)
    if shutil.which("zsh") is None:
        return
    with open(os.path.join(folder, "_gridctl"), "w", encoding="utf-8") as file:
        file.write(out)
    code, _, error = run(["zsh", "-n", os.path.join(folder, "_gridctl")])
    tap.check("zsh reads it", code == 0, error)
    for line, wanted in (("gridctl clus\\t", "cluster"), ("gridctl cluster w\\t", "watch"),
                         ("gridctl cluster watch --int\\t", "interval"), ("gridctl cluster status --output j\\t", "json"),
                         ("gridctl bench map --op m\\t", "mixed")):
        code, out, error = run(["timeout", "20", "zsh", "-f", "-c", ZSH % (folder, line, wanted)])
        tap.check(f"zsh completes '{line[:-2]}' with {wanted}", "found" in out, f"{code} {out} {error}")


# ---- logs


def log_lines(settings):
    """What one node writes from its start to its end in order."""
    with cluster(PROGRAMS, nodes=1, partitions=2, settings=settings) as nodes:
        nodes.start([1])
        nodes.wait_ready([1])
        pid = nodes.pid(1)
        os.kill(pid, signal.SIGTERM)
        wait_exit(pid, PATIENCE_SECONDS)
        with open(nodes.path("node-1.log"), "rb") as file:
            return file.read()


def logs(tap):
    lines = log_lines(["log.format=json", "log.level=debug"]).decode("utf-8").splitlines()
    parsed = [json.loads(line) for line in lines]
    tap.check("every line is JSON with time, level, component and message", len(parsed) >= 2 and
              all(list(each) == ["time", "level", "component", "message"] for each in parsed), "\n".join(lines))
    tap.check("levels are words", {each["level"] for each in parsed} <= {"debug", "info", "warn", "error"}, "\n".join(lines))
    text = log_lines(["log.format=text", "log.level=info"]).decode("utf-8").splitlines()
    tap.check("as text each has time, level and component", len(text) >= 2 and all(TEXT_LOG.match(line) for line in text),
              "\n".join(text))
    silent = log_lines(["log.format=json", "log.level=error"])
    tap.check("lines below the level are left out", silent == b"", repr(silent))


def hostile_log(tap):
    """A path may hold anything but a zero byte."""
    config = os.path.join(ROOT, "examples", "node.yaml")
    for name, wanted in (('a"b\\c\td', 'a"b\\c\td'), ("ü", "ü"), ("\udcff", "\ufffd")):
        code, _, error = run([PROGRAMS.path("gridiron"), "--config", config, "--set", "log.format=json", "--data", "/proc/" + name])
        lines = error.splitlines()
        tap.run(f"a line about {name!r} is JSON", lambda: (code == 1 and wanted in json.loads(lines[0])["message"], error))


def main():
    tap = Tap()
    tap.attempt("help", lambda: helps(tap))
    tap.attempt("logs", lambda: logs(tap))
    tap.attempt("hostile log", lambda: hostile_log(tap))
    with cluster(PROGRAMS, nodes=3, partitions=8) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        for part in (completion_bash, completion_zsh):
            tap.attempt(part.__name__, lambda: part(tap, nodes.folder))
        for part in (watch_lines, watch_rates, watch_sagas, watch_live, watch_troubles, colors):
            tap.attempt(part.__name__, lambda: part(tap, nodes))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
