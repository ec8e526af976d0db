#!/usr/bin/env python3
"""What the nodes' metrics say of orders agrees with what became of them: summed over nodes, after changes of leaders and
restarts, and in the form that Prometheus reads."""
import collections
import json
import os
import re
import sys
import time

from fixture import Programs, Tap, cluster, gridctl, gridctl_json, run, wait_exit

PROGRAMS = Programs(sys.argv)
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ORDERS = 300
OPEN_ORDERS = 40
PARTITIONS = 8
ENDED = ("COMPLETED", "COMPENSATED", "TIMED_OUT", "FAILED")
SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$", re.M)
COUNTED = {"saga_completed_total": "COMPLETED", "saga_compensated_total": "COMPENSATED",
           "saga_timedout_total": "TIMED_OUT", "saga_failed_total": "FAILED"}


def example(name):
    return os.path.join(ROOT, "examples", name + ".ndjson")


class Metrics:
    """One reading of all running nodes, summed."""

    def __init__(self, nodes):
        self.samples = collections.Counter()
        for node in nodes.running():
            status, text = nodes.http(node, "/metrics", 20)
            assert status == 200, f"/metrics of node {node}: {status}"
            for name, labels, value in SAMPLE.findall(text):
                self.samples[name, labels] += float(value)

    def sum(self, name, part=""):
        """Over all label sets that hold `part`."""
        return sum(value for (found, labels), value in self.samples.items() if found == name and part in labels)

    def labels(self, name):
        return {labels for found, labels in self.samples if found == name}


def wait_for(nodes, good, seconds=120):
    deadline = time.monotonic() + seconds
    while not good():
        if time.monotonic() > deadline:
            return False
        wait_exit(nodes.pid(nodes.running()[0]), 0.1)
    return True


def load(tap, nodes, orders):
    """(customers and products created, orders handed over)."""
    for kind in ("customer", "product"):
        status, out, error = gridctl(PROGRAMS, nodes, kind, "create", "--file", example(kind + "s"), "-o", "json")
        tap.check(f"the {kind}s are created", status == 0, out + error)
    with open(example("orders"), encoding="utf-8") as file:
        text = "".join(line for _, line in zip(range(orders), file))
    status, out, error = gridctl(PROGRAMS, nodes, "order", "submit", "--file", "-", "-o", "json", text=text)
    tap.check("the orders are accepted", status == 0 and json.loads(out)["accepted"] == orders, out[:500] + error)


def sagas_by_status(nodes):
    return collections.Counter(saga["status"] for saga in gridctl_json(PROGRAMS, nodes, "saga", "list", "--limit", "0"))


def check_sagas(tap, metrics, statuses):
    tap.check("every started saga is counted once", metrics.sum("saga_started_total") == ORDERS, str(metrics.sum("saga_started_total")))
    for name, status in COUNTED.items():
        tap.check(f"{name} is what the sagas say", metrics.sum(name) == statuses[status], f"{metrics.sum(name)}, {statuses}")
    tap.check("started = completed + compensated + timed out + failed",
              metrics.sum("saga_started_total") == sum(metrics.sum(name) for name in COUNTED))
    for outcome, status in (("completed", "COMPLETED"), ("compensated", "COMPENSATED")):
        found = metrics.sum("saga_duration_seconds_count", f"outcome=\"{outcome}\"")
        tap.check(f"saga_duration_seconds has every {outcome} one", found == statuses[status] > 0, f"{found}, {statuses}")
    tap.check("its labels are type, mode and outcome",
              "type=\"OrderFulfillment\",mode=\"choreographed\",outcome=\"completed\"" in metrics.labels("saga_duration_seconds_count"),
              str(metrics.labels("saga_duration_seconds_count")))
    tap.check("every undone saga has the time of its undoing",
              metrics.sum("saga_compensation_duration_seconds_count") == ORDERS - statuses["COMPLETED"])
    # CreateOrder of all; the three others of those that completed; some of those that were undone.
    tap.check("the steps of sagas are counted", metrics.sum("saga_steps_completed_total") >= ORDERS + 3 * statuses["COMPLETED"] and
              metrics.sum("saga_steps_failed_total") == statuses["COMPENSATED"], f"{statuses}")
    tap.check("and timed", metrics.sum("saga_step_duration_seconds_count", "step=\"ConfirmOrder\"") == statuses["COMPLETED"])
    tap.check("no saga is active or being undone", metrics.sum("sagas_active") == metrics.sum("sagas_compensating") == 0)


