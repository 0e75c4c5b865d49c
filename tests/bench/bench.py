# SPDX-License-Identifier: BSD-2-Clause
"""make bench, bench-check and bench-profile (Documentation/performance.md).

bench.py run            measures, prints the table, writes bench.csv, the plots,
                        and the tables in Documentation/performance.md
bench.py check          measures, and fails if bench.csv was better
bench.py profile ROW    where the instructions of a row of bench.csv go
"""
import csv
import re
import subprocess
import sys
from pathlib import Path

import machine
from machine import CALLS, DIR, LARGE, O, QEMU, TOP

HERE = Path(__file__).resolve().parent
CSV = HERE / "bench.csv"
NVME = HERE / "nvme.csv"        # make bench-nvme writes it
PAGE = TOP / "Documentation/performance.md"
PLOTS = TOP / "Documentation/plots"

# By which a row may be worse than it was.
TOLERATED = 0.03
DESCRIPTORS = ("context", "iotlb", "devtlb", "iec", "wait", "tails", "writes")
# Not the driver's doing, or not the same on each machine.
NOT_COMPARED = ("ms", "iops", "samples")
DRIVER = ("kern/arch/x86/iommu*.o", "kern/arch/x86/vtd/*.o",
          "kern/drivers/acpi/dmar.o")

NOT_BUILT = "not built"
KIB = 1024


class Row:
    """A row of the table: the figure of a row of bench.csv, or of `but` less;
    divided, and its goal."""
    def __init__(self, text, row, goal=None, figure="instructions", per=1,
                 but=None, why=NOT_BUILT, seen=None):
        self.text, self.figure, self.per = text, figure, per
        self.key, self.but = self.parse(row), self.parse(but)
        self.goal, self.why, self.seen = goal, why, seen

    @staticmethod
    def parse(row):
        name, _, pages = (row or "").rpartition("-")
        return (name, int(pages)) if name else None

    def value(self, data):
        if self.key not in data or self.but and self.but not in data:
            return None
        less = data[self.but][self.figure] if self.but else 0
        value = data[self.key].get(self.figure)
        return None if value is None else (value - less) / self.per


