# SPDX-License-Identifier: BSD-2-Clause
"""Reads scenario files; names.scenario says what they look like.

A Scenario has machines, devices, registers, names, routines and tests.  What a
test says on one machine, with its routines put in, is a list of Lines.
tests/host/scenario/parse.c reads the same files for the model.
"""
import re
from dataclasses import dataclass, field

# How many words stand behind each; None: any number, and some.
STATEMENTS = {
    "do": (1,), "table": None, "frame": None, "let": (2,), "set": (2,),
    "fill": (3,), "root": (4,), "context": (4,), "entry": (4,), "write": (2,),
    "push": (2,), "expect": None, "memory": None, "interrupts": None,
    "dma": None, "mend": (2,), "each": None,
}
EXPECTATIONS = ("expect", "memory", "interrupts", "dma")


MEASURED = [(7, 2), (10, 0), (11, 1)]   # versions of QEMU


class Wrong(Exception):
    """A file that is not as it should be."""

    def __init__(self, line, text):
        super().__init__(f"{line}: {text}")
        self.line = line


@dataclass
class Mark:
    who: str
    words: list
    since: tuple = (0,)     # the first version, and the first no more
    before: tuple = (99,)


@dataclass
class Line:
    file: str
    number: int
    words: list
    reason: str = ""        # the comment behind it
    misuse: bool = False
    marks: list = field(default_factory=list)

    def marks_of_qemu(self, version):
        """What one of that version does otherwise; of one that nobody has
        measured, what any does."""
        return [m.words for m in self.marks if m.who == "qemu" and
                (version not in MEASURED or m.since <= version < m.before)]

    def __str__(self):
        return f"{self.file}:{self.number}: {' '.join(self.words)}"

    @property
    def expects(self):
        return self.words[0] in EXPECTATIONS


@dataclass
class Body:
    """A routine or a test."""
    line: Line
    machines: list = field(default_factory=list)
    lines: list = field(default_factory=list)

    def is_for(self, machine):
        return not self.machines or machine in self.machines


@dataclass
class Machine:
    name: str
    version: int
    cap: int
    ecap: int
    options: str


def number(word):
    return int(word, 0)


def numbers(words):
    """0 2-4: 0, 2, 3, 4"""
    result = []
    for word in words:
        first, _, last = word.partition("-")
        result += range(number(first), number(last or first) + 1)
    return result


def version(text):
    """10.1: (10, 1)"""
    return tuple(int(n) for n in text.split("."))


class Scenario:
    def __init__(self, path):
        self.path = path
        self.machines, self.registers, self.names = {}, {}, {}
        self.devices, self.routines, self.tests = [], [], []
        self.on = []            # machines of tests that do not say
        self.read(path)

    def read(self, path):
        body = None
        for n, text in enumerate(path.read_text().splitlines(), 1):
            text, _, reason = text.partition("#")
            line = Line(path.name, n, text.split(), reason.strip())
            if line.words:
                try:
                    body = self.take(line, body, path)
                except (ValueError, LookupError, AttributeError):
                    raise Wrong(line, "not understood") from None

    def take(self, line, body, path):
        """What the line says; the body that the next may belong to."""
        word, *rest = line.words
        if word == "test":
            self.tests.append(Body(line, self.on))
            return self.tests[-1]
        if word == "routine":
            self.routines.append(Body(line))
            return self.routines[-1]
        if body:
            self.take_in(line, body)
        elif word == "use":
            self.read(path.parent / rest[0])
        elif word == "machine":
            self.machines[rest[0]] = Machine(
                rest[0], *(number(w) for w in rest[2:7:2]), rest[8])
        elif word == "on":
            self.on = [self.machines[m].name for m in rest]
        elif word == "device":
            self.devices.append(rest[0])
        elif word == "register":
            self.registers[rest[0]] = number(rest[1]), number(rest[2]) // 8
        elif word == "let":
            name, value = rest
            self.names[name] = self.value(value, self.names)
        else:
            raise ValueError
        return body

    def take_in(self, line, body):
        word, *rest = line.words
        if word == "on" and not body.lines:
            body.machines = [self.machines[m].name for m in rest]
        elif word in ("qemu", "model"):
            mark = Mark(word, rest)
            if word == "qemu" and rest[0] in ("since", "before"):
                setattr(mark, rest[0], version(rest[1]))
                del rest[:2]
            if not line.reason or rest[0] not in ("=", "->", "not"):
                raise ValueError
            body.lines[-1].marks.append(mark)
        else:
            if word == "misuse":
                line.misuse = True
                del line.words[0]
            count = STATEMENTS[line.words[0]]
            if count and len(line.words) - 1 not in count:
                raise ValueError
            body.lines.append(line)

    def lines(self, body, machine):
        """The statements of a body on that machine."""
        for line in body.lines:
            if line.words[0] != "do":
                yield line
                continue
            found = [r for r in self.routines if r.is_for(machine) and
                     r.line.words[1] == line.words[1]]
            if len(found) != 1:
                raise Wrong(line, f"{len(found)} such routines")
            yield from self.lines(found[0], machine)

    def value(self, word, names):
        """The number that an expression stands for."""
        total = 0
        for how, term in re.findall(r"(^|[-|+])([^-|+]+)", word):
            v = self.term(term, names)
            total = total | v if how == "|" else \
                total - v if how == "-" else total + v
        return total

    def term(self, term, names):
        name, sign, count = re.fullmatch(r"([\w.]+)(?:(=|<<)(\w+))?",
                                         term).groups()
        v = self.atom(name, names)
        if sign:
            n = self.atom(count, names)
            v = v * n if sign == "=" else v << n
        return v

    def atom(self, word, names):
        if word[0].isdigit():
            return number(word)
        name, _, part = word.partition(".")
        size = {"": 1, "2M": 1 << 21, "1G": 1 << 30}[part.replace("in", "")]
        if part.startswith("in"):
            return names[name] % size
        return names[name] // size * size
