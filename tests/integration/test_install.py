#!/usr/bin/env python3
"""What `meson install` gives: a client library that shows what its header declares and nothing else, usable from C and C++
through pkg-config, shared and static, and the programs that go with it."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from fixture import Programs, Tap, cluster, run

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EXAMPLES = os.path.join(ROOT, "client", "examples")
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]

# A program whose own functions have the names that the library uses inside.
CLASHES = """
#include <grid_client.h>
#include <stdio.h>
int buffer_append(void); int buffer_append(void) { return 1; }
int memory_zero(void); int memory_zero(void) { return 1; }
int client_open(void); int client_open(void) { return 1; }
int grid_err_name(void); int grid_err_name(void) { return 1; }
int main(int count, char **arguments)
{
    struct grid_options options = {.endpoints_count = 1, .timeout_ms = 30000};
    struct grid_blocking *client;
    const char *endpoint = arguments[count - 1];
    uint64_t size = 0;
    options.endpoints = &endpoint;
    enum grid_outcome outcome = grid_blocking_open(&options, &client);
    if (outcome == GRID_OUTCOME_OK) {
        outcome = grid_blocking_size(client, "clashes", &size);
        grid_blocking_close(client);
    }
    printf("%s %d\\n", grid_outcome_name(outcome), buffer_append() + memory_zero() + client_open() + grid_err_name());
    return outcome != GRID_OUTCOME_OK;
}
"""

# Parent and child with one blocking client: the parent can still use it after the child has used its copy.
FORKS = r"""
#include <grid_client.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static enum grid_outcome set(struct grid_blocking *client, const char *value)
{
    struct grid_key key = grid_key_text(value);
    struct grid_result *result;
    enum grid_outcome outcome = grid_blocking_set(client, "forks", &key, grid_text(value), &result);
    if (outcome == GRID_OUTCOME_FORKED)
        printf("child: %s\n", grid_result_reply(result)->note);
    grid_result_close(result);
    return outcome;
}
static int child(struct grid_blocking *parents, const struct grid_options *options)
{
    struct grid_blocking *client;
    uint64_t size = 0;
    if (set(parents, "x") != GRID_OUTCOME_FORKED || grid_blocking_size(parents, "forks", &size) != GRID_OUTCOME_FORKED)
        return 2;
    grid_blocking_close(parents);
    if (grid_blocking_open(options, &client) != GRID_OUTCOME_OK || set(client, "child") != GRID_OUTCOME_OK)
        return 3;
    grid_blocking_close(client);
    return fflush(stdout) == 0 ? 0 : 4;
}
int main(int count, char **arguments)
{
    const char *endpoint = arguments[count - 1];
    struct grid_options options = {.endpoints = &endpoint, .endpoints_count = 1, .timeout_ms = 30000};
    struct grid_blocking *client;
    char value[32];
    uint64_t size = 0;
    int status;
    if (grid_blocking_open(&options, &client) != GRID_OUTCOME_OK || set(client, "parent") != GRID_OUTCOME_OK)
        return 1;
    pid_t id = fork();
    if (id == 0)
        _exit(child(client, &options));
    for (int i = 0; i < 100; i++) {
        snprintf(value, sizeof value, "parent-%d", i);
        if (set(client, value) != GRID_OUTCOME_OK)
            return 5;
    }
    if (waitpid(id, &status, 0) != id || status != 0 || grid_blocking_size(client, "forks", &size) != GRID_OUTCOME_OK)
        return 6;
    grid_blocking_close(client);
    printf("%d entries\n", (int)size);
    return 0;
}
"""


class Installed:
    """The installation in a folder of its own."""

    def __init__(self, build, folder):
        self.folder = folder
        self.destination = os.path.join(folder, "destination")
        # Everything was built as a dependency of this test; a build from inside the tests would wait for itself.
        done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", self.destination],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
        self.failure = done.stdout if done.returncode else ""
        self.prefix = os.path.join(self.destination, "usr", "local")
        self.files = sorted(os.path.relpath(os.path.join(at, name), self.prefix)
                            for at, _, names in os.walk(self.prefix) for name in names)

    def find(self, name):
        found = [file for file in self.files if os.path.basename(file) == name]
        assert len(found) == 1, f"{name}: found {found}"
        return os.path.join(self.prefix, found[0])

    def program(self, name):
        return os.path.join(self.prefix, "bin", name)

    def library_folder(self):
        return os.path.dirname(self.find("libgridiron.so.0.1.0"))

    def pkg_config(self, *options):
        environment = {"PKG_CONFIG_PATH": os.path.dirname(self.find("gridiron.pc"))}
        status, out, error = run(["pkg-config", f"--define-variable=prefix={self.prefix}", *options, "gridiron"], environment=environment)
        assert status == 0, error
        return out.split()

    def compile(self, compiler, source, name, *options, static=False, libraries=()):
        """The program's path; compiled with what pkg-config says and nothing of the tree."""
        out = os.path.join(self.folder, name)
        ours = self.pkg_config("--static", "--libs") if static else self.pkg_config("--libs")
        if static:
            ours[ours.index("-lgridiron")] = "-l:libgridiron.a"
        status, output, error = run([*compiler, *WARNINGS, *options, *self.pkg_config("--cflags"), source, "-o", out, *ours, *libraries])
        assert status == 0, output + error
        return out

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run(self, *command):
        return run(list(command), environment={"LD_LIBRARY_PATH": self.library_folder()})


