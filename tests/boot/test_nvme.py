# SPDX-License-Identifier: BSD-2-Clause
"""The NVMe driver, at user level: that blocks come and go as they are, compared
with the disk's image from outside; and that its death in the middle of it all
is nobody's business but its own."""
import os
import re

import pytest

from machine import ICOUNT, PATIENCE, SMALL, UNIT, wait_for
from soak_nvme import BY_INSTRUCTIONS, SIDE_BY_SIDE

MIB = 1 << 20
SIZE = 32 * MIB
TARGET = 16 * MIB               # the second half is written to
NVME = "-drive if=none,id=d,file={},format=raw -device nvme,serial=abc,drive=d"
BDF = "0:4.0"
NULL = "'#cons/null'"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A disk whose first half is random."""
    path = tmp_path_factory.mktemp("nvme") / "disk"
    path.write_bytes(os.urandom(TARGET) + bytes(SIZE - TARGET))
    return path


@pytest.fixture
def m(kept, image):
    return kept(f"{SMALL} {UNIT} {NVME.format(image)},addr=4,mdts=8",
                limit=400)


def part(image, at, length):
    with open(image, "rb") as f:
        f.seek(at)
        return f.read(length)


def test_info(m):
    assert re.fullmatch(
        "device 0:4.0\nmodel QEMU NVMe Ctrl\nserial abc\nfirmware [0-9.]+\n"
        "version 1.4.0\nnamespace 1\nblocks 65536\nblock 512\n"
        "transfer 1048576\nqueues 8\ninterrupts 32\nwrite cache yes\n",
        m.run("nvme -q 8 info"))


def test_a_filter(m, image):
    assert m.run("nvme read 3 2 | hexdump -n 16").startswith(
        "00000000  " + part(image, 1536, 8).hex(" "))
    assert m.run("echo hello | nvme write 40000") == \
        "nvme: the last block ends with 506 zeros\n"
    assert part(image, 40000 * 512, 512) == b"hello\n" + bytes(506)
    assert m.run("nvme read 40000 1 | grep hello") == "hello\n"
    assert m.run("cat /bin/nvme | nvme write 41000; echo $?").endswith("\n0\n")
    size = int(m.run("nvme read 41000 100 | wc").split()[-1])
    assert size == 51200
    assert part(image, 41000 * 512, 4) == b"\x7fELF"
    assert m.run("nvme flush") == ""
    assert m.run("nvme read 5 0") == ""


@pytest.mark.parametrize("queues", [1, 3])
@pytest.mark.parametrize("how", ["-p", "-i"])
@pytest.mark.parametrize("size,come,go", [
    (512, 0, 3584),             # within a page
    (4096, 0, 0),               # a page, and none of a second one
    (4096, 4, 4092),            # two entries
    (8192, 0, 2048),            # the second entry is a page, or a list
    (12288, 4092, 0),
    (65536, 0, 12),
    (520192, 1024, 3072),
    (MIB, 0, 4092),             # a list of 256 entries, as long as it gets
    (MIB, 2044, 0),
])
def test_what_is_read_is_written(m, image, size, come, go, how, queues):
    """With PRPs that begin and end anywhere.  The last round is not full."""
    total = max(2 * size + size // 2 // 512 * 512, 512)
    at = (size * 7 + come + go * 3) % 4096 * 512
    m.run(f"nvme {how} -q {queues} -s {size} -o {come} read {at // 512} "
          f"{total // 512} >/tmp/f")
    m.run(f"nvme {how} -q {queues} -s {size} -o {go} write "
          f"{(TARGET + at) // 512} </tmp/f")
    assert part(image, TARGET + at, total) == part(image, at, total)
    assert m.logged == ""


def test_writes_end_where_they_should(m, image):
    before = part(image, 0, SIZE)
    m.run("nvme read 0 24 >/tmp/f; nvme -q 2 -s 4096 write 50001 </tmp/f")
    at = 50001 * 512
    assert part(image, 0, SIZE) == \
        before[:at] + before[:24 * 512] + before[at + 24 * 512:]


def test_bench(m):
    text = m.run("nvme -q 2 -n 500 bench", timeout=60)
    line = (r"depth (\d+), (\d) queues?, (\w+): 500 commands, (\d+) ns, "
            r"(\d+) polling in vain, (\d+) idle, (\d+) IOPS")
    got = re.findall(line, text)
    assert [g[:3] for g in got] == [
        ("1", "1", "polled"), ("32", "2", "polled"),
        ("1", "1", "interrupts"), ("32", "2", "interrupts")]
    for *_, how, ns, vain, idle, iops in got:
        assert int(iops) == 500 * 10**9 // int(ns)
        assert int(vain) < int(ns)
        assert how == "polled" or int(vain) == 0
        assert int(idle) <= 2 * int(ns)     # two processors
    text = m.run("nvme -p -D 63 -s 65536 -o 512 -n 300 -w bench", timeout=60)
    assert "random writes of 65536 bytes\n" in text
    assert text.splitlines()[1].startswith(
        "depth 63, 1 queue, polled: 300 commands")
    assert "interrupts" not in text


@pytest.mark.skipif(PATIENCE > 1, reason="a checking kernel does more")
def test_what_a_read_costs(boot):
    """In instructions, each of which takes a nanosecond here; how many
    completions an interrupt finds is QEMU's choice, so there is room."""
    m = boot("-machine q35 -nographic -nodefaults -serial stdio -smp 1 -m 512 "
             f"{UNIT} {NVME.format('null-co://')} "
             "-icount shift=0,align=off,sleep=off")
    text = m.run("nvme -n 2000 bench", timeout=60)
    cost = {how: (int(ns) - int(vain) - int(idle)) / 2000
            for how, ns, vain, idle in re.findall(
                r"depth 32, 1 queue, (\w+): 2000 commands, (\d+) ns, (\d+) "
                r"polling in vain, (\d+) idle", text)}
    assert 100 < cost["polled"] < 400
    assert cost["polled"] < cost["interrupts"] < 1200


