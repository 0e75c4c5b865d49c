# SPDX-License-Identifier: BSD-2-Clause
"""The kernel below the files: system calls and their arguments, memory,
processes, notes, pipes, name spaces, and what happens when something runs out.
Most of it is done by programs of tests/boot/prog."""
import re

import pytest

from machine import EDU, ICOUNT, SMALL, UNIT, wait_for


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
              "copy_by_the_kernel stack_guard below many_mappings "
              "neighbours_join too_many_mappings",
    "notes": "handler registers fault_can_be_skipped default_is_the_end "
             "kill_is_not_handled iommu_notes_are_ignored breaks_off_calls "
             "queue bad_handlers groups while_forking",
    "procs": "status exec_gives_arguments failed_exec orphans_are_waited_for "
             "files_are_shared_or_copied offsets_are_shared pids_count_up "
             "deep nothing_leaks",
    "pipes": "large both_ways end_of_file broken reader_goes poll_several "
             "poll_for_room_and_end two_readers",
    "files": "reading_and_writing appending removed_while_open large "
             "directories current_directory_removed descriptors_run_out "
             "permissions none_for_good process_files files_of_the_dead",
    "devices": "config_space host_bridge_is_not_written registers "
               "registers_are_revoked interrupts_are_revoked reset "
               "large_pages too_much_pinned "
               "none_has_what_he_is_given",
    "names": "replace before after create_in_a_union files_and_devices "
             "isolation circles list_is_commands",
}


@pytest.mark.parametrize("program,test", [
    (program, test) for program, tests in PROGRAMS.items()
    for test in tests.split()])
def test_program(m, program, test):
    assert m.run(f"{program} {test}", timeout=30) == "ok\n"


def test_interrupts_of_devices(boot):
    """On one processor, where who waits does not run at once."""
    m = boot(f"{SMALL.replace('-smp 2', '-smp 1')} {UNIT} {EDU} {ICOUNT} "
             "-device nvme,serial=x", limit=120)
    assert m.run("devices interrupts_of_the_next_owner") == "ok\n"
    assert m.run("devices interrupts_after_a_reset") == "ok\n"


def test_a_gigabyte_in_one_page(boot):
    """To process and device, where the processor has such pages."""
    m = boot(f"{SMALL.replace('-m 512', '-m 4096')} {UNIT} {EDU} {ICOUNT} "
             "-cpu max", limit=120)
    assert m.run("devices gigabyte", timeout=60) == "ok\n"


def test_pids_wrap(boot):
    """A hundred thousand processes."""
    m = boot(f"{SMALL.replace('-smp 2', '-smp 1')} {ICOUNT}", limit=120)
    assert m.run("procs pids_wrap", timeout=100) == "ok\n"


# What runs out.  128 MiB, so that it does so soon.

HOGS = {
    # Each ends as it may: by an error that it expects (3), or by a note (128).
    "touch": 128, "sparse": 3, "sparse_by_the_kernel": 3, "pinned": 3,
    "fork_of_pinned": 3, "copies": 3, "files": 3, "mappings": 3,
}


def free_pages(m):
    return int(re.search(r"free (\d+)", m.run("cat '#cons/mem'"))[1])


@pytest.mark.parametrize("test", HOGS)
def test_all_memory_is_taken(kept, test):
    m = kept(f"{SMALL.replace('-m 512', '-m 128')} {UNIT}", limit=200)
    before = free_pages(m)
    m.run(f"hog {test}", status=HOGS[test], timeout=60)
    assert m.run("echo still here | cat") == "still here\n"
    assert before - free_pages(m) < 64


@pytest.mark.parametrize("test", ["touch_and_hold", "pinned_and_hold",
                                  "files_and_hold"])
def test_shell_works_while_memory_is_taken(boot, test):
    """Who has it all keeps it; small programs still find room."""
    m = boot(f"{SMALL.replace('-m 512', '-m 128')} {UNIT}")
    before = free_pages(m)
    m.type(f"hog {test} &\n")
    m.expect("holding\r\n")
    pid = m.run("echo $!").strip()
    for _ in range(3):
        assert m.run("echo still here | cat | cat") == "still here\n"
    assert "hog" in m.run("ps")
    m.run(f"kill {pid}; wait {pid}", status=None)
    if test == "files_and_hold":
        m.run("rm /tmp/held0 /tmp/held1 /tmp/held2 /tmp/held3")
    assert before - free_pages(m) < 64


def recovered(m):
    """A program can be run."""
    m.type("echo alive\n")
    return m.expect(r"\r\n(alive|sh: \w+: no memory)\r\n")[1] == "alive"


@pytest.mark.parametrize("test", ["processes", "pipe_ends", "bomb"])
def test_processes_take_all_memory(boot, test):
    """Then there is no memory for a new program; but the shell is there, and
    Ctrl-C ends them all.  A second time costs no more: what they had, but for
    the kernel's stacks, which are kept for new ones, has come back."""
    m = boot(f"{SMALL.replace('-m 512', '-m 128')} {UNIT}", limit=200)

    def take_all():
        m.type(f"hog {test}\n")
        m.expect("full\r\n", timeout=60)
        m.type("\3")
        m.expect(r"\^C\r\n\$ ", timeout=60)
        wait_for(lambda: recovered(m), timeout=30)
        m.expect(r"\$ ")

    take_all()
    before = free_pages(m)
    take_all()
    wait_for(lambda: before - free_pages(m) < 1024, timeout=30)


# Many things at once

