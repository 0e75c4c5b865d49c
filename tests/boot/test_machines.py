# SPDX-License-Identifier: BSD-2-Clause
"""Odd machines: the smallest and the largest, processors with and without
features, buses behind bridges, devices that the firmware leaves running, and
the two command lines of the original documentation."""
import re
import socket

import pytest

from machine import EDU, ICOUNT, SMALL, UNIT, Machine

BASE = "-machine q35 -nographic -nodefaults -serial stdio"
EDU_ANYWHERE = "-device edu,dma_mask=0xffffffffffffffff"
ECAM = 0xb0000000
MASTER = 4
BRIDGE = 6

NVME = "-drive if=none,id=d,file=null-co://,format=raw -device nvme,serial=x,drive=d"


def functions(m):
    """Those that the kernel has found: names, and whether one is a bridge."""
    names = m.run("ls '#pci'").split()
    assert names
    return {name: m.run(f"hexdump -s 11 -n 1 '#pci/{name}/config'").split()[1]
            == "06" for name in names}


def command_register(m, name):
    """As it is seen from outside."""
    bus, dev, fn = (int(part, 16) for part in re.split("[:.]", name))
    return int.from_bytes(
        m.memory(ECAM + (bus << 20 | dev << 15 | fn << 12) + 4, 2), "little")


def nobody_masters(m):
    """Every endpoint is off the bus; bridges may forward."""
    for name, is_bridge in functions(m).items():
        if not is_bridge:
            assert not command_register(m, name) & MASTER, name


def dma_works(m):
    text = m.run("edu")
    assert "all 4095 bytes are right" in text
    assert "fault" not in m.logged


# Memory and processors

@pytest.mark.parametrize("smp", [1, 8])
@pytest.mark.parametrize("memory", ["128", "16G"])
def test_memory_and_processors(boot, memory, smp):
    m = boot(f"{BASE} -m {memory} -smp {smp} {UNIT} {EDU}")
    pages = int(re.search(r"pages (\d+)", m.run("cat '#cons/mem'"))[1])
    mib = 128 if memory == "128" else 16384
    assert mib - mib / 50 - 4 <= pages / 256 <= mib
    assert f"smp: {smp} processor" in m.seen or smp == 1
    dma_works(m)
    assert m.run("echo a | cat | cat") == "a\n"


def test_memory_on_both_sides_of_4_gib(boot):
    m = boot(f"{BASE} -m 6G -smp 2 {UNIT} {EDU}")
    pages = int(re.search(r"pages (\d+)", m.run("cat '#cons/mem'"))[1])
    assert pages / 256 > 6000
    dma_works(m)


def registers(m):
    """CR0, CR4 and EFER of each processor."""
    text = m.qmp("human-monitor-command",
                 **{"command-line": "info registers -a"})
    return [tuple(int(value, 16) for value in found) for found in re.findall(
        r"CR0=(\w+) .*? CR4=(\w+).*?EFER=(\w+)", text, re.S)]


WP, UMIP, SMEP, SMAP, NXE = 1 << 16, 1 << 11, 1 << 20, 1 << 21, 1 << 11


def test_cpu_with_all_features_has_them_on(boot):
    m = boot(f"{BASE} -m 512 -smp 4 -cpu max {UNIT} {EDU}")
    assert len(registers(m)) == 4
    for cr0, cr4, efer in registers(m):
        assert cr0 & WP and efer & NXE
        assert cr4 & (UMIP | SMEP | SMAP) == UMIP | SMEP | SMAP
    dma_works(m)


def test_cpu_without_features(boot):
    m = boot(f"{BASE} -m 512 -smp 2 -cpu qemu64 {UNIT} {EDU}")
    for cr0, cr4, efer in registers(m):
        assert cr0 & WP and efer & NXE
        assert cr4 & (UMIP | SMEP | SMAP) == 0
    dma_works(m)


