# SPDX-License-Identifier: BSD-2-Clause
"""The rows of tests/attack/table that QEMU can show, each by /bin/attack: a
hostile driver, as the user none, with one device of its own.  The target must
be bit for bit as it was, and the attempt reported as the table says.

With ATTACK=succeeds the kernel is one without the row's guard, which
tests/attack/run.py has made, or the guard is taken away from outside: then the
attack must succeed.

All that with strict unmapping and with lazy.
"""
import os
import re
import socket
import struct
import subprocess
import sys

import pytest

from machine import (EDU, ICOUNT, SMALL, TEST_KERNEL, TOP, UNIT, Machine,
                     wait_for)
from test_edu import kernel_text

sys.path.insert(0, str(TOP / "tests/attack"))
import rows  # noqa: E402

SUCCEEDS = os.environ.get("ATTACK") == "succeeds"
ROWS = {mode: {r.id: r for r in rows.shown("qemu", mode)}
        for mode in rows.MODES}
LATE = "iommu=lazy iommu.quarantine=32768,1000,32768"

FED = 0xfed90000
GCMD, GSTS, RTADDR, IQA, IRTA = 0x18, 0x1c, 0x20, 0x90, 0xb8
TE = 1 << 31
KEEP = 1 << 26 | 1 << 25        # queue and interrupt remapping stay on
ECAM, IO_APIC = 0xb0000000, 0xfec00000
MINE, THEIRS = 0x18, 0x28       # 0:3.0 and 0:5.0
ADDRESS = 0x000ffffffffff000

ONE = SMALL.replace("-smp 2", "-smp 1")
DEVICES = (f"{UNIT.replace('intremap=off', 'intremap=on')} {EDU} "
           f"{EDU.replace('addr=3', 'addr=5')} -device nvme,serial=1,addr=4 "
           "-device virtio-rng-pci,addr=6")


@pytest.fixture
def mode():
    return "strict"


@pytest.fixture
def cmdline(mode):
    return LATE if mode == "lazy" else "iommu=strict"


@pytest.fixture
def m(kept, tmp_path_factory, cmdline, mode):
    """One processor, fast enough for a storm; the socket is for a control."""
    at = tmp_path_factory.getbasetemp() / f"gdb-{mode}"
    machine = kept(f"{ONE} {DEVICES} {ICOUNT.replace('shift=4', 'shift=1')} "
                   f"-gdb unix:{at},server=on,wait=off", limit=300,
                   cmdline=cmdline)
    machine.gdb = str(at)
    return machine


# Targets: where they are, as the unit or the processor finds them

def quad(m, at):
    return struct.unpack("<Q", m.memory(at, 8))[0]


def long(m, at):
    return struct.unpack("<I", m.memory(at, 4))[0]


def root(m):
    return quad(m, FED + RTADDR) & ADDRESS


def context(m):
    return quad(m, root(m)) & ADDRESS


def kernel_page_table(m):
    text = m.qmp("human-monitor-command", **{"command-line": "info registers"})
    return int(re.search(r"CR3=([0-9a-f]+)", text)[1], 16) & ADDRESS


def bar_of_theirs(m):
    return long(m, ECAM + (THEIRS << 12) + 0x10) & ~15


UNUSED = 100 * 8                # an entry of a page table
OURS = b"\x66" * 4              # what the attacker's device writes
MACHINES = {"bar-shared": "shared_page"}
TOLD = "own-page-table", "victims-frame"
TARGETS = {
    "kernel-text": lambda m: kernel_text(),
    "kernel-text-read": lambda m: kernel_text(),
    "kernel-page-table": lambda m: kernel_page_table(m) + UNUSED,
    "own-page-table": lambda m: m.told + UNUSED,
    "root-table": root,
    "context-table": lambda m: context(m) + MINE * 16,
    "second-level-table": lambda m: quad(m, context(m) + MINE * 16) & ADDRESS,
    "interrupt-table": lambda m: quad(m, FED + IRTA) & ADDRESS,
    "queue": lambda m: quad(m, FED + IQA) & ADDRESS,
    "unit-registers": lambda m: FED + GCMD,
    "victims-frame": lambda m: m.told,
    "io-apic": lambda m: IO_APIC,
    "config-space": lambda m: ECAM + (THEIRS << 12) + 0x0c,
    "peer-to-peer": lambda m: bar_of_theirs(m) + 4,
}


