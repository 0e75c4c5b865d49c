# SPDX-License-Identifier: BSD-2-Clause
"""What a device could reach and can reach no more.

In each test the device first uses an address, so that the unit has it cached.
Then the address is taken away, and its frame is given to another process, which
fills it with a pattern.  Then the device uses the address again: the pattern
must stand, as the process sees it and as it is seen from outside.

Each of them on a unit with and one without caching mode: there the kernel
flushes at attach too, which would hide a flush that detach forgot.  And once
more with lazy unmapping, as late as it may be: whoever gets the frame gets it
behind the flush.
"""
import re

import pytest

from lab import Lab
from machine import EDU, ICOUNT, SMALL, UNIT

EDU_BDF = "0:3.0"
NO_WRITE, NO_READ = 5, 6

CACHING = UNIT
NOT_CACHING = UNIT.replace("caching-mode=on", "caching-mode=off") \
    .replace("aw-bits=48", "aw-bits=39")        # and with tables of 3 levels
MS = 1000
AT_ONCE = "iommu=strict"
LATE = "iommu=lazy iommu.quarantine=4096,{},4096"


@pytest.fixture(params=[(CACHING, AT_ONCE), (NOT_CACHING, AT_ONCE),
                        (CACHING, LATE)],
                ids=["caching-mode", "no-caching-mode", "lazy"])
def m(request, boot):
    # A transfer takes 100 ms of the machine's time.  What is to happen between
    # its start and its end must cost less: 4 ns an instruction, not 16.
    icount, ms = ICOUNT, MS
    if "during" in request.node.name:
        icount, ms = icount.replace("shift=4", "shift=2"), MS // 25
    unit, mode = request.param
    m = boot(f"{SMALL} {unit} {EDU} {icount}",
             cmdline=mode.format(ms))
    m.old = mode == LATE and ms + ms // 10
    return m


def whole_page(lab, frame, byte):
    """The frame, from outside."""
    return lab.m.memory(frame) == bytes([byte]) * 4096


def warm(lab, process, name, byte=0x11):
    """The device reads and writes there, and has the byte in its buffer."""
    assert lab(f"{process} fill {name} {byte:x}") == "filled"
    assert lab(f"{process} dma read {name}") == "done"
    assert lab(f"{process} fill {name} 0") == "filled"
    assert lab(f"{process} dma write {name}") == "done"
    assert lab(f"{process} check {name} {byte:x} 4095") == f"all {byte:x}"
    assert lab.faults() == []


def give_to(lab, process, frame):
    """Commands that put the frame into another process, with the pattern; if
    unmapping is lazy, once the frame is old enough."""
    wait = f"pause {lab.m.old}; " if lab.m.old else ""
    return f"{wait}{process} grab {frame:x} y; {process} fill y 5a"


def pattern_stands(lab, process, frame):
    assert lab(f"{process} check y 5a") == "all 5a"
    assert lab.frame(process, "y") == frame
    assert whole_page(lab, frame, 0x5a)


def test_unmap(m):
    lab = Lab(m, "a", "b")
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    assert lab("a unmap x") == "unmapped"
    lab(give_to(lab, "b", frame))
    assert lab(f"a dma write {x:x}") == "done"
    assert lab.fault() == (EDU_BDF, "write", x, NO_WRITE, lab.pid["a"])
    pattern_stands(lab, "b", frame)


def test_unmap_keeps_the_device_from_reading(m):
    lab = Lab(m, "a", "b")
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    assert lab("a unmap x") == "unmapped"
    lab(give_to(lab, "b", frame))
    assert lab(f"a dma read {x:x}") == "done"
    assert lab.fault() == (EDU_BDF, "read", x, NO_READ, lab.pid["a"])
    assert lab("a device") == "all 00"      # not 5a, nor 11


def test_unmap_during_a_transfer(m):
    lab = Lab(m, "a", "b")
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    assert lab(f"a start write x; a unmap x; {give_to(lab, 'b', frame)}; "
               "a busy") == "busy"
    assert lab("a finish") == "done"
    assert lab.fault() == (EDU_BDF, "write", x, NO_WRITE, lab.pid["a"])
    pattern_stands(lab, "b", frame)


