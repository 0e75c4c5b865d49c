# SPDX-License-Identifier: BSD-2-Clause
"""What `status` says of a device: whose it is, what it can reach, and what there
is to be said against giving it away."""
import pytest

from machine import EDU, ICOUNT, SMALL, UNIT, wait_for

ECAM = 0xb0000000
KEEPS = "keeps memory while it runs, and cannot be reset"


def status(m, device):
    return dict(line.split(" ", 1) for line in
                m.run(f"cat '#pci/{device}/status'").splitlines())


def pages_of(m, pid):
    """A line each, behind that of the top table."""
    return m.run(f"cat '#proc/{pid}/pages'").splitlines()[1:]


def test_what_it_reaches(boot):
    """As many bytes as its owner has pages, and those that it may write."""
    m = boot(f"{SMALL} {UNIT} {EDU}")
    assert status(m, "0:3.0")["reaches"] == "0 bytes, writes 0"
    pid = m.spawn("clean 3 100000")
    wait_for(lambda: len(pages_of(m, pid)) > 3 * 256)
    m.run(f"echo 0:3.0 {pid} >'#iommu/attach'")
    pages = pages_of(m, pid)
    writable = [p for p in pages if p.split()[2] == "rw"]
    now = status(m, "0:3.0")
    assert len(pages) > len(writable) >= 3 * 256
    assert now["reaches"] == \
        f"{len(pages) * 4096} bytes, writes {len(writable) * 4096}"
    assert (now["owner"], now["unit"]) == (str(pid), "0xfed90000")
    assert "warning" not in now
    m.run(f"kill {pid}; wait {pid}", status=None)
    assert status(m, "0:3.0")["reaches"] == "0 bytes, writes 0"


WRITE_THROUGH, CACHE_DISABLE = 1 << 3, 1 << 4
COMBINED, UNCACHED = WRITE_THROUGH, WRITE_THROUGH | CACHE_DISABLE


def entry(m, root, va):
    """The lowest page-table entry of an address; read from outside."""
    table = root
    for shift in 39, 30, 21, 12:
        at = (table & 0xffffffffff000) + (va >> shift & 511) * 8
        table = int.from_bytes(m.memory(at, 8), "little")
        assert table & 1, f"{va:x} is not mapped"
    return table


@pytest.mark.parametrize("bar,memory_type", [(0, COMBINED), (2, UNCACHED)])
def test_memory_types_of_a_bar(boot, bar, memory_type):
    """The frame buffer of a display can be prefetched: its writes are combined,
    where it is asked for as memory.  Its registers' are not.  No device sees
    either."""
    m = boot(f"{SMALL} {UNIT} -device VGA,addr=6")
    assert "; nx pat" in m.seen         # the type that COMBINED stands for
    m.spawn(f"bars 0:6.0 {bar} >/tmp/at")
    wait_for(lambda: m.run("cat /tmp/at").endswith("\n"))
    regs, memory = (int(at, 16) for at in m.run("cat /tmp/at").split())
    assert min(regs, memory) >= 1 << 39
    pid = int(status(m, "0:6.0")["owner"])
    root = int(m.run(f"cat '#proc/{pid}/pages'").split()[1], 16)
    one, other = entry(m, root, regs), entry(m, root, memory)
    assert one & UNCACHED == UNCACHED
    assert other & UNCACHED == memory_type
    pa = int.from_bytes(m.memory(ECAM + (6 << 15) + 0x10 + 4 * bar, 4),
                        "little") & ~0xf
    assert one & ~0xfff & (1 << 52) - 1 == other & ~0xfff & (1 << 52) - 1 == pa
    assert m.check() == []              # what its devices see is its memory


def test_a_disk_controller_that_keeps_memory(boot):
    """For its first owner too; not where the bus above it can be reset."""
    m = boot(f"{SMALL} {UNIT} {ICOUNT} -device pcie-root-port,id=b,addr=7 "
             "-device ich9-ahci,bus=b")
    assert status(m, "0:1f.2")["warning"] == KEEPS
    assert m.fails("echo 0:1f.2 1 >'#iommu/attach'") == \
        f"echo: iommu: attach 0:1f.2: {KEEPS}; say unsafe to give it away all " \
        "the same"
    assert status(m, "0:1f.2")["owner"] == "0"
    m.run("echo 0:1f.2 1 unsafe >'#iommu/attach'; echo 0:1f.2 >'#iommu/detach'")
    below = status(m, "1:0.0")
    assert below["reset"] == "secondary bus" and "warning" not in below
    for pid in 1, 2:
        m.run(f"echo 1:0.0 {pid} >'#iommu/attach'; "
              "echo 1:0.0 >'#iommu/detach'")
    assert status(m, "1:0.0")["owner"] == "0"