def look(m, name, at):
    """What may not change.  Accessed and dirty bits are the processor's."""
    if name == "unit-registers":
        return m.memory(FED + GSTS, 4)
    if name == "io-apic":
        return m.memory(at, 4)
    if name in ("config-space", "peer-to-peer"):
        return m.memory(at, 4)
    if "page-table" in name:
        return [e & ~0x60 for e in
                struct.unpack("<512Q", m.memory(at & ~4095))]
    if name == "queue":             # which the driver writes to as well
        return OURS in m.memory(at & ~4095)
    return m.memory(at & ~4095)


# The guard taken away from outside

class Gdb:
    """As much of QEMU's gdbstub as stores physical memory, and runs until an
    address."""
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(path)
        self.came = b""

    def answer(self):
        """That it has stopped for us, T02, is none."""
        while True:
            m = re.search(rb"\$([^#]*)#..", self.came)
            if not m:
                self.came += self.s.recv(1000)
                continue
            self.came = self.came[m.end():]
            if not m[1].startswith(b"T02"):
                return m[1].decode()

    def packet(self, text):
        self.s.sendall(b"+$%s#%02x" % (text.encode(), sum(text.encode()) & 255))
        return self.answer()

    def store(self, at, value):
        assert self.packet("Qqemu.PhyMemMode:1") == "OK"
        data = struct.pack("<I", value).hex()
        assert self.packet(f"M{at:x},4:{data}") == "OK"

    def run_until(self, at):
        assert self.packet(f"Z1,{at:x},1") == "OK"
        assert self.packet("c").startswith("T05")

    def leave(self):
        assert self.packet("D") == "OK"     # and the machine goes on
        self.s.close()


def translation(m, on):
    """Off: the device's addresses are physical ones."""
    gdb = Gdb(m.gdb)
    gdb.store(FED + GCMD, KEEP | (TE if on else 0))
    gdb.leave()
    assert bool(long(m, FED + GSTS) & TE) == on


# One row

class Tried:
    def __init__(self, text, status, changed):
        self.text = text
        assert status in (0, 2, 128), text
        self.succeeded = changed or status != 0     # 128: the victim is gone


def ended(m, mark, changed=False):
    status = int(m.expect(r"=(\d+)=\r\n", 60)[1])
    m.expect_prompt()
    return Tried(m.seen[mark:], status, changed)


def with_address(m, name):
    """In steps, as the target is looked at before and after."""
    mark = len(m.seen)
    m.type(f"attack {name}; echo =$?=\n")
    if name in TOLD:
        m.told = int(m.expect(r"that is at 0x([0-9a-f]+)")[1], 16)
    m.expect(r"at which address\?\r\n")
    at = TARGETS[name](m)
    before = look(m, name, at)
    if SUCCEEDS:
        translation(m, False)
    m.type(f"{at:x}\n")
    if name == "kernel-text-read":
        m.expect(r"press return and it looks\r\n")
        if SUCCEEDS:
            translation(m, True)
        m.type("\n")
    m.expect(r"press return\r\n")
    changed = look(m, name, at) != before
    if SUCCEEDS and name != "kernel-text-read":
        # What it has done may be the end of the machine.
        return Tried(m.seen[mark:], 0, changed)
    m.type("\n")
    return ended(m, mark, changed)


def fields(m):
    """What no file may change: the unit's state, each function's BARs and
    interrupt line, the chipset's own registers."""
    at = [ECAM + (dev << 15) for dev in range(10)]
    return [m.memory(FED + GSTS, 4), m.memory(ECAM + 0x40, 192),
            *(m.memory(a + 0x10, 24) + m.memory(a + 0x3c, 4) for a in at)]


