# SPDX-License-Identifier: BSD-2-Clause
"""The files stats, trace and selftest of #iommu, on the plain machine and on a
large one: what they count is what QEMU's unit has seen."""
import re

import pytest

from machine import EDU, ICOUNT, SMALL, UNIT
from test_attack import FED, GCMD, TE, Gdb, long

EDU_ANYWHERE = "-device edu,dma_mask=0xffffffffffffffff"
# Two more buses of the host's, bridges of three kinds, twelve devices.
LARGE = " ".join([
    "-device pxb-pcie,bus_nr=0x40,id=p1,bus=pcie.0",
    "-device pxb-pcie,bus_nr=0x80,id=p2,bus=pcie.0",
    "-device pcie-root-port,id=r1,bus=p1,chassis=1",
    "-device pcie-root-port,id=r2,bus=p2,chassis=2",
    "-device pcie-root-port,id=r3,bus=pcie.0,addr=6,chassis=3",
    "-device pcie-pci-bridge,id=b1,bus=pcie.0,addr=7",
    "-device pci-bridge,id=b2,chassis_nr=4,bus=pcie.0,addr=8",
    f"{EDU},bus=pcie.0",
    *[f"{EDU_ANYWHERE},bus={bus}" for bus in ("r1", "r2", "r3")],
    *[f"{EDU_ANYWHERE},bus={bus},addr={slot}" for bus in ("b1", "b2")
      for slot in (1, 2)],
    *[f"{EDU_ANYWHERE},bus=pcie.0,addr={slot:x}" for slot in (9, 10)],
    "-device e1000e,bus=pcie.0,addr=b",
    "-device virtio-rng-pci,bus=pcie.0,addr=c",
])
MACHINES = {
    "plain": f"{SMALL} {ICOUNT} {UNIT} {EDU}",
    "remapped": f"{SMALL} {ICOUNT} {UNIT.replace('=off', '=on', 1)} {EDU}",
    "large": f"{SMALL} {ICOUNT} {UNIT} {LARGE}",
}
on_all = pytest.mark.parametrize("options", MACHINES.values(), ids=MACHINES)

QIE = 1 << 26

COUNTS = ("attach detach map unmap fault fence reset quarantined").split()
UNIT_KEYS = ("context iotlb_global iotlb_domain iotlb_pages device_tlb "
             "interrupt descriptors registers submissions waits wait_min "
             "wait_median wait_p99 wait_max retries timeouts").split()
CHECKS = ("registers tables queue context iotlb interrupts faults").split()


def records(text):
    """Lines as (subject, {key: value}), quotes taken off."""
    return [(line.split()[0],
             {key: quoted or plain for key, plain, quoted in re.findall(
                 r' (\w+)=(?:([^" ][^ ]*)|"([^"]*)")', line)})
            for line in text.splitlines()]


def stats(m):
    found = dict(records(m.run("cat '#iommu/stats'")))
    assert list(found)[0] == "iommu"
    assert list(found["iommu"]) == COUNTS
    for unit in list(found)[1:]:
        assert list(found[unit]) == UNIT_KEYS
    return {subject: {key: int(v) for key, v in fields.items()}
            for subject, fields in found.items()}


def changed(before, after):
    return {key: after[key] - before[key] for key in after
            if after[key] != before[key]}


@on_all
def test_counts_of_a_handed_over_device(boot, options):
    """edu comes and goes; its interrupt has an entry where the unit remaps."""
    m = boot(options)
    before = stats(m)
    assert "all 4095 bytes are right" in m.run("edu")
    after = stats(m)
    work = changed(before["iommu"], after["iommu"])
    # What edu has is there before the attach, which maps nothing.
    assert work.pop("map", 0) < 8 and work.pop("unmap", 0) < 8
    assert work == {"attach": 1, "detach": 1}
    unit = changed(before["unit0"], after["unit0"])
    assert unit["context"] == 2 and unit["iotlb_domain"] >= 2
    assert "iotlb_global" not in unit and "device_tlb" not in unit
    remaps = "intremap=on" in options
    assert unit.get("interrupt", 0) == (2 if remaps else 0)
    asked = sum(unit.get(key, 0) for key in UNIT_KEYS[:6])
    assert unit["descriptors"] == asked + unit["submissions"]
    assert unit["registers"] == unit["submissions"] == unit["waits"]
    assert "retries" not in unit and "timeouts" not in unit
    # QEMU's unit is done before the register write ends.
    assert after["unit0"]["wait_max"] == 0