def test_more_processors_than_the_kernel_takes(boot):
    m = boot(f"{BASE} -m 512 -smp 20 {UNIT} {EDU}")
    assert re.search(r"smp: 1[0-9] processors", m.seen)
    dma_works(m)


# Buses

def test_device_behind_a_root_port(boot):
    m = boot(f"{SMALL} {ICOUNT} {UNIT} -device pcie-root-port,id=port1,addr=5 "
             f"{EDU_ANYWHERE},bus=port1")
    assert "belongs to pid" in m.run("edu | grep 1:0.0")
    assert "all 4095 bytes are right" in m.run("edu -u")


@pytest.mark.parametrize("above", [
    "pcie-root-port,id=b,addr=5", "pcie-pci-bridge,id=b,addr=5",
    "pci-bridge,id=b,chassis_nr=2,addr=5"])
def test_reset_of_the_bus_below_a_bridge(boot, above):
    """A network card without a reset of its own: what one owner left in it, the
    next one does not find.  The slots below a conventional bridge begin at 1."""
    slot = "0" if "root" in above else "1"
    m = boot(f"{SMALL} {ICOUNT} {UNIT} -device {above} "
             f"-device e1000,bus=b,addr={slot}")
    card = f"1:{slot}.0"
    assert "\nreset secondary bus\n" in m.run(f"cat '#pci/{card}/status'")
    for _ in range(2):
        assert m.run(f"poke {card} 0 5200 abcdef") == "0 abcdef\n"
    assert m.logged == ""
    nobody_masters(m)


def test_no_reset_of_the_bus_with_neighbours(boot):
    """They would be reset with it."""
    m = boot(f"{SMALL} {ICOUNT} {UNIT} -device pcie-pci-bridge,id=b,addr=5 "
             "-device e1000,bus=b,addr=1 -device e1000e,bus=b,addr=2")
    assert "\nreset none\n" in m.run("cat '#pci/1:1.0/status'")
    assert m.run("poke 1:1.0 0 5200 abcdef") == "0 abcdef\n"
    assert "cannot be reset" in m.fails("poke 1:1.0 0 5200 abcdef")


def test_device_behind_a_switch(boot):
    m = boot(f"{SMALL} {ICOUNT} {UNIT} -device pcie-root-port,id=port1,addr=5 "
             "-device x3130-upstream,id=up,bus=port1 "
             "-device xio3130-downstream,id=down,bus=up,chassis=2 "
             f"{EDU_ANYWHERE},bus=down")
    dma_works(m)


def test_device_on_another_root_bus(boot):
    """Found by its root port's scope: the table names only that."""
    m = boot(f"{SMALL} {ICOUNT} {UNIT} -device pxb-pcie,bus_nr=0x80,id=pxb "
             "-device pcie-root-port,id=port1,bus=pxb,chassis=2 "
             f"{EDU_ANYWHERE},bus=port1")
    assert "81:0.0 device 1234:11e8\n" in m.run("lspci")
    dma_works(m)
    assert "covered yes\n" in m.run("cat '#pci/81:0.0/status'")


def test_bus_that_bypasses_the_unit(boot):
    """No unit covers its devices: they stay off the bus, for everyone."""
    m = boot(f"{SMALL} {ICOUNT} {UNIT} "
             "-device pxb-pcie,bus_nr=0x80,id=pxb,bypass_iommu=on "
             "-device pcie-root-port,id=port1,bus=pxb,chassis=2 "
             f"{NVME},bus=port1")
    assert "covered no\n" in m.run("cat '#pci/81:0.0/status'")
    assert m.fails("echo 81:0.0 1 >'#iommu/attach'") == \
        "echo: iommu: attach 81:0.0: no remapping unit covers it"
    nobody_masters(m)


def test_default_bus_that_bypasses_the_unit(boot):
    m = boot(f"{SMALL.replace('q35', 'q35,default_bus_bypass_iommu=on')} "
             f"{ICOUNT} {UNIT} {EDU}")
    assert m.fails("edu") == \
        "edu: iommu: attach 0:3.0: no remapping unit covers it"
    nobody_masters(m)


