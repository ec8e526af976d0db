"""A network of namespaces of one's own, for cutting nodes off as a real network does: packets vanish, and nobody is told.

One namespace for each node (10.77.N.2), one for clients (10.77.99.2), and a router between them that joins them by veth pairs. A cut is a
rule of the router that drops packets of one network to another; it needs neither a firewall nor kernel modules. Nothing of it is
visible outside the namespaces, and nothing in them reaches the machine's network. Names carry the process id; they are removed by exact
name. Needs root.

    with network(nodes=3) as net:
        net.enter_client()                 # this process, from here on
        net.isolate(2)
        net.heal()
"""
import contextlib
import ctypes
import os
import subprocess

CLIENT = 99
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class NetworkError(Exception):
    """Namespaces cannot be had here; the text says what failed."""


def run(*words):
    try:
        done = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
    except OSError as error:
        raise NetworkError(f"{words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise NetworkError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")


def why_not():
    """None when namespaces work here, else the reason in words."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with network(1):
            return None
    except NetworkError as error:
        return f"network namespaces do not work here: {error}"


def enter(name):
    """Moves this process (all later threads and children too) into a namespace."""
    descriptor = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
            raise NetworkError(f"setns {name}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)


class Network:
    def __init__(self, nodes):
        self.nodes = list(range(1, nodes + 1))
        self.prefix = f"gridcut{os.getpid()}"
        self.made = []
        self.rules = []

    def name(self, what):
        return f"{self.prefix}-{what}"

    @staticmethod
    def address(number):
        return f"10.77.{number}.2"

    @staticmethod
    def subnet(number):
        return f"10.77.{number}.0/24"

    # ---- life

    def namespace(self, what):
        run("ip", "netns", "add", self.name(what))
        self.made.append(what)
        run("ip", "-n", self.name(what), "link", "set", "lo", "up")

    def open(self):
        self.namespace("router")
        run("ip", "netns", "exec", self.name("router"), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        for number in [*self.nodes, CLIENT]:
            # While there is no way to it, packets for it vanish.
            run("ip", "-n", self.name("router"), "route", "add", "blackhole", self.subnet(number), "metric", "4000")
            self.attach(number)

    def attach(self, number):
        own, router = self.name(number), self.name("router")
        self.namespace(number)
        run("ip", "-n", router, "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", own)
        run("ip", "-n", router, "address", "add", f"10.77.{number}.1/24", "dev", f"v{number}")
        run("ip", "-n", router, "link", "set", f"v{number}", "up")
        run("ip", "-n", own, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
        run("ip", "-n", own, "link", "set", "eth0", "up")
        run("ip", "-n", own, "route", "add", "default", "via", f"10.77.{number}.1")

    def unplug(self, number):
        """No packet of it leaves any more; what happens in it afterwards nobody hears of."""
        run("ip", "-n", self.name("router"), "link", "delete", f"v{number}")

    def replace(self, number):
        """A machine that was unplugged comes back without anything it had: its connections are gone."""
        run("ip", "netns", "delete", self.name(number))
        self.made.remove(number)
        self.attach(number)

    def close(self):
        for what in reversed(self.made):
            subprocess.run(["ip", "netns", "delete", self.name(what)], capture_output=True, check=False)
        self.made = []

    def enter_client(self):
        enter(self.name(CLIENT))

    def inside(self, number, command):
        """The command line that runs a command in a node's namespace; the process id stays the same."""
        return ["ip", "netns", "exec", self.name(number), *command]

    # ---- cuts

    def drop(self, source, target):
        rule = ["from", self.subnet(source), "to", self.subnet(target), "blackhole"]
        run("ip", "-n", self.name("router"), "rule", "add", "pref", "10", *rule)
        self.rules.append(rule)

    def isolate(self, number):
        for other in self.nodes:
            if other != number:
                self.drop(number, other)
                self.drop(other, number)

    def mute(self, number):
        """It hears everybody and is heard by no other node."""
        for other in self.nodes:
            if other != number:
                self.drop(number, other)

    def part_all(self):
        for number in self.nodes:
            self.mute(number)

    def heal(self):
        for rule in self.rules:
            run("ip", "-n", self.name("router"), "rule", "delete", "pref", "10", *rule)
        self.rules = []


@contextlib.contextmanager
def network(nodes):
    net = Network(nodes)
    try:
        net.open()
        yield net
    finally:
        net.close()
