# SPDX-License-Identifier: BSD-2-Clause
"""make bench, bench-look, bench-check and bench-profile (Documentation/performance.md).

bench.py run            measures, prints the table, writes bench.csv, the plots,
                        and the tables in Documentation/performance.md
bench.py look           measures what takes seconds, prints it, writes nothing
bench.py check          measures, and fails if bench.csv was better
bench.py profile ROW    where the instructions of a row of bench.csv go
"""
import csv
import re
import subprocess
import sys
from pathlib import Path

import counting
from counting import DIR, O, QEMU, RUNS, TOP

HERE = Path(__file__).resolve().parent
CSV = HERE / "bench.csv"
NVME = HERE / "nvme.csv"        # make bench-nvme writes it
PAGE = TOP / "Documentation/performance.md"
PLOTS = TOP / "Documentation/plots"

# By which a row may be worse than it was.
TOLERATED = 0.03
# By which the time-stamp counter and QEMU may differ: where memory comes from
# and goes to depends on what was done before, and the former does more of it.
AGREE = 0.02
DESCRIPTORS = ("context", "iotlb", "devtlb", "iec", "wait", "tails", "writes")
# Not the driver's doing, or not the same on each machine.
NOT_COMPARED = ("ms", "iops", "samples")
DRIVER = ("kern/arch/x86/iommu*.o", "kern/arch/x86/vtd/*.o",
          "kern/drivers/acpi/dmar.o", "kern/drivers/pci/function.o",
          "kern/drivers/pci/isolation.o")

KIB = 1024


class Row:
    """A row of the table: the figure of a row of bench.csv, or of `but` less;
    divided, and its goal."""
    def __init__(self, text, row, goal=None, figure="instructions", per=1,
                 but=None, why="make bench", seen=None, linux=None):
        self.text, self.figure, self.per = text, figure, per
        self.key, self.but = self.parse(row), self.parse(but)
        self.goal, self.why, self.seen = goal, why, seen
        self.linux = Row(text, linux, per=per) if linux else self

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
    Row("map 512 scattered pages in one call, per page", "store-512",
        12, per=512, linux="map-unaligned-512"),
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
    Row("1 GiB of a process reachable, 4 KiB frames, more than nothing",
        "reach-4k-262144", 40000, but="reach-nothing-0",
        linux="reach-4k-262144"),
    Row("undo", "undo-4k-262144", 5000, but="undo-nothing-0",
        linux="undo-4k-262144"),
    Row("munmap of a page, added when attached, strict",
        "munmap-attached-1", 250, but="munmap-1"),
    Row("munmap of a page, added when attached, lazy", "munmap-lazy-256", 120,
        per=256, but="munmap-each-256"),
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
    Row("map 512 scattered pages, in tables of the driver's own",
        "map-unaligned-512"),
    Row("map 4 KiB in shared tables", "store-1"),
    Row("unmap it", "unstore-1"),
    Row("unmap 512 pages in shared tables", "unstore-512"),
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
    Row("1 GiB of a process reachable, 2 MiB frames, more than nothing",
        "reach-2m-262144", but="reach-nothing-0", linux="reach-2m-262144"),
    Row("undo", "undo-2m-262144", but="undo-nothing-0",
        linux="undo-2m-262144"),
    Row("write to #iommu/attach, small process", "reach-nothing-0"),
    Row("write to #iommu/detach, small process", "undo-nothing-0"),
    Row("munmap of a page, not attached", "munmap-1"),
    Row("NVMe 4 KiB reads a second, depth 32, polled", "nvme-polled-32",
        figure="iops"),
    Row("NVMe 4 KiB reads a second, depth 32, with interrupts",
        "nvme-interrupts-32", figure="iops"),
    Row("munmap of 64 pages, added when attached", "munmap-attached-64",
        but="munmap-64"),
]
PROFILED = ["unmap-unaligned-1", "map-unaligned-1", "attach-0"]
GROWTH = ["map-unaligned-1", "unmap-unaligned-1", "attach-0", "detach-0",
          "munmap-1", "munmap-attached-1"]


# Measuring

