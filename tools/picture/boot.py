#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tools/picture/boot.py FOLDER TO

Starts the machine of the documentation's pictures, gives devices to two
programs, lets one of them go astray, saves what the machine says of it all in
FOLDER, as state.py wants it, and draws the pictures in TO.

    0:3.0  a port, below it an NVMe disk: nvme has it, and waits for its input
    0:4.0  a bridge from PCI Express to PCI, below it edu and a network card,
           which share their requester id: a process of lab has both
"""
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/boot"), str(Path(__file__).parent)]

import main  # noqa: E402
from machine import SMALL, UNIT, Machine, wait_for  # noqa: E402

OPTIONS = (f"{SMALL} {UNIT.replace('intremap=off', 'intremap=on')} "
           "-device pcie-root-port,id=port1,addr=3,chassis=1 "
           "-drive if=none,id=disk,driver=null-co,size=32M "
           "-device nvme,serial=abc,drive=disk,bus=port1 "
           "-device pcie-pci-bridge,id=bridge1,addr=4 "
           "-device edu,bus=bridge1,addr=1,dma_mask=0xffffffffffffffff "
           "-device e1000,bus=bridge1,addr=2")
ASTRAY = 0x123456000
LAB = ["new a", "attach a", "a map buffer 4 pinned", "a map large 600 pinned",
       "a fill buffer 11", "a dma write buffer", f"a dma write {ASTRAY:x}"]


def start_programs(m):
    """Both wait for input that does not come."""
    for line in LAB:
        m.run(f"echo echo {line} >>/tmp/say")
    m.run("echo sleep 100000 >>/tmp/say")
    m.run("sh /tmp/say | lab >/tmp/answers & true")
    wait_for(lambda: len(m.run("cat /tmp/answers").splitlines()) == len(LAB))
    m.run("sleep 100000 | nvme write 64 & true")
    wait_for(lambda: m.run("cat '#iommu/devices'").count("state=attached")
             == 3)


def faults(m):
    """A read of the file waits for more, so it is left behind."""
    m.run("cat '#iommu/faults' >/tmp/faults & true")
    wait_for(lambda: f"{ASTRAY:#x}" in m.run("cat /tmp/faults"))
    return m.run("cat /tmp/faults")


def save(m, folder):
    files = {name: m.run(f"cat '#iommu/{name}'")
             for name in ("units", "devices", "spaces", "acpi")}
    files["ps"] = m.run("ps")
    for device in re.findall(r"^(\S+) .*state=attached", files["devices"],
                             re.M):
        files[f"walk/{device}"] = m.run(f"ask '#iommu/walk' {device}")
    for pid in re.findall(r"^pid(\d+) ", files["spaces"], re.M):
        files[f"pages/{pid}"] = m.run(f"cat '#proc/{pid}/pages'")
    files["faults"] = faults(m)
    for name, text in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with Machine(OPTIONS) as machine:
        start_programs(machine)
        save(machine, sys.argv[1])
    print("\n".join(main.draw(*sys.argv[1:])))
