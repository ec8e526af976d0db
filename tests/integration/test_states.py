"""What nodes and `gridctl cluster status` say of their state: starting, ready, noQuorum, draining, down; and that it is steady."""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fixture import Programs, Tap, cluster, cluster_status, metric  # noqa: E402

PROGRAMS = Programs(sys.argv)
PARTITIONS = 8
POLLS_LEAST = 40
PATIENCE_SECONDS = 60


def status(nodes):
    return cluster_status(PROGRAMS, nodes)


def states(nodes):
    return [node["state"] for node in status(nodes)["nodes"]]


def ready(nodes, node):
    """(HTTP status, body) of /health/ready; (0, {}) when nobody answers."""
    code, text = nodes.http(node, "/health/ready")
    return code, json.loads(text) if code else {}


def until(look, good):
    """Looks again and again; the first thing seen that is good, or the last one after a long time. And everything seen."""
    seen, deadline = [], time.monotonic() + PATIENCE_SECONDS
    while not seen or (not good(seen[-1]) and time.monotonic() < deadline):
        seen.append(look())
    return seen[-1], seen


def alone(tap, nodes):
    nodes.start([1])
    (code, body), _ = until(lambda: ready(nodes, 1), lambda seen: seen[0] != 0)
    tap.check("a node that was never ready is starting", code == 503 and body["state"] == "starting", str(body))
    tap.check("its body says why", f"{PARTITIONS} of {PARTITIONS} partitions" in body.get("reason", ""), str(body))
    tap.check("tools/cluster says so too", nodes.state(1) == "starting")
    nodes.start(nodes.ids())
    nodes.wait_ready(nodes.ids())
    tap.check("a ready node says so", ready(nodes, 1) == (200, {"status": "UP", "state": "ready"}))


def steady(tap, nodes):
    """After a restart partitions move back to the node, one by one: each is without a leader for a moment."""
    shown, _ = until(lambda: status(nodes), lambda seen: seen["healthy"])
    tap.check("the cluster becomes healthy", shown["healthy"], str(shown))
    nodes.kill([2])
    shown, _ = until(lambda: status(nodes), lambda seen: seen["nodes"][1]["state"] == "down")
    tap.check("a killed node is down, and the cluster is not healthy", shown["nodes"][1]["state"] == "down" and not shown["healthy"], str(shown))
    nodes.start([2])
    shown, _ = until(lambda: status(nodes), lambda seen: seen["healthy"])
    tap.check("it becomes healthy again", shown["healthy"], str(shown))
    polls, deadline = [], time.monotonic() + PATIENCE_SECONDS
    # Node 2 owns every third partition; the last of them is back when it leads them all.
    owned = len(range(1, PARTITIONS, 3))
    while time.monotonic() < deadline and (len(polls) < POLLS_LEAST or polls[-1]["nodes"][1]["leaders"] < owned):
        polls.append(status(nodes))
    bad = [poll for poll in polls if not poll["healthy"]]
    tap.check("its partitions come back", polls[-1]["nodes"][1]["leaders"] == owned, str(polls[-1]))
    tap.check("meanwhile every poll is healthy", not bad, f"{len(bad)} of {len(polls)} polls: {bad[:2]}")


def quorum(tap, nodes):
    nodes.kill([2, 3])
    body, seen = until(lambda: ready(nodes, 1)[1], lambda seen: seen["state"] != "ready")
    tap.check("without a majority a node says noQuorum, not starting", body["state"] == "noQuorum" and
              all(each["state"] in ("ready", "noQuorum", "late") for each in seen), str(body))
    tap.check("/health/ready is 503 and says what is missing", ready(nodes, 1)[0] == 503 and "majority" in body.get("reason", ""), str(body))
    tap.check("/health/live is 200", nodes.is_live(1))
    tap.check("gridctl shows it, and the killed ones as down", states(nodes) == ["noQuorum", "down", "down"], str(status(nodes)))
    tap.check("and so do the metrics", metric(nodes, 1, 'gridiron_node_state{state="noQuorum"}') == 1 and
              metric(nodes, 1, "gridiron_node_state") == 1 and metric(nodes, 1, "gridiron_ready") == 0)
    nodes.start([2, 3])
    shown, _ = until(lambda: status(nodes), lambda seen: seen["healthy"])
    tap.check("with a majority it is ready again, without a restart", shown["healthy"], str(shown))


def frozen(tap, nodes):
    """A node without processor time for longer than an election takes: it says so afterwards, though it could serve again."""
    since = time.monotonic()
    nodes.pause([2])
    # Others may lead its partitions before an election timeout (1 s) has passed, or have led them already.
    until(lambda: status(nodes), lambda seen: time.monotonic() - since > 2 and
          sum((node.get("leaders") or 0) for node in (seen["nodes"][0], seen["nodes"][2])) == PARTITIONS)
    nodes.resume([2])
    (code, body), _ = until(lambda: ready(nodes, 2), lambda seen: seen[1]["state"] == "late")
    tap.check("a node that had no processor time is late, and says by how much", code == 503 and body["state"] == "late" and "was late by" in body["reason"], f"{code} {body}")
    tap.check("the delay is a metric", metric(nodes, 2, "gridiron_loop_delay_seconds") > 1 and metric(nodes, 2, 'gridiron_node_state{state="late"}') == 1)


def draining(tap, nodes):
    """The others are frozen: no node takes over, so that there is time to look."""
    nodes.pause([2, 3])
    nodes.signal([1], signal.SIGTERM)
    seen = []
    while not seen or (seen[-1][0] != 0 and seen[-1][1].get("state") != "draining"):
        seen.append(ready(nodes, 1))
    tap.check("a node that stops in order is draining", seen[-1][1].get("state") == "draining" and seen[-1][0] == 503, str(seen[-3:]))
    nodes.resume([2, 3])
    nodes.stop([1])


def main():
    tap = Tap()
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS) as nodes:
        for part in (alone, steady, quorum, frozen, draining):
            part(tap, nodes)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
