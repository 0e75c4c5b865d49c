# SPDX-License-Identifier: BSD-2-Clause
"""/bin/iommu on files that the kernel has not written: good ones, to the letter;
odd ones, broken ones, and none."""
import re

import pytest

from machine import EDU, ICOUNT, SMALL, UNIT
from seen import answers, fits_a_screen

PLAIN = f"{SMALL} {ICOUNT} {UNIT} {EDU}"
FOLDER = "-d /tmp/i"
COMMANDS = ["", "top -n 1", "walk 0:3.0 100000000", "why 0:3.0", "dump 0:3.0",
            "report", "selftest"]


@pytest.fixture
def plain(kept):
    return kept(PLAIN, limit=900)


UNIT0 = ("unit0 base=0xfed90000 segment=0 state=on version=1.0 "
         "cap=0xd2008c222f0686 ecap=0xf00f5e levels=3,4 pages=4k,2m,1g "
         "width=48 can=queue,interrupts,device-tlb domains=65536 used=3 "
         "entries=256 used_entries=5 queue=256 queued=0 devices=3 faults=2")
FILES = {
    "units": UNIT0 + "\nunit1 base=0xfed91000 state=failed domains=16 used=1 "
    'faults=3 failure="invalidation wait"\n',
    "devices": """\
0:2.0 id=8086:1234 class=0x030000 ids=0:2.0 unit=unit0 group=0:2.0 above=- \
owner=- domain=- master=on fenced=no ats=off reset=none \
reserved=0x7c000000-0x7dffffff faults=0 reachable=33554432 state=firmware
0:3.0 id=1234:11e8 class=0x00ff00 ids=0:3.0 unit=unit0 group=0:3.0 above=- \
owner=2 domain=3 master=on fenced=no ats=off reset=none reserved=- faults=2 \
reachable=66560 state=attached
0:4.0 id=8086:10d3 class=0x020000 ids=0:4.0 unit=unit0 group=0:3.0 above=- \
owner=- domain=- master=off fenced=no ats=off reset=function-level reserved=- \
faults=0 reachable=0 state=free
0:5.0 id=1b36:0010 class=0x010802 ids=0:5.0 unit=unit1 group=0:5.0 above=- \
owner=7 domain=3 master=off fenced=yes ats=off reset=none reserved=- \
faults=0 reachable=0 state=fenced reason="its unit has failed"
""",
    "spaces": "pid2 levels=3 4k=16 2m=1 1g=0 tables=4 domains=unit0:3 "
    "devices=0:3.0 quarantined=5\n",
    "stats": """\
iommu attach=3 detach=1 map=20 unmap=7 fault=0 fence=0 reset=1 quarantined=0
unit0 context=4 iotlb_global=1 iotlb_domain=3 iotlb_pages=7 device_tlb=0 \
interrupt=9 descriptors=42 registers=61 submissions=24 waits=24 wait_min=0 \
wait_median=0 wait_p99=900 wait_max=2100 retries=0 timeouts=0
""",
    "acpi": "dmar length=120 width=39 flags=interrupts checksum=ok\n"
    "unit base=0xfed90000 segment=0 all=no size=4096 "
    "scopes=ioapic:0:1e.1,0:3.0\n",
    "power": "IOMMU status: enabled\n",
    "quarantine": "lazy pages=1024 ms=10 share=256\npages 12\n",
    "check": "unit 0xfed90000: ok\n0:3.0: ok (free)\n"
    "0:4.0: bus mastering is on\n",
    "walk": """\
0:3.0 0x100234567
root index=0 entry=0x1234001 table=0x1234000
context index=24 low=0x1235001 high=0x302 domain=3 levels=4 table=0x1235000
level4 index=0 entry=0x1236003 table=0x1236000
level3 index=4 entry=0x1237003 table=0x1237000
level2 index=1 entry=0x40000000600883 leaf=2m rights=rw
frame addr=0x634567 rights=rw size=2m
""",
    "selftest": "unit0 test=registers result=ok\n"
    'unit0 test=queue result=failed text="the head stands still"\n'
    'unit0 test=interrupts result=skipped text="it has none"\n',
    "faults": "0:3.0 pid=2 write 0x1000: no write permission (reason 0x5)\n",
    "info": "driver info:\n", "mappings": "Mappings\n",
    "trace": "trace state=off events=0 lost=0\n",
}


def put(m, name, text):
    """A file of the folder that -d names."""
    path = f"/tmp/i/{name}"
    lines = text.splitlines()
    assert "'" not in text
    m.run(f"mkdir -p /tmp/i; >{path}")
    for i in range(0, len(lines), 10):
        m.run("; ".join(f"echo '{line}' >>{path}" for line in lines[i:i + 10]))


