# SPDX-License-Identifier: BSD-2-Clause
"""The port that is part of the tree (ports/bare): it runs on machines with
units of every kind, ends by itself with what the program says of itself, and is
what Documentation/porting.md says it is."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/boot"))

from machine import KERNELS, QEMU, clean_environment  # noqa: E402

PROGRAM = KERNELS / "ports/bare/bare"
MACHINE = ("-machine q35 -cpu max -m 256 -nodefaults -display none "
           "-serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 "
           f"-kernel {PROGRAM}").split()
UNIT = "intel-iommu,intremap={},aw-bits={},caching-mode={}"
EDU = ["-device", "edu,addr=3"]
WELL, FAILED = 33, 35       # what isa-debug-exit makes of 16 and 17


def boot(*options):
    """How it ended, and its lines; what the firmware printed is left out."""
    done = subprocess.run(["timeout", "30", QEMU, *MACHINE, *options],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          env=clean_environment())
    text = done.stdout.decode(errors="replace")
    return done.returncode, re.findall(r"(?:bare|iommu|dmar): [^\r\n]*", text)


@pytest.mark.parametrize("caching", ["on", "off"])
@pytest.mark.parametrize("bits", [39, 48])
@pytest.mark.parametrize("intremap", ["on", "off"])
def test_it_runs(intremap, bits, caching):
    status, lines = boot("-device", UNIT.format(intremap, bits, caching), *EDU)
    text = "\n".join(lines)
    beside, buffer = re.findall(
        r"iommu: fault: 0:3\.0 write 0x([0-9a-f]+)000: no write permission "
        r"\(reason 0x5\), pid 1", text)
    assert lines == [
        "bare: there is a DMAR table: yes",
        "bare: there is an edu device: yes",
        f"iommu: unit 0xfed90000: version 1.0, {3 if bits == 39 else 4} levels,"
        f" {bits} bits, 65536 domains, by queue, not coherent"
        + (", caching mode" if caching == "on" else ""),
        "bare: translation is on: yes",
        "bare: the buffer is mapped: yes",
        "bare: edu is attached: yes",
        "bare: edu has copied the buffer: yes",
        f"iommu: fault: 0:3.0 write 0x{beside}000: no write permission "
        "(reason 0x5), pid 1",
        "bare: edu cannot write beside the buffer: yes",
        "bare: the buffer is unmapped: yes",
        f"iommu: fault: 0:3.0 write 0x{buffer}000: no write permission "
        "(reason 0x5), pid 1",
        "bare: edu cannot write to it any more: yes",
        "bare: edu is detached: yes",
    ]
    assert beside != buffer
    assert status == WELL


def test_without_a_unit_it_says_so():
    assert boot(*EDU) == (FAILED, ["bare: there is a DMAR table: no"])


def test_without_a_device_it_says_so():
    status, lines = boot("-device", UNIT.format("off", 48, "on"))
    assert (status, lines[-1]) == (FAILED, "bare: there is an edu device: no")


def test_what_the_unit_does_not_translate_is_seen():
    """A unit that never translates: edu's writes would go through, and no fault
    would come.  The program must not call that well."""
    status, lines = boot("-device", "intel-iommu,dma-translation=off", *EDU)
    assert status == FAILED
    assert lines[-1] == "bare: translation is on: no", lines


# What the pages say of it

def code(path):
    """How many lines are neither blank nor comment."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    return sum(1 for line in text.splitlines() if line.strip())


def services():
    return sorted(set(re.findall(
        r"^[a-z]\w+ [\w *]*?\*?(os_\w+)\(",
        re.sub(r"(?:static inline|inlined).*?^}", "",
               (TOP / "kern/include/iommu_os.h").read_text(),
               flags=re.S | re.M), re.M)))


def test_the_port_has_the_lines_that_the_page_says_and_less_than_400():
    page = (TOP / "Documentation/porting.md").read_text()
    files = {f"ports/bare/{p.name}": code(p)
             for p in (TOP / "ports/bare").glob("*.[chS]")}
    said = re.findall(r"^\| `(ports/bare/[^`]+)` \| (\d+) \|", page, re.M)
    assert dict((f, int(n)) for f, n in said) == files
    assert sum(files.values()) < 400


def test_there_are_twenty_services_and_the_port_has_each():
    names = services()
    assert len(names) == 20, names
    have = (TOP / "ports/bare/os.c").read_text()
    page = (TOP / "Documentation/porting.md").read_text()
    for name in names:
        assert name in have, name
        assert f"`{name}`" in page, name


def test_it_is_the_drivers_own_sources():
    """Nothing of the kernel but the driver is in the program, and all of it."""
    linked = re.findall(r"^LOAD \S*?/ports/bare/(\S+)\.o$",
                        Path(f"{PROGRAM}.map").read_text(), re.M)
    sources = {str(p.relative_to(TOP).with_suffix("")) for pattern in
               ("kern/drivers/acpi/dmar.c", "kern/drivers/acpi/dmar_path.c",
                "kern/arch/x86/iommu*.c",
                "kern/arch/x86/vtd/*.c", "kern/drivers/pci/bdf.c",
                "kern/drivers/pci/function.c",
                "kern/drivers/pci/isolation.c", "ports/bare/*.[cS]")
               for p in TOP.glob(pattern)}
    assert set(linked) == sources


def test_the_page_says_what_the_driver_uses_of_types_h():
    text = (TOP / "kern/include/types.h").read_text()
    names = set(re.findall(r"^#define\s+(\w+)|^typedef .* (\w+);", text, re.M))
    names = {a or b for a, b in names} - {"TYPES_H"}
    driver = "".join(re.sub(r'/\*.*?\*/|"[^"\n]*"', "", p.read_text(),
                            flags=re.S)
                     for pattern in ("arch/x86/iommu*.[ch]", "arch/x86/vtd/*",
                                     "drivers/acpi/dmar.c", "include/iommu*.h",
                                     "drivers/acpi/dmar_path.c",
                                     "include/dmar.h", "include/pci_*.h",
                                     "drivers/pci/bdf.c",
                                     "drivers/pci/function.c",
                                     "drivers/pci/isolation.c")
                     for p in (TOP / "kern").glob(pattern))
    used = {n for n in names if re.search(rf"\b{n}\b", driver)}
    page = (TOP / "Documentation/porting.md").read_text()
    said = re.search(r"uses from it\n(.*?)\.\n", page, re.S)[1]
    assert set(re.findall(r"`(\w+)`", said)) == used
