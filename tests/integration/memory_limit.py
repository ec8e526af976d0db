"""A running cluster whose nodes have a small memory.max: filled until writes are refused, then emptied. For a test that has such a
cluster anyway."""
import json
import re

from fixture import cluster_status, gridctl, metric, wait_exit

MIB = 1024 * 1024
MAX_BYTES = 128 * MIB
SETTING = f"memory.max={MAX_BYTES}"
VALUE_BYTES, AT_ONCE, LOADS_MAX = 10000, 200, 60
APART = 0.05    # what a node says and what the system says, at most
POLLS_MAX = 300
SAMPLE = re.compile(r'^gridiron_memory_bytes\{component="\w+"\} (\d+)$', re.M)


def resident(nodes, node):
    with open(f"/proc/{nodes.pid(node)}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))


def check_accounts(tap, programs, nodes, when):
    """The sum of the components, and what status says, against the system."""
    shown = {each["id"]: each for each in cluster_status(programs, nodes)["nodes"]}
    for node in nodes.ids():
        said = {"metrics": sum(map(int, SAMPLE.findall(nodes.http(node, "/metrics", 20)[1]))), "status": shown[node]["memoryBytes"]}
        real = resident(nodes, node)
        tap.check(f"memory of node {node} {when}: metrics and status say what the system says",
                  all(abs(each - real) <= APART * real for each in said.values()) and shown[node]["memoryMaxBytes"] == MAX_BYTES,
                  f"{said} {real}")


def load(programs, nodes, name, number):
    text = "".join(json.dumps({"key": f"{number}-{i}", "value": "v" * VALUE_BYTES}) + "\n" for i in range(AT_ONCE))
    return gridctl(programs, nodes, "map", "load", "--map", name, "--file", "-", text=text)


def fill(programs, nodes):
    """What the first refused load said."""
    for number in range(LOADS_MAX):
        status, out, error = load(programs, nodes, f"half-{number % 2}", number)
        if status != 0:
            return out + error
    return ""


def until(nodes, good):
    for _ in range(POLLS_MAX):
        if good():
            return True
        wait_exit(nodes.pid(1), 0.1)
    return False


def lines(nodes, node, part):
    with open(nodes.path(f"node-{node}.log"), encoding="utf-8") as log:
        return [line for line in log if part in line]


def check_full(tap, programs, nodes, order):
    said = fill(programs, nodes)
    tap.check("past memory.max writes are refused, with what to do", "MEMORY_FULL" in said and "remove data" in said, said[:500])
    states = [each["state"] for each in cluster_status(programs, nodes)["nodes"]]
    tap.check("a node says so", "memoryFull" in states, str(states))
    tap.check("and counts refusals", sum(metric(nodes, node, "gridiron_memory_refused_total") for node in nodes.ids()) > 0)
    ready = [nodes.http(node, "/health/ready") for node, state in zip(nodes.ids(), states) if state == "memoryFull"]
    tap.check("/health/ready is 503 with the reason", all(code == 503 and "memory.max" in text for code, text in ready), str(ready))
    said = [len(lines(nodes, node, "memory full: ")) for node in nodes.ids()]
    tap.check("the log has one line for it", max(said) == 1, str(said))
    check_accounts(tap, programs, nodes, "when it is full")
    status, out, error = gridctl(programs, nodes, "order", "submit", "--file", "-", "--timeout", "2000", text=order)
    tap.check("new orders are refused", status != 0 and "MEMORY_FULL" in out + error, out + error)
    status, out, error = gridctl(programs, nodes, "map", "get", "--map", "half-0", "0-0")
    tap.check("reads go on", status == 0 and len(out) > VALUE_BYTES, error)
    status, out, error = gridctl(programs, nodes, "map", "remove", "--map", "half-0", "0-0")
    tap.check("removes go on", status == 0, out + error)


def check_again(tap, programs, nodes):
    pids = [nodes.pid(node) for node in nodes.ids()]
    status, out, error = gridctl(programs, nodes, "map", "clear", "--map", "half-0", "--yes")
    tap.check("clears go on", status == 0, out + error)
    works = until(nodes, lambda: gridctl(programs, nodes, "map", "set", "--map", "half-1", "again", "v")[0] == 0)
    tap.check("with half of it removed writes work again, without a restart", works and [nodes.pid(node) for node in nodes.ids()] == pids)
    tap.check("all nodes are ready again", until(nodes, lambda: cluster_status(programs, nodes)["healthy"]))
    check_accounts(tap, programs, nodes, "when half was removed")


def check_memory(tap, programs, nodes, order):
    """`order`: a line of an order that is not there yet."""
    check_accounts(tap, programs, nodes, "before")
    check_full(tap, programs, nodes, order)
    check_again(tap, programs, nodes)