@pytest.fixture
def files(plain):
    for name, text in FILES.items():
        put(plain, name, text)
    yield plain
    plain.run("rm -r /tmp/i")


def test_summary_of_given_files(files):
    text = files.run("iommu -d /tmp/i", status=1)
    fits_a_screen(text)
    assert text == """\
translation: enabled; 12 pages in quarantine; unmapping is lazy pages=1024 ms=1
units 2, functions 4, attached 1, fenced 1, spaces 1, faults since boot 5
UNIT   REGISTERS  STATE       BITS PAGES    DOMAINS   ENTRIES QUEUE DEVS FAULTS
unit0  0xfed90000 on            48 4k,2m,1g 3/65536   5/256   0/256    3      2
unit1  0xfed91000 failed         ? ?        1/16      ?/?     ?/?      ?      3
DEVICE    ID        UNIT   OWNER           GROUP     REACHES FAULTS STATE
0:2.0     8086:1234 unit0  -               0:2.0         32M      0 firmware
0:3.0     1234:11e8 unit0  2 sh            0:3.0         65K      2 attached
0:5.0     1b36:0010 unit1  7               0:5.0           0      0 fenced
SPACE           LEVELS      4K    2M  1G TABLES HELD DEVICES
pid2                 3      16     1   0      4    5 0:3.0
WRONG
unit1: failed: invalidation wait
0:5.0: fenced: its unit has failed
check: 0:4.0: bus mastering is on
"""


def test_summary_of_more_than_a_screen(files):
    """Each part says what of it is missing; what is wrong has its place."""
    units = "\n".join(UNIT0.replace("unit0", f"unit{n}").replace(
        "state=on", "state=failed") for n in range(40))
    devices = "\n".join(
        f"{n:x}:0.0 id=8086:10d3 unit=unit0 group={n:x}:0.0 owner={n + 100} "
        "reachable=4096 faults=0 state=attached" for n in range(60))
    spaces = "\n".join(f"pid{n + 100} levels=3" for n in range(50))
    for name, text in ("units", units), ("devices", devices), \
            ("spaces", spaces):
        put(files, name, text)
    text = files.run("iommu -d /tmp/i", status=1)
    fits_a_screen(text)
    assert text.count("\n") == 24
    assert "... and 36 more: cat '/tmp/i/units'\n" in text
    assert "... and 46 more: cat '/tmp/i/spaces'\n" in text
    shown = re.search(r"\.\.\. and (\d+) more: cat '/tmp/i/devices'", text)
    assert text.count(" attached\n") + int(shown[1]) == 60
    assert text.count("unit0  ") == 1 + text.count(" attached\n")
    assert "\nunit0: failed\n" in text
    assert text.endswith("... and 36 more: iommu report\n")


def test_summary_when_power_is_off(files):
    put(files, "power", "IOMMU status: disabled")
    text = files.run("iommu -d /tmp/i", status=1)
    assert text.startswith("translation: disabled; ")
    assert "\ntranslation: disabled\n" in text
    put(files, "power",
        "IOMMU status: disabled (this machine has no DMAR table)")
    text = files.run("iommu -d /tmp/i", status=1)
    assert "\ntranslation: disabled (this machine has no DMAR table)\n" in text


def test_top_of_given_files(files):
    text = files.run("iommu -d /tmp/i top -n 2 | cat")
    first, second = text.split("\n\n")
    for screen in first, second:
        fits_a_screen(screen)
    assert "every 1 s, round 1: 1 of 4 functions attached, 5 faults" in first
    assert "a second: attach - detach - map - unmap - fault - fence -" in first
    lines = [" ".join(line.split()) for line in second.splitlines()]
    assert "unit0 0.0 0.0 0.0 0.0 0.9 2.1 0/256 on" in lines
    assert "0:3.0 1234:11e8 unit0 2 sh 0.0 2 65K attached" in lines


