# SPDX-License-Identifier: BSD-2-Clause
"""The session that the kernel is made for, on the machine that `make run`
starts, line for line; and `make run` itself: how to leave it, and where Ctrl-C
goes."""
import re

import pytest

from machine import KERNEL, QEMU, Machine, make_run_machine

HEX = r"0x[0-9a-f]{16}"
UNIT = rf"iommu@{HEX}"

INFO = rf"""driver info:
	default did = 1
	status = enabled

{UNIT}
	rba = 0x00000000fed90000
	supported = yes
	num_assigned_devs = 2
	regspace = {HEX}
	host addr width \(dmar\) = 48
	host addr width \(cap\[mgaw\]\) = 48
	version = 0x10
	capabilities = 0x[08]0d2008c222f0686
		mgaw: 48
		sagaw \(paging level\): 0x6
		caching mode: yes \(1\)
		zlr: 0x0
		rwbf: not required
		num domains: 65536
		supports protected high-memory region: no
		supports Protected low-memory region: no
	ext. capabilities = 0x0000000000(f0|00)0f46
		pass through: yes
		device iotlb: yes
		iotlb register offset: 0xf0
		snoop control: no
		coherency: no
		queue invalidation support: yes
		interrupt remapping support: no
		extended interrupt mode: 0x0
	global status = 0xc4000000
		translation: enabled
		root table: set
	root entry table = {HEX} \(phy\) or {HEX} \(vir\)
"""

POWER = """IOMMU status: {}
Write 'enable' or 'disable' OR 'on' or 'off' to change status
"""


@pytest.fixture(scope="module")
def m():
    with Machine(make_run_machine(), kernel=KERNEL) as machine:
        yield machine


def test_session_as_written(m):
    # The shell is process 2; each of these is the next one.
    for _ in range(3, 27):
        assert m.line("sleep 1000 &") == ""
    m.await_jobs()
    assert m.line("mkdir -p /sys/iommu") == ""
    assert m.line("/bin/bind \\#iommu /sys/iommu") == ""
    assert m.line("cd /sys/iommu/") == ""
    assert m.line("ls") == (
        "acpi        detach      info        quarantine  stats       walk\n"
        "attach      devices     mappings    selftest    trace\n"
        "check       faults      power       spaces      units\n")
    assert m.line("echo 0:3.0 1 >attach") == ""
    assert m.line("echo 0:0.0 22 >attach") == ""
    assert m.line("echo 0:1:0 22 >attach") == ""
    assert m.line("echo 0:2.0 26 >attach") == ""
    assert re.fullmatch(rf"Mappings for {UNIT}\n"
                        "\tpid = 1\n"
                        "\t\tdevice = 0:3.0\n"
                        "\tpid = 22\n"
                        "\t\tdevice = 0:0.0\n"
                        "\t\tdevice = 0:1.0\n"
                        "\tpid = 26\n"
                        "\t\tdevice = 0:2.0\n", m.line("cat mappings"))
    assert m.line("echo 0:2.0 >detach") == ""
    assert m.line("echo 0:1:0 >detach") == ""
    assert re.fullmatch(rf"Mappings for {UNIT}\n"
                        "\tpid = 1\n"
                        "\t\tdevice = 0:3.0\n"
                        "\tpid = 22\n"
                        "\t\tdevice = 0:0.0\n", m.line("cat mappings"))
    assert re.fullmatch(INFO, m.line("cat info"))
    assert m.line("cat power") == POWER.format("enabled")
    assert m.line("echo -n off >power") == ""
    assert m.line("cat power") == POWER.format("disabled")
    assert m.line("echo on >power") == ""
    assert m.line("cat power") == POWER.format("enabled")


def test_info_shows_the_unit_and_not_what_it_was(m):
    """Behind the session: translation off, and on again."""
    m.line("echo off >power")
    off = m.line("cat info")
    assert "\tstatus = disabled\n" in off
    assert "\tglobal status = 0x44000000\n\t\ttranslation: disabled\n" in off
    m.line("echo enable >power")
    assert re.fullmatch(INFO, m.line("cat info"))


def test_info_shows_the_root_table_that_the_unit_uses(m):
    info = m.line("cat info")
    root, virtual = re.search(rf"table = ({HEX}) \(phy\) or ({HEX})",
                              info).groups()
    assert int(virtual, 16) - int(root, 16) == 0xffff800000000000
    # RTADDR is register 0x20 of the unit.
    assert m.memory(0xfed90020, 8) == int(root, 16).to_bytes(8, "little")


def test_info_shows_the_registers_as_they_are(m):
    info = m.line("cat info")
    for name, register in [("\tcapabilities", 0x08), ("ext. capabilities", 0x10)]:
        value = int(re.search(rf"{name} = ({HEX})", info)[1], 16)
        assert m.memory(0xfed90000 + register, 8) == value.to_bytes(8, "little")


def test_shell_shows_the_processes_of_the_session(m):
    text = m.line("ps")
    assert re.search(r"\n +22 +2 eve +sleeping .* sleep\n", text)
    assert re.search(r"\n +26 +2 eve +sleeping .* sleep\n", text)


def test_help_names_every_program(m):
    text = m.line("help")
    for name in m.line("ls /bin").split():
        assert re.search(rf"\b{name}\b", text), name


class MakeRun(Machine):
    """`make run` itself."""

    def __init__(self):
        import tempfile
        from pathlib import Path
        self.dir = Path(tempfile.mkdtemp(prefix="ak"))
        self.monitor = None
        self.start(["make", "run", f"QEMU={QEMU}"], limit=60)


def test_make_run_says_how_to_leave_and_gives_ctrl_c_to_the_guest():
    with MakeRun() as run:
        run.expect(r"leave with Ctrl-A X\b")
        run.expect(r"\$ ")
        run.type("sleep 1000\n")
        run.expect("sleep 1000\r\n")
        run.type("\3")
        run.expect(r"\^C\r\n\$ ", timeout=5)
        assert run.run("echo still here") == "still here\n"
        run.type("\1x")
        run.expect("QEMU: Terminated")
        assert run.expect_end() == 0
