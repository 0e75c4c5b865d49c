# SPDX-License-Identifier: BSD-2-Clause
"""The driver for virtio network cards, at user level, against QEMU's user
network, whose every frame is also seen from outside."""
import re
import struct

import pytest

from machine import SMALL, UNIT, wait_for

BDF = "0:5.0"
CARD = ("-netdev user,id=n -device virtio-net-pci,netdev=n,disable-legacy=on,"
        "iommu_platform=on,mac=52:54:00:12:34:56")
ANSWER = r"10\.0\.2\.2: answer {} in \d+ us\n"
ALL = "".join(ANSWER.format(n) for n in (1, 2, 3)) + r"3 of 3 answers\n"


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    return tmp_path_factory.mktemp("net") / "frames"


@pytest.fixture
def m(kept, dump):
    return kept(f"{SMALL} {UNIT} {CARD},addr=5 "
                f"-object filter-dump,id=f,netdev=n,file={dump}", limit=200)


def frames(dump):
    """Of a pcap file."""
    data, at = dump.read_bytes(), 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def icmp(dump, kind):
    return [f for f in frames(dump) if f[12:14] == b"\x08\0" and f[23] == 1
            and f[34] == kind]


@pytest.mark.parametrize("how", ["", "-p"])
def test_ping(m, dump, how):
    before = len(icmp(dump, 8)), len(icmp(dump, 0))
    assert re.fullmatch(ALL, m.run(f"net -u {how} ping 10.0.2.2"))
    sent, got = icmp(dump, 8)[before[0]:], icmp(dump, 0)[before[1]:]
    assert len(sent) == len(got) == 3
    assert [f[40:42] for f in sent] == [b"\0\1", b"\0\2", b"\0\3"]
    for request, answer in zip(sent, got):
        assert request[26:34] == bytes([10, 0, 2, 15, 10, 0, 2, 2])
        assert len(request) == 98 and request[38:] == answer[38:]
    assert m.logged == ""


def test_ping_counts(m):
    assert m.run("net -u ping -c 1 10.0.2.2").endswith("1 of 1 answers\n")
    text = m.run("net -u -c 8 ping 10.0.2.2")
    assert text.endswith("8 of 8 answers\n") and text.count("\n") == 9


def test_info(m):
    form = ("device 0:5.0\nmac 52:54:00:12:34:56\naddress {}\n"
            "gateway 10.0.2.2\ninterrupts {}\n")
    assert m.run("net -u info") == form.format("10.0.2.15", "yes")
    assert m.run("net info -u -a 10.0.2.77 -p") == \
        form.format("10.0.2.77", "no")


def test_arp(m):
    assert m.run("net -u arp 10.0.2.3") == "52:55:0a:00:02:03\n"
    assert m.fails("net -u arp 10.0.2.99") == \
        "net: 10.0.2.99: nobody has that address"


def test_the_gateway_is_for_others(m, dump):
    """Frames for another network go to the gateway's card."""
    m.run("net -u ping -c 1 -g 10.0.2.3 192.0.2.1", status=None)
    last = icmp(dump, 8)[-1]
    assert last[:6] == bytes.fromhex("52550a000203")
    assert last[30:34] == bytes([192, 0, 2, 1])


def state(m):
    free = int(re.search(r"free (\d+)", m.run("cat '#cons/mem'"))[1])
    return free, (m.run("cat '#cons/irqs' | grep 0:5.0", status=None),
                  m.run("cat '#iommu/mappings'"), m.check())


def test_killed_at_work(m):
    """It cannot be reset: the next one does that itself."""
    m.run("net -u ping -c 1 10.0.2.2")
    free, rest = state(m)
    for n in range(12):
        how = "-p " if n % 3 == 0 else ""
        pid = m.spawn(f"net -u {how}-c 100000 ping 10.0.2.2 >/tmp/pings")
        wait_for(lambda: "answer" in m.run("cat /tmp/pings"))
        assert f"owned by pid {pid}" in m.fails("net -u info")
        m.run(f"kill {pid}; wait {pid}", status=None)
        m.run("clean 16 10")
        assert m.run("net -u ping -c 1 10.0.2.2").endswith("1 of 1 answers\n")
    now_free, now_rest = state(m)
    assert now_rest == rest
    assert abs(free - now_free) < 16


@pytest.mark.parametrize("arguments,text", [
    ("ping 10.0.2", "net: 10.0.2: not an address such as 10.0.2.2"),
    ("ping 10.0.2.256", "net: 10.0.2.256: not an address such as 10.0.2.2"),
    ("ping 10.0.2.2.", "net: 10.0.2.2.: not an address such as 10.0.2.2"),
    ("ping 10..2.2", "net: 10..2.2: not an address such as 10.0.2.2"),
    ("-a x info", "net: x: not an address such as 10.0.2.2"),
    ("-d 0:1f.2 info", "net: 0:1f.2: no virtio network card"),
    ("-u -a 10.0.2.2 arp 10.0.2.98", "net: 10.0.2.98: nobody has that address"),
])
def test_refused(m, arguments, text):
    assert m.fails(f"net {arguments}") == text


@pytest.mark.parametrize("arguments", [
    "", "ping", "arp", "what", "info x", "ping 1.2.3.4 5", "-c ping 10.0.2.2",
    "-x info", "-d", "-c 5"])
def test_usage(m, arguments):
    assert m.run(f"net {arguments}", status=2).startswith(
        "usage: net [-d BUS:DEV.FN] [-p] [-u]")


def test_behind_a_port_it_can_be_reset(boot):
    """There it has a function-level reset; and a unit without caching mode,
    with tables of 3 levels."""
    m = boot(f"{SMALL} -device intel-iommu,intremap=on "
             f"-device pcie-root-port,id=rp,addr=6 {CARD},bus=rp")
    for _ in range(3):
        assert re.fullmatch(ALL, m.run("net ping 10.0.2.2"))
    assert "reset function level" in m.run("cat '#pci/1:0.0/status'")


def test_without_reset_it_is_not_given_away(boot):
    m = boot(f"{SMALL} {UNIT} {CARD},addr=5")
    assert m.run("net ping 10.0.2.2").endswith("3 of 3 answers\n")
    assert m.fails("net ping 10.0.2.2") == (
        f"net: iommu: attach {BDF}: cannot be reset since its last owner had "
        "it; say unsafe to give it away all the same")


def test_without_vectors_it_is_polled(boot):
    m = boot(f"{SMALL} {UNIT} {CARD},addr=5,vectors=0")
    text = m.run("net ping 10.0.2.2")
    assert text.startswith("net: ") and "polling instead\n" in text
    assert text.endswith("3 of 3 answers\n")


@pytest.mark.parametrize("card,text", [
    ("", "net: this machine has no virtio network card"),
    (CARD.replace("iommu_platform=on", "iommu_platform=off") + ",addr=5",
     f"net: iommu: attach {BDF}: a virtio device without "
     "VIRTIO_F_ACCESS_PLATFORM bypasses the iommu"),
])
def test_not_for_it(boot, card, text):
    m = boot(f"{SMALL} {UNIT} {card}")
    assert m.fails("net info") == text
