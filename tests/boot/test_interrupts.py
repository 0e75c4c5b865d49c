# SPDX-License-Identifier: BSD-2-Clause
"""Interrupts of devices: remapped or not, counted, masked, revoked."""
import re

import pytest

from lab import Lab
from machine import EDU, ICOUNT, SMALL, UNIT, qemu_version, wait_for

REMAPPING = UNIT.replace("intremap=off", "intremap=on")
NVME = " ".join(f"-device nvme,serial={n},addr={n}" for n in (4, 5, 6))


@pytest.fixture(params=[UNIT, REMAPPING], ids=["plain", "remapped"])
def unit(request):
    return request.param


def vectors(m):
    return re.findall(r"vector (\d+) (\S+) ", m.run("cat '#cons/irqs'"))


@pytest.mark.parametrize("test", ["mask_and_unmask", "interrupt_storm",
                                  "interrupts_are_revoked",
                                  "interrupts_of_the_next_owner"])
def test_program(boot, unit, test):
    # A storm needs a processor of some speed, also of a kernel that checks
    # itself.
    fast = ICOUNT.replace("shift=4", "shift=1")
    m = boot(f"{SMALL} {unit} {EDU} {fast}", limit=200)
    before = vectors(m)
    assert m.run(f"devices {test}", timeout=100) == "ok\n"
    assert vectors(m) == before
    storms = m.seen.count("warning: pci: 0:3.0: irq0 is masked: more than "
                          "100000 interrupts in a second")
    assert storms == (test == "interrupt_storm")


def test_a_process_has_its_share_of_vectors(boot, unit):
    m = boot(f"{SMALL} {unit} {NVME} {ICOUNT}", limit=100)
    before = vectors(m)
    assert m.run("devices share_of_vectors") == "ok\n"
    assert vectors(m) == before
    assert m.run("devices share_of_vectors") == "ok\n"


@pytest.mark.skipif(qemu_version() < (8, 2), reason="it reports none")
def test_an_interrupt_that_is_blocked_is_a_fault(boot):
    """A device asks for entry 200, which is not present; QEMU does not say which
    device, as its own DMA has no requester id there."""
    m = boot(f"{SMALL} {REMAPPING} {EDU} {ICOUNT}")
    lab = Lab(m, "a")
    lab("a dma write fee01910 4")
    wait_for(lambda: lab("check") == "all ok" and re.search(
        r"warning: iommu: fault: \S+ interrupt 0xc8: interrupt entry not "
        r"present \(reason 0x22\), pid 0\r?\n", m.seen))


def remapped(m):
    """The entries that QEMU's unit used, by its own trace."""
    m.complaints.seek(0)
    return re.findall(r"vtd_ir_irte_get index (\d+) low (\S+) high (\S+)",
                      m.complaints.read())


def test_each_interrupt_goes_through_an_entry_of_its_own(boot):
    """The serial line's by the I/O APIC, edu's by its message; the device is
    the one source that its entry lets through."""
    m = boot(f"{SMALL} {REMAPPING} {EDU} {ICOUNT} -trace vtd_ir_irte_get")
    m.run("edu")
    found = set(remapped(m))
    assert len({index for index, *_ in found}) == 2, found
    sources = {int(low, 16) & 0xfffff for _, low, _ in found}
    assert 0x40000 | 0x18 in sources, found     # verified, 0:3.0
    m.run("edu -u")
    assert {index for index, *_ in remapped(m)} == {"0", "1"}
    assert "global status = 0xc7000000" in m.run("cat '#iommu/info'")


def test_owners_leave_no_vector_behind(boot):
    """Each of them makes one and does not free it."""
    m = boot(f"{SMALL} {REMAPPING} {EDU} {ICOUNT}", limit=200)
    before = vectors(m)
    m.run("devices open_and_close", timeout=100)
    assert vectors(m) == before
