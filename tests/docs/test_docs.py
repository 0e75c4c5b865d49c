# SPDX-License-Identifier: BSD-2-Clause
"""What README.md and Documentation/*.md say is so: their commands run, their
sessions print what they show, and the texts, numbers and files that they name
are those of the sources.

The word behind the language of a fenced block says what becomes of it:

    sh run         a script for the host, run with bash in a copy of the tree;
                   at the prompt of a machine that it boots, `shutdown` is typed
    sh untested    not run: it needs what a test does not have
    akaros run     lines behind "$ " are typed into the shell of a machine that
                   `make run` would start, one for each file; the others are
                   what it prints.  "..." stands for any lines; addresses,
                   times and process ids may be others.
    c FILE         all of that file
"""
import re
import shutil
import sys
from pathlib import Path

import pytest
from pexpect import EOF, TIMEOUT
from pexpect.popen_spawn import PopenSpawn

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/boot"), str(TOP / "tests/attack")]

from machine import (KERNEL, QEMU, Machine, clean_environment,  # noqa: E402
                     make_run_machine)
import rows  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:setDaemon")

PAGES = [TOP / "README.md", *sorted(TOP.glob("Documentation/*.md"))]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)
MARKS = {"sh": ("run", "untested"), "akaros": ("run",)}

# What differs from one run to the next, and what it looks like.
VARIES = [
    (r"\[ *\d+\.\d{6}\]", r"\[ *\d+\.\d{6}\]"),
    (r"\d+ MHz", r"\d+ MHz"),
    (r"^\d+\.\d{9}(?= )", r"\d+\.\d{9}"),
    (r"\bpid=\d+", r"pid=\d+"),
    (r"(?<= hex=)[0-9a-f]+", r"[0-9a-f]+"),
    (r"\b\d+ MiB", r"\d+ MiB"),
    (r"0xffff[0-9a-f]{12}", r"0xffff[0-9a-f]{12}"),
    (r"0x[0-9a-f]{16}(?= \(phy\))", r"0x[0-9a-f]{16}"),
    (r"\b1[0-9a-f]{8}\b", r"1[0-9a-f]{8}"),
    (r"0x1[0-9a-f]{8}\b", r"0x1[0-9a-f]{8}"),
    # Newer QEMUs say that setting the root pointer flushes (CAP.ESRTPS).
    (r"0x(?:00)?d2008c222f0686", r"0x(00|80)?d2008c222f0686"),
    (r"\bpid( = | )\d+", r"pid( = | )\d+"),
    (r"\b(?:CTP|SLPTPTR|ADDR)=0x[0-9a-f]+", r"\w+=0x[0-9a-f]+"),
    (r"\] = 0x[0-9a-f]+", r"\] = 0x[0-9a-f]+"),
    (r"(?<=\blow )0x[0-9a-f]+", r"0x[0-9a-f]+"),
    (r"(?<=^frame )0x[0-9a-f]+", r"0x[0-9a-f]+"),
    (r"\b\d+ sleep +", r"\d+ sleep +"),
    (r"^pid\d+ +", r"pid\d+ +"),
    (r"\bpid=?\d+", r"pid=?\d+"),
    (r"\bowner=\d+", r"owner=\d+"),
    (r"^\d+\.\d{9}(?= )", r"\d+\.\d{9}"),
    (r"\bns=\d+", r"ns=\d+"),
    (r"\b(wait_\w+)=\d+", r"wait_\w+=\d+"),
    (r"(?<=^reaches )\d+ bytes, writes \d+", r"\d+ bytes, writes \d+"),
    (r"(?<=^owner )[1-9]\d*", r"\d+"),
    (r"^ *\d+ +\d+(?= (eve|none) )", r" *\d+ +\d+"),
    (r"(?:sleeping|running) [ \d]+(?=sh$)", r"(?:sleeping|running) [ \d]+"),
    (r"(?<=sleeping )[ \d]+", r"[ \d]+"),
    (r"(?<=running )[ \d]+", r"[ \d]+"),
]


class Block:
    def __init__(self, page, match):
        self.page = page
        self.line = page.read_text()[:match.start()].count("\n") + 1
        self.language, _, self.mark = match[1].partition(" ")
        self.text = match[2]

    def __str__(self):
        return f"{self.page.name}:{self.line}"


BLOCKS = [Block(page, m) for page in PAGES
          for m in FENCE.finditer(page.read_text())]