def test_walk_of_a_given_answer(files):
    text = files.run("iommu -d /tmp/i walk 0:3.0 100234567 2>/tmp/e",
                     status=1)      # the first line of the file is no step
    assert files.run("cat /tmp/e") == \
        "iommu: /tmp/i/walk: unknown record 0:3.0\n"
    assert text == """\
root[0] = 0x1234001: a table
        P=1 CTP=0x1234000
context[24] = high 0x302, low 0x1235001: untranslated requests only, 4 levels
        P=1 FPD=0 TT=0 SLPTPTR=0x1235000 AW=2 IGN=0 DID=3
level 4[0] = 0x1236003: a table
        R=1 W=1 PS=0 ADDR=0x1236000
level 3[4] = 0x1237003: a table
        R=1 W=1 PS=0 ADDR=0x1237000
level 2[1] = 0x40000000600883: a page of 2m, rw
        R=1 W=1 PS=1 SNP=1 ADDR=0x600000 TM=0 \
ignored=0x40000000000000
frame 0x634567, rw, in a page of 2m
"""


@pytest.mark.parametrize("line,shown", [
    ("root index=1 entry=0x0 table=0x0", "root[1] = 0x0: not present\n        P=0 CTP=0x0\n"),
    ("root index=1 entry=0x1003 table=0x1000",
     "        P=1 CTP=0x1000 RESERVED=0x2\n"),
    ("context index=2 low=0x0 high=0x0 domain=0 levels=2 table=0x0",
     "context[2] = high 0x0, low 0x0: not present\n"),
    ("context index=2 low=0x12345007 high=0x1000481 domain=4 levels=3 table=1",
     "with a device TLB, 3 levels\n"
     "        P=1 FPD=1 TT=1 SLPTPTR=0x12345000 AW=1 IGN=0 DID=4 "
     "RESERVED=0x1000080\n"),
    ("level1 index=5 entry=0x4000000012345f7b leaf=4k rights=rw",
     "level 1[5] = 0x4000000012345f7b: a page of 4k, rw\n"
     "        R=1 W=1 SNP=1 ADDR=0x12345000 TM=1 ignored=0x778\n"),
    ("level3 index=5 entry=0x40000081 leaf=1g rights=r",
     "        R=1 W=0 PS=1 SNP=0 ADDR=0x40000000 TM=0\n"),
    ("level2 index=5 entry=0x201081 leaf=2m rights=r",
     " ADDR=0x200000 TM=0 RESERVED=0x1000\n"),
    ("level2 index=5 entry=0x10000000000000 absent",
     "level 2[5] = 0x10000000000000: not present\n"),
    ("level2 index=5 entry=zero",
     "level 2[5] = zero: not present\n        entry=zero, which is no number\n"),
    ('blocked reason="level 2 is absent"', "blocked: level 2 is absent\n"),
    ("levels", "level s[?] = ?: not present\n"),
])
def test_steps_of_a_walk(files, line, shown):
    """Field by field, and what no field covers."""
    put(files, "walk", "0:3.0 0x1000\n" + line)
    assert shown in files.run("iommu -d /tmp/i walk 0:3.0 1000 2>/tmp/e",
                              status=1)


def test_dump_of_given_ranges(files):
    put(files, "walk", """\
0:3.0
range from=0x100000000 to=0x10000ffff rights=rw size=4k
range from=0x100200000 to=0x1005fffff rights=r size=2m
range from=0x140000000 to=0x17fffffff rights=rw size=1g
range from=0x10 to=0x1 rights=rw size=4k
range from=0x10 to=0x1f rights=rw size=16
""")
    text = files.run("iommu -d /tmp/i dump 0:3.0 2>/tmp/e", status=1)
    assert files.run("cat /tmp/e").count("unknown record range\n") == 2
    assert text == """\
FROM               TO                    BYTES RIGHTS PAGES
0x0000000100000000 0x000000010000ffff      64K rw           16 x 4k
0x0000000100200000 0x00000001005fffff       4M r             2 x 2m
0x0000000140000000 0x000000017fffffff       1G rw            1 x 1g
3 ranges, 1078001664 bytes (1.0G), 1073807360 of them writable
pages: 16 x 4k, 2 x 2m, 1 x 1g
"""


def test_why_of_given_files(files):
    mine = answers(files, "0:3.0", FOLDER)
    assert mine["0:3.0"] == "id 1234:11e8, class 0x00ff00, attached"
    assert mine["unit"] == "unit0 at 0xfed90000: its scopes name 0:3.0"
    assert mine["group"] == "with 0:4.0"
    assert mine["owner"] == "pid 2 sh, domain 3, reaches 65K"
    assert mine["attach"] == "no: pid 2 owns it"
    assert mine["unsafe"].startswith("needed once a process has had it: ")
    assert mine["rmrr"].startswith("refused: the firmware has no memory")
    assert mine["ats"] == "refused: it has no device TLB"
    relative = answers(files, "0:4.0", FOLDER)
    assert relative["attach"] == "only to pid 2, which owns 0:3.0"
    assert relative["unsafe"] == \
        "not needed: it is reset between owners (function-level)"
    display = answers(files, "0:2.0", FOLDER)
    assert "0x7c000000-0x7dffffff" in display["owner"]
    assert display["attach"] == "only with the word rmrr"
    assert display["rmrr"].startswith("needed: drops 0x7c000000-0x7dffffff")
    failed = answers(files, "0:5.0", FOLDER)
    assert "state failed: invalidation wait" in failed["unit"]
    assert failed["fenced"] == "yes: its unit has failed"
    assert failed["ats"] == "refused: its unit knows no device TLB"


