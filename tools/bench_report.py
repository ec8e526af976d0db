"""What tools/bench writes: a table of rows, kept from run to run, under the facts of the machine."""
import datetime
import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SYNCS = 200
COLUMNS = ["Row", "Operation", "Load", "ops/s", "p50 ms", "p99 ms", "p99.9 ms", "Errors", "Notes", "Measured"]

HEAD = """# Baseline

`./tools/bench` writes this page. Each row names its date and the commit of Gridiron (+: with uncommitted changes). Gridiron is built with the build
type `release`. The numbers compare systems on one machine, where three processes of each system and the load share the
processors; a cluster of several machines has other numbers. Rows that were measured twice, half an hour and some changes apart,
differed by up to a third; rows that wait for the disk differed most.

## Machine

{facts}

## How each system was measured

- **gridiron**: three nodes, 128 partitions, replication factor 3, `durability: fsync` (a write is acknowledged after a majority has
  synced it), linearizable reads. Each row starts with a fresh cluster with raised `log.disk_bytes` and `log.memory_bytes`. Load:
  `gridctl bench map` and `gridctl bench orders`; connections x operations in flight on each; 100,000 keys (one
  client: 10,000), values of 100 bytes. A saga is complete when its order is confirmed or cancelled; 1,000 products, chosen evenly. "half" rows are
  open loops: the latency of an operation counts from its planned start.
- **gridiron-tcp**: the same with `loopback: tcp`; the other systems use TCP, too. `gridiron` uses Unix sockets between programs on the same
  machine.
- **etcd**: three members with their own data directories, default settings (every entry synced before it is acknowledged,
  linearizable reads). Load: `h2load`, a C program for HTTP/2, sends gRPC `Put` and `Range` to the leader. Its limits: it repeats one
  request, so there is one key (values of 100 bytes); it has no open loop; it checks only the HTTP status of an answer, so `./tools/bench`
  compares the revision with the number of puts.
- **redis-always**, **redis-everysec**: one primary, two replicas, append-only file on all three with `appendfsync always` or
  `everysec`. Load: `redis-benchmark`, with pipelines for "x 16": it sends 16 commands together, and the next 16 when all are
  answered. **Redis acknowledges without waiting for replicas**: writes that only the primary has are lost when it dies, so no
  row of Redis promises what Gridiron and etcd promise. `WAIT` after each write would promise it, but redis-benchmark cannot send it.

## Results

"""


def command_output(line):
    try:
        return subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def busy_share(seconds):
    """Share of all processors that somebody used, over a moment in which this program does nothing."""
    def read():
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]
    before = read()
    time.sleep(seconds)
    after = read()
    return 1 - (after[1] - before[1]) / max(1, after[0] - before[0])


def sync_us(folder):
    """Median time of a synced write of 4 KiB."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            began = time.monotonic()
            os.pwrite(file.fileno(), b"\0" * 4096, 0)
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - began) * 1e6)
    return statistics.median(times)


def facts(folder):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = (re.findall(r"model name\s*: (.*)", file.read()) or ["unknown"])[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    system = command_output(["findmnt", "-n", "-o", "FSTYPE", "--target", folder]).strip() or "unknown file system"
    versions = [command_output(["etcd", "--version"]).split("\n")[0].replace(" Version:", ""),
                (re.findall(r"v=([0-9.]+)", command_output(["redis-server", "--version"])) or [""])[0],
                command_output(["h2load", "--version"]).strip()]
    return "\n".join([f"- {os.cpu_count()} processors ({model}), {memory:.0f} GB; Linux {platform.release()}; {system}; a synced write "
                      f"of 4 KiB takes {sync_us(folder):.0f} us (median of {SYNCS})",
                      f"- {versions[0] or 'etcd is not installed'}; {'Redis ' + versions[1] if versions[1] else 'Redis is not installed'}; "
                      f"{versions[2] or 'h2load is not installed'}"])


def cell_number(value, places):
    return "" if value is None else f"{value:,.{places}f}"


class Report:
    """Rows by name, in the order of the file; what was there before stays until it is measured again."""

    def __init__(self, options):
        self.path = None if options.output == "-" else options.output
        self.folder = options.folder or tempfile.gettempdir()
        commit = command_output(["git", "-C", ROOT, "describe", "--always", "--dirty=+"]).strip()
        self.stamp = f"{datetime.date.today().isoformat()} {commit if re.fullmatch('[0-9A-Za-z.+-]+', commit) else ''}".strip()
        self.rows, self.measured, self.facts = self.read(), [], None

    def read(self):
        rows = {}
        if self.path and os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                for line in file:
                    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
                    if len(cells) == len(COLUMNS) and "/" in cells[0] and cells[0] != COLUMNS[0]:
                        rows[cells[0]] = cells
        return rows

    def per_second(self, name):
        cells = self.rows.get(name)
        return int(cells[3].replace(",", "")) if cells and cells[3] else None

    def put(self, row, result):
        self.rows[row.name] = [row.name, row.what(), row.load(), cell_number(result.get("perSecond"), 0),
                               *(cell_number(result.get(name), 2) for name in ("p50", "p99", "p999")),
                               cell_number(result.get("errors"), 0), result.get("notes", ""), self.stamp]
        self.measured.append({"row": row.name, **result})

    def table(self, only_measured=False):
        wanted = {made["row"] for made in self.measured} if only_measured else set(self.rows)
        order = {name: place for place, name in enumerate(("gridiron", "gridiron-tcp", "etcd", "redis-always", "redis-everysec"))}
        rows = [cells for name, cells in self.rows.items() if name in wanted]
        rows.sort(key=lambda cells: order.get(cells[0].split("/")[0], len(order)))
        lines = [COLUMNS, ["---", "---", "---", "---:", "---:", "---:", "---:", "---:", "---", "---"], *rows]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

    def write(self):
        """At once, after each row: what was measured is not lost with the rest."""
        if self.path is None:
            return
        if self.facts is None:
            self.facts = facts(self.folder)
        new = self.path + ".new"
        with open(new, "w", encoding="utf-8") as file:
            file.write(HEAD.format(facts=self.facts) + self.table() + "\n")
        shutil.move(new, self.path)