def test_spinning_processes_do_not_stop_the_shell(boot):
    m = boot(f"{SMALL.replace('-smp 2', '-smp 4')} {UNIT}")
    pids = [m.spawn("spin") for _ in range(9)]
    assert m.run("echo a | cat | cat", timeout=60) == "a\n"
    text = m.run("ps", timeout=60)
    assert len(re.findall(r" (running|ready) .* spin\n", text)) == 9
    m.run(f"kill {' '.join(map(str, pids))}; wait", timeout=60)
    # Each of them had its share.
    shares = [int(ms) for ms in re.findall(r"(\d+) +\d+ spin\n", text)]
    assert min(shares) > 0


def test_spinning_processes_on_one_processor(boot):
    m = boot(f"{SMALL.replace('-smp 2', '-smp 1')} {UNIT}")
    pids = [m.spawn("spin") for _ in range(3)]
    assert m.run("echo a | cat | cat", timeout=60) == "a\n"
    m.type("spin\n")
    m.expect("spin\r\n")
    m.type("\3")
    m.expect(r"\^C\r\n\$ ")
    m.run(f"kill {' '.join(map(str, pids))}; wait", timeout=60)


def test_many_programs_at_once(boot):
    """Eight processors, and all that the shell can start on them."""
    m = boot(f"{SMALL.replace('-smp 2', '-smp 8')} {UNIT} {EDU}")
    for program in "copies", "zeroed", "protect_in_parts", "on_demand":
        m.spawn(f"memory {program} >/tmp/{program}1")
        m.spawn(f"memory {program} >/tmp/{program}2")
    for program in "large", "both_ways", "poll_several":
        m.spawn(f"pipes {program} >/tmp/{program}1")
    m.run("wait", timeout=60)
    text = m.run("cd /tmp; cat copies1 copies2 zeroed1 zeroed2 "
                 "protect_in_parts1 protect_in_parts2 large1 both_ways1 "
                 "poll_several1")
    assert text == "ok\n" * 9
    assert "all 4095 bytes are right" in m.run("edu")


def test_poll_of_pipe_console_and_interrupt(m):
    m.type("polls\n")
    m.expect("ready\r\n")
    for word, what in [("x", None), ("pipe", "pipe: 1"), ("irq", "irq: 1"),
                       ("irq", "irq: 1"), ("pipe", "pipe: 1")]:
        m.type(word + "\n")
        m.expect(f"console: {word}\r\n")
        if what:
            m.expect(f"{what}\r\n")
    m.type("end\n")
    m.expect(r"console: end\r\n\$ ")


def test_handing_over_leaves_nothing_behind(m):
    """Attach and detach, 200 times, to a process that lives and to one that
    ends."""
    m.run("bind '#iommu' /sys")

    def cycle(times):
        for _ in range(times):
            m.run("echo 0:3.0 1 unsafe >/sys/attach; echo 0:3.0 >/sys/detach")
        for _ in range(times // 4):
            m.run("edu -u >'#cons/null'")

    def in_use():
        text = m.run("cat '#cons/mem'")
        assert "lost frames 0 tables 0 domains 0" in text
        return [int(n) for n in re.findall(r"(?:free|kmalloc) (\d+)", text)]

    cycle(8)
    free, kmalloc = in_use()
    cycle(160)
    free_now, kmalloc_now = in_use()
    assert free - free_now < 8
    assert kmalloc_now - kmalloc < 4096


def test_system_calls_by_chance(boot):
    m = boot(f"{SMALL} {UNIT} {EDU} {ICOUNT}", limit=200)
    assert m.run("fuzz 1 300", timeout=60) == "ok\n"
    assert m.run("echo still here | cat") == "still here\n"
    assert m.run("cat '#iommu/mappings'").count("device") == 0


def test_changed_programs_by_chance(m):
    assert m.run("fuzz exec 1 300", timeout=60).endswith("ok\n")
    assert m.run("echo still here | cat") == "still here\n"


def test_system_calls_by_chance_on_many_processors(boot):
    m = boot(f"{SMALL.replace('-smp 2', '-smp 4')} {UNIT} {EDU}", limit=200)
    pids = [m.spawn(f"fuzz {n}0000 {n}0040 >'#cons/null'") for n in range(1, 5)]
    for pid in pids:
        m.run(f"wait {pid}", timeout=100)
    assert m.run("echo still here | cat") == "still here\n"


def test_races_for_a_device(boot):
    """Attach, detach, exit, exec, fork and unmap at the same time."""
    m = boot(f"{SMALL.replace('-smp 2', '-smp 4')} {UNIT} {EDU}", limit=200)
    # The first time caches fill, on some QEMUs for longer than on others.
    assert m.run("races 400", timeout=100) == "ok\n"
    before = free_pages(m)
    assert m.run("races 400", timeout=100) == "ok\n"
    assert "lost frames 0 tables 0 domains 0" in m.run("cat '#cons/mem'")
    assert before - free_pages(m) < 64
    assert "all 4095 bytes are right" in m.run("edu -u")


def test_programs_with_all_processor_features(boot):
    """The kernel reads and writes for processes while it may not do so else
    (SMAP), and has no user code in reach (SMEP)."""
    m = boot(f"{SMALL} {UNIT} {EDU} {ICOUNT} -cpu max")
    for program, tests in PROGRAMS.items():
        for test in tests.split():
            assert m.run(f"{program} {test}", timeout=60) == "ok\n", test


def test_nmi_while_something_is_printed(boot):
    """It is logged, also when it finds the processor in the log."""
    m = boot(f"{SMALL} {UNIT}")
    m.type("hexdump /bin/sh; echo =$?=\n")
    for _ in range(80):
        m.expect(r"(?:[^\n]*\n){10}")
        m.qmp("inject-nmi")
    m.expect("=0=\r\n")
    assert "nmi on processor" in m.seen
    assert m.run("echo still here | cat") == "still here\n"