def static_bytes():
    """Variables of the driver's objects."""
    objects = [str(o) for pattern in DRIVER for o in sorted(O.glob(pattern))]
    lines = subprocess.run(["size", *objects], check=True, capture_output=True,
                           text=True).stdout.splitlines()[1:]
    return sum(int(data) + int(bss) for _, data, bss, *_ in
               (line.split() for line in lines))


def empty_of(name):
    name = name.rpartition(".")[2]
    return ("empty-undo" if name.startswith(("un", "detach", "destroy")) and
            not name.startswith("undo") else
            "user-empty" if name.startswith(("munmap", "reach", "undo")) else
            "empty", 0)


def combine(measured, counted, empty, counted_empty):
    """{(name, pages): {figure: value}}"""
    data = {}
    for (name, pages), numbers in measured.items():
        if name.endswith(("empty", "empty-undo")):
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
        if abs(seen - instructions) > max(16, AGREE * seen):
            print(f"bench: {name}-{pages}: {instructions} instructions by the "
                  f"time-stamp counter, {seen} by QEMU", file=sys.stderr)
        data[name, pages] = {"instructions": instructions,
                             "samples": numbers[0], **sample.figures}
    return data


def measure(runs=RUNS):
    """What bench.csv is to say, and what QEMU has seen of each row."""
    DIR.mkdir(parents=True, exist_ok=True)
    data, empty, counted = {}, {}, {}
    for run in runs:
        measured, seen = counting.measure(run), counting.count(run)
        empty.update(measured)
        counted.update(seen)
        data.update(combine(measured, seen, empty, counted))
    return data, counted


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


def summary(data):
    """Which goals are met, in words."""
    found = {}
    for row in ROWS:
        said = verdict(row, row.value(data), data.get(row.key, {}))
        found.setdefault(said.partition(":")[0], []).append(
            "-".join(map(str, row.key)))
    told = [("yes", "met"), ("no", "not met")]
    told += [(why, f"not measured ({why})") for why in found
             if why not in ("yes", "no")]
    return "\n".join(
        f"- {len(found[said])} of {len(ROWS)} {text}: " +
        ", ".join(f"`{name}`" for name in found[said])
        for said, text in told if said in found)


HEAD = ["operation", "ours", "Linux", "ours/Linux", "goal", "met",
        "ctx/iotlb/dev/wait", "tails", "registers, config", "lines", "calls"]


def cells(row, data, linux):
    value, theirs = row.value(data), row.linux.value(linux)
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


def growth_table(data):
    labels = ["", *(run.label for run in RUNS if run.label)]
    lines = ["| operation | one of each | " + " | ".join(
        re.sub(r"([a-z]+)(\d+)\.", r"\2 \1", label) for label in labels[1:]) +
        " |", "| --- " + "| ---: " * len(labels) + "|"]
    for name in GROWTH:
        row, _, pages = name.rpartition("-")
        values = [data.get((label + row, int(pages)), {}).get("instructions")
                  for label in labels]
        lines.append("| " + " | ".join([f"`{name}`", *map(number, values)]) +
                     " |")
    return "\n".join(lines)


# Where instructions go

def places(addresses):
    """{address: (function, its file, file that its code is in)}: the innermost
    function, and the file of the outermost."""
    text = subprocess.run(
        ["addr2line", "-a", "-f", "-i", "-e", counting.KERNEL],
        input="".join(f"{a:#x}\n" for a in addresses), check=True,
        capture_output=True, text=True).stdout
    found = {}
    for chain in re.split(r"^(?=0x)", text, flags=re.M)[1:]:
        at, *lines = chain.splitlines()
        files = [re.sub(r".*?((?:kern|tests)/)|:[\d?]+( \(.*)?$", r"\1", line)
                 for line in lines[1::2]]
        found[int(at, 16)] = (lines[0], files[0], files[-1])
    return found