@on_all
def test_counts_since_boot_are_what_the_unit_has_taken(boot, options):
    m = boot(options + " -trace vtd_inv_desc_* -trace vtd_reg_write*", limit=100)
    assert "all 4095 bytes are right" in m.run("edu")
    m.run("races 3", timeout=60)
    unit = stats(m)["unit0"]
    m.complaints.seek(0)
    text = m.complaints.read()

    def seen(*names):
        return sum(len(re.findall(rf"vtd_{name}\b", text)) for name in names)

    assert unit["context"] == seen("inv_desc_cc_global",
                                   "inv_desc_cc_devices") > 0
    assert unit["iotlb_global"] == seen("inv_desc_iotlb_global") > 0
    assert unit["iotlb_domain"] == seen("inv_desc_iotlb_domain") > 0
    assert unit["iotlb_pages"] == seen("inv_desc_iotlb_pages") > 0
    assert unit["interrupt"] == seen("inv_desc_iec")
    assert unit["submissions"] == seen("inv_desc_wait_sw") == unit["waits"]
    assert unit["registers"] == seen("reg_write")


def test_counts_of_faults_and_fences(boot):
    m = boot(MACHINES["plain"])
    before = stats(m)["iommu"]
    m.run("edu -a 123456000; true")
    work = changed(before, stats(m)["iommu"])
    assert work["fault"] == 1 and "fence" not in work and "reset" not in work


def trace(m):
    head, *events = m.run("cat '#iommu/trace'").splitlines()
    found = re.fullmatch(r"trace state=(on|off) events=(\d+) lost=(\d+)", head)
    assert int(found[2]) == len(events) <= 4096
    times = [re.match(r"(\d+\.\d{9}) ", line)[1] for line in events]
    assert sorted(times, key=float) == times
    return found[1], int(found[3]), [line.split(" ", 1)[1] for line in events]


@on_all
def test_trace_shows_a_device_come_and_go(boot, options):
    m = boot(options)
    assert trace(m) == ("off", 0, [])
    memory = m.run("grep pages '#cons/mem'")
    m.run("echo off >'#iommu/trace'")
    assert m.run("grep pages '#cons/mem'") == memory
    m.run("edu >/dev/null")
    assert trace(m) == ("off", 0, [])
    m.run("echo on >'#iommu/trace'")
    pid = int(re.search(r"pid (\d+)", m.run("edu -u"))[1])
    m.run("echo off >'#iommu/trace'")
    state, lost, events = trace(m)
    assert (state, lost) == ("off", 0)
    names = [line.split()[0] for line in events]
    owner = f"device=0:3.0 pid={pid} unit=unit0"
    first, last = events.index(f"attach {owner}"), \
        events.index(f"detach {owner}")
    assert first < last
    # Behind the detach comes the flush that ends it; nothing is mapped then.
    assert events[last + 1:last + 3] == ["flush unit=unit0 requests=2",
                                         "wait unit=unit0 ns=0"]
    assert "map" not in names[:first] + names[last:]
    assert names.count("flush") == names.count("wait")
    remaps = "intremap=on" in options
    assert [line.split("entry=")[1].split()[1] for line in events
            if line.startswith("interrupt ")] == \
        (["state=open", "state=closed"] if remaps else [])


def test_trace_shows_what_a_process_maps_and_unmaps(boot):
    m = boot(MACHINES["plain"])
    m.run("echo on >'#iommu/trace'; "
          "echo 'new a; attach a; a map one 1 pinned; a map two 2 pinned; "
          "a unmap one; kill a' | lab; echo off >'#iommu/trace'")
    at = [line.split() for line in trace(m)[2] if "map pid" in line]
    assert ["map", "bytes=4096", "rights=rw"] in [[a[0], *a[3:]] for a in at]
    assert ["map", "bytes=8192", "rights=mixed"] in [[a[0], *a[3:]] for a in at]
    assert ["unmap", "bytes=4096", "rights=-"] in [[a[0], *a[3:]] for a in at]


def test_trace_shows_faults_and_power(boot):
    m = boot(MACHINES["plain"])
    m.run("echo on >'#iommu/trace'")
    text = m.run("edu -a 123456000; true")
    pid = int(re.search(r"pid (\d+)", text)[1])
    m.run("echo off >'#iommu/power'; echo on >'#iommu/power'")
    events = trace(m)[2]
    assert (f'fault device=0:3.0 pid={pid} access=write addr=0x123456000 '
            'reason="no write permission"') in events
    assert [line for line in events if "power" in line] == \
        ["power state=off", "power state=on"]


