#!/usr/bin/env python3
"""Packed frames between real nodes and to clients: used where both ends can, by default not within a machine, and right."""
import sys

from fixture import Programs, Tap, cluster, gridctl_json, metric, run

PROGRAMS = Programs(sys.argv)
VALUE = "a value of words that come again and again; " * 400
KEYS = 40


def load(nodes):
    text = "".join('{"key":"k%d","value":"%s"}\n' % (key, VALUE) for key in range(KEYS))
    status, _, error = run([PROGRAMS.path("gridctl"), "map", "load", "--map", "kept", "--file", "-", "-e", nodes.endpoints()], text=text)
    assert status == 0, error


def is_whole(nodes):
    return all(gridctl_json(PROGRAMS, nodes, "map", "get", f"k{key}", "--map", "kept")["value"] == VALUE for key in range(0, KEYS, 7))


def packed(nodes, port, what="frames"):
    return sum(metric(nodes, node, f'gridiron_packed_{what}_total{{port="{port}"}}') for node in nodes.ids())


def malformed(nodes):
    return sum(metric(nodes, node, "gridiron_malformed_frames_total") for node in nodes.ids())


def by_setting(tap):
    for mode, packs in (("auto", False), ("on", True), ("off", False)):
        with cluster(PROGRAMS, nodes=3, settings=[f"compression={mode}"]) as nodes:
            nodes.start(nodes.ids())
            nodes.wait_ready(nodes.ids())
            load(nodes)
            good = is_whole(nodes)
            found = {port: packed(nodes, port) for port in ("peer", "client")}
            tap.check(f"compression {mode}: within a machine frames are {'packed' if packs else 'plain'}, and what is read is right",
                      good and all((count > 0) == packs for count in found.values()) and malformed(nodes) == 0, f"{good} {found} {malformed(nodes)}")
            if packs:
                plain, sent = packed(nodes, "peer", "plain_bytes"), packed(nodes, "peer", "sent_bytes")
                tap.check("the bytes before and after are counted", 0 < sent < plain - plain / 8, f"{plain} {sent}")


def mixed(tap):
    """One node does not have the feature: nobody sends it a packed frame."""
    with cluster(PROGRAMS, nodes=3, settings=["compression=on"]) as nodes:
        nodes.start([1, 2])
        nodes.settings = ["compression=off"]
        nodes.start([3])
        nodes.wait_ready(nodes.ids())
        load(nodes)
        tap.check("a node without it works beside two that pack", is_whole(nodes) and packed(nodes, "peer") > 0 and malformed(nodes) == 0,
                  f"{packed(nodes, 'peer')} {malformed(nodes)}")
        tap.check("and packs nothing itself", metric(nodes, 3, "gridiron_packed_frames_total") == 0)


def main():
    tap = Tap()
    for part in (by_setting, mixed):
        tap.attempt(part.__name__, lambda: part(tap))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