def irqs(m):
    """By number of vector."""
    text = m.run("cat '#cons/irqs'")
    return [int(n) for n in re.findall(rf"vector \d+ {BDF} (\d+)", text)]


def start(m, options):
    """A bench in the background that does not end; once it is at work."""
    pid = m.spawn(f"nvme {options} -n 100000000 bench >{NULL}")
    if "-p" not in options:
        wait_for(lambda: any(n > 5 for n in irqs(m)))
    return pid


def end(m, pid):
    m.run(f"kill {pid}; wait {pid}", status=None)


def test_interrupts_come_or_do_not(m):
    assert irqs(m) == []
    pid = start(m, "-i -q 4 -D 4")
    assert len(irqs(m)) == 4
    end(m, pid)
    pid = start(m, "-p -q 4")
    assert irqs(m) == []
    end(m, pid)


def counted(m):
    """Free memory, and what else must not get less or more."""
    free = int(re.search(r"free (\d+)", m.run("cat '#cons/mem'"))[1])
    lost = re.search("lost.*", m.run("cat '#cons/mem'"))[0]
    return free, (lost, irqs(m), m.run("cat '#iommu/mappings'"), m.check())


def domain(m):
    return int(re.search(r"domain (\d+)", m.run(f"cat '#pci/{BDF}/status'"))[1])


KILLS = int(os.environ.get("NVME_KILLS", 24))
LOADS = ["-p -q 8 -s 1048576 -D 4", "-i -q 4 -s 131072 -D 32",
         "-i -w -q 8 -s 65536 -D 32", "-p -w -q 2 -s 1048576 -D 8",
         "-i -q 8 -D 63", "-p -o 2044 -s 20480 -D 63"]


