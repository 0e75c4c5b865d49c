# SPDX-License-Identifier: BSD-2-Clause
"""/bin/iommu: each of its commands on a plain machine and on one with bridges,
two further root buses and twelve devices, with devices that are attached and
that fault."""
import re

import pytest

import machine
from machine import EDU, ICOUNT, SMALL, UNIT, wait_for
from seen import answers, fits_a_screen, records

EDU_ANYWHERE = "-device edu,dma_mask=0xffffffffffffffff"
PLAIN = f"{SMALL} {ICOUNT} {UNIT} {EDU}"
ROOT = "bus=pcie.0"             # else QEMU takes a bus that it finds last
LARGE = (f"{SMALL} {ICOUNT} {UNIT} {EDU},{ROOT} "
         f"-device pcie-root-port,id=r1,addr=5,chassis=1,{ROOT} "
         f"{EDU_ANYWHERE},bus=r1 "
         f"-device pcie-pci-bridge,id=b,addr=6,{ROOT} "
         f"-device e1000,bus=b,addr=1 {EDU_ANYWHERE},bus=b,addr=2 "
         f"{EDU_ANYWHERE},addr=7,multifunction=on,{ROOT} "
         f"{EDU_ANYWHERE},addr=7.1,{ROOT} "
         f"-device pxb-pcie,bus_nr=0x40,id=p1,{ROOT} "
         f"-device pcie-root-port,id=r2,bus=p1,chassis=2 {EDU_ANYWHERE},bus=r2 "
         f"-device pxb-pcie,bus_nr=0x80,id=p2,{ROOT} "
         "-device pcie-root-port,id=r3,bus=p2,chassis=3 -device e1000e,bus=r3 "
         "-drive if=none,id=d,file=null-co://,format=raw "
         f"-device nvme,serial=x,drive=d,{ROOT} -device qemu-xhci,{ROOT} "
         "-device virtio-rng-pci,disable-legacy=on,iommu_platform=on,"
         f"{ROOT} -device e1000e,{ROOT}")
MACHINES = {"plain": PLAIN, "large": LARGE}


@pytest.fixture(params=MACHINES)
def m(kept, request):
    return kept(MACHINES[request.param], limit=900)


@pytest.fixture
def plain(kept):
    return kept(PLAIN, limit=900)


def is_large(m):
    return "pxb-pcie" in " ".join(map(str, m.argv))


@pytest.fixture
def busy(m):
    """Two processes: one with a device that has caused a fault, one with
    another device, on the large machine behind a bridge, together with its
    neighbour."""
    m.run("edu -u -a fed90000")
    m.owner = {}
    other = "2:2.0" if is_large(m) else "0:1f.3"
    for device in "0:3.0", other:
        pid = m.spawn("sleep 1000000")
        m.run(f"echo {device} {pid} unsafe >'#iommu/attach'")
        m.owner[device] = pid
    if is_large(m):
        m.owner["2:1.0"] = m.owner["2:2.0"]
    yield m
    for pid in set(m.owner.values()):
        m.run(f"kill {pid}; wait {pid}", status=None)


def test_summary(busy):
    text = busy.run("iommu")
    fits_a_screen(text)
    lines = [line.split() for line in text.splitlines()]
    mode = "lazy pages=1024 ms=10" if machine.lazy else "strict"
    assert text.startswith("translation: enabled; 0 pages in quarantine; "
                           f"unmapping is {mode}\n")
    assert text.endswith("\nnothing is wrong\n")
    for name, fields in records(busy, "units"):
        assert [name, fields["base"], "on", fields["width"],
                fields["pages"]] in [line[:5] for line in lines]
        assert int(fields["faults"]) > 0
    for device, pid in busy.owner.items():
        assert any(line[:1] == [device] and line[3:5] == [str(pid), "sleep"]
                   and line[-1] == "attached" for line in lines)
        assert any(line[0] == f"pid{pid}" and device in line[-1].split(",")
                   for line in lines)
    assert f"attached {len(busy.owner)}, fenced 0, spaces 2, " in text


def test_summary_tells_that_power_is_off(m):
    m.run("echo off >'#iommu/power'")
    text = m.run("iommu", status=1)
    m.run("echo on >'#iommu/power'")
    assert text.startswith("translation: disabled; ")
    assert "\nWRONG\ntranslation: disabled\n" in text
    assert m.run("iommu").endswith("\nnothing is wrong\n")