@pytest.mark.parametrize("options,bus,ids", [
    ("-device pcie-pci-bridge,id=b,addr=5", 1, "1:2.0 1:0.0"),
    ("-device pci-bridge,id=b,chassis_nr=2,addr=5", 1, "1:2.0 0:5.0"),
    ("-device i82801b11-bridge,id=b,addr=5", 1, "1:2.0 0:5.0"),
    ("-device pcie-pci-bridge,id=a,addr=5 "
     "-device pci-bridge,id=b,chassis_nr=2,bus=a,addr=1", 2,
     "2:2.0 1:1.0 1:0.0"),
    ("-device pcie-root-port,id=r,addr=5 "
     "-device pcie-pci-bridge,id=b,bus=r", 2, "2:2.0 2:0.0"),
])
def test_devices_that_share_their_requester_id(boot, options, bus, ids):
    """Behind conventional bridges: whoever takes one of them has them all, and
    their DMA works, under whichever id it comes."""
    m = boot(f"{SMALL} {ICOUNT} {UNIT} {options} {EDU_ANYWHERE},bus=b,addr=2 "
             f"{EDU_ANYWHERE},bus=b,addr=3")
    one, other = f"{bus}:2.0", f"{bus}:3.0"
    dma_works(m)
    assert f"requester ids {ids}\n" in m.run(f"cat '#pci/{one}/status'")
    pid = m.spawn("sleep 100000")
    m.run(f"echo {one} {pid} unsafe >'#iommu/attach'")
    text = m.run("cat '#iommu/mappings'")
    assert f"\tpid = {pid}\n\t\tdevice = {one}\n\t\tdevice = {other}\n" \
        in text
    assert f"owner {pid}\n" in m.run(f"cat '#pci/{other}/status'")
    assert m.fails(f"echo {other} 1 unsafe >'#iommu/attach'") == \
        f"echo: iommu: attach {other}: owned by pid {pid}"
    m.run(f"echo {other} >'#iommu/detach'")
    assert "pid" not in m.run("cat '#iommu/mappings'")
    nobody_masters(m)


def test_functions_of_a_device_are_one_group(boot):
    """They may reach each other past the unit: one owner, or none."""
    m = boot(f"{SMALL} {ICOUNT} {UNIT} {EDU_ANYWHERE},addr=4,multifunction=on "
             f"{EDU_ANYWHERE},addr=4.1 {EDU_ANYWHERE},addr=5")
    pid = m.spawn("sleep 100000")
    m.run(f"echo 0:4.0 {pid} >'#iommu/attach'")
    assert m.fails("echo 0:4.1 1 >'#iommu/attach'") == \
        f"echo: iommu: attach 0:4.1: in one group with 0:4.0, which pid {pid} " \
        "owns"
    m.run(f"echo 0:4.1 {pid} >'#iommu/attach'")
    m.run("echo 0:5.0 1 >'#iommu/attach'")
    assert "group 0:4.0\n" in m.run("cat '#pci/0:4.1/status'")
    assert m.run("cat '#iommu/mappings'").count("device = ") == 3


def test_root_ports_keep_what_is_below_them_apart(boot):
    """With access control services, which the kernel turns on."""
    ports = " ".join(f"-device pcie-root-port,id=r{n},addr=5.{n},chassis={n}"
                     f"{',multifunction=on' if n == 0 else ''} "
                     f"-device e1000e,bus=r{n}" for n in range(2))
    m = boot(f"{SMALL} {ICOUNT} {UNIT} {ports}")
    pid = m.spawn("sleep 100000")
    m.run(f"echo 1:0.0 {pid} >'#iommu/attach'; "
          "echo 2:0.0 1 >'#iommu/attach'")
    assert m.run("cat '#iommu/mappings'").count("device = ") == 2
    assert m.fails("echo 0:5.0 1 >'#iommu/attach'") == \
        "echo: iommu: attach 0:5.0: is a bridge to another bus"