def check_pipeline(tap, metrics, created):
    tap.check("every service command of a client is counted once", metrics.sum("eventsourcing_events_submitted_total") == created + ORDERS,
              str(metrics.sum("eventsourcing_events_submitted_total")))
    tap.check("and none failed", metrics.sum("eventsourcing_events_failed_total") == 0)
    received, processed, failed = (metrics.sum(f"eventsourcing_pipeline_events_{what}_total") for what in ("received", "processed", "failed"))
    tap.check("received = processed + failed", received == processed + failed > created + ORDERS, f"{received} {processed} {failed}")
    tap.check("events are published and views updated", metrics.sum("eventsourcing_pipeline_events_published_total") > created + 5 * ORDERS and
              metrics.sum("eventsourcing_pipeline_views_updated_total") > created + 5 * ORDERS)
    tap.check("end to end has every command of a client", metrics.sum("eventsourcing_pipeline_latency_end_to_end_seconds_count") == created + ORDERS)
    for stage in ("check", "queue", "replicate", "apply", "answer", "source", "decide", "enrich", "persist", "update_view", "publish", "complete"):
        tap.check(f"stage {stage} is timed", metrics.sum("eventsourcing_pipeline_stage_duration_seconds_count", f"stage=\"{stage}\"") > 0)
    tap.check("what was written to outboxes was delivered",
              metrics.sum("outbox_entries_written_total") == metrics.sum("outbox_entries_delivered_total") > 4 * ORDERS)
    tap.check("no message was beyond handling", metrics.sum("outbox_entries_failed_total") == 0)


LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)')


def labels_of(text):
    """Labels as a mapping; a text that does not consist of labels is an error."""
    found, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match and match[1] not in found, f"labels: {text}"
        found[match[1]], at = match[2], match.end()
    return found


def faults(text):
    """What a strict reader of the format finds wrong: each family once, HELP and TYPE in front of its samples, each series once."""
    found, seen, series, family, kind = [], set(), set(), None, None
    for line in text.split("\n")[:-1]:
        if line.startswith("# HELP "):
            family, kind = line.split(" ")[2], None
            found += [f"{family} comes again"] if family in seen else []
            seen.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            found += [f"TYPE of {name} in {family}"] if name != family else []
        else:
            sample = SAMPLE.fullmatch(line)
            suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            if not sample or kind is None or sample[1] not in [family + suffix for suffix in suffixes]:
                found.append(f"in {family}: {line}")
                continue
            key = sample[1], tuple(sorted(labels_of(sample[2] or "").items()))
            found += [f"twice: {key}"] if key in series else []
            series.add(key)
            float(sample[3])
    return found if text.endswith("\n") else [*found, "the last line has no end"]


def check_names(tap, text):
    """Names of the grid say that they are its; services have names of their own, and so has the process."""
    of_services = ("eventsourcing_", "saga_", "sagas_", "order_", "outbox_entries_", "dlq_", "idempotency_checks_", "circuit_breaker_", "retry_")
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    others = [name for name in names if not name.startswith(("gridiron_", "process_", *of_services)) and name != "outbox_pending"]
    tap.check("names begin with gridiron_, except those of services and of the process", not others, str(others))


