# SPDX-License-Identifier: BSD-2-Clause
"""The kernel below the files: system calls and their arguments, memory,
processes, notes, pipes, name spaces, and what happens when something runs out.
Most of it is done by programs of tests/boot/prog."""
import re

import pytest

from machine import EDU, ICOUNT, SMALL, UNIT, Machine


@pytest.fixture
def m(kept):
    return kept(f"{SMALL} {UNIT} {EDU} {ICOUNT}", limit=200)


def test_sleep_ends(m):
    """The time to wait for was counted anew at each look, so it never came."""
    begin = int(m.run("cat '#cons/time'"))
    m.run("sleep 1")
    end = int(m.run("cat '#cons/time'"))
    assert end - begin >= 1.0e9


# Programs of tests/boot/prog, and the tests that each of them has.
PROGRAMS = {
    "badcalls": "pointers straddling read_only numbers fds files names "
                "memory_calls others exec_arguments",
    "memory": "write_or_execute code_and_constants kernel_memory not_canonical "
              "on_demand zeroed unmap_in_parts protect_in_parts copies "
              "copy_by_the_kernel stack_guard below many_mappings",
    "notes": "handler registers fault_can_be_skipped default_is_the_end "
             "kill_is_not_handled iommu_notes_are_ignored breaks_off_calls "
             "queue bad_handlers groups",
}


@pytest.mark.parametrize("program,test", [
    (program, test) for program, tests in PROGRAMS.items()
    for test in tests.split()])
def test_program(m, program, test):
    assert m.run(f"{program} {test}", timeout=15) == "ok\n"