def names_of_header(path):
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    types = set(re.findall(r"typedef [^;]*?\(\*(\w+)\)", text))
    return set(re.findall(r"\b(grid_\w+)\(", text)) - types


def symbols(*command):
    status, out, error = run(["nm", *command])
    assert status == 0, error
    return {line.split()[-1].split("@")[0] for line in out.splitlines() if re.search(r" [TDBRVW] ", line)}


def check_library(tap, here):
    declared = names_of_header(here.find("grid_client.h"))
    shown = symbols("-D", "--defined-only", here.find("libgridiron.so.0.1.0"))
    archived = symbols("-g", "--defined-only", here.find("libgridiron.a"))
    tap.check("the header declares functions, all called grid_", len(declared) > 50 and all(n.startswith("grid_") for n in declared))
    tap.check("the shared library shows what the header declares and nothing else", shown == declared, f"differ: {shown ^ declared}")
    tap.check("so does the static library", archived == declared, f"differ: {archived ^ declared}")
    _, dynamic, _ = run(["readelf", "-d", here.find("libgridiron.so.0.1.0")])
    tap.check("its soname is libgridiron.so.0", "soname: [libgridiron.so.0]" in dynamic, dynamic)
    strings = run(["strings", "-a", here.find("libgridiron.so.0.1.0")])[1].lower()
    found = [word for word in ("ledger", "payment", "jansson", "gridctl") if word in strings + dynamic.lower()]
    tap.check("the library knows nothing of payments, nor of the command line", not found, f"found: {found}")


def check_versions(tap, here):
    with open(here.find("grid_client.h"), encoding="utf-8") as file:
        parts = re.findall(r"#define GRID_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", file.read())
    version = ".".join(parts)
    said = {"pkg-config": " ".join(here.pkg_config("--modversion")), **{name: run([here.program(name), "--version"])[1].strip() for name in ("gridiron", "gridctl")}}
    wanted = {"pkg-config": version, "gridiron": f"gridiron {version}", "gridctl": f"gridctl {version}"}
    tap.check("header, package and programs say one version", said == wanted, f"{said} is not {wanted}")


