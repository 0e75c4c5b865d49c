# SPDX-License-Identifier: BSD-2-Clause
"""A user-level driver and its device: that DMA works on every kind of machine,
and that it reaches nothing but the driver's own memory.  What is aimed at is
compared whole, from outside, before and after."""
import re
import struct
import subprocess

import pytest

from lab import FAULT, Lab
from machine import (EDU, ICOUNT, SMALL, TEST_KERNEL, UNIT, qemu_version,
                     unknown_to_qemu)

BASE = "-machine q35 -nographic -nodefaults -serial stdio -m 512"
EDU_SID = 0x18                  # 0:3.0
NO_WRITE, NO_READ = 5, 6


@pytest.fixture
def m(boot):
    return boot(f"{SMALL} {UNIT} {EDU} {ICOUNT}")


def edu_copies(m):
    text = m.run("edu")
    assert re.search(r"edu: 0:3\.0 belongs to pid \d+\n"
                     r"edu: the device read 4095 bytes at 0x[0-9a-f]+\n"
                     r"edu: the device wrote 4095 bytes at 0x[0-9a-f]+\n"
                     r"edu: all 4095 bytes are right\n", text)
    assert "fault" not in m.logged


@pytest.mark.parametrize("smp", [1, 2, 8])
@pytest.mark.parametrize("options", [
    "aw-bits=48,caching-mode=on,device-iotlb=on,intremap=off",
    "aw-bits=39,caching-mode=on,device-iotlb=on,intremap=off",
    "aw-bits=48,caching-mode=off,intremap=on",
    "aw-bits=39,caching-mode=off,intremap=on",
    "aw-bits=48,caching-mode=off,device-iotlb=on,intremap=off,snoop-control=on",
    "aw-bits=39,pt=off,dma-drain=off",
    "intremap=auto",            # and all else as this QEMU has it
])
def test_dma_works(boot, options, smp):
    if unknown_to_qemu(options):
        pytest.skip(f"no {', '.join(unknown_to_qemu(options))} in this QEMU")
    m = boot(f"{BASE} -smp {smp} -device intel-iommu,{options} {EDU} {ICOUNT}")
    edu_copies(m)
    # It was detached when its process ended, so it is to be had again.
    assert "all 4095 bytes are right" in m.run("edu -u")


@pytest.mark.skipif(qemu_version() < (9, 0), reason="it refuses without KVM")
def test_a_unit_with_32_bit_apic_ids(boot):
    """It has them, and they are not used."""
    m = boot(f"{BASE} -smp 2 -cpu max {EDU} {ICOUNT} "
             "-device intel-iommu,intremap=on,eim=on")
    assert "extended interrupt mode: 0x1" in m.run("cat '#iommu/info'")
    edu_copies(m)


def test_dma_works_without_icount_on_many_processors(boot):
    m = boot(f"{BASE} -smp 8 {UNIT} {EDU}")
    edu_copies(m)


def test_dma_works_in_frames_above_4_gib(boot):
    """The machine has 128 MiB below, which another mapping takes."""
    low = BASE.replace("q35", "q35,max-ram-below-4g=128M")
    m = boot(f"{low} -smp 2 {UNIT} {EDU} {ICOUNT}")
    edu_copies(m)
    lab = Lab(m)
    lab.new("a")
    lab.map("a", "pad", pages=128 << 8)     # of 2 MiB each
    for n in range(8):                      # and what is left between them
        lab.map("a", f"small{n}", pages=500)
    lab.map("a", "x", 0x11)
    assert lab("attach a unsafe") == "open"
    assert lab("a dma read x") == "done"
    lab("a fill x 0")
    assert lab("a dma write x") == "done"
    assert lab("a check x 11 4095") == "all 11"
    assert lab.frame("a", "x") >= 1 << 32