def test_killed_at_work(m, image):
    """Again and again.  Nothing is lost; what was its memory is somebody's at
    once, and stays as that one left it; the next instance gets the device."""
    pid = start(m, LOADS[1])
    first_domain = domain(m)
    end(m, pid)
    assert "clean" in m.run("clean 64 1")
    free, rest = counted(m)
    other = m.spawn("sleep 100000")
    for n in range(KILLS):
        pid = start(m, LOADS[n % len(LOADS)])
        m.run(f"sleep 0.{n * 7 % 20:02}")
        assert "clean" in m.run(f"kill {pid}; clean 96 100")
        m.run(f"wait {pid}", status=None)
        assert "serial abc\n" in m.run("nvme info")
    pid = start(m, LOADS[1])
    assert domain(m) == first_domain
    end(m, pid)
    assert f"\n{other:5} " in m.run("ps")
    end(m, other)
    now_free, now_rest = counted(m)
    assert now_rest == rest
    assert abs(free - now_free) < 16
    at = 1234 * 512
    m.run("nvme read 1234 8 >/tmp/f; nvme write 50000 </tmp/f")
    assert part(image, 50000 * 512, 4096) == part(image, at, 4096)


@pytest.mark.parametrize("options,cycles", [
    (SIDE_BY_SIDE, 30), (BY_INSTRUCTIONS, 70)])
def test_nothing_is_lost(boot, options, cycles):
    """The short form of make soak-nvme."""
    m = boot(options, limit=120)
    text = m.run(f"cycles {cycles}", timeout=100)
    before, after, figure = text.splitlines()
    assert before.removeprefix("before") == after.removeprefix("after")
    assert figure.startswith(f"cycles: {cycles} in ")
    assert m.logged == ""


def test_taken_away_at_work(m):
    """Detached under it: it ends, with a reason where it slept, and by a trap
    where it touched a register."""
    pid = m.spawn(f"nvme -i -n 100000000 bench 2>/tmp/why >{NULL}")
    wait_for(lambda: any(n > 5 for n in irqs(m)))
    m.run(f"echo {BDF} >'#iommu/detach'")
    status = int(m.run(f"wait {pid}; echo $?", status=None).split()[0])
    assert (status, m.run("cat /tmp/why")) in (
        (1, f"nvme: {BDF}: taken away\n"),
        (1, f"nvme: {BDF}: not attached to you\n"), (128, ""))
    assert "serial abc\n" in m.run("nvme info")


