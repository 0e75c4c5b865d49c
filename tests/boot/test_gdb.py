# SPDX-License-Identifier: BSD-2-Clause
"""The commands of tools/gdb.py, in gdb's batch mode, on a machine that runs."""
import re
import subprocess

import pytest

from machine import (EDU, SMALL, TEST_KERNEL, TOP, UNIT, Machine,
                     clean_environment)

PROGRAM = 0x100000000       # where a process's program lies


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    at = tmp_path_factory.mktemp("gdb") / "socket"
    with Machine(f"{SMALL} {UNIT} {EDU} "
                 f"-gdb unix:{at},server=on,wait=off") as m:
        m.gdb = at
        m.pid = m.spawn("sleep 1000")
        m.await_jobs()
        m.run(f"echo 0:3.0 {m.pid} >'#iommu/attach'")
        yield m


def gdb(m, *commands):
    """What they print; the machine goes on afterwards."""
    argv = ["gdb", "-nx", "-q", "-batch", "-x", TOP / "tools/gdb.py",
            "-ex", f"target remote {m.gdb}"]
    for command in (*commands, "detach"):
        argv += ["-ex", command]
    done = subprocess.run(["timeout", "60", *argv, TEST_KERNEL],
                          stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=clean_environment())
    return done.stdout


def test_units(machine):
    text = gdb(machine, "iommu-units")
    assert "unit 0xfed90000: translating, 4 levels, 48 bits\n" in text
    put_in, completed = re.search(r"  queue: (\d+) put in, (\d+) completed",
                                  text).groups()
    assert int(put_in) == int(completed) + 1    # positions count from 0
    assert f"\n  0:3.0: pid {machine.pid}, domain " in text
    assert "\n  0:0.0: nobody's\n" in text


def test_a_walk_to_the_frame(machine):
    text = gdb(machine, f"iommu-walk 0:3.0 {PROGRAM + 0x123:#x}")
    assert re.search(r"^root    00  0x[0-9a-f]{13}001$", text, re.M)
    assert re.search(r"^context 18  .* 4 levels, domain \d+$", text, re.M)
    found = re.search(
        r"^level 4   0  .* read write\n"
        r"level 3   4  .* read write\n"
        r"level 2   0  .* read write\n"
        r"level 1   0  .* read leaf\n"
        r"memory (0x[0-9a-f]+), read$", text, re.M)
    assert found, text
    frame = int(found[1], 16)
    assert frame & 0xfff == 0x123
    assert machine.memory(frame & ~0xfff, 4) == b"\x7fELF"


def test_a_walk_to_the_reason(machine):
    absent = gdb(machine, f"iommu-walk 0:3.0 {PROGRAM + (1 << 30):#x}")
    assert re.search(r"^level \d +\d+  0x0{16}  absent\n"
                     r"no read permission, no write permission$", absent, re.M)
    assert "\naddress beyond the unit's width\n" in \
        gdb(machine, "iommu-walk 0:3.0 1ul<<48")
    assert "\ncontext entry not present\n" in \
        gdb(machine, "iommu-walk 0:0.0 0x1000")


def test_what_is_not_there(machine):
    assert "0:9.0: no such device; there are 0:0.0 0:1f.0 0:1f.2 0:1f.3 0:3.0" \
        in gdb(machine, "iommu-walk 0:9.0 0")
    assert "usage: iommu-walk BDF ADDR" in gdb(machine, "iommu-walk 0:3.0")


def test_ps(machine):
    text = gdb(machine, "ps")
    assert re.search(r"^    1     0 sleeping        0 init$", text, re.M), text
    assert re.search(rf"^{machine.pid:5}     2 sleeping        1 sleep$", text,
                     re.M), text
