# SPDX-License-Identifier: BSD-2-Clause
"""Runs the tests of a scenario on QEMU, statement by statement.

What a device read is in its buffer, where nobody but the device itself gets at
it, through the unit: so what requests for reading brought is looked at after
the test, when a reset has put the unit out of the way.  What they are to write
has been put there before the test, likewise.
"""
from collections import Counter
from dataclasses import dataclass

from language import MEASURED, Line, Wrong, numbers
from qtest import EDU_BUFFER, MEMORY, UNIT, bdf

PAGE = 4096
HALF = 2048     # of a device's buffer: read by it; to be written by it


totals = Counter()      # of all tests; by place: where QEMU differs


class Failed(Exception):
    """An expectation that does not hold."""

    def __init__(self, line, text):
        super().__init__(f"{line}: {text}")
        self.line = line


def pattern(first):
    """A page of dwords that all differ, and none is 0."""
    return b"".join((first << 16 | i | 1 << 31).to_bytes(4, "little")
                    for i in range(0, PAGE, 4))


def prepare(qemu):
    """Fills the half of each device's buffer that is to be written."""
    for n, device in enumerate(qemu.devices):
        qemu.start(device)
        qemu.put_bytes(MEMORY, pattern(0x7f00 | n))
        qemu.dma(device, MEMORY, EDU_BUFFER + HALF, HALF - 4, False)


def run_test(scenario, machine, test, qemu, counts):
    """On a unit just reset, and leaves one."""
    Run(scenario, machine, qemu, counts).test(
        list(scenario.lines(test, machine)))


def count_difference(counts, line):
    counts["QEMU differs"] += 1
    counts[line.file, line.number] += 1


@dataclass
class Expectation:
    line: Line
    wanted: list            # texts
    known: list             # what QEMU is known to show instead
    where: str
    counts: Counter

    def __call__(self, got):
        self.counts["expectations"] += 1
        if set(self.known) & set(self.wanted):
            raise Wrong(self.line, "QEMU does as it should")
        if self.known:
            self.check(got, "QEMU used to show", self.known)
            count_difference(self.counts, self.line)
        else:
            self.check(got, "expected is", self.wanted)
            self.counts["the same" if got == self.wanted[0] else
                        "QEMU chose otherwise"] += 1

    def check(self, got, what, wanted):
        if got not in wanted:
            raise Failed(self.line, f"{got}, but {what} "
                         f"{' or '.join(wanted)} ({self.where})")


class Device:
    """Of edu's buffer, what has been used."""

    def __init__(self, name):
        self.name = name
        self.used = {"read": 0, "write": HALF}

    def slot(self, how):
        self.used[how] += 4
        assert self.used[how] % HALF, "too many requests in one test"
        return self.used[how] - 4


