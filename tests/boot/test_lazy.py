# SPDX-License-Identifier: BSD-2-Clause
"""Lazy unmapping: until its flush a page may be reached by its old owner's
device, and is nobody else's; afterwards it is reached by nobody.  And who
flushes when.  What is taken away in other ways is test_taken_away.py's."""
import re

import pytest

import machine
from lab import Lab
from machine import EDU, ICOUNT, SMALL, UNIT

LATE = "iommu=lazy iommu.quarantine=32768,1000,32768"
FILE = "'#iommu/quarantine'"


@pytest.fixture
def m(boot):
    return boot(f"{SMALL} {UNIT} {EDU} {ICOUNT}", cmdline=LATE)


def words(m):
    """The file's first line, and its numbers by name."""
    first, *rest = m.run(f"cat {FILE}").splitlines()
    return first, {line.split()[0]: int(line.split()[1]) for line in rest}


def test_a_page_is_reached_until_its_flush_and_is_nobodys(m):
    lab = Lab(m, "a", "b")
    x = lab.map("a", "x", 0x11)
    assert lab("a dma read x") == "done"
    assert lab("a dma write x") == "done"       # the unit knows it
    frame = lab.frame("a", "x")
    # In one line: time flies while the machine waits for the next one.
    assert lab(f"a fill x 22; a unmap x; b grab {frame:x} y; "
               f"a dma write {x:x}") == "done"
    assert f"b: frame {frame:x} is not free" in m.seen
    assert lab.faults() == []
    assert m.memory(frame)[:4095] == b"\x11" * 4095
    assert m.memory(frame)[4095] == 0x22        # cleared only when it is given
    assert lab("pause 1100") == "paused"
    assert lab(f"b grab {frame:x} y; b check y 0") == "all 00"
    assert lab(f"b fill y 5a; a dma write {x:x}") == "done"
    assert lab.fault()[1:4] == ("write", x, 5)
    assert lab("b check y 5a") == "all 5a"


def test_old_pages_are_flushed_though_nobody_asks(m):
    m.run(f"echo lazy ms=20 >{FILE}")
    lab = Lab(m, "a")
    x = lab.map("a", "x", 0x11)
    assert lab("a dma read x") == "done"
    assert lab("a unmap x; pause 30") == "paused"
    assert lab(f"a dma read {x:x}") == "done"
    assert lab.fault()[1:4] == ("read", x, 6)


@pytest.mark.parametrize("test", ["address", "at-once", "ends"])
def test_process(m, test):
    assert m.run(f"lazy {test}") == "ok\n"
    assert m.check() == []


def test_memory_is_short(boot):
    small = SMALL.replace("-m 512", "-m 128")
    icount = ICOUNT.replace("shift=4", "shift=1")   # nothing becomes old
    m = boot(f"{small} {UNIT} {EDU} {icount}", cmdline=LATE)
    assert m.run("lazy shortage") == "ok\n"


@pytest.mark.parametrize("mode", [LATE, "iommu=lazy", "iommu=lazy "
                                  "iommu.quarantine=64,1,48"],
                         ids=["late", "lazy", "little"])
def test_everybody_unmaps_at_once(boot, mode):
    """More than there is memory for, on four processors."""
    small = SMALL.replace("-smp 2 -m 512", "-smp 4 -m 20")
    m = boot(f"{small} {UNIT} {EDU}", cmdline=mode, limit=120)
    before = m.run("cat '#cons/mem'")
    assert m.run("lazy everybody", timeout=60) == "ok\n"
    assert "lost frames 0" in before
    assert "lost frames 0" in m.run("cat '#cons/mem'")
    found = words(m)[1]
    assert found["pages"] == 0
    assert sum(found.values()) > 0


def test_the_file(m):
    assert words(m)[0] == "lazy pages=32768 ms=1000 share=32768"
    m.run(f"echo lazy share=16 pages=100 >{FILE}")
    assert words(m)[0] == "lazy pages=100 ms=1000 share=16"
    m.run(f"echo strict >{FILE}")
    assert words(m) == ("strict", dict.fromkeys(
        ["pages", "full", "old", "short", "other"], 0))
    m.run(f"echo lazy >{FILE}")
    assert words(m)[0] == "lazy pages=100 ms=1000 share=16"


def test_strict_flushes_what_waits(m):
    lab = Lab(m, "a")
    x = lab.map("a", "x", 0x11)
    assert lab("a dma read x") == "done"
    assert lab("a unmap x; quarantine strict; "
               f"a dma read {x:x}") == "done"
    assert "written" in m.seen
    assert lab.fault()[1:4] == ("read", x, 6)


def test_mode_of_this_run(boot):
    m = boot(f"{SMALL} {UNIT}", cmdline="loglevel=2")
    assert words(m)[0].split()[0] == ("lazy" if machine.LAZY else "strict")


@pytest.mark.strict("that it can be left alone")
def test_mode_of_this_test(boot):
    assert words(boot(f"{SMALL} {UNIT}"))[0] == "strict"


def test_command_line(boot):
    m = boot(f"{SMALL} {UNIT}", cmdline="iommu=strict "
             "iommu.quarantine=512,20,64")
    assert words(m)[0] == "strict"
    m.run(f"echo lazy >{FILE}")
    assert words(m)[0] == "lazy pages=512 ms=20 share=64"


@pytest.mark.parametrize("bounds,why", [
    ("512,20", "three numbers: PAGES,MS,SHARE"),
    ("", "pages are 1 to 1048576"),
    ("512,0,64", "milliseconds are 1 to 1000"),
    ("5,20,64", "a share is no more than the pages in all"),
])
def test_command_line_that_is_refused(boot, bounds, why):
    m = boot(f"{SMALL} {UNIT}", cmdline=f"iommu=lazy iommu.quarantine={bounds}")
    assert re.search(rf"warning: command line: iommu\.quarantine={bounds}: "
                     f"{why}", m.seen)
    assert words(m)[0] == "lazy pages=1024 ms=10 share=256"
