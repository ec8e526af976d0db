"""What tools/nemesis does to the nodes. Every disturbance is drawn from one random number generator, names what it does in the
story, and leaves nodes down or paused only as long as it says; heal() brings back the nodes that are still down.

A disturbance is a method of Tormentor registered with @fault; its docstring's first line is its help text.
"""
import os
import signal
import time

FAULTS = {}
READY_SECONDS = 60
RECOVERED_SECONDS = 30


def fault(name):
    def register(function):
        FAULTS[name] = function
        return function
    return register


class Tormentor:
    def __init__(self, cluster, load, randoms, story):
        self.cluster, self.load, self.randoms, self.story = cluster, load, randoms, story
        self.paused = set()
        self.counts = {}
        self.recoveries = []

    # ---- time

    def breathe(self, seconds):
        """Lets time pass, reading what the load says and looking after the nodes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.load.next_line(min(0.1, max(0.0, end - time.monotonic())))
            self.look()

    def look(self):
        for node, how in self.cluster.look_for_deaths():
            self.story.find(f"node {node} ended by itself: {how}\n{self.cluster.log_tail(node)}")
            self.cluster.start([node])

    def draw(self, low, high):
        return self.randoms.uniform(low, high)

    # ---- one disturbance

    def disturb(self, kind, end):
        """One disturbance, and a while of rest in which the load recovers or not."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.load.tell("mark")
        what = FAULTS[kind](self)
        self.look()
        if self.randoms.random() < 0.7:
            self.story.tell(f"{kind}: {what}; {self.recovery()}")
        else:
            self.story.tell(f"{kind}: {what}; the next one follows at once")
        self.breathe(min(self.draw(0.2, 3), max(0.0, end - time.monotonic())))

    def recovery(self):
        """Waits until every partition takes writes again (judged at the end, not here)."""
        self.load.tell("mark")
        for _ in range(3):  # lines of an earlier mark may still be on their way
            if self.load.next_line(0) is None:
                break
        end = time.monotonic() + RECOVERED_SECONDS
        while time.monotonic() < end:
            line = self.load.next_line(0.1)
            self.look()
            if line and line[0] == "recovered":
                self.recoveries.append(int(line[1]) / 1000)
                return f"all partitions took writes again {self.recoveries[-1]:.0f} ms later"
        return f"not all partitions took writes again within {RECOVERED_SECONDS} s"

    def start(self, nodes):
        self.cluster.start([node for node in nodes if node not in self.cluster.running()])

    def pause(self, nodes):
        for node in nodes:
            os.kill(self.cluster.children[node], signal.SIGSTOP)
            self.paused.add(node)
            self.load.tell(f"paused {node}")

    def resume(self, nodes):
        for node in nodes:
            os.kill(self.cluster.children[node], signal.SIGCONT)
            self.paused.discard(node)
            self.load.tell(f"resumed {node}")

    def heal(self):
        self.resume(list(self.paused))
        self.start(self.cluster.ids())
        end = time.monotonic() + READY_SECONDS
        waiting = list(self.cluster.ids())
        while waiting and time.monotonic() < end:
            self.breathe(0.1)
            waiting = [node for node in waiting if not self.cluster.is_ready(node)]
        if waiting:
            self.story.find(f"liveness: {READY_SECONDS} s after everything was healed node {waiting[0]} is not ready")

    def any_node(self):
        return self.randoms.choice(list(self.cluster.ids()))

    def any_leader(self):
        """(node, partition, in words); any node when no leader is known."""
        partition = self.randoms.randrange(self.cluster.shape.partitions)
        node = self.load.leader(partition)
        spare = self.any_node()  # always drawn, so that the random sequence does not depend on the leader
        if node == 0:
            return spare, f"node {spare} (nobody was known to lead partition {partition})"
        led = sum(1 for leader in self.load.leaders if leader == node)
        return node, f"node {node} (leader of partition {partition}, {led} in all)"

    def rounds(self):
        return sum(self.counts.values())

    def summary(self):
        done = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        if not self.recoveries:
            return f"disturbances: {done}"
        middle = sorted(self.recoveries)[len(self.recoveries) // 2]
        return (f"disturbances: {done}; writes in all partitions again after {middle:.0f} ms (median of {len(self.recoveries)}), "
                f"at most {max(self.recoveries):.0f} ms")

    # ---- disturbances

    @fault("kill-one")
    def kill_one(self):
        """SIGKILL of one node; it is started again"""
        node = self.any_node()
        down = self.draw(0, 4)
        self.cluster.kill([node])
        self.breathe(down)
        self.start([node])
        return f"node {node} was killed and started again after {down:.1f} s"

    @fault("kill-leader")
    def kill_leader(self):
        """SIGKILL of the leader of a partition"""
        node, words = self.any_leader()
        down = self.draw(0.5, 4)
        self.cluster.kill([node])
        self.breathe(down)
        self.start([node])
        return f"{words} was killed and started again after {down:.1f} s"

    @fault("kill-all")
    def kill_all(self):
        """SIGKILL of all nodes at once"""
        down = self.draw(0, 1)
        self.cluster.kill(self.cluster.ids())
        self.breathe(down)
        self.start(self.cluster.ids())
        return f"all nodes were killed and started again after {down:.1f} s"

    @fault("kill-majority")
    def kill_majority(self):
        """SIGKILL of so many nodes that no majority is left"""
        nodes = self.randoms.sample(list(self.cluster.ids()), self.cluster.shape.nodes // 2 + 1)
        down = self.draw(0.5, 4)
        self.cluster.kill(nodes)
        self.breathe(down)
        self.start(nodes)
        return f"nodes {', '.join(map(str, nodes))} were killed and started again after {down:.1f} s"

    @fault("pause-leader")
    def pause_leader(self):
        """SIGSTOP of the leader of a partition for 1-6 s"""
        node, words = self.any_leader()
        seconds = self.draw(1, 6)
        self.pause([node])
        self.breathe(seconds)
        self.resume([node])
        return f"{words} was paused for {seconds:.1f} s"

    @fault("pause-all")
    def pause_all(self):
        """SIGSTOP of all nodes for up to 3 s, as when the machine sleeps"""
        seconds = self.draw(0.2, 3)
        order = self.randoms.sample(list(self.cluster.ids()), self.cluster.shape.nodes)
        gap = self.draw(0, 0.5)
        self.pause(self.cluster.ids())
        self.breathe(seconds)
        for node in order:
            self.resume([node])
            self.breathe(gap)
        return f"all nodes were paused for {seconds:.1f} s and woke up {gap:.1f} s apart"

    @fault("pause-and-kill")
    def pause_and_kill(self):
        """the leader is paused, another node killed, then the leader wakes up while that one is down"""
        node, words = self.any_leader()
        others = [other for other in self.cluster.ids() if other != node]
        other = self.randoms.choice(others)
        before, between = self.draw(0.5, 4), self.draw(0, 2)
        self.pause([node])
        self.breathe(before)
        self.cluster.kill([other])
        self.breathe(between)
        self.resume([node])
        self.breathe(0.5)
        self.start([other])
        return f"{words} was paused; {before:.1f} s later node {other} was killed, {between:.1f} s later the first woke up"

    @fault("blink-leader")
    def blink_leader(self):
        """SIGSTOP of a leader for about as long as an election takes, several times"""
        node, words = self.any_leader()
        times = self.randoms.randrange(2, 5)
        for _ in range(times):
            self.pause([node])
            self.breathe(self.draw(0.6, 1.6))
            self.resume([node])
            self.breathe(self.draw(0.05, 0.6))
        return f"{words} was paused {times} times for about an election"

    @fault("restart")
    def restart(self):
        """SIGTERM of one node: it stops in order and is started again"""
        node = self.any_node()
        self.cluster.stop([node])
        self.start([node])
        return f"node {node} was stopped in order and started again"

    @fault("restart-storm")
    def restart_storm(self):
        """nodes are killed and started again quickly, one after the other"""
        times = self.randoms.randrange(4, 10)
        for _ in range(times):
            node = self.any_node()
            self.cluster.kill([node])
            self.start([node])
            self.breathe(self.draw(0.05, 0.5))
        return f"{times} times a node was killed and started at once"
