# SPDX-License-Identifier: BSD-2-Clause
"""QEMU without a kernel: its processor halts at the first instruction, and the
machine is driven from here, over two pairs of sockets (qtest, and QMP for
resets and for a look at the local APIC).

Debian's QEMU has no qtest accelerator, and so no clock_step.  Instead, with
-icount and sleep=off, time jumps to the next timer as the processor halts: what
edu takes 100 ms for is done at once, whatever the machine that runs the tests.
"""
import json
import os
import socket
import subprocess
import tempfile
from pathlib import Path

QEMU = os.environ.get("QEMU") or "qemu-system-x86_64"

UNIT = 0xfed90000
MEMORY = 0x540000000    # a module of its own, where the model's memory is
MEMORY_SIZE = 16 << 20
EDU_BAR = 0xfe000000
EDU_BUFFER = 0x40000    # of the device
PORT = "0:6.0"          # the bridge to bus 1


def halting_firmware():
    """cli; hlt; jmp to the hlt, at the reset vector."""
    return b"\xf4" * 65520 + b"\xfa\xf4\xeb\xfd" + b"\xf4" * 12


def bdf(text):
    """0:3.0 -> 0x18"""
    bus, rest = text.split(":")
    dev, fn = rest.split(".")
    return int(bus, 16) << 8 | int(dev, 16) << 3 | int(fn, 16)


def edu_options(devices):
    yield from ("-device", "pcie-root-port,id=bus1,addr=6")
    for device in devices:
        bus, addr = device.split(":")
        bus = ",bus=bus1" if bus != "0" else ""
        yield from ("-device", f"edu,dma_mask=0xffffffffffffffff,"
                    f"multifunction=on,addr={addr}{bus}")


class Qemu:
    def __init__(self, options, devices, limit=120):
        self.devices = devices
        self.dir = tempfile.TemporaryDirectory(prefix="ak")
        firmware = Path(self.dir.name) / "halt"
        firmware.write_bytes(halting_firmware())
        self.complaints = open(Path(self.dir.name) / "stderr", "w+")
        tests, theirs = socket.socketpair()
        monitor, its = socket.socketpair()
        self.process = subprocess.Popen(
            ["timeout", "-k", "5", str(limit), QEMU,
             "-machine", "q35,pit=off", "-accel", "tcg", "-nodefaults",
             "-display", "none", "-bios", str(firmware),
             "-icount", "shift=0,sleep=off",
             "-m", "64M,slots=1,maxmem=32G",
             "-object", f"memory-backend-ram,id=far,size={MEMORY_SIZE}",
             "-device", f"pc-dimm,memdev=far,addr={MEMORY}",
             "-device", f"intel-iommu,{options}", *edu_options(devices),
             "-chardev", f"socket,id=qtest,fd={theirs.fileno()}",
             "-qtest", "chardev:qtest", "-qtest-log", "none",
             "-chardev", f"socket,id=qmp,fd={its.fileno()}",
             "-mon", "chardev=qmp,mode=control"],
            pass_fds=(theirs.fileno(), its.fileno()),
            stdin=subprocess.DEVNULL, stderr=self.complaints)
        theirs.close()
        its.close()
        self.tests = tests.makefile("rw", newline="\n")
        self.monitor = monitor.makefile("rw", newline="\n")
        tests.close()
        monitor.close()
        version = json.loads(self.monitor.readline())["QMP"]["version"]["qemu"]
        self.version = version["major"], version["minor"]
        self.qmp("qmp_capabilities")
        self.waiting = []       # commands that nobody needs an answer to
        self.started = set()    # devices, since the last reset

    def alive(self):
        return self.process.poll() is None

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        for file in (self.tests, self.monitor, self.complaints):
            try:
                file.close()
            except OSError:
                pass
        self.dir.cleanup()

    def report(self):
        self.complaints.seek(0)
        return self.complaints.read()

    # The two sockets

    def ask(self, *lines):
        """Commands for qtest; their answers.  What is waiting goes with
        them."""
        lines = self.waiting + list(lines)
        first = len(self.waiting)
        self.waiting = []
        self.tests.write("".join(line + "\n" for line in lines))
        self.tests.flush()
        return [self.answer() for _ in lines][first:]

    def tell(self, *lines):
        self.waiting += lines

    def answer(self):
        words = self.tests.readline().split()
        while words and words[0] == "IRQ":
            words = self.tests.readline().split()
        assert words and words[0] == "OK", \
            f"QEMU answers {words}\n{self.report()}"
        return int(words[1], 0) if len(words) > 1 else None

    def qmp(self, command, until=None, **arguments):
        self.monitor.write(json.dumps({"execute": command,
                                       "arguments": arguments}) + "\n")
        self.monitor.flush()
        result = None
        while result is None or until:
            line = self.monitor.readline()
            assert line, f"QEMU is gone\n{self.report()}"
            message = json.loads(line)
            assert "error" not in message, message
            result = message.get("return", result)
            if until and message.get("event") == until:
                until = None
        return result

    # Memory and registers

    def get(self, *places):
        """What is at each (address, width)."""
        return self.ask(*(f"read{'lq'[width == 8]} {address:#x}"
                          for address, width in places))

    def put(self, address, width, value):
        self.tell(f"write{'lq'[width == 8]} {address:#x} {value:#x}")

    def put_bytes(self, address, data):
        self.tell(f"write {address:#x} {len(data)} 0x{data.hex()}")

    def clear(self, address, length):
        self.tell(f"memset {address:#x} {length} 0")

    def interrupts(self):
        """The vectors that the local APIC was told of.  Nobody takes them: they
        stand until the next reset."""
        self.ask()
        text = self.qmp("human-monitor-command",
                        **{"command-line": "info lapic"})
        line = next(t for t in text.splitlines() if t.startswith("IRR"))
        return {int(w) for w in line.split() if w.isdigit()}

    # Devices

    def configure(self, device, offset, *values):
        for value in values:
            at = 0x80000000 | bdf(device) << 8 | offset
            self.tell(f"outl 0xcf8 {at:#x}", f"outl 0xcfc {value:#x}")
            offset += 4

    def reset(self):
        self.ask()
        self.qmp("system_reset", until="RESET")
        self.started = set()

    def start_port(self):
        """Bus 1 is behind it, with one MiB of addresses."""
        window = bar(len(self.devices)) >> 16
        self.configure(PORT, 0x18, 0x00010100)
        self.configure(PORT, 0x20, window << 16 | window)
        self.configure(PORT, 0x04, 6)

    def start(self, device):
        if device in self.started:
            return
        self.started.add(device)
        if not device.startswith("0:"):
            self.start_port()
        self.configure(device, 0x10, self.bar(device))
        self.configure(device, 0x04, 6)

    def bar(self, device):
        at = len(self.devices) if device[0] != "0" else \
            self.devices.index(device)
        return bar(at)

    def dma(self, device, source, target, length, to_memory):
        at = self.bar(device)
        for off, v in ((0x80, source), (0x88, target), (0x90, length),
                       (0x98, 3 if to_memory else 1)):
            self.put(at + off, 8, v)
        while self.get((at + 0x98, 8))[0] & 1:
            pass


def bar(n):
    return EDU_BAR + (n << 20)