def test_top_shows_what_goes_on(busy):
    """A process that causes faults again and again; keys end it."""
    device = "0:7.0" if is_large(busy) else "0:3.0"
    if not is_large(busy):
        pid = busy.owner.pop(device)
        busy.run(f"kill {pid}; wait {pid}", status=None)
    busy.run("echo 'iommu selftest -u >/tmp/out; sleep 0.2' >/tmp/loop; "
             "echo 'exec sh /tmp/loop' >>/tmp/loop")
    pid = busy.spawn("sh /tmp/loop")
    busy.type("iommu top\n")
    rate = r"[1-9]\d*\.\d|0\.[1-9]"
    busy.expect(rf"unit0 +({rate}) +({rate}) +({rate}) +({rate}) ")
    busy.expect(rf"a second: attach ({rate}) detach ({rate}) ")
    busy.type("q")
    busy.expect_prompt()
    busy.run(f"kill {pid}; wait {pid}; rm /tmp/loop /tmp/out", status=None)


@pytest.mark.parametrize("key", ["q", "Q", "\3", "\4"])
def test_keys_of_top(plain, key):
    plain.type("iommu top 3600\n")
    plain.expect("every 3600 s, round 1: ")
    plain.type(" ")
    plain.expect("round 2: ")
    plain.type(key)
    plain.expect_prompt()
    assert plain.run("echo here") == "here\n"       # and it is not raw


def test_top_ends_with_a_note(plain):
    pid = int(re.search(r"pid (\d+)", plain.run(
        "iommu top 1 >'#cons/null' & echo pid $!"))[1])
    plain.run(f"kill -note interrupt {pid}")
    assert plain.run(f"wait {pid}; echo $?") == "128\n"


def pages_of(m, pid):
    """Address, frame and rights of each present page."""
    return [line.split() for line in
            m.run(f"cat '#proc/{pid}/pages'").splitlines()[1:]]


def test_walk_to_each_page(busy):
    """What the unit finds is what the process has: same frames, same rights."""
    device = "0:3.0"
    pages = pages_of(busy, busy.owner[device])
    assert pages
    for va, frame, rights in pages:
        text = busy.run(f"iommu walk {device} {va}")
        found = re.search(r"^frame (0x[0-9a-f]+), (\w+), in a page of 4k\n\Z",
                          text, re.M)
        assert int(found[1], 16) == int(frame, 16)
        assert ("w" in found[2]) == ("w" in rights)
        assert re.match(r"root\[0\] = 0x[0-9a-f]+: a table\n"
                        r"        P=1 CTP=0x[0-9a-f]+\n"
                        r"context\[24\] = high 0x\w+, low 0x\w+: untranslated "
                        r"requests only, 4 levels\n"
                        r"        P=1 FPD=0 TT=0 SLPTPTR=0x\w+ AW=2 IGN=0 DID=\d+\n"
                        r"level 4\[0\] = ", text)
        assert "RESERVED" not in text


@pytest.mark.parametrize("addr", ["0", "fee00000", "100000000000",
                                  "ffffffffffffffff"])
def test_walk_to_nothing(busy, addr):
    for device in [*busy.owner, "0:0.0"]:
        text = busy.run(f"iommu walk {device} {addr}", status=1)
        assert re.search(r"^blocked: [a-z].*\n\Z", text, re.M), text


def test_dump_is_what_the_process_has(busy):
    for device, pid in busy.owner.items():
        text = busy.run(f"iommu dump {device}")
        writable = [p for p in pages_of(busy, pid) if "w" in p[2]]
        found = re.search(r"^(\d+) ranges, (\d+) bytes \(\S+\), (\d+) of them "
                          r"writable\npages: (\d+) x 4k, 0 x 2m, 0 x 1g\n\Z",
                          text, re.M)
        count = len(pages_of(busy, pid))
        assert [int(n) for n in found.groups()[1:]] == \
            [count * 4096, len(writable) * 4096, count]
        assert text.count("\n") == int(found[1]) + 3
        assert dict(records(busy, "devices"))[device]["reachable"] == found[2]


