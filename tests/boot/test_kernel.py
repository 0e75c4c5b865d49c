# SPDX-License-Identifier: BSD-2-Clause
"""The kernel below the files: system calls and their arguments, memory,
processes, notes, pipes, name spaces, and what happens when something runs out.
Most of it is done by programs of tests/boot/prog."""
import re

import pytest

from machine import EDU, ICOUNT, SMALL, UNIT, Machine


@pytest.fixture(scope="module")
def m():
    with Machine(f"{SMALL} {UNIT} {EDU} {ICOUNT}", limit=200) as machine:
        yield machine


def test_sleep_ends(m):
    """The time to wait for was counted anew at each look, so it never came."""
    begin = int(m.run("cat '#cons/time'"))
    m.run("sleep 1")
    end = int(m.run("cat '#cons/time'"))
    assert 1.0e9 <= end - begin < 1.5e9
