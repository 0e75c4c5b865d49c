# SPDX-License-Identifier: BSD-2-Clause
"""#iommu/faults, and what faults do to their owner."""
import re

from machine import EDU, ICOUNT, SMALL, UNIT, wait_for

MACHINE = f"{SMALL} {UNIT} {EDU} {ICOUNT}"


def lines_of(m, file):
    return m.run(f"cat {file}").splitlines()


def test_a_line_a_fault_and_the_reader_waits(boot):
    m = boot(MACHINE)
    reader = m.spawn("cat '#iommu/faults' >/faults")
    assert lines_of(m, "/faults") == []
    pid = int(re.search(r"belongs to pid (\d+)",
                        m.run("edu -a 1234567000"))[1])
    line = (f"0:3.0 pid={pid} write 0x1234567000: no write permission "
            "(reason 0x5)")
    wait_for(lambda: line in lines_of(m, "/faults"))
    assert set(lines_of(m, "/faults")) == {line}
    m.await_jobs()
    assert re.search(rf"\n +{reader} .* cat", m.run("ps"))
    m.run("edu -u -a 1234567000 -r")
    wait_for(lambda: any("read 0x1234567000: no read permission (reason 0x6)"
                         in line for line in lines_of(m, "/faults")))


def test_an_opener_begins_with_the_oldest_line(boot):
    m = boot(MACHINE)
    m.run("edu -a 1234567000")
    m.run("edu -u -a 7654321000")
    m.spawn("cat '#iommu/faults' >/faults")
    wait_for(lambda: any("0x7654321000" in line
                         for line in lines_of(m, "/faults")))
    assert "0x1234567000" in lines_of(m, "/faults")[0]


def test_others_see_the_faults_of_their_own_devices_alone(boot):
    m = boot(MACHINE)
    m.run("edu -a 1234567000")
    reader = m.spawn("none cat '#iommu/faults' >/faults")
    wait_for(lambda: re.search(rf"\n +{reader} .* none +sleeping .* cat",
                               m.run("ps")))
    assert lines_of(m, "/faults") == []