def test_large_pages(boot):
    """Pinned memory of 4 MiB is laid out so."""
    m = boot(PLAIN)
    m.run("echo 'echo new a; echo attach a; echo a map buf 1024 pinned; "
          "sleep 1000000' >/tmp/s; sh /tmp/s | lab >/tmp/out & echo")
    buf = wait_for(lambda: re.search(       # the file may not be there yet
        "a: at (0x[0-9a-f]+)\n", m.run("cat /tmp/out", status=None)))[1]
    text = m.run("iommu dump 0:3.0")
    (_, space), = records(m, "spaces")
    assert f"pages: {space['4k']} x 4k, {space['2m']} x 2m, 0 x 1g\n" in text
    assert int(space["2m"]) in (1, 2)       # as the buffer lies
    assert text.count(" x 2m\n") == 1
    inner = (int(buf, 16) + (2 << 20) - 1 & -(2 << 20)) + 0x12345
    text = m.run(f"iommu walk 0:3.0 {inner:x}")
    assert re.search(r"level 2\[\d+\] = 0x\w+: a page of 2m, rw\n        R=1 W=1 "
                     r"PS=1 SNP=0 ADDR=0x\w+00000 TM=0 ignored=0x\w+\n", text)
    assert re.search(r"^frame 0x\w+12345, rw, in a page of 2m\n\Z", text, re.M)


def test_dump_of_what_reaches_nothing(m):
    text = m.run("iommu dump 0:0.0", status=None)
    assert "0 ranges, 0 bytes (0), 0 of them writable\n" in text


def test_why_agrees_with_attach(busy):
    """What it says of each function is what becomes of it."""
    pid = busy.spawn("sleep 1000000")
    functions = busy.run("ls '#pci'").split()
    assert len(functions) == (22 if is_large(busy) else 5)
    said = {name: answers(busy, name) for name in functions}
    for name in functions:
        answer = said[name]["attach"]
        status = busy.run(f"cat '#pci/{name}/status'")
        assert said[name]["unit"].startswith("unit0 at 0xfed90000: its scopes")
        assert said[name]["requester ids"].partition(": ")[0] == \
            re.search("requester ids (.*)", status)[1].replace(" ", ",")
        assert (said[name]["unsafe"].startswith("not needed")) == \
            ("reset none" not in status)
        got = busy.run(f"echo {name} {pid} unsafe >'#iommu/attach'",
                       status=None)
        if name in busy.owner:
            assert answer == f"no: pid {busy.owner[name]} owns it"
            assert f"owned by pid {busy.owner[name]}\n" in got
            continue
        if answer.startswith("yes: ") or answer.endswith("word unsafe"):
            assert "echo: iommu" not in got, (name, got)
            busy.run(f"echo {name} >'#iommu/detach'")
        elif answer.startswith("only to pid "):
            owner, _, theirs = answer.removeprefix("only to pid ").partition(
                ", which owns ")
            assert got.startswith(f"echo: iommu: attach {name}: in one group "
                                  f"with {theirs}, which pid {owner} owns\n")
        else:
            assert answer.startswith("no: ")
            assert got.startswith(f"echo: iommu: attach {name}: "
                                  f"{answer[len('no: '):]}"), name
    busy.run(f"kill {pid}; wait {pid}", status=None)


def test_why_behind_bridges(kept):
    m = kept(LARGE, limit=900)
    conventional = answers(m, "2:2.0")
    assert conventional["unit"] == \
        "unit0 at 0xfed90000: its scopes name 0:6.0, a bridge above"
    assert conventional["requester ids"].startswith("2:2.0,2:0.0: bridges")
    assert conventional["same id"] == "with 2:1.0"
    assert answers(m, "1:0.0")["unsafe"] == \
        "not needed: it is reset between owners (secondary-bus)"
    for device, above in ("41:0.0", "40:0.0"), ("81:0.0", "80:0.0"):
        found = answers(m, device)
        assert above in found["unit"]
        assert found["requester ids"] == f"{device}: its own"
    assert answers(m, "0:7.1")["group"] == "with 0:7.0"
    pid = m.spawn("sleep 1000000")
    m.run(f"echo 0:7.0 {pid} unsafe >'#iommu/attach'")
    assert answers(m, "0:7.1")["attach"] == \
        f"only to pid {pid}, which owns 0:7.0"
    assert answers(m, "0:7.0")["owner"].startswith(f"pid {pid} sleep, domain ")
    m.run(f"kill {pid}; wait {pid}", status=None)