# `seen`: what the unit may see at most: descriptors but waits, waits, tails.
ROWS = [
    Row("map 4 KiB, tables present", "map-unaligned-1", 120),
    Row("map 512 scattered pages in one call, per page", "map-unaligned-512",
        12, per=512),
    Row("map 1 GiB, 4 KiB leaves, per page", "map-4k-262144", 6, per=262144),
    Row("map 1 GiB, 2 MiB leaves", "map-2m-262144", 4000),
    Row("map 1 GiB, one leaf", "map-1g-262144", 150),
    Row("unmap 4 KiB", "unmap-unaligned-1", 250, seen=(1, 1, 1)),
    Row("unmap 512 pages, aligned, table dropped", "unmap-aligned-512", 350),
    Row("unmap 512 pages, unaligned", "unmap-unaligned-512", 1050),
    Row("256 unmaps of a page, a call each, lazy", "unmap-lazy-256", 35000,
        seen=(1, 1, 1)),
    Row("attach", "attach-0", 700, seen=(2, 1, 1)),
    Row("detach", "detach-0", 700, seen=(2, 1, 1)),
    Row("1 GiB of a process reachable, 4 KiB frames, not shared",
        "reach-4k-262144", 5000000),
    Row("undo", "undo-4k-262144", 400000),
    Row("1 GiB of a process reachable, shared", "reach-shared-262144", 40000),
    Row("undo", "undo-shared-262144", 5000),
    Row("munmap of a page, added when attached, strict",
        "munmap-attached-1", 250, but="munmap-1"),
    Row("munmap of a page, added when attached, lazy", "munmap-lazy-1", 120,
        but="munmap-1"),
    Row("NVMe 4 KiB read, depth 32, polled", "nvme-polled-32", 400,
        why="make bench-nvme"),
    Row("NVMe 4 KiB read, depth 32, with interrupts", "nvme-interrupts-32",
        1200, why="make bench-nvme"),
    Row("boot to prompt, -smp 2, ms", "boot-0", 500, figure="ms",
        why="make bench"),
    Row("memory, 64 MiB in 4 KiB leaves, KiB", "memory-4k-16384", 176,
        figure="bytes", per=KIB),
    Row("memory, 64 MiB in 2 MiB leaves, KiB", "memory-2m-16384", 48,
        figure="bytes", per=KIB),
]
OTHERS = [
    Row("map 64 KiB in 4 KiB leaves", "map-4k-16"),
    Row("unmap it", "unmap-4k-16"),
    Row("map 2 MiB, one leaf", "map-2m-512"),
    Row("unmap it", "unmap-2m-512"),
    Row("map 512 pages, a call each", "map-each-512"),
    Row("unmap them, a call each", "unmap-each-512"),
    Row("256 unmaps of a page, a call each, strict", "unmap-each-256"),
    Row("unmap 1 GiB of 4 KiB leaves", "unmap-4k-262144"),
    Row("unmap 1 GiB of 2 MiB leaves", "unmap-2m-262144"),
    Row("unmap 1 GiB, one leaf", "unmap-1g-262144"),
    Row("create a space", "create-0"),
    Row("destroy it", "destroy-0"),
    Row("attach to a space that has a device there", "attach-second-0"),
    Row("detach from it", "detach-second-0"),
    Row("map 4 KiB, no device attached", "map-unseen-1"),
    Row("unmap 4 KiB, no device attached", "unmap-unseen-1"),
    Row("1 GiB of a process reachable, 2 MiB frames", "reach-2m-262144"),
    Row("undo", "undo-2m-262144"),
    Row("write to #iommu/attach, small process", "reach-nothing-0"),
    Row("write to #iommu/detach, small process", "undo-nothing-0"),
    Row("munmap of a page, not attached", "munmap-1"),
    Row("munmap of 64 pages, added when attached", "munmap-attached-64",
        but="munmap-64"),
]
PROFILED = ["unmap-unaligned-1", "map-unaligned-1", "attach-0"]


# Measuring

def static_bytes():
    """Variables of the driver's objects."""
    objects = [str(o) for pattern in DRIVER for o in sorted(O.glob(pattern))]
    lines = subprocess.run(["size", *objects], check=True, capture_output=True,
                           text=True).stdout.splitlines()[1:]
    return sum(int(data) + int(bss) for _, data, bss, *_ in
               (line.split() for line in lines))


def empty_of(name):
    return ("empty-undo" if name.startswith(("un", "detach", "destroy")) and
            not name.startswith("undo") else
            "user-empty" if name.startswith(("munmap", "reach", "undo")) else
            "empty", 0)


def combine(measured, counted, empty, counted_empty):
    """{(name, pages): {figure: value}}"""
    data = {}
    for (name, pages), numbers in measured.items():
        if "empty" in name:
            continue
        if name.startswith("memory"):
            data[name, pages] = {
                "boot": numbers[0], "space": numbers[1],
                "static": static_bytes(),
                "bytes": sum(numbers) + static_bytes()}
            continue
        instructions = numbers[2] - empty[empty_of(name)][2]
        sample = counted[name, pages]
        seen = sample.instructions - \
            counted_empty[empty_of(name)].instructions
        if seen != instructions:
            print(f"bench: {name}-{pages}: {instructions} instructions by the "
                  f"time-stamp counter, {seen} by QEMU", file=sys.stderr)
        data[name, pages] = {"instructions": instructions,
                             "samples": numbers[0], **sample.figures}
    return data


def measure():
    DIR.mkdir(parents=True, exist_ok=True)
    data, empty, counted_empty = {}, {}, {}
    for what, count, mib in (CALLS, LARGE):
        measured = machine.measure(what, count, mib)
        counted = machine.count(what, mib)
        empty.update(measured)
        counted_empty.update(counted)
        data.update(combine(measured, counted, empty, counted_empty))
    return data