def test_unmap_of_one_page_leaves_its_neighbours(m):
    lab = Lab(m, "a", "b")
    lab.map("a", "w")
    x = lab.map("a", "x")
    z = lab.map("a", "z")
    assert abs(x - z) == 4096
    for name in "w", "x", "z":
        warm(lab, "a", name)
    frame = lab.frame("a", "x")
    assert lab("a unmap x") == "unmapped"
    lab(give_to(lab, "b", frame))
    lab(f"a dma write {x:x}")
    assert lab.fault()[1:4] == ("write", x, NO_WRITE)
    warm(lab, "a", "w", 0x22)
    warm(lab, "a", "z", 0x33)
    pattern_stands(lab, "b", frame)


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "not-pinned"])
def test_mprotect_to_read_only(m, pinned):
    lab = Lab(m, "a")
    x = lab.map("a", "x", pinned=pinned)
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    assert lab("a fill x 5a; a protect x r") == "protected"
    assert lab("a dma write x") == "done"
    assert lab.fault() == (EDU_BDF, "write", x, NO_WRITE, lab.pid["a"])
    assert lab("a check x 5a") == "all 5a"
    assert whole_page(lab, frame, 0x5a)
    # It may still be read, and written again when that is given back.
    assert lab("a dma read x") == "done"
    assert lab("a device") == "all 5a"
    assert lab("a protect x rw") == "protected"
    warm(lab, "a", "x", 0x66)


def test_mprotect_to_read_only_during_a_transfer(m):
    lab = Lab(m, "a")
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    assert lab("a fill x 5a; a start write x; a protect x r; a busy") == "busy"
    assert lab("a finish") == "done"
    assert lab.fault()[1:4] == ("write", x, NO_WRITE)
    assert lab("a check x 5a") == "all 5a"


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "not-pinned"])
def test_mprotect_to_none(m, pinned):
    lab = Lab(m, "a")
    x = lab.map("a", "x", pinned=pinned)
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    assert lab("a fill x 5a; a protect x none") == "protected"
    assert lab("a dma write x") == "done"
    assert lab.fault()[1:4] == ("write", x, NO_WRITE)
    assert lab("a device 0") == "all 00"
    assert lab("a dma read x") == "done"
    assert lab.fault()[1:4] == ("read", x, NO_READ)
    assert lab("a device") == "all 00"
    assert whole_page(lab, frame, 0x5a)
    assert lab("a protect x rw; a check x 5a") == "all 5a"
    warm(lab, "a", "x", 0x66)


def test_mprotect_to_none_during_a_transfer(m):
    lab = Lab(m, "a")
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    assert lab("a fill x 5a; a start write x; a protect x none; "
               "a busy") == "busy"
    assert lab("a finish") == "done"
    assert lab.fault()[1:4] == ("write", x, NO_WRITE)
    assert lab("a protect x rw; a check x 5a") == "all 5a"


def child_of(lab, process):
    return int(lab(f"{process} fork").removeprefix("child "))


def test_fork_makes_a_page_read_only(m):
    lab = Lab(m, "a")
    x = lab.map("a", "x", pinned=False)
    warm(lab, "a", "x")
    lab("a fill x 5a")
    frame = lab.frame("a", "x")
    child = child_of(lab, "a")
    assert lab.frame_in(child, x) == frame
    assert lab("a dma write x") == "done"
    assert lab.fault() == (EDU_BDF, "write", x, NO_WRITE, lab.pid["a"])
    assert lab("a check x 5a") == "all 5a"
    assert whole_page(lab, frame, 0x5a)
    assert lab("a dma read x") == "done"
    assert lab("a device") == "all 5a"


def test_fork_during_a_transfer(m):
    lab = Lab(m, "a")
    x = lab.map("a", "x", pinned=False)
    warm(lab, "a", "x")
    lab("a fill x 5a")
    frame = lab.frame("a", "x")
    assert lab("a start write x; a fork; a busy") == "busy"
    assert lab("a finish") == "done"
    assert lab.fault()[1:4] == ("write", x, NO_WRITE)
    assert whole_page(lab, frame, 0x5a)


def test_fork_flushes_before_it_returns(m):
    """The transfer ends before the parent writes to any shared page, for which
    it would be flushed too."""
    lab = Lab(m, "a")
    x = lab.map("a", "x", pinned=False)
    warm(lab, "a", "x")
    lab("a fill x 5a")
    frame = lab.frame("a", "x")
    child = int(lab("a fork x").removeprefix("child "))
    assert lab.fault()[1:4] == ("write", x, NO_WRITE)
    assert lab.frame_in(child, x) == frame
    assert whole_page(lab, frame, 0x5a)


def test_fork_copies_a_pinned_page_and_dma_goes_on(m):
    lab = Lab(m, "a")
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    lab("a fill x 5a")
    frame = lab.frame("a", "x")
    child = child_of(lab, "a")
    copy = lab.frame_in(child, x)
    assert copy not in (0, frame)
    assert whole_page(lab, copy, 0x5a)
    warm(lab, "a", "x", 0x66)
    assert lab.frame("a", "x") == frame
    assert whole_page(lab, copy, 0x5a)


