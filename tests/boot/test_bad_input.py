# SPDX-License-Identifier: BSD-2-Clause
"""What is written to the files of #iommu and on the command line, and should not
be: each gives an error of one line that names the subject and the reason, and
changes nothing."""
import re

import pytest

from machine import EDU, ICOUNT, SMALL, UNIT, Machine

BASE = "-nographic -nodefaults -serial stdio -smp 2 -m 512"
VIRTIO = "-device virtio-rng-pci,disable-legacy=on"


@pytest.fixture(scope="module")
def shared():
    options = (f"{SMALL} {UNIT} {EDU} {ICOUNT} {VIRTIO},addr=5 "
               f"{VIRTIO},iommu_platform=on,addr=6 "
               "-device virtio-rng-pci,disable-modern=on,addr=7 "
               "-device pcie-root-port,id=rp,addr=8 "
               "-device pxb-pcie,bus_nr=0x80,id=pxb,bypass_iommu=on "
               "-device pcie-root-port,id=far,bus=pxb,chassis=2 "
               "-device nvme,serial=x,bus=far")
    with Machine(options, limit=200) as machine:
        machine.run("mkdir -p /sys/iommu; bind '#iommu' /sys/iommu")
        machine.run("cd /sys/iommu")
        machine.sleeper = machine.spawn("sleep 100000")
        yield machine


@pytest.fixture
def m(shared):
    """Whatever the test does, it leaves all as it was."""
    before = state(shared)
    yield shared
    assert state(shared) == before


def state(m):
    return m.run("cat mappings power info quarantine '#pci/0:3.0/status'")


def refused(m, command, reason):
    assert m.fails(command) == f"echo: iommu: {reason}"


FORM = "BUS:DEV.FN PID [unsafe] [rmrr] [ats]"
WORDS = ("an unknown word; only unsafe, rmrr and ats may follow the pid, "
         "once")
NO_DEVICE = "not a device, which is BUS:DEV.FN in hexadecimal"

ATTACH = [
    ("", f"attach: nothing written; the form is {FORM}"),
    ("  ", f"attach: nothing written; the form is {FORM}"),
    ("0:3.0", f"attach 0:3.0: no pid; the form is {FORM}"),
    ("1", f"attach 1: {NO_DEVICE}"),
    ("foo 1", f"attach foo: {NO_DEVICE}"),
    ("foo", f"attach foo: {NO_DEVICE}"),
    ("1 0:3.0", f"attach 1: {NO_DEVICE}"),
    ("0:40.0 1", "attach 0:40.0: no device beyond 1f"),
    ("0:20.0 1", "attach 0:20.0: no device beyond 1f"),
    ("0:3.9 1", "attach 0:3.9: no function beyond 7"),
    ("0:3:8 1", "attach 0:3:8: no function beyond 7"),
    ("100:3.0 1", "attach 100:3.0: no bus beyond ff"),
    ("10000:0:3.0 1", "attach 10000:0:3.0: no segment beyond ffff"),
    ("100000000:3.0 1", f"attach 100000000:3.0: {NO_DEVICE}"),
    ("0.3.0 1", f"attach 0.3.0: {NO_DEVICE}"),
    ("0:3 1", f"attach 0:3: {NO_DEVICE}"),
    ("0:3. 1", f"attach 0:3.: {NO_DEVICE}"),
    (":3.0 1", f"attach :3.0: {NO_DEVICE}"),
    ("0:3.0.0 1", f"attach 0:3.0.0: {NO_DEVICE}"),
    ("0:0:3:0 1", f"attach 0:0:3:0: {NO_DEVICE}"),
    ("0x0:3.0 1", f"attach 0x0:3.0: {NO_DEVICE}"),
    ("-1:3.0 1", f"attach -1:3.0: {NO_DEVICE}"),
    ("0:3.0, 1", f"attach 0:3.0,: {NO_DEVICE}"),
    ("0:10.0 1", "attach 0:10.0: no such device"),
    ("1:0:3.0 1", "attach 1:0:3.0: no such device"),
    ("0:3.1 1", "attach 0:3.1: no such device"),
    ("0:3.0 foo", "attach 0:3.0 foo: not a process id"),
    ("0:3.0 -1", "attach 0:3.0 -1: not a process id"),
    ("0:3.0 0x1", "attach 0:3.0 0x1: not a process id"),
    ("0:3.0 1.5", "attach 0:3.0 1.5: not a process id"),
    ("0:3.0 99999999999", "attach 0:3.0 99999999999: not a process id"),
    ("0:3.0 4294967297", "attach 0:3.0 4294967297: not a process id"),
    ("0:3.0 0", "attach 0:3.0: no process 0"),
    ("0:3.0 77777", "attach 0:3.0: no process 77777"),
    ("0:3.0 1 foo", f"attach 0:3.0 1 foo: {WORDS}"),
    ("0:3.0 1 unsafe foo", f"attach 0:3.0 1 foo: {WORDS}"),
    ("0:3.0 1 unsafe unsafe", f"attach 0:3.0 1 unsafe: {WORDS}"),
    ("0:3.0 1 UNSAFE", f"attach 0:3.0 1 UNSAFE: {WORDS}"),
    ("0:3.0 1 rmrr", "attach 0:3.0: has no memory reserved by the firmware"),
    ("0:3.0 1 ats", "attach 0:3.0: has no device TLB"),
    ("0:5.0 1", "attach 0:5.0: a virtio device without "
     "VIRTIO_F_ACCESS_PLATFORM bypasses the iommu"),
    ("0:7.0 1", "attach 0:7.0: a virtio device without modern interface "
     "bypasses the iommu"),
    ("0:8.0 1", "attach 0:8.0: is a bridge to another bus"),
    ("81:0.0 1", "attach 81:0.0: no remapping unit covers it"),
]