@pytest.mark.parametrize("change,reason", [
    (("unit=unit0", "unit=-"), "no: no remapping unit covers it"),
    (("state=free", 'state=refused reason="is a bridge to another bus"'),
     "no: is a bridge to another bus"),
    (("state=free", "state=refused"), "no: it is for nobody"),
    (("unit=unit0", "unit=unit1"), "no: its unit cannot be used"),
    (("state=free", "state=firmware"),
     "no: it has memory reserved by the firmware"),
    (("class=0x020000", "class=0x010601"), "only to pid 2, which owns 0:3.0"),
    (("class=0x020000 ids=0:4.0 unit=unit0 group=0:3.0 above=- owner=- "
      "domain=- master=off fenced=no ats=off reset=function-level",
      "class=0x010601 ids=0:4.0 unit=unit0 group=0:4.0 owner=- reset=none"),
     "only with the word unsafe"),
    (("group=0:3.0", "group=0:4.0"), "yes: echo 0:4.0 PID >'#iommu/attach'"),
    (("ids=0:4.0 unit=unit0 group=0:3.0",
      "ids=0:4.0,0:3.0 unit=unit0 group=0:4.0"),
     "only to pid 2, which owns 0:3.0"),
])
def test_why_not(files, change, reason):
    text = FILES["devices"].splitlines()
    assert change[0] in text[2]
    put(files, "devices", "\n".join([*text[:2], text[2].replace(*change),
                                     *text[3:]]))
    assert answers(files, "0:4.0", FOLDER)["attach"] == reason


def test_selftest_of_a_given_file(files):
    text = files.run("iommu -d /tmp/i selftest", status=1)
    assert text == """\
unit0    registers   ok
unit0    queue       FAILED: the head stands still
unit0    interrupts  skipped: it has none
0:3.0    DMA         skipped: pid 2 owns it
selftest: 1 ok, 1 failed, 2 skipped
"""


def test_selftest_notices_that_a_fault_is_not_told(files):
    """The device is the machine's, but its faults come elsewhere."""
    put(files, "devices", FILES["devices"].replace(
        "owner=2 domain=3 master=on", "owner=- domain=- master=off"))
    text = files.run("iommu -d /tmp/i selftest -u", status=1)
    assert "0:3.0    copy        ok: 4095 bytes in and out\n" in text
    assert re.search(r"0:3\.0    stray write FAILED: no fault at 0x1[0-9a-f]{8}"
                     " within 2000 ms\n", text)
    assert "0:3.0    detach      ok\n" in text


def test_report_of_given_files(files):
    text = files.run("iommu -d /tmp/i report", status=1, timeout=60)
    for name, given in FILES.items():
        if name not in ("walk", "selftest"):
            assert given in text, name
    assert "cannot be read" not in text
    assert "\tND          6  2^(4 + 2 ND) domain ids\n" in text
    assert "unit1 cap = ?\n" in text


# What cannot be

@pytest.mark.parametrize("command,message", [
    ("walk 0:40.0 1", "iommu: walk 0:40.0: no device beyond 1f"),
    ("dump 0:3", "iommu: dump 0:3: not a device, which is BUS:DEV.FN in "
     "hexadecimal"),
    ("why 100:0.0", "iommu: why 100:0.0: no bus beyond ff"),
    ("why 0:9.0", "iommu: why 0:9.0: no such device"),
    ("walk 0:3.0 12q", "iommu: walk 0:3.0 12q: not an address, which is "
     "hexadecimal"),
    ("walk 0:3.0 10000000000000000", "iommu: walk 0:3.0 10000000000000000: not "
     "an address, which is hexadecimal"),
    ("walk 0:3.0", "usage: iommu walk BDF ADDR"),
    ("dump", "usage: iommu dump BDF"),
    ("why 0:3.0 0:4.0", "usage: iommu why BDF"),
    ("top -n", "usage: iommu top [-n ROUNDS] [SECONDS]"),
    ("top -n 0", "usage: iommu top [-n ROUNDS] [SECONDS]"),
    ("top fast", "usage: iommu top [-n ROUNDS] [SECONDS]"),
    ("top 0", "usage: iommu top [-n ROUNDS] [SECONDS]"),
    ("top -n 1 1 1", "usage: iommu top [-n ROUNDS] [SECONDS]"),
    ("selftest -x", "usage: iommu selftest [-u]"),
    ("report all", "usage: iommu report"),
    ("bottom", "usage: iommu [-d DIR] [top | walk | why | dump | report | "
     "selftest | help]"),
    ("-d", "usage: iommu [-d DIR] "),
])
def test_errors(files, command, message):
    assert files.fails(f"iommu -d /tmp/i {command}" if command != "-d" else
                       "iommu -d").startswith(message)