def marked(language, mark):
    return [b for b in BLOCKS if (b.language, b.mark) == (language, mark)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_each_block_of_commands_is_marked(block):
    if block.language in MARKS:
        assert block.mark in MARKS[block.language], block


def test_programs_are_those_of_the_tree():
    shown = [b for b in BLOCKS if b.language == "c"]
    assert shown
    for block in shown:
        assert block.text == (TOP / block.mark).read_text(), block


# Sessions

def pattern_of(line):
    """A regular expression for a line as it is shown."""
    parts = []
    at = 0
    spots = sorted((m.start(), -m.end(), i) for i, (shown, _)
                   in enumerate(VARIES) for m in re.finditer(shown, line))
    for start, end, i in spots:
        if start >= at:
            parts += [re.escape(line[at:start]), VARIES[i][1]]
            at = -end
    return "".join(parts) + re.escape(line[at:])


def pattern_of_text(lines):
    return "".join(r"(?:[^\n]*\n)*?" if line == "..." else
                   pattern_of(line) + r"\n" for line in lines)


def steps(block):
    """What is printed before the first command, and then each command with
    what it prints."""
    first, rest = [], []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            rest.append((line[2:], []))
        else:
            (rest[-1][1] if rest else first).append(line)
    return first, rest


def run_block(machine, block, booted):
    first, rest = steps(block)
    assert re.search(pattern_of_text(first) + r"\Z", booted), \
        f"{block}: at boot it printed\n{booted}"
    for command, lines in rest:
        machine.type(command + "\n")
        machine.expect(re.escape(command) + r"\r\n")
        machine.expect(r"(?:(?<=\n)|^)\$ ")
        got = machine.before()
        if command.endswith("&"):
            machine.await_jobs()
        assert re.fullmatch(pattern_of_text(lines), got), \
            f"{block}: {command}\n--- printed\n{got}--- not\n" + "\n".join(lines)


@pytest.mark.parametrize(
    "page", sorted({b.page for b in marked("akaros", "run")}),
    ids=lambda page: page.name)
def test_sessions_print_what_they_show(page):
    with Machine(make_run_machine(), kernel=KERNEL) as machine:
        booted = machine.before()
        for block in marked("akaros", "run"):
            if block.page == page:
                run_block(machine, block, booted)


# Commands for the host

@pytest.fixture(scope="module")
def copy_of_tree(tmp_path_factory):
    """Built as far as the tree is."""
    to = tmp_path_factory.mktemp("tree") / "tree"
    shutil.copytree(TOP, to, symlinks=True, ignore=shutil.ignore_patterns(
        ".git", "__pycache__", ".config*"))
    return to


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """In which qemu-system-x86_64 is the QEMU of the tests."""
    bin_dir = tmp_path_factory.mktemp("bin")
    (bin_dir / "qemu-system-x86_64").symlink_to(shutil.which(QEMU))
    env = clean_environment()
    env["PATH"] = f"{bin_dir}:{env['PATH']}"
    return env


@pytest.mark.parametrize("block", marked("sh", "run"), ids=str)
def test_host_commands_run(block, copy_of_tree, environment):
    child = PopenSpawn(["timeout", "120", "bash", "-e", "-c", "exec 2>&1\n" +
                        block.text], cwd=copy_of_tree, timeout=100,
                       env=environment, encoding="utf-8",
                       codec_errors="replace")
    text = ""
    while True:
        found = child.expect([r"\n\$ ", EOF, TIMEOUT])
        text += child.before
        if found:
            break
        child.send("shutdown\r")
    assert found == 1 and child.wait() == 0, f"{block}:\n{text}"


# Texts, numbers, files

def c_strings(path):
    """The string literals of a source file, adjacent ones joined."""
    text = re.sub(r"\\\n", "", path.read_text())
    joined = re.sub(r'"\s*\n\s*"', "", text)
    return re.findall(r'"((?:[^"\\\n]|\\.)*)"', joined)


def section(page, title):
    text = (TOP / page).read_text()
    start = text.index(f"\n## {title}\n")
    end = text.find("\n## ", start + 4)
    return text[start:end if end > 0 else len(text)]


def fixed_parts(text):
    """What of a text is not a value: those stand in capitals."""
    return [p for p in re.split(r"\b[A-Z][A-Z0-9:.]*\b", text) if len(p) > 3]


def test_error_texts_are_those_of_the_sources():
    strings = "\n".join(
        re.sub(r"%[0-9]*l?[a-z]", "\0", s)
        for path in sorted(TOP.glob("kern/**/*.c")) for s in c_strings(path))
    rows = re.findall(r"^\| `([^`]+)` \|", section("Documentation/iommu.md",
                                                   "Errors"), re.M)
    assert len(rows) > 30
    for row in rows:
        for part in fixed_parts(row):
            assert part.strip(" :") in strings, f"{row!r}: {part!r}"


def test_numbers_are_those_of_the_sources():
    defined = {}
    for path in TOP.glob("kern/**/*.[ch]"):
        defined.update(re.findall(r"^#define\s+(\w+)\s+([^\s/]+)",
                                  path.read_text(), re.M))
    named = [(page, *m) for page in PAGES for m in
             re.findall(r"`([A-Z][A-Z0-9_]{3,})` \((\d+)\)", page.read_text())]
    assert named
    for page, name, value in named:
        assert re.match(r"\d+", defined[name])[0] == value, (page, name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_exist(page):
    text = FENCE.sub("", page.read_text())
    for to in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / to).exists(), to
    for to in re.findall(r"`((?:kern|user|tests|tools)/[\w./-]+)`", text):
        assert "NAME" in to or (TOP / to).exists(), to


def names_of_tests():
    """Of all tests, on the host and in the machine."""
    text = "".join(p.read_text() for s in
                   ("host/test_*.c", "boot/test_*.py", "boot/prog/*.c")
                   for p in (TOP / "tests").glob(s))
    return set(re.findall(r"\b(test_\w+)\(", text)) | \
        set(re.findall(r'\{ "(\w+)", \1 \}', text))


def test_promises_have_guards_and_tests():
    """Each guard is a function of that file, each row one of the table of
    attacks, each test a test; and no row is left out."""
    ids = {r.id for r in rows.read()}
    named, guards = set(), set()
    for line in section("Documentation/security.md", "Promises").splitlines():
        if line.count("|") != 4 or line.startswith(("|---", "| promise")):
            continue
        _, promise, guard, shown, _ = line.split("|")
        assert re.search("`", shown), f"nothing shows {promise}"
        named |= set(re.findall(r"`([^`]+)`", shown))
        guards |= set(re.findall(r"`([\w./]+):(\w+)`", guard))
    assert {n for n in named if n not in ids} <= names_of_tests()
    assert ids <= named
    defined_there(guards | {tuple(r.guard.split(":")) for mode in rows.MODES
                            for r in rows.read(mode=mode)})


def defined_there(functions):
    for file, function in functions:
        assert re.search(rf"^[^\t\n].*\b{function}\(", (TOP / file).read_text(),
                         re.M), f"{file}: {function}"


def test_rules_have_functions_and_tests():
    """Each of the ten, in their order and by their names."""
    rules = re.findall(r"^(\d+\. )\*\*(.+?)\.?\*\*",
                       (TOP / "Documentation/design.md").read_text(), re.M)
    held = []
    for line in section("Documentation/internals.md",
                        "Rules, files, tests").splitlines():
        if not re.match(r"\| \d", line):
            continue
        _, rule, functions, tests, _ = line.split("|")
        held.append(rule.strip())
        functions = re.findall(r"`([\w./]+):(\w+)`", functions)
        tests = set(re.findall(r"`(\w+)`", tests))
        assert functions and tests, rule
        assert tests <= names_of_tests(), tests - names_of_tests()
        defined_there(functions)
    short = [number + name for number, name in rules]
    assert len(held) == len(short) == 10
    for rule, name in zip(held, short):
        assert name.startswith(rule), (rule, name)


def test_the_ways_through_the_driver_are_those_of_the_sources():
    """Every function that internals.md names is there."""
    text = FENCE.sub("", (TOP / "Documentation/internals.md").read_text())
    text = text[:text.index("## Rules, files, tests")]
    named = set(re.findall(r"`([a-z]+_[a-z_]+|[a-z]{4,})`", text))
    sources = "".join(p.read_text() for p in TOP.glob("kern/**/*.[ch]"))
    assert len(named) > 50
    for name in named:
        assert re.search(rf"\b{name}\b", sources), name


def test_options_of_make_run_are_shown():
    """Whoever copies the line from the page gets the same machine."""
    shown = " ".join(b.text for b in BLOCKS if b.language == "sh")
    shown = re.sub(r"\s*\\\n\s*", " ", shown)
    assert make_run_machine() in shown
