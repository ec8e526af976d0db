#!/usr/bin/env python3
"""The Debian package of tools/package, in a copy of this system that is thrown away: it installs, its service's command runs as
its user, and it goes without a trace. Needs root, and says so when it is not.

Run inside the copy, as `test_package.py inside PACKAGE`, it prints one line of TAP per check."""
import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

READY_SECONDS = 60
STATE, CONFIG, UNIT = "/var/lib/gridiron", "/etc/gridiron/node.yaml", "/usr/lib/systemd/system/gridiron.service"
ENTRY = ("map", "get", "key")


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", check=False,
                          timeout=300, **options)
    return done.returncode, done.stdout


def check(name, good, note=""):
    print(("ok" if good else "not ok") + f" - {name}", flush=True)
    if not good:
        print(f"{name}: {note}", file=sys.stderr)


# ---- inside

def as_nobody(*command):
    return run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command, cwd="/")


def start():
    """The service without systemd: its command as its user."""
    with open(UNIT, encoding="utf-8") as file:
        unit = dict(line.strip().split("=", 1) for line in file if re.match(r"(ExecStart|User|Group)=", line))
    command = ["setpriv", f"--reuid={unit['User']}", f"--regid={unit['Group']}", "--clear-groups", "--no-new-privs", "--bounding-set=-all",
               *shlex.split(unit["ExecStart"])]
    with open("/tmp/gridiron.log", "ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd="/")


def wait_ready(process):
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen("http://127.0.0.1:7402/health/ready", timeout=2):
                return True
        except (OSError, urllib.error.URLError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
    return False


def log():
    with open("/tmp/gridiron.log", encoding="utf-8", errors="replace") as file:
        return file.read()


def check_service():
    process = start()
    check("the service's command runs as its user", wait_ready(process), log())
    code, out = as_nobody("gridctl", "map", "set", "key", "value")
    check("another user reaches it", code == 0, out)
    process.send_signal(signal.SIGTERM)
    check("it stops in order", process.wait(60) == 0, log())
    status = os.stat(STATE)
    files = os.listdir(STATE)
    check("its data is its user's alone", status.st_mode & 0o777 == 0o700 and files and
          all(os.stat(os.path.join(STATE, name)).st_uid == status.st_uid != 0 for name in files), f"{oct(status.st_mode)} {files}")
    process = start()
    wait_ready(process)
    code, out = as_nobody("gridctl", *ENTRY)
    check("and is there after a restart", code == 0 and "value" in out, out + log())
    process.terminate()
    process.wait(60)


def check_texts():
    code, out = run("systemd-analyze", "verify", "--man=no", UNIT) if shutil.which("systemd-analyze") else (0, "")
    complaints = [line for line in out.splitlines() if "gridiron" in line]
    check("systemd has nothing against the unit", not complaints, out)
    check("the service is not enabled", not os.path.lexists("/etc/systemd/system/multi-user.target.wants/gridiron.service"))
    flags = run("pkg-config", "--cflags", "--libs", "gridiron")
    code, out = run("cc", "/usr/share/doc/gridiron/examples/counter.c", "-o", "/tmp/counter", *flags[1].split())
    code, out = run("/tmp/counter") if code == 0 else (code, out)
    check("an example is compiled against the package and finds its library", code == 2 and "usage" in out, out)


def inside(package):
    code, out = run("dpkg", "-i", package)
    check("it installs", code == 0, out)
    check("no person is made up", run("dpkg-query", "-W", "-f", "${Maintainer}", "gridiron")[1] == "Gridiron maintainers <maintainers@gridiron.invalid>")
    paths = [path for path in run("dpkg", "-L", "gridiron")[1].split("\n") if path and not os.path.isdir(path)]
    check("everything is where it belongs", {"/usr/bin/gridiron", "/usr/bin/gridctl", CONFIG, UNIT} <= set(paths), str(paths))
    check_texts()
    check_service()
    code, out = run("dpkg", "-i", package)
    check("it installs over itself", code == 0, out)
    with open(CONFIG, "a", encoding="utf-8") as file:
        file.write("# changed\n")
    code, out = run("dpkg", "-r", "gridiron")
    left = [path for path in paths if os.path.lexists(path)]
    check("removed, it leaves its configuration and data alone", code == 0 and left == [CONFIG] and os.listdir(STATE), f"{left} {out}")
    code, out = run("dpkg", "-P", "gridiron")
    check("purged, it leaves nothing", code == 0 and not [path for path in [*paths, STATE, "/etc/gridiron"] if os.path.lexists(path)], out)
    return 0


# ---- outside

# A file system over the present one, a network and processes of its own: all of it ends with the last process.
COPY = r"""
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs none "$1/root/tmp"
mount -t tmpfs none "$1/root/run"
cp "$2" "$3" "$1/root/tmp/"
# Without this, each step would rebuild the index of all manual pages of the system.
rm -f "$1/root/var/lib/man-db/auto-update"
python3 -c 'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 1))'
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    chroot "$1/root" /usr/bin/python3 "/tmp/$(basename "$2")" inside "/tmp/$(basename "$3")"
"""


def skip(why):
    print(f"TAP version 13\n1..0 # SKIP {why}")
    return 0


def main(build):
    if os.geteuid() != 0:
        return skip("only root can install packages")
    missing = [name for name in ("unshare", "chroot", "setpriv", "dpkg", "dpkg-shlibdeps") if not shutil.which(name)]
    if missing:
        return skip(f"{missing[0]} is missing")
    if run("unshare", "--mount", "--net", "--pid", "--fork", "true")[0] != 0:
        return skip("this system allows no namespaces")
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folder = tempfile.mkdtemp(prefix="gridiron-package-")
    try:
        print("TAP version 13", flush=True)
        code, out = run(os.path.join(root, "tools", "package"), "--output", folder, "--built", build)
        check("tools/package makes a package", code == 0, out)
        package = out.strip().splitlines()[-1]
        os.mkdir(os.path.join(folder, "copy"))
        done = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "bash", "-c", COPY, "copy", os.path.join(folder, "copy"),
                               os.path.abspath(__file__), package], stdout=subprocess.PIPE, encoding="utf-8", check=False, timeout=600)
        print(done.stdout, end="")
        check("the copy ran to its end", done.returncode == 0)
        print(f"1..{done.stdout.count('ok - ') + 2}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(inside(sys.argv[2]) if sys.argv[1] == "inside" else main(sys.argv[1]))
