# SPDX-License-Identifier: BSD-2-Clause
"""python3 changes.py CHANGES SEED: so many changes by chance of processes, their
memory and their devices (tests/boot/prog/changes.c), with #iommu/check behind
each; the last line is the figure."""
import re
import sys

from machine import EDU, SMALL, UNIT, Machine

ANY = "-device edu,dma_mask=0xffffffffffffffff"
# Two more buses of the host's; bridges of three kinds; devices alone and with
# others behind them, and on the bus itself.
MACHINE = " ".join([
    SMALL, UNIT, f"{EDU},bus=pcie.0",
    "-device pxb-pcie,bus_nr=0x40,id=p1,bus=pcie.0",
    "-device pxb-pcie,bus_nr=0x80,id=p2,bus=pcie.0",
    "-device pcie-root-port,id=r1,bus=p1,chassis=1",
    "-device pcie-root-port,id=r2,bus=p2,chassis=2",
    "-device pcie-pci-bridge,id=b1,bus=r1",
    "-device pci-bridge,id=b2,chassis_nr=3,bus=pcie.0,addr=8",
    f"{ANY},bus=r2",
    *[f"{ANY},bus={bus},addr={slot}" for bus in ("b1", "b2")
      for slot in (1, 2)],
    *[f"{ANY},bus=pcie.0,addr={slot:x}" for slot in (9, 10, 11, 12, 13, 14)],
])
DEVICES = 12


def run(m, changes, seed, each=print):
    """How many of each kind were made; fails on the first complaint."""
    m.type(f"changes {changes} {seed}\n")
    while True:
        line = m.expect(r"changes:[^\n]*\n", timeout=300)[0].strip()
        each(line)
        if re.fullmatch(r"changes: \d+", line):
            continue
        kinds = re.findall(r" (\w+) (\d+)", line)
        if line.startswith("changes: attached"):
            made = {kind: int(n) for kind, n in kinds}
        elif "complaints" in line:
            assert line == f"changes: {changes} changes, seed {seed}, " \
                "0 complaints"
            m.expect_prompt()
            return made
        else:
            assert line == f"changes: {DEVICES} devices, seed {seed}"


def main():
    changes, seed = int(sys.argv[1]), int(sys.argv[2])
    with Machine(MACHINE, limit=120 + changes) as m:
        run(m, changes, seed)
        assert m.check() == []
    print(f"soak-check: {changes} changes, 0 complaints")


if __name__ == "__main__":
    main()