def boot_time():
    """Milliseconds, median of five."""
    text = subprocess.run(
        [TOP / "tools/boot-time", "5", QEMU, "-machine", "q35", "-smp", "2",
         "-m", "1024", "-nographic", "-net", "none",
         "-device", "intel-iommu,intremap=on,aw-bits=48", "-device", "edu",
         "-kernel", O / "kern/akaros-kernel"], check=True, capture_output=True,
        stdin=subprocess.DEVNULL, text=True).stdout
    return int(re.search(r"median (\d+)", text)[1])


# bench.csv

def read(path):
    data = {}
    if path.exists():
        for line in csv.reader(path.read_text().splitlines()):
            if line and not line[0].startswith("#"):
                name, pages, figure, value = line
                data.setdefault((name, int(pages)), {})[figure] = int(value)
    return data


def write(path, data):
    path.write_text(
        "# make bench writes this: row, pages, figure, value (none: 0)\n" +
        "".join(f"{name},{pages},{figure},{value}\n"
                for (name, pages), figures in data.items()
                for figure, value in figures.items()))


def worse(old, new):
    """A line for each figure that is worse than it was."""
    for (name, pages), figures in old.items():
        now = new.get((name, pages))
        if now is None and not name.startswith(("boot", "nvme")):
            yield f"{name}-{pages}: is not measured any more"
        if now is None:
            continue
        for figure in {**figures, **now}:
            was, is_ = figures.get(figure, 0), now.get(figure, 0)
            most = was if figure in DESCRIPTORS else was * (1 + TOLERATED)
            if figure not in NOT_COMPARED and is_ > most:
                yield f"{name}-{pages}: {is_} {figure}, not {was}"


# The table

def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def others_seen(figures):
    return " + ".join(f"{figures[k]} {k}" for k in
                      ("writes", "reads", "config") if figures.get(k))


def verdict(row, value, figures):
    if row.goal is None:
        return ""
    if value is None:
        return row.why
    if value > row.goal:
        return f"no: {value / row.goal:.1f} x"
    kinds = sum(figures.get(k, 0) for k in ("context", "iotlb", "devtlb"))
    got = kinds, figures.get("wait", 0), figures.get("tails", 0)
    if row.seen and any(g > s for g, s in zip(got, row.seen)):
        return "no: too many descriptors"
    return "yes"


HEAD = ["operation", "ours", "Linux", "ours/Linux", "goal", "met",
        "ctx/iotlb/dev/wait", "tails", "registers, config", "lines", "calls"]


def cells(row, data, linux):
    value, theirs = row.value(data), row.value(linux)
    figures = data.get(row.key, {})
    kinds = [str(figures.get(k, 0))
             for k in ("context", "iotlb", "devtlb", "wait")]
    measured = value is not None and row.figure == "instructions"
    return [row.text, number(value), number(theirs),
            f"{value / theirs:.2g}" if value is not None and theirs else "",
            number(row.goal) if row.goal else "", verdict(row, value, figures),
            "/".join(kinds) if measured else "",
            str(figures.get("tails", 0)) if measured else "",
            others_seen(figures) if measured else "",
            str(figures.get("lines", 0)) if measured else "",
            str(figures.get("samples", "")) if measured else ""]


def table(rows, data, linux):
    """In Markdown, aligned."""
    lines = [HEAD] + [cells(row, data, linux) for row in rows]
    width = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    text = ["| " + " | ".join(
        c.ljust(w) if i == 0 else c.rjust(w)
        for i, (c, w) in enumerate(zip(line, width))) + " |" for line in lines]
    text.insert(1, "| " + " | ".join("-" * w if i == 0 else "-" * (w - 1) + ":"
                                     for i, w in enumerate(width)) + " |")
    return "\n".join(text)


# Where instructions go