def test_help_shows_each_command(plain):
    text = plain.run("iommu help")
    assert max(map(len, text.splitlines())) <= 79
    for command in COMMANDS:
        assert f"\niommu {command.partition(' ')[0]}".rstrip() in "\n" + text


@pytest.mark.parametrize("command,missing", [
    ("", "units devices spaces power check quarantine"),
    ("top -n 1", "units devices stats"),
    ("walk 0:3.0 1", "walk"), ("dump 0:3.0", "walk"),
    ("why 0:3.0", "devices"), ("selftest", "selftest devices"),
    ("report", "power info units acpi devices spaces mappings quarantine stats "
     "check trace faults selftest"),
])
def test_missing_files_are_named(plain, command, missing):
    plain.run("mkdir -p /tmp/none")
    text = plain.run(f"iommu -d /tmp/none {command} 2>&1 >'#cons/null'",
                     status=1)
    for name in missing.split():
        assert re.search(rf"^iommu: /tmp/none/{name}: .*no such file", text,
                         re.M), name


ODD = {
    "empty": "",
    "blank lines": "\n  \n\n",
    "words": "unit0\nunit0 on\n0:3.0\n0:3.0 free\niommu\npid2\nframe\nrange\n",
    "no subject": "=\nbase=1\n=2 3\n",
    "quotes": '0:3.0 reason="\n0:3.0 reason="a" b\nunit0 failure=""\n',
    "many fields": "0:3.0" + " a=1" * 60 + "\n",
    "empty values": "0:3.0 id= class= ids= unit= group= above= owner= "
    "state= reachable= reserved= ats= reset=\nunit0 base= cap= ecap= can= "
    "state= faults=\n",
    "large numbers": "0:3.0 class=0xffffffffffffffff owner="
    "99999999999999999999 reachable=18446744073709551615 faults="
    "18446744073709551615 state=attached\nunit0 cap=0xffffffffffffffff "
    "ecap=0xffffffffffffffff faults=18446744073709551615 state=on\n"
    "range from=0x0 to=0xffffffffffffffff rights=rw size=4k\n",
    "circle": "0:3.0 above=0:4.0 unit=unit0 ids=, group= state=free\n"
    "0:4.0 above=0:3.0 unit=unit0 ids=,,, state=free\nunit0 base=1 state=on\n"
    "unit base=1 all=no scopes=,:,x:,0:5.0\n",
    "long words": "0:3.0 id=" + "x" * 300 + " state=" + "y" * 300 + " ids=" +
    "z" * 300 + " unit=" + "u" * 300 + "\nunit0 state=" + "y" * 300 + "\n",
}


@pytest.mark.parametrize("content", ODD)
def test_any_content_is_survived(plain, content):
    """Nothing crashes, nothing waits; a summary fits a screen all the same."""
    for name in FILES:
        put(plain, name, ODD[content])
    for command in COMMANDS:
        text = plain.run(f"iommu -d /tmp/i {command} 2>&1; echo status $?",
                         timeout=60)
        status = int(text.rpartition("status ")[2])
        assert status in (0, 1), f"{command}: {text}"
    fits_a_screen(plain.run("iommu -d /tmp/i 2>'#cons/null'", status=None)
                  .partition("=")[0])
    plain.run("rm -r /tmp/i")


def test_bytes_that_are_no_text_are_survived(plain):
    plain.run("mkdir -p /tmp/i")
    for name in FILES:
        plain.run(f"cp /bin/sh /tmp/i/{name}")
    for command in COMMANDS:
        text = plain.run(f"iommu -d /tmp/i {command} >'#cons/null' 2>/tmp/e; "
                         "echo status $?", timeout=60)
        assert text in ("status 0\n", "status 1\n"), command
    plain.run("rm -r /tmp/i /tmp/e")