def test_edu_a_faults_and_is_told(m):
    """Addresses that the process does not have, by the program itself: the
    fault is printed, decoded, and comes to the driver as a note."""
    text = m.run("edu -a 1234567000")
    assert "edu: the device writes 4095 bytes at 0x1234567000\n" in text
    assert re.search(r"edu: note: iommu: fault 0:3\.0 write addr=0x1234567000: "
                     "no write permission\n", text)
    assert FAULT.search(m.logged)
    text = m.run("edu -u -a 1234567000 -r")
    assert re.search(r"edu: note: iommu: fault 0:3\.0 read addr=0x1234567000: "
                     "no read permission\n", text)


def test_edu_a_does_not_take_kernel_text(m):
    text = kernel_text()
    before = m.memory(text)
    m.run(f"edu -a {text:x}")
    assert m.memory(text) == before


def test_the_first_driver(m):
    """The one of Documentation/drivers.md."""
    assert m.run("first") == "0:3.0: what the device read, it wrote\n"
    assert m.fails("first").startswith("first: iommu: attach 0:3.0: cannot be")
    assert m.run("first unsafe") == "0:3.0: what the device read, it wrote\n"


def kernel_text():
    """Where the kernel's code lies, by its ELF file."""
    text = subprocess.run(["readelf", "-lW", TEST_KERNEL], check=True,
                          capture_output=True, text=True).stdout
    for line in text.splitlines():
        field = line.split()
        if field[:1] == ["LOAD"] and "E" in field[6:-1]:
            return int(field[3], 16)
    raise AssertionError("no code in the kernel")


def page(m, pa, ignore):
    words = struct.unpack("<512Q", m.memory(pa))
    return [word & ~ignore for word in words]


def aims_in_vain(lab, target, ignore=0):
    """DMA to and from there faults, both ways, and changes nothing; `ignore`:
    bits that change by themselves."""
    before = page(lab.m, target, ignore)
    assert lab("a device 77") == "all 77"
    assert lab(f"a dma write {target:x}") == "done"
    assert lab.fault() == ("0:3.0", "write", target, NO_WRITE, lab.pid["a"])
    assert lab("a notes") == (f"notes: [iommu: fault 0:3.0 write "
                              f"addr=0x{target:x}: no write permission]")
    assert lab("a device 77") == "all 77"
    assert lab(f"a dma read {target:x}") == "done"
    assert lab.fault() == ("0:3.0", "read", target, NO_READ, lab.pid["a"])
    assert lab("a notes") == (f"notes: [iommu: fault 0:3.0 read "
                              f"addr=0x{target:x}: no read permission]")
    # What was at the target did not come into the device.
    assert lab("a device") == "all 00"
    assert page(lab.m, target, ignore) == before


def entry(m, pa):
    """A table entry's address, and that it is present."""
    low = struct.unpack("<Q", m.memory(pa, 8))[0]
    assert low & 3
    return low & 0x000ffffffffff000


def unit_tables(m):
    """Root table, the context table of bus 0, and the second-level table of the
    edu device, as the unit finds them."""
    root = struct.unpack("<Q", m.memory(0xfed90020, 8))[0]
    context = entry(m, root)
    return root, context, entry(m, context + EDU_SID * 16)


def test_dma_to_an_address_unmapped_here(m):
    lab = Lab(m, "a")
    x = lab.map("a", "x", pages=2)
    aims_in_vain(lab, 0x1234567000)
    aims_in_vain(lab, 0x7ffffff000)         # the last page of processes
    aims_in_vain(lab, 0xfffffffff000)       # of 48 bits
    assert x


def test_dma_to_kernel_text(m):
    aims_in_vain(Lab(m, "a"), kernel_text())


def test_dma_to_the_root_table(m):
    root = unit_root_from_info(m)
    lab = Lab(m, "a")
    assert unit_tables(m)[0] == root
    aims_in_vain(lab, root)