class Profile:
    """How often each function's instructions were executed, and it called,
    without those of measuring."""
    def __init__(self, sample, empty):
        at = {a: sample.at.get(a, 0) - empty.at.get(a, 0)
              for a in {*sample.at, *empty.at}}
        where = places(at)
        begins = {a: name for name, a in counting.symbols().items()}
        self.functions, self.calls, self.files = {}, {}, {}
        for a, n in at.items():
            name, file, outer = where[a]
            self.add(self.functions, (name, file), n)
            self.add(self.files, outer, n)
            if begins.get(a) == name:
                self.add(self.calls, (name, file), n)
        if sample.user > empty.user:
            self.add(self.files, "the program", sample.user - empty.user)
        self.total = sum(self.files.values())

    @staticmethod
    def add(to, key, n):
        to[key] = to.get(key, 0) + n

    def lines(self, parts, least, text):
        """Of a table, most first; small parts are one."""
        small = {k: n for k, n in parts.items() if n < least * self.total}
        for key, n in sorted(parts.items(), key=lambda p: (-p[1], p[0])):
            if key not in small:
                yield f"| {n:,} | {n / self.total:.1%} | {text(key)} |"
        if small:
            n = sum(small.values())
            yield f"| {n:,} | {n / self.total:.1%} | {len(small)} others |"

    def function(self, key):
        calls = self.calls.get(key)
        return f"`{key[0]}`, {key[1]}" + (f", {calls} calls" if calls and
                                          calls > 1 else "")

    def text(self, least):
        head = "| instructions | | {} |\n| ---: | ---: | --- |"
        return "\n".join([
            head.format("file"),
            *self.lines(self.files, least, str), "",
            head.format("function"),
            *self.lines(self.functions, least, self.function)])


def profile_text(name, counted, least):
    key = Row.parse(name)
    if key not in counted:
        raise SystemExit(f"bench: no row {name}; there are " +
                         " ".join(f"{n}-{p}" for n, p in counted))
    profile = Profile(counted[key], counted[empty_of(key[0])])
    return (f"`{name}`: {profile.total:,} instructions\n\n" +
            profile.text(least))


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
    bars = [("-".join(map(str, r.key)) + ("/page" if r.per > 1 else ""),
             r.value(data), r.linux.value(linux), r.goal)
            for r in ROWS + OTHERS if r.figure == "instructions" and
            r.value(data) is not None and r.linux.value(linux)]
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


def page_of(text, data, linux):
    text = put(text, "summary", summary(data))
    text = put(text, "goals", table(ROWS, data, linux))
    text = put(text, "others", table(OTHERS, data, linux))
    return put(text, "growth", growth_table(data))


def run():
    data, counted = measure()
    linux = read(HERE / "linux.csv")
    data.update(read(NVME))
    data["boot", 0] = {"ms": boot_time()}
    write(CSV, data)
    plot(data, linux)
    text = page_of(PAGE.read_text(), data, linux)
    for name in PROFILED:
        text = put(text, f"profile of {name}", profile_text(name, counted, .01))
    PAGE.write_text(text)
    print(summary(data), table(ROWS, data, linux), table(OTHERS, data, linux),
          growth_table(data), sep="\n\n")
    return 0


def look():
    data, linux = measure(RUNS[:1])[0], read(HERE / "linux.csv")
    kept = {key: was for key, was in read(CSV).items() if key in data}
    for rows in ROWS, OTHERS:
        print(table([r for r in rows if r.value(data) is not None], data,
                    linux) + "\n")
    print("".join(f"worse than it was: {line}\n"
                  for line in worse(kept, data)), end="")
    return 0


def check():
    old = read(CSV)
    bad = list(worse(old, measure()[0]))
    print("".join(f"bench-check: {line}\n" for line in bad), end="")
    print(f"bench-check: {len(old)} rows, {len(bad)} figures worse")
    return 1 if bad or not old else 0


def profile(name=""):
    empty = {}
    for run in RUNS:
        counted = {**empty, **counting.count(run)}
        empty = empty or counted
        if Row.parse(name) in counted:
            break
    print(profile_text(name, counted, 0))
    return 0


if __name__ == "__main__":
    sys.exit({"run": run, "look": look, "check": check,
              "profile": profile}[sys.argv[1]](*sys.argv[2:]))
