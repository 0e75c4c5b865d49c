# SPDX-License-Identifier: BSD-2-Clause
"""The second picture: physical memory from left to right, and below each other
who can touch it: processes with memory for devices, and those devices.

What a process has of its devices' registers is shown too.
Memory that nobody there reaches is left out: the axis is cut where a long
stretch of it begins, and goes on behind.  Between two cuts it is to scale; the
wider stretches are drawn wider, but not by as much as they are."""
import math
from dataclasses import dataclass, field
from html import escape

from state import PAGE, Reach
from structure import faulty

COLOURS = {"rw": "#2f6fc0", "r-": "#a9cdf2", "-w": "#e09a2b"}
OF_PROCESSES = {"rw": "#6b6b6b", "r-": "#c2c2c2", "-w": "#e09a2b",
                "io": "#7fb38a"}
MEANING = {"rw": "read and write", "r-": "read", "-w": "write",
           "io": "registers"}
RED = "#c00000"
MOST = 8                        # stretches of memory
LEFT, TOP, ROW, GAP, WIDE = 210, 64, 24, 26, 900
FONT = 'font-family="Helvetica,Arial,sans-serif"'


@dataclass
class Row:
    name: str
    owner: object               # rows of one owner belong together
    reach: list
    process: bool = False
    faults: int = 0
    accused: bool = False


@dataclass
class Stretch:
    start: int
    end: int
    x: float = 0
    width: float = 0

    def at(self, address):
        return self.x + (address - self.start) * self.width / \
            (self.end - self.start)


@dataclass
class Picture:
    parts: list = field(default_factory=list)

    def add(self, kind, inside=None, **attributes):
        words = "".join(f' {k.replace("_", "-")}="{number(v)}"'
                        for k, v in attributes.items())
        self.parts.append(f"<{kind}{words}/>" if inside is None else
                          f"<{kind}{words}>{inside}</{kind}>")

    def text(self, x, y, words, **more):
        self.add("text", escape(words), x=x, y=y, **more)

    def svg(self, width, height):
        inside = "\n".join(self.parts)
        return ('<?xml version="1.0" encoding="UTF-8"?>\n'
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" '
                f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
                f'{FONT} font-size="11">\n'
                f'<rect width="100%" height="100%" fill="white"/>\n{inside}\n'
                "</svg>\n")


def number(v):
    return f"{v:.1f}".removesuffix(".0") if isinstance(v, float) else v


def size_text(n):
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n >= size:
            return f"{n / size:.4g} {unit}"
    return f"{n} bytes"


def total(reach, rights=None):
    return sum(r.end - r.start for r in reach
               if rights in (None, r.rights))


def rows_of(state):
    """Of each owner the process, then its devices; then firmware's devices."""
    owners = {}
    accused = faulty(state)
    for d in state.devices:
        pid = int(d["owner"] or 0)
        reach = state.reach_of_device(d)
        if pid or reach:
            owners.setdefault(pid or d.subject, []).append(
                Row(f"device {d.subject}", pid or d.subject, reach,
                    faults=d.number("faults"),
                    accused=d.subject in accused))
    for owner in sorted(owners, key=lambda o: (isinstance(o, str), o)):
        if isinstance(owner, int):
            name = " ".join(filter(None, [f"pid {owner}",
                                          state.names.get(owner)]))
            yield Row(name, owner, state.reach_of_process(owner), True)
        yield from owners[owner]


def stretches(rows):
    """Where there is anything, cut at the widest gaps."""
    reaches = sorted((r.start, r.end) for row in rows for r in row.reach)
    gap = 16 * PAGE
    while True:
        found = []
        for start, end in reaches:
            if found and start - found[-1].end <= gap:
                found[-1].end = max(found[-1].end, end)
            else:
                found.append(Stretch(start, end))
        if len(found) <= MOST:
            return found
        gap *= 2


def lay_out(found):
    """To each its width, which grows with the logarithm of its pages."""
    wanted = [50 + 20 * math.log2(1 + (s.end - s.start) / PAGE) for s in found]
    scale = min(3.0, (WIDE - GAP * (len(found) - 1)) / sum(wanted)) \
        if wanted else 1
    x = float(LEFT)
    for s, w in zip(found, wanted):
        s.x, s.width = x, w * scale
        x += s.width + GAP


def shared(rows):
    """What one owner's rows can write and another's can touch."""
    for n, a in enumerate(rows):
        for b in rows[n + 1:]:
            if a.owner == b.owner:
                continue
            for r in a.reach:
                for s in b.reach:
                    start, end = max(r.start, s.start), min(r.end, s.end)
                    if start < end and r.rights + s.rights != "r-r-":
                        yield Reach(start, end, "rw"), a, b