def check_maps(tap, nodes):
    replicas = nodes.shape.nodes
    for name, count in (("other", 2), ("kept-1.x", 3)):
        lines = "".join(json.dumps({"key": f"k{i}", "value": "v"}) + "\n" for i in range(count))
        status, out, error = gridctl(PROGRAMS, nodes, "map", "load", "--map", name, "--file", "-", text=lines)
        assert status == 0, out + error
    settled = wait_for(nodes, lambda: Metrics(nodes).sum("gridiron_map_entries", 'map="kept-1.x"') == 3 * replicas)
    metrics = Metrics(nodes)
    tap.check("a map has its entries, on every replica", settled, str(metrics.labels("gridiron_map_entries")))
    tap.check("its memory and its operations", metrics.sum("gridiron_map_bytes", 'map="kept-1.x"') > 0 and
              metrics.sum("gridiron_map_operations_total", 'map="kept-1.x",operation="set"') == 3 * replicas,
              str(metrics.labels("gridiron_map_operations_total")))
    tap.check("a map called other counts among the others", metrics.sum("gridiron_map_entries", 'map="other"') == 2 * replicas,
              str(metrics.sum("gridiron_map_entries", 'map="other"')))


def check_process(tap, nodes):
    for node in nodes.ids():
        samples = {name: float(value) for name, labels, value in SAMPLE.findall(nodes.http(node, "/metrics")[1]) if name.startswith("process_")}
        with open(f"/proc/{nodes.pid(node)}/statm", encoding="utf-8") as statm:
            resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        tap.check(f"node {node}: the process has used processor time, memory, descriptors, and began lately",
                  samples["process_cpu_seconds_total"] > 0 and 0 < samples["process_open_fds"] < samples["process_max_fds"] and
                  resident / 2 < samples["process_resident_memory_bytes"] < resident * 2 and
                  abs(time.time() - samples["process_start_time_seconds"]) < 600, str(samples))


def check_bounds(tap, nodes):
    node = nodes.ids()[0]
    text = nodes.http(node, "/metrics")[1]
    samples = {name: float(value) for name, labels, value in SAMPLE.findall(text) if not labels}
    tap.check("what is in use stands beside its bound, below it", all(0 <= samples[used] < samples[bound] for used, bound in (
        ("gridiron_log_disk_bytes", "gridiron_log_disk_bytes_max"), ("gridiron_log_memory_bytes", "gridiron_log_memory_bytes_max"),
        ("gridiron_client_connected", "gridiron_client_connections_max"),
        ("gridiron_partition_sessions_highest", "gridiron_partition_sessions_max"),
        ("gridiron_partition_maps_highest", "gridiron_partition_maps_max"))), str(samples))
    version = run([PROGRAMS.path("gridiron"), "--version"])[1].split()[-1]
    tap.check("gridiron_build_info has the version", re.search(r'^gridiron_build_info{version="%s",[^}]*} 1$' % re.escape(version), text, re.M), version)
    tap.check("the others are linked", len(re.findall(r'^gridiron_peer_connected{peer="\d"} 1$', text, re.M)) == nodes.shape.nodes - 1)


def check_form(tap, nodes):
    for node in nodes.ids():
        text = nodes.http(node, "/metrics")[1]
        found = faults(text)
        tap.check(f"a strict reader finds nothing wrong with node {node}", not found, "\n".join(found[:5]))
        status, out, error = run(["promtool", "check", "metrics"], text=text)
        tap.check(f"promtool finds nothing wrong with node {node}", status == 0 and not out + error, out + error)


def check_guide(tap, nodes):
    """The guide names every metric, and no other."""
    with open(os.path.join(ROOT, "docs", "guides", "metrics.md"), encoding="utf-8") as file:
        rows = [line.split("|") for line in file if line.startswith("| `")]
    rows = [row for row in rows if re.search(r"counter|gauge|histogram", row[2])]
    named, later = ({name for row in chosen for name in re.findall(r"`(\w+)`", row[1])}
                    for chosen in (rows, [row for row in rows if "exists after the first one" in row[-2]]))
    shown = {line.split()[2] for node in nodes.ids() for line in nodes.http(node, "/metrics")[1].splitlines()
             if line.startswith("# TYPE")}
    tap.check("the guide names every metric and no other", shown <= named and named - shown <= later,
              f"missing {shown - named}, too many {named - shown - later}")