@pytest.mark.strict("each unmapping is three events, its flush among them")
def test_trace_wraps_and_says_what_is_lost(boot):
    m = boot(MACHINES["plain"], limit=200)
    m.run("echo on >'#iommu/trace'")
    m.run("lazy cost", timeout=60)     # 5,120 pages are unmapped, each alone
    state, lost, events = trace(m)
    assert (state, len(events)) == ("on", 4096) and lost > 3 * 5120 - 4096
    assert events[-3].startswith("detach ")
    assert {line.split()[-1] for line in events
            if re.match(r"unmap pid=\d+ from=0x1\w+ bytes=4096 ", line)} == \
        {"rights=-"}
    m.run("echo off >'#iommu/trace'; echo on >'#iommu/trace'; "
          "echo off >'#iommu/trace'")
    assert trace(m) == ("off", 0, [])


def test_trace_is_eves(boot):
    m = boot(MACHINES["plain"])
    assert m.fails("none cat '#iommu/trace'") == \
        "cat: #iommu/trace: #iommu/trace: permission denied"
    assert "permission denied" in \
        m.run("none sh -c \"echo on >'#iommu/trace'\"", status=None)
    for word in ("yes", "on off", ""):
        assert m.fails(f"echo {word} >'#iommu/trace'") == \
            f"echo: iommu: trace {word}: write on or off"
    assert trace(m)[0] == "off"
    assert stats(m) and m.run("none cat '#iommu/stats'").startswith("iommu ")


def check_selftest(text, units=1):
    found = records(text)
    assert [(s, f["test"]) for s, f in found] == \
        [(f"unit{n}", check) for n in range(units) for check in CHECKS]
    return [f["result"] for _, f in found]


@on_all
def test_selftest_of_a_sound_machine(boot, options):
    m = boot(options, cmdline="selftest")
    results = ["ok"] * 7
    if "intremap=off" in options:
        results[5] = "skipped"
    logged = re.findall(r"iommu: selftest: (unit[^\r\n]*)", m.seen)
    assert check_selftest("\n".join(logged)) == results
    assert check_selftest(m.run("cat '#iommu/selftest'")) == results
    assert check_selftest(m.run("none cat '#iommu/selftest'")) == results
    assert "all 4095 bytes are right" in m.run("edu")
    m.run("echo off >'#iommu/power'")
    assert check_selftest(m.run("cat '#iommu/selftest'")) == results
    m.run("echo on >'#iommu/power'")
    assert m.run("grep -v ok '#iommu/check'", status=None) in ("", "=1=")


def test_selftest_while_devices_change_hands(boot):
    """It disturbs nobody, and is disturbed by nobody."""
    m = boot(MACHINES["plain"].replace(ICOUNT, ""))
    m.line("races 3 >/tmp/races &")
    for _ in range(10):
        assert set(check_selftest(m.run("cat '#iommu/selftest'"))) == \
            {"ok", "skipped"}
    m.run("wait", timeout=60)
    assert "all 4095 bytes are right" in m.run("edu -u")


def test_selftest_without_a_unit(boot):
    m = boot(f"{SMALL} {ICOUNT} {EDU}", cmdline="selftest")
    assert m.run("cat '#iommu/selftest'") == ""
    assert "selftest" not in m.seen.replace("#iommu/selftest", "")
    assert list(stats(m)) == ["iommu"]
    assert trace(m) == ("off", 0, [])


FECTL, FEDATA = 0x38, 0x3c


def test_selftest_finds_a_unit_that_was_tampered_with(boot, tmp_path):
    """From outside, behind the kernel's back."""
    m = boot(f"{MACHINES['plain']} -gdb unix:{tmp_path}/gdb,server,nowait")

    def selftest_after(*stores):
        gdb = Gdb(f"{tmp_path}/gdb")
        for at, value in stores:
            gdb.store(FED + at, value)
        gdb.leave()
        return [(f["test"], f["text"]) for _, f in
                records(m.run("cat '#iommu/selftest'"))
                if f["result"] == "failed"]

    data = long(m, FED + FEDATA)
    assert selftest_after((GCMD, QIE)) == \
        [("registers", "its status is not what was commanded")]
    assert selftest_after((GCMD, QIE | TE), (FEDATA, data + 1)) == \
        [("faults", "its fault event is not ours")]
    assert selftest_after((FEDATA, data), (FECTL, 1 << 31)) == \
        [("faults", "a fault stays recorded, or its event masked")]
    assert selftest_after((FECTL, 0)) == []