def unit_root_from_info(m):
    info = m.run("cat '#iommu/info'")
    return int(re.search(r"root entry table = (0x[0-9a-f]+)", info)[1], 16)


def test_dma_to_a_context_table(m):
    lab = Lab(m, "a")
    aims_in_vain(lab, unit_tables(m)[1])


def test_dma_to_the_devices_own_second_level_table(m):
    lab = Lab(m, "a")
    aims_in_vain(lab, unit_tables(m)[2])


def test_dma_to_the_processs_page_table(m):
    lab = Lab(m, "a")
    root = int(lab(f"pages {lab.pid['a']} root").split()[1], 16)
    aims_in_vain(lab, root, ignore=0x60)    # accessed, dirty: the processor's


def test_dma_to_another_processs_page(m):
    lab = Lab(m, "a", "b")
    lab.map("b", "x", 0x5a)
    aims_in_vain(lab, lab.frame("b", "x"))
    assert lab("b check x 5a") == "all 5a"


def test_dma_to_another_processs_address(m):
    """Where b has memory and a has none."""
    lab = Lab(m, "a", "b")
    lab.map("b", "pad", pages=100)
    x = lab.map("b", "x", 0x5a)
    frame = lab.frame("b", "x")
    assert lab(f"a dma write {x:x}") == "done"
    assert lab.fault() == ("0:3.0", "write", x, NO_WRITE, lab.pid["a"])
    assert lab("b check x 5a") == "all 5a"
    assert m.memory(frame) == b"\x5a" * 4096


def test_dma_to_the_processs_own_code(m):
    """The process may not write its code, so its device may not either."""
    lab = Lab(m, "a")
    code = int(lab(f"maps {lab.pid['a']} r-x").split("-")[0], 16)
    frame = lab.frame_in(lab.pid["a"], code)
    before = m.memory(frame)
    assert lab("a device 77") == "all 77"
    assert lab(f"a dma write {code:x}") == "done"
    assert lab.fault() == ("0:3.0", "write", code, NO_WRITE, lab.pid["a"])
    assert lab(f"a dma read {code:x}") == "done"
    assert lab.faults() == []
    assert m.memory(frame) == before


def test_dma_to_the_devices_own_registers(m):
    """A BAR is mapped in the process, not for the device."""
    lab = Lab(m, "a")
    bar = int(lab(f"maps {lab.pid['a']} device").split("-")[0], 16)
    assert bar >= 0x8000000000
    assert lab(f"a dma write {bar:x}") == "done"
    assert lab.fault()[:4] == ("0:3.0", "write", bar, NO_WRITE)


def test_fault_of_an_address_beyond_the_units_width(boot):
    m = boot(f"{SMALL} {UNIT.replace('aw-bits=48', 'aw-bits=39')} {EDU} "
             f"{ICOUNT}")
    lab = Lab(m, "a")
    assert lab("a dma write 8000000000") == "done"
    assert lab.fault() == ("0:3.0", "write", 0x8000000000, 4, lab.pid["a"])
    assert "address beyond the unit's width" in lab("a notes")


def test_registers_are_the_owners_alone(m):
    """Taken away with the device: a process that goes on to use them ends."""
    lab = Lab(m, "a")
    assert lab("detach") == "detached"
    assert lab("a busy") == "gone"
    lab.m.type("\4")
    lab.m.expect(r"\$ ")
    for name in "irq0", "bar0":
        path = f"#pci/0:3.0/{name}"
        assert m.fails(f"cat '{path}'") == \
            f"cat: {path}: 0:3.0: not attached to you"


def test_config_space_is_read_by_all_and_not_written_by_others(m):
    before = m.run("hexdump '#pci/0:3.0/config'")
    assert before.startswith("00000000  34 12 e8 11")
    assert m.fails("echo -n x >'#pci/0:3.0/config'") == \
        "echo: 0:3.0: not attached to you"
    assert m.run("hexdump '#pci/0:3.0/config'") == before