def test_many_devices(boot):
    """A full bus of several functions, all found, all handed over and back."""
    devices = " ".join(f"{EDU_ANYWHERE},addr={slot:x}.{fn}"
                       + (",multifunction=on" if fn == 0 else "")
                       for slot in range(4, 12) for fn in range(4))
    m = boot(f"{SMALL} {ICOUNT} {UNIT} {devices}")
    names = [f"0:{slot:x}.{fn}" for slot in range(4, 12) for fn in range(4)]
    assert set(names) <= set(functions(m))
    for name in names:
        m.run(f"echo {name} 1 >'#iommu/attach'")
    assert m.run("cat '#iommu/mappings'").count("device = ") == 32
    for name in names:
        m.run(f"echo {name} >'#iommu/detach'")
    nobody_masters(m)
    assert "all 4095 bytes are right" in m.run("edu -u")


# What the firmware leaves running

@pytest.mark.parametrize("unit", [UNIT, ""], ids=["unit", "no-unit"])
def test_what_the_firmware_left_running_is_off_the_bus(boot, unit):
    """NVMe, xHCI, AHCI and virtio master the bus when the kernel begins."""
    m = boot(f"{BASE} -m 512 -smp 2 {unit} {NVME} -device qemu-xhci "
             "-device usb-kbd -device ich9-ahci,id=ahci "
             "-drive if=none,id=e,file=null-co://,format=raw "
             "-device ide-hd,drive=e,bus=ahci.0 -device pvscsi "
             "-drive if=none,id=f,file=null-co://,format=raw "
             "-device virtio-blk-pci,drive=f -device e1000e")
    nobody_masters(m)
    # 24 bits of class: NVMe, xHCI, AHCI.
    text = m.run("lspci")
    assert "NVM" in text and "USB" in text and "SATA" in text


# The two command lines of the original documentation, with TCG where they have
# KVM, and the edu device where they have a real one.

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_documented_line_with_intel_iommu(boot):
    m = boot("-smp 8 -m 4096 -nographic -net nic,model=e1000 -net "
             f"user,hostfwd=tcp::{free_port()}-:22 "
             "-machine q35,accel=tcg,kernel-irqchip=split -device "
             "intel-iommu,intremap=off,caching-mode=on,device-iotlb=on "
             "-device edu")
    assert "status = enabled" in m.run("cat '#iommu/info'")
    # Its default mask has 28 bits, and cuts what it is told without a word.
    assert "edu: 0:3.0 belongs to pid" in m.run("edu", status=None)


def test_documented_line_with_a_device_handed_through(boot, tmp_path):
    events = tmp_path / "events"
    events.write_text("vfio_*\npci_data_read\npci_cfg_read\n")
    m = boot(f"-trace events={events} -D {tmp_path}/trace -smp 8 -m 4096 "
             "-nographic -net nic,model=e1000 -net "
             f"user,hostfwd=tcp::{free_port()}-:22 -device edu")
    assert "missing = this machine has no DMAR table" in \
        m.run("cat '#iommu/info'")
    assert "1234:11e8" in m.run("lspci")
    # QEMU 7.2 has no event pci_data_read; it says so, and goes on.
    assert "pci_cfg_read edu" in (tmp_path / "trace").read_text()


def test_reboot_and_halt():
    for _ in range(4):
        with Machine(f"{BASE} -m 512 -smp 8 {UNIT}") as m:
            m.type("shutdown\n")
            assert m.expect_end() == 0
            assert "nmi" not in m.seen      # all others have stopped
    with Machine(f"{SMALL} {UNIT}") as m:
        m.type("shutdown -r\n")
        m.expect(r"\] reboot")
        assert m.expect_end() == 0          # -no-reboot