def draw_axis(p, found, bottom):
    for n, s in enumerate(found):
        p.add("rect", x=s.x, y=TOP - 6, width=s.width, height=bottom - TOP + 6,
              fill="#f4f4f4")
        p.text(s.x, TOP - 24, f"{s.start:x}", font_family="monospace")
        p.text(s.x, TOP - 11, size_text(s.end - s.start), fill="#666666")
        if n:
            before = found[n - 1]
            p.text(before.x + before.width + GAP / 2, TOP + 6, "...",
                   text_anchor="middle", fill="#666666")


def draw_row(p, row, y, found, right):
    colours = OF_PROCESSES if row.process else COLOURS
    p.text(12 if row.process else 28, y + 14, row.name,
           font_weight="bold" if row.process else "normal",
           fill=RED if row.accused else "black")
    if row.faults:
        p.text(LEFT - 12, y + 14, f"{row.faults} fault"
               f"{'s' * (row.faults > 1)}", fill=RED, text_anchor="end")
    for r in row.reach:
        s = next(s for s in found if s.start <= r.start < s.end)
        p.add("rect", f"<title>{escape(row.name)}: {r.start:#x} to "
              f"{r.end - 1:#x}, {MEANING[r.rights]}, "
              f"{size_text(r.end - r.start)}</title>",
              x=s.at(r.start), y=y + 2,
              width=max(1.5, s.at(r.end) - s.at(r.start)), height=ROW - 6,
              fill=colours[r.rights])
    sizes = [f"{size_text(total(row.reach, rights))} {rights}"
             for rights in COLOURS if total(row.reach, rights)]
    p.text(right + 14, y + 14, ", ".join(sizes) or "nothing", fill="#444444")


def draw_verdict(p, state, y):
    """A device sees what its process does, and no more."""
    wrong = [f"{d.subject} {size_text(n)}" for d in state.devices
             if (n := state.beyond_owner(d))]
    if state.unknown_pages():
        p.text(12, y, "Not known, as their pages are not among the files: " +
               ", ".join(f"pid {pid}" for pid in state.unknown_pages()) +
               " and what its devices reach.", fill=RED)
        return
    p.text(12, y, "What a device reaches and its process does not: " +
           ", ".join(wrong) + "." if wrong else
           "No device reaches anything that its process does not.",
           fill=RED if wrong else "black")


def draw_shared(p, found, rows, y):
    conflicts = list(shared(rows))
    for r, _, _ in conflicts:
        s = next(s for s in found if s.start <= r.start < s.end)
        p.add("rect", x=s.at(r.start), y=TOP, height=y - TOP, fill="none",
              stroke=RED, width=max(1.5, s.at(r.end) - s.at(r.start)))
    names = dict.fromkeys(f"{a.name} and {b.name}" for _, a, b in conflicts)
    p.text(12, y + 20, "Red frames: one can write what another can touch: " +
           "; ".join(names) + "." if conflicts else
           "Nothing that one owner or its device can write can be touched by "
           "another or its device.", fill=RED if conflicts else "black")


def draw_legend(p, y, others):
    x = 12.0
    for colours, of in ((OF_PROCESSES, "process"), (COLOURS, "device")):
        for rights, words in list(MEANING.items())[:2]:
            p.add("rect", x=x, y=y - 9, width=16, height=11,
                  fill=colours[rights])
            p.text(x + 22, y, f"the {of} can {words}")
            x += 205
    p.add("rect", x=x, y=y - 9, width=16, height=11, fill=OF_PROCESSES["io"])
    p.text(x + 22, y, "registers, of the process alone")
    p.text(x + 215, y, others)


def draw(state):
    rows = list(rows_of(state))
    shown = {row.name for row in rows}
    idle = sum(f"device {d.subject}" not in shown for d in state.devices)
    found = stretches(rows)
    lay_out(found)
    right = found[-1].x + found[-1].width if found else LEFT
    p = Picture()
    bottom = TOP + ROW * len(rows)
    p.text(12, 20, "Physical memory, and who can touch it", font_size=14,
           font_weight="bold")
    draw_axis(p, found, bottom)
    for n, row in enumerate(rows):
        y = TOP + ROW * n
        if n and row.owner != rows[n - 1].owner:
            p.add("line", x1=12, x2=right, y1=y - 1, y2=y - 1,
                  stroke="#bbbbbb")
        draw_row(p, row, y, found, right)
    draw_shared(p, found, rows, bottom)
    draw_verdict(p, state, bottom + 38)
    draw_legend(p, bottom + 64, f"{idle} other functions reach nothing.")
    return p.svg(LEFT + WIDE + 200, bottom + 80)