def test_dma_goes_to_the_writers_copy_behind_a_fork(m):
    """The parent breaks the copy: from then on its device has the parent's."""
    lab = Lab(m, "a")
    x = lab.map("a", "x", pinned=False)
    warm(lab, "a", "x")
    lab("a fill x 5a")
    frame = lab.frame("a", "x")
    child = child_of(lab, "a")
    assert lab("a dma read x") == "done"    # the old frame is cached now
    assert lab("a fill x 77") == "filled"
    copy = lab.frame("a", "x")
    assert copy != frame
    assert lab.frame_in(child, x) == frame
    assert lab("a dma read x") == "done"
    assert lab("a device") == "all 77"
    warm(lab, "a", "x", 0x66)
    assert whole_page(lab, frame, 0x5a)
    assert lab("a check x 66 4095") == "all 66"


def test_dma_writes_again_when_the_child_is_gone(m):
    """Nobody shares the page any more: with the process's right, which its next
    write brings back, the device's comes back."""
    lab = Lab(m, "a")
    x = lab.map("a", "x", pinned=False)
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    child = child_of(lab, "a")
    assert lab("a dma write x") == "done"
    assert lab.fault()[1:4] == ("write", x, NO_WRITE)
    assert lab("a dma read x") == "done"    # now it is cached, read-only
    assert lab(f"end {child}") == "ended"
    warm(lab, "a", "x", 0x66)
    assert lab.frame("a", "x") == frame


# What ends the ownership: commands that do it to process a.
ENDS = {
    "detach": "detach",
    "kill": "kill a",
    "exit": "a exit",
    "exec": "become a",
}


@pytest.fixture(params=ENDS)
def end(request):
    return ENDS[request.param]


def test_the_next_owner_does_not_reach_the_last_ones_frame(m, end):
    """The IOTLB has the old translation; the next owner has nothing there."""
    lab = Lab(m, "a", "b")
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    lab(end)
    if end == "detach":
        lab("a unmap x")
    lab("b map pad 1")                      # b's y is not where a's x was
    lab(give_to(lab, "b", frame))
    assert lab("b addr y") != f"at 0x{x:x}"
    assert lab("b unmap pad") == "unmapped"
    assert lab("attach b unsafe") == "open"
    assert lab(f"b dma write {x:x}") == "done"
    assert lab.fault() == (EDU_BDF, "write", x, NO_WRITE, lab.pid["b"])
    pattern_stands(lab, "b", frame)


def test_exec_takes_a_device_away_and_says_so(m):
    """Somebody gave it to the process, and wonders why it is free again."""
    lab = Lab(m, "a")
    lab("become a")
    lab("check")        # it waits until a is the other program
    assert re.search(rf"warning: iommu: 0:3\.0 is detached: pid "
                     rf"{lab.pid['a']} runs another program\r?\n", m.seen)


def test_lab_sees_the_end_of_a_process_that_forked(m):
    """The child kept the pipes open, and lab waited for an answer for ever."""
    lab = Lab(m, "a")
    child_of(lab, "a")
    lab("a exit")
    lab("new c")
    assert lab("c exit") != ""


def test_the_next_owner_has_a_domain_of_its_own(m, end):
    """It has had a device before, so its domain id is another one: the flush at
    its attach is not for what was cached for the last owner."""
    lab = Lab(m, "a", "b")
    assert lab("own b 0:0.0") == "it has 0:0.0"
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    lab(end)
    if end == "detach":
        lab("a unmap x")
    lab("b map pad 1")
    lab(give_to(lab, "b", frame))
    assert lab("b unmap pad") == "unmapped"
    assert lab("attach b unsafe") == "open"
    assert lab(f"b dma write {x:x}") == "done"
    assert lab.fault() == (EDU_BDF, "write", x, NO_WRITE, lab.pid["b"])
    pattern_stands(lab, "b", frame)


def test_the_next_owner_does_not_walk_the_last_ones_tables(m):
    """The context cache has the old table; there, z is not in the IOTLB.  The
    last owner keeps another device, and with that its tables."""
    lab = Lab(m, "a", "b")
    assert lab("own a 0:0.0") == "it has 0:0.0"
    lab.map("a", "x")
    z = lab.map("a", "z", 0x5a)
    frame = lab.frame("a", "z")
    warm(lab, "a", "x")
    assert lab("detach") == "detached"
    assert lab("attach b unsafe") == "open"
    assert lab(f"b dma write {z:x}") == "done"
    assert lab.fault() == (EDU_BDF, "write", z, NO_WRITE, lab.pid["b"])
    assert lab("a check z 5a") == "all 5a"
    assert whole_page(lab, frame, 0x5a)


