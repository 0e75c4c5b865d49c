# SPDX-License-Identifier: BSD-2-Clause
"""The machine on which calls are measured, and what it says of them.

A run is one boot of the bench kernel.  Either nothing counts but the kernel, by
the time-stamp counter, which is one more with each instruction.  Or QEMU does:
each instruction (tests/bench/count.c), and what the remapping unit and
configuration space see (QEMU's trace events).
"""
import os
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
O = TOP / os.environ.get("O", "obj")
QEMU = os.environ.get("QEMU") or "qemu-system-x86_64"
KERNEL = O / "kern/akaros-kernel-bench"
DIR = O / "bench"
OPTIONS = ["-machine", "q35", "-accel", "tcg", "-cpu", "qemu64", "-smp", "1",
           "-icount", "shift=0,align=off,sleep=off", "-nodefaults",
           "-display", "none", "-monitor", "none", "-no-reboot",
           "-device", "intel-iommu,intremap=on,aw-bits=48", "-device", "edu"]
EVENTS = ["vtd_inv_desc", "vtd_reg_write", "vtd_reg_read", "pci_cfg_read",
          "pci_cfg_write"]
LIMIT = 600     # seconds


class Run:
    """What bench.c is to do, how often; the label of its rows in bench.csv, and
    what the machine has more than OPTIONS."""
    def __init__(self, what, times, label="", mib=1024, options=()):
        self.what, self.times, self.label = what, times, label
        self.options = ["-m", str(mib), *options]


# More of edu, eight functions a slot.
MORE = [word for slot in range(2, 26) for function in range(8)
        for word in ("-device", f"edu,addr={slot:#x}.{function},"
                     f"multifunction={'off' if function else 'on'}")]
RUNS = [Run("calls", 1001), Run("large", 5, mib=3072),
        Run("few", 201, f"devices{len(MORE) // 2}.", options=MORE),
        Run("owned", 201, "processes24.", options=MORE),
        Run("few", 201, "processors8.", options=["-smp", "8"])]

KINDS = {"context-cache": "context", "iotlb": "iotlb", "device": "devtlb",
         "irt": "iec", "wait": "wait"}
IQT = 0x88
FLUSHES = ("clflush", "clflushopt", "clwb")


def boot(run, times, *more):
    """Gives what it printed."""
    serial = DIR / "serial"
    command = ["timeout", str(LIMIT), QEMU, *OPTIONS, *run.options,
               "-serial", f"file:{serial}", "-kernel", str(KERNEL),
               "-append", "init=/bin/bench loglevel=0 "
               f"bench={run.what},{times}", *more]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    text = serial.read_bytes().decode(errors="replace").replace("\r", "")
    if "\nend\n" not in text:
        raise SystemExit(f"bench: {' '.join(command)}\nprinted\n{text}")
    return text


def groups(run, text):
    """Lists of (name, pages, numbers): what was measured in turn."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["group"]:
            found.append([])
        elif found and re.fullmatch(r"[a-z0-9-]+( \d+)+", line):
            found[-1].append((run.label + words[0], int(words[1]),
                              [int(w) for w in words[2:]]))
    return found


def symbols():
    text = subprocess.run(["nm", KERNEL], check=True, capture_output=True,
                          text=True).stdout
    return {name: int(at, 16) for at, _, name in
            (line.split() for line in text.splitlines() if line[0] != " ")}


def flush_instructions():
    """Where the kernel has instructions that flush a cache line."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", KERNEL],
                          check=True, capture_output=True, text=True).stdout
    return {int(at, 16) for at, name in
            re.findall(r"^\s*([0-9a-f]+):\s+(\w+)", text, re.M)
            if name in FLUSHES}


class Sample:
    """What QEMU saw of one call."""
    def __init__(self):
        self.figures = {}
        self.user = 0
        self.at = {}            # address: how often

    def add(self, figure, n=1):
        self.figures[figure] = self.figures.get(figure, 0) + n

    def event(self, line):
        kind = re.match(r"vtd_inv_desc invalidate desc type (\S+)", line)
        if kind:
            self.add(KINDS[kind[1]])
        elif line.startswith("vtd_reg_write"):
            at = int(re.search(r"addr 0x([0-9a-f]+)", line)[1], 16)
            self.add("tails" if at == IQT else "writes")
        elif line.startswith("vtd_reg_read"):
            self.add("reads")
        elif line.startswith("pci_cfg_"):
            self.add("config")

    def end(self, words, flushes):
        self.user = int(words[0])
        for word in words[1:]:
            at, n = word.split("=")
            self.at[int(at, 16)] = int(n)
        lines = sum(n for at, n in self.at.items() if at in flushes)
        if lines:
            self.add("lines", lines)

    @property
    def instructions(self):
        return self.user + sum(self.at.values())


def samples(log):
    flushes = flush_instructions()
    found, sample = [], None
    with open(log) as lines:
        for line in lines:
            if line.startswith("sample begins"):
                sample = Sample()
            elif line.startswith("sample ends"):
                sample.end(line.split()[2:], flushes)
                found.append(sample)
                sample = None
            elif sample:
                sample.event(line)
    return found


def count(run):
    """{(name, pages): the middle one of three samples}, as QEMU counts"""
    symbol = symbols()
    base = symbol["kernel_start"]
    log = DIR / "log"
    plugin = (f"{DIR}/count.so,base={base:#x},"
              f"size={symbol['kernel_text_end'] - base:#x}")
    text = boot(run, 3, "-plugin", plugin, "-d", "plugin", "-D", str(log),
                *(w for event in EVENTS for w in ("-trace", event)))
    rest = samples(log)
    log.unlink()
    counted = {}
    for group in groups(run, text):
        n = group[0][2][0] if len(group[0][2]) == 4 else 0
        mine, rest = rest[:n * len(group)], rest[n * len(group):]
        for i, (name, pages, _) in enumerate(group):
            if n:
                counted[name, pages] = sorted(
                    mine[i::len(group)], key=lambda s: s.instructions)[n // 2]
    if rest:
        raise SystemExit(f"bench: {len(rest)} samples more than told of")
    return counted


def measure(run, times=None):
    """{(name, pages): numbers}, as printed"""
    return {(name, pages): numbers
            for group in groups(run, boot(run, times or run.times))
            for name, pages, numbers in group}