def test_report(busy):
    text = busy.run("iommu report", timeout=120)
    assert "iommu: unit 0xfed90000: version 1.0" in busy.logged
    assert "cannot be read" not in text
    titles = re.findall(r"^== (.*) ==$", text, re.M)
    for name in busy.run("ls '#iommu'").split():
        if name in ("attach", "detach", "walk"):
            continue
        assert name in titles or name == "selftest", name
    assert {"#cons/cmdline", "#cons/kmesg", "capabilities"} <= set(titles)
    assert titles.count("what is reached") == len(busy.owner)
    for device in busy.owner:
        assert re.search(rf"^{device}, and its way to 0x100000000\n"
                         r"root\[\d+\] = 0x\w+: a table\n(.*\n)*?"
                         r"frame .*\nFROM ", text, re.M)
    assert re.search(r"^0:3\.0 pid=\d+ write 0xfed90000: no write permission",
                     text, re.M)
    unit = dict(records(busy, "units"))["unit0"]
    assert f"unit0 cap = {unit['cap']}\n\tND          6  " in text
    assert re.search(r"\tSAGAW +6 .*\n\tMGAW +47 ", text)
    for name in busy.run("ls '#pci'").split():
        ids = busy.run(f"hexdump -n 4 '#pci/{name}/config'").split()[1:5]
        assert f"\n{name}\n\t{''.join(reversed(ids))} " in text


PARTS = ["attach", "copy", "interrupts", "stray write", "stray read", "notes",
         "detach"]


def selftest_passes(text, device):
    for part in PARTS:
        assert re.search(rf"^{device} +{part} +ok", text, re.M), part
    assert re.search(r"selftest: \d+ ok, 0 failed, \d+ skipped\n\Z", text)


def test_selftest(busy):
    """With a device that nobody has; when all are had, that is said."""
    device = "0:7.0" if is_large(busy) else None
    text = busy.run("iommu selftest -u")
    if device:
        selftest_passes(text, device)
        return
    owner = busy.owner.pop("0:3.0")
    assert f"0:3.0    DMA         skipped: pid {owner} owns it\n" in text
    busy.run(f"kill {owner}; wait {owner}", status=None)
    text = busy.run("iommu selftest")
    assert "0:3.0    attach      skipped: iommu: attach 0:3.0: cannot be " \
        "reset since its last owner had it; " in text
    selftest_passes(busy.run("iommu selftest -u"), "0:3.0")


@pytest.mark.parametrize("unit", [
    "intel-iommu,aw-bits=39", "intel-iommu,aw-bits=48,caching-mode=on",
    "intel-iommu,aw-bits=48,snoop-control=on,intremap=off"])
def test_selftest_on_other_units(boot, unit):
    m = boot(f"{SMALL} {ICOUNT} -device {unit} {EDU}")
    selftest_passes(m.run("iommu selftest"), "0:3.0")
    faults = re.findall(r"fault: 0:3\.0 (read|write) .*\(reason (0x\d)\)",
                        m.logged)
    assert sorted(faults) == [("read", "0x6"), ("write", "0x5")]


def test_selftest_of_an_edu_that_cuts_addresses(boot):
    m = boot(f"{SMALL} {ICOUNT} {UNIT} -device edu,addr=3")
    text = m.run("iommu selftest")
    assert "0:3.0    copy        skipped: it cuts addresses; " in text
    assert "0:3.0    detach      ok\n" in text


def test_without_edu(boot):
    m = boot(f"{SMALL} {ICOUNT} {UNIT}")
    assert "device   DMA         skipped: there is no edu device (1234:11e8)" \
        in m.run("iommu selftest")


def test_without_unit(boot):
    m = boot(f"{SMALL} {ICOUNT} {EDU}")
    text = m.run("iommu", status=1)
    fits_a_screen(text)
    assert "\ntranslation: disabled (this machine has no DMAR table)\n" in text
    assert answers(m, "0:3.0")["attach"] == "no: no remapping unit covers it"
    assert "no unit" in answers(m, "0:3.0")["unit"]
    assert "0:3.0    attach      skipped: iommu: attach 0:3.0: this machine " \
        "has no DMAR table" in m.run("iommu selftest", status=None)
    assert "blocked: " in m.run("iommu walk 0:3.0 100000000", status=1)
    m.run("iommu report", timeout=60)
    m.run("iommu top -n 2")


def test_none_sees_what_may_be_seen(plain):
    """Others' tables are not for everyone; and nothing is attached."""
    assert "only eve may" in plain.fails("none iommu walk 0:3.0 1000")
    text = plain.run("none iommu selftest -u")
    assert "0:3.0    attach      skipped: iommu: attach: only eve may\n" in text
