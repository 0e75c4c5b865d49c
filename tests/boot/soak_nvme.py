# SPDX-License-Identifier: BSD-2-Clause
"""python3 soak_nvme.py CYCLES: so often nvme is killed at work and started again
(tests/boot/prog/cycles.c), a fifth of it on two processors side by side, the rest
where time goes by as instructions do.  The kernel's counts before and after are
printed; the last line is the figure."""
import re
import sys

from machine import SMALL, Machine

DISK = ("-device intel-iommu,intremap=on,aw-bits=48 "
        "-drive if=none,id=d,driver=null-co,read-zeroes=on,size=1G "
        "-device nvme,serial=x,drive=d,mdts=8")
SIDE_BY_SIDE = f"{SMALL} {DISK}"
BY_INSTRUCTIONS = f"{SMALL} {DISK} -icount shift=9,sleep=off"


def soak(options, cycles):
    """Milliseconds of the machine's."""
    with Machine(options, limit=cycles + 60) as m:
        m.type(f"cycles {cycles}\n")
        while True:
            line = m.expect(r"(before|after|cycles|warning|error): [^\n]*\n",
                            timeout=300)[0].strip()
            print(line, flush=True)
            assert line.startswith(("before", "after", "cycles: ")), line
            ended = re.fullmatch(r"cycles: \d+ in (\d+) ms", line)
            if ended:
                m.expect_prompt()
                assert m.check() == []
                return int(ended[1])
            assert "not so" not in line


def main():
    cycles = int(sys.argv[1])
    soak(SIDE_BY_SIDE, cycles // 5)
    soak(BY_INSTRUCTIONS, cycles - cycles // 5)
    print(f"soak-nvme: {cycles} kills of a driver at work, 0 pages, domain "
          "ids, interrupt entries and vectors lost")


if __name__ == "__main__":
    main()