@pytest.mark.parametrize("arguments,text", [
    ("read 65535 2", "nvme: 0:4.0: read of 2 blocks at 65535: "
     "beyond the last block (status 0x80)"),
    ("read 99999999999 1", "nvme: 0:4.0: read of 1 blocks at 99999999999: "
     "beyond the last block (status 0x80)"),
    ("write 65535 </bin/sh", "nvme: 0:4.0: write of 54 blocks at 65535: "
     "beyond the last block (status 0x80)"),
    ("-s 1000 read 0 1", "nvme: 0:4.0: transfers are of whole blocks of 512 "
     "bytes, at most 1048576 bytes"),
    ("-s 4097 -n 1 -p bench", "nvme: 0:4.0: transfers are of whole blocks of "
     "512 bytes, at most 1048576 bytes"),
    ("-d 0:1f.2 info", "nvme: 0:1f.2: no NVMe controller"),
    ("-d 9:9.9 info", "nvme: 9:9.9: no NVMe controller"),
    ("read x 1", "nvme: x: not a number of a block, which is "
     "0 to 9223372036854775807"),
    ("-q 9 info", "nvme: 9: not a number of queues, which is 1 to 8"),
    ("-s 2000000 info", "nvme: 2000000: not a number of bytes, which is "
     "512 to 1048576"),
    ("-n 0 bench", "nvme: 0: not a number of commands, which is "
     "1 to 2147483647"),
])
def test_refused(m, arguments, text):
    if "/bin/sh" in arguments:
        blocks = -(-int(m.run("cat /bin/sh | wc").split()[-1]) // 512)
        text = text.replace("54", str(blocks))
        got = m.run(f"nvme {arguments}", status=1).splitlines()[-1]
    else:
        got = m.fails(f"nvme {arguments}")
    assert got == text
    assert "serial abc\n" in m.run("nvme info")


@pytest.mark.parametrize("arguments", [
    "", "what", "read", "read 1", "read 1 2 3", "write", "flush 1", "info x",
    "-x info", "-o 3 info", "-d", "-q", "bench bench", "-n 5"])
def test_usage(m, arguments):
    text = m.run(f"nvme {arguments}", status=None)
    assert text.startswith(("usage: nvme [-d BUS:DEV.FN]", "nvme: nothing: "))


def test_somebody_elses(m):
    pid = start(m, "-i")
    assert m.fails("nvme info") == \
        f"nvme: iommu: attach {BDF}: owned by pid {pid}"
    end(m, pid)
    assert m.fails("none nvme info") == "nvme: iommu: attach: only eve may"


def test_no_device(boot):
    m = boot(f"{SMALL} {UNIT}")
    assert m.fails("nvme info") == "nvme: this machine has no NVMe controller"


def test_no_unit(boot):
    """Without a unit nobody gets the device."""
    m = boot(f"{SMALL} {NVME.format('null-co://')},addr=4")
    assert m.fails("nvme info") == (f"nvme: iommu: attach {BDF}: this machine "
                                    "has no DMAR table")


def test_large_blocks(boot, tmp_path):
    """Blocks of 4 KiB, on a unit with 3 levels; the device's own limit."""
    path = tmp_path / "disk"
    path.write_bytes(os.urandom(MIB) + bytes(MIB))
    m = boot(f"{SMALL} -device intel-iommu,intremap=on {NVME.format(path)},"
             "addr=4,logical_block_size=4096,physical_block_size=4096,"
             "mdts=3,max_ioqpairs=2")
    text = m.run("nvme -q 8 info")
    assert "blocks 512\nblock 4096\ntransfer 32768\nqueues 2\n" in text
    m.run("nvme -q 8 -o 8 read 0 256 >/tmp/f; nvme -q 2 write 256 </tmp/f")
    assert path.read_bytes()[MIB:] == path.read_bytes()[:MIB]


def test_killed_with_much_under_way(boot, tmp_path):
    """A slow disk: hundreds of reads are on their way for seconds.  The reset
    at the end ends them, before their memory is anyone else's."""
    path = tmp_path / "disk"
    path.write_bytes(os.urandom(MIB) * 32)
    m = boot(f"{SMALL} {UNIT} {NVME.format(path)},addr=4 "
             "-set drive.d.throttling.bps-total=1048576", limit=200)
    for options in LOADS[0], LOADS[5], LOADS[2]:
        pid = m.spawn(f"nvme {options} -n 100000 bench >{NULL}")
        m.run("sleep 0.5")
        assert "clean" in m.run(f"kill {pid}; clean 96 1500", timeout=60)
        assert "serial abc\n" in m.run(f"wait {pid}; nvme info", status=None,
                                       timeout=60)


@pytest.mark.parametrize("how", ["-i -q 3", "-p"])
def test_no_answer(boot, how):
    """Nobody lets it do DMA: the command under way does not end, but the wait
    for it does.  Then all is as before."""
    m = boot(f"{SMALL} {UNIT} {NVME.format('null-co://')},addr=4 {ICOUNT}")
    pid = m.spawn(f"nvme {how} -n 100000000 bench 2>/tmp/why >{NULL}")
    m.run("sleep 0.5; echo off >'#iommu/power'")
    assert m.run(f"wait {pid}; echo $?", timeout=60) == "1\n"
    assert re.fullmatch(rf"nvme: {BDF}: no answer to a command for 10 s \(its "
                        r"status is 0x\d\)\n", m.run("cat /tmp/why"))
    assert m.fails("nvme info") == \
        f"nvme: iommu: attach {BDF}: the iommu is off"
    m.run("echo on >'#iommu/power'")
    assert "serial abc\n" in m.run("nvme info")
