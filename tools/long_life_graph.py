"""Draws the samples of tools/long_life as an SVG of three panels over time: commands a second, resident memory, bytes on disk.

write_graph(path, samples, title): each sample has seconds, commandsPerSecond, and residentBytes and diskBytes with a value for each node.
"""
import html

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP, BOTTOM = 860, 150, 72, 16, 34, 34, 40
COLOURS = ["#1f6f8b", "#c8553d", "#588157", "#7b5ea7", "#b08900", "#444444", "#9a3b6b"]
MIB = 1 << 20
STEPS = (1, 2, 5)


def nice_top(value):
    """The next number of 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for step in STEPS:
            if step * power >= value:
                return step * power
        power *= 10


def text(x, y, words, anchor="start", size=12, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}">{html.escape(words)}</text>')


def panel(top, name, lines, seconds, total):
    """One panel: `lines` holds a row of values for each line."""
    highest = nice_top(max(max(line) for line in lines) or 1)
    inner = WIDTH - LEFT - RIGHT
    parts = [text(LEFT, top - 8, name, weight="bold")]
    for quarter in range(5):
        y = top + PANEL - PANEL * quarter / 4
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d8d8d8"/>')
        parts.append(text(LEFT - 6, y + 4, f"{highest * quarter / 4:,.0f}", "end", 11))
    for number, line in enumerate(lines):
        points = " ".join(f"{LEFT + inner * at / total:.1f},{top + PANEL - PANEL * value / highest:.1f}" for at, value in zip(seconds, line))
        parts.append(f'<polyline fill="none" stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="1.4" points="{points}"/>')
    return parts


def legend(nodes):
    parts = []
    for number in range(nodes):
        x = WIDTH - RIGHT - 70 * (nodes - number)
        parts.append(f'<rect x="{x}" y="10" width="12" height="3" fill="{COLOURS[number % len(COLOURS)]}"/>')
        parts.append(text(x + 16, 16, f"node {number + 1}", size=11))
    return parts


def write_graph(path, samples, title):
    seconds = [sample["seconds"] for sample in samples]
    total = seconds[-1] or 1
    panels = [("commands a second", [[sample["commandsPerSecond"] for sample in samples]]),
              ("resident memory, MiB", [[value / MIB for value in line] for line in zip(*(sample["residentBytes"] for sample in samples))]),
              ("disk, MiB", [[value / MIB for value in line] for line in zip(*(sample["diskBytes"] for sample in samples))])]
    height = TOP + len(panels) * (PANEL + GAP) + BOTTOM
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" fill="#222">',
             f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', text(LEFT, 16, title)]
    parts += legend(len(panels[1][1]))
    for number, (name, lines) in enumerate(panels):
        parts += panel(TOP + 14 + number * (PANEL + GAP), name, lines, seconds, total)
    floor = TOP + 14 + len(panels) * (PANEL + GAP) - GAP
    for sixth in range(7):
        x = LEFT + (WIDTH - LEFT - RIGHT) * sixth / 6
        parts.append(text(x, floor + 18, f"{total * sixth / 6 / 60:.1f} min", "middle", 11))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts + ["</svg>", ""]))