def test_the_next_owner_has_its_own_memory_at_the_same_address(m, end):
    lab = Lab(m, "a", "b", "c")
    x = lab.map("a", "x")
    assert lab.map("b", "x", 0x22) == x
    warm(lab, "a", "x")
    lab("a fill x 5a")
    frame, theirs = lab.frame("a", "x"), lab.frame("b", "x")
    lab(end)
    if end != "detach":
        lab("c map pad 1")
        lab(give_to(lab, "c", frame))
    assert lab("attach b unsafe") == "open"
    assert lab("b dma read x") == "done"
    assert lab("b device") == "all 22"
    warm(lab, "b", "x", 0x33)
    assert lab.frame("b", "x") == theirs
    assert whole_page(lab, frame, 0x5a)


def test_the_same_owner_again(m):
    """Detached and attached, with another frame at the address."""
    lab = Lab(m, "a", "b")
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    assert lab("detach") == "detached"
    assert lab("a unmap x") == "unmapped"
    lab("b map pad 1")
    lab(give_to(lab, "b", frame))
    assert lab.map("a", "x") == x
    assert lab.frame("a", "x") != frame
    assert lab("attach a") == "open"
    warm(lab, "a", "x", 0x66)
    pattern_stands(lab, "b", frame)


def test_end_during_a_transfer(m, end):
    """The device is off the bus: the transfer goes nowhere."""
    lab = Lab(m, "a", "b")
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    unmap = "a unmap x; " if end == "detach" else ""
    lab(f"b map pad 1; a start write x; {end}; {unmap}"
        f"{give_to(lab, 'b', frame)}; b unmap pad")
    # Given to b within the time of the transfer, it may end there: as b's.
    assert lab("attach b unsafe; b busy") in ("busy", "idle")
    assert lab("b check y 5a") == "all 5a"
    assert lab("b device") != "no interrupt"
    assert all(f[1:] == ("write", x, NO_WRITE, lab.pid["b"])
               for f in lab.faults())
    pattern_stands(lab, "b", frame)


def test_end_and_next_owner_during_a_transfer(m, end):
    """The transfer's end finds the next owner's table."""
    lab = Lab(m, "a", "b")
    x = lab.map("a", "x")
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    unmap = "a unmap x; " if end == "detach" else ""
    assert lab(f"b map pad 1; a start write x; {end}; {unmap}"
               f"{give_to(lab, 'b', frame)}; b unmap pad; attach b unsafe; "
               "b busy") == "busy"
    assert lab("b finish") == "done"
    assert lab.fault() == (EDU_BDF, "write", x, NO_WRITE, lab.pid["b"])
    pattern_stands(lab, "b", frame)


def test_transfer_of_a_device_of_nobody_is_lost(m):
    lab = Lab(m, "a")
    lab.map("a", "x")
    warm(lab, "a", "x")
    frame = lab.frame("a", "x")
    lab("a fill x 5a; a start write x; detach; pause 200")
    assert lab("attach a") == "open"
    assert lab("a busy") == "idle"
    assert lab("a check x 5a") == "all 5a"
    assert whole_page(lab, frame, 0x5a)
    assert lab.faults() == []


def test_page_that_was_never_touched_is_a_fault(m):
    """Then touched: the device has it without more ado."""
    lab = Lab(m, "a")
    x = lab.map("a", "x", pinned=False)
    assert lab("a dma write x") == "done"
    assert lab.fault() == (EDU_BDF, "write", x, NO_WRITE, lab.pid["a"])
    assert "write addr=" in lab("a notes")
    assert lab("a dma read x") == "done"
    assert lab.fault() == (EDU_BDF, "read", x, NO_READ, lab.pid["a"])
    warm(lab, "a", "x", 0x66)


def test_page_from_before_and_after_attach(m):
    lab = Lab(m)
    lab.new("a")
    lab.map("a", "before", 0x22)
    lab.map("a", "untouched", pinned=False)
    assert lab("attach a") == "open"
    lab.map("a", "after", 0x33)
    for name in "before", "untouched", "after":
        warm(lab, "a", name, 0x44)


def test_frame_is_not_given_away_while_the_device_has_it(m):
    """Unmapped memory of the owner comes back only flushed: many times over,
    the device never writes into what somebody else holds."""
    lab = Lab(m, "a", "b")
    for byte in 0x21, 0x22, 0x23:
        x = lab.map("a", "x")
        warm(lab, "a", "x", byte)
        frame = lab.frame("a", "x")
        lab(f"a unmap x; {give_to(lab, 'b', frame)}; a dma write {x:x}")
        assert lab.fault()[1:4] == ("write", x, NO_WRITE)
        pattern_stands(lab, "b", frame)
        lab("b unmap y")
