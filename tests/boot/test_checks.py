# SPDX-License-Identifier: BSD-2-Clause
"""The checking kernels tell of what they are to find: faults that are planted
by kern/src/planted.c.  tests/host/test_ubsan.c and test_lockorder.c have the
others."""
import re

import pytest

from machine import KERNELS, SMALL, UNIT, Machine

AT = "0xffffffff[0-9a-f]{8}"

LOCKS = {
    "order": rf"spinlock plant a under spinlock plant b at {AT}, but "
             rf"spinlock plant b under spinlock plant a at {AT}",
    "circle": rf"spinlock plant a under spinlock plant c at {AT}, but "
              rf"spinlock plant c under spinlock plant b at {AT}, "
              rf"spinlock plant b under spinlock plant a at {AT}",
    "qlocks": rf"qlock plant q under qlock plant r at {AT}, but "
              rf"qlock plant r under qlock plant q at {AT}",
    "under": rf"qlock plant q under spinlock plant a at {AT}",
    "irqs_off": rf"qlock plant q taken at {AT} with interrupts off",
    "irqs_on": rf"boot turns interrupts on at {AT} with spinlock plant a held "
               rf"since {AT}, which interrupts take at {AT}",
    "sleeps": rf"boot sleeps at {AT} with spinlock plant a held since {AT}",
    "not_held": rf"spinlock plant a given back at {AT}, but boot does not "
                "hold it",
    "thread_ends": rf"planted ends at {AT} with qlock plant q held since {AT}",
    "to_user_mode": rf"boot goes to user mode at {AT} with qlock plant q held "
                    rf"since {AT}",
}
UBSAN = {
    "shift": r"kern/src/planted.c:\d+: shift of 40 out of range for 'int' "
             r"\(1 so far\)",
    "index": r"kern/src/planted.c:\d+: index 10 out of range for "
             r"'int \[10\]' \(1 so far\)",
}


def told(name):
    """What the machine tells of the planted fault: its first line, and the
    functions that are named in it."""
    with Machine(f"{SMALL} {UNIT}", cmdline=f"plant={name}",
                 prompt=False) as m:
        m.expect(r"error: (ubsan|lock): [^\n]*\n")
        text = m.checkers()
        m.drain()
        m.checkers()
    line, _, places = text.partition("\n")
    return line.strip(), places


@pytest.mark.skipif(KERNELS.name != "lockorder", reason="another kernel")
@pytest.mark.parametrize("name", LOCKS)
def test_locks(name):
    line, places = told(name)
    assert re.fullmatch("error: lock: " + LOCKS[name], line)
    assert "/kern/" in places


@pytest.mark.skipif(KERNELS.name != "ubsan", reason="another kernel")
@pytest.mark.parametrize("name", UBSAN)
def test_undefined_behaviour(name):
    line, _ = told(name)
    assert re.fullmatch("error: ubsan: " + UBSAN[name], line)