class Run:
    def __init__(self, scenario, machine, qemu, counts):
        self.scenario, self.machine, self.qemu = scenario, machine, qemu
        self.counts = counts
        self.names = dict(scenario.names)
        self.frames = {}
        self.pages = 0
        self.devices = {}
        self.interrupted = set()
        self.later = []
        self.tidy = True        # faults are taken out of the log

    def test(self, lines):
        try:
            self.run(lines)
        finally:
            self.qemu.reset()
            self.look_at_reads()    # what went wrong there went first

    def run(self, lines):
        for i, line in enumerate(lines):
            if line.words[0] != "each":
                self.step(line)
                continue
            for n in numbers(line.words[2:]):
                self.names[line.words[1]] = n
                self.run(lines[i + 1:])
            return

    def step(self, line):
        verb, *rest = line.words
        self.counts["steps"] += 1
        if ["not", "run"] in line.marks_of_qemu(self.qemu.version):
            count_difference(self.counts, line)
            return
        try:
            if line.expects:
                self.expect(line, verb, rest)
            else:
                getattr(self, verb)(*rest)
        except (ValueError, LookupError, TypeError, AttributeError) as e:
            raise Wrong(line, f"not understood: {e}") from None

    def expect(self, line, verb, words):
        sign = words.index("->" if verb == "dma" else "=")
        wanted = " ".join(words[sign + 1:]).split(" or ")
        self.tidy = wanted[0] != "refused"
        known = [self.meaning(verb, " ".join(words[1:])) for words
                 in line.marks_of_qemu(self.qemu.version)]
        wanted = [self.meaning(verb, w) for w in wanted]
        if self.qemu.version not in MEASURED:   # then either will do
            wanted, known = wanted + known, []
        where = [f"{name} = {value:#x}" for name, value in self.names.items()
                 if name not in self.scenario.names]
        getattr(self, "expect_" + verb)(Expectation(
            line, wanted, known,
            ", ".join([self.machine] + where), self.counts), *words[:sign])

    def value(self, word):
        return self.scenario.value(word, self.names)

    def meaning(self, verb, words):
        """What is expected, in the form in which it is found."""
        if words in ("refused", "none") or verb == "dma" and \
                words in self.frames:
            return words
        if verb == "dma":
            fault, number = words.split()
            return f"{fault} {self.value(number):#x}"
        return hex(self.value(words))

    # Memory and tables

    def page(self, name):
        self.pages += 1     # the first is for prepare() and look_at_reads()
        at = MEMORY + self.pages * PAGE
        self.names[name] = at
        return at

    def table(self, *names):
        for name in names:
            self.qemu.clear(self.page(name), PAGE)

    def frame(self, *names):
        for name in names:
            self.frames[name] = self.page(name)
            self.qemu.put_bytes(self.frames[name], pattern(self.pages))

    def let(self, name, value):
        self.names[name] = self.value(value)

    def set(self, address, value):
        self.store(self.value(address), self.value(value))

    def store(self, address, *values):
        for value in values:
            self.qemu.put(address, 8, value)
            address += 8

    def fill(self, page, low, high):
        both = b"".join(self.value(w).to_bytes(8, "little")
                        for w in (low, high))
        self.qemu.put_bytes(self.value(page), both * (PAGE // 16))

    def root(self, table, bus, low, high):
        self.store(self.value(table) + 16 * self.value(bus),
                   self.value(low), self.value(high))

    def context(self, table, function, low, high):
        at = self.value(table) + 16 * bdf("0:" + function)
        self.store(at + 8, self.value(high))
        self.store(at, self.value(low))

    def entry(self, table, level, address, value):
        index = self.value(address) >> 12 + 9 * (self.value(level) - 1) & 511
        self.store(self.value(table) + 8 * index, self.value(value))

    def expect_memory(self, compare, address):
        compare(hex(*self.qemu.get((self.value(address), 4))))

    # Registers

    def register(self, name):
        offset, width = self.scenario.registers[name]
        return UNIT + offset, width

    def get(self, *names):
        return self.qemu.get(*(self.register(name) for name in names))

    def put(self, name, value):
        self.qemu.put(*self.register(name), value)

    def write(self, name, value):
        self.put(name, self.value(value))

    def push(self, low, high):
        base, tail = self.get("IQA", "IQT")
        self.store((base & -PAGE) + tail, self.value(low), self.value(high))
        self.put("IQT", (tail + 16) % (PAGE << (base & 7)))

    def mend(self, low, high):
        """Another descriptor in place of the last."""
        base, tail, status = self.get("IQA", "IQT", "FSTS")
        last = (tail - 16) % (PAGE << (base & 7))
        self.store((base & -PAGE) + last, self.value(low), self.value(high))
        self.put("FSTS", status & self.names["IQE"])
        self.put("IQT", tail)

    def expect_expect(self, compare, name, sign="&", mask="0-1"):
        if sign != "&":
            raise ValueError(sign)
        compare(hex(self.get(name)[0] & self.value(mask)))

    def expect_interrupts(self, compare):
        new = sorted(self.qemu.interrupts() - self.interrupted)
        self.interrupted.update(new)
        compare(" ".join(map(hex, new)) or "none")

    # Requests of devices

    def device(self, name):
        if name not in self.qemu.devices:
            raise ValueError(name)
        self.qemu.start(name)
        return self.devices.setdefault(name, Device(name))

    def look(self, offset):
        """FSTS, the fault record, and what each frame holds at that offset:
        {value: name}"""
        status, low, high, *words = self.qemu.get(
            *map(self.register, ("FSTS", "FRCDL", "FRCDH")),
            *((at + offset, 4) for at in self.frames.values()))
        return status, low, high, dict(zip(words, self.frames))

    def expect_dma(self, compare, how, name, address):
        device, address = self.device(name), self.value(address)
        if how not in ("read", "write"):
            raise ValueError(how)
        before, _, _, old = self.look(address % PAGE)
        slot = device.slot(how)
        if how == "read":
            self.qemu.dma(name, address, EDU_BUFFER + slot, 4, False)
        else:
            self.qemu.dma(name, EDU_BUFFER + slot, address, 4, True)
        after, low, high, new = self.look(address % PAGE)
        fault = self.fault(name, address, how, after & ~before, low, high)
        if how == "read":
            self.later.append((name, slot, lambda data: compare(
                outcome([old[data]] if data in old else [], fault))))
        else:
            compare(outcome([new[v] for v in new if v not in old], fault))

    def fault(self, name, address, how, came, low, high):
        """The fault that was recorded, if it was the first, as it should be:
        7.2.  It is taken out of the log."""
        if not self.tidy or not came & self.names["PPF"]:
            return None
        self.put("FRCDH", self.names["F"])
        right = (low == address & -PAGE and high >> 63 and
                 high & 0xffff == bdf(name) and
                 high >> 62 & 1 == (how == "read"))
        return f"fault {high >> 32 & 0xff:#x}" + \
            ("" if right else f" recorded as {high:#x} {low:#x}")

    def look_at_reads(self):
        for device in dict.fromkeys(name for name, _, _ in self.later):
            self.qemu.start(device)
            self.qemu.dma(device, EDU_BUFFER, MEMORY, HALF, True)
            later = [(slot, f) for name, slot, f in self.later
                     if name == device]
            words = self.qemu.get(*((MEMORY + slot, 4) for slot, _ in later))
            for (_, f), word in zip(later, words):
                f(word)


def outcome(hit, fault):
    """What was reached and what was recorded: one is as it should be, both are
    not."""
    return " and ".join(hit + ([fault] if fault else [])) or "refused"