@pytest.mark.parametrize("text,reason", ATTACH)
def test_attach(m, text, reason):
    refused(m, f"echo '{text}' >attach", reason)


DETACH = [
    ("", "detach: nothing written; the form is BUS:DEV.FN"),
    ("foo", f"detach foo: {NO_DEVICE}"),
    ("0:40.0", "detach 0:40.0: no device beyond 1f"),
    ("0:3.9", "detach 0:3.9: no function beyond 7"),
    ("100:3.0", "detach 100:3.0: no bus beyond ff"),
    ("0:10.0", "detach 0:10.0: no such device"),
    ("0:3.0", "detach 0:3.0: not attached"),
    ("0:3.0 1", "detach 0:3.0 1: an unknown word; the form is BUS:DEV.FN"),
]


@pytest.mark.parametrize("text,reason", DETACH)
def test_detach(m, text, reason):
    refused(m, f"echo '{text}' >detach", reason)


@pytest.mark.parametrize("text", ["", "maybe", "ON", "on off", "1", "onn"])
def test_power(m, text):
    said = f" {text}" if text else ""
    refused(m, f"echo '{text}' >power",
            f"power{said}: write enable, disable, on or off")


QUARANTINE = [
    ("", ": write strict, or lazy [pages=N] [ms=N] [share=N]"),
    ("maybe", " maybe: write strict, or lazy [pages=N] [ms=N] [share=N]"),
    ("strict ms=3", " ms=3: nothing may follow strict"),
    ("lazy 4", " 4: only pages=, ms= and share= may follow lazy, once"),
    ("lazy ms=1 ms=2", " ms=2: only pages=, ms= and share= may follow lazy, "
     "once"),
    ("lazy ms=0", " ms=0: milliseconds are 1 to 1000"),
    ("lazy pages=-1", " pages=-1: pages are 1 to 1048576"),
    ("lazy share=1048577", " share=1048577: a share is 1 to 1048576 pages"),
    ("lazy pages=2 share=3", ": a share is no more than the pages in all"),
]


@pytest.mark.parametrize("text,reason", QUARANTINE)
def test_quarantine(m, text, reason):
    refused(m, f"echo '{text}' >quarantine", f"quarantine{reason}")


@pytest.mark.parametrize("name,form", [
    ("attach", f"; the form is {FORM}"), ("detach", "; the form is BUS:DEV.FN"),
])
def test_empty_write(m, name, form):
    refused(m, f"echo -n >{name}", f"{name}: nothing written{form}")


@pytest.mark.parametrize("name", ["attach", "detach", "power", "quarantine"])
def test_10000_bytes(m, name):
    refused(m, f"echo -n 0:3.0 {'1' * 9994} >{name}",
            f"{name}: longer than any command")


@pytest.mark.parametrize("text", [
    "0:3.0 1\\n0:3.0 1\\n", "0:3.0\\01", "0:3.0 1\\x01", "0:3.0 \\xff"])
def test_what_is_no_line_of_text(m, text):
    assert m.fails(f"put attach '{text}'") == \
        "put: iommu: attach: not a line of text"


def test_tabs_and_blanks_between_words_are_all_right(m):
    m.run("put attach '\\t 0:3.0 \\t1 \\t\\n'")
    m.run("put detach ' 0:3.0 '")


def test_process_that_has_ended(m):
    pid = m.spawn("true")
    m.run(f"wait {pid}")
    refused(m, f"echo 0:3.0 {pid} >attach", f"attach 0:3.0: no process {pid}")


