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
    "procs": "status exec_gives_arguments failed_exec orphans_are_waited_for "
             "files_are_shared_or_copied offsets_are_shared pids_count_up "
             "pids_wrap deep nothing_leaks",
    "pipes": "large both_ways end_of_file broken reader_goes poll_several "
             "poll_for_room_and_end two_readers",
    "files": "reading_and_writing appending removed_while_open large "
             "directories current_directory_removed descriptors_run_out "
             "permissions none_for_good process_files files_of_the_dead",
    "names": "replace before after create_in_a_union files_and_devices "
             "isolation circles list_is_commands",
}


@pytest.mark.parametrize("program,test", [
    (program, test) for program, tests in PROGRAMS.items()
    for test in tests.split()])
def test_program(m, program, test):
    assert m.run(f"{program} {test}", timeout=30) == "ok\n"
