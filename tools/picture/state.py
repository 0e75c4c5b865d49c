# SPDX-License-Identifier: BSD-2-Clause
"""What a machine says of its devices and memory: files that were read on it and
saved, taken apart.

A folder has, of #iommu, units, devices, spaces, acpi and faults as they are;
walk/BDF, what `walk` says of a device; pages/PID, the #proc/PID/pages of a
process; ps, what that program prints.  A file that is not there is empty.

Instead of a folder it may be the text of `iommu report`, which has most of that
behind headings.
"""
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

PAGE = 4096
REGISTERS = 1 << 39             # from there on BARs are mapped
FIELD = re.compile(r'([a-z0-9_]+)=(?:"([^"]*)"|(\S*))')
FAULT = re.compile(r"(\S+) pid=(\d+) (read|write|interrupt) (\S+): (.*)")
DUMPED = re.compile(r"^(0x\w+) (0x\w+) .*? (r|w|rw) +\d+ x ", re.M)
PROCESS = re.compile(r" *(\d+) +\d+ (?:eve|none) .* (\S+)")


class Odd(Exception):
    """A line that is not as it should be."""


class Record(dict):
    """The fields of a line, and its subject; no such field, or -: None."""
    def __init__(self, line):
        subject, _, rest = line.partition(" ")
        super().__init__((key, quoted or plain) for key, quoted, plain
                         in FIELD.findall(rest))
        left = FIELD.sub("", rest).split()
        if not subject or left:
            raise Odd(f"not a record: {line}")
        self.subject = subject

    def __missing__(self, key):
        return None

    def __getitem__(self, key):
        value = super().__getitem__(key)
        return None if value == "-" else value

    def list(self, key):
        return self[key].split(",") if self[key] else []

    def number(self, key):
        return int(self[key] or "0", 0)


def records(text):
    return [Record(line) for line in text.splitlines() if line.strip()]


@dataclass
class Fault:
    device: str
    pid: int
    how: str
    where: str
    why: str


@dataclass
class Reach:
    """Memory that a device or process can touch: first byte, byte behind."""
    start: int
    end: int
    rights: str         # r-, rw or -w; or io: a device's registers


@dataclass
class State:
    units: list = field(default_factory=list)
    devices: list = field(default_factory=list)
    spaces: list = field(default_factory=list)
    acpi: list = field(default_factory=list)
    faults: list = field(default_factory=list)
    names: dict = field(default_factory=dict)   # of processes, by pid
    walks: dict = field(default_factory=dict)   # by device: Reach, by address
    # By pid: {address: (frame, rights)}
    pages: dict = field(default_factory=dict)

    def reach_of_process(self, pid):
        """Its frames, in order, those side by side in one."""
        return joined(
            Reach(frame, frame + PAGE, "io" if address >= REGISTERS else rights)
            for address, (frame, rights) in self.pages.get(pid, {}).items())

    def reach_of_device(self, device):
        """The frames behind what the unit's tables let it reach: its owner's
        pages, and what the firmware reserved for it."""
        return joined(
            [Reach(a, b, "rw") for a, b in ranges(device.list("reserved"))
             if not device["owner"]] +
            [Reach(frame, frame + PAGE, seen) for frame, _, seen
             in self.seen_pages(device)])

    def seen_pages(self, device):
        """Of the owner's pages those that the device sees: frame, rights of the
        owner and of the device."""
        walk = self.walks.get(device.subject, [])
        starts = [r.start for r in walk]
        for address, (frame, rights) in self.pages.get(
                int(device["owner"] or 0), {}).items():
            n = bisect_right(starts, address)
            if n and address < walk[n - 1].end:
                yield frame, rights, walk[n - 1].rights

    def unknown_pages(self):
        """Owners whose pages are not among the files."""
        owners = {int(d["owner"]) for d in self.devices if d["owner"]}
        return sorted(owners - set(self.pages))

    def beyond_owner(self, device):
        """Bytes that the device reaches and its owner does not, or not so."""
        if int(device["owner"] or 0) not in self.pages:
            return 0
        good = sum(all(r in (mine, "-") for mine, r in zip(rights, seen))
                   for _, rights, seen in self.seen_pages(device))
        return sum(r.end - r.start for r in
                   self.walks.get(device.subject, [])) - good * PAGE


def ranges(words):
    """LOW-HIGH, the last byte included."""
    for word in words:
        low, high = word.split("-")
        yield int(low, 16), int(high, 16) + 1


def joined(reaches):
    done = []
    for r in sorted(reaches, key=lambda r: (r.start, r.end, r.rights)):
        if done and done[-1].end == r.start and done[-1].rights == r.rights:
            done[-1] = Reach(done[-1].start, r.end, r.rights)
        elif not done or done[-1] != r:
            done.append(r)
    return done


def walk(text):
    rights = {"r": "r-", "w": "-w"}
    return sorted((Reach(r.number("from"), r.number("to") + 1,
                         rights.get(r["rights"], r["rights"]))
                   for r in records(text) if r.subject == "range"),
                  key=lambda r: r.start)


def pages(text):
    """The tables' own line aside: address, frame, rights."""
    lines = [line.split() for line in text.splitlines()]
    return {int(w[0], 16): (int(w[1], 16), w[2])
            for w in lines if len(w) == 3}


def files_of_folder(folder):
    """By name, those below with the folder's."""
    return {str(p.relative_to(folder)): p.read_text()
            for p in sorted(folder.rglob("*")) if p.is_file() and
            p.suffix != ".svg"}


def files_of_report(text):
    """Its sections, by the names that a folder's files have."""
    parts = re.split(r"^== (.*) ==\n", text, flags=re.M)
    files = {}
    for name, body in zip(parts[1::2], parts[2::2]):
        if name == "what is reached":
            device = re.match(r"[\w:.]*", body)[0]
            files[f"walk/{device}"] = "".join(
                f"range from={low} to={high} rights={rights}\n"
                for low, high, rights in DUMPED.findall(body))
        else:
            name = re.sub(r"^#proc/(\d+)/pages$", r"pages/\1", name)
            files[name] = body
    return files


def load(path):
    path = Path(path)
    files = files_of_report(path.read_text()) if path.is_file() else \
        files_of_folder(path)
    if "devices" not in files:
        raise Odd(f"{path}: no devices there")

    def text(name):
        return files.get(name, "")

    def each(folder, parse):
        return {name.partition("/")[2]: parse(text) for name, text
                in files.items() if name.startswith(folder + "/")}

    return State(
        *(records(text(n)) for n in ("units", "devices", "spaces", "acpi")),
        [Fault(d, int(p), *rest) for d, p, *rest in FAULT.findall(
            text("faults"))],
        {int(pid): name for pid, name in PROCESS.findall(text("ps"))},
        each("walk", walk),
        {int(pid): p for pid, p in each("pages", pages).items()})