def test_zombie(m):
    """It has ended, but nobody has waited for it yet."""
    parent = m.spawn("sh -c 'true & exec sleep 100'")
    text = m.run("ps")
    zombie = re.search(rf"(\d+) +{parent} eve +zombie", text)
    while not zombie:
        text = m.run("ps")
        zombie = re.search(rf"(\d+) +{parent} eve +zombie", text)
    refused(m, f"echo 0:3.0 {zombie[1]} >attach",
            f"attach 0:3.0: no process {zombie[1]}")
    m.run(f"kill {parent}; wait {parent}", status=None)


def test_owned_by_someone(m):
    m.run(f"echo 0:3.0 {m.sleeper} unsafe >attach")
    refused(m, "echo 0:3.0 1 >attach",
            f"attach 0:3.0: owned by pid {m.sleeper}")
    refused(m, "echo 0:3.0 1 unsafe >attach",
            f"attach 0:3.0: owned by pid {m.sleeper}")
    refused(m, f"echo 0:3.0 {m.sleeper} >attach",
            f"attach 0:3.0: attached to pid {m.sleeper} already")
    assert f"\tpid = {m.sleeper}\n\t\tdevice = 0:3.0\n" in m.run("cat mappings")
    m.run("echo 0:3.0 >detach")
    refused(m, "echo 0:3.0 >detach", "detach 0:3.0: not attached")


def test_device_that_cannot_be_reset(m):
    """edu: it was the last owner's, and is given to another one with a word."""
    m.run(f"echo 0:3.0 {m.sleeper} unsafe >attach; echo 0:3.0 >detach")
    refused(m, "echo 0:3.0 1 >attach", "attach 0:3.0: cannot be reset since "
            "its last owner had it; say unsafe to give it away all the same")
    m.run(f"echo 0:3.0 {m.sleeper} >attach; echo 0:3.0 >detach")
    m.run("echo 0:3.0 1 unsafe >attach; echo 0:3.0 >detach")


@pytest.mark.parametrize("name,text", [
    ("attach", "0:3.0 1"), ("detach", "0:3.0"), ("power", "off"),
    ("quarantine", "strict")])
def test_writer_who_is_not_eve(m, name, text):
    refused(m, f"none echo {text} >{name}", f"{name}: only eve may")
    refused(m, f"none sh -c 'echo {text} >{name}'", f"{name}: only eve may")


def test_none_may_have_a_device_and_not_give_it_away(m):
    pid = m.spawn("none sleep 1000")
    m.run(f"echo 0:3.0 {pid} unsafe >attach")
    assert f"pid = {pid}" in m.run("none cat mappings")
    refused(m, "none echo 0:3.0 >detach", "detach: only eve may")
    m.run(f"kill {pid}; wait {pid}", status=None)
    assert "pid" not in m.run("cat mappings")


@pytest.mark.parametrize("name", ["info", "mappings"])
def test_writing_what_is_only_read(m, name):
    assert m.fails(f"echo x >{name}") == \
        f"sh: {name}: /sys/iommu/{name}: permission denied"


def test_no_new_files(m):
    assert m.fails("echo x >nothing") == \
        "sh: nothing: #iommu: no new files here"
    assert m.fails("rm attach").startswith("rm: attach: ")
    assert m.fails("mkdir here").startswith("mkdir: here: ")


def test_reading_tells_the_form(m):
    assert m.run("cat attach") == FORM + "\n"
    assert m.run("cat detach") == "BUS:DEV.FN\n"


def test_while_off(boot):
    """Attach is refused, detach and exit work, nothing masters the bus."""
    m = boot(f"{SMALL} {UNIT} {EDU} {ICOUNT} -device e1000,addr=2")
    m.run("bind '#iommu' /sys; cd /sys")
    first, second = m.spawn("sleep 1000"), m.spawn("sleep 1000")
    m.run(f"echo 0:3.0 {first} >attach; echo 0:2.0 {second} >attach")
    m.run("echo off >power")
    refused(m, "echo 0:0.0 1 >attach", "attach 0:0.0: the iommu is off")
    refused(m, f"echo 0:3.0 1 >attach", f"attach 0:3.0: owned by pid {first}")
    m.run("echo off >power")
    assert "status: disabled" in m.run("cat power")
    assert not masters(m, "0:3.0") and not masters(m, "0:2.0")
    m.run("echo 0:3.0 >detach")
    m.run(f"kill {second}; wait {second}", status=None)
    assert re.fullmatch(r"Mappings for iommu@\S+\n", m.run("cat mappings"))
    m.run("echo on >power")
    assert not masters(m, "0:3.0") and not masters(m, "0:2.0")
    assert "all 4095 bytes are right" in m.run("edu -u")


def masters(m, device):
    """Its bus-master bit, in the command register."""
    line = m.run(f"hexdump -s 4 -n 2 '#pci/{device}/config'")
    return int(line.split()[1], 16) & 4 != 0