def check_texts(tap, here):
    """Manual pages, completions, and what the service needs."""
    gridctl = here.find("gridctl.1")
    with open(gridctl, encoding="utf-8") as file:
        page = file.read().replace("\\-", "-")
    commands = re.findall(r"^  ([a-z]+ [a-z-]+) ", run([here.program("gridctl"), "--help"])[1], re.M)
    missing = [command for command in commands if f'.SS "{command}' not in page]
    tap.check("the manual page of gridctl has every command", len(commands) > 30 and not missing, f"{commands}: {missing}")
    with open(here.find("gridiron.8"), encoding="utf-8") as file:
        page = file.read().replace("\\-", "-")
    settings = re.findall(r"^  ([a-z_]+(?:\.[a-z_]+)?)  ", run([here.program("gridiron"), "--help"])[1], re.M)
    missing = [name for name in settings + ["-c, --config", "-r, --rejoin", "-V, --version"] if f"\\fB{name}\\fR" not in page]
    tap.check("that of gridiron every option and setting", len(settings) > 20 and not missing, f"{settings}: {missing}")
    if shutil.which("groff"):
        for name in ("gridctl.1", "gridiron.8"):
            status, _, error = run(["groff", "-man", "-ww", "-z", "-Tutf8", here.find(name)])
            tap.check(f"groff has nothing against {name}", status == 0 and not error, error)
    script = os.path.join("share", "bash-completion", "completions", "gridctl")
    status, _, error = run(["bash", "-n", os.path.join(here.prefix, script)])
    tap.check("the completion for bash is there, and a script", status == 0 and "share/zsh/site-functions/_gridctl" in here.files, error)
    unit = here.find("gridiron.service")
    with open(unit, encoding="utf-8") as file:
        text = file.read()
    tap.check("the unit starts what was installed",
              "ExecStart=/usr/local/bin/gridiron --config /usr/local/etc/gridiron/node.yaml\n" in text and "@" not in text.replace("@system", "").replace("@privileged", ""), text)
    if shutil.which("systemd-analyze"):
        status, out, error = run(["systemd-analyze", "security", "--offline=true", "--threshold=20", unit])
        tap.check("systemd finds little to hold against the unit", status == 0, (out + error)[-300:])
    run_check = [here.program("gridiron"), "--config", here.find("node.yaml"), "--data", os.path.join(here.folder, "data"), "--check"]
    status, out, error = run(run_check)
    tap.check("the configuration that comes with it is good", status == 0 and "configuration is good" in out, out + error)
    tap.check("the user is declared, and the licence is there", {"lib/sysusers.d/gridiron.conf", "share/doc/gridiron/LICENSE"} <= set(here.files), str(here.files))


def check_use(tap, here, cc, cxx, endpoint):
    """The examples as they are shipped, and a program whose names clash, against a running node."""
    outputs = {}
    for name, arguments in (("counter", ["visits"]), ("pipeline", ["200"]), ("accounts", [])):
        path = here.compile(cc, os.path.join(EXAMPLES, name + ".c"), name, "-std=c11", "-D_POSIX_C_SOURCE=200809L",
                            libraries=["-luv"] if name == "pipeline" else [])
        outputs[name] = here.run(path, endpoint, *arguments)
    failed = {name: output for name, output in outputs.items() if output[0] != 0 or not output[1]}
    tap.check("the C examples are compiled against the installed files and do what they say", not failed, str(failed))
    path = here.compile(cxx, os.path.join(EXAMPLES, "greeting.cc"), "greeting", "-std=c++11")
    status, out, error = here.run(path, endpoint, "good day")
    tap.check("so is the C++ example", status == 0 and out.startswith("good day (version "), out + error)
    source = here.write("forks.c", FORKS)
    status, out, error = here.run(here.compile(cc, source, "forks", "-std=c11", "-D_POSIX_C_SOURCE=200809L"), endpoint)
    tap.check("in a child of a fork calls say that the client is the parent's, which goes on with it",
              status == 0 and "the child must open one of its own" in out and out.endswith("102 entries\n"), f"{status}: {out}{error}")
    source = here.write("clashes.c", CLASHES)
    for static in (False, True):
        path = here.compile(cc, source, f"clashes-{static}", "-std=c11", static=static)
        status, out, error = here.run(path, endpoint)
        kind = "static" if static else "shared"
        tap.check(f"a program with functions of the same names works with the {kind} library", (status, out) == (0, "OK 4\n"),
                  f"{status}: {out}{error}")
        needed = "libgridiron" in run(["readelf", "-d", path])[1]
        tap.check(f"and is linked with the {kind} one", needed != static)


def main(argv):
    programs = Programs(argv)
    build, cc, cxx = argv[3], argv[4].split(), ["c++"]
    tap = Tap()
    folder = tempfile.mkdtemp(prefix="gridiron-install-")
    try:
        here = Installed(build, folder)
        tap.check("meson install succeeds", not here.failure, here.failure)
        tap.attempt("library", lambda: check_library(tap, here))
        tap.attempt("texts", lambda: check_texts(tap, here))
        tap.attempt("versions", lambda: check_versions(tap, here))
        with cluster(programs, nodes=1, partitions=4) as nodes:
            nodes.start(nodes.ids())
            nodes.wait_ready(nodes.ids())
            tap.attempt("use", lambda: check_use(tap, here, cc, cxx, nodes.endpoints()))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
