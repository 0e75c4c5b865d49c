# SPDX-License-Identifier: BSD-2-Clause
"""What Documentation/hardware.md says of capabilities and quirks is what the
sources do."""
import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PAGE = (TOP / "Documentation/hardware.md").read_text()
REGS = (TOP / "kern/arch/x86/vtd/regs.h").read_text()
QUIRKS = (TOP / "kern/arch/x86/vtd/quirks.c").read_text()


def table_below(title):
    """The cells of the rows of the first table below a heading."""
    text = PAGE[PAGE.index(f"# {title}\n"):]
    rows = re.search(r"(?:^\|.*\n)+", text, re.M)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")]
            for row in rows]


def bits_of(cell):
    high, _, low = cell.partition(":")
    return range(int(low or high), int(high) + 1)


def defined(prefix):
    """The fields of a register, as regs.h has them: name and bits."""
    found = {}
    for name, one, high, low in re.findall(
            rf"^#define\s+({prefix}_\w+)\s+(?:BIT64\((\d+)\)|"
            r"FIELD\((\d+), (\d+)\))", REGS, re.M):
        found[name] = range(int(low or one), int(high or one) + 1)
    return found


def function(path, name):
    """The text of a function, from its name to the brace that ends it."""
    text = (TOP / path).read_text()
    found = re.search(rf"^[a-z][^;\n]*\b{name}\([^;{{]*\{{?.*?^\}}", text,
                      re.M | re.S)
    assert found, f"{path}: {name}"
    return found[0]


REGISTERS = [("CAP (VT-d 11.4.2)", "CAP"), ("ECAP (VT-d 11.4.3)", "ECAP")]


@pytest.mark.parametrize("title, prefix", REGISTERS)
def test_each_bit_is_in_the_table_once(title, prefix):
    bits = [b for _, cell, *_ in table_below(title) for b in bits_of(cell)]
    assert bits == list(range(64))


@pytest.mark.parametrize("title, prefix", REGISTERS)
def test_each_field_of_the_sources_is_in_the_table(title, prefix):
    shown = {name.strip("`"): bits_of(bits)
             for name, bits, *_ in table_below(title) if "`" in name}
    assert len(shown) > 5
    assert shown == defined(prefix)


@pytest.mark.parametrize("title, prefix", REGISTERS)
def test_the_functions_named_look_at_the_field(title, prefix):
    for name, _, _, _, where in table_below(title):
        named = re.findall(r"`([\w./]+):(\w+)`", where)
        if "`" not in name:
            assert where == "-", name
            continue
        assert named, name
        for path, f in named:
            assert name.strip("`") in function(path, f), (name, path, f)


def users(name):
    """The functions of the driver that look at a field."""
    for p in sorted([*TOP.glob("kern/arch/x86/**/*.[ch]"),
                     *TOP.glob("kern/drivers/dev/iommu*.c")]):
        if p.name in ("regs.h", "selftest.c"):
            continue
        inside = None
        for line in p.read_text().splitlines():
            inside = re.match(r"[a-z][^;]*?\b(\w+)\(", line) or inside
            if re.search(rf"\b{name}\b", line):
                yield str(p.relative_to(TOP)), inside[1]


@pytest.mark.parametrize("title, prefix", REGISTERS)
def test_no_function_that_looks_at_a_field_is_left_out(title, prefix):
    for name, _, _, _, where in table_below(title):
        if "`" in name:
            assert set(users(name.strip("`"))) == set(
                re.findall(r"`([\w./]+):(\w+)`", where)), name


def test_other_functions_on_the_page_are_there():
    for path, f in re.findall(r"`(kern/[\w./]+):(\w+)`", PAGE):
        function(path, f)


# Quirks

def ids(device, mask):
    """As the page writes them: one, or first and last."""
    last = device | ~mask & 0xffff
    return f"{device:04x}" if last == device else f"{device:04x}-{last:04x}"


def rows_of_quirks():
    rows = re.findall(r"^\t\{ 0x(\w+), 0x(\w+), (\w+), ([\w| ]+) \},$", QUIRKS,
                      re.M)
    assert len(rows) == QUIRKS.count("\t{ 0x") > 15
    for device, mask, base, quirks in rows:
        for quirk in quirks.split(" | "):
            yield ids(int(device, 16), int(mask, 16)), \
                {"0": "any", "PCI_BASE_DISPLAY": "display"}[base], quirk


def test_each_quirk_is_on_the_page_and_no_other():
    shown = [(one, base, quirk.strip("`"))
             for which, base, quirk, *_ in table_below("Quirks")
             for one in re.findall(r"`([0-9a-f-]+)`", which)]
    assert sorted(shown) == sorted(rows_of_quirks())


def test_the_sources_of_quirks_are_those_of_the_table():
    for *_, done, source in table_below("Quirks"):
        assert source.strip("`") in QUIRKS, source
        for f in re.findall(r"`(\w+)`", done):
            assert any(re.search(rf"^[a-z][^\n]*\b{f}\(", p.read_text(), re.M)
                       for p in TOP.glob("kern/arch/x86/**/*.c")), f