def test_off_takes_devices_off_the_bus_and_on_puts_them_back(boot):
    m = boot(f"{SMALL} {UNIT} {EDU} {ICOUNT}")
    m.run("bind '#iommu' /sys; cd /sys; echo 0:3.0 1 >attach")
    assert masters(m, "0:3.0")
    m.run("echo off >power")
    assert not masters(m, "0:3.0")
    m.run("echo on >power")
    assert masters(m, "0:3.0")
    m.run("echo 0:3.0 >detach")
    assert not masters(m, "0:3.0")


@pytest.mark.parametrize("options,missing", [
    (f"-machine q35 {EDU}", "this machine has no DMAR table"),
    (f"-machine q35 -device intel-iommu,dma-translation=off {EDU}",
     "no remapping unit can be used"),
    (f"-machine pc {EDU}", "this machine has no DMAR table"),
])
def test_machine_without_a_unit_that_can_be_used(boot, options, missing):
    m = boot(f"{BASE} {options}")
    assert missing in m.seen
    assert "\tstatus = disabled\n" in m.run("cat '#iommu/info'")
    assert f"\tmissing = {missing}\n" in m.run("cat '#iommu/info'")
    assert f"No mappings: {missing}\n" in m.run("cat '#iommu/mappings'")
    assert f"IOMMU status: disabled ({missing})\n" in \
        m.run("cat '#iommu/power'")
    refused(m, "echo 0:3.0 1 >'#iommu/attach'", f"attach 0:3.0: {missing}")
    refused(m, "echo on >'#iommu/power'", f"power on: {missing}")
    refused(m, "echo 0:3.0 >'#iommu/detach'", "detach 0:3.0: not attached")
    assert m.fails("edu") == f"edu: iommu: attach 0:3.0: {missing}"
    assert not masters(m, "0:3.0")


def test_unit_without_translation_says_so(boot):
    m = boot(f"{BASE} -machine q35 -device intel-iommu,dma-translation=off")
    assert "\tsupported = no\n\treason = it offers no second-level " \
        "translation\n" in m.run("cat '#iommu/info'")


# The command line

def test_iommu_off(boot):
    m = boot(f"{SMALL} {UNIT} {EDU} {ICOUNT}", cmdline="iommu=off")
    assert "IOMMU status: disabled\n" in m.run("cat '#iommu/power'")
    refused(m, "echo 0:3.0 1 >'#iommu/attach'", "attach 0:3.0: the iommu is "
            "off")
    m.run("echo on >'#iommu/power'")
    assert "all 4095 bytes are right" in m.run("edu")


def test_unknown_words_are_named(boot):
    m = boot(f"{SMALL} {UNIT}", cmdline="foo bar=2 iommu=maybe loglevel=7")
    assert "warning: command line: unknown word 'foo'" in m.seen
    assert "warning: command line: unknown word 'bar'" in m.seen
    assert "warning: command line: iommu=maybe: on, off, strict or lazy" in m.seen
    assert "warning: command line: loglevel=7: 0 to 3" in m.seen
    assert m.run("cat '#cons/cmdline'") == \
        "foo bar=2 iommu=maybe loglevel=7\n"
    assert "IOMMU status: enabled\n" in m.run("cat '#iommu/power'")


def test_command_line_that_is_too_long_is_cut_and_told(boot):
    m = boot(f"{SMALL}", cmdline="x" * 1500)
    assert "warning: command line: longer than 1023 bytes" in m.seen


def test_loglevel_0_shows_errors_alone(boot):
    m = boot(f"{SMALL} {UNIT}", cmdline="loglevel=0 foo")
    assert "iommu: unit" not in m.seen
    assert "iommu: unit" in m.run("dmesg") + m.logged


def test_another_init(boot):
    """It has the console, as /bin/init has."""
    m = boot(f"{SMALL} {UNIT}", cmdline="init=/bin/sh")
    assert m.run("cat '#proc/1/status'").startswith("sh 1 0 eve ")


def test_init_that_is_missing(boot):
    """The kernel goes on, says so, and tries again."""
    with Machine(f"{SMALL} {UNIT}", cmdline="init=/nothing",
                 prompt=False) as m:
        m.expect("error: init: nothing: no such file")
        m.expect("error: init: nothing: no such file")


def test_init_that_ends_is_started_again_after_a_while(boot):
    """It was started again at once, and filled the log."""
    with Machine(f"{SMALL} {UNIT}", cmdline="init=/bin/false",
                 prompt=False) as m:
        ended = r"\[ *(\d+\.\d+)\] error: false \(process 1\) has ended, " \
            "status 1; starting it anew"
        first = float(m.expect(ended)[1])
        second = float(m.expect(ended)[1])
        assert second - first >= 1