def attempt(m, name):
    if name in TARGETS:
        return with_address(m, name)
    before = fields(m)
    mark = len(m.seen)
    m.type(f"attack {name}; echo =$?=\n")
    tried = ended(m, mark)
    return tried if SUCCEEDS or fields(m) == before else \
        Tried(tried.text, 0, True)


def is_reported(tried, how):
    kind, _, text = how.partition(" ")
    if kind == "fault":
        told = re.search(r"iommu: fault: 0:3\.0 ((read|write) )0x([0-9a-f]+: "
                         rf"[^\n]*) \(reason 0x{text}\), pid \d+", tried.text)
        return told and (f"note: iommu: fault 0:3.0 {told[1]}addr=0x{told[3]}"
                         in tried.text)
    if kind == "refused":
        return text in tried.text
    if kind == "log":
        return text in tried.text
    if kind == "trap":
        return "sys: trap: fault" in tried.text
    return how == "nothing" and "fault" not in tried.text


def kernel_entry():
    text = subprocess.run(["nm", TEST_KERNEL], check=True, capture_output=True,
                          text=True).stdout
    return int(re.search(r"([0-9a-f]+) . pvh_start$", text, re.M)[1], 16) \
        & 0x7fffffff


@pytest.fixture
def shared_page(tmp_path, cmdline):
    """Two functions with registers of 256 bytes: firmware keeps them apart, and
    just before the kernel they are put into one page."""
    at = tmp_path / "gdb"
    sdhci = " ".join(f"-device sdhci-pci,addr={n}" for n in (7, 8))
    with Machine(f"{ONE} {UNIT} {EDU} {sdhci} {ICOUNT} -S "
                 f"-gdb unix:{at},server=on,wait=off", cmdline=cmdline,
                 prompt=False) as machine:
        wait_for(at.exists)
        gdb = Gdb(str(at))
        gdb.run_until(kernel_entry())
        bar = [ECAM + (n << 15) + 0x10 for n in (7, 8)]
        page = long(machine, bar[0]) & ~15
        gdb.store(bar[1], page + 0x100)
        gdb.leave()
        machine.expect_prompt()
        assert long(machine, bar[1]) == page + 0x100
        yield machine


@pytest.mark.parametrize("mode,name", [(mode, name) for mode in ROWS
                                       for name in ROWS[mode]])
def test_row(request, mode, name):
    m = request.getfixturevalue(MACHINES.get(name, "m"))
    tried = attempt(m, name)
    m.good = not SUCCEEDS           # such a machine is good for nothing more
    assert tried.succeeded == SUCCEEDS, tried.text
    if SUCCEEDS:
        return
    row = ROWS[mode][name]
    assert is_reported(tried, row.reported), tried.text
    if row.moment.startswith("after the call, and"):
        assert "the page waits for its flush" in tried.text, tried.text


def test_the_program_has_the_rows_of_the_table(m):
    assert set(m.run("attack list").split()) == set(ROWS["strict"])


def test_as_none_from_the_start(boot):
    """With a device that somebody else gives it."""
    m = boot(f"{SMALL} {DEVICES} {ICOUNT}")
    pid = m.spawn("none attack kernel-text 100000 >/tmp/out")
    m.run(f"echo 0:3.0 {pid} >'#iommu/attach'; wait {pid}")
    assert "the device wrote 8 bytes at 0x100000" in m.run("cat /tmp/out")
    assert ("write 0x100000: no write permission (reason 0x5), "
            f"pid {pid}") in m.seen


def test_mapping_does_not_give_the_bus_back(boot):
    """Mapping a BAR stored the command register as it had been read: a fence of
    the fault thread in between was undone."""
    m = boot(f"{SMALL} {UNIT} {EDU} {ICOUNT} -trace pci_cfg_write")
    assert m.run("devices registers") == "ok\n"
    m.complaints.seek(0)
    written = [int(v, 16) & 4 for v in
               re.findall(r"pci_cfg_write edu \S*0?3[:.]0 @0x4 <- 0x([0-9a-f]+)",
                          m.complaints.read())]
    assert written.count(4) == 1, written