def places(addresses):
    """{address: (innermost function, file)}"""
    text = subprocess.run(
        ["addr2line", "-a", "-f", "-i", "-e", machine.KERNEL],
        input="".join(f"{a:#x}\n" for a in addresses), check=True,
        capture_output=True, text=True).stdout.splitlines()
    found = {}
    for i, line in enumerate(text):
        if line.startswith("0x"):
            where = re.sub(r":[\d?]+( \(.*)?$", "", text[i + 2])
            found[int(line, 16)] = (text[i + 1],
                                    re.sub(r".*?((kern|tests)/)", r"\1", where))
    return found


def profile(sample, empty):
    """Lines of a table: instructions, function, file, most first; but those of
    measuring."""
    by = {}
    where = places(sample.at)
    for at, n in sample.at.items():
        by[where[at]] = by.get(where[at], 0) + n
    if sample.user > empty.user:
        by["the program", ""] = sample.user - empty.user
    for at, n in empty.at.items():
        place = where.get(at) or places([at])[at]
        by[place] = by.get(place, 0) - n
    total = sum(by.values())
    rows = sorted(((n, *place) for place, n in by.items() if n),
                  key=lambda r: (-r[0], r[1:]))
    return [f"| {n:,} | {n / total:.1%} | `{name}` | {file} |"
            for n, name, file in rows], total


def profile_text(name, counted):
    key = Row.parse(name)
    if key not in counted:
        raise SystemExit(f"bench: no row {name}; there are " +
                         " ".join(f"{n}-{p}" for n, p in counted))
    lines, total = profile(counted[key], counted[empty_of(key[0])])
    return "\n".join([f"{name}: {total:,} instructions", "",
                      "| instructions | | function | file |",
                      "| ---: | ---: | --- | --- |", *lines])


# Plots

def plot(data, linux):
    PLOTS.mkdir(exist_ok=True)
    for source, values in (("ours", data), ("linux", linux)):
        for name in {n for n, _ in values}:
            points = sorted((p, f["instructions"]) for (n, p), f in
                            values.items() if n == name and p <= 512 and
                            "instructions" in f)
            (DIR / f"{source}-{name}.dat").write_text(
                "".join(f"{p} {v}\n" for p, v in points))
    bars = [(r.text, r.value(data), r.value(linux), r.goal)
            for r in ROWS + OTHERS if r.figure == "instructions" and
            r.value(data) is not None and r.value(linux)]
    (DIR / "bars.dat").write_text("".join(
        f'"{text}" {ours} {theirs} {goal or "NaN"}\n'
        for text, ours, theirs, goal in bars))
    subprocess.run(["gnuplot", "-e", f"dir='{DIR}'; out='{PLOTS}'",
                    HERE / "plots.gp"], check=True)


def put(text, name, new):
    """The text between two comments of the page."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    return f"{before}{begin}\n{new}\n\n{end}{after}" if found else text


def write_page(data, linux, counted):
    if not PAGE.exists():
        return
    text = put(PAGE.read_text(), "goals", table(ROWS, data, linux))
    text = put(text, "others", table(OTHERS, data, linux))
    for name in PROFILED:
        text = put(text, f"profile of {name}", profile_text(name, counted))
    PAGE.write_text(text)


def main():
    what = sys.argv[1]
    old, linux = read(CSV), read(HERE / "linux.csv")
    if what == "profile":
        if len(sys.argv) < 3:
            raise SystemExit("bench: make bench-profile ROW=unmap-unaligned-1")
        key = Row.parse(sys.argv[2])
        large = key and key[0].startswith(("reach", "undo"))
        counted = machine.count("calls", CALLS[2])
        if large:
            counted.update(machine.count("large", LARGE[2]))
        print(profile_text(sys.argv[2], counted))
        return 0
    data = measure()
    if what == "check":
        bad = list(worse(old, data))
        print("".join(f"bench-check: {line}\n" for line in bad), end="")
        print(f"bench-check: {len(old)} rows, {len(bad)} figures worse")
        return 1 if bad or not old else 0
    data.update(read(NVME))
    data["boot", 0] = {"ms": boot_time()}
    write(CSV, data)
    plot(data, linux)
    write_page(data, linux, machine.count("calls", CALLS[2]))
    print(table(ROWS, data, linux), "\n", table(OTHERS, data, linux), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
