# SPDX-License-Identifier: BSD-2-Clause
"""The program lab inside a machine: processes, their memory, and DMA by the edu
device (user/drv/lab says which commands there are)."""
import re

from machine import LOG_LINE

FAULT = re.compile(
    r"\] warning: iommu: fault: (\S+) (read|write) 0x([0-9a-f]+): "
    r"([^\n]*) \(reason 0x([0-9a-f]+)\), pid (\d+)\r?\n")


class Lab:
    def __init__(self, machine, *processes):
        """Starts it, with processes of those names; the first one gets the
        device."""
        self.m = machine
        self.mark = len(machine.seen)
        machine.type("lab\n")
        machine.expect(r"lab\r\n")
        self.pid = {}
        for name in processes:
            self.new(name)
        if processes:
            assert self(f"attach {processes[0]}") == "open"

    def new(self, name):
        """A process.  It searches in vain for a frame, so that later it needs
        no more memory of its own and leaves the frame for what it is for."""
        self.pid[name] = int(self(f"new {name}").split()[1])
        assert self(f"{name} grab 0 none") == "frame 0 is not free"

    def __call__(self, commands):
        """Carries out commands, at once if there are several; the last one's
        answer, without the name before it."""
        self.m.type(commands + "\n")
        text, lines = "", 2 + commands.count("; ")
        while text.count("\n") < lines:
            # The kernel may log in the middle of a line.
            text = LOG_LINE.sub("", text + self.m.expect(r"[^\n]*\n")[0])
        answer = text.split("\r\n")[-2]
        self.m.idle = self
        assert text.startswith(commands + "\r\n")
        return answer.partition(": ")[2] or answer

    def map(self, process, name, byte=None, pinned=True, pages=1):
        """Memory, filled with a byte; its address."""
        how = " pinned" if pinned else ""
        answer = self(f"{process} map {name} {pages}{how}")
        if byte is not None:
            assert self(f"{process} fill {name} {byte:x}") == "filled"
        return int(answer.removeprefix("at "), 16)

    def frame(self, process, name):
        frame = int(self(f"{process} frame {name}"), 16)
        assert frame
        return frame

    def frame_in(self, pid, addr):
        """Likewise for an address in any process; 0: there is none."""
        return int(self(f"frame {pid} {addr:x}"), 16)

    def faults(self):
        """Those that the kernel has told of since the last call: (device,
        direction, address, reason, pid)."""
        text = self.m.seen[self.mark:]
        found = list(FAULT.finditer(text))
        if found:
            self.mark += found[-1].end()
        return [(f[1], f[2], int(f[3], 16), int(f[5], 16), int(f[6]))
                for f in found]

    def fault(self):
        """The one fault since the last call; waits for it."""
        faults = self.faults()
        if not faults:
            self.m.expect(FAULT.pattern, timeout=5)
            faults = self.faults()
        assert len(set(faults)) == 1, faults
        return faults[0]