def revenue_of(nodes):
    """In cents."""
    orders = gridctl_json(PROGRAMS, nodes, "order", "list", "--limit", "0")
    return sum(round(float(order["total"]) * 100) for order in orders if order["status"] == "CONFIRMED")


def outcomes(tap):
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        load(tap, nodes, ORDERS)
        with open(example("customers"), encoding="utf-8") as customers, open(example("products"), encoding="utf-8") as products:
            created = len(customers.readlines()) + len(products.readlines())
        tap.check("every saga ends", wait_for(nodes, lambda: sum(sagas_by_status(nodes)[status] for status in ENDED) == ORDERS))
        tap.check("outboxes empty", wait_for(nodes, lambda: Metrics(nodes).sum("outbox_pending") == 0))
        statuses, metrics = sagas_by_status(nodes), Metrics(nodes)
        check_sagas(tap, metrics, statuses)
        check_pipeline(tap, metrics, created)
        tap.check("revenue is the total of the confirmed orders",
                  round(metrics.sum("order_revenue_total", "currency=\"EUR\"") * 100) == revenue_of(nodes) > 0,
                  f"{metrics.sum('order_revenue_total')} {revenue_of(nodes)}")
        check_maps(tap, nodes)
        check_form(tap, nodes)
        check_names(tap, nodes.http(1, "/metrics")[1])
        check_process(tap, nodes)
        check_bounds(tap, nodes)
        check_guide(tap, nodes)
        nodes.kill(nodes.ids())
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        metrics = Metrics(nodes)
        tap.check("a restart counts nothing again", metrics.sum("saga_started_total") == metrics.sum("eventsourcing_events_submitted_total") ==
                  metrics.sum("saga_duration_seconds_count") == metrics.sum("order_revenue_total") == 0)
        tap.check("and gauges are right", metrics.sum("sagas_active") == metrics.sum("outbox_pending") == 0 and
                  metrics.sum("gridiron_admission_reserved") == 0)


def leaders(tap):
    """Without a provider every order waits for its charge, until its deadline: the gauges have something to count."""
    with cluster(PROGRAMS, nodes=3, partitions=PARTITIONS, settings=("payment.ledger=",)) as nodes:
        nodes.start(nodes.ids())
        nodes.wait_ready(nodes.ids())
        began = time.monotonic()
        load(tap, nodes, OPEN_ORDERS)
        settled = lambda: (lambda found: found.sum("outbox_pending") == 0 and found.sum("sagas_active") == OPEN_ORDERS)(Metrics(nodes))
        tap.check("all sagas are active", wait_for(nodes, settled), str(Metrics(nodes).sum("sagas_active")))
        reserved = Metrics(nodes).sum("gridiron_admission_reserved")
        tap.check("room is reserved for what they may still cause", reserved >= 3 * OPEN_ORDERS, str(reserved))
        for node in nodes.ids():
            nodes.kill([node])
            wait_for(nodes, lambda: Metrics(nodes).sum("gridiron_partitions_led") == PARTITIONS)
            metrics = Metrics(nodes)
            tap.check(f"without node {node} the others' gauges add up to the same",
                      metrics.sum("sagas_active") == OPEN_ORDERS and metrics.sum("gridiron_admission_reserved") == reserved,
                      f"{metrics.sum('sagas_active')} {metrics.sum('gridiron_admission_reserved')} after {time.monotonic() - began:.0f} s")
            nodes.start([node])
            nodes.wait_ready(nodes.ids())


def main():
    tap = Tap()
    for part in (outcomes, leaders):
        tap.attempt(part.__name__, lambda: part(tap))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
